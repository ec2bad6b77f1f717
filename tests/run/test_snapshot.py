"""What differs between two looks at a namespace, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.change import MISSING, get_field
from gameday.cluster import ObjectRef
from gameday.run.snapshot import compare, look


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


@pytest.mark.e2e
def test_on_a_real_cluster_only_what_was_written_differs(cluster: Any, scratch: Any) -> None:
    scratch.deployment(replicas=1)
    scratch.service()
    before = look(cluster, [scratch.name, "no-such-namespace"])
    assert {ref.kind for ref in before} == {"Deployment", "Service"} | {ref.kind for ref in before if "root-ca" in ref.name}
    scratch.ready()
    assert compare(before, look(cluster, [scratch.name])).fields == {}
    scratch.patch("Deployment", "web", {"op": "replace", "path": "/spec/replicas", "value": 0}, api_version="apps/v1")
    writes = compare(before, look(cluster, [scratch.name]))
    assert {str(ref): dict(fields) for ref, fields in writes.fields.items()} == {
        f"deployment {scratch.name}/web": {"/spec/replicas": (1, 0)}
    }
