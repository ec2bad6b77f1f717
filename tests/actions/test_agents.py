"""Content of node agents: what is written, what is refused, and what counts as landed; on a view that is made of objects."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from gameday.actions.agents import BAD_CONTENT
from gameday.change import MISSING, PatchObject
from gameday.change.registry import action_named
from gameday.cluster import HttpAnswer, ObjectRef, Selection
from gameday.errors import BadParameterError, NoTargetError, UnreachableError

BREAK, WITHDRAW, PAUSE = (
    action_named(f"gameday.actions.agents.{name}") for name in ("break_content", "withdraw_content", "pause_rollout")
)


@dataclass(frozen=True)
class Looked:
    """A cluster with one ConfigMap, some pods, and a controller that answers or does not."""

    data: Mapping[str, str] | None = field(default_factory=dict)
    ready: tuple[bool, ...] = ()
    rollout: bytes | None = None

    def get(self, ref: ObjectRef) -> dict[str, Any] | None:
        if self.data is None:
            return None
        return {"metadata": {"name": ref.name, "uid": "u1", "labels": {"app": "sentinel"}}, "data": dict(self.data)}

    def list(self, selection: Selection) -> list[dict[str, Any]]:
        assert selection.labels == "app=sentinel"
        return [
            {
                "metadata": {"name": f"pod-{number}"},
                "spec": {"nodeName": f"node-{number}"},
                "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
            }
            for number, ready in enumerate(self.ready)
        ]

    def ask(self, ref: ObjectRef, port: int | str, path: str) -> HttpAnswer:
        assert (ref.name, port, path) == ("sentinel-controller", "http", "/rollout")
        if self.rollout is None:
            raise UnreachableError("nobody listens")
        return HttpAnswer(200, self.rollout)


def fields(changes: Any) -> Mapping[str, Any]:
    (change,) = changes
    assert isinstance(change, PatchObject)
    assert change.ref == ObjectRef("v1", "ConfigMap", "shop", "agent-content", "u1")
    return change.fields


def a_change(*, of: Mapping[str, str] | None = None) -> Any:
    return BREAK.plan(Looked(of or {}), namespace="shop")


def test_bad_content_is_one_more_file_of_the_content() -> None:
    assert fields(a_change()) == {"/data/update.json": BAD_CONTENT}
    assert fields(BREAK.plan(Looked(), namespace="shop", file="a-1.json", content="{")) == {"/data/a-1.json": "{"}


def test_content_is_withdrawn_by_removing_its_file_and_a_rollout_paused_by_a_word() -> None:
    assert fields(WITHDRAW.plan(Looked({"update.json": "x"}), namespace="shop")) == {"/data/update.json": MISSING}
    assert fields(PAUSE.plan(Looked(), namespace="shop")) == {"/data/paused": "true"}


def test_what_is_so_already_needs_no_change() -> None:
    assert BREAK.plan(Looked({"update.json": BAD_CONTENT}), namespace="shop") == []
    assert WITHDRAW.plan(Looked(), namespace="shop") == []
    assert PAUSE.plan(Looked({"paused": "true"}), namespace="shop") == []


@pytest.mark.parametrize("spec", [BREAK, WITHDRAW, PAUSE], ids=lambda spec: spec.name)
def test_without_the_config_map_there_is_no_target(spec: Any) -> None:
    with pytest.raises(NoTargetError, match="there is no configmap shop/agent-content"):
        spec.plan(Looked(None), namespace="shop")


@pytest.mark.parametrize(
    "arguments", [{"file": "paused"}, {"file": "../a.json"}, {"file": 7}, {"content": ""}, {"content": {"a": 1}}]
)
def test_what_cannot_be_content_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(BadParameterError, match=r"agents\.break_content: expected"):
        BREAK.plan(Looked(), namespace="shop", **arguments)


def has(digest: str, *, healthy: bool, was_healthy: bool = True) -> dict[str, Any]:
    return {"digest": digest, "healthy": healthy, "was_healthy": was_healthy}


def told(*nodes: dict[str, Any], file: str = BAD_CONTENT) -> bytes:
    """Return what a controller says that gives out this file, under the digest `new`."""
    files = {"base.json": "f" * 64, "update.json": hashlib.sha256(file.encode()).hexdigest()}
    named = {f"node-{number}": node for number, node in enumerate(nodes)}
    return json.dumps({"content": "new", "files": files, "nodes": named}).encode()


DIED, BEARS, NOT_YET = has("new", healthy=False), has("new", healthy=True), has("old", healthy=True)


def test_it_has_landed_when_an_agent_died_of_just_this_content_and_names_the_nodes() -> None:
    looked = Looked(ready=(False, False, True, True), rollout=told(DIED, DIED, BEARS, NOT_YET))
    found = BREAK.landed(looked, a_change())  # type: ignore[arg-type]
    assert found.landed is True
    assert found.seen == "3 of 4 agents have the content, and 2 of them died of it: on node-0, node-1"


@pytest.mark.parametrize(
    ("ready", "rollout"),
    [
        ((False, True), told(has("old", healthy=False), NOT_YET)),
        ((False, True), told(has("new", healthy=False, was_healthy=False), BEARS)),
        ((False, True), told(DIED, NOT_YET, file="what was there before")),
        ((False, True), told(BEARS, DIED)),
        ((True, True), told(BEARS, BEARS)),
    ],
    ids=["has other content", "was sick before", "of other content", "not by its node", "all bear it"],
)
def test_an_agent_that_is_not_ready_for_another_reason_does_not_show_that_content_has_landed(
    ready: tuple[bool, ...], rollout: bytes
) -> None:
    found = BREAK.landed(Looked(ready=ready, rollout=rollout), a_change())  # type: ignore[arg-type]
    assert found.landed is False
    assert found.seen


def test_where_nobody_can_say_which_content_an_agent_has_it_cannot_be_shown_to_have_landed() -> None:
    assert BREAK.landed(Looked(ready=(False, True)), a_change()).landed is None  # type: ignore[arg-type]
    assert BREAK.landed(Looked(rollout=told(DIED)), a_change()).landed is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "rollout",
    [{"paused": False}, {"nodes": [], "files": {}, "content": "new"}, {"nodes": {}, "content": "new"}, []],
    ids=["only whether it is paused", "no nodes", "no files", "no object"],
)
def test_a_controller_that_does_not_say_which_content_it_gives_out_and_how_agents_bear_it_shows_nothing(rollout: Any) -> None:
    looked = Looked(ready=(False, True), rollout=json.dumps(rollout).encode())
    found = BREAK.landed(looked, a_change())  # type: ignore[arg-type]
    assert found.landed is None
    assert found.seen == "service shop/sentinel-controller does not say which files the content is, and how agents were with it"


def test_a_node_that_has_the_content_and_no_pod_any_more_is_not_counted_among_the_agents() -> None:
    found = BREAK.landed(Looked(ready=(False,), rollout=told(DIED, BEARS)), a_change())  # type: ignore[arg-type]
    assert found.seen == "1 of 1 agents have the content, and 1 of them died of it: on node-0"


def test_it_is_withdrawn_when_every_agent_is_ready() -> None:
    assert WITHDRAW.landed(Looked(ready=(True, True)), a_change()).landed is True  # type: ignore[arg-type]
    assert WITHDRAW.landed(Looked(ready=(True, False)), a_change()).landed is False  # type: ignore[arg-type]
    assert WITHDRAW.landed(Looked(), a_change()).landed is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rollout", "landed"),
    [({"paused": True}, True), ({"paused": False}, False), ({}, False), ([], False), (None, None), ("", None)],
)
def test_a_rollout_is_paused_when_the_controller_says_so(rollout: Any, landed: object) -> None:
    body = None if rollout is None else b"" if rollout == "" else json.dumps(rollout).encode()
    assert PAUSE.landed(Looked(rollout=body), a_change()).landed is landed  # type: ignore[arg-type]
