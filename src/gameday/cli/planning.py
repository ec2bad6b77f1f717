"""`gameday plan`: what a run would change, and whether the guard would let it. Reads the cluster; changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from gameday.cli.choosing import choose
from gameday.cli.options import cluster_options, output_option
from gameday.cli.printing import print_data
from gameday.errors import ExitCode
from gameday.gameday import Round
from gameday.guard import Finding
from gameday.plan import Plan, PlannedChange


@click.command("plan")
@click.argument("file", metavar="FILE")
@cluster_options
@output_option("text", "json", "yaml")
def command(file: str, kubeconfig: str, context: str, output: str) -> int:
    """Show what running FILE (an experiment or a game day, by path or name) would change."""
    from gameday.cli.naming import resolve  # noqa: PLC0415
    from gameday.run.preflight import check_plans, load_programme  # noqa: PLC0415

    programme = load_programme(resolve(file))
    if not programme.touches_cluster:
        click.echo(f"{programme.title}: no activity of ours; what others change cannot be seen", err=True)
        return ExitCode.EXPECTED
    from gameday.kube import connect  # noqa: PLC0415  # half a second

    choice = choose(kubeconfig, context)
    cluster = connect(kubeconfig=choice.kubeconfig or None, context=choice.context)
    identity = cluster.identity()
    plans = check_plans(programme, cluster).rounds
    if output == "text":
        click.echo(f"{programme.title}\ncluster {identity} at {identity.server}")
        for item, plan, findings in plans:
            _show(item, plan, findings)
    else:
        print_data(
            {"title": programme.title, "cluster": str(identity), "rounds": [_row(*entry) for entry in plans]}, output=output
        )
    return ExitCode.REFUSED if any(findings for _, _, findings in plans) else ExitCode.EXPECTED


def _show(item: Round, plan: Plan, findings: Sequence[Finding]) -> None:
    click.echo(f"\n{item.id}: {item.experiment.title} (expected: {item.expect})")
    for change in plan.changes:
        _show_change(change)
    for name in plan.foreign:
        click.echo(f"  ? {name}: an activity of another extension; what it changes cannot be seen")
    if not plan.changes and not plan.foreign:
        click.echo("  nothing would be changed")
    for finding in findings:
        click.secho(f"  refused {finding}", fg="red")
    if not findings:
        click.echo("  the guard allows it")


def _show_change(change: PlannedChange) -> None:
    before = "before the baseline, " if change.prepares else ""
    click.echo(f"  {before}{change.by}: {change.summary}")
    for field in change.diff():
        click.secho(f"    - {field['path']}: {field['before']}", fg="red")
        click.secho(f"    + {field['path']}: {field['after']}", fg="green")


def _row(item: Round, plan: Plan, findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "round": item.id,
        "experiment": str(item.experiment.path),
        "expected": item.expect,
        "changes": [
            {
                "by": change.by,
                "prepares": change.prepares,
                "kind": change.kind,
                "object": str(change.ref),
                "summary": change.summary,
                "fields": change.diff(),
            }
            for change in plan.changes
        ],
        "foreign": list(plan.foreign),
        "allowed": not findings,
        "findings": [finding.as_dict() for finding in findings],
    }
