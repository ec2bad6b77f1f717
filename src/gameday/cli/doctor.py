"""`gameday doctor`: what a run would find on this machine and in this cluster, and the next step for whatever is missing."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING, Any, Final

import click

from gameday.cli.choosing import choose
from gameday.cli.options import cluster_options, output_option
from gameday.cli.printing import print_data
from gameday.errors import ExitCode, GamedayError

if TYPE_CHECKING:
    from gameday.run.examining import Check

_TOPIC: Final = 28
_INDENT: Final = 8 + 1 + _TOPIC + 1


@click.command("doctor")
@cluster_options
@click.option("-n", "--namespace", "namespaces", multiple=True, metavar="NAME", help="Default: every one that has opted in.")
@output_option("table", "json", "yaml")
def command(kubeconfig: str, context: str, namespaces: tuple[str, ...], output: str) -> int:
    """Look at all that a run needs: programs, the cluster, what is left over in it, and the rights of this account.

    For each action, what it needs and whether this cluster grants it. Changes nothing. Exit status: 0 all well, 3 something
    is missing or could not be looked at.
    """
    from gameday.change import ActionSpec  # noqa: PLC0415  # with the engine, only for this command
    from gameday.change.registry import registered  # noqa: PLC0415
    from gameday.cli.listing import registered_in  # noqa: PLC0415
    from gameday.run.examining import MISSING, Check, examine_cluster, examine_machine, is_well  # noqa: PLC0415
    from gameday.workspace import Catalogue, make_importable  # noqa: PLC0415

    make_importable(Catalogue.around().project)
    found = [registered(row["name"]) for row in registered_in("actions")]
    actions = [spec for spec in found if isinstance(spec, ActionSpec)]
    checks = [*examine_machine(), _embedded()]
    try:
        from gameday.kube import connect  # noqa: PLC0415  # half a second

        choice = choose(kubeconfig, context)
        cluster = connect(kubeconfig=choice.kubeconfig or None, context=choice.context)
        checks += examine_cluster(cluster, actions, namespaces)
    except GamedayError as error:
        checks.append(Check("cluster", MISSING, str(error), "pass --kubeconfig and --context, or: gameday staging up"))
    rows = [check.as_dict() for check in checks]
    if output == "table":
        for check in checks:
            _tell(check)
    else:
        print_data({"well": is_well(checks), "checks": rows}, output=output)
    return ExitCode.EXPECTED if is_well(checks) else ExitCode.REFUSED


def _tell(check: Check) -> None:
    """Print a check: what it is about, what was found in as many lines as it needs, and what to do."""
    width = max(40, shutil.get_terminal_size((100, 24)).columns - _INDENT)
    head, *rest = textwrap.wrap(check.found, width) or [""]
    click.echo(f"{check.state:<8} {check.topic:<{_TOPIC}} {head}".rstrip())
    for line in [*rest, *(textwrap.wrap(f"→ {check.next_step}", width) if check.next_step else ())]:
        click.echo(" " * _INDENT + line)


def _embedded() -> Any:
    from gameday.run.examining import NOTE, OK, Check  # noqa: PLC0415
    from gameday.staging import status  # noqa: PLC0415

    running = status()
    if running is None:
        return Check("embedded cluster", NOTE, "is not up", "to have one to try things on: gameday staging up")
    return Check("embedded cluster", OK, f"is up at {running.url}")
