"""When a node is taken out for its agent's sake, and when it is let back in."""

from __future__ import annotations

from typing import Any

from gameday.staging.shop.node_health import CONDITION, TAINT, Patience, condition, is_well, reason

Node = dict[str, Any]
OTHER = {"key": "somebody-elses", "effect": "NoSchedule"}


def node(name: str, status: str | None, *taints: Any) -> Node:
    conditions = [{"type": "Ready", "status": "True"}]
    if status is not None:
        conditions.append({"type": CONDITION, "status": status, "reason": "Because"})
    spec = {"taints": list(taints)} if taints else {}
    return {"metadata": {"name": name, "resourceVersion": "7"}, "spec": spec, "status": {"conditions": conditions}}


def out(name: str, status: str) -> Node:
    return node(name, status, OTHER, *({"key": TAINT, "effect": effect} for effect in ("NoSchedule", "NoExecute")))


def test_a_node_goes_out_when_its_agent_has_been_unhealthy_for_long_enough_and_not_before() -> None:
    patience = Patience(taint_after_seconds=3, return_after_seconds=2)
    assert patience.patches([node("a", "False", OTHER)], 10.0) == {}
    assert patience.patches([node("a", "False", OTHER)], 12.9) == {}
    patch = patience.patches([node("a", "False", OTHER)], 13.0)["a"]
    assert [(taint["key"], taint["effect"]) for taint in patch["spec"]["taints"]] == [
        ("somebody-elses", "NoSchedule"),
        (TAINT, "NoSchedule"),
        (TAINT, "NoExecute"),
    ]
    assert patch["metadata"] == {"resourceVersion": "7"}


def test_an_agent_that_is_well_again_in_between_starts_the_time_anew() -> None:
    patience = Patience(taint_after_seconds=3, return_after_seconds=2)
    for at, status in ((10.0, "False"), (12.0, "True"), (13.5, "Unknown")):
        assert patience.patches([node("a", status)], at) == {}
    assert patience.patches([node("a", "Unknown")], 16.0) == {}
    assert "a" in patience.patches([node("a", "Unknown")], 16.5)


def test_a_node_is_left_alone_while_its_agent_has_never_said_a_word() -> None:
    patience = Patience(taint_after_seconds=0, return_after_seconds=0)
    assert patience.patches([node("a", None)], 99.0) == {}
    assert is_well(node("a", None)) is None


def test_nodes_come_back_one_at_a_time_each_with_the_taints_of_others() -> None:
    patience = Patience(taint_after_seconds=3, return_after_seconds=2)
    both = [out("a", "True"), out("b", "True")]
    assert patience.patches(both, 10.0) == {}
    assert patience.patches(both, 12.0) == {"a": {"metadata": {"resourceVersion": "7"}, "spec": {"taints": [OTHER]}}}
    still = [node("a", "True", OTHER), out("b", "True")]
    assert patience.patches(still, 13.0) == {}
    assert patience.patches(still, 14.0).keys() == {"b"}


def test_the_last_taint_leaves_none_behind() -> None:
    patience = Patience(taint_after_seconds=0, return_after_seconds=0)
    patch = patience.patches([node("a", "True", {"key": TAINT, "effect": "NoExecute"})], 1.0)["a"]
    assert patch["spec"] == {"taints": None}


def test_a_condition_says_when_and_why() -> None:
    (said,) = condition("False", "SensorDied", "of something")["status"]["conditions"]
    assert (said["type"], said["status"], said["reason"], said["message"]) == (CONDITION, "False", "SensorDied", "of something")
    assert said["lastTransitionTime"].endswith("Z")
    assert reason(node("a", "False")) == "Because"
