"""Requests for changes, decided: guarded, owed, logged, counted; and nothing secret in any of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gameday.change import Change, CreateObject, DeletePod, PatchObject
from gameday.change.wire import encode
from gameday.cluster import ObjectRef
from gameday.errors import ConflictError, UnreachableError
from gameday.guard import Policy
from gameday.log import AnyEvent, LogWriter, read
from gameday.log.events import ChangeApplied, ChangeFailed, ChangeOwed, GuardJudged, Noted, UndoEnded
from gameday.run.desk import Desk
from gameday.run.inject import from_wire, is_definite, perform
from gameday.run.looking import LATEST_SECONDS, Looks
from gameday.run.undoing import Undoing

pytestmark = pytest.mark.e2e


class Office:
    """A desk with its log, and a worker that asks it."""

    def __init__(self, books: Any, scratch: Any, directory: Path) -> None:
        self.books, self.directory = books, directory
        self.log = LogWriter(directory)
        self.desk = Desk(books.cluster, books.debt, self.log)
        self.policy = Policy(namespaces=(scratch.name,))

    def ask(self, change: Change, *, again: str = "", policy: Policy | None = None, by: str = "act") -> dict[str, Any]:
        message = {"change": encode(change), "by": by, "again": again}
        return self.desk.change(message, policy or self.policy, "r1")

    def heard(self, answer: dict[str, Any]) -> None:
        self.desk.heard(ChangeApplied(change_id=answer["change_id"], applied_mono=1.0))

    def carry_out(self, change: Change) -> dict[str, Any]:
        """Ask and make it; again, as a worker does, where a controller has written to the object in between."""
        answer = self.ask(change)
        for _ in range(20):
            try:
                perform(self.books.cluster, from_wire(answer["go"]))
            except ConflictError:
                answer = self.ask(change, again=answer["change_id"])
            else:
                self.heard(answer)
                return answer
        raise AssertionError(f"{change.ref} was written to by somebody else each time")

    def events(self, *kinds: type[Any]) -> list[AnyEvent]:
        return [event for event in read(self.directory) if isinstance(event, kinds)]

    def undo(self) -> None:
        Undoing(self.log, self.books.debt, self.books.cluster, run_id=self.books.run_id, desk=self.desk).undo_now("over")


@pytest.fixture
def office(books: Any, scratch: Any, tmp_path: Path) -> Iterator[Office]:
    found = Office(books, scratch, tmp_path)
    yield found
    found.log.close()


def test_an_allowed_change_is_owed_and_logged_before_it_may_be_made(office: Office, scratch: Any) -> None:
    ref = ObjectRef.of(scratch.config_map(colour="red"))
    answer = office.ask(PatchObject(ref, {"/data/colour": "blue"}))
    (event,) = office.events(ChangeOwed)
    assert isinstance(event, ChangeOwed)
    assert (event.change_id, event.by, event.kind, event.object) == (answer["change_id"], "act", "patch", str(ref))
    assert event.fields == [{"path": "/data/colour", "before": "red", "after": "blue"}]
    assert event.entry == office.books.opened().entries[0].id
    assert scratch.get("ConfigMap", "settings")["data"] == {"colour": "red"}
    perform(office.books.cluster, from_wire(answer["go"]))
    assert scratch.get("ConfigMap", "settings")["data"] == {"colour": "blue"}


def test_what_the_guard_refuses_is_neither_owed_nor_made(office: Office, scratch: Any) -> None:
    ref = ObjectRef.of(scratch.config_map(colour="red"))
    answer = office.ask(PatchObject(ref, {"/data/colour": "blue"}), policy=Policy(namespaces=("another",)))
    assert "[namespace-listed]" in answer["refused"]
    (event,) = office.events(GuardJudged, ChangeOwed)
    assert isinstance(event, GuardJudged)
    assert event.findings[0]["rule"] == "namespace-listed"
    assert office.books.store.read(office.books.run_id) == []


def test_what_cannot_be_captured_is_refused_and_noted(office: Office, scratch: Any) -> None:
    answer = office.ask(PatchObject(scratch.ref("ConfigMap", "nothing"), {"/data/colour": "blue"}))
    assert "is not there" in answer["refused"]
    (note,) = office.events(Noted)
    assert isinstance(note, Noted)
    assert "is not there" in note.text


def test_pods_are_counted_over_the_round_and_not_twice_for_one_change(office: Office, scratch: Any) -> None:
    scratch.deployment(replicas=2)
    first, second = (ObjectRef.of(pod) for pod in scratch.ready(number=2))
    answer = office.ask(DeletePod(first, 0))
    again = office.ask(DeletePod(first, 0), again=answer["change_id"])
    assert again.get("change_id") == answer["change_id"], again
    assert len(office.events(ChangeOwed)) == 1
    refused = office.ask(DeletePod(second, 0))
    assert "would take away 2 pods, more than the cap of 1" in refused["refused"]
    office.books.undo()
    assert "go" in office.desk.change({"change": encode(DeletePod(second, 0)), "by": "act"}, office.policy, "another-round")


def test_a_change_asked_for_again_is_announced_again_where_its_pre_image_has_moved(office: Office, scratch: Any) -> None:
    change = PatchObject(ObjectRef.of(scratch.config_map(colour="red")), {"/data/colour": "blue"})
    answer = office.ask(change)
    scratch.patch("ConfigMap", "settings", {"op": "add", "path": "/data/other", "value": "1"})
    assert office.ask(change, again=answer["change_id"])["change_id"] == answer["change_id"]
    assert len(office.events(ChangeOwed)) == 1
    scratch.patch("ConfigMap", "settings", {"op": "replace", "path": "/data/colour", "value": "green"})
    assert office.ask(change, again=answer["change_id"])["change_id"] == answer["change_id"]
    first, second = office.events(ChangeOwed)
    assert isinstance(first, ChangeOwed)
    assert isinstance(second, ChangeOwed)
    assert (first.change_id, first.fields[0]["before"]) == (second.change_id, "red")
    assert second.fields[0]["before"] == "green"


def test_objects_are_counted_over_the_round_each_once(office: Office, scratch: Any) -> None:
    refs = [ObjectRef.of(scratch.config_map(f"m{number}", a="0")) for number in range(3)]
    policy = Policy(namespaces=(scratch.name,), caps={"objects": 2})
    for ref in (refs[0], refs[0], refs[1]):
        assert "go" in office.ask(PatchObject(ref, {"/data/a": "1"}), policy=policy)
    assert "would change 3 objects" in office.ask(PatchObject(refs[2], {"/data/a": "1"}), policy=policy)["refused"]


def test_a_change_is_confirmed_once_its_request_was_answered(office: Office, scratch: Any) -> None:
    ref = ObjectRef.of(scratch.config_map(colour="red"))
    answer = office.ask(PatchObject(ref, {"/data/colour": "blue"}))
    entry = office.books.debt.entries[0].id
    assert office.desk.confirmed == frozenset()
    unanswered = ChangeFailed(change_id=answer["change_id"], error="timed out", definite=is_definite(UnreachableError("x")))
    office.desk.heard(unanswered)
    assert office.desk.confirmed == frozenset()
    office.desk.heard(ChangeFailed(change_id=answer["change_id"], error="no", definite=is_definite(ConflictError("x"))))
    assert office.desk.confirmed == {entry}
    office.ask(PatchObject(ref, {"/data/colour": "green"}))
    assert office.desk.confirmed == frozenset()


def test_what_a_shell_block_wrote_created_and_deleted_is_owed_logged_and_undone(office: Office, scratch: Any) -> None:
    scratch.config_map("settings", colour="red")
    scratch.config_map("doomed", shape="round")
    message = {"by": "step mend"}
    assert office.desk.look(message, office.policy, "r1") == {}
    assert [file.stat().st_mode & 0o777 for file in office.directory.glob("look-*.json")] == [0o600]
    scratch.patch("ConfigMap", "settings", {"op": "replace", "path": "/data/colour", "value": "blue"})
    scratch.config_map("made")
    scratch.cluster.delete(scratch.ref("ConfigMap", "doomed"))
    answer = office.desk.compare(message)
    assert answer == {
        "written": [
            f"deleted configmap {scratch.name}/doomed",
            f"created configmap {scratch.name}/made",
            f"wrote /data/colour of configmap {scratch.name}/settings",
        ]
    }
    owed = [event for event in office.events(ChangeOwed) if isinstance(event, ChangeOwed)]
    assert [(event.kind, event.object, event.by_shell) for event in owed] == [
        ("delete", f"configmap {scratch.name}/doomed", True),
        ("create", f"configmap {scratch.name}/made", True),
        ("patch", f"configmap {scratch.name}/settings", True),
    ]
    assert len(office.events(ChangeApplied)) == 3
    assert list(office.directory.glob("look-*.json")) == []
    office.undo()
    assert {event.outcome for event in office.events(UndoEnded) if isinstance(event, UndoEnded)} == {"undone"}
    assert scratch.get("ConfigMap", "settings")["data"] == {"colour": "red"}
    assert scratch.get("ConfigMap", "doomed")["data"] == {"shape": "round"}
    assert scratch.cluster.get(scratch.ref("ConfigMap", "made")) is None


def test_what_was_deleted_comes_back_as_it_was_before_the_runs_own_writes(office: Office, scratch: Any) -> None:
    ref = ObjectRef.of(scratch.config_map("settings", colour="red"))
    office.carry_out(PatchObject(ref, {"/data/colour": "blue"}))
    office.desk.look({"by": "step mend"}, office.policy, "r1")
    scratch.cluster.delete(ref)
    scratch.config_map("settings", colour="green")
    office.desk.compare({"by": "step mend"})
    office.undo()
    assert scratch.get("ConfigMap", "settings")["data"] == {"colour": "red"}


def test_what_a_shell_block_wrote_that_was_cut_short_is_undone_with_the_rest(office: Office, scratch: Any) -> None:
    scratch.config_map("settings", colour="red")
    office.desk.look({"by": "step mend"}, office.policy, "r1")
    scratch.patch("ConfigMap", "settings", {"op": "replace", "path": "/data/colour", "value": "blue"})
    office.undo()
    assert scratch.get("ConfigMap", "settings")["data"] == {"colour": "red"}
    (note,) = office.events(Noted)
    assert isinstance(note, Noted)
    assert note.text == "step mend was cut short; what it wrote is looked for"


def test_a_successor_finds_the_look_of_a_guardian_that_is_gone(office: Office, scratch: Any) -> None:
    scratch.create("Secret", "db", data={"password": "aHVudGVyMg=="})
    office.desk.look({"by": "step mend"}, office.policy, "r1")
    scratch.patch("Secret", "db", {"op": "replace", "path": "/data/password", "value": "aHVudGVyMw=="})
    Looks(office.books.cluster, office.books.debt, office.log, office.directory).close()
    office.undo()
    assert scratch.get("Secret", "db")["data"] == {"password": "aHVudGVyMg=="}
    assert "aHVudGVy" not in (office.directory / "events.jsonl").read_text()


def test_an_old_look_is_no_reason_to_set_back_what_others_may_have_written(
    office: Office, scratch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch.config_map("settings", colour="red")
    office.desk.look({"by": "step mend"}, office.policy, "r1")
    scratch.patch("ConfigMap", "settings", {"op": "replace", "path": "/data/colour", "value": "blue"})
    later = time.time() + 2 * LATEST_SECONDS
    monkeypatch.setattr("gameday.run.looking.time.time", lambda: later)
    Looks(office.books.cluster, office.books.debt, office.log, office.directory).close()
    (left,) = office.events(UndoEnded)
    assert isinstance(left, UndoEnded)
    assert (left.outcome, left.object) == ("residue", "what step mend wrote")
    assert office.events(ChangeOwed) == []
    (file,) = office.directory.glob("*look-*.json")
    assert str(file) in left.detail


def test_no_secret_stands_in_the_log_from_the_first_request_to_the_last_undo(office: Office, scratch: Any) -> None:
    scratch.create("Secret", "db", data={"password": "aHVudGVyMg=="})
    scratch.deployment(env=[{"name": "DB_PASSWORD", "value": "hunter2"}])
    web = scratch.ref("Deployment", "web", "apps/v1")
    office.carry_out(PatchObject(web, {"/spec/template/spec/containers[name=main]/env[name=DB_PASSWORD]/value": "hunter3"}))
    office.desk.look({"by": "step x"}, office.policy, "r1")
    scratch.patch("Secret", "db", {"op": "replace", "path": "/data/password", "value": "aHVudGVyMw=="})
    side = {"name": "side", "image": "python:3", "env": [{"name": "API_TOKEN", "value": "hunter4"}]}
    scratch.patch(
        "Deployment", "web", {"op": "add", "path": "/spec/template/spec/containers/-", "value": side}, api_version="apps/v1"
    )
    office.desk.compare({"by": "step x"})
    refused = office.ask(PatchObject(scratch.ref("Secret", "db"), {"/data/password": "aHVudGVyNA=="}))
    assert "[protected-kind]" in refused["refused"]
    office.carry_out(
        CreateObject({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "n", "namespace": scratch.name}, "data": {}})
    )
    scratch.patch("Secret", "db", {"op": "replace", "path": "/data/password", "value": "aHVudGVyNQ=="})
    office.undo()
    text = (office.directory / "events.jsonl").read_text()
    assert "hunter" not in text
    assert "aHVudGVy" not in text
    assert text.count("sha256:") >= 6
    assert scratch.get("Secret", "db")["data"] == {"password": "aHVudGVyNQ=="}


def test_an_undo_tells_each_entry_with_what_was_found(office: Office, scratch: Any) -> None:
    ref = ObjectRef.of(scratch.config_map(colour="red"))
    office.carry_out(PatchObject(ref, {"/data/colour": "blue"}))
    office.undo()
    (event,) = office.events(UndoEnded)
    assert isinstance(event, UndoEnded)
    assert (event.outcome, event.object, event.round) == ("undone", str(ref), "r1")
    assert event.fields == [{"path": "/data/colour", "before": "red", "found": "blue", "outcome": "undone"}]
    office.undo()
    assert len(office.events(UndoEnded)) == 1
