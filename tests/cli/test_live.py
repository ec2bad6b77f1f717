from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from gameday.cli.live import live, summary
from gameday.log import AnyEvent, read
from gameday.log.events import PhaseStarted, RoundStarted, RunStarted
from tests.report import played

Play = Callable[[str], list[AnyEvent]]
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Return a function that plays a log by its name and reads it."""
    return lambda name: read(getattr(played, name)(tmp_path / name))


def shown(events: list[Any], *, terminal: bool, **options: Any) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120, **options)
    with live(console, terminal=terminal) as view:
        for event in events:
            view.view(event)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def plain(renderable: Any, *, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("name", ["first", "torn", "recovered", "aborted", "with_residue", "inconclusive", "hostile", "empty"])
def test_away_from_a_terminal_there_is_no_control_character(play: Play, name: str) -> None:
    assert CONTROL.search(shown(play(name), terminal=False)) is None


def test_each_phase_change_step_and_verdict_has_one_line(play: Play) -> None:
    lines = shown(play("first"), terminal=False).splitlines()
    for text in (
        "Round 1: A checkout pod is killed",
        "baseline: ok after 5.5 s",
        "change: delete pod shop/checkout-6c9f7d5b4-x2x8k with a grace of 0 s",
        "fault landed: no endpoint of payment is ready",
        "runbook step: Bring payment back to two replicas: done in 6.7 s",
        "undo: deployment shop/payment already as before",
        "orders: 1020 orders found of 1020 acknowledged",
        "verdict: held, as expected; time to recover: 0.40 s (0.36 to 0.46 s)",
        "verdict: deviated, as expected; time to recover: 9.1 s (9.0 to 9.2 s)",
    ):
        assert len([line for line in lines if text in line]) == 1, text


def test_lines_carry_the_time_since_the_start(play: Play) -> None:
    lines = shown(play("first"), terminal=False).splitlines()
    assert lines[0].startswith("   +0.0 s  ==  First game day")
    assert next(line for line in lines if "verdict: held" in line).startswith("  +21.4 s  ok")


def test_bad_news_is_marked_in_plain_lines(play: Play) -> None:
    lines = shown(play("with_residue"), terminal=False).splitlines()
    marked = [line for line in lines if line[11:13] == "!!"]
    for text in (
        "guardian died: signal 9",
        "left alone",
        "lost: ord-1041",
        "verdict: deviated, where held was expected",
        "exit 5",
    ):
        assert any(text in line for line in marked), text


def test_an_inconclusive_verdict_is_neither_good_nor_bad(play: Play) -> None:
    (line,) = [line for line in shown(play("inconclusive"), terminal=False).splitlines() if "verdict:" in line]
    assert line[11:13] == "??"


def test_a_terminal_shows_the_phase_that_is_on_and_the_success_of_checkout(play: Play) -> None:
    events = [event for event in play("first") if event.mono < 5033.0]
    out = shown(events, terminal=True)
    assert "hypothesis: is it still true?" in out
    assert "▇" in out or "█" in out
    assert "▁" in out
    assert "p95" in out


def test_a_terminal_is_left_as_it_was_found(play: Play) -> None:
    out = shown(play("aborted"), terminal=True)
    assert out.count("\x1b[?25l") == out.count("\x1b[?25h") == 1, "the cursor is hidden once and shown again"


def test_no_color_is_honoured(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    colour = re.compile(r"\x1b\[[\d;]*3\dm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert colour.search(shown(play("first"), terminal=True))
    monkeypatch.setenv("NO_COLOR", "1")
    assert not colour.search(shown(play("first"), terminal=True))


@pytest.mark.parametrize("terminal", [True, False])
def test_what_a_view_does_not_know_is_ignored(play: Play, *, terminal: bool) -> None:
    class Unknown(msgspec.Struct, frozen=True, kw_only=True):
        mono: float = 5001.0
        round: str = ""

    events: list[Any] = play("first")
    assert "verdict: held" in shown([Unknown(), None, "nonsense", *events], terminal=terminal)


def test_a_pipe_that_closed_does_not_fail_the_run(play: Play) -> None:
    class Closed(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    with live(Console(file=Closed()), terminal=False) as view:
        for event in play("first"):
            view.view(event)


def test_a_narrow_encoding_loses_letters_and_no_line(play: Play) -> None:
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    with live(console, terminal=False) as view:
        for event in play("first"):
            view.view(event)
    assert b"journeys ?checkout? a second" in raw.getvalue()


def test_escape_sequences_in_a_log_do_not_reach_the_terminal() -> None:
    evil = "\x1b]0;owned\x07\x1b[31mred\r\nnew line"
    events: list[AnyEvent] = [
        RunStarted(run_id="r", kind="experiment", title=evil, source="f", source_digest="", version="0", host="h"),
        RoundStarted(round="r", title=evil, experiment="e", experiment_digest=""),
        PhaseStarted(round="r", phase=evil),
    ]
    assert "\x1b]0;" not in shown(events, terminal=True)
    assert len(shown(events, terminal=False).splitlines()) == 2
    assert CONTROL.search(plain(summary(events))) is None


def test_the_summary_says_verdicts_recoveries_orders_and_where_the_report_is(play: Play) -> None:
    text = plain(summary(play("first"), report="runs/20261122-140305-first/report.html"), width=160)
    assert "Both rounds went as expected" in text
    assert re.search(r"A checkout pod is killed +✓ held, as expected +0.40 s \(0.36 to 0.46 s\) +30 s +1066 of 1066 found", text)
    assert re.search(r"The payment service is gone +✓ deviated, as expected +9.1 s \(9.0 to 9.2 s\) +15 min .* proven", text)
    assert "\nReport: runs/20261122-140305-first/report.html\n" in text


def test_no_letter_of_the_report_s_path_is_lost(play: Play) -> None:
    path = "/var/lib/" + "long/" * 30 + "report.html"
    assert path in plain(summary(play("first"), report=path), width=60).replace("\n", "")


def test_the_summary_of_a_killed_run_says_what_to_run(play: Play) -> None:
    assert "gameday recover" in plain(summary(play("torn")))
    assert "The log is empty" in plain(summary([]))
