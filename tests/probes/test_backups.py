"""Probes of backups, asked of a real orders service and a real store of its copies."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from gameday.change import bind
from gameday.cluster import HttpAnswer, ObjectRef, Selection
from gameday.errors import BadParameterError, ClusterError, NoMeasurementError
from gameday.probes import backups
from gameday.staging.shop.alone import ShopAlone
from tests.staging.shop.conftest import Customer

T = TypeVar("T")


@dataclass
class Looking:
    """What a probe may look at: the shop's services by name, and a fault if there was one."""

    shop: ShopAlone
    fault_at: float | None = None
    services: dict[str, str] = field(default_factory=dict)
    """namespace → the address of a Service in it."""

    @property
    def view(self) -> Any:
        return self

    def ask(self, ref: ObjectRef, _port: int | str, path: str) -> HttpAnswer:
        if ref.name not in self.shop.processes:
            raise ClusterError(f"there is no {ref}")
        reply = Customer(self.shop).ask("GET", path, service=ref.name)
        return HttpAnswer(reply.status, reply.body)

    def list(self, selection: Selection) -> Sequence[Any]:
        address = self.services.get(selection.namespace, "")
        return [{"spec": {"clusterIP": address}}] if selection.kind == "Service" else []

    def since_fault(self) -> tuple[float, Sequence[Any]]:
        if self.fault_at is None:
            raise NoMeasurementError("nothing has been changed yet")
        return self.fault_at, []


@pytest.fixture
def offsite(tmp_path: Path) -> Iterator[ShopAlone]:
    (tmp_path / "offsite").mkdir()
    other = ShopAlone(tmp_path / "offsite")
    other.start("objects")
    yield other
    other.stop()


@pytest.fixture
def shop(tmp_path: Path, offsite: ShopAlone) -> Iterator[ShopAlone]:
    (tmp_path / "shop").mkdir()
    found = ShopAlone(tmp_path / "shop")
    keys = {"BACKUP_ACCESS_KEY_ID": "DEMOACCESSKEY", "BACKUP_SECRET_ACCESS_KEY": "demo-secret-of-the-object-store"}
    found.settings |= {"BACKUP_ENDPOINT": offsite.url("objects"), "RESTORE_FROM": "orders", "BACKUP_EVERY_SECONDS": "0.1", **keys}
    found.start()
    yield found
    found.stop()


@pytest.fixture
def looking(shop: ShopAlone) -> Looking:
    return Looking(shop)


def measure(probe: Any, looking: Any, **arguments: Any) -> Any:
    return probe.spec.measure(looking, **bind(probe.spec.measure, probe.spec.name, {"namespace": "shop", **arguments}))


def eventually(look: Callable[[], T]) -> T:
    end = time.monotonic() + 30
    while not (found := look()):
        assert time.monotonic() < end, f"waited in vain; last seen: {found!r}"
        time.sleep(0.02)
    return found


def stored(offsite: ShopAlone) -> list[Path]:
    """Return the copies, oldest first; what has no label is none: its service was killed while it stored it."""
    packed = sorted(offsite.folder.glob("objects/backups/orders*.db.z"))
    return [file for file in packed if file.with_name(file.name.removesuffix(".db.z") + ".json").exists()]


def copied(looking: Looking, orders: int) -> None:
    """Wait until a copy holds so many orders."""

    def look() -> bool:
        labels = Customer(looking.shop).ask("GET", "/backups", service="orders").json["copies"]
        return bool(labels) and labels[0]["orders"] == orders

    eventually(look)


def lose(shop: ShopAlone, **settings: str) -> None:
    shop.kill("orders")
    shop.settings |= settings
    shop.start("orders")


def damage_newest(offsite: ShopAlone) -> None:
    file = stored(offsite)[-1]
    file.write_bytes(file.read_bytes()[:-3] + b"???")


def test_age_and_recovery_point_are_of_the_newest_copy_as_long_as_nothing_was_lost(looking: Looking) -> None:
    copied(looking, 0)
    found = measure(backups.age, looking)
    assert (found.unit, 0 <= found.value < 5) == ("s", True)
    assert "orders/" in found.seen
    assert 0 <= measure(backups.recovery_point, looking).value < 5
    assert measure(backups.passed_over, looking).value == 0


def test_age_wants_the_bucket_that_is_named(looking: Looking) -> None:
    copied(looking, 0)
    assert measure(backups.age, looking, bucket="backups").unit == "s"
    with pytest.raises(NoMeasurementError, match="bucket 'elsewhere'"):
        measure(backups.age, looking, bucket="elsewhere")


def test_after_a_restore_the_recovery_point_is_how_old_its_newest_order_was_at_the_loss(looking: Looking) -> None:
    began = time.monotonic()
    Customer(looking.shop).buy("k1")
    bought = time.monotonic()
    copied(looking, 1)
    looking.fault_at = bought + 4.0
    lose(looking.shop, DATABASE="drill-lost")
    found = measure(backups.recovery_point, looking)
    assert 3.9 < found.value < 4.1 + bought - began
    assert "restored from orders/" in found.seen


def test_restorable_opens_the_newest_copies_and_names_the_damaged(looking: Looking, offsite: ShopAlone) -> None:
    for number in (1, 2):
        Customer(looking.shop).buy(f"k{number}")
        copied(looking, number)
    assert measure(backups.restorable, looking, newest=2).value == 100
    lose(looking.shop, BACKUP_EVERY_SECONDS="86400")
    damage_newest(offsite)
    found = measure(backups.restorable, looking, newest=2)
    key = stored(offsite)[-1].name.replace("%2F", "/")
    assert (found.value, found.seen) == (50, f"{key}: its bytes are not those that were stored: the checksum differs")


def test_passed_over_counts_what_a_restore_since_the_fault_could_not_use(looking: Looking, offsite: ShopAlone) -> None:
    for number in (1, 2):
        Customer(looking.shop).buy(f"k{number}")
        copied(looking, number)
    lose(looking.shop, BACKUP_EVERY_SECONDS="86400")
    damage_newest(offsite)
    looking.fault_at = time.monotonic()
    lose(looking.shop, DATABASE="drill-lost")
    found = measure(backups.passed_over, looking)
    assert (found.value, "checksum" in found.seen) == (1, True)
    looking.fault_at = time.monotonic() + 60
    assert measure(backups.passed_over, looking).value == 0, "that restore is not of this fault"


@pytest.mark.parametrize(
    ("looked_for", "found_none"),
    [("orders-2025", "0 backups of orders-2025 were found to restore it from"), ("none", "it was to be restored from no backup")],
)
def test_a_loss_that_finds_no_backup_where_it_is_looked_for_is_counted_as_none_and_has_no_recovery_point(
    looking: Looking, looked_for: str, found_none: str
) -> None:
    Customer(looking.shop).buy("k1")
    copied(looking, 1)
    found = measure(backups.copies, looking)
    assert (found.value >= 1, found.unit) == (True, "backups")
    looking.fault_at = time.monotonic()
    lose(looking.shop, DATABASE="drill-lost", RESTORE_FROM=looked_for)
    copied(looking, 0)
    found = measure(backups.copies, looking)
    told = f"when drill-lost was not there, {found_none}, so it began empty"
    assert (found.value, found.seen) == (0, told), "the copies of the empty database that are taken since bring nothing back"
    with pytest.raises(NoMeasurementError, match=f"tell the age of: when drill-lost was not there, {found_none}"):
        measure(backups.recovery_point, looking)


def test_a_loss_that_finds_backups_counts_those(looking: Looking) -> None:
    copied(looking, 0)
    looking.fault_at = time.monotonic()
    lose(looking.shop, DATABASE="drill-lost")
    found = measure(backups.copies, looking)
    assert found.value >= 1
    assert found.seen.endswith("backups of orders were found to restore it from")


def test_differing_counts_orders_that_are_not_what_was_backed_up(looking: Looking) -> None:
    for number in range(4):
        Customer(looking.shop).buy(f"k{number}")
    copied(looking, 4)
    assert measure(backups.differing, looking, of="orders").value == 0
    lose(looking.shop, DATABASE="drill-corrupted", DATABASE_COPY="orders:corrupted")
    found = measure(backups.differing, looking, of="orders")
    assert (found.value, found.samples) == (1, 4)
    assert "SO-" in found.seen


def test_a_place_with_the_address_of_a_service_of_the_shop_is_not_outside_it(looking: Looking, offsite: ShopAlone) -> None:
    assert measure(backups.off_the_cluster, looking).value == 1
    looking.services["shop"] = offsite.host("objects")
    assert measure(backups.off_the_cluster, looking).value == 0
    assert measure(backups.off_the_cluster, looking, namespaces=["elsewhere"]).value == 1


def test_where_there_is_no_backup_none_is_restorable_and_its_age_cannot_be_said(looking: Looking) -> None:
    assert measure(backups.restorable, looking, of="nothing").value == 0
    for probe in (backups.age, backups.differing):
        with pytest.raises(NoMeasurementError, match="nothing"):
            measure(probe, looking, of="nothing")


def test_a_service_that_does_not_answer_or_says_something_else_is_no_measurement(looking: Looking) -> None:
    with pytest.raises(NoMeasurementError, match="cannot ask service shop/nobody"):
        measure(backups.age, looking, name="nobody")
    with pytest.raises(NoMeasurementError, match="404"):
        measure(backups.age, looking, name="cart")


@pytest.mark.parametrize("newest", [0, 21, -1, True, 1.5, "3"])
def test_how_many_are_tried_is_a_whole_number(newest: Any) -> None:
    with pytest.raises(BadParameterError, match="expected newest to be "):
        measure(backups.restorable, None, newest=newest)
