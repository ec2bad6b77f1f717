"""Carrying out what a record owes. Undo is derived from pre-images; no action has an undo of its own.

Per field: as it was before → done; as the run wrote it → set back; anything else → somebody wrote since, left alone and
reported. A lost pod is undone when its workload has as many Ready pods as before. An object that is gone owes nothing.
A request of a worker that was killed may still be applied later, so an entry that was not seen to be applied is fenced:
its object's resourceVersion is moved, on which every write of ours depends. Undoing twice is undoing once.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from gameday.change import MISSING, get_field, shown
from gameday.cluster import Cluster, Json, ObjectRef
from gameday.cluster.reading import pods_of, ready_pods, selector_text
from gameday.errors import (
    ClusterError,
    ConflictError,
    NotFoundError,
    NotNowError,
    RefusedError,
    ServerError,
    UnreachableError,
)
from gameday.processes import ProcessId, process_id
from gameday.undo.owing import Debt, ref_of
from gameday.undo.patching import patch_of
from gameday.undo.record import UNDOING, UNDONE, Entry, OwedPod
from gameday.undo.remaking import WITH_DATA, is_as_made
from gameday.undo.storing import RUN_LABEL

ATTEMPTS: Final = 8
_FENCE = "/metadata/labels/gameday.dev~1fence"
_HOLD_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Settled:
    """How one entry ended: undone, already, left_alone or residue, and per field what was found and done."""

    entry: Entry
    outcome: str
    detail: str
    fields: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Undoer:
    """Who undoes, and with what: a cluster to write to, a name for others to see, and how long a pod may take."""

    cluster: Cluster
    holder: str
    run_id: str
    pod_deadline_seconds: float = 60.0
    patience_seconds: float = 180.0
    """How long an unreachable or failing server is tried again before what it owes counts as residue."""
    confirmed: frozenset[str] = frozenset()
    """Ids of entries all of whose requests were acknowledged; the others are fenced."""
    concerns: Callable[[Entry], bool] = lambda _: True
    """Which entries it undoes; the others stay owed."""
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def undo_all(debt: Debt, undoer: Undoer, *, settled: Callable[[Settled], None]) -> tuple[Settled, ...]:
    """Undo every entry that is still owed and the undoer's concern, newest first; report each as it is settled.

    Fields are set back before pods are waited for. ConflictError when another undoer holds the record: reload, and let it.
    """
    owed = [entry for entry in debt.entries if not entry.is_settled and entry.rollback is None and undoer.concerns(entry)]
    if not owed:
        return ()
    _take(debt, undoer, owed)
    results: list[Settled] = []
    newest_first = owed[::-1]
    pods_last = [entry for entry in newest_first if not entry.pod] + [entry for entry in newest_first if entry.pod]
    try:
        for entry in pods_last:
            result = settle(undoer, entry)
            results.append(result)
            settled(result)
    finally:
        # What was settled before the server went away stays settled; doing it again would be harmless, but be reported twice.
        debt.update(*(_after(result) for result in results))
    return tuple(results)


def undo_until_settled(debt: Debt, undoer: Undoer, *, settled: Callable[[Settled], None]) -> None:
    """Undo everything, also when another undoer is at the same record (it is let be while its hold lasts), or the server is away.

    Returns when nothing is owed that may still be undone; what is left behind has been reported through `settled`. Raises
    UnreachableError, ServerError or NotNowError when the server stayed away, or too busy, for longer than the undoer's patience.
    """
    give_up = undoer.now() + undoer.patience_seconds
    stale = False
    seen: tuple[str, float] = ("", 0.0)
    while True:
        try:
            if stale:
                debt.reload()
            stale = True
            another = held_by_another(debt.entries, undoer.holder, undoer.cluster.server_time())
            if another != seen[0]:
                seen = (another, undoer.now())
            # By our own clock, too, since the server's may have been set back since that hold was taken.
            if not another or undoer.now() - seen[1] > _HOLD_SECONDS:
                undo_all(debt, undoer, settled=settled)
                return
        except (UnreachableError, ServerError, NotNowError):
            if undoer.now() > give_up:
                raise
        except ConflictError:
            if undoer.now() > give_up:
                raise
            undoer.sleep(0.05)
            continue
        undoer.sleep(0.5)


def held_by_another(entries: Sequence[Entry], holder: str, server_time: float) -> str:
    """Return who is undoing these entries right now, if it is somebody else whose hold has not run out.

    A process of this host that is dead holds nothing, so that its successor need not wait.
    """
    for entry in entries:
        is_another = entry.state == UNDOING and entry.holder != holder and entry.holder_expires > server_time
        if is_another and not _has_died(entry.holder):
            return entry.holder
    return ""


def holder_here(whose: str) -> str:
    """Name this process as an undoer: on whose behalf, and what tells others of this host whether it is still there."""
    own = process_id(os.getpid())
    return f"{whose}@{socket.gethostname()}/{own.pid}/{own.start_ticks}"


def _has_died(holder: str) -> bool:
    match holder.rpartition("@")[2].split("/"):
        case [host, pid, ticks] if host == socket.gethostname() and pid.isdigit() and ticks.isdigit():
            return not ProcessId(int(pid), int(ticks)).is_alive
        case _:
            return False


def _take(debt: Debt, undoer: Undoer, owed: Sequence[Entry]) -> None:
    expires = undoer.cluster.server_time() + _HOLD_SECONDS
    taken = [
        msgspec.structs.replace(entry, state=UNDOING, holder=undoer.holder, holder_expires=expires, outcome="", detail="")
        for entry in owed
    ]
    debt.update(*taken)


def _after(result: Settled) -> Entry:
    return msgspec.structs.replace(result.entry, state=UNDONE, outcome=result.outcome, detail=result.detail)


def settle(undoer: Undoer, entry: Entry) -> Settled:
    """Undo one entry without a look at the record; what is refused for good is residue, a server that is away or busy is not."""
    if entry.is_load:
        return Settled(entry, "already", "the customers were sent by a process of the run's guardian, and are gone with it")
    try:
        if entry.pod is not None:
            return _replace_pod(undoer, entry, entry.pod)
        if entry.remake is not None:
            return _make_again(undoer, entry, entry.remake)
        return _remove_created(undoer, entry) if entry.created else _set_back(undoer, entry)
    except (UnreachableError, ServerError, NotNowError):
        raise
    except RefusedError as error:
        return Settled(entry, "residue", str(error))


# ------------------------------------------------------------------------------------------------ fields


def _set_back(undoer: Undoer, entry: Entry) -> Settled:
    """Set the fields of one object back, retrying while controllers write to it in between."""
    error: ClusterError | None = None
    for attempt in range(ATTEMPTS):
        if attempt:
            undoer.sleep(0.05 * attempt)
        obj = undoer.cluster.get(ref_of(entry.target).anonymous)
        if obj is None:
            return Settled(entry, "already", f"{ref_of(entry.target)} is gone, and with it what was owed")
        fields, operations = _inversion(entry, obj)
        try:
            if operations:
                version = {"op": "test", "path": "/metadata/resourceVersion", "value": obj["metadata"]["resourceVersion"]}
                undoer.cluster.patch(ref_of(entry.target), [version, *operations])
            elif entry.id not in undoer.confirmed:
                _fence(undoer.cluster, obj)
        except ConflictError as conflict:
            error = conflict
            continue
        except NotFoundError:
            continue
        return _told(entry, fields, wrote=bool(operations))
    return Settled(entry, "residue", f"{ref_of(entry.target)} kept changing under {ATTEMPTS} attempts: {error}")


def _inversion(entry: Entry, obj: Json) -> tuple[list[dict[str, Any]], list[Json]]:
    """Return, per field, what was found and what is done about it, and the JSON Patch that does it."""
    same_object = not entry.target.uid or obj["metadata"]["uid"] == entry.target.uid
    fields, back = [], []
    for path, owed in entry.fields.items():
        found = get_field(obj, path)
        if found == owed.before:
            outcome = "already"
        elif same_object and found in owed.wrote:
            outcome = "undone"
            back.append((path, owed.before))
        else:
            outcome = "left_alone"
        fields.append({"path": path, "before": owed.before, "found": found, "outcome": outcome})
    operations, _ = patch_of(obj, back)
    return fields, operations


def _told(entry: Entry, fields: list[dict[str, Any]], *, wrote: bool) -> Settled:
    left = [field for field in fields if field["outcome"] == "left_alone"]
    if left:
        kind = entry.target.kind
        told = "; ".join(f"{item['path']} is {_value(kind, item, 'found')}, was {_value(kind, item, 'before')}" for item in left)
        return Settled(entry, "left_alone", f"somebody else wrote to {ref_of(entry.target)} since: {told}", tuple(fields))
    if wrote:
        return Settled(entry, "undone", f"{ref_of(entry.target)} was set back to what it was", tuple(fields))
    return Settled(entry, "already", "nothing was left to set back", tuple(fields))


def _fence(cluster: Cluster, obj: Json) -> None:
    """Move the object's resourceVersion by a label that comes and goes; a write that changes nothing moves nothing.

    Not by an annotation: Kubernetes copies a Deployment's to its ReplicaSet, and there it would stay.
    """
    ref = ObjectRef.of(obj)
    version = {"op": "test", "path": "/metadata/resourceVersion", "value": obj["metadata"]["resourceVersion"]}
    had_labels = bool(obj["metadata"].get("labels"))
    add = {"op": "add", "path": _FENCE, "value": "1"}
    create = {"op": "add", "path": "/metadata/labels", "value": {}}
    cluster.patch(ref, [version, add] if had_labels else [version, create, add])
    # Never the labels as a whole: somebody else may have added one in between.
    cluster.patch(ref, [{"op": "test", "path": _FENCE, "value": "1"}, {"op": "remove", "path": _FENCE}])


def _value(kind: str, field: Mapping[str, Any], which: str) -> str:
    """Return a field's value in words, as it may stand in a log."""
    return "missing" if field[which] == MISSING else repr(shown(kind, field["path"], field[which]))


# ------------------------------------------------------------------------------------------------ pods and created objects


def _replace_pod(undoer: Undoer, entry: Entry, owed: OwedPod) -> Settled:
    """Wait until the pod's workload has as many Ready pods as before, or as many as it now wants, without the lost one."""
    if entry.id not in undoer.confirmed:
        _fence_pod(undoer, entry)
    deadline = undoer.now() + undoer.pod_deadline_seconds
    workload_ref = ref_of(owed.workload)
    while True:
        workload = undoer.cluster.get(workload_ref)
        if workload is None:
            return Settled(entry, "already", f"{workload_ref} is gone, so its pod has no replacement to wait for")
        wanted = min(owed.ready_before, int(workload["spec"].get("replicas", owed.ready_before)))
        ready = ready_pods(undoer.cluster, workload)
        if len(ready) >= wanted:
            kept = any(pod["metadata"]["uid"] == entry.target.uid for pod in ready)
            detail = f"{workload_ref} has {len(ready)} Ready pod(s), as before" + (" (the pod was not lost)" if kept else "")
            return Settled(entry, "already" if kept else "undone", detail)
        if undoer.now() > deadline:
            waited = f"{undoer.pod_deadline_seconds:g} s"
            return Settled(entry, "residue", f"{workload_ref} has {len(ready)} of {wanted} Ready pods {waited} later")
        undoer.sleep(0.1)


def _fence_pod(undoer: Undoer, entry: Entry) -> None:
    pod = undoer.cluster.get(ref_of(entry.target))
    if pod is not None and "deletionTimestamp" not in pod["metadata"]:
        try:
            _fence(undoer.cluster, pod)
        except (ConflictError, NotFoundError):
            # Somebody else's write moved it, or it went: either way the late request meets another version.
            return


def _remove_created(undoer: Undoer, entry: Entry) -> Settled:
    """Delete what the run created, and look once more for a creation that came late."""
    ref = ref_of(entry.target)
    removed = _delete_ours(undoer, ref)
    if entry.id not in undoer.confirmed:
        undoer.sleep(1.0)
        removed = _delete_ours(undoer, ref) or removed
    if removed is None:
        return Settled(entry, "already", f"{ref} is not there")
    left = _await_pods_gone(undoer, removed)
    if left:
        return Settled(entry, "residue", f"{ref} was removed, but of its pods are still there: {', '.join(left)}")
    return Settled(entry, "undone", f"{ref} was removed")


def _delete_ours(undoer: Undoer, ref: ObjectRef) -> Json | None:
    """Delete the object if it is the run's; return it as it was, or None if there was none of ours."""
    obj = undoer.cluster.get(ref.anonymous)
    if obj is None:
        return None
    labels = obj["metadata"].get("labels") or {}
    if ref.uid != obj["metadata"]["uid"] and labels.get(RUN_LABEL) != undoer.run_id:
        return None
    try:
        undoer.cluster.delete(ObjectRef.of(obj))
    except NotFoundError:
        return None
    return obj


def _make_again(undoer: Undoer, entry: Entry, manifest: Json) -> Settled:
    """Make an object again that is gone; one of its name that has come since is left, and told where it is another."""
    ref = ref_of(entry.target).anonymous
    deadline = undoer.now() + undoer.pod_deadline_seconds
    while True:
        obj = undoer.cluster.get(ref)
        is_going = obj is not None and "deletionTimestamp" in obj["metadata"]
        if obj is not None and not is_going and obj["metadata"]["uid"] == entry.target.uid:
            return _set_back(undoer, entry)
        if obj is not None and not is_going:
            if is_as_made(obj, manifest):
                return Settled(entry, "already", f"{ref} was deleted, and is there again as it was")
            return Settled(entry, "left_alone", f"{ref} was deleted, and somebody else has made another one since")
        try:
            if obj is None:
                undoer.cluster.create(manifest)
                return _made_again(entry, ref)
        except ConflictError:
            # It has come in between, or the old one is not quite gone: the next look tells.
            pass
        if undoer.now() > deadline:
            return Settled(entry, "residue", f"{ref} was deleted and is still being removed, so it could not be made again")
        undoer.sleep(0.1)


def _made_again(entry: Entry, ref: ObjectRef) -> Settled:
    if ref.kind in WITH_DATA:
        return Settled(entry, "residue", f"{ref} was deleted; it was made again, but what was stored in it cannot be")
    return Settled(entry, "undone", f"{ref} was deleted, and was made again as it was before")


def _await_pods_gone(undoer: Undoer, removed: Json) -> list[str]:
    """Wait until the pods of a workload that was removed have ended; return the names of those that do not.

    What was made before it, and is removed after it, they may need until then: a proxy its origin, while it drains.
    """
    template = removed.get("spec", {}).get("template")
    if template is None or "selector" not in removed["spec"]:
        return []
    namespace, labels = removed["metadata"]["namespace"], selector_text(removed["spec"]["selector"])
    grace = float(template["spec"].get("terminationGracePeriodSeconds", 30))
    deadline = undoer.now() + grace + undoer.pod_deadline_seconds
    while True:
        left = [pod["metadata"]["name"] for pod in pods_of(undoer.cluster, namespace, labels)]
        if not left or undoer.now() > deadline:
            return left
        undoer.sleep(0.1)
