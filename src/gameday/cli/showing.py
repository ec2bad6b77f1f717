"""`gameday runbook show`: one runbook, readable in a terminal, or as data."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any

import click

from gameday.cli.options import output_option
from gameday.cli.printing import print_data, printable
from gameday.cli.runbooks import RunbookName, find_runbook

if TYPE_CHECKING:
    from rich.console import RenderableType

    from gameday.runbook import Check, Runbook, Step


@click.command("show")
@click.argument("runbook", type=RunbookName())
@output_option("text", "json", "yaml")
def command(runbook: str, output: str) -> None:
    """Show one runbook: what it is for, and its steps by phase, with who does them, how long they take and their checks.

    A file with problems is not shown, but what is wrong with it; `gameday runbook lint` says more. -o json and -o yaml have all
    that was read, for other programs.
    """
    from gameday.runbook import load_runbook  # noqa: PLC0415  # Markdown, for this command only

    found = load_runbook(find_runbook(runbook))
    if output != "text":
        print_data(as_data(found), output=output)
        return
    from rich.console import Console  # noqa: PLC0415

    console = Console(highlight=False, no_color=bool(os.environ.get("NO_COLOR")) or None)
    for part in _parts(found):
        console.print(part)


def as_data(runbook: Runbook) -> dict[str, Any]:
    """Return all that was read of a runbook, as plain data."""
    data = dataclasses.asdict(runbook)
    return {**_plain(data), "path": str(runbook.path)}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def _parts(runbook: Runbook) -> list[RenderableType]:
    from rich.markdown import Markdown  # noqa: PLC0415
    from rich.padding import Padding  # noqa: PLC0415
    from rich.rule import Rule  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    parts: list[RenderableType] = [Text(printable(runbook.title), style="bold"), _facts(runbook)]
    parts += [Text(printable(f"! {caution.text}"), style="bold red") for caution in runbook.cautions]
    phase = ""
    for number, step in enumerate(runbook.steps, start=1):
        if step.phase != phase:
            phase = step.phase
            parts += [Text(), Rule(Text(printable(phase), style="bold"), align="left", style="dim")]
        parts += [Text(), _headline(number, step)]
        if step.prose:
            parts.append(Padding(Markdown(printable(step.prose), hyperlinks=False), (0, 0, 0, 4)))
        parts += [Padding(part, (0, 0, 0, 4)) for part in _what_is_done(step)]
    return parts


def _facts(runbook: Runbook) -> RenderableType:
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    proof = runbook.last_proven
    objectives = {"rto": runbook.objectives.rto_seconds, "rpo": runbook.objectives.rpo_seconds}
    rows = {
        "owner": runbook.owner,
        "severity": runbook.severity,
        "services": ", ".join(runbook.services),
        "alerts": ", ".join(runbook.alerts),
        "objectives": ", ".join(f"{name} {_duration(value)}" for name, value in objectives.items() if value is not None),
        "audiences": ", ".join(runbook.audiences),
        "updates": "" if runbook.updates_every_seconds is None else f"every {_duration(runbook.updates_every_seconds)}",
        "experiments": ", ".join(runbook.experiments),
        "proven": f"on {proof.date}, by {proof.run}" if proof else "never",
        "file": str(runbook.path),
    }
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        if value:
            table.add_row(Text(name, style="dim"), Text(printable(value)))
    return table


def _headline(number: int, step: Step) -> RenderableType:
    from rich.text import Text  # noqa: PLC0415

    expected = "" if step.expected_seconds is None else _duration(step.expected_seconds)
    about = " · ".join(part for part in (step.role, expected, step.id) if part)
    return Text.assemble((f"{number:>2}. ", "dim"), (printable(step.title), "bold cyan"), "   ", (printable(about), "dim"))


def _what_is_done(step: Step) -> list[RenderableType]:
    from rich.syntax import Syntax  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    parts: list[RenderableType] = []
    if step.shell is not None:
        parts.append(Syntax(printable(step.shell.text).rstrip(), "sh", background_color="default", word_wrap=True))
    if step.action is not None:
        given = ", ".join(f"{name}={value!r}" for name, value in step.action.arguments.items())
        parts.append(Text(printable(f"→ {step.action.target}({given})"), style="green"))
    if step.check is not None:
        parts.append(Text(printable(f"✓ {_check(step.check)}"), style="yellow"))
    return parts


def _check(check: Check) -> str:
    low, high = check.within
    if low is not None and high is not None:
        bounds = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    else:
        bounds = f"at least {low:g}" if low is not None else f"at most {high:g}"
    given = ", ".join(f"{name}={value!r}" for name, value in check.arguments.items())
    wait = f", within {_duration(check.wait_seconds)}" if check.wait_seconds else ""
    return f"{check.probe}({given}): {bounds}{wait}"


def _duration(seconds: float) -> str:
    """Return a duration as files have it: 90 s is 1m30s."""
    rest, parts = round(seconds, 3), []
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if rest >= length:
            parts.append(f"{int(rest // length)}{unit}")
            rest %= length
    return "".join(parts) + (f"{rest:g}s" if rest or not parts else "")
