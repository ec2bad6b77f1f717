"""Writing a log: one process at a time, append only, each line whole.

The lock is what makes "one at a time" true across processes: whoever takes over a run ends the old writer first and then
takes the lock. Events are written at once; what must survive a crash of the machine is synced (`durable`).
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from gameday.errors import RefusedError
from gameday.log.events import AnyEvent, Event
from gameday.log.reading import EVENTS_FILE, read

_encoder = msgspec.json.Encoder()
_TAIL_BYTES = 1 << 20


class LogWriter:
    """Appends events to a run's log, from any thread; holds its lock from construction to `close`."""

    def __init__(self, directory: Path, *, wait_seconds: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        """Open the log of the run in `directory`; RefusedError if another process writes it for longer than `wait_seconds`."""
        self.path = directory / EVENTS_FILE
        self._clock = clock
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
        """Append the event, numbered and dated; return it as written. OSError when the disk is full."""
        with self._writing:
            self._seq += 1
            stamped = msgspec.structs.replace(
                event,
                seq=self._seq,
                at=datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
                mono=round(self._clock(), 6),
            )
            _write_all(self._fd, _encoder.encode(stamped) + b"\n")
            if durable:
                os.fdatasync(self._fd)
        return stamped  # type: ignore[return-value]  # a struct of this module is one of the union

    def close(self) -> None:
        """Sync, and give up the lock."""
        if self._fd >= 0:
            os.fdatasync(self._fd)
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
