"""Which nodes may take new content: ring by ring, as far as it does no harm."""

from __future__ import annotations

import pytest

from gameday.staging.shop.rings import RING_LABEL, Report, Stake, released, rings_of

RINGS = [["a"], ["b", "c"], ["d"]]


def having(digest: str, *, healthy: bool = True, since: float = 0.0) -> Report:
    return Report(digest, healthy, since, heard=100.0)


def test_without_labels_the_first_ring_is_the_one_node_with_the_least_at_stake() -> None:
    nodes: dict[str, dict[str, str]] = {"a": {}, "b": {}, "c": {}}
    stakes = {"a": Stake(volumes=1, pods=1), "b": Stake(pods=7), "c": Stake(pods=5)}
    assert rings_of(nodes, stakes, frozenset()) == [["c"], ["a", "b"]]


def test_a_node_that_has_the_content_already_stays_first_whatever_is_at_stake_there_by_now() -> None:
    stakes = {"a": Stake(pods=9), "b": Stake(pods=1)}
    assert rings_of({"a": {}, "b": {}}, stakes, frozenset({"a"})) == [["a"], ["b"]]


def test_labels_say_the_rings_and_nodes_without_one_come_last() -> None:
    nodes = {"a": {}, "b": {RING_LABEL: "2"}, "c": {RING_LABEL: "1"}, "d": {RING_LABEL: "1"}}
    assert rings_of(nodes, {}, frozenset()) == [["c", "d"], ["b"], ["a"]]


def test_one_node_alone_is_one_ring_and_no_node_is_none() -> None:
    assert rings_of({"a": {}}, {}, frozenset()) == [["a"]]
    assert rings_of({}, {}, frozenset()) == []


def test_at_first_only_the_first_ring_is_free() -> None:
    reports = {name: having("old") for name in "abcd"}
    assert released(RINGS, reports, "new", before=50.0) == (frozenset({"a"}), False)


@pytest.mark.parametrize(
    "first",
    [having("new", healthy=False), having("new", since=60.0), having("old"), None],
    ids=["unhealthy", "not for long enough", "not yet there", "never heard of"],
)
def test_the_next_ring_waits_while_the_one_before_has_not_borne_it(first: Report | None) -> None:
    reports = {"b": having("old"), **({"a": first} if first else {})}
    assert released(RINGS, reports, "new", before=50.0) == (frozenset({"a"}), False)


def test_a_ring_that_has_borne_it_frees_the_next_and_no_further_one() -> None:
    reports = {"a": having("new"), "b": having("new"), "c": having("old"), "d": having("old")}
    assert released(RINGS, reports, "new", before=50.0) == (frozenset({"a", "b", "c"}), False)


def test_content_that_every_ring_has_borne_is_free_everywhere() -> None:
    reports = {name: having("new") for name in "abcd"}
    assert released(RINGS, reports, "new", before=50.0) == (frozenset({"a", "b", "c", "d"}), True)


def test_where_there_is_no_ring_nothing_has_been_borne() -> None:
    assert released([], {}, "new", before=50.0) == (frozenset(), False)
