"""What pages ask for and are told: requests, conflicts, limits, and the stream."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from gameday.web import serve
from gameday.web.runbooks import Library
from tests.web.calls import Caller, Reply
from tests.web.tabletop import Clock, Tabletop


@pytest.fixture
def ada(commander: Caller) -> Caller:
    assert commander.ask("Ada", "join", roles=["incident commander"]).status == 201
    assert commander.ask("Ada", "open", runbook="orders-disk-full").status == 201
    return commander


def test_a_request_becomes_an_event_and_its_number_is_told(commander: Caller, tabletop: Tabletop) -> None:
    reply = commander.ask("Ada", "join", roles=["incident commander"])
    assert reply.status == 201
    assert reply.json == {"seq": tabletop.state.seq}
    assert tabletop.state.holders == {"incident commander": "Ada"}


def test_of_two_people_who_tick_one_step_the_second_is_told_who_was_first_and_when(ada: Caller, clock: Clock) -> None:
    ada.ask("Grace", "join", roles=["scribe"])
    clock.go_on(65)
    assert ada.ask("Ada", "tick", step="declare").status == 201
    clock.go_on(1)
    second = ada.ask("Grace", "tick", step="declare")
    assert second.status == 409
    assert second.json["refused"] == "'declare' is done already: Ada was first, at 10:01:05 UTC"
    assert second.json["first"] == {"person": "Ada", "at": "2026-11-25T10:01:05.000Z", "outcome": "done"}


def test_a_page_of_a_surprise_is_refused_every_step_alike_until_the_runbook_is_found(
    commander: Caller, facilitator: Caller, tabletop: Tabletop
) -> None:
    facilitator.ask("Fay", "join", roles=["facilitator"])
    commander.ask("Ada", "join", roles=["incident commander"])
    assert facilitator.ask("Fay", "tick", step="declare").status == 201
    assert facilitator.ask("Fay", "note", step="declare", text="done before").status == 201
    before = tabletop.state.seq
    for asked in ({"do": "begin"}, {"do": "tick"}, {"do": "skip", "reason": "x"}, {"do": "note", "text": "x"}):
        for person in ("Ada", "", "Nobody"):
            replies = [
                commander.post("/api/requests", {"person": person, "step": step, **asked}) for step in ("declare", "declaer", "x")
            ]
            assert {reply.status for reply in replies} == {409}
            assert {reply.text for reply in replies} == {replies[0].text}
            assert "declare" not in replies[0].text
            assert "first" not in replies[0].json
    assert tabletop.state.seq == before
    assert commander.get("/api/state?person=Ada").json["incident"]["log"][-1]["step"] == ""
    commander.ask("Ada", "open", runbook="orders-disk-full")
    assert commander.ask("Ada", "tick", step="declare").json["first"]["person"] == "Fay"
    assert commander.get("/api/state?person=Ada").json["incident"]["log"][-1]["step"] == "declare"


def test_of_many_who_tick_at_once_one_is_first_and_all_the_others_hear_of_the_same_one(ada: Caller, tabletop: Tabletop) -> None:
    names = [f"Person {number}" for number in range(8)]
    for name in names:
        ada.ask(name, "join", roles=[])
    replies: dict[str, Reply] = {}
    start = threading.Barrier(len(names))

    def tick(name: str) -> None:
        start.wait()
        replies[name] = ada.ask(name, "tick", step="declare")

    threads = [threading.Thread(target=tick, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [name for name, reply in replies.items() if reply.status == 201]
    assert len(winners) == 1
    assert {reply.json["first"]["person"] for reply in replies.values() if reply.status == 409} == set(winners)
    assert tabletop.state.incident is not None
    assert tabletop.state.incident.steps["declare"].by == winners[0]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"not json", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'{"person": 1, "do": "join"}', 400),
        (b'{"person": "Ada", "affected_percent": NaN}', 400),
        (b'{"person": "\\ud800", "do": "join"}', 400),
        (b"[" * 60_000, 400),
        (b'"' + b"x" * 70_000 + b'"', 413),
        (b'{"person": "Ada", "do": []}', 400),
        (b'{"person": "Ada", "do": {"do": "join"}}', 400),
        (b'{"person": "Ada", "do": "dance"}', 409),
        (b'{"person": "Ada"}', 409),
        (b'{"person": "", "do": "join"}', 409),
        (b'{"person": "Nobody", "do": "tick", "step": "declare"}', 409),
    ],
)
def test_a_body_that_is_malformed_or_too_large_is_refused(
    commander: Caller, tabletop: Tabletop, body: bytes, status: int
) -> None:
    before = tabletop.state.seq
    reply = commander.post("/api/requests", body)
    assert reply.status == status
    assert reply.json["refused"]
    assert tabletop.state.seq == before


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_only_json_is_taken(commander: Caller, kind: str) -> None:
    assert commander.post("/api/requests", {"person": "Ada", "do": "join"}, **{"Content-Type": kind}).status == 415


def test_the_longest_text_that_is_allowed_goes_through(ada: Caller) -> None:
    body = {"person": "Ada", "do": "note", "text": "\N{FIRE}" * 10_000}
    assert ada.post("/api/requests", json.dumps(body, ensure_ascii=False).encode()).status == 201
    assert "10000 characters" in ada.ask("Ada", "note", text="x" * 10_001).json["refused"]


@pytest.mark.parametrize(
    "asked",
    [
        {"do": "inject", "what": "note", "to": [], "text": "x"},
        {"do": "absent", "role": "scribe", "text": "x"},
        {"do": "reveal"},
        {"do": "next-round"},
        {"do": "end"},
        {"do": "take", "role": "facilitator"},
        {"do": "join", "roles": ["scribe", "facilitator"]},
    ],
)
@pytest.mark.parametrize("person", ["Ada", "Fay"])
def test_the_participants_token_does_nothing_of_the_facilitators_in_anybodys_name(
    ada: Caller, facilitator: Caller, tabletop: Tabletop, asked: dict[str, Any], person: str
) -> None:
    assert facilitator.ask("Fay", "join", roles=["facilitator"]).status == 201
    before = tabletop.state.seq
    assert ada.post("/api/requests", {"person": person, **asked}).status == 403
    assert ada.ask("Fay", "hand-over", role="facilitator", to="Ada").status == 403
    assert tabletop.state.seq == before


def test_the_stop_reaches_the_session_with_who_and_why(ada: Caller, tabletop: Tabletop) -> None:
    assert ada.post("/api/stop", {"person": "Ada", "reason": "a real incident"}).status == 202
    assert tabletop.stopped == [("Ada", "a real incident")]
    assert ada.get("/api/state").json["ended"]["summary"] == "every verdict is the expected one"


def test_the_reason_of_a_stop_is_one_line_that_a_terminal_shows(ada: Caller, tabletop: Tabletop) -> None:
    assert ada.post("/api/stop", {"person": "Ada", "reason": "enough\n\x1b]52;c;x\x07" + "!" * 10_000}).status == 202
    ((_, reason),) = tabletop.stopped
    assert reason.isprintable()
    assert (reason[:6], len(reason)) == ("enough", 500)


def test_a_stop_without_a_name_stops_nothing(commander: Caller, tabletop: Tabletop) -> None:
    assert commander.post("/api/stop", {"person": " "}).status == 400
    assert tabletop.stopped == []


def test_a_stop_does_not_wait_for_requests_that_hang(ada: Caller, tabletop: Tabletop, monkeypatch: pytest.MonkeyPatch) -> None:
    hang = threading.Event()
    submit = tabletop.submit
    monkeypatch.setattr(tabletop, "submit", lambda person, request: (hang.wait(10), submit(person, request))[1])
    threads = [threading.Thread(target=ada.ask, args=("Ada", "note"), kwargs={"text": "x"}) for _ in range(20)]
    for thread in threads:
        thread.start()
    assert ada.post("/api/stop", {"person": "Ada", "reason": ""}).status == 202
    assert tabletop.stopped == [("Ada", "stopped by hand")]
    hang.set()
    for thread in threads:
        thread.join()


def test_the_stream_begins_with_the_state_and_goes_on_with_each_change(ada: Caller, tabletop: Tabletop) -> None:
    with ada.listening("/api/events?person=Ada") as messages:
        first = next(messages)
        assert first.event == "state"
        assert first.id == str(tabletop.state.seq)
        ada.ask("Ada", "note", text="seen")
        second = next(messages)
        assert int(second.id) == int(first.id) + 1
        assert second.data["incident"]["log"][-1]["text"] == "seen"
        assert second.data == ada.get("/api/state?person=Ada").json


def test_whoever_comes_back_with_the_last_id_hears_only_what_is_new(ada: Caller, tabletop: Tabletop) -> None:
    last = str(tabletop.state.seq)
    for again in ({"Last_Event_ID": last}, {}):
        path = "/api/events" if again else f"/api/events?after={last}"
        with ada.listening(path, **again) as messages:
            ada.ask("Ada", "note", text="new")
            assert int(next(messages).id) == int(last) + 1
        last = str(tabletop.state.seq)


def test_whoever_was_away_is_told_where_everybody_is_now(ada: Caller, tabletop: Tabletop) -> None:
    last = str(tabletop.state.seq)
    for text in ("one", "two", "three"):
        ada.ask("Ada", "note", text=text)
    with ada.listening("/api/events", Last_Event_ID=last) as messages:
        message = next(messages)
    assert message.id == str(tabletop.state.seq)
    assert [entry["text"] for entry in message.data["incident"]["log"]] == ["one", "two", "three"]


def test_a_server_that_ends_lets_open_pages_go(rehearsal_of: Callable[..., Tabletop], library: Library) -> None:
    with serve(rehearsal_of(), library=library) as served:
        caller = Caller(served, {"Authorization": f"Bearer {served.token_for('commander')}"})
        listening = caller.listening("/api/events")
        messages = listening.__enter__()
        next(messages)
    assert list(messages) == []
    listening.__exit__(None, None, None)
