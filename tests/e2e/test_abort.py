"""What ends a run before its end: another terminal, another machine, a stop condition, the deadline. Each undoes at once."""

from __future__ import annotations

import json

import pytest
import yaml

from gameday.log.events import AbortRequested, ChangeLanded, ChangeOwed, PhaseStarted, RunEnded, UndoStarted
from tests.e2e.conftest import QUICK, Command, eventually
from tests.e2e.held import SLOW

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("as_before")]


@pytest.fixture
def slow(command: Command) -> Command:
    """Return the command beside an experiment whose method takes a minute, so that an abort has something to cut."""
    (command.folder / "quick.yaml").write_text(SLOW)
    return command


def stopped(command: Command, *, by: str) -> AbortRequested:
    """Return the abort that ended the newest run, after holding it to having undone without waiting."""
    abort = next(event for event in command.events() if isinstance(event, AbortRequested))
    undo = next(event for event in command.events() if isinstance(event, UndoStarted))
    ended = next(event for event in command.events() if isinstance(event, RunEnded))
    assert abort.by == by
    assert undo.mono - abort.mono < 5, "the undo waited for the activity that was running"
    assert (ended.exit_code, ended.residue) == (4, [])
    return abort


def test_a_run_is_aborted_from_another_terminal(slow: Command) -> None:
    running = slow.start("run", "quick.yaml", "--yes")
    slow.wait_for(ChangeLanded)
    status = json.loads(slow.run("status", "-o", "json").stdout)
    assert status["runs"][0]["phase"] == "method"
    assert status["holder"].startswith(status["runs"][0]["run"])
    aborted = slow.run("abort")
    assert aborted.returncode == 0, aborted.stderr
    assert "undone" in aborted.stdout
    assert running.wait(timeout=60) == 4
    stopped(slow, by="SIGTERM")
    assert slow.run("status").stdout == "no run is on\n"
    assert slow.run("abort").returncode == 3


def test_an_abort_without_customers_waits_for_no_recovery_of_theirs(slow: Command) -> None:
    (slow.folder / "quick.yaml").write_text(SLOW.replace("    traffic: {journey: checkout, rate: 30/s}\n", ""))
    running = slow.start("run", "quick.yaml", "--yes")
    slow.wait_for(ChangeLanded)
    assert slow.run("abort").returncode == 0
    assert running.wait(timeout=60) == 4
    stopped(slow, by="SIGTERM")
    assert "recovery" not in [event.phase for event in slow.events() if isinstance(event, PhaseStarted)]


def test_a_run_is_aborted_from_another_machine_through_the_cluster(slow: Command) -> None:
    running = slow.start("run", "quick.yaml", "--yes")
    slow.wait_for(ChangeOwed)
    aborted = slow.run("abort", "--runs", "elsewhere")
    assert aborted.returncode == 0, aborted.stderr
    assert running.wait(timeout=60) == 4
    abort = next(event for event in slow.events() if isinstance(event, AbortRequested))
    assert abort.reason == "asked for through the cluster"


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("{success_below: 90, for: 1s}", "success below 90 % for 1 s"),
        (
            "{probe: gameday.probes.workloads.ready, with: {namespace: shop, name: payment}, within: [0, 99], every: 200ms}",
            "gameday.probes.workloads.ready outside 0 to 99",
        ),
    ],
    ids=["samples", "a probe"],
)
def test_a_stop_condition_ends_the_run_whatever_is_running(slow: Command, condition: str, says: str) -> None:
    # A workload that wants nothing has all it wants, so the probe's bounds are breached by the fault itself.
    (slow.folder / "quick.yaml").write_text(SLOW.replace("    baseline: 1s", f"    baseline: 1s\n    stop: [{condition}]"))
    running = slow.start("run", "quick.yaml", "--yes")
    assert running.wait(timeout=60) == 4, (slow.folder / "err.txt").read_text()
    assert says in stopped(slow, by="stop condition").reason


def test_the_deadline_ends_the_run(slow: Command) -> None:
    plan = {
        "title": "Too slow",
        "namespaces": ["shop"],
        # Long enough for a busy machine to have done harm by then, so that there is something to undo.
        "deadline": "20s",
        "traffic": {"journey": "checkout", "rate": "30/s"},
        "rounds": [{"experiment": "./quick.yaml", "expect": "deviated"}],
    }
    (slow.folder / "plan.yaml").write_text(yaml.safe_dump(plan))
    running = slow.start("run", "plan.yaml", "--yes")
    assert running.wait(timeout=90) == 4, (slow.folder / "err.txt").read_text()
    stopped(slow, by="deadline")


def test_a_ci_systems_cancel_undoes(slow: Command) -> None:
    """SIGINT, then SIGTERM, then SIGKILL of the command: the guardian goes on undoing by itself."""
    running = slow.start("run", "quick.yaml", "--yes")
    slow.wait_for(ChangeLanded)
    running.terminate()
    running.kill()
    running.wait(timeout=10)
    eventually(lambda: [event for event in slow.events() if isinstance(event, RunEnded)], timeout_seconds=60)


@pytest.mark.parametrize(
    "condition",
    ["{success_below: 0}", "{success_below: 101}", "{for: 5s}", "{probe: gameday.probes.nothing}", "{success_bellow: 90}"],
)
def test_a_stop_condition_that_makes_no_sense_is_refused_with_its_line(command: Command, condition: str) -> None:
    (command.folder / "quick.yaml").write_text(QUICK.replace("    baseline: 1s", f"    baseline: 1s\n    stop: [{condition}]"))
    ended = command.run("validate", "quick.yaml")
    assert ended.returncode == 64
    assert "quick.yaml:" in ended.stderr
