"""Following a run to its end: showing it live, turning signals into an abort, and printing what it came to.

SIGINT and SIGTERM ask the guardian to abort and undo; it is waited for. A second one asks it not to watch the recovery any
more. Nothing here ends the guardian: leaving without it would leave the undo to `gameday recover`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from rich.console import Console

from gameday.cli.live import live, summary
from gameday.errors import ExitCode
from gameday.log import follow, read
from gameday.log.events import RoundStarted, RunEnded
from gameday.report import render
from gameday.run.launching import Launched
from gameday.run.spec import RunSpec

REPORT_FILE = "report.html"


def launch_and_follow(spec: RunSpec, *, keep_fds: Sequence[int] = (), junit: Path | None = None, quiet: bool = False) -> ExitCode:
    """Start a run, show it until it is over, write its report, and return its exit code."""
    launched = follow_to_its_end(spec, keep_fds=keep_fds, quiet=quiet)
    return conclude(launched.directory, launched.exit_code(), junit=junit)


def follow_to_its_end(spec: RunSpec, *, keep_fds: Sequence[int] = (), quiet: bool = False) -> Launched:
    """Start a run and show it on standard error until it is over."""
    from gameday.run.launching import launch  # noqa: PLC0415

    launched = launch(spec, keep_fds=keep_fds)
    launched.watch()
    # What moves goes to standard error with everything else that is not data; the summary is data.
    console = Console(file=sys.stderr, no_color=bool(os.environ.get("NO_COLOR")) or None)
    with noted_signals() as signals, live(console, terminal=console.is_terminal) as view:

        def finished() -> bool:
            signals.heed(launched, console)
            return launched.is_over

        for event in follow(launched.directory, finished=finished):
            if not quiet:
                view.view(event)
    if launched.lost_why:
        console.print(f"{launched.lost_why}; a new one took over and undid everything it owed", style="yellow", highlight=False)
    return launched


def conclude(directory: Path, code: ExitCode, *, junit: Path | None = None) -> ExitCode:
    """Write the report of a run that is over and print what it came to."""
    events = read(directory)
    ended = next((event for event in reversed(events) if isinstance(event, RunEnded)), None)
    if ended is None:
        sys.stderr.write(f"gameday: the run did not come to its end; see {directory}/guardian.log, then: gameday recover\n")
        return ExitCode.INTERNAL
    if not any(isinstance(event, RoundStarted) for event in events):
        sys.stderr.write(f"gameday: {ended.summary}\n")
        return code
    report = directory / REPORT_FILE
    report.write_text(render(events, "html"), encoding="utf-8")
    if junit is not None:
        junit.write_text(render(events, "junit"), encoding="utf-8")
    Console(no_color=bool(os.environ.get("NO_COLOR")) or None).print(summary(events, report=str(report)))
    return code


@dataclass(slots=True)
class Signals:
    """Signals as they were heard. A handler may run between any two instructions, so it only notes; `heed` acts."""

    heard: list[int] = field(default_factory=list)
    heeded: int = 0

    def note(self, number: int, frame: FrameType | None) -> None:
        """Be a signal handler."""
        del frame
        self.heard.append(number)

    def heed(self, launched: Launched, console: Console) -> None:
        """Ask the guardian to abort for each signal that came since the last look."""
        while self.heeded < len(self.heard):
            name = signal.Signals(self.heard[self.heeded]).name
            self.heeded += 1
            first = "aborting: ending what is on and undoing it …"
            again = "still undoing; nothing is left behind before it ends"
            console.print(f"{name}: {first if self.heeded == 1 else again}", highlight=False)
            launched.abort(name)


@contextmanager
def noted_signals() -> Iterator[Signals]:
    """Note signals instead of dying of them; whoever heeds them turns them into an abort."""
    signals = Signals()
    before = {number: signal.signal(number, signals.note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
