"""Node lifecycle: a node whose lease runs out becomes unknown and tainted, and its pods are evicted in time.

Kubernetes' rules: no renewal for 40 s makes Ready Unknown and adds the taints; a pod goes when its toleration of
`node.kubernetes.io/unreachable` (300 s by default) is over. When no node is Ready, nothing is evicted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from gameday.staging.controllers.fitting import is_ready, tolerates
from gameday.staging.controllers.ownership import mark_disrupted, parse_time, ready_since, write_status
from gameday.staging.controllers.queue import Controller, own_key
from gameday.staging.defaults import NOT_READY
from gameday.staging.errors import NotFound
from gameday.staging.events import Recorder
from gameday.staging.history import Entry
from gameday.staging.resources import LEASES, NODES, PODS
from gameday.staging.store import Store, timestamp

Object = dict[str, Any]
LEASE_NAMESPACE: Final = "kube-node-lease"
GRACE_SECONDS: Final = 40.0
_UNREACHABLE: Final = "node.kubernetes.io/unreachable"
_CORDONED: Final = "node.kubernetes.io/unschedulable"
_BOTH: Final = ("NoSchedule", "NoExecute")
_STOPPED: Final = "NodeStatusUnknown"
_OF_THE_KUBELET: Final = frozenset({"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"})
"""The conditions that say nothing any more once the kubelet is silent; others on a node are somebody else's."""


class NodeLifecycle:
    """Judges nodes by their leases, and evicts by NoExecute taints."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._recorder = Recorder(store, "node-controller")
        self._seen: dict[tuple[str, str, str | None], datetime] = {}

    def controller(self) -> Controller:
        """Return how this hangs on the store."""
        return Controller(
            "node-lifecycle", {NODES: own_key, LEASES: self._keys_of_lease, PODS: self._keys_of_pod}, self.reconcile
        )

    def reconcile(self, key: tuple[str, str]) -> float | None:
        """Look at one node; return when its lease or a toleration will have run out."""
        try:
            node = self._store.get(NODES, None, key[1])
        except NotFound:
            return None
        node = self._mark_cordoned(node)
        if is_ready(node):
            node = self._set_taints(node, NOT_READY, (), present=False)
        left_seconds = self._lease_left_seconds(key[1])
        if left_seconds is None:
            left = self._evict(node)
            return GRACE_SECONDS if left is None or left <= 0 else left
        node = self._mark_unknown(node) if left_seconds <= 0 else self._unmark(node)
        waits = [wait for wait in (left_seconds, self._evict(node)) if wait is not None and wait > 0]
        return min(waits, default=None)

    def _lease_left_seconds(self, name: str) -> float | None:
        try:
            lease = self._store.stored(LEASES, LEASE_NAMESPACE, name).body
        except NotFound:
            return None
        age_seconds = (datetime.now(UTC) - parse_time(lease["spec"].get("renewTime"))).total_seconds()
        return GRACE_SECONDS - age_seconds

    def _mark_unknown(self, node: Object) -> Object:
        text = "Kubelet stopped posting node status."
        unknown = {"status": "Unknown", "reason": _STOPPED, "message": text}
        if is_ready(node):
            self._recorder.normal(node, "NodeNotReady", f"Node {node['metadata']['name']} status is now: NodeNotReady")
            self._mark_pods_unready(node["metadata"]["name"])
        conditions = node["status"].get("conditions") or []
        known = [item["type"] in _OF_THE_KUBELET and item["status"] != "Unknown" for item in conditions]
        self._set_conditions(
            node, [{**item, **unknown} if is_known else item for item, is_known in zip(conditions, known, strict=True)]
        )
        return self._set_taints(node, _UNREACHABLE, _BOTH, present=True)

    def _mark_pods_unready(self, node: str) -> None:
        """Take a lost node's pods out of their Services: nobody knows whether they still answer."""
        for item in self._store.listed(PODS, fields=f"spec.nodeName={node}"):
            if ready_since(item.body) is None:
                continue
            pod = item.copy()
            for condition in pod["status"]["conditions"]:
                if condition["type"] == "Ready":
                    condition |= {"status": "False", "lastTransitionTime": timestamp(datetime.now(UTC))}
            self._recorder.warning(pod, "NodeNotReady", "Node is not ready")
            write_status(
                self._store, PODS, self._store.get(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"]), pod["status"]
            )

    def _unmark(self, node: Object) -> Object:
        made = []
        for item in node["status"].get("conditions") or ():
            value = "True" if item["type"] == "Ready" else "False"
            heard = {"status": value, "reason": "KubeletReady", "message": ""}
            made.append({**item, **heard} if item.get("reason") == _STOPPED else item)
        self._set_conditions(node, made)
        return self._set_taints(node, _UNREACHABLE, _BOTH, present=False)

    def _set_conditions(self, node: Object, conditions: list[Object]) -> None:
        """Write a node's conditions, those that have changed with the time of their change."""
        now, before = timestamp(datetime.now(UTC)), node["status"].get("conditions") or []
        timed = [
            new if new["status"] == old["status"] else {**new, "lastTransitionTime": now}
            for new, old in zip(conditions, before, strict=True)
        ]
        write_status(self._store, NODES, node, {**node["status"], "conditions": timed})

    def _mark_cordoned(self, node: Object) -> Object:
        return self._set_taints(node, _CORDONED, ("NoSchedule",), present=bool(node["spec"].get("unschedulable")))

    def _set_taints(self, node: Object, key: str, effects: Sequence[str], *, present: bool) -> Object:
        current = self._store.get(NODES, None, node["metadata"]["name"])
        taints = current["spec"].get("taints") or []
        if any(item["key"] == key for item in taints) == present:
            return current
        taints = [item for item in taints if item["key"] != key]
        if present:
            now = timestamp(datetime.now(UTC))
            taints += [{"key": key, "effect": effect, "timeAdded": now} for effect in effects]
        current["spec"]["taints"] = taints
        if not taints:
            del current["spec"]["taints"]
        return self._store.update(NODES, current)

    def _evict(self, node: Object) -> float | None:
        """Delete the pods whose toleration of this node's NoExecute taints is over; return when the next one's is."""
        taints = [item for item in node["spec"].get("taints") or () if item["effect"] == "NoExecute"]
        self._forget(node["metadata"]["uid"], taints)
        if not taints or not any(is_ready(item.body) for item in self._store.listed(NODES)):
            return None
        next_seconds: float | None = None
        for item in self._store.listed(PODS, fields=f"spec.nodeName={node['metadata']['name']}"):
            if "deletionTimestamp" in item.body["metadata"]:
                continue
            left = min((_tolerated_seconds(item.body["spec"], taint, self._since(node, taint)) for taint in taints), default=None)
            if left is None or left == float("inf"):
                continue
            if left > 0:
                next_seconds = left if next_seconds is None else min(next_seconds, left)
                continue
            metadata = item.body["metadata"]
            self._recorder.normal(
                item.body, "TaintManagerEviction", f"Marking for deletion Pod {metadata['namespace']}/{metadata['name']}"
            )
            mark_disrupted(self._store, item.body, "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint")
            self._store.delete(PODS, metadata["namespace"], metadata["name"], uid=metadata["uid"])
        return next_seconds

    def _since(self, node: Object, taint: Object) -> datetime:
        """Return when a taint came, or, where nobody noted that, when it was first seen."""
        if taint.get("timeAdded"):
            return parse_time(taint["timeAdded"])
        return self._seen.setdefault((node["metadata"]["uid"], taint["key"], taint.get("value")), datetime.now(UTC))

    def _forget(self, node: str, taints: Sequence[Object]) -> None:
        """Forget when taints came that are gone: one that comes again begins anew."""
        there = {(item["key"], item.get("value")) for item in taints}
        for seen in [seen for seen in self._seen if seen[0] == node and seen[1:] not in there]:
            del self._seen[seen]

    def _keys_of_lease(self, entry: Entry) -> list[tuple[str, str]]:
        metadata = entry.stored.body["metadata"]
        return [("", metadata["name"])] if metadata["namespace"] == LEASE_NAMESPACE else []

    def _keys_of_pod(self, entry: Entry) -> list[tuple[str, str]]:
        """Return the node of a pod that has just been assigned to it."""
        node = entry.stored.body["spec"].get("nodeName")
        before = entry.previous.body["spec"].get("nodeName") if entry.previous else None
        return [("", node)] if node and node != before else []


def _tolerated_seconds(spec: Object, taint: Object, since: datetime) -> float:
    """Return for how much longer a pod bears a taint; infinity for ever, 0 or less for not."""
    if not tolerates(spec, taint):
        return 0.0
    limits = [
        float(item["tolerationSeconds"])
        for item in spec.get("tolerations") or ()
        if item.get("tolerationSeconds") is not None and tolerates({"tolerations": [item]}, taint)
    ]
    if not limits:
        return float("inf")
    return min(limits) - (datetime.now(UTC) - since).total_seconds()
