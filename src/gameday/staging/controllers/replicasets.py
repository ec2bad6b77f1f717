"""ReplicaSets: as many pods as the spec says, of its template."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Any

from gameday.staging.controllers.ownership import (
    available_in_seconds,
    claimed,
    compact,
    create_pod,
    delete_pod,
    is_active,
    pod_from,
    ready_since,
    write_status,
)
from gameday.staging.controllers.queue import Controller, own_key
from gameday.staging.errors import ApiError, NotFound
from gameday.staging.events import Recorder
from gameday.staging.history import Entry
from gameday.staging.resources import PODS, REPLICA_SETS
from gameday.staging.selectors import LabelSelector
from gameday.staging.store import Store

Object = dict[str, Any]
BURST = 500


class ReplicaSets:
    """Creates, counts and deletes the pods of ReplicaSets."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._recorder = Recorder(store, "replicaset-controller")

    def controller(self) -> Controller:
        """Return how this hangs on the store."""
        return Controller("replicaset", {REPLICA_SETS: own_key, PODS: self._keys_of_pod}, self.reconcile)

    def reconcile(self, key: tuple[str, str]) -> float | None:
        """Bring one ReplicaSet's pods to their number; write what is there into its status."""
        try:
            replica_set = self._store.stored(REPLICA_SETS, *key).body
        except NotFound:
            return None
        pods = [pod for pod in claimed(self._store, PODS, replica_set) if is_active(pod)]
        failure = ""
        if "deletionTimestamp" not in replica_set["metadata"]:
            missing = replica_set["spec"].get("replicas", 1) - len(pods)
            if missing > 0:
                failure = self._create(replica_set, min(missing, BURST))
            elif missing < 0:
                self._delete(replica_set, pods, -missing)
        return self._write_status(key, failure)

    def _create(self, replica_set: Object, count: int) -> str:
        name = replica_set["metadata"]["name"]
        for _ in range(count):
            pod = pod_from(replica_set["spec"]["template"], replica_set, prefix=f"{name}-")
            try:
                create_pod(self._store, self._recorder, replica_set, pod)
            except ApiError as error:
                return str(error)
        return ""

    def _delete(self, replica_set: Object, pods: list[Object], count: int) -> None:
        per_node = Counter(pod["spec"].get("nodeName") for pod in pods)
        pods.sort(key=lambda pod: _staying_power(pod, per_node))
        for pod in pods[:count]:
            delete_pod(self._store, self._recorder, replica_set, pod)

    def _write_status(self, key: tuple[str, str], failure: str) -> float | None:
        """Write the counts; return when the next pod becomes available."""
        replica_set = self._store.stored(REPLICA_SETS, *key).body
        spec = replica_set["spec"]
        pods = [pod for pod in claimed(self._store, PODS, replica_set) if is_active(pod)]
        waits = [available_in_seconds(pod, spec.get("minReadySeconds", 0)) for pod in pods]
        labels = LabelSelector.of_labels(spec["template"]["metadata"].get("labels") or {})
        conditions = (
            [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": failure}] if failure else []
        )
        status = {
            "replicas": len(pods),
            "fullyLabeledReplicas": sum(labels.matches(pod["metadata"].get("labels")) for pod in pods),
            "readyReplicas": sum(wait is not None for wait in waits),
            "availableReplicas": sum(wait == 0 for wait in waits),
            "observedGeneration": replica_set["metadata"]["generation"],
            "conditions": conditions,
        }
        write_status(self._store, REPLICA_SETS, replica_set, compact(status))
        if failure:
            return 1.0
        return min((wait for wait in waits if wait), default=None)

    def _keys_of_pod(self, entry: Entry) -> Iterable[Hashable]:
        """Return the pod's owner, or whoever might adopt it."""
        metadata = entry.stored.body["metadata"]
        bodies = [entry.stored.body, *([entry.previous.body] if entry.previous else [])]
        owned = False
        for body in bodies:
            for reference in body["metadata"].get("ownerReferences") or ():
                if reference.get("controller"):
                    owned = True
                    if reference["kind"] == "ReplicaSet":
                        yield metadata["namespace"], reference["name"]
        if not owned:
            for item in self._store.listed(REPLICA_SETS, metadata["namespace"]):
                if LabelSelector.of(item.body["spec"]["selector"]).matches(metadata.get("labels")):
                    yield metadata["namespace"], item.body["metadata"]["name"]


def _staying_power(pod: Object, per_node: Counter[Any]) -> tuple[Any, ...]:
    """Order pods as Kubernetes deletes them: unassigned, pending, unready, cheap, doubled-up and young ones first."""
    status, annotations = pod.get("status") or {}, pod["metadata"].get("annotations") or {}
    since = ready_since(pod)
    node = pod["spec"].get("nodeName")
    age = [-ord(letter) for letter in pod["metadata"]["creationTimestamp"]]
    return (
        bool(node),
        status.get("phase") == "Running",
        since is not None,
        int(annotations.get("controller.kubernetes.io/pod-deletion-cost", 0)),
        -per_node[node],
        -(since.timestamp() if since else 0),
        -sum(item.get("restartCount", 0) for item in status.get("containerStatuses") or ()),
        age,
    )
