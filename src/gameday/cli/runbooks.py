"""`gameday runbook`: what is done with runbooks, each subcommand imported when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
from click.shell_completion import CompletionItem

from gameday.cli.lazily import LazyGroup
from gameday.errors import UsageError
from gameday.workspace import Catalogue

_COMMANDS: Final = {
    "lint": ("gameday.cli.linting", "Look for what is wrong in runbooks, each finding with its code, file and line."),
    "show": ("gameday.cli.showing", "One runbook, readable in a terminal."),
    "schema": ("gameday.cli.schemas", "The JSON Schema of runbooks, for editors."),
    "verify": ("gameday.cli.verifying", "Prove a runbook against the fault it is for: inject, execute its steps, measure."),
}


@click.group("runbook", cls=LazyGroup, modules=_COMMANDS)
def command() -> None:
    """Runbooks: what is wrong in them, what they say, and whether they are true.

    A runbook is named by its file or by its name in the catalogue, see `gameday list runbooks`.
    """


class RunbookName(click.ParamType[str]):
    """A runbook's file or name; completed with both."""

    name = "runbook"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the catalogue's names, and files as the shell knows them."""
        del ctx, param
        names = [entry.name for entry in Catalogue.around().list("runbook") if entry.name.startswith(incomplete)]
        return [*(CompletionItem(name) for name in names), CompletionItem(incomplete, type="file")]


def find_runbook(name: str) -> Path:
    """Return the file of a runbook that is named by path or by name; UsageError says what may have been meant."""
    path = Path(name)
    if path.is_file():
        return path
    if path.suffix == ".md" or "/" in name:
        raise UsageError(f"no such file: {name} (looked in {path.absolute().parent}). See: gameday list runbooks")
    return Catalogue.around().find("runbook", name)
