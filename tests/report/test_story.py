from __future__ import annotations

import random
from collections.abc import Callable

import msgspec
import pytest

from gameday.log import AnyEvent
from gameday.log.events import LoadWindow, Noted, ProcessStarted, RecoveryStarted, RunEnded, RunStarted, VerdictGiven
from gameday.report.story import tell

Play = Callable[[str], list[AnyEvent]]


def test_one_log_gives_the_same_story_every_time(any_log: list[AnyEvent]) -> None:
    assert tell(any_log) == tell(list(any_log))


def test_every_beginning_of_a_log_can_be_told(play: Play) -> None:
    events = [event for event in play("with_residue") if not isinstance(event, LoadWindow)]
    for length in range(len(events)):
        story = tell(events[:length])
        assert not story.ended
        assert story.state == ("empty" if length == 0 else "cut")


def test_a_run_that_went_as_expected_says_so_and_what_was_undone(play: Play) -> None:
    story = tell(play("first"))
    assert story.state == "expected"
    assert story.headline == "Both rounds went as expected. Everything that was changed was undone."
    assert [round_.verdict.verdict for round_ in story.rounds] == ["held", "deviated"]
    assert all(round_.verdict.as_expected for round_ in story.rounds)
    assert story.residue == ()


def test_a_verdict_is_said_in_plain_words_with_its_recovery_against_the_objective(play: Play) -> None:
    verdict = tell(play("first")).rounds[0].verdict
    assert verdict.sentence == "Held: “Customers can check out while one checkout pod is replaced” stayed true."
    assert verdict.recovery_sentence == (
        "Customers could check out again 0.40 s (0.36 to 0.46 s) after the fault, within the objective of 30 s."
    )


def test_an_outage_that_was_not_seen_is_not_called_a_recovery(play: Play) -> None:
    events = play("first")
    given = next(event for event in events if isinstance(event, VerdictGiven))
    unseen = {"seconds": 0.0, "low_seconds": 0.0, "high_seconds": 0.5, "ever_out": False}
    index = events.index(given)
    events[index] = VerdictGiven(verdict="held", expected="held", reasons=[], recovery=unseen, round=given.round, mono=given.mono)
    sentence = tell(events).rounds[0].verdict.recovery_sentence
    assert sentence == "No outage was seen; one shorter than 0.50 s could have hidden."


def test_changes_carry_their_evidence_their_diff_and_their_undo(play: Play) -> None:
    fault, step = tell(play("first")).rounds[1].changes
    assert (fault.origin, step.origin) == ("fault", "runbook")
    assert fault.applied_seconds == pytest.approx(29.24)
    assert [(field.path, field.before, field.after) for field in fault.fields] == [("/spec/replicas", "2", "0")]
    assert fault.evidence is not None
    assert fault.evidence.landed is True
    assert (fault.state, step.state) == ("already", "already")
    assert step.undo == fault.undo


def test_a_runbook_step_tells_its_time_its_check_and_its_effect(play: Play) -> None:
    look, tell_desk, scale = tell(play("first")).rounds[1].steps
    assert (look.result, look.duration_seconds, look.effect) == ("done", 0.6, None)
    assert (tell_desk.result, tell_desk.role) == ("skipped", "lead")
    assert scale.effect is not None
    assert (scale.effect.before_percent, scale.effect.after_percent, scale.effect.samples) == (0.0, 100.0, 240)
    assert scale.check is not None
    assert (scale.check.met, scale.check.within) == (True, "at least 99")


def test_checkouts_are_counted_by_whole_journeys_so_an_earlier_failure_counts(play: Play) -> None:
    round_ = tell(play("first")).rounds[1]
    assert round_.checkouts_failed == 88 * 6
    assert min(bucket.success for bucket in round_.series if bucket.success is not None) == 0.0


def test_a_stretch_in_which_nothing_succeeded_has_no_latency(play: Play) -> None:
    series = tell(play("first")).rounds[1].series
    out = [bucket for bucket in series if bucket.success == 0.0]
    assert out
    assert all(bucket.p50_ms is None and bucket.p95_ms is None for bucket in out)
    assert all(bucket.p95_ms is not None for bucket in series if bucket.success == 1.0)


def test_a_killed_run_names_what_is_still_owed_and_how_to_recover(play: Play) -> None:
    story = tell(play("torn"))
    assert story.state == "cut"
    assert "gameday recover" in story.headline
    assert story.residue == ("deployment shop/payment is still owed",)
    assert story.actions[0].command == "gameday recover"
    assert story.rounds[1].verdict.verdict == "none"
    assert story.rounds[1].end_seconds is None


def test_a_log_taken_over_by_a_machine_with_another_clock_keeps_its_times(play: Play) -> None:
    story = tell(play("recovered"))
    assert story.run.duration_seconds == pytest.approx(152.0)
    undo = story.rounds[1].changes[0].undo
    assert undo is not None
    assert undo.at_seconds == pytest.approx(151.6)
    assert (undo.fields[0].before, undo.fields[0].after) == ("0", "2")
    assert story.residue == ()
    assert len(story.recoveries) == 1


def test_a_log_taken_over_on_the_same_machine_goes_by_its_monotonic_clock_wherever_the_wall_clock_was_set() -> None:
    guardian = ProcessStarted(role="guardian", pid=1, start_ticks=1, boot="b", at="2026-11-22T14:00:00Z", mono=500.0)
    successor = msgspec.structs.replace(guardian, pid=2, at="2026-11-22T15:00:09Z", mono=509.0)
    recovery = RecoveryStarted(holder="r@mill/2", reason="it died", at="2026-11-22T15:00:09Z", mono=509.0)
    end = RunEnded(exit_code=4, summary="", at="2026-11-22T15:00:10Z", mono=510.0)
    assert tell([guardian, successor, recovery, end]).run.duration_seconds == 10.0
    elsewhere = msgspec.structs.replace(successor, boot="another")
    assert tell([guardian, elsewhere, recovery, end]).run.duration_seconds == 3610.0


def test_an_aborted_run_says_by_whom_and_that_it_was_undone(play: Play) -> None:
    story = tell(play("aborted"))
    assert story.state == "aborted"
    assert [(abort.by, abort.reason) for abort in story.aborts] == [("SIGINT", "stopped by hand")]
    assert story.rounds[0].changes[0].state == "undone"
    assert not any(process.died for process in story.processes), "a worker that the guardian ended did not die"


def test_residue_stands_above_everything_and_comes_first_in_what_to_do(play: Play) -> None:
    story = tell(play("with_residue"))
    assert story.state == "residue"
    assert story.rounds[0].changes[0].state == "left_alone"
    assert story.actions[0].command == "gameday recover"


def test_everything_to_do_has_an_owner_and_rests_on_what_was_seen(play: Play) -> None:
    story = tell(play("with_residue"))
    said = {action.what: action for action in story.actions}
    assert all(action.owner for action in story.actions)
    assert "ord-1041" in said["Find out where 3 acknowledged orders went."].why
    assert "ord-0997" in said["Find out why 1 order was taken twice despite the idempotency key."].why
    assert said["Find out why the guardian died."].why == "Process 4101, signal 9."
    assert said["Find the cause, fix it, and repeat the round."].owner == "Payments team, Checkout team"
    assert "step scale-up" in said["Correct the runbook “dependency-down”: it does not do what it says."].why
    assert "Bring the time to recover under its objective, or change the objective." in said


def test_an_expected_deviation_still_is_a_weakness_with_an_owner(play: Play) -> None:
    actions = tell(play("first")).actions
    assert [(action.round, action.owner) for action in actions] == [("payment-down", "Payments team, Checkout team")]


def test_an_inconclusive_round_gives_its_reason(play: Play) -> None:
    story = tell(play("inconclusive"))
    assert story.state == "inconclusive"
    assert "the fault cannot be shown to have landed" in story.rounds[0].verdict.sentence
    assert story.rounds[0].changes[0].evidence is not None
    assert story.rounds[0].changes[0].evidence.landed is False


def test_a_refused_run_says_why(play: Play) -> None:
    story = tell(play("refused"))
    assert (story.state, story.rounds) == ("refused", ())
    assert "namespace bank is not opted in" in story.headline
    assert story.outside is not None
    assert story.outside.judgements[0].findings[0].rule == "opt-in"


def test_a_run_without_an_owner_of_a_round_names_who_leads_it(play: Play) -> None:
    events = [event for event in play("first") if isinstance(event, RunStarted)]
    story = tell([*events, Noted(level="info", text="nothing happened", mono=events[0].mono + 1)])
    assert story.actions[0].owner == "Ada Moreau"


def test_events_of_a_broken_order_do_not_break_the_story(play: Play) -> None:
    events = play("with_residue")
    random.Random(7).shuffle(events)  # noqa: S311  # a fixed order, not a secret
    assert tell(events).rounds
