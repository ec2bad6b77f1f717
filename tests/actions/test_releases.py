"""Releases and the way back, on a real rollout: which fields are written, what counts as landed, what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from gameday.change import MISSING, ActionSpec, PatchObject
from gameday.change.registry import action_named
from gameday.cluster.reading import is_ready
from gameday.errors import BadParameterError, NoTargetError
from gameday.plan import plan_action

pytestmark = pytest.mark.e2e

DEPLOY = action_named("gameday.actions.releases.deploy")
ROLL_BACK = action_named("gameday.actions.releases.roll_back")
MAIN = "/spec/template/spec/containers[name=main]"


def planned(action: ActionSpec, scratch: Any, **arguments: Any) -> Mapping[str, Any]:
    (change,) = action.plan(scratch.cluster, namespace=scratch.name, name="web", **arguments)
    assert isinstance(change, PatchObject)
    return change.fields


def release(books: Any, scratch: Any, **variables: str) -> list[Any]:
    changes = list(DEPLOY.plan(scratch.cluster, namespace=scratch.name, name="web", variables=variables))
    for change in changes:
        books.change(change)
    return changes


def test_a_release_sets_only_what_it_names_each_field_by_itself(scratch: Any) -> None:
    scratch.deployment(env=[{"name": "A", "value": "old"}, {"name": "B", "value": "b"}])
    fields = planned(DEPLOY, scratch, image="python:4", variables={"A": "new", "B": "b", "C": "c"}, args=["-v"])
    assert fields == {
        f"{MAIN}/image": "python:4",
        f"{MAIN}/args": ["-v"],
        f"{MAIN}/env[name=A]/value": "new",
        f"{MAIN}/env[name=C]": {"name": "C", "value": "c"},
    }


def test_an_empty_value_is_written_as_the_api_keeps_it(scratch: Any) -> None:
    scratch.deployment(env=[{"name": "A", "value": "old"}])
    fields = planned(DEPLOY, scratch, variables={"A": "", "B": ""})
    assert fields == {f"{MAIN}/env[name=A]/value": MISSING, f"{MAIN}/env[name=B]": {"name": "B"}}


def test_what_comes_from_elsewhere_is_replaced_as_a_whole(scratch: Any) -> None:
    scratch.deployment()
    fields = planned(DEPLOY, scratch, variables={"POD_IP": "127.0.0.1"})
    assert fields == {f"{MAIN}/env[name=POD_IP]": {"name": "POD_IP", "value": "127.0.0.1"}}


def test_a_release_that_runs_already_changes_nothing(scratch: Any) -> None:
    scratch.deployment(env=[{"name": "A", "value": "a"}])
    assert list(DEPLOY.plan(scratch.cluster, namespace=scratch.name, name="web", variables={"A": "a"}, image="python:3")) == []


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({}, "nothing would be released"),
        ({"variables": {}}, "nothing would be released"),
        ({"variables": {"A": 1}}, "expected variables to be names, each with a text or nothing, but got {'A': 1}"),
        ({"variables": {"A B": "c"}}, "names such as LOG_LEVEL, but got 'A B'"),
        ({"variables": "A=b"}, "expected variables to be names, each with a text"),
        ({"args": "-v"}, "expected args to be a list, each a text or nothing, but got '-v'"),
        ({"image": "a "}, "expected image to be the name of an image, but got 'a '"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_looked_at(arguments: dict[str, Any], part: str) -> None:
    nothing: Any = None
    with pytest.raises(BadParameterError, match=part):
        plan_action(DEPLOY, {"namespace": "shop", "name": "web", **arguments}, nothing, by="test")


def test_of_several_containers_one_has_to_be_named(scratch: Any) -> None:
    two = [{"name": name, "image": "busybox", "command": ["sleep", "60"]} for name in ("one", "two")]
    scratch.deployment(pod={"containers": two})
    with pytest.raises(BadParameterError, match="has the containers one, two; say which one is meant"):
        planned(DEPLOY, scratch, image="busybox:2")
    with pytest.raises(NoTargetError, match=r"expected .* to have a container 'three', but it has one, two"):
        planned(DEPLOY, scratch, image="busybox:2", container="three")
    fields = planned(DEPLOY, scratch, image="busybox:2", container="two")
    assert fields == {"/spec/template/spec/containers[name=two]/image": "busybox:2"}


def test_a_release_that_never_becomes_ready_has_landed_and_takes_no_pod_away(books: Any, scratch: Any) -> None:
    scratch.deployment(replicas=2)
    old = {pod["metadata"]["uid"] for pod in scratch.ready(number=2)}
    changes = list(DEPLOY.plan(scratch.cluster, namespace=scratch.name, name="web", image="nowhere/such:1"))
    assert DEPLOY.landed(scratch.cluster, changes).landed is False
    for change in changes:
        books.change(change)
    found = scratch.eventually(lambda: (seen := DEPLOY.landed(scratch.cluster, changes)).landed and seen)
    assert found.seen == f"1 of 3 pod(s) of deployment {scratch.name}/web are of the release, 0 of them Ready"
    assert {pod["metadata"]["uid"] for pod in scratch.pods() if is_ready(pod)} == old


def test_rolling_back_writes_the_fields_of_the_release_and_no_others(books: Any, scratch: Any) -> None:
    scratch.deployment(replicas=1, env=[{"name": "A", "value": "old"}])
    scratch.ready()
    changes = release(books, scratch, A="new", B="b")
    scratch.eventually(lambda: ROLL_BACK.landed(scratch.cluster, changes).landed)
    assert planned(ROLL_BACK, scratch) == {f"{MAIN}/env[name=A]/value": "old", f"{MAIN}/env[name=B]": MISSING}


def test_after_rolling_back_in_a_run_there_is_nothing_left_to_undo(books: Any, scratch: Any) -> None:
    before = scratch.deployment(replicas=1)["spec"]["template"]
    scratch.ready()
    scratch.eventually(lambda: scratch.get("Deployment", "web", "apps/v1").get("status", {}).get("readyReplicas"))
    changes = release(books, scratch, A="new")
    scratch.eventually(lambda: DEPLOY.landed(scratch.cluster, changes).landed)
    for change in ROLL_BACK.plan(scratch.cluster, namespace=scratch.name, name="web"):
        books.change(change, by="step roll-back")
    assert {item.outcome for item in books.undo()} == {"already"}
    assert scratch.get("Deployment", "web", "apps/v1")["spec"]["template"] == before


def test_there_has_to_be_something_to_go_back_to(scratch: Any) -> None:
    scratch.deployment()
    scratch.eventually(lambda: scratch.get("Deployment", "web", "apps/v1").get("status", {}).get("observedGeneration"))
    with pytest.raises(NoTargetError, match=r"expected an earlier revision .* but none is left\. See: kubectl rollout history"):
        planned(ROLL_BACK, scratch)
