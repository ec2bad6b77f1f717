from __future__ import annotations

from pathlib import Path

import pytest

from gameday.errors import InvalidFileError
from gameday.experiment import Experiment
from gameday.gameday import GameDay, load_any, load_gameday
from gameday.workspace import SHIPPED, Catalogue

PLAN = """\
title: A day
cluster: embedded
namespaces: [shop]
roles: {facilitator: keeps the time}
deadline: 5m
rounds:
  - experiment: pod-loss
  - id: second
    experiment: dependency-down
    runbook: execute
"""


def read(text: str, folder: Path) -> GameDay:
    path = folder / "g.yaml"
    path.write_text(text)
    return load_gameday(path, catalogue=Catalogue.around(path))


def problems_of(text: str, folder: Path) -> list[tuple[int, str]]:
    with pytest.raises(InvalidFileError) as caught:
        read(text, folder)
    return [(problem.line, problem.message) for problem in caught.value.problems]


def test_rounds_have_an_id_and_the_verdict_that_their_experiment_expects(tmp_path: Path) -> None:
    first, second = read(PLAN, tmp_path).rounds
    assert (first.id, first.expect, first.runbook_mode, first.line) == ("round-1", "held", "show", 7)
    assert (second.id, second.expect, second.runbook_mode, second.line) == ("second", "deviated", "execute", 8)


def test_a_plan_is_read_whole(tmp_path: Path) -> None:
    plan = read(PLAN + "traffic: {journey: checkout, rate: 20/s}\nswitched_off_rules: [hours]\ndescription: x\n", tmp_path)
    assert (plan.title, plan.description, plan.cluster, plan.namespaces) == ("A day", "x", "embedded", ("shop",))
    assert plan.traffic is not None
    assert (plan.traffic.rate_per_second, plan.traffic.namespace) == (20.0, "shop")
    assert plan.roles == {"facilitator": "keeps the time"}
    assert plan.deadline_seconds == 300.0
    assert plan.switched_off_rules == ("hours",)


def test_namespaces_that_a_plan_leaves_out_are_those_of_its_experiments(tmp_path: Path) -> None:
    assert read(PLAN.replace("namespaces: [shop]\n", ""), tmp_path).namespaces == ("shop",)


CASES = [
    ("title: A day\n", "", 1, "'title' is missing"),
    ("cluster: embedded", "clustr: embedded", 2, "did you mean 'cluster'?"),
    ("deadline: 5m", "deadline: later", 5, "expected a duration"),
    ("roles: {facilitator: keeps the time}", "roles: {facilitator: [a]}", 4, "expected a text"),
    ("experiment: pod-loss", "experiment: pod-lost", 7, "no experiment is called 'pod-lost'; did you mean 'pod-loss'?"),
    ("experiment: pod-loss", "experiment: ./gone.yaml", 7, "no experiment at ./gone.yaml"),
    ("  - experiment: pod-loss\n", "  - expect: held\n", 7, "'experiment' is missing in rounds"),
    ("id: second", "id: round-1", 8, "a second round is called 'round-1'"),
    ("id: second", "id: Second One", 8, "expected lower-case letters"),
    ("runbook: execute", "runbook: do", 10, "expected one of show, execute"),
    ("runbook: execute", "expect: helt", 10, "did you mean 'held'?"),
    ("runbook: execute", "runbok: execute", 10, "did you mean 'runbook'?"),
    ("namespaces: [shop]", "namespaces: [store]", 7, "the experiment touches shop, but this game day's namespaces are store"),
    (PLAN[PLAN.index("rounds:") :], "rounds: []\n", 6, "expected at least one round"),
    (PLAN[PLAN.index("rounds:") :], "rounds: {a: b}\n", 6, "expected a list in rounds"),
    (PLAN[PLAN.index("rounds:") :], "rounds: [pod-loss]\n", 6, "expected a mapping in rounds"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[1].strip()} for {case[0].strip()}")
def test_a_plan_is_read_strictly(tmp_path: Path, case: tuple[str, str, int, str]) -> None:
    old, new, line, part = case
    assert old in PLAN
    found = problems_of(PLAN.replace(old, new, 1), tmp_path)
    assert any(at == line and part in message for at, message in found), found


def test_the_problems_of_its_experiments_and_runbooks_come_with_those_of_the_plan(tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "runbooks").mkdir()
    shipped = (SHIPPED / "experiments" / "pod-loss.yaml").read_text()
    (tmp_path / "experiments" / "pod-loss.yaml").write_text(shipped.replace("func: kill", "func: kil"))
    (tmp_path / "runbooks" / "dependency-down.md").write_text("no front matter\n")
    with pytest.raises(InvalidFileError) as caught:
        read(PLAN.replace("title", "titel"), tmp_path)
    assert {Path(problem.file).name for problem in caught.value.problems} == {"g.yaml", "pod-loss.yaml", "dependency-down.md"}


def test_a_runbook_that_is_to_be_executed_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "bare.yaml").write_text("title: t\ndescription: d\nmethod: []\n")
    found = problems_of(PLAN.replace("experiment: dependency-down", "experiment: bare.yaml"), tmp_path)
    assert found == [(10, "runbook: execute needs a runbook, but the experiment names none")]


def test_files_are_told_apart_by_what_they_hold(tmp_path: Path) -> None:
    catalogue = Catalogue((SHIPPED,))
    assert isinstance(load_any(SHIPPED / "gamedays" / "first.yaml", catalogue=catalogue), GameDay)
    assert isinstance(load_any(SHIPPED / "experiments" / "pod-loss.yaml", catalogue=catalogue), Experiment)
    (tmp_path / "neither.yaml").write_text("apiVersion: v1\nkind: Pod\n")
    with pytest.raises(InvalidFileError) as caught:
        load_any(tmp_path / "neither.yaml", catalogue=catalogue)
    assert "expected a game day (with rounds) or a Chaos Toolkit experiment" in str(caught.value)
    assert "its keys are: apiVersion, kind" in str(caught.value)


def test_every_game_day_shipped_is_valid_and_short_enough_to_show() -> None:
    entries = Catalogue((SHIPPED,)).list("gameday")
    assert entries
    for entry in entries:
        plan = load_gameday(entry.path, catalogue=Catalogue((SHIPPED,)))
        assert plan.rounds
        assert plan.deadline_seconds <= 600


def test_the_gate_that_ships_is_over_within_three_minutes_whatever_happens() -> None:
    plan = load_gameday(SHIPPED / "gamedays" / "ci-gate.yaml", catalogue=Catalogue((SHIPPED,)))
    assert plan.deadline_seconds <= 180 - 10, "the undo, and starting, take their time as well"
