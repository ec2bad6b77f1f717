"""A run that is killed when it holds the cluster and owes nothing yet: who is told what, and when others may go on."""

from __future__ import annotations

import signal
from datetime import UTC, datetime
from typing import Any

import pytest

from gameday.kube import KubeCluster
from gameday.log.events import ChangeOwed, LeaseAcquired, PhaseStarted
from gameday.undo.lease import LEASE, hold_of
from tests.e2e.conftest import QUICK, Command, ours_in
from tests.e2e.held import end

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("as_before")]


@pytest.fixture
def dead(command: Command, shop_cluster: KubeCluster) -> str:
    """Return a run all of whose processes are killed after it has taken the Lease, and before its first change."""
    (command.folder / "quick.yaml").write_text(QUICK.replace("baseline: 1s", "baseline: 20s"))
    running = command.start("run", "quick.yaml", "--yes")
    command.wait_for(PhaseStarted)
    end(command, running, "command", "guardian", "worker", "load")
    running.wait(timeout=10)
    assert not any(isinstance(event, ChangeOwed) for event in command.events())
    assert ours_in(shop_cluster) == ["gameday"], "the Lease, and no record"
    return next((command.folder / "runs").iterdir()).name


def elsewhere(cluster: KubeCluster, *, ended_in_seconds: float | None = None) -> None:
    """Make the Lease that of another machine, so that nobody here can see its guardian."""
    found: Any = cluster.get(LEASE)
    run_id = found["spec"]["holderIdentity"].partition("@")[0]
    spec = {**found["spec"], "holderIdentity": f"{run_id}@ops-1"}
    if ended_in_seconds is not None:
        moment = datetime.fromtimestamp(cluster.server_time() - 60 + ended_in_seconds, UTC)
        spec["renewTime"] = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    cluster.replace({**found, "spec": spec})


def test_on_its_own_machine_recover_frees_the_cluster_at_once(command: Command, shop_cluster: KubeCluster, dead: str) -> None:
    recovered = command.run("recover", timeout_seconds=40)
    assert recovered.returncode == 0, recovered.stderr
    assert dead in recovered.stdout
    assert ours_in(shop_cluster) == []


def test_on_its_own_machine_it_does_so_from_any_folder(command: Command, shop_cluster: KubeCluster, dead: str) -> None:
    recovered = command.run("recover", "--runs", "others", "--no-wait", timeout_seconds=40)
    assert recovered.returncode == 0, recovered.stderr
    assert f"{dead}: undone (it owed nothing; the Lease that it held is released)" in recovered.stdout
    assert ours_in(shop_cluster) == []


def test_from_another_machine_everybody_is_told_who_has_the_cluster_and_when_that_ends(
    command: Command, shop_cluster: KubeCluster, dead: str
) -> None:
    # As if renewed a moment ago, so that it lasts until all have been asked; not just now, since clocks differ by a second.
    elsewhere(shop_cluster, ended_in_seconds=55)
    hold = hold_of(shop_cluster)
    assert hold is not None
    told = f"{dead}@ops-1, since {hold.since}; unless its guardian renews it, that ends at {hold.ends}, in "
    second = command.run("run", "quick.yaml", "--yes", "--runs", "others")
    assert (second.returncode, told in second.stderr, "gameday recover" in second.stderr) == (3, True, True), second.stderr
    recovered = command.run("recover", "--runs", "none", "--no-wait")
    assert (recovered.returncode, told in recovered.stdout) == (3, True), recovered.stdout
    assert f"{dead}: held (it owes nothing yet, and holds the cluster: " in recovered.stdout
    assert told in command.run("status", "--runs", "none").stdout
    assert ours_in(shop_cluster) == ["gameday"], "nobody has taken it from a run that may live"
    # Its folder knows that it is dead, whatever the Lease says of hosts.
    assert command.run("recover").returncode == 0


def test_from_another_machine_recover_waits_for_its_end_and_then_frees_it(
    command: Command, shop_cluster: KubeCluster, dead: str
) -> None:
    # Long enough for the command to be there before that, also on a busy machine.
    elsewhere(shop_cluster, ended_in_seconds=15)
    recovered = command.run("recover", "--runs", "none", timeout_seconds=60)
    assert recovered.returncode == 0, recovered.stderr
    assert f"{dead}: it owes nothing yet, and holds the cluster: {dead}@ops-1" in recovered.stderr
    assert "waiting" in recovered.stderr
    assert ours_in(shop_cluster) == []
    assert command.run("recover", "--runs", "none").stdout == "nothing is owed\n"
    assert command.run("recover").returncode == 0, "its folder is brought to its end, too"


def test_a_run_that_lives_elsewhere_is_left_the_cluster(command: Command, shop_cluster: KubeCluster) -> None:
    (command.folder / "quick.yaml").write_text(QUICK.replace("baseline: 1s", "baseline: 60s"))
    running = command.start("run", "quick.yaml", "--yes")
    command.wait_for(LeaseAcquired)
    recovered = command.run("recover", "--runs", "none", timeout_seconds=60)
    assert recovered.returncode == 3
    assert "is at work; it undoes by itself" in recovered.stdout
    assert ours_in(shop_cluster) == ["gameday"]
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=60) == 4
