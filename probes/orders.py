"""Probes of orders: what customers were promised, what they paid for, and who of those that were failed is known.

They look every submit of the run up in the shop, as the journey's `ledger` says, while traffic goes on.
"""

from __future__ import annotations

from gameday.change import Measurement, Observations, probe
from gameday.errors import BadParameterError


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
    if not after_seconds >= 0:
        raise BadParameterError(f"orders.untracked: expected after_seconds from 0 up, but got {after_seconds!r}")
    found = observations.ledger(failed_before_seconds=after_seconds)
    seen = f"of {found.failed} submits that the shop answered with an error"
    return Measurement(len(found.untracked), "orders", seen, samples=found.failed)
