"""`gameday recover`: undo what dead runs still owe."""

from __future__ import annotations

from pathlib import Path

import click

from gameday.cli.choosing import choose
from gameday.cli.options import cluster_options, output_option, runs_option
from gameday.cli.printing import print_data
from gameday.errors import ClusterError, ExitCode, RefusedError, worst


@click.command("recover")
@cluster_options
@runs_option
@click.option("--no-wait", is_flag=True, help="Report what is not yet due instead of waiting for it.")
@output_option("text", "json", "yaml")
def command(kubeconfig: str, context: str, runs: Path, *, no_wait: bool, output: str) -> int:
    """Undo what runs whose processes are dead still owe.

    Looks at the runs of this folder and at the undo records in the cluster, so that any machine can do it. Exit status: 0
    when nothing is owed any more, 3 when a run is still on or the cluster that is meant could not be asked, 5 when something
    cannot be undone.
    """
    from gameday.kube import connect  # noqa: PLC0415  # half a second
    from gameday.run.recovering import exit_code, recover  # noqa: PLC0415

    choice = choose(kubeconfig, context)
    unasked = ExitCode.EXPECTED
    try:
        cluster = connect(kubeconfig=choice.kubeconfig or None, context=choice.context)
        cluster.identity()
    except RefusedError as error:
        click.echo(f"no cluster to look for records in ({error}); looking at the runs in {runs}/ only", err=True)
        cluster = None
        # Without any kubeconfig, runs that touch no cluster are all there can be. One that is meant may hold records.
        if choice.kubeconfig or choice.context or isinstance(error, ClusterError):
            unasked = ExitCode.REFUSED
    found = recover(runs, cluster, told=lambda line: click.echo(line, err=True), wait=not no_wait)
    code = worst(exit_code(found), unasked)
    if output != "text":
        rows = [{"run": item.run_id, "state": item.state, "detail": item.detail, "entries": list(item.entries)} for item in found]
        print_data(rows, output=output)
        return code
    for item in found:
        click.echo(f"{item.run_id}: {item.state}" + (f" ({item.detail})" if item.detail else ""))
        for entry in item.entries:
            click.echo(f"  {entry['outcome']:<10} {entry['detail']}")
    if not found:
        click.echo("nothing is owed" + (f" by the runs in {runs}/; the cluster could not be asked" if unasked else ""))
    return code
