"""What a guardian is told to run, kept as run.json beside the log, so that whoever takes over knows it too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

SPEC_FILE = "run.json"


class PeopleSpec(msgspec.Struct, frozen=True, kw_only=True):
    """That people take part in a run, and how."""

    started: dict[str, Any]
    """The fields of RehearsalStarted."""
    order: list[str]
    """The ids of the rounds in the order in which they come."""
    deadline_seconds: float
    """How long it may take; then the round that is on is over for people, and no other begins."""


class RunSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One run: which file, in which cluster, under which name. Paths are absolute; no secret is in it."""

    run_id: str
    """A DNS label, so that it can name objects."""
    directory: str
    file: str
    """What is to be run: an experiment or a game-day plan."""
    shown_file: str
    """The same as the user wrote it."""
    kubeconfig: str = ""
    context: str = ""
    unguarded: bool = False
    runbook: str = ""
    """The runbook that is to be proven with the experiment that `file` is; empty: no proof."""
    without: list[str] = []
    """Ids of its steps that are left out."""
    attached: bool = False
    """The starter is itself the worker (plain `chaos run`)."""
    people: PeopleSpec | None = None
    """A live rehearsal: people carry the runbooks out."""

    def save(self) -> None:
        """Write it into the run's folder."""
        Path(self.directory, SPEC_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(self)) + b"\n")


def load_spec(directory: Path) -> RunSpec:
    """Read the run.json of a run's folder."""
    return msgspec.json.decode((directory / SPEC_FILE).read_bytes(), type=RunSpec)
