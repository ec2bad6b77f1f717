"""Templates of messages, by audience and kind, and how they are filled from an incident; the check of what is sent is `checking`.

The texts stand in `templates/`, one file each, and in runbooks: a block marked `text` in a step of the phase Communicate or
Close is a template too. A placeholder is a name in braces; one that nobody can fill stays as it is, for a person to fill, and
the check finds it if nobody does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

from gameday.log.people import RunbookOpened
from gameday.rehearsal.checking import check, checked, left_untold, review
from gameday.rehearsal.clocks import next_after
from gameday.rehearsal.looks import Finding, moment_of, reference_of, started_at, zones_of
from gameday.rehearsal.state import Incident, time_of
from gameday.rehearsal.stated_times import clock_text, local_text, zone_of

__all__ = [
    "AUDIENCES",
    "KINDS",
    "Finding",
    "Template",
    "check",
    "checked",
    "fill",
    "kind_due",
    "left_untold",
    "review",
    "templates_for",
]

AUDIENCES: Final = ("customers", "sellers", "support", "press", "executives")
KINDS: Final = ("first", "scope", "update", "resolved", "follow-up")
_PLACEHOLDER: Final = re.compile(r"\{([a-z][^{}\n]{0,58})\}")
_FENCE: Final = re.compile(r"^(?P<mark>`{3,}|~{3,})text[ \t]*\n(?P<text>.*?)^(?P=mark)[ \t]*$", re.MULTILINE | re.DOTALL)
_AUDIENCE_WORDS: Final = {
    "customers": ("customer", "status page"),
    "sellers": ("seller", "carrier"),
    "support": ("support",),
    "press": ("press", "reporter"),
    "executives": ("executive", "management", "inside", "internal"),
}


@dataclass(frozen=True, slots=True)
class Template:
    """A text with placeholders."""

    name: str
    """As `MessageSent.template` has it: `customers/first`, or the runbook's step."""
    audience: str
    """Empty: for any."""
    kind: str
    """One of KINDS; empty: for any."""
    text: str
    source: str
    """shipped, or the id of the runbook that it is from."""


def templates_for(audience: str, runbook: RunbookOpened | None = None) -> tuple[Template, ...]:
    """Return the templates for an audience: the runbook's own first, which know the failure, then those that ship."""
    own = [template for template in _of_runbook(runbook) if template.audience in ("", audience)] if runbook else []
    return (*own, *(template for template in _shipped() if template.audience == audience))


def fill(  # the incident and its surroundings, as everywhere in this room
    template: Template | str,
    incident: Incident,
    readers: Sequence[Mapping[str, Any]],
    now: datetime,
    *,
    audience: str = "",
    next_at: str = "",
    allowed: Mapping[str, float] | None = None,
    values: Mapping[str, str] | None = None,
) -> str:
    """Return the template's text with everything filled in that the incident says, times in UTC and in the readers' zones.

    `values` are what the sender knows besides (`estimate`, `contact`, `affected`, …), by the placeholder's name; they come
    before what the incident says. Without `next_at`, the next message is promised for when it is due (`clocks.next_after`) by
    what the plan allows.
    """
    text = template if isinstance(template, str) else template.text
    whom = audience or ("" if isinstance(template, str) else template.audience)
    following = moment_of(next_at) or next_after(incident, allowed or {}, audience=whom, now=now)
    known = _Known(incident, readers, now, whom, following, values or {})
    filled = _PLACEHOLDER.sub(lambda match: known.value(match[1]) or match[0], text)
    # Readers in UTC need the same time once only.
    return re.sub(r"(\b(?:\d{4}-\d{2}-\d{2} )?\d{2}:\d{2} UTC) \(\1\)", r"\1", filled).strip() + "\n"


def kind_due(incident: Incident, audience: str) -> str:
    """Return which kind of message an audience is owed next: one of KINDS."""
    if "resolved" in incident.moments:
        told = any(m.audience == audience and time_of(m) >= incident.moments["resolved"].at for m in incident.messages)
        return "follow-up" if told else "resolved"
    sent = sum(message.audience == audience for message in incident.messages)
    return KINDS[min(sent, 2)]


@dataclass(frozen=True, slots=True)
class _Known:
    """Everything that a placeholder may be filled from."""

    incident: Incident
    readers: Sequence[Mapping[str, Any]]
    now: datetime
    audience: str
    next_at: datetime
    values: Mapping[str, str]

    def value(self, written: str) -> str:
        """Return what a placeholder stands for; empty where nobody knows."""
        name, local = _split(written)
        given = self.values.get(written, "") or self.values.get(name, "")
        moment = self._moment(name, given)
        if moment is not None:
            return self._local(moment) if local else clock_text(moment, UTC, beside=self.now)
        if given:
            return given
        return self._text(name)

    def _moment(self, name: str, given: str) -> datetime | None:
        if given:
            return moment_of(given) if "T" in given else None
        if name == "next":
            return self.next_at
        if name == "now":
            return self.now
        if name == "start":
            return started_at(self.incident)
        moments = self.incident.moments
        for moment in {"end": ("resolved", "mitigated"), "recovered": ("mitigated", "resolved"), "declared": ("declared",)}.get(
            name, ()
        ):
            if moment in moments:
                return moments[moment].at
        return None

    def _local(self, moment: datetime) -> str:
        zones = [zone for name in zones_of(self.audience, self.readers) if (zone := zone_of(name)) is not None]
        return ", ".join(dict.fromkeys(local_text(moment, zone, beside=self.now) for zone in zones))

    def _text(self, name: str) -> str:
        classified = self.incident.classifications[-1] if self.incident.classifications else None
        texts: dict[str, Callable[[], str]] = {
            "severity": lambda: classified.severity if classified else "",
            "affected": lambda: classified.affected if classified else "",
            "affected percent": lambda: (
                f"{classified.affected_percent:g} %" if classified and classified.affected_percent is not None else ""
            ),
            "reference": lambda: reference_of(self.incident),
            "contact": self._contact,
            "date": lambda: f"{(started_at(self.incident) or self.now):%Y-%m-%d}",
            "title": lambda: self.incident.title if self.incident.revealed or self.incident.ended else "",
            "lasted": self._lasted,
        }
        return texts[name]() if name in texts else ""

    def _contact(self) -> str:
        found = [
            str(reader["contact"]) for reader in self.readers if reader.get("audience") == self.audience and reader.get("contact")
        ]
        return found[0] if found else ""

    def _lasted(self) -> str:
        start, end = started_at(self.incident), self._moment("end", "")
        return f"{max(1, round((end - start).total_seconds() / 60))} min" if start and end else ""


def _split(written: str) -> tuple[str, bool]:
    """Return a placeholder's name, and whether it is the reader's own time: `start local`, `start_local`, `start, local`."""
    name = " ".join(re.sub(r"[,_]", " ", written).split())
    return (name.removesuffix(" local"), True) if name.endswith(" local") else (name, False)


@cache
def _shipped() -> tuple[Template, ...]:
    folder = files("gameday.rehearsal") / "templates"
    return tuple(
        Template(f"{audience}/{kind}", audience, kind, (folder / f"{audience}-{kind}.txt").read_text(encoding="utf-8"), "shipped")
        for audience in AUDIENCES
        for kind in KINDS
    )


def _of_runbook(runbook: RunbookOpened) -> list[Template]:
    found = []
    for step in runbook.steps:
        if str(step.get("phase", "")).lower() not in {"communicate", "close"}:
            continue
        blocks = [match["text"] for match in _FENCE.finditer(str(step.get("prose", "")))]
        for number, text in enumerate(blocks, start=1):
            name = f"{step.get('id', '')}" + (f"-{number}" if len(blocks) > 1 else "")
            kind = "resolved" if re.match(r"\s*resolved\b", text, re.IGNORECASE) else ""
            found.append(Template(name, _audience_of(step, text), kind, text, runbook.runbook))
    return found


def _audience_of(step: Mapping[str, Any], text: str) -> str:
    """Return whom a runbook's text is for, by the step's title; one that names nobody is for any."""
    title = f"{step.get('title', '')}".lower()
    if text.lstrip().upper().startswith("SEV-"):
        return "executives"
    return next((audience for audience, words in _AUDIENCE_WORDS.items() if any(word in title for word in words)), "")
