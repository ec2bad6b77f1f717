"""What the Markdown report tells of people: the same as the page, in lines and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from gameday.report.people_facts import ClockFact, FollowedFact, IncidentFacts, Proof, Rehearsal
from gameday.report.people_sentences import EFFECTS, JUDGEMENTS, LEVELS, short
from gameday.report.words import UNKNOWN, count, duration, listed, number, offset

Escape = Callable[[str], str]
Table = Callable[[Sequence[str], Iterable[Sequence[str]]], Iterator[str]]
_KEPT = {True: "kept", False: "not kept", None: "unknown"}
_IN_TIME = {True: "in time", False: "late", None: "open"}


class PeoplesMarkdown:
    """Writes what people did; how text is escaped and a table is made is the report's."""

    def __init__(self, text: Escape, table: Table) -> None:
        self._text, self._table = text, table

    def rehearsal(self, rehearsal: Rehearsal) -> Iterator[str]:
        """Yield who took part, and the roles that changed hands."""
        yield from ("## Who took part", "", f"{LEVELS.get(rehearsal.level, rehearsal.level).capitalize()}.", "")
        for person in rehearsal.participants:
            yield f"- **{self._text(person.name)}**: {self._text(listed(person.roles, at_most=7)) or 'no role'}"
        for item in rehearsal.hand_overs:
            how = "taken away by the plan" if item.taken else f"{self._text(item.person)} → {self._text(item.to) or 'nobody'}"
            note = f" ({self._text(item.note)})" if item.note else ""
            yield f"- {item.at[11:19]} UTC, {self._text(item.role)}: {how}{note}"
        yield ""

    def incident(self, people: IncidentFacts) -> Iterator[str]:
        """Yield one round as people lived it."""
        yield from ("### Who did what, and when", "")
        for item in people.timeline:
            who = f"**{self._text(item.who)}** " if item.who else ""
            yield f"- {item.at[11:19]} UTC ({offset(item.at_seconds)}): {who}{self._text(item.text)}"
        yield from ("", "### Clocks", "")
        rows = [
            [clock.title, _took(clock), duration(clock.allowed_seconds),
             _KEPT[clock.kept] if clock.allowed_seconds is not None else UNKNOWN]
            for clock in people.clocks
        ]  # fmt: skip
        yield from self._table(["Clock", "Took", "Allowed", "Kept?"], rows)
        yield from self._classified(people)
        yield from self._messages(people)
        yield from self._followed(people)
        yield from self._said(people)
        yield from self._proposed(people)

    def proof(self, proof: Proof) -> Iterator[str]:
        """Yield what a round proved of its runbook."""
        reasons = f": {self._text('; '.join(proof.reasons))}" if proof.reasons else ""
        yield from (f"**{self._text(proof.outcome.capitalize())}**{reasons}.", "")
        yield from (f"- Broken by {self._text(item.by)}: {self._text(item.text or item.warning)}" for item in proof.broken)
        for step in proof.steps:
            why = f" ({self._text(step.why)})" if step.why else ""
            yield f"- {self._text(step.title)}: {EFFECTS.get(step.judgement, self._text(step.judgement))}{why}"
        yield ""

    def _classified(self, people: IncidentFacts) -> Iterator[str]:
        yield from ("### Was it as bad as they said?", "")
        impact = people.impact
        if impact is None:
            yield "Nothing was measured, so whether the severity was right cannot be said."
        else:
            between = f"{number(impact.low_percent)} to {number(impact.high_percent, 'percent')}"
            failed = f"{number(impact.failed_percent, 'percent')} of customers failed at worst ({between})"
            yield f"Measured: **{impact.severity}** by gameday's own thresholds, since {impact.because}; {failed}."
        yield ""
        for item in people.classified:
            share = f", {item.affected_percent:g} % affected" if item.affected_percent is not None else ""
            said = f"{self._text(item.severity)}{share}"
            yield f"- {item.at[11:19]} UTC, {self._text(item.person)}: {said}; {JUDGEMENTS.get(item.judgement, UNKNOWN)}"
        yield ""

    def _messages(self, people: IncidentFacts) -> Iterator[str]:
        yield from ("### What was told, and to whom", "")
        rows = [
            [update.what, f"{update.due_at[11:19]} UTC", f"{update.sent_at[11:19]} UTC" if update.sent_at else "not in this log",
             _IN_TIME[update.kept]]
            for update in people.updates
        ]  # fmt: skip
        if rows:
            yield from self._table(["Owed to customers", "Due", "Came", "In time?"], rows)
        if people.untold:
            yield from (f"**Never told that it is over:** {self._text(listed(people.untold))}.", "")
        for message in people.messages:
            to = f"{self._text(message.audience)} by {self._text(message.channel)}"
            yield f"- {message.at[11:19]} UTC, {self._text(message.person)} to {to}: {self._text(short(message.text))}"
            yield from (f"  - `{item.code}` {self._text(item.message)}" for item in message.findings)
        yield "" if people.messages else "Nobody was told anything.\n"

    def _followed(self, people: IncidentFacts) -> Iterator[str]:
        yield from ("### How the runbook was followed", "")
        if not people.steps:
            yield from ("Nobody followed a runbook.", "")
            return
        rows = [
            [self._text(step.title), self._outcome(step), duration(step.taken_seconds), duration(step.expected_seconds),
             EFFECTS.get(step.effect, UNKNOWN), self._place(step)]
            for step in people.steps
        ]  # fmt: skip
        yield from self._table(["Step", "Became", "Took", "Allowed", "Effect", "Order and role"], rows)

    def _outcome(self, step: FollowedFact) -> str:
        by = f" by {self._text(step.by)}" if step.by else ""
        return f"{step.outcome}{by}" + (f": {self._text(short(step.reason))}" if step.reason else "")

    def _place(self, step: FollowedFact) -> str:
        parts = [f"{step.order}, beside “{self._text(step.beside)}”"] if step.order else []
        parts += [f"not by {self._text(step.role)}"] if step.by_role is False else []
        return "; ".join(parts) or UNKNOWN

    def _said(self, people: IncidentFacts) -> Iterator[str]:
        if people.decisions or people.notes:
            yield from ("### Decisions and notes", "")
            for item in people.decisions:
                because = f" Because: {self._text(short(item.beside))}" if item.beside else ""
                yield f"- {item.at[11:19]} UTC, {self._text(item.person)} decided: {self._text(short(item.text))}{because}"
            for item in people.notes:
                missing = " (missing in the runbook)" if item.missing_step else ""
                yield f"- {item.at[11:19]} UTC, {self._text(item.person)}{missing}: {self._text(short(item.text))}"
            yield ""

    def _proposed(self, people: IncidentFacts) -> Iterator[str]:
        if people.proposal:
            changes = count(len(people.proposal), "change")
            yield from (f"### Proposed for the runbook: {changes}", "")
            for change in people.proposal:
                what = f"{change.before} → {change.after}" if change.before else "a new step after it"
                yield f"- {self._text(change.title)}: {what} ({self._text(change.why)})"
            yield ""


def _took(clock: ClockFact) -> str:
    if clock.seconds is not None:
        return duration(clock.seconds)
    return f"unknown: {clock.why}" if clock.why else "unknown"
