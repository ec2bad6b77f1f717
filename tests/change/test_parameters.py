"""What a value has to be like: from the signature and the unit in the name, before any function is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pytest

from gameday.change.parameters import Parameter, above, between, bounded, misfits, parameters_of


def harm(
    view: Any,
    *,
    namespace: str,
    count: int = 1,
    grace_seconds: int | None = None,
    percent: float = 100.0,
    evict: bool = False,
    how: Literal["crash", "drain"] = "crash",
    variables: Mapping[str, str] | None = None,
    zones: Sequence[str] = (),
    thing: object = None,
) -> None:
    """Take one parameter of every kind."""
    del view, namespace, count, grace_seconds, percent, evict, how, variables, zones, thing


@pytest.mark.parametrize(
    "arguments",
    [
        {"namespace": "shop", "count": 3, "grace_seconds": None, "percent": 12.5, "evict": True, "how": "drain"},
        {"percent": 100, "grace_seconds": 0},
        {"variables": {"A": "b"}, "zones": ["a", "b"], "thing": object()},
        {"variables": None, "zones": ()},
        {"somebody_elses": -1},
    ],
)
def test_a_value_that_fits_is_let_be(arguments: Mapping[str, Any]) -> None:
    assert list(misfits(harm, arguments)) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"namespace": 5}, "expected namespace to be a text, but got 5"),
        ({"namespace": " "}, "expected namespace to be a text that is not empty, but got ' '"),
        ({"count": True}, "expected count to be a whole number, but got True"),
        ({"count": 1.5}, "expected count to be a whole number, but got 1.5"),
        ({"count": "3"}, "expected count to be a whole number, but got '3'"),
        ({"grace_seconds": "1s"}, "expected grace_seconds to be a whole number or nothing, but got '1s'"),
        ({"grace_seconds": -1}, "expected grace_seconds to be zero or more, but got -1"),
        ({"percent": 100.5}, "expected percent to be from 0 to 100, but got 100.5"),
        ({"percent": -1}, "expected percent to be from 0 to 100, but got -1"),
        ({"percent": float("nan")}, "expected percent to be a number, but got nan"),
        ({"percent": float("inf")}, "expected percent to be a number, but got inf"),
        ({"percent": True}, "expected percent to be a number, but got True"),
        ({"evict": "no"}, "expected evict to be true or false, but got 'no'"),
        ({"how": "fire"}, "expected how to be one of crash, drain, but got 'fire'"),
        ({"variables": {"A": 1}}, "expected variables to be names, each with a text or nothing, but got {'A': 1}"),
        ({"zones": "a"}, "expected zones to be a list, each a text, but got 'a'"),
    ],
)
def test_a_value_that_cannot_be_meant_is_named_with_what_was_expected(arguments: Mapping[str, Any], message: str) -> None:
    assert list(misfits(harm, arguments)) == [message]


def test_every_value_that_is_off_is_named_at_once() -> None:
    assert len(list(misfits(harm, {"count": "x", "percent": 101, "zones": 1}))) == 3


def test_parameters_are_shown_with_their_types_defaults_and_units() -> None:
    found = {one.name: one for one in parameters_of(harm)}
    assert list(found) == ["namespace", "count", "grace_seconds", "percent", "evict", "how", "variables", "zones", "thing"]
    assert found["namespace"] == Parameter("namespace", "str", required=True)
    assert found["grace_seconds"] == Parameter("grace_seconds", "int | None", required=False, default=None, unit="s")
    assert found["percent"] == Parameter("percent", "float", required=False, default=100.0, unit="%")


def test_a_type_that_only_a_type_checker_knows_leaves_the_bounds() -> None:
    def own(view: Any, *, nodes: Unknown, wait_seconds: float) -> None:  # type: ignore[name-defined]  # noqa: F821
        del view, nodes, wait_seconds

    assert list(misfits(own, {"nodes": 3, "wait_seconds": -1})) == ["expected wait_seconds to be zero or more, but got -1"]


@bounded(window_seconds=above(0), percentile=above(0, up_to=100), asked=between(1, 20), minimum=between(1))
def look(observations: Any, *, window_seconds: float = 5.0, percentile: float = 95.0, asked: int = 3, minimum: int = 1) -> None:
    """Take numbers that have bounds of their own."""
    del observations, window_seconds, percentile, asked, minimum


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"window_seconds": 0}, "expected window_seconds to be above 0, but got 0"),
        ({"percentile": 0.0}, "expected percentile to be above 0 and up to 100, but got 0.0"),
        ({"percentile": 101}, "expected percentile to be above 0 and up to 100, but got 101"),
        ({"asked": 0}, "expected asked to be from 1 to 20, but got 0"),
        ({"asked": 21}, "expected asked to be from 1 to 20, but got 21"),
        ({"minimum": 0}, "expected minimum to be 1 or more, but got 0"),
        ({"asked": True}, "expected asked to be a whole number, but got True"),
    ],
)
def test_a_value_outside_the_bounds_that_its_function_states_is_named(arguments: Mapping[str, Any], message: str) -> None:
    assert list(misfits(look, arguments)) == [message]


def test_both_ends_of_a_bound_that_are_allowed_fit() -> None:
    assert list(misfits(look, {"window_seconds": 0.1, "percentile": 100, "asked": 1, "minimum": 10**9})) == []
    assert list(misfits(look, {"asked": 20})) == []


def test_a_bound_of_a_parameter_that_is_not_there_is_a_mistake_of_who_wrote_it() -> None:
    with pytest.raises(TypeError, match="look has no parameter widnow_seconds"):
        bounded(widnow_seconds=above(0))(look)
