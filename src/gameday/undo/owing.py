"""Capturing what a change will need undone, and writing it down before the worker is told to go.

`Debt` is the guardian's hand on its run's record: it captures the pre-image, puts entries into shards, and keeps the
versions that compare-and-swap needs. `owe` returns the one request that the worker may then make. Nothing here injects.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, assert_never

import msgspec

from gameday.change import (
    MISSING,
    RATE,
    Change,
    ChangeLoad,
    CreateObject,
    DeletePod,
    EvictPod,
    PatchObject,
    anchored,
    get_field,
)
from gameday.cluster import Cluster, Json, ObjectRef
from gameday.cluster.reading import ready_pods, workload_of
from gameday.errors import NoTargetError, NotNowError, RecordError, RefusedError, ServerError, UnreachableError
from gameday.processes import process_id
from gameday.undo.overlapping import owe_change, owe_write
from gameday.undo.patching import patch_of
from gameday.undo.record import OWED, Entry, OwedPod, OwedRollback, Shard, Target, encode, owe_field, refuse_field, with_entries
from gameday.undo.remaking import as_it_was
from gameday.undo.storing import RUN_LABEL, SHARD_BYTES, Store, Stored, shard_name

DEADLINE_SECONDS = 60.0
"""How long a record stays its guardian's after the last renewal; past it, anybody may undo."""


@dataclass(frozen=True, slots=True)
class _Whose:
    """On whose account something is owed: which activity or runbook step, of which round, and whether it only prepares it."""

    by: str
    round_id: str
    prepares: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """The one request that carries out a change, ready to be made: preconditions included."""

    verb: str
    ref: ObjectRef
    body: Any = None
    grace_seconds: int | None = None
    resource_version: str = ""


@dataclass(frozen=True, slots=True)
class Owed:
    """What `owe` wrote down: the entry, the request that may now be made, and each field before and after."""

    entry: Entry
    operation: Operation
    fields: tuple[tuple[str, Any, Any], ...] = ()


class Debt:
    """The record of one run, as its guardian (or whoever took over) writes it; safe to use from several threads."""

    def __init__(self, store: Store, cluster: Cluster | None, blank: Shard, *, stored: Sequence[Stored] = ()) -> None:
        """Take where the record is kept, the cluster it is about, and a shard without entries to begin new ones from."""
        self.store = store
        self._cluster = cluster
        self._blank = blank
        self._stored: dict[str, Stored] = {item.name: item for item in stored}
        self._lock = threading.RLock()
        self._count = sum(len(item.shard.entries) for item in stored)
        self._is_closed = False

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries, in the order in which they were first owed."""
        with self._lock:
            return tuple(entry for item in self._stored.values() for entry in item.shard.entries.values())

    @property
    def is_closed(self) -> bool:
        """Whether nothing may be injected on this debt any more."""
        return self._is_closed

    def close(self) -> None:
        """Owe no change any more: what a worker still asks for after this would be written down behind the last undo.

        Waits for one that is being written down. What was done already may still be owed, and is undone with the rest.
        """
        with self._lock:
            self._is_closed = True

    def owe(self, change: Change, *, by: str, round_id: str, refused_before: bool = False, prepares: bool = False) -> Owed:
        """Capture the pre-image, write down what is owed, and return the request that may now be made.

        `refused_before` says that the request for this same change was made once and certainly did nothing; `prepares`,
        that it is to stand before the baseline and until the verdict.
        NoTargetError, RefusedError or RecordError mean that nothing was written and nothing may be injected.
        """
        with self._lock:
            self._check_open()
            owed = self._captured(change, _Whose(by, round_id, prepares), refused_before=refused_before)
            self._put(owed.entry)
            return owed

    def owe_writes(self, found: Json, writes: Mapping[str, tuple[Any, Any]], *, was: Json, by: str, round_id: str) -> Entry:
        """Write down fields of an object, as it was found, that a step's shell block has changed: path → (before, after).

        `was` is the object before the block.
        """
        with self._lock:
            entry = self._entry_for(ObjectRef.of(found), _Whose(by, round_id))
            for path, (before, after) in writes.items():
                entry = owe_write(entry, path, before=before, value=after, was=was, then=found)
            self._put(entry)
            return entry

    def owe_created(self, ref: ObjectRef, *, by: str, round_id: str) -> Entry:
        """Write down an object that a step's shell block has created."""
        with self._lock:
            entry = msgspec.structs.replace(self._entry_for(ref, _Whose(by, round_id)), created=True)
            self._put(entry)
            return entry

    def owe_deleted(self, obj: Json, *, by: str, round_id: str) -> Entry:
        """Write down an object that a step's shell block has deleted, to be made again as it was before the run's own writes.

        One that this run has created itself is not owed back: then the entry is that of its creation.
        """
        with self._lock:
            ref = ObjectRef.of(obj)
            mine = [entry for entry in self.entries if entry.target == target_of(ref) or is_of_creation(entry, ref)]
            created = next((entry for entry in mine if entry.created), None)
            if created is not None:
                return created
            entry = self._entry_for(ref, _Whose(by, round_id))
            entry = msgspec.structs.replace(entry, remake=as_it_was(obj, [item for item in mine if not item.is_settled]))
            self._put(entry)
            return entry

    def owe_pod(self, pod: Json, *, by: str, round_id: str) -> Entry | None:
        """Write down a pod that a step's shell block has taken away; None for one whose workload is gone too."""
        with self._lock:
            workload = workload_of(self._reached, pod)
            if workload is None or "selector" not in workload.get("spec", {}):
                return None
            wanted = int(workload["spec"].get("replicas", (workload.get("status") or {}).get("desiredNumberScheduled", 1)))
            entry = self._entry_for(ObjectRef.of(pod), _Whose(by, round_id))
            entry = msgspec.structs.replace(entry, pod=OwedPod(target_of(ObjectRef.of(workload)), wanted))
            self._put(entry)
            return entry

    def owe_rollbacks(self, experiment: Path, names: Sequence[str], *, round_id: str) -> None:
        """Write down an experiment's own rollbacks, in their order; only this host can carry them out."""
        with self._lock:
            self._check_open()
            for index, name in enumerate(names):
                self._count += 1
                entry = Entry(
                    id=f"e{self._count}",
                    round=round_id,
                    by=name,
                    target=Target("", "Rollback", "", name, ""),
                    rollback=OwedRollback(str(experiment.absolute()), index, str(Path.cwd())),
                    undoers=socket.gethostname(),
                )
                self._put(entry)

    def update(self, *entries: Entry) -> None:
        """Write entries that have moved on; ConflictError if another undoer was there in between."""
        with self._lock:
            for name, item in list(self._stored.items()):
                mine = [entry for entry in entries if entry.id in item.shard.entries]
                if mine:
                    self._write(name, with_entries(item.shard, *mine))

    def renew(self, server_time: float) -> None:
        """Move the deadline on: the guardian lives."""
        with self._lock:
            for name, item in list(self._stored.items()):
                self._write(name, msgspec.structs.replace(item.shard, deadline=server_time + DEADLINE_SECONDS))

    def reload(self) -> None:
        """Read the record again, after a conflict."""
        with self._lock:
            self._stored = {item.name: item for item in self.store.read(self._blank.run_id)}

    def clear(self) -> None:
        """Remove the shards of which nothing is owed; what is left behind keeps its shard, for `gameday recover`."""
        with self._lock:
            for name, item in list(self._stored.items()):
                if not item.shard.owes:
                    self.store.remove(item)
                    del self._stored[name]

    def _check_open(self) -> None:
        if self._is_closed:
            raise RecordError("what the run owes is being undone for the last time, so nothing more is injected")

    # ------------------------------------------------------------------------------------------------ capturing

    def _captured(self, change: Change, whose: _Whose, *, refused_before: bool) -> Owed:
        match change:
            case PatchObject():
                return self._patch(change, whose, refused_before=refused_before)
            case CreateObject():
                return self._creation(change, whose)
            case DeletePod() | EvictPod():
                return self._pod(change, whose)
            case ChangeLoad():
                return self._load(change, whose)
            case _:
                assert_never(change)

    def _patch(self, change: PatchObject, whose: _Whose, *, refused_before: bool) -> Owed:
        obj = self._present(change.ref)
        entry = self._entry_for(ObjectRef.of(obj), whose)
        version = obj["metadata"]["resourceVersion"]
        anchored_fields = _anchored(obj, change.fields)
        operations, then = patch_of(obj, anchored_fields.items())
        fields = []
        for path, value in anchored_fields.items():
            before = get_field(obj, path)
            if refused_before:
                entry = refuse_field(entry, path, value=value, found=before)
            entry = owe_change(entry, path, before=before, value=value, was=obj, then=then)
            fields.append((path, before, value))
        unchanged = {"op": "test", "path": "/metadata/resourceVersion", "value": version}
        return Owed(entry, Operation("patch", ObjectRef.of(obj), [unchanged, *operations]), tuple(fields))

    def _creation(self, change: CreateObject, whose: _Whose) -> Owed:
        if self._there(change.ref) is not None:
            raise RefusedError(f"expected no {change.ref} yet, but it is there; it is not ours to replace")
        metadata = change.manifest["metadata"]
        labels = {**metadata.get("labels", {}), RUN_LABEL: self._blank.run_id}
        manifest = {**change.manifest, "metadata": {**metadata, "labels": labels}}
        entry = msgspec.structs.replace(self._entry_for(change.ref, whose), created=True)
        return Owed(entry, Operation("create", change.ref, manifest), (("", MISSING, "created"),))

    def _pod(self, change: DeletePod | EvictPod, whose: _Whose) -> Owed:
        pod = self._present(change.ref)
        workload = workload_of(self._reached, pod)
        if workload is None:
            raise RefusedError(f"{change.ref} has no owner that would replace it, so its loss could not be undone; refused")
        ready = sum(1 for item in ready_pods(self._reached, workload))
        entry = self._entry_for(ObjectRef.of(pod), whose)
        entry = msgspec.structs.replace(entry, pod=OwedPod(target_of(ObjectRef.of(workload)), ready))
        verb = "evict" if isinstance(change, EvictPod) else "delete"
        version = pod["metadata"]["resourceVersion"]
        operation = Operation(verb, ObjectRef.of(pod), grace_seconds=change.grace_seconds, resource_version=version)
        return Owed(entry, operation)

    def _load(self, change: ChangeLoad, whose: _Whose) -> Owed:
        """Owe the rate that stands now; the load is this guardian's own process, so nobody else can give it back."""
        before, wanted = change.former_per_second, change.rate_per_second
        if not before or not wanted:
            raise RefusedError("this run sends no customers, so there is no load to change")
        entry = owe_field(self._entry_for(change.ref, whose), RATE, before=before, value=wanted)
        entry = msgspec.structs.replace(entry, undoers=socket.gethostname())
        body = {"rate_per_second": wanted, "over_seconds": change.over_seconds}
        return Owed(entry, Operation("load", change.ref, body), ((RATE, before, wanted),))

    def _present(self, ref: ObjectRef) -> Json:
        obj = self._there(ref)
        if obj is None:
            raise NoTargetError(f"{ref} is not there (any more), or has been replaced")
        return obj

    def _there(self, ref: ObjectRef) -> Json | None:
        return self._reached.get(ref)

    @property
    def _reached(self) -> Cluster:
        if self._cluster is None:
            raise RefusedError("this run was started without a cluster; pass --context to name one")
        return self._cluster

    # ------------------------------------------------------------------------------------------------ shards

    def _entry_for(self, ref: ObjectRef, whose: _Whose) -> Entry:
        """Return the entry of this object, so that a field's first pre-image is kept, or a new one.

        What prepares a round and what its method does to the same object are entries of their own: they end at different times.
        """
        blank = Entry(id="", round=whose.round_id, by=whose.by, target=target_of(ref), prepares=whose.prepares)
        for entry in self.entries:
            if entry.target == blank.target and entry.prepares == blank.prepares:
                # What was settled is not owed any more: whatever is written next has pre-images of its own.
                known = msgspec.structs.replace(blank, id=entry.id) if entry.is_settled else entry
                return msgspec.structs.replace(
                    known, round=whose.round_id, by=whose.by, state=OWED, holder="", outcome="", detail=""
                )
        self._count += 1
        return msgspec.structs.replace(blank, id=f"e{self._count}")

    def _put(self, entry: Entry) -> None:
        """Write an entry before anything is injected; a server that is away is a refusal here."""
        name = self._shard_of(entry)
        shard = self._stored[name].shard if name in self._stored else self._begun()
        try:
            self._write(name, with_entries(shard, entry))
        except (UnreachableError, ServerError, NotNowError) as error:
            raise RecordError(f"what is owed cannot be written down, so nothing is injected: {error}") from error

    def _shard_of(self, entry: Entry) -> str:
        for name, item in self._stored.items():
            if entry.id in item.shard.entries:
                return name
        for name, item in self._stored.items():
            if len(encode(with_entries(item.shard, entry))) < SHARD_BYTES:
                return name
        return shard_name(self._blank.run_id, len(self._stored))

    def _begun(self) -> Shard:
        if self._cluster is None:
            return self._blank
        return msgspec.structs.replace(self._blank, deadline=self._cluster.server_time() + DEADLINE_SECONDS)

    def _write(self, name: str, shard: Shard) -> None:
        version = self._stored[name].version if name in self._stored else ""
        self._stored[name] = self.store.write(name, shard, version=version)


def is_of_creation(entry: Entry, ref: ObjectRef) -> bool:
    """Say whether the entry is of the creation of an object of this name; a creation is owed before its uid is known."""
    return entry.created and ref_of(entry.target).anonymous == ref.anonymous and entry.target.uid in {"", ref.uid}


def _anchored(obj: Json, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are truly set, those of one new entry of a list as that entry."""
    found: dict[str, Any] = {}
    for path, value in fields.items():
        at, whole = anchored(obj, path, value)
        found[at] = {**found[at], **whole} if at in found else whole
    return found


def blank_shard(run_id: str, directory: Path, *, cluster_uid: str) -> Shard:
    """Return a shard without entries that names this process as the guardian that answers for it."""
    own = process_id(os.getpid())
    return Shard(
        run_id=run_id,
        cluster_uid=cluster_uid,
        host=socket.gethostname(),
        guardian_pid=own.pid,
        guardian_start_ticks=own.start_ticks,
        run_directory=str(directory),
        deadline=0.0,
    )


def target_of(ref: ObjectRef) -> Target:
    """Return a reference in the record's form."""
    return Target(ref.api_version, ref.kind, ref.namespace, ref.name, ref.uid)


def ref_of(target: Target) -> ObjectRef:
    """Return a record's target as a reference."""
    return ObjectRef(target.api_version, target.kind, target.namespace, target.name, target.uid)
