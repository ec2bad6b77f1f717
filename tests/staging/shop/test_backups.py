"""Copies of the orders' database, in a store outside the shop, and what a shop does that has lost its database."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest

from gameday.staging.shop.alone import ShopAlone
from tests.staging.shop.conftest import Customer

T = TypeVar("T")
OFTEN = "0.1"
NEVER = "86400"


@pytest.fixture
def offsite(tmp_path: Path) -> Iterator[ShopAlone]:
    """Run an object store that is not the shop's."""
    folder = tmp_path / "offsite"
    folder.mkdir()
    other = ShopAlone(folder)
    other.start("objects")
    yield other
    other.stop()


@pytest.fixture
def backed_up(closed_shop: ShopAlone, offsite: ShopAlone) -> ShopAlone:
    """Lend a shop that is not started yet, with its settings for copies."""
    keys = {"BACKUP_ACCESS_KEY_ID": "DEMOACCESSKEY", "BACKUP_SECRET_ACCESS_KEY": "demo-secret-of-the-object-store"}
    closed_shop.settings |= {"BACKUP_ENDPOINT": offsite.url("objects"), "RESTORE_FROM": "orders", **keys}
    closed_shop.settings["BACKUP_EVERY_SECONDS"] = OFTEN
    return closed_shop


def ask(customer: Customer, path: str) -> Any:
    return customer.ask("GET", path, service="orders").json


def eventually(look: Callable[[], T]) -> T:
    end = time.monotonic() + 30
    while not (found := look()):
        assert time.monotonic() < end, f"waited in vain; last seen: {found!r}"
        time.sleep(0.02)
    return found


def newest(customer: Customer, number: int) -> list[Any]:
    """Return the labels of the newest copies, newest first."""
    labels = ask(customer, f"/backups?newest={number}")["copies"]
    assert len(labels) == number
    return list(labels)


def copied(customer: Customer, orders: int) -> Any:
    """Wait for a copy with so many orders, and return its label; there may soon be another one with as many.

    Whatever else is written (that a receipt is there, that a parcel was packed) is a reason for the next copy, too.
    """

    def look() -> Any:
        return next((label for label in ask(customer, "/backups")["copies"] if label["orders"] == orders), None)

    return eventually(look)


def reference(customer: Customer, key: str) -> list[str]:
    return [order["reference"] for order in ask(customer, f"/orders/by-key/{key}")["orders"]]


def lose(shop: ShopAlone, **settings: str) -> None:
    """Kill the service and start it with another database."""
    shop.kill("orders")
    shop.settings |= settings
    shop.start("orders")


def take_no_more(shop: ShopAlone) -> None:
    """Have no copy taken from here on; none of those that were being taken comes in any more."""
    lose(shop, BACKUP_EVERY_SECONDS=NEVER)


def damage(offsite: ShopAlone, key: str) -> None:
    """Change bytes in the middle of an object, as a bad disk does."""
    file = offsite.folder / "objects" / "backups" / key.replace("/", "%2F")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)


def test_a_lost_database_is_restored_from_the_newest_copy_and_says_so(backed_up: ShopAlone, customer: Customer) -> None:
    backed_up.start()
    bought = customer.buy("k1").json["reference"]
    label = copied(customer, 1)
    lose(backed_up, DATABASE="drill-lost")
    assert reference(customer, "k1") == [bought]
    said = ask(customer, "/database")
    assert (said["restored"], said["drill"], said["newest_order"]) == (True, True, label["newest_order"])
    assert said["passed_over"] == [], "not even where it was killed while it stored the next copy"


def test_what_whoever_stored_it_did_not_bring_to_its_end_is_no_copy_and_none_that_was_damaged(
    backed_up: ShopAlone, offsite: ShopAlone, customer: Customer
) -> None:
    backed_up.start()
    customer.buy("k1")
    copied(customer, 1)
    take_no_more(backed_up)
    (last,) = newest(customer, 1)
    place = offsite.folder / "objects" / "backups"
    stored = place / last["key"].replace("/", "%2F")
    (place / "orders%2F99991231T235959.000000Z.db.z").write_bytes(stored.read_bytes())
    assert newest(customer, 1) == [last]
    (checked,) = ask(customer, "/backups/verified?newest=1")["copies"]
    assert (checked["key"], checked["good"]) == (last["key"], True)
    lose(backed_up, DATABASE="drill-lost")
    said = ask(customer, "/database")
    assert (said["restored"], said["key"], said["passed_over"]) == (True, last["key"], [])
    for label in place.glob("orders%2F*.json"):
        label.unlink()
    backed_up.kill("orders")
    backed_up.settings["DATABASE"] = "drill-lost-again"
    with pytest.raises(RuntimeError, match="copies of orders is good; newest: it has no label"):
        backed_up.start("orders")


def test_orders_of_a_drill_have_references_that_say_so_and_are_gone_with_its_database(
    backed_up: ShopAlone, offsite: ShopAlone, customer: Customer
) -> None:
    backed_up.start()
    bought = customer.buy("k1").json["reference"]
    copied(customer, 1)
    lose(backed_up, DATABASE="drill-lost")
    assert customer.buy("k2").json["reference"].startswith("DRILL-")
    copied(customer, 2)
    lose(backed_up, DATABASE="orders")
    assert (reference(customer, "k1"), reference(customer, "k2")) == ([bought], [])
    assert list(backed_up.folder.glob("orders/drill-*")) == []
    eventually(lambda: not list(offsite.folder.glob("objects/backups/drill-*")))


def test_a_copy_that_was_damaged_in_the_bucket_is_passed_over_and_named(
    backed_up: ShopAlone, offsite: ShopAlone, customer: Customer
) -> None:
    backed_up.start()
    customer.buy("k1")
    copied(customer, 1)
    customer.buy("k2")
    copied(customer, 2)
    take_no_more(backed_up)
    second, first = newest(customer, 2)
    damage(offsite, second["key"])
    checked = {item["key"]: item["good"] for item in ask(customer, "/backups/verified?newest=20")["copies"]}
    assert (checked[first["key"]], checked[second["key"]]) == (True, False)
    lose(backed_up, DATABASE="drill-lost")
    said = ask(customer, "/database")
    assert (said["key"], [item["key"] for item in said["passed_over"]]) == (first["key"], [second["key"]])
    assert "checksum" in said["passed_over"][0]["reason"]


def test_with_no_good_copy_left_the_service_does_not_start_as_an_empty_shop(
    backed_up: ShopAlone, offsite: ShopAlone, customer: Customer
) -> None:
    backed_up.settings["BACKUP_KEEP"] = "1"
    backed_up.start()
    customer.buy("k1")
    copied(customer, 1)
    take_no_more(backed_up)
    backed_up.kill("orders")
    for file in offsite.folder.glob("objects/backups/*.db.z"):
        damage(offsite, file.name)
    backed_up.settings["DATABASE"] = "drill-lost"
    with pytest.raises(RuntimeError, match="copies of orders is good"):
        backed_up.start("orders")


def test_a_file_copied_as_it_lies_there_lacks_orders_and_only_a_look_tells(backed_up: ShopAlone, customer: Customer) -> None:
    backed_up.settings |= {"BACKUP_METHOD": "file", "BACKUP_VERIFY": "off"}
    backed_up.start()
    customer.buy("k1")
    copied(customer, 1)
    take_no_more(backed_up)
    (label,) = newest(customer, 1)
    (checked,) = ask(customer, "/backups/verified?newest=1")["copies"]
    assert (checked["good"], checked["key"]) == (False, label["key"])
    assert "1 paid orders were promised, none can be read" in checked["reason"]


def test_a_copy_that_is_looked_at_before_it_is_stored_is_not_stored_if_it_lacks_orders(
    backed_up: ShopAlone, customer: Customer
) -> None:
    backed_up.settings |= {"BACKUP_METHOD": "file"}
    backed_up.start()
    customer.buy("k1")
    assert "were promised" in eventually(lambda: str(ask(customer, "/backups")["problem"]))
    assert all(item["good"] for item in ask(customer, "/backups/verified?newest=20")["copies"])


def test_an_interval_that_is_too_long_leaves_the_newest_copy_old(backed_up: ShopAlone, customer: Customer) -> None:
    backed_up.start()
    customer.buy("k1")
    copied(customer, 1)
    take_no_more(backed_up)
    customer.buy("k2")
    eventually(lambda: ask(customer, "/backups")["next_due"] > time.time() + 86000)
    assert newest(customer, 1)[0]["orders"] == 1
    lose(backed_up, DATABASE="drill-lost")
    assert reference(customer, "k2") == []


def test_nothing_is_copied_twice_and_the_label_says_when_that_was_seen(backed_up: ShopAlone, customer: Customer) -> None:
    backed_up.start("orders")
    first = eventually(lambda: ask(customer, "/backups")["copies"])[0]
    eventually(lambda: ask(customer, "/backups")["copies"][0]["confirmed_at"] > first["confirmed_at"] + 0.3)
    assert [label["key"] for label in ask(customer, "/backups")["copies"]] == [first["key"]]


def test_only_so_many_copies_are_kept(backed_up: ShopAlone, offsite: ShopAlone, customer: Customer) -> None:
    backed_up.settings["BACKUP_KEEP"] = "2"
    backed_up.start()
    for number in range(1, 5):
        customer.buy(f"k{number}")
        copied(customer, number)
    eventually(lambda: len(list(offsite.folder.glob("objects/backups/*"))) == 4)


def test_a_damaged_database_is_put_aside_and_restored(backed_up: ShopAlone, customer: Customer) -> None:
    backed_up.start()
    bought = customer.buy("k1").json["reference"]
    copied(customer, 1)
    lose(backed_up, DATABASE="drill-damaged", DATABASE_COPY="orders:damaged")
    assert reference(customer, "k1") == [bought]
    assert ask(customer, "/database")["restored"]
    assert "the database is damaged" in backed_up.log("orders")
    assert list(backed_up.folder.glob("orders/drill-damaged.damaged-*.db"))
    with closing(sqlite3.connect(backed_up.folder / "orders" / "orders.db")) as original:
        assert original.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_silently_corrupted_database_opens_and_differs_from_the_newest_copy(backed_up: ShopAlone, customer: Customer) -> None:
    backed_up.start()
    for number in range(4):
        customer.buy(f"k{number}")
    copied(customer, 4)
    assert ask(customer, "/backups/differences")["differing"] == 0
    lose(backed_up, DATABASE="drill-corrupted", DATABASE_COPY="orders:corrupted")
    assert not ask(customer, "/database")["restored"]
    said = ask(customer, "/backups/differences?of=orders")
    assert (said["compared"], said["differing"]) == (4, 1)


def test_a_new_shop_begins_empty_and_a_store_that_is_away_is_waited_for(backed_up: ShopAlone, offsite: ShopAlone) -> None:
    offsite.stop()
    backed_up.settings["RESTORE_PATIENCE_SECONDS"] = "0.3"
    with pytest.raises(RuntimeError, match="did not answer"):
        backed_up.start("orders")
    offsite.start("objects")
    backed_up.start("orders")
    assert "begins empty" in backed_up.log("orders")


@pytest.mark.usefixtures("shop")
def test_a_shop_without_a_place_for_copies_says_so(customer: Customer) -> None:
    reply = customer.ask("GET", "/backups", service="orders")
    assert (reply.status, reply.json["error"]["code"]) == (404, "no_backups")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE", "../orders"),
        ("DATABASE_COPY", "orders:torn"),
        ("DATABASE_COPY", "orders:damaged"),
        ("BACKUP_ENDPOINT", "somewhere"),
        ("BACKUP_EVERY_SECONDS", "0"),
        ("BACKUP_KEEP", "0"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_at_the_start(backed_up: ShopAlone, name: str, value: str) -> None:
    backed_up.settings[name] = value
    with pytest.raises(RuntimeError, match=name):
        backed_up.start("orders")


@pytest.mark.parametrize("looked_for", ["orders-2025", "none"])
def test_a_lost_database_without_a_copy_where_it_is_looked_for_begins_empty_and_says_so_also_when_started_again(
    backed_up: ShopAlone, looked_for: str
) -> None:
    backed_up.start()
    customer = Customer(backed_up)
    customer.buy("k1")
    copied(customer, 1)
    lose(backed_up, DATABASE="drill-lost", RESTORE_FROM=looked_for)
    for _ in range(2):
        said = ask(customer, "/database")
        assert (said["restored"], said["copies"], said["looked_for"], said["at"] > 0) == (False, 0, looked_for, True)
        assert reference(customer, "k1") == []
        lose(backed_up)
    lose(backed_up, DATABASE="drill-lost-again", RESTORE_FROM="orders")
    said = ask(customer, "/database")
    assert (said["restored"], said["copies"] >= 1, said["looked_for"]) == (True, True, "orders")


def test_a_shop_that_began_without_a_copy_is_said_to_have_begun_then_however_often_it_is_started(backed_up: ShopAlone) -> None:
    backed_up.settings["RESTORE_FROM"] = "none"
    backed_up.start("orders")
    customer = Customer(backed_up)
    began = ask(customer, "/database")["at"]
    assert 0 < began < time.time()
    lose(backed_up)
    assert ask(customer, "/database")["at"] == began, "a start at which nothing was missing is no loss"
