"""What is in force right now: the switch between passing everything through and the rules of a settings document.

It falls back to passing by itself: at the deadline, when the source is lost or silent, when a document cannot be meant, and
when the proxy is taken out. Whatever a fault holds back is let go in the same moment. The deadline comes by the clock of whoever
served the document and is kept on this machine's monotonic one, so setting a clock moves nothing, a restarted proxy does not
begin anew, and the same document that is heard again can end earlier and never later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

import structlog

from gameday.errors import BadParameterError
from gameday.interpose import settings as documents
from gameday.interpose.counting import Tally
from gameday.interpose.rules import InForce
from gameday.interpose.settings import Settings

State = Literal["passing", "in force", "ended", "lost", "refused", "draining"]
DEFAULT_SILENCE_SECONDS: Final = 10.0
_log = structlog.get_logger("gameday.interpose")


class Held(Protocol):
    """A connection on which a fault holds something back."""

    def release(self) -> None:
        """Let everything pass."""


@dataclass(slots=True)
class Switch:
    """The settings in force, and when they end. All in one event loop, so nothing is locked."""

    protocol: documents.Protocol
    silence_seconds: float = DEFAULT_SILENCE_SECONDS
    """A source that says nothing for so long is lost."""
    changed: Callable[[], None] = lambda: None
    in_force: InForce | None = None
    held: set[Held] = field(default_factory=set)
    state: State = "passing"
    why: str = "no settings have come yet"
    tally: Tally | None = None
    """Of the settings that are in force, or were last."""
    _document: bytes = b""
    _settings: Settings | None = None
    """What the source wants as far as is known; in force or not."""
    _deadline: float = 0.0
    _end: asyncio.TimerHandle | None = None
    _silence: asyncio.TimerHandle | None = None
    _is_draining: bool = False

    def heard(self, document: bytes, now: float) -> None:
        """Take a document from the source; `now` is its time there, in seconds since 1970."""
        if self._is_draining:
            return
        self._await_word()
        try:
            wanted = documents.read_settings(document, protocol=self.protocol)
            left = self._seconds_left(wanted, now)
        except BadParameterError as error:
            self._document, self._settings = document, None
            self._pass("refused", str(error))
            return
        ends = asyncio.get_running_loop().time() + left
        is_same = document == self._document
        self._document, self._settings = document, wanted
        self._deadline = min(self._deadline, ends) if is_same else ends
        self._apply()

    def unchanged(self) -> None:
        """Take the source's word that nothing is new; the first one after a loss brings back what was wanted."""
        if self._is_draining:
            return
        self._await_word()
        if self.state == "lost":
            self._apply()

    def lost(self, why: str) -> None:
        """Pass everything through until the source is heard again."""
        if self._settings is not None and self.state in {"in force", "lost"}:
            self._pass("lost", why)
        elif self.state == "passing":
            self.why = why

    def drain(self) -> None:
        """Pass everything through for good."""
        self._is_draining = True
        for timer in (self._end, self._silence):
            if timer is not None:
                timer.cancel()
        self._pass("draining", "the proxy is being taken out")

    def as_dict(self) -> dict[str, Any]:
        """Say what is in force, why, and for how long."""
        left = round(self._deadline - asyncio.get_running_loop().time(), 3) if self.in_force is not None else None
        return {"id": self.tally.id if self.tally else None, "state": self.state, "why": self.why, "ends_in_seconds": left}

    def _await_word(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
        loop = asyncio.get_running_loop()
        self._silence = loop.call_later(self.silence_seconds, self.lost, f"nothing was heard for {self.silence_seconds:g} s")

    def _seconds_left(self, wanted: Settings, now: float) -> float:
        left = wanted.until.timestamp() - now if wanted.until is not None else 0.0
        if left > documents.LONGEST_FAULT_SECONDS:
            raise BadParameterError(
                f"until: expected a moment within {documents.LONGEST_FAULT_SECONDS:g} s from now, found one in {left:.0f} s"
            )
        return left

    def _apply(self) -> None:
        """Put into force what is wanted, unless its time is over."""
        wanted = self._settings
        if self._is_draining or wanted is None:
            return
        if not wanted.rules:
            self._pass("passing", f"the settings {wanted.id!r} have no rules")
        elif self._deadline <= asyncio.get_running_loop().time():
            self._pass("ended", "the deadline has passed")
        elif self.in_force is not None and self.in_force.is_of(wanted):
            self._end_at_deadline()
        else:
            self._put_in_force(wanted)

    def _put_in_force(self, wanted: Settings) -> None:
        self.in_force = InForce.of(wanted, self.tally)
        self.tally = self.in_force.tally
        self._let_go()
        self.state, self.why = "in force", ""
        self._end_at_deadline()
        _log.info("in force", settings=wanted.id, rules=[rule.name for rule in wanted.rules], until=str(wanted.until))
        self.changed()

    def _end_at_deadline(self) -> None:
        if self._end is not None:
            self._end.cancel()
        self._end = asyncio.get_running_loop().call_at(self._deadline, self._pass, "ended", "the deadline has passed")

    def _pass(self, state: State, why: str) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None
        if (state, why) != (self.state, self.why):
            tell = _log.warning if state in {"lost", "refused"} else _log.info
            tell("passing everything", state=state, why=why, rules=self.tally.as_dict() if self.in_force and self.tally else [])
        self.in_force = None
        self.state, self.why = state, why
        self._let_go()
        self.changed()

    def _let_go(self) -> None:
        held, self.held = self.held, set()
        for one in held:
            one.release()
