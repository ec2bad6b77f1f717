"""What each page is told, and what it is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from gameday.log.people import MessageSent, RehearsalStarted
from gameday.rehearsal.impact import GUIDE
from gameday.rehearsal.state import State, fold
from gameday.web import serve
from gameday.web.runbooks import Library
from gameday.web.shown import Viewer, shown
from tests.rehearsal.logs import dated
from tests.web.calls import Caller
from tests.web.tabletop import EXPERIMENT, INJECTS, START, STEPS, TITLE, Clock, Tabletop

SECRETS = (
    TITLE,
    EXPERIMENT,
    "orders-disk-full",
    "Orders go through",
    "fill the volume",
    "round-1",
    "first-alert",
    INJECTS[2]["text"],
)


def _all_of(caller: Caller) -> str:
    """Return everything that the page of a surprise could find out before anybody has chosen a runbook."""
    paths = ["/api/state", "/api/state?person=Ada", "/api/state?person=Fay", "/api/templates", "/commander"]
    with caller.listening("/api/events?person=Fay") as messages:
        streamed = str(next(messages).data)
    return "\n".join([*(caller.get(path).text for path in paths), streamed])


def test_a_surprise_tells_participants_nothing_of_the_fault_until_it_is_revealed(
    commander: Caller, facilitator: Caller, tabletop: Tabletop
) -> None:
    commander.ask("Ada", "join", roles=["incident commander"])
    facilitator.ask("Fay", "join", roles=["facilitator"])
    tabletop.fault()
    told = _all_of(commander)
    assert [secret for secret in SECRETS if secret in told] == []
    assert facilitator.ask("Fay", "reveal").status == 201
    incident = commander.get("/api/state").json["incident"]
    assert incident["title"] == TITLE
    assert incident["runbook"] == "orders-disk-full"
    assert [step["id"] for step in incident["steps"]] == [step["id"] for step in STEPS]
    assert "backstage" not in commander.get("/api/state").json


def test_the_facilitator_sees_the_fault_what_it_broke_and_what_is_to_come(
    facilitator: Caller, tabletop: Tabletop, clock: Clock
) -> None:
    clock.go_on(30)
    tabletop.fault()
    clock.go_on(60)
    tabletop.inject(0)
    told = facilitator.get("/api/state").json
    assert told["incident"]["title"] == TITLE
    assert told["backstage"]["fault"]["experiment"] == EXPERIMENT
    assert told["backstage"]["fault"]["changes"] == [
        {"object": "volume shop/orders", "summary": "fill the volume", "applied": True},
    ]
    assert [(one["id"], one["due_at"]) for one in told["backstage"]["upcoming"]] == [
        ("calls", "2026-11-25T10:10:30.000Z"),
        ("reporter", "2026-11-25T10:20:30.000Z"),
    ]


def test_without_surprise_everybody_knows_and_the_injects_to_come_are_still_the_facilitators(
    rehearsal_of: Callable[..., Tabletop], library: Library
) -> None:
    with _serving(rehearsal_of(surprise=False), library) as served:
        text = Caller(served, {"Authorization": f"Bearer {served.token_for('commander')}"}).get("/api/state").text
    assert TITLE in text
    assert all(inject["text"] not in text for inject in INJECTS)


def test_when_the_fault_was_is_told_once_something_has_alerted_people(
    commander: Caller, facilitator: Caller, tabletop: Tabletop, clock: Clock
) -> None:
    def known() -> dict[str, Any]:
        incident = commander.get("/api/state").json["incident"]
        moments = {moment["name"]: moment["at"] for moment in incident["moments"]}
        return {"fault": moments["fault"], **{one["name"]: one["begin_at"] for one in incident["clocks"]}}

    tabletop.fault()
    assert set(known().values()) == {None}
    assert facilitator.get("/api/state").json["incident"]["moments"][0]["at"] == "2026-11-25T10:00:00.000Z"
    clock.go_on(60)
    tabletop.inject(0)
    assert known()["fault"] == "2026-11-25T10:00:00.000Z"
    assert known()["mitigate"] == "2026-11-25T10:00:00.000Z"


def test_what_is_said_of_the_fault_and_what_a_check_knows_of_it_is_withheld_as_long_as_the_fault_is(
    commander: Caller, facilitator: Caller, tabletop: Tabletop
) -> None:
    commander.ask("Ada", "join", roles=["incident commander"])
    facilitator.ask("Fay", "join", roles=["facilitator"])
    facilitator.ask("Fay", "mark", moment="fault", detail="payment has no pods")
    commander.ask("Ada", "message", audience="customers", channel="mail", text="It is broken.")

    def told(caller: Caller) -> tuple[str, set[str]]:
        incident = caller.get("/api/state?person=Ada").json["incident"]
        return incident["moments"][0]["detail"], {finding["code"] for finding in incident["log"][0]["findings"]}

    assert told(commander) == ("", set())
    tabletop.inject(0)
    assert told(commander)[0] == ""
    assert "since" in told(commander)[1]
    assert told(facilitator)[0] == "payment has no pods"
    facilitator.ask("Fay", "reveal")
    assert told(commander) == told(facilitator)


def test_whoever_classifies_reads_the_thresholds_that_judge(commander: Caller) -> None:
    page = commander.get("/commander").text
    assert all(text in page for text in GUIDE.values())


def test_the_roles_on_offer_are_those_of_the_plan() -> None:
    state = fold(dated([(0, RehearsalStarted(level="tabletop", roles=["incident commander", "scribe"]))]))
    told = shown(state, Viewer("commander"), START)
    assert [one["role"] for one in told["roles"]] == ["incident commander", "scribe", "facilitator"]


def test_an_inject_to_a_role_is_seen_by_whoever_holds_it(commander: Caller, facilitator: Caller, tabletop: Tabletop) -> None:
    commander.ask("Ada", "join", roles=["incident commander"])
    commander.ask("Lin", "join", roles=["customer liaison"])
    tabletop.inject(1)

    def texts(caller: Caller, person: str) -> list[str]:
        return [one["text"] for one in caller.get(f"/api/state?person={person}").json["incident"]["injects"]]

    assert texts(commander, "Ada") == []
    assert texts(commander, "Lin") == [INJECTS[1]["text"]]
    assert texts(facilitator, "Fay") == [INJECTS[1]["text"]]
    commander.ask("Lin", "hand-over", role="customer liaison", to="Ada")
    assert texts(commander, "Ada") == [INJECTS[1]["text"]]
    assert texts(commander, "Lin") == []


def test_people_find_the_runbook_of_a_surprise_in_the_catalogue(commander: Caller) -> None:
    commander.ask("Ada", "join", roles=["incident commander"])
    assert {one["id"] for one in commander.get("/api/runbooks").json} == {"orders-disk-full", "submit-fails"}
    assert commander.ask("Ada", "open", runbook="../secret").status == 404

    def choose(runbook: str) -> dict[str, Any]:
        assert commander.ask("Ada", "open", runbook=runbook).status == 201
        incident: dict[str, Any] = commander.get("/api/state").json["incident"]
        return {name: incident[name] for name in ("runbook", "can_choose", "can_tick")}

    assert choose("submit-fails") == {"runbook": "submit-fails", "can_choose": True, "can_tick": False}
    assert commander.get("/api/runbooks/submit-fails").json["title"] == "The final submit fails for some customers"
    assert choose("orders-disk-full") == {"runbook": "orders-disk-full", "can_choose": True, "can_tick": True}
    assert [step["id"] for step in commander.get("/api/runbooks/orders-disk-full").json["steps"]] == [
        step["id"] for step in STEPS
    ]


def test_a_runbook_that_is_not_offered_is_not_there(commander: Caller) -> None:
    assert commander.get("/api/runbooks/nothing").status == 404
    assert commander.get("/api/runbooks/..%2f..%2fREADME").status == 404


def test_a_message_that_is_owed_has_its_time_to_the_second(commander: Caller, clock: Clock) -> None:
    commander.ask("Ada", "join", roles=["incident commander"])
    assert commander.get("/api/state").json["incident"]["next_message"] is None
    clock.go_on(7)
    commander.ask("Ada", "mark", moment="declared")
    assert commander.get("/api/state").json["incident"]["next_message"] == {"what": "first", "due_at": "2026-11-25T10:05:07.000Z"}
    assert commander.get("/api/state").json["incident"]["next_in_seconds"] == {"customers": 300.0, "others": 1200.0}
    templates = {(one["audience"], one["id"]): one["text"] for one in commander.get("/api/templates").json}
    assert "10:05 UTC" in templates["customers", "customers/first"]
    assert "10:20 UTC" in templates["support", "support/first"]
    clock.go_on(120)
    commander.ask("Ada", "message", audience="customers", channel="mail", text="x", next_at="")
    told = commander.get("/api/state").json["incident"]
    assert told["next_message"] == {"what": "scope", "due_at": "2026-11-25T10:07:07.000Z"}
    assert told["next_in_seconds"] == {"customers": 1200.0, "others": 1200.0}
    assert told["cadence_kept"] is None
    clock.go_on(301)
    assert commander.get("/api/state").json["incident"]["cadence_kept"] is False


def test_how_often_messages_are_owed_is_told_of_a_surprise_too_since_people_are_judged_by_it(
    commander: Caller, facilitator: Caller, tabletop: Tabletop
) -> None:
    assert tabletop.state.incident is not None
    assert tabletop.state.incident.runbook is not None
    tabletop.write(replace(tabletop.state.incident.runbook, updates_every_seconds=900.0))
    commander.ask("Ada", "join", roles=["incident commander"])
    commander.ask("Ada", "mark", moment="declared")
    for _ in range(2):
        commander.ask("Ada", "message", audience="customers", channel="mail", text="x")
    told = [caller.get("/api/state").json for caller in (commander, facilitator)]
    assert [one["incident"]["hidden"] for one in told] == [True, False]
    for one in told:
        assert one["incident"]["next_in_seconds"] == {"customers": 900.0, "others": 900.0}
        assert one["incident"]["next_message"] == {"what": "update", "due_at": "2026-11-25T10:15:00.000Z"}
        assert "allowed" not in one


def test_a_time_in_a_form_that_no_browser_reads_goes_out_in_the_one_that_every_time_has(
    commander: Caller, tabletop: Tabletop
) -> None:
    for next_at in ("20261125T143000Z", "2026-11-25T15:30:00+01:00", ""):
        tabletop.write(MessageSent(person="Ada", audience="press", channel="mail", text="x", next_at=next_at), round="round-1")
    log = commander.get("/api/state").json["incident"]["log"]
    assert [entry["next_at"] for entry in log] == ["2026-11-25T14:30:00.000Z", "2026-11-25T14:30:00.000Z", ""]


def test_a_log_without_a_rehearsal_is_shown_as_what_it_is() -> None:
    told = shown(State(), Viewer("commander"), START + timedelta(seconds=1))
    assert told["incident"] is None
    assert told["now"] == "2026-11-25T10:00:01.000Z"


def test_text_from_people_goes_out_as_it_is_and_only_as_json(commander: Caller) -> None:
    nasty = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
    commander.ask("<b>Ada", "join", roles=["scribe"])
    commander.ask("<b>Ada", "note", text=nasty)
    reply = commander.get("/api/state")
    assert reply.headers["Content-Type"].startswith("application/json")
    assert reply.json["incident"]["log"][0]["text"] == nasty
    assert nasty not in commander.get("/").text
    refused = commander.get("/static/<script>alert(1)</script>")
    assert "<script>alert" not in refused.text


@pytest.mark.parametrize("with_runbook", [True, False])
def test_a_round_without_a_runbook_is_a_round(
    rehearsal_of: Callable[..., Tabletop], library: Library, *, with_runbook: bool
) -> None:
    with _serving(rehearsal_of(surprise=False, runbook=with_runbook), library) as served:
        told = Caller(served, {"Authorization": f"Bearer {served.token_for('commander')}"}).get("/api/state").json["incident"]
    assert told["can_tick"] is with_runbook
    assert bool(told["steps"]) is with_runbook


def _serving(tabletop: Tabletop, library: Library) -> Any:
    return serve(tabletop, library=library)


def test_a_message_begins_with_a_template_and_is_checked_once_somebody_can_know_of_it(
    commander: Caller, tabletop: Tabletop
) -> None:
    tabletop.fault()
    message = {"audience": "customers", "channel": "mail", "text": "It is broken."}
    assert commander.get("/api/templates").json == commander.post("/api/check", message).json == []
    tabletop.inject(0)
    templates = commander.get("/api/templates").json
    assert {one["audience"] for one in templates} >= {"customers", "support", "press"}
    assert "orders-disk-full" not in str(templates)
    assert "since" in {finding["code"] for finding in commander.post("/api/check", message).json}
    for next_at in ("nonsense", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        assert commander.post("/api/check", {**message, "text": 7, "next_at": next_at}).status == 200
