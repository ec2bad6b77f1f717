"""Eviction: deleting a pod, unless a disruption budget says that too few would be left."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web

from gameday.staging.api.answers import success
from gameday.staging.api.call import Backend, Call, part
from gameday.staging.api.deleting import delete_one, options_of
from gameday.staging.controllers.budgets import budget_status, budgets_of, taken
from gameday.staging.controllers.ownership import mark_disrupted, ready_since, write_status
from gameday.staging.errors import ApiError, BadRequest, TooManyRequests
from gameday.staging.resources import POD_DISRUPTION_BUDGETS, PODS
from gameday.staging.store import Object, Store

_NOTHING_TO_LOSE = frozenset({"Succeeded", "Failed", "Pending"})


async def evict_pod(backend: Backend, call: Call) -> web.StreamResponse:
    """Answer a POST to pods/eviction: 201, or 429 if a budget does not allow it now."""
    body, target = await call.object(), call.target
    if body.get("kind", "Eviction") != "Eviction":
        raise BadRequest(f"pods/eviction takes an Eviction, not a {body['kind']}")
    if part(body, "metadata").get("name", target.own_name) != target.own_name:
        raise BadRequest("name in URL does not match name in Eviction object")
    pod = backend.store.stored(PODS, target.namespace, target.own_name).body
    options = options_of(call, part(body, "deleteOptions"))
    if _counts(pod):
        _take_share(backend.store, pod, dry_run=options.dry_run)
    if not options.dry_run and pod["metadata"].get("uid") == (options.uid or pod["metadata"]["uid"]):
        mark_disrupted(backend.store, pod, "EvictionByEvictionAPI", "Eviction API: evicting")
    delete_one(backend, call, target.own_name, options)
    return success(PODS, target.own_name, pod["metadata"]["uid"], code=201)


def _counts(pod: Object) -> bool:
    """Say whether evicting a pod can take anything away at all."""
    return (pod.get("status") or {}).get("phase") not in _NOTHING_TO_LOSE and not pod["metadata"].get("deletionTimestamp")


def _take_share(store: Store, pod: Object, *, dry_run: bool) -> None:
    """Take one disruption from the pod's budget; TooManyRequests if it has none left.

    The status is brought up to date first, in the same transaction, so that nobody is told to wait for the controller.
    """
    budgets = list(budgets_of(store, pod))
    if len(budgets) > 1:
        raise ApiError("This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.")
    for budget in budgets:
        status = budget_status(store, budget, datetime.now(UTC))
        if ready_since(pod) is None and _spares_unready(budget["spec"], status):
            continue
        if status["disruptionsAllowed"] <= 0:
            raise _refusal(budget["metadata"]["name"], status)
        if not dry_run:
            left = taken(status, pod["metadata"]["name"])
            write_status(store, POD_DISRUPTION_BUDGETS, store.get(POD_DISRUPTION_BUDGETS, *_key(budget)), left)


def _key(budget: Object) -> tuple[str, str]:
    return budget["metadata"]["namespace"], budget["metadata"]["name"]


def _spares_unready(spec: Object, status: Object) -> bool:
    """Say whether an unready pod may go without taking a share."""
    healthy, desired = status.get("currentHealthy", 0), status.get("desiredHealthy", 0)
    return spec.get("unhealthyPodEvictionPolicy") == "AlwaysAllow" or (healthy >= desired > 0)


def _refusal(name: str, status: Object) -> TooManyRequests:
    healthy, desired = status.get("currentHealthy", 0), status.get("desiredHealthy", 0)
    message = f"The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"
    return TooManyRequests(
        "Cannot evict pod as it would violate the pod's disruption budget.",
        details={"causes": [{"reason": "DisruptionBudget", "message": message}]},
    )
