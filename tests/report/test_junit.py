from __future__ import annotations

from collections.abc import Callable
from typing import Any

from junitparser import Error, Failure, JUnitXml

from gameday.log import AnyEvent
from gameday.log.events import RoundStarted, RunEnded, RunStarted, VerdictGiven
from gameday.report import render

Play = Callable[[str], list[AnyEvent]]


def cases(events: list[AnyEvent]) -> list[Any]:
    return [case for suite in JUnitXml.fromstring(render(events, "junit").encode()) for case in suite]


def test_a_round_that_went_as_expected_passes_even_if_it_deviated(play: Play) -> None:
    found = cases(play("first"))
    assert [(case.name, case.classname, case.result) for case in found] == [
        ("A checkout pod is killed", "experiments/checkout-pod-killed.yaml", []),
        ("The payment service is gone", "experiments/payment-scaled-to-zero.yaml", []),
    ]
    assert [case.time for case in found] == [18.5, 26.5]


def test_a_verdict_that_differs_is_a_failure_with_its_reasons(play: Play) -> None:
    case, run = cases(play("with_residue"))
    (failure,) = case.result
    assert isinstance(failure, Failure)
    assert failure.type == "deviated"
    assert failure.text == "checkout success was 0 % against a tolerance of 99 to 100 %"
    (error,) = run.result
    assert isinstance(error, Error)
    assert error.type == "residue"


def test_what_shows_nothing_is_an_error(play: Play) -> None:
    (inconclusive,) = cases(play("inconclusive"))
    assert isinstance(inconclusive.result[0], Error)
    assert "process 4231 is still there" in inconclusive.result[0].text
    aborted, run = cases(play("aborted"))
    assert isinstance(aborted.result[0], Error)
    assert aborted.result[0].type == "aborted"
    assert "SIGINT" in run.result[0].text


def test_a_run_without_rounds_does_not_pass_silently(play: Play) -> None:
    for name in ("refused", "empty", "torn"):
        assert isinstance(cases(play(name))[-1].result[0], Error)


def test_counts_are_those_of_the_cases(play: Play) -> None:
    xml = JUnitXml.fromstring(render(play("with_residue"), "junit").encode())
    suite = next(iter(xml))
    assert (suite.tests, suite.failures, suite.errors) == (2, 1, 1)


def test_characters_that_xml_cannot_hold_do_not_break_it() -> None:
    bad = "a\x00b\x1b[31mc\ufffe"
    events: list[AnyEvent] = [
        RunStarted(run_id="r", kind="experiment", title=bad, source=bad, source_digest="", version="0", host=bad,
                   at="2026-11-22T14:03:05Z"),
        RoundStarted(round="r1", title=bad, experiment=bad, experiment_digest=""),
        VerdictGiven(round="r1", verdict="deviated", expected="held", reasons=[bad]),
        RunEnded(exit_code=1, summary=bad),
    ]  # fmt: skip
    (case,) = cases(events)
    assert case.name == "a\ufffdb\ufffd[31mc\ufffd"
