"""Starting a new guardian when the old one is lost; whoever survives may do it, and doing it twice is doing it once.

The new one ends the one that was lost before it takes the log's lock, so that two never undo the same run. Of two new ones, the
later waits for the lock and finds the run over.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from gameday.processes import ProcessId
from gameday.run.spec import SPEC_FILE


def start_successor(directory: Path, lost: ProcessId, reason: str) -> subprocess.Popen[bytes] | None:
    """Start a guardian that ends the lost one, takes over its run and undoes it, in a session of its own; None without a run."""
    if not (directory / SPEC_FILE).exists():
        return None
    command = [sys.executable, "-m", "gameday.run.guardian", "--run", str(directory), "--take-over", reason]
    command += ["--lost", f"{lost.pid}:{lost.start_ticks}"]
    with (directory / "guardian.log").open("ab") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
