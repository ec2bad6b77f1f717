"""What is said of one step by its figures, and that nothing is said where they are too few."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.log.events import StepEnded
from gameday.verdict.proportions import Share, change
from gameday.verdict.stepping import judge_step

MET = {"probe": "p", "value": 100.0, "met": True}
RED = {"probe": "p", "value": 0.0, "met": False, "told": "p was 0"}


def share(ok: int, samples: int = 80) -> dict[str, Any]:
    return {"success": 100 * ok / samples, "ok": ok, "samples": samples}


def judged(
    before: int, after: int, *, samples: int = 80, phase: str = "Resolve", wrote: tuple[str, ...] = ("set x",), **values: Any
) -> tuple[str, str, bool]:
    effect = {"before": share(before, samples), "after": share(after, samples)}
    settings = {"result": "done", "how": "executed", "check": MET, "check_before": MET, "effect": effect, **values}
    step = StepEnded(runbook="b", step="s", duration_seconds=1.0, **settings)
    found = judge_step(step, "S", phase, wrote, ())
    return found.judgement, found.why, found.noted


def test_a_step_after_which_success_rose_clearly_helped() -> None:
    judgement, why, _ = judged(4, 78)
    assert judgement == "helped"
    assert "checkout was at 5.0 % (2.0 to 12.2) before it and at 97.5 %" in why
    assert "+92.5 points" in why


def test_a_step_after_which_success_fell_clearly_made_it_worse() -> None:
    judgement, why, noted = judged(78, 40)
    assert (judgement, noted) == ("worse", True)
    assert "-47.5 points" in why


def test_a_step_that_broke_checkout_while_it_was_carried_out_made_it_worse() -> None:
    effect = {"before": share(80), "during": share(10), "after": share(80)}
    judgement, why, _ = judged(80, 80, effect=effect)
    assert judgement == "worse"
    assert "while it was carried out" in why


def test_a_fall_within_noise_is_no_fall() -> None:
    assert judged(80, 78)[0] == "unknown"
    assert judged(79, 79, samples=80)[0] == "unknown"


def test_of_too_few_customers_nothing_is_said() -> None:
    judgement, why, _ = judged(10, 0, samples=10)
    assert judgement == "unknown"
    assert "of 10 and 10 customers, too few to say more" in why


def test_a_step_that_wrote_nothing_and_whose_check_was_met_before_did_nothing() -> None:
    judgement, why, noted = judged(80, 80, wrote=())
    assert (judgement, noted) == ("did_nothing", True)
    assert "its check was met before it already" in why


def test_a_look_of_a_diagnosis_need_not_do_anything() -> None:
    judgement, why, noted = judged(10, 10, wrote=(), phase="Diagnose", check={}, check_before={})
    assert (judgement, noted) == ("did_nothing", False)
    assert why.startswith("it only looked")


def test_a_fall_during_a_step_that_wrote_nothing_is_not_put_down_to_it() -> None:
    judgement, why, _ = judged(80, 20, wrote=())
    assert judgement == "unknown"
    assert "wrote nothing that was seen" in why


def test_a_step_whose_check_turned_helped_although_customers_did_not_notice() -> None:
    judgement, why, _ = judged(80, 80, check_before=RED)
    assert judgement == "helped"
    assert "its check went from 0 to 100" in why


def test_a_failed_step_is_wrong_whatever_became_of_checkout() -> None:
    judgement, why, noted = judged(0, 80, result="failed", detail="exit status 1")
    assert (judgement, noted) == ("wrong", True)
    assert why.startswith("it failed: exit status 1; checkout was at 0.0 % (0.0 to 4.6) before it")


def test_a_step_of_an_older_log_without_counts_is_judged_all_the_same() -> None:
    effect = {"before": {"success": 5.0, "samples": 80}, "after": {"success": 97.5, "samples": 80}}
    assert judged(0, 0, effect=effect)[0] == "helped"


@pytest.mark.parametrize(
    ("ok", "samples", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17, pp. 857-872, table I, method 3 (the score without correction).
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_an_interval_is_the_published_one(ok: int, samples: int, low: float, high: float) -> None:
    found = Share(ok, samples).interval()
    assert list(found) == pytest.approx([low, high], abs=5e-5)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17, pp. 873-890, table II, method 10, of which the first share is the later one.
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090), ((10, 10), (0, 10), 0.6075, 1.0)],
)
def test_the_interval_of_a_difference_is_the_published_one(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    found = change(Share(*other), Share(*one))
    assert [found.low, found.high] == pytest.approx([low, high], abs=5e-5)


def test_of_no_sample_nothing_is_known() -> None:
    assert Share(0, 0).interval() == (0.0, 1.0)
    assert change(Share(0, 0), Share(0, 0)).low == -1.0
