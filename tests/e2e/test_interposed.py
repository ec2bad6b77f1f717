"""A run with proxies in customers' way that is aborted, or of which no process is left: all of it goes, in the right order."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.cluster import Selection
from gameday.kube import KubeCluster
from gameday.log.events import ChangeLanded, UndoEnded
from tests.e2e.conftest import Command, eventually
from tests.e2e.held import end

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("as_before")]
MARK = "gameday.dev/interposes"


def blocked(command: Command) -> Any:
    """Start the experiment with the blocked store under its weak setting, and return when the fault has landed."""
    process = command.start("run", "storage-blocked-inline", "--yes")

    def landed() -> bool:
        return any(isinstance(event, ChangeLanded) and "met the fault" in event.seen for event in command.events())

    eventually(landed, timeout_seconds=120, what=(command.folder / "err.txt").read_text)
    return process


def proxies(cluster: KubeCluster) -> list[str]:
    return [pod["metadata"]["name"] for pod in cluster.list(Selection("v1", "Pod", "shop", MARK))]


def test_an_abort_switches_the_fault_off_first_and_takes_the_proxies_away_last(
    command: Command, shop_cluster: KubeCluster
) -> None:
    process = blocked(command)
    assert proxies(shop_cluster)
    done = command.run("abort", timeout_seconds=90)
    assert done.returncode == 0, done.stdout + done.stderr
    assert process.wait(60) == 4
    undone = [event.object for event in command.events() if isinstance(event, UndoEnded)]
    assert undone[0] == "configmap shop/objects-gameday-faults"
    assert undone[-1] == "service shop/objects-gameday-origin"
    assert undone.index("service shop/objects") < undone.index("deployment shop/objects-gameday-proxy")
    assert proxies(shop_cluster) == []


def test_what_a_run_without_a_process_left_behind_is_taken_away_from_anywhere(
    command: Command, shop_cluster: KubeCluster
) -> None:
    process = blocked(command)
    end(command, process, "command", "guardian", "worker", "load")
    process.wait(20)
    done = command.run("recover", timeout_seconds=150)
    assert done.returncode == 0, done.stdout + done.stderr
    assert proxies(shop_cluster) == []
