"""`gameday report`: a run told to people and to machines, from its log alone."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import click

from gameday.cli.naming import find_run
from gameday.cli.options import runs_option
from gameday.errors import UsageError
from gameday.log import AnyEvent, read
from gameday.report import render
from gameday.report.words import visible

FORMATS: Final = ("html", "md", "junit", "json", "diff")


@click.command("report")
@click.argument("run", metavar="RUN", default="latest")
@click.option("--format", "format_", type=click.Choice(FORMATS), default="html", show_default=True)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=None, help="A file instead of standard output."
)
@runs_option
def command(run: str, format_: Literal["html", "md", "junit", "json", "diff"], output: Path | None, runs: Path) -> None:
    """Print the report of RUN: a folder, an id, a part of one, or `latest`.

    The format diff is the change that a rehearsal proposes for its runbooks, for `git apply`; nothing else changes them.
    """
    events = read(find_run(run, runs))
    text = _proposal(events) if format_ == "diff" else render(events, format_)
    if output is None:
        if not text:
            click.echo("Nothing is proposed.", err=True)
            return
        # A diff holds the runbook's own lines byte for byte, or it does not apply.
        text = text if format_ == "diff" else visible(text)
        click.echo(text, nl=not text.endswith("\n"))
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write the report to {output}: {error.strerror}") from error
    click.echo(str(output), err=True)


def _proposal(events: list[AnyEvent]) -> str:
    from gameday.cli.proposing import proposal_of  # noqa: PLC0415  # only this format reads runbooks

    return proposal_of(events)
