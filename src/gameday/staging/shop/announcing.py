"""What the shop tells people about its state, on three channels: the status page, the phone's announcement, the chat's answer.

A channel says what its source says. CHANNELS=one-source (the default): all three read the one incident, so they cannot disagree.
CHANNELS=each-own: the phone and the chat have texts of their own, which somebody else keeps, and which nobody changes in the
middle of an incident. An announcement gives its times in minutes from when it was made; here they become times of day.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from gameday.staging.shop.speech import say

STATES = ("operational", "investigating", "identified", "monitoring", "resolved")
"""In the order in which an incident goes through them; the first and the last are none."""
OVER = ("operational", "resolved")
ONE_SOURCE = {"page": "incident", "phone": "incident", "chat": "incident"}
EACH_OWN = {"page": "incident", "phone": "phone", "chat": "chat"}
MOST_REMEMBERED = 100
ALL_WELL = "Everything works as usual."


@dataclass(frozen=True, slots=True)
class Announcement:
    """One message, as it was made and when it was first seen here."""

    state: str
    message: str
    estimate_minutes: float | None
    next_update_minutes: float | None
    wall: float
    mono: float

    @property
    def estimate(self) -> datetime | None:
        """When it should work again."""
        return self._after(self.estimate_minutes)

    @property
    def next_update(self) -> datetime | None:
        """When people hear again."""
        return self._after(self.next_update_minutes)

    def _after(self, minutes: float | None) -> datetime | None:
        return None if minutes is None else datetime.fromtimestamp(self.wall, UTC) + timedelta(minutes=minutes)


def announcement_of(text: str, *, wall: float, mono: float) -> Announcement:
    """Return what a source's text announces; nothing announces that all is well. ValueError where it cannot be read."""
    value = json.loads(text) if text.strip() else {}
    if not isinstance(value, dict) or value.get("state", STATES[0]) not in STATES:
        raise ValueError(f"expected an object whose state is one of {', '.join(STATES)}")
    return Announcement(
        value.get("state", STATES[0]),
        str(value.get("message", "")) or ALL_WELL,
        _minutes(value.get("estimate_minutes")),
        _minutes(value.get("next_update_minutes")),
        wall,
        mono,
    )


def _minutes(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        raise ValueError(f"expected minutes from 0 up, found {value!r}")
    return float(value)


@dataclass(slots=True)
class Board:
    """What every channel says now, and what was said before."""

    sources: Mapping[str, str]
    """Which source each channel reads."""
    _texts: dict[str, str] = field(default_factory=dict)
    _now: dict[str, Announcement] = field(default_factory=dict)
    _said: list[tuple[str, Announcement]] = field(default_factory=list)

    def take(self, texts: Mapping[str, str]) -> None:
        """Look at what the sources say; a text that cannot be read leaves what was said before."""
        for source in dict.fromkeys(self.sources.values()):
            text = texts.get(source, "")
            if self._texts.get(source) == text:
                continue
            first = source not in self._texts
            self._texts[source] = text
            try:
                found = announcement_of(text, wall=time.time(), mono=time.monotonic())
            except ValueError as error:
                say("warning", "an announcement cannot be read", source=source, reason=str(error))
                continue
            self._now[source] = found
            if not (first and found.state in OVER):
                self._said = [*self._said, (source, found)][-MOST_REMEMBERED:]
                say("info", "announced", source=source, state=found.state)

    def channels(self) -> list[dict[str, Any]]:
        """Return what each channel says."""
        return [{"name": channel, **_shown(self.of(channel))} for channel in self.sources]

    def messages(self) -> list[dict[str, Any]]:
        """Return what was announced, oldest first, with its age: whoever asks may have another clock."""
        now = time.monotonic()
        return [
            {
                "state": said.state,
                "message": said.message,
                "age_seconds": round(now - said.mono, 3),
                "channels": [channel for channel, reads in self.sources.items() if reads == source],
            }
            for source, said in self._said
        ]

    def of(self, channel: str) -> Announcement:
        """Return what a channel says; that all is well, as long as nobody has said anything."""
        return self._now.get(self.sources[channel]) or announcement_of("", wall=time.time(), mono=time.monotonic())


def _shown(said: Announcement) -> dict[str, Any]:
    return {
        "state": said.state,
        "text": spoken(said),
        "message": said.message,
        "estimate": said.estimate.isoformat(timespec="seconds") if said.estimate else "",
        "next_update": said.next_update.isoformat(timespec="seconds") if said.next_update else "",
    }


def spoken(said: Announcement) -> str:
    """Return an announcement as one reads it out: what is the matter, until when, and when one hears again."""
    parts = [said.message]
    if said.state not in OVER and said.estimate:
        parts.append(f"We expect it to work again by {of_day(said.estimate)}.")
    if said.state not in OVER and said.next_update:
        parts.append(f"We will say more by {of_day(said.next_update)}.")
    return " ".join(parts)


def of_day(moment: datetime) -> str:
    """Return a time of day with its zone, which people far away need."""
    return f"{moment:%H:%M} UTC"
