"""`gameday init`: a workspace for a shop of one's own, with an example of everything that goes into one."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from gameday.starting import Choices, write


@click.command("init")
@click.argument("folder", default=".", metavar="[DIR]", type=click.Path(path_type=Path, file_okay=False))
@click.option("-n", "--namespace", default="shop", show_default=True, metavar="NAME", help="Namespace of the shop.")
@click.option("--deployment", default="", metavar="NAME", help="Deployment to harm; default: as the namespace is called.")
@click.option("--service", default="", metavar="NAME", help="Service that customers use; default: as the Deployment is called.")
@click.option("-l", "--selector", default="", metavar="LABELS", help="Of its pods; default: app=<deployment>.")
@click.option("--journey", default="visit", show_default=True, metavar="NAME", help="What customers do, by name.")
@click.option("--path", default="/", show_default=True, help="What customers ask for first.")
@click.option("--url", default="", help="Where customers knock, if not at the Service.")
@click.option("--rate", default="10/s", show_default=True, help="How many customers come.")
def command(
    folder: Path, *, namespace: str, deployment: str, service: str, selector: str, journey: str, path: str, url: str, rate: str
) -> int:
    """Write a workspace: an experiment, a game day, a journey, a runbook, an action and a probe of one's own.

    Everything is an example to be changed, and valid as it is. Nothing is overwritten.
    """
    deployment = deployment or namespace
    choices = Choices(namespace, service or deployment, deployment, selector, journey, path, url, rate)
    for file in write(choices, folder):
        click.echo(file)
    place = "" if folder == Path() else f"cd {shlex.quote(str(folder))} && "
    click.echo(f"next: {place}gameday plan experiments/lose-a-pod.yaml", err=True)
    return 0
