"""What people wrote is owed and logged, against a record and a log that are real, and objects that a test holds."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gameday.change import PatchObject
from gameday.cluster import Json, ObjectRef, Selection
from gameday.errors import UnreachableError
from gameday.guard import Policy
from gameday.log import LogWriter, read
from gameday.log.events import ChangeOwed, Noted, UndoEnded
from gameday.run.people_desk import PeopleDesk
from gameday.undo.owing import Debt, blank_shard
from gameday.undo.storing import FileStore
from gameday.verdict.exits import residue

REF = ObjectRef("apps/v1", "Deployment", "shop", "payment", "u1")


class Shop:
    """The objects of a namespace, as a cluster lists them."""

    def __init__(self) -> None:
        self.payment: Json = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "payment", "namespace": "shop", "uid": "u1", "resourceVersion": "1"},
            "spec": {"replicas": 2},
        }
        self.notes: Json | None = None
        self.is_away = False

    def list(self, selection: Selection) -> Sequence[Json]:
        if self.is_away:
            raise UnreachableError("no answer")
        found = {"Deployment": [self.payment], "ConfigMap": [self.notes] if self.notes else []}.get(selection.kind, [])
        return copy.deepcopy(found)

    def get(self, ref: ObjectRef) -> Json | None:
        return copy.deepcopy(self.payment) if ref.name == "payment" else None

    def server_time(self) -> float:
        return 0.0


class Table:
    def __init__(self, folder: Path) -> None:
        self.shop = Shop()
        cluster: Any = self.shop
        self.log = LogWriter(folder)
        self.debt = Debt(FileStore(folder), cluster, blank_shard("run", folder, cluster_uid="c"))
        self.desk = PeopleDesk(cluster, self.debt, self.log, Policy(namespaces=("shop",)), round_id="one")
        self.desk.watch()

    def fault(self, replicas: int) -> None:
        self.debt.owe(PatchObject(REF.anonymous, {"/spec/replicas": replicas}), by="scale", round_id="one")
        self.shop.payment["spec"]["replicas"] = replicas

    def owed(self) -> list[ChangeOwed]:
        return [event for event in read(self.log.path) if isinstance(event, ChangeOwed)]

    def warnings(self) -> list[str]:
        return [event.text for event in read(self.log.path) if isinstance(event, Noted)]


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    made = Table(tmp_path)
    yield made
    made.log.close()


def test_a_fault_alone_is_nothing_that_people_wrote(table: Table) -> None:
    table.fault(0)
    table.desk.owe()
    assert table.owed() == []
    assert table.desk.set_back() == ""


def test_a_repair_is_owed_once_beside_the_fault_and_the_first_pre_image_stays(table: Table) -> None:
    table.fault(0)
    table.shop.payment["spec"]["replicas"] = 3
    table.desk.owe()
    table.desk.owe()
    [owed] = table.owed()
    assert (owed.by, owed.is_fault, owed.fields) == (
        "step by people",
        False,
        [{"path": "/spec/replicas", "before": 0, "after": 3}],
    )
    [entry] = table.debt.entries
    assert (entry.fields["/spec/replicas"].before, entry.fields["/spec/replicas"].wrote) == (2, [0, 3])


def test_a_repair_of_a_repair_is_owed_too(table: Table) -> None:
    table.fault(0)
    for replicas in (3, 4):
        table.shop.payment["spec"]["replicas"] = replicas
        table.desk.owe()
    assert [event.fields[0]["after"] for event in table.owed()] == [3, 4]
    [entry] = table.debt.entries
    assert entry.fields["/spec/replicas"].before == 2
    assert entry.fields["/spec/replicas"].wrote[-1] == 4


def test_a_fault_that_is_set_back_is_named(table: Table) -> None:
    table.fault(0)
    table.shop.payment["spec"]["replicas"] = 2
    table.desk.owe()
    assert table.owed() == []
    assert table.desk.set_back() == "/spec/replicas of deployment shop/payment"


def test_what_they_created_is_owed_to_be_removed(table: Table) -> None:
    metadata = {"name": "notes", "namespace": "shop", "uid": "u2"}
    table.shop.notes = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "b"}}
    table.desk.owe()
    table.desk.owe()
    [owed] = table.owed()
    assert (owed.kind, owed.summary) == ("create", "created configmap shop/notes")
    assert [entry.created for entry in table.debt.entries] == [True]


def test_what_they_deleted_is_told_once(table: Table) -> None:
    table.shop.notes = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "n", "namespace": "shop", "uid": "u2"}}
    table.desk.watch()
    table.shop.notes = None
    table.desk.owe()
    table.desk.owe()
    assert table.warnings() == ["configmap shop/n was deleted, which is not brought back"]


def test_a_cluster_that_is_away_is_told_and_ends_nothing(table: Table) -> None:
    table.shop.is_away = True
    table.desk.owe()
    assert table.warnings() == ["what people wrote could not be recorded: no answer"]
    table.desk.watch()
    assert "can neither be told nor set back" in table.warnings()[1]


def outcomes(table: Table) -> list[str]:
    return [event.outcome for event in read(table.log.path) if isinstance(event, UndoEnded)]


def test_what_they_wrote_last_while_the_cluster_was_away_is_owed_before_the_undo(table: Table) -> None:
    table.fault(0)
    table.shop.payment["spec"]["replicas"] = 3
    table.shop.is_away = True
    table.desk.owe()
    table.shop.is_away = False
    table.desk.owe_missed()
    table.desk.owe_missed()
    assert [event.fields[0]["after"] for event in table.owed()] == [3]
    assert outcomes(table) == []


def leave_behind(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let people write while the cluster is away, so that nobody can look, however patiently."""
    monkeypatch.setattr("gameday.run.people_desk.PATIENCE_SECONDS", 0.0)
    table.fault(0)
    table.shop.payment["spec"]["replicas"] = 3
    table.shop.is_away = True
    table.desk.owe()
    table.desk.owe_missed()


def test_what_they_wrote_last_and_nobody_could_look_at_is_left_behind_until_it_is_told(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_behind(table, monkeypatch)
    assert residue(read(table.log.path)) == (
        "what people wrote last: could not be told, so what they wrote since the look before was not undone: no answer",
    )
    table.shop.is_away = False
    table.desk.owe_missed()
    assert outcomes(table) == ["residue", "undone"]
    assert residue(read(table.log.path)) == ()
    assert len(table.owed()) == 1


def test_what_was_left_behind_and_is_told_by_a_later_look_is_left_behind_no_more(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the undo outlasts the outage, and whoever ends the run looks once more."""
    leave_behind(table, monkeypatch)
    table.shop.is_away = False
    table.desk.owe()
    table.desk.owe()
    table.desk.owe_missed()
    assert outcomes(table) == ["residue", "undone"]
    assert residue(read(table.log.path)) == ()
    assert len(table.owed()) == 1


def test_what_nobody_foresaw_in_what_they_wrote_is_told_and_keeps_nothing_from_being_undone(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise TypeError("not a map")

    table.shop.payment["spec"]["replicas"] = 3
    with monkeypatch.context() as patched:
        patched.setattr(table.debt, "owe_writes", broken)
        table.desk.owe()
        table.desk.owe_missed()
    assert table.warnings() == ["what people wrote could not be recorded: TypeError: not a map"]
    (left,) = residue(read(table.log.path))
    assert "TypeError: not a map" in left
    table.desk.owe_missed()
    assert residue(read(table.log.path)) == ()
