"""Starting a new guardian when the old one is lost; whoever survives may do it, and doing it twice is doing it once.

The new one ends the old one before it takes the log's lock, so that two never undo the same run; the later of two new ones
finds the run over.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from gameday.run.spec import SPEC_FILE


def start_successor(directory: Path, reason: str) -> subprocess.Popen[bytes] | None:
    """Start a guardian that takes over this run and undoes it, in a session of its own; None if there is no run."""
    if not (directory / SPEC_FILE).exists():
        return None
    command = [sys.executable, "-m", "gameday.run.guardian", "--run", str(directory), "--take-over", reason]
    with (directory / "guardian.log").open("ab") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
