"""The live view: what a person at a terminal sees of a run while it is on, and the few lines at its end.

It is fed with the log's events and changes nothing: whatever happens in here, the run goes on. On a terminal the lines of
what is over scroll by above a moving part (the current phase, a sparkline of checkout); elsewhere there are plain lines
without any control character. The lines are the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from types import TracebackType
from typing import Protocol, Self

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from gameday.cli.lines import CONTROL, Line, Telling, recovery_words
from gameday.log.every import AnyEvent
from gameday.report.facts import Round, Story
from gameday.report.story import tell
from gameday.report.words import UNKNOWN, duration, listed, offset

_STYLES = {"good": "green", "bad": "bold red", "unclear": "yellow", "plain": "", "title": "bold"}
_SIGNS = {"good": "✓", "bad": "✗", "unclear": "?", "plain": " ", "title": " "}
_PLAIN_SIGNS = {"good": "ok", "bad": "!!", "unclear": "??", "plain": "  ", "title": "=="}


class LiveView(Protocol):
    """Something that shows a run while it is on; a context manager, so that a terminal is left as it was found."""

    def view(self, event: AnyEvent) -> None:
        """Take in one event; never raises."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


def live(console: Console, *, terminal: bool) -> LiveView:
    """Return the view that fits: with a moving part on a terminal, plain lines elsewhere."""
    return _TerminalView(console) if terminal else _PlainView(console)


class _PlainView:
    """Lines for a file, a pipe or a CI's log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._telling = Telling()

    def view(self, event: AnyEvent) -> None:
        """Print the event's line, if it has one."""
        with contextlib.suppress(Exception):  # a view must never fail the run
            line = self._telling.take(event)
            if line is not None:
                self._print(f"{offset(line.at_seconds):>9}  {_PLAIN_SIGNS[line.tone]}  {line.text}")

    def _print(self, text: str) -> None:
        encoding = self._console.encoding
        print(text.encode(encoding, "replace").decode(encoding), file=self._console.file, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class _TerminalView:
    """Lines that scroll by, above the current phase and the sparkline."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._telling = Telling()
        self._spinner = Spinner("dots")
        self._live = Live(console=console, get_renderable=self._moving, refresh_per_second=8, transient=True)

    def view(self, event: AnyEvent) -> None:
        """Show the event above the moving part, if it has a line."""
        with contextlib.suppress(Exception):  # a view must never fail the run
            line = self._telling.take(event)
            if line is not None:
                self._console.print(_styled(line), soft_wrap=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def _moving(self) -> RenderableType:
        running = list(self._telling.running.values())
        if running:
            began, name = running[-1]
            self._spinner.update(text=Text(CONTROL.sub(" ", f"{name} {duration(self._telling.now_seconds - began)}")))
        else:
            self._spinner.update(text=Text("waiting"))
        return Group(self._spinner, self._telling.sparkline())


def summary(events: Iterable[AnyEvent], *, report: str = "") -> RenderableType:
    """Return the end of a run for a person: verdicts, times to recover, orders, what to do, and the report's path."""
    story = tell(events)
    parts: list[RenderableType] = [Text(CONTROL.sub(" ", story.headline), style=_headline_style(story))]
    if story.rounds:
        parts.append(_verdicts(story.rounds))
    parts += [Text(CONTROL.sub(" ", f"To do: {item.what} {item.why} Owner: {item.owner}.")) for item in story.actions]
    if report:
        # On a line of its own, so that a terminal finds it; folded rather than cut where it is too long.
        parts.append(Text(f"Report: {report}", overflow="fold"))
    return Group(*parts)


def _verdicts(rounds: Iterable[Round]) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for head in ("Round", "Verdict", "Time to recover", "Objective", "Orders", "Runbook"):
        table.add_column(head, overflow="fold")
    for round_ in rounds:
        verdict = round_.verdict
        tone = "unclear" if verdict.verdict in {"inconclusive", "none"} else "good" if verdict.as_expected else "bad"
        word = "no verdict" if verdict.verdict == "none" else verdict.verdict
        expectation = "as expected" if verdict.as_expected else f"expected {verdict.expected}"
        table.add_row(
            Text(CONTROL.sub(" ", round_.title)),
            Text(f"{_SIGNS[tone]} {word}, {expectation}", style=_STYLES[tone]),
            recovery_words(verdict.recovery),
            duration(round_.objectives.get("rto_seconds")),
            Text(_orders(round_)),
            Text(verdict.runbook or UNKNOWN),
        )
    return table


def _orders(round_: Round) -> str:
    ledger = round_.ledger
    if ledger is None or ledger.error:
        return "not checked"
    text = f"{ledger.found} of {ledger.acknowledged} found"
    text += f", lost {listed(ledger.lost, at_most=3)}" if ledger.lost else ""
    text += f", {len(ledger.altered)} altered" if ledger.altered else ""
    text += f", {len(ledger.unrecorded)} charged without an order" if ledger.unrecorded else ""
    text += f", {len(ledger.untracked)} failed and on no list" if ledger.untracked else ""
    return CONTROL.sub(" ", text + (f", doubled {listed(ledger.doubled, at_most=3)}" if ledger.doubled else ""))


def _styled(line: Line) -> Text:
    text = Text(f"{offset(line.at_seconds):>9} ", style="dim")
    text.append(f" {_SIGNS[line.tone]} ", style=_STYLES[line.tone])
    return text.append(line.text, style="not dim bold" if line.tone == "title" else "not dim")


def _headline_style(story: Story) -> str:
    return {"expected": "bold green", "differs": "bold red", "residue": "bold red", "internal": "bold red"}.get(
        story.state, "bold yellow"
    )
