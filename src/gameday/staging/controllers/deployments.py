"""Deployments: one ReplicaSet a template, and a rolling change from one to the next.

How the numbers of a rolling update follow from maxSurge and maxUnavailable stands in `rollout.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from gameday.staging.controllers.ownership import claimed, compact, controller_uid, owner_reference, parse_time, write_status
from gameday.staging.controllers.queue import Controller, own_key, owner_key
from gameday.staging.controllers.revisions import template_hash
from gameday.staging.controllers.rollout import Sizes, plan_rollout, plan_scaling, surge_of, unavailable_of
from gameday.staging.errors import NotFound
from gameday.staging.events import Recorder
from gameday.staging.history import Entry, copy_object
from gameday.staging.resources import DEPLOYMENTS, PODS, REPLICA_SETS
from gameday.staging.store import Store, timestamp

Object = dict[str, Any]
REVISION: Final = "deployment.kubernetes.io/revision"
DESIRED: Final = "deployment.kubernetes.io/desired-replicas"
MAXIMUM: Final = "deployment.kubernetes.io/max-replicas"
HASH_LABEL: Final = "pod-template-hash"
_NOT_COPIED: Final = ("kubectl.kubernetes.io/last-applied-configuration", REVISION, DESIRED, MAXIMUM)


class Deployments:
    """Rolls Deployments out and reports how far they are."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._recorder = Recorder(store, "deployment-controller")

    def controller(self) -> Controller:
        """Return how this hangs on the store."""
        sources = {DEPLOYMENTS: own_key, REPLICA_SETS: owner_key("Deployment"), PODS: self._keys_of_pod}
        return Controller("deployment", sources, self.reconcile)

    def reconcile(self, key: tuple[str, str]) -> float | None:
        """Take one Deployment a step further, as far as its pods allow by now."""
        try:
            deployment = self._store.stored(DEPLOYMENTS, *key).body
        except NotFound:
            return None
        if "deletionTimestamp" in deployment["metadata"]:
            return None
        sets = list(claimed(self._store, REPLICA_SETS, deployment))
        new = self._new_set(deployment, sets)
        old = [item for item in sets if new is None or item["metadata"]["uid"] != new["metadata"]["uid"]]
        self._scale_sets(deployment, new, old)
        self._forget_old_sets(deployment, old)
        return self._write_status(key, new["metadata"]["name"] if new else None)

    def _keys_of_pod(self, entry: Entry) -> Iterator[tuple[str, str]]:
        """Return the Deployment of a pod that is gone: one that recreates waits for the last of its old ones."""
        namespace = entry.stored.body["metadata"]["namespace"]
        uid = controller_uid(entry.stored.body) if entry.type == "DELETED" else None
        for item in self._store.listed(REPLICA_SETS, namespace) if uid else ():
            if item.body["metadata"]["uid"] == uid:
                for reference in item.body["metadata"].get("ownerReferences") or ():
                    yield namespace, reference["name"]

    def _new_set(self, deployment: Object, sets: list[Object]) -> Object | None:
        """Return the ReplicaSet of the current template; create it unless the Deployment is paused."""
        wanted = template_hash(deployment["spec"]["template"])
        found = next((item for item in sets if item["metadata"]["labels"].get(HASH_LABEL) == wanted), None)
        if found is None and deployment["spec"].get("paused"):
            return None
        revision = max((_revision(item) for item in sets if item is not found), default=0) + 1
        if found is None:
            found = self._store.create(REPLICA_SETS, _replica_set(deployment, wanted, revision))
            self._note_progress(deployment, "NewReplicaSetCreated", f'Created new replica set "{found["metadata"]["name"]}"')
        else:
            newer = {REVISION: str(revision)} if _revision(found) < revision else {}
            found = self._told_again(found, _copied(deployment) | newer)
        self._keep_revision(deployment, _revision(found))
        return found

    def _told_again(self, replica_set: Object, annotations: dict[str, str]) -> Object:
        """Give a ReplicaSet what its Deployment's annotations are by now; one that has gone there stays here."""
        before = replica_set["metadata"].get("annotations") or {}
        if before.items() >= annotations.items():
            return replica_set
        changed = copy_object(replica_set)
        changed["metadata"]["annotations"] = before | annotations
        return self._store.update(REPLICA_SETS, changed)

    def _keep_revision(self, deployment: Object, revision: int) -> None:
        metadata = deployment["metadata"]
        if (metadata.get("annotations") or {}).get(REVISION) != str(revision):
            current = self._store.get(DEPLOYMENTS, metadata["namespace"], metadata["name"])
            current["metadata"].setdefault("annotations", {})[REVISION] = str(revision)
            self._store.update(DEPLOYMENTS, current)

    def _scale_sets(self, deployment: Object, new: Object | None, old: list[Object]) -> None:
        spec = deployment["spec"]
        if new is None or spec.get("paused") or self._was_scaled(deployment, [new, *old]):
            self._scale_in_proportion(deployment, new, old)
            return
        if spec.get("strategy", {}).get("type") == "Recreate" and self._old_pods_left(deployment, old):
            for item in old:
                self._scale(deployment, item, 0)
            return
        targets = plan_rollout(
            spec["replicas"],
            _sizes(new),
            [_sizes(item) for item in old],
            max_surge=surge_of(deployment),
            max_unavailable=unavailable_of(deployment),
        )
        for item, replicas in zip([new, *old], targets, strict=True):
            self._scale(deployment, item, replicas)

    def _was_scaled(self, deployment: Object, sets: list[Object]) -> bool:
        """Say whether the Deployment has another number now than when its ReplicaSets were given theirs."""
        wanted = str(deployment["spec"]["replicas"])
        told = [(item["metadata"].get("annotations") or {}).get(DESIRED) for item in sets if item["spec"]["replicas"]]
        return any(number not in {None, wanted} for number in told)

    def _scale_in_proportion(self, deployment: Object, new: Object | None, old: list[Object]) -> None:
        spec = deployment["spec"]
        sets = [*([new] if new else ()), *sorted(old, key=_revision, reverse=True)]
        several = sum(bool(item["spec"]["replicas"]) for item in sets) > 1
        if not sets or (several and spec.get("strategy", {}).get("type") == "Recreate"):
            return
        sizes = plan_scaling(spec["replicas"], [_sizes(item) for item in sets], max_surge=surge_of(deployment))
        for item, replicas in zip(sets, sizes, strict=True):
            self._scale(deployment, item, replicas)

    def _old_pods_left(self, deployment: Object, old: list[Object]) -> bool:
        uids = {item["metadata"]["uid"] for item in old}
        pods = self._store.listed(PODS, deployment["metadata"]["namespace"])
        references = (ref for pod in pods for ref in pod.body["metadata"].get("ownerReferences") or ())
        return any(reference["uid"] in uids for reference in references) or any(item["spec"]["replicas"] for item in old)

    def _scale(self, deployment: Object, replica_set: Object, replicas: int) -> None:
        before = replica_set["spec"]["replicas"]
        desired = str(deployment["spec"]["replicas"])
        maximum = str(deployment["spec"]["replicas"] + surge_of(deployment))
        annotations = replica_set["metadata"].get("annotations") or {}
        if before == replicas and (annotations.get(DESIRED), annotations.get(MAXIMUM)) == (desired, maximum):
            return
        changed = copy_object(replica_set)
        changed["spec"]["replicas"] = replicas
        changed["metadata"]["annotations"] = {**annotations, DESIRED: desired, MAXIMUM: maximum}
        self._store.update(REPLICA_SETS, changed)
        if before != replicas:
            direction = "up" if replicas > before else "down"
            name = replica_set["metadata"]["name"]
            message = f"Scaled {direction} replica set {name} from {before} to {replicas}"
            self._recorder.normal(deployment, "ScalingReplicaSet", message)

    def _forget_old_sets(self, deployment: Object, old: list[Object]) -> None:
        empty = [item for item in old if not item["spec"]["replicas"] and not (item.get("status") or {}).get("replicas")]
        empty.sort(key=_revision)
        for item in empty[: max(0, len(empty) - deployment["spec"].get("revisionHistoryLimit", 10))]:
            metadata = item["metadata"]
            self._store.delete(REPLICA_SETS, metadata["namespace"], metadata["name"], uid=metadata["uid"])

    def _note_progress(self, deployment: Object, reason: str, message: str) -> None:
        metadata = deployment["metadata"]
        current = self._store.get(DEPLOYMENTS, metadata["namespace"], metadata["name"])
        status = current.get("status") or {}
        conditions = {item["type"]: item for item in status.get("conditions") or ()}
        _set_condition(conditions, "Progressing", "True", reason, message)
        write_status(self._store, DEPLOYMENTS, current, {**status, "conditions": list(conditions.values())})

    def _write_status(self, key: tuple[str, str], new_name: str | None) -> float | None:
        """Write counts and conditions; return when the progress deadline has to be looked at."""
        deployment = self._store.get(DEPLOYMENTS, *key)
        sets = list(claimed(self._store, REPLICA_SETS, deployment))
        counts = _counts(deployment, sets, new_name)
        before = deployment.get("status") or {}
        conditions = {item["type"]: dict(item) for item in before.get("conditions") or ()}
        _judge_availability(deployment, counts, conditions)
        _tell_failures(sets, new_name, conditions)
        again_seconds = _judge_progress(deployment, counts, before, conditions, new_name)
        status = {**counts, "observedGeneration": deployment["metadata"]["generation"]}
        ordered = [conditions[name] for name in sorted(conditions)]
        write_status(self._store, DEPLOYMENTS, deployment, {**compact(status), "conditions": ordered})
        return again_seconds


def _counts(deployment: Object, sets: list[Object], new_name: str | None) -> dict[str, int]:
    def total(field: str) -> int:
        return sum((item.get("status") or {}).get(field, 0) for item in sets)

    new = next((item for item in sets if item["metadata"]["name"] == new_name), None)
    available = total("availableReplicas")
    wanted = max(total("replicas"), deployment["spec"]["replicas"])
    return {
        "replicas": total("replicas"),
        "updatedReplicas": ((new or {}).get("status") or {}).get("replicas", 0),
        "readyReplicas": total("readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, wanted - available),
    }


def _judge_availability(deployment: Object, counts: dict[str, int], conditions: dict[str, Object]) -> None:
    if counts["availableReplicas"] >= deployment["spec"]["replicas"] - unavailable_of(deployment):
        text = "Deployment has minimum availability."
        _set_condition(conditions, "Available", "True", "MinimumReplicasAvailable", text)
    else:
        text = "Deployment does not have minimum availability."
        _set_condition(conditions, "Available", "False", "MinimumReplicasUnavailable", text)


def _tell_failures(sets: list[Object], new_name: str | None, conditions: dict[str, Object]) -> None:
    """Say of the newest ReplicaSet, or of any, that its pods cannot be made."""
    failures = [
        (item["metadata"]["name"] != new_name, condition)
        for item in sets
        for condition in (item.get("status") or {}).get("conditions") or ()
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True"
    ]
    if failures:
        _, found = min(failures, key=lambda failure: failure[0])
        _set_condition(conditions, "ReplicaFailure", "True", found["reason"], found["message"])
    else:
        conditions.pop("ReplicaFailure", None)


def _judge_progress(
    deployment: Object,
    counts: dict[str, int],
    before: Object,
    conditions: dict[str, Object],
    new_name: str | None,
) -> float | None:
    reason = (conditions.get("Progressing") or {}).get("reason")
    if new_name is None or deployment["spec"].get("paused"):
        if reason != "ProgressDeadlineExceeded":
            _set_condition(conditions, "Progressing", "Unknown", "DeploymentPaused", "Deployment is paused")
        return None
    if reason == "DeploymentPaused":
        _set_condition(conditions, "Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed")
    replicas = deployment["spec"]["replicas"]
    complete = counts["updatedReplicas"] == counts["replicas"] == counts["availableReplicas"] == replicas
    moved = any(
        counts[name] != before.get(name, 0) for name in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    )
    condition = conditions.get("Progressing")
    if complete:
        text = f'ReplicaSet "{new_name}" has successfully progressed.'
        _set_condition(conditions, "Progressing", "True", "NewReplicaSetAvailable", text)
        return None
    if (
        condition
        and condition["reason"] == "NewReplicaSetAvailable"
        and counts["updatedReplicas"] == counts["replicas"] == replicas
    ):
        return None  # pods of a finished rollout were lost; that is no rollout
    if moved or condition is None:
        text = f'ReplicaSet "{new_name}" is progressing.'
        _set_condition(conditions, "Progressing", "True", "ReplicaSetUpdated", text, refresh=True)
        condition = conditions["Progressing"]
    deadline_seconds = deployment["spec"].get("progressDeadlineSeconds", 600)
    passed_seconds = (datetime.now(UTC) - parse_time(condition.get("lastUpdateTime"))).total_seconds()
    if passed_seconds < deadline_seconds:
        return float(deadline_seconds - passed_seconds + 0.1)
    text = f'ReplicaSet "{new_name}" has timed out progressing.'
    _set_condition(conditions, "Progressing", "False", "ProgressDeadlineExceeded", text)
    return None


def _set_condition(
    conditions: dict[str, Object],
    kind: str,
    value: str,
    reason: str,
    message: str,
    *,
    refresh: bool = False,
) -> None:
    now = timestamp(datetime.now(UTC))
    before = conditions.get(kind)
    if before and not refresh and (before["status"], before["reason"], before.get("message")) == (value, reason, message):
        return
    since = before["lastTransitionTime"] if before and before["status"] == value else now
    conditions[kind] = {
        "type": kind,
        "status": value,
        "lastUpdateTime": now,
        "lastTransitionTime": since,
        "reason": reason,
        "message": message,
    }


def _copied(deployment: Object) -> dict[str, str]:
    """Return the annotations that a ReplicaSet has from its Deployment."""
    annotations: dict[str, str] = deployment["metadata"].get("annotations") or {}
    return {key: value for key, value in annotations.items() if key not in _NOT_COPIED}


def _replica_set(deployment: Object, template_hash: str, revision: int) -> Object:
    spec, metadata = deployment["spec"], deployment["metadata"]
    template = copy_object(spec["template"])
    template["metadata"]["labels"] = {**(template["metadata"].get("labels") or {}), HASH_LABEL: template_hash}
    selector = copy_object(spec["selector"])
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH_LABEL: template_hash}
    return {
        "metadata": {
            "name": f"{metadata['name']}-{template_hash}",
            "namespace": metadata["namespace"],
            "labels": template["metadata"]["labels"],
            "annotations": {**_copied(deployment), REVISION: str(revision)},
            "ownerReferences": [owner_reference(deployment)],
        },
        "spec": {
            "replicas": 0,
            "minReadySeconds": spec.get("minReadySeconds", 0),
            "selector": selector,
            "template": template,
        },
    }


def _revision(replica_set: Object) -> int:
    return int((replica_set["metadata"].get("annotations") or {}).get(REVISION, 0))


def _sizes(replica_set: Object) -> Sizes:
    maximum = int((replica_set["metadata"].get("annotations") or {}).get(MAXIMUM, 0))
    return Sizes(replica_set["spec"]["replicas"], (replica_set.get("status") or {}).get("availableReplicas", 0), maximum)
