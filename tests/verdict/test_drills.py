"""Verdicts of rounds that repoint to a copy of a database: the recovery point, and what is no part of the recovery."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.log.events import (
    ChangeApplied,
    ChangeLanded,
    ChangeOwed,
    LedgerChecked,
    PhaseStarted,
    ProbeMeasured,
    RoundStarted,
)
from gameday.verdict import RoundVerdict, judge
from gameday.verdict.samples import repointed_again
from tests.verdict.conftest import Line, a_round, changed, probe, traffic, without


def in_copy(**more: Any) -> LedgerChecked:
    settings = {"drill": 7, "forgotten": 3, "recovery_point_seconds": 4.25, "of_copy": True, "round": "r1", **more}
    return LedgerChecked(acknowledged=30, found=27, **settings)


def a_drill(*lines: Line, rpo: float | None = 900.0, copy: LedgerChecked | None = None) -> list[Line]:
    objectives = {"rto_seconds": 10.0} | ({} if rpo is None else {"rpo_seconds": rpo})
    told = changed(a_round(), RoundStarted, drill_orders="DRILL-", objectives=objectives)
    return [*told, (11.0, copy or in_copy()), (11.05, PhaseStarted(phase="undo", round="r1")), *lines]


def verdict(stories: Any, lines: list[Line]) -> RoundVerdict:
    return judge(stories.told(lines), "r1")


def test_a_recovery_point_within_the_objective_holds_and_says_what_was_forgotten(stories: Any) -> None:
    found = verdict(stories, a_drill())
    assert (found.verdict, found.recovery_point_seconds) == ("held", 4.25)
    told = "the newest order that was restored was 4.2 s old at the loss, within the objective of 900 s: 3 order(s)"
    assert any(reason.startswith(told) for reason in found.reasons)
    assert "all 7 orders that the drill took into the copy are there, none twice" in found.reasons


def test_a_recovery_point_above_the_objective_deviates_and_says_which_backup_it_was(stories: Any) -> None:
    name = "gameday.probes.backups.recovery_point"
    named = ProbeMeasured(probe=name, arguments={}, value=4.3, unit="s", seen="restored from orders/A", round="r1")
    found = verdict(stories, a_drill((10.95, named), rpo=4.0))
    assert found.verdict == "deviated"
    (reason,) = found.reasons
    assert "4.2 s old at the loss (restored from orders/A), so 3 acknowledged order(s) were forgotten" in reason
    assert reason.endswith("the objective is 4 s")


def test_without_an_objective_nothing_may_be_forgotten(stories: Any) -> None:
    assert verdict(stories, a_drill(rpo=None)).verdict == "deviated"
    whole = in_copy(forgotten=0, recovery_point_seconds=0.0)
    found = verdict(stories, a_drill(rpo=None, copy=whole))
    assert found.verdict == "held"
    assert "every order of before the loss was restored" in found.reasons


@pytest.mark.parametrize(("least", "expected"), [(4.25, "inconclusive"), (901.0, "deviated")])
def test_a_lower_bound_below_the_objective_proves_nothing_and_above_it_enough(stories: Any, least: float, expected: str) -> None:
    bound = in_copy(recovery_point_seconds=least, recovery_point_is_least=True)
    assert verdict(stories, a_drill(copy=bound)).verdict == expected


@pytest.mark.parametrize(("said", "expected"), [(700.0, "held"), (1000.0, "deviated"), (3.0, "inconclusive")])
def test_where_the_runs_orders_only_give_a_lower_bound_the_shop_says_how_old_it_was(
    stories: Any, said: float, expected: str
) -> None:
    name = "gameday.probes.backups.recovery_point"
    asked = ProbeMeasured(probe=name, arguments={}, value=said, unit="s", seen="restored from orders/A", round="r1")
    bound = in_copy(recovery_point_is_least=True)
    assert verdict(stories, a_drill((10.95, asked), copy=bound)).verdict == expected
    before = verdict(stories, a_drill((3.0, asked), copy=bound))
    assert before.verdict == "inconclusive", "what it said before the loss is no word about the restore"


@pytest.mark.parametrize("rpo", [900.0, None])
def test_where_there_was_no_backup_and_no_order_came_back_no_objective_is_met(stories: Any, rpo: float | None) -> None:
    asked = ProbeMeasured(
        probe="gameday.probes.backups.copies", arguments={}, value=0.0, unit="backups", seen="0 of orders-2025", round="r1"
    )
    bound = in_copy(recovery_point_is_least=True)
    found = verdict(stories, a_drill((10.95, asked), copy=bound, rpo=rpo))
    assert (found.verdict, found.recovery_point_seconds) == ("deviated", None)
    (reason,) = found.reasons
    assert reason.startswith("nothing could be restored (0 of orders-2025), so all 3 acknowledged order(s) were forgotten; ")
    assert verdict(stories, a_drill((3.0, asked), copy=bound)).verdict == "inconclusive", "that was before the loss"
    assert verdict(stories, a_drill((10.95, asked))).verdict == "held", "the orders that came back say otherwise"


def test_a_drill_whose_copy_was_not_looked_at_proves_nothing(stories: Any) -> None:
    found = verdict(stories, without(a_drill(), LedgerChecked, of_copy=True))
    assert found.verdict == "inconclusive"
    assert "nothing shows what was restored" in found.reasons[0]


def test_orders_that_the_copy_lost_deviate_whatever_the_objective(stories: Any) -> None:
    found = verdict(stories, a_drill(copy=in_copy(lost=["DRILL-1"])))
    assert found.reasons == ("1 acknowledged order(s) lost in the copy: DRILL-1",)


def test_what_the_undo_costs_customers_is_no_part_of_the_recovery(stories: Any) -> None:
    lines = without(a_drill(), *{type(line) for _, line in traffic()})
    later = traffic(out=(11.2, 12.0))
    found = verdict(stories, [*lines, *later])
    assert found.recovery is not None
    assert not found.recovery.ever_out


def test_a_deviating_probe_says_what_it_saw(stories: Any) -> None:
    seen = ProbeMeasured(probe="p", arguments={}, value=2.0, unit="backups", seen="orders/B: the checksum differs", round="r1")
    lines = [*a_round(), (10.91, seen), (10.92, probe("after", 2.0, met=False))]
    found = verdict(stories, lines)
    assert found.reasons == ("checkout-works: expected 99 to 100, but measured 2 (orders/B: the checksum differs)",)


DATABASE = "/spec/template/spec/containers[name=orders]/env[name=DATABASE]/value"


def repointing(change: str, by: str, at: float, path: str = DATABASE) -> list[Line]:
    fields = [{"path": path, "before": "a", "after": "b"}]
    owed = ChangeOwed(
        change_id=change, by=by, kind="patch", object="deployment shop/orders", summary="set", fields=fields, round="r1"
    )
    applied = ChangeApplied(change_id=change, applied_mono=at, round="r1")
    return [(at, owed), (at, applied), (at + 0.5, ChangeLanded(change_ids=[change], by=by, landed=True, seen="", round="r1"))]


def test_a_step_that_sets_what_the_fault_had_set_repoints_again_from_its_change_to_its_landing(stories: Any) -> None:
    lines = [*repointing("c1", "lose_database", 5.0), *repointing("c2", "step restore-it", 9.0)]
    events = stories.told(lines)
    landed = next(event.mono for event in events if isinstance(event, ChangeLanded) and event.change_ids == ["c2"])
    assert repointed_again(events, "r1") == (9.0, landed)


def test_a_step_that_sets_something_else_repoints_nothing(stories: Any) -> None:
    lines = [*repointing("c1", "lose_database", 5.0), *repointing("c2", "step copies", 9.0, "/spec/other")]
    assert repointed_again(stories.told(lines), "r1") is None
