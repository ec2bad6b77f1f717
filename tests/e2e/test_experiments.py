"""Every experiment that ships, in all of its settings, on the embedded cluster: each ends as its file says, nothing left."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gameday.log.events import LedgerChecked, RunEnded, VerdictGiven
from gameday.workspace import SHIPPED
from tests.e2e.conftest import Command

pytestmark = [pytest.mark.experiments, pytest.mark.usefixtures("as_before")]

STORIES = (
    "agent-crash",
    "bad-deploy",
    "dependency-down",
    "dependency-slow",
    "node-drain",
    "pod-loss",
    "restore-drill",
    "storage-blocked",
    "submit-fails",
    "traffic-surge",
    "zone-loss",
)
EXPERIMENTS = sorted(SHIPPED.glob("experiments/*.yaml"))


@pytest.mark.parametrize("file", EXPERIMENTS, ids=lambda file: file.stem)
def test_an_experiment_ends_as_its_file_says(command: Command, file: Path) -> None:
    done = command.run("run", str(file), "--yes", timeout_seconds=240)
    told = done.stdout + done.stderr
    events = command.events()
    verdicts = [event for event in events if isinstance(event, VerdictGiven)]
    assert verdicts, told
    assert [event.verdict for event in verdicts] == [event.expected for event in verdicts], told
    assert all(not event.error for event in events if isinstance(event, LedgerChecked)), told
    (ended,) = (event for event in events if isinstance(event, RunEnded))
    assert (done.returncode, ended.residue) == (0, []), told


def test_each_outage_ships_in_a_setting_that_holds_and_in_one_that_deviates() -> None:
    expected: dict[str, set[str]] = {story: set() for story in STORIES}
    for file in EXPERIMENTS:
        story = max((story for story in STORIES if file.stem.startswith(story)), key=len)
        (block,) = [found for found in yaml.safe_load(file.read_text())["extensions"] if found["name"] == "gameday"]
        expected[story].add(block.get("expect", "held"))
    assert {story: verdicts for story, verdicts in expected.items() if verdicts != {"held", "deviated"}} == {}
