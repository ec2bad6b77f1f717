"""A server that is away for a moment, fails or is too busy costs a look or a note, and no run its end."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog

from gameday.change import ActionSpec, Evidence, PatchObject
from gameday.cluster import ObjectRef
from gameday.errors import ExitCode, NotNowError, RefusedError, ServerError, UnreachableError
from gameday.kube.answers import error_of
from gameday.log import LogWriter, read
from gameday.log.events import Noted, RunEnded, RunStarted
from gameday.processes import ProcessId
from gameday.run import taking_over
from gameday.run.engine import WorkerEngine
from gameday.run.spec import RunSpec
from gameday.run.taking_over import take_over
from gameday.run.undoing import Undoing
from gameday.undo.owing import Debt, blank_shard
from gameday.undo.reaping import Reaper
from gameday.undo.record import Entry, OwedField, Target
from gameday.undo.storing import FileStore
from gameday.undo.telling import Told

BUSY = error_of(429, b"too many requests, please try again later", "GET /", "https://shop")
ERRORS = pytest.mark.parametrize(
    "error", [UnreachableError("no answer"), ServerError("answered 503"), BUSY], ids=lambda error: type(error).__name__
)


class Refusing:
    """A cluster that holds nothing, and refuses what is asked for by name or created."""

    uid = "here"

    def __init__(self, error: RefusedError) -> None:
        self._error = error

    def identity(self) -> Any:
        return self

    def list(self, _selection: Any) -> list[Any]:
        return []

    def in_pod(self) -> bool:
        return False

    def server_time(self) -> float:
        return 1_700_000_000.0

    def get(self, _ref: ObjectRef) -> Any:
        raise self._error

    def create(self, _manifest: Any) -> Any:
        raise self._error


def test_an_answer_that_says_not_now_is_one_of_the_servers_and_known_as_such() -> None:
    assert isinstance(BUSY, NotNowError)


@ERRORS
def test_a_rollout_that_cannot_be_looked_at_is_told_and_ends_nothing(error: RefusedError, tmp_path: Path) -> None:
    log = LogWriter(tmp_path)
    debt = Debt(FileStore(tmp_path), None, blank_shard("run", tmp_path, cluster_uid=""))
    undoing = Undoing(log, debt, cast("Any", Refusing(error)), run_id="run", desk=None)
    target = Target("apps/v1", "Deployment", "shop", "web", "u")
    entry = Entry(id="e1", round="r1", by="act", target=target, fields={"/spec/replicas": OwedField(2, [0])})
    assert undoing.await_rolled_out([entry]) == f"could not look: {error}"
    log.close()


@ERRORS
def test_a_successor_that_cannot_give_the_lease_back_has_left_nothing_of_the_run(
    error: RefusedError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    RunSpec(run_id="run", directory=str(tmp_path), file="f", shown_file="f").save()
    log = LogWriter(tmp_path)
    log.write(RunStarted(run_id="run", kind="experiment", title="t", source="f", source_digest="d", version="1", host="h"))
    log.close()
    monkeypatch.setattr(taking_over, "_cluster_of", lambda *_: Refusing(error))
    assert take_over(tmp_path, ProcessId(0, 0), "its guardian was killed") == ExitCode.ABORTED
    *_, noted, ended = read(tmp_path)
    assert isinstance(noted, Noted)
    assert noted.text == f"the lease or an undo record is left behind: {error}"
    assert isinstance(ended, RunEnded)
    assert ended.residue == []


class Telling:
    """A line to a guardian that only listens."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def tell(self, message: dict[str, Any]) -> None:
        self.told.append(message["log"])


@ERRORS
def test_a_fault_that_could_not_be_looked_at_is_looked_at_again(error: RefusedError) -> None:
    errors = [error]

    def landed(_view: Any, _changes: Any) -> Evidence:
        if errors:
            raise errors.pop()
        return Evidence(True, "it is there")

    line = Telling()
    engine = WorkerEngine(cast("Any", line), lambda: cast("Any", None), cast("Any", None), round_id="r1")
    change = PatchObject(ObjectRef("v1", "ConfigMap", "shop", "settings"), {"/data/colour": "blue"})
    spec = ActionSpec("act", cast("Any", None), landed)
    assert engine._look(spec, [("c1", change)], by="act") == Evidence(True, "it is there")
    assert [(event["type"], event["landed"]) for event in line.told] == [("change.landed", True)]


def test_a_look_that_took_longer_than_landing_may_is_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stands still while somebody looks shows how it was before it did."""
    now = [0.0]
    monkeypatch.setattr("gameday.run.engine.time", SimpleNamespace(monotonic=lambda: now[0], sleep=lambda _: None))

    def landed(_view: Any, _changes: Any) -> Evidence:
        is_first = now[0] == 0.0
        now[0] = 60.0
        return Evidence(not is_first, "nothing yet" if is_first else "it is there")

    engine = WorkerEngine(cast("Any", Telling()), lambda: cast("Any", None), cast("Any", None), round_id="r1", landing_seconds=1)
    change = PatchObject(ObjectRef("v1", "ConfigMap", "shop", "settings"), {"/data/colour": "blue"})
    assert engine._look(ActionSpec("act", cast("Any", None), landed), [("c1", change)], by="act").landed is True


@ERRORS
def test_a_reaper_that_cannot_write_an_event_goes_on(error: RefusedError) -> None:
    reaper = Reaper(cast("Any", Refusing(error)), threading.Event())
    with structlog.testing.capture_logs() as said:
        reaper._tell(Told("Undone", "run: nothing was left to undo", "record"))
    assert [line["event"] for line in said] == ["no event could be written"]
