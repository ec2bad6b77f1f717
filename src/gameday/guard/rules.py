"""The rules, each a small pure function that yields (object, sentence) for what it forbids; `RULES` is their list.

A new rule is a function and its row. Its name is what a plan writes to switch it off, so it is never renamed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from gameday.change import DeletePod, EvictPod, PatchObject
from gameday.cluster.reading import controller_of
from gameday.guard.model import OPT_IN_LABEL, PROTECTED_LABEL, Facts, Policy
from gameday.plan import PlannedChange

Found = Iterator[tuple[str, str]]
Rule = Callable[[Sequence[PlannedChange], Policy, Facts], Found]

_SYSTEM_NAMESPACES: Final = ("kube-system", "kube-public", "kube-node-lease", "gameday-system")
_PROTECTED_KINDS: Final = ("Namespace", "Node", "Lease", "Event", "PersistentVolume", "PersistentVolumeClaim")
_GITOPS: Final = {
    "argocd.argoproj.io/instance": "Argo CD",
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
}


def cluster_identity(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """The cluster is the one that the plan is pinned to."""
    del changes
    if policy.cluster and policy.cluster not in (facts.identity.uid, facts.identity.name):
        yield (
            f"cluster {facts.identity}",
            f"the plan is pinned to the cluster {policy.cluster!r}, but this is {facts.identity}; choose its --context",
        )


def namespace_listed(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """Each object is in a namespace that the plan lists."""
    del facts
    for change in changes:
        if not change.ref.namespace and change.ref.kind not in _PROTECTED_KINDS:
            yield (
                str(change.ref),
                "it belongs to the whole cluster, and only what is in a namespace that the plan lists may change",
            )
        elif change.ref.namespace and change.ref.namespace not in policy.namespaces:
            listed = ", ".join(policy.namespaces) or "none"
            yield (
                str(change.ref),
                f"its namespace is not one that the plan lists ({listed}); add it there if it is meant",
            )


def namespace_opted_in(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """Each namespace exists and its owner has opted in by a label."""
    del changes, policy
    for namespace, labels in facts.namespace_labels.items():
        if labels is None:
            yield f"namespace {namespace}", "there is no such namespace in this cluster"
        elif labels.get(OPT_IN_LABEL) != "true":
            yield (
                f"namespace {namespace}",
                f"it has not opted in. Its owner does so with: kubectl label namespace {namespace} {OPT_IN_LABEL}=true",
            )


def protected_kind(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """No change touches the cluster's own namespaces or kinds that carry others' data."""
    del policy, facts
    for change in changes:
        if change.ref.namespace in _SYSTEM_NAMESPACES:
            yield str(change.ref), "the namespaces of the cluster itself and of gameday are never harmed"
        elif change.ref.kind in _PROTECTED_KINDS:
            yield str(change.ref), f"objects of the kind {change.ref.kind} are protected"
        elif change.ref.kind == "Secret" and change.kind != "create":
            yield str(change.ref), "the value of a Secret is never patched; repoint the reference to a damaged copy instead"


def protected_label(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """No object is touched whose owner has marked it, or its workload, as protected."""
    del policy, facts
    for change in changes:
        for obj in (change.before, change.workload):
            if obj is not None and (obj["metadata"].get("labels") or {}).get(PROTECTED_LABEL) == "true":
                yield str(change.ref), f"it carries the label {PROTECTED_LABEL}=true"
                break


def pod_owned(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """A pod is only taken away when something will replace it."""
    del policy, facts
    for change in changes:
        if isinstance(change.change, DeletePod | EvictPod) and change.before is not None and controller_of(change.before) is None:
            yield str(change.ref), "nothing owns this pod, so nothing would replace it and its loss could not be undone"


def field_owned(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """No field is patched that an autoscaler or a GitOps controller owns, since they would undo it, or fight over it."""
    del policy
    for change in changes:
        for scaler in facts.autoscalers.get(change.ref, ()):
            yield (
                str(change.ref),
                f"its replicas are owned by the HorizontalPodAutoscaler {scaler['metadata']['name']}, which would set them again",
            )
        if isinstance(change.change, PatchObject) and change.before is not None:
            metadata = change.before["metadata"]
            marks = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
            for tool in sorted({tool for mark, tool in _GITOPS.items() if mark in marks}):
                yield str(change.ref), f"it is managed by {tool}, which would set it back; pause its synchronisation first"


def cap_pods(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """A round takes away no more pods than the cap."""
    cap = policy.caps.get("pods", 1)
    lost = facts.pods_lost_before + sum(change.pods_lost for change in changes)
    taking = [change for change in changes if change.pods_lost]
    if taking and lost > cap:
        yield str(taking[-1].ref), f"the round would take away {lost} pods, more than the cap of {cap} (`caps: {{pods: {cap}}}`)"


def cap_objects(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """A round patches and creates no more objects than the cap."""
    cap = policy.caps.get("objects", 3)
    touched = [change for change in changes if change.kind in ("patch", "create")]
    count = facts.objects_changed_before + len({change.ref for change in touched})
    if touched and count > cap:
        yield (
            str(touched[-1].ref),
            f"the round would change {count} objects, more than the cap of {cap} (`caps: {{objects: {cap}}}`)",
        )


RULES: Final[Mapping[str, Rule]] = {
    "cluster-identity": cluster_identity,
    "namespace-listed": namespace_listed,
    "namespace-opted-in": namespace_opted_in,
    "protected-kind": protected_kind,
    "protected-label": protected_label,
    "pod-owned": pod_owned,
    "field-owned": field_owned,
    "cap-pods": cap_pods,
    "cap-objects": cap_objects,
}
