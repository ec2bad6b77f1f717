"""Rules do not lean on each other: whichever are switched off, the others say what they say anyway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from gameday.change import CreateObject, DeletePod, EvictPod, PatchObject
from gameday.cluster import Access, Identity, ObjectRef, Permission
from gameday.gameday.model import ApprovalSpec, Window
from gameday.guard import RULES, Approvals, Facts, Lost, Policy, RunFacts, judge
from gameday.guard.model import Budget, Freeze
from gameday.plan import PlannedChange

NAMESPACES: Final = ("shop", "kube-system", "other")
WEB: Final = [ObjectRef("apps/v1", "Deployment", namespace, "web") for namespace in NAMESPACES]
PODS: Final = [ObjectRef("v1", "Pod", namespace, "web-1", "uid") for namespace in NAMESPACES]
NOW: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
LABELS: Final = st.sampled_from(
    [{}, {"gameday.dev/protected": "true"}, {"argocd.argoproj.io/instance": "x"}, {"gameday.dev/enabled": "true"}]
)


@st.composite
def planned(draw: st.DrawFn) -> PlannedChange:
    metadata = {"name": "web", "labels": draw(LABELS)}
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u", "controller": True}
    wanted = draw(st.integers(0, 4))
    workload = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"replicas": wanted}}
    match draw(st.integers(0, 3)):
        case 0:
            ref = draw(st.sampled_from(WEB))
            return PlannedChange(PatchObject(ref, {"/spec/replicas": 0}), "a", workload, pods_lost=wanted)
        case 1:
            kind = draw(st.sampled_from(["ConfigMap", "Secret", "Node"]))
            return PlannedChange(CreateObject({"apiVersion": "v1", "kind": kind, "metadata": metadata}), "a", None)
        case _:
            ref = draw(st.sampled_from(PODS))
            owners = draw(st.sampled_from([[], [owner]]))
            before = {"metadata": {**metadata, "ownerReferences": owners}}
            return PlannedChange(DeletePod(ref) if draw(st.booleans()) else EvictPod(ref), "a", before, workload, pods_lost=1)


POLICIES: Final = st.builds(
    Policy,
    cluster=st.sampled_from(["", "uid", "production"]),
    namespaces=st.lists(st.sampled_from(NAMESPACES), unique=True).map(tuple),
    caps=st.fixed_dictionaries(
        {"pods": st.integers(1, 3)}, optional={"percent": st.integers(1, 100), "objects": st.integers(1, 2)}
    ),
    windows=st.sampled_from([(), (Window((0,), 0, 1440, "UTC"),), (Window((5,), 0, 60, "UTC"),)]),
    freezes=st.sampled_from([(), (Path("f.ics"),)]),
    approvals=st.sampled_from([None, ApprovalSpec(1, Path("keys")), ApprovalSpec(2, Path("keys"))]),
)
RUNS: Final = st.builds(
    RunFacts,
    now=st.sampled_from([None, NOW]),
    needs_seconds=st.sampled_from([60.0, 86400.0]),
    lost=st.dictionaries(st.sampled_from(WEB), st.builds(Lost, st.integers(0, 3), st.integers(1, 4))),
    approvals=st.sampled_from([None, Approvals(), Approvals(("me",), ("you",))]),
)
FACTS: Final = st.builds(
    Facts,
    identity=st.just(Identity("uid", "name")),
    namespace_labels=st.dictionaries(st.sampled_from(NAMESPACES), LABELS | st.none()),
    autoscalers=st.dictionaries(st.sampled_from(WEB), st.just([{"metadata": {"name": "hpa"}}])),
    pods_lost_before=st.integers(0, 3),
    objects_changed_before=st.integers(0, 3),
    budgets=st.lists(st.builds(Budget, st.just("b"), st.integers(-1, 2), st.just(2), st.just(2), st.just(frozenset(WEB + PODS)))),
    freezes=st.lists(st.just(Freeze("f", NOW, NOW + timedelta(hours=1), "f.ics")), max_size=1),
    permissions=st.lists(st.builds(Permission, st.just(Access("patch", "pods")), st.booleans()), max_size=2),
    run=RUNS,
    unread=st.dictionaries(st.sampled_from(sorted(RULES)), st.just(("x", "no"))),
)


@given(changes=st.lists(planned(), max_size=4), policy=POLICIES, facts=FACTS, off=st.sets(st.sampled_from(sorted(RULES))))
def test_switching_rules_off_leaves_what_the_others_say_unchanged(
    *, changes: Sequence[PlannedChange], policy: Policy, facts: Facts, off: set[str]
) -> None:
    all_on = judge(changes, policy, facts)
    some_off = judge(changes, replace(policy, switched_off=tuple(sorted(off))), facts)
    assert some_off == tuple(finding for finding in all_on if finding.rule not in off)
    assert {finding.rule for finding in all_on} <= set(RULES)
