"""Announcing: what cannot be meant is refused, and what is written is not believed until the page says it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from gameday.actions import comms
from gameday.change import PatchObject
from gameday.cluster import HttpAnswer, ObjectRef
from gameday.errors import BadParameterError, ClusterError, NoTargetError


@dataclass
class Cluster:
    """A cluster with one ConfigMap, or none, and a status page that says this, or does not answer."""

    data: dict[str, str] | None
    says: str = ""
    text: str = "Some orders fail. We expect it to work again by 10:30 UTC."
    message: str | None = None

    def get(self, _: ObjectRef) -> Any:
        return None if self.data is None else {"metadata": {"uid": "u1"}, "data": self.data}

    def ask(self, *_: Any) -> HttpAnswer:
        if not self.says:
            raise ClusterError("no endpoints")
        channel = {"name": "page", "state": self.says, "text": self.text, "message": self.message}
        return HttpAnswer(200, json.dumps({"channels": [channel], "messages": []}).encode())


def announced(cluster: Cluster, **more: Any) -> list[Any]:
    arguments = {"namespace": "shop", "state": "identified", "message": "Some orders fail.", **more}
    return list(comms.announce.spec.plan(cluster, **arguments))  # type: ignore[attr-defined]


def test_an_announcement_is_one_field_of_one_config_map() -> None:
    (change,) = announced(Cluster({"incident": "{}", "phone": "{}"}), estimate_minutes=30)
    assert isinstance(change, PatchObject)
    assert change.ref == ObjectRef("v1", "ConfigMap", "shop", "status-incident", "u1")
    assert {path: json.loads(str(value)) for path, value in change.fields.items()} == {
        "/data/incident": {"state": "identified", "message": "Some orders fail.", "estimate_minutes": 30}
    }


def test_what_is_announced_already_is_no_change() -> None:
    (change,) = announced(Cluster({}))
    assert announced(Cluster({"incident": change.fields["/data/incident"]})) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"state": "fine"}, "expected state to be one of operational, investigating"),
        ({"message": " "}, "expected message to be a text for customers"),
        ({"message": 5}, "expected message to be a text for customers"),
        ({"estimate_minutes": 0}, "expected minutes above 0"),
        ({"next_update_minutes": -1}, "expected minutes above 0"),
        ({"next_update_minutes": "soon"}, "expected minutes above 0"),
        ({"estimate_minutes": True}, "expected minutes above 0"),
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(BadParameterError, match=message):
        announced(Cluster({}), **wrong)


def test_without_the_config_map_there_is_nothing_to_announce_with() -> None:
    with pytest.raises(NoTargetError, match="there is no configmap shop/status-incident"):
        announced(Cluster(None))


@pytest.mark.parametrize(("says", "landed"), [("identified", True), ("operational", False), ("", None)])
def test_it_has_landed_when_the_page_says_so(says: str, landed: bool | None) -> None:  # noqa: FBT001 - a row of the table
    changes = announced(Cluster({}))
    evidence = comms.announce.spec.landed(Cluster({}, says), changes)  # type: ignore[attr-defined]
    assert evidence.landed is landed
    assert evidence.seen


@pytest.mark.parametrize(
    ("text", "message", "landed"),
    [
        ("Some orders fail. Again at 10:30 UTC.", "Some orders fail.", True),
        ("Some  orders\nfail.", None, True),
        ("Some orders fail. We work on it.", "Some orders fail. We work on it.", False),
        ("Everything works as usual.", "Everything works as usual.", False),
        ("Awesome orders fail.", None, False),
    ],
    ids=["as announced", "set otherwise", "what stood there begins so", "another text", "part of a word"],
)
def test_a_new_text_under_the_same_state_has_landed_when_the_page_has_it(text: str, message: str | None, landed: object) -> None:
    evidence = comms.announce.spec.landed(  # type: ignore[attr-defined]
        Cluster({}, "identified", text, message), announced(Cluster({}))
    )
    assert evidence.landed is landed
