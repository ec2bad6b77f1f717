"""Windows are final only when nothing can be added to them, and then they hold everything that was due in them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gameday.traffic.measuring import MOST_KINDS, Recorder, Sample


def test_a_request_that_hangs_holds_back_its_window_and_those_after_it() -> None:
    recorder = Recorder(100.0)
    for due in (100.05, 100.15):
        recorder.begin(due)
    recorder.end("a", Sample(100.15, 100.16))
    assert recorder.final(102.0, 102.0) == []
    assert recorder.held_since(102.0) == 100.0
    recorder.end("a", Sample(100.05, 102.9, "timeout"))
    first, second, *rest = recorder.final(103.0, 103.0)
    assert (first.of("a").failed, second.of("a").ok) == (1, 1)
    assert all(window.of("a").samples == 0 for window in rest)


def test_no_window_is_final_before_the_next_journey_of_its_time_was_begun() -> None:
    recorder = Recorder(0.0)
    assert recorder.final(now=5.0, next_due=0.35)[-1].end <= 0.35 + 1e-9


@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0, 3), st.booleans()), max_size=80))
def test_every_sample_is_in_the_window_in_which_it_was_due_and_none_is_lost(
    samples: list[tuple[float, float, bool]],
) -> None:
    recorder = Recorder(50.0)
    for after, _, _ in samples:
        recorder.begin(50.0 + after)
    for after, lasted, ok in samples:
        due = 50.0 + after
        recorder.end("s", Sample(due, due + lasted, "" if ok else "timeout"))
    windows = recorder.final(60.0, 60.0)
    assert sum(window.of("s").ok for window in windows) == sum(ok for _, _, ok in samples)
    for window in windows:
        due_here = [after for after, _, _ in samples if window.start <= 50.0 + after < window.end]
        assert abs(window.of("s").samples - len(due_here)) <= sum(
            min(abs(50.0 + after - window.start), abs(50.0 + after - window.end)) < 1e-6 for after, _, _ in samples
        )


def test_a_window_names_only_so_many_kinds_of_error() -> None:
    recorder = Recorder(0.0)
    for number in range(200):
        recorder.begin(0.01)
        recorder.end("s", Sample(0.01, 0.02, f"status_{number}"))
    (window,) = recorder.final(0.1, 0.1)
    assert len(window.of("s").errors) == MOST_KINDS + 1
    assert sum(window.of("s").errors.values()) == 200


def test_the_latest_sending_is_how_far_behind_a_window_is() -> None:
    recorder = Recorder(0.0)
    recorder.sent(0.01, 0.015)
    recorder.sent(0.02, 0.05)
    assert round(recorder.final(0.1, 0.1)[0].behind_seconds, 6) == 0.03


def test_a_journey_counts_for_its_cohort_too_and_latencies_are_of_all_alone() -> None:
    recorder = Recorder(0.0)
    for cohort, error in (("app", "submit:status_500"), ("web", ""), ("", "")):
        recorder.begin(0.01)
        recorder.decide(0.01, Sample(0.01, 0.02, error, bool(error)), cohort)
        recorder.end("s", Sample(0.01, 0.02, error))
    (window,) = recorder.final(0.1, 0.1)
    assert window.journeys.samples == 3
    assert {name: (found.ok, found.failed, found.poor_errors) for name, found in window.cohorts.items()} == {
        "app": (0, 1, 1),
        "web": (1, 0, 0),
    }
    assert window.journeys.latency
    assert not window.of_cohort("web").latency
