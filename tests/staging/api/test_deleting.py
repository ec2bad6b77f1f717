from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from gameday.staging.resources import NAMESPACES, PODS, REPLICA_SETS
from gameday.staging.store import Store

Maker = Callable[..., dict[str, Any]]


def run_pod(store: Store, name: str, *, ready: bool = True, owner: dict[str, Any] | None = None) -> None:
    metadata: dict[str, Any] = {"name": name, "labels": {"app": "web"}}
    if owner:
        reference = {"kind": owner["kind"], "apiVersion": owner["apiVersion"], "controller": True}
        metadata["ownerReferences"] = [reference | {key: owner["metadata"][key] for key in ("name", "uid")}]
    spec = {"nodeName": "n", "containers": [{"name": "main", "image": "x"}]}
    made = store.create(PODS, {"metadata": metadata, "spec": spec})
    condition = {"type": "Ready", "status": str(ready)}
    store.update(PODS, {**made, "status": {"phase": "Running", "conditions": [condition]}}, subresource="status")


def test_a_running_pod_is_answered_with_its_deletion_time_and_stays(cluster: Any, core: Any) -> None:
    cluster.on_store(lambda store: run_pod(store, "a"))
    deleted = core.delete_namespaced_pod("a", "default", grace_period_seconds=7)
    assert deleted.metadata.deletion_grace_period_seconds == 7
    assert core.read_namespaced_pod("a", "default").metadata.deletion_timestamp is not None
    core.delete_namespaced_pod("a", "default", grace_period_seconds=0)
    with pytest.raises(ApiException, match="Not Found"):
        core.read_namespaced_pod("a", "default")


def test_other_kinds_are_answered_with_a_status(cluster: Any, deployment: Maker) -> None:
    path = "/apis/apps/v1/namespaces/default/deployments"
    uid = cluster.request("POST", path, deployment()).body["metadata"]["uid"]
    status = cluster.request("DELETE", f"{path}/web").body
    assert (status["kind"], status["status"]) == ("Status", "Success")
    assert status["details"] == {"name": "web", "group": "apps", "kind": "deployments", "uid": uid}


def test_preconditions_are_kept(core: Any, pod: Maker) -> None:
    made = core.create_namespaced_pod("default", pod("a"))
    for field, value in (("uid", "other"), ("resource_version", "1")):
        options = client.V1DeleteOptions(preconditions=client.V1Preconditions(**{field: value}))
        with pytest.raises(ApiException) as caught:
            core.delete_namespaced_pod("a", "default", body=options)
        assert caught.value.status == 409
    right = client.V1Preconditions(uid=made.metadata.uid, resource_version=made.metadata.resource_version)
    core.delete_namespaced_pod("a", "default", body=client.V1DeleteOptions(preconditions=right))


def test_a_collection_is_deleted_by_selector(core: Any, pod: Maker) -> None:
    for name, tier in (("a", "web"), ("b", "db")):
        core.create_namespaced_pod("default", pod(name, tier=tier))
    core.delete_collection_namespaced_pod("default", label_selector="tier=web")
    assert [item.metadata.name for item in core.list_namespaced_pod("default").items] == ["b"]


def test_an_unknown_propagation_policy_is_invalid(cluster: Any) -> None:
    path = "/api/v1/namespaces/default/pods/a?propagationPolicy=Sideways"
    assert cluster.request("DELETE", path).status == 422


def test_a_deleted_namespace_is_emptied_and_goes(cluster: Any, core: Any, pod: Maker) -> None:
    core.create_namespace({"metadata": {"name": "shop"}})
    core.create_namespaced_pod("shop", pod("a"))
    core.create_namespaced_config_map("shop", {"metadata": {"name": "held", "finalizers": ["x/y"]}})
    core.delete_namespace("shop")
    deadline = time.monotonic() + 60
    while core.read_namespace("shop").status.phase != "Terminating" and time.monotonic() < deadline:
        pass
    with pytest.raises(ApiException, match="is being terminated") as caught:
        core.create_namespaced_pod("shop", pod("b"))
    assert caught.value.status == 403
    core.patch_namespaced_config_map("held", "shop", {"metadata": {"finalizers": None}})
    while cluster.on_store(lambda store: len(store.list(NAMESPACES, fields="metadata.name=shop")[0])):
        assert time.monotonic() < deadline
    assert cluster.on_store(lambda store: store.list(PODS, "shop")[0]) == []


def test_the_default_namespace_may_not_be_deleted(core: Any) -> None:
    with pytest.raises(ApiException, match="may not be deleted") as caught:
        core.delete_namespace("default")
    assert caught.value.status == 403


def evict(core: Any, name: str) -> Any:
    body = client.V1Eviction(metadata=client.V1ObjectMeta(name=name, namespace="default"))
    return core.create_namespaced_pod_eviction(name, "default", body)


def test_an_eviction_deletes_the_pod(cluster: Any, core: Any) -> None:
    cluster.on_store(lambda store: run_pod(store, "a"))
    evict(core, "a")
    assert core.read_namespaced_pod("a", "default").metadata.deletion_timestamp is not None


@pytest.mark.parametrize("rule", [{"minAvailable": 2}, {"maxUnavailable": 1}, {"minAvailable": "60%"}])
def test_a_budget_refuses_the_eviction_that_leaves_too_few(cluster: Any, core: Any, api: Any, rule: dict[str, Any]) -> None:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "a", "image": "b"}]}}
    spec = {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template}

    def three_pods(store: Store) -> None:
        owner = store.create(REPLICA_SETS, {"metadata": {"name": "web"}, "spec": spec})
        for name in "abc":
            run_pod(store, name, owner=owner)
        run_pod(store, "sick", ready=False, owner=owner)

    cluster.on_store(three_pods)
    budget = {"metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": {"app": "web"}}, **rule}}
    client.PolicyV1Api(api).create_namespaced_pod_disruption_budget("default", budget)
    evict(core, "sick")
    evict(core, "a")
    with pytest.raises(ApiException, match="needs 2 healthy pods and has 2 currently") as caught:
        evict(core, "b")
    assert (caught.value.status, "Retry-After" in caught.value.headers) == (429, False)
    assert json.loads(caught.value.body)["details"]["causes"][0]["reason"] == "DisruptionBudget"
