"""Every shipped experiment is Chaos Toolkit's: its own command accepts it, runs it, and nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gameday.log.events import AbortRequested, ChangeApplied, ChangeLanded, RunEnded, VerdictGiven
from gameday.workspace import SHIPPED
from tests.e2e.conftest import Command

EXPERIMENTS = sorted((SHIPPED / "experiments").glob("*.yaml"))
# The program's own script, since Chaos Toolkit has no `python -m`.
CHAOS = str(Path(sys.executable).with_name("chaos"))

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("as_before")]


def chaos(command: Command, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CHAOS, "--no-version-check", *words],
        cwd=command.folder,
        env=command.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda path: path.stem)
def test_a_shipped_experiment_validates_under_chaos_toolkit_itself(command: Command, experiment: Path) -> None:
    validated = chaos(command, "validate", str(experiment))
    assert validated.returncode == 0, validated.stderr


@pytest.mark.parametrize("name", ["pod-loss", "dependency-down", "storage-blocked-inline"])
def test_a_shipped_experiment_runs_under_chaos_toolkit_itself(command: Command, name: str) -> None:
    """Also what must stand before its baseline stands there; the others differ in their actions and not in how they are run."""
    experiment = SHIPPED / "experiments" / f"{name}.yaml"
    ran = chaos(command, "run", str(experiment))
    journal = json.loads((command.folder / "journal.json").read_text())
    verdict = next(event for event in command.events() if isinstance(event, VerdictGiven))
    assert [event for event in command.events() if isinstance(event, ChangeApplied)]
    assert verdict.verdict == verdict.expected, verdict.reasons
    assert journal["deviated"] == (verdict.verdict == "deviated"), ran.stderr
    ended = command.wait_for(RunEnded)
    assert (ended.exit_code, ended.residue) == (0, [])
    assert f"gameday: {verdict.verdict}" in ran.stderr + ran.stdout


def test_after_an_abort_the_method_that_goes_on_changes_nothing_more(command: Command) -> None:
    document = yaml.safe_load((SHIPPED / "experiments" / "pod-loss.yaml").read_text())
    first = document["method"][0]
    another = {**first["provider"], "arguments": {"namespace": "shop", "selector": "app=sale", "count": 1}}
    document["method"] = [{**first, "pauses": {"after": 8}}, {**first, "name": "kill another one", "provider": another}]
    document["extensions"][0]["caps"] = {"pods": 2}
    (command.folder / "twice.json").write_text(json.dumps(document))
    running = subprocess.Popen(
        [CHAOS, "--no-version-check", "run", "twice.json"],
        cwd=command.folder,
        env=command.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    command.wait_for(ChangeLanded)
    os.kill(command.process_of("guardian"), signal.SIGTERM)
    aborted = command.wait_for(AbortRequested)
    ended = command.wait_for(RunEnded)
    running.wait(timeout=60)
    assert (ended.exit_code, ended.residue) == (4, [])
    assert not [event for event in command.events() if isinstance(event, ChangeApplied) and event.seq > aborted.seq]


def test_what_the_guard_refuses_is_told_with_its_reason(command: Command) -> None:
    document = yaml.safe_load((SHIPPED / "experiments" / "pod-loss.yaml").read_text())
    document["method"] *= 2
    (command.folder / "capped.json").write_text(json.dumps(document))
    refused = chaos(command, "run", "capped.json")
    assert refused.returncode != 0
    assert "caps" in refused.stderr + refused.stdout
    assert not [event for event in command.events() if isinstance(event, ChangeApplied)]
