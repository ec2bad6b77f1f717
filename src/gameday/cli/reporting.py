"""`gameday report`: a run told to people and to machines, from its log alone."""

from __future__ import annotations

from pathlib import Path

import click

from gameday.cli.naming import find_run
from gameday.cli.options import runs_option
from gameday.errors import UsageError
from gameday.log import read
from gameday.report import Format, render


@click.command("report")
@click.argument("run", metavar="RUN", default="latest")
@click.option("--format", "format_", type=click.Choice(["html", "md", "junit", "json"]), default="html", show_default=True)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=None, help="A file instead of standard output."
)
@runs_option
def command(run: str, format_: Format, output: Path | None, runs: Path) -> None:
    """Print the report of RUN: a folder, an id, a part of one, or `latest`."""
    text = render(read(find_run(run, runs)), format_)
    if output is None:
        click.echo(text, nl=not text.endswith("\n"))
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write the report to {output}: {error.strerror}") from error
    click.echo(str(output), err=True)
