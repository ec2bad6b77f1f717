"""Orders that are not as they were promised, counted."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.change import bind
from gameday.errors import BadParameterError, NoMeasurementError
from gameday.probes import orders
from gameday.traffic.ledger import Doubled, Entry, LedgerResult


def measure(probe: Any, observations: Any, **arguments: Any) -> Any:
    return probe.spec.measure(observations, **bind(probe.spec.measure, probe.spec.name, arguments))


ENTRY = Entry("k", "c", 1.0, 2.0, 3.0)
RESULT = LedgerResult(
    acknowledged=9,
    found=7,
    lost=(ENTRY,) * 2,
    doubled=(Doubled("k", ("a", "b")),),
    altered=(),
    indeterminate=6,
    recovered_indeterminate=1,
    unrecorded=(ENTRY,) * 3,
    untracked=(ENTRY,) * 4,
    failed=5,
)


@pytest.mark.parametrize(
    ("probe", "value", "samples"),
    [(orders.lost, 2, 9), (orders.doubled, 1, 9), (orders.unrecorded, 3, 6), (orders.untracked, 4, 5)],
)
def test_each_kind_is_counted_in_orders(observed: Any, probe: Any, value: int, samples: int) -> None:
    found = measure(probe, observed(ledger_result=RESULT))
    assert (found.value, found.unit, found.samples) == (value, "orders", samples)


def test_failures_get_a_moment_to_be_written_down(observed: Any) -> None:
    seen = observed(ledger_result=RESULT)
    measure(orders.untracked, seen, after_seconds=3.0)
    assert seen.asked == [3.0]
    with pytest.raises(BadParameterError, match="expected after_seconds to be zero or more"):
        measure(orders.untracked, seen, after_seconds=-1)


def test_a_shop_that_cannot_be_asked_is_no_measurement(observed: Any) -> None:
    with pytest.raises(NoMeasurementError):
        measure(orders.lost, observed(ledger_result=NoMeasurementError("found no answer")))
