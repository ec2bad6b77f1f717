"""The report as Markdown (CommonMark with tables), for a pull request, a chat or a wiki; it says what the page says.

Texts of a log are escaped so that they stay text: Markdown renders HTML, and a table ends at a line break.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from gameday.report.facts import Change, PrescribedStep, Round, Step, Story
from gameday.report.followup import RECOVER
from gameday.report.people_markdown import PeoplesMarkdown
from gameday.report.sentences import LANDED, RESULTS, UNDONE
from gameday.report.words import UNKNOWN, clock, count, duration, listed, number, offset, recovery_text, visible

_RECOVER = f"`{RECOVER}`"
_ESCAPED_RECOVER = rf"\`{RECOVER}\`"
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~&])")


def render(story: Story) -> str:
    """Return the report as Markdown."""
    return visible("\n".join(_lines(story)).rstrip()) + "\n"


def _lines(story: Story) -> Iterator[str]:
    run = story.run
    yield from (
        f"# {_text(run.title) or 'Empty log'}",
        "",
        f"**{_text(story.headline).replace(_ESCAPED_RECOVER, _RECOVER)}**",
        "",
    )
    if run.run_id:
        where = f", on the cluster “{_text(str(run.cluster.get('name', '')))}”" if run.cluster else ""
        code = f", exit code {run.exit_code}" if run.exit_code is not None else ""
        rounds = count(len(story.rounds), "round")
        yield from (
            f"Run {_text(run.run_id)}, {clock(run.started_at)}: {rounds} in {duration(run.duration_seconds)}{where}{code}.",
            "",
        )
    yield from _notable(story)
    yield from _verdicts(story.rounds)
    if story.rehearsal is not None:
        yield from _PEOPLE.rehearsal(story.rehearsal)
    for index, round_ in enumerate(story.rounds, start=1):
        yield from _round(index, round_)
    if story.outside is not None and story.outside.changes:
        yield from ("## Changed for the run as a whole", "", *_changes(story.outside.changes))
    yield from _next(story)


def _notable(story: Story) -> Iterator[str]:
    items = [f"**Left behind:** {_text(text)}" for text in story.residue]
    items += [f"**Aborted at {offset(item.at_seconds)}** by {_text(item.by)}: {_text(item.reason)}" for item in story.aborts]
    items += [f"**Taken over at {offset(item.at_seconds)}:** {_text(item.text)}" for item in story.recoveries]
    items += [f"**The load generator failed:** {_text(story.load_error)}"] if story.load_error else []
    items += [f"**Guard rules switched off:** {_text(', '.join(story.run.switched_off))}"] if story.run.switched_off else []
    items += [f"**{_text(note.level.capitalize())}:** {_text(note.text)}" for note in story.notes]
    if items:
        yield from (*(f"- {item}" for item in items), "")


def _verdicts(rounds: Sequence[Round]) -> Iterator[str]:
    yield from ("## Verdicts", "")
    if not rounds:
        yield from ("No round was begun, so nothing was judged.", "")
        return
    rows = [
        [
            _text(round_.title),
            round_.verdict.verdict if round_.verdict.verdict != "none" else "no verdict",
            round_.verdict.expected,
            _recovery(round_),
            duration(round_.objectives.get("rto_seconds")),
            _orders(round_),
            (round_.proof.outcome if round_.proof else round_.verdict.runbook) or UNKNOWN,
        ]
        for round_ in rounds
    ]
    yield from _table(["Round", "Verdict", "Expected", "Time to recover", "Objective", "Orders", "Runbook"], rows)


def _round(index: int, round_: Round) -> Iterator[str]:
    yield from (f"## Round {index}: {_text(round_.title)}", "", _text(round_.verdict.sentence), "")
    if round_.verdict.recovery_sentence:
        yield from (_text(round_.verdict.recovery_sentence), "")
    yield from (*(f"- {_text(reason)}" for reason in round_.verdict.reasons), "")
    tried = round_.checkouts_ok + round_.checkouts_failed
    failed = f"{round_.checkouts_failed} of {tried} checkouts failed." if tried else "No traffic was measured."
    yield from (f"{failed}{_cohorts(round_)} Orders: {_orders(round_)}.", "")
    if round_.people is not None:
        yield from _PEOPLE.incident(round_.people)
    yield from ("### What was changed, and how it was undone", "")
    yield from _changes(round_.changes) if round_.changes else ("Nothing was changed.", "")
    if round_.runbook:
        yield from (f"### Runbook “{_text(round_.runbook)}”", "")
        if round_.proof is not None:
            yield from _PEOPLE.proof(round_.proof)
        if round_.people is None or round_.steps:
            yield from _steps(round_.steps) if round_.steps else _prescribed(round_.runbook_steps)


def _cohorts(round_: Round) -> str:
    parts = (f"{_text(name)} {failed} of {ok + failed}" for name, (ok, failed) in round_.cohorts.items())
    return f" By cohort: {', '.join(parts)}." if round_.cohorts else ""


def _changes(changes: Iterable[Change]) -> Iterator[str]:
    for change in changes:
        when = f"applied at {offset(change.applied_seconds)}" if change.applied_seconds is not None else "not acknowledged"
        yield f"- **{_text(change.summary)}** ({_text(change.by)}, {when})"
        if change.origin != "runbook":
            evidence = change.evidence
            yield (
                f"  - {LANDED[evidence.landed]}: {_text(evidence.seen)}"
                if evidence
                else "  - nothing in the log shows that it landed"
            )
        detail = change.undo.detail if change.undo else change.failed
        state = UNDONE.get(change.state, {"not_done": "never applied"}.get(change.state, "the log says nothing of an undo"))
        yield f"  - {state}" + (f": {_text(detail)}" if detail else "")
        if change.fields:
            yield from _diff(change)
    yield ""


def _diff(change: Change) -> Iterator[str]:
    lines = []
    for field in change.fields:
        lines.append(f"@ {field.path}")
        lines += [f"- {field.before}"] if field.before is not None else []
        lines += [f"+ {field.after}"] if field.after is not None else []
    text = "\n".join(lines)
    fence = "`" * max(3, 1 + max((len(ticks) for ticks in re.findall(r"`+", text)), default=0))
    yield from ("", f"  {fence}diff", *(f"  {line}" for line in text.splitlines()), f"  {fence}", "")


def _prescribed(steps: Iterable[PrescribedStep]) -> Iterator[str]:
    yield from ("It was not carried out.", "")
    for step in steps:
        within = "" if step.expected_seconds is None else f", within {duration(step.expected_seconds)}"
        yield f"1. {_text(step.title)} ({_text(step.phase)}{f', {_text(step.role)}' if step.role else ''}{within})"
    yield ""


def _steps(steps: Iterable[Step]) -> Iterator[str]:
    rows = []
    for step in steps:
        met = "" if step.check is None else {True: "met", False: "not met", None: "not judged"}[step.check.met]
        check = f"{met}: {number(step.check.value, step.check.unit)}" if step.check else UNKNOWN
        effect = UNKNOWN
        if step.effect:
            effect = f"{number(step.effect.before_percent, 'percent')} → {number(step.effect.after_percent, 'percent')}"
        result = RESULTS.get(step.result, step.result) + (f": {step.detail}" if step.detail else "")
        rows.append([_text(step.title), duration(step.duration_seconds), _text(result), _text(check), effect])
    yield from _table(["Step", "Took", "Result", "Check", "Checkout before → after"], rows)


def _next(story: Story) -> Iterator[str]:
    yield from ("## What to do next", "")
    if not story.actions:
        yield "Nothing: " + ("no run to follow up." if story.state == "empty" else "this run left no open question.")
    for index, action in enumerate(story.actions, start=1):
        why = f" {_text(action.why)}" if action.why else ""
        command = f" `{action.command}`" if action.command else ""
        yield f"{index}. **{_text(action.what)}**{why}{command} Owner: {_text(action.owner)}."


def _recovery(round_: Round) -> str:
    recovery = round_.verdict.recovery
    return UNKNOWN if recovery is None else _text(recovery_text(**asdict(recovery)))


def _orders(round_: Round) -> str:
    ledger = round_.ledger
    if ledger is None:
        return "not looked up"
    if ledger.error:
        return f"could not be checked, {_text(ledger.error)}"
    text = f"{ledger.found} of {ledger.acknowledged} found"
    text += f", lost {_text(listed(ledger.lost))}" if ledger.lost else ""
    text += f", doubled {_text(listed(ledger.doubled))}" if ledger.doubled else ""
    text += f", with another amount {_text(listed(ledger.altered))}" if ledger.altered else ""
    text += f", charged without an order {_text(listed(ledger.unrecorded))}" if ledger.unrecorded else ""
    return text + (f", failed and on no list {_text(listed(ledger.untracked))}" if ledger.untracked else "")


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|" + " --- |" * len(heads)
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _text(text: str) -> str:
    """Escape what Markdown would read as markup, and keep everything on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


_PEOPLE = PeoplesMarkdown(_text, _table)
