"""The submits that failed, in the orders' database: the ledger of the customers who are to be told.

A customer who saw an error, and has no order since, waits for a word. Each failure stands here with the reference that the
customer was given, so that whoever calls back, or is called, knows what it is about.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

FIELDS = ("key", "reference", "customer", "cohort", "code", "at")


def note(connection: sqlite3.Connection, failures: Iterable[dict[str, Any]]) -> int:
    """Write failures down, each once; return how many were new."""
    rows = [tuple(failure[name] for name in FIELDS) for failure in failures]
    before = connection.total_changes
    connection.executemany(
        "INSERT OR IGNORE INTO failures (key, reference, customer, cohort, code, at) VALUES (?,?,?,?,?,?)", rows
    )
    return connection.total_changes - before


def with_keys(connection: sqlite3.Connection, keys: list[str]) -> list[dict[str, Any]]:
    """Return what is known of the failed submits with these keys."""
    marks = ",".join("?" * len(keys))
    return [_failure(row) for row in connection.execute(f"SELECT * FROM failures WHERE key IN ({marks})", keys)]


def to_be_told(connection: sqlite3.Connection, limit: int) -> list[dict[str, Any]]:
    """Return the newest failures of customers who have no order for it since."""
    rows = connection.execute(
        "SELECT * FROM failures WHERE NOT EXISTS (SELECT 1 FROM orders WHERE orders.key = failures.key AND state = 'paid')"
        " ORDER BY at DESC LIMIT ?",
        (limit,),
    )
    return [_failure(row) for row in rows]


def count(connection: sqlite3.Connection) -> int:
    """Return how many customers' submits are to be told of."""
    found = connection.execute(
        "SELECT count(DISTINCT key) FROM failures"
        " WHERE NOT EXISTS (SELECT 1 FROM orders WHERE orders.key = failures.key AND state = 'paid')"
    ).fetchone()
    return int(found[0])


def _failure(row: sqlite3.Row) -> dict[str, Any]:
    return {name: row[name] for name in FIELDS}
