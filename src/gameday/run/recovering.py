"""`gameday recover`: undoing what dead runs still owe, from their folders on this machine and from the cluster's records.

A run whose guardian lives is left to it. One of this host whose guardian is dead is undone at once; one of another host
when its record's deadline has passed by the server's clock, since only then is its guardian known not to answer for it.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

from gameday.cluster import Cluster
from gameday.errors import ExitCode, GamedayError, worst
from gameday.log import read
from gameday.log.events import RunEnded, UndoEnded
from gameday.processes import ProcessId
from gameday.run.spec import SPEC_FILE
from gameday.run.taking_over import guardian_of, take_over, unfinished
from gameday.undo.accounts import account_for
from gameday.undo.lease import Lease, hold_of, is_renewed
from gameday.undo.orphans import Recovered, undo_record
from gameday.undo.owing import DEADLINE_SECONDS
from gameday.undo.settling import Undoer, holder_here
from gameday.undo.sightings import CONFIRM_SECONDS, Sightings, deadline_of
from gameday.undo.storing import SecretStore, Stored

_LOOK_SECONDS: Final = 1.0


def recover(
    runs: Path,
    cluster: Cluster | None,
    *,
    told: Callable[[str], None],
    wait: bool = True,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Recovered, ...]:
    """Undo what dead runs owe: those with a folder in `runs`, and those with a record in the cluster.

    `told` hears what is going on. Without `wait`, a record of another host that is not yet due is reported instead of waited for.
    """
    found = list(_from_folders(runs, told))
    done = {item.run_id for item in found}
    if cluster is not None:
        found += _from_records(cluster, done, told, wait=wait, sleep=sleep)
        left = {item.run_id for item in found if item.code is not ExitCode.EXPECTED}
        found += _from_lease(cluster, left, frozenset(_over(runs)), told, wait=wait, sleep=sleep)
    return tuple(found)


def exit_code(found: Sequence[Recovered]) -> ExitCode:
    """Return what recovering came to: 0 when nothing is owed any more."""
    return worst(*(item.code for item in found))


def _from_folders(runs: Path, told: Callable[[str], None]) -> Iterator[Recovered]:
    for directory in sorted(path.parent for path in runs.glob(f"*/{SPEC_FILE}")) if runs.is_dir() else ():
        if not unfinished(directory):
            continue
        guardian = guardian_of(directory)
        if guardian is not None and guardian.is_alive and _answers(directory):
            yield Recovered(directory.name, "on", f"its guardian (pid {guardian.pid}) is at work; it undoes by itself")
            continue
        told(f"{directory.name}: its guardian is gone; undoing")
        code = take_over(directory, guardian or ProcessId(0, 0), "gameday recover")
        yield _of_log(directory, code)


def _over(runs: Path) -> Iterator[str]:
    """Yield the runs of this folder whose logs were brought to their end."""
    for path in runs.glob(f"*/{SPEC_FILE}") if runs.is_dir() else ():
        with contextlib.suppress(OSError, GamedayError):
            if any(isinstance(event, RunEnded) for event in read(path.parent)):
                yield path.parent.name


def _answers(directory: Path) -> bool:
    """Whether a guardian is at work rather than stopped: its log grows, or is held by a process that is not stopped."""
    guardian = guardian_of(directory)
    if guardian is None:
        return False
    try:
        state = Path(f"/proc/{guardian.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "Tt"


def _of_log(directory: Path, code: ExitCode) -> Recovered:
    events = read(directory)
    undone = tuple(
        {"object": event.object, "outcome": event.outcome, "detail": event.detail}
        for event in events
        if isinstance(event, UndoEnded)
    )
    ended = next((event for event in reversed(events) if isinstance(event, RunEnded)), None)
    if code is ExitCode.RESIDUE:
        return Recovered(directory.name, "residue", ended.summary if ended else "its log has no end", undone)
    return Recovered(directory.name, "undone", ended.summary if ended else "", undone)


def _from_records(
    cluster: Cluster, done: set[str], told: Callable[[str], None], *, wait: bool, sleep: Callable[[float], None]
) -> Iterator[Recovered]:
    stored, unread = SecretStore(cluster).survey()
    for item in unread:
        yield Recovered(item.run_id or item.name, "unread", item.reason)
    for run_id in sorted({item.shard.run_id for item in stored} - done - {item.run_id for item in unread}):
        shards: Sequence[Stored] = [item for item in stored if item.shard.run_id == run_id]
        left = 0.0 if _is_known_dead(shards) else deadline_of(shards) - cluster.server_time()
        if left > 0 and not wait:
            yield Recovered(run_id, "owed", _answers_for(shards, left))
            continue
        if left > 0:
            told(f"{run_id}: {_answers_for(shards, left)}; waiting")
        shards = _when_due(cluster, run_id, shards, sleep)
        account = account_for(cluster, [entry for item in shards for entry in item.shard.entries.values()])
        yield undo_record(Undoer(account.cluster, holder_here("recover"), run_id), shards)


def _answers_for(shards: Sequence[Stored], seconds: float) -> str:
    return f"its guardian on {shards[0].shard.host} answers for it for another {min(seconds, DEADLINE_SECONDS):.0f} s"


def _when_due(cluster: Cluster, run_id: str, shards: Sequence[Stored], sleep: Callable[[float], None]) -> Sequence[Stored]:
    """Wait until a record is due, or its guardian has renewed it; return it as it was found due, or at first."""
    slept = 0.0
    sightings = Sightings(now=lambda: slept)
    now = shards
    while now and not _is_known_dead(now) and deadline_of(now) == deadline_of(shards):
        left = sightings.seconds_until_due(run_id, now, cluster.server_time())
        if not left:
            return now
        sleep(min(left, _LOOK_SECONDS))
        slept += min(left, _LOOK_SECONDS)
        now = SecretStore(cluster).read(run_id)
    # Undoing what has been renewed since says that the run is on, and what is gone, that somebody else undid it.
    return now if not now or _is_known_dead(now) else shards


def _from_lease(
    cluster: Cluster,
    left: AbstractSet[str],
    over: AbstractSet[str],
    told: Callable[[str], None],
    *,
    wait: bool,
    sleep: Callable[[float], None],
) -> Iterator[Recovered]:
    """Release the Lease of a run that owes nothing, once nobody can be holding it any more; `left` are said already.

    A run that was killed before its first change has no record, and its Lease still keeps others out. One that was killed
    while it took the Lease may have it later than whoever undid for it could look.
    """
    hold = hold_of(cluster)
    if hold is None or hold.run_id in left:
        return
    if hold.run_id not in over and not hold.is_known_dead:
        if hold.seconds_left and not wait:
            yield Recovered(hold.run_id, "held", f"it owes nothing yet, and holds the cluster: {hold}")
            return
        if hold.seconds_left:
            told(f"{hold.run_id}: it owes nothing yet, and holds the cluster: {hold}; waiting")
        # One that has ended is watched for a moment, since the server's clock may just have been set on.
        if is_renewed(cluster, hold, within_seconds=max(hold.seconds_left, CONFIRM_SECONDS), sleep=sleep):
            yield Recovered(hold.run_id, "on", f"its guardian on {hold.host} is at work; it undoes by itself")
            return
    Lease(cluster, hold.run_id).release()
    yield Recovered(hold.run_id, "undone", "it owed nothing; the Lease that it held is released")


def _is_known_dead(shards: Sequence[Stored]) -> bool:
    """Say whether a record's guardian was of this host, and is not there any more."""
    shard = shards[0].shard
    return shard.host == socket.gethostname() and not ProcessId(shard.guardian_pid, shard.guardian_start_ticks).is_alive
