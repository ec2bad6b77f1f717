"""Our processes: naming them so that only they are ended, ending whole trees, and noticing that one is gone.

A pid alone names nothing for long; with its start time it names one process. Trees are ended by session and by parentage:
the guardian is a subreaper, so whatever a worker's activity left behind becomes its child and is found. Linux only.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NAME = 15


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process for good: its pid and when it started (clock ticks since boot, field 22 of /proc/PID/stat)."""

    pid: int
    start_ticks: int

    @property
    def is_alive(self) -> bool:
        """Whether it still runs; a zombie does not."""
        stat = _stat(self.pid)
        return stat is not None and stat.start_ticks == self.start_ticks and stat.state not in "ZX"


@dataclass(frozen=True, slots=True)
class _Stat:
    state: str
    parent: int
    session: int
    start_ticks: int


def process_id(pid: int) -> ProcessId:
    """Name a running process; start_ticks is 0 if it is already gone."""
    stat = _stat(pid)
    return ProcessId(pid, stat.start_ticks if stat else 0)


def become_subreaper() -> None:
    """Have orphans of our descendants become our children, so that none escapes `end_tree`."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def name_process(name: str) -> None:
    """Set what ps shows for this process (15 characters), so that an operator knows who is who."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def end_tree(leader: ProcessId, *, spare: frozenset[int] = frozenset(), patience_seconds: float = 2.0) -> int:
    """SIGKILL a session leader, its session and all their descendants; return how many processes were ended.

    Repeats until none is left, because a process that forks while we look leaves a child for the next look, with us for a
    parent but still in a session of the tree. `spare` are pids that stay, whatever their parents.
    """
    ended: set[int] = set()
    sessions: set[int] = set()
    deadline = time.monotonic() + patience_seconds
    while True:
        doomed = _members(leader, spare, sessions)
        for pid in doomed:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        ended |= doomed
        if not doomed or time.monotonic() > deadline:
            return len(ended)
        time.sleep(0.005)


def end_process(process: ProcessId) -> bool:
    """SIGKILL that very process, if it is still there; say whether it was."""
    if process.start_ticks == 0 or not process.is_alive:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    return True


def how_ended(returncode: int) -> tuple[int | None, int | None, str]:
    """Return exit code, signal, and both in words, of a return code as Python's subprocess gives it."""
    if returncode >= 0:
        return returncode, None, f"exit status {returncode}"
    return None, -returncode, f"killed by signal {-returncode}"


def adopted_children(*, but: frozenset[int]) -> set[int]:
    """Return our children that are not in `but`: orphans that we inherited as subreaper."""
    own = os.getpid()
    return {pid for pid, stat in _all().items() if stat.parent == own and stat.state not in "ZX"} - but


def _members(leader: ProcessId, spare: frozenset[int], sessions: set[int]) -> set[int]:
    """Return the live processes of the leader's session and of `sessions`, and all descendants of those.

    The sessions that descendants began for themselves are added to `sessions`, for the next look.
    """
    everything = _all()
    alive = {pid: stat for pid, stat in everything.items() if stat.state not in "ZX"}
    is_same = leader.pid not in everything or everything[leader.pid].start_ticks == leader.start_ticks
    members = {pid for pid, stat in alive.items() if is_same and leader.pid in (pid, stat.session)}
    members |= {pid for pid, stat in alive.items() if stat.session in sessions}
    while True:
        children = {pid for pid, stat in alive.items() if stat.parent in members} - members
        if not children:
            sessions |= {pid for pid in members - spare if alive[pid].session == pid}
            return members - spare - {os.getpid()}
        members |= children


def _all() -> dict[int, _Stat]:
    found = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            stat = _stat(int(entry.name))
            if stat is not None:
                found[int(entry.name)] = stat
    return found


def _stat(pid: int) -> _Stat | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The command's name, in parentheses, may itself hold spaces and parentheses: count from the last one.
    fields = text[text.rindex(")") + 2 :].split()
    return _Stat(state=fields[0], parent=int(fields[1]), session=int(fields[3]), start_ticks=int(fields[19]))
