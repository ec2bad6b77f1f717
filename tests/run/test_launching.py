"""Launching a run: the folder that it gets before anything else happens, and a guardian that does not end."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gameday.errors import ExitCode, UsageError
from gameday.log import LogWriter, read
from gameday.log.events import RunEnded
from gameday.processes import process_id
from gameday.run import channel
from gameday.run.launching import Launched, new_run
from gameday.run.spec import load_spec


def test_a_run_gets_a_folder_with_its_specification_and_an_empty_log(tmp_path: Path) -> None:
    spec = new_run(tmp_path / "runs", file="experiments/pod-loss.yaml", shown_file="pod-loss", context="c", unguarded=True)
    directory = Path(spec.directory)
    assert directory.parent == tmp_path / "runs"
    assert re.fullmatch(r"\d{8}t\d{6}z-pod-loss", spec.run_id)
    assert load_spec(directory) == spec
    assert read(directory) == []
    assert Path(spec.file).is_absolute()
    assert (spec.shown_file, spec.context, spec.unguarded, spec.attached, spec.kubeconfig) == ("pod-loss", "c", True, False, "")


@pytest.mark.parametrize(
    "file",
    ["Größe & Länge.yaml", "___.yaml", "x" * 90 + ".yaml", "a.b.c.yaml", "UPPER-Case.yml", "-" * 30 + "a.yaml", "日本.yaml"],
)
def test_a_runs_id_is_a_dns_label_whatever_the_file_is_called(tmp_path: Path, file: str) -> None:
    spec = new_run(tmp_path, file=file, shown_file=file)
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", spec.run_id)
    # What is made of it: gameday-undo-RUN-9999, and a label's value.
    assert len(spec.run_id) <= 63 - len("gameday-undo--9999")


def test_runs_of_one_second_have_folders_of_their_own(tmp_path: Path) -> None:
    specs = [new_run(tmp_path, file="a.yaml", shown_file="a") for _ in range(5)]
    assert len({spec.run_id for spec in specs}) == 5
    assert len(list(tmp_path.iterdir())) == 5


def test_a_folder_that_cannot_be_made_is_told_with_the_option_that_helps(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file is in the way")
    with pytest.raises(UsageError, match=r"cannot make a folder for the run in .*; choose another with --runs"):
        new_run(tmp_path / "runs", file="a.yaml", shown_file="a")


def test_paths_are_kept_absolute_for_whoever_takes_over_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    spec = new_run(Path("runs"), file="a.yaml", shown_file="a.yaml", kubeconfig="~/kubeconfig")
    assert spec.kubeconfig == str(tmp_path / "kubeconfig")
    assert spec.file == str(tmp_path / "a.yaml")
    assert Path(spec.directory).is_absolute()


FROZEN = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"


def test_a_guardian_that_freezes_after_it_has_ended_its_run_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "STARTING_SECONDS", 0.3)
    spec = new_run(tmp_path, file="a.yaml", shown_file="a")
    log = LogWriter(Path(spec.directory))
    log.write(RunEnded(exit_code=0, summary="all well"))
    log.close()
    ours, theirs = socket.socketpair()
    guardian = subprocess.Popen([sys.executable, "-c", FROZEN])
    launched = Launched(spec, guardian, ours, guardian_id=process_id(guardian.pid))
    with theirs:
        launched.watch()
        guardian.wait(timeout=60)
        assert launched.is_over
        assert (launched.successor, launched.exit_code()) == (None, ExitCode.EXPECTED)
    assert launched.peer is not None
    launched.peer.close()
