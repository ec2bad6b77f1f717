"""`gameday run`: an experiment or a game day, on the cluster that is named."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gameday.cli.choosing import choose
from gameday.cli.following import launch_and_follow
from gameday.cli.naming import resolve
from gameday.cli.options import cluster_options, runs_option, yes_option
from gameday.errors import UsageError
from gameday.run.launching import new_run
from gameday.run.preflight import Programme, load_programme


@click.command("run")
@click.argument("file", metavar="FILE")
@cluster_options
@runs_option
@yes_option
@click.option("--unguarded", is_flag=True, help="Also run activities of other extensions, whose changes the guard cannot see.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), default=None, help="Write a JUnit file for CI.")
@click.option("-q", "--quiet", is_flag=True, help="Print only what it came to.")
def command(
    file: str, kubeconfig: str, context: str, runs: Path, *, yes: bool, unguarded: bool, junit: Path | None, quiet: bool
) -> int:
    """Run FILE: an experiment or a game-day plan, by path or by name.

    Everything it changes is undone before the command returns. Ctrl-C aborts and undoes.
    """
    path = resolve(file)
    programme = load_programme(path)
    choice = choose(kubeconfig, context)
    if not yes:
        _ask(programme, f"{choice.kubeconfig or 'the default kubeconfig'}, context {choice.context or '(current)'}")
    spec = new_run(
        runs, file=str(path), shown_file=file, kubeconfig=choice.kubeconfig, context=choice.context, unguarded=unguarded
    )
    return launch_and_follow(spec, junit=junit, quiet=quiet)


def _ask(programme: Programme, cluster: str) -> None:
    """Ask at a terminal; elsewhere a run must be asked for with --yes."""
    if not sys.stdin.isatty():
        raise UsageError(
            f"running {programme.title!r} harms a cluster on purpose, and there is no terminal to ask at. If it is meant: --yes"
        )
    rounds = "".join(f"\n  {item.id}: {item.experiment.title} (expected: {item.expect})" for item in programme.rounds)
    click.echo(
        f"{programme.title}{rounds}\nnamespaces: {', '.join(programme.namespaces) or 'none'}\ncluster: {cluster}", err=True
    )
    click.confirm("Run it?", abort=True, err=True)
