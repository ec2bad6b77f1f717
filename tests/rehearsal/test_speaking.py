from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gameday.errors import RefusedError
from gameday.log.people import RunbookChosen
from gameday.rehearsal.requests import event_for
from gameday.rehearsal.speaking import HELP, Known, known_of, understood
from tests.rehearsal.logs import state_after

KNOWN = Known(("see", "scale"), {"customers": "status page"})


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        ("tick 2", {"do": "tick", "step": "scale"}),
        ("done see", {"do": "tick", "step": "see"}),
        ("  TICK 1 ", {"do": "tick", "step": "see"}),
        ("begin 1", {"do": "begin", "step": "see"}),
        ("skip 2 because it runs", {"do": "skip", "step": "scale", "reason": "it runs"}),
        ("ack", {"do": "mark", "moment": "acknowledged", "detail": ""}),
        ("declare it is bad", {"do": "mark", "moment": "declared", "detail": "it is bad"}),
        ("mark review_held", {"do": "mark", "moment": "review_held", "detail": ""}),
        ("withdraw declare", {"do": "withdraw", "moment": "declared"}),
        (
            "classify major 30% all who pay by card",
            {"do": "classify", "severity": "major", "affected": "all who pay by card", "affected_percent": 30.0},
        ),
        ("classify minor", {"do": "classify", "severity": "minor", "affected": "", "affected_percent": None}),
        (
            "message customers We know: wait.",
            {"do": "message", "audience": "customers", "channel": "status page", "text": "We know: wait."},
        ),
        (
            "message press via mail: No comment.",
            {"do": "message", "audience": "press", "channel": "mail", "text": "No comment."},
        ),
        ("note 40 calls", {"do": "note", "text": "40 calls", "step": ""}),
        ("note 2 took long", {"do": "note", "text": "took long", "step": "scale"}),
        ("missing 1 look first", {"do": "note", "text": "look first", "step": "see", "missing_step": True}),
        ("decide roll back because it is late", {"do": "decide", "text": "roll back", "reason": "it is late"}),
        (
            "hand over incident commander to Ben: good luck",
            {"do": "hand-over", "role": "incident commander", "to": "Ben", "note": "good luck"},
        ),
        ("take scribe", {"do": "take", "role": "scribe"}),
        ("inject calls forty calls", {"do": "inject", "what": "calls", "text": "forty calls"}),
        (
            "absent subject-matter expert on a train",
            {"do": "absent", "role": "subject-matter expert", "text": "on a train"},
        ),
        ("open dependency-down", {"do": "open", "runbook": "dependency-down"}),
        ("next", {"do": "next-round"}),
        ("end", {"do": "end"}),
    ],
)
def test_a_line_is_the_request_that_a_button_would_be(line: str, request_: dict[str, Any]) -> None:
    assert dict(understood(line, KNOWN).request) == request_


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("tikc 2", "did you mean 'tick'?"),
        ("tick 3", "expected a step from 1 to 2"),
        ("tick", "which step?"),
        ("message sellers hello", "on which channel? The plan names none for 'sellers'"),
        ("message press via mail No comment", "expected a colon"),
        ("hand over the keys to Ben", "expected: hand over ROLE to NAME"),
        ("xyzzy", "see: help"),
    ],
)
def test_a_line_that_is_not_understood_is_answered_with_what_would_be(line: str, says: str) -> None:
    with pytest.raises(RefusedError) as caught:
        understood(line, KNOWN)
    assert says in str(caught.value)


def test_looks_and_the_stop_are_the_terminals_own() -> None:
    assert (understood("steps", KNOWN).look, understood("stop it burns", KNOWN).text) == ("steps", "it burns")
    assert not understood("clocks", KNOWN).request
    assert HELP


def test_of_a_surprise_no_step_has_a_number_before_its_runbook_was_opened() -> None:
    state = state_after(surprise=True)
    assert known_of(state, person="Ben").steps == ()
    assert known_of(state).steps == ("see", "scale")
    with pytest.raises(RefusedError, match="no runbook with steps is open"):
        understood("tick 1", known_of(state, person="Ben"))
    opened = RunbookChosen(runbook="dependency-down", person="Ada", round="one")
    assert known_of(state_after((1, opened), surprise=True), person="Ben").steps == ("see", "scale")


def test_what_is_understood_is_what_a_rehearsal_takes() -> None:
    state = state_after()
    said = understood("tick 2", known_of(state))
    assert event_for(state, "Ben", said.request, now=datetime.now(UTC)).round == "one"
