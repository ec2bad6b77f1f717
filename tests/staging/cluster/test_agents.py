"""Bad content for the shop's node agents, on a cluster: which nodes go out, and how they come back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
import yaml

from gameday import staging
from gameday.actions.agents import BAD_CONTENT, has_killed_sensors
from gameday.change import PatchObject
from gameday.cluster import ObjectRef, Selection
from gameday.cluster.reading import is_ready, is_rolled_out
from gameday.kube import KubeCluster, connect
from gameday.staging.shop.node_health import CONDITION, TAINT

pytestmark = pytest.mark.e2e
T = TypeVar("T")
Object = dict[str, Any]
NODES: Final = {"node-1", "node-2", "node-3"}
HASTE: Final = {"SOAK_SECONDS": "1", "TAINT_AFTER_SECONDS": "1", "RETURN_AFTER_SECONDS": "1", "GONE_SECONDS": "10"}
CONTENT: Final = ObjectRef("v1", "ConfigMap", "shop", "agent-content")
AGENTS: Final = ObjectRef("apps/v1", "DaemonSet", "shop", "agent")
PUBLISHED: Final = (PatchObject(CONTENT, {"/data/update.json": BAD_CONTENT}),)
CONTROLLER: Final = ObjectRef("apps/v1", "Deployment", "shop", "agent-controller")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeCluster]:
    """Lend a cluster with the agents of the shop, which wait for less long than there, and something that may be evicted."""
    folder = tmp_path_factory.mktemp("agents")
    objects = [item for file in sorted(staging.shop_manifests().glob("*.yaml")) for item in yaml.safe_load_all(file.read_text())]
    chosen = [item for item in objects if item["kind"] == "Namespace" or item["metadata"]["name"].partition("-")[0] == "agent"]
    chosen += [item for item in objects if item["metadata"]["name"].startswith("shop-agent")]
    for item in chosen:
        if item["metadata"]["name"] == "agent-controller" and item["kind"] == "Deployment":
            env = item["spec"]["template"]["spec"]["containers"][0]["env"]
            env[:] = [entry for entry in env if entry["name"] not in HASTE]
            env += [{"name": name, "value": value} for name, value in HASTE.items()]
    path = folder / "shop.yaml"
    path.write_text(yaml.safe_dump_all([*chosen, web()]))
    running = staging.up(directory=folder / "cluster", manifests=[path], nodes=len(NODES))
    try:
        staging.wait_ready(running.kubeconfig, timeout_seconds=60)
        yield connect(kubeconfig=Path(running.kubeconfig))
    finally:
        running.stop()


def web() -> Object:
    container = {"name": "main", "image": "busybox", "command": ["sleep", "600"]}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container], "terminationGracePeriodSeconds": 0}}
    spec = {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}


def eventually(look: Callable[[], T], within_seconds: float = 60.0) -> T:
    end = time.monotonic() + within_seconds
    while not (found := look()):
        assert time.monotonic() < end, f"waited {within_seconds} s in vain; last seen: {found!r}"
        time.sleep(0.05)
    return found


def out(cluster: KubeCluster) -> set[str]:
    """Return the nodes that have been taken out."""
    nodes = cluster.list(Selection("v1", "Node"))
    return {
        node["metadata"]["name"]
        for node in nodes
        if {taint["effect"] for taint in node["spec"].get("taints") or () if taint["key"] == TAINT} == {"NoSchedule", "NoExecute"}
    }


def conditions(cluster: KubeCluster) -> dict[str, str]:
    """Return what each node says of its agent."""
    nodes = cluster.list(Selection("v1", "Node"))
    return {
        node["metadata"]["name"]: condition["status"]
        for node in nodes
        for condition in node["status"]["conditions"]
        if condition["type"] == CONDITION
    }


def where(cluster: KubeCluster, app: str = "web") -> list[str]:
    """Return the nodes of the pods that run and shall go on to; empty unless all of them do."""
    pods = [
        pod for pod in cluster.list(Selection("v1", "Pod", "shop", f"app={app}")) if "deletionTimestamp" not in pod["metadata"]
    ]
    placed = [pod["spec"].get("nodeName", "") for pod in pods if pod.get("status", {}).get("phase") == "Running"]
    return sorted(placed) if len(placed) == len(pods) else []


def ready_agents(cluster: KubeCluster) -> list[Object]:
    return [pod for pod in cluster.list(Selection("v1", "Pod", "shop", "app=agent")) if is_ready(pod)]


def publish(cluster: KubeCluster) -> None:
    cluster.patch(CONTENT, [{"op": "add", "path": "/data/update.json", "value": BAD_CONTENT}])


def withdraw(cluster: KubeCluster) -> None:
    cluster.patch(CONTENT, [{"op": "remove", "path": "/data/update.json"}])


def configure(cluster: KubeCluster, workload: ObjectRef, variable: str, value: str) -> None:
    found = cluster.get(workload)
    assert found is not None
    names = [entry["name"] for entry in found["spec"]["template"]["spec"]["containers"][0]["env"]]
    path = f"/spec/template/spec/containers/0/env/{names.index(variable)}/value"
    cluster.patch(workload, [{"op": "replace", "path": path, "value": value}])
    eventually(lambda: is_rolled_out(cluster.get(workload)))


def all_is_well(cluster: KubeCluster) -> bool:
    return not out(cluster) and conditions(cluster) == dict.fromkeys(NODES, "True")


def test_bad_content_in_rings_takes_out_one_node_and_goes_no_further(cluster: KubeCluster) -> None:
    eventually(lambda: all_is_well(cluster) and set(where(cluster)) == NODES)
    publish(cluster)
    hit = eventually(lambda: out(cluster))
    assert len(hit) == 1
    eventually(lambda: len(placed := where(cluster)) == 3 and not hit & set(placed))
    assert conditions(cluster) == {**dict.fromkeys(NODES, "True"), hit.copy().pop(): "False"}
    seen = eventually(lambda: found.seen if (found := has_killed_sensors(cluster, PUBLISHED)).landed else "")
    assert seen == f"1 of 3 agents have the content, and 1 of them died of it: on {hit.copy().pop()}"
    agents = where(cluster, "agent")
    assert set(agents) == NODES, "the agent itself stays where it is, to take better content"
    withdraw(cluster)
    eventually(lambda: len(ready_agents(cluster)) == 3)
    assert all_is_well(cluster), "an agent is only Ready again when its node is back"


def test_bad_content_everywhere_at_once_takes_out_every_node_until_it_is_withdrawn(cluster: KubeCluster) -> None:
    configure(cluster, CONTROLLER, "RINGS", "false")
    publish(cluster)
    eventually(lambda: out(cluster) == NODES)
    eventually(lambda: not where(cluster))
    assert len(where(cluster, "agent-controller")) == 1, "somebody has to let the nodes back in"
    withdraw(cluster)
    eventually(lambda: all_is_well(cluster))
    eventually(lambda: len(where(cluster)) == 3)


def test_a_node_whose_agent_is_gone_is_taken_out_and_let_back_in_with_a_new_one(cluster: KubeCluster) -> None:
    rule = {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["node-3"]}
    affinity = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [rule]}]}}
    at = "/spec/template/spec/affinity"
    cluster.patch(AGENTS, [{"op": "add", "path": at, "value": {"nodeAffinity": affinity}}])
    eventually(lambda: out(cluster) == {"node-3"})
    assert conditions(cluster)["node-3"] == "Unknown"
    cluster.patch(AGENTS, [{"op": "remove", "path": at}])
    eventually(lambda: all_is_well(cluster))


def test_agents_that_try_content_first_keep_what_they_have_and_no_node_goes_out(cluster: KubeCluster) -> None:
    configure(cluster, AGENTS, "VALIDATE", "true")
    eventually(lambda: all_is_well(cluster))
    before = rollout(cluster)["content"]
    publish(cluster)
    eventually(lambda: rollout(cluster)["halted"])
    assert {node["digest"] for node in rollout(cluster)["nodes"].values()} == {before}
    assert all_is_well(cluster)
    assert has_killed_sensors(cluster, PUBLISHED).landed is False
    withdraw(cluster)
    eventually(lambda: not rollout(cluster)["halted"])


def rollout(cluster: KubeCluster) -> Any:
    """Return what the controller says of the rollout."""
    return json.loads(cluster.ask(ObjectRef("v1", "Service", "shop", "agent-controller"), "http", "/rollout").body)
