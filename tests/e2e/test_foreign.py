"""Anybody's Chaos Toolkit experiment runs under `gameday run`: its exit code is honest, and its rollbacks are carried out."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gameday.log.events import ActivityEnded, ChangeOwed, PhaseStarted, RunEnded, RunStarted, VerdictGiven
from tests.e2e.conftest import Command, eventually
from tests.e2e.held import end

pytestmark = pytest.mark.e2e

RUN = ("run", "foreign.json", "--unguarded", "--yes")
BREAKS_CHAOS_TOOLKIT = {"type": "action", "name": "odd", "provider": {"type": "process", "path": "sleep", "arguments": 1}}


def process(name: str, *words: str, kind: str = "action") -> dict[str, Any]:
    program, *arguments = words
    return {"type": kind, "name": name, "provider": {"type": "process", "path": program, "arguments": arguments}}


def python(name: str, func: str, **arguments: str) -> dict[str, Any]:
    return {"type": "action", "name": name, "provider": {"type": "python", "module": "os", "func": func, "arguments": arguments}}


@pytest.fixture
def alone(tmp_path: Path) -> Command:
    """Return the command without any cluster."""
    return Command(tmp_path, None)


@pytest.fixture
def foreign(alone: Command) -> Callable[..., Path]:
    """Return a function that writes an experiment about two folders: `lost` may go, `service` must stay."""
    lost, service = alone.folder / "lost", alone.folder / "service"
    lost.mkdir()
    service.mkdir()

    def write(**replaced: Any) -> Path:
        document = {
            "version": "1.0.0",
            "title": "A folder goes",
            "description": "Nothing of ours in it.",
            "steady-state-hypothesis": {
                "title": "The service is there",
                "probes": [{**process("it is there", "test", "-d", str(service), kind="probe"), "tolerance": 0}],
            },
            "method": [python("remove it", "rmdir", path=str(lost)), process("say so", "touch", str(alone.folder / "said"))],
            "rollbacks": [python("make it again", "mkdir", path=str(lost)), process("unsay", "rm", str(alone.folder / "said"))],
        }
        path = alone.folder / "foreign.json"
        path.write_text(json.dumps({**document, **replaced}))
        return lost

    return write


def test_a_foreign_experiment_that_holds_is_exit_zero_and_its_rollbacks_ran(alone: Command, foreign: Callable[..., Path]) -> None:
    lost = foreign()
    ended = alone.run(*RUN)
    assert ended.returncode == 0, ended.stderr + ended.stdout
    ran = [(event.phase, event.name) for event in alone.events() if isinstance(event, ActivityEnded)]
    assert ran == [
        ("before", "it is there"),
        ("method", "remove it"),
        ("method", "say so"),
        ("after", "it is there"),
        ("rollbacks", "make it again"),
        ("rollbacks", "unsay"),
    ]
    assert lost.is_dir()
    assert not (alone.folder / "said").exists()


def test_what_nobody_else_saw_is_said_to_be_the_extensions_own_word(alone: Command, foreign: Callable[..., Path]) -> None:
    foreign()
    alone.run(*RUN)
    verdict = next(event for event in alone.events() if isinstance(event, VerdictGiven))
    assert verdict.verdict == "held"
    assert any("'remove it' of another extension" in reason for reason in verdict.reasons)
    started = next(event for event in alone.events() if isinstance(event, RunStarted))
    assert (started.kind, started.unguarded, started.cluster) == ("foreign", True, None)
    assert not any(isinstance(event, ChangeOwed) for event in alone.events())


def test_a_foreign_experiment_that_deviates_is_exit_one_and_its_rollbacks_ran(
    alone: Command, foreign: Callable[..., Path]
) -> None:
    service = alone.folder / "service"
    method = [python("remove the service", "rmdir", path=str(service))]
    foreign(method=method, rollbacks=[python("make it again", "mkdir", path=str(service))])
    assert alone.run(*RUN).returncode == 1
    assert service.is_dir()


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ([python("raise", "rmdir", path="nowhere")], "No such file or directory"),
        ([process("exit", "false")], "exit status 1"),
        ([BREAKS_CHAOS_TOOLKIT], "worker.log"),
        ([], "nothing was changed"),
    ],
    ids=["an action raises", "a process fails", "Chaos Toolkit itself breaks", "there is no action"],
)
def test_an_experiment_that_injected_nothing_is_exit_two(
    alone: Command, foreign: Callable[..., Path], method: list[dict[str, Any]], says: str
) -> None:
    foreign(method=method, rollbacks=[])
    ended = alone.run(*RUN)
    assert ended.returncode == 2, ended.stderr + ended.stdout
    verdict = next(event for event in alone.events() if isinstance(event, VerdictGiven))
    assert any(says in reason for reason in verdict.reasons), verdict.reasons


def test_a_red_baseline_is_exit_two_and_nothing_is_done(alone: Command, foreign: Callable[..., Path]) -> None:
    lost = foreign(rollbacks=[])
    (alone.folder / "service").rmdir()
    assert alone.run(*RUN).returncode == 2
    assert lost.is_dir()
    assert not any(isinstance(event, PhaseStarted) and event.phase == "method" for event in alone.events())


def test_rollbacks_run_although_the_method_failed(alone: Command, foreign: Callable[..., Path]) -> None:
    lost = foreign(method=[python("remove it", "rmdir", path=str(alone.folder / "lost")), process("exit", "false")])
    (alone.folder / "said").touch()
    assert alone.run(*RUN).returncode == 2
    assert lost.is_dir()


@pytest.mark.parametrize("rollback", [process("cannot", "false"), python("cannot", "rmdir", path="nowhere")])
def test_a_rollback_that_fails_is_named_as_left_behind(
    alone: Command, foreign: Callable[..., Path], rollback: dict[str, Any]
) -> None:
    foreign(rollbacks=[rollback])
    ended = alone.run(*RUN)
    assert ended.returncode == 5, ended.stderr + ended.stdout
    over = next(event for event in alone.events() if isinstance(event, RunEnded))
    assert [text for text in over.residue if "rollback cannot" in text and "gameday.run.rollbacks" in text], (
        "the command that fixes it"
    )


def asleep(alone: Command, foreign: Callable[..., Path]) -> Path:
    """Start nothing; write an experiment whose method hangs and whose rollbacks count themselves."""
    count = ["sh", "-c", f"echo rolled back >> {alone.folder / 'count'}"]
    later = process("later", "touch", str(alone.folder / "later"))
    foreign(method=[process("sleep", "sleep", "60"), later], rollbacks=[process("fail", "false"), process("count", *count)])
    return alone.folder / "count"


def in_method(alone: Command) -> bool:
    return any(isinstance(event, PhaseStarted) and event.phase == "method" for event in alone.events())


def test_an_abort_carries_rollbacks_out_once_and_one_that_fails_does_not_stop_the_others(
    alone: Command, foreign: Callable[..., Path]
) -> None:
    count = asleep(alone, foreign)
    running = alone.start(*RUN)
    eventually(lambda: in_method(alone), timeout_seconds=60)
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=60) == 5, "one of them failed"
    assert count.read_text() == "rolled back\n"


@pytest.mark.parametrize("victims", [("worker",), ("guardian",), ("command", "guardian", "worker")], ids="+".join)
def test_rollbacks_are_carried_out_whoever_dies(alone: Command, foreign: Callable[..., Path], victims: tuple[str, ...]) -> None:
    count = asleep(alone, foreign)
    running = alone.start(*RUN)
    eventually(lambda: in_method(alone), timeout_seconds=60)
    end(alone, running, *victims)
    running.wait(timeout=60)
    if "command" in victims:
        recovered = alone.run("recover")
        assert recovered.returncode == 5, recovered.stderr + recovered.stdout
        assert "gameday.run.rollbacks" in recovered.stdout
    alone.wait_for(RunEnded, timeout_seconds=60)
    assert count.read_text() == "rolled back\n"
    assert not (alone.folder / "later").exists(), "nothing of the method begins any more"


def test_without_the_word_for_it_a_foreign_experiment_is_refused(alone: Command, foreign: Callable[..., Path]) -> None:
    lost = foreign()
    ended = alone.run("run", "foreign.json", "--yes")
    assert ended.returncode == 3
    assert "--unguarded" in ended.stderr
    assert lost.is_dir()
