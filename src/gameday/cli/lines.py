"""What the live view says of a run: each event that deserves one is a line, and the rest is kept for the moving part.

No terminal and no layout here; `live` shows what this room says. Texts of a log may hold anything, so they are cleared of
control characters before they are a line.
"""

from __future__ import annotations

import re
import textwrap
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.text import Text

from gameday.log.events import (
    BY_STEP,
    AbortRequested,
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
    RunbookJudged,
    RunEnded,
    RunStarted,
    StepEnded,
    StepStarted,
    UndoEnded,
    VerdictGiven,
)
from gameday.log.every import AnyEvent
from gameday.report.convert import recovery_of
from gameday.report.facts import Recovery
from gameday.report.sentences import LANDED, PHASES, RESULTS, UNASKED, UNDONE, how_ended, said
from gameday.report.series import Sample, sample_of
from gameday.report.words import UNKNOWN, duration, milliseconds, percent, recovery_text
from gameday.traffic import histogram

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_SPARKS = "▁▂▃▄▅▆▇█"
_SHOWN_SECONDS = 60
_CURRENT_SECONDS = 2.0
_ALL_IS_WELL = 0.99
_LONGEST_LINE = 300
"""Details are in the report; a line that fills the screen hides the others."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of what is over: when, how it went (good, bad, unclear, plain or title), and what."""

    at_seconds: float
    tone: str
    text: str


@dataclass(slots=True)
class Telling:
    """Turns events into lines, and keeps what the moving part shows."""

    started_mono: float | None = None
    now_seconds: float = 0.0
    rounds: int = 0
    order_step: str = ""
    running: dict[tuple[str, str], tuple[float, str]] = field(default_factory=dict)
    """The phases and steps that are on: when each began and what it is called."""
    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=20 * _SHOWN_SECONDS))

    def take(self, event: AnyEvent) -> Line | None:
        """Take in one event; return its line, if it deserves one."""
        if self.started_mono is None:
            self.started_mono = event.mono
        at = self.now_seconds = max(self.now_seconds, event.mono - self.started_mono)
        if isinstance(event, LoadWindow):
            self.samples.append(sample_of(event, self.order_step, start_seconds=event.start - self.started_mono))
            return None
        said_now = self._keep(event, at) or _told(event)
        return None if said_now is None else Line(at, said_now[0], on_one_line(said_now[1]))

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
            case ChangeLanded() if (event.round, "prepare") in self.running:
                tone, word = {True: ("good", "stands"), False: ("bad", "does not stand"), None: ("unclear", "may stand")}[
                    event.landed
                ]
                return tone, f"preparation {word}: {event.seen}"
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


def on_one_line(text: str) -> str:
    """Return a text without control characters and line breaks, and not longer than a reader follows."""
    return textwrap.shorten(CONTROL.sub(" ", text), _LONGEST_LINE, placeholder=" …")


def recovery_words(recovery: Recovery | None) -> str:
    """Say a time to recover; a dash where there is none."""
    if recovery is None:
        return UNKNOWN
    return recovery_text(**asdict(recovery))


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
            what = "step" if event.by.startswith(BY_STEP) else "fault"
            return {True: "good", False: "bad", None: "unclear"}[event.landed], f"{what} {LANDED[event.landed]}: {event.seen}"
        case UndoEnded():
            tone = "good" if event.outcome in {"undone", "already"} else "bad"
            return tone, f"undo: {_with(f'{event.object} {UNDONE.get(event.outcome, event.outcome)}', event.detail)}"
        case LedgerChecked():
            tone = (
                "unclear"
                if event.error
                else "bad"
                if event.lost or event.doubled or event.altered or event.unrecorded
                else "good"
            )
            return tone, f"orders: {said(event)}"
        case RunbookJudged():
            tone = {"proven": "good", "refuted": "bad"}.get(event.outcome, "unclear")
            return tone, _with(f"runbook {event.runbook}: {event.outcome}", "; ".join(event.reasons))
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
        text += f"; time to recover: {recovery_words(recovery)}"
    return tone, _with(text, "; ".join(event.reasons) if event.verdict != "held" else "")


def _success(samples: list[Sample]) -> float | None:
    ok, failed = sum(sample.ok for sample in samples), sum(sample.failed for sample in samples)
    return ok / (ok + failed) if ok + failed else None


def _rate_style(rate: float | None) -> str:
    return "" if rate is None else "green" if rate >= _ALL_IS_WELL else "red"


def _with(text: str, detail: str) -> str:
    return f"{text}: {detail}" if detail else text
