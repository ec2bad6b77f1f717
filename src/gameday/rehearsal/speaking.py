"""One line that somebody types, into what they ask for: `tick 3`, `classify major 30%`, `message customers We know`.

The words are short because people type them during an incident; each becomes the same request as a page's button does
(`requests`). Steps go by their number in the runbook, or by their id. Nothing here knows a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gameday.errors import RefusedError
from gameday.fields import did_you_mean
from gameday.rehearsal.state import MOMENTS, State
from gameday.runbook.roles import ROLES

HELP: Final = (
    ("steps, clocks, people, help", "look"),
    ("open RUNBOOK", "choose a runbook, where the round's own is a surprise"),
    ("begin 3 · tick 3 · skip 3 because REASON", "the runbook's steps, by number or id"),
    ("ack · declare · mitigated · resolved · closed · reviewed", "a moment of the incident; any: mark MOMENT; withdraw MOMENT"),
    ("classify critical|major|minor [30%] [WHO IS HIT]", "how bad it is"),
    ("message AUDIENCE [via CHANNEL:] TEXT", "tell customers, sellers, support, press, executives, …"),
    ("note [3] TEXT · missing [3] TEXT", "what happened; what was done and the runbook does not say (after step 3)"),
    ("decide TEXT [because REASON]", "a decision"),
    ("take ROLE · hand over ROLE to NAME · leave", "roles"),
    ("fault · inject calls|mail|press|alert|note TEXT · absent ROLE · reveal · next · end", "the facilitator's"),
    ("stop [REASON]", "end it now; a live rehearsal undoes"),
)


@dataclass(frozen=True, slots=True)
class Known:
    """What a line may refer to without saying it: steps by number, and the channel of an audience."""

    steps: Sequence[str] = ()
    """The ids of the open runbook's steps, in order."""
    channels: Mapping[str, str] = field(default_factory=dict)
    """By audience."""


def known_of(state: State, *, person: str = "") -> Known:
    """Return what a rehearsal's state gives somebody to refer to: of a surprise, no steps before its runbook is open."""
    readers = state.started.readers if state.started else []
    channels = {str(reader["audience"]): str(reader["channels"][0]) for reader in readers if reader.get("channels")}
    incident = state.incident
    return Known(tuple(incident.steps) if incident and state.follows(person, incident) else (), channels)


@dataclass(frozen=True, slots=True)
class Said:
    """What a line asks for: a request of the rehearsal, or something of the terminal's own (`look`), with its text."""

    request: Mapping[str, Any] = field(default_factory=dict)
    look: str = ""
    """steps, clocks, people, help or stop."""
    text: str = ""


def understood(line: str, known: Known) -> Said:
    """Return what a line asks for; RefusedError says what is not understood."""
    word, _, rest = line.strip().partition(" ")
    word, rest = word.lower(), rest.strip()
    if word in _LOOKS:
        return Said(look=word, text=rest)
    if word in _MOMENTS:
        return Said({"do": "mark", "moment": _MOMENTS[word], "detail": rest})
    if word in _WORDS:
        return Said(_WORDS[word](rest, known))
    raise RefusedError(f"{word!r} is not understood{did_you_mean(word, (*_WORDS, *_MOMENTS, *_LOOKS)) or '; see: help'}")


def _step(text: str, known: Known) -> str:
    """Return the id of the step that is meant."""
    if not text:
        raise RefusedError("which step? By its number or its id; see: steps")
    if not text.isdigit():
        return text
    number = int(text)
    if not known.steps:
        raise RefusedError("no runbook with steps is open; see: steps")
    if not 1 <= number <= len(known.steps):
        raise RefusedError(f"expected a step from 1 to {len(known.steps)}, but got {number}; see: steps")
    return known.steps[number - 1]


def _tick(rest: str, known: Known) -> dict[str, Any]:
    return {"do": "tick", "step": _step(rest, known)}


def _open(rest: str, known: Known) -> dict[str, Any]:
    del known
    return {"do": "open", "runbook": rest}


def _begin(rest: str, known: Known) -> dict[str, Any]:
    return {"do": "begin", "step": _step(rest, known)}


def _skip(rest: str, known: Known) -> dict[str, Any]:
    step, _, reason = rest.partition(" ")
    return {"do": "skip", "step": _step(step, known), "reason": _without(reason, "because")}


def _note(rest: str, known: Known) -> dict[str, Any]:
    step, text = _about(rest, known)
    return {"do": "note", "text": text, "step": step}


def _missing(rest: str, known: Known) -> dict[str, Any]:
    return {**_note(rest, known), "missing_step": True}


def _about(rest: str, known: Known) -> tuple[str, str]:
    """Tell the step's number before a text from the text; a text that begins with another number is a text."""
    first, _, text = rest.partition(" ")
    if first.isdigit() and 1 <= int(first) <= len(known.steps) and text.strip():
        return _step(first, known), text.strip()
    return "", rest


def _decide(rest: str, known: Known) -> dict[str, Any]:
    del known
    text, _, reason = rest.partition(" because ")
    return {"do": "decide", "text": text.strip(), "reason": reason.strip()}


def _mark(rest: str, known: Known) -> dict[str, Any]:
    del known
    moment, _, detail = rest.partition(" ")
    return {"do": "mark", "moment": _MOMENTS.get(moment, moment.replace("-", "_")), "detail": detail}


def _withdraw(rest: str, known: Known) -> dict[str, Any]:
    del known
    return {"do": "withdraw", "moment": _MOMENTS.get(rest, rest.replace("-", "_").replace(" ", "_"))}


def _classify(rest: str, known: Known) -> dict[str, Any]:
    del known
    severity, _, affected = rest.partition(" ")
    found = _PERCENT.search(affected)
    if found:
        affected = (affected[: found.start()] + affected[found.end() :]).strip()
    percent = float(found[1]) if found else None
    return {"do": "classify", "severity": severity.lower(), "affected": affected.strip(), "affected_percent": percent}


def _message(rest: str, known: Known) -> dict[str, Any]:
    audience, _, text = rest.partition(" ")
    channel = ""
    if text.startswith("via "):
        channel, colon, text = text.removeprefix("via ").partition(":")
        if not colon:
            raise RefusedError("expected a colon after the channel, as in: message customers via status page: We know.")
    return {
        "do": "message",
        "audience": audience,
        "channel": channel.strip() or _channel_of(audience, known),
        "text": text.strip(),
    }


def _channel_of(audience: str, known: Known) -> str:
    """Return the first channel that the plan names for them."""
    if audience not in known.channels:
        named = audience or "AUDIENCE"
        raise RefusedError(f"on which channel? The plan names none for {named!r}: message {named} via CHANNEL: TEXT")
    return known.channels[audience]


def _take(rest: str, known: Known) -> dict[str, Any]:
    del known
    return {"do": "take", "role": rest}


def _hand(rest: str, known: Known) -> dict[str, Any]:
    del known
    words = _without(rest, "over")
    role = next((one for one in sorted(ROLES, key=len, reverse=True) if words.startswith(f"{one} ")), "")
    to, _, note = _without(words[len(role) :].strip(), "to").partition(":")
    if not role or not to:
        raise RefusedError("expected: hand over ROLE to NAME, as in: hand over incident commander to Ben")
    return {"do": "hand-over", "role": role, "to": to.strip(), "note": note.strip()}


def _inject(rest: str, known: Known) -> dict[str, Any]:
    del known
    what, _, text = rest.partition(" ")
    return {"do": "inject", "what": what, "text": text.strip()}


def _absent(rest: str, known: Known) -> dict[str, Any]:
    del known
    role = next((one for one in sorted(ROLES, key=len, reverse=True) if rest.startswith(one)), rest)
    return {"do": "absent", "role": role, "text": rest[len(role) :].strip()}


def _plain(do: str) -> Callable[[str, Known], dict[str, Any]]:
    def request(rest: str, known: Known) -> dict[str, Any]:
        del rest, known
        return {"do": do}

    return request


def _without(text: str, word: str) -> str:
    return text.strip().removeprefix(f"{word} ").strip()


_PERCENT: Final = re.compile(r"(?<!\S)(\d+(?:\.\d+)?) ?%")
_LOOKS: Final = ("steps", "clocks", "people", "help", "stop")
_MOMENTS: Final = {
    "fault": "fault",
    "ack": "acknowledged",
    "acknowledge": "acknowledged",
    "declare": "declared",
    "reviewed": "review_held",
    "followed-up": "follow_up",
    **{moment: moment for moment in MOMENTS},
}
_WORDS: Final[Mapping[str, Callable[[str, Known], dict[str, Any]]]] = {
    "open": _open,
    "begin": _begin,
    "tick": _tick,
    "done": _tick,
    "skip": _skip,
    "note": _note,
    "missing": _missing,
    "decide": _decide,
    "mark": _mark,
    "withdraw": _withdraw,
    "classify": _classify,
    "message": _message,
    "take": _take,
    "hand": _hand,
    "leave": _plain("leave"),
    "inject": _inject,
    "absent": _absent,
    "reveal": _plain("reveal"),
    "next": _plain("next-round"),
    "end": _plain("end"),
}
