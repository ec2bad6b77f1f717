"""A game-day plan into a GameDay, together with all its experiments, or into every problem of all these files at once.

Plans are ours alone, so they are read strictly.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

from gameday.errors import InvalidFileError, Problem, UsageError
from gameday.experiment import Experiment, load_experiment, read_experiment
from gameday.experiment.block import VERDICTS, read_expect, read_traffic
from gameday.experiment.reading import HYPOTHESIS
from gameday.experiment.stops import read_stops
from gameday.fields import Fields
from gameday.gameday.leave import read_approvals, read_freezes, read_windows
from gameday.gameday.model import DEFAULT_DEADLINE_SECONDS, GameDay, Round, RunbookMode
from gameday.gameday.reading_people import read_rehearsal
from gameday.runbook import load_runbook
from gameday.workspace import Catalogue
from gameday.yamlfile import Document, load

_MODES: Final = ("show", "execute")
_ID: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


def load_any(path: Path | str, *, catalogue: Catalogue) -> Experiment | GameDay:
    """Read an experiment or a game day, told apart by what the file holds: `rounds`, or a `method`."""
    document = load(path)
    if "rounds" in document.data:
        return read_gameday(document, catalogue=catalogue)
    if "method" in document.data or HYPOTHESIS in document.data or "extensions" in document.data:
        return read_experiment(document, catalogue=catalogue)
    looked_for = f"expected a game day (with rounds) or a Chaos Toolkit experiment (with method and {HYPOTHESIS})"
    found = ", ".join(str(key) for key in list(document.data)[:8])
    raise InvalidFileError([Problem(str(path), document.lines.line, f"{looked_for}, but found neither; its keys are: {found}")])


def load_gameday(path: Path | str, *, catalogue: Catalogue) -> GameDay:
    """Read a game day; InvalidFileError carries every problem of it and of its experiments and runbooks."""
    return read_gameday(load(path), catalogue=catalogue)


def read_gameday(document: Document, *, catalogue: Catalogue) -> GameDay:
    """Read a game day from a document that was loaded already."""
    problems: list[Problem] = []
    warnings: list[Problem] = []
    fields = Fields.top(document, problems)
    namespaces = fields.texts("namespaces")
    title = fields.text("title", required=True)
    rounds = _rounds(fields, namespaces, catalogue)
    gameday = GameDay(
        path=Path(document.file),
        digest=document.digest,
        title=title,
        description=fields.text("description"),
        cluster=fields.text("cluster"),
        namespaces=namespaces or _namespaces_of(rounds),
        traffic=read_traffic(fields, catalogue, namespaces),
        rounds=rounds,
        roles=_roles(fields),
        deadline_seconds=fields.seconds("deadline", DEFAULT_DEADLINE_SECONDS),
        switched_off_rules=fields.texts("switched_off_rules"),
        windows=read_windows(fields),
        freezes=read_freezes(fields, warnings),
        approvals=read_approvals(fields, warnings),
        stops=read_stops(fields),
        rehearsal=read_rehearsal(fields, [one.id for one in rounds]),
        warnings=tuple(dict.fromkeys([*warnings, *(warning for one in rounds for warning in one.experiment.warnings)])),
    )
    fields.done()
    if problems:
        raise InvalidFileError(list(dict.fromkeys(problems)))
    return gameday


def _rounds(fields: Fields, namespaces: Sequence[str], catalogue: Catalogue) -> tuple[Round, ...]:
    entries = fields.mappings("rounds")
    if not entries and not fields.problems:
        fields.note("expected at least one round under rounds", "rounds")
    found = [_round(entry, f"round-{number}", namespaces, catalogue) for number, entry in enumerate(entries, start=1)]
    rounds = tuple(one for one in found if one is not None)
    for index, one in enumerate(rounds):
        if one.id in {earlier.id for earlier in rounds[:index]}:
            fields.problems.append(
                Problem(fields.document.file, one.line, f"a second round is called {one.id!r}; give it another id")
            )
    return rounds


def _round(fields: Fields, default_id: str, namespaces: Sequence[str], catalogue: Catalogue) -> Round | None:
    identifier = fields.text("id", default_id)
    if not _ID.fullmatch(identifier):
        fields.note(f"id: expected lower-case letters, digits and dashes, but got {identifier!r}", "id")
    mode = cast("RunbookMode", fields.choice("runbook", _MODES, "show"))
    name = fields.text("experiment", required=True)
    experiment = _experiment(fields, name, catalogue) if name else None
    if experiment is None:
        fields.choice("expect", VERDICTS, "held")
        fields.done()
        return None
    expect = read_expect(fields, experiment.expect)
    fields.done()
    _check_namespaces(fields, experiment, namespaces)
    _check_runbook(fields, experiment, mode)
    return Round(identifier, experiment, expect, mode, fields.line)


def _experiment(fields: Fields, name: str, catalogue: Catalogue) -> Experiment | None:
    try:
        path = catalogue.resolve("experiment", name, beside=Path(fields.document.file))
    except UsageError as error:
        fields.note(str(error), "experiment")
        return None
    try:
        return load_experiment(path, catalogue=catalogue)
    except InvalidFileError as error:
        fields.problems.extend(error.problems)
        return None


def _check_namespaces(fields: Fields, experiment: Experiment, namespaces: Sequence[str]) -> None:
    outside = [name for name in experiment.namespaces if namespaces and name not in namespaces]
    if outside:
        named = ", ".join(namespaces)
        fields.note(f"the experiment touches {', '.join(outside)}, but this game day's namespaces are {named}", "experiment")


def _check_runbook(fields: Fields, experiment: Experiment, mode: RunbookMode) -> None:
    if experiment.runbook_path is None:
        if mode == "execute":
            fields.note("runbook: execute needs a runbook, but the experiment names none", "runbook")
        return
    try:
        runbook = load_runbook(experiment.runbook_path)
    except InvalidFileError as error:
        fields.problems.extend(error.problems)
        return
    if mode == "execute" and not any(step.action or step.shell for step in runbook.steps):
        fields.note(f"runbook: execute, but no step of {experiment.runbook_path} has a block that can be executed", "runbook")


def _roles(fields: Fields) -> dict[str, str]:
    inner = fields.mapping("roles")
    if inner is None:
        return {}
    return {str(role): inner.text(role) for role in inner.data}


def _namespaces_of(rounds: Sequence[Round]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for one in rounds for name in one.experiment.namespaces))
