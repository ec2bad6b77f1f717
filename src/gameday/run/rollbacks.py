"""`python -m gameday.run.rollbacks`: carries out one rollback of an experiment, in a process of its own.

An experiment of other extensions says itself what undoes it. Those rollbacks are owed like anything else, from before the
method begins until each is known to have finished; the worker plays them as Chaos Toolkit does, and what it did not get
to, or what failed, the guardian has carried out here. They can only be undone from the host that they were made on.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from gameday.processes import ProcessId, end_tree, process_id
from gameday.undo.record import Entry

ATTEMPTS: Final = 3
TIMEOUT_SECONDS: Final = 120.0
Told: TypeAlias = Callable[[ProcessId, int | None], None]
"""Hears of each process twice: with None when it has begun, and with its return code when it has ended."""


def command_for(entry: Entry) -> list[str]:
    """Return the command that carries an owed rollback out, for us and for a person."""
    owed = entry.rollback
    assert owed is not None  # noqa: S101  # only entries of rollbacks come here
    return [sys.executable, "-m", "gameday.run.rollbacks", owed.experiment, "--index", str(owed.index)]


def carry_out(entry: Entry, *, told: Told) -> str:
    """Carry a rollback out, again if it fails; return why it could not be, or nothing. A hanging one is ended.

    By what is told of each process, whoever takes over ends one that is on before trying again, and leaves alone what one that
    has ended started.
    """
    owed = entry.rollback
    assert owed is not None  # noqa: S101  # only entries of rollbacks come here
    failure = ""
    for _ in range(ATTEMPTS):
        failure = attempt(command_for(entry), _existing(owed.directory), told=told)
        if not failure:
            return ""
    return failure


def attempt(
    command: Sequence[str],
    directory: str | None,
    *,
    told: Told,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> str:
    """Execute it once; return why it failed, or nothing. With one that hangs, everything that it started is ended."""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
        cwd=directory,
    ) as process:
        leader = process_id(process.pid)
        told(leader, None)
        errors = None
        try:
            _, errors = process.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            end_tree(leader)
        told(leader, process.wait())
    if errors is None:
        return f"it did not end within {timeout_seconds:g} s"
    if process.returncode == 0:
        return ""
    return errors.strip().splitlines()[-1] if errors.strip() else f"exit status {process.returncode}"


def _existing(directory: str) -> str | None:
    return directory if Path(directory).is_dir() else None


def main() -> int:
    """Play one rollback with Chaos Toolkit's own means; exit status 0 if it succeeded."""
    parser = argparse.ArgumentParser(prog="gameday-rollback", description="One rollback of an experiment, by its position.")
    parser.add_argument("experiment", type=Path)
    parser.add_argument("--index", type=int, required=True)
    options = parser.parse_args()
    from gameday.run.toolkit import play_rollback  # noqa: PLC0415  # chaoslib, in this process only

    failure = play_rollback(_document(options.experiment), options.index)
    if failure:
        sys.stderr.write(f"{failure}\n")
    return 1 if failure else 0


def _document(path: Path) -> dict[str, Any]:
    if path.suffix == ".json":
        return dict(json.loads(path.read_text(encoding="utf-8")))
    import yaml  # noqa: PLC0415  # for files in that format

    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


if __name__ == "__main__":
    sys.exit(main())
