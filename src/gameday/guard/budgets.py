"""PodDisruptionBudgets as they stand: how many healthy pods may go, and which of the planned changes would take some.

Reads the cluster; judges nothing. The controller's own count is used where it is current, and made smaller where fewer pods are
healthy by now, since a controller lags behind what has just been deleted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gameday.change import PatchObject
from gameday.cluster import Json, Selection, View
from gameday.cluster.reading import is_ready, pods_of, selector_text, workload_of
from gameday.guard.model import Budget
from gameday.plan import PlannedChange


def budgets_of(changes: Sequence[PlannedChange], view: View) -> tuple[Budget, ...]:
    """Return the budgets that select a pod which these changes would take away."""
    taking = [change for change in changes if change.pods_lost and change.before is not None]
    found: list[Budget] = []
    for namespace in sorted({change.ref.namespace for change in taking}):
        there = [change for change in taking if change.ref.namespace == namespace]
        for budget in view.list(Selection("policy/v1", "PodDisruptionBudget", namespace)):
            selector = budget["spec"].get("selector")
            if selector is not None and any(matches(selector, _pod_labels(change)) for change in there):
                found.append(_budget(budget, selector, there, view))
    return tuple(found)


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Say whether a LabelSelector (matchLabels and matchExpressions) selects these labels; an empty one selects all."""
    expressions = selector.get("matchExpressions") or ()
    wanted = (selector.get("matchLabels") or {}).items()
    return all(labels.get(key) == value for key, value in wanted) and all(_meets(item, labels) for item in expressions)


def _meets(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value = labels.get(expression["key"])
    match expression["operator"]:
        case "In":
            return value in (expression.get("values") or ())
        case "NotIn":
            return value not in (expression.get("values") or ())
        case "Exists":
            return value is not None
        case _:
            return value is None


def _pod_labels(change: PlannedChange) -> Mapping[str, str]:
    """Return the labels of the pod, or of those that the workload's template makes."""
    obj = change.before or {}
    if isinstance(change.change, PatchObject):
        obj = obj.get("spec", {}).get("template", {})
    return obj.get("metadata", {}).get("labels") or {}


def _budget(budget: Json, selector: Mapping[str, Any], changes: Sequence[PlannedChange], view: View) -> Budget:
    metadata = budget["metadata"]
    pods = pods_of(view, metadata["namespace"], selector_text(selector))
    healthy = sum(1 for pod in pods if is_ready(pod))
    status = budget.get("status") or {}
    current = "disruptionsAllowed" in status and status.get("observedGeneration", 0) >= metadata.get("generation", 0)
    if current:
        desired = int(status.get("desiredHealthy", 0))
        allowed = min(int(status["disruptionsAllowed"]), healthy - desired)
    else:
        desired = _desired(budget["spec"], pods, view)
        allowed = healthy - desired
    selects = frozenset(change.ref for change in changes if matches(selector, _pod_labels(change)) and _takes_healthy(change))
    return Budget(f"{metadata['namespace']}/{metadata['name']}", allowed, healthy, desired, selects)


def _takes_healthy(change: PlannedChange) -> bool:
    return isinstance(change.change, PatchObject) or (change.before is not None and is_ready(change.before))


def _desired(spec: Mapping[str, Any], pods: Sequence[Json], view: View) -> int:
    """Return how many pods shall be healthy, as the disruption controller computes it."""
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    if isinstance(least, int):
        return least
    expected = sum(_wanted(pods, view))
    if least is not None:
        return _scaled(least, expected)
    return max(0, expected - _scaled(most if most is not None else 0, expected))


def _wanted(pods: Sequence[Json], view: View) -> Iterator[int]:
    """Yield, for each workload that owns some of the pods, how many it wants; a pod of its own counts as one."""
    seen: set[str] = set()
    for pod in pods:
        workload = workload_of(view, pod) or pod
        if workload["metadata"]["uid"] not in seen:
            seen.add(workload["metadata"]["uid"])
            scheduled = workload.get("status", {}).get("desiredNumberScheduled", 1)
            yield int(workload["spec"].get("replicas", scheduled))


def _scaled(value: int | str, total: int) -> int:
    return value if isinstance(value, int) else math.ceil(int(str(value).rstrip("%")) * total / 100)
