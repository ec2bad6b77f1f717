"""What differs between two looks at a namespace, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.change import MISSING, get_field
from gameday.cluster import ObjectRef
from gameday.run.snapshot import KINDS, compare, look


def one(**members: Any) -> dict[ObjectRef, dict[str, Any]]:
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": "n", "uid": "u"}, **members}
    return {ObjectRef.of(obj): obj}


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    writes = compare(one(spec=before), one(spec=after))
    return {path: pair for fields in writes.fields.values() for path, pair in fields.items()}


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ({"replicas": 2}, {"replicas": 0}, {"/spec/replicas": (2, 0)}),
        ({}, {"replicas": 0}, {"/spec/replicas": (MISSING, 0)}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"/spec/a/c": (2, MISSING)}),
        ({"a/b~c": 1}, {"a/b~c": 2}, {"/spec/a~1b~0c": (1, 2)}),
        ({"args": ["a", "b"]}, {"args": ["b"]}, {"/spec/args": (["a", "b"], ["b"])}),
        ({"x": None}, {"x": None}, {}),
        (
            {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
            {"env": [{"name": "B", "value": "9"}, {"name": "A", "value": "1"}]},
            {"/spec/env[name=B]/value": ("2", "9")},
        ),
        ({"env": []}, {"env": [{"name": "A"}]}, {"/spec/env[name=A]": (MISSING, {"name": "A"})}),
    ],
)
def test_a_difference_is_told_at_the_smallest_field_that_has_a_name(before: Any, after: Any, found: Any) -> None:
    assert differences(before, after) == found
    for path, (_, value) in found.items():
        assert get_field({"spec": after}, path) == value


def test_entries_of_one_name_are_compared_as_a_whole_list() -> None:
    before = {"mounts": [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}]}
    after = {"mounts": [{"name": "v", "mountPath": "/c"}, {"name": "v", "mountPath": "/b"}]}
    assert differences(before, after) == {"/spec/mounts": (before["mounts"], after["mounts"])}


def test_labels_and_annotations_of_people_are_compared_and_those_of_controllers_are_not() -> None:
    before, after = one(), one()
    (ref,) = after
    after[ref]["metadata"]["labels"] = {"tier": "web", "gameday.dev/fence": "1"}
    after[ref]["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "2"}
    assert compare(before, after).fields == {ref: {"/metadata/labels/tier": (MISSING, "web")}}


def test_an_object_that_was_replaced_has_gone_and_come() -> None:
    before = one(data={"a": "b"})
    (old,) = before
    new = ObjectRef(old.api_version, old.kind, old.namespace, old.name, "another")
    writes = compare(before, {new: before[old]})
    assert (writes.fields, writes.created, writes.deleted) == ({}, [new], [old])


def a_pod(name: str = "p", *, node: str = "n1", **metadata: Any) -> dict[str, Any]:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs", "uid": "rs-1", "controller": True}
    meta = {"name": name, "namespace": "n", "uid": name, "ownerReferences": [owner], **metadata}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"nodeName": node}, "status": {"phase": "Running"}}


def a_set(replicas: int = 2) -> dict[str, Any]:
    meta = {"name": "rs", "namespace": "n", "uid": "rs-1"}
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta, "spec": {"replicas": replicas}}


def a_node(*, ready: str = "True", taints: list[dict[str, str]] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "n1", "uid": "n1"},
        "spec": {"taints": taints or [], **spec},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def seen(*objects: dict[str, Any]) -> dict[ObjectRef, dict[str, Any]]:
    return {ObjectRef.of(obj): obj for obj in objects}


def test_a_pod_that_is_gone_although_its_owner_wants_as_many_was_taken_away() -> None:
    before = seen(a_pod(), a_set(), a_node())
    taken = compare(before, seen(a_pod("another"), a_set(), a_node()))
    assert [ref.name for ref in taken.pods_taken] == ["p"]
    assert (taken.created, taken.deleted) == ([], []), "pods of controllers come and go"
    going = seen(a_pod(deletionTimestamp="now"), a_set(), a_node())
    assert [ref.name for ref in compare(before, going).pods_taken] == ["p"]


@pytest.mark.parametrize(
    "after",
    [
        seen(a_set(1), a_node()),
        seen(a_node()),
        seen(a_set(), a_node(ready="False")),
        seen(a_set(), a_node(taints=[{"key": "k", "effect": "NoExecute"}])),
    ],
    ids=["scaled down", "owner gone", "node lost", "node tainted"],
)
def test_a_pod_that_a_controller_or_its_node_took_was_not_taken_by_the_block(after: Any) -> None:
    assert compare(seen(a_pod(), a_set(), a_node()), after).pods_taken == []


def test_a_cordon_is_seen_and_a_controllers_taint_is_nobodys() -> None:
    tainted = [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}, {"key": "agent", "effect": "NoExecute"}]
    found = compare(seen(a_node()), seen(a_node(taints=tainted, unschedulable=True))).fields
    assert [dict(fields) for fields in found.values()] == [{"/spec/unschedulable": (MISSING, True)}]
    by_hand = a_node(taints=tainted)
    by_hand["metadata"]["managedFields"] = [{"manager": "kubectl-taint", "fieldsV1": {"f:spec": {"f:taints": {}}}}]
    found = compare(seen(a_node()), seen(by_hand)).fields
    assert [dict(fields) for fields in found.values()] == [{"/spec/taints[key=agent]": (MISSING, tainted[1])}]


def test_replicas_that_an_autoscaler_sets_are_nobodys_writing() -> None:
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "h", "namespace": "n", "uid": "h"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}},
    }

    def web(replicas: int, **annotations: str) -> dict[str, Any]:
        meta = {"name": "web", "namespace": "n", "uid": "w", "annotations": annotations}
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"replicas": replicas}}

    assert compare(seen(web(1)), seen(web(2))).fields
    assert compare(seen(web(1), scaler), seen(web(2), scaler)).fields == {}
    owned = {"gameday.dev/replicas-owner": "scaler"}
    assert compare(seen(web(1, **owned)), seen(web(2, **owned))).fields == {}


@pytest.mark.e2e
def test_on_a_real_cluster_only_what_was_written_differs(cluster: Any, scratch: Any) -> None:
    scratch.deployment(replicas=1)
    scratch.service()
    before = look(cluster, [scratch.name, "no-such-namespace"])
    assert {ref.kind for ref in before if ref.kind in {kind for _, kind in KINDS} and "root-ca" not in ref.name} == {
        "Deployment",
        "Service",
    }
    scratch.ready()
    assert compare(before, look(cluster, [scratch.name])).fields == {}
    scratch.patch("Deployment", "web", {"op": "replace", "path": "/spec/replicas", "value": 0}, api_version="apps/v1")
    writes = compare(before, look(cluster, [scratch.name]))
    assert {str(ref): dict(fields) for ref, fields in writes.fields.items()} == {
        f"deployment {scratch.name}/web": {"/spec/replicas": (1, 0)}
    }
