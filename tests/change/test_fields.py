"""Paths to fields: read, written as JSON Patch on a real server, and shown without what is secret."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.change import MISSING, get_field, patch_operations, shown
from gameday.change.fields import Segment, anchored, parse_path
from gameday.errors import BadParameterError, ConflictError

POD = {
    "metadata": {"annotations": {"a/b": "1", "x~y": "2"}},
    "spec": {
        "containers": [
            {"name": "main", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
            {"name": "side", "ports": [{"containerPort": 80, "protocol": "TCP"}]},
        ],
        "replicas": 0,
        "nothing": None,
    },
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/spec/replicas", 0),
        ("/spec/nothing", None),
        ("/metadata/annotations/a~1b", "1"),
        ("/metadata/annotations/x~0y", "2"),
        ("/spec/containers[name=main]/env[name=B]/value", "2"),
        ("/spec/containers[name=side]/ports[containerPort=80]/protocol", "TCP"),
        ("/spec/containers[name=main]/env[name=A]", {"name": "A", "value": "1"}),
    ],
)
def test_a_field_is_found_by_names_and_keys(path: str, value: Any) -> None:
    assert get_field(POD, path) == value


@pytest.mark.parametrize(
    "path",
    [
        "/spec/strategy/type",
        "/spec/containers[name=other]/env",
        "/spec/replicas/deeper",
        "/spec/replicas[name=x]",
        "/spec/containers[id=None]",
    ],
)
def test_what_is_not_there_is_missing_which_is_not_null(path: str) -> None:
    assert get_field(POD, path) == MISSING


@pytest.mark.parametrize("path", ["spec/replicas", "", "/", "/spec//x", "/spec/[name=a]", "/spec/a[b]", "/spec/a[b=c"])
def test_a_path_that_cannot_be_read_is_named(path: str) -> None:
    with pytest.raises(BadParameterError) as caught:
        parse_path(path)
    assert repr(path) in str(caught.value)


def test_a_path_is_names_and_keys_with_escapes_resolved() -> None:
    assert parse_path("/metadata/annotations/a~1b~0c") == (Segment("metadata"), Segment("annotations"), Segment("a/b~c"))
    assert parse_path("/env[name=a=b~1c]") == (Segment("env", "name", "a=b/c"),)


def test_removing_what_is_not_there_needs_no_operation() -> None:
    assert patch_operations(POD, "/spec/strategy/type", MISSING) == []
    assert patch_operations(POD, "/spec/containers[name=x]/image", MISSING) == []


@given(st.text(alphabet="abc/~ .-", min_size=1), st.text(alphabet="abc/~ .-", min_size=1))
def test_any_name_survives_escaping(name: str, key: str) -> None:
    path = f"/{_escaped(name)}[name={_escaped(key)}]/value"
    assert get_field({name: [{"name": key, "value": 7}]}, path) == 7


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


SAVED = "/spec/template/spec/containers[name=main]"


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/spec/replicas", 3),
        ("/metadata/annotations/note", "new parents are made"),
        ("/metadata/labels/tier", "web"),
        (f"{SAVED}/image", "other:1"),
        (f"{SAVED}/env[name=COLOUR]/value", "blue"),
        (f"{SAVED}/env[name=NEW]", {"name": "NEW", "value": "1"}),
        (f"{SAVED}/ports[containerPort=8080]/name", "web"),
        ("/spec/template/spec/containers[name=late]", {"name": "late", "image": "x"}),
        ("/spec/strategy/rollingUpdate/maxSurge", 2),
    ],
)
def test_a_patch_sets_the_field_and_its_inverse_sets_it_back(scratch: Any, path: str, value: Any) -> None:
    scratch.deployment(env=[{"name": "COLOUR", "value": "red"}])
    before = scratch.get("Deployment", "web", "apps/v1")
    pre_image = get_field(before, path)
    changed = scratch.patch("Deployment", "web", *patch_operations(before, path, value), api_version="apps/v1")
    assert _covers(get_field(changed, path), value)
    inverse = patch_operations(changed, path, pre_image)
    restored = scratch.patch("Deployment", "web", *inverse, api_version="apps/v1")
    assert get_field(restored, path) == pre_image
    assert restored["spec"] == before["spec"]


def _covers(found: Any, wanted: Any) -> bool:
    """Whether everything that was asked for is there; a server adds defaults."""
    return all(found[key] == part for key, part in wanted.items()) if isinstance(wanted, dict) else bool(found == wanted)


@pytest.mark.e2e
def test_a_patch_made_for_a_list_that_was_reordered_since_hits_no_neighbour(scratch: Any) -> None:
    scratch.deployment(env=[{"name": "A", "value": "1"}, {"name": "B", "value": "1"}])
    before = scratch.get("Deployment", "web", "apps/v1")
    operations = patch_operations(before, f"{SAVED}/env[name=A]/value", "9")
    env = before["spec"]["template"]["spec"]["containers"][0]["env"]
    swap = {"op": "replace", "path": "/spec/template/spec/containers/0/env", "value": [env[0], env[2], env[1]]}
    scratch.patch("Deployment", "web", swap, api_version="apps/v1")
    with pytest.raises(ConflictError):
        scratch.patch("Deployment", "web", *operations, api_version="apps/v1")
    after = scratch.get("Deployment", "web", "apps/v1")
    assert get_field(after, f"{SAVED}/env[name=A]/value") == get_field(after, f"{SAVED}/env[name=B]/value") == "1"


@pytest.mark.parametrize(
    ("path", "owed_at", "value"),
    [
        ("/spec/containers[name=main]/env[name=A]/value", "/spec/containers[name=main]/env[name=A]/value", "v"),
        ("/spec/containers[name=main]/env[name=C]/value", "/spec/containers[name=main]/env[name=C]", {"name": "C", "value": "v"}),
        ("/spec/containers[name=side]/env[name=C]/value", "/spec/containers[name=side]/env[name=C]", {"name": "C", "value": "v"}),
        ("/spec/taints[key=k]/effect", "/spec/taints[key=k]", {"key": "k", "effect": "v"}),
        ("/metadata/labels/x", "/metadata/labels/x", "v"),
    ],
)
def test_a_field_of_an_entry_that_is_not_there_stands_for_the_whole_entry(path: str, owed_at: str, value: Any) -> None:
    assert anchored(POD, path, "v") == (owed_at, value)


def test_a_field_that_shall_be_missing_stands_for_itself() -> None:
    path = "/spec/containers[name=main]/env[name=C]/value"
    assert anchored(POD, path, MISSING) == (path, MISSING)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Secret", "/data/colour"),
        ("Secret", "/stringData/colour"),
        ("Deployment", f"{SAVED}/env[name=DB_PASSWORD]/value"),
        ("ConfigMap", "/data/api-key"),
        ("ConfigMap", "/data/authorization"),
    ],
)
def test_what_is_secret_is_shown_as_a_digest(kind: str, path: str) -> None:
    told = shown(kind, path, "hunter2")
    assert told.startswith("sha256:")
    assert "hunter2" not in told
    assert told == shown(kind, path, "hunter2") != shown(kind, path, "hunter3")
    assert shown(kind, path, MISSING) == MISSING


@pytest.mark.parametrize(
    "value",
    [
        [{"name": "A", "value": "1"}, {"name": "DB_PASSWORD", "value": "hunter2"}],
        {"name": "side", "env": [{"name": "API_TOKEN", "value": "hunter2"}]},
        {"deep": {"password": "hunter2", "colour": "red"}},
        {"name": "DB_PASSWORD", "value": "hunter2"},
    ],
)
def test_what_is_secret_inside_a_larger_value_is_shown_as_a_digest_there(value: Any) -> None:
    told = shown("Deployment", "/spec/template/spec/containers", value)
    assert "hunter2" not in repr(told)
    assert "sha256:" in repr(told)


def test_what_is_not_secret_is_shown_in_clear() -> None:
    value = [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "d"}}}]
    assert shown("Deployment", f"{SAVED}/env", value) == value
    assert shown("Secret", "/metadata/labels/a", "b") == "b"
