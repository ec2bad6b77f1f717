"""Undo as a guardian does it, with its log."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from gameday.change import PatchObject, get_field
from gameday.cluster import ObjectRef
from gameday.log import LogWriter, read
from gameday.log.events import UndoEnded, UndoStarted
from gameday.run.inject import perform
from gameday.run.undoing import Undoing

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
