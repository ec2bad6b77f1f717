"""Writing down what is owed before anything may happen: pre-images, requests with preconditions, and shards."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from gameday.change import CreateObject, DeletePod, EvictPod, PatchObject
from gameday.cluster import ObjectRef
from gameday.errors import ConflictError, NoTargetError, RecordError, RefusedError
from gameday.run.inject import from_wire, is_definite, perform, to_wire
from gameday.undo.owing import DEADLINE_SECONDS, Debt, blank_shard
from gameday.undo.record import encode
from gameday.undo.storing import SHARD_BYTES, FileStore

pytestmark = pytest.mark.e2e


def test_what_is_owed_is_written_down_before_anything_is_changed(books: Any, cluster: Any, scratch: Any) -> None:
    made = scratch.config_map(colour="red")
    owed = books.owe(PatchObject(scratch.ref("ConfigMap", "settings"), {"/data/colour": "blue"}), by="act", round_id="r7")
    (stored,) = books.store.read(books.run_id)
    (entry,) = stored.shard.entries.values()
    assert entry == owed.entry
    assert (entry.by, entry.round, entry.target.uid) == ("act", "r7", made["metadata"]["uid"])
    assert entry.fields["/data/colour"].before == "red"
    assert owed.fields == (("/data/colour", "red", "blue"),)
    assert scratch.get("ConfigMap", "settings") == made
    perform(cluster, owed.operation)
    assert scratch.get("ConfigMap", "settings")["data"] == {"colour": "blue"}


def test_a_record_names_its_guardian_and_a_deadline_by_the_servers_clock(books: Any, cluster: Any, scratch: Any) -> None:
    ref = ObjectRef.of(scratch.config_map(colour="red"))
    books.owe(PatchObject(ref, {"/data/colour": "blue"}))
    (stored,) = books.store.read(books.run_id)
    assert stored.shard.guardian_pid == os.getpid()
    assert stored.shard.cluster_uid == cluster.identity().uid
    assert abs(stored.shard.deadline - cluster.server_time() - DEADLINE_SECONDS) < 5
    books.debt.renew(stored.shard.deadline + 100)
    (renewed,) = books.store.read(books.run_id)
    assert renewed.shard.deadline == stored.shard.deadline + 100 + DEADLINE_SECONDS
    assert renewed.shard.entries == stored.shard.entries


def test_a_request_depends_on_the_object_being_as_it_was_seen(books: Any, cluster: Any, scratch: Any) -> None:
    ref = ObjectRef.of(scratch.config_map(colour="red"))
    owed = books.owe(PatchObject(ref, {"/data/colour": "blue"}))
    scratch.patch("ConfigMap", "settings", {"op": "add", "path": "/data/other", "value": "1"})
    with pytest.raises(ConflictError) as caught:
        perform(cluster, owed.operation)
    assert is_definite(caught.value)
    assert scratch.get("ConfigMap", "settings")["data"] == {"colour": "red", "other": "1"}


def test_what_somebody_wrote_between_the_look_and_a_refused_request_is_the_pre_image_of_the_next(
    books: Any, cluster: Any, scratch: Any
) -> None:
    change = PatchObject(ObjectRef.of(scratch.config_map(colour="red")), {"/data/colour": "blue"})
    owed = books.owe(change)
    scratch.patch("ConfigMap", "settings", {"op": "replace", "path": "/data/colour", "value": "green"})
    with pytest.raises(ConflictError):
        perform(cluster, owed.operation)
    again = books.owe(change, refused_before=True)
    assert again.fields == (("/data/colour", "green", "blue"),)
    perform(cluster, again.operation)
    books.undo()
    assert scratch.get("ConfigMap", "settings")["data"] == {"colour": "green"}


def test_a_refused_request_takes_nothing_from_what_was_owed_before_it(books: Any, cluster: Any, scratch: Any) -> None:
    ref = ObjectRef.of(scratch.config_map(colour="red"))
    books.patch(ref, fields={"/data/colour": "blue"})
    owed = books.owe(PatchObject(ref, {"/data/colour": "black"}))
    scratch.patch("ConfigMap", "settings", {"op": "add", "path": "/data/other", "value": "1"})
    with pytest.raises(ConflictError):
        perform(cluster, owed.operation)
    perform(cluster, books.owe(PatchObject(ref, {"/data/colour": "black"}), refused_before=True).operation)
    books.undo()
    assert scratch.get("ConfigMap", "settings")["data"] == {"colour": "red", "other": "1"}


@pytest.mark.parametrize("kind", [DeletePod, EvictPod])
def test_a_request_comes_over_the_line_as_it_was_and_takes_the_pod_away(
    books: Any, cluster: Any, scratch: Any, kind: Any
) -> None:
    scratch.deployment(replicas=1)
    (pod,) = scratch.ready()
    ref = ObjectRef.of(pod)
    owed = books.owe(kind(ref, 0))
    assert owed.entry.pod is not None
    assert (owed.entry.pod.workload.kind, owed.entry.pod.ready_before) == ("Deployment", 1)
    assert from_wire(to_wire(owed.operation)) == owed.operation
    perform(cluster, from_wire(to_wire(owed.operation)))
    scratch.eventually(lambda: cluster.get(ref) is None)


@pytest.mark.parametrize("kind", [PatchObject, DeletePod])
def test_what_is_not_there_is_not_owed(books: Any, scratch: Any, kind: Any) -> None:
    ref = scratch.ref("Pod" if kind is DeletePod else "ConfigMap", "nothing")
    with pytest.raises(NoTargetError, match="is not there"):
        books.owe(kind(ref) if kind is DeletePod else kind(ref, {"/data/a": "b"}))
    assert books.store.read(books.run_id) == []


def test_a_change_to_an_object_that_was_replaced_is_refused(books: Any, cluster: Any, scratch: Any) -> None:
    ref = ObjectRef.of(scratch.config_map(colour="red"))
    cluster.delete(ref)
    scratch.config_map(colour="red")
    with pytest.raises(NoTargetError, match="has been replaced"):
        books.owe(PatchObject(ref, {"/data/colour": "blue"}))


def test_a_creation_carries_the_runs_label_beside_its_own(books: Any, scratch: Any) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "m", "namespace": scratch.name, "labels": {"a": "b"}},
    }
    owed = books.owe(CreateObject(manifest))
    assert owed.operation.body["metadata"]["labels"] == {"a": "b", "gameday.dev/run": books.run_id}
    assert manifest["metadata"] == {"name": "m", "namespace": scratch.name, "labels": {"a": "b"}}


def test_a_record_beyond_the_size_of_a_shard_goes_on_in_another(books: Any, scratch: Any) -> None:
    size = SHARD_BYTES * 2 // 5
    refs = [ObjectRef.of(scratch.config_map(f"large-{number}", text="x" * size)) for number in range(5)]
    for ref in refs:
        books.owe(PatchObject(ref, {"/data/text": "small"}))
    stored = books.store.read(books.run_id)
    assert len(stored) == 3
    assert all(len(encode(item.shard)) <= SHARD_BYTES for item in stored)
    assert sorted(entry.id for item in stored for entry in item.shard.entries.values()) == ["e1", "e2", "e3", "e4", "e5"]
    perform(books.cluster, books.owe(PatchObject(refs[0], {"/data/text": "smaller"})).operation)
    assert len(books.store.read(books.run_id)) == 3
    assert {item.outcome for item in books.undo()} == {"undone", "already"}
    assert scratch.get("ConfigMap", "large-0")["data"]["text"] == "x" * size
    books.debt.clear()
    assert books.store.read(books.run_id) == []


def test_what_is_left_behind_keeps_its_shard_when_the_rest_is_cleared(books: Any, scratch: Any) -> None:
    ref = ObjectRef.of(scratch.config_map(colour="red"))
    books.patch(ref, fields={"/data/colour": "blue"})
    scratch.patch("ConfigMap", "settings", {"op": "replace", "path": "/data/colour", "value": "green"})
    books.undo()
    books.debt.clear()
    (stored,) = books.store.read(books.run_id)
    assert [entry.outcome for entry in stored.shard.owes] == ["left_alone"]


def test_a_run_without_a_cluster_owes_nothing_of_one(tmp_path: Path) -> None:
    debt = Debt(FileStore(tmp_path), None, blank_shard("run", tmp_path, cluster_uid=""))
    with pytest.raises(RefusedError, match="without a cluster; pass --context"):
        debt.owe(PatchObject(ObjectRef("v1", "ConfigMap", "a", "b"), {"/data/x": "y"}), by="x", round_id="r")
    assert list(tmp_path.iterdir()) == []


def test_what_a_shell_block_wrote_is_owed_like_any_other_write(books: Any, scratch: Any) -> None:
    ref = ObjectRef.of(scratch.config_map(colour="red"))
    books.patch(ref, fields={"/data/colour": "blue"})
    was = scratch.get("ConfigMap", "settings")
    found = scratch.patch("ConfigMap", "settings", {"op": "replace", "path": "/data/colour", "value": "green"})
    books.debt.owe_writes(found, {"/data/colour": ("blue", "green")}, was=was, by="step mend", round_id="r1")
    made = ObjectRef.of(scratch.config_map("made"))
    books.debt.owe_created(made, by="step mend", round_id="r1")
    assert {item.outcome for item in books.undo()} == {"undone"}
    assert scratch.get("ConfigMap", "settings")["data"] == {"colour": "red"}
    assert books.cluster.get(made) is None


def test_nothing_more_is_owed_to_be_done_on_a_debt_that_is_closed_but_what_was_done_is(books: Any, scratch: Any) -> None:
    was = scratch.config_map(colour="red")
    ref = ObjectRef.of(was)
    found = scratch.patch("ConfigMap", "settings", {"op": "replace", "path": "/data/colour", "value": "blue"})
    books.debt.close()
    with pytest.raises(RecordError, match="undone for the last time, so nothing more is injected"):
        books.owe(PatchObject(ref, {"/data/colour": "green"}))
    with pytest.raises(RecordError, match="undone for the last time"):
        books.debt.owe_rollbacks(Path("x.yaml"), ["put it back"], round_id="r1")
    assert books.debt.entries == ()
    books.debt.owe_writes(found, {"/data/colour": ("red", "blue")}, was=was, by="step mend", round_id="r1")
    assert [item.outcome for item in books.undo()] == ["undone"]
    assert scratch.get("ConfigMap", "settings")["data"] == {"colour": "red"}
