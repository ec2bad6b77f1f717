"""Is that still the process it was? Process ids come round again; a process's start time tells two apart."""

from __future__ import annotations

import os
import select
from pathlib import Path

_START_TIME_FIELD = 19
"""Of /proc/<pid>/stat, counted after the name in parentheses."""


def start_ticks(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None if there is none, or only its remains."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[_START_TIME_FIELD])


def await_end(pid: int, timeout_seconds: float) -> bool:
    """Wait for any process's end, a child's or not; return whether it came in time."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        ready, _, _ = select.select([handle], [], [], timeout_seconds)
        return bool(ready)
    finally:
        os.close(handle)
