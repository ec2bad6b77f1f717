"""Probes of orders: what customers were promised, what they paid for, who of those that were failed is known, what is shipped.

The first four look every submit of the run up in the shop, as the journey's `ledger` says, while traffic goes on; the others
ask the shop's own service.
"""

from __future__ import annotations

import json
from typing import Any

from gameday.change import Measurement, Observations, probe
from gameday.cluster import ObjectRef
from gameday.errors import NoMeasurementError

_OK = 200


@probe
def lost(observations: Observations) -> Measurement:
    """Measure how many orders that were acknowledged to customers the shop does not have, in orders.

    NoMeasurementError without traffic, and where the shop cannot be asked.
    """
    found = observations.ledger()
    return Measurement(len(found.lost), "orders", f"{found.found} of {found.acknowledged} are there", samples=found.acknowledged)


@probe
def doubled(observations: Observations) -> Measurement:
    """Measure how many submits became more than one order, in orders.

    NoMeasurementError without traffic, and where the shop cannot be asked.
    """
    found = observations.ledger()
    seen = f"{found.acknowledged} orders were acknowledged"
    return Measurement(len(found.doubled), "orders", seen, samples=found.acknowledged)


@probe
def unrecorded(observations: Observations) -> Measurement:
    """Measure how many submits failed and were charged all the same, without an order, in orders.

    NoMeasurementError without traffic, and where the shop cannot be asked. 0 where the journey does not say how charges are
    found.
    """
    found = observations.ledger()
    return Measurement(
        len(found.unrecorded), "orders", f"of {found.indeterminate} submits that failed", samples=found.indeterminate
    )


@probe
def untracked(observations: Observations, *, after_seconds: float = 2.0) -> Measurement:
    """Measure how many submits the shop failed of which it has neither an order nor a record, so that nobody can be told.

    In orders, since the round began. after_seconds: only those that failed that long ago or longer, since the shop may take a
    moment to write them down. A round that measures this is also judged by it at its end, when the ledger is looked up.
    NoMeasurementError without traffic, and where the shop cannot be asked.
    """
    found = observations.ledger(failed_before_seconds=after_seconds)
    seen = f"of {found.failed} submits that the shop answered with an error"
    return Measurement(len(found.untracked), "orders", seen, samples=found.failed)


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


@probe
def receipts_owed(
    observations: Observations, *, namespace: str, service: str = "orders", after_seconds: float = 1.0
) -> Measurement:
    """Measure how many paid orders wait for their receipt: it is owed, and the object store has not taken it yet.

    namespace, service: the Service that answers GET /receipts, asked through the API server. after_seconds: only orders that
    were paid that long ago or longer, since a receipt takes a moment. The measurement says how long the oldest has waited.
    NoMeasurementError if the Service does not answer.
    """
    found = _ask(observations, namespace, service, f"/receipts?older_seconds={after_seconds:f}")
    owed, oldest = _number(found, "owed"), _number(found, "oldest_seconds")
    seen = f"{owed:g} receipts of {_number(found, 'paid'):g} paid orders are owed for {after_seconds:g} s or longer"
    return Measurement(owed, "receipts", seen + (f", the oldest for {oldest:.0f} s" if owed else ""), samples=1)


@probe
def receipts_missing(observations: Observations, *, namespace: str, service: str = "orders") -> Measurement:
    """Measure how many paid orders have no receipt and are owed none, so that nobody will ever write it.

    By the shop's own books alone: the object store is not asked which receipts it has. A shop that owes each receipt in the
    commit that pays the order has none missing, whatever its store does; what this finds are orders that were taken out of the
    queue, or charged without a place in it. Whether the store takes what is owed is for receipts_owed. namespace, service: as for
    receipts_owed. NoMeasurementError if the Service does not answer, and without a paid order.
    """
    found = _ask(observations, namespace, service, "/receipts")
    missing, paid = _number(found, "missing"), _number(found, "paid")
    if not paid:
        raise NoMeasurementError("no order is paid, so nothing shows whether receipts are written")
    seen = f"of {paid:g} paid orders, {_number(found, 'owed'):g} are still owed theirs"
    return Measurement(missing, "receipts", seen, samples=int(paid))


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
