"""DaemonSets: one pod on every node that takes it, replaced node by node when the template changes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, Final

from gameday.staging.controllers.fitting import unfit_because
from gameday.staging.controllers.ownership import (
    available_in_seconds,
    claimed,
    create_pod,
    delete_pod,
    is_active,
    pod_from,
    ready_since,
    write_status,
)
from gameday.staging.controllers.queue import Controller, own_key, owner_key
from gameday.staging.controllers.revisions import HASH_LABEL, current_revision, forget_old_revisions, hash_of
from gameday.staging.errors import NotFound
from gameday.staging.events import Recorder
from gameday.staging.history import Entry
from gameday.staging.resources import DAEMON_SETS, NODES, PODS
from gameday.staging.store import Store

Object = dict[str, Any]
_ALWAYS_TOLERATED: Final = [
    {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"},
    {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"},
    {"key": "node.kubernetes.io/disk-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/memory-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/pid-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"},
]

_EVERYTHING_THAT_EVICTS_NOBODY: Final = {"operator": "Exists", "effect": "NoSchedule"}


class DaemonSets:
    """Keeps a pod of each DaemonSet on each fitting node."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._recorder = Recorder(store, "daemonset-controller")

    def controller(self) -> Controller:
        """Return how this hangs on the store."""
        return Controller(
            "daemonset", {DAEMON_SETS: own_key, PODS: owner_key("DaemonSet"), NODES: self._all_keys}, self.reconcile
        )

    def reconcile(self, key: tuple[str, str]) -> float | None:
        """Bring one DaemonSet's pods to one a node; return when the next one becomes available."""
        try:
            daemon_set = self._store.stored(DAEMON_SETS, *key).body
        except NotFound:
            return None
        if "deletionTimestamp" in daemon_set["metadata"]:
            return None
        pods = [pod for pod in claimed(self._store, PODS, daemon_set) if is_active(pod)]
        wanted, kept = self._fitting_nodes(daemon_set), self._fitting_nodes(daemon_set, _EVERYTHING_THAT_EVICTS_NOBODY)
        current = hash_of(current_revision(self._store, daemon_set))
        by_node: dict[str, list[Object]] = {}
        for pod in pods:
            by_node.setdefault(_node_of(pod), []).append(pod)
        for node in wanted - by_node.keys():
            self._create(daemon_set, node, current)
        for node, here in by_node.items():
            for pod in here if node not in kept else here[1:]:
                delete_pod(self._store, self._recorder, daemon_set, pod)
        self._replace_outdated(daemon_set, by_node, current)
        in_use = {current, *(_hash(pod) for pod in pods)}
        forget_old_revisions(self._store, daemon_set, {f"{key[1]}-{item}" for item in in_use})
        return self._write_status(key, wanted, current)

    def _fitting_nodes(self, daemon_set: Object, *tolerations: Object) -> set[str]:
        template = daemon_set["spec"]["template"]
        tolerated = [*(template["spec"].get("tolerations") or ()), *_ALWAYS_TOLERATED, *tolerations]
        spec = {**template["spec"], "tolerations": tolerated, "topologySpreadConstraints": ()}
        sample = {"metadata": {"namespace": daemon_set["metadata"]["namespace"]}, "spec": spec}
        return {
            node.body["metadata"]["name"]
            for node in self._store.listed(NODES)
            if unfit_because(sample, node.body, [], {}) in {"", "node(s) were not ready"}
        }

    def _create(self, daemon_set: Object, node: str, current: str) -> None:
        pod = pod_from(daemon_set["spec"]["template"], daemon_set, prefix=f"{daemon_set['metadata']['name']}-")
        pod["metadata"]["labels"] = {**pod["metadata"]["labels"], HASH_LABEL: current}
        pod["spec"]["tolerations"] = [*(pod["spec"].get("tolerations") or ()), *_ALWAYS_TOLERATED]
        terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]
        affinity = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
        pod["spec"]["affinity"] = {**(pod["spec"].get("affinity") or {}), "nodeAffinity": affinity}
        create_pod(self._store, self._recorder, daemon_set, pod)

    def _replace_outdated(self, daemon_set: Object, by_node: dict[str, list[Object]], current: str) -> None:
        """Delete one outdated pod at a time, as long as all others are Ready."""
        strategy = daemon_set["spec"].get("updateStrategy") or {}
        pods = [here[0] for here in by_node.values() if here]
        outdated = [pod for pod in pods if _hash(pod) != current]
        if strategy.get("type") == "OnDelete" or not outdated:
            return
        broken = [pod for pod in outdated if ready_since(pod) is None]
        if broken:
            delete_pod(self._store, self._recorder, daemon_set, broken[0])
        elif all(ready_since(pod) is not None for pod in pods):
            delete_pod(self._store, self._recorder, daemon_set, outdated[0])

    def _write_status(self, key: tuple[str, str], wanted: set[str], current: str) -> float | None:
        daemon_set = self._store.stored(DAEMON_SETS, *key).body
        pods = [pod for pod in claimed(self._store, PODS, daemon_set) if is_active(pod)]
        here = [pod for pod in pods if _node_of(pod) in wanted]
        waits = [available_in_seconds(pod, daemon_set["spec"].get("minReadySeconds", 0)) for pod in here]
        available = sum(wait == 0 for wait in waits)
        status: Object = {
            "currentNumberScheduled": len(here),
            "desiredNumberScheduled": len(wanted),
            "numberMisscheduled": len(pods) - len(here),
            "numberReady": sum(wait is not None for wait in waits),
            "observedGeneration": daemon_set["metadata"]["generation"],
            "updatedNumberScheduled": sum(_hash(pod) == current for pod in here),
            "numberAvailable": available,
        }
        if len(wanted) > available:
            status["numberUnavailable"] = len(wanted) - available
        write_status(self._store, DAEMON_SETS, daemon_set, status)
        return min((wait for wait in waits if wait), default=None)

    def _all_keys(self, entry: Entry) -> Iterable[Hashable]:  # noqa: ARG002 - any change of any node counts
        for item in self._store.listed(DAEMON_SETS):
            yield item.body["metadata"]["namespace"], item.body["metadata"]["name"]


def _node_of(pod: Object) -> str:
    """Return the node a pod is on, or is meant for."""
    if pod["spec"].get("nodeName"):
        return str(pod["spec"]["nodeName"])
    try:
        required = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        return str(required["nodeSelectorTerms"][0]["matchFields"][0]["values"][0])
    except (KeyError, IndexError):
        return ""


def _hash(pod: Object) -> str:
    return str((pod["metadata"].get("labels") or {}).get(HASH_LABEL, ""))
