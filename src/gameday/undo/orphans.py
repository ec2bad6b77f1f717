"""Undoing a run of which only its record in the cluster is at hand: what `gameday recover` and the reaper have in common.

A record belongs to its guardian until its deadline; whoever wants it after the guardian has renewed it once more is told that
the run is on. Which records there are, and when they are due, is the caller's business (`sightings`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from gameday.cluster import SYSTEM_NAMESPACE, Cluster, ObjectRef
from gameday.errors import ConflictError, ExitCode, GamedayError
from gameday.undo.lease import Lease
from gameday.undo.owing import Debt, blank_shard, ref_of
from gameday.undo.record import OWED, UNDOING, Entry, Shard
from gameday.undo.settling import Settled, Undoer, undo_until_settled
from gameday.undo.sightings import deadline_of
from gameday.undo.storing import SecretStore, Stored


@dataclass(frozen=True, slots=True)
class Recovered:
    """What became of one run, and of each entry of its record.

    The state is undone, residue, on (its guardian lives), owed or held (not yet due), or unread (a newer format, or damaged).
    """

    run_id: str
    state: str
    detail: str
    entries: tuple[dict[str, Any], ...] = ()

    @property
    def code(self) -> ExitCode:
        """The exit code that this outcome alone would mean."""
        return {"undone": ExitCode.EXPECTED, "residue": ExitCode.RESIDUE}.get(self.state, ExitCode.REFUSED)


def undo_record(undoer: Undoer, shards: Sequence[Stored]) -> Recovered:
    """Undo what a record owes that was found due as it is here, release the run's Lease, and remove the record if it is settled.

    Only a guardian moves a deadline: one that has moved since says that the guardian lives, whatever anybody's clock says.
    """
    cluster, run_id = undoer.cluster, undoer.run_id
    results: list[Settled] = []
    try:
        uid = cluster.identity().uid
        for other in {item.shard.cluster_uid for item in shards} - {uid}:
            if not _names_this_cluster(other, cluster):
                return Recovered(run_id, "residue", f"its record is about the cluster {other}, and this is {uid}")
        store = _OrphanStore(cluster, shards)
        debt = Debt(store, cluster, blank_shard(run_id, Path(), cluster_uid=uid), stored=shards)
        undo_until_settled(debt, undoer, settled=results.append)
        # The Lease first: whoever dies in between leaves a record, by which the next one finds the Lease.
        Lease(cluster, run_id).release()
        debt.clear()
    except _GuardianLivesError as error:
        return Recovered(run_id, "on", str(error))
    except _GoneError as error:
        return Recovered(run_id, "undone", str(error), _told(results))
    except GamedayError as error:
        return Recovered(run_id, "residue", str(error), _told(results))
    return _outcome(run_id, [*results, *_rollbacks(debt.entries)])


def let_go(undoer: Undoer) -> None:
    """Give back what this undoer took and has not undone, so that the next one need not wait for its hold to run out."""
    store = SecretStore(undoer.cluster)
    for item in store.read(undoer.run_id):
        taken = [entry for entry in item.shard.entries.values() if (entry.state, entry.holder) == (UNDOING, undoer.holder)]
        if taken:
            freed = {entry.id: msgspec.structs.replace(entry, state=OWED, holder="", holder_expires=0.0) for entry in taken}
            shard = msgspec.structs.replace(item.shard, entries={**item.shard.entries, **freed})
            try:
                store.write(item.name, shard, version=item.version)
            except ConflictError:
                # Somebody else is at it already.
                continue


class _GuardianLivesError(GamedayError):
    """The record was renewed: its guardian was only slow."""


class _GoneError(GamedayError):
    """The record was removed while we waited for it."""


class _OrphanStore:
    """A SecretStore of which only records may be read that no guardian answers for."""

    def __init__(self, cluster: Cluster, due: Sequence[Stored]) -> None:
        self._store = SecretStore(cluster)
        self._check_there(due)
        self._deadline = deadline_of(due)

    def _check_there(self, shards: Sequence[Stored]) -> None:
        if not shards:
            raise _GoneError("somebody else undid what it owed, and removed its record")

    def _check(self, shards: Sequence[Stored]) -> None:
        self._check_there(shards)
        if deadline_of(shards) != self._deadline:
            raise _GuardianLivesError(f"its guardian on {shards[0].shard.host} is at work; it undoes by itself")

    def read(self, run_id: str = "") -> Sequence[Stored]:
        found = self._store.read(run_id)
        self._check(found)
        return found

    def write(self, name: str, shard: Shard, *, version: str) -> Stored:
        return self._store.write(name, shard, version=version)

    def remove(self, stored: Stored) -> None:
        self._store.remove(stored)


def _names_this_cluster(uid: str, cluster: Cluster) -> bool:
    """Say whether that is how an account names this cluster that may not read kube-system: by its CA and our namespace."""
    system = cluster.get(ObjectRef("v1", "Namespace", "", SYSTEM_NAMESPACE))
    return system is not None and uid.startswith("ca:") and uid.endswith(f"/{system['metadata']['uid']}")


def _rollbacks(entries: Sequence[Entry]) -> list[Settled]:
    return [
        Settled(entry, "residue", f"this rollback can only be carried out on {entry.undoers}: gameday recover")
        for entry in entries
        if entry.rollback is not None and not entry.is_settled
    ]


def _outcome(run_id: str, results: Sequence[Settled]) -> Recovered:
    left = [item for item in results if item.outcome in {"residue", "left_alone"}]
    return Recovered(run_id, "residue" if left else "undone", "; ".join(item.detail for item in left), _told(results))


def _told(results: Sequence[Settled]) -> tuple[dict[str, Any], ...]:
    return tuple({"object": str(ref_of(item.entry.target)), "outcome": item.outcome, "detail": item.detail} for item in results)
