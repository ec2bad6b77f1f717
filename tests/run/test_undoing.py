"""Undo as a guardian does it, with its log."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from gameday.change import PatchObject, get_field
from gameday.cluster import ObjectRef
from gameday.log import LogWriter, read
from gameday.log.events import UndoEnded, UndoStarted
from gameday.run.inject import perform
from gameday.run.undoing import Undoing
from gameday.undo.owing import Debt, blank_shard
from gameday.undo.record import Entry
from gameday.undo.storing import FileStore

pytestmark = pytest.mark.e2e


def test_no_disk_is_waited_for_before_something_is_undone(
    books: Any, scratch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.patch(ObjectRef.of(scratch.config_map(colour="red")), fields={"/data/colour": "blue"})
    seen: list[str] = []
    monkeypatch.setattr(os, "fdatasync", lambda _: seen.append(get_field(scratch.get("ConfigMap", "settings"), "/data/colour")))
    log = LogWriter(tmp_path)
    Undoing(log, books.debt, books.cluster, run_id=books.run_id, desk=None).undo_now("for a test")
    assert seen == ["red"]
    log.close()
    assert [type(event) for event in read(tmp_path)] == [UndoStarted, UndoEnded]


def test_what_prepared_a_round_stays_until_it_is_judged_and_goes_with_everything_else_in_an_abort(
    books: Any, scratch: Any, tmp_path: Path
) -> None:
    ref = ObjectRef.of(scratch.config_map(colour="red", shape="round"))
    for fields, prepares in (({"/data/colour": "blue"}, True), ({"/data/colour": "black", "/data/shape": "flat"}, False)):
        owed = books.debt.owe(PatchObject(ref, fields), by="act", round_id="r1", prepares=prepares)
        perform(books.cluster, owed.operation)
    log = LogWriter(tmp_path)
    undoing = Undoing(log, books.debt, books.cluster, run_id=books.run_id, desk=None)

    def now() -> tuple[str, str]:
        found = scratch.get("ConfigMap", "settings")
        return found["data"]["colour"], found["data"]["shape"]

    undoing.undo_now("the fault is over", keep_prepared=True)
    assert now() == ("blue", "round")
    undoing.undo_now("the run is over")
    assert now() == ("red", "round")
    log.close()


def test_a_rollback_that_one_undo_is_playing_is_not_played_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a round is aborted while it undoes: its thread goes on."""
    debt = Debt(FileStore(tmp_path), None, blank_shard("run", tmp_path, cluster_uid=""))
    debt.owe_rollbacks(tmp_path / "experiment.yaml", ["put it back"], round_id="r1")
    begun, go_on = threading.Event(), threading.Event()
    played: list[str] = []

    def play(entry: Entry, **_: Any) -> str:
        played.append(entry.by)
        begun.set()
        assert go_on.wait(30)
        return ""

    monkeypatch.setattr("gameday.run.undoing.carry_out", play)
    log = LogWriter(tmp_path)
    undoing = Undoing(log, debt, None, run_id="run", desk=None)
    first = threading.Thread(target=undoing.undo_now, args=("the round is over",))
    first.start()
    assert begun.wait(30)
    second = threading.Thread(target=undoing.undo_now, args=("the run was aborted",))
    second.start()
    second.join(0.3)
    go_on.set()
    for thread in (first, second):
        thread.join(30)
    log.close()
    assert played == ["put it back"]
    assert [(type(event), getattr(event, "outcome", "")) for event in read(tmp_path)] == [
        (UndoStarted, ""),
        (UndoEnded, "undone"),
    ]
