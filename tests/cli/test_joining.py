"""A seat in another terminal: the real pages' server, and a tabletop behind it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from gameday.cli.joining import PageSeat
from gameday.cli.seat import OwnSeat, answer, sit
from gameday.errors import RefusedError
from gameday.rehearsal.rehearsed import rehearsed
from gameday.rehearsal.tabletop import TabletopSession
from gameday.web import Served, serve

PLAN = """\
title: Payment is gone
namespaces: [shop]
rounds: [{id: payment, experiment: dependency-down, expect: deviated}]
rehearsal:
  surprise: true
  injects: [{id: alert, at: 0s, what: alert, text: orders fail}]
"""


class Held:
    def __init__(self, session: TabletopSession, served: Served) -> None:
        self.session, self.served = session, served

    def seat(self, name: str, *roles: str, page: str = "commander") -> PageSeat:
        seat = PageSeat(self.served.url_for("facilitator" if page == "facilitator" else "commander"), name)
        seat.join(roles)
        seat.news(timeout_seconds=0)
        return seat


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    (tmp_path / "plan.yaml").write_text(PLAN)
    run = tmp_path / "run"
    run.mkdir()
    session = TabletopSession(run, rehearsed(tmp_path / "plan.yaml", level="tabletop"), source="plan.yaml")
    with serve(session) as served:
        yield Held(session, served)
    session.close()


def test_what_is_typed_elsewhere_stands_in_the_log_and_is_told_to_all(held: Held) -> None:
    ada, fay = held.seat("Ada", "incident commander"), held.seat("Fay", "facilitator", page="facilitator")
    assert list(answer(fay, "fault")) == []
    assert list(answer(ada, "declare")) == []
    assert list(answer(ada, "message customers We know.")) == []
    assert next(answer(ada, "declare")).startswith("? declared was marked already, by Ada")
    told = "\n".join(fay.news(timeout_seconds=0))
    assert "ALERT: orders fail" in told
    assert "Ada, message customers: We know." in told
    assert fay.news(timeout_seconds=0) == []
    assert held.session.state.incidents["payment"].moments["declared"].person == "Ada"


def test_in_a_surprise_another_terminal_is_told_no_more_than_a_page(held: Held) -> None:
    ada = held.seat("Ada", "incident commander")
    assert "Which one it takes, you find out" in "\n".join(answer(ada, "steps"))
    assert list(answer(ada, "open dependency-down")) == []
    ada.news(timeout_seconds=0)
    assert "See that orders fail" in "\n".join(answer(ada, "steps"))
    assert list(answer(ada, "tick 1")) == []
    assert any(line.startswith("Ada: incident commander") for line in answer(ada, "people"))
    assert any("Time to resolve" in line for line in answer(ada, "clocks"))


def test_a_clock_that_ends_before_it_begins_is_unknown_there_too(held: Held) -> None:
    ada = held.seat("Ada", "incident commander")
    assert list(answer(ada, "classify major")) == []
    assert list(answer(ada, "declare")) == []
    ada.news(timeout_seconds=0)
    told = "\n".join(answer(ada, "clocks"))
    assert "unknown: classified lies before declared" in told
    assert "First message to customers   runs (agreed: 5:00)" in told


def test_a_stop_that_reaches_nobody_is_told_as_what_it_is_and_ends_no_terminal(held: Held) -> None:
    with serve(held.session) as served:
        ada = Held(held.session, served).seat("Ada", "incident commander")
    (line,) = answer(ada, "stop")
    assert line.startswith("? the rehearsal's process does not answer")
    assert not held.session.is_over


def test_in_a_surprise_the_terminal_of_the_process_that_holds_it_is_told_no_more_either(held: Held) -> None:
    held.session.submit("Ada", {"do": "join", "roles": ["incident commander"]})
    held.session.submit("Fay", {"do": "join", "roles": ["facilitator"]})
    ada = OwnSeat(held.session, "Ada", over=lambda: False)
    assert list(answer(ada, "tick 1")) == ["? no runbook with steps is open; see: steps"]
    for guessed in ("see-that-orders-fail", "see-that-orders-fial"):
        assert "Which one it takes, you find out" in "\n".join(answer(ada, f"tick {guessed}"))
    held.session.submit("Fay", {"do": "tick", "step": "scale-payment-back"})
    assert ada.news(timeout_seconds=0)[-1].endswith("Fay, done: a step of the runbook")
    assert list(answer(ada, "open dependency-down")) == []
    assert list(answer(ada, "tick 1")) == []
    assert ada.news(timeout_seconds=0)[-1].endswith("Ada, done: See that orders fail")


def test_the_facilitators_words_are_refused_with_the_participants_link(held: Held) -> None:
    ada = held.seat("Ada", "incident commander")
    assert "facilitator" in "\n".join(answer(ada, "next"))
    with pytest.raises(RefusedError, match="facilitator"):
        held.seat("Eve", "facilitator")


def test_a_stop_typed_elsewhere_ends_it_and_the_seat_with_it(held: Held, capsys: pytest.CaptureFixture[str]) -> None:
    ada = held.seat("Ada", "incident commander")
    sit(ada, typed=io.StringIO("stop a real incident\n"))
    assert held.session.is_over
    assert "it is over" in capsys.readouterr().out


def test_a_role_that_somebody_holds_is_not_joined_with(held: Held) -> None:
    held.seat("Ada", "incident commander")
    with pytest.raises(RefusedError, match="Ada is incident commander"):
        held.seat("Ben", "incident commander")
