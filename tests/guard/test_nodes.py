"""A change to a node counts as a change to every pod that it takes away: what lets it pass, and what refuses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest

from gameday.change import MISSING, EvictPod, PatchObject
from gameday.cluster import Identity, ObjectRef
from gameday.cluster.nodes import TAINT, TAINT_KEY, UNSCHEDULABLE, bears, takes_pods
from gameday.guard import Facts, Finding, Lost, Policy, RunFacts, judge
from gameday.guard.model import Budget
from gameday.guard.needs import to_inject, to_undo
from gameday.plan import Loss, PlannedChange, Taken

NODE: Final = ObjectRef("v1", "Node", "", "n1", "uid-n1")
LOST: Final = {"key": TAINT_KEY, "effect": "NoExecute"}
OPTED_IN: Final = {"gameday.dev/enabled": "true"}
OWNER: Final = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "rs", "controller": True}
READY: Final = {"type": "Ready", "status": "True"}


def node(name: str, *, ready: bool = True, **spec: Any) -> dict[str, Any]:
    conditions = [{**READY, "status": "True" if ready else "Unknown"}]
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": spec, "status": {"conditions": conditions}}


def pod(name: str, namespace: str = "shop", *, owners: Sequence[Any] = (OWNER,), phase: str = "Running", **labels: str) -> Any:
    metadata = {"name": name, "namespace": namespace, "uid": name, "labels": labels, "ownerReferences": list(owners)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {},
        "status": {"phase": phase, "conditions": [READY]},
    }


def workload(name: str = "web", replicas: int = 2, **labels: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "shop", "uid": f"uid-{name}", "labels": labels}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"replicas": replicas}}


def patching(fields: Mapping[str, Any], *pods: Any, of: Any = None, ref: ObjectRef = NODE) -> PlannedChange:
    takes = tuple(Taken(item, of or workload()) for item in pods)
    lost = sum(1 for item in pods if item["status"]["phase"] == "Running")
    return PlannedChange(PatchObject(ref, fields), "act", node(ref.name), pods_lost=lost, takes=takes)


def losing(*pods: Any, of: Any = None) -> PlannedChange:
    return patching({TAINT: LOST}, *pods, of=of)


def judged(*changes: PlannedChange, **more: Any) -> list[Finding]:
    namespaces = {"shop": OPTED_IN, **more.pop("labels", {})}
    policy = Policy(namespaces=("shop",), caps={"pods": 9, **more.pop("caps", {})})
    facts = Facts(Identity("uid", "staging"), namespaces, **{"nodes": [node("n1"), node("n2")], **more})
    return list(judge(changes, policy, facts))


def refused(*changes: PlannedChange, **more: Any) -> list[tuple[str, str]]:
    return [(finding.rule, finding.object) for finding in judged(*changes, **more)]


@pytest.mark.parametrize(
    "fields",
    [
        {UNSCHEDULABLE: True},
        {UNSCHEDULABLE: MISSING},
        {TAINT: LOST},
        {TAINT: {**LOST, "effect": "NoSchedule"}},
        {TAINT: MISSING},
        {UNSCHEDULABLE: True, TAINT: {**LOST, "value": "x"}},
    ],
)
def test_a_node_may_be_cordoned_and_tainted_by_gamedays_own_taint_and_both_be_taken_back(fields: Mapping[str, Any]) -> None:
    assert judged(patching(fields)) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"/metadata/labels/zone": "b"},
        {"/spec/podCIDR": "10.0.0.0/8"},
        {"/spec/taints": []},
        {"/spec/taints[key=node.kubernetes.io~1not-ready]": MISSING},
        {f"{TAINT}/effect": "NoExecute"},
        {UNSCHEDULABLE: True, "/metadata/labels/zone": "b"},
        {TAINT: {"key": "somebody.else/key", "effect": "NoExecute"}},
        {TAINT: {**LOST, "effect": "PreferNoSchedule"}},
        {TAINT: {**LOST, "timeAdded": "2026-11-25T00:00:00Z"}},
        {TAINT: True},
        {},
    ],
)
def test_nothing_else_of_a_node_may_be_changed(fields: Mapping[str, Any]) -> None:
    assert refused(patching(fields)) == [("protected-kind", "node n1")]


def test_a_node_is_emptied_of_pods_that_opted_in_and_have_an_owner() -> None:
    assert judged(losing(pod("a"), pod("b"))) == []


def test_every_pod_on_it_counts_against_the_cap_and_its_workloads_share() -> None:
    change = losing(pod("a"), pod("b"), pod("done", phase="Succeeded"))
    assert change.losses == (Loss(ObjectRef("apps/v1", "Deployment", "shop", "web"), 2, 2),)
    assert refused(change, caps={"pods": 1}) == [("cap-pods", "node n1")]
    assert refused(change, caps={"percent": 50}) == [("cap-percent", "node n1")]


def test_a_pod_of_a_namespace_that_the_plan_does_not_list_refuses_it() -> None:
    found = judged(losing(pod("a"), pod("x", "other")), labels={"other": OPTED_IN})
    assert [(finding.rule, finding.object) for finding in found] == [("namespace-listed", "pod other/x")]
    assert "node n1 would lose it" in found[0].message
    assert "`namespace:`" in found[0].message


def test_a_pod_of_a_namespace_that_has_not_opted_in_refuses_it() -> None:
    assert ("namespace-opted-in", "namespace other") in refused(losing(pod("x", "other")), labels={"other": {}})


@pytest.mark.parametrize("namespace", ["kube-system", "gameday-system"])
def test_a_pod_of_the_cluster_itself_refuses_it_and_the_message_says_what_would_let_it_stay(namespace: str) -> None:
    found = judged(losing(pod("dns", namespace)), labels={namespace: OPTED_IN})
    (finding,) = (item for item in found if item.rule == "protected-kind")
    assert finding.object == f"pod {namespace}/dns"
    assert f"{{key: {TAINT_KEY}, operator: Exists}}" in finding.message


@pytest.mark.parametrize("label", ["part-of", "managed-by"])
def test_gamedays_own_pods_are_never_taken_with_a_node_nor_by_themselves(label: str) -> None:
    proxy = pod("proxy", **{f"app.kubernetes.io/{label}": "gameday"})
    assert refused(losing(proxy)) == [("protected-kind", "pod shop/proxy")]
    alone = PlannedChange(EvictPod(ObjectRef.of(proxy)), "act", proxy, workload(), pods_lost=1)
    assert refused(alone) == [("protected-kind", "pod shop/proxy")]


def test_what_its_owner_has_marked_as_protected_refuses_it() -> None:
    mark: Any = {"gameday.dev/protected": "true"}
    assert refused(losing(pod("a", **mark))) == [("protected-label", "pod shop/a")]
    assert refused(losing(pod("a"), of=workload(**mark))) == [("protected-label", "pod shop/a")]


def test_a_pod_that_nothing_would_replace_refuses_it() -> None:
    assert refused(losing(pod("a"), pod("alone", owners=()))) == [("pod-owned", "pod shop/alone")]


def test_disruption_budgets_count_every_pod_on_it() -> None:
    pods = [pod("a"), pod("b"), pod("c")]
    selects = frozenset(ObjectRef.of(item) for item in pods[:2])
    assert refused(losing(*pods), budgets=[Budget("shop/web", 1, 2, 1, selects)]) == [("disruption-budget", "node n1")]
    assert judged(losing(*pods), budgets=[Budget("shop/web", 2, 2, 0, selects)]) == []


def evicting(name: str, *, patience_seconds: float) -> PlannedChange:
    item = pod(name)
    return PlannedChange(EvictPod(ObjectRef.of(item), patience_seconds=patience_seconds), "act", item, workload(), pods_lost=1)


def test_a_drain_that_waits_for_a_budget_is_not_refused_by_it_unless_it_would_wait_for_ever() -> None:
    both = [evicting("a", patience_seconds=30), evicting("b", patience_seconds=30)]
    selects = frozenset(change.ref for change in both)
    assert judged(*both, budgets=[Budget("shop/web", 1, 2, 1, selects, expected=2)]) == []
    assert judged(*both, budgets=[Budget("shop/web", 0, 1, 1, selects, expected=2)]) == []
    never = judged(both[0], budgets=[Budget("shop/web", 0, 2, 2, selects, expected=2)])
    assert [finding.rule for finding in never] == ["disruption-budget"]
    assert "no drain would end" in never[0].message
    hasty = [evicting("a", patience_seconds=0), evicting("b", patience_seconds=0)]
    assert refused(*hasty, budgets=[Budget("shop/web", 1, 2, 1, selects, expected=2)]) == [("disruption-budget", "pod shop/b")]


@pytest.mark.parametrize(
    "others",
    [
        [],
        [node("n2", ready=False)],
        [node("n2", unschedulable=True)],
        [node("n2", taints=[LOST])],
        [node("n2", taints=[{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}])],
    ],
)
def test_the_last_node_that_takes_pods_is_not_closed(others: list[Any]) -> None:
    for fields in ({UNSCHEDULABLE: True}, {TAINT: LOST}, {TAINT: {**LOST, "effect": "NoSchedule"}}):
        assert refused(patching(fields), nodes=[node("n1"), *others]) == [("node-left", "node n1")]
    assert judged(patching({TAINT: MISSING, UNSCHEDULABLE: MISSING}), nodes=[node("n1"), *others]) == []


def test_all_nodes_together_are_not_closed_either() -> None:
    second = ObjectRef("v1", "Node", "", "n2", "uid-n2")
    both = [patching({TAINT: LOST}), patching({TAINT: LOST}, ref=second)]
    assert refused(*both) == [("node-left", "node n2")]
    assert judged(*both, nodes=[node("n1"), node("n2"), node("n3")]) == []


def test_the_rights_of_nodes_are_asked_of_the_whole_cluster_and_pods_of_all_namespaces_only_where_a_taint_takes_some() -> None:
    asked = {str(access) for access in to_inject([patching({UNSCHEDULABLE: True})])}
    assert asked == {"list nodes", "get nodes n1", "patch nodes n1"}
    assert {str(access) for access in to_inject([losing()])} == asked | {"list pods"}
    assert {str(access) for access in to_undo([losing()])} == {"get nodes n1", "patch nodes n1"}


def test_what_was_lost_with_a_node_adds_up_with_what_was_lost_before() -> None:
    web = ObjectRef("apps/v1", "Deployment", "shop", "web")
    run = RunFacts(lost={web: Lost(1, 4)})
    assert refused(losing(pod("a"), of=workload(replicas=3)), caps={"percent": 25}, run=run) == [("cap-percent", "node n1")]
    assert judged(losing(pod("a"), of=workload(replicas=3)), caps={"percent": 50}, run=run) == []


@pytest.mark.parametrize(
    ("tolerations", "stays"),
    [
        ([], False),
        ([{"operator": "Exists"}], True),
        ([{"key": TAINT_KEY, "operator": "Exists"}], True),
        ([{"key": TAINT_KEY, "operator": "Exists", "effect": "NoSchedule"}], False),
        ([{"key": TAINT_KEY, "operator": "Exists", "tolerationSeconds": 300}], False),
        ([{"key": TAINT_KEY, "operator": "Equal", "value": "other"}], False),
        ([{"key": TAINT_KEY}], True),
        ([{"key": "node.kubernetes.io/not-ready", "operator": "Exists"}], False),
    ],
)
def test_a_pod_stays_where_it_tolerates_the_taint_for_good(tolerations: list[Any], *, stays: bool) -> None:
    assert bears({"spec": {"tolerations": tolerations}}, LOST) is stays


def test_a_node_takes_pods_when_it_is_ready_open_and_repels_nobody() -> None:
    assert takes_pods(node("n"))
    assert takes_pods(node("n", taints=[{"key": "k", "effect": "PreferNoSchedule"}]))
    assert not takes_pods(node("n", ready=False))
    assert not takes_pods({"metadata": {"name": "n"}})
