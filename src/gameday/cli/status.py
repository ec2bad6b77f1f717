"""`gameday status`: the run that is on: which round and phase it is in, and who holds the cluster."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from gameday.cli.aborting import reach, runs_on
from gameday.cli.options import cluster_options, output_option, runs_option
from gameday.cli.printing import print_data
from gameday.errors import RefusedError
from gameday.log import read
from gameday.log.events import PhaseStarted, RoundStarted, RunStarted


@click.command("status")
@cluster_options
@runs_option
@output_option("text", "json", "yaml")
def command(kubeconfig: str, context: str, runs: Path, output: str) -> None:
    """Say which run is on, in which round and phase, and who holds the cluster."""
    from gameday.undo.lease import hold_of  # noqa: PLC0415  # with the cluster client

    rows = [_row(path) for path in runs_on(runs)]
    try:
        hold = hold_of(reach(kubeconfig, context))
    except RefusedError as error:
        hold = None
        click.echo(f"the cluster was not asked: {error}", err=True)
    if output != "text":
        print_data({"runs": rows, "holder": hold.holder if hold else None}, output=output)
        return
    for row in rows:
        click.echo(
            f"{row['run']}: {row['title']}, round {row['round'] or '-'}, {row['phase'] or 'starting'}, for {row['seconds']:.0f} s"
        )
    if hold:
        click.echo(f"the cluster is held by {hold}")
    if not rows and not hold:
        click.echo("no run is on")


def _row(directory: Path) -> dict[str, Any]:
    events = read(directory)
    started = next((event for event in events if isinstance(event, RunStarted)), None)
    rounds = [event for event in events if isinstance(event, RoundStarted)]
    phases = [event for event in events if isinstance(event, PhaseStarted)]
    return {
        "run": directory.name,
        "title": started.title if started else "",
        "round": rounds[-1].round if rounds else "",
        "phase": phases[-1].phase if phases else "",
        "seconds": round(time.monotonic() - events[0].mono, 1) if events else 0.0,
        "folder": str(directory),
    }
