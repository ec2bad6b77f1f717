"""What a deleted object is to be when it is made again, and whether one that is there is as it was."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.change import MISSING, get_field
from gameday.undo.record import Entry, OwedField, Target
from gameday.undo.remaking import as_it_was, is_as_made, set_field

WEB: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": "web",
        "namespace": "shop",
        "uid": "u",
        "resourceVersion": "7",
        "labels": {"app": "web"},
        "managedFields": [{"manager": "x"}],
    },
    "spec": {
        "replicas": 0,
        "containers": [{"name": "main", "env": [{"name": "A", "value": "run"}, {"name": "B", "value": "2"}]}],
    },
    "status": {"replicas": 0},
}


def entry(**fields: OwedField) -> Entry:
    paths = {name.replace("__", "/"): field for name, field in fields.items()}
    return Entry(id="e1", round="r1", by="act", target=Target("apps/v1", "Deployment", "shop", "web", "u"), fields=paths)


def test_what_the_server_gives_is_left_out_and_the_runs_own_writes_are_set_back() -> None:
    owed = Entry(
        id="e1",
        round="r1",
        by="act",
        target=Target("apps/v1", "Deployment", "shop", "web", "u"),
        fields={
            "/spec/replicas": OwedField(2, [0]),
            "/spec/containers[name=main]/env[name=A]/value": OwedField("1", ["run"]),
            "/metadata/labels/mark": OwedField(MISSING, ["1"]),
        },
    )
    made = as_it_was(WEB, [owed])
    assert made["metadata"] == {"name": "web", "namespace": "shop", "labels": {"app": "web"}}
    assert "status" not in made
    assert made["spec"]["replicas"] == 2
    assert made["spec"]["containers"][0]["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    assert WEB["spec"]["replicas"] == 0


def test_what_somebody_else_wrote_since_stays() -> None:
    assert as_it_was(WEB, [entry(__spec__replicas=OwedField(2, [5]))])["spec"]["replicas"] == 0


def test_of_two_entries_the_older_pre_image_counts() -> None:
    older, newer = entry(__spec__replicas=OwedField(3, [2])), entry(__spec__replicas=OwedField(2, [0]))
    assert as_it_was(WEB, [older, newer])["spec"]["replicas"] == 3


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/spec/replicas", 5),
        ("/spec/replicas", MISSING),
        ("/spec/containers[name=main]/env[name=B]", {"name": "B", "value": "9"}),
        ("/spec/containers[name=main]/env[name=B]", MISSING),
        ("/spec/containers[name=main]/env[name=NEW]/value", "x"),
        ("/spec/strategy/type", "Recreate"),
    ],
)
def test_a_field_that_was_set_has_its_value(path: str, value: Any) -> None:
    made = as_it_was(WEB, [])
    set_field(made, path, value)
    assert get_field(made, path) == value


def test_an_object_to_which_the_server_has_added_is_as_it_was_and_another_one_is_not() -> None:
    made = as_it_was(WEB, [])
    there = {**WEB, "spec": {**WEB["spec"], "strategy": {"type": "RollingUpdate"}}}
    assert is_as_made(there, made)
    assert not is_as_made({**WEB, "spec": {**WEB["spec"], "replicas": 9}}, made)
    assert not is_as_made({**WEB, "spec": {**WEB["spec"], "containers": []}}, made)


def test_a_pod_is_not_bound_to_the_node_that_it_was_on() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"nodeName": "n1", "containers": []}}
    assert as_it_was(pod, [])["spec"] == {"containers": []}
