"""Every experiment and every game day that ships, unchanged, on a real Kubernetes: each ends as its file says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from gameday.log.events import RunEnded, VerdictGiven
from gameday.workspace import SHIPPED
from tests.cluster.conftest import Real
from tests.cluster.repeating import at_most_twice
from tests.e2e.conftest import Command

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("as_before")]

EXPERIMENTS = sorted(SHIPPED.glob("experiments/*.yaml"))
GAMEDAYS = sorted(SHIPPED.glob("gamedays/*.yaml"))


@pytest.fixture
def run(command: Command, shop_on: Real, record_property: Callable[[str, object], None]) -> Callable[[Path, float], None]:
    """Return what runs a file, once more if it ends otherwise than expected, and holds the last run to what was expected."""

    def run(file: Path, timeout_seconds: float) -> None:
        done = at_most_twice(
            command,
            *("run", str(file), "--yes"),
            timeout_seconds=timeout_seconds,
            settle=shop_on.settle,
            record_property=record_property,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        ended_well(command, done.stdout)

    return run


def named(path: Path) -> str:
    return path.stem


def ended_well(command: Command, output: str) -> None:
    """Hold the newest run to what was expected of each round, with nothing left behind and no order lost."""
    verdicts = [event for event in command.events() if isinstance(event, VerdictGiven)]
    assert verdicts
    assert [event.verdict for event in verdicts] == [event.expected for event in verdicts], output
    (ended,) = (event for event in command.events() if isinstance(event, RunEnded))
    assert (ended.exit_code, ended.residue) == (0, [])


@pytest.mark.parametrize("file", EXPERIMENTS, ids=named)
def test_an_experiment_ends_as_its_file_says(run: Callable[[Path, float], None], file: Path) -> None:
    run(file, 240)


@pytest.mark.parametrize("file", GAMEDAYS, ids=named)
def test_a_game_day_ends_as_its_file_says(run: Callable[[Path, float], None], shop_on: Real, file: Path) -> None:
    """Its runbooks' steps are executed, with kubectl; a game day runs only on the cluster that its file names."""
    cluster = yaml.safe_load(file.read_text()).get("cluster", "real")
    name = ("label", "--overwrite", "namespace", "gameday-system")
    shop_on.kubectl(*name, f"gameday.dev/cluster-name={cluster}")
    try:
        run(file, 400)
    finally:
        shop_on.kubectl(*name, "gameday.dev/cluster-name=real")


def test_a_game_day_for_another_cluster_is_refused(command: Command) -> None:
    done = command.run("run", "first", "--yes")
    assert done.returncode == 3
    assert "embedded" in done.stderr
    assert command.events() == [] or not [event for event in command.events() if isinstance(event, VerdictGiven)]
