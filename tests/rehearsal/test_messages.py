"""A corpus of messages as people send them: every bad one is found by its code, and the good ones have nothing to be found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gameday.gameday import load_gameday
from gameday.gameday.people import Reader
from gameday.log.people import Classified, MessageSent, RunbookOpened
from gameday.rehearsal.checking import CODES
from gameday.rehearsal.claims import claims_of
from gameday.rehearsal.messages import (
    AUDIENCES,
    KINDS,
    Finding,
    check,
    checked,
    fill,
    kind_due,
    left_untold,
    review,
    templates_for,
)
from gameday.rehearsal.state import Incident, Moment
from gameday.rehearsal.stated_times import times_in
from gameday.runbook import load_runbook
from gameday.workspace import SHIPPED, Catalogue

START = datetime(2026, 11, 25, 14, 5, tzinfo=UTC)
NOW = START + timedelta(minutes=9)
READERS: list[dict[str, Any]] = [
    reader.as_dict()
    for reader in (
        Reader("customers", "Europe/Berlin", ("status page", "mail"), "help@shop.example"),
        Reader("sellers", "America/New_York", ("portal",), "sellers@shop.example"),
        Reader("support", "Europe/Berlin", ("chat",), "#incident"),
        Reader("press", "Europe/Berlin", ("mail",), "press@shop.example"),
        Reader("executives", "UTC", ("mail",), "#incident"),
    )
]
FOOT = "Reference: INC-20261125-1405. Contact: help@shop.example."
NEXT = "Next update at 14:34 UTC (15:34 CET)."
MEANWHILE = "Meanwhile there is nothing that you need to do."
SINCE = "Since 14:05 UTC (15:05 CET) orders cannot be completed."
GOOD = f"{SINCE} {MEANWHILE} {NEXT} {FOOT}"


def incident(**values: Any) -> Incident:
    moments = {
        name: Moment(name, START + timedelta(minutes=at)) for name, at in (("alert", 0), ("acknowledged", 1), ("declared", 3))
    }
    return Incident("r1", title="The last click fails", moments=moments, **values)


def resolved() -> Incident:
    found = incident()
    found.moments |= {name: Moment(name, START + timedelta(minutes=at)) for name, at in (("mitigated", 30), ("resolved", 35))}
    return found


def sent(
    text: str, *, audience: str = "customers", channel: str = "status page", minutes: float = 4, next_at: str = ""
) -> MessageSent:
    at = (START + timedelta(minutes=minutes)).isoformat()
    return MessageSent(person="Cleo", audience=audience, channel=channel, text=text, next_at=next_at, at=at)


def codes(
    text: str,
    *,
    audience: str = "customers",
    channel: str = "status page",
    about: Incident | None = None,
    now: datetime = NOW,
    next_at: str = "",
    readers: Sequence[dict[str, Any]] = READERS,
) -> list[str]:
    found = check(
        text, audience=audience, channel=channel, incident=about or incident(), readers=readers, now=now, next_at=next_at
    )
    return [finding.code for finding in found]


WITHOUT = {
    "an impact nobody can name": (
        "affected",
        f"Since 14:05 UTC (15:05 CET) we are experiencing some issues. {MEANWHILE} {NEXT} {FOOT}",
    ),
    "no start": ("since", f"Orders cannot be completed. {MEANWHILE} {NEXT} {FOOT}"),
    "a start in no zone": ("zone", f"Since 15:05 orders cannot be completed. {MEANWHILE} {NEXT} {FOOT}"),
    "only UTC for Berlin": ("local-time", f"Since 14:05 UTC orders cannot be completed. {MEANWHILE} {NEXT} {FOOT}"),
    "a next update only in UTC": ("local-time", f"{SINCE} {MEANWHILE} Next update at 14:34 UTC. {FOOT}"),
    "a wrong local time": (
        "local-time-wrong",
        f"Since 14:05 UTC (16:05 CET) orders cannot be completed. {MEANWHILE} {NEXT} {FOOT}",
    ),
    "nothing to do meanwhile": ("meanwhile", f"{SINCE} We are working on it. {NEXT} {FOOT}"),
    "no reference": ("reference", f"{SINCE} {MEANWHILE} {NEXT} Contact: help@shop.example."),
    "no contact": ("contact", f"{SINCE} {MEANWHILE} {NEXT} Reference: INC-20261125-1405."),
    "no next one": ("next", f"{SINCE} {MEANWHILE} We are working on it. {FOOT}"),
    "soon": ("next", f"{SINCE} {MEANWHILE} We will write again as soon as we know more. {FOOT}"),
    "a next one that is past": ("next-past", f"{SINCE} {MEANWHILE} Next update at 14:10 UTC (15:10 CET). {FOOT}"),
    "a brace left over": ("placeholder", f"{SINCE} {MEANWHILE} We expect more by {{estimate}}. {NEXT} {FOOT}"),
    "a bracket left over": ("placeholder", f"{SINCE} {MEANWHILE} Ask for [NAME]. {NEXT} {FOOT}"),
    "a word left over": ("placeholder", f"{SINCE} {MEANWHILE} Cause: TBD. {NEXT} {FOOT}"),
    "an engineer": ("blame", f"{SINCE} One of our engineers made a mistake in a release. {MEANWHILE} {NEXT} {FOOT}"),
    "a supplier": ("blame", f"{SINCE} Our payment provider has let us down. {MEANWHILE} {NEXT} {FOOT}"),
    "somebody by name": ("blame", f"{SINCE} It was Ben's own mistake. {MEANWHILE} {NEXT} {FOOT}"),
    "a bad mistake": ("blame", f"{SINCE} Our team made a bad mistake. {MEANWHILE} {NEXT} {FOOT}"),
    "human error": ("blame", f"{SINCE} The reason is human error. {MEANWHILE} {NEXT} {FOOT}"),
    "the customer": ("blame", f"{SINCE} Customers failed to update the app. {MEANWHILE} {NEXT} {FOOT}"),
    "pods": ("jargon", f"{SINCE} Two pods are being replaced. {MEANWHILE} {NEXT} {FOOT}"),
    "a status code": ("jargon", f"{SINCE} You see an error 503. {MEANWHILE} {NEXT} {FOOT}"),
    "503s": ("jargon", f"{SINCE} The page answers with 503. {MEANWHILE} {NEXT} {FOOT}"),
    "a database": ("jargon", f"{SINCE} A database timeout is the reason. {MEANWHILE} {NEXT} {FOOT}"),
    "a bare estimate": ("estimate", f"{SINCE} It will be fixed by 15:00 UTC (16:00 CET). {MEANWHILE} {NEXT} {FOOT}"),
    "an estimated duration": (
        "estimate",
        f"{SINCE} We expect orders to go through again within 30 minutes. {MEANWHILE} {NEXT} {FOOT}",
    ),
    "an ETA": ("estimate", f"{SINCE} ETA 20 minutes. {MEANWHILE} {NEXT} {FOOT}"),
    "a start to come": (
        "contradiction-start",
        f"Since 15:05 UTC (16:05 CET) orders cannot be completed. {MEANWHILE} {NEXT} {FOOT}",
    ),
    "over too early": (
        "contradiction-state",
        f"It is over: orders go through again since 14:12 UTC (15:12 CET). A follow-up comes. {FOOT}",
    ),
}


@pytest.mark.parametrize("name", WITHOUT)
def test_a_message_that_lacks_something_is_found_by_its_code_and_by_no_other(name: str) -> None:
    code, text = WITHOUT[name]
    assert codes(text) == [code]


GOOD_ONES: dict[str, dict[str, Any]] = {
    "a first message": {"text": GOOD},
    "city names": {"text": GOOD.replace("CET", "in Berlin")},
    "a reader's own time only": {
        "text": GOOD.replace("14:05 UTC (15:05 CET)", "15:05 CET").replace("14:34 UTC (15:34 CET)", "15:34 local time")
    },
    "a relative promise": {"text": f"{SINCE} {MEANWHILE} We will write here again in 20 minutes. {FOOT}"},
    "an estimate that may change": {
        "text": f"{SINCE} We expect it to be fixed by 15:00 UTC (16:00 CET); this may still change. {MEANWHILE} {NEXT} {FOOT}"
    },
    "twelve hours": {"text": GOOD.replace("15:05 CET", "3:05 pm CET").replace("15:34 CET", "3:34 p.m. CET")},
    "sellers in New York": {
        "text": "Since 14:05 UTC (9:05 EST) orders of your articles fail. Please do not change your stock. "
        "Next update at 14:34 UTC (9:34 EST). "
        "Reference: INC-1405. Contact: sellers@shop.example.",
        "audience": "sellers",
        "channel": "portal",
    },
    "support may know pods": {
        "text": "SEV-1: since 14:05 UTC (15:05 CET) orders fail, since two pods are gone. Tell callers that their cart is kept. "
        "Next update at 14:34 UTC (15:34 CET). Reference INC-20261125-1405, questions in #incident.",
        "audience": "support",
        "channel": "chat",
    },
    "executives in UTC": {
        "text": "Critical incident: customers cannot order since 14:05 UTC. Nothing is needed from you. "
        "Next update at 14:34 UTC. "
        "Reference: INC-20261125-1405, call +49 30 1234567.",
        "audience": "executives",
        "channel": "mail",
    },
    "a range in both zones": {
        "text": f"The shop works again. Orders failed between 14:05 and 14:35 UTC (15:05 and 15:35 CET). "
        f"This is our last message. {FOOT}",
        "about": resolved(),
        "now": START + timedelta(minutes=37),
    },
    "touch and numbers": {
        "text": f"500 orders are delayed since 14:05 UTC (15:05 CET). Please keep the reference of yours. "
        f"We will be in touch by 16:00 UTC (17:00 CET). {FOOT}",
    },
    "a shop's own voice": {
        "text": "Hi all, the shop is down since 3:05 pm Berlin time. Sorry! Please come back later, your basket is kept. "
        "Next news here at 3:35 pm Berlin time. Ref SHOP-881, https://status.shop.example",
    },
    "an issue of checkout": {
        "text": "We are aware of an issue affecting checkout. Customers may see errors "
        "when placing an order since 14:05 UTC (15:05 CET). "
        "If you have seen an error, your card has not been charged. Please try again later. "
        "We will post another update by 14:45 UTC (15:45 CET). Ticket #4711, support@shop.example",
    },
    "paying otherwise": {
        "text": "Some of you cannot pay by card right now. "
        "It started around 14:05 UTC / 15:05 CET. You can still pay by invoice. "
        "More news at 14:30 UTC / 15:30 CET. Questions? Call 0800 123 4567 and quote INC-77.",
    },
    "a careful estimate": {
        "text": "The problem with deliveries continues (since 14:05 UTC, 15:05 local time). "
        "Parcels from today arrive a day later. "
        "You do not need to do anything. We currently estimate that shipping works normally again "
        "by 18:00 UTC (19:00 local time), "
        "this may change. Next update 15:00 UTC (16:00 local time). Incident 20261125, help@shop.example",
    },
    "what works and what does not": {
        "text": "Payments are working normally; orders placed since 14:05 UTC (15:05 CET) are delayed. No action is needed. "
        "Next update: 14:40 UTC (15:40 CET). INC-1. help@shop.example",
    },
    "it is nobody's fault": {"text": f"{SINCE} It is not your fault. {MEANWHILE} {NEXT} {FOOT}"},
    "an apology for being late": {
        "text": f"{SINCE} This message comes later than promised, we are sorry. {MEANWHILE} "
        f"Next update at 15:00 UTC (16:00 CET). {FOOT}",
        "about": incident(messages=[sent(GOOD, next_at="2026-11-25T14:24:00+00:00")]),
        "now": START + timedelta(minutes=40),
    },
    "it is over": {
        "text": f"Resolved. From 14:05 UTC (15:05 CET) to 14:35 UTC (15:35 CET) orders could not be completed. "
        "They go through again. "
        f"No order that was confirmed is lost. A follow-up comes by 27 November, 12:00 UTC (13:00 CET). {FOOT}",
        "about": resolved(),
        "now": START + timedelta(minutes=37),
    },
    "a corrected start": {
        "text": f"Correction: orders cannot be completed since 13:50 UTC (14:50 CET). {MEANWHILE} {NEXT} {FOOT}",
        "about": incident(messages=[sent(GOOD)]),
    },
    "a technical fault": {"text": f"{SINCE} It is a technical fault. We have found the fault. {MEANWHILE} {NEXT} {FOOT}"},
    "good progress": {"text": f"{SINCE} Our engineers have made good progress. {MEANWHILE} {NEXT} {FOOT}"},
    "the next update will be": {
        "text": f"{SINCE} {MEANWHILE} The next update will be at 14:34 UTC (15:34 CET). {FOOT}",
    },
    "one thing is restored": {
        "text": f"Since 14:05 UTC (15:05 CET) payments fail. Payment by invoice is restored. Card payments still fail. "
        f"{MEANWHILE} {NEXT} {FOOT}",
    },
    "stopped working at": {
        "text": f"Card payments stopped working at 14:05 UTC (15:05 CET). {MEANWHILE} {NEXT} {FOOT}",
    },
    "in touch with 500 customers": {"text": f"{SINCE} We are in touch with 500 customers. {MEANWHILE} {NEXT} {FOOT}"},
    "1 in 20 may see": {
        "text": f"Since 14:05 UTC (15:05 CET) about 1 in 20 may see that orders fail. {MEANWHILE} {NEXT} {FOOT}",
    },
    "a range with a hyphen": {
        "text": f"Resolved. From 14:05-14:40 UTC (15:05-15:40 CET) orders could not be completed. "
        f"This is our last message. {FOOT}",
        "about": resolved(),
        "now": START + timedelta(minutes=42),
    },
    "working normally, and no word of an end": {
        "text": f"Orders failed from 14:05 UTC (15:05 CET) to 14:35 UTC (15:35 CET). They are working normally, "
        f"and you are able to pay. This is our last message. {FOOT}",
        "about": resolved(),
        "now": START + timedelta(minutes=37),
    },
    "the same on another channel": {"text": GOOD, "channel": "mail", "about": incident(messages=[sent(GOOD)])},
}


@pytest.mark.parametrize("name", GOOD_ONES)
def test_a_good_message_has_nothing_to_be_found(name: str) -> None:
    assert codes(**GOOD_ONES[name]) == []


STILL = {
    "nothing": "Resolved: checkout works again since 10:01 UTC. No orders are still affected.",
    "nobody": "Resolved: checkout works again since 10:01 UTC. Nobody is still affected.",
    "none since a time": "Resolved. No orders placed since 10:01 UTC are still affected.",
    "whoever it is": "It is resolved. Customers whose payment still fails can write to help@shop.example.",
    "wherever it is": "Resolved. Where it still fails, reload the page.",
    "none that was found": "It is resolved. We checked that no payments still fail.",
}


@pytest.mark.parametrize("name", STILL)
def test_what_still_fails_for_nobody_or_only_for_whom_it_does_is_over(name: str) -> None:
    assert claims_of(STILL[name], ("UTC",), NOW).state == "resolved"


@pytest.mark.parametrize(
    "text",
    [
        "Search is restored. Payments still fail.",
        "Search is restored. Nobody can pay by card: payments still fail.",
        "Search is restored. There is no estimate yet and payments still fail.",
        "Search is restored. Orders that did not go through still fail.",
    ],
)
def test_what_still_fails_goes_on_whatever_else_is_restored_or_denied(text: str) -> None:
    assert claims_of(text, ("UTC",), NOW).state == "ongoing"


MAJOR = Classified(person="Ada", severity="major", affected="customers of the app", at=START.isoformat())
AGAINST: dict[str, tuple[str, dict[str, Any]]] = {
    "another severity than the classified one": (
        "contradiction-severity",
        {
            "text": "SEV-1: since 14:05 UTC orders fail. Nothing is needed. "
            "Next update at 14:34 UTC. Reference INC-1405, #incident.",
            "audience": "executives",
            "about": incident(classifications=[MAJOR]),
        },
    ),
    "another severity than support was told": (
        "contradiction-severity",
        {
            "text": "SEV-2: since 14:05 UTC orders fail. Nothing is needed. "
            "Next update at 14:34 UTC. Reference INC-1405, #incident.",
            "audience": "executives",
            "about": incident(messages=[sent("SEV-1: orders fail.", audience="support", channel="chat")]),
        },
    ),
    "another service on another channel": (
        "contradiction-affected",
        {
            "text": f"Since 14:05 UTC (15:05 CET) sign-in is down. {MEANWHILE} {NEXT} {FOOT}",
            "channel": "mail",
            "about": incident(messages=[sent(GOOD)]),
        },
    ),
    "orders are not affected": (
        "contradiction-affected",
        {
            "text": f"Since 14:05 UTC (15:05 CET) payments are failing; orders are not affected. {MEANWHILE} {NEXT} {FOOT}",
            "about": incident(messages=[sent(GOOD, audience="support", channel="chat")]),
        },
    ),
    "another start": (
        "contradiction-start",
        {
            "text": GOOD.replace("14:05", "13:40").replace("15:05", "14:40"),
            "channel": "mail",
            "about": incident(messages=[sent(GOOD)]),
        },
    ),
    "goes on after it was over elsewhere": (
        "contradiction-state",
        {
            "text": GOOD,
            "channel": "mail",
            "about": incident(messages=[sent("Resolved: orders go through again since 14:08 UTC (15:08 CET).")]),
        },
    ),
    "goes on after it was resolved": (
        "contradiction-state",
        {
            "text": f"{SINCE} {MEANWHILE} Next update at 15:10 UTC (16:10 CET). {FOOT}",
            "about": resolved(),
            "now": START + timedelta(minutes=40),
        },
    ),
    "another next one at the same time": (
        "contradiction-next",
        {
            "text": f"{SINCE} {MEANWHILE} Next update at 14:50 UTC (15:50 CET). {FOOT}",
            "channel": "mail",
            "about": incident(messages=[sent(GOOD, minutes=8)]),
        },
    ),
    "charged here and not there": (
        "contradiction-harm",
        {
            "text": f"{SINCE} Some customers have been charged. {MEANWHILE} {NEXT} {FOOT}",
            "channel": "mail",
            "about": incident(messages=[sent(GOOD + " You have not been charged.")]),
        },
    ),
    "lost here and not there": (
        "contradiction-harm",
        {
            "text": f"{SINCE} No order that was confirmed is lost. {MEANWHILE} {NEXT} {FOOT}",
            "about": incident(messages=[sent("Some orders have been lost.", audience="executives", channel="mail")]),
        },
    ),
    "a promise that was not kept": (
        "promise-broken",
        {
            "text": f"{SINCE} {MEANWHILE} Next update at 15:00 UTC (16:00 CET). {FOOT}",
            "about": incident(messages=[sent(GOOD, next_at="2026-11-25T14:24:00+00:00")]),
            "now": START + timedelta(minutes=40),
        },
    ),
    "another next one than was noted": ("next-differs", {"text": GOOD, "next_at": "2026-11-25T14:25:00+00:00"}),
}


@pytest.mark.parametrize("name", AGAINST)
def test_a_message_that_contradicts_something_is_found_by_its_code_and_by_no_other(name: str) -> None:
    code, values = AGAINST[name]
    assert codes(**values) == [code]


def test_every_code_has_a_bad_message_in_this_corpus() -> None:
    assert {code for code, _ in WITHOUT.values()} | {code for code, _ in AGAINST.values()} == set(CODES)


def test_the_page_about_messages_has_every_code_and_every_audience_and_kind() -> None:
    page = (Path(__file__).parents[2] / "docs" / "messages.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE) == list(CODES)
    assert all(f"`{name}`" in page for name in (*AUDIENCES, *KINDS))


def test_a_finding_says_what_to_add() -> None:
    found = check(
        "Orders cannot be completed.", audience="customers", channel="mail", incident=incident(), readers=READERS, now=NOW
    )
    adds = {finding.code: finding.add for finding in found}
    assert adds["since"] == "since 14:05 UTC, as far as is known"
    assert "INC-20261125-1405" in adds["reference"]
    assert all(finding.message and finding.add for finding in found)


def test_a_missing_local_time_is_written_out() -> None:
    (finding,) = check(
        WITHOUT["only UTC for Berlin"][1], audience="customers", channel="mail", incident=incident(), readers=READERS, now=NOW
    )
    assert finding.add == "add (15:05 CET)"


def test_readers_in_several_zones_all_need_their_own_time() -> None:
    readers = [*READERS, {"audience": "customers", "timezone": "Asia/Tokyo"}]
    assert codes(GOOD, readers=readers) == ["local-time", "local-time"]
    both = GOOD.replace("15:05 CET", "15:05 CET, 23:05 JST").replace("15:34 CET", "15:34 CET, 23:34 JST")
    assert codes(both, readers=readers) == []


def test_an_audience_without_readers_needs_no_other_time_than_utc() -> None:
    assert (
        codes(
            "Since 14:05 UTC orders fail. Please wait. Next update at 14:34 UTC. Reference INC-14, help@shop.example.", readers=[]
        )
        == []
    )


def test_a_zone_that_nobody_knows_is_read_as_utc() -> None:
    readers = [{"audience": "customers", "timezone": "Mars/Olympus"}]
    assert "local-time" not in codes("Since 14:05 UTC orders fail. Next update at 14:34 UTC.", readers=readers)


@pytest.mark.parametrize("written", ["10:00+01:00 CET", "10:00+0100 CET", "10:00 +01:00 CET", "10:00+01:00 (CET)", "10:00+01:00"])
def test_a_time_with_its_offset_is_one_time_also_where_the_zone_is_named(written: str) -> None:
    assert [time.at for time in times_in(f"since {written}", zones=(), near=NOW)] == [datetime(2026, 11, 25, 9, 0, tzinfo=UTC)]


def test_of_a_range_each_end_is_a_time() -> None:
    found = times_in("from 09:00-11:30 UTC", zones=(), near=NOW)
    assert [f"{time.at:%H:%M}" for time in found] == ["09:00", "11:30"]


def test_a_start_before_midnight_is_of_the_day_before() -> None:
    night = datetime(2026, 11, 26, 0, 10, tzinfo=UTC)
    text = f"Since 23:50 UTC (0:50 CET) orders cannot be completed. {MEANWHILE} Next update at 0:30 UTC (1:30 CET). {FOOT}"
    assert codes(text, about=Incident("r1"), now=night) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "\x00",
        "12:00" * 500,
        "<script>alert(1)</script>",
        "\u202e14:05 UTC",
        "a" * 20_000,
        "a." * 5_000,
        "_" * 10_000,
        "INC-" * 2_500,
        "25:99 UTC 99999-99-99",
    ],
)
def test_no_text_breaks_the_check(text: str) -> None:
    assert all(
        isinstance(finding, Finding)
        for finding in check(text, audience="customers", channel="x", incident=incident(), readers=READERS, now=NOW)
    )


@pytest.mark.parametrize(
    "text",
    [
        "back " * 1_000 + "- from " * 700,
        *(
            piece * (10_000 // len(piece))
            for piece in (
                "back - from ",
                "back ",
                "\n ",
                "from 1:11 ",
                "not to blame ",
                "orders, ",
                "a-",
                "1(",
                "update by ",
                "expect a ",
                "1:11((((((",
            )
        ),
    ],
    ids=lambda text: repr(text[-12:]),
)
def test_a_long_text_of_words_that_begin_something_is_read_to_its_end(text: str) -> None:
    """Where the work for each word grows with all the words before it, nobody waits for the end of this."""
    check(text, audience="customers", channel="status page", incident=incident(), readers=READERS, now=NOW)


# ------------------------------------------------------------------------------------------------------------ templates

VALUES = {
    "affected": "orders cannot be completed",
    "unaffected": "Everything else in the shop works.",
    "meaning": "Your cart is kept, and nobody has been charged.",
    "meanwhile": "nothing, there is nothing to do.",
    "news": "We know by now what fails, and are putting it right.",
    "follow-up": "27 November",
    "cause": "A new version of the shop could not complete orders.",
    "changes": "New versions now reach a small part of all customers first.",
    "affected percent": "40 %",
}


@pytest.mark.parametrize("audience", AUDIENCES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_shipped_template_that_is_filled_has_nothing_to_be_found(audience: str, kind: str) -> None:
    over = kind in ("resolved", "follow-up")
    about = resolved() if over else incident(classifications=[classified("critical")])
    if over:
        about.classifications.append(classified("critical"))
    now = START + timedelta(hours=24 if kind == "follow-up" else 0, minutes=40 if over else 9)
    (template,) = [item for item in templates_for(audience) if item.kind == kind]
    text = fill(template, about, READERS, now, values=VALUES)
    assert "{" not in text
    assert codes(text, audience=audience, about=about, now=now) == []


def classified(severity: str) -> Classified:
    return Classified(person="Ada", severity=severity, affected="orders cannot be completed", at=START.isoformat())


def test_a_template_says_times_in_utc_and_in_the_readers_own() -> None:
    text = fill("since {start} UTC ({start local})", incident(), READERS, NOW, audience="sellers")
    assert text == "since 14:05 UTC (09:05 EST)\n"
    assert fill("since {start} UTC ({start local})", incident(), READERS, NOW, audience="executives") == "since 14:05 UTC\n"


def test_the_three_ways_in_which_runbooks_ask_for_a_local_time_are_one() -> None:
    text = fill("{start local}|{start_local}|{start, local}", incident(), READERS, NOW, audience="customers")
    assert text == "15:05 CET|15:05 CET|15:05 CET\n"


def test_a_time_of_another_day_has_its_date() -> None:
    text = fill("{start} UTC ({start local})", incident(), READERS, NOW + timedelta(hours=20), audience="customers")
    assert text == "2026-11-25 14:05 UTC (2026-11-25 15:05 CET)\n"


def test_the_next_one_is_the_promised_one_or_as_soon_as_it_is_owed() -> None:
    assert fill("{next}", incident(), READERS, NOW) == "14:34\n"
    assert fill("{next}", incident(), READERS, NOW, next_at="2026-11-25T15:30:00+01:00") == "14:30\n"


def test_the_next_message_is_promised_for_when_it_is_due_by_what_was_agreed() -> None:
    def promised(about: Incident, **allowed: float) -> str:
        return fill("{next}", about, READERS, NOW, audience="customers", allowed=allowed).strip()

    told_once, told_twice = incident(messages=[sent(GOOD)]), incident(messages=[sent(GOOD), sent(GOOD)])
    assert [promised(about) for about in (incident(), told_once, told_twice)] == ["14:19", "14:34", "14:34"]
    assert [promised(about, scope=600.0, updates_every=900.0) for about in (incident(), told_once)] == ["14:24", "14:29"]
    opened = replace(told_once, runbook=RunbookOpened(runbook="r", title="", digest="", updates_every_seconds=1800.0))
    assert promised(opened) == "14:44"
    assert fill("{next}", opened, READERS, NOW, audience="support").strip() == "14:44"


def test_the_contact_is_the_one_that_the_plan_names_for_the_audience() -> None:
    path = SHIPPED / "gamedays" / "rehearsal.yaml"
    readers = [reader.as_dict() for reader in load_gameday(path, catalogue=Catalogue.around(path)).rehearsal.readers]
    found = {audience: fill("{contact}", incident(), readers, NOW, audience=audience).strip() for audience in AUDIENCES}
    assert found["customers"] == "help@shop.example"
    assert not [audience for audience, contact in found.items() if "{" in contact]
    assert fill("{contact}", incident(), [Reader("customers").as_dict()], NOW, audience="customers") == "{contact}\n"


def test_what_nobody_knows_stays_to_be_filled_in() -> None:
    assert fill("{backlog} orders, {end} UTC", incident(), READERS, NOW) == "{backlog} orders, {end} UTC\n"


def test_what_the_sender_knows_comes_first() -> None:
    known = {"severity": "minor", "estimate": "2026-11-25T15:00:00+00:00"}
    about = incident(classifications=[MAJOR])
    text = fill("{severity} by {estimate} UTC ({estimate local})", about, READERS, NOW, audience="customers", values=known)
    assert text == "minor by 15:00 UTC (16:00 CET)\n"


def test_a_fault_that_is_not_revealed_is_in_no_message() -> None:
    assert fill("{title}", incident(), READERS, NOW) == "{title}\n"


RUNBOOK = RunbookOpened(
    runbook="dependency-down",
    title="Down",
    digest="sha256:1",
    steps=[
        {
            "id": "tell-inside",
            "title": "Tell everybody inside",
            "phase": "Communicate",
            "prose": "Post:\n\n```text\nSEV-1 since {start} UTC.\n```\n",
        },
        {
            "id": "tell-customers",
            "title": "Tell customers",
            "phase": "Communicate",
            "prose": "On the page:\n\n```text\nOrders fail since {start} UTC.\n```\n",
        },
        {"id": "close", "title": "Close and say so", "phase": "Close", "prose": "```text\nResolved at {end} UTC.\n```\n"},
        {"id": "look", "title": "Look", "phase": "Detect", "prose": "```text\nno message\n```\n"},
    ],
)


def test_a_runbooks_own_texts_come_first_and_to_whom_they_are() -> None:
    names = [template.name for template in templates_for("customers", RUNBOOK)]
    assert names == ["tell-customers", "close", *(f"customers/{kind}" for kind in KINDS)]
    assert next(item.kind for item in templates_for("press", RUNBOOK)) == "resolved"
    assert templates_for("executives", RUNBOOK)[0].text == "SEV-1 since {start} UTC.\n"


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "runbooks").glob("*.md")), ids=lambda path: path.stem)
def test_the_texts_of_every_shipped_runbook_are_templates(path: Path) -> None:
    runbook = load_runbook(path)
    steps = [{"id": step.id, "title": step.title, "phase": step.phase, "prose": step.prose} for step in runbook.steps]
    opened = RunbookOpened(runbook=runbook.id, title=runbook.title, digest=runbook.digest, steps=steps)
    own = [template for audience in AUDIENCES for template in templates_for(audience, opened) if template.source == runbook.id]
    for template in own:
        text = fill(template, resolved(), READERS, NOW, audience="customers")
        assert "{start}" not in text
        assert "{next local}" not in text
        assert template.text.strip()


def test_the_kind_that_is_due_follows_from_what_was_sent() -> None:
    about = incident()
    assert kind_due(about, "customers") == "first"
    about.messages.append(sent(GOOD))
    assert kind_due(about, "customers") == "scope"
    assert kind_due(about, "press") == "first"
    about.messages.append(sent(GOOD, minutes=8))
    assert kind_due(about, "customers") == "update"
    over = replace(resolved(), messages=[sent(GOOD)])
    assert kind_due(over, "customers") == "resolved"
    over.messages.append(sent("Resolved.", minutes=36))
    assert kind_due(over, "customers") == "follow-up"


# --------------------------------------------------------------------------------------------------------- all messages


def test_a_review_checks_each_message_as_things_stood_then() -> None:
    about = resolved()
    about.messages += [sent(GOOD, minutes=9), sent("Orders fail.", minutes=12, audience="support", channel="chat")]
    first, second = review(about, READERS)
    assert first[1] == ()
    assert "since" in {finding.code for finding in second[1]}


def test_channels_that_were_never_told_that_it_is_over_are_named() -> None:
    about = resolved()
    about.messages += [sent(GOOD), sent(GOOD, channel="mail"), sent("Resolved: orders go through again.", minutes=36)]
    assert left_untold(about, READERS) == (("customers", "mail"),)
    assert left_untold(incident(messages=[sent(GOOD)]), READERS) == ()


def test_a_checked_message_carries_its_findings() -> None:
    message = checked(sent("Orders fail."), incident(), READERS, NOW)
    assert message.findings is not None
    assert {"code", "message", "add"} == set(message.findings[0])
