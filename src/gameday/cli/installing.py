"""`gameday install`: what gameday needs in a cluster, applied, printed, or written as a kustomization."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gameday.cli.choosing import choose
from gameday.cli.naming import resolve
from gameday.cli.options import cluster_options, yes_option
from gameday.errors import UsageError
from gameday.installing import Installation, Schedule, as_yaml, parts, write
from gameday.workspace import SHIPPED, project_of

_MANAGER = "gameday-install"
_CRON_FIELDS = 5


@click.command("install")
@cluster_options
@click.option(
    "-n", "--namespace", "namespaces", multiple=True, metavar="NAME", help="Opt this namespace in, and bind the rights."
)
@click.option("--image", default="", metavar="IMAGE", help="Image with gameday in it, for reaper and runner (deploy/Dockerfile).")
@click.option("--cluster-name", default="", metavar="NAME", help="What plans call this cluster (cluster: NAME).")
@click.option("--schedule", "cron", default="", metavar="CRON", help="Run a game day on this schedule, as a CronJob.")
@click.option("--file", default="", metavar="FILE", help="The game day of the schedule, by path or by name.")
@click.option("--time-zone", default="", metavar="ZONE", help="Of the schedule, such as Europe/Berlin; default: the cluster's.")
@click.option("--print", "printed", is_flag=True, help="Only print the manifests, for kubectl apply -f -.")
@click.option("--write", "folder", type=click.Path(path_type=Path, file_okay=False), help="Only write them, as a kustomization.")
@yes_option
def command(
    *,
    kubeconfig: str,
    context: str,
    namespaces: tuple[str, ...],
    image: str,
    cluster_name: str,
    cron: str,
    file: str,
    time_zone: str,
    folder: Path | None,
    printed: bool,
    yes: bool,
) -> int:
    """Install what gameday needs in a cluster: its namespace, three accounts, their rights, the reaper.

    With --namespace also the rights in a namespace and its consent; with --schedule a CronJob that runs a game day as the
    account that injects. Installing again changes only what differs. To remove it: gameday install --print | kubectl delete -f -
    """
    wanted = Installation(image, cluster_name, namespaces, _schedule(cron, file, time_zone))
    if printed:
        click.echo(as_yaml([item for items in parts(wanted).values() for item in items]), nl=False)
    elif folder is not None:
        for path in write(wanted, folder):
            click.echo(path)
        click.echo(f"apply with: kubectl apply -k {folder}", err=True)
    else:
        _apply(wanted, kubeconfig, context, yes=yes)
    return 0


def _schedule(cron: str, file: str, time_zone: str) -> Schedule | None:
    if not cron:
        if file or time_zone:
            raise UsageError("--file and --time-zone belong to a schedule: pass --schedule '0 10 * * 2' as well")
        return None
    if not file:
        raise UsageError("expected --file with --schedule: which game day is to be run?")
    if len(cron.split()) != _CRON_FIELDS and not cron.startswith("@"):
        raise UsageError(f"expected --schedule as five fields (minute hour day month weekday), but got {cron!r}")
    path = resolve(file)
    if path.is_relative_to(SHIPPED):
        return Schedule(cron, path, None, time_zone)
    project = project_of(path.absolute().parent)
    if project is None:
        raise UsageError(f"expected {file} in a project (a folder with gamedays/, experiments/ …), since it is taken along")
    return Schedule(cron, path.absolute(), project, time_zone)


def _apply(wanted: Installation, kubeconfig: str, context: str, *, yes: bool) -> None:
    from gameday.cluster import ObjectRef  # noqa: PLC0415  # with the engine
    from gameday.kube import connect  # noqa: PLC0415  # half a second

    choice = choose(kubeconfig, context)
    cluster = connect(kubeconfig=choice.kubeconfig or None, context=choice.context)
    missing = [name for name in wanted.namespaces if cluster.get(ObjectRef("v1", "Namespace", "", name)) is None]
    if missing:
        raise UsageError(f"there is no namespace {missing[0]!r} at {cluster.server}; nothing was installed")
    if not yes:
        _ask(wanted, cluster.server)
    for items in parts(wanted).values():
        for item in items:
            click.echo(f"{ObjectRef.of(item)} {cluster.apply(item, manager=_MANAGER)}")
    if not wanted.image:
        click.echo(
            "The image is left as the name gameday, which most clusters cannot pull: pass --image (see deploy/Dockerfile).",
            err=True,
        )


def _ask(wanted: Installation, server: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError("installing writes accounts and rights to a cluster, and there is no terminal to ask at: pass --yes")
    opted_in = f" and opt in {', '.join(wanted.namespaces)}" if wanted.namespaces else ""
    click.confirm(f"Install gameday at {server}{opted_in}?", abort=True, err=True)
