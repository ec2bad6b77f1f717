"""Verdicts from logs: what holds, what deviates, and everything that makes a round inconclusive."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameday.log import AnyEvent
from gameday.log.events import (
    AbortRequested,
    ActivityEnded,
    ChangeApplied,
    ChangeFailed,
    ChangeLanded,
    ChangeOwed,
    LedgerChecked,
    LoadEnded,
    LoadStarted,
    LoadWindow,
    Noted,
    PhaseEnded,
    PhaseStarted,
    ProbeMeasured,
    RecoveryStarted,
    RoundEnded,
    RoundStarted,
    UndoEnded,
    VerdictGiven,
)
from gameday.verdict import RoundVerdict, judge


def verdict(stories: Any, lines: Any) -> RoundVerdict:
    return judge(stories.told(lines), "r1")


def test_a_round_in_which_everything_is_shown_held(stories: Any) -> None:
    found = verdict(stories, stories.a_round())
    assert found.verdict == "held"
    assert found.is_expected
    assert found.reasons == (
        "the fault was in place: it refuses connections",
        "checkout-works: measured 100, within 99 to 100",
        "all 9 acknowledged orders are there, none twice",
    )
    assert found.recovery is not None
    assert found.recovery.seconds == pytest.approx(1.0)
    assert found.recovery.low_seconds <= found.recovery.seconds <= found.recovery.high_seconds
    assert found.within_objective is True


def test_a_round_that_the_log_does_not_have_is_an_error(stories: Any) -> None:
    with pytest.raises(ValueError, match="no round 'r2'"):
        judge(stories.told(stories.a_round()), "r2")


def test_what_prepared_the_round_is_no_fault_and_its_undo_is_no_part_of_what_was_judged(stories: Any) -> None:
    owed = ChangeOwed(change_id="c0", by="inline", kind="patch", object="d", summary="set", entry="e0", prepares=True, round="r1")
    lines = [
        *stories.a_round(),
        (0.1, PhaseStarted(phase="prepare", round="r1")),
        (0.2, owed),
        (0.3, ChangeApplied(change_id="c0", applied_mono=0.3, round="r1")),
        (0.4, PhaseEnded(phase="prepare", outcome="ok", round="r1")),
        (14.2, VerdictGiven(verdict="held", expected="held", reasons=[], round="r1")),
        (14.3, UndoEnded(entry="e0", object="d", outcome="left_alone", detail="somebody else", round="r1")),
    ]
    found = verdict(stories, lines)
    assert found.verdict == "held"
    assert found.recovery is not None
    assert found.recovery.seconds == pytest.approx(1.0), "counted from the fault and not from what prepared it"


def test_without_what_must_stand_before_the_baseline_nothing_is_proven(stories: Any) -> None:
    failed = PhaseEnded(phase="prepare", outcome="failed", detail="inline: not rolled out", round="r1")
    found = verdict(stories, [*stories.a_round(), (0.4, failed)])
    assert found.verdict == "inconclusive"
    assert found.reasons[0] == "what must stand before the baseline does not: inline: not rolled out"


# ------------------------------------------------------------------------------------------------ deviated


def test_a_steady_state_out_of_tolerance_deviates(stories: Any) -> None:
    lines = stories.changed(stories.a_round(), ActivityEnded, {"phase": "after"}, output=71.25, tolerance_met=False)
    found = verdict(stories, lines)
    assert (found.verdict, found.is_expected) == ("deviated", False)
    assert found.reasons == ("checkout-works: expected 99 to 100, but measured 71.25",)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("lost", "acknowledged order(s) lost"),
        ("doubled", "order(s) doubled"),
        ("altered", "with another amount than was told"),
        ("unrecorded", "customer(s) charged and no order recorded"),
    ],
)
def test_orders_that_are_not_as_promised_deviate_and_are_named(stories: Any, field: str, words: str) -> None:
    names = [f"ord-{number}" for number in range(7)]
    found = verdict(stories, stories.changed(stories.a_round(), LedgerChecked, **{field: names}))
    assert found.verdict == "deviated"
    assert words in found.reasons[0]
    assert "7 " in found.reasons[0]
    assert "ord-0, ord-1, ord-2, ord-3, ord-4 and 2 more" in found.reasons[0]


def test_failed_orders_that_nobody_knows_of_deviate_only_where_the_round_asks_for_it(stories: Any) -> None:
    keys = [f"key-{number}" for number in range(3)]
    lines = stories.changed(stories.a_round(), LedgerChecked, untracked=keys, failed=4)
    assert verdict(stories, lines).verdict == "held"
    asked = ProbeMeasured(probe="gameday.probes.orders.untracked", arguments={}, value=0.0, unit="orders", round="r1")
    found = verdict(stories, [*lines, (10.5, asked)])
    assert found.verdict == "deviated"
    assert found.reasons == ("3 of 4 failed order(s) are not on the shop's list of those to be told: key-0, key-1, key-2",)
    elsewhere = msgspec.structs.replace(asked, round="r2")
    assert verdict(stories, [*lines, (10.5, elsewhere)]).verdict == "held"
    all_known = stories.changed(lines, LedgerChecked, untracked=[])
    assert "the customers of all 4 failed orders are known to the shop" in verdict(stories, [*all_known, (10.5, asked)]).reasons


def test_a_recovery_that_takes_longer_than_the_objective_deviates(stories: Any) -> None:
    found = verdict(stories, stories.a_round(objective=0.5))
    assert found.verdict == "deviated"
    assert found.reasons == ("recovery took 1.0 s, longer than the objective of 0.5 s",)
    assert found.within_objective is False


def test_a_service_that_is_not_seen_to_recover_deviates_from_its_objective(stories: Any) -> None:
    found = verdict(stories, stories.a_round(lines=stories.traffic(out=(5.0, 99.0))))
    assert found.verdict == "deviated"
    assert found.reasons == ("it was not seen to recover; the objective is 10 s",)
    assert found.recovery is None
    assert found.within_objective is None


def test_without_an_objective_a_late_recovery_is_no_deviation(stories: Any) -> None:
    found = verdict(stories, stories.a_round(objective=None, lines=stories.traffic(out=(5.0, 99.0))))
    assert (found.verdict, found.within_objective) == ("held", None)


def test_windows_after_the_round_are_not_its_own(stories: Any) -> None:
    lines = stories.a_round(lines=[*stories.traffic(15.0), *(stories.window(16.0 + n / 10, failed=40) for n in range(10))])
    assert verdict(stories, lines).verdict == "held"


# ------------------------------------------------------------------------------------------------ inconclusive


def doubtful(stories: Any, lines: Any, *words: str) -> RoundVerdict:
    found = verdict(stories, lines)
    assert found.verdict == "inconclusive"
    for word in words:
        assert any(word in reason for reason in found.reasons), found.reasons
    return found


def test_an_aborted_round_is_inconclusive(stories: Any) -> None:
    doubtful(stories, [*stories.a_round(), (8.0, AbortRequested(by="SIGINT", reason="by hand"))], "was aborted (by hand)")


def test_a_recovered_round_is_inconclusive(stories: Any) -> None:
    doubtful(stories, [*stories.a_round(), (8.0, RecoveryStarted(holder="h", reason="it died"))], "had to be recovered: it died")


@pytest.mark.parametrize(
    "event",
    [
        AbortRequested(by="SIGINT", reason="by hand"),
        RecoveryStarted(holder="h", reason="it died"),
        LoadEnded(error="it died"),
    ],
)
def test_what_happens_after_a_round_does_not_change_its_verdict(stories: Any, event: Any) -> None:
    lines = stories.without(stories.a_round(), LoadEnded)
    before = verdict(stories, lines)
    assert verdict(stories, [*lines, (16.0, event)]) == before
    assert before.verdict == "held"


@pytest.mark.parametrize("outcome", ["red", "failed"])
def test_a_red_baseline_is_inconclusive_whatever_came_after(stories: Any, outcome: str) -> None:
    lines = stories.changed(stories.a_round(), PhaseEnded, {"phase": "baseline"}, outcome=outcome, detail="was 12")
    lines = stories.changed(lines, ActivityEnded, {"phase": "after"}, output=1.0, tolerance_met=False)
    found = doubtful(stories, lines, "not met before anything was changed: was 12")
    assert any("but measured 1" in reason for reason in found.reasons)


def test_a_round_without_a_baseline_is_inconclusive(stories: Any) -> None:
    doubtful(stories, stories.without(stories.a_round(), PhaseEnded, phase="baseline"), "was not measured before")


def test_an_activity_of_the_method_that_failed_is_inconclusive(stories: Any) -> None:
    lines = stories.changed(stories.a_round(), ActivityEnded, {"phase": "method"}, status="failed", error="no such pod")
    doubtful(stories, lines, "the action 'kill' of the method failed: no such pod")


def test_a_change_that_was_not_applied_is_inconclusive(stories: Any) -> None:
    lines = stories.without(stories.a_round(), ChangeApplied, ChangeLanded)
    failed = ChangeFailed(change_id="c1", error="403", definite=True, round="r1")
    doubtful(stories, [*lines, (5.0, failed)], "a change was not applied: 403")


def test_a_change_of_which_nothing_more_was_heard_is_inconclusive(stories: Any) -> None:
    lines = stories.without(stories.a_round(), ChangeApplied, ChangeLanded)
    doubtful(stories, lines, "never said whether it was applied: delete pod shop/a")


@pytest.mark.parametrize(
    ("landed", "words"), [(False, "did not land, although the API took it"), (None, "cannot be shown to have landed")]
)
def test_a_fault_that_is_not_seen_is_inconclusive(stories: Any, landed: Any, words: str) -> None:
    doubtful(
        stories, stories.changed(stories.a_round(), ChangeLanded, landed=landed, seen="still answers"), words, "still answers"
    )


def test_a_fault_that_nobody_looked_for_is_inconclusive(stories: Any) -> None:
    doubtful(stories, stories.without(stories.a_round(), ChangeLanded), "applied but never looked for: delete pod shop/a")


def test_a_round_that_changed_nothing_is_inconclusive(stories: Any) -> None:
    lines = stories.without(stories.a_round(), ChangeOwed, ChangeApplied, ChangeLanded)
    doubtful(stories, lines, "nothing was changed")


def test_what_only_a_runbook_changed_is_no_fault(stories: Any) -> None:
    doubtful(stories, stories.changed(stories.a_round(), ChangeOwed, by="step mend"), "nothing was changed")


SCALED = {"path": "/spec/replicas", "before": 2, "after": 1}


def scaled(stories: Any, *, found: int, after: int = 1, mode: str = "show") -> Any:
    """Return a round that scaled something, of which the undo then found this many."""
    field = {"path": "/spec/replicas", "before": 2, "found": found, "outcome": "already" if found == 2 else "undone"}
    owed = ChangeOwed(
        change_id="c1",
        by="scale",
        kind="patch",
        object="pod shop/a",
        summary="scale",
        fields=[{**SCALED, "after": after}],
        entry="e1",
        round="r1",
    )
    lines = [*stories.without(stories.a_round(mode=mode), ChangeOwed), (4.9, owed)]
    return stories.changed(lines, UndoEnded, fields=[field])


def test_a_field_that_was_there_already_is_no_fault(stories: Any) -> None:
    doubtful(stories, scaled(stories, found=2, after=2), "was there already")


def test_a_fault_that_somebody_set_back_meanwhile_shows_nothing(stories: Any) -> None:
    assert verdict(stories, scaled(stories, found=1)).verdict == "held"
    doubtful(stories, scaled(stories, found=2), "/spec/replicas of pod shop/a was set back meanwhile")


def test_a_deviation_stands_although_the_fault_was_set_back_meanwhile(stories: Any) -> None:
    lines = stories.changed(scaled(stories, found=2), ActivityEnded, {"phase": "after"}, output=1.0, tolerance_met=False)
    assert verdict(stories, lines).verdict == "deviated"


def test_what_people_set_back_after_everything_was_measured_shows_what_it_shows(stories: Any) -> None:
    lines = scaled(stories, found=2, mode="people")
    assert verdict(stories, lines).verdict == "held"
    early = (9.0, PhaseStarted(phase="people", detail="set back already: /spec/replicas of pod shop/a", round="r1"))
    doubtful(stories, [*lines, early], "set back already: /spec/replicas of pod shop/a, and nothing shows")


def step_on(target: str) -> tuple[float, Any]:
    """Return a change that a step of the runbook made of this object."""
    owed = ChangeOwed(change_id="c2", by="step mend", kind="patch", object=target, summary="mend", entry="e1", round="r1")
    return 6.5, owed


def test_what_the_runbook_set_back_shows_what_it_shows(stories: Any) -> None:
    lines = scaled(stories, found=2, mode="execute")
    assert verdict(stories, [*lines, step_on("pod shop/a")]).verdict == "held"
    doubtful(stories, [*lines, step_on("pod shop/b")], "/spec/replicas of pod shop/a was set back meanwhile")


def test_what_the_fault_had_made_and_somebody_took_away_shows_nothing(stories: Any) -> None:
    made = ChangeOwed(change_id="c1", by="cut", kind="create", object="pod shop/a", summary="cut", entry="e1", round="r1")
    lines = [*stories.without(stories.a_round(), ChangeOwed), (4.9, made)]
    assert verdict(stories, stories.changed(lines, UndoEnded, entry="e1", outcome="undone")).verdict == "held"
    doubtful(
        stories, stories.changed(lines, UndoEnded, entry="e1", outcome="already"), "pod shop/a, which the fault had made, was"
    )


def test_an_action_that_found_nothing_to_change_is_inconclusive(stories: Any) -> None:
    output: dict[str, Any] = {"changes": [], "landed": None, "seen": "there was nothing to change"}
    lines = stories.changed(stories.a_round(), ActivityEnded, {"phase": "method"}, output=output)
    doubtful(stories, lines, "the action 'kill' changed nothing: there was nothing to change")


def test_a_probe_of_the_method_that_is_out_of_its_tolerance_is_inconclusive(stories: Any) -> None:
    lines = [*stories.a_round(), (5.65, stories.probe("method", 3, met=False))]
    doubtful(stories, lines, "the probe 'checkout-works' of the method expected 99 to 100, but measured 3")


def test_an_action_of_others_that_never_ended_is_inconclusive(stories: Any) -> None:
    lines = stories.changed(stories.a_round(), RoundStarted, foreign=["kill", "lost"])
    doubtful(stories, lines, "'lost' of another extension never said how it ended")


def test_a_steady_state_that_was_not_measured_after_the_fault_is_inconclusive(stories: Any) -> None:
    lines = stories.without(stories.a_round(), ActivityEnded, phase="after")
    doubtful(stories, lines, "was not measured after the fault")


def test_a_steady_state_that_was_not_measured_to_the_end_is_inconclusive(stories: Any) -> None:
    lines = stories.without(stories.a_round(), PhaseEnded, phase="hypothesis")
    doubtful(stories, lines, "not measured to the end")


def test_a_probe_that_could_not_look_is_inconclusive(stories: Any) -> None:
    lines = stories.changed(
        stories.a_round(), ActivityEnded, {"phase": "after"}, status="failed", error="no samples", tolerance_met=None
    )
    doubtful(stories, lines, "the probe 'checkout-works' could not look: no samples")


def test_a_probe_that_was_held_against_nothing_is_inconclusive(stories: Any) -> None:
    lines = stories.changed(stories.a_round(), ActivityEnded, {"phase": "after"}, tolerance_met=None)
    doubtful(stories, lines, "held against no tolerance")


def test_a_generator_that_fell_behind_is_inconclusive(stories: Any) -> None:
    late = [stories.window(1.0 + n / 10, behind_seconds=0.5) for n in range(5)]
    doubtful(stories, stories.a_round(lines=[*stories.traffic(), *late]), "fell behind its schedule (by up to 500 ms)")


def test_a_runner_whom_nobody_answered_may_have_been_cut_off_and_is_inconclusive(stories: Any) -> None:
    lines = stories.a_round(lines=stories.traffic(out=(5.0, 9.0), kind="timeout"))
    silence = (10.0, Noted(level="warning", text="could not renew the lease", silent_seconds=5.0))
    doubtful(stories, [*lines, silence], "for 4 s neither the cluster nor one customer's request was answered")


@pytest.mark.parametrize(
    ("kind", "silent_seconds"),
    [("status_503", 5.0), ("connect_refused", 5.0), ("timeout", 0.0), ("timeout", 0.5)],
    ids=["the shop answered", "the shop refused", "the cluster refused", "the cluster was asked for a moment"],
)
def test_an_outage_in_which_somebody_answered_is_no_matter_of_the_runners_network(
    stories: Any, kind: str, silent_seconds: float
) -> None:
    lines = stories.a_round(lines=stories.traffic(out=(5.0, 9.0), kind=kind))
    noted = (10.0, Noted(level="warning", text="could not renew the lease", silent_seconds=silent_seconds))
    assert verdict(stories, [*lines, noted]).verdict == "held"


def test_a_load_that_died_during_the_round_is_inconclusive(stories: Any) -> None:
    lines = stories.without(stories.a_round(), LoadEnded)
    doubtful(stories, [*lines, (12.0, LoadEnded(error="out of memory"))], "the load generator failed: out of memory")


def test_a_round_without_a_single_window_is_inconclusive(stories: Any) -> None:
    doubtful(stories, stories.a_round(lines=[]), "no customers' journeys were measured")


def test_a_ledger_that_cannot_be_read_is_inconclusive(stories: Any) -> None:
    lines = stories.changed(stories.a_round(), LedgerChecked, error="connection refused")
    doubtful(stories, lines, "could not be looked up: connection refused")


def test_an_objective_that_nobody_watched_is_inconclusive(stories: Any) -> None:
    lines = stories.without(stories.a_round(lines=[]), LoadStarted, LoadEnded, LedgerChecked)
    doubtful(stories, stories.without(lines, PhaseEnded, phase="recovery"), "not watched whether it recovered")


def test_without_traffic_and_objective_the_probes_alone_decide(stories: Any) -> None:
    lines = stories.without(stories.a_round(objective=None, lines=[]), LoadStarted, LoadEnded, LedgerChecked)
    assert verdict(stories, lines).verdict == "held"


# ------------------------------------------------------------------------------------------------ the verdict as a fold


def test_a_verdict_is_the_same_when_given_within_the_run_and_years_later(stories: Any) -> None:
    for objective in (None, 0.5, 10.0):
        for mode in ("show", "execute"):
            events = stories.told(stories.a_round(objective=objective, mode=mode))
            end = next(index for index, event in enumerate(events) if isinstance(event, RoundEnded))
            assert judge(events[:end], "r1") == judge(events, "r1")


@pytest.fixture(scope="module")
def good(stories: Any) -> list[AnyEvent]:
    """Return a log that held."""
    found: list[AnyEvent] = stories.told(stories.a_round(lines=stories.traffic(14.0)))
    assert judge(found, "r1").verdict == "held"
    return found


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_no_truncation_of_a_log_gives_held_before_the_steady_state_was_measured_with_evidence(
    good: list[AnyEvent], data: Any
) -> None:
    kept = good[: data.draw(st.integers(0, len(good)))]
    if not any(isinstance(event, RoundStarted) for event in kept):
        with pytest.raises(ValueError, match="no round"):
            judge(kept, "r1")
        return
    measured = any(isinstance(event, PhaseEnded) and event.phase == "hypothesis" for event in kept)
    landed = any(isinstance(event, ChangeLanded) for event in kept)
    if judge(kept, "r1").verdict == "held":
        assert measured
        assert landed


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_no_loss_of_any_events_from_a_log_gives_held_without_all_that_it_rests_on(good: list[AnyEvent], data: Any) -> None:
    told = [index for index, event in enumerate(good) if not isinstance(event, LoadWindow | RoundStarted)]
    lost = data.draw(st.sets(st.sampled_from(told), min_size=1))
    kept = [event for index, event in enumerate(good) if index not in lost]
    needed = {
        (type(event), getattr(event, "phase", ""))
        for event in good
        if isinstance(event, ChangeOwed | ChangeApplied | ChangeLanded)
        or (isinstance(event, PhaseEnded) and event.phase in {"baseline", "hypothesis"})
        or (isinstance(event, ActivityEnded) and event.phase == "after")
    }
    if judge(kept, "r1").verdict == "held":
        assert needed <= {(type(event), getattr(event, "phase", "")) for event in kept}
