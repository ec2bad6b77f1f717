"""Looks of blocks that were cut short: an undo in between never makes the fault the state to go back to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from gameday.change import Change, CreateObject, PatchObject
from gameday.cluster import ObjectRef
from gameday.errors import UnreachableError
from gameday.log import LogWriter, read
from gameday.log.events import ChangeOwed, Noted, UndoEnded
from gameday.run.inject import perform
from gameday.run.looking import Looks
from gameday.run.undoing import Undoing
from gameday.verdict.exits import residue

pytestmark = pytest.mark.e2e
COLOUR: Final = "/data/colour"
STEP: Final = "step mend"


class Run:
    """A run with a fault and a step that is on, and those who undo it."""

    def __init__(self, books: Any, scratch: Any, folder: Path) -> None:
        self.books, self.scratch, self.folder = books, scratch, folder
        self.log = LogWriter(folder)
        self.settings = ObjectRef.of(scratch.config_map(colour="red", shape="round"))

    def looks(self, cluster: Any = None) -> Looks:
        return Looks(cluster or self.books.cluster, self.books.debt, self.log, self.folder)

    def change(self, change: Change) -> None:
        perform(self.books.cluster, self.books.debt.owe(change, by="act", round_id="r1").operation)

    def fault(self) -> None:
        self.change(PatchObject(self.settings, {COLOUR: "blue"}))

    def write(self, path: str, value: str) -> None:
        self.scratch.patch("ConfigMap", "settings", {"op": "replace", "path": path, "value": value})

    def undo(self) -> None:
        Undoing(self.log, self.books.debt, self.books.cluster, run_id=self.books.run_id, desk=None).undo_now("for a test")

    def lose_the_record(self) -> None:
        """Let the reaper have undone everything: another debt, that of whoever recovers, knows nothing of it."""
        self.books.debt.clear()
        self.books.debt = self.books.opened()

    @property
    def data(self) -> dict[str, str]:
        return dict(self.scratch.get("ConfigMap", "settings")["data"])

    def events(self, kind: type[Any]) -> list[Any]:
        return [event for event in read(self.folder) if isinstance(event, kind)]


@pytest.fixture
def run(books: Any, scratch: Any, tmp_path: Path) -> Iterator[Run]:
    made = Run(books, scratch, tmp_path)
    yield made
    made.log.close()


class Hooked:
    """A cluster that does something before it lists."""

    def __init__(self, cluster: Any, hook: Callable[[], None]) -> None:
        self._cluster, self._hook = cluster, hook

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    def list(self, selection: Any) -> Any:
        self._hook()
        return self._cluster.list(selection)


def away() -> None:
    raise UnreachableError("no answer")


@pytest.mark.parametrize("is_recorded", [True, False])
def test_an_undo_since_the_look_is_not_taken_for_the_blocks_doing(run: Run, *, is_recorded: bool) -> None:
    run.fault()
    run.change(
        CreateObject({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "noise", "namespace": run.scratch.name}})
    )
    assert run.looks().look(STEP, (run.scratch.name,), "r1") == {}
    run.write("/data/shape", "flat")
    run.undo()
    assert run.data == {"colour": "red", "shape": "flat"}
    if not is_recorded:
        run.lose_the_record()
    run.looks().close()
    run.undo()
    assert run.data == {"colour": "red", "shape": "round"}
    assert run.books.cluster.get(run.scratch.ref("ConfigMap", "noise")) is None
    assert [event.summary for event in run.events(ChangeOwed)] == [f"wrote /data/shape of configmap {run.scratch.name}/settings"]


@pytest.mark.parametrize("is_recorded", [True, False])
def test_what_the_block_wrote_over_the_fault_goes_back_to_what_was_before_it(run: Run, *, is_recorded: bool) -> None:
    run.fault()
    run.looks().look(STEP, (run.scratch.name,), "r1")
    run.write(COLOUR, "green")
    if is_recorded:
        run.undo()
    else:
        # As a reaper would have, had the block written a moment later.
        run.write(COLOUR, "blue")
        run.undo()
        run.lose_the_record()
        run.write(COLOUR, "green")
    run.looks().close()
    run.undo()
    assert run.data == {"colour": "red", "shape": "round"}


def test_what_the_block_deleted_is_made_again_without_the_fault(run: Run) -> None:
    run.fault()
    run.looks().look(STEP, (run.scratch.name,), "r1")
    run.books.cluster.delete(run.settings)
    run.undo()
    run.lose_the_record()
    run.looks().close()
    run.undo()
    assert run.data == {"colour": "red", "shape": "round"}


def test_a_look_that_an_undo_has_overtaken_begins_no_block_and_leaves_no_file(run: Run) -> None:
    run.fault()
    begun, over = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        assert over.wait(30)

    looks = run.looks(Hooked(run.books.cluster, wait))
    answers: list[Any] = []
    looking = threading.Thread(target=lambda: answers.append(looks.look(STEP, (run.scratch.name,), "r1")))
    looking.start()
    assert begun.wait(30)
    looks.close()
    run.undo()
    over.set()
    looking.join(30)
    assert answers == [{"refused": "not executed: what is owed was undone while the cluster was looked at"}]
    assert list(run.folder.glob("*look-*")) == []
    looks.close()
    run.undo()
    assert run.data["colour"] == "red"
    assert run.events(ChangeOwed) == []


def test_a_look_in_a_later_round_is_as_good_as_in_the_first(run: Run) -> None:
    looks = run.looks()
    looks.close()
    assert looks.look(STEP, (run.scratch.name,), "r2") == {}
    run.write(COLOUR, "green")
    assert looks.compare(STEP) == {"written": [f"wrote {COLOUR} of configmap {run.scratch.name}/settings"]}


def test_no_block_is_begun_on_a_debt_that_is_closed(run: Run) -> None:
    run.books.debt.close()
    assert "refused" in run.looks().look(STEP, (run.scratch.name,), "r1")
    assert list(run.folder.glob("*look-*")) == []


def test_what_could_not_be_compared_is_left_to_a_person_and_compared_by_nobody_else(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gameday.run.looking.PATIENCE_SECONDS", 0.0)
    run.fault()
    run.looks().look(STEP, (run.scratch.name,), "r1")
    run.looks(Hooked(run.books.cluster, away)).close()
    (left,) = run.events(UndoEnded)
    assert (left.outcome, left.object) == ("residue", f"what {STEP} wrote")
    (file,) = run.folder.glob("*look-*")
    assert str(file) in left.detail
    assert file.stat().st_mode & 0o777 == 0o600
    run.undo()
    run.looks().close()
    assert run.events(ChangeOwed) == []
    assert run.data["colour"] == "red"


def missed(run: Run, monkeypatch: pytest.MonkeyPatch) -> Looks:
    """Let a block write while the server goes away, so that nothing can be compared when it ends; the server is back then."""
    monkeypatch.setattr("gameday.run.looking.PATIENCE_SECONDS", 0.0)
    is_away = False
    looks = run.looks(Hooked(run.books.cluster, lambda: away() if is_away else None))
    looks.look(STEP, (run.scratch.name,), "r1")
    run.write("/data/shape", "flat")
    is_away = True
    assert looks.compare(STEP) == {"refused": "what it wrote could not be recorded: no answer"}
    is_away = False
    return looks


def test_what_could_not_be_compared_when_its_block_ended_is_owed_before_the_undo(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.fault()
    missed(run, monkeypatch).close()
    run.undo()
    assert run.data == {"colour": "red", "shape": "round"}
    assert [event.summary for event in run.events(ChangeOwed)] == [f"wrote /data/shape of configmap {run.scratch.name}/settings"]
    assert residue(run.events(UndoEnded)) == ()
    assert list(run.folder.glob("*look-*")) == []
    (note,) = run.events(Noted)
    assert note.text == f"{STEP} could not be compared when it ended; what it wrote is looked for"


def test_a_successor_owes_what_could_not_be_compared_when_its_block_ended(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.fault()
    missed(run, monkeypatch)
    run.looks().close()
    run.undo()
    assert run.data == {"colour": "red", "shape": "round"}
    assert residue(run.events(UndoEnded)) == ()


def test_what_could_be_compared_neither_then_nor_before_the_undo_is_left_behind_once(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.fault()
    missed(run, monkeypatch)
    run.looks(Hooked(run.books.cluster, away)).close()
    run.looks().close()
    (left,) = run.events(UndoEnded)
    (file,) = run.folder.glob("*look-*")
    assert str(file) in left.detail
    run.undo()
    assert run.data == {"colour": "red", "shape": "flat"}


def test_what_the_run_wrote_over_something_that_could_not_be_compared_hides_it_so_it_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = missed(run, monkeypatch)
    run.change(PatchObject(run.settings, {"/data/shape": "square"}))
    looks.close()
    run.undo()
    (left,) = residue(run.events(UndoEnded))
    (file,) = run.folder.glob("*look-*")
    assert left.startswith(f"what {STEP} wrote: ")
    assert str(file) in left


def test_an_undo_waits_for_a_comparison_that_is_on(run: Run) -> None:
    run.fault()
    begun, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        if begun.is_set():
            assert go_on.wait(30)

    looks = run.looks(Hooked(run.books.cluster, wait))
    looks.look(STEP, (run.scratch.name,), "r1")
    run.write("/data/shape", "flat")
    begun.set()
    comparing = threading.Thread(target=looks.compare, args=(STEP,))
    comparing.start()
    closing = threading.Thread(target=looks.close)
    closing.start()
    closing.join(0.2)
    assert closing.is_alive() or not comparing.is_alive()
    go_on.set()
    for thread in (comparing, closing):
        thread.join(30)
    assert [event.summary for event in run.events(ChangeOwed)] == [f"wrote /data/shape of configmap {run.scratch.name}/settings"]
    run.undo()
    assert run.data == {"colour": "red", "shape": "round"}


def test_a_field_that_no_path_can_name_is_left_behind_and_keeps_nothing_from_being_undone(run: Run) -> None:
    run.fault()
    odd = run.scratch.deployment(env=[{"name": "A[1]", "value": "1"}])
    run.looks().look(STEP, (run.scratch.name,), "r1")
    env = "/spec/template/spec/containers/0/env"
    at = [entry["name"] for entry in odd["spec"]["template"]["spec"]["containers"][0]["env"]].index("A[1]")
    run.scratch.patch("Deployment", "web", {"op": "replace", "path": f"{env}/{at}/value", "value": "2"}, api_version="apps/v1")
    run.looks().close()
    run.undo()
    assert run.data["colour"] == "red"
    assert "residue" in {event.outcome for event in run.events(UndoEnded)}


@pytest.mark.parametrize("where", ["gameday.run.looking.blocks_writes", "gameday.undo.owing.Debt.owe_writes"])
def test_a_write_that_nobody_foresaw_is_left_behind_and_keeps_nothing_from_being_undone(
    run: Run, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise TypeError("not a map")

    run.fault()
    run.looks().look(STEP, (run.scratch.name,), "r1")
    run.write("/data/shape", "flat")
    monkeypatch.setattr(where, broken)
    run.looks().close()
    run.undo()
    assert run.data == {"colour": "red", "shape": "flat"}
    (left,) = residue(run.events(UndoEnded))
    assert "TypeError: not a map" in left


def test_what_somebody_else_added_before_the_block_to_a_field_that_is_owed_as_a_whole_is_left_alone(run: Run) -> None:
    ref = ObjectRef.of(run.scratch.service("payment"))
    run.change(PatchObject(ref, {"/spec/selector": {"app": "bad"}}))
    run.scratch.patch("Service", "payment", {"op": "add", "path": "/spec/selector/tier", "value": "x"})
    looks = run.looks()
    looks.look(STEP, (run.scratch.name,), "r1")
    run.scratch.patch("Service", "payment", {"op": "replace", "path": "/spec/selector/app", "value": "canary"})
    looks.compare(STEP)
    run.undo()
    assert run.scratch.get("Service", "payment")["spec"]["selector"] == {"app": "canary", "tier": "x"}
    assert [event.outcome for event in run.events(UndoEnded)] == ["left_alone"]
