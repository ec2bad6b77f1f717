"""Stop conditions: when a stream of samples is a breach, and when a probe that is outside, or blind, is one."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.change import Measurement, Observations, probe
from gameday.errors import BadParameterError
from gameday.experiment.stops import StopOnProbe, StopOnSamples
from gameday.run.observing import RunObservations
from gameday.run.stopping import ProbeWatch, SampleWatch
from gameday.traffic.windows import Outcomes, Window

BELOW_90_FOR_2 = StopOnSamples(90, 2.0)


def window(start: float, *, ok: int, failed: int) -> Window:
    return Window(start, 0.1, ok + failed, 0.0, Outcomes(ok, failed), {})


def breach(samples: Iterable[tuple[int, int]], *, armed_at: float | None = 0.0) -> tuple[float, str] | None:
    watch = SampleWatch(BELOW_90_FOR_2, armed_at=armed_at)
    for number, (ok, failed) in enumerate(samples):
        why = watch.take(window(number / 10, ok=ok, failed=failed))
        if why:
            return round(number / 10 + 0.1, 3), why
    return None


def test_success_below_the_share_for_the_whole_time_is_a_breach_and_not_earlier() -> None:
    found = breach([(0, 4)] * 40)
    assert found is not None
    assert found[0] == 2.0
    assert "success below 90 % for 2 s; it was 0.0 %" in found[1]


def test_success_at_the_share_is_no_breach() -> None:
    assert breach([(9, 1)] * 100) is None


def test_a_short_dip_is_no_breach() -> None:
    assert breach([(10, 0)] * 30 + [(0, 10)] * 1 + [(10, 0)] * 60) is None


def test_before_the_first_fault_nothing_is_a_breach() -> None:
    assert breach([(0, 4)] * 100, armed_at=None) is None
    found = breach([(0, 4)] * 100, armed_at=5.0)
    assert found is not None
    assert found[0] == 7.0


def test_no_samples_at_all_are_no_breach_of_their_success() -> None:
    assert breach([(0, 0)] * 100) is None


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=80))
def test_a_breach_is_exactly_a_stretch_of_two_seconds_below(samples: list[tuple[int, int]]) -> None:
    def below(end: int) -> bool:
        ok = sum(found[0] for found in samples[end - 20 : end])
        all_ = ok + sum(found[1] for found in samples[end - 20 : end])
        return all_ > 0 and ok / all_ * 100 < 90

    ends = [end for end in range(20, len(samples) + 1) if below(end)]
    found = breach(samples)
    assert (found[0] if found else None) == (ends[0] / 10 if ends else None)


@probe
def broken(_: Observations) -> Measurement:
    raise ConnectionRefusedError("nobody listens")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        # Without traffic the probe of checkout has nothing to look at.
        ("gameday.probes.checkout.success_rate", "no traffic runs"),
        ("a_project.probes.broken", "ConnectionRefusedError: nobody listens"),
    ],
    ids=["says so", "raises anything"],
)
def test_a_probe_that_cannot_look_three_times_in_a_row_is_a_breach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    monkeypatch.setitem(sys.modules, "a_project.probes", sys.modules[__name__])
    (tmp_path / "events.jsonl").touch()
    heard: list[str] = []
    over = threading.Event()

    def breached(why: str) -> None:
        heard.append(why)
        over.set()

    condition = StopOnProbe(name, {}, (90.0, 100.0), 0.01)
    watch = ProbeWatch(condition, RunObservations(tmp_path, pytest.fail, round_id="r", since=0.0), breached=breached)
    watch.start()
    assert over.wait(60)
    assert "could not look 3 times in a row" in heard[0]
    assert told in heard[0]


def test_an_action_is_no_stop_condition(tmp_path: Path) -> None:
    condition = StopOnProbe("gameday.actions.pods.kill", {}, (0.0, 1.0), 1.0)
    with pytest.raises(BadParameterError, match="is an action"):
        ProbeWatch(condition, RunObservations(tmp_path, pytest.fail, round_id="r", since=0.0), breached=print)
