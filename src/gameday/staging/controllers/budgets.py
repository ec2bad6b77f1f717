"""Disruption budgets: how many pods there should be, how many are healthy, and how many may go, as Kubernetes counts them.

One calculation for two readers: the controller writes it into the status whenever something changes, and an eviction asks for it
before it takes its share.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gameday.staging.controllers.conditions import with_condition
from gameday.staging.controllers.ownership import parse_time, ready_since
from gameday.staging.errors import NotFound
from gameday.staging.resources import DEPLOYMENTS, POD_DISRUPTION_BUDGETS, PODS, REPLICA_SETS, STATEFUL_SETS, Resource
from gameday.staging.selectors import LabelSelector
from gameday.staging.store import Store, timestamp

Object = dict[str, Any]
_DELETION: Final = timedelta(minutes=2)
"""For how long an evicted pod counts as going although it is still there."""
_SCALED: Final[dict[str, Resource]] = {"ReplicaSet": REPLICA_SETS, "StatefulSet": STATEFUL_SETS, "Deployment": DEPLOYMENTS}


@dataclass(frozen=True, slots=True)
class _Counts:
    expected: int
    desired: int


class _UncountableError(Exception):
    """A pod's owner has no scale, so that nobody knows how many there should be."""


def budgets_of(store: Store, pod: Object) -> Iterator[Object]:
    """Return the budgets that a pod falls under; an empty selector takes every pod, none takes none."""
    for item in store.listed(POD_DISRUPTION_BUDGETS, pod["metadata"]["namespace"]):
        selector = item.body["spec"].get("selector")
        if selector is not None and LabelSelector.of(selector).matches(pod["metadata"].get("labels")):
            yield item.body


def budget_status(store: Store, budget: Object, now: datetime) -> Object:
    """Return what a budget's status should be now."""
    metadata, before = budget["metadata"], budget.get("status") or {}
    selector = budget["spec"].get("selector")
    pods = (
        [item.body for item in store.listed(PODS, metadata["namespace"], LabelSelector.of(selector))]
        if selector is not None
        else []
    )
    disrupted = _still_going(pods, before.get("disruptedPods") or {}, now)
    healthy = sum(ready_since(pod) is not None for pod in pods if not _is_going(pod, disrupted))
    try:
        counts = _wanted(store, budget["spec"], pods)
    except _UncountableError as error:
        status = {**before, "disruptionsAllowed": 0, "observedGeneration": metadata["generation"]}
        return _judged(status, now, failure=str(error))
    allowed = max(healthy - counts.desired, 0) if counts.expected > 0 else 0
    status = {
        "observedGeneration": metadata["generation"],
        "currentHealthy": healthy,
        "desiredHealthy": counts.desired,
        "disruptionsAllowed": allowed,
        "expectedPods": counts.expected,
        "conditions": before.get("conditions") or [],
    } | ({"disruptedPods": disrupted} if disrupted else {})
    return _judged(status, now)


def recheck_seconds(status: Object, now: datetime) -> float | None:
    """Return after how long the first evicted pod that never went counts again; None if there is none."""
    ends = [parse_time(moment) + _DELETION for moment in (status.get("disruptedPods") or {}).values()]
    return max((min(ends) - now).total_seconds(), 0.0) + 1.0 if ends else None


def _judged(status: Object, now: datetime, *, failure: str = "") -> Object:
    """Return the status with the condition that says whether a disruption is allowed."""
    allowed = status.get("disruptionsAllowed", 0) > 0
    said = {
        "type": "DisruptionAllowed",
        "status": "True" if allowed else "False",
        "reason": "SyncFailed" if failure else "SufficientPods" if allowed else "InsufficientPods",
        "message": failure,
        "observedGeneration": status["observedGeneration"],
    }
    return {**status, "conditions": with_condition(status.get("conditions") or [], now, **said)}


def _is_going(pod: Object, disrupted: dict[str, str]) -> bool:
    return "deletionTimestamp" in pod["metadata"] or pod["metadata"]["name"] in disrupted


def _still_going(pods: list[Object], disrupted: dict[str, str], now: datetime) -> dict[str, str]:
    """Return which of the evicted pods are still there, not being deleted, and not for too long."""
    there = {pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]}
    return {name: at for name, at in disrupted.items() if name in there and parse_time(at) + _DELETION > now}


def _wanted(store: Store, spec: Object, pods: list[Object]) -> _Counts:
    if spec.get("maxUnavailable") is not None:
        expected = _scale(store, pods)
        return _Counts(expected, max(expected - _share(spec["maxUnavailable"], expected), 0))
    least = spec.get("minAvailable")
    if least is None:
        return _Counts(0, 0)
    if isinstance(least, str):
        expected = _scale(store, pods)
        return _Counts(expected, _share(least, expected))
    return _Counts(len(pods), least)


def _scale(store: Store, pods: list[Object]) -> int:
    """Return how many pods their owners want together; pods without an owner count for nothing."""
    wanted: dict[str, int] = {}
    for pod in pods:
        owner = _owner(pod)
        if owner is None:
            continue
        uid, replicas = _scale_of(store, owner, pod["metadata"]["namespace"])
        wanted[uid] = replicas
    return sum(wanted.values())


def _scale_of(store: Store, owner: Object, namespace: str) -> tuple[str, int]:
    resource = _SCALED.get(owner["kind"])
    if resource is None:
        group = owner.get("apiVersion", "").rpartition("/")[0]
        raise _UncountableError(f"{owner['kind'].lower()}s.{group} does not implement the scale subresource")
    try:
        found = store.stored(resource, namespace, owner["name"]).body
    except NotFound:
        return str(owner["uid"]), 0
    above = _owner(found)
    if resource is REPLICA_SETS and above is not None and above["kind"] == "Deployment":
        return _scale_of(store, above, namespace)
    return str(found["metadata"]["uid"]), int(found["spec"].get("replicas", 1))


def _owner(obj: Object) -> Object | None:
    return next((item for item in obj["metadata"].get("ownerReferences") or () if item.get("controller")), None)


def _share(amount: int | str, whole: int) -> int:
    if isinstance(amount, str) and amount.endswith("%"):
        return math.ceil(int(amount[:-1]) * whole / 100)
    return int(amount)


def taken(status: Object, pod_name: str) -> Object:
    """Return the status after one more disruption, by the eviction of that pod."""
    now = datetime.now(UTC)
    disrupted = {**(status.get("disruptedPods") or {}), pod_name: timestamp(now)}
    left = {**status, "disruptionsAllowed": status["disruptionsAllowed"] - 1, "disruptedPods": disrupted}
    return _judged(left, now)
