"""Content of node agents: what is written, what is refused, and what counts as landed; on a view that is made of objects."""

from __future__ import annotations

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


def test_it_has_landed_when_an_agent_is_not_ready_and_names_the_nodes() -> None:
    found = BREAK.landed(Looked(ready=(True, False, False)), a_change())  # type: ignore[arg-type]
    assert found.landed is True
    assert found.seen == "2 of 3 agents are not Ready: on node-1, node-2"
    assert BREAK.landed(Looked(ready=(True, True)), a_change()).landed is False  # type: ignore[arg-type]
    assert BREAK.landed(Looked(), a_change()).landed is None  # type: ignore[arg-type]


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
