"""How much may be taken away at once: the caps of the plan, and what budgets of others leave over.

What counts is everything that the rounds which are on have done already, together with the changes that are judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gameday.change import EvictPod
from gameday.cluster import ObjectRef
from gameday.guard.model import Budget, Facts, Lost, Policy
from gameday.guard.rules.shape import Found
from gameday.plan import PlannedChange


def cap_pods(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """The rounds that are on take away no more pods than the cap.

    Deleted, evicted, scaled away, lost with a node, and ended by a Deployment that recreates its pods (`strategy: Recreate`) when
    their template is changed, all together; `caps: {pods: 1}` unless the experiment says otherwise.
    """
    cap = policy.caps.get("pods", 1)
    lost = facts.pods_lost_before + sum(change.pods_lost for change in changes)
    taking = [change for change in changes if change.pods_lost]
    if taking and lost > cap:
        yield str(taking[-1].ref), f"the round would take away {lost} pods, more than the cap of {cap} (`caps: {{pods: {cap}}}`)"


def cap_percent(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """The rounds that are on take away no larger a share of one workload's pods than the cap.

    The share is of the pods that the workload wanted before anything was taken away. Without `percent` among the caps, there
    is no such limit.
    """
    percent = policy.caps.get("percent")
    if percent is None:
        return
    for change, workload, lost in _running_losses(changes, facts.run.lost):
        if lost.pods * 100 > percent * lost.wanted:
            told = (
                f"of the {lost.wanted} pods that {workload} wants, {lost.pods} would be taken away, more than the cap of "
                f"{percent} % (`caps: {{percent: {percent}}}`); take fewer, or raise the cap if that is meant"
            )
            yield str(change.ref), told


def cap_objects(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """The rounds that are on patch and create no more objects than the cap.

    Each object counts once, however often it is changed; `caps: {objects: 3}` unless the experiment says otherwise.
    """
    cap = policy.caps.get("objects", 3)
    touched = [change for change in changes if change.kind in ("patch", "create")]
    count = facts.objects_changed_before + len({change.ref for change in touched})
    if touched and count > cap:
        yield (
            str(touched[-1].ref),
            f"the round would change {count} objects, more than the cap of {cap} (`caps: {{objects: {cap}}}`)",
        )


def disruption_budget(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """No change takes more healthy pods than a PodDisruptionBudget leaves over, in whichever way it takes them.

    What is left over is `status.disruptionsAllowed`, or less if fewer pods are healthy by now; without a status, the budget's
    spec says it. A drain asks again while the cluster refuses an eviction, so it is refused only by a budget that never lets a
    pod go.
    """
    del policy
    for budget in facts.budgets:
        taken = 0
        for change in changes:
            if _is_patient(change):
                if change.ref in budget.selects and 0 < budget.expected <= budget.desired:
                    told = f"the PodDisruptionBudget {budget.name} wants all its {budget.expected} pods, so no drain would end"
                    yield str(change.ref), told
                continue
            takes = _taken_of(change, budget)
            taken += takes
            if takes and taken > max(0, budget.allowed):
                told = (
                    f"the PodDisruptionBudget {budget.name} wants {budget.desired} healthy pods, and of its {budget.healthy} "
                    f"no more than {max(0, budget.allowed)} may go, not {taken}; take fewer, wait until more are healthy, or "
                    "let the plan say that it may (`switched_off_rules: [disruption-budget]`)"
                )
                yield str(change.ref), told
                break


def _is_patient(change: PlannedChange) -> bool:
    return isinstance(change.change, EvictPod) and change.change.patience_seconds > 0


def _taken_of(change: PlannedChange, budget: Budget) -> int:
    """Return how many of a budget's healthy pods a change takes."""
    if change.takes:
        return sum(1 for taken in change.takes if taken.ref in budget.selects)
    return change.pods_lost if change.ref in budget.selects else 0


def _running_losses(
    changes: Sequence[PlannedChange], before: Mapping[ObjectRef, Lost]
) -> Iterator[tuple[PlannedChange, ObjectRef, Lost]]:
    """Yield each change that takes pods away, its workload, and all that is then lost of it."""
    lost = dict(before)
    for change in changes:
        for loss in change.losses:
            known = lost.get(loss.workload, Lost(0, loss.wanted))
            lost[loss.workload] = Lost(known.pods + loss.pods, known.wanted)
            yield change, loss.workload, lost[loss.workload]
