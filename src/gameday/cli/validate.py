"""`gameday validate`: every problem of every file at once. Nothing is run, and no cluster is asked."""

from __future__ import annotations

from pathlib import Path

import click

from gameday.cli.options import output_option
from gameday.cli.printing import print_data
from gameday.errors import ExitCode, InvalidFileError, Problem, UsageError
from gameday.workspace import Catalogue, make_importable


@click.command("validate")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@output_option("text", "json")
def command(files: tuple[str, ...], output: str) -> int:
    """Check experiments, game-day plans, runbooks (.md) and journeys."""
    problems: list[Problem] = []
    warnings: list[Problem] = []
    for file in files:
        try:
            warnings += check(file)
        except InvalidFileError as error:
            problems += error.problems
        except UsageError as error:
            problems.append(Problem(file, 0, str(error)))
    if output == "json":
        print_data(
            {"valid": not problems, "problems": [_row(item) for item in problems], "warnings": [_row(item) for item in warnings]},
            output="json",
        )
    else:
        for problem in problems:
            click.echo(str(problem), err=True)
        for warning in warnings:
            click.echo(f"warning: {warning}", err=True)
        click.echo(
            f"{len(problems)} problem(s) in {len(files)} file(s)" if problems else f"{len(files)} file(s) are valid", err=True
        )
    return ExitCode.USAGE if problems else ExitCode.EXPECTED


def check(file: str) -> list[Problem]:
    """Read one file as what it is; return warnings, and raise InvalidFileError with everything that is wrong."""
    path = Path(file)
    catalogue = Catalogue.around(path)
    make_importable(catalogue.project)
    if path.suffix == ".md":
        from gameday.runbook import load_runbook  # noqa: PLC0415  # Markdown, for runbooks only

        return list(load_runbook(path, catalogue=catalogue).warnings)
    if path.parent.name == "journeys":
        from gameday.traffic.journey_file import load_journey  # noqa: PLC0415  # httptools is not needed for anything else

        load_journey(path)
        return []
    from gameday.gameday import GameDay, load_any  # noqa: PLC0415

    found = load_any(path, catalogue=catalogue)
    below = [warning for item in found.rounds for warning in item.experiment.warnings] if isinstance(found, GameDay) else []
    return [*found.warnings, *below]


def _row(problem: Problem) -> dict[str, object]:
    return {"file": problem.file, "line": problem.line, "message": problem.message}
