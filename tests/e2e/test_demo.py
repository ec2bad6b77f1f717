"""`gameday demo`, for real: what it prints, how long it may take, and that it leaves nothing behind however it ends."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from pathlib import Path

import pytest

import gameday
from gameday.log.events import ChangeOwed, RunStarted, VerdictGiven
from tests.e2e.conftest import Command, eventually

pytestmark = pytest.mark.e2e
PACKAGE = Path(gameday.__file__).parent


@pytest.fixture
def demo(tmp_path: Path) -> Command:
    return Command(tmp_path, None, patience_seconds=90)


def remains(demo: Command) -> list[str]:
    """Name processes that were started for this demo (they carry its folder in their environment), and its temporary files."""
    marker = f"XDG_RUNTIME_DIR={demo.folder}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                if state not in "ZX" and marker in (entry / "environ").read_bytes().split(b"\0"):
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
    return found + [str(path) for path in (demo.folder / "tmp").glob("*")]


@pytest.fixture(autouse=True)
def own_temporary_folder(demo: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    (demo.folder / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(demo.folder / "tmp"))


def test_a_newcomer_sees_one_round_hold_and_one_deviate_as_expected(demo: Command) -> None:
    started = time.monotonic()
    ended = demo.run("demo")
    took_seconds = time.monotonic() - started
    assert ended.returncode == 0, ended.stderr + ended.stdout
    verdicts = {event.round: event for event in demo.events() if isinstance(event, VerdictGiven)}
    assert verdicts["pod-loss"].verdict == "held"
    assert verdicts["dependency-down"].verdict == "deviated"
    if shutil.which("kubectl"):
        assert verdicts["dependency-down"].runbook == "proven"
    else:
        assert verdicts["dependency-down"].runbook == "void"
        assert "could not be executed: kubectl is not on this machine" in ended.stderr
    assert all(event.recovery is not None for event in verdicts.values())
    assert re.search(r"\b(\d+) of \1 pods Ready", ended.stderr), ended.stderr
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", ended.stderr + ended.stdout), "plain lines where there is no terminal"
    report = Path(ended.stdout.split("Report: ")[1].strip())
    assert report.is_absolute() or (demo.folder / report).exists()
    assert "<html" in (demo.folder / report).read_text()
    eventually(lambda: not remains(demo), timeout_seconds=10, what=lambda: remains(demo))
    # Not a benchmark: the promise that is made to newcomers, generously met.
    assert took_seconds < 90


@pytest.mark.parametrize("presses", [1, 3])
@pytest.mark.parametrize("moment", ["at once", "while the cluster starts", "while the run starts", "while a fault is in place"])
def test_ctrl_c_leaves_nothing_behind(demo: Command, moment: str, presses: int) -> None:
    running = demo.start("demo")
    match moment:
        case "at once":
            time.sleep(0.4)
        case "while the cluster starts":
            eventually(lambda: "pods Ready" in (demo.folder / "err.txt").read_text(), timeout_seconds=60)
        case "while the run starts":
            demo.wait_for(RunStarted)
        case _:
            demo.wait_for(ChangeOwed)
    for _ in range(presses):
        os.killpg(running.pid, signal.SIGINT)
        time.sleep(0.15)
    assert running.wait(timeout=60) != 0
    eventually(lambda: not remains(demo), timeout_seconds=10, what=lambda: remains(demo))
    told = (demo.folder / "err.txt").read_text()
    # On a busy machine Python itself may not have come to us "at once"; then the traceback is its own, of no line of ours.
    assert "Traceback" not in told or (moment == "at once" and str(PACKAGE) not in told), told


def test_the_command_killed_leaves_nothing_behind(demo: Command) -> None:
    running = demo.start("demo")
    demo.wait_for(ChangeOwed)
    running.kill()
    running.wait(timeout=10)
    # The guardian holds the cluster until it has undone; then both end. The folder of a killed command stays: it cannot clear it.
    eventually(lambda: all(line.startswith(str(demo.folder)) for line in remains(demo)), timeout_seconds=60)
