"""The orders' database: one SQLite file, written by one thread, every order committed before anybody is told.

A commit outlives the death of any process, in whatever way; with SYNC=commit it outlives a power cut too, at the price of
waiting for the disk each time. (On a disk that many share this was seen to take 40 ms instead of 0.3, which a customer feels.)
Writes that come in while a commit is under way share the next one, so a slow disk costs waiting and not a queue without
end. The unique columns are what makes doubling impossible, whatever the other services do: one key is one order, and
one payment pays for one order. Receipts that are still to be written stand in the same file (`outbox`), so that an order
and the promise of its receipt are one commit, and those that the object store took (`receipts`), so that one that is neither
written nor owed can be found. The submits that failed (`failures`) stand there too, see `failure_book`.
"""

from __future__ import annotations

import asyncio
import json
import queue
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from gameday.staging.shop import fulfilment_queue

_T = TypeVar("_T")
_Job = tuple[Callable[[sqlite3.Connection], Any], asyncio.Future[Any]]
_Outcome = tuple[asyncio.Future[Any], Any, Exception | None]

MOST_IN_ONE_COMMIT = 64
PAGES_BETWEEN_CHECKPOINTS = 4000
"""16 MB: a checkpoint waits for the disk, so it should be rare."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
  reference TEXT PRIMARY KEY, key TEXT NOT NULL UNIQUE, payment TEXT NOT NULL UNIQUE, customer TEXT NOT NULL,
  amount INTEGER NOT NULL, lines TEXT NOT NULL, state TEXT NOT NULL, capture TEXT, placed REAL NOT NULL, paid REAL
);
CREATE INDEX IF NOT EXISTS orders_by_customer ON orders (customer, placed);
CREATE TABLE IF NOT EXISTS outbox (
  reference TEXT PRIMARY KEY, attempts INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS receipts (reference TEXT PRIMARY KEY, written REAL NOT NULL);
CREATE TABLE IF NOT EXISTS failures (
  key TEXT NOT NULL, reference TEXT NOT NULL, customer TEXT NOT NULL, cohort TEXT NOT NULL, code TEXT NOT NULL,
  at REAL NOT NULL, PRIMARY KEY (key, reference)
);
CREATE INDEX IF NOT EXISTS orders_pending ON orders (placed) WHERE state = 'pending';
"""

# Without the unique columns: what many a shop's database looks like.
_TRUSTING_SCHEMA = _SCHEMA.replace("NOT NULL UNIQUE", "NOT NULL")

_IS_OLDER = (
    "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'orders'"
    " AND NOT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'receipts')"
)
"""Whether a file is of before it was noted which receipts are written: until then, those that were not owed any more."""
_NOTE_EARLIER_RECEIPTS = """
INSERT INTO receipts (reference, written)
  SELECT reference, paid FROM orders WHERE state = 'paid' AND reference NOT IN (SELECT reference FROM outbox);
"""

_ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"


class Book:
    """The open database; every call runs in its one thread and answers when it is on disk."""

    def __init__(self, path: Path, *, unique: bool = True, sync_each_commit: bool = False) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute(f"PRAGMA synchronous={'FULL' if sync_each_commit else 'NORMAL'}")
        self._connection.execute(f"PRAGMA wal_autocheckpoint={PAGES_BETWEEN_CHECKPOINTS}")
        earlier = _NOTE_EARLIER_RECEIPTS if self._connection.execute(_IS_OLDER).fetchone()[0] else ""
        self._connection.executescript(f"BEGIN; {_SCHEMA if unique else _TRUSTING_SCHEMA} {earlier} COMMIT;")
        self._connection.executescript(fulfilment_queue.SCHEMA if unique else fulfilment_queue.TRUSTING_SCHEMA)
        self._thread = threading.Thread(target=self._work, name="order-book", daemon=True)
        self._thread.start()

    async def do(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run `work` in a transaction and return its result once that is committed; what it raises undoes it alone."""
        future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._jobs.put((work, future))
        return await future

    async def close(self) -> None:
        """Finish what was begun and close the file."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        while True:
            jobs, last = self._next_jobs()
            if jobs:
                outcomes = self._commit(jobs)
                jobs[0][1].get_loop().call_soon_threadsafe(_tell, outcomes)
            if last:
                self._connection.close()
                return

    def _next_jobs(self) -> tuple[list[_Job], bool]:
        jobs: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) >= MOST_IN_ONE_COMMIT or self._jobs.empty():
                return jobs, False
            job = self._jobs.get()
        return jobs, True

    def _commit(self, jobs: Iterable[_Job]) -> list[_Outcome]:
        outcomes: list[_Outcome] = []
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            for work, future in jobs:
                connection.execute("SAVEPOINT one")
                try:
                    outcomes.append((future, work(connection), None))
                except Exception as error:  # noqa: BLE001 - the one who asked gets it; the others' work stands
                    connection.execute("ROLLBACK TO one")
                    outcomes.append((future, None, error))
                connection.execute("RELEASE one")
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            # Nothing of this batch is on disk: a full disk, or a file that is damaged. Nobody may hear otherwise.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            return [(future, None, error) for _, future in jobs]
        return outcomes


def _tell(outcomes: list[_Outcome]) -> None:
    for future, result, error in outcomes:
        if future.done():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


def order_of(row: sqlite3.Row) -> dict[str, Any]:
    """Return an order as the service shows it."""
    names = ("reference", "key", "customer", "amount", "state", "payment", "capture", "placed", "paid")
    return {**{name: row[name] for name in names}, "currency": "EUR", "lines": json.loads(row["lines"])}


def place(connection: sqlite3.Connection, wanted: dict[str, Any], prefix: str = "SO-") -> dict[str, Any]:
    """Write an order down as pending, or return the one that this key or this payment has already become."""
    reference = prefix + "".join(secrets.choice(_ALPHABET) for _ in range(12))
    lines = json.dumps(wanted["lines"], separators=(",", ":"))
    row = (reference, wanted["key"], wanted["payment"], wanted["customer"], wanted["amount"], lines, time.time())
    connection.execute(
        "INSERT INTO orders (reference, key, payment, customer, amount, lines, state, placed)"
        " VALUES (?, ?, ?, ?, ?, ?, 'pending', ?) ON CONFLICT DO NOTHING",
        row,
    )
    found = connection.execute(
        "SELECT * FROM orders WHERE key = ? OR payment = ? ORDER BY reference = ? DESC",
        (wanted["key"], wanted["payment"], reference),
    ).fetchone()
    return order_of(found)


def pay(connection: sqlite3.Connection, reference: str, capture: str, *, queue_receipt: bool) -> dict[str, Any] | None:
    """Mark an order as paid and owe its parcel and its receipt in the same commit; None where there is no such.

    Without `queue_receipt` its receipt has been written already.
    """
    now = time.time()
    changed = connection.execute(
        "UPDATE orders SET state = 'paid', capture = ?, paid = ? WHERE reference = ? AND state = 'pending'",
        (capture, now, reference),
    ).rowcount
    if changed:
        fulfilment_queue.owe(connection, reference, now)
    if changed and queue_receipt:
        connection.execute("INSERT OR IGNORE INTO outbox (reference) VALUES (?)", (reference,))
    elif changed:
        _note_written(connection, reference, now)
    return by_reference(connection, reference)


def by_reference(connection: sqlite3.Connection, reference: str) -> dict[str, Any] | None:
    """Return the order with this reference."""
    row = connection.execute("SELECT * FROM orders WHERE reference = ?", (reference,)).fetchone()
    return order_of(row) if row else None


def by_key(connection: sqlite3.Connection, key: str) -> list[dict[str, Any]]:
    """Return the orders with this idempotency key; more than one is the harm that the key is there to prevent."""
    return [order_of(row) for row in connection.execute("SELECT * FROM orders WHERE key = ?", (key,))]


def of_customer(connection: sqlite3.Connection, customer: str, limit: int) -> list[dict[str, Any]]:
    """Return a customer's newest orders."""
    rows = connection.execute("SELECT * FROM orders WHERE customer = ? ORDER BY placed DESC LIMIT ?", (customer, limit))
    return [order_of(row) for row in rows]


def lookup(connection: sqlite3.Connection, references: list[str], keys: list[str]) -> list[dict[str, Any]]:
    """Return every order that has one of the references or keys, each once."""
    found: dict[str, dict[str, Any]] = {}
    for column, wanted in (("reference", references), ("key", keys)):
        marks = ",".join("?" * len(wanted))
        for row in connection.execute(f"SELECT * FROM orders WHERE {column} IN ({marks})", wanted):
            found[row["reference"]] = order_of(row)
    return list(found.values())


def pending(connection: sqlite3.Connection, since: float, until: float, limit: int) -> list[dict[str, Any]]:
    """Return orders that were placed in this time and are still not paid, oldest first."""
    rows = connection.execute(
        "SELECT * FROM orders WHERE state = 'pending' AND placed BETWEEN ? AND ? ORDER BY placed LIMIT ?", (since, until, limit)
    )
    return [order_of(row) for row in rows]


def owed_receipts(connection: sqlite3.Connection, now: float, limit: int) -> list[tuple[dict[str, Any], int]]:
    """Return orders whose receipt is to be written now, each with how often that was tried, oldest first."""
    rows = connection.execute(
        "SELECT orders.*, outbox.attempts FROM outbox JOIN orders USING (reference)"
        " WHERE outbox.due <= ? ORDER BY outbox.due, orders.paid LIMIT ?",
        (now, limit),
    )
    return [(order_of(row), row["attempts"]) for row in rows]


def receipt_written(connection: sqlite3.Connection, reference: str) -> None:
    """Owe this receipt no longer, since the object store has taken it."""
    connection.execute("DELETE FROM outbox WHERE reference = ?", (reference,))
    _note_written(connection, reference, time.time())


def _note_written(connection: sqlite3.Connection, reference: str, at: float) -> None:
    connection.execute("INSERT OR IGNORE INTO receipts (reference, written) VALUES (?, ?)", (reference, at))


def receipt_failed(connection: sqlite3.Connection, reference: str, next_try: float) -> None:
    """Try this receipt again, not before `next_try`."""
    connection.execute("UPDATE outbox SET attempts = attempts + 1, due = ? WHERE reference = ?", (next_try, reference))


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how many orders there are by state, how many are doubled, and how many receipts are owed."""
    states = dict(connection.execute("SELECT state, count(*) FROM orders GROUP BY state").fetchall())
    doubled = "SELECT count(*) FROM (SELECT 1 FROM orders WHERE state = 'paid' GROUP BY key HAVING count(*) > 1)"
    owed = connection.execute("SELECT count(*) FROM outbox").fetchone()[0]
    doubled_keys = connection.execute(doubled).fetchone()[0]
    return {
        "pending": states.get("pending", 0),
        "paid": states.get("paid", 0),
        "doubled_keys": doubled_keys,
        "receipts_owed": owed,
    }


def receipts(connection: sqlite3.Connection, now: float, older_seconds: float) -> dict[str, float]:
    """Return how many orders are paid, and how many of them have no receipt yet: it is owed for so long, or not even owed."""
    paid = connection.execute("SELECT count(*) FROM orders WHERE state = 'paid'").fetchone()[0]
    owed, since = connection.execute(
        "SELECT count(*), min(orders.paid) FROM outbox JOIN orders USING (reference) WHERE orders.paid <= ?",
        (now - older_seconds,),
    ).fetchone()
    missing = connection.execute(
        "SELECT count(*) FROM orders WHERE state = 'paid'"
        " AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.reference = orders.reference)"
        " AND NOT EXISTS (SELECT 1 FROM receipts WHERE receipts.reference = orders.reference)"
    ).fetchone()[0]
    oldest_seconds = now - since if since is not None else 0.0
    return {"paid": paid, "owed": owed, "oldest_seconds": oldest_seconds, "missing": missing}
