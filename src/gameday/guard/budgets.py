"""PodDisruptionBudgets as they stand: how many healthy pods may go, and which of the planned changes would take some.

Reads the cluster; judges nothing. The controller's own count is used where it is current, and made smaller where fewer pods are
healthy by now, since a controller lags behind what has just been deleted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gameday.change import PatchObject
from gameday.cluster import Json, ObjectRef, Selection, View
from gameday.cluster.reading import is_ready, pods_of, selector_text, workload_of
from gameday.guard.model import Budget
from gameday.plan import PlannedChange, wanted_by


def budgets_of(changes: Sequence[PlannedChange], view: View) -> tuple[Budget, ...]:
    """Return the budgets that select a pod which these changes would take away."""
    taking = [loser for change in changes for loser in _losers(change)]
    found: list[Budget] = []
    for namespace in sorted({loser.ref.namespace for loser in taking}):
        there = [loser for loser in taking if loser.ref.namespace == namespace]
        for budget in view.list(Selection("policy/v1", "PodDisruptionBudget", namespace)):
            selector = budget["spec"].get("selector")
            if selector is not None and any(matches(selector, loser.labels) for loser in there):
                found.append(_budget(budget, selector, there, view))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Loser:
    """A pod that would go, or a workload some of whose pods would."""

    ref: ObjectRef
    labels: Mapping[str, str]
    is_healthy: bool


def _losers(change: PlannedChange) -> Iterator[_Loser]:
    """Yield what a change takes: the pod, those that go with a node, or a workload with the labels that its template makes."""
    for taken in change.takes:
        yield _Loser(taken.ref, taken.pod["metadata"].get("labels") or {}, is_ready(taken.pod))
    if change.takes or not change.pods_lost or change.before is None:
        return
    if isinstance(change.change, PatchObject):
        template = change.before.get("spec", {}).get("template", {})
        yield _Loser(change.ref, template.get("metadata", {}).get("labels") or {}, is_healthy=True)
    else:
        yield _Loser(change.ref, change.before["metadata"].get("labels") or {}, is_ready(change.before))


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


def _budget(budget: Json, selector: Mapping[str, Any], losers: Sequence[_Loser], view: View) -> Budget:
    metadata = budget["metadata"]
    pods = pods_of(view, metadata["namespace"], selector_text(selector))
    healthy = sum(1 for pod in pods if is_ready(pod))
    status = budget.get("status") or {}
    current = "disruptionsAllowed" in status and status.get("observedGeneration", 0) >= metadata.get("generation", 0)
    if current:
        desired, expected = int(status.get("desiredHealthy", 0)), int(status.get("expectedPods", len(pods)))
        allowed = min(int(status["disruptionsAllowed"]), healthy - desired)
    else:
        expected = sum(_wanted(pods, view))
        desired = _desired(budget["spec"], expected)
        allowed = healthy - desired
    selects = frozenset(loser.ref for loser in losers if loser.is_healthy and matches(selector, loser.labels))
    return Budget(f"{metadata['namespace']}/{metadata['name']}", allowed, healthy, desired, selects, expected)


def _desired(spec: Mapping[str, Any], expected: int) -> int:
    """Return how many pods shall be healthy, as the disruption controller computes it."""
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    if isinstance(least, int):
        return least
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
            yield wanted_by(workload)


def _scaled(value: int | str, total: int) -> int:
    return value if isinstance(value, int) else math.ceil(int(str(value).rstrip("%")) * total / 100)
