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
        (
            "j.yaml:2: unknown key 'stepps' in the journey; "
            "known are name, steps, description, cohorts, error_quality, ledger, waiting"
        ),
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


COHORTS = "name: look\ncohorts:\n  - {name: app, share: 10}\n  - {name: web, share: 90}\nsteps:\n"


def test_a_journey_with_cohorts_gives_each_customer_one_and_what_it_gives() -> None:
    text = """\
name: look
cohorts:
  - {name: app, share: 12.5, values: {client: app-7, page: small}}
  - {name: web, share: 87.5, values: {client: browser, page: wide}}
steps:
  - {name: browse, path: "/${page}", headers: {X-Client: "${client}", X-Cohort: "${cohort}"}}
"""
    journey = parse_journey(text, "j.yaml")
    assert [(cohort.name, cohort.share_percent) for cohort in journey.cohorts] == [("app", 12.5), ("web", 87.5)]
    assert journey.cohorts[0].values == {"client": "app-7", "page": "small"}


@pytest.mark.parametrize(
    ("cohorts", "problem"),
    [
        ("[]", "j.yaml:2: expected from 1 to 12 cohorts, found 0"),
        ("{app: 10}", "j.yaml:2: expected the cohorts as a list, found a mapping"),
        ("[{name: app}]", "j.yaml:2: expected 'share' in a cohort"),
        ("[{name: app, share: 10}, {name: web, share: 80}]", "j.yaml:2: expected the shares of the cohorts to add up to 100"),
        ("[{name: app, share: 50}, {name: app, share: 50}]", "j.yaml:2: two cohorts are called 'app'"),
        ("[{name: app, share: 0}, {name: b, share: 100}]", "j.yaml:2: expected the cohort's share in percent, above 0"),
        ("[{name: app, share: .nan}]", "j.yaml:2: expected the cohort's share in percent, above 0"),
        ("[{name: 'a b', share: 100}]", "j.yaml:2: expected the cohort's name as up to 40 letters"),
        ("[{name: a, share: 100, values: {key: x}}]", "j.yaml:2: 'key' is given to every journey"),
        (
            "[{name: a, share: 50, values: {x: y}}, {name: b, share: 50}]",
            "j.yaml:2: expected every cohort to give the same names",
        ),
        ("[{name: a, share: 100, colour: red}]", "j.yaml:2: unknown key 'colour' in a cohort; known are name, share, values"),
    ],
)
def test_cohorts_that_cannot_be_meant_are_refused(cohorts: str, problem: str) -> None:
    found = problems_of(f"name: a\ncohorts: {cohorts}\nsteps:\n  - {{name: browse, path: /}}\n")
    assert any(line.startswith(problem) for line in found), found


def test_without_cohorts_no_step_can_name_one_and_with_them_no_capture_can() -> None:
    without = "name: a\nsteps:\n  - {name: s, path: '/${cohort}'}\n"
    assert problems_of(without) == ["j.yaml:3: nothing gives ${cohort} a value here; known are customer, key, number, run"]
    named = COHORTS + "  - {name: s, path: /, capture: {cohort: a}}\n"
    assert problems_of(named) == ["j.yaml:6: 'cohort' is given to every journey; choose another name"]


def test_a_ledger_can_say_how_charges_and_failures_are_looked_up() -> None:
    lookup = "lookup: {method: POST, path: /o, body: {}, orders: o, reference: r, key: k, amount: a}"
    charges = "charges: {method: POST, path: /c, body: {keys: '${keys}'}, list: c, key: k}"
    journey = parse_journey(SMALLEST + f"ledger:\n  {lookup}\n  {charges}\n", "j.yaml")
    assert journey.ledger is not None
    assert journey.ledger.charges is not None
    assert journey.ledger.charges.path == "/c"
    assert journey.ledger.failures is None
    wrong = SMALLEST + f"ledger:\n  {lookup}\n  failures: {{method: POST, path: /c, body: '${{references}}', list: c}}\n"
    assert problems_of(wrong) == [
        "j.yaml:6: expected 'key' in the look-up of failures",
        "j.yaml:6: nothing gives ${references} a value here; known are keys",
    ]


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
