"""Zones of a real cluster of the embedded kind: which is lost, what goes with it, and where workloads may run and do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from gameday.change import Change, DeletePod, PatchObject
from gameday.change.registry import action_named
from gameday.cluster import ObjectRef
from gameday.cluster.nodes import TAINT, TAINT_KEY, ZONE_LABEL
from gameday.errors import BadParameterError, NoTargetError
from tests.undo.books import books

__all__ = ["books"]
pytestmark = pytest.mark.e2e


def planned(action: str, view: Any, **arguments: Any) -> list[Change]:
    return list(action_named(f"gameday.actions.zones.{action}").plan(view, **arguments))


def in_zone(zone: str) -> Mapping[str, Any]:
    return {"nodeSelector": {ZONE_LABEL: zone}}


def nodes(scratch: Any, name: str = "web", number: int = 1) -> set[str]:
    return {pod["spec"]["nodeName"] for pod in scratch.ready(name, number)}


def test_a_lost_zone_takes_the_pods_of_the_namespace_and_lets_nothing_back(books: Any, scratch: Any) -> None:
    scratch.deployment("database", replicas=1, pod=in_zone("zone-b"))
    scratch.deployment("proxy", replicas=1, pod=in_zone("zone-a"))
    scratch.patch(
        "Deployment",
        "proxy",
        {"op": "add", "path": "/spec/template/metadata/labels/app.kubernetes.io~1part-of", "value": "gameday"},
        api_version="apps/v1",
    )
    scratch.deployment(replicas=2)
    assert nodes(scratch, "database") == {"node-2"}
    assert nodes(scratch, number=2) == {"node-1", "node-2"}
    scratch.eventually(lambda: "app.kubernetes.io/part-of" in scratch.ready("proxy")[0]["metadata"]["labels"])
    changes = planned("lose", books.cluster, namespace=scratch.name, without="app=database", grace_seconds=0)
    patch, deletion = changes
    assert isinstance(patch, PatchObject)
    assert isinstance(deletion, DeletePod)
    assert (patch.ref.name, patch.fields[TAINT]) == ("node-1", {"key": TAINT_KEY, "effect": "NoSchedule"})
    assert deletion.ref.name.startswith("web-")
    assert deletion.grace_seconds == 0
    for change in changes:
        books.change(change)
    landed = action_named("gameday.actions.zones.lose").landed
    scratch.eventually(lambda: landed(books.cluster, changes).landed)
    assert nodes(scratch, number=2) == {"node-2"}
    assert {done.outcome for done in books.undo()} == {"undone"}


def test_a_zone_without_pods_of_the_namespace_needs_no_change(cluster: Any, scratch: Any) -> None:
    scratch.deployment(replicas=1, pod=in_zone("zone-b"))
    assert nodes(scratch) == {"node-2"}
    assert planned("lose", cluster, namespace=scratch.name, without="app=web") == []
    assert planned("lose", cluster, zone="zone-a") == []


@pytest.mark.parametrize(
    ("action", "arguments", "error", "words"),
    [
        ("lose", {}, BadParameterError, "expected either zone, or what shall be there"),
        ("lose", {"zone": "zone-a", "without": "app=web"}, BadParameterError, "expected either zone"),
        ("lose", {"zone": "zone-q"}, NoTargetError, "no node is in a zone 'zone-q'; there are zone-a, zone-b"),
        ("lose", {"without": "app=nothing"}, NoTargetError, "no running pod matches"),
        (
            "lose",
            {"holding": "app=web", "without": "app=web"},
            NoTargetError,
            "with pods of 'app=web' and without any of 'app=web'",
        ),
        ("lose", {"zone": "zone-a", "grace_seconds": -1}, BadParameterError, "grace_seconds to be a whole number from 0"),
        ("lose", {"zone": "zone-a", "grace_seconds": 0, "namespace": ""}, BadParameterError, "only with a namespace"),
        ("confine", {"name": "web", "zone": "zone-q"}, NoTargetError, "no node is in a zone 'zone-q'"),
        ("confine", {"name": "nothing", "zone": "zone-a"}, NoTargetError, "there is no deployment"),
        ("confine", {"name": "web", "zone": "zone-a", "kind": "Job"}, BadParameterError, "expected kind to be one of"),
        ("spread", {"selector": "app=nothing"}, NoTargetError, "no Deployment of several replicas matches 'app=nothing'"),
        ("release", {"selector": "app=nothing"}, NoTargetError, "no Deployment matches 'app=nothing'"),
    ],
)
def test_what_cannot_be_meant_or_is_not_there_is_refused(
    *, cluster: Any, scratch: Any, action: str, arguments: Mapping[str, Any], error: type[Exception], words: str
) -> None:
    scratch.deployment(replicas=1)
    scratch.ready()
    with pytest.raises(error, match=words):
        planned(action, cluster, **{"namespace": scratch.name, **arguments})


def test_the_only_zone_is_not_lost(cluster: Any, scratch: Any) -> None:
    del scratch
    only = [node for node in _nodes(cluster) if node["metadata"]["name"] == "node-1"]

    class OneZone:
        """The cluster, with its first node only."""

        def list(self, _: Any) -> list[Any]:
            return only

    with pytest.raises(BadParameterError, match=r"all 1 node\(s\) are in the zone 'zone-a', so that none would be left"):
        planned("lose", OneZone(), zone="zone-a")
    with pytest.raises(NoTargetError, match="expected two zones that take pods, but found zone-a"):
        planned("spread", OneZone(), namespace="shop")


def test_nodes_that_do_not_say_their_zone_are_in_none(cluster: Any) -> None:
    bare = [{**node, "metadata": {**node["metadata"], "labels": {}}} for node in _nodes(cluster)]

    class NoZones:
        """The cluster, with nodes that have no labels."""

        def list(self, _: Any) -> list[Any]:
            return bare

    with pytest.raises(NoTargetError, match=r"no node says which zone it is in \(label topology.kubernetes.io/zone\)"):
        planned("lose", NoZones(), zone="zone-a")


def _nodes(cluster: Any) -> list[Any]:
    return [cluster.get(ObjectRef("v1", "Node", "", name)) for name in ("node-1", "node-2")]


def test_a_workload_that_is_confined_cannot_leave_its_zone_until_it_is_released(books: Any, scratch: Any) -> None:
    scratch.deployment(replicas=2)
    assert nodes(scratch, number=2) == {"node-1", "node-2"}
    for action, arguments, expected in (
        ("confine", {"name": "web", "zone": "zone-b"}, {"node-2"}),
        ("release", {}, {"node-1", "node-2"}),
    ):
        changes = planned(action, books.cluster, namespace=scratch.name, **arguments)
        for change in changes:
            books.change(change)
        landed = action_named(f"gameday.actions.zones.{action}").landed
        scratch.eventually(lambda: landed(books.cluster, changes).landed)  # noqa: B023  # called at once
        assert nodes(scratch, number=2) == expected
        assert planned(action, books.cluster, namespace=scratch.name, **arguments) == []


def test_what_is_spread_already_needs_no_change_and_one_replica_cannot_be(cluster: Any, scratch: Any) -> None:
    scratch.deployment(replicas=2)
    scratch.deployment("alone", replicas=1)
    assert nodes(scratch, number=2) == {"node-1", "node-2"}
    assert planned("spread", cluster, namespace=scratch.name) == []
