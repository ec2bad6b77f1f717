"""The table of undo, cell by cell, on a real cluster: what is set back, what is left alone, and what late requests meet."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Final

import pytest

from gameday.change import MISSING, CreateObject, DeletePod, EvictPod, PatchObject, get_field
from gameday.cluster import ObjectRef
from gameday.errors import ConflictError, NotFoundError, NotNowError, RefusedError, ServerError, UnreachableError
from gameday.kube.answers import UnprocessableError
from gameday.processes import process_id
from gameday.run.inject import perform
from gameday.undo.record import OWED, UNDOING
from gameday.undo.settling import Undoer, held_by_another, holder_here, undo_all, undo_until_settled
from gameday.undo.storing import SecretStore

pytestmark = pytest.mark.e2e
COLOUR: Final = "/data/colour"
ECHO: Final = Path(__file__).parents[1] / "staging" / "cluster" / "echo.py"
MAIN: Final = "/spec/template/spec/containers[name=main]"


@pytest.fixture
def settings(scratch: Any) -> ObjectRef:
    """Return a ConfigMap whose colour is red."""
    return ObjectRef.of(scratch.config_map(colour="red"))


def set_colour(scratch: Any, colour: str) -> None:
    scratch.patch("ConfigMap", "settings", {"op": "replace", "path": COLOUR, "value": colour})


def colour(scratch: Any) -> Any:
    return get_field(scratch.get("ConfigMap", "settings"), COLOUR)


# ------------------------------------------------------------------------------------------------ fields


def test_what_the_run_wrote_is_set_back(books: Any, scratch: Any, settings: ObjectRef) -> None:
    books.patch(settings, fields={COLOUR: "blue"})
    (done,) = books.undo()
    assert done.outcome == "undone"
    assert done.fields == ({"path": COLOUR, "before": "red", "found": "blue", "outcome": "undone"},)
    assert colour(scratch) == "red"
    assert books.opened().entries[0].is_settled


def test_what_is_as_before_is_done_already_and_not_written_again(books: Any, scratch: Any, settings: ObjectRef) -> None:
    books.patch(settings, fields={COLOUR: "blue"})
    set_colour(scratch, "red")
    before = scratch.get("ConfigMap", "settings")
    (done,) = books.undo()
    assert done.outcome == "already"
    assert scratch.get("ConfigMap", "settings") == before


def test_what_somebody_else_wrote_since_is_left_alone_and_told(books: Any, scratch: Any, settings: ObjectRef) -> None:
    books.patch(settings, fields={COLOUR: "blue"})
    set_colour(scratch, "green")
    (done,) = books.undo()
    assert done.outcome == "left_alone"
    assert done.detail == f"somebody else wrote to {settings} since: /data/colour is 'green', was 'red'"
    assert colour(scratch) == "green"
    assert not books.opened().entries[0].is_settled


def test_of_several_fields_each_is_judged_by_itself(books: Any, scratch: Any, settings: ObjectRef) -> None:
    paths = {"/data/a": "1", "/data/b": "2", COLOUR: "blue"}
    books.patch(settings, fields=paths)
    scratch.patch(
        "ConfigMap", "settings", {"op": "replace", "path": "/data/a", "value": "9"}, {"op": "remove", "path": "/data/b"}
    )
    (done,) = books.undo()
    assert {field["path"]: field["outcome"] for field in done.fields} == {
        "/data/a": "left_alone",
        "/data/b": "already",
        COLOUR: "undone",
    }
    assert done.outcome == "left_alone"
    assert scratch.get("ConfigMap", "settings")["data"] == {"a": "9", "colour": "red"}


def test_an_object_that_is_gone_owes_nothing(books: Any, cluster: Any, settings: ObjectRef) -> None:
    books.patch(settings, fields={COLOUR: "blue"})
    cluster.delete(settings)
    (done,) = books.undo()
    assert (done.outcome, done.detail) == ("already", f"{settings} is gone, and with it what was owed")


@pytest.mark.parametrize(("found", "outcome"), [("red", "already"), ("blue", "left_alone"), ("green", "left_alone")])
def test_an_object_that_was_replaced_is_not_ours_to_write(
    *, books: Any, cluster: Any, scratch: Any, settings: ObjectRef, found: str, outcome: str
) -> None:
    books.patch(settings, fields={COLOUR: "blue"})
    cluster.delete(settings)
    scratch.config_map(colour=found)
    (done,) = books.undo()
    assert done.outcome == outcome
    assert colour(scratch) == found


def test_a_field_that_the_run_removed_comes_back(books: Any, scratch: Any, settings: ObjectRef) -> None:
    books.patch(settings, fields={COLOUR: MISSING})
    assert "data" not in scratch.get("ConfigMap", "settings") or colour(scratch) == MISSING
    assert [done.outcome for done in books.undo()] == ["undone"]
    assert colour(scratch) == "red"


def test_a_field_that_was_not_there_goes_again(books: Any, scratch: Any, settings: ObjectRef) -> None:
    books.patch(settings, fields={"/data/size": "9", "/metadata/annotations/note": "x"})
    assert [done.outcome for done in books.undo()] == ["undone"]
    after = scratch.get("ConfigMap", "settings")
    assert after["data"] == {"colour": "red"}
    assert not after["metadata"].get("annotations")


def test_a_field_that_somebody_else_removed_is_left_alone(books: Any, scratch: Any, settings: ObjectRef) -> None:
    books.patch(settings, fields={COLOUR: "blue"})
    scratch.patch("ConfigMap", "settings", {"op": "remove", "path": COLOUR})
    (done,) = books.undo()
    assert done.outcome == "left_alone"
    assert "/data/colour is missing, was 'red'" in done.detail


def test_the_first_pre_image_is_what_comes_back_after_several_writes(books: Any, scratch: Any, settings: ObjectRef) -> None:
    for value in ("blue", "green", "black"):
        books.patch(settings, fields={COLOUR: value})
    assert len(books.debt.entries) == 1
    assert [done.outcome for done in books.undo()] == ["undone"]
    assert colour(scratch) == "red"


def test_a_write_that_was_owed_but_never_made_leaves_the_one_before_to_be_undone(
    books: Any, scratch: Any, settings: ObjectRef
) -> None:
    books.patch(settings, fields={COLOUR: "blue"})
    books.owe(PatchObject(settings, {COLOUR: "green"}))
    assert [done.outcome for done in books.undo()] == ["undone"]
    assert colour(scratch) == "red"


def test_what_a_settled_debt_was_about_has_a_new_pre_image_next_time(books: Any, scratch: Any, settings: ObjectRef) -> None:
    books.patch(settings, fields={COLOUR: "blue"}, round_id="r1")
    books.undo()
    set_colour(scratch, "white")
    books.patch(settings, fields={COLOUR: "blue"}, round_id="r2")
    (done,) = books.undo()
    assert (done.outcome, done.entry.round) == ("undone", "r2")
    assert colour(scratch) == "white"


def test_undoing_twice_is_undoing_once(books: Any, scratch: Any, settings: ObjectRef) -> None:
    books.patch(settings, fields={COLOUR: "blue"})
    books.undo()
    set_colour(scratch, "blue")
    assert books.undo() == []
    assert books.undo(books.opened()) == []
    assert colour(scratch) == "blue"


# ------------------------------------------------------------------------------------------------ lists by key


def env(scratch: Any) -> list[tuple[str, Any]]:
    containers = scratch.get("Deployment", "web", "apps/v1")["spec"]["template"]["spec"]["containers"]
    return [(entry["name"], entry.get("value")) for entry in containers[0]["env"] if entry["name"] != "POD_IP"]


def rewrite_env(scratch: Any, *entries: tuple[str, str]) -> None:
    new = [{"name": name, "value": value} for name, value in entries]
    scratch.patch(
        "Deployment",
        "web",
        {"op": "replace", "path": "/spec/template/spec/containers/0/env", "value": new},
        api_version="apps/v1",
    )


@pytest.fixture
def web(scratch: Any) -> ObjectRef:
    """Return a Deployment without pods, with two environment variables."""
    return ObjectRef.of(scratch.deployment(env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]))


def test_a_list_that_was_reordered_and_added_to_is_undone_by_key(books: Any, scratch: Any, web: ObjectRef) -> None:
    books.patch(web, fields={f"{MAIN}/env[name=B]/value": "broken"})
    rewrite_env(scratch, ("NEW", "x"), ("B", "broken"), ("A", "1"))
    assert [done.outcome for done in books.undo()] == ["undone"]
    assert env(scratch) == [("NEW", "x"), ("B", "2"), ("A", "1")]


def test_an_entry_that_the_run_added_goes_whole(books: Any, scratch: Any, web: ObjectRef) -> None:
    books.patch(web, fields={f"{MAIN}/env[name=FAULT]/value": "on"})
    rewrite_env(scratch, ("FAULT", "on"), ("B", "2"), ("NEW", "x"))
    assert [done.outcome for done in books.undo()] == ["undone"]
    assert env(scratch) == [("B", "2"), ("NEW", "x")]


def test_an_entry_that_the_run_removed_comes_back(books: Any, scratch: Any, web: ObjectRef) -> None:
    books.patch(web, fields={f"{MAIN}/env[name=A]": MISSING})
    rewrite_env(scratch, ("NEW", "x"), ("B", "2"))
    assert [done.outcome for done in books.undo()] == ["undone"]
    assert dict(env(scratch)) == {"NEW": "x", "B": "2", "A": "1"}


def test_several_entries_that_the_run_added_to_one_list_go_together(books: Any, scratch: Any, web: ObjectRef) -> None:
    books.patch(web, fields={f"{MAIN}/env[name=A2]/value": "x", f"{MAIN}/env[name=B2]/value": "y"})
    assert [name for name, _ in env(scratch)][-2:] == ["A2", "B2"]
    assert [done.outcome for done in books.undo()] == ["undone"]
    assert env(scratch) == [("A", "1"), ("B", "2")]


def test_several_entries_of_one_list_are_removed_and_come_back_together(books: Any, scratch: Any, web: ObjectRef) -> None:
    books.patch(web, fields={f"{MAIN}/env[name=A]": MISSING, f"{MAIN}/env[name=B]": MISSING})
    assert env(scratch) == []
    assert [done.outcome for done in books.undo()] == ["undone"]
    assert dict(env(scratch)) == {"A": "1", "B": "2"}


def test_labels_that_all_went_come_back_all(books: Any, scratch: Any, settings: ObjectRef) -> None:
    was = scratch.patch("ConfigMap", "settings", {"op": "add", "path": "/metadata/labels", "value": {"a": "1", "b": "2"}})
    found = scratch.patch("ConfigMap", "settings", {"op": "remove", "path": "/metadata/labels"})
    assert ObjectRef.of(found) == settings
    removed = {f"/metadata/labels/{name}": (value, MISSING) for name, value in (("a", "1"), ("b", "2"))}
    books.debt.owe_writes(found, removed, was=was, by="step relabel", round_id="r1")
    assert [done.outcome for done in books.undo()] == ["undone"]
    assert scratch.get("ConfigMap", "settings")["metadata"]["labels"] == {"a": "1", "b": "2"}


def test_a_step_that_repairs_a_selector_by_one_of_its_labels_does_not_bring_the_fault_back(books: Any, scratch: Any) -> None:
    ref = ObjectRef.of(scratch.service("payment"))
    books.patch(ref, fields={"/spec/selector": {"app": "bad"}})
    was = scratch.get("Service", "payment")
    found = scratch.patch("Service", "payment", {"op": "replace", "path": "/spec/selector/app", "value": "payment"})
    books.debt.owe_writes(found, {"/spec/selector/app": ("bad", "payment")}, was=was, by="step mend", round_id="r1")
    books.undo()
    assert scratch.get("Service", "payment")["spec"]["selector"] == {"app": "payment"}


def test_a_selector_to_which_somebody_else_added_is_left_alone_whatever_a_step_writes_within_it(books: Any, scratch: Any) -> None:
    ref = ObjectRef.of(scratch.service("payment"))
    books.patch(ref, fields={"/spec/selector": {"app": "bad"}})
    was = scratch.patch("Service", "payment", {"op": "add", "path": "/spec/selector/tier", "value": "x"})
    found = scratch.patch("Service", "payment", {"op": "replace", "path": "/spec/selector/app", "value": "canary"})
    books.debt.owe_writes(found, {"/spec/selector/app": ("bad", "canary")}, was=was, by="step mend", round_id="r1")
    assert [done.outcome for done in books.undo()] == ["left_alone"]
    assert scratch.get("Service", "payment")["spec"]["selector"] == {"app": "canary", "tier": "x"}


def test_a_variable_of_the_run_whose_value_a_step_changes_still_goes_whole(books: Any, scratch: Any, web: ObjectRef) -> None:
    books.patch(web, fields={f"{MAIN}/env[name=FAULT]/value": "on"})
    was = scratch.get("Deployment", "web", "apps/v1")
    rewrite_env(scratch, ("A", "1"), ("B", "2"), ("FAULT", "off"))
    found = scratch.get("Deployment", "web", "apps/v1")
    books.debt.owe_writes(found, {f"{MAIN}/env[name=FAULT]/value": ("on", "off")}, was=was, by="step mend", round_id="r1")
    assert [done.outcome for done in books.undo()] == ["undone"]
    assert env(scratch) == [("A", "1"), ("B", "2")]


def test_a_field_that_an_action_writes_around_one_it_owns_already_comes_back(books: Any, scratch: Any) -> None:
    ref = ObjectRef.of(scratch.service("payment"))
    books.patch(ref, fields={"/spec/selector/app": "bad"})
    books.patch(ref, fields={"/spec/selector": {"app": "worse", "tier": "x"}})
    assert [done.outcome for done in books.undo()] == ["undone"]
    assert scratch.get("Service", "payment")["spec"]["selector"] == {"app": "payment"}


def test_a_map_whose_last_key_the_run_removed_and_a_step_wrote_again_comes_back(
    books: Any, scratch: Any, settings: ObjectRef
) -> None:
    books.patch(settings, fields={COLOUR: MISSING})
    was = scratch.get("ConfigMap", "settings")
    assert get_field(was, "/data") == MISSING
    found = scratch.patch("ConfigMap", "settings", {"op": "add", "path": "/data", "value": {"shape": "flat"}})
    books.debt.owe_writes(found, {"/data": (MISSING, {"shape": "flat"})}, was=was, by="step mend", round_id="r1")
    assert [done.outcome for done in books.undo()] == ["undone"]
    assert scratch.get("ConfigMap", "settings")["data"] == {"colour": "red"}


def test_a_taint_goes_and_those_of_others_stay(books: Any, cluster: Any, scratch: Any) -> None:
    name = f"node-of-{scratch.name}"
    ref = ObjectRef.of(cluster.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {}}))
    scratch.cluster_wide.append(ref)
    fields = {"/spec/taints[key=drill]/value": "on", "/spec/taints[key=drill]/effect": "NoSchedule"}
    books.patch(ref, fields=fields)
    found = cluster.get(ref)
    assert {"key": "drill", "value": "on", "effect": "NoSchedule"} in found["spec"]["taints"]
    other = {"key": "maintenance", "effect": "NoSchedule"}
    cluster.patch(ref, [{"op": "add", "path": "/spec/taints/0", "value": other}])
    assert [done.outcome for done in books.undo()] == ["undone"]
    taints = cluster.get(ref)["spec"]["taints"]
    assert other in taints
    assert "drill" not in {taint["key"] for taint in taints}


# ------------------------------------------------------------------------------------------------ requests that come late


def test_a_late_request_finds_the_object_fenced(books: Any, cluster: Any, scratch: Any, settings: ObjectRef) -> None:
    late = books.owe(PatchObject(settings, {COLOUR: "blue"}))
    before = scratch.get("ConfigMap", "settings")
    (done,) = books.undo(confirmed=False)
    assert done.outcome == "already"
    with pytest.raises(ConflictError):
        perform(cluster, late.operation)
    after = scratch.get("ConfigMap", "settings")
    assert after["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]
    assert (after["data"], after["metadata"].get("labels") or {}) == (before["data"], {})


def test_fencing_keeps_labels_as_they_are(books: Any, scratch: Any, settings: ObjectRef) -> None:
    scratch.patch("ConfigMap", "settings", {"op": "add", "path": "/metadata/labels", "value": {"mine": "1"}})
    books.owe(PatchObject(settings, {COLOUR: "blue"}))
    books.undo(confirmed=False)
    assert scratch.get("ConfigMap", "settings")["metadata"]["labels"] == {"mine": "1"}


def test_fencing_a_deployment_leaves_its_replica_set_as_it_is(books: Any, scratch: Any) -> None:
    """Kubernetes copies a Deployment's annotations to its ReplicaSet, where they stay."""
    deployment = ObjectRef.of(scratch.deployment(replicas=1))
    (pod,) = scratch.ready()
    replica_set = pod["metadata"]["ownerReferences"][0]["name"]
    before = scratch.get("ReplicaSet", replica_set, "apps/v1")["metadata"]
    books.owe(PatchObject(deployment, {"/spec/minReadySeconds": 1}))
    books.undo(confirmed=False)
    # Until the controller has seen it all.
    scratch.patch("Deployment", "web", {"op": "replace", "path": "/spec/replicas", "value": 2}, api_version="apps/v1")
    scratch.ready(number=2)
    after = scratch.get("ReplicaSet", replica_set, "apps/v1")["metadata"]
    assert after["annotations"].keys() == before["annotations"].keys()
    assert after["labels"] == before["labels"]


def test_a_late_request_after_the_undo_of_an_earlier_one_conflicts_too(
    books: Any, cluster: Any, scratch: Any, settings: ObjectRef
) -> None:
    books.patch(settings, fields={COLOUR: "blue"})
    late = books.owe(PatchObject(settings, {COLOUR: "green"}))
    books.undo(confirmed=False)
    with pytest.raises(ConflictError):
        perform(cluster, late.operation)
    assert colour(scratch) == "red"


def test_a_late_deletion_finds_its_pod_fenced(books: Any, cluster: Any, scratch: Any) -> None:
    scratch.deployment(replicas=1)
    (pod,) = scratch.ready()
    late = books.owe(DeletePod(ObjectRef.of(pod), 0))
    (done,) = books.undo(confirmed=False)
    assert done.outcome == "already"
    assert "the pod was not lost" in done.detail
    with pytest.raises(ConflictError):
        perform(cluster, late.operation)
    assert [found["metadata"]["uid"] for found in scratch.ready()] == [pod["metadata"]["uid"]]


def test_a_late_creation_is_swept(books: Any, cluster: Any, scratch: Any) -> None:
    late = books.owe(CreateObject(manifest(scratch)))
    books.clock.between = lambda: perform(cluster, late.operation) if len(books.clock.slept) == 1 else None
    (done,) = books.undo(confirmed=False)
    assert done.outcome == "undone"
    assert cluster.get(scratch.ref("ConfigMap", "made")) is None


# ------------------------------------------------------------------------------------------------ pods and created objects


def manifest(scratch: Any, name: str = "made") -> dict[str, Any]:
    metadata = {"name": name, "namespace": scratch.name, "labels": {"mine": "yes"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "b"}}


@pytest.mark.parametrize("kind", [DeletePod, EvictPod])
def test_a_lost_pod_is_undone_when_its_replacement_is_ready(books: Any, scratch: Any, kind: Any) -> None:
    scratch.deployment(replicas=2)
    pods = scratch.ready(number=2)
    books.change(kind(ObjectRef.of(pods[0]), 0))
    (done,) = books.undo(sleep=threading.Event().wait, pod_deadline_seconds=1e9)
    assert done.outcome == "undone"
    assert done.detail == f"deployment {scratch.name}/web has 2 Ready pod(s), as before"
    now = {pod["metadata"]["uid"] for pod in scratch.ready(number=2)}
    assert pods[0]["metadata"]["uid"] not in now
    assert pods[1]["metadata"]["uid"] in now


def test_a_pod_that_is_not_replaced_by_the_deadline_is_residue(books: Any, scratch: Any, tmp_path: Path) -> None:
    barred = tmp_path / "barred"
    script = f"import os, runpy; os.path.exists({str(barred)!r}) and os._exit(1); runpy.run_path({str(ECHO)!r})"
    scratch.deployment(replicas=1, command=["python", "-c", script])
    (pod,) = scratch.ready()
    barred.touch()
    books.change(DeletePod(ObjectRef.of(pod), 0))
    (done,) = books.undo(pod_deadline_seconds=30.0)
    assert (done.outcome, done.detail) == ("residue", f"deployment {scratch.name}/web has 0 of 1 Ready pods 30 s later")
    assert 30.0 <= books.clock.seconds < 31.0
    assert not books.opened().entries[0].is_settled


def test_no_more_pods_are_waited_for_than_the_workload_now_wants(books: Any, scratch: Any) -> None:
    scratch.deployment(replicas=1)
    (pod,) = scratch.ready()
    books.change(DeletePod(ObjectRef.of(pod), 0))
    scratch.patch("Deployment", "web", {"op": "replace", "path": "/spec/replicas", "value": 0}, api_version="apps/v1")
    assert [done.outcome for done in books.undo()] == ["undone"]


def test_a_pod_whose_workload_is_gone_has_nothing_to_wait_for(books: Any, cluster: Any, scratch: Any) -> None:
    scratch.deployment(replicas=1)
    (pod,) = scratch.ready()
    books.change(DeletePod(ObjectRef.of(pod), 0))
    cluster.delete(scratch.ref("Deployment", "web", "apps/v1"))
    assert [done.outcome for done in books.undo()] == ["already"]


def test_a_pod_that_nothing_owns_is_refused_and_not_even_owed(books: Any, scratch: Any) -> None:
    container = {"name": "main", "image": "python:3", "command": ["python", "-c", "input()"]}
    pod = scratch.create("Pod", "alone", spec={"containers": [container]})
    with pytest.raises(RefusedError, match="has no owner that would replace it"):
        books.owe(DeletePod(ObjectRef.of(pod)))
    assert books.store.read(books.run_id) == []


def test_what_the_run_created_is_removed(books: Any, cluster: Any, scratch: Any) -> None:
    books.change(CreateObject(manifest(scratch)))
    made = cluster.get(scratch.ref("ConfigMap", "made"))
    assert made["metadata"]["labels"] == {"mine": "yes", "gameday.dev/run": books.run_id}
    assert [done.outcome for done in books.undo()] == ["undone"]
    assert cluster.get(scratch.ref("ConfigMap", "made")) is None


def test_what_was_created_undone_and_created_again_is_removed_again(books: Any, cluster: Any, scratch: Any) -> None:
    for _ in range(2):
        books.change(CreateObject(manifest(scratch)))
        assert [done.outcome for done in books.undo()] == ["undone"]
        assert cluster.get(scratch.ref("ConfigMap", "made")) is None


def test_what_the_run_created_and_somebody_removed_or_replaced_is_not_ours(books: Any, cluster: Any, scratch: Any) -> None:
    for name in ("gone", "replaced"):
        books.change(CreateObject(manifest(scratch, name)))
        cluster.delete(scratch.ref("ConfigMap", name))
    scratch.config_map("replaced", mine="too")
    assert {done.outcome for done in books.undo()} == {"already"}
    assert cluster.get(scratch.ref("ConfigMap", "replaced"))["data"] == {"mine": "too"}


def test_what_is_there_already_is_not_created_over(books: Any, scratch: Any) -> None:
    scratch.config_map("made")
    with pytest.raises(RefusedError, match="it is not ours to replace"):
        books.owe(CreateObject(manifest(scratch)))


def test_fields_are_set_back_newest_first_and_pods_waited_for_last(books: Any, scratch: Any, settings: ObjectRef) -> None:
    scratch.deployment(replicas=1)
    (pod,) = scratch.ready()
    books.patch(settings, fields={COLOUR: "blue"})
    books.change(CreateObject(manifest(scratch)))
    books.change(DeletePod(ObjectRef.of(pod), 0))
    done = books.undo(sleep=threading.Event().wait, pod_deadline_seconds=1e9)
    assert [item.entry.target.kind + " " + item.entry.target.name for item in done] == [
        "ConfigMap made",
        "ConfigMap settings",
        f"Pod {pod['metadata']['name']}",
    ]


# ------------------------------------------------------------------------------------------------ others at the same objects


class Busy:
    """A cluster in which somebody else writes to the object just before each of our patches."""

    def __init__(self, cluster: Any, times: int) -> None:
        self._cluster, self.left = cluster, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    def patch(self, ref: ObjectRef, operations: Any) -> Any:
        if ref.kind == "ConfigMap" and self.left:
            self.left -= 1
            self._cluster.patch(ref, [{"op": "add", "path": "/data/beat", "value": str(self.left)}])
        return self._cluster.patch(ref, operations)


@pytest.mark.parametrize(("times", "outcome"), [(7, "undone"), (8, "residue")])
def test_an_object_that_a_controller_keeps_writing_is_tried_again_for_a_while(
    *, books: Any, scratch: Any, settings: ObjectRef, times: int, outcome: str
) -> None:
    books.patch(settings, fields={COLOUR: "blue"})
    undoer = Undoer(
        Busy(books.cluster, times),  # the real cluster, with company
        "undoer",
        books.run_id,
        confirmed=frozenset({"e1"}),
        now=books.clock.now,
        sleep=books.clock.sleep,
    )
    (done,) = undo_all(books.debt, undoer, settled=lambda _: None)
    assert done.outcome == outcome
    assert colour(scratch) == ("red" if outcome == "undone" else "blue")


class Away:
    """A cluster that does not answer writes to objects for a while."""

    def __init__(self, cluster: Any, error: Exception, times: int) -> None:
        self._cluster, self._error, self.left = cluster, error, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    def patch(self, ref: ObjectRef, operations: Any) -> Any:
        if self.left:
            self.left -= 1
            raise self._error
        return self._cluster.patch(ref, operations)


@pytest.mark.parametrize("error", [UnreachableError("no answer"), ServerError("answered 503"), NotNowError("answered 429")])
def test_a_server_that_is_away_or_too_busy_is_waited_for_within_patience(
    *, books: Any, scratch: Any, settings: ObjectRef, error: Exception
) -> None:
    books.patch(settings, fields={COLOUR: "blue"})
    told: list[Any] = []

    def undo(times: int) -> None:
        undoer = Undoer(
            Away(books.cluster, error, times),  # the real cluster, with gaps
            "undoer",
            books.run_id,
            patience_seconds=10.0,
            now=books.clock.now,
            sleep=books.clock.sleep,
        )
        undo_until_settled(books.debt, undoer, settled=told.append)

    with pytest.raises(type(error)):
        undo(times=1000)
    assert books.clock.seconds >= 10.0
    assert told == []
    undo(times=3)
    assert [item.outcome for item in told] == ["undone"]
    assert colour(scratch) == "red"


def test_a_record_that_the_server_is_too_busy_to_write_is_written_later(books: Any, scratch: Any, settings: ObjectRef) -> None:
    books.patch(settings, fields={COLOUR: "blue"})

    class Busy(Away):
        def replace(self, obj: Any) -> Any:
            if self.left:
                self.left -= 1
                raise self._error
            return self._cluster.replace(obj)

    debt = books.opened()
    debt.store = SecretStore(Busy(books.cluster, NotNowError("answered 429"), 2))
    assert [done.outcome for done in books.undo(debt)] == ["undone"]
    assert colour(scratch) == "red"


def test_what_the_server_finds_wrong_is_residue_and_does_not_stop_the_rest(books: Any, scratch: Any, settings: ObjectRef) -> None:
    books.patch(settings, fields={COLOUR: "blue"})
    gone = scratch.config_map("gone", colour="red")
    books.cluster.delete(ObjectRef.of(gone))
    books.debt.owe_deleted(gone, by="step mend", round_id="r1")

    class Refusing(Away):
        def create(self, manifest: Any) -> Any:
            raise UnprocessableError(f"the cluster answered 422: {manifest['metadata']['name']}: port is already allocated")

    done: list[Any] = []
    undoer = Undoer(
        Refusing(books.cluster, ServerError("never"), 0), "me", books.run_id, now=books.clock.now, sleep=books.clock.sleep
    )
    undo_until_settled(books.debt, undoer, settled=done.append)
    assert {item.entry.target.name: item.outcome for item in done} == {"gone": "residue", "settings": "undone"}
    assert colour(scratch) == "red"


# ------------------------------------------------------------------------------------------------ several undoers


def test_two_undoers_at_once_undo_once(books: Any, scratch: Any) -> None:
    refs = [ObjectRef.of(scratch.config_map(f"m{number}", colour="red")) for number in range(4)]
    for ref in refs:
        books.patch(ref, fields={COLOUR: "blue"})
    results: dict[str, list[Any]] = {}
    together = threading.Barrier(3)

    def undo(name: str) -> None:
        debt = books.opened()
        together.wait()
        results[name] = books.undo(debt, holder=name, sleep=threading.Event().wait)

    threads = [threading.Thread(target=undo, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(found) for found in results.values()) == [0, 0, 4]
    assert {item.outcome for found in results.values() for item in found} == {"undone"}
    assert all(entry.is_settled for entry in books.opened().entries)
    assert {get_field(scratch.get("ConfigMap", f"m{number}"), COLOUR) for number in range(4)} == {"red"}


class Stopped(Exception):  # noqa: N818  # not an error: a process that ends there
    """The undoer dies here."""


def die(*_: Any) -> None:
    raise Stopped


def hold(books: Any, holder: str) -> None:
    """Leave the record as an undoer leaves it that dies after its first entry."""
    debt = books.opened()
    with pytest.raises(Stopped):
        undo_all(debt, Undoer(Dying(books.cluster), holder, books.run_id), settled=die)


class Dying:
    """A cluster for a process that does not come to write anything more."""

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    def get(self, _: ObjectRef) -> Any:
        raise Stopped


def test_the_hold_of_an_undoer_that_died_elsewhere_ends_when_it_expires(books: Any, scratch: Any, settings: ObjectRef) -> None:
    books.patch(settings, fields={COLOUR: "blue"})
    hold(books, "recover@another-host/1/2")
    (entry,) = books.opened().entries
    assert (entry.state, entry.holder) == (UNDOING, "recover@another-host/1/2")
    now = books.cluster.server_time()
    assert 60 < entry.holder_expires - now < 180
    cluster = Later(books.cluster)
    books.clock.between = lambda: setattr(cluster, "ahead_seconds", books.clock.seconds)
    undoer = Undoer(cluster, "me", books.run_id, now=books.clock.now, sleep=books.clock.sleep)
    told: list[Any] = []
    undo_until_settled(books.opened(), undoer, settled=told.append)
    assert [item.outcome for item in told] == ["undone"]
    assert 60 < books.clock.seconds < 180
    assert colour(scratch) == "red"


def test_such_a_hold_ends_by_our_own_clock_where_the_servers_was_set_back_since(
    books: Any, scratch: Any, settings: ObjectRef
) -> None:
    books.patch(settings, fields={COLOUR: "blue"})
    hold(books, "recover@another-host/1/2")
    undoer = Undoer(books.cluster, "me", books.run_id, now=books.clock.now, sleep=books.clock.sleep)
    told: list[Any] = []
    # The cluster's time stands still by its clock, so that by it the hold lasts.
    undo_until_settled(books.opened(), undoer, settled=told.append)
    assert [item.outcome for item in told] == ["undone"]
    assert 100 < books.clock.seconds < 180
    assert colour(scratch) == "red"


class Later:
    """A cluster whose clock is wound on, and stands still otherwise."""

    def __init__(self, cluster: Any) -> None:
        self._cluster, self._began, self.ahead_seconds = cluster, cluster.server_time(), 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    def server_time(self) -> float:
        return float(self._began + self.ahead_seconds)


def test_the_hold_of_an_undoer_that_died_here_ends_at_once(books: Any, scratch: Any, settings: ObjectRef) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        dead = process_id(other.pid)
        holder = f"{books.run_id}@{socket.gethostname()}/{dead.pid}/{dead.start_ticks}"
        books.patch(settings, fields={COLOUR: "blue"})
        hold(books, holder)
        entries = books.opened().entries
        assert held_by_another(entries, "me", books.cluster.server_time()) == holder
        other.kill()
    assert held_by_another(entries, "me", books.cluster.server_time()) == ""
    assert [done.outcome for done in books.undo(books.opened(), holder="me")] == ["undone"]
    assert books.clock.slept == []
    assert colour(scratch) == "red"


def test_an_undoer_names_itself_so_that_others_can_tell_whether_it_lives(books: Any, settings: ObjectRef) -> None:
    own = process_id(os.getpid())
    assert holder_here("recover") == f"recover@{socket.gethostname()}/{own.pid}/{own.start_ticks}"
    books.patch(settings, fields={COLOUR: "blue"})
    hold(books, holder_here("recover"))
    entries = books.opened().entries
    assert held_by_another(entries, "me", books.cluster.server_time()) == holder_here("recover")
    assert held_by_another(entries, holder_here("recover"), books.cluster.server_time()) == ""


def test_a_record_that_another_undoer_has_cleared_away_owes_nothing(books: Any, settings: ObjectRef) -> None:
    books.patch(settings, fields={COLOUR: "blue"})
    late = books.opened()
    books.undo()
    books.debt.clear()
    assert books.undo(late, holder="late") == []
    assert late.entries == ()


def test_what_the_cluster_forbids_is_residue_and_does_not_stop_the_rest(books: Any, scratch: Any, settings: ObjectRef) -> None:
    books.patch(settings, fields={COLOUR: "blue"})
    other = ObjectRef.of(scratch.config_map("other", colour="red"))
    books.patch(other, fields={COLOUR: "blue"})

    class Forbidding(Away):
        def patch(self, ref: ObjectRef, operations: Any) -> Any:
            if ref.name == "settings":
                raise NotFoundError("the cluster answered 404")
            return self._cluster.patch(ref, operations)

    undoer = Undoer(Forbidding(books.cluster, ServerError("never"), 0), "me", books.run_id, sleep=books.clock.sleep)
    done = undo_all(books.debt, undoer, settled=lambda _: None)
    assert {item.entry.target.name: item.outcome for item in done} == {"other": "undone", "settings": "residue"}
    assert [entry.state for entry in books.opened().entries if entry.state == OWED] == []


# ------------------------------------------------------------------------------------------------ secrets


def test_no_word_about_an_undo_holds_a_secret(books: Any, scratch: Any) -> None:
    ref = ObjectRef.of(scratch.create("Secret", "db", data={"password": "aHVudGVyMg=="}))
    books.patch(ref, fields={"/data/password": "aHVudGVyMw=="})
    scratch.patch("Secret", "db", {"op": "replace", "path": "/data/password", "value": "aHVudGVyNA=="})
    (done,) = books.undo()
    assert done.outcome == "left_alone"
    assert "aHVudGVy" not in done.detail
    assert "sha256:" in done.detail
    assert "aHVudGVy" not in books.opened().entries[0].detail
