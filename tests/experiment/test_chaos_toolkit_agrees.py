"""Every experiment that is shipped, and every one that we call valid, is so for Chaos Toolkit itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gameday.experiment import Experiment
from gameday.workspace import SHIPPED

EXPERIMENTS = sorted((SHIPPED / "experiments").glob("*.yaml"))
_CHAOS = [sys.executable, "-m", "chaostoolkit", "--no-version-check"]


def validate(path: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [*_CHAOS, "--no-log-file", "validate", str(path)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_chaos_validate_accepts_what_is_shipped(path: Path, tmp_path: Path) -> None:
    done = validate(path, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "experiment syntax and semantic look valid" in done.stdout + done.stderr


def test_chaos_validate_accepts_what_we_accept(load: Callable[[str], Experiment], ours: str, tmp_path: Path) -> None:
    assert validate(load(ours).path, tmp_path).returncode == 0
