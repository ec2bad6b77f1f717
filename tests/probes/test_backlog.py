"""Probes of agents and of what is to be shipped: numbers as the shop says them, and never one that it did not say."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import pytest

from gameday.cluster import HttpAnswer, ObjectRef
from gameday.errors import NoMeasurementError


@dataclass(frozen=True)
class Saying:
    """What a run may look at, where the shop gives one answer and there is one object."""

    status: int = 200
    body: bytes = b"{}"
    found: dict[str, Any] | None = None
    asked: dict[str, str] = field(default_factory=dict)
    """The query of what was asked for, as a server reads it."""

    @property
    def view(self) -> Any:
        return self

    def ask(self, ref: ObjectRef, port: int | str, path: str) -> HttpAnswer:
        assert (str(ref), port) == ("service shop/orders", "http")
        path, _, asked = path.partition("?")
        assert path in {"/backlog", "/shipments", "/receipts"}
        self.asked.update(parse_qsl(asked))
        return HttpAnswer(self.status, self.body)

    def get(self, ref: ObjectRef) -> dict[str, Any] | None:
        assert str(ref) == "daemonset shop/agent"
        return self.found


def measure(name: str, saying: Saying, **arguments: Any) -> tuple[float, str]:
    module, _, function = name.partition(".")
    spec = getattr(importlib.import_module(f"gameday.probes.{module}"), function).spec
    found = spec.measure(saying, namespace="shop", **arguments)
    assert found.seen
    return found.value, found.unit


def says(**members: Any) -> Saying:
    return Saying(body=json.dumps(members).encode())


def test_the_backlog_is_counted_and_its_oldest_order_timed() -> None:
    backlog = says(orders=7, being_picked=2, oldest_seconds=12.3456)
    assert measure("orders.backlog", backlog) == (7.0, "orders")
    assert measure("orders.oldest_unshipped", backlog) == (12.346, "s")


def test_what_was_shipped_twice_is_counted() -> None:
    assert measure("orders.shipped_twice", says(parcels=9, orders=8, shipped_twice=1)) == (1.0, "orders")


def test_receipts_that_are_owed_and_those_that_nobody_will_ever_write_are_counted() -> None:
    shop = says(paid=40, owed=3, oldest_seconds=71.2, missing=2)
    assert measure("orders.receipts_owed", shop) == (3.0, "receipts")
    assert measure("orders.receipts_missing", shop) == (2.0, "receipts")
    assert measure("orders.receipts_owed", says(paid=40, owed=0, oldest_seconds=0.0, missing=0)) == (0.0, "receipts")


@pytest.mark.parametrize("after_seconds", [0, 0.25, 1, 1_000_000, 1234567.5])
def test_the_shop_is_asked_about_just_the_time_that_is_meant(after_seconds: float) -> None:
    shop = says(paid=40, owed=3, oldest_seconds=71.2, missing=2)
    measure("orders.receipts_owed", shop, after_seconds=after_seconds)
    assert {name: float(value) for name, value in shop.asked.items()} == {"older_seconds": after_seconds}


def test_without_a_paid_order_nothing_shows_whether_receipts_are_written() -> None:
    with pytest.raises(NoMeasurementError, match="no order is paid"):
        measure("orders.receipts_missing", says(paid=0, owed=0, oldest_seconds=0.0, missing=0))


ASKED = ("backlog", "oldest_unshipped", "shipped_twice", "receipts_owed", "receipts_missing")


@pytest.mark.parametrize("name", [f"orders.{name}" for name in ASKED])
@pytest.mark.parametrize(
    "saying",
    [Saying(503), Saying(body=b"<html>"), Saying(body=b"[]"), says(), says(orders=None, oldest_seconds="1", shipped_twice=True)],
    ids=["an error", "no JSON", "no object", "nothing", "no numbers"],
)
def test_what_the_shop_does_not_say_is_no_measurement(name: str, saying: Saying) -> None:
    with pytest.raises(NoMeasurementError, match="expected"):
        measure(name, saying)


def a_daemon_set(wanted: int, ready: int, *, observed: int = 3) -> Saying:
    status = {"desiredNumberScheduled": wanted, "numberReady": ready, "observedGeneration": observed}
    return Saying(found={"metadata": {"generation": 3}, "status": status})


def test_agents_that_are_not_ready_or_not_there_are_unhealthy() -> None:
    assert measure("agents.unhealthy", a_daemon_set(3, 1)) == (2.0, "nodes")
    assert measure("agents.unhealthy", a_daemon_set(3, 3)) == (0.0, "nodes")


@pytest.mark.parametrize("saying", [Saying(), a_daemon_set(3, 3, observed=2)], ids=["not there", "not looked at"])
def test_without_agents_or_their_controllers_word_there_is_no_measurement(saying: Saying) -> None:
    with pytest.raises(NoMeasurementError):
        measure("agents.unhealthy", saying)
