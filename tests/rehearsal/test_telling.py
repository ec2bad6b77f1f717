from __future__ import annotations

import pytest

from gameday.log import Event
from gameday.log.events import ChangeLanded, RoundStarted
from gameday.log.people import (
    FaultRevealed,
    InjectShown,
    MessageSent,
    MomentMarked,
    PersonJoined,
    RunbookChosen,
    StepTicked,
)
from gameday.rehearsal.state import fold
from gameday.rehearsal.telling import clocks_told, duration, incidents_told, people_told, steps_told, told
from tests.rehearsal.logs import at, beginning, dated

FAY = (0.0, PersonJoined(person="Fay", roles=["facilitator"]))


def lines(*events: tuple[float, Event], person: str, surprise: bool = False) -> list[str]:
    log = dated([*beginning(surprise=surprise), FAY, *events])
    state = fold(log)
    return [line for event in log if (line := told(event, state, person=person))]


def test_in_a_surprise_only_the_facilitator_and_whoever_holds_it_are_told_which_fault_it_is() -> None:
    landed = (5.0, ChangeLanded(change_ids=["c1"], by="scale", landed=True, seen="payment has no pods", round="one"))
    for person, is_told in [("Ada", False), ("Ben", False), ("Fay", True), ("", True)]:
        text = "\n".join(lines(landed, person=person, surprise=True))
        assert ("Payment is gone" in text) is is_told
        assert ("payment has no pods" in text) is is_told
    assert "a round begins: a surprise" in "\n".join(lines(person="Ada", surprise=True))


@pytest.mark.parametrize("surprise", [True, False])
def test_when_the_fault_was_is_told_to_whoever_responds_once_something_has_alerted_them(surprise: bool) -> None:  # noqa: FBT001
    fault = (60.0, MomentMarked(moment="fault", person="Fay", detail="payment has no pods", round="one"))
    log = dated([*beginning(surprise=surprise), FAY, fault])
    alert = (90.0, InjectShown(inject="a", what="alert", to=[], text="orders fail", round="one"))
    for person, is_told in [("Ada", False), ("Fay", True), ("", True)]:
        assert ("fault" in "\n".join(lines(fault, person=person, surprise=surprise))) is is_told
        clocks = "\n".join(clocks_told(fold(log), at(100), person=person))
        assert ("Detection gap                runs, 40 s" in clocks) is is_told
        text = "\n".join(lines(fault, alert, person=person, surprise=surprise))
        assert "10:01:00 fault (Fay)" in text
        assert ("payment has no pods" in text) is (is_told or not surprise)


def test_once_it_is_revealed_everybody_is_told() -> None:
    text = "\n".join(lines((9, FaultRevealed(by="Fay", round="one")), person="Ada", surprise=True))
    assert "the fault is revealed: Payment is gone" in text


def test_in_a_surprise_the_steps_are_shown_to_whoever_has_opened_the_right_runbook() -> None:
    log = dated([*beginning(surprise=True), FAY, (1, RunbookChosen(runbook="pod-loss", person="Ada", round="one"))])
    assert "open is: pod-loss" in "\n".join(steps_told(fold(log), person="Ada"))
    assert "Scale payment back" in "\n".join(steps_told(fold(log), person="Fay"))
    log += dated([*beginning(surprise=True), (2, RunbookChosen(runbook="dependency-down", person="Ada", round="one"))])[-1:]
    assert "Scale payment back" in "\n".join(steps_told(fold(log), person="Ada"))


def test_in_a_surprise_a_steps_title_is_told_to_nobody_who_has_not_found_the_runbook() -> None:
    ticked = (4.0, StepTicked(runbook="dependency-down", step="scale", person="Fay", outcome="done", round="one"))
    opened = (5.0, RunbookChosen(runbook="dependency-down", person="Ada", round="one"))
    assert lines(ticked, person="Ada", surprise=True)[-1] == "10:00:04 Fay, done: a step of the runbook"
    assert lines(ticked, person="Fay", surprise=True)[-1] == "10:00:04 Fay, done: Scale payment back"
    assert lines(ticked, opened, person="Ada", surprise=True)[-1] == "10:00:04 Fay, done: Scale payment back"


def test_what_is_for_a_role_is_told_to_whoever_holds_it() -> None:
    calls = (3.0, InjectShown(inject="a", what="calls", to=["subject-matter expert"], text="forty calls", round="one"))
    assert "10:00:03 CALLS: forty calls" in lines(calls, person="Ben")
    assert "CALLS" not in "\n".join(lines(calls, person="Ada"))
    assert "CALLS" in "\n".join(lines(calls, person="Fay"))


def test_text_of_people_has_no_control_over_a_terminal() -> None:
    sent = MessageSent(person="Ada", audience="press", channel="mail", text="a\x1b[2Jb\nc")
    assert lines((4, sent), person="Ben")[-1] == "10:00:04 Ada to press (mail): a [2Jb c"


def test_steps_say_what_became_of_them() -> None:
    ticked = (7.0, StepTicked(runbook="r", step="see", person="Ben", outcome="skipped", reason="known", round="one"))
    found = list(steps_told(fold(dated([*beginning(), ticked]))))
    assert found == [
        "A service is down",
        "  1 [-] See that orders fail (Detect, subject-matter expert): skipped by Ben, because known",
        "  2 [ ] Scale payment back (Resolve, subject-matter expert)",
    ]


def test_clocks_run_until_they_are_stopped_and_say_what_was_agreed() -> None:
    log = dated([*beginning(clocks={"resolve": 60.0}), FAY, (0, MomentMarked(moment="fault", person="Fay", round="one"))])
    text = "\n".join(clocks_told(fold(log), at(90)))
    assert "Time to resolve (MTTR)       runs, 1:30 (agreed: 1:00, missed)" in text
    assert "Time to acknowledge (MTTA)   unknown" in text


def test_a_clock_whose_end_lies_before_its_beginning_says_so_and_runs_no_more() -> None:
    marked = [(30, MomentMarked(moment="acknowledged", person="Ada")), (60, MomentMarked(moment="alert", person="Ada"))]
    log = dated([*beginning(clocks={"acknowledge": 300.0}), *marked])
    told_line = "Time to acknowledge (MTTA)   unknown: acknowledged lies before alert (agreed: 5:00, unknown)"
    assert told_line in list(clocks_told(fold(log), at(90)))
    assert f"  {told_line}" in list(incidents_told(log))


def test_a_message_that_customers_are_owed_counts_down() -> None:
    log = dated([*beginning(), (0, MomentMarked(moment="declared", person="Ada", round="one"))])
    assert "Next message to customers    in 4:00" in list(clocks_told(fold(log), at(60)))
    assert "Next message to customers    late by 10 s" in list(clocks_told(fold(log), at(310)))


def test_at_the_end_each_round_is_told_with_what_is_known_of_it() -> None:
    moments = [(float(s), MomentMarked(moment=m, person="Ada", round="one")) for s, m in [(0, "fault"), (3600, "resolved")]]
    assert list(incidents_told(dated([*beginning(), *moments]))) == [
        "Payment is gone:",
        "  Time to resolve (MTTR)       1:00:00",
        "  Steps                        0 done, 0 skipped, 2 open",
    ]


def test_people_are_told_with_their_roles() -> None:
    state = fold(dated([*beginning(), (1, RoundStarted(round="x", title="t", experiment="e", experiment_digest="d"))]))
    assert list(people_told(state)) == ["Ada: incident commander", "Ben: subject-matter expert"]


def test_a_duration_reads_as_people_say_it() -> None:
    assert [duration(seconds) for seconds in (0.4, 59, 61, 3600)] == ["0 s", "59 s", "1:01", "1:00:00"]
