"""StatefulSets on a real cluster of the embedded kind: order, names and claims, and kubectl's view of their rollouts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

Object = dict[str, Any]


NEVER_READY: Object = {"exec": {"command": ["false"]}, "periodSeconds": 1}


def stateful(space: Any, replicas: int = 2, *, container: Object | None = None, **spec: Any) -> None:
    """Create a StatefulSet of the echo program, with a claim for each pod."""
    env = [{"name": "DATA_DIR", "value": "/data"}]
    mounts = [{"name": "data", "mountPath": "/data"}]
    pod = space.pod_spec("web", None, env=env, volumeMounts=mounts, **(container or {}))
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    body: Object = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "serviceName": "web",
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
            **spec,
        },
    }
    space.apps.create_namespaced_stateful_set(space.name, body)


def names(space: Any) -> list[str]:
    return sorted(pod["metadata"]["name"] for pod in space.pods("web"))


def status(space: Any) -> Any:
    return space.apps.read_namespaced_stateful_set("web", space.name).status


def set_version(space: Any, version: str) -> None:
    container = {"name": "web", "env": [{"name": "VERSION", "value": version}]}
    patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
    space.apps.patch_namespaced_stateful_set("web", space.name, patch)


def version_of(space: Any, pod: Object) -> str | None:
    found = space.get(pod["status"]["podIP"])[1]["environment"].get("VERSION")
    return None if found is None else str(found)


def await_complete(space: Any) -> Any:
    def look() -> Any:
        now = status(space)
        return now if now.current_revision == now.update_revision and now.updated_replicas == now.replicas else None

    return space.eventually(look)


def test_pods_come_in_order_with_names_labels_and_claims_of_their_own(space: Any) -> None:
    space.core.create_namespaced_service(
        space.name, {"metadata": {"name": "web"}, "spec": {"clusterIP": "None", "selector": {"app": "web"}}}
    )
    stateful(space, 3)
    pods = sorted(space.await_ready("web", 3), key=lambda pod: pod["metadata"]["name"])
    assert [pod["metadata"]["name"] for pod in pods] == ["web-0", "web-1", "web-2"]
    created = [item["message"] for item in space.events("SuccessfulCreate") if " Pod web-" in item["message"]]
    assert "create Pod web-0 in StatefulSet web successful" in created
    assert "create Claim data-web-0 Pod web-0 in StatefulSet web success" in created
    first = pods[1]
    assert (first["spec"]["hostname"], first["spec"]["subdomain"]) == ("web-1", "web")
    assert first["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] == "web-1"
    assert first["metadata"]["labels"]["apps.kubernetes.io/pod-index"] == "1"
    assert space.get(first["status"]["podIP"])[1]["environment"]["HOSTNAME"] == "web-1"
    started = [pod["status"]["startTime"] for pod in pods]
    assert started == sorted(started)
    claims = space.core.list_namespaced_persistent_volume_claim(space.name).items
    assert [(item.metadata.name, item.status.phase) for item in claims] == [(f"data-web-{n}", "Bound") for n in range(3)]
    slices = client.DiscoveryV1Api(space.api).list_namespaced_endpoint_slice(space.name).items
    assert sorted(endpoint.hostname for endpoint in slices[0].endpoints) == ["web-0", "web-1", "web-2"]


def test_a_pod_that_is_not_ready_keeps_the_next_one_from_starting(space: Any) -> None:
    stateful(space, 2, container={"readinessProbe": NEVER_READY})
    space.eventually(lambda: space.events("Unhealthy"))
    assert names(space) == ["web-0"]
    space.apps.patch_namespaced_stateful_set("web", space.name, {"spec": {"replicas": 0}})
    space.eventually(lambda: not space.pods("web"))


def test_parallel_starts_all_at_once(space: Any) -> None:
    stateful(space, 3, container={"readinessProbe": NEVER_READY}, podManagementPolicy="Parallel")
    space.eventually(lambda: names(space) == ["web-0", "web-1", "web-2"])


def test_a_pod_comes_back_under_its_name_with_its_data(space: Any) -> None:
    stateful(space)
    before = space.await_ready("web", 2)
    folder = Path(space.get(before[1]["status"]["podIP"])[1]["environment"]["DATA_DIR"])
    assert (folder / "starts").read_text() == "x"
    space.core.delete_namespaced_pod("web-1", space.name)
    after = space.eventually(
        lambda: [pod for pod in space.ready("web") if pod["metadata"]["uid"] != before[1]["metadata"]["uid"]][1:]
    )
    assert after[0]["metadata"]["name"] == "web-1"
    assert (folder / "starts").read_text() == "xx"


def test_fewer_replicas_stop_the_highest_first_and_leave_the_claims(space: Any) -> None:
    stateful(space, 3)
    space.await_ready("web", 3)
    uid = space.core.read_namespaced_persistent_volume_claim("data-web-2", space.name).metadata.uid
    space.apps.patch_namespaced_stateful_set_scale("web", space.name, {"spec": {"replicas": 1}})
    space.eventually(lambda: names(space) == ["web-0"])
    gone = sorted(space.events("SuccessfulDelete"), key=lambda item: int(item["metadata"]["resourceVersion"]))
    assert [item["message"] for item in gone] == [f"delete Pod web-{n} in StatefulSet web successful" for n in (2, 1)]
    space.apps.patch_namespaced_stateful_set_scale("web", space.name, {"spec": {"replicas": 3}})
    space.await_ready("web", 3)
    assert space.core.read_namespaced_persistent_volume_claim("data-web-2", space.name).metadata.uid == uid


def test_an_update_goes_from_the_highest_down_to_the_partition(space: Any) -> None:
    stateful(space, 3, updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 2}})
    space.await_ready("web", 3)
    set_version(space, "2")
    space.eventually(lambda: status(space).updated_replicas == 1 and len(space.ready("web")) == 3)
    pods = sorted(space.await_ready("web", 3), key=lambda pod: pod["metadata"]["name"])
    assert [version_of(space, pod) for pod in pods] == [None, None, "2"]
    now = status(space)
    assert now.current_revision != now.update_revision
    assert now.current_replicas == 2
    space.core.delete_namespaced_pod("web-0", space.name)
    first = min(space.await_ready("web", 3), key=lambda pod: pod["metadata"]["name"])
    assert first["metadata"]["uid"] != pods[0]["metadata"]["uid"]
    assert version_of(space, first) is None
    space.apps.patch_namespaced_stateful_set("web", space.name, {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}})
    await_complete(space)
    assert {version_of(space, pod) for pod in space.await_ready("web", 3)} == {"2"}


def test_kubectl_follows_a_rollout_restarts_and_undoes_it(space: Any, kubectl: Any) -> None:
    stateful(space)
    assert "partitioned roll out complete: 2 new pods" in kubectl("rollout", "status", "sts/web", "--timeout=60s")
    set_version(space, "2")
    kubectl("rollout", "status", "sts/web", "--timeout=60s")
    assert "restarted" in kubectl("rollout", "restart", "sts/web")
    kubectl("rollout", "status", "sts/web", "--timeout=60s")
    assert kubectl("rollout", "history", "sts/web").split()[-6:] == ["1", "<none>", "2", "<none>", "3", "<none>"]
    assert "rolled back" in kubectl("rollout", "undo", "sts/web", "--to-revision=1")
    kubectl("rollout", "status", "sts/web", "--timeout=60s")
    assert {version_of(space, pod) for pod in space.await_ready("web", 2)} == {None}
    revisions = kubectl("get", "controllerrevisions", "-o", "jsonpath={.items[*].revision}").split()
    assert sorted(revisions) == ["2", "3", "4"]
    assert "statefulset.apps/web" in kubectl("get", "controllerrevisions")
    assert kubectl("get", "sts", "web").split()[:3] == ["NAME", "READY", "AGE"]
    assert "2 desired | 2 total" in kubectl("describe", "sts", "web")


def test_a_daemon_set_is_undone_by_its_revisions_too(space: Any, kubectl: Any) -> None:
    pod = space.pod_spec("agent", {"containers": [{"name": "agent", "image": "busybox", "command": ["sleep", "1000"]}]})
    template = {"metadata": {"labels": {"app": "agent"}}, "spec": pod}
    spec = {"selector": {"matchLabels": {"app": "agent"}}, "template": template}
    space.apps.create_namespaced_daemon_set(space.name, {"metadata": {"name": "agent"}, "spec": spec})
    kubectl("rollout", "status", "ds/agent", "--timeout=60s")
    kubectl("set", "env", "ds/agent", "VERSION=2")
    kubectl("rollout", "status", "ds/agent", "--timeout=60s")
    assert "rolled back" in kubectl("rollout", "undo", "ds/agent")
    kubectl("rollout", "status", "ds/agent", "--timeout=60s")
    assert kubectl("get", "ds", "agent", "-o", "jsonpath={..env}") == ""


def test_a_budget_counts_a_stateful_sets_replicas(space: Any) -> None:
    stateful(space)
    budget = {"metadata": {"name": "web"}, "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}}}
    policy = client.PolicyV1Api(space.api)
    policy.create_namespaced_pod_disruption_budget(space.name, budget)
    space.await_ready("web", 2)
    space.eventually(lambda: policy.read_namespaced_pod_disruption_budget("web", space.name).status.disruptions_allowed == 1)
    with space.full():
        space.core.create_namespaced_pod_eviction("web-1", space.name, {"metadata": {"name": "web-1"}})
        with pytest.raises(client.ApiException) as refused:
            space.core.create_namespaced_pod_eviction("web-0", space.name, {"metadata": {"name": "web-0"}})
    assert refused.value.status == 429


def test_what_makes_a_stateful_set_what_it_is_cannot_change(space: Any) -> None:
    stateful(space, 0)
    with pytest.raises(client.ApiException) as refused:
        space.apps.patch_namespaced_stateful_set("web", space.name, {"spec": {"serviceName": "other"}})
    assert refused.value.status == 422
    assert "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template'" in refused.value.body
