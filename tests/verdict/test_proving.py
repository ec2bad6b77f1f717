"""What a log says of a runbook whose steps were executed: each rule, from a log in which everything went well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace as with_values
from typing import Any

import msgspec
import pytest

from gameday.log.events import (
    AbortRequested,
    ChangeApplied,
    ChangeLanded,
    ChangeOwed,
    Event,
    LedgerChecked,
    LoadStarted,
    PhaseEnded,
    ProbeMeasured,
    RoundStarted,
    StepEnded,
    StepStarted,
    UndoEnded,
    VerdictGiven,
)
from gameday.verdict import RunbookVerdict, exit_code, judge_runbook

BEFORE = {"success": 0.0, "ok": 0, "samples": 80}
AFTER = {"success": 100.0, "ok": 80, "samples": 80}
CHECK = {"probe": "p", "value": 100.0, "within": [99, None], "met": True, "told": "p was 100"}
RED = {**CHECK, "value": 0.0, "met": False, "told": "p was 0, expected 99 to"}
WARNING = {"id": "hands-off", "text": "do not touch nodes", "step": "", "forbids": [{"do": "patch", "kind": "Node"}]}


def step(name: str = "mend", at: float = 6.5, **values: Any) -> list[tuple[float, Event]]:
    """Return a step that began at this time, and ended a second later."""
    settings = {
        "result": "done",
        "how": "executed",
        "check": CHECK,
        "check_before": RED,
        "effect": {"before": BEFORE, "after": AFTER},
        "duration_seconds": 1.0,
        **values,
    }
    return [
        (at, StepStarted(runbook="b", step=name, title=f"The step {name}", phase="Resolve", round="r1")),
        (at + 1, StepEnded(runbook="b", step=name, round="r1", **settings)),
    ]


def wrote(name: str = "mend", at: float = 6.6, **values: Any) -> list[tuple[float, Event]]:
    """Return a change that a step made."""
    settings = {"kind": "patch", "object": "deployment shop/a", "summary": "set replicas", "entry": f"e-{name}", **values}
    owed = ChangeOwed(change_id=f"c-{name}-{at}", by=f"step {name}", round="r1", **settings)
    return [(at, owed), (at + 0.1, ChangeApplied(change_id=owed.change_id, applied_mono=at + 0.1, round="r1"))]


def a_proof(stories: Any, *, out: tuple[float, float] = (5.0, 7.0), objective: float | None = 10.0, **about: Any) -> list[Any]:
    """Return a round in which checkout was out for a while; `about` is what the log knows of its runbook."""
    lines = stories.a_round(mode="execute", objective=objective, lines=stories.traffic(out=out))
    settings = {"runbook": "b", "verifies": True, **about}
    return list(stories.changed(lines, RoundStarted, **settings))


def judged(stories: Any, *parts: Sequence[Any]) -> RunbookVerdict:
    found = judge_runbook(stories.told([line for part in parts for line in part]), "r1")
    assert found is not None
    return found


def told(found: RunbookVerdict) -> str:
    return f"{found.outcome}: {'; '.join(found.reasons)}"


def test_a_runbook_by_which_alone_checkout_came_back_in_time_is_proven(stories: Any) -> None:
    found = judged(stories, a_proof(stories, runbook_digest="sha256:ab"), step(), wrote())
    assert found.outcome == "proven", found.reasons
    assert found.reasons[0].startswith("checkout was itself again 2.0 s after the fault, within the 10 s")
    assert (found.recovery_seconds, found.objective_seconds, found.digest) == (2.0, 10.0, "sha256:ab")
    assert [(item["step"], item["judgement"]) for item in found.steps] == [("mend", "helped")]
    assert "its check went from 0 to 100" in found.steps[0]["why"]


def test_the_same_log_gives_the_same_judgement_after_its_verdict_was_given(stories: Any) -> None:
    lines = [*a_proof(stories), *step(), *wrote()]
    given = (14.5, VerdictGiven(verdict="held", expected="held", reasons=[], runbook="proven", round="r1"))
    assert judged(stories, [*lines, given]) == judged(stories, lines)


def test_a_round_that_executes_no_runbook_judges_none(stories: Any) -> None:
    assert judge_runbook(stories.told(stories.a_round()), "r1") is None


# ------------------------------------------------------------------------------------------------ refuted


@pytest.mark.parametrize(
    ("result", "part"), [("failed", "the step mend failed: no such thing"), ("check_failed", "mend was not met: p was 0")]
)
def test_a_runbook_whose_step_failed_or_whose_check_was_not_met_is_refuted(stories: Any, result: str, part: str) -> None:
    found = judged(stories, a_proof(stories), step(result=result, detail="no such thing", check=RED), wrote())
    assert found.outcome == "refuted"
    assert part in told(found)
    assert found.steps[0]["judgement"] == "wrong"


def test_a_runbook_that_took_longer_than_it_promises_is_refuted_by_its_own_promise_first(stories: Any) -> None:
    late = judged(stories, a_proof(stories, objective=1.0), step(), wrote())
    assert told(late) == "refuted: checkout was itself again 2.0 s after the fault; 1 s were promised"
    own = judged(stories, a_proof(stories, objective=1.0, runbook_objectives={"rto_seconds": 30.0}), step(), wrote())
    assert own.outcome == "proven"


def test_what_only_the_undo_brought_back_refutes(stories: Any) -> None:
    found = judged(stories, a_proof(stories, out=(5.0, 11.0)), step(), wrote())
    assert told(found).startswith("refuted: checkout was not seen to be itself again before the undo")


@pytest.mark.parametrize(("field", "part"), [("lost", "1 acknowledged order(s) lost: o1"), ("doubled", "1 order(s) doubled")])
def test_a_lost_or_doubled_order_refutes(stories: Any, field: str, part: str) -> None:
    lines = stories.changed(a_proof(stories), LedgerChecked, **{field: ["o1"]})
    found = judged(stories, lines, step(), wrote())
    assert found.outcome == "refuted"
    assert part in told(found)


def restored(**values: Any) -> list[tuple[float, Event]]:
    """Return what was found in the copy of a database that was restored."""
    settings = {"acknowledged": 30, "found": 27, "forgotten": 3, "of_copy": True, "recovery_point_seconds": 4.0, **values}
    return [(11.0, LedgerChecked(round="r1", **settings))]


def said(at: float, seconds: float) -> list[tuple[float, Event]]:
    """Return the shop's word on how old the newest order was that it restored."""
    name = "gameday.probes.backups.recovery_point"
    seen = "restored from orders/A"
    return [(at, ProbeMeasured(probe=name, arguments={}, value=seconds, unit="s", seen=seen, round="r1"))]


def test_an_older_recovery_point_than_was_promised_refutes(stories: Any) -> None:
    promised = a_proof(stories, runbook_objectives={"rpo_seconds": 5.0})
    late = judged(stories, promised, step(), wrote(), restored(recovery_point_seconds=9.0))
    assert late.outcome == "refuted"
    assert "restored was 9.0 s old at the loss, so 3 acknowledged order(s) were forgotten; the objective is 5 s" in told(late)
    soon = judged(stories, promised, step(), wrote(), restored())
    assert soon.outcome == "proven"
    assert "restored was 4.0 s old at the loss: 3 order(s) are not in what was restored" in told(soon)
    objectives = {"rto_seconds": 10.0, "rpo_seconds": 5.0}
    experiments = stories.changed(a_proof(stories, runbook_objectives={"rto_seconds": 9.0}), RoundStarted, objectives=objectives)
    assert judged(stories, experiments, step(), wrote(), restored(recovery_point_seconds=9.0)).outcome == "refuted"


def test_a_recovery_point_of_which_only_a_lower_bound_is_known_voids_it_unless_the_shop_says_more(stories: Any) -> None:
    promised = a_proof(stories, runbook_objectives={"rpo_seconds": 5.0})
    bound = restored(recovery_point_is_least=True)
    void(stories, "the newest one was more than 4.0 s old, and the objective is 5 s", promised, step(), wrote(), bound)
    assert judged(stories, promised, step(), wrote(), bound, said(9.0, 9.0)).outcome == "refuted"
    known = judged(stories, promised, step(), wrote(), bound, said(9.0, 4.5))
    assert known.outcome == "proven"
    assert "restored was 4.5 s old at the loss (restored from orders/A)" in told(known)


def test_the_shops_word_on_what_it_restored_counts_after_a_step_had_it_restore_again_and_not_before(stories: Any) -> None:
    field = {"path": "/spec/database", "before": "a", "after": "b"}
    lines = with_fault(a_proof(stories, runbook_objectives={"rpo_seconds": 5.0}), object="deployment shop/a", fields=[field])
    again = wrote(fields=[{**field, "before": "b", "after": "c"}])
    bound = restored(recovery_point_is_least=True)
    void(stories, "more than 4.0 s old", lines, step(), again, bound, said(6.2, 4.5))
    assert judged(stories, lines, step(), again, bound, said(9.0, 4.5)).outcome == "proven"


def test_a_broken_warning_refutes_and_names_the_step_and_the_change(stories: Any) -> None:
    cordon = wrote("other", 6.8, object="node n1", summary="wrote /spec/unschedulable of node n1")
    found = judged(stories, a_proof(stories, runbook_warnings=[WARNING]), step(), wrote(), step("other", 6.7), cordon)
    assert found.outcome == "refuted"
    assert "a warning was broken by the step other (wrote /spec/unschedulable of node n1): do not touch nodes" in told(found)
    assert [(item["id"], item["step"]) for item in found.broken] == [("hands-off", "other")]
    assert [item["judgement"] for item in found.steps] == ["helped", "wrong"]


def test_a_warning_forbids_until_checkout_is_itself_again_and_not_after_it(stories: Any) -> None:
    cordon = wrote("tidy", 9.5, object="node n1", summary="cordoned")
    found = judged(stories, a_proof(stories, runbook_warnings=[WARNING]), step(), wrote(), step("tidy", 9.4), cordon)
    assert (found.outcome, found.broken) == ("proven", [])


def test_what_customers_see_must_be_within_tolerance_again(stories: Any) -> None:
    again = [(10.0, stories.probe("restored", 40.0, met=False))]
    assert "the steady state did not come back: checkout-works was 40.0" in told(
        judged(stories, a_proof(stories), step(), wrote(), again)
    )
    back = [(10.0, stories.probe("restored", 100.0, met=True))]
    assert judged(stories, a_proof(stories), step(), wrote(), back).outcome == "proven"


# ------------------------------------------------------------------------------------------------ void


def void(stories: Any, part: str, *parts: Sequence[Any]) -> None:
    found = judged(stories, *parts)
    assert found.outcome == "void", told(found)
    assert part in told(found), told(found)


def test_an_abort_a_red_baseline_and_a_fault_that_did_not_land_void_it(stories: Any) -> None:
    good = a_proof(stories)
    abort = [(9.0, AbortRequested(by="deadline", reason="its deadline has passed"))]
    void(stories, "the run was aborted (its deadline has passed)", good, step(), wrote(), abort)
    red = stories.changed(good, PhaseEnded, {"phase": "baseline"}, outcome="red", detail="97")
    void(stories, "the steady state was not met before", red, step(), wrote())
    void(stories, "did not land", stories.changed(good, ChangeLanded, landed=False), step(), wrote())


def test_without_customers_nothing_is_shown(stories: Any) -> None:
    void(stories, "no customers came", stories.without(a_proof(stories), LoadStarted), step(), wrote())


def test_orders_that_could_not_be_looked_up_void_it(stories: Any) -> None:
    void(stories, "could not be looked up", stories.changed(a_proof(stories), LedgerChecked, error="503"), step(), wrote())


@pytest.mark.parametrize("verifies", [True, False], ids=["verify", "game day"])
def test_a_step_that_could_not_be_executed_voids_a_proof_and_the_judgement_of_a_game_day(stories: Any, *, verifies: bool) -> None:
    missing = step("look", 6.0, result="skipped", how="prose for a person", missing=["kubectl"], check={}, check_before={})
    told = "the step look could not be executed: kubectl is not on this machine"
    void(stories, told, a_proof(stories, verifies=verifies), missing, step(), wrote())


def test_a_void_judgement_of_a_runbook_does_not_decide_how_a_game_day_ends(stories: Any) -> None:
    given = VerdictGiven(verdict="held", expected="held", reasons=[], runbook="void", round="r1")
    assert exit_code(stories.told([*a_proof(stories, verifies=False), (14.5, given)])) == 0


def test_a_runbook_of_which_nothing_was_executed_or_that_was_cut_short_is_void(stories: Any) -> None:
    prose = step(result="skipped", how="prose for a person", check={}, check_before={}, effect={})
    void(stories, "none of its steps was executed", a_proof(stories), prose)
    steps = [{"id": "mend", "title": "Mend", "phase": "Resolve"}, {"id": "more", "title": "More", "phase": "Close"}]
    void(stories, "not reached were more", a_proof(stories, runbook_steps=steps), step(), wrote())


def test_a_fault_that_was_over_by_itself_before_checkout_came_back_voids_it(stories: Any) -> None:
    short = stories.changed(a_proof(stories), ChangeOwed, lasts_seconds=2.5)
    void(stories, "the fault was over by itself 2.5 s after it was applied", short, step(), wrote())
    longer = stories.changed(a_proof(stories), ChangeOwed, lasts_seconds=60.0)
    assert judged(stories, longer, step(), wrote()).outcome == "proven"
    own = wrote(at=6.2, kind="delete", object="pod shop/a")
    assert judged(stories, short, step(at=6.1), own).outcome == "proven", "a step had ended it before"


def with_fault(lines: Sequence[Any], **values: Any) -> list[Any]:
    """Give the fault, and only it, other values."""
    return [
        (at, msgspec.structs.replace(event, **values) if isinstance(event, ChangeOwed) and event.is_fault else event)
        for at, event in lines
    ]


def test_a_fault_that_somebody_else_took_back_voids_it_and_one_that_a_step_took_back_does_not(stories: Any) -> None:
    field = {"path": "/spec/replicas", "before": 2, "after": 0}
    found = {"path": "/spec/replicas", "before": 2, "found": 2, "outcome": "already"}
    lines = with_fault(a_proof(stories), kind="patch", object="deployment shop/b", fields=[field])
    lines = stories.changed(lines, UndoEnded, object="deployment shop/b", outcome="already", fields=[found])
    void(stories, "/spec/replicas of deployment shop/b was set back by somebody else", lines, step(), wrote())
    assert judged(stories, lines, step(), wrote(object="deployment shop/b")).outcome == "proven"
    made = with_fault(a_proof(stories), kind="create", object="configmap shop/switch")
    made = stories.changed(made, UndoEnded, object="configmap shop/switch", outcome="already")
    void(stories, "taken away by somebody else", made, step(), wrote())


def test_a_fault_that_did_no_harm_leaves_nothing_to_mend_unless_a_check_was_red(stories: Any) -> None:
    held = a_proof(stories, out=(99.0, 99.0))
    void(stories, "the fault did no harm", held, step(check_before=CHECK), wrote())
    assert judged(stories, held, step(), wrote()).outcome == "proven"
    deviated = [*held, (10.95, stories.probe("after", 50.0, met=False))]
    assert judged(stories, deviated, step(check_before=CHECK), wrote()).outcome == "proven"


def looked(name: str = "look", at: float = 6.0, *, ends: float = 1.0, **values: Any) -> list[tuple[float, Event]]:
    """Return a step that was executed and wrote nothing, and took so long."""
    began, ended = step(name, at, check={}, check_before={}, effect={}, duration_seconds=ends, **values)
    return [began, (at + ends, ended[1])]


def waited(name: str = "wait", at: float = 6.2) -> list[tuple[float, Event]]:
    """Return a step for people whose check turned from red to met while it was waited for."""
    return step(name, at, how="checked", effect={})


def test_checkout_that_came_back_while_a_step_only_looked_was_not_brought_back_by_one(stories: Any) -> None:
    void(
        stories,
        "came back by itself 2.0 s after the fault, before a step had changed anything",
        a_proof(stories),
        looked(ends=3.0),
        step("mend", 9.0, check_before=CHECK),
        wrote("mend", 9.5),
    )


def test_a_check_that_turns_while_people_wait_shows_no_doing_of_a_step(stories: Any) -> None:
    void(
        stories,
        "before a step had changed anything",
        a_proof(stories),
        waited(),
        step("mend", 9.0, check_before=CHECK),
        wrote("mend", 9.5),
    )
    held = a_proof(stories, out=(99.0, 99.0))
    void(stories, "the fault did no harm", held, waited(), step("mend", 9.0, check_before=CHECK), wrote("mend", 9.5))


def test_a_check_of_checkouts_success_that_still_looks_back_shows_no_doing_of_a_step(stories: Any) -> None:
    success = {"probe": "gameday.probes.checkout.success_rate"}
    late = step("mend", 9.0, check={**CHECK, **success}, check_before={**RED, **success})
    void(stories, "before a step had changed anything", a_proof(stories), looked(ends=3.0), late, wrote("mend", 9.5))


def test_where_no_step_changed_anything_nothing_is_proven_and_what_went_wrong_still_refutes(stories: Any) -> None:
    void(stories, "no step changed anything", a_proof(stories), looked(), waited())
    same = wrote(fields=[{"path": "/spec/replicas", "before": 2, "after": 2}])
    void(stories, "no step changed anything", a_proof(stories), step(), same)
    assert judged(stories, a_proof(stories), looked(result="failed", detail="no such thing")).outcome == "refuted"
    assert judged(stories, a_proof(stories, out=(5.0, 11.0)), looked()).outcome == "refuted"


def test_what_a_step_mended_although_checkout_was_back_already_is_told(stories: Any) -> None:
    found = judged(stories, a_proof(stories), looked(ends=3.0), step("mend", 9.0), wrote("mend", 9.5))
    assert found.outcome == "proven", told(found)
    assert "checkout itself came back before a step had changed anything" in told(found)
    assert "what the check shows of mend (p was 100)" in told(found)


def test_a_block_that_acts_where_no_look_shows_it_counts_from_its_beginning_and_one_that_reads_does_not(stories: Any) -> None:
    steps = [{"id": "look", "title": "Restore it", "phase": "Resolve", "acts_unseen": True}]
    restores = looked(at=6.0, ends=3.0)
    assert judged(stories, a_proof(stories, runbook_steps=steps), restores).outcome == "proven"
    void(stories, "no step changed anything", a_proof(stories, runbook_steps=[{**steps[0], "acts_unseen": False}]), restores)


def test_what_a_block_wrote_counts_from_its_beginning_since_it_is_told_only_after_it(stories: Any) -> None:
    seen_late = wrote("look", 8.9, by_shell=True)
    assert judged(stories, a_proof(stories), looked(at=6.0, ends=3.0), seen_late).outcome == "proven"


@pytest.mark.parametrize(
    ("told", "outcome"), [({"began_mono": 6.5}, "proven"), ({}, "void")], ids=["told", "a log that only says how long it took"]
)
def test_a_block_counts_from_when_its_worker_began_it_and_not_from_when_its_end_is_told(
    stories: Any, told: dict[str, Any], outcome: str
) -> None:
    """The samples after a block are waited for between its end and the word of it."""
    began, (_, ended) = step(check={}, check_before={}, **told)
    wrote_late = wrote(at=7.3, by_shell=True)
    assert judged(stories, a_proof(stories), [began, (9.5, ended)], wrote_late).outcome == outcome
    unseen = a_proof(stories, runbook_steps=[{"id": "mend", "title": "Mend it", "phase": "Resolve", "acts_unseen": True}])
    assert judged(stories, unseen, [began, (9.5, ended)]).outcome == outcome


def test_what_a_block_wrote_was_done_by_when_it_was_found_whenever_the_blocks_end_is_told(stories: Any) -> None:
    began, (_, ended) = step(check={}, check_before={})
    late = [began, (10.5, ended)]
    assert judged(stories, a_proof(stories, out=(5.0, 8.0)), late, wrote(at=7.3, by_shell=True)).outcome == "proven"


def test_checkout_that_came_back_before_the_first_step_was_not_brought_back_by_it(stories: Any) -> None:
    early = a_proof(stories, out=(5.0, 6.0))
    void(stories, "checkout came back by itself 1.0 s after the fault", early, step(check_before=CHECK), wrote())


def test_a_fault_that_is_still_there_when_checkout_is_itself_again_was_worked_around(stories: Any) -> None:
    lines = with_fault(a_proof(stories), kind="patch", object="deployment shop/b")
    around = judged(stories, lines, step(), wrote())
    assert (around.outcome, around.worked_around) == ("proven", True)
    mended = judged(stories, stories.changed(lines, UndoEnded, outcome="already"), step(), wrote())
    assert (mended.outcome, mended.worked_around) == ("proven", False)


# ------------------------------------------------------------------------------------------------ exit codes, without


@pytest.mark.parametrize(("outcome", "code"), [("proven", 0), ("refuted", 1), ("void", 2)])
def test_what_a_proof_comes_to_is_what_it_says_of_the_runbook_whatever_became_of_the_system(
    stories: Any, outcome: str, code: int
) -> None:
    given = VerdictGiven(verdict="deviated", expected="held", reasons=[], runbook=outcome, round="r1")
    assert exit_code(stories.told([*a_proof(stories), (14.5, given)])) == code


def test_steps_that_were_left_out_are_named(stories: Any) -> None:
    left = step("extra", 6.1, result="skipped", left_out=True, check={}, check_before={}, effect={}, detail="left out")
    found = judged(stories, a_proof(stories, runbook_without=["extra"]), left, step(), wrote())
    assert (found.outcome, found.without) == ("proven", ["extra"])
    assert found.steps[0]["judgement"] == "skipped"
    assert with_values(found, without=[]) != found
