"""Every experiment that ships ends as its file says, and every runbook is proven, on the embedded cluster; nothing is left."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from gameday.cli.verifying import default_experiment
from gameday.log.events import LedgerChecked, RunEnded, VerdictGiven
from gameday.runbook import load_runbook
from gameday.workspace import SHIPPED, Catalogue
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
RUNBOOKS = sorted(SHIPPED.glob("runbooks/*.md"))
HAS_KUBECTL = shutil.which("kubectl") is not None
CATALOGUE = Catalogue((SHIPPED,))
PROVED_WITH = {default_experiment(load_runbook(path), CATALOGUE).stem for path in RUNBOOKS} if HAS_KUBECTL else set()
"""What the proof of a runbook runs, and judges, anyway; where there is no kubectl, nothing is proved."""


@pytest.mark.parametrize("file", [file for file in EXPERIMENTS if file.stem not in PROVED_WITH], ids=lambda file: file.stem)
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


@pytest.mark.skipif(not HAS_KUBECTL, reason="the steps of the shipped runbooks call kubectl")
@pytest.mark.parametrize("file", RUNBOOKS, ids=lambda file: file.stem)
def test_a_runbook_is_proven_against_its_fault(command: Command, file: Path) -> None:
    done = command.run("runbook", "verify", str(file), "--yes", "--no-record", "-o", "json", timeout_seconds=240)
    assert done.returncode == 0, done.stdout + done.stderr
    (result,) = json.loads(done.stdout)
    verdicts = [event for event in command.events() if isinstance(event, VerdictGiven)]
    assert [event.verdict for event in verdicts] == [event.expected for event in verdicts]
    assert verdicts
    assert (result["outcome"], result["broken"], result["residue"]) == ("proven", [], [])
    assert [step["step"] for step in result["steps"] if step["judgement"] in {"wrong", "worse"}] == []


def test_each_outage_ships_in_a_setting_that_holds_and_in_one_that_deviates() -> None:
    expected: dict[str, set[str]] = {story: set() for story in STORIES}
    for file in EXPERIMENTS:
        story = max((story for story in STORIES if file.stem.startswith(story)), key=len)
        (block,) = [found for found in yaml.safe_load(file.read_text())["extensions"] if found["name"] == "gameday"]
        expected[story].add(block.get("expect", "held"))
    assert {story: verdicts for story, verdicts in expected.items() if verdicts != {"held", "deviated"}} == {}
