from __future__ import annotations

from collections.abc import Callable

import pytest

from gameday.log import AnyEvent
from gameday.report.story import tell
from gameday.report.timeline import Timeline, of_round, of_run

Play = Callable[[str], list[AnyEvent]]


def timelines(events: list[AnyEvent]) -> list[Timeline]:
    story = tell(events)
    found = [of_round(round_, story, id=round_.id) for round_ in story.rounds]
    return [timeline for timeline in found if timeline is not None]


def test_marks_are_numbered_in_the_order_of_time(any_log: list[AnyEvent]) -> None:
    for timeline in timelines(any_log):
        assert [mark.number for mark in timeline.marks] == list(range(1, len(timeline.marks) + 1))
        assert [mark.at_seconds for mark in timeline.marks] == sorted(mark.at_seconds for mark in timeline.marks)


def test_a_fault_is_in_place_until_a_runbook_step_writes_the_same_object(play: Play) -> None:
    _, payment = timelines(play("first"))
    (fault,) = payment.faults
    assert fault.start_seconds == pytest.approx(29.24)
    assert fault.end_seconds == pytest.approx(37.24)


def test_a_deleted_pod_is_a_moment_and_not_a_stretch(play: Play) -> None:
    pod, _ = timelines(play("first"))
    assert pod.faults == ()
    assert [mark.kind for mark in pod.marks] == ["fault", "recovered", "undo"]


def test_a_fault_that_nobody_undid_is_in_place_to_the_end(play: Play) -> None:
    _, payment = timelines(play("torn"))
    assert payment.faults[0].end_seconds == tell(play("torn")).run.duration_seconds


def test_what_is_left_behind_has_a_mark_of_its_own(play: Play) -> None:
    (timeline,) = timelines(play("with_residue"))
    assert [mark.kind for mark in timeline.marks] == ["fault", "runbook", "runbook", "left"]


def test_the_moment_of_recovery_is_the_measured_one(play: Play) -> None:
    _, payment = timelines(play("first"))
    (recovered,) = [mark for mark in payment.marks if mark.kind == "recovered"]
    assert recovered.at_seconds == pytest.approx(29.24 + 9.1)


def test_the_overview_shows_every_round_and_its_first_fault(play: Play) -> None:
    overview = of_run(tell(play("first")))
    assert overview is not None
    assert [span.label for span in overview.spans] == ["1 A checkout pod is killed", "2 The payment service is gone"]
    assert [mark.number for mark in overview.marks] == [1, 2]


def test_a_run_without_traffic_has_no_picture(play: Play) -> None:
    assert of_run(tell(play("refused"))) is None
