"""Rules about words: what was left unfinished, and what a message to people must not leave out."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Final

from gameday.runbook.linting.inline import parts_of
from gameday.runbook.linting.model import Hit, Subject
from gameday.runbook.linting.registry import rule
from gameday.runbook.markdown import Block, Section, is_step

_UNFINISHED = re.compile(r"\b(TODO|FIXME|TBD|XXX)\b")
_TAG = re.compile(r"</?([A-Za-z][\w -]*?)/?>")
_HTML: Final = frozenset(
    shlex.split(
        "a abbr b blockquote br caption center cite code dd del details div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 "
        "hr i img ins kbd li mark ol p picture pre q s samp small source span strong sub summary sup table tbody td tfoot "
        "th thead tr u ul var video"
    )
)
_NEXT = re.compile(
    r"\{[^}]*\bnext\b[^}]*\}|(?:next|another) update|\bagain (?:at|by|in|within|every)\b|\bevery \{?\d+", re.IGNORECASE
)
_OVER = re.compile(r"\{(?:end|recovered|restored|drained)\b|^\W*resolved\b", re.IGNORECASE)
_TO_ONE_PERSON = re.compile(r"\byour (?:order|parcel|payment|account|cart) \{|\{(?:amount|name)\b", re.IGNORECASE)
_ANNOUNCE: Final = "gameday.actions.comms.announce"
_OVER_STATES: Final = ("resolved", "operational")


@rule("RB401", "Something is unfinished", severity="warning")
def unfinished(subject: Subject) -> Iterator[Hit]:
    """TODO, FIXME, TBD or XXX stand nowhere in a runbook, and neither does `<a name in brackets>` outside of code.

    Whoever reads it in an outage has no time to finish it; and a forge takes `<name>` for a tag and shows nothing. What is
    filled in when a message is sent stands in braces: `{next}`.
    """
    for number, line in enumerate(subject.lines, start=1):
        if found := _UNFINISHED.search(line):
            yield Hit(number, f"{found[1]} was left here", "finish it, or take it out")
    for part in parts_of(subject.body):
        tag = _TAG.fullmatch(part.token.content) if part.token.type == "html_inline" else None
        if tag and tag[1].split(" ")[0].lower() not in _HTML:
            yield Hit(
                part.line, f"{part.token.content} is shown as nothing at all: it reads as a tag", "write what it stands for"
            )


@rule("RB402", "A message does not say when the next one comes", severity="warning")
def no_next_update(subject: Subject) -> Iterator[Hit]:
    """An update in Communicate, a block `text` or an announcement, says when people hear more, even if nothing is new.

    Otherwise they ask, each of them. Left alone are messages that say that it is over (`{end}`, `{recovered}`, "Resolved"), and
    those to a single person ("your order `{reference}`").
    """
    for section in subject.sections:
        if is_step(section) and section.phase is not None and section.phase.text == "Communicate":
            yield from (_hit(block.line) for block in section.blocks if _is_open_update(block))
    for step in subject.read().steps:
        if step.action is not None and step.action.target == _ANNOUNCE:
            given = step.action.arguments
            if given.get("state") not in _OVER_STATES and given.get("next_update_minutes") is None:
                yield _hit(step.action.line)


def _is_open_update(block: Block) -> bool:
    if block.info not in {"", "text"}:
        return False
    return not any(pattern.search(block.text) for pattern in (_NEXT, _OVER, _TO_ONE_PERSON))


def _hit(line: int) -> Hit:
    told = "this message does not say when the next one comes"
    return Hit(line, told, "add: next update at {next} UTC (or next_update_minutes: 15)")


def section_text(subject: Subject, section: Section) -> str:
    """Return all that stands below a heading, as it stands in the file."""
    begins = [other.heading.line for other in subject.sections] + [len(subject.lines) + 1]
    end = min(line for line in begins if line > section.heading.line)
    return "\n".join(subject.lines[section.heading.line : end - 1])
