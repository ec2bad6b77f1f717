from __future__ import annotations

from pathlib import Path

import pytest

from gameday.log import AnyEvent
from gameday.rehearsal.fidelity import Fidelity, FollowedStep, _moved, acts_as, fidelities_of
from gameday.rehearsal.state import StepState
from tests.rehearsed import ROUND, events_of, rehearsal, tabletop


@pytest.fixture
def log(tmp_path: Path) -> list[AnyEvent]:
    return events_of(rehearsal, tmp_path)


@pytest.fixture
def followed(log: list[AnyEvent]) -> dict[str, FollowedStep]:
    return {step.step.id: step for step in fidelities_of(log)[ROUND].steps}


def test_each_step_is_done_skipped_or_untouched(log: list[AnyEvent]) -> None:
    fidelity: Fidelity = fidelities_of(log)[ROUND]
    assert [fidelity.count(outcome) for outcome in ("done", "skipped", "untouched")] == [6, 1, 1]
    assert fidelity.runbook == "payment-gone"


def test_a_step_takes_from_when_it_was_begun(followed: dict[str, FollowedStep]) -> None:
    step = followed["find-the-service-that-has-no-pods"]
    assert (step.taken_seconds, step.taken_from, step.in_time) == (420.0, "begun", False)


def test_a_step_that_nobody_began_takes_from_the_tick_before_it(followed: dict[str, FollowedStep]) -> None:
    step = followed["declare-the-incident"]
    assert (step.taken_seconds, step.taken_from, step.in_time) == (35.0, "previous", True)


def test_what_a_skipped_or_untouched_step_took_is_unknown(followed: dict[str, FollowedStep]) -> None:
    skipped, untouched = followed["close-the-incident-and-say-so"], followed["look-for-orders-that-hang"]
    assert (skipped.outcome, skipped.step.reason) == ("skipped", "nobody was left to be told")
    assert (untouched.outcome, untouched.by_role, untouched.effect) == ("untouched", None, None)
    assert [step.taken_seconds for step in (skipped, untouched)] == [None, None]
    assert [step.in_time for step in (skipped, untouched)] == [None, None]


def test_who_does_anothers_step_is_found_and_a_deputy_may(followed: dict[str, FollowedStep]) -> None:
    assert followed["see-that-orders-fail"].by_role is True
    assert followed["tell-customers"].by_role is False
    assert acts_as("incident commander", ["deputy"]) is True
    assert acts_as("Subject-matter expert", ["subject-matter expert"]) is True
    assert acts_as("communicator", ["customer liaison"]) is True
    assert acts_as("", ["deputy"]) is None


def test_the_second_who_ticked_a_step_is_named_and_changes_nothing(followed: dict[str, FollowedStep]) -> None:
    step = followed["scale-payment-back"]
    assert (step.step.by, step.step.also_by, step.taken_seconds) == ("Ben", ("Ada",), 15.0)


def test_the_steps_that_were_done_too_moved_are_named_with_what_they_overtook(followed: dict[str, FollowedStep]) -> None:
    early = {name: (step.order, step.beside) for name, step in followed.items() if step.order}
    assert early == {
        "tell-support": ("early", "Find the service that has no pods"),
        "tell-customers": ("early", "Find the service that has no pods"),
    }


@pytest.mark.parametrize(
    ("order", "moved"),
    [
        ("abcd", {}),
        ("bacd", {"b": ("early", "a")}),
        ("dabc", {"d": ("early", "a")}),
        ("bcda", {"a": ("late", "b")}),
        ("dcba", {"d": ("early", "a"), "c": ("early", "a"), "b": ("early", "a")}),
        ("", {}),
    ],
)
def test_as_few_steps_as_explain_the_order_are_out_of_it(order: str, moved: dict[str, tuple[str, str]]) -> None:
    steps = [(StepState(name, name, "Resolve", "", None, {}), order.index(name)) for name in sorted(order)]
    assert _moved(steps) == moved


def test_a_step_after_which_customers_could_order_again_helped(followed: dict[str, FollowedStep]) -> None:
    effect = followed["scale-payment-back"].effect
    assert effect is not None
    assert effect.judgement == "helped"
    assert effect.before is not None
    assert (effect.before.value, effect.before.samples) == (0.0, 200)
    assert effect.change is not None
    assert 0.95 < effect.change.low <= effect.change.value <= 1.0


def test_a_step_that_changed_nothing_did_nothing(followed: dict[str, FollowedStep]) -> None:
    effect = followed["declare-the-incident"].effect
    assert effect is not None
    assert effect.judgement == "did_nothing"


def test_at_a_table_no_effect_is_known(tmp_path: Path) -> None:
    steps = fidelities_of(events_of(tabletop, tmp_path))[ROUND].steps
    assert {step.effect.judgement for step in steps if step.effect} == {"unknown"}
    assert sum(step.outcome == "done" for step in steps) == 6


def test_a_log_without_people_has_no_fidelity() -> None:
    assert fidelities_of([]) == {}
