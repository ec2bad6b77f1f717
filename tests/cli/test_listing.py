"""`gameday list`: the same rows as a table, as JSON and as YAML, and what they say of each function."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from gameday.cli.listing import registered_in
from gameday.cli.main import root

KINDS = ["actions", "probes", "experiments", "gamedays", "runbooks", "journeys"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a folder that belongs to no project."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listed(kind: str, output: str) -> str:
    done = CliRunner().invoke(root, ["list", kind, "-o", output])
    assert done.exit_code == 0, done.output
    return done.output


def row(kind: str, name: str) -> dict[str, Any]:
    rows = {found["name"]: found for found in yaml.safe_load(listed(kind, "yaml"))}
    return dict(rows[name])


@pytest.mark.parametrize("kind", KINDS)
def test_yaml_and_json_are_the_same_data_and_a_table_has_a_row_for_each(kind: str) -> None:
    rows = yaml.safe_load(listed(kind, "yaml"))
    assert rows
    assert rows == json.loads(listed(kind, "json"))
    heading, *lines = listed(kind, "table").splitlines()
    assert heading.startswith("NAME")
    assert [line.split()[0] for line in lines] == [found["name"] for found in rows]


def test_an_action_is_listed_with_all_that_its_author_says() -> None:
    kill = row("actions", "gameday.actions.pods.kill")
    assert kill["about"] == "Delete running pods that a label selector matches, the first `count` of them by name."
    grace = next(one for one in kill["parameters"] if one["name"] == "grace_seconds")
    assert (grace["type"], grace["required"], grace["default"], grace["unit"]) == ("int | None", False, None, "s")
    assert grace["about"].startswith("None leaves the pod's own grace period")
    assert kill["undo"].startswith("Undone when")
    assert kill["landed"].startswith("Landed when")
    assert kill["evidence"].startswith("Look for the pods where they used to answer")
    assert "delete pods" in kill["rights"]
    assert "list endpointslices.discovery.k8s.io" in kill["rights"]


@pytest.mark.parametrize("found", list(registered_in("probes")), ids=lambda found: found["name"])
def test_every_probe_explains_each_of_its_parameters(found: dict[str, Any]) -> None:
    assert found["about"].endswith(".")
    unexplained = [one["name"] for one in found["parameters"] if not one["about"]]
    assert unexplained == [], f"{found['name']}: write `{unexplained[0]}: what it means.` in its docstring"


def test_an_experiment_is_listed_with_its_runbook_and_the_verdict_that_it_expects() -> None:
    found = row("experiments", "dependency-down")
    assert (found["expect"], found["runbook"]) == ("deviated", "dependency-down")
    assert found["actions"] == ["gameday.actions.workloads.scale"]


def test_a_game_day_is_listed_with_its_rounds_and_a_runbook_with_its_owner() -> None:
    assert row("gamedays", "first")["experiments"] == ["pod-loss", "dependency-down"]
    runbook = row("runbooks", "pod-loss")
    assert runbook["owner"] == "checkout-team"
    assert "pod-loss" in runbook["experiments"]


def test_a_project_s_own_functions_come_after_the_shipped_ones(elsewhere: Path) -> None:
    (elsewhere / "experiments").mkdir()
    (elsewhere / "probes").mkdir()
    (elsewhere / "probes" / "queue.py").write_text(
        "from gameday.change import Measurement, probe\n\n\n@probe\ndef length(observations, *, name: str):\n"
        '    """Measure how long a queue is.\n\n    name: which queue.\n    """\n    return Measurement(1, "messages")\n'
    )
    found = row("probes", "gameday_workspace.probes.queue.length")
    assert found["parameters"] == [{"name": "name", "type": "str", "required": True, "about": "which queue."}]


def test_a_file_that_cannot_be_read_says_so_and_hides_no_other(elsewhere: Path) -> None:
    (elsewhere / "experiments").mkdir()
    (elsewhere / "experiments" / "broken.yaml").write_text("a: [")
    assert row("experiments", "broken")["title"].startswith("(cannot be read:")
    assert row("experiments", "pod-loss")["title"] == "A checkout pod is lost"
