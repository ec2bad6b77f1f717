"""A tabletop on a clock that a script moves: what is derived from its log is exact."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gameday.errors import RefusedError, UsageError
from gameday.log import AnyEvent, Event, LogWriter, read
from gameday.log.events import AbortRequested, RoundEnded, RoundStarted, RunEnded
from gameday.log.people import FaultRevealed, InjectShown, MessageSent, RehearsalStarted, RoleHandedOver
from gameday.rehearsal.clock import VirtualClock
from gameday.rehearsal.clocks import cadence_kept, clocks_of, updates_of
from gameday.rehearsal.rehearsed import Rehearsed, rehearsed
from gameday.rehearsal.session import Session
from gameday.rehearsal.state import fold
from gameday.rehearsal.tabletop import TabletopSession, play_to
from gameday.run.taking_over import unfinished
from gameday.runbook import load_runbook
from gameday.workspace import SHIPPED

SIX = datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
PLAN = """\
title: Black Friday
namespaces: [shop]
rounds:
  - {id: payment, experiment: dependency-down, expect: deviated}
  - {id: pods, experiment: pod-loss}
rehearsal:
  injects:
    - {id: alert, at: 1m, what: alert, text: orders fail}
    - {id: gone, at: 4m, what: absent, role: subject-matter expert, text: the train is in a tunnel}
    - {id: calls, at: 10m, what: calls, to: [customer liaison], text: forty calls, round: payment}
"""


class Table:
    """A tabletop, its clock, and people who speak in turn."""

    def __init__(self, folder: Path, text: str = PLAN, *, seed: int = 0) -> None:
        self.plan = folder / "plan.yaml"
        self.plan.write_text(text)
        self.seed = seed
        self.run = folder / "run"
        self.run.mkdir(exist_ok=True)
        self.clock = VirtualClock(SIX)
        self.session = self.open()

    def rehearsed(self) -> Rehearsed:
        return rehearsed(self.plan, level="tabletop", seed=self.seed)

    def open(self) -> TabletopSession:
        return TabletopSession(self.run, self.rehearsed(), source="plan.yaml", clock=self.clock)

    def at(self, minutes: float, person: str = "", /, **request: Any) -> str:
        """Move on to so many minutes after six, and have somebody ask for something; return why it was refused."""
        play_to(self.session, self.clock, SIX + timedelta(minutes=minutes))
        return self.session.submit(person, request).refused if person else ""

    def events(self, kind: type[Any]) -> list[Any]:
        return [event for event in read(self.run) if isinstance(event, kind)]


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    made = Table(tmp_path)
    for name, role in [
        ("Fay", "facilitator"),
        ("Ada", "incident commander"),
        ("Ben", "subject-matter expert"),
        ("Cleo", "customer liaison"),
    ]:
        assert not made.session.submit(name, {"do": "join", "roles": [role]}).refused
    yield made
    made.session.close()


def minutes_of(event: AnyEvent) -> float:
    return (datetime.fromisoformat(event.at) - SIX).total_seconds() / 60


def test_it_is_a_session(table: Table) -> None:
    session: Session = table.session
    assert session.directory == table.run
    assert session.state.round == "payment"


def test_durations_come_out_exact_to_the_second(table: Table) -> None:
    said = [
        table.at(2, "Fay", do="mark", moment="fault"),
        table.at(4, "Ada", do="mark", moment="acknowledged"),
        table.at(5.5, "Ada", do="mark", moment="declared"),
        table.at(6.5, "Ada", do="classify", severity="critical", affected_percent=100),
        table.at(9, "Cleo", do="message", audience="customers", channel="status page", text="We know."),
        table.at(14, "Cleo", do="message", audience="customers", channel="status page", text="Nobody can pay."),
        table.at(20, "Ben", do="mark", moment="mitigated"),
        table.at(28, "Cleo", do="message", audience="customers", channel="status page", text="It pays again."),
        table.at(32, "Ada", do="mark", moment="resolved"),
        table.at(40, "Ada", do="mark", moment="closed"),
    ]
    assert said == [""] * len(said)
    incident = fold(read(table.run)).incidents["payment"]
    assert {one.interval.name: one.seconds for one in clocks_of(incident, {}, now=table.clock.now())} == {
        "detection": 60.0,
        "acknowledge": 60.0,
        "declare": 90.0,
        "classify": 60.0,
        "first_message": 210.0,
        "mitigate": 18 * 60.0,
        "resolve": 30 * 60.0,
        "close": 8 * 60.0,
        "review": None,
        "follow_up": None,
    }
    assert cadence_kept(updates_of(incident, {}, now=table.clock.now()), now=table.clock.now()) is True


def test_updates_are_owed_as_often_as_the_rounds_runbook_says_unless_the_plan_does(tmp_path: Path) -> None:
    for name, text, every in [
        ("own", PLAN.replace("rehearsal:", "rehearsal:\n  clocks: {updates_every: 10m}"), 10),
        ("", PLAN, 15),
    ]:
        folder = tmp_path / (name or "runbooks")
        folder.mkdir()
        table = Table(folder, text)
        table.at(0, "Ada", do="join", roles=["incident commander", "customer liaison"])
        table.at(5, "Ada", do="mark", moment="declared")
        for minute in (6, 7):
            table.at(minute, "Ada", do="message", audience="customers", channel="mail", text="We know.")
        state = table.session.state
        assert state.incident is not None
        assert state.started is not None
        owed = updates_of(state.incident, state.started.clocks, now=table.clock.now())[-1]
        assert owed.due_at == SIX + timedelta(minutes=7 + every)
        table.session.close()


def test_what_happens_to_people_comes_so_long_after_the_fault_and_not_before_it(table: Table) -> None:
    table.at(30)
    assert table.events(InjectShown) == []
    table.at(30, "Fay", do="mark", moment="fault")
    table.at(60)
    assert [(event.inject, minutes_of(event)) for event in table.events(InjectShown)] == [
        ("alert", 31.0),
        ("gone", 34.0),
        ("calls", 40.0),
    ]


def test_without_injects_the_alerts_ring_that_lead_to_the_rounds_runbook(tmp_path: Path) -> None:
    table = Table(tmp_path, PLAN.partition("rehearsal:")[0])
    for minute in (0, 5):
        table.at(minute, "Fay", do="join", roles=["facilitator"])
        table.at(minute, "Fay", do="mark", moment="fault")
        table.at(minute + 2, "Fay", do="next-round")
    assert [(one.what, one.round, one.text) for one in table.events(InjectShown)] == [
        ("alert", "payment", "Alerts ring: CheckoutErrorRateHigh, PaymentUnavailable."),
        ("alert", "pods", f"Alerts ring: {', '.join(load_runbook(SHIPPED / 'runbooks' / 'pod-loss.md').alerts)}."),
    ]
    table.session.close()


def test_an_expert_who_is_away_holds_the_role_no_more_and_nobody_may_take_it(table: Table) -> None:
    table.at(0, "Fay", do="mark", moment="fault")
    assert "took the role away" in table.at(5, "Ada", do="take", role="subject-matter expert")
    [gone] = table.events(RoleHandedOver)
    assert (gone.role, gone.person, gone.to, gone.taken, minutes_of(gone)) == ("subject-matter expert", "Ben", "", True, 4.0)


def test_the_facilitator_goes_on_and_after_the_last_round_the_log_is_closed(table: Table) -> None:
    assert "facilitator's" in table.at(1, "Ada", do="next-round")
    assert table.at(1, "Fay", do="next-round") == ""
    assert table.session.state.round == "pods"
    assert table.at(2, "Fay", do="mark", moment="fault") == ""
    table.at(20)
    assert table.at(20, "Fay", do="next-round") == ""
    assert table.session.is_over
    assert "over" in table.at(21, "Ada", do="note", text="late")
    # What was for the other round only did not come in this one.
    assert [(event.round, event.inject) for event in table.events(InjectShown)] == [("pods", "alert"), ("pods", "gone")]
    assert [event.outcome for event in table.events(RoundEnded)] == ["completed", "completed"]
    assert table.events(RunEnded)[-1].exit_code == 0


def test_a_round_that_is_ended_twice_by_one_wish_does_not_take_the_next_one_with_it(table: Table) -> None:
    assert table.at(1, "Fay", do="next-round", incident=1) == ""
    refused = table.at(1, "Fay", do="next-round", incident=1)
    assert refused == "incident: it was meant for 1, and 2 is on now; look at that one, and ask again"
    assert "meant for 1" in table.at(1, "Ada", do="mark", moment="resolved", incident=1)
    assert table.session.state.round == "pods"
    assert "meant for 1" in table.at(1, "Ada", do="note", text="of the first", incident=1)
    assert "meant for 1" in table.at(1, "Ada", do="decide", text="of the first", incident=1)
    assert table.at(2, "Ada", do="mark", moment="resolved", incident=2) == ""
    assert table.at(2, "Ada", do="note", text="of the second", incident=2) == ""
    assert table.at(3, "Fay", do="next-round", incident=2) == ""
    assert table.session.is_over


def test_the_facilitator_may_end_it_before_the_last_round(table: Table) -> None:
    table.at(1, "Fay", do="end")
    assert [event.round for event in table.events(RoundStarted)] == ["payment"]
    assert table.session.is_over


def test_stop_ends_it_at_once(table: Table) -> None:
    table.session.stop("Ada", "a real incident")
    [ended] = table.events(RunEnded)
    assert (ended.exit_code, ended.summary) == (4, "stopped by Ada: a real incident")
    table.session.stop("Ada", "again")
    assert len(table.events(RunEnded)) == 1


def test_the_plan_may_let_the_fault_happen_by_itself(tmp_path: Path) -> None:
    table = Table(tmp_path, PLAN.replace("rehearsal:\n", "rehearsal:\n  fault_after: 2m\n"))
    table.at(10)
    assert [minutes_of(event) for event in table.events(InjectShown)] == [3.0, 6.0]
    table.session.close()


def test_a_rehearsal_whose_process_died_is_taken_up_again_where_it_was(table: Table) -> None:
    table.at(0, "Fay", do="mark", moment="fault")
    table.at(2, "Ben", do="tick", step="see-that-orders-fail")
    before = table.session.state
    table.session.close()
    table.clock.advance(8 * 60)
    table.session = table.open()
    assert table.session.state == before
    assert "Ben" in table.at(10, "Ada", do="tick", step="see-that-orders-fail")
    # What came due meanwhile is shown now, once.
    assert [event.inject for event in table.events(InjectShown)] == ["alert", "gone", "calls"]
    table.at(11, "Fay", do="next-round")
    assert table.session.state.round == "pods"


def test_a_rehearsal_that_died_between_two_rounds_goes_on_with_the_second(table: Table) -> None:
    table.session._write(fold_done("payment"))
    table.session.close()
    table.session = table.open()
    assert table.session.state.round == "pods"


def test_a_rehearsal_that_died_while_it_was_stopped_stays_stopped(table: Table) -> None:
    table.session._write(AbortRequested(by="Ada", reason="a real incident"))
    table.session.close()
    for _ in range(2):
        with pytest.raises(RefusedError, match="is over: stopped by Ada: a real incident"):
            table.open()
    assert [event.outcome for event in table.events(RoundEnded)] == ["aborted"]
    assert [event.exit_code for event in table.events(RunEnded)] == [4]


@pytest.mark.parametrize("begun", [[], [RehearsalStarted(level="live")]], ids=["a run", "live"])
def test_a_run_that_is_no_tabletop_is_refused_with_its_log_as_it_was(tmp_path: Path, begun: list[Event]) -> None:
    table = Table(tmp_path)
    table.session.close()
    folder = tmp_path / "another"
    folder.mkdir()
    started = table.rehearsed().run_started("another", "plan.yaml")
    stopped: list[Event] = [
        RoundStarted(round="payment", title="", experiment="e", experiment_digest="0"),
        AbortRequested(by="Ada", reason="a real incident"),
    ]
    with closing(LogWriter(folder, clock=table.clock.mono, now=table.clock.now)) as log:
        for event in [started, *begun, *stopped]:
            log.write(event)
    before = read(folder)
    with pytest.raises(RefusedError, match="only a tabletop can be taken up again"):
        TabletopSession(folder, table.rehearsed(), source="plan.yaml", clock=table.clock)
    assert read(folder) == before
    # Or `gameday recover` would pass it by, whatever it still owes.
    assert unfinished(folder)


def test_a_role_is_taken_away_also_when_the_process_died_while_it_was(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    table.at(0, "Fay", do="mark", moment="fault")
    table.at(3)
    write = table.session._write

    def write_one_more(event: Event) -> AnyEvent:
        write(event)
        raise KeyboardInterrupt

    monkeypatch.setattr(table.session, "_write", write_one_more)
    with pytest.raises(KeyboardInterrupt):
        table.at(4)
    table.session.close()
    table.session = table.open()
    assert "the plan took the role away" in table.at(5, "Ben", do="take", role="subject-matter expert")
    assert [event.inject for event in table.events(InjectShown)] == ["alert", "gone"]


def fold_done(round_id: str) -> Any:
    from gameday.log.people import PeopleDone  # noqa: PLC0415

    return PeopleDone(person="Fay", round=round_id)


def test_what_is_over_or_was_begun_with_another_plan_is_not_taken_up_again(table: Table) -> None:
    table.session.close()
    table.plan.write_text(PLAN.replace("Black", "Green"))
    with pytest.raises(RefusedError, match="is not the plan any more"):
        table.open()
    table.plan.write_text(PLAN)
    table.session = table.open()
    table.session.stop("Fay", "")
    with pytest.raises(RefusedError, match="is over: stopped by Fay"):
        table.open()


def test_two_processes_do_not_hold_one_rehearsal(table: Table) -> None:
    with pytest.raises(RefusedError, match="written by another process"):
        table.open()


def test_surprises_come_in_an_order_that_the_seed_draws(tmp_path: Path) -> None:
    surprise = PLAN.replace("rehearsal:\n", "rehearsal:\n  surprise: true\n")
    path = tmp_path / "plan.yaml"
    path.write_text(surprise)
    orders = [tuple(one.id for one in rehearsed(path, level="tabletop", seed=seed).rounds) for seed in range(20)]
    assert set(orders) == {("payment", "pods"), ("pods", "payment")}
    assert orders == [tuple(one.id for one in rehearsed(path, level="tabletop", seed=seed).rounds) for seed in range(20)]


def test_the_facilitator_reveals_which_fault_it_is_once(table: Table) -> None:
    assert table.at(1, "Fay", do="reveal") == ""
    assert "already" in table.at(1, "Fay", do="reveal")
    assert len(table.events(FaultRevealed)) == 1


def test_whoever_waits_for_an_event_is_told_when_there_is_one(table: Table) -> None:
    seq = table.session.state.seq
    assert not table.session.wait_beyond(seq, timeout_seconds=0)
    table.at(1, "Cleo", do="message", audience="customers", channel="mail", text="<script>alert(1)</script>")
    assert table.session.wait_beyond(seq, timeout_seconds=0)
    [sent] = [event for event in table.session.events_after(seq) if isinstance(event, MessageSent)]
    assert sent.text == "<script>alert(1)</script>"


def test_a_state_that_somebody_looks_at_does_not_change_under_their_eyes(table: Table) -> None:
    looked_at = table.session.state
    table.at(1, "Ada", do="mark", moment="declared")
    assert looked_at.incident is not None
    assert "declared" not in looked_at.incident.moments


def test_a_plan_without_a_runbook_and_an_unknown_level_are_refused(tmp_path: Path) -> None:
    experiment = tmp_path / "bare.yaml"
    experiment.write_text(BARE)
    with pytest.raises(RefusedError, match="people follow a runbook, and there is none in round-1"):
        rehearsed(experiment, level="tabletop")
    with pytest.raises(UsageError, match="did you mean 'tabletop'"):
        rehearsed(experiment, level="table-top")


def test_a_fault_that_its_own_rollbacks_end_is_nothing_to_rehearse_live(tmp_path: Path) -> None:
    experiment = tmp_path / "hasty.yaml"
    rollbacks = "rollbacks: [{type: action, name: r, provider: {type: process, path: /bin/true}}]\n"
    experiment.write_text(BARE.replace("[{name: gameday, ", "[{name: gameday, runbook: pod-loss, ") + rollbacks)
    with pytest.raises(RefusedError, match="end the fault before anybody could respond"):
        rehearsed(experiment, level="live")
    assert rehearsed(experiment, level="tabletop").rounds


BARE = """\
version: 1.0.0
title: t
description: d
steady-state-hypothesis: {title: t, probes: [
  {type: probe, name: n, tolerance: {type: range, range: [97, 100]}, provider: {
    type: python, module: gameday.probes.checkout, func: success_rate, arguments: {window_seconds: 2}}}]}
method: [{type: action, name: a, provider: {
  type: python, module: gameday.actions.pods, func: kill, arguments: {namespace: shop, selector: app=checkout, count: 1}}}]
extensions: [{name: gameday, traffic: {journey: checkout, rate: 30/s}, namespaces: [shop]}]
"""
