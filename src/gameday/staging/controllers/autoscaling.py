"""HorizontalPodAutoscalers: a workload's replicas follow the CPU that its pods use.

Kubernetes' loop in small: every 15 s each pod's CPU since the last look is set against its requests, and the proposal is held
within the limits. Going down waits for the stabilization window (300 s unless the object says otherwise); going up at most
doubles, or goes to four. Only CPU is measured, and the policies of `behavior` are not followed: `caveats` says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from gameday.staging.controllers.autoscaler_status import AutoscalerStatus
from gameday.staging.controllers.ownership import ready_since, write_status
from gameday.staging.controllers.proposals import NoMeasurementError, PodCpu, Target, propose
from gameday.staging.controllers.queue import Controller
from gameday.staging.errors import NotFound
from gameday.staging.events import Recorder
from gameday.staging.history import Entry
from gameday.staging.quantities import parse_quantity
from gameday.staging.resources import DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, PODS, REPLICA_SETS, STATEFUL_SETS, Resource
from gameday.staging.selectors import LabelSelector
from gameday.staging.store import Store

Object = dict[str, Any]
_Target = tuple[Resource, Object]
CpuSeconds = Callable[[str], float | None]
"""How much CPU a pod's processes have used so far, by the pod's uid; None if it does not run."""
PERIOD_SECONDS: Final = 15.0
_DOWN_WINDOW_SECONDS: Final = 300
_TARGETS: Final[dict[tuple[str, str], Resource]] = {
    (row.group, row.kind): row for row in (DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS)
}
_ABOVE: Final = "cpu resource utilization (percentage of request) above target"
_LEAST_SPAN: Final = 0.3
"""The share of a period below which two looks are too close for a rate."""


@dataclass(frozen=True, slots=True)
class _Look:
    at: float
    cpu_seconds: float
    cores: float | None = None
    since: float = 0.0
    """When the span began that `cores` was measured over, by the wall clock."""


@dataclass(slots=True)
class _Memory:
    """What is kept of one autoscaler between looks."""

    looks: dict[str, _Look] = field(default_factory=dict)
    proposals: list[tuple[float, int]] = field(default_factory=list)


class Autoscalers:
    """Scales what autoscalers name."""

    def __init__(self, store: Store, cpu_seconds: CpuSeconds, *, period_seconds: float = PERIOD_SECONDS) -> None:
        self._store = store
        self._cpu_seconds = cpu_seconds
        self._period_seconds = period_seconds
        self._memories: dict[tuple[str, str], _Memory] = {}
        self._recorder = Recorder(store, "horizontal-pod-autoscaler")

    def controller(self) -> Controller:
        """Return how this hangs on the store."""
        return Controller("horizontal-pod-autoscaler", {HORIZONTAL_POD_AUTOSCALERS: _keys}, self.reconcile)

    def reconcile(self, key: tuple[str, str]) -> float | None:
        """Look at one autoscaler's pods, scale if it is time to, and come back after the period."""
        try:
            autoscaler = self._store.get(HORIZONTAL_POD_AUTOSCALERS, *key)
        except NotFound:
            self._memories.pop(key, None)
            return None
        status = AutoscalerStatus(autoscaler)
        self._settle(autoscaler, status, self._memories.setdefault(key, _Memory()))
        write_status(self._store, HORIZONTAL_POD_AUTOSCALERS, autoscaler, status.made())
        return self._period_seconds

    def _settle(self, autoscaler: Object, status: AutoscalerStatus, memory: _Memory) -> None:
        spec, namespace = autoscaler["spec"], autoscaler["metadata"]["namespace"]
        try:
            resource, target = self._target(spec["scaleTargetRef"], namespace)
        except NotFound as error:
            why = f"the HPA controller was unable to get the target's current scale: {error}"
            self._recorder.warning(autoscaler, "FailedGetScale", str(error))
            return status.say("AbleToScale", "False", "FailedGetScale", why)
        current = int(target["spec"].get("replicas", 1))
        status.replicas(current=int((target.get("status") or {}).get("replicas", 0)), desired=current)
        status.say("AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size")
        pods = self._look(target, memory)
        if current == 0:
            why = "scaling is disabled since the replica count of the target is zero"
            return status.say("ScalingActive", "False", "ScalingDisabled", why)
        least, most = int(spec.get("minReplicas", 1)), int(spec["maxReplicas"])
        if not least <= current <= most:
            reason = "above Spec.MaxReplicas" if current > most else "below Spec.MinReplicas"
            desired = most if current > most else least
            return self._scale(autoscaler, status, (resource, target), desired, f"Current number of replicas {reason}")
        try:
            found = max((propose(current, pods, aim) for aim in _aims(spec)), key=lambda item: item.replicas)
        except NoMeasurementError as error:
            why = f"the HPA was unable to compute the replica count: failed to get cpu utilization: {error}"
            self._recorder.warning(autoscaler, "FailedGetResourceMetric", f"failed to get cpu utilization: {error}")
            return status.say("ScalingActive", "False", "FailedGetResourceMetric", why)
        status.measured(found)
        desired = self._held(status, memory, found.replicas, current, spec)
        reason = _ABOVE if desired > current else "All metrics below target"
        return self._scale(autoscaler, status, (resource, target), desired, reason)

    def _target(self, reference: Object, namespace: str) -> _Target:
        group = str(reference.get("apiVersion", "")).rpartition("/")[0]
        resource = _TARGETS.get((group, str(reference.get("kind"))))
        if resource is None:
            raise NotFound(
                f"the embedded cluster scales Deployments, ReplicaSets and StatefulSets, not {group}/{reference.get('kind')}"
            )
        return resource, self._store.get(resource, namespace, str(reference.get("name")))

    def _look(self, target: Object, memory: _Memory) -> list[PodCpu]:
        """Measure the target's pods since the last look, and forget those that are gone."""
        selector = LabelSelector.of(target["spec"]["selector"])
        now, looks, found = time.time(), {}, []
        for item in self._store.listed(PODS, target["metadata"]["namespace"], selector):
            pod = item.body
            if "deletionTimestamp" in pod["metadata"] or (pod.get("status") or {}).get("phase") == "Failed":
                continue
            uid = pod["metadata"]["uid"]
            look = self._look_at(uid, now, memory.looks.get(uid))
            if look is not None:
                looks[uid] = look
            since = ready_since(pod)
            ready = since is not None and (look is None or look.cores is None or since.timestamp() <= look.since + 1)
            found.append(PodCpu(_request(pod), look.cores if look else None, ready))
        memory.looks = looks
        return found

    def _look_at(self, uid: str, now: float, before: _Look | None) -> _Look | None:
        used = self._cpu_seconds(uid)
        if used is None:
            return None
        if before is None or used < before.cpu_seconds:
            return _Look(now, used)
        span = now - before.at
        if span < self._period_seconds * _LEAST_SPAN:
            return before
        return _Look(now, used, (used - before.cpu_seconds) / span, before.at)

    def _held(self, status: AutoscalerStatus, memory: _Memory, proposed: int, current: int, spec: Object) -> int:
        """Hold a proposal within windows, rates and limits."""
        now, behavior = time.monotonic(), spec.get("behavior") or {}
        down, up = behavior.get("scaleDown") or {}, behavior.get("scaleUp") or {}
        window_seconds = float(down.get("stabilizationWindowSeconds", _DOWN_WINDOW_SECONDS))
        memory.proposals = [item for item in memory.proposals if item[0] > now - window_seconds] + [(now, proposed)]
        steady = max(replicas for _, replicas in memory.proposals) if proposed < current else proposed
        if steady != proposed:
            steady = min(steady, current)
            why = "recent recommendations were higher than current one, applying the highest recent recommendation"
            status.say("AbleToScale", "True", "ScaleDownStabilized", why)
        switched_off = (down if steady < current else up).get("selectPolicy") == "Disabled"
        return _limited(status, current if switched_off else steady, current, spec)

    def _scale(self, autoscaler: Object, status: AutoscalerStatus, target: _Target, desired: int, reason: str) -> None:
        resource, workload = target
        if workload["spec"].get("replicas", 1) == desired:
            return
        workload["spec"]["replicas"] = desired
        self._store.update(resource, workload)
        self._recorder.normal(autoscaler, "SuccessfulRescale", f"New size: {desired}; reason: {reason}")
        status.rescaled(desired)


def _keys(entry: Entry) -> Iterable[Hashable]:
    """Return an autoscaler whose spec was written; its own status is no reason to look again."""
    metadata = entry.stored.body["metadata"]
    before = entry.previous.body["metadata"].get("generation") if entry.previous else None
    if before != metadata.get("generation") or entry.type == "DELETED":
        yield metadata["namespace"], metadata["name"]


def _limited(status: AutoscalerStatus, wanted: int, current: int, spec: Object) -> int:
    """Return what is left of a wish within the rate and the limits, and say which of them held it."""
    least, most, fastest = int(spec.get("minReplicas", 1)), int(spec["maxReplicas"]), max(2 * current, 4)
    desired, limits = min(wanted, fastest), "ScalingLimited"
    if desired < least:
        status.say(limits, "True", "TooFewReplicas", "the desired replica count is less than the minimum replica count")
    elif desired > most:
        status.say(limits, "True", "TooManyReplicas", "the desired replica count is more than the maximum replica count")
    elif desired < wanted:
        why = "the desired replica count is increasing faster than the maximum scale rate"
        status.say(limits, "True", "ScaleUpLimit", why)
    else:
        status.say(limits, "False", "DesiredWithinRange", "the desired count is within the acceptable range")
    return min(max(desired, least), most)


def _aims(spec: Object) -> list[Target]:
    """Return what an autoscaler aims at, of what is measured here; NoMeasurementError if that is nothing."""
    aims = []
    for metric in spec.get("metrics") or ():
        source = metric.get("resource") or {}
        if metric.get("type") == "Resource" and source.get("name") == "cpu":
            aim = source.get("target") or {}
            if aim.get("averageUtilization"):
                aims.append(Target(utilization=int(aim["averageUtilization"])))
            elif aim.get("averageValue"):
                aims.append(Target(average_cores=parse_quantity(aim["averageValue"])))
    if not aims:
        raise NoMeasurementError("the embedded cluster measures the resource cpu only")
    return aims


def _request(pod: Object) -> float:
    """Return the CPU that a pod asks for, in cores; 0 if one of its containers asks for none."""
    total = 0.0
    for container in pod["spec"]["containers"]:
        asked = ((container.get("resources") or {}).get("requests") or {}).get("cpu")
        if asked is None:
            return 0.0
        total += parse_quantity(asked)
    return total
