"""A recorded run, replayed with simulated people.

The record is that of a run of gamedays/first.yaml on the embedded cluster, without its histograms and its machine's names.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from gameday.errors import InvalidFileError, RefusedError
from gameday.log import AnyEvent, read
from gameday.log.events import (
    ChangeApplied,
    LoadWindow,
    Noted,
    ProbeMeasured,
    ProcessStarted,
    RoundEnded,
    RoundStarted,
    RunEnded,
    RunStarted,
    UndoEnded,
    VerdictGiven,
)
from gameday.log.people import (
    InjectShown,
    MessageSent,
    MomentMarked,
    PersonJoined,
    RoleHandedOver,
    RunbookChosen,
    StepBegun,
    StepTicked,
)
from gameday.rehearsal.rehearsed import rehearsed
from gameday.rehearsal.script import load_script
from gameday.rehearsal.simulated import simulate
from gameday.rehearsal.state import fold
from gameday.report import render

RECORD = Path(__file__).parent / "record"
REHEARSAL: dict[str, Any] = {
    "injects": [
        {"id": "alert", "at": "1m", "what": "alert", "text": "orders fail"},
        {"id": "reporter", "at": "20m", "what": "press", "text": "a reporter writes", "to": ["customer liaison"]},
        {"id": "away", "at": "5m", "what": "absent", "role": "subject-matter expert"},
    ],
    "readers": [
        {"audience": "customers", "channels": ["status page"]},
        {"audience": "press", "channels": ["mail"]},
    ],
}
PLAN: dict[str, Any] = {
    "title": "Payment is gone, with people",
    "namespaces": ["shop"],
    "rounds": [{"id": "pod-loss", "experiment": "pod-loss"}, {"id": "dependency-down", "experiment": "dependency-down"}],
}


def simulated(folder: Path, *, seed: int = 0, script: str = "", name: str = "", **rehearsal: Any) -> Path:
    plan = folder / "plan.yaml"
    plan.write_text(yaml.safe_dump({**PLAN, "rehearsal": {**REHEARSAL, **rehearsal}}))
    run = folder / (name or f"run-{seed}")
    run.mkdir()
    lines = None
    if script:
        (folder / "script.yaml").write_text(script)
        lines = load_script(folder / "script.yaml")
    simulate(run, rehearsed(plan, level="simulated", seed=seed), RECORD, source="plan.yaml", script=lines)
    return run


def at(event: AnyEvent) -> datetime:
    return datetime.fromisoformat(event.at)


def test_one_seed_is_one_rehearsal_byte_for_byte_and_another_is_another(tmp_path: Path) -> None:
    logs = [
        (simulated(tmp_path, seed=seed, name=name) / "events.jsonl").read_bytes() for seed, name in [(1, "a"), (1, "b"), (2, "c")]
    ]
    assert logs[0] == logs[1]
    assert logs[0] != logs[2]


def test_a_simulation_says_nothing_of_the_machine_and_the_processes_that_were_recorded(tmp_path: Path) -> None:
    run = simulated(tmp_path)
    events = read(run)
    assert not [event for event in events if isinstance(event, ProcessStarted)]
    recorded = next(event for event in read(RECORD) if isinstance(event, RunStarted))
    text = (run / "events.jsonl").read_text()
    assert recorded.run_id not in text
    assert str(tmp_path) not in text
    assert next(event for event in events if isinstance(event, RunStarted)).host == "simulated"


def test_people_live_through_the_incident_from_the_alert_to_its_review(tmp_path: Path) -> None:
    for seed in range(5):
        incident = fold(read(simulated(tmp_path, seed=seed))).incidents["dependency-down"]
        order = [moment.at for name, moment in incident.moments.items() if name not in {"classified", "first_message"}]
        assert order == sorted(order)
        lived = "alert acknowledged declared classified first_message mitigated resolved closed review_held"
        assert {"fault", *lived.split()} == set(incident.moments)
        assert all(step.outcome for step in incident.steps.values())
        assert {"customers", "press"} <= {message.audience for message in incident.messages}


def test_people_of_a_surprise_open_the_runbook_before_they_follow_it(tmp_path: Path) -> None:
    events = read(simulated(tmp_path, surprise=True))
    for round_id, incident in fold(events).incidents.items():
        own = [event for event in events if event.round == round_id and isinstance(event, RunbookChosen | StepBegun | StepTicked)]
        assert isinstance(own[0], RunbookChosen)
        assert own[0].runbook == incident.chosen_runbook
        assert all(step.outcome for step in incident.steps.values())


def test_what_was_recorded_comes_at_its_recorded_time_in_its_round(tmp_path: Path) -> None:
    def offsets(log: list[AnyEvent], kind: type[Any]) -> list[float]:
        began = {event.round: event.mono for event in log if isinstance(event, RoundStarted)}
        return [round(event.mono - began[event.round], 3) for event in log if isinstance(event, kind)]

    recorded, replayed = read(RECORD), read(simulated(tmp_path))
    for kind in (VerdictGiven, ChangeApplied, UndoEnded, ProbeMeasured):
        assert offsets(replayed, kind) == offsets(recorded, kind)

    def late(log: list[AnyEvent]) -> list[float]:
        return [round(event.mono - event.start, 3) for event in log if isinstance(event, LoadWindow)]

    assert late(replayed) == late(recorded)


def test_nobody_takes_the_fault_for_repaired_before_customers_could_check_out_again(tmp_path: Path) -> None:
    recovery = [event.recovery for event in read(RECORD) if isinstance(event, VerdictGiven)][-1]
    assert recovery is not None
    for seed in range(5):
        moments = fold(read(simulated(tmp_path, seed=seed))).incidents["dependency-down"].moments
        assert moments["mitigated"].at >= moments["fault"].at + timedelta(seconds=recovery["seconds"])


def test_the_round_goes_on_until_people_have_done_with_it(tmp_path: Path) -> None:
    events = read(simulated(tmp_path))
    review = next(event for event in events if isinstance(event, MomentMarked) and event.moment == "review_held")
    ended = next(event for event in events if isinstance(event, RoundEnded))
    assert ended.seq > review.seq
    assert isinstance(events[-1], RunEnded)
    assert next(event for event in events if isinstance(event, RoundStarted)).runbook_mode == "people"
    assert {event.runbook for event in events if isinstance(event, VerdictGiven)} == {""}
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert all(at(one) <= at(other) for one, other in pairwise(events))


def test_an_expert_who_is_away_ticks_nothing_any_more(tmp_path: Path) -> None:
    for seed in range(5):
        events = read(simulated(tmp_path, seed=seed))
        for round_id in ("pod-loss", "dependency-down"):
            own = [event for event in events if event.round == round_id]
            away = next(event for event in own if isinstance(event, RoleHandedOver) and event.taken)
            assert away.person == "Ben"
            assert "Ben" not in [event.person for event in own if isinstance(event, StepTicked) and event.seq > away.seq]


def test_a_simulation_can_be_reported_on(tmp_path: Path) -> None:
    events = read(simulated(tmp_path))
    assert "Payment is gone, with people" in render(events, "md")
    assert "<html" in render(events, "html")


SCRIPT = """\
lines:
  - {at: 0s, person: Fay, do: join, roles: [facilitator]}
  - {at: 0s, person: Ada, do: join, roles: [incident commander]}
  - {at: 5m, person: Ada, do: mark, moment: declared}
  - {at: 5m, person: Zoe, do: note, text: not joined}
  - {at: 9m, person: Ada, do: message, audience: customers, channel: mail, text: We know}
  - {at: 3h59m, person: Ada, do: mark, moment: resolved}
  - {at: 4h, person: Fay, do: end}
"""


def test_a_script_is_played_to_the_second_instead_of_people_who_are_drawn(tmp_path: Path) -> None:
    events = read(simulated(tmp_path, script=SCRIPT))
    begin = at(events[0])
    marked = {event.moment: at(event) - begin for event in events if isinstance(event, MomentMarked)}
    assert marked == {"declared": timedelta(minutes=5), "resolved": timedelta(hours=3, minutes=59)}
    assert [event.person for event in events if isinstance(event, PersonJoined)] == ["Fay", "Ada"]
    assert [at(event) - begin for event in events if isinstance(event, MessageSent)] == [timedelta(minutes=9)]
    assert len([event for event in events if isinstance(event, InjectShown)]) == 3
    [refused] = [event.text for event in events if isinstance(event, Noted) and "was refused" in event.text]
    assert re.match("Zoe was refused: 'Zoe' has not joined", refused)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("lines: []", 1, "at least one line"),
        ("linse: []", 1, "unknown key 'linse'"),
        ("lines:\n  - {at: 1m, person: Ada}", 2, "expected at, person and do"),
        ("lines:\n  - {at: soon, person: Ada, do: leave}", 2, "expected a duration"),
    ],
)
def test_a_script_that_makes_no_sense_is_refused_with_its_line(text: str, line: int, says: str, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(InvalidFileError) as caught:
        load_script(tmp_path / "s.yaml")
    assert any(one.line == line and says in one.message for one in caught.value.problems), caught.value.problems


def test_a_record_of_another_plan_is_refused(tmp_path: Path) -> None:
    plan = tmp_path / "other.yaml"
    plan.write_text(yaml.safe_dump({**PLAN, "rounds": [{"id": "other", "experiment": "pod-loss"}]}))
    with pytest.raises(RefusedError, match="its rounds are pod-loss, dependency-down, the plan's other"):
        simulate(tmp_path, rehearsed(plan, level="simulated"), RECORD, source="other.yaml")
