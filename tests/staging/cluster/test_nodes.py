"""Nodes of a real cluster of the embedded kind under kubectl's hands, and without power."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from gameday import staging
from gameday.errors import RefusedError

Object = dict[str, Any]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[staging.Running]:
    started = staging.up(directory=tmp_path_factory.mktemp("cluster"), manifests=[], nodes=6, zones=3)
    yield started
    started.stop()


@pytest.fixture(autouse=True)
def as_before(running: staging.Running, kubectl: Callable[..., str]) -> Iterator[None]:
    yield
    for node in running.status.nodes:
        staging.switch_node(running.kubeconfig, node, "on")
        kubectl("uncordon", node)


def agent(space: Any) -> None:
    """Create a DaemonSet whose pods only sleep."""
    container = {"name": "agent", "image": "busybox", "command": ["sleep", "1000"]}
    template = {"metadata": {"labels": {"app": "agent"}}, "spec": {"containers": [container], "terminationGracePeriodSeconds": 1}}
    spec = {"selector": {"matchLabels": {"app": "agent"}}, "template": template}
    space.apps.create_namespaced_daemon_set(space.name, {"metadata": {"name": "agent"}, "spec": spec})
    space.await_ready("agent", 6)


def nodes_of(pods: list[Object]) -> list[str]:
    return sorted(pod["spec"]["nodeName"] for pod in pods)


def zone_of(space: Any, node: str) -> str:
    return str(space.core.read_node(node).metadata.labels["topology.kubernetes.io/zone"])


def test_replicas_are_spread_over_zones_before_nodes(space: Any) -> None:
    space.deploy("echo", replicas=3)
    assert {zone_of(space, node) for node in nodes_of(space.await_ready("echo", 3))} == {"zone-a", "zone-b", "zone-c"}
    space.apps.patch_namespaced_deployment_scale("echo", space.name, {"spec": {"replicas": 6}})
    assert len(set(nodes_of(space.await_ready("echo", 6)))) == 6


def test_anti_affinity_by_zone_leaves_no_room_for_a_fourth(space: Any, kubectl: Any) -> None:
    rule = {"topologyKey": "topology.kubernetes.io/zone", "labelSelector": {"matchLabels": {"app": "echo"}}}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [rule]}}
    space.deploy("echo", replicas=4, pod={"affinity": affinity})
    space.eventually(lambda: len(space.ready("echo")) == 3)
    space.eventually(lambda: space.events("FailedScheduling"))
    assert "6 node(s) didn't match pod anti-affinity rules" in kubectl("get", "events")


def test_spreading_that_is_required_waits_for_room_in_the_emptiest_zone(space: Any, kubectl: Any) -> None:
    for node in ("node-1", "node-4"):
        kubectl("cordon", node)
    rule = {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule"}
    rule["labelSelector"] = {"matchLabels": {"app": "echo"}}
    space.deploy("echo", replicas=3, pod={"topologySpreadConstraints": [rule]})
    space.eventually(lambda: space.events("FailedScheduling"))
    assert "didn't match pod topology spread constraints" in space.events("FailedScheduling")[0]["message"]
    placed = space.eventually(lambda: pods if len(pods := space.ready("echo")) == 2 else [])
    assert {zone_of(space, node) for node in nodes_of(placed)} == {"zone-b", "zone-c"}
    kubectl("uncordon", "node-1")
    assert "node-1" in nodes_of(space.await_ready("echo", 3))


def test_cordon_keeps_new_pods_off_and_uncordon_lets_them_on(space: Any, kubectl: Any) -> None:
    for node in ("node-1", "node-2", "node-3", "node-4", "node-5"):
        assert f"node/{node} cordoned" in kubectl("cordon", node)
    assert "Ready,SchedulingDisabled" in kubectl("get", "node", "node-1")
    space.deploy("echo", replicas=2)
    assert nodes_of(space.await_ready("echo", 2)) == ["node-6", "node-6"]
    assert "uncordoned" in kubectl("uncordon", "node-1")
    space.apps.patch_namespaced_deployment_scale("echo", space.name, {"spec": {"replicas": 3}})
    assert "node-1" in nodes_of(space.await_ready("echo", 3))


def test_drain_moves_pods_leaves_daemons_and_waits_for_budgets(space: Any, kubectl: Any) -> None:
    agent(space)
    space.deploy("echo", replicas=2)
    node = nodes_of(space.await_ready("echo", 2))[0]
    assert "cannot delete DaemonSet-managed Pods" in kubectl("drain", node, fails=True)
    policy = client.PolicyV1Api(space.api)
    budget = {"metadata": {"name": "echo"}, "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "echo"}}}}
    policy.create_namespaced_pod_disruption_budget(space.name, budget)
    space.eventually(lambda: policy.read_namespaced_pod_disruption_budget("echo", space.name).status.current_healthy == 2)
    held = kubectl("drain", node, "--ignore-daemonsets", "--timeout=5s", fails=True)
    assert "Cannot evict pod as it would violate the pod's disruption budget" in held
    policy.patch_namespaced_pod_disruption_budget("echo", space.name, {"spec": {"minAvailable": 1}})
    assert f"node/{node} drained" in kubectl("drain", node, "--ignore-daemonsets", "--timeout=60s")
    assert node not in nodes_of(space.await_ready("echo", 2))
    assert len(space.ready("agent")) == 6


def test_a_taint_keeps_new_pods_off_and_one_that_executes_moves_the_others(space: Any, kubectl: Any) -> None:
    agent(space)
    space.deploy("echo", replicas=6)
    space.await_ready("echo", 6)
    kubectl("taint", "node", "node-2", "care=needed:NoSchedule")
    assert "node-2" in nodes_of(space.pods("echo"))
    assert len(space.ready("agent")) == 6
    kubectl("taint", "node", "node-2", "broken=yes:NoExecute")
    space.eventually(lambda: len(space.ready("echo")) == 6 and "node-2" not in nodes_of(space.ready("echo")))
    space.eventually(lambda: len(space.ready("agent")) == 5)
    assert space.events("TaintManagerEviction")
    kubectl("taint", "node", "node-2", "broken-", "care-")
    space.await_ready("agent", 6)


def test_a_node_without_power_loses_its_processes_at_once_and_starts_them_again(space: Any, running: staging.Running) -> None:
    space.deploy("echo", replicas=6)
    pods = {pod["spec"]["nodeName"]: pod for pod in space.await_ready("echo", 6)}
    lost = pods["node-3"]
    pid = space.get(lost["status"]["podIP"])[1]["pid"]
    run("stop", "node-3", running.directory)
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(OSError):  # noqa: PT011 - refused, or cut off
        space.get(lost["status"]["podIP"])
    run("stop", "node-3", running.directory)
    assert len(space.pods("echo")) == 6
    run("start", "node-3", running.directory)

    def again() -> Any:
        same = [pod for pod in space.ready("echo") if pod["metadata"]["uid"] == lost["metadata"]["uid"]]
        return [pod for pod in same if pod["status"]["containerStatuses"][0]["restartCount"]]

    back = space.eventually(again)[0]
    assert back["status"]["containerStatuses"][0]["restartCount"] == 1
    assert space.get(back["status"]["podIP"])[1]["pid"] != pid
    events = client.CoreV1Api(space.api).list_namespaced_event("default", field_selector="reason=Rebooted").items
    assert events[0].involved_object.name == "node-3"


def test_a_pod_deleted_while_its_node_is_off_ends_when_it_is_on_again(space: Any, running: staging.Running) -> None:
    space.deploy("echo")
    pod = space.await_ready("echo", 1)[0]
    staging.switch_node(running.kubeconfig, pod["spec"]["nodeName"], "off")
    space.core.delete_namespaced_pod(pod["metadata"]["name"], space.name)
    space.eventually(lambda: len(space.pods("echo")) == 2)
    staging.switch_node(running.kubeconfig, pod["spec"]["nodeName"], "on")
    space.eventually(lambda: [item["metadata"]["uid"] for item in space.pods("echo")].count(pod["metadata"]["uid"]) == 0)


def test_top_shows_what_pods_and_nodes_use(space: Any, kubectl: Any) -> None:
    busy = ["python", "-c", "blob = bytearray(40_000_000)\nwhile True: pass"]
    space.deploy("busy", command=busy, readinessProbe=None, livenessProbe=None)
    pod = space.await_ready("busy", 1)[0]

    def used() -> tuple[str, int, int]:
        name, cores, memory = kubectl("top", "pods", "-l", "app=busy", "--no-headers").split()
        return name, int(cores.removesuffix("m")), int(memory.removesuffix("Mi"))

    # It is Ready before it has begun.
    name, _, _ = space.eventually(lambda: found if (found := used())[1] > 50 and found[2] >= 40 else None)
    assert name == pod["metadata"]["name"]
    assert kubectl("top", "pod", name, "--containers", "--no-headers").split()[:2] == [name, "busy"]
    shown = {line.split()[0]: line.split()[1] for line in kubectl("top", "nodes", "--no-headers").splitlines()}
    assert len(shown) == 6
    assert int(shown[pod["spec"]["nodeName"]].removesuffix("m")) > 50
    assert "not found" in kubectl("top", "pod", "nobody", fails=True).lower()


def test_only_a_node_that_is_there_can_be_switched_and_only_by_the_administrator(running: staging.Running, kubectl: Any) -> None:
    with pytest.raises(RefusedError, match='nodes "node-9" not found'):
        staging.switch_node(running.kubeconfig, "node-9", "off")
    path = "/embedded/nodes/node-1/power/off"
    assert "forbidden" in kubectl("create", "--raw", path, "-f", "-", "--as", "somebody", stdin="{}", fails=True).lower()


def run(verb: str, node: str, folder: Path) -> None:
    command = [sys.executable, "-m", "gameday", "staging", "node", verb, node, "--dir", str(folder)]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
