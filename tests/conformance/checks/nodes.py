"""Nodes: what they say of themselves, and what becomes of pods on one that is cordoned, tainted or lost.

What is done to a node is done to one of the check's own, which no machine stands behind: nobody else's pods are disturbed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.conformance.checking import check
from tests.conformance.manifests import NOWHERE, condition, is_ready, pod, shell
from tests.conformance.space import Space
from tests.conformance.transport import Json


@contextmanager
def own_node(space: Space, **labels: str) -> Iterator[str]:
    """Make a Node object, and remove it with whatever is left on it."""
    name = f"{space.name}-node"
    space.make("/api/v1/nodes", {"metadata": {"name": name, "labels": {"conformance": space.name, **labels}}})
    try:
        yield name
    finally:
        for item in space.items("pods", fieldSelector=f"spec.nodeName={name}"):
            space.delete(f"pods/{item['metadata']['name']}", {"gracePeriodSeconds": 0})
        space.delete(f"/api/v1/nodes/{name}")


def on(node: str, name: str, **spec: Any) -> Json:
    """Return a pod that is put onto a node without being scheduled."""
    return pod(name, {"name": "main", "image": NOWHERE}, nodeName=node, **spec)


@check("A node says what it is, what it has, and how it is.")
def a_node(space: Space) -> None:
    found = next(item for item in space.items("/api/v1/nodes") if is_ready(item))
    name, labels, status = found["metadata"]["name"], found["metadata"]["labels"], found["status"]
    assert (labels["kubernetes.io/hostname"], labels["kubernetes.io/os"]) == (name, "linux")
    assert labels["kubernetes.io/arch"] == status["nodeInfo"]["architecture"]
    for amounts in (status["capacity"], status["allocatable"]):
        assert {"cpu", "memory", "pods", "ephemeral-storage"} <= amounts.keys()
    assert {"InternalIP", "Hostname"} <= {item["type"] for item in status["addresses"]}
    told = {item["type"]: (item["status"], item["reason"]) for item in status["conditions"]}
    assert told["Ready"] == ("True", "KubeletReady")
    assert told["MemoryPressure"] == ("False", "KubeletHasSufficientMemory")
    assert told["DiskPressure"] == ("False", "KubeletHasNoDiskPressure")
    assert told["PIDPressure"] == ("False", "KubeletHasSufficientPID")
    assert condition(found, "Ready")["message"] == "kubelet is posting ready status"
    assert status["nodeInfo"]["kubeletVersion"].startswith("v1.")


@check("A node renews a Lease of its own.")
def node_leases(space: Space) -> None:
    node = next(item for item in space.items("/api/v1/nodes") if is_ready(item))
    name = node["metadata"]["name"]
    lease = space.read(f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{name}")
    spec = lease["spec"]
    assert spec["holderIdentity"] == name
    renewed = datetime.fromisoformat(spec["renewTime"])
    assert datetime.now(UTC) - renewed < timedelta(seconds=spec["leaseDurationSeconds"])
    owner = lease["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("Node", name, node["metadata"]["uid"])


@check("A node that is new, and of which nothing was heard, is tainted as not ready.")
def a_new_node(space: Space) -> None:
    with own_node(space) as name:
        found = space.read(f"/api/v1/nodes/{name}")
        taints = {(item["key"], item["effect"]) for item in found["spec"].get("taints") or ()}
        assert ("node.kubernetes.io/not-ready", "NoSchedule") in taints


@check("A cordoned node says so in a taint, too.")
def a_cordoned_node(space: Space) -> None:
    with own_node(space) as name:
        path = f"/api/v1/nodes/{name}"
        space.patch(path, {"spec": {"unschedulable": True}}).expect(200)

        def keys(found: Json) -> set[tuple[str, str]]:
            return {(item["key"], item["effect"]) for item in found["spec"].get("taints") or ()}

        space.until(path, lambda found: ("node.kubernetes.io/unschedulable", "NoSchedule") in keys(found))
        space.patch(path, {"spec": {"unschedulable": None}}).expect(200)
        space.until(path, lambda found: ("node.kubernetes.io/unschedulable", "NoSchedule") not in keys(found))


@check("A taint that allows no pods evicts those that do not tolerate it, others when their time is up.")
def a_node_with_a_taint(space: Space) -> None:
    with own_node(space) as name:
        taint = {"key": "example.org/broken", "value": "yes", "effect": "NoExecute"}
        tolerates = {"key": "example.org/broken", "operator": "Exists", "effect": "NoExecute"}
        lost = {"operator": "Exists", "key": "node.kubernetes.io/not-ready"}
        space.make("pods", on(name, "strange", tolerations=[lost]))
        space.make("pods", on(name, "patient", tolerations=[lost, {**tolerates, "tolerationSeconds": 2}]))
        space.make("pods", on(name, "immune", tolerations=[lost, tolerates]))
        path = f"/api/v1/nodes/{name}"
        taints = space.read(path)["spec"].get("taints") or []
        space.patch(path, {"spec": {"taints": [*taints, taint]}}).expect(200)

        def going(pod_name: str) -> bool:
            reply = space.get(f"pods/{pod_name}")
            return reply.status == 404 or "deletionTimestamp" in reply.body["metadata"]

        space.eventually(lambda: going("strange"))
        assert not going("immune")
        space.eventually(lambda: going("patient"))
        assert not going("immune")


@check("An evicted pod says who deletes it.")
def eviction_by_a_taint_is_told(space: Space) -> None:
    with own_node(space) as name:
        lost = {"operator": "Exists", "key": "node.kubernetes.io/not-ready"}
        body = on(name, "strange", tolerations=[lost])
        body["metadata"]["finalizers"] = ["example.org/held"]
        space.make("pods", body)
        path = f"/api/v1/nodes/{name}"
        taints = space.read(path)["spec"].get("taints") or []
        taint = {"key": "example.org/broken", "effect": "NoExecute"}
        space.patch(path, {"spec": {"taints": [*taints, taint]}}).expect(200)
        found = space.pod("strange", lambda found: "deletionTimestamp" in found["metadata"])
        told = condition(found, "DisruptionTarget")
        assert (told["status"], told["reason"]) == ("True", "DeletionByTaintManager")
        assert told["message"] == "Taint manager: deleting due to NoExecute taint"
        look = {"fieldSelector": "involvedObject.name=strange,reason=TaintManagerEviction"}
        event = space.eventually(lambda: space.items("events", **look))[0]
        assert event["message"] == f"Marking for deletion Pod {space.name}/strange"
        space.patch("pods/strange", {"metadata": {"finalizers": None}}).expect(200)


@check("Pods are not placed on a node that they do not tolerate, and go where their selector says.")
def placing_by_labels(space: Space) -> None:
    found = next(item for item in space.items("/api/v1/nodes") if is_ready(item) and not item["spec"].get("taints"))
    name = found["metadata"]["name"]
    space.make("pods", pod("a", shell(space), nodeSelector={"kubernetes.io/hostname": name}))
    assert space.pod("a", is_ready)["spec"]["nodeName"] == name
    term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [name]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    space.make("pods", pod("b", shell(space), affinity=affinity))
    assert space.pod("b", is_ready)["spec"]["nodeName"] == name


@check("A pod is bound to a node once.")
def binding_a_pod(space: Space) -> None:
    with own_node(space) as name:
        body = pod("a", {"name": "main", "image": NOWHERE}, schedulerName="nobody")
        space.make("pods", body)
        target = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "a"}, "target": {"kind": "Node", "name": name}}
        space.post("pods/a/binding", target).expect(201)
        found = space.read("pods/a")
        assert found["spec"]["nodeName"] == name
        assert condition(found, "PodScheduled")["status"] == "True"
        told = space.post("pods/a/binding", target).refused(409, "Conflict")
        assert told["message"].endswith(f'pod a is already assigned to node "{name}"')


@check("A removed node takes its pods along.")
def a_removed_node(space: Space) -> None:
    with own_node(space) as name:
        space.make("pods", on(name, "a"))
        space.delete(f"/api/v1/nodes/{name}").expect(200)
        space.gone(f"/api/v1/nodes/{name}")
