"""The orders' database on its own: commits, uniqueness, and failures that stay with the one who caused them."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gameday.staging.shop.order_book import Book, counts, lookup, owed_receipts, pay, place, receipt_written, receipts


def wanted(number: int, **changes: Any) -> dict[str, Any]:
    return {"key": f"k{number}", "payment": f"p{number}", "customer": "c", "amount": 100, "lines": [], **changes}


def placing(number: int, **changes: Any) -> Callable[[sqlite3.Connection], dict[str, Any]]:
    return lambda connection: place(connection, wanted(number, **changes))


async def test_many_at_once_are_each_written_once(tmp_path: Path) -> None:
    book = Book(tmp_path / "orders.db")
    orders = await asyncio.gather(*(book.do(placing(n % 50)) for n in range(200)))
    assert len({order["reference"] for order in orders}) == 50
    assert (await book.do(counts))["pending"] == 50
    await book.close()


async def test_a_failure_undoes_its_own_work_and_nobody_elses(tmp_path: Path) -> None:
    book = Book(tmp_path / "orders.db", sync_each_commit=True)

    def fail(connection: sqlite3.Connection) -> None:
        place(connection, wanted(2))
        raise ZeroDivisionError

    first, second, third = await asyncio.gather(
        book.do(lambda c: place(c, wanted(1))),
        book.do(fail),
        book.do(lambda c: place(c, wanted(3))),
        return_exceptions=True,
    )
    assert isinstance(second, ZeroDivisionError)
    assert isinstance(first, dict)
    assert isinstance(third, dict)
    kept = await book.do(lambda c: lookup(c, [], ["k1", "k2", "k3"]))
    assert {order["key"] for order in kept} == {"k1", "k3"}
    await book.close()


async def test_an_order_and_its_owed_receipt_are_one_commit(tmp_path: Path) -> None:
    book = Book(tmp_path / "orders.db")
    reference = (await book.do(lambda c: place(c, wanted(1))))["reference"]
    for _ in range(2):
        await book.do(lambda c: pay(c, reference, "C-1", queue_receipt=True))
    assert [order["reference"] for order, _ in await book.do(lambda c: owed_receipts(c, 1e12, 9))] == [reference]
    await book.do(lambda c: receipt_written(c, reference))
    await book.do(lambda c: pay(c, reference, "C-1", queue_receipt=True))
    assert await book.do(lambda c: owed_receipts(c, 1e12, 9)) == [], "paid again is not owed again"
    await book.close()


async def test_a_commit_that_fails_is_told_to_everybody_in_it(tmp_path: Path) -> None:
    book = Book(tmp_path / "orders.db")
    await book.do(lambda c: c.execute("PRAGMA max_page_count = 12") and None)
    big = "x" * 60_000
    outcomes = await asyncio.gather(*(book.do(placing(n, customer=big)) for n in range(4)), return_exceptions=True)
    assert any(isinstance(outcome, sqlite3.Error) for outcome in outcomes)
    kept = await book.do(lambda c: lookup(c, [], [f"k{n}" for n in range(4)]))
    told = [outcome for outcome in outcomes if isinstance(outcome, dict)]
    assert {order["reference"] for order in kept} == {order["reference"] for order in told}
    await book.close()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "orders.db").write_bytes(b"not a database, but long enough to be looked at as one" * 20)
    with pytest.raises(sqlite3.DatabaseError):
        Book(tmp_path / "orders.db")


async def test_a_receipt_is_owed_or_written_and_one_that_is_neither_is_missing(tmp_path: Path) -> None:
    book = Book(tmp_path / "orders.db")
    written, owed, inline = [(await book.do(placing(number)))["reference"] for number in range(3)]
    for reference in (written, owed):
        await book.do(lambda c, reference=reference: pay(c, reference, "C-1", queue_receipt=True))  # type: ignore[misc]
    await book.do(lambda c: pay(c, inline, "C-1", queue_receipt=False))
    await book.do(lambda c: receipt_written(c, written))
    now = time.time()
    assert await book.do(lambda c: receipts(c, now, 60.0)) == {"paid": 3, "owed": 0, "oldest_seconds": 0.0, "missing": 0}
    later = await book.do(lambda c: receipts(c, now + 60.5, 60.0))
    assert (later["owed"], later["missing"], later["oldest_seconds"] > 60) == (1, 0, True)

    def drop(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM outbox")

    await book.do(drop)
    assert (await book.do(lambda c: receipts(c, now + 60.5, 0.0)))["missing"] == 1
    await book.close()


async def test_in_a_file_of_before_receipts_were_noted_no_paid_order_is_taken_for_one_that_lacks_its_receipt(
    tmp_path: Path,
) -> None:
    book = Book(tmp_path / "orders.db")
    written, owed, pending = [(await book.do(placing(number)))["reference"] for number in range(3)]
    for reference in (written, owed):
        await book.do(lambda c, reference=reference: pay(c, reference, "C-1", queue_receipt=True))  # type: ignore[misc]
    await book.do(lambda c: receipt_written(c, written))
    await book.do(lambda c: c.execute("DROP TABLE receipts") and None)
    await book.close()

    book = Book(tmp_path / "orders.db")
    found = await book.do(lambda c: receipts(c, time.time() + 1.0, 0.0))
    assert (found["paid"], found["owed"], found["missing"]) == (2, 1, 0)
    noted = await book.do(lambda c: c.execute("SELECT reference FROM receipts").fetchall())
    assert [row["reference"] for row in noted] == [written], f"neither {owed} nor {pending}"
    await book.do(lambda c: c.execute("DELETE FROM receipts") and None)
    await book.close()

    book = Book(tmp_path / "orders.db")
    found = await book.do(lambda c: receipts(c, time.time(), 0.0))
    assert found["missing"] == 1, "what gets lost since is not made up for at the next start"
    await book.close()
