"""How much CPU a container has used, from /proc: its processes that live, and those that lived."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from gameday.staging.node.spawner import descendants_of

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PARENT, _USER, _CHILDREN = 1, 11, 13
"""Where, after the name, a line of /proc/PID/stat has the parent, and the two pairs of times."""


def cpu_seconds(main_pid: int) -> float:
    """Return the CPU that a container has used since its start; 0 if it is gone.

    Its shim, above the first process, is not counted; what the shim has reaped is.
    """
    own = _stat(main_pid)
    if own is None:
        return 0.0
    parent = own[_PARENT]
    ticks = sum((_stat(parent) or [0] * 20)[_CHILDREN : _CHILDREN + 2])
    for pid in descendants_of(parent):
        ticks += sum((_stat(pid) or [0] * 20)[_USER : _CHILDREN + 2])
    return ticks / _TICKS


def _stat(pid: int) -> list[int] | None:
    """Return the numbers of a process's stat line that follow its state; None if the process is gone."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return [0, *map(int, line.rpartition(")")[2].split()[1:20])]
