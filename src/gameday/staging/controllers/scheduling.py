"""The scheduler: gives each pod without a node the fittest one, or says why there is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from datetime import UTC, datetime
from typing import Any

from gameday.staging.controllers.conditions import with_condition
from gameday.staging.controllers.fitting import crowding, is_alive, unfit_because
from gameday.staging.controllers.ownership import write_status
from gameday.staging.controllers.queue import Controller
from gameday.staging.errors import NotFound
from gameday.staging.events import Recorder
from gameday.staging.history import Entry
from gameday.staging.resources import NODES, PERSISTENT_VOLUME_CLAIMS, PODS
from gameday.staging.store import Store

Object = dict[str, Any]


class Scheduler:
    """Assigns pods to nodes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._recorder = Recorder(store, "default-scheduler")

    def controller(self) -> Controller:
        """Return how this hangs on the store."""
        return Controller(
            "scheduler",
            {PODS: self._keys_of_pod, NODES: self._all_waiting, PERSISTENT_VOLUME_CLAIMS: self._all_waiting},
            self.reconcile,
        )

    def reconcile(self, key: tuple[str, str]) -> float | None:
        """Assign one pod, or say why it fits nowhere."""
        try:
            pod = self._store.get(PODS, *key)
        except NotFound:
            return None
        if not _is_waiting(pod):
            return None
        if missing := self._missing_claim(pod):
            self._refuse(pod, f'persistentvolumeclaim "{missing}" not found')
            return None
        reasons: Counter[str] = Counter()
        fitting = []
        nodes = [item.body for item in self._store.listed(NODES)]
        labels = {node["metadata"]["name"]: node["metadata"].get("labels") or {} for node in nodes}
        placed = [item.body for item in self._store.listed(PODS) if item.body["spec"].get("nodeName") and is_alive(item.body)]
        for node in nodes:
            if reason := unfit_because(pod, node, placed, labels):
                reasons[reason] += 1
            else:
                fitting.append(node)
        if fitting:
            self._bind(pod, min(fitting, key=lambda node: crowding(pod, node, placed, labels)))
        else:
            self._refuse(pod, _why_nowhere(len(nodes), reasons))
        return None

    def _missing_claim(self, pod: Object) -> str:
        """Return the name of a claim that the pod mounts and that is not there."""
        for volume in pod["spec"].get("volumes") or ():
            name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if name and not self._store.listed(
                PERSISTENT_VOLUME_CLAIMS, pod["metadata"]["namespace"], fields=f"metadata.name={name}"
            ):
                return str(name)
        return ""

    def _bind(self, pod: Object, node: Object) -> None:
        metadata, name = pod["metadata"], node["metadata"]["name"]
        pod["spec"]["nodeName"] = name
        bound = self._store.update(PODS, pod)
        self._set_condition(bound, {"status": "True"})
        self._recorder.normal(bound, "Scheduled", f"Successfully assigned {metadata['namespace']}/{metadata['name']} to {name}")

    def _refuse(self, pod: Object, message: str) -> None:
        if self._set_condition(pod, {"status": "False", "reason": "Unschedulable", "message": message}):
            self._recorder.warning(pod, "FailedScheduling", message)

    def _set_condition(self, pod: Object, values: Object) -> bool:
        """Set PodScheduled; return whether that is news."""
        status = pod.get("status") or {}
        conditions = status.get("conditions") or []
        before: Object = next((item for item in conditions if item["type"] == "PodScheduled"), {})
        if all(before.get(key) == value for key, value in values.items()):
            return False
        conditions = with_condition(conditions, datetime.now(UTC), type="PodScheduled", lastProbeTime=None, **values)
        write_status(self._store, PODS, pod, {"phase": "Pending", **status, "conditions": conditions})
        return True

    def _keys_of_pod(self, entry: Entry) -> Iterable[Hashable]:
        """Return the pod; when one goes away, all that wait for room."""
        if entry.type == "DELETED":
            yield from self._waiting()
        elif _is_waiting(entry.stored.body):
            metadata = entry.stored.body["metadata"]
            yield metadata["namespace"], metadata["name"]

    def _all_waiting(self, entry: Entry) -> Iterable[Hashable]:  # noqa: ARG002 - any change of any of them counts
        yield from self._waiting()

    def _waiting(self) -> Iterable[Hashable]:
        for item in self._store.listed(PODS):
            if _is_waiting(item.body):
                yield item.body["metadata"]["namespace"], item.body["metadata"]["name"]


def _why_nowhere(nodes: int, reasons: Counter[str]) -> str:
    details = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    return f"0/{nodes} nodes are available: {details}." if nodes else "no nodes available to schedule pods"


def _is_waiting(pod: Object) -> bool:
    mine = pod["spec"].get("schedulerName", "default-scheduler") == "default-scheduler"
    return mine and not pod["spec"].get("nodeName") and "deletionTimestamp" not in pod["metadata"]
