from __future__ import annotations

from typing import Any

import pytest

from gameday.staging.errors import BadRequest, Invalid
from gameday.staging.patches import json_patch, merge_patch, strategic_merge


def container(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, **more}


def test_json_patch_does_all_its_operations() -> None:
    document = {"a": {"b/c": 1, "list": [1, 3]}}
    patched = json_patch(
        document,
        [
            {"op": "test", "path": "/a/b~1c", "value": 1},
            {"op": "replace", "path": "/a/b~1c", "value": 2},
            {"op": "add", "path": "/a/list/1", "value": 2},
            {"op": "add", "path": "/a/list/-", "value": 4},
            {"op": "copy", "from": "/a/list/0", "path": "/a/first"},
            {"op": "move", "from": "/a/first", "path": "/z"},
            {"op": "remove", "path": "/a/list/0"},
        ],
    )
    assert patched == {"a": {"b/c": 2, "list": [2, 3, 4]}, "z": 1}
    assert document == {"a": {"b/c": 1, "list": [1, 3]}}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": 2},
        {"op": "test", "path": "/flag", "value": 1},
        {"op": "remove", "path": "/missing"},
        {"op": "add", "path": "/missing/deep", "value": 1},
        {"op": "replace", "path": "/list/7", "value": 1},
    ],
)
def test_a_json_patch_that_does_not_apply_is_unprocessable(operation: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="the server rejected our request"):
        json_patch({"a": 1, "flag": True, "list": []}, [operation])


@pytest.mark.parametrize("patch", [{}, [{"op": "jump", "path": "/a"}], [{"path": "/a"}], [{"op": "add", "path": "/a"}]])
def test_what_is_no_json_patch_is_a_bad_request(patch: Any) -> None:
    with pytest.raises(BadRequest):
        json_patch({"a": 1}, patch)


def test_a_merge_patch_removes_with_null_and_replaces_lists() -> None:
    assert merge_patch({"a": {"b": 1, "c": 2}, "l": [1, 2]}, {"a": {"b": None}, "l": [3], "n": {"x": None}}) == {
        "a": {"c": 2},
        "l": [3],
        "n": {},
    }


def test_a_strategic_merge_merges_keyed_lists_by_their_key() -> None:
    pod = {
        "spec": {
            "containers": [
                container("a", image="1", env=[{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]),
                container("b", image="1"),
            ]
        }
    }
    patch = {
        "spec": {
            "containers": [
                container("a", env=[{"name": "X", "$patch": "delete"}, {"name": "Z", "value": "3"}]),
                container("c", image="9"),
            ]
        }
    }
    assert strategic_merge(pod, patch)["spec"]["containers"] == [
        container("a", image="1", env=[{"name": "Y", "value": "2"}, {"name": "Z", "value": "3"}]),
        container("b", image="1"),
        container("c", image="9"),
    ]


def test_a_strategic_merge_replaces_atomic_lists_as_kubernetes_does() -> None:
    node = {"spec": {"taints": [{"key": "a", "effect": "NoExecute"}]}}
    patch = {"spec": {"taints": [{"key": "b", "effect": "NoExecute"}]}}
    assert strategic_merge(node, patch) == patch


def test_ports_of_a_service_are_known_by_their_port() -> None:
    service = {"spec": {"ports": [{"port": 80, "targetPort": 1}, {"port": 81}]}}
    merged = strategic_merge(service, {"spec": {"ports": [{"port": 80, "targetPort": 2}]}})
    assert merged["spec"]["ports"] == [{"port": 80, "targetPort": 2}, {"port": 81}]


def test_the_directives_of_a_strategic_merge_are_obeyed() -> None:
    document = {
        "metadata": {"finalizers": ["a", "b"]},
        "spec": {
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
            "volumes": [{"name": "x"}, {"name": "y"}],
            "selector": {"a": "b"},
        },
    }
    patch = {
        "metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"]},
        "spec": {
            "strategy": {"$retainKeys": ["type"], "type": "Recreate"},
            "$setElementOrder/volumes": [{"name": "y"}, {"name": "z"}, {"name": "x"}],
            "volumes": [{"name": "z"}],
            "selector": {"$patch": "replace", "c": "d"},
        },
    }
    assert strategic_merge(document, patch) == {
        "metadata": {"finalizers": ["b", "c"]},
        "spec": {
            "strategy": {"type": "Recreate"},
            "volumes": [{"name": "y"}, {"name": "z"}, {"name": "x"}],
            "selector": {"c": "d"},
        },
    }


def test_an_item_without_its_merge_key_is_a_bad_request() -> None:
    with pytest.raises(BadRequest, match=r"spec\.containers .* name"):
        strategic_merge({}, {"spec": {"containers": [{"image": "x"}]}})
