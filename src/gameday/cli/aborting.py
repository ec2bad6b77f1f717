"""`gameday abort`: ends the run that is on, from any terminal, and returns when everything is undone."""

from __future__ import annotations

import getpass
import os
import signal
import socket
import time
from pathlib import Path

import click

from gameday.cli.choosing import choose
from gameday.cli.options import cluster_options, runs_option
from gameday.cluster import Cluster
from gameday.errors import ExitCode, RefusedError
from gameday.log import read
from gameday.log.events import RunEnded
from gameday.run.spec import SPEC_FILE
from gameday.run.taking_over import guardian_of, unfinished

_PATIENCE_SECONDS = 180.0


@click.command("abort")
@cluster_options
@runs_option
def command(kubeconfig: str, context: str, runs: Path) -> int:
    """Abort the run that is on, and have everything undone; returns when it is.

    Looks at the runs of this folder, then at the cluster's lease, through which a run on another machine is asked.
    """
    directory = next((path for path in runs_on(runs)), None)
    if directory is not None:
        return _abort_here(directory)
    from gameday.undo.lease import ask_to_abort  # noqa: PLC0415  # with the cluster client

    cluster = reach(kubeconfig, context)
    holder = ask_to_abort(cluster, f"{getpass.getuser()}@{socket.gethostname()}")
    if not holder:
        raise RefusedError("no run is on, neither in this folder nor in the cluster")
    click.echo(f"asked {holder} to abort; waiting for it to undo", err=True)
    return _wait_for_lease(cluster, holder)


def runs_on(runs: Path) -> list[Path]:
    """Return the folders of runs that a living guardian is at work on, newest first."""
    found = []
    for path in sorted(runs.glob(f"*/{SPEC_FILE}"), reverse=True):
        guardian = guardian_of(path.parent) if unfinished(path.parent) else None
        if guardian is not None and guardian.is_alive:
            found.append(path.parent)
    return found


def _abort_here(directory: Path) -> int:
    guardian = guardian_of(directory)
    if guardian is None or not guardian.is_alive:
        raise RefusedError(f"{directory.name}: its guardian is gone. Undo what it owes: gameday recover")
    os.kill(guardian.pid, signal.SIGTERM)
    click.echo(f"{directory.name}: aborting and undoing …", err=True)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        ended = next((event for event in read(directory) if isinstance(event, RunEnded)), None)
        if ended is not None:
            click.echo(f"{directory.name}: {ended.summary}")
            return ExitCode.RESIDUE if ended.residue else ExitCode.EXPECTED
        if not guardian.is_alive:
            raise RefusedError(f"{directory.name}: its guardian died meanwhile. Undo what it owes: gameday recover")
        time.sleep(0.1)
    raise RefusedError(f"{directory.name}: still undoing after {_PATIENCE_SECONDS:g} s; see gameday status")


def _wait_for_lease(cluster: Cluster, holder: str) -> int:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if holder_of(cluster) != holder:
            click.echo(f"{holder}: aborted and undone")
            return ExitCode.EXPECTED
        time.sleep(0.5)
    raise RefusedError(f"{holder} still holds the cluster after {_PATIENCE_SECONDS:g} s. If it is dead: gameday recover")


def holder_of(cluster: Cluster) -> str | None:
    """Return who holds the cluster's Lease, or None."""
    from gameday.undo.lease import hold_of  # noqa: PLC0415

    hold = hold_of(cluster)
    return None if hold is None else hold.holder


def reach(kubeconfig: str, context: str) -> Cluster:
    """Connect to the cluster that is meant."""
    from gameday.kube import connect  # noqa: PLC0415  # half a second

    choice = choose(kubeconfig, context)
    return connect(kubeconfig=choice.kubeconfig or None, context=choice.context)
