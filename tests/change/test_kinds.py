"""The kinds of change as values: what they say of themselves, and their way over a line."""

from __future__ import annotations

import json

import msgspec
import pytest

from gameday.change import (
    MISSING,
    Change,
    ChangeLoad,
    CreateObject,
    DeletePod,
    EvictPod,
    PatchObject,
    PodSighting,
    describe,
    wire,
)
from gameday.cluster import ObjectRef

WEB = ObjectRef("apps/v1", "Deployment", "shop", "web", "uid-1")
POD = ObjectRef("v1", "Pod", "shop", "web-1", "uid-2")
MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": "shop"}, "data": {"a": "b"}}
CHANGES: list[tuple[Change, str, str]] = [
    (
        PatchObject(WEB, {"/spec/replicas": 0, "/metadata/labels/x": MISSING}),
        "patch",
        "set on deployment shop/web: /spec/replicas = 0, remove /metadata/labels/x",
    ),
    (CreateObject(MAP), "create", "create configmap shop/m"),
    (
        DeletePod(POD, 0, PodSighting(("127.0.0.1:80",), behind_service=True)),
        "delete",
        "delete pod shop/web-1 with a grace of 0 s",
    ),
    (DeletePod(POD), "delete", "delete pod shop/web-1"),
    (EvictPod(POD, 5), "evict", "evict pod shop/web-1"),
    (ChangeLoad(times=10, over_seconds=3), "load", "10 times as many customers, reached within 3 s"),
    (ChangeLoad(times=10).on(3.0), "load", "30 customers a second instead of 3"),
]


@pytest.mark.parametrize(("change", "kind", "words"), CHANGES)
def test_a_change_says_its_kind_and_what_it_would_do(change: Change, kind: str, words: str) -> None:
    assert wire.kind_of(change) == kind
    assert describe(change) == words


@pytest.mark.parametrize("change", [change for change, _, _ in CHANGES])
def test_a_change_comes_over_the_line_as_it_was(change: Change) -> None:
    assert wire.decode(json.loads(json.dumps(wire.encode(change)))) == change


def test_every_kind_of_change_has_a_name_and_an_example_here() -> None:
    assert set(wire.KINDS) == {kind for _, kind, _ in CHANGES}


def test_a_description_never_holds_a_secret() -> None:
    secret = ObjectRef("v1", "Secret", "shop", "db")
    env = "/spec/template/spec/containers[name=a]/env"
    for change in (
        PatchObject(secret, {"/data/colour": "aHVudGVyMg=="}),
        PatchObject(WEB, {f"{env}[name=DB_PASSWORD]/value": "aHVudGVyMg=="}),
        PatchObject(WEB, {env: [{"name": "DB_PASSWORD", "value": "aHVudGVyMg=="}]}),
    ):
        assert "aHVudGVyMg" not in describe(change)
        assert "sha256:" in describe(change)


def test_what_is_no_change_is_refused_by_the_line() -> None:
    with pytest.raises(msgspec.ValidationError):
        wire.decode({"kind": "delete", "grace_seconds": 1})
