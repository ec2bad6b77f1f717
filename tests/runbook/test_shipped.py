"""The runbooks that ship keep to one vocabulary: whose a step is, how bad it is, whom a message is for, and what is filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from gameday.runbook import Runbook, Step, load_runbook
from gameday.runbook.model import PHASES
from gameday.workspace import SHIPPED, Catalogue

ROLES = {
    "incident commander",
    "deputy",
    "scribe",
    "subject-matter expert",
    "customer liaison",
    "internal liaison",
}
AUDIENCES = {"customers", "sellers", "support", "press", "executives"}
PLACEHOLDERS = {
    "severity",
    "start",
    "start local",
    "next",
    "next local",
    "recovered",
    "recovered local",
    "end",
    "end local",
    "estimate",
    "estimate local",
    "follow-up",
    "affected",
    "meanwhile",
    "reference",
    "contact",
    "date",
    "backlog",
    "role: subject-matter expert",
}
WARNING = re.compile(r"^> \*\*Warning:\*\* [^`]*<!-- id: [a-z-]+ -->\n\n```yaml forbids$", re.MULTILINE)
RUNBOOKS = sorted(SHIPPED.glob("runbooks/*.md"))


@pytest.fixture(params=RUNBOOKS, ids=lambda file: file.stem)
def runbook(request: pytest.FixtureRequest) -> Runbook:
    return load_runbook(request.param, catalogue=Catalogue((SHIPPED,)))


def messages(runbook: Runbook) -> Iterator[tuple[Step, str]]:
    for step in runbook.steps:
        yield from ((step, text) for text in re.findall(r"```text\n(.*?)```", step.prose, re.DOTALL))


def test_a_shipped_runbook_goes_through_all_phases(runbook: Runbook) -> None:
    assert runbook.phases == PHASES


def test_a_step_belongs_to_somebody_who_is_there_in_an_outage(runbook: Runbook) -> None:
    assert {step.role for step in runbook.steps} <= ROLES


def test_how_bad_it_is_is_said_in_three_degrees_with_figures(runbook: Runbook) -> None:
    (step,) = (step for step in runbook.steps if step.phase == "Classify")
    degrees = re.findall(r"^- \*\*(\w+)\*\* \((SEV-\d)\): (.*?)(?=^- |\n\n|\Z)", step.prose, re.MULTILINE | re.DOTALL)
    assert [(name, code) for name, code, _ in degrees] == [("critical", "SEV-1"), ("major", "SEV-2"), ("minor", "SEV-3")]
    assert all(re.search(r"\d+ %|\b\d+ (orders|minutes)|\bnone\b|\bno node\b|minute", text) for _, _, text in degrees)


def test_something_in_resolve_is_executed_and_checked(runbook: Runbook) -> None:
    resolve = [step for step in runbook.steps if step.phase == "Resolve"]
    assert any(step.check for step in resolve)
    assert any(step.action or step.shell for step in runbook.steps)


def test_audiences_are_those_that_messages_are_written_for(runbook: Runbook) -> None:
    assert set(runbook.audiences) <= AUDIENCES
    assert runbook.updates_every_seconds is not None


def test_what_is_to_be_filled_in_has_a_name_that_everybody_knows(runbook: Runbook) -> None:
    assert {name for _, text in messages(runbook) for name in re.findall(r"\{([^{}]+)\}", text)} <= PLACEHOLDERS


def test_a_message_says_since_when_where_to_turn_and_when_the_next_one_comes(runbook: Runbook) -> None:
    found = list(messages(runbook))
    assert any(step.phase == "Communicate" for step, _ in found)
    for step, text in found:
        assert {"start", "start local", "reference", "contact"} <= set(re.findall(r"\{([^{}]+)\}", text)), step.id
        over = text.startswith("Resolved.")
        assert over or "{next} UTC ({next local})" in text, step.id


def test_a_runbook_warns_of_the_wrong_move_that_does_real_harm(runbook: Runbook) -> None:
    assert WARNING.search(runbook.path.read_text())
