from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from gameday.errors import InvalidFileError
from gameday.gameday import load_gameday
from gameday.gameday.people import CLOCKS, DEFAULT_INJECTS, INJECTS, Pace, RehearsalPlan
from gameday.rehearsal.clocks import DEFAULT_SECONDS
from gameday.workspace import SHIPPED, Catalogue

DOCUMENTED = Path(__file__).parents[2] / "docs" / "files.md"
PLAN = """\
title: A day
namespaces: [shop]
rounds:
  - {id: one, experiment: pod-loss}
rehearsal:
"""


def read(block: str, folder: Path) -> RehearsalPlan:
    path = folder / "g.yaml"
    path.write_text(PLAN + "".join(f"  {line}\n" for line in block.splitlines()))
    return load_gameday(path, catalogue=Catalogue.around(path)).rehearsal


def test_a_plan_that_says_nothing_of_people_can_be_rehearsed_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_text(PLAN.replace("rehearsal:\n", ""))
    plan = load_gameday(path, catalogue=Catalogue.around(path)).rehearsal
    assert plan == RehearsalPlan()
    assert plan.injects_of("one") == list(DEFAULT_INJECTS)


def test_a_block_is_read_whole(tmp_path: Path) -> None:
    plan = read(
        """\
surprise: true
deadline: 2h
fault_after: 90s
roles: [incident commander, deputy]
clocks: {first_message: 5m, mitigate: 30m}
people: [{name: Ada, roles: [incident commander]}]
pace: {incident commander: [10s, 1m]}
readers:
  - {audience: customers, timezone: Europe/Berlin, channels: [mail, status page], contact: help@shop.example}
  - {audience: press}
injects:
  - {id: late, at: 9m, what: absent, role: deputy}
  - {at: 3m, what: calls, to: [incident commander], text: forty calls, round: one}
""",
        tmp_path,
    )
    assert (plan.surprise, plan.deadline_seconds, plan.fault_after_seconds) == (True, 7200.0, 90.0)
    assert plan.roles == ("incident commander", "deputy", "facilitator")
    assert plan.clocks == {"first_message": 300.0, "mitigate": 1800.0}
    assert plan.pace["incident commander"] == Pace(10.0, 60.0)
    assert [(one.id, one.at_seconds, one.what) for one in plan.injects_of("one")] == [
        ("inject-2", 180.0, "calls"),
        ("late", 540.0, "absent"),
    ]
    assert [one.id for one in plan.injects_of("two")] == ["late"]
    assert plan.injects[0].text == "The deputy is not there."
    assert plan.readers[0].as_dict() == {
        "audience": "customers",
        "timezone": "Europe/Berlin",
        "channels": ["mail", "status page"],
        "contact": "help@shop.example",
    }
    assert plan.readers[1].as_dict() == {"audience": "press", "timezone": "UTC", "channels": []}


CASES = [
    ("surprise: maybe", 6, "surprise: expected true or false"),
    ("roles: [deputy]\npeople: [{name: Ada, roles: [scribe]}]", 7, "'scribe' is not among the plan's own"),
    ("roles: [deputy]\ninjects: [{at: 1m, what: absent, role: scribe}]", 7, "'scribe' is not among the plan's own"),
    ("surprize: true", 6, "did you mean 'surprise'?"),
    ("clocks: {first_mesage: 5m}", 6, "did you mean 'first_message'?"),
    ("clocks: {scope: soon}", 6, "scope: expected a duration"),
    ("clocks: {scope: 0}", 6, "longer than zero"),
    ("roles: [comander]", 6, "there is no role 'comander'"),
    ("injects:\n  - {at: 1m, what: call, text: x}", 7, "what: expected one of calls"),
    ("injects:\n  - {what: calls, text: x}", 7, "'at' is missing"),
    ("injects:\n  - {at: 1m, text: x}", 7, "'what' is missing"),
    ("injects:\n  - {at: 1m, what: calls}", 7, "'text' is missing"),
    ("injects:\n  - {at: 1m, what: absent}", 7, "'role' is missing"),
    ("injects:\n  - {at: 1m, what: calls, text: x, role: scribe}", 7, "only what is absent has one"),
    ("injects:\n  - {at: 1m, what: calls, text: x, round: two}", 7, "there is no round 'two'"),
    ("injects:\n  - {id: A, at: 1m, what: calls, text: x}", 7, "lower-case"),
    (
        "injects:\n  - {id: a, at: 1m, what: calls, text: x}\n  - {id: a, at: 1m, what: calls, text: x}",
        8,
        "a second inject is called 'a'",
    ),
    ("readers: [{audience: customers, timezone: Berlin}]", 6, "expected a name such as Europe/Berlin"),
    ("readers: [{audience: a}, {audience: a}]", 6, "stands twice"),
    ("readers: [{timezone: UTC}]", 6, "'audience' is missing"),
    ("people: [{name: A, roles: [scribe]}, {name: B, roles: [scribe]}]", 6, "A is scribe already"),
    ("people: [{name: A}, {name: A}]", 6, "a second person is called 'A'"),
    ("pace: {scribe: 10s}", 6, "scribe: expected how soon they act"),
    ("pace: {scribe: [2m, 1m]}", 6, "from and to"),
    ("pace: {scribe: [x, 1m]}", 6, "scribe: expected a duration"),
    ("pace: {scrib: [1m, 2m]}", 6, "did you mean 'scribe'?"),
]


@pytest.mark.parametrize(("block", "line", "says"), CASES)
def test_what_is_wrong_in_a_block_is_named_with_its_line(block: str, line: int, says: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError) as caught:
        read(block, tmp_path)
    found = [(problem.line, problem.message) for problem in caught.value.problems]
    assert any(at == line and says in message for at, message in found), found


def test_every_problem_of_a_block_comes_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError) as caught:
        read("surprise: 1\nclocks: {x: 1}\nreaders: [{}]", tmp_path)
    assert len(caught.value.problems) == 3


def test_the_shipped_plan_with_people_says_all_there_is_to_say() -> None:
    plan = load_gameday(SHIPPED / "gamedays" / "rehearsal.yaml", catalogue=Catalogue.around()).rehearsal
    assert plan.surprise
    assert {one.what for one in plan.injects} == {"alert", "calls", "mail", "press", "absent"}
    assert {one.audience for one in plan.readers} == {"customers", "sellers", "support", "executives", "press"}


def test_the_block_as_documented_is_the_defaults_and_names_every_clock_and_inject(tmp_path: Path) -> None:
    section = DOCUMENTED.read_text(encoding="utf-8").partition("### Rehearsals")[2].partition("\n## ")[0]
    block = textwrap.dedent(section.partition("rehearsal:\n")[2].partition("```")[0])
    found = read(block, tmp_path)
    assert found.clocks == DEFAULT_SECONDS
    assert replace(found, clocks={}) == RehearsalPlan()
    assert [name for name in (*CLOCKS, *INJECTS) if f"`{name}`" not in section] == []
