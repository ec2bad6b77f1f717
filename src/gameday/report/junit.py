"""The report as JUnit XML, which every CI shows: a testcase a round.

A failure is a verdict other than the expected one. An error is a round that says nothing: inconclusive, aborted, or cut off
by the end of the log; and a run that left something behind or was refused, which is a testcase of its own.
"""

from __future__ import annotations

import re

from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

from gameday.report.facts import Round, Story
from gameday.report.words import duration

_UNSAYABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, escaped or not."""
_OF_THE_RUN = {"cut", "empty", "residue", "refused", "aborted", "internal"}


def render(story: Story) -> str:
    """Return the report as JUnit XML."""
    suite = TestSuite(_sayable(story.run.title or "empty log"))
    suite.hostname = _sayable(story.run.host)
    suite.timestamp = story.run.started_at[:19]
    for name, value in _properties(story):
        suite.add_property(name, _sayable(value))
    for round_ in story.rounds:
        suite.add_testcase(_case(round_, story))
    if story.state in _OF_THE_RUN:
        suite.add_testcase(_run_case(story))
    suite.time = story.run.duration_seconds
    xml = JUnitXml("gameday")
    xml.add_testsuite(suite)
    xml.time = story.run.duration_seconds
    text: str = xml.tostring().decode("utf-8")
    return text + "\n"


def _properties(story: Story) -> list[tuple[str, str]]:
    run = story.run
    found = [("run", run.run_id), ("source", run.source), ("version", run.version), ("state", story.state)]
    if run.exit_code is not None:
        found.append(("exit_code", str(run.exit_code)))
    return [*found, *((f"action.{index}", _action(action.what, action.owner)) for index, action in enumerate(story.actions, 1))]


def _action(what: str, owner: str) -> str:
    return f"{what} (owner: {owner})"


def _case(round_: Round, story: Story) -> TestCase:
    end = story.run.duration_seconds if round_.end_seconds is None else round_.end_seconds
    case = TestCase(_sayable(round_.title), _sayable(round_.experiment), round(end - round_.start_seconds, 3))
    verdict = round_.verdict
    case.system_out = _sayable(_said(round_))
    if verdict.as_expected and verdict.verdict != "inconclusive":
        return case
    if story.state == "rehearsed":
        # Nothing was to be judged.
        return case
    kind = Failure if verdict.verdict in {"held", "deviated"} else Error
    name = verdict.verdict if verdict.verdict != "none" else (round_.outcome or "no verdict")
    result = kind(_sayable(verdict.sentence), _sayable(name))
    result.text = _sayable("\n".join(verdict.reasons) or verdict.sentence)
    case.result = [result]
    return case


def _run_case(story: Story) -> TestCase:
    case = TestCase("the run as a whole", _sayable(story.run.source or "gameday"), 0.0)
    result = Error(_sayable(story.headline), story.state)
    aborts = [f"aborted by {abort.by}: {abort.reason}" for abort in story.aborts]
    result.text = _sayable("\n".join([*story.residue, *aborts]) or story.headline)
    case.result = [result]
    return case


def _said(round_: Round) -> str:
    lines = [round_.verdict.sentence, round_.verdict.recovery_sentence]
    if round_.ledger is not None:
        lines.append(f"Orders: {round_.ledger.found} of {round_.ledger.acknowledged} found")
        lines += [f"Lost: {', '.join(round_.ledger.lost)}"] if round_.ledger.lost else []
        lines += [f"Doubled: {', '.join(round_.ledger.doubled)}"] if round_.ledger.doubled else []
        lines += [f"With another amount: {', '.join(round_.ledger.altered)}"] if round_.ledger.altered else []
        lines += [f"Charged without an order: {', '.join(round_.ledger.unrecorded)}"] if round_.ledger.unrecorded else []
        lines += [f"Failed and on no list: {', '.join(round_.ledger.untracked)}"] if round_.ledger.untracked else []
    if round_.verdict.runbook:
        lines.append(f"Runbook {round_.runbook}: {round_.verdict.runbook}")
    if round_.proof:
        lines.append(f"Proof of the runbook {round_.proof.runbook}: {round_.proof.outcome} {'; '.join(round_.proof.reasons)}")
    lines += _people(round_)
    lines += [f"Step {step.title}: {step.result} in {duration(step.duration_seconds)}" for step in round_.steps]
    lines += [f"Change {change.summary}: {change.state}" for change in round_.changes]
    return "\n".join(line for line in lines if line)


def _people(round_: Round) -> list[str]:
    people = round_.people
    if people is None:
        return []
    lines = [f"{clock.title}: {duration(clock.seconds)}" for clock in people.clocks if clock.seconds is not None]
    kept = sum(update.kept is True for update in people.updates)
    lines += [f"Messages in time: {kept} of {len(people.updates)}"] if people.updates else []
    lines += [f"Runbook followed: {people.count('done')} of {len(people.steps)} steps done"] if people.steps else []
    return [*lines, *(f"Proposed for {change.title}: {change.why}" for change in people.proposal)]


def _sayable(text: str) -> str:
    return _UNSAYABLE.sub("\ufffd", text)
