"""Disruption budgets of a real cluster: whatever takes more pods than they leave over is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gameday.change import Change, DeletePod, EvictPod, PatchObject
from gameday.cluster import ObjectRef
from gameday.guard import Finding, Policy, gather, judge
from gameday.guard.budgets import budgets_of, matches
from gameday.plan import look_at
from tests.conftest import ECHO

pytestmark = pytest.mark.e2e
SELECTED = {"matchLabels": {"app": "web"}}


def judged(scratch: Any, *changes: Change, off: tuple[str, ...] = ()) -> list[Finding]:
    policy = Policy(namespaces=(scratch.name,), caps={"pods": 9}, switched_off=off)
    planned = [look_at(change, scratch.cluster, by="act") for change in changes]
    return list(judge(planned, policy, gather(planned, policy, scratch.cluster)))


def budget(scratch: Any, selector: Any = SELECTED, **spec: Any) -> None:
    """Create a budget, and wait until the cluster has counted its pods."""
    scratch.create("PodDisruptionBudget", "web", "policy/v1", spec={"selector": selector, **spec})
    scratch.eventually(lambda: scratch.get("PodDisruptionBudget", "web", "policy/v1").get("status", {}).get("observedGeneration"))


def scaled(scratch: Any, replicas: int) -> PatchObject:
    return PatchObject(scratch.ref("Deployment", "web", "apps/v1"), {"/spec/replicas": replicas})


def test_as_many_pods_may_go_as_the_budget_leaves_over(scratch: Any) -> None:
    scratch.deployment(replicas=3)
    first, second, _ = (ObjectRef.of(pod) for pod in scratch.ready(number=3))
    budget(scratch, minAvailable=2)
    assert judged(scratch, DeletePod(first)) == []
    for kind in (DeletePod, EvictPod):
        (finding,) = judged(scratch, DeletePod(first), kind(second))
        assert (finding.rule, finding.object) == ("disruption-budget", str(second))
        assert f"{scratch.name}/web wants 2 healthy pods, and of its 3 no more than 1 may go, not 2" in finding.message
    assert judged(scratch, DeletePod(first), DeletePod(second), off=("disruption-budget",)) == []


def test_a_workload_is_not_scaled_below_its_budget(scratch: Any) -> None:
    scratch.deployment(replicas=2)
    scratch.ready(number=2)
    budget(scratch, maxUnavailable="50%")
    assert judged(scratch, scaled(scratch, 1)) == []
    assert [finding.object for finding in judged(scratch, scaled(scratch, 0))] == [str(scratch.ref("Deployment", "web"))]
    assert judged(scratch, scaled(scratch, 4)) == []


def test_a_pod_that_has_just_gone_counts_though_the_status_lags(scratch: Any, tmp_path: Path) -> None:
    barred = tmp_path / "barred"
    script = f"import os, runpy; os.path.exists({str(barred)!r}) and os._exit(1); runpy.run_path({str(ECHO)!r})"
    scratch.deployment(replicas=2, command=["python", "-c", script])
    first, second = (ObjectRef.of(pod) for pod in scratch.ready(number=2))
    barred.touch()  # What comes in place of the first may not become Ready before anybody has looked.
    budget(scratch, maxUnavailable=1)
    assert judged(scratch, DeletePod(second)) == []
    scratch.cluster.delete(first)
    assert [finding.rule for finding in judged(scratch, DeletePod(second))] == ["disruption-budget"]


@pytest.mark.parametrize(
    "selector", [{"matchLabels": {"app": "other"}}, {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}]
)
def test_a_budget_of_other_pods_is_not_asked(selector: Any, scratch: Any) -> None:
    scratch.deployment(replicas=1)
    (pod,) = scratch.ready()
    budget(scratch, selector, minAvailable=1)
    assert judged(scratch, DeletePod(ObjectRef.of(pod))) == []


def test_a_budget_of_another_namespace_is_not_asked(scratch: Any, cluster: Any) -> None:
    scratch.deployment(replicas=1)
    (pod,) = scratch.ready()
    other = f"{scratch.name}-other"
    scratch.cluster_wide.append(ObjectRef("v1", "Namespace", "", other))
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other}})
    metadata = {"name": "web", "namespace": other}
    spec = {"selector": SELECTED, "minAvailable": 1}
    cluster.create({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": spec})
    assert judged(scratch, DeletePod(ObjectRef.of(pod))) == []


class WithoutStatus:
    """The same cluster before its controller has counted: budgets have no status yet."""

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    def list(self, selection: Any) -> Any:
        found = self._cluster.list(selection)
        return (
            [{key: value for key, value in item.items() if key != "status"} for item in found]
            if selection.kind == ("PodDisruptionBudget")
            else found
        )


@pytest.mark.parametrize(
    ("spec", "desired"),
    [({"minAvailable": 2}, 2), ({"minAvailable": "34%"}, 2), ({"maxUnavailable": 1}, 2), ({"maxUnavailable": "34%"}, 1)],
)
def test_without_a_status_it_is_computed_as_the_controller_does(spec: Any, desired: int, scratch: Any) -> None:
    scratch.deployment(replicas=3)
    pod = ObjectRef.of(scratch.ready(number=3)[0])
    budget(scratch, **spec)
    assert scratch.get("PodDisruptionBudget", "web", "policy/v1")["status"]["desiredHealthy"] == desired
    change = look_at(DeletePod(pod), scratch.cluster, by="act")
    (found,) = budgets_of([change], WithoutStatus(scratch.cluster))
    assert (found.desired, found.healthy, found.allowed) == (desired, 3, 3 - desired)
    (counted,) = budgets_of([change], scratch.cluster)
    assert counted == found


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ({}, True),
        ({"matchLabels": {"app": "web", "tier": "front"}}, True),
        ({"matchLabels": {"app": "web", "tier": "back"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "x"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "new", "operator": "NotIn", "values": ["web"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, False),
    ],
)
def test_selectors_match_as_in_kubernetes(*, selector: Any, selected: bool) -> None:
    assert matches(selector, {"app": "web", "tier": "front"}) is selected
