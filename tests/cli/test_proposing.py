from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from gameday.cli.reporting import command
from gameday.runbook import load_runbook
from tests.rehearsed import RUNBOOK, rehearsal
from tests.report.played import processes, started, write


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "payment-gone.md").write_text(RUNBOOK)
    rehearsal(tmp_path / "runs" / "r1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_patch_of_a_rehearsal_applies_where_the_runbooks_are(workspace: Path) -> None:
    result = CliRunner().invoke(command, ["r1", "--format", "diff", "-o", "change.patch"])
    assert result.exit_code == 0, result.output
    file = workspace / "runbooks" / "payment-gone.md"
    assert file.read_text() == RUNBOOK, "only people change a runbook"
    subprocess.run(["git", "init", "-q"], cwd=workspace, check=True)
    subprocess.run(["git", "apply", "change.patch"], cwd=workspace, check=True)
    assert "stop-the-autoscaler-first" in [step.id for step in load_runbook(file).steps]


def test_a_step_that_is_gone_is_named_and_left_out(workspace: Path) -> None:
    file = workspace / "runbooks" / "payment-gone.md"
    file.write_text(RUNBOOK.replace("### Find the service that has no pods", "### Find it"))
    result = CliRunner().invoke(command, ["r1", "--format", "diff"])
    assert "has no step find-the-service-that-has-no-pods any more" in result.stderr
    assert "autoscaler" not in result.stdout


def test_a_run_without_people_proposes_nothing_and_says_so(workspace: Path) -> None:
    write(workspace / "runs" / "r2", [started(), *processes(1.0)])
    result = CliRunner().invoke(command, ["r2", "--format", "diff"])
    assert "no people" in str(result.exception)


@pytest.mark.parametrize("format_", ["md", "diff", "html"])
def test_nothing_that_was_noted_commands_the_terminal(workspace: Path, format_: str) -> None:
    log = workspace / "runs" / "r1" / "events.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    index = next(index for index, line in enumerate(lines) if '"missing_step":true' in line.replace(" ", ""))
    event = json.loads(lines[index])
    event["text"] = "Copy this: a\x1b]52;c;x\x07 and \x9b2J"
    lines[index] = json.dumps(event) + "\n"
    log.write_text("".join(lines))
    result = CliRunner().invoke(command, ["r1", "--format", format_], color=True)
    assert result.exit_code == 0, result.output
    assert "52;c;x" in result.stdout
    assert not [one for one in result.stdout if ord(one) < 32 and one not in "\n\t"]
    assert not [one for one in result.stdout if 127 <= ord(one) < 160]
