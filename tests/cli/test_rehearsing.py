"""`gameday rehearse` as it is typed: at a table, without a cluster."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gameday.log import read
from gameday.log.people import Classified, MomentMarked, RehearsalStarted, StepTicked


def gameday(folder: Path, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gameday", "rehearse", *words],
        cwd=folder,
        input=typed,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_tabletop_is_held_by_what_is_typed_and_ends_with_the_clocks(tmp_path: Path) -> None:
    typed = "fault\nack\ndeclare\nclassify major 30%\ntick 1\ntick 1\nstop 5 o'clock\n"
    roles = ["--role", "incident commander", "--role", "facilitator"]
    held = gameday(tmp_path, "dependency-down", "--no-page", "--terminal", "Ada", *roles, typed=typed)
    assert held.returncode == 4, held.stderr
    assert "Ada, done: See that orders fail" in held.stdout
    assert "\n? " in held.stdout
    assert "Time to declare" in held.stdout
    [run] = (tmp_path / "runs").iterdir()
    events = read(run)
    assert next(event for event in events if isinstance(event, RehearsalStarted)).level == "tabletop"
    assert [event.moment for event in events if isinstance(event, MomentMarked)] == ["fault", "acknowledged", "declared"]
    assert next(event for event in events if isinstance(event, Classified)).affected_percent == 30.0
    assert len([event for event in events if isinstance(event, StepTicked)]) == 1
    assert (run / "report.html").exists()


def test_a_tabletop_is_taken_up_again_where_it_was(tmp_path: Path) -> None:
    begin = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "gameday",
            "rehearse",
            "dependency-down",
            "--no-page",
            "--terminal",
            "Ada",
            "--role",
            "facilitator",
        ],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert begin.stdin is not None
    assert begin.stdout is not None
    begin.stdin.write("fault\n")
    begin.stdin.flush()
    while "fault (Ada)" not in (line := begin.stdout.readline()):
        assert line, "it ended before it told of the fault"
    begin.kill()
    begin.communicate()
    [run] = (tmp_path / "runs").iterdir()
    again = gameday(tmp_path, "dependency-down", "--no-page", "--resume", run.name, "--terminal", "Ada", typed="fault\nend\n")
    assert again.returncode == 0, again.stderr
    assert "? fault was marked already, by Ada" in again.stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["dependency-down", "--level", "table"], 64, "expected one of tabletop, simulated, live"),
        (["dependency-down", "--level", "simulated"], 64, "name one with --log RUN"),
        (["dependency-down", "--log", "x"], 64, "--level simulated"),
        (["dependency-down", "--role", "scribe"], 64, "--terminal NAME"),
        (["dependency-down", "--terminal", "Ada", "--role", "scrib"], 64, "--role: expected of"),
        (["dependency-down", "--level", "live", "--resume", "x"], 64, "only a tabletop is taken up again"),
        (["dependency-down", "--level", "live"], 64, "no terminal to ask at"),
        (["nothing-of-that-name"], 64, "no file, game day or experiment"),
        (["join", "http://127.0.0.1:1/commander", "--name", "Ada"], 64, "expected the link of a page with its token"),
        (["join", "http://127.0.0.1:1/commander#token=x", "--name", "Ada"], 3, "does not answer"),
    ],
)
def test_what_cannot_be_held_is_refused_with_what_to_do(words: list[str], code: int, says: str, tmp_path: Path) -> None:
    found = gameday(tmp_path, *words)
    assert (found.returncode, says in found.stderr) == (code, True), found.stderr


def test_a_record_of_another_plan_is_refused_and_leaves_no_run(tmp_path: Path) -> None:
    record = Path(__file__).parents[1] / "rehearsal" / "record"
    refused = gameday(tmp_path, "dependency-down", "--level", "simulated", "--log", str(record))
    assert refused.returncode == 3
    assert "is no record of this plan" in refused.stderr
    assert [*(tmp_path / "runs").iterdir()] == []
