from __future__ import annotations

import pytest
from msgspec import structs

from gameday.log.people import MessageSent, MomentMarked
from gameday.rehearsal.clocks import INTERVALS, Clock, cadence_kept, clocks_of, updates_of
from gameday.rehearsal.state import MOMENTS, Incident
from tests.rehearsal.logs import at, state_after


def incident_with(*, messages: tuple[float, ...] = (), **moments: float) -> Incident:
    marked = [(seconds, MomentMarked(moment=name, person="Ada")) for name, seconds in moments.items()]
    sent = [(seconds, MessageSent(person="Ada", audience="customers", channel="mail", text="x")) for seconds in messages]
    found = state_after(*marked, *sent).incident
    assert found is not None
    return found


def clock(name: str, incident: Incident, allowed: dict[str, float] | None = None, *, now: float = 1e5) -> Clock:
    return next(one for one in clocks_of(incident, allowed or {}, now=at(now)) if one.interval.name == name)


def test_every_interval_is_between_two_known_moments() -> None:
    assert all({interval.begin, interval.end} <= set(MOMENTS) for interval in INTERVALS)


def test_durations_are_exact() -> None:
    incident = incident_with(fault=10, alert=75, acknowledged=100.5, declared=160, classified=170, mitigated=910, resolved=1210)
    assert {one.interval.name: one.seconds for one in clocks_of(incident, {}, now=at(2000))} == {
        "detection": 65.0,
        "acknowledge": 25.5,
        "declare": 59.5,
        "classify": 10.0,
        "first_message": None,
        "mitigate": 900.0,
        "resolve": 1200.0,
        "close": None,
        "review": None,
        "follow_up": None,
    }


@pytest.mark.parametrize(
    ("moments", "now", "seconds", "kept"),
    [
        ({}, 1e5, None, None),
        ({"acknowledged": 5.0}, 1e5, None, None),
        ({"alert": 0.0}, 59.0, None, None),
        ({"alert": 0.0}, 61.0, None, False),
        ({"alert": 0.0, "acknowledged": 60.0}, 61.0, 60.0, True),
        ({"alert": 0.0, "acknowledged": 60.5}, 61.0, 60.5, False),
    ],
    ids=["neither", "no beginning", "may still come", "has not come", "in time", "late"],
)
def test_what_is_missing_is_unknown_and_never_zero(
    moments: dict[str, float], now: float, seconds: float | None, *, kept: bool | None
) -> None:
    found = clock("acknowledge", incident_with(messages=(), **moments), {"acknowledge": 60.0}, now=now)
    assert (found.seconds, found.kept) == (seconds, kept)


def test_an_end_before_its_beginning_is_unknown_and_says_so_and_is_never_kept() -> None:
    found = clock("acknowledge", incident_with(alert=90, acknowledged=60), {"acknowledge": 60.0})
    assert (found.seconds, found.kept, found.why) == (None, None, "acknowledged lies before alert")
    assert clock("acknowledge", incident_with(alert=60, acknowledged=60)).why == ""


def test_customers_who_were_told_before_the_declaration_waited_for_nothing_and_are_owed_the_scope_from_it_on() -> None:
    incident = incident_with(declared=600, messages=(400, 850))
    found = clock("first_message", incident)
    assert (found.seconds, found.kept, found.why) == (0.0, True, "")
    updates = updates_of(incident, {}, now=at(900))
    assert [(one.what, one.due_at, one.sent_at) for one in updates] == [
        ("first", at(900), at(400)),
        ("scope", at(900), at(850)),
        ("update", at(2050), None),
    ]
    assert [one.kept(at(900)) for one in updates] == [True, True, None]


def test_what_nobody_agreed_on_is_neither_kept_nor_missed() -> None:
    found = clock("mitigate", incident_with(fault=0, mitigated=9000))
    assert (found.seconds, found.allowed_seconds, found.kept) == (9000.0, None, None)


def test_messages_are_owed_from_the_declaration_on_each_after_the_one_before() -> None:
    incident = incident_with(declared=0, messages=(299, 601, 1801), resolved=2000)
    updates = updates_of(incident, {}, now=at(9000))
    assert [(one.what, one.due_at, one.sent_at) for one in updates] == [
        ("first", at(300), at(299)),
        ("scope", at(599), at(601)),
        ("update", at(1801), at(1801)),
    ]
    assert [one.kept(at(9000)) for one in updates] == [True, False, True]
    assert cadence_kept(updates, now=at(9000)) is False


def test_while_nothing_is_late_the_cadence_is_unknown_as_long_as_one_may_come() -> None:
    incident = incident_with(declared=0, messages=(100,))
    assert cadence_kept(updates_of(incident, {}, now=at(200)), now=at(200)) is None
    assert cadence_kept(updates_of(incident, {}, now=at(401)), now=at(401)) is False


def test_an_incident_that_was_resolved_sooner_than_a_message_was_due_owed_none() -> None:
    assert updates_of(incident_with(declared=0, resolved=200), {}, now=at(5000)) == []
    assert cadence_kept([], now=at(5000)) is None


def test_without_a_declaration_no_message_is_owed() -> None:
    assert updates_of(incident_with(messages=(10,)), {}, now=at(5000)) == []


def test_a_plans_own_cadence_wins() -> None:
    updates = updates_of(incident_with(declared=0), {"first_message": 60.0}, now=at(30))
    assert [one.due_at for one in updates] == [at(60)]


def test_updates_are_owed_as_often_as_the_runbook_says_unless_the_plan_does() -> None:
    incident = incident_with(declared=0, messages=(100, 200))
    assert updates_of(incident, {}, now=at(300))[-1].due_at == at(200 + 1200)
    assert incident.runbook is not None
    incident.runbook = structs.replace(incident.runbook, updates_every_seconds=900.0)
    assert updates_of(incident, {}, now=at(300))[-1].due_at == at(200 + 900)
    assert updates_of(incident, {"updates_every": 600.0}, now=at(300))[-1].due_at == at(200 + 600)
