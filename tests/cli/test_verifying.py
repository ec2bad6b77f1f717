"""What gameday runbook verify makes of its words before anything is injected, and where a proof is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from gameday.cli.main import _defaults
from gameday.cli.verifying import Trial, _record, _told, _trial, command, default_experiment, is_needed
from gameday.errors import UsageError
from gameday.log.events import RunbookJudged
from gameday.runbook import Runbook, load_runbook
from gameday.runbook.proof import digest_without_proof
from gameday.workspace import SHIPPED, Catalogue

BODY = "\n# t\n\n## Resolve\n\n### Mend it\n\n```sh\ntrue\n```\n"


def a_runbook(folder: Path, front: str = "", *, body: str = BODY) -> Runbook:
    path = folder / "mend.md"
    path.write_text(f"---\ntitle: t\nowner: o\n{front}---\n{body}")
    return load_runbook(path)


def judged(runbook: Runbook, outcome: str = "proven") -> RunbookJudged:
    digest = digest_without_proof(runbook.path.read_text())
    return RunbookJudged(runbook=runbook.id, outcome=outcome, reasons=[], digest=digest, at="2026-11-25T10:00:00.000000Z")


def wrong(*words: str) -> str:
    with pytest.raises(UsageError) as caught:
        CliRunner().invoke(command, list(words), catch_exceptions=False)
    return str(caught.value)


@pytest.mark.parametrize(
    ("front", "name"),
    [
        ("experiments: [dependency-down-queued, dependency-down]\n", "dependency-down"),
        ("experiments: [dependency-down-queued]\n", "dependency-down-queued"),
        ("experiments: [dependency-down]\nproven_with: pod-loss-single\n", "pod-loss-single"),
    ],
)
def test_it_is_proven_with_what_it_names_else_the_first_that_deviates_else_the_first(
    tmp_path: Path, front: str, name: str
) -> None:
    assert default_experiment(a_runbook(tmp_path, front), Catalogue((SHIPPED,))).stem == name


def test_a_runbook_without_an_experiment_says_how_to_name_one(tmp_path: Path) -> None:
    assert "--experiment NAME" in wrong(str(a_runbook(tmp_path).path), "--yes")


def test_a_runbook_of_prose_only_proves_nothing(tmp_path: Path) -> None:
    prose = a_runbook(tmp_path, "experiments: [pod-loss]\n", body=BODY.replace("```sh\ntrue\n```", "Think."))
    assert "nothing to prove" in wrong(str(prose.path), "--yes")


def test_a_step_that_is_to_be_left_out_must_be_there(tmp_path: Path) -> None:
    path = a_runbook(tmp_path, "experiments: [pod-loss]\n").path
    assert "did you mean 'mend-it'?" in wrong(str(path), "--yes", "--without", "mend-its")


def test_without_a_terminal_it_must_be_meant(tmp_path: Path) -> None:
    assert "--yes" in wrong(str(a_runbook(tmp_path, "experiments: [pod-loss]\n").path))


def test_a_proof_is_written_into_a_projects_file_and_not_into_the_installation(tmp_path: Path) -> None:
    mine = a_runbook(tmp_path)
    assert _record(Trial("mend", mine, tmp_path), judged(mine), "run-1") == f"last_proven written into {mine.path}"
    proof = load_runbook(mine.path).last_proven
    assert proof is not None
    assert (proof.run, proof.date) == ("run-1", "2026-11-25")
    folder = tmp_path / "site-packages" / "gameday"
    folder.mkdir(parents=True)
    shipped = a_runbook(folder)
    before = shipped.path.read_text()
    assert "is part of the installation" in _record(Trial("mend", shipped, tmp_path), judged(shipped), "run-1")
    assert shipped.path.read_text() == before


NAMES_TWO = "experiments: [dependency-down-queued, dependency-down]\n"


@pytest.mark.parametrize(
    ("front", "experiment", "is_its_own"),
    [
        (NAMES_TWO, "", True),
        (NAMES_TWO, "dependency-down", True),
        (NAMES_TWO, str(SHIPPED / "experiments" / "dependency-down.yaml"), True),
        (NAMES_TWO, "dependency-down-queued", False),
        (NAMES_TWO, "pod-loss", False),
        ("experiments: [dependency-down]\nproven_with: pod-loss\n", "pod-loss", True),
        ("experiments: [dependency-down]\nproven_with: pod-loss\n", "dependency-down", False),
        ("", "pod-loss", False),
    ],
)
def test_the_experiment_that_proves_it_is_its_own_whether_it_is_named_or_not(
    tmp_path: Path, front: str, experiment: str, *, is_its_own: bool
) -> None:
    assert _trial(str(a_runbook(tmp_path, front).path), experiment, ()).is_its_own is is_its_own


def test_a_proof_against_another_experiment_than_its_own_is_not_written(tmp_path: Path) -> None:
    mine = a_runbook(tmp_path, NAMES_TWO)
    other = _trial(str(mine.path), "dependency-down-queued", ())
    told = _record(other, judged(mine), "run-1")
    assert told == "not written: dependency-down-queued is not the experiment that proves it where none is named"
    assert load_runbook(mine.path).last_proven is None
    assert _record(_trial(str(mine.path), "dependency-down", ()), judged(mine), "run-1").startswith("last_proven written")


def test_a_proof_of_a_runbook_that_names_no_experiment_is_written(tmp_path: Path) -> None:
    mine = a_runbook(tmp_path)
    assert _record(_trial(str(mine.path), "pod-loss", ()), judged(mine), "run-1").startswith("last_proven written")


def test_a_text_that_is_another_by_now_is_not_written_to(tmp_path: Path) -> None:
    mine = a_runbook(tmp_path)
    of_before = judged(mine)
    mine.path.write_text(mine.path.read_text() + "\nMore.\n")
    assert "was changed while it was proven" in _record(Trial("mend", mine, tmp_path), of_before, "run-1")


def test_what_it_came_to_names_the_steps_that_deserve_it() -> None:
    step = {"step": "s", "title": "S", "phase": "Resolve", "why": "because", "noted": True}
    result = {
        "runbook": "r",
        "outcome": "refuted",
        "experiment": "e",
        "reasons": ["why"],
        "residue": [],
        "without": ["x"],
        "needed": True,
        "steps": [{**step, "judgement": "worse"}, {**step, "judgement": "skipped", "noted": False}],
    }
    assert list(_told(result)) == [
        "r: refuted, against e",
        "  without x: needed",
        "  why",
        "  step s made it worse: because",
    ]


def test_a_step_is_known_to_be_needed_where_the_runbook_is_refuted_without_it_and_proven_with_it(tmp_path: Path) -> None:
    never = a_runbook(tmp_path)
    refuted = judged(never, "refuted")
    assert is_needed(Trial("mend", never, tmp_path, ("x",)), refuted) is None
    assert is_needed(Trial("mend", never, tmp_path, ("x",)), judged(never)) is False
    _record(Trial("mend", never, tmp_path), judged(never), "run-1")
    proven = load_runbook(never.path)
    assert is_needed(Trial("mend", proven, tmp_path, ("x",)), refuted) is True
    assert is_needed(Trial("mend", proven, tmp_path, ("x",)), judged(never, "void")) is None
    assert is_needed(Trial("mend", proven, tmp_path, ("x",), is_its_own=False), refuted) is None
    never.path.write_text(never.path.read_text() + "\nMore.\n")
    assert is_needed(Trial("mend", load_runbook(never.path), tmp_path, ("x",)), judged(never, "refuted")) is None


def test_a_step_that_may_be_needed_is_not_said_to_be_and_what_to_do_about_it_is() -> None:
    result = {"runbook": "r", "outcome": "refuted", "experiment": "e", "reasons": [], "without": ["x"], "needed": None}
    _, said = _told({**result, "residue": []})
    assert said.startswith("  without x: not known whether it is needed, since the whole runbook has no proof")


def test_gameday_yaml_holds_for_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gameday.yaml").write_text("context: staging\nrunbook:\n  verify:\n    no-record: true\n    runs: elsewhere\n")
    assert _defaults()["runbook"]["verify"] == {"context": "staging", "no_record": True, "runs": "elsewhere"}
