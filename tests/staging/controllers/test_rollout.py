"""The sizes of a rolling update, one step at a time."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gameday.staging.controllers.rollout import Sizes, plan_rollout, plan_scaling, surge_of, unavailable_of


def _deployment(replicas: int, **rolling: Any) -> dict[str, Any]:
    return {"spec": {"replicas": replicas, "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}}


def test_a_deployment_without_old_sets_has_its_replicas_at_once() -> None:
    assert plan_rollout(3, Sizes(0, 0), [], max_surge=1, max_unavailable=0) == [3]


def test_a_rollout_surges_first_and_shrinks_when_new_pods_are_available() -> None:
    assert plan_rollout(3, Sizes(0, 0), [Sizes(3, 3)], max_surge=1, max_unavailable=0) == [1, 3]
    assert plan_rollout(3, Sizes(1, 0), [Sizes(3, 3)], max_surge=1, max_unavailable=0) == [1, 3]
    assert plan_rollout(3, Sizes(1, 1), [Sizes(3, 3)], max_surge=1, max_unavailable=0) == [1, 2]
    assert plan_rollout(3, Sizes(1, 1), [Sizes(2, 2)], max_surge=1, max_unavailable=0) == [2, 2]


def test_pods_of_an_old_set_that_are_broken_go_first() -> None:
    assert plan_rollout(3, Sizes(1, 1), [Sizes(3, 1)], max_surge=1, max_unavailable=1) == [1, 1]


def test_without_surge_something_must_become_unavailable() -> None:
    assert plan_rollout(3, Sizes(0, 0), [Sizes(3, 3)], max_surge=0, max_unavailable=1) == [0, 2]


def test_percentages_round_surge_up_and_unavailability_down() -> None:
    deployment = _deployment(5, maxSurge="25%", maxUnavailable="25%")
    assert (surge_of(deployment), unavailable_of(deployment)) == (2, 1)


def test_a_rollout_that_could_never_move_may_lose_one() -> None:
    assert unavailable_of(_deployment(3, maxSurge=0, maxUnavailable="10%")) == 1


@given(
    replicas=st.integers(1, 20),
    surge=st.integers(0, 5),
    unavailable=st.integers(0, 5),
    old=st.integers(0, 20),
    broken=st.integers(0, 20),
)
def test_every_rollout_ends_and_keeps_to_its_bounds(replicas: int, surge: int, unavailable: int, old: int, broken: int) -> None:
    if surge == unavailable == 0:
        surge = 1
    unavailable = min(unavailable, replicas)
    new, before = Sizes(0, 0), Sizes(old, max(0, old - broken))
    for _ in range(200):
        size_new, size_old = plan_rollout(replicas, new, [before], max_surge=surge, max_unavailable=unavailable)
        grown = size_new + size_old > new.replicas + before.replicas
        assert not grown or size_new + size_old <= replicas + surge
        available = new.available + min(before.available, size_old)
        assert available >= min(replicas - unavailable, new.available + before.available)
        if (size_new, size_old) == (replicas, 0):
            return
        new, before = Sizes(size_new, size_new), Sizes(size_old, min(before.available, size_old))
    raise AssertionError(f"the rollout stands still at {new} and {before}")


def test_another_number_amid_a_rollout_is_shared_out_in_proportion() -> None:
    assert plan_scaling(20, [Sizes(5, 5, 12), Sizes(7, 7, 12)], max_surge=2) == [9, 13]
    assert plan_scaling(5, [Sizes(5, 5, 12), Sizes(7, 7, 12)], max_surge=2) == [3, 4]
    assert plan_scaling(0, [Sizes(5, 5, 12), Sizes(7, 7, 12)], max_surge=0) == [0, 0]


def test_the_only_set_with_pods_gets_them_all_and_without_one_the_newest_does() -> None:
    assert plan_scaling(4, [Sizes(0, 0), Sizes(2, 2, 3)], max_surge=1) == [0, 4]
    assert plan_scaling(4, [Sizes(0, 0), Sizes(0, 0)], max_surge=1) == [4, 0]
