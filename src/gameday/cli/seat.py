"""Somebody's seat at a rehearsal in a terminal: what they are told, and what they type.

A rehearsal that is held in this process is a `Session`; one of another process is asked over HTTP (`joining`). Both give a
`Seat`, and the loop here knows nothing else. Lines are plain, so that a terminal, a pipe and a screen reader get the same.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol, TextIO

import click

from gameday.errors import RefusedError
from gameday.rehearsal.session import Session
from gameday.rehearsal.speaking import HELP, Known, Said, known_of, understood
from gameday.rehearsal.telling import clocks_told, people_told, printable, steps_told, told

_WAIT_SECONDS: Final = 0.1


class Seat(Protocol):
    """What a terminal has of a rehearsal."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""

    def news(self, *, timeout_seconds: float) -> Sequence[str]:
        """Return the lines that are new since the last call; wait for one that long."""

    def known(self) -> Known:
        """Return what a typed line may refer to."""

    def ask(self, said: Said) -> str:
        """Have it done; return why it was refused, or nothing."""

    def look(self, what: str) -> Iterator[str]:
        """Yield the lines of steps, clocks or people."""

    def stop(self, reason: str) -> None:
        """End the rehearsal now."""


class OwnSeat:
    """A seat at a rehearsal of this process; without a person, the one of whoever holds it, who looks on."""

    def __init__(self, session: Session, person: str = "", *, over: Callable[[], bool]) -> None:
        """Take the session, and what says that it is over and its log complete."""
        self._session, self._person, self._over = session, person, over
        self._seq = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self._over() and not self._session.events_after(self._seq)

    def news(self, *, timeout_seconds: float) -> Sequence[str]:
        """Return the lines of the events since the last call."""
        self._session.wait_beyond(self._seq, timeout_seconds=timeout_seconds)
        events = self._session.events_after(self._seq)
        state = self._session.state
        self._seq = events[-1].seq if events else self._seq
        return [line for event in events if (line := told(event, state, person=self._person))]

    def known(self) -> Known:
        """Return what a typed line may refer to."""
        return known_of(self._session.state, person=self._person)

    def ask(self, said: Said) -> str:
        """Have it done; return why it was refused, or nothing."""
        return self._session.submit(self._person, said.request).refused

    def look(self, what: str) -> Iterator[str]:
        """Yield the lines of steps, clocks or people."""
        state = self._session.state
        if what == "steps":
            return steps_told(state, person=self._person)
        return people_told(state) if what == "people" else clocks_told(state, datetime.now(UTC), person=self._person)

    def stop(self, reason: str) -> None:
        """End the rehearsal now."""
        self._session.stop(self._person, reason)


def answer(seat: Seat, line: str) -> Iterator[str]:
    """Do what somebody typed; yield what they are answered."""
    try:
        said = understood(line, seat.known())
    except RefusedError as error:
        yield f"? {error}"
        return
    match said.look:
        case "help":
            width = max(len(words) for words, _ in HELP)
            yield from (f"{words:<{width}}  {about}" for words, about in HELP)
        case "stop":
            try:
                seat.stop(said.text)
            except RefusedError as error:
                yield f"? {printable(str(error))}"
        case "":
            refused = seat.ask(said)
            if refused:
                yield f"? {printable(refused)}"
        case look:
            yield from seat.look(look)


def sit(seat: Seat, *, typed: TextIO | None, each: Callable[[], bool] = lambda: True) -> None:
    """Print what is new, and do what is typed, until it is over or `each()` says no more.

    That nobody types any more ends nothing.
    """
    lines = _reader(typed)
    while each() and not seat.is_over:
        for line in seat.news(timeout_seconds=_WAIT_SECONDS):
            click.echo(line)
        while not lines.empty():
            line = lines.get().strip()
            if line:
                for told_line in answer(seat, line):
                    click.echo(told_line)
    for line in seat.news(timeout_seconds=0):
        click.echo(line)
    sys.stdout.flush()


def _reader(typed: TextIO | None) -> queue.SimpleQueue[str]:
    """Read lines in a thread of their own, since a terminal that nobody types at would hold up the news."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in typed or ():
            lines.put(line)

    if typed is not None:
        threading.Thread(target=read, name="typed", daemon=True).start()
    return lines
