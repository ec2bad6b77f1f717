"""Success by cohort, and what errors say to customers."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.change import bind
from gameday.errors import BadParameterError, NoMeasurementError
from gameday.probes import checkout
from gameday.traffic.windows import NOTHING, Outcomes, Window


def measure(probe: Any, observations: Any, **arguments: Any) -> Any:
    return probe.spec.measure(observations, **bind(probe.spec.measure, probe.spec.name, arguments))


def cohorts(**found: Outcomes) -> Window:
    return Window(0.0, 0.1, 0, 0.0, Outcomes(90, 10), {}, found)


def test_the_worst_cohort_is_seen_where_the_average_looks_fine(observed: Any) -> None:
    seen = observed([cohorts(app=Outcomes(1, 9), web=Outcomes(90, 0))])
    found = measure(checkout.worst_cohort, seen)
    assert (found.value, found.unit, found.samples) == (10.0, "%", 10)
    assert found.seen.startswith("app fared worst of app 10.0 %, web 100.0 %")
    assert measure(checkout.success_rate, seen).value == 90.0
    assert measure(checkout.success_rate, seen, cohort="web").value == 100.0


def test_of_a_cohort_with_hardly_any_customers_nothing_is_said(observed: Any) -> None:
    seen = observed([cohorts(app=Outcomes(9, 0), web=Outcomes(90, 0))])
    with pytest.raises(NoMeasurementError, match=r"at least 10 journeys of each cohort within 5 s, found of app 9"):
        measure(checkout.worst_cohort, seen)
    assert measure(checkout.worst_cohort, seen, minimum_samples=9).value == 100.0


def test_a_cohort_that_was_not_seen_is_named_with_those_that_were(observed: Any) -> None:
    with pytest.raises(NoMeasurementError, match="no journey of cohort 'tv' was due; the cohorts that were seen are app"):
        measure(checkout.success_rate, observed([cohorts(app=Outcomes(1))]), cohort="tv")
    with pytest.raises(NoMeasurementError, match="are of no cohort"):
        measure(checkout.worst_cohort, observed([cohorts()]))


@pytest.mark.parametrize("wrong", [{"step": "submit", "cohort": "app"}, {"window_seconds": 0}])
def test_a_success_that_nobody_counts_is_refused(observed: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(BadParameterError):
        measure(checkout.success_rate, observed([cohorts()]), **wrong)


@pytest.mark.parametrize("wrong", [0, -1, 2.5, True])
def test_a_number_of_samples_that_is_none_is_refused(observed: Any, wrong: Any) -> None:
    with pytest.raises(BadParameterError, match="expected minimum_samples to be "):
        measure(checkout.worst_cohort, observed([cohorts()]), minimum_samples=wrong)


def test_errors_are_judged_by_what_they_say_and_silence_is_no_error(observed: Any) -> None:
    whole = Outcomes(5, 6, {"submit:status_500": 3, "pay:status_503": 1, "submit:timeout": 2}, poor_errors=1)
    step = Outcomes(5, 5, {"status_500": 3, "timeout": 2}, poor_errors=3)
    seen = observed([Window(0.0, 0.1, 0, 0.0, whole, {"submit": step})])
    found = measure(checkout.error_quality, seen)
    assert (found.value, found.samples) == (75.0, 4)
    assert measure(checkout.error_quality, seen, step="submit").value == 0.0


def test_where_nobody_got_an_error_none_was_poor(observed: Any) -> None:
    found = measure(checkout.error_quality, observed([Window(0.0, 0.1, 0, 0.0, Outcomes(7, 2, {"submit:timeout": 2}), {})]))
    assert (found.value, found.samples) == (100.0, 7)
    assert "no customer was answered with an error within 5 s, and 7 were answered without" in found.seen


def test_an_answer_with_another_body_than_expected_is_one_and_no_error(observed: Any) -> None:
    whole = Outcomes(0, 4, {"submit:unexpected_body": 3, "submit:timeout": 1})
    step = Outcomes(0, 3, {"unexpected_body": 3})
    seen = observed([Window(0.0, 0.1, 0, 0.0, whole, {"submit": step})])
    for arguments in ({}, {"step": "submit"}):
        found = measure(checkout.error_quality, seen, **arguments)
        assert (found.value, found.samples) == (100.0, 3)


SILENT = {f"submit:{kind}": 1 for kind in ("timeout", "connect_failed", "connect_refused", "connection_lost", "bad_http")}


@pytest.mark.parametrize("outcomes", [NOTHING, Outcomes(0, 5, SILENT)], ids=["nobody came", "nobody was answered"])
def test_where_nobody_was_answered_nothing_is_said_of_errors(observed: Any, outcomes: Outcomes) -> None:
    with pytest.raises(NoMeasurementError, match=rf"none of {outcomes.samples} customers within 5 s was answered at all"):
        measure(checkout.error_quality, observed([Window(0.0, 0.1, 0, 0.0, outcomes, {})]))
