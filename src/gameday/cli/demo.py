"""`gameday demo`: an embedded cluster of its own, one whole game day on it, and the report. Leaves only the run's folder.

The cluster lives as long as this command or the run's guardian holds it, so that an undo has a cluster to happen in and
no way of ending either leaves a process behind.
"""

from __future__ import annotations

import signal
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import Final

import click

from gameday.cli.following import launch_and_follow
from gameday.cli.options import runs_option
from gameday.cli.staging import show_progress
from gameday.errors import ExitCode
from gameday.run.launching import new_run
from gameday.staging import Running, shop_manifests, up
from gameday.workspace import Catalogue

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@click.command("demo")
@click.argument("plan", default="first")
@runs_option
@click.option("--keep", is_flag=True, help="Leave the cluster up afterwards until Ctrl-C, to look around with kubectl.")
def command(plan: str, runs: Path, *, keep: bool) -> int:
    """Run the first game day on an embedded staging cluster: about a minute; no root, no Docker, no network.

    PLAN is a game day by name or path, `first` if none is named. Ctrl-C at any moment leaves nothing behind.
    """
    # SIGTERM ends this command as Ctrl-C does, so that the cluster's folder is cleared then too.
    for number in _SIGNALS:
        signal.signal(number, _interrupt)
    try:
        with tempfile.TemporaryDirectory(prefix="gameday-demo-", ignore_cleanup_errors=True) as folder:
            return _on_cluster(Path(folder) / "cluster", Catalogue.around().resolve("gameday", plan), runs, keep=keep)
    except KeyboardInterrupt:
        click.echo("interrupted; the cluster is gone", err=True)
        return ExitCode.ABORTED


def _on_cluster(folder: Path, plan: Path, runs: Path, *, keep: bool) -> int:
    started = time.monotonic()
    click.echo("starting the embedded staging cluster and its shop …", err=True)
    cluster = up(directory=folder, manifests=[shop_manifests()])
    try:
        show_progress(cluster.kubeconfig, timeout_seconds=60.0)
        click.echo(f"the shop is Ready after {time.monotonic() - started:.1f} s", err=True)
        spec = new_run(runs, file=str(plan), shown_file=plan.name, kubeconfig=str(cluster.kubeconfig))
        code = launch_and_follow(spec, keep_fds=[] if cluster.hold_fd is None else [cluster.hold_fd])
        if keep:
            _stay(cluster)
        return code
    finally:
        _heed_no_more()
        cluster.stop()


def _stay(cluster: Running) -> None:
    click.echo(f"the cluster stays up until Ctrl-C:\n  export KUBECONFIG={cluster.kubeconfig}", err=True)
    while True:
        time.sleep(3600)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    _heed_no_more()
    raise KeyboardInterrupt


def _heed_no_more() -> None:
    """Have no second Ctrl-C cut the clearing short."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
