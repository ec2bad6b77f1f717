"""Our processes: naming them so that only they are ended, ending whole trees, and noticing that one is gone.

A pid alone names nothing for long; with its start time it names one process. Trees are ended by session and by parentage:
the guardian is a subreaper, so whatever a worker's activity left behind becomes its child and is found. Linux only.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NamedTuple

_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NAME = 15
_QUIET_LOOKS = 2
_FEWEST_LOOKS = 20
"""However long they take: a machine that stands still is no reason to leave off after the first."""
_STAT_BYTES = 1024
"""Holds the fields of /proc/PID/stat that are read, 22 numbers at most and a name of up to 64 bytes."""


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


class _Stat(NamedTuple):
    """What is read of every process of the host at every look, hence no dataclass: it takes a third of the time to make."""

    state: str
    parent: int
    group: int
    session: int
    start_ticks: int


def process_id(pid: int) -> ProcessId:
    """Name a running process; start_ticks is 0 if it is already gone."""
    stat = _stat(pid)
    return ProcessId(pid, stat.start_ticks if stat else 0)


def boot_id() -> str:
    """Name this start of this machine: processes with the same one share CLOCK_MONOTONIC; empty where that cannot be told."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def become_subreaper() -> None:
    """Have orphans of our descendants become our children, so that none escapes `end_tree`."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def name_process(name: str) -> None:
    """Set what ps shows for this process (15 characters), so that an operator knows who is who."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def freezer() -> Callable[[], None]:
    """Return what stops the main thread for good; call this in that thread, and what it returns in another, before `os._exit`.

    For a process whose children are ended before it ends itself: it must not go on with what comes after them.
    """
    # Chaos Toolkit takes the signals that are meant for users.
    number = signal.SIGRTMIN

    def freeze(*_: object) -> None:
        while True:
            signal.pause()

    signal.signal(number, freeze)
    return lambda: signal.pthread_kill(threading.main_thread().ident or 0, number)


def end_tree(leader: ProcessId, *, spare: frozenset[int] = frozenset(), patience_seconds: float = 2.0) -> int:
    """SIGKILL a session leader, its session and all their descendants; return how many processes were ended.

    Repeats until none is left, because a process that forks while we look leaves a child for the next look, with us for a
    parent but still in a session of the tree. `spare` are pids that stay, whatever their parents. What had left the tree
    before (a daemon) is for `end_orphans`.
    """
    sessions: set[int] = set()
    ended: set[int] = set()
    deadline = time.monotonic() + patience_seconds
    if leader.pid not in spare:
        # It must not go on with what comes after a child that is ended a moment before it.
        _signal(leader, signal.SIGSTOP)
    for looks in count(1):
        everything = _all()
        doomed = _members(leader, everything, sessions) - spare - {os.getpid()}
        _kill(doomed, everything, spare)
        ended |= doomed
        if not doomed or (looks >= _FEWEST_LOOKS and time.monotonic() > deadline):
            break
        time.sleep(0.005)
    return len(ended)


def end_orphans(*, spare: frozenset[int], patience_seconds: float = 2.0) -> None:
    """SIGKILL what came to us as subreaper, with its sessions and descendants, and reap it. `spare` are our own children.

    /proc is not read at one moment, so a daemon that forks fast shows none of its live processes. Those of it that have
    ended stay with us until they are reaped, and name its group: that is ended first, all at once, and they are reaped last.
    """
    sessions: set[int] = set()
    deadline = time.monotonic() + patience_seconds
    quiet = 0
    for looks in count(1):
        everything = _all()
        orphans = _orphans(everything, spare, sessions)
        _kill(orphans, everything, spare)
        for pid in orphans:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        quiet = 0 if orphans else quiet + 1
        if quiet == _QUIET_LOOKS or (looks >= _FEWEST_LOOKS and time.monotonic() > deadline):
            return
        time.sleep(0.005)


def _kill(doomed: set[int], everything: Mapping[int, _Stat], spare: frozenset[int]) -> None:
    """End these processes, and at one stroke whatever is in their groups by now; no group of our own session."""
    kept = {everything[pid].group for pid in spare if pid in everything}
    own_session = os.getsid(0)
    groups = {everything[pid].group for pid in doomed if everything[pid].session != own_session} - kept
    for end, ids in ((os.killpg, groups), (os.kill, doomed)):
        for number in ids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                end(number, signal.SIGKILL)


def children() -> frozenset[int]:
    """Return the pids of this process's children, ended ones that nobody has reaped yet among them."""
    own = os.getpid()
    return frozenset(pid for pid, stat in _all().items() if stat.parent == own)


def end_process(process: ProcessId) -> bool:
    """SIGKILL that very process, if it is still there and ours; say whether it was."""
    return _signal(process, signal.SIGKILL)


def how_ended(returncode: int) -> tuple[int | None, int | None, str]:
    """Return exit code, signal, and both in words, of a return code as Python's subprocess gives it."""
    if returncode >= 0:
        return returncode, None, f"exit status {returncode}"
    return None, -returncode, f"killed by signal {-returncode}"


def _signal(process: ProcessId, number: signal.Signals) -> bool:
    if process.start_ticks == 0 or not process.is_alive:
        return False
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return True


def _orphans(everything: Mapping[int, _Stat], spare: frozenset[int], sessions: set[int]) -> set[int]:
    """Return what we inherited, ended or not, what lives of `sessions`, and their descendants.

    An orphan's session is added to `sessions`: its leader may be long gone, and all that is left in it is of the same daemon.
    """
    own = os.getpid()
    kept = {os.getsid(0)} | {everything[pid].session for pid in spare if pid in everything}
    orphans = {pid for pid, stat in everything.items() if stat.parent == own} - spare
    sessions |= {everything[pid].session for pid in orphans} - kept
    alive = _alive(everything)
    orphans |= {pid for pid, stat in alive.items() if stat.session in sessions}
    return _with_descendants(orphans, alive) - spare - {own}


def _members(leader: ProcessId, everything: Mapping[int, _Stat], sessions: set[int]) -> set[int]:
    """Return the live processes of the leader's session and of `sessions`, and all descendants of those.

    The sessions that descendants began for themselves are added to `sessions`, for the next look.
    """
    alive = _alive(everything)
    is_same = leader.pid not in everything or everything[leader.pid].start_ticks == leader.start_ticks
    members = {pid for pid, stat in alive.items() if is_same and leader.pid in (pid, stat.session)}
    members |= {pid for pid, stat in alive.items() if stat.session in sessions}
    members = _with_descendants(members, alive)
    sessions |= {pid for pid in members if alive[pid].session == pid}
    return members


def _alive(everything: Mapping[int, _Stat]) -> dict[int, _Stat]:
    return {pid: stat for pid, stat in everything.items() if stat.state not in "ZX"}


def _with_descendants(found: set[int], alive: Mapping[int, _Stat]) -> set[int]:
    while True:
        children = {pid for pid, stat in alive.items() if stat.parent in found} - found
        if not children:
            return found
        found = found | children


def _all() -> dict[int, _Stat]:
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208  # a Path a process takes longer
    return {pid: stat for pid in pids if (stat := _stat(pid)) is not None}


def _stat(pid: int) -> _Stat | None:
    """Read what /proc says of a process, in the fewest calls: an abort reads it of every process of the host, several times."""
    try:
        file = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
        try:
            data = os.read(file, _STAT_BYTES)
        finally:
            os.close(file)
    except OSError:
        return None
    # The command's name, in parentheses, may itself hold spaces and parentheses: count from the last one.
    state, parent, group, session, *rest = data[data.rindex(b")") + 2 :].split(None, 20)
    return _Stat(state.decode(), int(parent), int(group), int(session), start_ticks=int(rest[15]))
