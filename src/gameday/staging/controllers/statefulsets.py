"""StatefulSets: pods that keep their name and their claims, started, stopped and replaced one after the other.

Kubernetes' order: the lowest ordinal that is missing is made once all below it are Ready; too many are stopped from the highest
down; an update replaces from the highest down to the partition. `Parallel` waits for nobody when it starts and stops.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gameday.staging.controllers.ownership import available_in_seconds, claimed, compact, pod_from, ready_since, write_status
from gameday.staging.controllers.queue import Controller, own_key, owner_key
from gameday.staging.controllers.revisions import (
    HASH_LABEL,
    current_revision,
    forget_old_revisions,
    revisions_of,
    template_of,
)
from gameday.staging.errors import AlreadyExists, ApiError, NotFound
from gameday.staging.events import Recorder
from gameday.staging.history import copy_object
from gameday.staging.resources import PERSISTENT_VOLUME_CLAIMS, PODS, STATEFUL_SETS
from gameday.staging.store import Store

Object = dict[str, Any]
NAME_LABEL: Final = "statefulset.kubernetes.io/pod-name"
INDEX_LABEL: Final = "apps.kubernetes.io/pod-index"


@dataclass(frozen=True, slots=True)
class _Aim:
    """What a StatefulSet should look like: its ordinals, and the revisions that its pods may be of."""

    stateful_set: Object
    current: Object
    update: Object

    @property
    def spec(self) -> Object:
        spec: Object = self.stateful_set["spec"]
        return spec

    @property
    def ordinals(self) -> range:
        start = int((self.spec.get("ordinals") or {}).get("start", 0))
        return range(start, start + self.spec["replicas"])

    @property
    def updated(self) -> range:
        """Return the ordinals whose pods are to be of the update revision."""
        strategy = self.spec.get("updateStrategy") or {}
        partition = int((strategy.get("rollingUpdate") or {}).get("partition", 0))
        return self.ordinals[min(partition, len(self.ordinals)) :]

    def revision_of(self, ordinal: int) -> Object:
        """Return the revision that a new pod with this ordinal is made of."""
        rolling = (self.spec.get("updateStrategy") or {}).get("type", "RollingUpdate") == "RollingUpdate"
        return self.current if rolling and ordinal not in self.updated else self.update


class StatefulSets:
    """Creates, replaces, counts and deletes the pods of StatefulSets, and creates their claims."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._recorder = Recorder(store, "statefulset-controller")

    def controller(self) -> Controller:
        """Return how this hangs on the store."""
        return Controller("statefulset", {STATEFUL_SETS: own_key, PODS: owner_key("StatefulSet")}, self.reconcile)

    def reconcile(self, key: tuple[str, str]) -> float | None:
        """Take one StatefulSet a step further; return when the next pod becomes available."""
        try:
            stateful_set = self._store.stored(STATEFUL_SETS, *key).body
        except NotFound:
            return None
        if "deletionTimestamp" in stateful_set["metadata"]:
            return None
        update = current_revision(self._store, stateful_set)
        known = {item["metadata"]["name"]: item for item in revisions_of(self._store, stateful_set)}
        current = known.get((stateful_set.get("status") or {}).get("currentRevision", ""), update)
        aim = _Aim(stateful_set, current, update)
        pods = self._pods(stateful_set)
        self._settle(aim, pods)
        in_use = {_revision_name(pod) for pod in pods.values()} | {item["metadata"]["name"] for item in (current, update)}
        forget_old_revisions(self._store, stateful_set, in_use)
        return self._write_status(aim)

    def _pods(self, stateful_set: Object) -> dict[int, Object]:
        """Return a StatefulSet's pods by ordinal."""
        prefix = f"{stateful_set['metadata']['name']}-"

        def ordinal(name: str) -> int | None:
            number = name.removeprefix(prefix)
            return int(number) if name.startswith(prefix) and number.isdecimal() else None

        pods = claimed(self._store, PODS, stateful_set, member=lambda name: ordinal(name) is not None)
        return {number: pod for pod in pods if (number := ordinal(pod["metadata"]["name"])) is not None}

    def _settle(self, aim: _Aim, pods: dict[int, Object]) -> None:
        ordered = aim.spec.get("podManagementPolicy") != "Parallel"
        if not self._start_missing(aim, pods, ordered=ordered) or not self._stop_surplus(aim, pods, ordered=ordered):
            return
        if (aim.spec.get("updateStrategy") or {}).get("type") != "OnDelete":
            self._replace_outdated(aim, pods)

    def _start_missing(self, aim: _Aim, pods: dict[int, Object], *, ordered: bool) -> bool:
        """Make the pods that are missing; return whether there is nothing to wait for."""
        for ordinal in aim.ordinals:
            pod = pods.get(ordinal)
            if pod is None:
                self._create(aim, ordinal)
            elif (pod.get("status") or {}).get("phase") in {"Failed", "Succeeded"}:
                self._delete(aim, pod)
                return False
            if ordered and not (pod and _is_healthy(pod) and available_in_seconds(pod, aim.spec.get("minReadySeconds", 0)) == 0):
                return False
        return True

    def _stop_surplus(self, aim: _Aim, pods: dict[int, Object], *, ordered: bool) -> bool:
        """Delete the pods that are too many, the highest first; return whether there is nothing to wait for."""
        for ordinal in sorted(pods.keys() - set(aim.ordinals), reverse=True):
            self._delete(aim, pods[ordinal])
            if ordered:
                return False
        return True

    def _replace_outdated(self, aim: _Aim, pods: dict[int, Object]) -> None:
        """Delete the highest pod of another revision, once all above it are Ready; it is made anew when it is gone."""
        for ordinal in reversed(aim.updated):
            pod = pods.get(ordinal)
            if pod is not None and _revision_name(pod) != aim.update["metadata"]["name"]:
                self._delete(aim, pod)
                return
            if pod is None or not _is_healthy(pod):
                return

    def _create(self, aim: _Aim, ordinal: int) -> None:
        owner, revision = aim.stateful_set["metadata"], aim.revision_of(ordinal)
        name = f"{owner['name']}-{ordinal}"
        pod = pod_from(template_of(revision), aim.stateful_set, prefix=f"{owner['name']}-")
        own_labels = {HASH_LABEL: revision["metadata"]["name"], NAME_LABEL: name, INDEX_LABEL: str(ordinal)}
        pod["metadata"] |= {"name": name, "labels": {**pod["metadata"]["labels"], **own_labels}}
        pod["spec"] |= {"hostname": name, "subdomain": aim.spec.get("serviceName", "")}
        try:
            claims = {
                item["metadata"]["name"]: self._claim(aim, item, name) for item in aim.spec.get("volumeClaimTemplates") or ()
            }
            others = [volume for volume in pod["spec"].get("volumes") or () if volume["name"] not in claims]
            mounted = [{"name": volume, "persistentVolumeClaim": {"claimName": claim}} for volume, claim in claims.items()]
            pod["spec"]["volumes"] = [*mounted, *others]
            self._store.create(PODS, pod)
        except ApiError as error:
            text = f"create Pod {name} in StatefulSet {owner['name']} failed error: {error}"
            self._recorder.warning(aim.stateful_set, "FailedCreate", text)
            raise
        text = f"create Pod {name} in StatefulSet {owner['name']} successful"
        self._recorder.normal(aim.stateful_set, "SuccessfulCreate", text)

    def _claim(self, aim: _Aim, template: Object, pod: str) -> str:
        """Make a pod's claim unless it has one from before; return its name."""
        owner = aim.stateful_set["metadata"]
        made, name = copy_object(template), f"{template['metadata']['name']}-{pod}"
        labels = {**(made["metadata"].get("labels") or {}), **(aim.spec["selector"].get("matchLabels") or {})}
        made["metadata"] |= {"name": name, "namespace": owner["namespace"], "labels": labels}
        try:
            self._store.create(PERSISTENT_VOLUME_CLAIMS, made)
        except AlreadyExists:
            return name
        text = f"create Claim {name} Pod {pod} in StatefulSet {owner['name']} success"
        self._recorder.normal(aim.stateful_set, "SuccessfulCreate", text)
        return name

    def _delete(self, aim: _Aim, pod: Object) -> None:
        metadata = pod["metadata"]
        if "deletionTimestamp" not in metadata:
            self._store.delete(PODS, metadata["namespace"], metadata["name"], uid=metadata["uid"])
            text = f"delete Pod {metadata['name']} in StatefulSet {aim.stateful_set['metadata']['name']} successful"
            self._recorder.normal(aim.stateful_set, "SuccessfulDelete", text)

    def _write_status(self, aim: _Aim) -> float | None:
        metadata, wanted = aim.stateful_set["metadata"], aim.spec["replicas"]
        stateful_set = self._store.stored(STATEFUL_SETS, metadata["namespace"], metadata["name"]).body
        pods = list(self._pods(stateful_set).values())
        waits = [available_in_seconds(pod, aim.spec.get("minReadySeconds", 0)) for pod in pods]
        names = [_revision_name(pod) for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        ready, update = sum(wait is not None for wait in waits), aim.update["metadata"]["name"]
        rolling = (aim.spec.get("updateStrategy") or {}).get("type") != "OnDelete"
        complete = rolling and names.count(update) == ready == len(pods) == wanted
        current = update if complete else aim.current["metadata"]["name"]
        status = {
            "observedGeneration": stateful_set["metadata"]["generation"],
            "replicas": len(pods),
            "readyReplicas": ready,
            "currentReplicas": names.count(current),
            "updatedReplicas": names.count(update),
        }
        always = {
            "currentRevision": current,
            "updateRevision": update,
            "collisionCount": 0,
            "availableReplicas": sum(wait == 0 for wait in waits),
        }
        write_status(self._store, STATEFUL_SETS, stateful_set, {**compact(status), **always})
        return min((wait for wait in waits if wait), default=None)


def _is_healthy(pod: Object) -> bool:
    return ready_since(pod) is not None and "deletionTimestamp" not in pod["metadata"]


def _revision_name(pod: Object) -> str:
    return str((pod["metadata"].get("labels") or {}).get(HASH_LABEL, ""))
