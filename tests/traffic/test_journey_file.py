"""Journeys are read strictly: every problem at once, each where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday.errors import InvalidFileError
from gameday.traffic.journey import Journey
from gameday.traffic.journey_file import load_journey, parse_journey

SMALLEST = "name: look\nsteps:\n  - {name: browse, path: /products}\n"


def problems_of(text: str) -> list[str]:
    with pytest.raises(InvalidFileError) as failure:
        parse_journey(text, "j.yaml")
    return [str(problem) for problem in failure.value.problems]


def test_the_shipped_journey_is_browse_add_pay_submit(journey: Journey) -> None:
    assert [step.name for step in journey.steps] == ["browse", "add", "pay", "submit"]
    assert [step.name for step in journey.steps if step.order] == ["submit"]
    assert journey.look_up is not None
    assert (journey.longest_step_seconds, journey.longest_seconds) == (3, 12)


def test_a_step_needs_no_more_than_a_name_and_a_path() -> None:
    step = parse_journey(SMALLEST, "j.yaml").steps[0]
    assert (step.method, step.expect.statuses, step.timeout_seconds) == ("GET", frozenset({200}), 3.0)


def test_every_problem_is_named_with_its_line() -> None:
    found = problems_of(
        """\
name: 5
stepps: []
steps:
  - name: browse
    path: /products/${product}
    expect: {status: okay}
  - path: /x
    method: FETCH
    timeout_seconds: 0
    think_seconds: -1
    capture: {key: a}
"""
    )
    assert found == [
        "j.yaml:1: expected the journey's name as a text, found 5",
        "j.yaml:2: unknown key 'stepps' in the journey; known are name, steps, description, error_quality, ledger, waiting",
        "j.yaml:5: nothing gives ${product} a value here; known are customer, key, number, run",
        "j.yaml:6: expected an HTTP status or a list of them, found 'okay'",
        "j.yaml:7: expected 'name' in a step",
        "j.yaml:8: expected one of GET, HEAD, POST, PUT, PATCH, DELETE, found 'FETCH'",
        "j.yaml:9: expected a time-out above 0 seconds",
        "j.yaml:10: expected the time to think in seconds, from 0 to 60, found -1",
        "j.yaml:11: 'key' is given to every journey; choose another name",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "j.yaml: expected the journey as a mapping, found nothing"),
        ("- a", "j.yaml:1: expected the journey as a mapping, found a list"),
        ("name: [", "j.yaml:1: expected YAML"),
        ("name: a\nsteps: []", "j.yaml:2: expected at least one step, found none"),
        ("name: a\nsteps: {}", "j.yaml:2: expected the steps as a list, found a mapping"),
        (SMALLEST + "  - {name: browse, path: /}\n", "j.yaml:4: two steps are called 'browse'"),
        (SMALLEST + "name: again\n", "j.yaml:4: 'name' stands twice in the journey"),
        (SMALLEST + "ledger: {}\n", "j.yaml:4: expected 'lookup' in the ledger"),
        (
            "name: a\nsteps:\n  - {name: s, path: /, order: {reference: r, amount: a}}\n",
            "j.yaml:1: expected 'ledger' in the journey, since a step of it acknowledges orders",
        ),
        (
            "name: a\nsteps:\n  - {name: s, path: /, body: {at: 2026-01-01}}\n",
            "j.yaml:3: expected a body that JSON can say",
        ),
    ],
)
def test_a_file_that_is_no_journey_says_why(text: str, problem: str) -> None:
    assert any(found.startswith(problem) for found in problems_of(text)), problems_of(text)


def test_a_name_is_known_only_after_the_step_that_captures_it() -> None:
    steps = "name: a\nsteps:\n  - {name: one, path: '/${x}', capture: {x: a.0}}\n  - {name: two, path: '/${x}'}\n"
    assert problems_of(steps) == ["j.yaml:3: nothing gives ${x} a value here; known are customer, key, number, run"]


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError, match="cannot be read: No such file"):
        load_journey(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidFileError, match="cannot be read"):
        load_journey(tmp_path / "binary.yaml")


def test_a_waiting_page_is_read_and_one_that_says_too_little_is_named_with_its_line() -> None:
    steps = "name: x\nsteps: [{name: a, path: /}]\n"
    found = parse_journey(steps + "waiting: {status: [429, 503], code: e.code, says: full, present: [e.seconds]}\n", "j.yaml")
    assert found.waiting is not None
    assert (found.waiting.statuses, found.waiting.says) == (frozenset({429, 503}), "full")
    with pytest.raises(InvalidFileError) as caught:
        parse_journey(steps + "waiting: {status: 1, say: full}\n", "j.yaml")
    assert sorted(map(str, caught.value.problems)) == [
        "j.yaml:3: expected 'code' in the waiting page",
        "j.yaml:3: expected 'says' in the waiting page",
        "j.yaml:3: expected an HTTP status or a list of them, found 1",
        "j.yaml:3: unknown key 'say' in the waiting page; known are status, code, says, present",
    ]
