"""Telling pages at once that the log has grown: one thread waits for it, and every open page gets the state as it is then.

Each message is the whole of what the page shows, with the log's `seq` as its id. So a page that was away needs no history: it
names the last id it had, and gets what is now. Where several events come at once, a page may see only the last of their states.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from gameday.rehearsal.session import Session

HEARTBEAT_SECONDS: Final = 10.0
"""A page that has heard nothing for two of these says that it has no connection, and tries again."""
_LOOK_SECONDS: Final = 0.5
_UNCOUNTED_SECONDS: Final = 0.02


class Hub:
    """Wakes whoever is subscribed when a session's log grows."""

    def __init__(self, session: Session, loop: asyncio.AbstractEventLoop) -> None:
        """Watch this session, for subscribers of this loop; `start` begins."""
        self._session, self._loop = session, loop
        self._subscribers: set[asyncio.Event] = set()
        self._over = threading.Event()
        self._watching = threading.Thread(target=self._watch, name="gameday-web-watch", daemon=True)

    @property
    def is_over(self) -> bool:
        """Whether the server is about to end."""
        return self._over.is_set()

    @property
    def count(self) -> int:
        """How many pages are listening."""
        return len(self._subscribers)

    def start(self) -> None:
        """Begin to wait for the log."""
        self._watching.start()

    def close(self) -> None:
        """Let every subscriber go; called from the loop's thread."""
        self._over.set()
        self._wake()

    @contextmanager
    def subscribed(self) -> Iterator[asyncio.Event]:
        """Give an event that is set whenever there may be something new."""
        woken = asyncio.Event()
        self._subscribers.add(woken)
        try:
            yield woken
        finally:
            self._subscribers.discard(woken)

    async def changes(self) -> AsyncIterator[bool]:
        """Yield at once, then True whenever the log may have grown, and False when nothing did for HEARTBEAT_SECONDS."""
        with self.subscribed() as woken:
            yield True
            while not self.is_over:
                with suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), HEARTBEAT_SECONDS)
                # It may have been set while the wait was given up.
                grew = woken.is_set()
                woken.clear()
                if not self.is_over:
                    yield grew

    def _watch(self) -> None:
        seq = self._session.state.seq
        # What came before this thread did is told as well.
        self._call_wake()
        while not self._over.is_set():
            if not self._session.wait_beyond(seq, timeout_seconds=_LOOK_SECONDS):
                continue
            newest = self._session.state.seq
            if newest == seq:
                # An event that this fold does not count; without a pause this would spin.
                self._over.wait(_UNCOUNTED_SECONDS)
            seq = newest
            self._call_wake()

    def _call_wake(self) -> None:
        # The loop may have been closed a moment ago.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for woken in self._subscribers:
            woken.set()
