"""The live view: what a person at a terminal sees of a run while it is on, and the few lines at its end.

It is fed with the log's events and changes nothing: whatever happens in here, the run goes on. On a terminal the lines of
what is over scroll by above a moving part (the current phase, a sparkline of checkout); elsewhere there are plain lines
without any control character. The lines are the same.
"""

from __future__ import annotations

import contextlib
import re
import textwrap
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from gameday.log.events import (
    AbortRequested,
    AnyEvent,
    ChangeFailed,
    ChangeLanded,
    ChangeOwed,
    LedgerChecked,
    LoadStarted,
    LoadWindow,
    Noted,
    PhaseEnded,
    PhaseStarted,
    ProcessEnded,
    RecoveryStarted,
    RoundStarted,
    RunEnded,
    RunStarted,
    StepEnded,
    StepStarted,
    UndoEnded,
    VerdictGiven,
)
from gameday.report.convert import recovery_of
from gameday.report.facts import Recovery, Round, Story
from gameday.report.sentences import LANDED, PHASES, RESULTS, UNASKED, UNDONE, how_ended, said
from gameday.report.series import Sample, sample_of
from gameday.report.story import tell
from gameday.report.words import UNKNOWN, duration, listed, milliseconds, offset, percent, recovery_text
from gameday.traffic import histogram

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_STYLES = {"good": "green", "bad": "bold red", "unclear": "yellow", "plain": "", "title": "bold"}
_SIGNS = {"good": "✓", "bad": "✗", "unclear": "?", "plain": " ", "title": " "}
_PLAIN_SIGNS = {"good": "ok", "bad": "!!", "unclear": "??", "plain": "  ", "title": "=="}
_SPARKS = "▁▂▃▄▅▆▇█"
_SHOWN_SECONDS = 60
_CURRENT_SECONDS = 2.0
_ALL_IS_WELL = 0.99
_LONGEST_LINE = 300
"""Details are in the report; a line that fills the screen hides the others."""


class LiveView(Protocol):
    """Something that shows a run while it is on; a context manager, so that a terminal is left as it was found."""

    def view(self, event: AnyEvent) -> None:
        """Take in one event; never raises."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


def live(console: Console, *, terminal: bool) -> LiveView:
    """Return the view that fits: with a moving part on a terminal, plain lines elsewhere."""
    return _TerminalView(console) if terminal else _PlainView(console)


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of what is over: when, how it went (good, bad, unclear, plain or title), and what."""

    at_seconds: float
    tone: str
    text: str


@dataclass(slots=True)
class _Telling:
    """Turns events into lines, and keeps what the moving part shows."""

    started_mono: float | None = None
    now_seconds: float = 0.0
    rounds: int = 0
    order_step: str = ""
    running: dict[tuple[str, str], tuple[float, str]] = field(default_factory=dict)
    """The phases and steps that are on: when each began and what it is called."""
    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=20 * _SHOWN_SECONDS))

    def take(self, event: AnyEvent) -> _Line | None:
        """Take in one event; return its line, if it deserves one."""
        if self.started_mono is None:
            self.started_mono = event.mono
        at = self.now_seconds = max(self.now_seconds, event.mono - self.started_mono)
        if isinstance(event, LoadWindow):
            self.samples.append(sample_of(event, self.order_step, start_seconds=event.start - self.started_mono))
            return None
        said_now = self._keep(event, at) or _told(event)
        return None if said_now is None else _Line(at, said_now[0], _on_one_line(said_now[1]))

    def _keep(self, event: AnyEvent, at: float) -> tuple[str, str] | None:
        match event:
            case RoundStarted():
                self.rounds += 1
                return "title", f"Round {self.rounds}: {event.title}"
            case LoadStarted():
                self.order_step = event.order_step or (event.steps[-1] if event.steps else "")
                return "plain", f"load: {said(event)}"
            case PhaseStarted():
                self.running[event.round, event.phase] = (at, PHASES.get(event.phase, event.phase))
            case PhaseEnded():
                began, _ = self.running.pop((event.round, event.phase), (at, ""))
                tone = {"ok": "good", "skipped": "plain"}.get(event.outcome, "bad")
                return tone, _with(f"{event.phase}: {event.outcome} after {duration(at - began)}", event.detail)
            case StepStarted():
                self.running[event.round, f"step {event.step}"] = (at, f"runbook step: {event.title}")
            case StepEnded():
                _, name = self.running.pop((event.round, f"step {event.step}"), (at, f"runbook step: {event.step}"))
                tone = {"done": "good", "skipped": "plain"}.get(event.result, "bad")
                took = f" in {duration(event.duration_seconds)}" if event.result != "skipped" else ""
                return tone, _with(f"{name}: {RESULTS.get(event.result, event.result)}{took}", event.detail)
            case _:
                pass
        return None

    def sparkline(self) -> Text:
        """Return success of the last minute, a character a second, and the current rate and latency."""
        text = Text("checkout ")
        # A copy, since the display's own thread draws while events come in.
        samples = list(self.samples)
        if not samples:
            return text.append("no traffic yet", style="dim")
        last = max(sample.start_seconds for sample in samples)
        for second in range(max(0, int(last) - _SHOWN_SECONDS + 1), int(last) + 1):
            rate = _success([sample for sample in samples if int(sample.start_seconds) == second])
            text.append(" " if rate is None else _SPARKS[int(rate * 7)], style=_rate_style(rate))
        current = [sample for sample in samples if sample.start_seconds > last - _CURRENT_SECONDS]
        rate = _success(current)
        text.append(f" {percent(rate)}", style=_rate_style(rate))
        seconds = sum(sample.seconds for sample in current)
        tried = sum(sample.ok + sample.failed for sample in current)
        latency = histogram.percentile(histogram.merged(sample.latency for sample in current), 95)
        text.append(f", {tried / seconds if seconds else 0:.0f}/s", style="dim")
        return text.append(f", p95 {milliseconds(None if latency is None else latency * 1000)}", style="dim")


class _PlainView:
    """Lines for a file, a pipe or a CI's log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._telling = _Telling()

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
        self._telling = _Telling()
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
            self._spinner.update(text=Text(_CONTROL.sub(" ", f"{name} {duration(self._telling.now_seconds - began)}")))
        else:
            self._spinner.update(text=Text("waiting"))
        return Group(self._spinner, self._telling.sparkline())


def summary(events: Iterable[AnyEvent], *, report: str = "") -> RenderableType:
    """Return the end of a run for a person: verdicts, times to recover, orders, what to do, and the report's path."""
    story = tell(events)
    parts: list[RenderableType] = [Text(_CONTROL.sub(" ", story.headline), style=_headline_style(story))]
    if story.rounds:
        parts.append(_verdicts(story.rounds))
    parts += [Text(_CONTROL.sub(" ", f"To do: {item.what} {item.why} Owner: {item.owner}.")) for item in story.actions]
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
            Text(_CONTROL.sub(" ", round_.title)),
            Text(f"{_SIGNS[tone]} {word}, {expectation}", style=_STYLES[tone]),
            _recovery(verdict.recovery),
            duration(round_.objectives.get("rto_seconds")),
            Text(_orders(round_)),
            Text(verdict.runbook or UNKNOWN),
        )
    return table


def _recovery(recovery: Recovery | None) -> str:
    if recovery is None:
        return UNKNOWN
    return recovery_text(**asdict(recovery))


def _orders(round_: Round) -> str:
    ledger = round_.ledger
    if ledger is None or ledger.error:
        return "not checked"
    text = f"{ledger.found} of {ledger.acknowledged} found"
    text += f", lost {listed(ledger.lost, at_most=3)}" if ledger.lost else ""
    text += f", {len(ledger.altered)} altered" if ledger.altered else ""
    return _CONTROL.sub(" ", text + (f", doubled {listed(ledger.doubled, at_most=3)}" if ledger.doubled else ""))


def _told(event: Any) -> tuple[str, str] | None:  # noqa: C901, PLR0911, PLR0912  # a row per type that deserves a line
    """Return the tone and the line of an event that needs no memory; None for one that deserves no line."""
    match event:
        case RunStarted():
            return "title", f"{event.title} ({event.source})"
        case ChangeOwed():
            return "plain", f"change: {event.summary}"
        case ChangeFailed():
            return "bad", f"change: {said(event)}"
        case ChangeLanded():
            what = "step" if event.by.startswith("step ") else "fault"
            return {True: "good", False: "bad", None: "unclear"}[event.landed], f"{what} {LANDED[event.landed]}: {event.seen}"
        case UndoEnded():
            tone = "good" if event.outcome in {"undone", "already"} else "bad"
            return tone, f"undo: {_with(f'{event.object} {UNDONE.get(event.outcome, event.outcome)}', event.detail)}"
        case LedgerChecked():
            tone = "unclear" if event.error else "bad" if event.lost or event.doubled else "good"
            return tone, f"orders: {said(event)}"
        case VerdictGiven():
            return _verdict(event)
        case AbortRequested():
            return "bad", said(event)
        case RecoveryStarted():
            return "unclear", said(event)
        case ProcessEnded() if event.reason in UNASKED and (event.signal is not None or event.exit_code not in {None, 0}):
            return "bad", f"{event.role} died: {how_ended(event.exit_code, event.signal, '')}"
        case Noted():
            return {"error": "bad", "warning": "unclear"}.get(event.level, "plain"), event.text
        case RunEnded():
            return "good" if event.exit_code == 0 else "bad", f"the run ended, {said(event)}"
        case _:
            return None


def _verdict(event: VerdictGiven) -> tuple[str, str]:
    as_expected = event.verdict == event.expected
    tone = "unclear" if event.verdict == "inconclusive" else "good" if as_expected else "bad"
    text = f"verdict: {event.verdict}, " + ("as expected" if as_expected else f"where {event.expected} was expected")
    recovery = recovery_of(event.recovery)
    if recovery is not None:
        text += f"; time to recover: {_recovery(recovery)}"
    return tone, _with(text, "; ".join(event.reasons) if event.verdict != "held" else "")


def _styled(line: _Line) -> Text:
    text = Text(f"{offset(line.at_seconds):>9} ", style="dim")
    text.append(f" {_SIGNS[line.tone]} ", style=_STYLES[line.tone])
    return text.append(line.text, style="not dim bold" if line.tone == "title" else "not dim")


def _on_one_line(text: str) -> str:
    return textwrap.shorten(_CONTROL.sub(" ", text), _LONGEST_LINE, placeholder=" …")


def _success(samples: list[Sample]) -> float | None:
    ok, failed = sum(sample.ok for sample in samples), sum(sample.failed for sample in samples)
    return ok / (ok + failed) if ok + failed else None


def _rate_style(rate: float | None) -> str:
    return "" if rate is None else "green" if rate >= _ALL_IS_WELL else "red"


def _headline_style(story: Story) -> str:
    return {"expected": "bold green", "differs": "bold red", "residue": "bold red", "internal": "bold red"}.get(
        story.state, "bold yellow"
    )


def _with(text: str, detail: str) -> str:
    return f"{text}: {detail}" if detail else text
