"""People's part of a live rehearsal as the guardian has it: it writes what they do, and knows when a round is over for them.

What they may have written is checked against the log by whoever sends it (`rehearsal.requests`); here it is only held to be
an event of people. A round goes on until they say that it is resolved, or the facilitator goes on, or the time is over; then
it is undone and judged, and until they have closed it the next one does not begin.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, get_args

import msgspec

from gameday.log import Event, LogWriter
from gameday.log.events import Noted
from gameday.log.people import MomentMarked, PeopleDone, PeoplesEvent, RehearsalStarted, RunbookOpened

_THE_GUARDIANS_OWN: Final = (RehearsalStarted, RunbookOpened)
_FROM_PEOPLE: Final[Mapping[str, type[Event]]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(PeoplesEvent) if kind not in _THE_GUARDIANS_OWN
}


class People:
    """Those who take part in one run."""

    def __init__(self, log: LogWriter, started: Mapping[str, Any]) -> None:
        """Take the run's log, and the fields of RehearsalStarted, with which it begins for them."""
        self._log, self._started = log, started
        self._resolved: set[str] = set()
        self._closed: set[str] = set()
        self._is_over = False
        self._changed = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Whether no other round is to begin."""
        return self._is_over

    def begin(self) -> None:
        """Write that people take part, and how."""
        self._log.write(msgspec.convert(dict(self._started), RehearsalStarted))

    def heard(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Write an event of theirs; return it as it was written, or why it was not."""
        kind = _FROM_PEOPLE.get(str(data.get("type")))
        if kind is None:
            text = f"people sent an event that they may not write: {data.get('type')}"
            self._log.write(Noted(level="warning", text=text))
            return {"refused": text}
        try:
            event = msgspec.convert({key: value for key, value in data.items() if key != "type"}, kind)
        except msgspec.ValidationError as error:
            return {"refused": f"{data.get('type')}: {error}"}
        written = self._log.write(event)
        self._take(written)
        return {"event": msgspec.to_builtins(written)}

    def end(self) -> None:
        """End it because the time is over: the round that is on is over for people, and no other begins."""
        self.heard({"type": "people.done", "person": "", "rehearsal_over": True})

    async def until_resolved(self, round_id: str) -> None:
        """Wait until a round's fault may be undone."""
        await self._until(lambda: round_id in self._resolved)

    async def until_closed(self, round_id: str) -> None:
        """Wait until people have done with a round."""
        await self._until(lambda: round_id in self._closed)

    async def _until(self, found: Any) -> None:
        while not (self._is_over or found()):
            await self._changed.wait()
            self._changed.clear()

    def _take(self, event: Event) -> None:
        if isinstance(event, MomentMarked):
            self._mark(event)
        if isinstance(event, PeopleDone):
            self._resolved.add(event.round)
            self._closed.add(event.round)
            self._is_over = self._is_over or event.rehearsal_over
        self._changed.set()

    def _mark(self, event: MomentMarked) -> None:
        of = {"resolved": self._resolved, "closed": self._closed}.get(event.moment)
        if of is None:
            return
        if event.withdrawn:
            of.discard(event.round)
        else:
            of.add(event.round)
            # What is closed is not open any more, whatever was left out.
            self._resolved |= self._closed
