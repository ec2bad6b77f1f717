"""The ledger finds what was lost, doubled and altered, by asking the shop."""

from __future__ import annotations

import dataclasses
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.errors import NoMeasurementError
from gameday.staging.shop.alone import ShopAlone
from gameday.traffic.journey import Journey
from gameday.traffic.ledger import (
    Books,
    Entry,
    FoundOrder,
    LedgerResult,
    LedgerWriter,
    books_of,
    check_ledger,
    finder,
    read_ledger,
)


def acknowledged(number: int) -> Entry:
    return Entry(f"k{number}", "c", 1.0, 2.0, 3.0, reference=f"R{number}", amount=100)


def failed(number: int, error: str = "timeout", *, ended: float = 2.0) -> Entry:
    return Entry(f"k{number}", "c", 1.0, ended, 3.0, error=error)


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


def known(*numbers: int) -> Callable[[Sequence[str]], list[str]]:
    return lambda keys: [key for key in keys if key in {f"k{number}" for number in numbers}]


def test_who_was_charged_without_an_order_is_told_from_who_has_one(ledger: Path) -> None:
    written(ledger, [acknowledged(1), failed(2), failed(3, "status_503"), failed(4), acknowledged(5)])
    shop = [order(1), order(4)]
    find = lambda _references, keys: [found for found in shop if found.key in keys]  # noqa: E731 - as short as it is
    result = check_ledger(ledger, find, books=Books(charges=known(1, 2, 4, 5)))
    assert [entry.key for entry in result.unrecorded] == ["k2"]
    assert [entry.key for entry in result.lost] == ["k5"], "an acknowledged order that is gone is lost, and not both"
    assert not result.sound


def test_a_failed_order_is_known_to_the_shop_or_untracked_and_silence_is_neither(ledger: Path) -> None:
    entries = [failed(1, "status_503"), failed(2, "status_500"), failed(3, "timeout"), failed(4, "status_409")]
    written(ledger, [*entries, failed(5, "status_503")])
    result = check_ledger(ledger, lambda *_: [order(5)], books=Books(failures=known(1)))
    assert [entry.key for entry in result.untracked] == ["k2"]
    assert (result.failed, result.indeterminate, result.recovered_indeterminate) == (3, 5, 1)


def test_only_failures_of_the_round_are_looked_for_in_the_shops_list(ledger: Path) -> None:
    written(ledger, [failed(number, "status_503", ended=float(number)) for number in range(1, 6)])
    result = check_ledger(ledger, lambda *_: [], books=Books(failures=known()), failed_between=(2.0, 4.0))
    assert [entry.key for entry in result.untracked] == ["k2", "k3", "k4"]
    assert result.failed == 3


def test_a_shop_that_keeps_no_such_books_is_not_judged_by_them(ledger: Path) -> None:
    written(ledger, [failed(1, "status_503")])
    result = check_ledger(ledger, lambda *_: [])
    assert (result.unrecorded, result.untracked, result.sound) == ((), (), True)


@given(
    what=st.lists(
        st.tuples(st.sampled_from(["ok", "timeout", "status_503"]), st.booleans(), st.booleans(), st.booleans()), max_size=450
    )
)
def test_every_submit_comes_out_as_what_became_of_it_however_many_there_are(
    tmp_path_factory: pytest.TempPathFactory, what: list[tuple[str, bool, bool, bool]]
) -> None:
    entries = [acknowledged(n) if kind == "ok" else failed(n, kind) for n, (kind, *_) in enumerate(what)]
    path = written(tmp_path_factory.mktemp("l") / "ledger", entries)
    there, charged, listed = ({f"k{n}" for n, row in enumerate(what) if row[place]} for place in (1, 2, 3))
    result = check_ledger(
        path,
        lambda _references, keys: [order(int(key[1:])) for key in keys if key in there],
        books=Books(lambda keys: charged & set(keys), lambda keys: listed & set(keys)),
    )
    keys = {entry.key: entry.error for entry in entries}
    assert {entry.key for entry in result.lost} == {key for key, error in keys.items() if not error and key not in there}
    assert {entry.key for entry in result.unrecorded} == {key for key in charged - there if keys[key]}
    assert {entry.key for entry in result.untracked} == {
        key for key, error in keys.items() if error == "status_503" and key not in there | listed
    }


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
    entries = [entry for entry in read_ledger(ledger) if entry.acknowledged]
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


def test_a_real_shop_that_captures_first_and_tracks_nothing_is_found_out(
    shop: ShopAlone, start_load: Callable[..., Any], journey: Journey, ledger: Path
) -> None:
    for service in ("checkout", "storefront"):
        shop.kill(service)
    shop.settings |= {"CAPTURE": "first", "TRACK_FAILURES": "off"}
    shop.start("checkout", "storefront")
    load = start_load(shop.url("storefront"))
    load.await_journeys(5)
    shop.kill("orders")
    # More than are asked for: what was under way when it was killed may have become an order.
    load.await_failures(15)
    load.stop()
    shop.start("orders")
    result = looked_up(shop, journey, ledger)
    assert len(result.unrecorded) >= 5
    assert 5 <= result.failed - result.recovered_indeterminate <= len(result.untracked) <= result.failed
    assert (result.lost, result.doubled, result.altered) == ((), (), ())


def test_a_real_shop_in_good_order_charges_nobody_for_nothing_and_knows_whom_it_failed(
    shop: ShopAlone, start_load: Callable[..., Any], journey: Journey, ledger: Path
) -> None:
    load = start_load(shop.url("storefront"))
    load.await_journeys(5)
    shop.kill("checkout")
    load.await_failures(5)
    shop.start("checkout")
    load.stop()
    # What was charged and stopped halfway is completed within seconds, and so is a failure written that could not be at once.
    end = time.monotonic() + 60
    while not (result := looked_up(shop, journey, ledger)).sound and time.monotonic() < end:
        time.sleep(0.2)
    assert result.failed >= 5
    assert result.sound, result


def looked_up(shop: ShopAlone, journey: Journey, ledger: Path) -> LedgerResult:
    assert journey.ledger is not None
    url = shop.url("storefront")
    return check_ledger(ledger, finder(journey.ledger.orders, url), books=books_of(journey.ledger, url))


def planted(shop: ShopAlone, entries: list[Entry]) -> None:
    """Do to a shop that stands still what must never happen: one of each kind, to the first entries."""
    with sqlite3.connect(shop.folder / "orders" / "orders.db") as database:
        database.execute("DELETE FROM orders WHERE key IN (?, ?)", (entries[0].key, entries[3].key))
        database.execute("UPDATE orders SET amount = 1 WHERE key = ?", (entries[1].key,))
        row = database.execute("SELECT * FROM orders WHERE key = ?", (entries[2].key,)).fetchone()
        again = ("SO-AGAIN", *row[1:])
        # A database that doubles has no unique columns, so it is made as one that trusts.
        database.execute("CREATE TABLE trusting AS SELECT * FROM orders")
        database.execute("DROP TABLE orders")
        database.execute("ALTER TABLE trusting RENAME TO orders")
        database.execute(f"INSERT INTO orders VALUES ({','.join('?' * len(again))})", again)  # noqa: S608 - marks only
    database.close()


@pytest.mark.soak
def test_of_ten_thousand_orders_none_is_found_wrong_and_each_kind_of_anomaly_is_found_when_planted(
    shop: ShopAlone, start_load: Callable[..., Any], journey: Journey, ledger: Path
) -> None:
    load = start_load(shop.url("storefront"), rate_per_second=80)
    deadline = time.monotonic() + 400
    while sum(window.journeys.ok for window in load.windows) < 10_000:
        assert time.monotonic() < deadline, load.lines[-1:]
        time.sleep(0.2)
    load.stop()
    result = looked_up(shop, journey, ledger)
    assert result.acknowledged >= 10_000
    assert result.sound, result
    entries = list(read_ledger(ledger))
    shop.kill("orders")
    planted(shop, entries)
    shop.settings["UNIQUE_KEYS"] = "off"
    shop.start("orders")
    # A submit of which the customer knows only that it failed, and one that the shop itself failed.
    charged = dataclasses.replace(entries[3], reference=None, amount=None, error="timeout")
    forgotten = failed(10**6, "status_503")
    written(ledger.with_name("planted"), [*entries[:3], charged, *entries[4:], forgotten])
    result = looked_up(shop, journey, ledger.with_name("planted"))
    assert [entry.key for entry in result.lost] == [entries[0].key]
    assert [entry.key for entry in result.altered] == [entries[1].key]
    assert [double.key for double in result.doubled] == [entries[2].key]
    assert [entry.key for entry in result.unrecorded] == [entries[3].key]
    assert [entry.key for entry in result.untracked] == [forgotten.key]


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
