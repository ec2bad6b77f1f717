"""Cordons, taints and drains on an embedded cluster: what is chosen, what is asked for, and what shows that it landed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from gameday.actions import nodes
from gameday.change import Change, EvictPod, PatchObject
from gameday.change.registry import action_named
from gameday.cluster import ObjectRef, Selection
from gameday.cluster.nodes import TAINT, TAINT_KEY, UNSCHEDULABLE, pods_on
from gameday.errors import BadParameterError, NoTargetError, RefusedError
from gameday.guard import Policy, gather, judge
from gameday.plan import look_at
from tests.undo.books import books

__all__ = ["books"]
pytestmark = pytest.mark.e2e
LOST = {"key": TAINT_KEY, "effect": "NoExecute"}


@pytest.fixture(autouse=True)
def all_open(cluster: Any) -> Iterator[None]:
    """Leave every node open, and without pods that are still to go with their namespace, whatever became of the test."""
    yield
    end = time.monotonic() + 30
    while not _is_cleared(cluster):
        assert time.monotonic() < end
        time.sleep(0.02)


def _is_cleared(cluster: Any) -> bool:
    """Take away what closes nodes; return whether there was nothing to take, and no pod is left that stays."""
    nodes = cluster.list(Selection("v1", "Node"))
    for node in nodes:
        gone = [{"op": "remove", "path": f"/spec/{field}"} for field in ("taints", "unschedulable") if node["spec"].get(field)]
        if gone:
            # The node controller may be taking its own mark away at the same time.
            with contextlib.suppress(RefusedError):
                cluster.patch(ObjectRef.of(node), gone)
            return False
    return not any(pods_on(cluster, node["metadata"]["name"]) for node in nodes)


def planned(action: str, view: Any, **arguments: Any) -> list[Change]:
    return list(action_named(f"gameday.actions.nodes.{action}").plan(view, **arguments))


def where(scratch: Any, name: str = "web") -> list[str]:
    return sorted(pod["spec"]["nodeName"] for pod in scratch.ready(name))


def on(node: str) -> Mapping[str, Any]:
    return {"nodeSelector": {"kubernetes.io/hostname": node}}


def test_a_node_is_named_or_described_by_what_is_on_it(cluster: Any, scratch: Any) -> None:
    scratch.deployment("here", replicas=1, pod=on("node-2"))
    scratch.deployment("there", replicas=1, pod=on("node-1"))
    assert where(scratch, "here") == ["node-2"]
    assert where(scratch, "there") == ["node-1"]
    for choice in ({"name": "node-2"}, {"holding": "app=here"}, {"without": "app=there"}):
        (change,) = planned("cordon", cluster, namespace=scratch.name, **choice)
        assert isinstance(change, PatchObject)
        assert (change.ref.name, dict(change.fields)) == ("node-2", {UNSCHEDULABLE: True})
        assert change.ref.uid


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({}, BadParameterError, "expected either name, or what shall be there"),
        ({"name": "node-1", "holding": "app=web"}, BadParameterError, "expected either name"),
        ({"name": 1}, BadParameterError, "expected name to be a text, but got 1"),
        ({"name": "node-9"}, NoTargetError, r"there is no node 'node-9'; there are node-1, node-2\. See: kubectl get nodes"),
        ({"holding": "app=nothing"}, NoTargetError, "no running pod matches the selector 'app=nothing'"),
        ({"holding": "app=web", "without": "app=web"}, NoTargetError, "runs pods of 'app=web' and runs none of 'app=web'"),
    ],
)
def test_a_choice_that_names_no_node_is_refused(
    cluster: Any, scratch: Any, arguments: Mapping[str, Any], error: type[Exception], words: str
) -> None:
    scratch.deployment(replicas=1)
    scratch.ready()
    for action in ("cordon", "taint", "drain"):
        with pytest.raises(error, match=words):
            planned(action, cluster, namespace=scratch.name, **arguments)


@pytest.mark.parametrize(
    ("action", "arguments", "words"),
    [
        ("taint", {"effect": "PreferNoSchedule"}, "expected effect to be one of NoSchedule, NoExecute"),
        ("drain", {"grace_seconds": -1}, "expected grace_seconds to be a whole number from 0, but got -1"),
        ("drain", {"grace_seconds": 1.5}, "expected grace_seconds"),
        ("drain", {"patience_seconds": -1}, "expected patience_seconds to be a number from 0 to 3600, but got -1"),
        ("drain", {"patience_seconds": 9000}, "expected patience_seconds"),
        ("drain", {"patience_seconds": True}, "expected patience_seconds"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(cluster: Any, action: str, arguments: Mapping[str, Any], words: str) -> None:
    with pytest.raises(BadParameterError, match=words):
        planned(action, cluster, name="node-1", **arguments)


def test_a_drain_evicts_what_a_drain_evicts_and_leaves_daemons_gamedays_own_and_what_has_ended(
    cluster: Any, scratch: Any
) -> None:
    scratch.deployment(replicas=1, pod=on("node-1"))
    scratch.ready()
    for name, kind, labels in (("agent", "DaemonSet", {}), ("proxy", "Deployment", {"app.kubernetes.io/part-of": "gameday"})):
        pod = {"containers": [{"name": "main", "image": "busybox", "command": ["sleep", "1000"]}], **on("node-1")}
        labelled = {"app": name, **labels}
        template = {"metadata": {"labels": labelled}, "spec": {**pod, "terminationGracePeriodSeconds": 1}}
        scratch.create(kind, name, "apps/v1", spec={"selector": {"matchLabels": {"app": name}}, "template": template})
        scratch.ready(name)
    closing, *evictions = planned("drain", cluster, name="node-1", namespace=scratch.name)
    assert closing.ref.name == "node-1"
    assert [change.ref.name for change in evictions] == [scratch.pods()[0]["metadata"]["name"]]
    assert all(isinstance(change, EvictPod) and change.patience_seconds == 60 for change in evictions)


def test_a_node_with_nothing_to_take_needs_no_change(cluster: Any, scratch: Any) -> None:
    assert planned("drain", cluster, name="node-1", namespace=scratch.name) == []
    cluster.patch(ObjectRef("v1", "Node", "", "node-1"), [{"op": "add", "path": "/spec/unschedulable", "value": True}])
    assert planned("cordon", cluster, name="node-1") == []


def test_a_cordon_keeps_new_pods_away_and_its_undo_lets_them_in(books: Any, scratch: Any) -> None:
    for change in planned("cordon", books.cluster, name="node-1"):
        books.change(change)
    scratch.deployment(replicas=2)
    assert {pod["spec"]["nodeName"] for pod in scratch.ready(number=2)} == {"node-2"}
    assert [done.outcome for done in books.undo()] == ["undone"]
    node = books.cluster.get(ObjectRef("v1", "Node", "", "node-1"))
    assert "unschedulable" not in node["spec"]
    scratch.eventually(lambda: not books.cluster.get(ObjectRef("v1", "Node", "", "node-1"))["spec"].get("taints"))


def test_what_tolerates_the_taint_stays_and_the_rest_is_replaced_elsewhere(books: Any, scratch: Any) -> None:
    scratch.deployment(replicas=1)
    (node,) = where(scratch)
    bearing = {"tolerations": [{"key": TAINT_KEY, "operator": "Exists"}], **on(node)}
    scratch.deployment("reaper", replicas=1, pod=bearing)
    (kept,) = scratch.ready("reaper")
    (change,) = planned("taint", books.cluster, namespace=scratch.name, holding="app=web", effect="NoExecute")
    found = look_at(change, books.cluster, by="act")
    assert [taken.ref.name for taken in found.takes] == [scratch.pods()[0]["metadata"]["name"]]
    assert found.pods_lost == 1
    assert [str(loss.workload) for loss in found.losses] == [f"deployment {scratch.name}/web"]
    books.change(change)
    spec = action_named("gameday.actions.nodes.taint")
    seen = scratch.eventually(lambda: (found := spec.landed(books.cluster, [change])).landed and found)
    assert f"node {node} holds no pod any more" in seen.seen
    scratch.eventually(lambda: len(scratch.pods()) == 1 and where(scratch) != [node])
    assert [pod["metadata"]["uid"] for pod in scratch.ready("reaper")] == [kept["metadata"]["uid"]]
    assert [done.outcome for done in books.undo()] == ["undone"]
    assert not books.cluster.get(change.ref)["spec"].get("taints")


def test_nodes_are_opened_again_whoever_closed_them_and_the_taints_of_others_stay(books: Any, scratch: Any) -> None:
    del scratch
    assert planned("reopen", books.cluster) == []
    other = {"key": "maintenance", "effect": "PreferNoSchedule"}
    books.cluster.patch(ObjectRef("v1", "Node", "", "node-1"), [{"op": "add", "path": "/spec/taints", "value": [other]}])
    for change in (*planned("taint", books.cluster, name="node-1"), *planned("cordon", books.cluster, name="node-2")):
        books.change(change)
    assert [change.ref.name for change in planned("reopen", books.cluster, zone="zone-b")] == ["node-2"]
    opening = planned("reopen", books.cluster)
    assert [change.ref.name for change in opening] == ["node-1", "node-2"]
    for change in opening:
        books.change(change)
    assert {done.outcome for done in books.undo()} == {"already"}
    assert books.cluster.get(ObjectRef("v1", "Node", "", "node-1"))["spec"]["taints"] == [other]


def test_a_node_to_open_that_is_named_twice_or_not_there_is_refused(cluster: Any) -> None:
    with pytest.raises(BadParameterError, match="expected a name or a zone, but got both"):
        planned("reopen", cluster, name="node-1", zone="zone-a")
    with pytest.raises(NoTargetError, match="there is no node 'node-9'"):
        planned("reopen", cluster, name="node-9")


def test_the_taint_of_others_stays_when_gamedays_is_removed(books: Any, scratch: Any) -> None:
    del scratch
    (change,) = planned("taint", books.cluster, name="node-1")
    books.change(change)
    other = {"key": "maintenance", "effect": "NoSchedule"}
    books.cluster.patch(change.ref, [{"op": "add", "path": "/spec/taints/0", "value": other}])
    assert [done.outcome for done in books.undo()] == ["undone"]
    assert books.cluster.get(change.ref)["spec"]["taints"] == [other]


def test_a_node_with_pods_of_a_namespace_that_has_not_opted_in_is_refused_by_a_real_clusters_facts(
    cluster: Any, scratch: Any
) -> None:
    scratch.deployment(replicas=1, pod=on("node-1"))
    scratch.ready()
    stranger = f"{scratch.name}-stranger"
    scratch.cluster_wide.append(ObjectRef("v1", "Namespace", "", stranger))
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": stranger}})
    container = {"name": "main", "image": "busybox", "command": ["sleep", "1000"]}
    pod = {"containers": [container], "nodeName": "node-1", "terminationGracePeriodSeconds": 0}
    metadata = {"name": "theirs", "namespace": stranger}
    cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod})
    found = [look_at(PatchObject(ObjectRef("v1", "Node", "", "node-1"), {TAINT: LOST}), cluster, by="act")]
    policy = Policy(namespaces=(scratch.name,), caps={"pods": 9})
    refused = {(finding.rule, finding.object) for finding in judge(found, policy, gather(found, policy, cluster))}
    assert refused == {
        ("namespace-listed", f"pod {stranger}/theirs"),
        ("namespace-opted-in", f"namespace {stranger}"),
        ("pod-owned", f"pod {stranger}/theirs"),
    }
    limited = [look_at(change, cluster, by="act") for change in planned("drain", cluster, name="node-1", namespace=scratch.name)]
    assert judge(limited, policy, gather(limited, policy, cluster)) == ()


def test_a_node_that_is_not_there_any_more_has_not_landed(cluster: Any) -> None:
    gone = PatchObject(ObjectRef("v1", "Node", "", "node-1", "another"), {UNSCHEDULABLE: True})
    assert nodes.has_happened(cluster, [gone]).landed is False
    assert nodes.has_happened(cluster, []).landed is None
