"""Ending a run on a real Kubernetes, by hand and by force, and looking at the cluster before one."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import pytest

from gameday.log.events import AbortRequested, ChangeLanded, RunEnded, UndoStarted
from tests.cluster.conftest import Real
from tests.e2e.conftest import QUICK, Command, eventually, ours_in, replicas_of

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("as_before")]


@pytest.fixture
def slow(command: Command) -> Command:
    """Return the command beside an experiment whose method takes a minute, so that there is something to cut."""
    (command.folder / "quick.yaml").write_text(QUICK.replace("pauses: {after: 1}", "pauses: {after: 60}"))
    return command


def kill_everything(command: Command, running: subprocess.Popen[bytes]) -> None:
    """Kill every process of a run, all of them stopped before, since whoever outlives another puts a new one in its place."""
    processes = [running.pid, *(command.process_of(role) for role in ("guardian", "worker", "load"))]
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in processes:
            os.kill(pid, number)
    running.wait(timeout=10)


def test_a_run_is_aborted_from_another_terminal(slow: Command) -> None:
    running = slow.start("run", "quick.yaml", "--yes")
    slow.wait_for(ChangeLanded)
    aborted = slow.run("abort")
    assert aborted.returncode == 0, aborted.stderr
    assert "undone" in aborted.stdout
    assert running.wait(timeout=60) == 4
    abort = slow.wait_for(AbortRequested)
    assert slow.wait_for(UndoStarted).mono - abort.mono < 5, "the undo waited for the activity that was running"
    ended = slow.wait_for(RunEnded)
    assert (ended.exit_code, ended.residue) == (4, [])


def test_a_run_is_aborted_from_another_machine_through_the_cluster(slow: Command) -> None:
    running = slow.start("run", "quick.yaml", "--yes")
    slow.wait_for(ChangeLanded)
    aborted = slow.run("abort", "--runs", "elsewhere")
    assert aborted.returncode == 0, aborted.stderr
    assert running.wait(timeout=60) == 4
    assert slow.wait_for(AbortRequested).reason == "asked for through the cluster"


def test_a_run_all_of_whose_processes_are_killed_is_undone_by_recover_on_another_machine(slow: Command, shop_on: Real) -> None:
    running = slow.start("run", "quick.yaml", "--yes")
    slow.wait_for(ChangeLanded)
    kill_everything(slow, running)
    assert replicas_of(shop_on.cluster, "payment") == 0
    assert ours_in(shop_on.cluster), "what is owed stands in the cluster"
    second = slow.run("run", "quick.yaml", "--yes")
    assert second.returncode == 3
    assert "gameday recover" in second.stderr
    recovered = slow.run("recover", "--runs", "elsewhere")
    assert recovered.returncode == 0, recovered.stderr
    assert "set back to what it was" in recovered.stdout
    assert replicas_of(shop_on.cluster, "payment") == 2
    again = slow.run("recover", "--runs", "elsewhere")
    assert (again.returncode, again.stdout) == (0, "nothing is owed\n")


def test_a_run_all_of_whose_processes_are_killed_is_undone_by_the_clusters_own_reaper(slow: Command, shop_on: Real) -> None:
    running = slow.start("run", "quick.yaml", "--yes")
    slow.wait_for(ChangeLanded)
    kill_everything(slow, running)
    # The record's deadline is at most 60 s after the last sign of life; the reaper looks every 5 s.
    eventually(lambda: not ours_in(shop_on.cluster), timeout_seconds=120, what=lambda: ours_in(shop_on.cluster))
    assert replicas_of(shop_on.cluster, "payment") == 2
    events = json.loads(shop_on.kubectl("get", "events", "-n", "gameday-system", "-o", "json"))["items"]
    assert "Undone" in {event["reason"] for event in events}


def test_doctor_finds_everything_well(command: Command) -> None:
    done = command.run("doctor", "-n", "shop", "-o", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = {check["topic"]: check for check in json.loads(done.stdout)["checks"]}
    assert {found[topic]["state"] for topic in ("cluster", "clock", "namespace gameday-system", "lease", "engine")} == {"ok"}
