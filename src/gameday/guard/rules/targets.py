"""Where a change may happen: which cluster, which namespaces, which objects.

What is off limits here is so whatever the amount or the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gameday.change import ChangeLoad, DeletePod, EvictPod, PatchObject
from gameday.cluster import OPT_IN_LABEL, SYSTEM_NAMESPACE
from gameday.cluster.reading import controller_of
from gameday.guard.model import PROTECTED_LABEL, REPLICAS_OWNER, Facts, Policy
from gameday.guard.rules.shape import Found
from gameday.plan import PlannedChange

_SYSTEM_NAMESPACES: Final = ("kube-system", "kube-public", "kube-node-lease", SYSTEM_NAMESPACE)
_PROTECTED_KINDS: Final = ("Namespace", "Node", "Lease", "Event", "PersistentVolume", "PersistentVolumeClaim")
_GITOPS: Final = {
    "argocd.argoproj.io/instance": "Argo CD",
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
}


def cluster_identity(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """The cluster is the one that the plan is pinned to.

    By `cluster:`, which is its uid, or the name that its owner gave it (label `gameday.dev/cluster-name` of the namespace
    `gameday-system`); a plan without it runs in whichever cluster `--context` names.
    """
    del changes
    if policy.cluster and policy.cluster not in (facts.identity.uid, facts.identity.name):
        yield (
            f"cluster {facts.identity}",
            f"the plan is pinned to the cluster {policy.cluster!r}, but this is {facts.identity}; choose its --context",
        )


def namespace_listed(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """Each object is in a namespace that the plan lists.

    What belongs to the whole cluster is in none, and is refused. The customers that a run itself sends are no object of it.
    """
    del facts
    for change in changes:
        if isinstance(change.change, ChangeLoad):
            continue
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
    """Each namespace exists and its owner has opted in by a label.

    `kubectl label namespace NAME gameday.dev/enabled=true`; also those that the plan lists and no change touches.
    """
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
    """No change touches the cluster's own namespaces or kinds that carry others' data.

    Refused are kube-system, kube-public, kube-node-lease and gameday-system; Namespace, Node, Lease, Event, PersistentVolume and
    PersistentVolumeClaim; and any change to a Secret other than creating one.
    """
    del policy, facts
    for change in changes:
        if change.ref.namespace in _SYSTEM_NAMESPACES:
            yield str(change.ref), "the namespaces of the cluster itself and of gameday are never harmed"
        elif change.ref.kind in _PROTECTED_KINDS:
            yield str(change.ref), f"objects of the kind {change.ref.kind} are protected"
        elif change.ref.kind == "Secret" and change.kind != "create":
            yield str(change.ref), "the value of a Secret is never patched; repoint the reference to a damaged copy instead"


def protected_label(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """No object is touched whose owner has marked it, or its workload, as protected.

    By the label `gameday.dev/protected=true`.
    """
    del policy, facts
    for change in changes:
        for obj in (change.before, change.workload):
            if obj is not None and (obj["metadata"].get("labels") or {}).get(PROTECTED_LABEL) == "true":
                yield str(change.ref), f"it carries the label {PROTECTED_LABEL}=true"
                break


def pod_owned(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """A pod is only taken away when something will replace it.

    A controller owns it; otherwise its loss could not be undone.
    """
    del policy, facts
    for change in changes:
        if isinstance(change.change, DeletePod | EvictPod) and change.before is not None and controller_of(change.before) is None:
            yield str(change.ref), "nothing owns this pod, so nothing would replace it and its loss could not be undone"


def field_owned(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """No field is patched that an autoscaler or a GitOps controller owns, since they would undo it, or fight over it.

    Replicas of a workload with a HorizontalPodAutoscaler, or with the annotation `gameday.dev/replicas-owner` by which an
    autoscaler of another kind is named; any field of an object that carries a mark of Argo CD or Flux.
    """
    del policy
    for change in changes:
        for scaler in facts.autoscalers.get(change.ref, ()):
            yield (
                str(change.ref),
                f"its replicas are owned by the HorizontalPodAutoscaler {scaler['metadata']['name']}, which would set them again",
            )
        if isinstance(change.change, PatchObject) and change.before is not None:
            owner = (change.before["metadata"].get("annotations") or {}).get(REPLICAS_OWNER)
            if owner and "/spec/replicas" in change.change.fields:
                yield str(change.ref), f"its replicas are owned by {owner} ({REPLICAS_OWNER}), which would set them again"
            metadata = change.before["metadata"]
            marks = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
            for tool in sorted({tool for mark, tool in _GITOPS.items() if mark in marks}):
                yield str(change.ref), f"it is managed by {tool}, which would set it back; pause its synchronisation first"
