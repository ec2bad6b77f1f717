"""Every rule of the guard: what it allows, what it refuses, and what it says; from facts made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from gameday.change import Change, ChangeLoad, CreateObject, DeletePod, EvictPod, PatchObject
from gameday.cluster import Access, Identity, ObjectRef, Permission
from gameday.errors import RefusedError
from gameday.gameday.model import ApprovalSpec, Window
from gameday.guard import RULES, Approvals, Facts, Finding, Policy, RunFacts, judge
from gameday.guard.model import Budget, Freeze
from gameday.plan import PlannedChange

WEB: Final = ObjectRef("apps/v1", "Deployment", "shop", "web")
POD: Final = ObjectRef("v1", "Pod", "shop", "web-1", "uid")
IDENTITY: Final = Identity("uid-of-kube-system", "staging")
OPTED_IN: Final = {"gameday.dev/enabled": "true"}


def owned(name: str = "web-1", **metadata: Any) -> dict[str, Any]:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u", "controller": True}
    return {"metadata": {"name": name, "ownerReferences": [owner], **metadata}}


def scaling(replicas: int = 1, *, ref: ObjectRef = WEB, lost: int = 0, **metadata: Any) -> PlannedChange:
    before = {"metadata": {"name": ref.name, **metadata}, "spec": {"replicas": replicas + lost}}
    return PlannedChange(PatchObject(ref, {"/spec/replicas": replicas}), "act", before, pods_lost=lost)


def killing(
    ref: ObjectRef = POD, *, before: Any = None, kind: type[DeletePod | EvictPod] = DeletePod, **more: Any
) -> PlannedChange:
    return PlannedChange(kind(ref), "act", before or owned(ref.name), pods_lost=1, **more)


def of(change: Change, before: Any = None) -> PlannedChange:
    return PlannedChange(change, "act", before)


def creating(kind: str = "ConfigMap", name: str = "m", namespace: str = "shop") -> PlannedChange:
    metadata = {"name": name, "namespace": namespace}
    return of(CreateObject({"apiVersion": "v1", "kind": kind, "metadata": metadata}))


def policy(**more: Any) -> Policy:
    return Policy(**{"namespaces": ("shop",), **more})


def facts(labels: Mapping[str, Any] | None = None, **more: Any) -> Facts:
    return Facts(IDENTITY, {"shop": OPTED_IN} if labels is None else labels, **more)


SUNDAY: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
MONDAYS: Final = Window((0,), 9 * 60, 16 * 60, "Europe/Berlin")


def at(now: datetime, *, approvals: Approvals | None = None, **more: Any) -> Facts:
    return facts(run=RunFacts(now=now, approvals=approvals), **more)


ANYTHING: Final = (policy(), facts())
REFUSED: Final[list[tuple[str, Sequence[PlannedChange], Policy, Facts, str, str]]] = [
    ("cluster-identity", [scaling()], policy(cluster="production"), facts(), "cluster staging (uid-of-kube-system)", "--context"),
    ("namespace-listed", [scaling()], policy(namespaces=()), facts(), "deployment shop/web", "(none)"),
    ("namespace-listed", [killing()], policy(namespaces=("a", "b")), facts(), "pod shop/web-1", "(a, b)"),
    (
        "namespace-listed",
        [of(PatchObject(ObjectRef("rbac.authorization.k8s.io/v1", "ClusterRole", "", "admin"), {"/rules": []}))],
        *ANYTHING,
        "clusterrole admin",
        "belongs to the whole cluster",
    ),
    ("namespace-opted-in", [scaling()], policy(), facts({"shop": {}}), "namespace shop", "kubectl label namespace shop"),
    (
        "namespace-opted-in",
        [scaling()],
        policy(),
        facts({"shop": {"gameday.dev/enabled": "no"}}),
        "namespace shop",
        "not opted in",
    ),
    ("namespace-opted-in", [scaling()], policy(), facts({"shop": None}), "namespace shop", "no such namespace"),
    (
        "protected-kind",
        [killing(ObjectRef("v1", "Pod", "kube-system", "dns"))],
        policy(namespaces=("kube-system",)),
        facts({"kube-system": OPTED_IN}),
        "pod kube-system/dns",
        "never harmed",
    ),
    (
        "protected-kind",
        [creating(namespace="gameday-system")],
        policy(namespaces=("gameday-system",)),
        facts({"gameday-system": OPTED_IN}),
        "configmap gameday-system/m",
        "never harmed",
    ),
    (
        "protected-kind",
        [of(PatchObject(ObjectRef("v1", "PersistentVolumeClaim", "shop", "data"), {"/spec/x": 1}))],
        *ANYTHING,
        "persistentvolumeclaim shop/data",
        "are protected",
    ),
    (
        "protected-kind",
        [of(PatchObject(ObjectRef("v1", "Secret", "shop", "db"), {"/data/password": "eA=="}))],
        *ANYTHING,
        "secret shop/db",
        "repoint the reference",
    ),
    (
        "protected-label",
        [scaling(labels={"gameday.dev/protected": "true"})],
        *ANYTHING,
        "deployment shop/web",
        "carries the label",
    ),
    (
        "protected-label",
        [killing(workload={"metadata": {"name": "web", "labels": {"gameday.dev/protected": "true"}}})],
        *ANYTHING,
        "pod shop/web-1",
        "carries the label",
    ),
    ("pod-owned", [killing(before={"metadata": {"name": "web-1"}})], *ANYTHING, "pod shop/web-1", "nothing would replace it"),
    ("pod-owned", [killing(before={"metadata": {"name": "x"}}, kind=EvictPod)], *ANYTHING, "pod shop/web-1", "nothing owns"),
    (
        "field-owned",
        [scaling()],
        policy(),
        facts(autoscalers={WEB: [{"metadata": {"name": "web-hpa"}}]}),
        "deployment shop/web",
        "HorizontalPodAutoscaler web-hpa",
    ),
    (
        "field-owned",
        [scaling(annotations={"gameday.dev/replicas-owner": "deployment scaler"})],
        *ANYTHING,
        "deployment shop/web",
        "owned by deployment scaler",
    ),
    ("field-owned", [scaling(labels={"argocd.argoproj.io/instance": "shop"})], *ANYTHING, "deployment shop/web", "Argo CD"),
    ("field-owned", [scaling(annotations={"argocd.argoproj.io/tracking-id": "x"})], *ANYTHING, "deployment shop/web", "Argo CD"),
    ("field-owned", [scaling(labels={"kustomize.toolkit.fluxcd.io/name": "x"})], *ANYTHING, "deployment shop/web", "Flux"),
    (
        "node-left",
        [of(PatchObject(ObjectRef("v1", "Node", "", "n1"), {"/spec/unschedulable": True}))],
        *ANYTHING,
        "node n1",
        "kubectl get nodes",
    ),
    ("cap-pods", [killing(), killing()], *ANYTHING, "pod shop/web-1", "take away 2 pods, more than the cap of 1"),
    ("cap-pods", [scaling(0, lost=3)], policy(caps={"pods": 2}), facts(), "deployment shop/web", "caps: {pods: 2}"),
    ("cap-pods", [killing()], policy(caps={"pods": 2}), facts(pods_lost_before=2), "pod shop/web-1", "3 pods"),
    (
        "cap-objects",
        [creating(name="a"), creating(name="b")],
        policy(caps={"objects": 1}),
        facts(),
        "configmap shop/b",
        "change 2 objects, more than the cap of 1",
    ),
    ("cap-objects", [scaling()], policy(), facts(objects_changed_before=3), "deployment shop/web", "4 objects"),
    (
        "cap-percent",
        [scaling(2, lost=2)],
        policy(caps={"pods": 9, "percent": 49}),
        facts(),
        "deployment shop/web",
        "caps: {percent: 49}",
    ),
    (
        "disruption-budget",
        [killing()],
        policy(),
        facts(budgets=[Budget("shop/web", 0, 2, 2, frozenset({POD}))]),
        "pod shop/web-1",
        "switched_off_rules: [disruption-budget]",
    ),
    ("window", [scaling()], policy(windows=(MONDAYS,)), at(SUNDAY), "the plan's windows", "opens at Mon 2026-11-23 09:00"),
    (
        "freeze",
        [scaling()],
        policy(freezes=(Path("f.ics"),)),
        at(SUNDAY, freezes=[Freeze("Christmas", SUNDAY, SUNDAY, "f.ics")]),
        "f.ics",
        "run it after that",
    ),
    (
        "approval",
        [scaling()],
        policy(approvals=ApprovalSpec(1, Path("keys"))),
        at(SUNDAY, approvals=Approvals(("me",))),
        "the plan's approvals",
        "gameday approve FILE",
    ),
    (
        "rights",
        [scaling()],
        policy(),
        facts(permissions=[Permission(Access("patch", "deployments", "apps", "shop", "web"), allowed=False)]),
        "patch deployments.apps web in shop",
        "gameday doctor",
    ),
]


@pytest.mark.parametrize(("rule", "changes", "plan", "found", "about", "words"), REFUSED)
def test_a_rule_refuses_and_names_itself_the_object_and_what_to_do(
    *, rule: str, changes: Sequence[PlannedChange], plan: Policy, found: Facts, about: str, words: str
) -> None:
    findings = judge(changes, plan, found)
    assert {finding.rule for finding in findings} == {rule}
    assert findings[0].object == about
    assert words in findings[0].message
    assert str(findings[0]) == f"[{rule}] {about}: {findings[0].message}"


@pytest.mark.parametrize(("rule", "changes", "plan", "found", "about", "words"), REFUSED)
def test_a_rule_that_the_plan_switches_off_by_name_refuses_nothing(
    *, rule: str, changes: Sequence[PlannedChange], plan: Policy, found: Facts, about: str, words: str
) -> None:
    del about, words
    lenient = replace(plan, switched_off=(rule,))
    assert judge(changes, lenient, found) == ()


def test_every_rule_is_seen_to_refuse() -> None:
    assert {rule for rule, *_ in REFUSED} == set(RULES)


ALLOWED: Final[list[tuple[Sequence[PlannedChange], Policy, Facts]]] = [
    ([], *ANYTHING),
    ([scaling(2)], *ANYTHING),
    ([killing()], *ANYTHING),
    ([killing(kind=EvictPod)], *ANYTHING),
    ([creating("Secret")], *ANYTHING),
    ([scaling(0, lost=1)], policy(cluster="staging"), facts()),
    ([scaling(0, lost=3)], policy(cluster="uid-of-kube-system", caps={"pods": 3}), facts()),
    ([scaling(labels={"gameday.dev/protected": "false"})], *ANYTHING),
    ([scaling(3)], policy(caps={"pods": 1}), facts(pods_lost_before=5)),
    ([killing()], policy(caps={"objects": 1}), facts(objects_changed_before=9)),
    ([scaling(), scaling()], policy(caps={"objects": 1}), facts()),
    ([scaling()], policy(), facts(autoscalers={WEB: []})),
    ([PlannedChange(ChangeLoad(rate_per_second=30), "act", None)], policy(caps={"pods": 0, "objects": 0}), facts()),
]


@pytest.mark.parametrize(("changes", "plan", "found"), ALLOWED)
def test_what_no_rule_forbids_is_allowed(changes: Sequence[PlannedChange], plan: Policy, found: Facts) -> None:
    assert judge(changes, plan, found) == ()


def test_all_findings_are_told_at_once_in_the_order_of_the_rules() -> None:
    bad = killing(ObjectRef("v1", "Pod", "kube-system", "x"), before={"metadata": {"name": "x"}})
    findings = judge([bad, bad], policy(cluster="other"), facts({"kube-system": {}}))
    assert [finding.rule for finding in findings] == [
        "cluster-identity",
        *["namespace-listed"] * 2,
        "namespace-opted-in",
        *["protected-kind"] * 2,
        *["pod-owned"] * 2,
        "cap-pods",
    ]


def test_a_misspelt_rule_is_refused_since_the_one_meant_would_stay_on() -> None:
    with pytest.raises(RefusedError, match=r"cap-pod\. Rules: cluster-identity"):
        judge([scaling()], policy(switched_off=("cap-pod",)), facts())


def test_a_finding_stands_in_the_log_by_its_three_parts() -> None:
    assert Finding("r", "o", "m").as_dict() == {"rule": "r", "object": "o", "message": "m"}
