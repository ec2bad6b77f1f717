"""Commands as people wait for them: their start, checking a file, and what a run costs over Chaos Toolkit's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from measuring import Figure, command, interleaved

GAMEDAY: Final = str(Path(sys.executable).with_name("gameday"))
CHAOS: Final = str(Path(sys.executable).with_name("chaos"))
EXPERIMENT: Final = str(Path(__file__).parents[1] / "experiments" / "pod-loss.yaml")
TRIVIAL: Final = {
    "version": "1.0.0",
    "title": "Nothing much",
    "description": "A probe and an action that return at once.",
    "steady-state-hypothesis": {
        "title": "There is a process",
        "probes": [
            {
                "type": "probe",
                "name": "there is one",
                "tolerance": {"type": "range", "range": [1, 1e9]},
                "provider": {"type": "python", "module": "os", "func": "getpid"},
            }
        ],
    },
    "method": [
        {"type": "action", "name": "look again", "provider": {"type": "python", "module": "os", "func": "getppid"}},
    ],
    "rollbacks": [],
}
_IMPORTED: Final = f"""
import sys
from gameday.cli.main import root
root.main(["validate", {EXPERIMENT!r}], standalone_mode=False)
sys.exit("kubernetes" in sys.modules)
"""


def version() -> Iterator[Figure]:
    """Start the command, `gameday --version`, beside the same of Chaos Toolkit, and Python doing nothing."""
    found = interleaved(
        {
            "gameday": command(GAMEDAY, "--version"),
            "chaos --version": command(CHAOS, "--version"),
            "python -c pass": command(sys.executable, "-c", "pass"),
        },
        runs=15,
    )
    yield Figure("gameday --version", found.pop("gameday"), found, target=0.150)


def validate() -> Iterator[Figure]:
    """Validate a shipped experiment, beside Chaos Toolkit, and say whether that imports `kubernetes`."""
    ended = subprocess.run([sys.executable, "-c", _IMPORTED], check=False, capture_output=True)
    imported = {0: "without importing kubernetes", 1: "kubernetes WAS imported"}.get(ended.returncode, "failed")
    found = interleaved(
        {
            "gameday": command(GAMEDAY, "validate", EXPERIMENT),
            "chaos validate": command(CHAOS, "--no-version-check", "validate", EXPERIMENT),
        },
        runs=9,
    )
    yield Figure("gameday validate", found.pop("gameday"), found, note=imported)


def overhead() -> Iterator[Figure]:
    """Carry out a whole run of an experiment that does nothing, beside the same under `chaos run`."""
    with tempfile.TemporaryDirectory(prefix="gameday-bench-") as folder:
        (Path(folder) / "trivial.json").write_text(json.dumps(TRIVIAL))
        env = {**os.environ, "KUBECONFIG": "", "NO_COLOR": "1"}
        found = interleaved(
            {
                "gameday": command(GAMEDAY, "run", "trivial.json", "--unguarded", "--yes", cwd=folder, env=env),
                "chaos run": command(CHAOS, "--no-version-check", "run", "trivial.json", cwd=folder, env=env),
            },
            runs=9,
        )
    note = "guardian, worker, log and HTML report included"
    yield Figure("gameday run, nothing done", found.pop("gameday"), found, note=note)
