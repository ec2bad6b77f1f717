"""Eviction: deleting a pod, unless a disruption budget says that too few would be left."""

from __future__ import annotations

import math

from aiohttp import web

from gameday.staging.api.answers import success
from gameday.staging.api.call import Backend, Call, part
from gameday.staging.api.deleting import delete_one, options_of
from gameday.staging.errors import ApiError, BadRequest, NotFound, TooManyRequests
from gameday.staging.resources import (
    POD_DISRUPTION_BUDGETS,
    PODS,
    REPLICA_SETS,
    STATEFUL_SETS,
    Resource,
)
from gameday.staging.selectors import LabelSelector
from gameday.staging.store import Object, Store

_ENDED = frozenset({"Succeeded", "Failed"})
_REPLICATED: dict[str, Resource] = {"ReplicaSet": REPLICA_SETS, "StatefulSet": STATEFUL_SETS}


async def evict_pod(backend: Backend, call: Call) -> web.StreamResponse:
    """Answer a POST to pods/eviction: 201, or 429 if a budget does not allow it now."""
    body, target = await call.object(), call.target
    if body.get("kind", "Eviction") != "Eviction":
        raise BadRequest(f"pods/eviction takes an Eviction, not a {body['kind']}")
    pod = backend.store.stored(PODS, target.namespace, target.own_name).body
    if _counts(pod):
        _check_budgets(backend.store, pod)
    options = options_of(call, part(body, "deleteOptions"))
    delete_one(backend, call, target.own_name, options)
    return success(PODS, target.own_name, pod["metadata"]["uid"], code=201)


def _counts(pod: Object) -> bool:
    """Say whether a pod is healthy, so that evicting it takes something away."""
    status = pod.get("status") or {}
    if status.get("phase") in _ENDED or pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = status.get("conditions") or ()
    return any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions)


def _check_budgets(store: Store, pod: Object) -> None:
    namespace, labels = pod["metadata"]["namespace"], pod["metadata"].get("labels")
    budgets = [
        item.body
        for item in store.listed(POD_DISRUPTION_BUDGETS, namespace)
        if item.body["spec"].get("selector") is not None and LabelSelector.of(item.body["spec"]["selector"]).matches(labels)
    ]
    if len(budgets) > 1:
        raise ApiError("This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.")
    if budgets:
        _check_budget(store, budgets[0], namespace)


def _check_budget(store: Store, budget: Object, namespace: str) -> None:
    spec = budget["spec"]
    guarded = [item.body for item in store.listed(PODS, namespace, LabelSelector.of(spec["selector"]))]
    healthy = sum(map(_counts, guarded))
    expected = _expected(store, guarded, namespace)
    if spec.get("maxUnavailable") is not None:
        needed = expected - _share(spec["maxUnavailable"], expected)
    else:
        needed = _share(spec.get("minAvailable", 1), expected)
    if healthy > needed:
        return
    name = budget["metadata"]["name"]
    message = f"The disruption budget {name} needs {max(needed, 0)} healthy pods and has {healthy} currently"
    raise TooManyRequests(
        "Cannot evict pod as it would violate the pod's disruption budget.",
        details={"causes": [{"reason": "DisruptionBudget", "message": message}]},
    )


def _expected(store: Store, pods: list[Object], namespace: str) -> int:
    """Return how many pods there should be: what their owners want, and one for each pod without an owner."""
    wanted: dict[str, int] = {}
    for pod in pods:
        owner = next((ref for ref in pod["metadata"].get("ownerReferences") or () if ref.get("controller")), None)
        resource = _REPLICATED.get(owner["kind"]) if owner else None
        if owner is None or resource is None:
            wanted[pod["metadata"]["uid"]] = 1
            continue
        try:
            spec = store.stored(resource, namespace, owner["name"]).body["spec"]
            wanted[owner["uid"]] = int(spec.get("replicas", 1))
        except NotFound:
            wanted[pod["metadata"]["uid"]] = 1
    return sum(wanted.values())


def _share(amount: int | str, whole: int) -> int:
    if isinstance(amount, str) and amount.endswith("%"):
        return math.ceil(int(amount[:-1]) * whole / 100)
    return int(amount)
