"""What people are told, measured from a status service's own answers."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from gameday.change import bind
from gameday.cluster import HttpAnswer, ObjectRef
from gameday.errors import BadParameterError, NoMeasurementError
from gameday.probes import comms


@dataclass
class Status:
    """A view of a cluster whose status service says this."""

    states: dict[str, str] = field(default_factory=dict)
    estimates: tuple[str, ...] = ()
    messages: list[tuple[str, float]] = field(default_factory=list)
    status: int = 200
    asked: list[Any] = field(default_factory=list)

    def ask(self, ref: ObjectRef, port: int | str, path: str) -> HttpAnswer:
        self.asked.append((str(ref), port, path))
        channels = [
            {"name": name, "state": state, "text": "t", "estimate": "2026-11-25T18:30:00+00:00" if name in self.estimates else ""}
            for name, state in self.states.items()
        ]
        messages = [{"state": state, "message": "m", "age_seconds": age} for state, age in self.messages]
        return HttpAnswer(self.status, json.dumps({"channels": channels, "messages": messages}).encode())


def measure(probe: Any, observations: Any, **arguments: Any) -> Any:
    return probe.spec.measure(observations, **bind(probe.spec.measure, probe.spec.name, {"namespace": "shop", **arguments}))


ALL_WELL = {"page": "operational", "phone": "operational", "chat": "operational"}
APART = {"page": "identified", "phone": "operational", "chat": "operational"}
TOGETHER = dict.fromkeys(ALL_WELL, "identified")


@pytest.mark.parametrize(
    ("states", "percent"), [(ALL_WELL, 100.0), (TOGETHER, 100.0), (APART, 66.667), ({"page": "resolved"}, 100.0)]
)
def test_channels_agree_as_far_as_they_say_the_same(observed: Any, states: dict[str, str], percent: float) -> None:
    status = Status(states)
    found = measure(comms.agreement, observed(view=status))
    assert (found.value, found.unit) == (percent, "%")
    assert status.asked == [("service shop/status", "http", "/channels")]


@pytest.mark.parametrize(
    ("states", "estimates", "percent"),
    [
        (ALL_WELL, (), 100.0),
        (TOGETHER, ("page", "phone", "chat"), 100.0),
        (TOGETHER, ("page",), 33.333),
        (APART, ("page", "phone"), 33.333),
        (TOGETHER, (), 0.0),
    ],
)
def test_a_channel_that_denies_the_incident_gives_no_estimate_of_it(
    observed: Any, states: dict[str, str], estimates: tuple[str, ...], percent: float
) -> None:
    assert measure(comms.has_estimate, observed(view=Status(states, estimates))).value == percent


def test_the_first_message_counts_from_the_fault_and_older_ones_are_about_something_else(observed: Any) -> None:
    status = Status(
        ALL_WELL, messages=[("identified", 5000.0), ("resolved", 4000.0), ("investigating", 600.0), ("identified", 200.0)]
    )
    found = measure(comms.first_message_seconds, observed(view=status, began=time.monotonic() - 1000.0))
    assert 399 < found.value < 500
    assert found.low < found.value


def test_as_long_as_nobody_is_told_the_waiting_is_measured(observed: Any) -> None:
    seen = observed(view=Status(ALL_WELL), began=time.monotonic() - 10.0)
    found = measure(comms.first_message_seconds, seen, within_seconds=9.0)
    assert found.value > 9.0
    assert found.seen == "nobody has been told anything yet"


def test_before_any_fault_there_is_nothing_to_tell(observed: Any) -> None:
    assert measure(comms.first_message_seconds, observed(view=Status(ALL_WELL))).value == 0.0
    with pytest.raises(BadParameterError, match="expected within_seconds to be above 0"):
        measure(comms.first_message_seconds, observed(view=Status(ALL_WELL)), within_seconds=0)


@pytest.mark.parametrize(
    ("messages", "longest"),
    [
        ([], 0.0),
        ([("operational", 9.0)], 0.0),
        ([("identified", 9.0)], 9.0),
        ([("identified", 90.0), ("resolved", 80.0), ("identified", 9.0), ("monitoring", 4.0)], 5.0),
        ([("identified", 9.0), ("monitoring", 8.0), ("resolved", 1.0)], 7.0),
        ([("identified", 9.0), ("resolved", 8.0), ("operational", 1.0)], 1.0),
    ],
)
def test_the_longest_silence_is_that_of_the_newest_incident(
    observed: Any, messages: list[tuple[str, float]], longest: float
) -> None:
    assert measure(comms.cadence_seconds, observed(view=Status(ALL_WELL, messages=messages))).value == longest


def test_a_status_service_that_says_something_else_is_no_measurement(observed: Any) -> None:
    with pytest.raises(NoMeasurementError, match="found status 503"):
        measure(comms.agreement, observed(view=Status(ALL_WELL, status=503)))
    with pytest.raises(NoMeasurementError, match="expected at least one channel"):
        measure(comms.agreement, observed(view=Status({})))
