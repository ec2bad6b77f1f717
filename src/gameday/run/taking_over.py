"""Carrying on for a guardian that is lost: end what is left of its processes, take the log's lock, undo, and close the log.

Nothing is injected any more and no round goes on. It may be started by several survivors at once; the first does the work.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path

import msgspec

from gameday.cluster import Cluster
from gameday.errors import ClusterError, ExitCode, GamedayError
from gameday.log import AnyEvent, LogWriter, read
from gameday.log.events import LeaseReleased, Noted, ProcessEnded, ProcessStarted, RecoveryStarted, RunEnded, RunStarted
from gameday.processes import ProcessId, boot_id, end_process, end_tree, process_id
from gameday.run.closing import close_open_rounds
from gameday.run.looking import Looks
from gameday.run.spec import RunSpec, load_spec
from gameday.run.undoing import Undoing
from gameday.undo.accounts import account_for
from gameday.undo.lease import Lease
from gameday.undo.owing import Debt, blank_shard
from gameday.undo.storing import FileStore, SecretStore, Stored
from gameday.verdict import exit_code
from gameday.verdict.exits import residue

_LOCK_SECONDS = 180.0
"""How long another successor may take; whoever waits then finds the run over."""


def take_over(directory: Path, lost: ProcessId, reason: str) -> ExitCode:
    """Undo what a run of this folder still owes after its guardian was lost, and end its log; return its exit code.

    `lost` is ended first, since a stopped process keeps its lock and might go on later; of several takers, the first works.
    """
    spec = load_spec(directory)
    end_process(lost)
    log = LogWriter(directory, wait_seconds=_LOCK_SECONDS)
    try:
        events = read(directory)
        over = next((event for event in events if isinstance(event, RunEnded)), None)
        if over is not None and not over.residue:
            return ExitCode(over.exit_code)
        return _carry_on(spec, log, events, _end_processes(events), reason)
    finally:
        log.close()


def unfinished(directory: Path) -> bool:
    """Say whether a run's folder holds a log that nobody has ended yet, or one that ended with something left behind."""
    try:
        events = read(directory)
    except (OSError, GamedayError):
        return False
    over = next((event for event in reversed(events) if isinstance(event, RunEnded)), None)
    return bool(events) and (over is None or bool(over.residue))


def guardian_of(directory: Path) -> ProcessId | None:
    """Return the latest guardian that a log names."""
    started = [event for event in read(directory) if isinstance(event, ProcessStarted) and event.role == "guardian"]
    return ProcessId(started[-1].pid, started[-1].start_ticks) if started else None


def _end_processes(events: Sequence[AnyEvent]) -> list[ProcessStarted]:
    """End the lost guardian's worker, load and the rollback it was at, with all that they started."""
    ended = []
    for event in _may_live_on(events):
        process = ProcessId(event.pid, event.start_ticks)
        was_alive = process.is_alive
        # Also of one that is dead: a shell block of its steps may have outlived it, in its session.
        if end_tree(process) or was_alive:
            ended.append(event)
    return ended


def _may_live_on(events: Sequence[AnyEvent]) -> list[ProcessStarted]:
    """Return a log's processes that may not be over; what a rollback left that is known to have ended is there to stay."""
    found: list[ProcessStarted] = []
    for event in events:
        if isinstance(event, ProcessStarted) and event.role in {"worker", "load", "rollback"}:
            found.append(event)
        elif isinstance(event, ProcessEnded) and event.role == "rollback":
            found = [one for one in found if (one.role, one.pid) != (event.role, event.pid)]
    return found


def _carry_on(
    spec: RunSpec, log: LogWriter, events: Sequence[AnyEvent], ended: Sequence[ProcessStarted], reason: str
) -> ExitCode:
    own = process_id(os.getpid())
    holder = f"{spec.run_id}@{socket.gethostname()}/{own.pid}"
    log.write(ProcessStarted(role="guardian", pid=own.pid, start_ticks=own.start_ticks, boot=boot_id()))
    log.write(RecoveryStarted(holder=holder, reason=reason), durable=True)
    for event in ended:
        log.write(ProcessEnded(role=event.role, pid=event.pid, reason="ended by its successor"))
    try:
        _undo(spec, log, _cluster_of(spec, events))
    except GamedayError as error:
        log.write(
            RunEnded(exit_code=ExitCode.RESIDUE, summary=f"could not be undone: {error}", residue=[str(error)]), durable=True
        )
        return ExitCode.RESIDUE
    close_open_rounds(log, read(log.path))
    now = read(log.path)
    code = exit_code(now)
    left = list(residue(now))
    summary = "aborted and undone by a new guardian" if not left else "something is left behind; run: gameday recover"
    log.write(RunEnded(exit_code=code, summary=summary, residue=left), durable=True)
    return code


def _cluster_of(spec: RunSpec, events: Sequence[AnyEvent]) -> Cluster | None:
    """Reach the cluster that the run was about; GamedayError if another one answers there now."""
    started = next((event for event in events if isinstance(event, RunStarted)), None)
    if started is None or started.cluster is None:
        return None
    from gameday.kube import connect  # noqa: PLC0415  # only where a cluster is touched

    cluster = connect(kubeconfig=spec.kubeconfig or None, context=spec.context)
    found = cluster.identity()
    if found.uid != started.cluster["uid"]:
        raise ClusterError(
            f"the run was in the cluster {started.cluster['uid']}, but {found.server} is now {found}; nothing was touched there"
        )
    return cluster


def _undo(spec: RunSpec, log: LogWriter, cluster: Cluster | None) -> None:
    store = SecretStore(cluster) if cluster else FileStore(Path(spec.directory))
    stored = [_as_ours(item, Path(spec.directory)) for item in store.read(spec.run_id)]
    uid = cluster.identity().uid if cluster else ""
    debt = Debt(store, cluster, blank_shard(spec.run_id, Path(spec.directory), cluster_uid=uid), stored=stored)
    if cluster is not None:
        # What was on when the guardian was lost has left its look in the run's folder, and is ended by now.
        Looks(cluster, debt, log, Path(spec.directory)).close()
    account = account_for(cluster, debt.entries) if cluster else None
    Undoing(log, debt, cluster, run_id=spec.run_id, desk=None, account=account).undo_now("the run's guardian was lost")
    try:
        debt.clear()
        if cluster is None:
            return
        lease = Lease(cluster, spec.run_id)
        lease.release()
        log.write(LeaseReleased(holder=lease.holder))
    except ClusterError as error:
        log.write(Noted(level="error", text=f"the lease or an undo record is left behind: {error}"))


def _as_ours(item: Stored, directory: Path) -> Stored:
    """Return a shard with us as the guardian that answers for it, as the next write will say."""
    own = process_id(os.getpid())
    shard = msgspec.structs.replace(
        item.shard,
        host=socket.gethostname(),
        guardian_pid=own.pid,
        guardian_start_ticks=own.start_ticks,
        run_directory=str(directory),
    )
    return Stored(item.name, item.version, shard)
