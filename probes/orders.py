"""Probes of orders: how many wait to be shipped and for how long, and whether one was shipped twice."""

from __future__ import annotations

import json
from typing import Any

from gameday.change import Measurement, Observations, probe
from gameday.cluster import ObjectRef
from gameday.errors import NoMeasurementError

_OK = 200


@probe
def backlog(observations: Observations, *, namespace: str, service: str = "orders") -> Measurement:
    """Measure how many orders are paid and not shipped yet.

    namespace, service: the Service that answers GET /backlog, asked through the API server. NoMeasurementError if it does not.
    """
    waiting = _number(_ask(observations, namespace, service, "/backlog"), "orders")
    return Measurement(waiting, "orders", f"{waiting:g} paid orders are not shipped", samples=1)


@probe
def oldest_unshipped(observations: Observations, *, namespace: str, service: str = "orders") -> Measurement:
    """Measure how long the oldest order that is paid and not shipped has waited, in seconds; 0 if there is none.

    namespace, service: as for backlog.
    """
    found = _ask(observations, namespace, service, "/backlog")
    seconds = _number(found, "oldest_seconds")
    waiting = _number(found, "orders")
    return Measurement(round(seconds, 3), "s", f"the oldest of {waiting:g} paid orders that are not shipped", samples=1)


@probe
def shipped_twice(observations: Observations, *, namespace: str, service: str = "orders") -> Measurement:
    """Measure how many orders were shipped more than once.

    namespace, service: the Service that answers GET /shipments, asked through the API server. NoMeasurementError if it does not.
    """
    found = _ask(observations, namespace, service, "/shipments")
    twice, shipped = _number(found, "shipped_twice"), _number(found, "orders")
    return Measurement(twice, "orders", f"of {shipped:g} orders that were shipped", samples=1)


def _ask(observations: Observations, namespace: str, service: str, path: str) -> dict[str, Any]:
    """Return what a Service of the shop says, as JSON; a ClusterError where nobody could be asked."""
    ref = ObjectRef("v1", "Service", namespace, service)
    answer = observations.view.ask(ref, "http", path)
    if answer.status != _OK:
        raise NoMeasurementError(f"expected {ref} to answer GET {path} with 200, but it answered {answer.status}")
    try:
        found = json.loads(answer.body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise NoMeasurementError(f"expected {ref} to answer GET {path} with a JSON object, but got {answer.body[:80]!r}")
    return found


def _number(found: dict[str, Any], key: str) -> float:
    value = found.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NoMeasurementError(f"expected a number under {key!r}, but got {value!r}")
    return float(value)
