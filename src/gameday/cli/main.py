"""The root of the command line: its subcommands, loaded when they are called, and what an error looks like.

Data goes to standard output, everything else to standard error. Options win over GAMEDAY_* variables, which win over
gameday.yaml. Every error of ours leaves with its exit code and its own words; an unexpected one with 70 and a traceback.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

import click

from gameday import __version__
from gameday.cli.lazily import LazyGroup
from gameday.cli.printing import printable
from gameday.errors import ExitCode, GamedayError

_COMMANDS: Final = {
    "demo": ("gameday.cli.demo", "One whole game day on an embedded cluster, and its report."),
    "staging": ("gameday.cli.staging", "The embedded staging cluster: up, down, status."),
    "list": ("gameday.cli.listing", "What there is: actions, probes, experiments, gamedays, runbooks."),
    "validate": ("gameday.cli.validate", "Check files: every problem at once, each with file and line."),
    "plan": ("gameday.cli.planning", "What a run would change, as a diff, and what the guard says."),
    "run": ("gameday.cli.running", "Run an experiment or a game day."),
    "rehearse": ("gameday.cli.rehearsing", "The same plan, for people: at a table, simulated, or live."),
    "runbook": ("gameday.cli.runbooks", "Runbooks under test: lint and show them, and verify one against its fault."),
    "approve": ("gameday.cli.approving", "Print what an approval of a plan signs, or sign it."),
    "status": ("gameday.cli.status", "The run that is on: which round and phase, and who holds the cluster."),
    "abort": ("gameday.cli.aborting", "Stop the run that is on and undo it, from any terminal."),
    "recover": ("gameday.cli.recovering", "Undo whatever a dead run still owes, from any machine."),
    "init": ("gameday.cli.starting", "A workspace for a shop of one's own: an example of everything, filled in."),
    "install": ("gameday.cli.installing", "What gameday needs in a cluster: accounts, rights, reaper, a schedule."),
    "doctor": ("gameday.cli.doctor", "What a run would find here, and the next step for what is missing."),
    "report": ("gameday.cli.reporting", "The report of a run: HTML, Markdown, JUnit or JSON."),
}
_OF_GROUPS: Final = {"runbook": ("verify", "lint", "show", "schema"), "rehearse": ("hold", "join")}
"""Groups whose subcommands take the options common to all, and in gameday.yaml have those of their own below the group."""
CONFIGURATION_FILE: Final = "gameday.yaml"


@click.group(
    cls=LazyGroup,
    modules=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "GAMEDAY", "max_content_width": 100},
    epilog="Exit status: 0 as expected, 1 a verdict differs, 2 inconclusive, 3 refused, 4 aborted and undone, "
    "5 something is left behind, 64 usage, 70 internal.",
)
@click.version_option(__version__, prog_name="gameday", message="%(prog)s %(version)s")
@click.option("-v", "--verbose", is_flag=True, help="Say more of what the tool itself does, on standard error.")
@click.pass_context
def root(ctx: click.Context, *, verbose: bool) -> None:
    """Harm a staging cluster on purpose, watch whether customers can still check out, and leave nothing behind."""
    from gameday.logs import configure_logs  # noqa: PLC0415  # structlog, after --version has been answered

    configure_logs(verbose=verbose)
    ctx.default_map = _defaults()


def run() -> int:
    """Run the command line; return the exit status."""
    try:
        outcome = root.main(prog_name="gameday", standalone_mode=False)
    except GamedayError as error:
        return _fail(str(error), error.exit_code)
    except click.exceptions.Abort:
        return _fail("nothing was done", ExitCode.REFUSED)
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except (KeyboardInterrupt, BrokenPipeError):
        # What is on has its own handling; here, nothing was on, nor is anything that a second Ctrl-C could interrupt.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.stderr.close()
        return ExitCode.ABORTED
    return int(outcome) if isinstance(outcome, int) else ExitCode.EXPECTED


def _fail(message: str, code: ExitCode) -> int:
    # It may quote what people typed, or what stands in a file.
    click.secho(f"gameday: {printable(message)}", fg="red" if _colour() else None, err=True)
    return code


def _colour() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def _defaults() -> dict[str, Any]:
    """Read gameday.yaml of the working directory: options by command, or for all commands at the top level."""
    file = Path(CONFIGURATION_FILE)
    if not file.exists():
        return {}
    from gameday.yamlfile import load  # noqa: PLC0415  # only where there is such a file

    data = load(file).data
    common = _plain_names({key: value for key, value in data.items() if key not in _COMMANDS})
    defaults: dict[str, Any] = {name: {**common, **(data.get(name) or {})} for name in _COMMANDS}
    for group, names in _OF_GROUPS.items():
        own = data.get(group) or {}
        defaults[group] = {name: {**common, **_plain_names(own.get(name) or {})} for name in names}
    return defaults


def _plain_names(options: dict[str, Any]) -> dict[str, Any]:
    """Return options under the names that click has for them."""
    return {key.replace("-", "_"): value for key, value in options.items()}
