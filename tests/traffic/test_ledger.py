"""The ledger finds what was lost, doubled and altered, by asking the shop."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.errors import NoMeasurementError
from gameday.staging.shop.alone import ShopAlone
from gameday.traffic.journey import Journey
from gameday.traffic.ledger import Entry, FoundOrder, LedgerWriter, check_ledger, finder, read_ledger


def acknowledged(number: int) -> Entry:
    return Entry(f"k{number}", "c", 1.0, 2.0, 3.0, reference=f"R{number}", amount=100)


def failed(number: int) -> Entry:
    return Entry(f"k{number}", "c", 1.0, 2.0, 3.0, error="timeout")


def order(number: int, reference: str = "", amount: int = 100) -> FoundOrder:
    return FoundOrder(reference or f"R{number}", f"k{number}", amount)


def written(path: Path, entries: Sequence[Entry]) -> Path:
    writer = LedgerWriter(path)
    writer.open()
    for entry in entries:
        writer.add(entry)
    writer.close()
    return path


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger.jsonl"


def test_what_was_written_is_read_and_a_torn_last_line_is_left_out(ledger: Path) -> None:
    written(ledger, [acknowledged(1), failed(2)])
    with ledger.open("a") as file:
        file.write('{"key": "k3", "cust')
    assert list(read_ledger(ledger)) == [acknowledged(1), failed(2)]


def test_what_was_not_flushed_is_not_in_the_file_and_what_was_is(ledger: Path) -> None:
    writer = LedgerWriter(ledger)
    writer.open()
    writer.add(acknowledged(1))
    assert list(read_ledger(ledger)) == []
    writer.flush()
    assert list(read_ledger(ledger)) == [acknowledged(1)]
    writer.close()


def test_lost_doubled_altered_and_recovered_orders_are_told_apart(ledger: Path) -> None:
    written(ledger, [acknowledged(n) for n in (1, 2, 3, 4)] + [failed(n) for n in (5, 6)])
    shop = [order(1), order(3), order(3, "R3b"), order(4, amount=7), order(5)]
    result = check_ledger(ledger, lambda _references, keys: [found for found in shop if found.key in keys])
    assert [entry.key for entry in result.lost] == ["k2"]
    assert [(found.key, set(found.references)) for found in result.doubled] == [("k3", {"R3", "R3b"})]
    assert [entry.key for entry in result.altered] == ["k4"]
    assert (result.acknowledged, result.found) == (4, 3)
    assert (result.indeterminate, result.recovered_indeterminate) == (2, 1)
    assert not result.sound


def test_an_order_under_another_reference_than_the_customers_is_lost(ledger: Path) -> None:
    written(ledger, [acknowledged(1)])
    result = check_ledger(ledger, lambda _references, _keys: [order(1, "another")])
    assert [entry.key for entry in result.lost] == ["k1"]


@given(there=st.lists(st.booleans(), max_size=450))
def test_exactly_the_missing_ones_are_lost_however_many_there_are(
    tmp_path_factory: pytest.TempPathFactory, there: list[bool]
) -> None:
    path = written(tmp_path_factory.mktemp("l") / "ledger", [acknowledged(n) for n in range(len(there))])
    shop = {f"k{n}": order(n) for n, is_there in enumerate(there) if is_there}
    result = check_ledger(path, lambda _references, keys: [shop[key] for key in keys if key in shop])
    assert [entry.key for entry in result.lost] == [f"k{n}" for n, is_there in enumerate(there) if not is_there]
    assert result.sound == all(there)


def test_lost_doubled_and_altered_orders_of_a_real_shop_are_named(
    shop: ShopAlone, start_load: Callable[..., Any], journey: Journey, ledger: Path
) -> None:
    shop.kill("orders")
    shop.settings["UNIQUE_KEYS"] = "off"
    (shop.folder / "orders" / "orders.db").unlink()
    shop.start("orders")
    load = start_load(shop.url("storefront"))
    load.await_journeys(5)
    load.stop()
    entries = list(read_ledger(ledger))
    shop.kill("orders")
    with sqlite3.connect(shop.folder / "orders" / "orders.db") as database:
        database.execute("DELETE FROM orders WHERE key = ?", (entries[0].key,))
        database.execute("UPDATE orders SET state = 'pending' WHERE key = ?", (entries[1].key,))
        database.execute("UPDATE orders SET amount = 1 WHERE key = ?", (entries[2].key,))
        copied = "key, payment, customer, amount, lines, state, capture, placed, paid"
        database.execute(
            f"INSERT INTO orders (reference, {copied}) SELECT 'SO-AGAIN', {copied} FROM orders WHERE key = ?",  # noqa: S608 - the columns are ours
            (entries[3].key,),
        )
    database.close()
    shop.start("orders")
    assert journey.look_up is not None
    result = check_ledger(ledger, finder(journey.look_up, shop.url("storefront")))
    assert {entry.key for entry in result.lost} == {entries[0].key, entries[1].key}
    assert {entry.key for entry in result.altered} == {entries[2].key}
    assert [found.key for found in result.doubled] == [entries[3].key]
    assert "SO-AGAIN" in result.doubled[0].references


def test_a_shop_that_cannot_be_asked_is_no_measurement(shop: ShopAlone, journey: Journey, ledger: Path) -> None:
    written(ledger, [acknowledged(1)])
    assert journey.look_up is not None
    find = finder(journey.look_up, shop.url("storefront"))
    shop.kill("orders")
    with pytest.raises(NoMeasurementError, match="with status 200, found 503"):
        check_ledger(ledger, find)
    shop.kill("storefront")
    with pytest.raises(NoMeasurementError, match="found no answer"):
        check_ledger(ledger, find)


def test_an_answer_that_holds_no_orders_is_no_measurement(shop: ShopAlone, journey: Journey, ledger: Path) -> None:
    written(ledger, [acknowledged(1)])
    assert journey.look_up is not None
    elsewhere = dataclasses.replace(journey.look_up, method="GET", path="/products")
    with pytest.raises(NoMeasurementError, match="found something else"):
        check_ledger(ledger, finder(elsewhere, shop.url("storefront")))
