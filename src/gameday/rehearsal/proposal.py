"""What a rehearsal proposes to change in its runbook, as a unified diff against the file's text; nobody applies it but people.

Proposed are expected durations that were off by more than half of what was expected, and steps that were done and that the
runbook does not say, from the notes that name them. Shorter durations are proposed only after a live rehearsal: at a table
nobody really does what a step says. Steps that were skipped are no change: whether one is needed, people decide.
"""

from __future__ import annotations

import difflib
import math
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gameday.rehearsal.fidelity import Fidelity, FollowedStep
from gameday.rehearsal.state import Incident, time_of
from gameday.rehearsal.telling import printable
from gameday.runbook.markdown import Section, is_step, sections, slug, split_front_matter

OFF_BY: Final = 0.5
"""A duration is changed if it was off by more than this part of what was expected."""
_LONGEST_TITLE: Final = 70
_WIDTH: Final = 118
_EXPECTED: Final = re.compile(r"(\*\*Expected:\*\*\s*)([^·|*\n]*?)(\s*(?:[·|*].*)?)$")


@dataclass(frozen=True, slots=True)
class Change:
    """One proposed change, with what it rests on."""

    step: str
    """The step's id; of a new one, the step that it comes after."""
    title: str
    kind: str
    """duration or new_step."""
    before: str
    """What stands there now: a duration; empty for a new step."""
    after: str
    """The duration, or the whole new step."""
    why: str


@dataclass(frozen=True, slots=True)
class _NewStep:
    title: str
    id: str
    text: str


def changes_of(incident: Incident, fidelity: Fidelity, *, level: str) -> tuple[Change, ...]:
    """Return what the rehearsal of a round proposes, from the log alone; `level` is RehearsalStarted's."""
    durations = (change for step in fidelity.steps if (change := _duration_change(step, shorten=level == "live")))
    return (*durations, *_missing_steps(incident, fidelity))


def diff_of(text: str, changes: Sequence[Change], *, path: str) -> str:
    """Return the changes as a unified diff of the file's text, which `git apply` takes; empty if there is nothing to change.

    `path` is the file's, relative to where the diff will be applied. A change of a step that the text does not have is left out.
    """
    changed = _applied(text, changes, path)
    if changed == text:
        return ""
    lines = difflib.unified_diff(_lines(text), _lines(changed), f"a/{path}", f"b/{path}", n=3)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str) -> list[str]:
    """Split at line feeds only, as git does."""
    lines = [f"{line}\n" for line in text.split("\n")]
    return [*lines[:-1], lines[-1].rstrip("\n")] if not text.endswith("\n") else lines[:-1]


# ------------------------------------------------------------------------------------------------------------- durations


def _duration_change(followed: FollowedStep, *, shorten: bool) -> Change | None:
    step, taken = followed.step, followed.taken_seconds
    expected = step.expected_seconds
    if taken is None or expected is None or expected <= 0 or followed.taken_from == "acknowledged":
        return None
    off = taken / expected - 1
    if abs(off) <= OFF_BY or (off < 0 and not shorten):
        return None
    after = written(rounded(taken))
    if after == written(expected):
        return None
    than = "since it was begun" if followed.taken_from == "begun" else "since the step before it"
    why = f"expected {written(expected)}, took {written(round(taken))} {than}"
    return Change(step.id, step.title, "duration", written(expected), after, why)


def rounded(seconds: float) -> float:
    """Round up as people would: to 5 s below a minute, 30 s below ten minutes, then to minutes, and to 5 from an hour on."""
    for below, unit in ((60.0, 5.0), (600.0, 30.0), (3600.0, 60.0)):
        if seconds < below:
            return max(unit, math.ceil(seconds / unit - 1e-9) * unit)
    return math.ceil(seconds / 300.0 - 1e-9) * 300.0


def written(seconds: float) -> str:
    """Write a duration as runbooks do: 45s, 1m30s, 2h5m."""
    rest = round(seconds)
    parts = []
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        amount, rest = divmod(rest, size)
        parts += [f"{amount}{unit}"] if amount else []
    return "".join(parts) or "0s"


# ----------------------------------------------------------------------------------------------------------- missing steps


def _missing_steps(incident: Incident, fidelity: Fidelity) -> Iterator[Change]:
    known = {step.step.id: step for step in fidelity.steps}
    taken = set(known)
    for note in incident.notes:
        after = known.get(note.step)
        if not note.missing_step or after is None:
            continue
        new = _new_step(note.text, after, taken, _seconds_before(note_at=time_of(note).timestamp(), incident=incident))
        taken.add(new.id)
        why = f"noted by {' '.join(note.person.split())} at {time_of(note):%H:%M:%S} UTC"
        yield Change(after.step.id, new.title, "new_step", "", new.text, why)


def _seconds_before(*, note_at: float, incident: Incident) -> float | None:
    """Return how long before a note the last step was ticked: what was noted was done in that time."""
    ends = [step.ended_at.timestamp() for step in incident.steps.values() if step.ended_at is not None]
    before = [note_at - end for end in ends if end <= note_at]
    return min(before) if before else None


def _new_step(text: str, after: FollowedStep, taken: set[str], seconds: float | None) -> _NewStep:
    plain = " ".join(printable(text).split())
    title = _title(plain)
    anchor = slug(title).strip("-")
    needs_id = not anchor or anchor != slug(title) or anchor in taken
    identifier = anchor or f"{after.step.id}-then"
    number = 2
    while identifier in taken:
        identifier = f"{anchor or after.step.id + '-then'}-{number}"
        number += 1
    expected = rounded(seconds) if seconds else after.step.expected_seconds or 60.0
    role = f"**Role:** {after.step.role} · " if after.step.role else ""
    prose = "\n".join(_wrapped(_inert(plain)))
    lines = [f"### {_inert(title)}", ""]
    lines += [f"<!-- id: {identifier} -->", ""] if needs_id else []
    return _NewStep(title, identifier, "\n".join([*lines, f"{role}**Expected:** {written(expected)}", "", prose, ""]))


def _title(plain: str) -> str:
    """Return a note's first sentence as a heading: as plain words, so that it is the same as its anchor."""
    first = re.split(r"(?<=[.!?])\s|[:;]\s", plain, maxsplit=1)[0].rstrip(".!?:; ")
    words = re.sub(r"[^\w\s,'/.-]", "", first).strip(" -.,'/") or "What was done besides"
    short = textwrap.shorten(words, _LONGEST_TITLE, placeholder="") or words[:_LONGEST_TITLE]
    return short[:1].upper() + short[1:]


def _inert(text: str) -> str:
    """Return a person's text as Markdown that is just text."""
    escaped = re.sub(r"([\\`*_\[\]<>|~&])", r"\\\1", text)
    return _no_beginning(escaped)


def _wrapped(text: str) -> list[str]:
    lines = textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
    # A line that is wrapped must not begin like a heading or a list.
    return [_no_beginning(line) for line in lines]


def _no_beginning(line: str) -> str:
    """Escape what makes a line a heading, a list or a rule by standing at its beginning."""
    return re.sub(r"^(\d+)([.)])", r"\1\\\2", re.sub(r"^([#+=-])", r"\\\1", line))


# ----------------------------------------------------------------------------------------------------- into the file's text


def _applied(text: str, changes: Sequence[Change], path: str) -> str:
    _, body = split_front_matter(text, file=path)
    parts = sections(body)
    steps = {_id_of(part): index for index, part in enumerate(parts) if is_step(part)}
    lines = text.split("\n")
    for change in changes:
        if change.kind == "duration" and change.step in steps:
            _set_duration(lines, parts[steps[change.step]], change.after)
    insertions: dict[int, list[str]] = {}
    for change, step in _new_steps(changes, _texts(text.split("\n"), parts)):
        insertions.setdefault(_end_of(parts, steps[change.step], len(lines)), []).append(step)
    for at in sorted(insertions, reverse=True):
        lines[at:at] = _spaced(lines, at, insertions[at])
    return "\n".join(lines)


def _texts(lines: Sequence[str], parts: Sequence[Section]) -> dict[str, str]:
    """Return what stands in the file of each step, by its id."""
    found = {}
    for index, part in enumerate(parts):
        if is_step(part):
            end = _end_of(parts, index, len(lines))
            found[_id_of(part)] = _bare("\n".join(lines[part.heading.line - 1 : end]))
    return found


def _new_steps(changes: Sequence[Change], known: Mapping[str, str]) -> Iterator[tuple[Change, str]]:
    """Yield the new steps that the file does not have yet, each with an id that nothing in the file or the patch has.

    Rounds know nothing of each other's proposals, nor of those that were applied since.
    """
    taken, seen = set(known), set()
    for change in changes:
        if change.kind != "new_step" or change.step not in known or (change.step, change.after) in seen:
            continue
        seen.add((change.step, change.after))
        number, step = 1, change.after
        while (name := _id_of(sections(step)[0])) in taken and known.get(name) != _bare(step):
            number += 1
            step = _with_id(change.after, number)
        if name not in taken:
            taken.add(name)
            yield change, step


def _id_of(part: Section) -> str:
    return part.id_comment or slug(part.heading.text)


def _bare(step: str) -> str:
    """Return a step without the ends of its lines and the blank lines after it."""
    return "\n".join(line.rstrip() for line in step.split("\n")).strip()


def _with_id(step: str, number: int) -> str:
    """Return a new step with a number at the end of its id."""
    (part,) = sections(step)
    title, rest = step.split("\n", 1)
    rest = rest.lstrip("\n").removeprefix(f"<!-- id: {part.id_comment} -->").lstrip("\n")
    return f"{title}\n\n<!-- id: {_id_of(part)}-{number} -->\n\n{rest}"


def _set_duration(lines: list[str], part: Section, duration: str) -> None:
    for label, _, number in part.labels:
        if label == "Expected":
            # The number is that of the paragraph's first line; the label may stand on a later one.
            index = next(
                (at for at in range(number - 1, len(lines)) if _EXPECTED.search(lines[at]) or not lines[at].strip()), None
            )
            if index is not None:
                lines[index] = _EXPECTED.sub(lambda match: f"{match[1]}{duration}{match[3]}", lines[index])


def _end_of(parts: Sequence[Section], index: int, length: int) -> int:
    """Return the index of the line before which a step's successor begins."""
    following = next((part for part in parts[index + 1 :] if part.heading.tag in {"h1", "h2", "h3"}), None)
    return following.heading.line - 1 if following else length


def _spaced(lines: Sequence[str], at: int, steps: Sequence[str]) -> list[str]:
    """Return new steps as lines, with one blank line before and after each."""
    found = [""] if at and lines[at - 1].strip() else []
    for step in steps:
        found += [*step.rstrip("\n").split("\n"), ""]
    return found


def unmatched(text: str, changes: Sequence[Change], *, path: str) -> tuple[str, ...]:
    """Return the steps that changes are about and that a text does not have: it was changed since."""
    _, body = split_front_matter(text, file=path)
    known = {_id_of(part) for part in sections(body) if is_step(part)}
    return tuple(dict.fromkeys(change.step for change in changes if change.step not in known))
