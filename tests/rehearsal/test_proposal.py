from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from gameday.log import AnyEvent
from gameday.log.people import NoteTaken
from gameday.rehearsal.fidelity import fidelities_of
from gameday.rehearsal.proposal import Change, changes_of, diff_of, rounded, unmatched, written
from gameday.rehearsal.state import fold
from gameday.runbook import load_runbook
from tests.rehearsed import ROUND, RUNBOOK, events_of, rehearsal

PATH = "runbooks/payment-gone.md"
FIND = "find-the-service-that-has-no-pods"


@pytest.fixture
def log(tmp_path: Path) -> list[AnyEvent]:
    return events_of(rehearsal, tmp_path / "run")


def proposed(log: list[AnyEvent], *, level: str = "live") -> tuple[Change, ...]:
    return changes_of(fold(log).incidents[ROUND], fidelities_of(log)[ROUND], level=level)


def applied(root: Path, text: str, diff: str) -> Path:
    """Apply a diff as people would, in a fresh repository; return the file."""
    file = root / PATH
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    subprocess.run(["git", "apply", "--whitespace=error-all", "-"], cwd=root, check=True, input=diff.encode())
    return file


def test_what_took_much_longer_gets_what_it_took_sensibly_rounded(log: list[AnyEvent]) -> None:
    found = {change.step: change for change in proposed(log) if change.kind == "duration"}
    assert (found[FIND].before, found[FIND].after) == ("2m", "7m")
    assert found[FIND].why == "expected 2m, took 7m since it was begun"


def test_shorter_is_proposed_after_a_live_rehearsal_only(log: list[AnyEvent]) -> None:
    live = {change.step for change in proposed(log) if change.kind == "duration"}
    table = {change.step for change in proposed(log, level="tabletop") if change.kind == "duration"}
    assert live - table == {"see-that-orders-fail", "tell-customers"}
    assert table == {FIND}


def test_a_step_that_was_missing_comes_after_the_one_it_was_noted_at(log: list[AnyEvent]) -> None:
    (new,) = [change for change in proposed(log) if change.kind == "new_step"]
    assert (new.step, new.title) == (FIND, "Stop the autoscaler first")
    assert "**Role:** subject-matter expert · **Expected:** 40s" in new.after
    assert "it had set payment to nothing again" in new.after
    assert "TODO" not in new.after


def test_the_diff_applies_and_the_runbook_is_one_still(log: list[AnyEvent], tmp_path: Path) -> None:
    diff = diff_of(RUNBOOK, proposed(log), path=PATH)
    runbook = load_runbook(applied(tmp_path, RUNBOOK, diff))
    ids = [step.id for step in runbook.steps]
    assert ids[ids.index(FIND) + 1] == "stop-the-autoscaler-first"
    assert len(ids) == 9
    assert {step.id: step.expected_seconds for step in runbook.steps}[FIND] == 420.0
    assert diff.startswith(f"--- a/{PATH}\n+++ b/{PATH}\n")


def test_nothing_else_in_the_file_changes(log: list[AnyEvent], tmp_path: Path) -> None:
    after = applied(tmp_path, RUNBOOK, diff_of(RUNBOOK, proposed(log), path=PATH)).read_text()
    gone = [line for line in RUNBOOK.split("\n") if line not in after.split("\n")]
    assert all("**Expected:**" in line for line in gone)


@pytest.mark.parametrize("text", [RUNBOOK.rstrip("\n"), RUNBOOK + "\n\n", RUNBOOK.replace("\n", "\r\n")])
def test_a_file_ends_as_it_likes(log: list[AnyEvent], tmp_path: Path, text: str) -> None:
    changes = [replace(change, step="look-for-orders-that-hang") for change in proposed(log)]
    diff = diff_of(text, changes, path=PATH)
    file = tmp_path / PATH
    file.parent.mkdir(parents=True)
    file.write_bytes(text.encode())
    subprocess.run(["git", "apply", "--whitespace=nowarn", "-"], cwd=tmp_path, check=True, input=diff.encode())
    assert b"### Stop the autoscaler first" in file.read_bytes()


@pytest.mark.parametrize(
    "text",
    [
        "# a heading\n```sh\nrm -rf /\n```",
        "<script>alert(1)</script>",
        "- a list",
        "1. first\n2. second",
        "Scale payment back",
        "Überprüfe die Kasse: sie steht.",
        "日本語",
        "!!!",
        "x " * 300,
        "W" * 5000,
        "\u202eelbissop",
        "**Role:** nobody · **Expected:** 9d",
        "<!-- id: evil -->",
        "---",
        "a_b_c `code` [link](http://x)",
    ],
)
def test_whatever_was_noted_makes_one_step_and_no_markup(log: list[AnyEvent], tmp_path: Path, text: str) -> None:
    state = fold(log)
    incident = state.incidents[ROUND]
    note = NoteTaken(person="Ben", text=text, step=FIND, missing_step=True, at=incident.notes[0].at, round=ROUND)
    incident.notes[:] = [note, note]
    changes = changes_of(incident, fidelities_of(log)[ROUND], level="live")
    runbook = load_runbook(applied(tmp_path, RUNBOOK, diff_of(RUNBOOK, changes, path=PATH)))
    ids = [step.id for step in runbook.steps]
    assert len(ids) == 10
    assert len(set(ids)) == 10
    new = [step for step in runbook.steps if step.phase == "Diagnose" and step.id != FIND]
    assert all(step.shell is None and step.action is None and step.role == "subject-matter expert" for step in new)


def test_what_was_applied_already_is_not_proposed_again(log: list[AnyEvent], tmp_path: Path) -> None:
    changes = [change for change in proposed(log) if change.kind == "new_step"]
    changes.append(replace(changes[0], step="tell-customers"))
    after = applied(tmp_path, RUNBOOK, diff_of(RUNBOOK, changes, path=PATH)).read_text()
    assert diff_of(after, changes, path=PATH) == ""


def test_rounds_that_noted_the_same_at_different_steps_make_steps_of_different_ids(log: list[AnyEvent], tmp_path: Path) -> None:
    (new,) = [change for change in proposed(log) if change.kind == "new_step"]
    diff = diff_of(RUNBOOK, [new, replace(new, step="tell-customers"), new], path=PATH)
    ids = [step.id for step in load_runbook(applied(tmp_path, RUNBOOK, diff)).steps]
    assert len(ids) == 10
    assert ids[ids.index("tell-customers") + 1] == "stop-the-autoscaler-first-2"


def test_a_step_that_has_the_name_of_another_in_the_file_gets_an_id_of_its_own(log: list[AnyEvent], tmp_path: Path) -> None:
    (new,) = [change for change in proposed(log) if change.kind == "new_step"]
    once = applied(tmp_path, RUNBOOK, diff_of(RUNBOOK, [new], path=PATH)).read_text()
    other = replace(new, after=new.after.replace("40s", "50s"))
    ids = [step.id for step in load_runbook(applied(tmp_path, once, diff_of(once, [other], path=PATH))).steps]
    assert {"stop-the-autoscaler-first", "stop-the-autoscaler-first-2"} <= set(ids)


def test_a_duration_on_a_line_of_its_own_is_changed(log: list[AnyEvent], tmp_path: Path) -> None:
    text = RUNBOOK.replace(" · **Expected:**", "\n**Expected:**")
    runbook = load_runbook(applied(tmp_path, text, diff_of(text, proposed(log), path=PATH)))
    assert {step.id: step.expected_seconds for step in runbook.steps}[FIND] == 420.0


def test_a_note_without_a_step_or_of_a_step_that_is_there_proposes_nothing(log: list[AnyEvent]) -> None:
    incident = fold(log).incidents[ROUND]
    incident.notes[:] = [
        NoteTaken(person="Ben", text="a", missing_step=True, at=incident.notes[0].at),
        NoteTaken(person="Ben", text="b", step=FIND, at=incident.notes[0].at),
    ]
    assert not [c for c in changes_of(incident, fidelities_of(log)[ROUND], level="live") if c.kind == "new_step"]


def test_without_a_change_there_is_no_diff() -> None:
    assert diff_of(RUNBOOK, [], path=PATH) == ""


def test_a_step_that_the_file_no_longer_has_is_left_out_and_named(log: list[AnyEvent]) -> None:
    renamed = RUNBOOK.replace("### Find the service that has no pods", "### Find it")
    changes = [change for change in proposed(log) if change.step == FIND]
    assert diff_of(renamed, changes, path=PATH) == ""
    assert unmatched(renamed, changes, path=PATH) == (FIND,)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3, "5s"),
        (41, "45s"),
        (60, "1m"),
        (61, "1m30s"),
        (420, "7m"),
        (601, "11m"),
        (3599, "1h"),
        (3700, "1h5m"),
        (90_000, "1d1h"),
    ],
)
def test_durations_are_rounded_up_as_people_would(seconds: float, text: str) -> None:
    assert written(rounded(seconds)) == text
