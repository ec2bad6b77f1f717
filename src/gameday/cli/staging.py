"""`gameday staging`: the embedded cluster alone."""

from __future__ import annotations

import time
from pathlib import Path

import click

from gameday.cli.options import output_option
from gameday.cli.printing import print_data
from gameday.errors import RefusedError
from gameday.staging import Progress, Status, down, shop_manifests, status, switch_node, up, wait_ready

_directory = click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="The cluster's folder; one cluster a folder. `up` keeps the cluster's objects in it for the next `up`.",
)


@click.group("staging")
def command() -> None:
    """Start, stop and look at the embedded staging cluster: a Kubernetes API whose pods are processes of this machine."""


@command.command("up")
@_directory
@click.option("--nodes", type=click.IntRange(1, 20), default=2, show_default=True, help="How many nodes it has.")
@click.option(
    "--zones", type=click.IntRange(1, 20), default=3, show_default=True, help="How many zones the nodes are in, by turns."
)
@click.option("--empty", is_flag=True, help="Without the demo shop.")
@click.option(
    "-f", "--filename", "manifests", multiple=True, type=click.Path(path_type=Path, exists=True), help="Manifests to apply."
)
@click.option(
    "--timeout", "timeout_seconds", type=float, default=60.0, show_default=True, help="Seconds until all pods must be Ready."
)
def up_command(
    directory: Path | None, nodes: int, zones: int, *, empty: bool, manifests: tuple[Path, ...], timeout_seconds: float
) -> None:
    """Start it with the demo shop, wait until everything is Ready, and print its KUBECONFIG.

    To use it: eval "$(gameday staging up)".
    """
    started = time.monotonic()
    chosen = [*([] if empty else [shop_manifests()]), *manifests]
    keep = directory is not None
    running = up(directory=directory, manifests=chosen, nodes=nodes, zones=zones, keep=keep, detach=True)
    where = "" if directory is None else f" --dir {directory}"
    if chosen:
        show_progress(running.kubeconfig, timeout_seconds=timeout_seconds)
    click.echo(f"ready after {time.monotonic() - started:.1f} s; stop it with: gameday staging down{where}", err=True)
    click.echo(f"export KUBECONFIG={running.kubeconfig}")


@command.command("down")
@_directory
def down_command(directory: Path | None) -> None:
    """Stop it, with every process it started."""
    click.echo("stopped" if down(directory) else "there was none to stop", err=True)


@command.command("status")
@_directory
@output_option("text", "json", "yaml")
def status_command(directory: Path | None, output: str) -> None:
    """Say whether it is up, and where."""
    found = _running(directory)
    facts = {
        "directory": str(found.directory),
        "kubeconfig": str(found.kubeconfig),
        "context": found.context,
        "url": found.url,
        "pid": found.pid,
        "nodes": list(found.nodes),
    }
    if output == "text":
        for name, value in facts.items():
            click.echo(f"{name:<12} {', '.join(value) if isinstance(value, list) else value}")
    else:
        print_data(facts, output=output)


@command.group("node")
def node_command() -> None:
    """Switch one of its nodes off and on, as if somebody pulled the plug: an ability of this cluster, not of Kubernetes."""


@node_command.command("stop")
@click.argument("name")
@_directory
def stop_command(name: str, directory: Path | None) -> None:
    """Switch a node off: its pods' processes are gone at once; after 40 s the cluster takes it for lost."""
    switch_node(_running(directory).kubeconfig, name, "off")


@node_command.command("start")
@click.argument("name")
@_directory
def start_command(name: str, directory: Path | None) -> None:
    """Switch a node on again: it starts what is still assigned to it."""
    switch_node(_running(directory).kubeconfig, name, "on")


def _running(directory: Path | None) -> Status:
    found = status(directory)
    if found is None:
        raise RefusedError("the embedded cluster is not up. Start it: gameday staging up")
    return found


def show_progress(kubeconfig: Path, *, timeout_seconds: float) -> None:
    """Wait until all workloads are Ready, saying on standard error how many are."""
    said = ""

    def progress(found: Progress) -> None:
        nonlocal said
        line = f"{found.ready} of {found.wanted} pods Ready"
        if line != said:
            click.echo(line, err=True)
            said = line

    wait_ready(kubeconfig, timeout_seconds=timeout_seconds, progress=progress)
