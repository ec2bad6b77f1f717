from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gameday.errors import RefusedError
from gameday.log import Event
from gameday.log.events import RunEnded
from gameday.log.people import (
    Classified,
    FaultRevealed,
    MessageSent,
    MomentMarked,
    NoteTaken,
    PeopleDone,
    PersonJoined,
    RoleHandedOver,
    RunbookChosen,
    StepTicked,
)
from gameday.rehearsal.requests import event_for
from gameday.rehearsal.state import State, fold
from tests.rehearsal.logs import dated, state_after

NOW = datetime(2026, 11, 27, 19, 0, tzinfo=UTC)
FACILITATOR = (0.0, PersonJoined(person="Fay", roles=["facilitator"]))


def refusal(state: State, person: str, request: dict[str, Any]) -> str:
    with pytest.raises(RefusedError) as caught:
        event_for(state, person, request, now=NOW)
    return str(caught.value)


def test_a_request_becomes_the_event_of_its_round() -> None:
    state = state_after(FACILITATOR)
    cases: list[tuple[str, dict[str, Any], Event]] = [
        ("Ben", {"do": "tick", "step": "see"}, StepTicked(runbook="dependency-down", step="see", person="Ben", outcome="done")),
        ("Ada", {"do": "mark", "moment": "declared"}, MomentMarked(moment="declared", person="Ada")),
        (
            "Ada",
            {"do": "classify", "severity": "major", "affected_percent": 30},
            Classified(person="Ada", severity="major", affected_percent=30.0),
        ),
        (
            "Ben",
            {"do": "note", "text": "restarted it", "step": "see", "missing_step": True},
            NoteTaken(person="Ben", text="restarted it", step="see", missing_step=True),
        ),
        (
            "Ada",
            {"do": "hand-over", "role": "incident commander", "to": "Ben"},
            RoleHandedOver(role="incident commander", person="Ada", to="Ben"),
        ),
        ("Fay", {"do": "next-round"}, PeopleDone(person="Fay")),
        ("Fay", {"do": "end"}, PeopleDone(person="Fay", rehearsal_over=True)),
        ("Fay", {"do": "mark", "moment": "fault"}, MomentMarked(moment="fault", person="Fay")),
    ]
    for person, request, expected in cases:
        found = event_for(state, person, request, now=NOW)
        assert found.round == "one"
        assert {**_fields(found), "round": ""} == _fields(expected)


def test_a_message_is_refused_for_nothing_that_it_says_and_has_what_the_check_found_in_it() -> None:
    request = {"do": "message", "audience": "customers", "channel": "mail", "text": "<b>hi</b>"}
    found = event_for(state_after(FACILITATOR), "Ada", request, now=NOW)
    assert isinstance(found, MessageSent)
    assert (found.text, found.audience) == ("<b>hi</b>", "customers")
    assert {finding["code"] for finding in found.findings or []}
    assert all(finding["message"] for finding in found.findings or [])


def _fields(event: Event) -> dict[str, Any]:
    return {"type": type(event).__name__} | {name: getattr(event, name) for name in event.__struct_fields__}


@pytest.mark.parametrize(
    ("person", "request_", "says"),
    [
        ("Ada", {"do": "tik", "step": "see"}, "did you mean 'tick'?"),
        ("Ada", {"do": ["tick"]}, "do: expected one of"),
        ("Ada", {}, "do: expected one of"),
        ("Zoe", {"do": "tick", "step": "see"}, "'Zoe' has not joined"),
        ("\x07", {"do": "join"}, "person: expected a name"),
        ("x" * 61, {"do": "join"}, "person: expected a name"),
        ("Ada", {"do": "tick", "step": "sclae"}, "did you mean 'scale'?"),
        ("Ada", {"do": "tick", "step": 3}, "step: expected a text, but got int"),
        ("Ada", {"do": "skip", "step": "see", "reason": " "}, "reason: expected a text"),
        ("Ada", {"do": "mark", "moment": "resolvd"}, "did you mean 'resolved'?"),
        ("Ada", {"do": "mark", "moment": "declared", "occurred_at": "2026-11-27T10:00:00"}, "with its zone"),
        ("Ada", {"do": "mark", "moment": "declared", "occurred_at": "ten"}, "expected a time such as"),
        ("Ada", {"do": "mark", "moment": "declared", "occurred_at": "2026-11-27T20:00:01+01:00"}, "expected a time that is past"),
        ("Ada", {"do": "mark", "moment": "first_message"}, "the first message to customers; send it: message"),
        ("Ada", {"do": "mark", "moment": "classified"}, "the first classification; say how bad it is: classify"),
        ("Ada", {"do": "mark", "moment": "fault"}, "fault is the facilitator's to mark"),
        ("Ada", {"do": "withdraw", "moment": "declared"}, "declared is not marked"),
        ("Ada", {"do": "classify", "severity": "bad"}, "severity: expected one of"),
        ("Ada", {"do": "classify", "severity": "major", "affected_percent": 101}, "from 0 to 100"),
        ("Ada", {"do": "classify", "severity": "major", "affected_percent": True}, "from 0 to 100"),
        ("Ada", {"do": "message", "audience": "customers", "channel": "mail", "text": "x" * 10_001}, "at most 10000"),
        ("Ada", {"do": "hand-over", "role": "scribe", "to": "Ben"}, "Ada is not scribe"),
        ("Ada", {"do": "hand-over", "role": "incident commander", "to": "Bem"}, "nobody called 'Bem' has joined"),
        ("Ada", {"do": "take", "role": "subject-matter expert"}, "Ben is subject-matter expert"),
        ("Cleo", {"do": "join", "roles": ["incident commander"]}, "Ada is incident commander"),
        ("Cleo", {"do": "join", "roles": "scribe"}, "expected a list of texts"),
        ("Ada", {"do": "inject", "what": "calls", "text": "x"}, "inject is the facilitator's"),
        ("Ada", {"do": "reveal"}, "reveal is the facilitator's"),
        ("Ada", {"do": "next-round"}, "next-round is the facilitator's"),
        ("Ada", {"do": "end"}, "end is the facilitator's"),
    ],
)
def test_what_is_malformed_or_not_theirs_is_refused_with_what_was_expected(
    person: str, request_: dict[str, Any], says: str
) -> None:
    assert says in refusal(state_after(), person, request_)


@pytest.mark.parametrize(
    "written", ["20261127T190500Z", "2026-11-27T20:05:00+01:00", "2026-11-27 19:05Z", "2026-W48-5T19:05:00Z"]
)
def test_a_time_is_written_down_in_utc_and_in_one_form_whatever_form_it_was_given_in(written: str) -> None:
    message = {"do": "message", "audience": "customers", "channel": "mail", "text": "x", "next_at": written}
    found = event_for(state_after(), "Ada", message, now=NOW)
    assert isinstance(found, MessageSent)
    assert found.next_at == "2026-11-27T19:05:00+00:00"


@pytest.mark.parametrize(
    "year", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-02T00:00Z", "9999-12-31T00:00Z"]
)
def test_a_time_that_cannot_be_told_in_every_zone_never_reaches_the_log(year: str) -> None:
    declared = {"do": "mark", "moment": "declared", "occurred_at": year}
    assert "occurred_at: expected a time" in refusal(state_after(), "Ada", declared)
    message = {"do": "message", "audience": "customers", "channel": "mail", "text": "x", "next_at": year}
    assert "next_at: expected a time" in refusal(state_after(), "Ada", message)


def test_what_has_happened_cannot_happen_again() -> None:
    ticked = StepTicked(runbook="r", step="see", person="Ben", outcome="done")
    state = state_after((60, MomentMarked(moment="declared", person="Ada")), (61, ticked), FACILITATOR)
    assert refusal(state, "Ben", {"do": "mark", "moment": "declared"}) == ("declared was marked already, by Ada at 10:01:00 UTC")
    assert "Ben" in refusal(state, "Ada", {"do": "tick", "step": "see"})


STEP_REQUESTS: tuple[dict[str, Any], ...] = (
    {"do": "begin"},
    {"do": "tick"},
    {"do": "skip", "reason": "no time"},
    {"do": "note", "text": "restarted it"},
)


@pytest.mark.parametrize("request_", STEP_REQUESTS, ids=[str(one["do"]) for one in STEP_REQUESTS])
def test_of_a_surprise_no_step_is_touched_or_hinted_at_before_its_runbook_was_opened(request_: dict[str, Any]) -> None:
    wrong = RunbookChosen(runbook="pod-loss", person="Ada", round="one")
    for state in (state_after(FACILITATOR, surprise=True), state_after(FACILITATOR, (1, wrong), surprise=True)):
        said = {refusal(state, "Ben", {**request_, "step": step}) for step in ("scale", "scael", "nothing like it")}
        assert said == {"step: the runbook of this round is not open. Which one it takes, you find out: open one"}
        assert event_for(state, "Fay", {**request_, "step": "scale"}, now=NOW).round == "one"
    for opens in (RunbookChosen(runbook="dependency-down", person="Ada", round="one"), FaultRevealed(by="Fay", round="one")):
        state = state_after((1, opens), surprise=True)
        assert event_for(state, "Ben", {**request_, "step": "scale"}, now=NOW).round == "one"
        assert "did you mean 'scale'?" in refusal(state, "Ben", {**request_, "step": "scael"})


def test_what_follows_from_a_message_or_a_classification_is_not_taken_back_without_it() -> None:
    sent = MessageSent(person="Ada", audience="customers", channel="mail", text="x")
    state = state_after((1, sent), (2, Classified(person="Ada", severity="major")))
    for moment in ("first_message", "classified"):
        assert "stands in the log" in refusal(state, "Ada", {"do": "withdraw", "moment": moment})


def test_a_moment_may_be_noted_later_than_it_was_up_to_now() -> None:
    for occurred_at in ("2026-11-27T19:00:00+00:00", "2026-11-27T19:30:00+01:00"):
        request = {"do": "mark", "moment": "declared", "occurred_at": occurred_at}
        found = event_for(state_after(), "Ada", request, now=NOW)
        assert isinstance(found, MomentMarked)
        assert datetime.fromisoformat(found.occurred_at) == datetime.fromisoformat(occurred_at)


def test_a_fault_that_has_happened_cannot_be_withdrawn() -> None:
    state = state_after(FACILITATOR, (1, MomentMarked(moment="fault", person="Fay")))
    refused = refusal(state, "Fay", {"do": "withdraw", "moment": "fault"})
    assert "cannot be taken back" in refused
    # Whoever asks learns nothing about whether it has happened.
    assert refusal(state_after(FACILITATOR), "Ada", {"do": "withdraw", "moment": "fault"}) == refused


def test_a_round_that_is_over_for_people_and_not_yet_undone_is_not_ended_again() -> None:
    state = state_after(FACILITATOR, (1, PeopleDone(person="Fay")), level="live")
    assert "over already" in refusal(state, "Fay", {"do": "next-round"})


def test_in_a_live_rehearsal_only_the_run_sees_the_fault() -> None:
    state = state_after(FACILITATOR, level="live")
    assert "seen by the run itself" in refusal(state, "Fay", {"do": "mark", "moment": "fault"})


def test_a_role_that_the_plan_took_away_cannot_be_taken_in_this_round() -> None:
    state = state_after((1, RoleHandedOver(role="subject-matter expert", person="Ben", to="", taken=True)))
    assert "the plan took the role away" in refusal(state, "Ben", {"do": "take", "role": "subject-matter expert"})


def test_only_the_roles_of_the_plan_can_be_taken_and_the_facilitators_in_any_case() -> None:
    state = state_after(roles=["incident commander", "subject-matter expert"])
    assert state.roles == ("incident commander", "subject-matter expert", "facilitator")
    for request in ({"do": "take", "role": "deputy"}, {"do": "join", "roles": ["deputy"]}):
        assert "this rehearsal has no such role" in refusal(state, "Ada", request)
    assert event_for(state, "Fay", {"do": "join", "roles": ["facilitator"]}, now=NOW)
    assert event_for(state_after(), "Ada", {"do": "take", "role": "deputy"}, now=NOW)


def test_before_the_first_round_there_is_nothing_to_tick() -> None:
    state = fold(dated([(0, PersonJoined(person="Ada", roles=[]))]))
    assert "no round has begun" in refusal(state, "Ada", {"do": "tick", "step": "see"})


def test_nothing_is_written_into_a_log_that_is_closed() -> None:
    state = state_after((9, RunEnded(exit_code=0, summary="over")))
    assert "the rehearsal is over" in refusal(state, "Ada", {"do": "note", "text": "late"})
