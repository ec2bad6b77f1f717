"""`gameday approve`: the text that an approval of a plan signs, and signing it."""

from __future__ import annotations

from pathlib import Path

import click

from gameday.cli.choosing import choose
from gameday.cli.naming import resolve
from gameday.cli.options import cluster_options
from gameday.errors import RefusedError


@click.command("approve")
@click.argument("file", metavar="FILE")
@cluster_options
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="Sign with this SSH key (of one that an agent holds, the .pub file) and put the signature beside FILE.",
)
def command(file: str, kubeconfig: str, context: str, key: Path | None) -> None:
    """Print what an approval of the game day FILE signs, as it stands and for this cluster; with --key, sign it.

    Signatures lie in FILE.approvals/, one a person. Any edit of the plan, its experiments, runbooks or journeys, another
    cluster or another cap makes another text, and needs new ones.
    """
    from gameday.gameday import GameDay, load_any  # noqa: PLC0415
    from gameday.guard.approvals import approval_text, approvals_folder, runners_here, sign  # noqa: PLC0415
    from gameday.kube import connect  # noqa: PLC0415  # half a second
    from gameday.workspace import Catalogue, make_importable  # noqa: PLC0415

    path = resolve(file)
    catalogue = Catalogue.around(path)
    make_importable(catalogue.project)
    plan = load_any(path, catalogue=catalogue)
    if not isinstance(plan, GameDay):
        raise RefusedError(f"{file} is a single experiment, and approvals are of game days; put it into the rounds of one")
    choice = choose(kubeconfig, context)
    identity = connect(kubeconfig=choice.kubeconfig or None, context=choice.context).identity()
    text = approval_text(plan, identity)
    if key is None:
        click.echo(text, nl=False)
        folder = approvals_folder(plan.path)
        click.echo(f"to approve it: gameday approve {file} --key YOUR-KEY", err=True)
        click.echo(f"or pipe this into: ssh-keygen -Y sign -n gameday -f YOUR-KEY > {folder}/YOU.sig", err=True)
        return
    signature = sign(plan, text, key)
    click.echo(str(signature))
    click.echo(f"approved {plan.title!r} for the cluster {identity}", err=True)
    if signature.stem in runners_here(plan.path):
        click.echo("it does not count for a run that you start yourself", err=True)
