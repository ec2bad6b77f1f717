"""Clocks that are set an hour on or back in the middle of a run: nothing is measured by them, and no undo comes early or late."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gameday import staging
from gameday.cluster import ObjectRef, Selection
from gameday.kube import KubeCluster
from gameday.log.events import ChangeLanded, Noted, PhaseStarted, RecoveryStarted, RunEnded, VerdictGiven
from gameday.undo.lease import hold_of
from gameday.undo.storing import SecretStore
from tests.e2e.conftest import QUICK, Command, eventually, ours_in, replicas_of
from tests.e2e.held import SLOW, end, fell_behind, hold
from tests.e2e.stepped import MachineClock, ServerClock, server_clock
from tests.e2e.yard import Process

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("as_before")]
HOUR = 3600.0
SETTINGS = pytest.mark.parametrize("seconds", [HOUR, -HOUR], ids=["an hour on", "an hour back"])


@dataclass(frozen=True)
class Stepped(Command):
    """The command, with a wall clock that can be set."""

    clock: MachineClock

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "PYTHONPATH": str(self.clock.folder)}


@pytest.fixture
def stepped(command: Command) -> Stepped:
    return Stepped(command.folder, command.kubeconfig, MachineClock.in_folder(command.folder / "clock"))


def lasted_seconds(command: Command) -> float:
    events = command.events()
    return events[-1].mono - events[0].mono


@SETTINGS
def test_a_machine_whose_clock_is_set_in_a_run_measures_judges_and_undoes_as_ever(
    stepped: Stepped, shop_cluster: KubeCluster, seconds: float
) -> None:
    # Long enough for a renewal after the step, and a deadline that an hour would pass.
    plan = {
        "title": "Stepped",
        "namespaces": ["shop"],
        "deadline": "5m",
        "traffic": {"journey": "checkout", "rate": "30/s"},
        "rounds": [{"experiment": "./quick.yaml", "expect": "deviated"}],
    }
    (stepped.folder / "quick.yaml").write_text(QUICK.replace("pauses: {after: 1}", "pauses: {after: 3}"))
    (stepped.folder / "plan.yaml").write_text(json.dumps(plan))
    running = stepped.start("run", "plan.yaml", "--yes")
    stepped.wait_for(PhaseStarted)
    stepped.clock.set_by(seconds)
    stepped.wait_for(ChangeLanded)
    hold = hold_of(shop_cluster)
    assert hold is not None
    assert hold.seconds_left > 0
    (stored,) = SecretStore(shop_cluster).read()
    assert 0 < stored.shard.deadline - shop_cluster.server_time() <= 61, "by the server's clock"
    stepped.clock.set_by(-seconds)
    goes_as_ever(stepped, running.wait(timeout=120))
    assert lasted_seconds(stepped) < 120
    moved = {event.at[:13] for event in stepped.events()}
    assert len(moved) >= 3, f"the wall clock of the run was set: {moved}"
    report = stepped.run("report", "latest", "--format", "json")
    assert report.returncode == 0, report.stderr
    assert longest_seconds(json.loads(report.stdout)) < 120


def goes_as_ever(command: Command, code: int) -> None:
    """Hold a run to have come to its end as if no clock had been set; a machine that is too busy for the load is told as such."""
    assert command.wait_for(RunEnded).residue == []
    given = command.wait_for(VerdictGiven)
    assert (code, given.verdict) == (0, "deviated") or fell_behind(command), (command.folder / "err.txt").read_text()


def longest_seconds(value: object, name: str = "") -> float:
    """Return the longest time that a report tells."""
    if isinstance(value, dict):
        return max((longest_seconds(item, str(key)) for key, item in value.items()), default=0.0)
    if isinstance(value, list):
        return max((longest_seconds(item, name) for item in value), default=0.0)
    is_time = name.endswith("seconds") and not name.startswith(("deadline", "expected", "rto", "rpo"))
    return float(value) if is_time and isinstance(value, int | float) else 0.0


def test_a_guardian_that_dies_after_its_clock_was_set_is_succeeded_as_ever(stepped: Stepped) -> None:
    (stepped.folder / "quick.yaml").write_text(SLOW)
    running = stepped.start("run", "quick.yaml", "--yes")
    stepped.wait_for(ChangeLanded)
    stepped.clock.set_by(HOUR)
    end(stepped, running, "guardian")
    assert running.wait(timeout=60) == 4
    assert stepped.wait_for(RunEnded).residue == []
    assert any(isinstance(event, RecoveryStarted) for event in stepped.events())
    report = stepped.run("report", "latest", "--format", "json")
    assert longest_seconds(json.loads(report.stdout)) < 120, "the same host has the same monotonic clock"


# ------------------------------------------------------------------------------------------------ the server's clock


@pytest.fixture
def server(shop: staging.Running, shop_cluster: KubeCluster, tmp_path: Path) -> Iterator[ServerClock]:
    """Return a way to the cluster on which its clock can be set; its own reaper, which sees another one, is away meanwhile."""
    reaper = ObjectRef("apps/v1", "Deployment", "gameday-system", "gameday-reaper")
    eventually(lambda: shop_cluster.get(reaper))
    shop_cluster.patch(reaper, [{"op": "replace", "path": "/spec/replicas", "value": 0}])
    eventually(lambda: not shop_cluster.list(Selection("v1", "Pod", "gameday-system")))
    with server_clock(shop.kubeconfig, tmp_path) as clock:
        yield clock
    shop_cluster.patch(reaper, [{"op": "replace", "path": "/spec/replicas", "value": 1}])


@pytest.fixture
def reaper(server: ServerClock, tmp_path: Path) -> Iterator[Process]:
    """Return a reaper that sees that clock."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GAMEDAY_", "KUBECONFIG"))}
    log = tmp_path / "reaper.log"
    with log.open("wb") as stream:
        settings = {"KUBECONFIG": str(server.kubeconfig), "GAMEDAY_REAPER_PORT": "0", "POD_IP": "127.0.0.1"}
        process = subprocess.Popen([sys.executable, "-m", "gameday.undo.reaper"], env={**kept, **settings}, stderr=stream)
    found = Process(process, log)
    found.is_ready()
    yield found
    found.end()


@SETTINGS
def test_a_server_whose_clock_is_set_in_a_run_has_nothing_undone_early_while_the_guardian_lives(
    command: Command, server: ServerClock, reaper: Process, shop_cluster: KubeCluster, seconds: float
) -> None:
    held = hold(command)
    running = command.start("run", "quick.yaml", "--yes", "--kubeconfig", str(server.kubeconfig))
    command.wait_for(ChangeLanded)
    server.set_by(seconds)
    # Another machine looks at the worst moment: before the guardian can have noticed.
    elsewhere = command.run("recover", "--runs", "none", "--no-wait", "--kubeconfig", str(server.kubeconfig))
    assert elsewhere.returncode == 3, elsewhere.stdout
    assert replicas_of(shop_cluster, "payment") == 0
    (stored,) = eventually(lambda: renewed(shop_cluster, seconds))
    assert stored
    held.let_go()
    goes_as_ever(command, running.wait(timeout=60))
    notes = " ".join(event.text for event in command.events() if isinstance(event, Noted))
    assert re.search(rf"clock was set 3(59|60)\d s {'on' if seconds > 0 else 'back'}; lease and record are renewed", notes)
    assert [line["event"] for line in reaper.lines() if line["event"] != "started"] == []


def renewed(cluster: KubeCluster, seconds: float) -> list[bool]:
    """Say whether each record goes by the clock as it was set."""
    left = [item.shard.deadline - seconds - cluster.server_time() for item in SecretStore(cluster).read()]
    return [True for item in left if 0 < item <= 61]


def test_a_run_that_died_is_undone_soon_after_the_servers_clock_was_set_on(
    command: Command, server: ServerClock, reaper: Process, shop_cluster: KubeCluster
) -> None:
    (command.folder / "quick.yaml").write_text(SLOW)
    running = command.start("run", "quick.yaml", "--yes", "--kubeconfig", str(server.kubeconfig))
    command.wait_for(ChangeLanded)
    end(command, running, "command", "guardian", "worker", "load")
    running.wait(timeout=10)
    server.set_by(HOUR)
    # Much sooner than by the clock as it was, with which it would be due a minute after the guardian's last renewal.
    eventually(lambda: ours_in(shop_cluster) == [], timeout_seconds=30, what=reaper.log.read_text)
    assert replicas_of(shop_cluster, "payment") == 2
