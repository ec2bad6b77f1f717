"""The cancel of a CI system: SIGINT, 7.5 s later SIGTERM, 2.5 s later SIGKILL of all that is left of the job."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from gameday.kube import KubeCluster
from gameday.log.events import AbortRequested, ChangeLanded, ChangeOwed, RunEnded, UndoStarted
from gameday.processes import process_id
from tests.crash.scene import pods_ready, snapshot
from tests.e2e.conftest import QUICK, Command, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("as_before")]
# It heeds neither signal, and its child has a session of its own.
STUBBORN = """\
  - type: action
    name: wait for what never comes
    provider:
      type: process
      path: sh
      arguments: ["-c", "trap '' INT TERM; setsid sleep 300; sleep 300"]
"""
BLOCKED = QUICK.replace("    pauses: {after: 1}\n", STUBBORN)
SIGTERM_AFTER_SECONDS, SIGKILL_AFTER_SECONDS = 7.5, 2.5


@pytest.fixture
def before(shop_cluster: KubeCluster) -> dict[str, str]:
    """Return every object of the cluster as it was, once all that comes with it is there."""
    eventually(lambda: pods_ready(shop_cluster).get("gameday-system/gameday-reaper") == 1, timeout_seconds=60)
    return snapshot(shop_cluster)


def cancel(command: Command, running: subprocess.Popen[bytes], *, group: bool) -> None:
    """Do what a CI runner does; it kills whatever carries the job's mark, which is inherited by all that the job started."""

    def send(number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, number) if group else running.send_signal(number)

    send(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        running.wait(timeout=SIGTERM_AFTER_SECONDS)
    send(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        running.wait(timeout=SIGKILL_AFTER_SECONDS)
    send(signal.SIGKILL)
    for pid in of_the_job(command):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def of_the_job(command: Command) -> set[int]:
    """Return the processes that the command has started, at any remove: they have its HOME."""
    mark = f"HOME={command.folder}".encode()
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0") and process_id(int(entry.name)).is_alive:
                    found.add(int(entry.name))
    return found


@pytest.mark.parametrize(
    ("moment", "group"),
    [(ChangeOwed, False), (ChangeLanded, True)],
    ids=["the command", "its process group"],
)
def test_what_a_ci_system_cancels_is_undone_before_it_kills(
    command: Command, shop_cluster: KubeCluster, before: dict[str, str], moment: type, *, group: bool
) -> None:
    (command.folder / "quick.yaml").write_text(BLOCKED)
    running = command.start("run", "quick.yaml", "--yes", "--unguarded")
    command.wait_for(moment)
    guardian = process_id(command.process_of("guardian"))
    if moment is ChangeLanded:
        eventually(lambda: b"setsid" in commands_of(command))
    asked = time.monotonic()
    cancel(command, running, group=group)
    told = (command.folder / "err.txt").read_text() + (command.folder / "out.txt").read_text()
    assert running.wait(timeout=5) == 4, told
    assert time.monotonic() - asked < SIGTERM_AFTER_SECONDS + SIGKILL_AFTER_SECONDS + 1
    events = command.events()
    (abort,) = [event for event in events if isinstance(event, AbortRequested)]
    (undo,) = [event for event in events if isinstance(event, UndoStarted)]
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert (abort.by, ended.exit_code, ended.residue) == ("SIGINT", 4, [])
    assert "aborted and undone" in ended.summary
    assert undo.mono - abort.mono < 2, "the undo waited for the activity that blocks"
    assert not guardian.is_alive
    assert "Traceback" not in next((command.folder / "runs").glob("*/guardian.log")).read_text()
    assert of_the_job(command) == set()
    eventually(lambda: snapshot(shop_cluster) == before, timeout_seconds=60, what=lambda: differences(shop_cluster, before))


def commands_of(command: Command) -> bytes:
    """Return the command lines of all that the command has started."""
    lines = []
    for pid in of_the_job(command):
        with contextlib.suppress(OSError):
            lines.append(Path(f"/proc/{pid}/cmdline").read_bytes())
    return b"\n".join(lines)


def differences(cluster: KubeCluster, before: dict[str, str]) -> list[str]:
    now = snapshot(cluster)
    names = before.keys() | now.keys()
    return [f"{name}: {before.get(name)} → {now.get(name)}" for name in names if before.get(name) != now.get(name)]
