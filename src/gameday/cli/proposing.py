"""The change that a rehearsal proposes for its runbooks, as a patch: from its log, and from the files as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from gameday.cli.printing import printable
from gameday.errors import UsageError
from gameday.log import AnyEvent
from gameday.log.people import RehearsalStarted
from gameday.rehearsal.fidelity import fidelities_of
from gameday.rehearsal.proposal import Change, changes_of, diff_of, unmatched
from gameday.rehearsal.state import fold
from gameday.workspace import Catalogue


def proposal_of(events: Sequence[AnyEvent]) -> str:
    """Return a unified diff over every runbook that people followed; empty where nothing is proposed.

    Paths are relative to the working directory. Steps that a file does not have any more are named on standard error.
    """
    level = next((event.level for event in events if isinstance(event, RehearsalStarted)), "")
    if not level:
        raise UsageError("this run has no people in it, so nothing is proposed. See: gameday rehearse --help")
    state, fidelities = fold(events), fidelities_of(events)
    changes: dict[str, list[Change]] = {}
    for name, fidelity in fidelities.items():
        found = changes.setdefault(fidelity.runbook, [])
        # Several rounds may have followed one runbook: of each step the first proposal counts.
        known = {(change.kind, change.step, change.title) for change in found}
        proposed = changes_of(state.incidents[name], fidelity, level=level)
        found += [change for change in proposed if (change.kind, change.step, change.title) not in known]
    return "".join(_diff(runbook, found) for runbook, found in changes.items() if found)


def _diff(runbook: str, changes: Sequence[Change]) -> str:
    file = Catalogue.around().find("runbook", runbook)
    # Byte for byte: git compares line ends, too.
    text = file.read_bytes().decode("utf-8")
    path = _relative(file)
    missing = unmatched(text, changes, path=path)
    if missing:
        steps = printable(", ".join(missing))
        click.echo(f"{path} has no step {steps} any more; what was proposed for it is left out.", err=True)
    return diff_of(text, changes, path=path)


def _relative(file: Path) -> str:
    try:
        return file.resolve().relative_to(Path.cwd().resolve()).as_posix()
    except ValueError:
        return f"runbooks/{file.name}"
