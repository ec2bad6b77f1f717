"""Writing a log: one process at a time, append only, each line whole.

The lock is what makes "one at a time" true across processes: whoever takes over a run ends the old writer first and then
takes the lock. Events are written at once; what must survive a crash of the machine is synced (`durable`).
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from gameday.errors import RefusedError
from gameday.log.events import Event
from gameday.log.every import AnyEvent
from gameday.log.reading import EVENTS_FILE, read

_encoder = msgspec.json.Encoder()
_TAIL_BYTES = 1 << 20
_MOST_WAITING_LINES = 20_000
"""Half an hour of samples; beyond that the oldest go, since memory ends too."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class LogWriter:
    """Appends events to a run's log, from any thread; holds its lock from construction to `close`."""

    def __init__(
        self,
        directory: Path,
        *,
        wait_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        """Open the log of the run in `directory`; RefusedError if another process writes it for longer than `wait_seconds`.

        `clock` is what `mono` is read from, in seconds, and `now` what `at` is: a time with its zone.
        """
        self.path = directory / EVENTS_FILE
        self._clock, self._now = clock, now
        self._unwritten: deque[bytes] = deque(maxlen=_MOST_WAITING_LINES)
        self._failure: OSError | None = None
        self._fd = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._writing = threading.Lock()
        self._lock(wait_seconds)
        try:
            _cut_torn_line(self._fd)
            self._seq = max((event.seq for event in read(self.path)), default=0)
        except BaseException:
            self.close()
            raise

    def write(self, event: Event, *, durable: bool = False) -> AnyEvent:
        """Append the event, numbered and dated; return it as written.

        What happened has happened, also on a full disk: a line that cannot be written is kept, `failure` says why, and it is
        tried again before the next one. What must stand in the log *before* something happens goes through `write_ahead`.
        """
        with self._writing:
            stamped = self._stamped(event)
            self._unwritten.append(_encoder.encode(stamped) + b"\n")
            self._catch_up(durable=durable)
        return stamped

    def write_ahead(self, event: Event) -> AnyEvent:
        """Append and sync an event without which what it announces may not happen; OSError if it cannot be written."""
        with self._writing:
            stamped = self._stamped(event)
            self._unwritten.append(_encoder.encode(stamped) + b"\n")
            self._catch_up(durable=True)
            if self._unwritten:
                self._unwritten.pop()
                raise self.failure or OSError("the log is behind")
        return stamped

    @property
    def failure(self) -> OSError | None:
        """Why the log is behind what happened; None while every event is in it."""
        return self._failure

    def _stamped(self, event: Event) -> AnyEvent:
        self._seq += 1
        at = self._now().astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        # A struct of `events` is one of the union, which the checker cannot know.
        return msgspec.structs.replace(event, seq=self._seq, at=at, mono=round(self._clock(), 6))  # type: ignore[return-value]

    def _catch_up(self, *, durable: bool) -> None:
        """Write every line that waits, in order; stop at the first that cannot be written."""
        try:
            while self._unwritten:
                _write_all(self._fd, self._unwritten[0])
                self._unwritten.popleft()
            if durable:
                os.fdatasync(self._fd)
        except OSError as error:
            self._failure = error
        else:
            self._failure = None

    def close(self) -> None:
        """Write what waits, sync, and give up the lock."""
        if self._fd >= 0:
            with self._writing:
                self._catch_up(durable=True)
            os.close(self._fd)
            self._fd = -1

    def _lock(self, wait_seconds: float) -> None:
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() < deadline:
                    time.sleep(0.02)
                    continue
                os.close(self._fd)
                raise RefusedError(f"{self.path} is being written by another process; the run is still on") from None
            return


def _cut_torn_line(fd: int) -> None:
    """Drop a last line that a crash cut off, however long, so that the next event begins on a line of its own."""
    size = end = os.fstat(fd).st_size
    while end > 0:
        start = max(0, end - _TAIL_BYTES)
        newline = os.pread(fd, end - start, start).rfind(b"\n")
        end = start
        if newline >= 0:
            end += newline + 1
            break
    if end < size:
        os.ftruncate(fd, end)


def _write_all(fd: int, data: bytes) -> None:
    """Write a whole line or, on a full disk, leave nothing of it behind."""
    start = os.fstat(fd).st_size
    written = 0
    try:
        while written < len(data):
            written += os.write(fd, data[written:])
    except OSError:
        os.ftruncate(fd, start)
        raise
