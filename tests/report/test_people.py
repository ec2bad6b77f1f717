"""What every format tells of people, from the log of a rehearsal."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest

from gameday.log import AnyEvent
from gameday.log.people import MessageSent, MomentMarked
from gameday.report import render
from gameday.report.facts import Story
from gameday.report.people_facts import IncidentFacts
from gameday.report.story import tell
from tests.report.played import START

Play = Callable[[str], list[AnyEvent]]


def incident(story: Story) -> IncidentFacts:
    (round_,) = story.rounds
    assert round_.people is not None
    return round_.people


@pytest.fixture
def story(play: Play) -> Story:
    return tell(play("rehearsal"))


def plain(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page)).replace("\u00a0", " ")


def test_the_timeline_merges_people_with_the_fault(story: Story) -> None:
    lines = [(item.at_seconds, item.who, item.kind) for item in incident(story).timeline]
    assert lines == sorted(lines, key=lambda line: line[0])
    kinds = [kind for _, _, kind in lines]
    assert (60.0, "", "fault") in lines
    assert (120.0, "Ada", "moment") in lines
    assert kinds.index("fault") < kinds.index("inject") < kinds.index("recovered") < kinds.index("undo")
    texts = [item.text for item in incident(story).timeline]
    assert "said so later: done: “Scale payment back”" in texts
    assert texts[0].startswith("the fault")
    assert incident(story).timeline[0].text.startswith("the fault: set on deployment shop/payment")


def test_clocks_are_kept_or_not_or_unknown(story: Story) -> None:
    clocks = {clock.name: (clock.seconds, clock.kept) for clock in incident(story).clocks}
    assert clocks["detection"] == (30.0, None)
    assert clocks["acknowledge"] == (30.0, True)
    assert clocks["mitigate"] == (640.0, False)
    assert clocks["resolve"] == (840.0, None)
    assert clocks["review"] == (None, None)


def test_a_clock_whose_end_lies_before_its_beginning_is_unknown_and_says_which_moments_they_are(play: Play) -> None:
    earlier = (START + timedelta(seconds=80)).isoformat()
    events = [
        msgspec.structs.replace(event, occurred_at=earlier)
        if isinstance(event, MomentMarked) and event.moment == "acknowledged"
        else event
        for event in play("rehearsal")
    ]
    clock = incident(tell(events)).clock("acknowledge")
    assert clock is not None
    assert (clock.seconds, clock.kept, clock.why) == (None, None, "acknowledged lies before alert")
    assert all("acknowledged lies before alert" in text for text in (render(events, "md"), render(events, "html")))


def test_a_measured_severity_says_by_whose_thresholds(play: Play) -> None:
    events = play("rehearsal")
    assert "Measured: **critical** by gameday's own thresholds" in render(events, "md")
    assert "critical by gameday\u2019s own thresholds" in plain(render(events, "html"))


def test_a_message_that_was_clean_when_it_was_sent_stays_so(play: Play) -> None:
    events = play("rehearsal")
    assert any(message.findings for message in incident(tell(events)).messages)
    clean = [msgspec.structs.replace(event, findings=[]) if isinstance(event, MessageSent) else event for event in events]
    assert not any(message.findings for message in incident(tell(clean)).messages)


def test_the_cadence_names_the_message_that_came_late(story: Story) -> None:
    updates = [(update.what, update.kept, update.late_seconds) for update in incident(story).updates]
    assert updates == [("first", True, 0.0), ("scope", False, 65.0)]
    assert incident(story).cadence_kept is False


def test_classifications_are_held_against_what_was_measured(story: Story) -> None:
    people = incident(story)
    assert people.impact is not None
    assert (people.impact.severity, people.impact.failed_percent, people.impact.at_seconds) == ("critical", 100.0, 60.0)
    assert [(item.severity, item.judgement, item.percent_judgement) for item in people.classified] == [
        ("minor", "under", "under"),
        ("critical", "right", "right"),
    ]


def test_messages_have_their_findings(story: Story) -> None:
    found = [(message.audience, [item.code for item in message.findings]) for message in incident(story).messages]
    assert found[1:] == [
        ("customers", []),
        ("customers", ["promise-broken", "jargon"]),
        ("customers", []),
    ]
    assert "local-time" in found[0][1]
    assert incident(story).untold == ("support by chat",)


def test_when_the_next_message_was_promised_is_told_in_utc_as_every_other_time_is(play: Play) -> None:
    events = [
        msgspec.structs.replace(event, next_at="20261125T100000+0100") if isinstance(event, MessageSent) else event
        for event in play("rehearsal")
    ]
    assert "next one promised for 09:00 UTC" in plain(render(events, "html"))


def test_steps_decisions_roles_and_the_proposal_are_told(story: Story) -> None:
    people = incident(story)
    assert [step.outcome for step in people.steps].count("done") == 6
    assert [item.text for item in people.decisions] == ["We do not fail over."]
    assert [item.missing_step for item in people.notes] == [True, False]
    assert story.rehearsal is not None
    assert [item.to for item in story.rehearsal.hand_overs] == ["", "Ben"]
    ben = next(person for person in story.rehearsal.participants if person.name == "Ben")
    assert ben.roles == ("deputy", "scribe", "incident commander")
    assert {change.kind for change in people.proposal} == {"duration", "new_step"}


def test_what_was_proven_of_the_runbook_is_told(story: Story) -> None:
    (round_,) = story.rounds
    assert round_.proof is not None
    assert (round_.proof.outcome, round_.proof.steps[0].title) == ("refuted", "Scale payment back")
    assert round_.proof.broken[0].text == "do not stop hosts"


def test_what_to_do_next_follows_from_what_people_did(story: Story) -> None:
    what = " ".join(action.what for action in story.actions)
    assert "customers waited for their messages" in what
    assert "proposed change" in what
    assert "Correct the runbook “payment-gone”" in what
    assert "severity" not in what


def test_a_run_without_people_tells_of_none(play: Play) -> None:
    log = play("first")
    story = tell(log)
    assert story.rehearsal is None
    assert all(round_.people is None and round_.proof is None for round_ in story.rounds)
    assert "Who took part" not in render(log, "html")


def test_at_a_table_nothing_is_inconclusive_and_nothing_was_measured(play: Play) -> None:
    log = play("tabletop")
    story = tell(log)
    assert story.state == "rehearsed"
    assert "Nothing was harmed or measured" in story.headline
    people = incident(story)
    assert people.impact is None
    assert {item.judgement for item in people.classified} == {"unknown"}
    assert {step.effect for step in people.steps} == {"unknown", ""}
    assert not [action for action in story.actions if "Repeat the round" in action.what]
    suite = ET.fromstring(render(log, "junit"))  # noqa: S314  # our own
    assert not [*suite.iter("error"), *suite.iter("failure")]


def test_the_page_says_it_all_with_the_verdict_first(play: Play) -> None:
    text = plain(render(play("rehearsal"), "html"))
    order = [
        "Verdicts",
        "Who took part",
        "How it went for people",
        "What customers saw",
        "Who did what, and when",
        "Clocks",
        "Was it as bad as they said?",
        "What was told, and to whom",
        "How the runbook “payment-gone” was followed",
        "Decisions and notes",
        "Proposed for the runbook",
        "What was changed, and how it was undone",
        "What to do next",
    ]
    places = [text.rindex(f" {heading} ") for heading in order]
    assert places == sorted(places)
    assert "Measured: critical" in text.replace("  ", " ")
    assert "late" in text
    assert "Stop the autoscaler first" in text


def test_markdown_and_junit_and_json_say_it_too(play: Play) -> None:
    log = play("rehearsal")
    markdown = render(log, "md")
    for heading in ("## Who took part", "### Clocks", "### How the runbook was followed", "### Proposed for the runbook"):
        assert heading in markdown
    assert "10 min 40 s" in markdown
    junit = render(log, "junit")
    assert "Time to mitigate (MTTM): 10 min 40 s" in junit
    assert "Runbook followed: 6 of 8 steps done" in junit
    people = json.loads(render(log, "json"))["rounds"][0]["people"]
    assert people["clocks"][0]["seconds"] == 30.0


def test_what_people_typed_is_never_markup(play: Play) -> None:
    log = play("hostile_rehearsal")
    page = render(log, "html")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    # A text that goes from right to left turns nothing beside it round.
    for match in re.finditer("\u202e", page):
        before = page[: match.start()]
        assert any(before.rfind(f"<{tag}>") > before.rfind(f"</{tag}>") for tag in ("bdi", "td")), before[-200:]
    markdown = render(log, "md")
    assert not [line for line in markdown.splitlines() if line.startswith("# ") and "x" in line]
    assert not re.search(r"(?<!\\)<script", markdown)


def test_a_proposal_is_shown_and_its_command_named(play: Play) -> None:
    page = render(play("rehearsal"), "html")
    assert "**Expected:** 7m" in page
    assert "--format diff" in page
