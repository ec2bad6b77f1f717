"""What is still to be shipped, and what was: two tables of the orders' database, so that an order and its parcel are one commit.

An order that is paid is owed a parcel from the same moment on. A picker claims some of what is owed for a while, and says when
they have left; a picker that is never heard of again loses its claims when their time is over, and somebody else ships them:
late, but once, because `shipments` has one row an order. Without the unique column (UNIQUE_KEYS=off) a picker that says the
same twice has shipped it twice.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS to_ship (
  reference TEXT PRIMARY KEY, paid REAL NOT NULL, picker TEXT NOT NULL DEFAULT '', until REAL NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS to_ship_by_age ON to_ship (paid);
CREATE TABLE IF NOT EXISTS shipments (reference TEXT NOT NULL UNIQUE, shipped REAL NOT NULL, picker TEXT NOT NULL);
"""

TRUSTING_SCHEMA = SCHEMA.replace("NOT NULL UNIQUE", "NOT NULL")


@dataclass(frozen=True, slots=True)
class Claim:
    """Who wants how many orders to pick, and for how long nobody else shall get them."""

    picker: str
    limit: int
    seconds: float


def owe(connection: sqlite3.Connection, reference: str, paid: float) -> None:
    """Owe an order its parcel."""
    connection.execute("INSERT OR IGNORE INTO to_ship (reference, paid) VALUES (?, ?)", (reference, paid))


def claim(connection: sqlite3.Connection, wanted: Claim, now: float) -> list[dict[str, Any]]:
    """Give a picker the oldest orders that nobody else is picking; each with what is in it."""
    rows = connection.execute(
        "SELECT to_ship.reference, orders.lines FROM to_ship JOIN orders USING (reference)"
        " WHERE to_ship.until <= ? ORDER BY to_ship.paid LIMIT ?",
        (now, wanted.limit),
    ).fetchall()
    taken = [(wanted.picker, now + wanted.seconds, row["reference"]) for row in rows]
    connection.executemany("UPDATE to_ship SET picker = ?, until = ? WHERE reference = ?", taken)
    return [{"reference": row["reference"], "lines": json.loads(row["lines"])} for row in rows]


def ship(connection: sqlite3.Connection, picker: str, references: Sequence[str], now: float) -> int:
    """Note that these parcels have left; return how many of them had not left before. Paid orders only; twice is once."""
    before = connection.total_changes
    for reference in references:
        connection.execute(
            "INSERT OR IGNORE INTO shipments SELECT reference, ?, ? FROM orders WHERE reference = ? AND state = 'paid'",
            (now, picker, reference),
        )
    left = connection.total_changes - before
    connection.executemany("DELETE FROM to_ship WHERE reference = ?", [(reference,) for reference in references])
    return left


def backlog(connection: sqlite3.Connection, now: float) -> dict[str, float]:
    """Return how many paid orders have not left, how many of them somebody picks, and how long the oldest has waited."""
    counted = connection.execute("SELECT count(*), coalesce(sum(until > ?), 0), min(paid) FROM to_ship", (now,)).fetchone()
    waiting, picked, oldest = counted
    return {"orders": waiting, "being_picked": picked, "oldest_seconds": 0.0 if oldest is None else max(0.0, now - oldest)}


def shipped(connection: sqlite3.Connection) -> dict[str, float]:
    """Return how many orders have left, how many of them more than once, and how long the slowest took from its payment."""
    parcels, orders = connection.execute("SELECT count(*), count(DISTINCT reference) FROM shipments").fetchone()
    twice = "SELECT count(*) FROM (SELECT 1 FROM shipments GROUP BY reference HAVING count(*) > 1)"
    slowest = "SELECT max(shipments.shipped - orders.paid) FROM shipments JOIN orders USING (reference)"
    return {
        "parcels": parcels,
        "orders": orders,
        "shipped_twice": connection.execute(twice).fetchone()[0],
        "slowest_seconds": connection.execute(slowest).fetchone()[0] or 0.0,
    }
