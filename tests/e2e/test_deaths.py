"""Any process of a run may die or freeze; whoever survives undoes, and where none does, `gameday recover`."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence

import pytest

from gameday import staging
from gameday.kube import KubeCluster
from gameday.log.events import ChangeLanded, ChangeOwed, RunEnded
from tests.e2e.conftest import Command, ours_in, replicas_of
from tests.e2e.held import SLOW, WITHOUT_CUSTOMERS, end, hold
from tests.e2e.lying import lying_cluster

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("as_before")]


@pytest.fixture
def slow(command: Command) -> Command:
    """Return the command beside an experiment whose method takes a minute, so that whatever is done comes within it."""
    (command.folder / "quick.yaml").write_text(SLOW)
    return command


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
@pytest.mark.parametrize("victims", [("worker",), ("guardian",), ("guardian", "worker")], ids="+".join)
def test_what_a_run_changed_is_undone_when_processes_of_it_are(
    slow: Command, victims: Sequence[str], number: signal.Signals
) -> None:
    running = slow.start("run", "quick.yaml", "--yes")
    slow.wait_for(ChangeLanded)
    end(slow, running, *victims, number=number)
    assert running.wait(timeout=60) == 4
    ended = slow.wait_for(RunEnded)
    assert ended.residue == []
    assert "undone" in ended.summary


def test_a_run_all_of_whose_processes_are_killed_is_undone_by_recover(slow: Command, shop_cluster: KubeCluster) -> None:
    running = slow.start("run", "quick.yaml", "--yes")
    slow.wait_for(ChangeLanded)
    end(slow, running, "command", "guardian", "worker", "load")
    running.wait(timeout=10)
    assert replicas_of(shop_cluster, "payment") == 0
    assert ours_in(shop_cluster), "what is owed stands in the cluster"
    second = slow.run("run", "quick.yaml", "--yes")
    assert second.returncode == 3
    assert "gameday recover" in second.stderr
    recovered = slow.run("recover")
    assert recovered.returncode == 0, recovered.stderr
    assert "undone" in recovered.stdout
    assert replicas_of(shop_cluster, "payment") == 2
    again = slow.run("recover")
    assert (again.returncode, again.stdout) == (0, "nothing is owed\n")


def test_a_dead_run_is_recovered_from_a_machine_without_its_folder(slow: Command, shop_cluster: KubeCluster) -> None:
    running = slow.start("run", "quick.yaml", "--yes")
    slow.wait_for(ChangeLanded)
    end(slow, running, "command", "guardian", "worker", "load")
    running.wait(timeout=10)
    recovered = slow.run("recover", "--runs", "elsewhere")
    assert recovered.returncode == 0, recovered.stderr
    assert "set back to what it was" in recovered.stdout
    assert replicas_of(shop_cluster, "payment") == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_aborts_and_undoes(slow: Command, number: signal.Signals) -> None:
    running = slow.start("run", "quick.yaml", "--yes")
    slow.wait_for(ChangeOwed)
    running.send_signal(number)
    running.send_signal(number)
    assert running.wait(timeout=60) == 4
    assert "aborted" in (slow.folder / "out.txt").read_text()


def test_a_second_run_is_refused_while_one_is_on(command: Command) -> None:
    held = hold(command, WITHOUT_CUSTOMERS)
    running = command.start("run", "quick.yaml", "--yes")
    command.wait_for(ChangeOwed)
    second = command.run("run", "quick.yaml", "--yes", "--runs", "others")
    assert second.returncode == 3
    assert "gameday recover" in second.stderr
    held.let_go()
    assert running.wait(timeout=60) == 0, (command.folder / "err.txt").read_text()


def test_an_api_server_that_is_gone_for_twenty_seconds_delays_the_undo_and_nothing_else(
    slow: Command, shop: staging.Running, shop_cluster: KubeCluster
) -> None:
    gone_until = [0.0]

    def gone(method: str, path: str) -> int | None:
        del method, path
        return 503 if time.monotonic() < gone_until[0] else None

    with lying_cluster(shop.kubeconfig, slow.folder, gone) as kubeconfig:
        running = slow.start("run", "quick.yaml", "--yes", "--kubeconfig", str(kubeconfig))
        slow.wait_for(ChangeLanded)
        gone_until[0] = time.monotonic() + 20
        os.kill(slow.process_of("worker"), signal.SIGKILL)
        assert running.wait(timeout=90) == 4, (slow.folder / "err.txt").read_text()
        assert time.monotonic() > gone_until[0]
    assert slow.wait_for(RunEnded).residue == []
    assert replicas_of(shop_cluster, "payment") == 2
