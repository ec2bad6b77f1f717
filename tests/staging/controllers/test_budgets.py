from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gameday.staging.controllers.budgets import budget_status, budgets_of, recheck_seconds, taken
from gameday.staging.resources import DAEMON_SETS, DEPLOYMENTS, POD_DISRUPTION_BUDGETS, PODS, REPLICA_SETS, Resource
from gameday.staging.store import Store

Object = dict[str, Any]
LABELS = {"app": "a"}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "a", "image": "b"}]}}


def owner_of(obj: Object, api_version: str = "apps/v1") -> list[Object]:
    metadata = obj["metadata"]
    return [
        {"apiVersion": api_version, "kind": obj["kind"], "name": metadata["name"], "uid": metadata["uid"], "controller": True}
    ]


def workload(store: Store, resource: Resource, *, replicas: int = 1, owner: Object | None = None) -> Object:
    metadata = {"name": "a", "ownerReferences": owner_of(owner) if owner else []}
    spec = {"replicas": replicas, "selector": {"matchLabels": LABELS}, "template": TEMPLATE}
    return store.create(resource, {"metadata": metadata, "spec": spec})


def pods(store: Store, owner: Object | None, *, ready: int, unready: int = 0) -> None:
    for number in range(ready + unready):
        metadata = {"name": f"p{number}", "labels": LABELS, "ownerReferences": owner_of(owner) if owner else []}
        pod = store.create(PODS, {"metadata": metadata, "spec": TEMPLATE["spec"]})
        condition = {"type": "Ready", "status": "True" if number < ready else "False"}
        store.update(PODS, {**pod, "status": {"phase": "Running", "conditions": [condition]}}, subresource="status")


def budget(store: Store, **spec: Any) -> Object:
    body = {"metadata": {"name": "a"}, "spec": {"selector": {"matchLabels": LABELS}, **spec}}
    return store.create(POD_DISRUPTION_BUDGETS, body)


def counts(status: Object) -> tuple[int, int, int, int]:
    return status["expectedPods"], status["currentHealthy"], status["desiredHealthy"], status["disruptionsAllowed"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"minAvailable": 2}, (4, 3, 2, 1)),
        ({"minAvailable": "50%"}, (5, 3, 3, 0)),
        ({"maxUnavailable": 2}, (5, 3, 3, 0)),
        ({"maxUnavailable": "50%"}, (5, 3, 2, 1)),
        ({"maxUnavailable": "100%"}, (5, 3, 0, 3)),
        ({}, (0, 3, 0, 0)),
    ],
)
def test_what_may_go_is_counted_against_what_the_deployment_wants(rule: Object, expected: tuple[int, ...]) -> None:
    store = Store()
    deployment = workload(store, DEPLOYMENTS, replicas=5)
    pods(store, workload(store, REPLICA_SETS, replicas=4, owner=deployment), ready=3, unready=1)
    assert counts(budget_status(store, budget(store, **rule), datetime.now(UTC))) == expected


def test_pods_whose_owner_has_no_scale_make_a_budget_uncountable() -> None:
    store = Store()
    pods(store, workload(store, DAEMON_SETS), ready=2)
    status = budget_status(store, budget(store, maxUnavailable=1), datetime.now(UTC))
    (condition,) = status["conditions"]
    assert (status["disruptionsAllowed"], condition["reason"]) == (0, "SyncFailed")
    assert condition["message"] == "daemonsets.apps does not implement the scale subresource"


def test_an_evicted_pod_counts_as_gone_for_two_minutes() -> None:
    store = Store()
    pods(store, workload(store, REPLICA_SETS, replicas=3), ready=3)
    made = budget(store, maxUnavailable=1)
    left = taken(budget_status(store, made, datetime.now(UTC)), "p0")
    evicted = datetime.fromisoformat(left["disruptedPods"]["p0"])
    assert (left["disruptionsAllowed"], left["conditions"][0]["reason"]) == (0, "InsufficientPods")
    later = budget_status(store, {**made, "status": left}, evicted + timedelta(seconds=60))
    assert (later["currentHealthy"], later["disruptionsAllowed"], list(later["disruptedPods"])) == (2, 0, ["p0"])
    assert recheck_seconds(later, evicted + timedelta(seconds=60)) == 61
    forgotten = budget_status(store, {**made, "status": left}, evicted + timedelta(seconds=121))
    assert (forgotten["disruptionsAllowed"], "disruptedPods" in forgotten) == (1, False)


def test_an_empty_selector_takes_every_pod_and_none_takes_none() -> None:
    store = Store()
    pods(store, None, ready=1)
    for name, spec in (("all", {"selector": {}}), ("none", {}), ("other", {"selector": {"matchLabels": {"app": "b"}}})):
        store.create(POD_DISRUPTION_BUDGETS, {"metadata": {"name": name}, "spec": spec})
    found = budgets_of(store, store.list(PODS)[0][0])
    assert [item["metadata"]["name"] for item in found] == ["all"]
