"""Templates and paths: what is put in comes out as JSON means it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.traffic.journey import BodyTemplate, Cohort, Journey, MissingValueError, Template, ValuePath

json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=8,
)


@given(json_values)
def test_a_string_that_is_only_a_name_becomes_the_value_itself(value: Any) -> None:
    body = BodyTemplate.of({"cart": "${cart}", "fixed": 1}).fill({"cart": value})
    assert json.loads(body) == {"cart": value, "fixed": 1}


@given(st.text(), st.integers())
def test_a_name_inside_a_string_becomes_text_that_cannot_break_the_json(name: str, number: int) -> None:
    body = BodyTemplate.of(["dear ${name}, ${number}!"]).fill({"name": name, "number": number})
    assert json.loads(body) == [f"dear {name}, {number}!"]


@given(json_values.filter(lambda value: "${" not in json.dumps(value)))
def test_a_body_without_names_is_sent_as_it_is(value: Any) -> None:
    template = BodyTemplate.of(value)
    assert template.names == ()
    assert json.loads(template.fill({})) == value


def test_a_template_names_what_it_needs() -> None:
    assert Template.of("/cart/${customer}/${key}").names == ("customer", "key")
    assert BodyTemplate.of({"a": "${x}", "b": "to ${y}"}).names == ("x", "y")


def test_a_path_is_written_so_that_a_value_stays_one_segment() -> None:
    assert Template.of("/cart/${c}").fill({"c": "a/b"}, lambda value: value.replace("/", "%2F")) == "/cart/a%2Fb"


def test_a_path_finds_names_and_positions() -> None:
    assert ValuePath.of("a.1.b").find({"a": [0, {"b": None}]}) is None
    for missing in ("a.2", "a.x", "b", "a.1.b.c"):
        with pytest.raises(MissingValueError, match="expected"):
            ValuePath.of(missing).find({"a": [0, {"b": 7}]})


def with_cohorts(*shares: float) -> Journey:
    return Journey("j", "", (), None, None, tuple(Cohort(f"c{number}", share) for number, share in enumerate(shares)))


@given(st.integers(0, 10**6), st.sampled_from([(10.0, 90.0), (1.0, 33.0, 66.0), (50.0, 25.0, 25.0), (100.0,)]))
def test_every_stretch_of_customers_has_each_cohorts_share_in_it(first: int, shares: tuple[float, ...]) -> None:
    journey = with_cohorts(*shares)
    drawn = [journey.cohort_of(number) for number in range(first, first + 200)]
    for cohort in journey.cohorts:
        assert abs(drawn.count(cohort) - 2 * cohort.share_percent) <= 4


@given(st.integers(0, 10**9))
def test_the_same_customer_is_always_of_the_same_cohort(number: int) -> None:
    assert with_cohorts(10, 90).cohort_of(number) == with_cohorts(10, 90).cohort_of(number)


def test_a_journey_without_cohorts_has_none_for_anybody() -> None:
    assert with_cohorts().cohort_of(7) is None
