"""What must stand before the baseline: planned before the method, and what that means for the guard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gameday.run.preflight import Judged, check_plans, load_programme

pytestmark = pytest.mark.e2e


def action(module: str, func: str, **arguments: Any) -> dict[str, Any]:
    provider = {"type": "python", "module": f"gameday.actions.{module}", "func": func, "arguments": arguments}
    return {"type": "action", "name": f"{module}.{func}", "provider": provider}


def judged(folder: Path, scratch: Any, *, prepare: list[dict[str, Any]]) -> Judged:
    kill = action("pods", "kill", namespace=scratch.name, selector="app=web")
    block = {"name": "gameday", "prepare": prepare, "namespaces": [scratch.name], "caps": {"pods": 2, "objects": 3}}
    hypothesis = {
        "title": "it stands",
        "probes": [
            {
                "type": "probe",
                "name": "ready",
                "tolerance": [0, 100],
                "provider": {
                    "type": "python",
                    "module": "gameday.probes.workloads",
                    "func": "ready",
                    "arguments": {"namespace": scratch.name, "name": "web"},
                },
            }
        ],
    }
    experiment = {
        "title": "t",
        "description": "d",
        "steady-state-hypothesis": hypothesis,
        "method": [kill],
        "extensions": [block],
    }
    (folder / "experiment.yaml").write_text(yaml.safe_dump(experiment))
    return check_plans(load_programme(folder / "experiment.yaml"), scratch.cluster)


@pytest.fixture
def guarded(scratch: Any) -> Any:
    """Return a namespace with one pod, and a budget that lets none go."""
    scratch.deployment(replicas=1)
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    scratch.create("PodDisruptionBudget", "web", "policy/v1", spec=spec)
    scratch.ready()
    scratch.eventually(lambda: scratch.get("PodDisruptionBudget", "web", "policy/v1").get("status", {}).get("expectedPods"))
    return scratch


def test_what_prepares_comes_first_in_the_plan_and_is_told_from_the_method(tmp_path: Path, guarded: Any) -> None:
    more = action("workloads", "scale", namespace=guarded.name, name="web", replicas=2)
    ((_, plan, _),) = judged(tmp_path, guarded, prepare=[more]).rounds
    assert [(change.by, change.prepares) for change in plan.changes] == [("workloads.scale", True), ("pods.kill", False)]


def test_a_budget_is_left_to_the_moment_of_the_change_where_something_is_prepared_first(tmp_path: Path, guarded: Any) -> None:
    ((_, _, findings),) = judged(tmp_path, guarded, prepare=[]).rounds
    assert [finding.rule for finding in findings] == ["disruption-budget"]
    more = action("workloads", "scale", namespace=guarded.name, name="web", replicas=2)
    ((_, _, findings),) = judged(tmp_path, guarded, prepare=[more]).rounds
    assert list(findings) == []
