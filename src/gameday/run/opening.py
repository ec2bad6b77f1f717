"""Opening a run: everything that can be found out without changing anything, and the hold on the cluster last of all.

What is wrong here refuses the run with nothing changed. What comes out is all that a guardian needs to play and to close.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, replace
from pathlib import Path

from gameday import __version__
from gameday.cluster import Cluster, Identity
from gameday.errors import RefusedError
from gameday.guard.accounts import TOKEN, UndoAccount
from gameday.log import LogWriter
from gameday.log.events import GuardJudged, LeaseAcquired, Noted, ProcessStarted, RunStarted
from gameday.processes import boot_id, process_id
from gameday.run.conditions import Conditions
from gameday.run.desk import Desk
from gameday.run.preflight import (
    Programme,
    Traffic,
    check_foreign,
    check_nothing_owed,
    check_plans,
    conditions_of,
    of_spec,
    traffic_of,
)
from gameday.run.spec import RunSpec
from gameday.run.undoing import Undoing
from gameday.undo.lease import Lease
from gameday.undo.owing import Debt, blank_shard
from gameday.undo.storing import FileStore, SecretStore


@dataclass(frozen=True, slots=True)
class Opened:
    """A run that may begin: what is played, with what it is undone, and what it holds."""

    programme: Programme
    traffic: Traffic | None
    undoing: Undoing
    cluster: Cluster | None
    lease: Lease | None

    def renew(self) -> None:
        """Renew the Lease and the record's deadline: the guardian lives. Also the token with which it undoes, in time."""
        if self.cluster is not None and self.lease is not None:
            self.lease.renew()
            self.undoing.debt.renew(self.cluster.server_time())
            self.undoing.renew()

    def give_back(self) -> None:
        """Remove the record of what is settled, and release the Lease."""
        self.undoing.debt.clear()
        if self.lease is not None:
            self.lease.release()

    def asked_to_abort(self) -> str:
        """Return who asks through the Lease for an abort; ConflictError if the Lease is not ours any more."""
        return "" if self.lease is None else self.lease.look()


def open_run(spec: RunSpec, log: LogWriter) -> Opened:
    """Read, plan, have judged, find the customers' door, and take the Lease; a GamedayError refuses the run."""
    own = process_id(os.getpid())
    log.write(ProcessStarted(role="guardian", pid=own.pid, start_ticks=own.start_ticks, boot=boot_id()))
    programme = _as_rehearsed(of_spec(spec), spec)
    check_foreign(programme, spec)
    cluster = _reach(programme, spec)
    identity = cluster.identity() if cluster else None
    conditions, account = None, None
    if cluster is not None:
        check_nothing_owed(cluster, spec)
        conditions = conditions_of(programme, cluster)
        account = _have_judged(programme, cluster, conditions, log)
    traffic = traffic_of(programme, cluster)
    log.write(_started(spec, programme, traffic, identity))
    undoing = _undoing(spec, log, cluster, conditions, account, uid=identity.uid if identity else "")
    return Opened(programme, traffic, undoing, cluster, _held(spec, log, cluster))


def _as_rehearsed(programme: Programme, spec: RunSpec) -> Programme:
    """Return a programme in the order and with the time that a rehearsal has; any other as it is."""
    if spec.people is None:
        return programme
    by_id = {item.id: item for item in programme.rounds}
    if sorted(by_id) != sorted(spec.people.order):
        raise RefusedError(f"{spec.shown_file} was changed while the rehearsal was being started; start it again")
    rounds = tuple(by_id[name] for name in spec.people.order)
    return replace(programme, rounds=rounds, deadline_seconds=spec.people.deadline_seconds)


def _reach(programme: Programme, spec: RunSpec) -> Cluster | None:
    if not programme.touches_cluster:
        return None
    from gameday.kube import connect  # noqa: PLC0415  # half a second; not for experiments that touch no cluster

    return connect(kubeconfig=spec.kubeconfig or None, context=spec.context)


def _have_judged(programme: Programme, cluster: Cluster, conditions: Conditions, log: LogWriter) -> UndoAccount:
    refused = []
    judged = check_plans(programme, cluster, conditions)
    for item, plan, findings in judged.rounds:
        log.write(
            GuardJudged(
                allowed=not findings,
                changes=[change.summary for change in plan.changes],
                findings=[finding.as_dict() for finding in findings],
                round=item.id,
            )
        )
        refused += [str(finding) for finding in findings]
    if refused:
        raise RefusedError("the guard refuses:\n  " + "\n  ".join(dict.fromkeys(refused)))
    approvals = conditions.facts().approvals
    if approvals is not None:
        log.write(Noted(level="info", text=f"approved by {', '.join(approvals.given)}; run by {approvals.runners[0]}"))
    _note_account(judged.undoing, log)
    return judged.undoing


def _note_account(account: UndoAccount, log: LogWriter) -> None:
    """Say who undoes, unless that goes without saying."""
    if account.name:
        log.write(Noted(level="info", text=f"undoes with a token of {account.name}, renewed while the run lasts"))
    elif account.why_own:
        told = f"undoes with the account that injects: {account.why_own}. To keep the two apart, grant it: {TOKEN} (deploy/)"
        log.write(Noted(level="warning", text=told))


def _undoing(
    spec: RunSpec,
    log: LogWriter,
    cluster: Cluster | None,
    conditions: Conditions | None,
    account: UndoAccount | None,
    *,
    uid: str,
) -> Undoing:
    directory = Path(spec.directory)
    store = SecretStore(cluster) if cluster else FileStore(directory)
    debt = Debt(store, cluster, blank_shard(spec.run_id, directory, cluster_uid=uid))
    desk = Desk(cluster, debt, log, conditions, account) if cluster else None
    return Undoing(log, debt, cluster, run_id=spec.run_id, desk=desk, account=account)


def _held(spec: RunSpec, log: LogWriter, cluster: Cluster | None) -> Lease | None:
    if cluster is None:
        return None
    lease = Lease(cluster, spec.run_id)
    lease.acquire()
    log.write(LeaseAcquired(holder=lease.holder))
    return lease


def _started(spec: RunSpec, programme: Programme, traffic: Traffic | None, identity: Identity | None) -> RunStarted:
    return RunStarted(
        run_id=spec.run_id,
        kind=programme.kind,
        title=programme.title,
        source=spec.shown_file,
        source_digest=programme.digest,
        version=__version__,
        host=socket.gethostname(),
        cluster={"uid": identity.uid, "name": identity.name, "server": identity.server} if identity else None,
        namespaces=list(programme.namespaces),
        traffic={"journey": traffic.journey.name, "rate_per_second": traffic.rate_per_second, "url": traffic.url}
        if traffic
        else None,
        switched_off=list(programme.switched_off),
        roles=dict(programme.roles),
        unguarded=spec.unguarded,
    )
