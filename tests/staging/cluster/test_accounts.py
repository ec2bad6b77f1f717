"""A pod's own view of the API: with the account that it runs as, by what Kubernetes' clients look for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kubernetes import client

MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
ASK = """
import json, os, sys
from kubernetes import client, config
if sys.argv[1] == "engine":
    from gameday.cluster import Selection
    from gameday.kube import connect
    print(json.dumps({"pods": len(list(connect().list(Selection("v1", "Pod", os.environ["NAMESPACE"]))))}))
    sys.exit()
if sys.argv[1] == "kubeconfig":
    config.load_config()
else:
    from kubernetes.config.incluster_config import InClusterConfigLoader
    folder = os.environ["ACCOUNT_DIR"]
    InClusterConfigLoader(token_filename=folder + "/token", cert_filename=folder + "/ca.crt").load_and_set()
namespace = open(os.environ["ACCOUNT_DIR"] + "/namespace").read()
who = client.AuthenticationV1Api().create_self_subject_review({}).status.user_info
pods = client.CoreV1Api().list_namespaced_pod(namespace)
try:
    client.CoreV1Api().list_node()
except client.ApiException as error:
    print(json.dumps({"who": who.username, "pods": len(pods.items), "nodes": error.status}))
"""


def _run(space: Any, name: str, way: str) -> dict[str, Any]:
    folder = {"name": "ACCOUNT_DIR", "value": MOUNT}
    namespace = {"name": "NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}
    env = [folder, namespace, {"name": "KUBECONFIG", "value": f"{MOUNT}/kubeconfig"}]
    container = {"name": "ask", "image": "python:3", "command": ["python", "-c", ASK, way], "env": env}
    spec = {"restartPolicy": "Never", "serviceAccountName": "reader", "containers": [container]}
    space.core.create_namespaced_pod(space.name, {"metadata": {"name": name}, "spec": spec})

    def ended() -> str | None:
        phase = space.core.read_namespaced_pod(name, space.name).status.phase
        return phase if phase in {"Succeeded", "Failed"} else None

    space.eventually(ended, within_seconds=60)
    log = space.core.read_namespaced_pod_log(name, space.name, _preload_content=False).data.decode()
    found: dict[str, Any] = json.loads(log.splitlines()[-1])
    return found


def test_a_program_in_a_pod_acts_as_its_account(space: Any) -> None:
    space.core.create_namespaced_service_account(space.name, {"metadata": {"name": "reader"}})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    subject = {"kind": "ServiceAccount", "name": "reader", "namespace": space.name}
    binding = {"metadata": {"name": "reader"}, "roleRef": reference, "subjects": [subject]}
    client.RbacAuthorizationV1Api(space.api).create_namespaced_role_binding(space.name, binding)
    who = f"system:serviceaccount:{space.name}:reader"
    assert _run(space, "by-kubeconfig", "kubeconfig") == {"who": who, "pods": 1, "nodes": 403}
    assert _run(space, "in-cluster", "in-cluster") == {"who": who, "pods": 2, "nodes": 403}
    assert _run(space, "by-engine", "engine") == {"pods": 3}


def test_every_container_learns_where_the_api_is(space: Any) -> None:
    space.deploy("web")
    (pod,) = space.await_ready("web", 1)
    _, seen = space.get(pod["status"]["podIP"])
    environment = seen["environment"]
    url = space.running.status.url.removeprefix("https://")
    assert f"{environment['KUBERNETES_SERVICE_HOST']}:{environment['KUBERNETES_SERVICE_PORT']}" == url


def _evict(space: Any, pod: Any) -> None:
    name = pod["metadata"]["name"]
    space.core.create_namespaced_pod_eviction(name, space.name, client.V1Eviction(metadata={"name": name}))


def test_a_budget_counts_and_evictions_take_from_it(space: Any) -> None:
    space.deploy("web", replicas=3)
    pods = space.await_ready("web", 3)
    policy = client.PolicyV1Api(space.api)
    spec = {"minAvailable": "60%", "selector": {"matchLabels": {"app": "web"}}}
    policy.create_namespaced_pod_disruption_budget(space.name, {"metadata": {"name": "web"}, "spec": spec})

    def status() -> Any:
        found = policy.read_namespaced_pod_disruption_budget("web", space.name).status
        return found if found.observed_generation else None

    first = space.eventually(status)
    assert (first.expected_pods, first.current_healthy, first.desired_healthy, first.disruptions_allowed) == (3, 3, 2, 1)
    (condition,) = first.conditions
    assert (condition.type, condition.status, condition.reason) == ("DisruptionAllowed", "True", "SufficientPods")
    with space.full():
        _evict(space, pods[0])
        with pytest.raises(client.ApiException, match="needs 2 healthy pods and has 2 currently") as caught:
            _evict(space, pods[1])
    assert (caught.value.status, json.loads(caught.value.body)["details"]["causes"][0]["reason"]) == (429, "DisruptionBudget")
    space.eventually(lambda: status().disruptions_allowed == 1)
    second = {"metadata": {"name": "other"}, "spec": {"maxUnavailable": 1, "selector": {}}}
    policy.create_namespaced_pod_disruption_budget(space.name, second)
    with pytest.raises(client.ApiException, match="more than one PodDisruptionBudget") as caught:
        _evict(space, space.await_ready("web", 3)[0])
    assert caught.value.status == 500
