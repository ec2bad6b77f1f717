"""Rules about the experiments that prove runbooks: both name each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from gameday.errors import GamedayError, UsageError
from gameday.experiment.block import find_block
from gameday.runbook.linting.model import Hit, Subject
from gameday.runbook.linting.registry import rule, rule_of_all
from gameday.workspace import Catalogue
from gameday.yamlfile import load


@dataclass(frozen=True, slots=True)
class _Said:
    """What an experiment says of its runbook: as it is written, and the line of it, or of our block."""

    runbook: str
    line: int


@rule("RB511", "A runbook without an experiment", severity="warning")
def unproven(subject: Subject) -> Iterator[Hit]:
    """`experiments` names at least one experiment that makes the failure which the runbook is for.

    A runbook that nothing can prove is a belief. See `gameday list experiments`, and docs/files.md for writing one.
    """
    if not subject.read().experiments:
        line = subject.front_line("experiments")
        yield Hit(line, "no experiment proves this runbook", "write one that makes this failure, and name it in experiments")


@rule("RB512", "An experiment that names another runbook")
def names_another(subject: Subject) -> Iterator[Hit]:
    """Each experiment of `experiments` names this runbook in its block (`runbook:`).

    Otherwise a run of it shows, and proves, another page than the one that counts on it.
    """
    for index, name in enumerate(subject.read().experiments):
        try:
            path = subject.catalogue.resolve("experiment", name, beside=subject.path)
        except UsageError:
            continue
        said = _said_by(path)
        # A draft elsewhere, or a project's own page in place of a shipped one, is meant by its name.
        if said is not None and said.runbook != subject.path.stem and not _is(subject, path, said.runbook):
            told = f"names the runbook {said.runbook!r}" if said.runbook else "names no runbook"
            step = f"write runbook: {subject.path.stem} in {path.name}, line {said.line}, or take it out of experiments"
            yield Hit(subject.front_line("experiments", index), f"the experiment {name!r} {told}", step)


@rule("RB513", "An experiment that names this runbook and is not listed")
def not_listed(subject: Subject) -> Iterator[Hit]:
    """Each experiment of the catalogue that names this runbook stands in its `experiments`.

    The list is what `gameday runbook verify` chooses from, and what a reader finds.
    """
    listed = {_path(subject.catalogue, name, subject.path) for name in subject.read().experiments}
    for entry in subject.catalogue.list("experiment"):
        said = _said_by(entry.path)
        if said is not None and said.runbook and _is(subject, entry.path, said.runbook) and entry.path.resolve() not in listed:
            told = f"the experiment {entry.name!r} names this runbook, and is not listed"
            yield Hit(subject.front_line("experiments"), told, f"add {entry.name} to experiments")


@rule_of_all("RB514", "An experiment without a runbook", severity="warning")
def without_runbook(subjects: Sequence[Subject]) -> Iterator[Hit]:
    """Each experiment with a block of ours names a runbook: what people do when this failure happens.

    Asked where all runbooks of a project are looked at: `gameday runbook lint` without arguments. The finding is in the
    experiment's file.
    """
    catalogues = {subject.catalogue.folders: subject.catalogue for subject in subjects}
    paths = {entry.path for catalogue in catalogues.values() for entry in catalogue.list("experiment")}
    for path in sorted(paths):
        said = _said_by(path)
        if said is not None and not said.runbook:
            told = "this experiment names no runbook"
            yield Hit(said.line, told, "add runbook: NAME to its block, and write that page", file=str(path))


def _path(catalogue: Catalogue, name: str, beside: Path) -> Path | None:
    try:
        return catalogue.resolve("experiment", name, beside=beside).resolve()
    except UsageError:
        return None


def _is(subject: Subject, experiment: Path, runbook: str) -> bool:
    """Say whether the name or path that an experiment gives is this runbook's."""
    try:
        found = Catalogue.around(experiment).resolve("runbook", runbook, beside=experiment)
    except UsageError:
        return False
    return found.resolve() == subject.path.resolve()


def _said_by(experiment: Path) -> _Said | None:
    """Return what an experiment says; None for one that is not ours, or that cannot be read, which `validate` tells."""
    return _said_at(experiment, experiment.stat().st_mtime_ns)


@lru_cache(maxsize=1024)
def _said_at(experiment: Path, changed_ns: int) -> _Said | None:
    del changed_ns
    try:
        document = load(experiment)
        number = find_block(document, [])
    except GamedayError:
        return None
    if number is None:
        return None
    block = document.data["extensions"][number]
    line = document.line_of(("extensions", number, "runbook"))
    return _Said(str(block.get("runbook") or ""), line)
