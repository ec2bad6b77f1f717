"""Where a change may happen: which cluster, which namespaces, which objects.

What is off limits here is so whatever the amount or the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gameday.change import MISSING, ChangeLoad, DeletePod, EvictPod, PatchObject
from gameday.cluster import OPT_IN_LABEL, SYSTEM_NAMESPACE
from gameday.cluster.nodes import TAINT, TAINT_KEY, UNSCHEDULABLE, is_ours, takes_pods
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
    """Each object is in a namespace that the plan lists, and so is every pod that goes with a node.

    What else belongs to the whole cluster is in none, and is refused. The customers that a run itself sends are no object of it.
    """
    del facts
    listed = ", ".join(policy.namespaces) or "none"
    for change in changes:
        if isinstance(change.change, ChangeLoad):
            continue
        for taken in change.takes:
            if taken.ref.namespace not in policy.namespaces:
                told = (
                    f"{change.ref} would lose it, and its namespace is not one that the plan lists ({listed}); choose another "
                    "node, or take only the pods of one namespace (`namespace:`)"
                )
                yield str(taken.ref), told
        if not change.ref.namespace and change.ref.kind not in _PROTECTED_KINDS:
            yield (
                str(change.ref),
                "it belongs to the whole cluster, and only what is in a namespace that the plan lists may change",
            )
        elif change.ref.namespace and change.ref.namespace not in policy.namespaces:
            yield (
                str(change.ref),
                f"its namespace is not one that the plan lists ({listed}); add it there if it is meant",
            )


def namespace_opted_in(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """Each namespace exists and its owner has opted in by a label.

    `kubectl label namespace NAME gameday.dev/enabled=true`; also those that the plan lists and no change touches, and those of
    the pods that go with a node.
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
    """No change touches the cluster's own namespaces, gameday's own pods, or kinds that carry others' data.

    Refused are kube-system, kube-public, kube-node-lease and gameday-system; Namespace, Lease, Event, PersistentVolume and
    PersistentVolumeClaim; any change to a Secret other than creating one; any change to a Node other than cordoning it and
    setting the taint `gameday.dev/lost`, and these too where a pod would go that is of those namespaces or gameday's own (label
    `app.kubernetes.io/part-of` or `managed-by`), unless it tolerates the taint.
    """
    del policy, facts
    for change in changes:
        if change.ref.namespace in _SYSTEM_NAMESPACES:
            yield str(change.ref), "the namespaces of the cluster itself and of gameday are never harmed"
        elif change.ref.kind == "Node":
            yield from _of_node(change)
        elif change.ref.kind in _PROTECTED_KINDS:
            yield str(change.ref), f"objects of the kind {change.ref.kind} are protected"
        elif change.ref.kind == "Secret" and change.kind != "create":
            yield str(change.ref), "the value of a Secret is never patched; repoint the reference to a damaged copy instead"
        elif isinstance(change.change, DeletePod | EvictPod) and change.before is not None and is_ours(change.before):
            yield (
                str(change.ref),
                "it is gameday's own, as its labels say (part of gameday, or managed by it), and is never harmed",
            )


def _of_node(change: PlannedChange) -> Found:
    fields = change.change.fields if isinstance(change.change, PatchObject) else {}
    if not fields or not set(fields) <= {TAINT, UNSCHEDULABLE} or not _is_plain(fields.get(TAINT, MISSING)):
        yield str(change.ref), f"of a Node only {UNSCHEDULABLE} and the taint {TAINT_KEY} may be changed"
    for taken in change.takes:
        if taken.ref.namespace in _SYSTEM_NAMESPACES or is_ours(taken.pod):
            told = (
                f"{change.ref} would lose it, and what is the cluster's or gameday's own is never harmed; choose another node, "
                f"take only the pods of one namespace (`namespace:`), or let it tolerate {{key: {TAINT_KEY}, operator: Exists}}"
            )
            yield str(taken.ref), told


def _is_plain(taint: Any) -> bool:
    """Say whether this is gameday's taint and nothing else, or its removal."""
    if taint == MISSING:
        return True
    has_key = isinstance(taint, Mapping) and taint.get("key") == TAINT_KEY and set(taint) <= {"key", "value", "effect"}
    return has_key and taint.get("effect") in {"NoSchedule", "NoExecute"}


def protected_label(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """No object is touched whose owner has marked it, or its workload, as protected; nor does such a pod go with a node.

    By the label `gameday.dev/protected=true`.
    """
    del policy, facts
    for change in changes:
        hit = [(change.ref, (change.before, change.workload)), *((one.ref, (one.pod, one.workload)) for one in change.takes)]
        for ref, objects in hit:
            if any(obj is not None and (obj["metadata"].get("labels") or {}).get(PROTECTED_LABEL) == "true" for obj in objects):
                yield str(ref), f"it carries the label {PROTECTED_LABEL}=true"


def pod_owned(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """A pod is only taken away, by itself or with its node, when something will replace it.

    A controller owns it; otherwise its loss could not be undone.
    """
    del policy, facts
    for change in changes:
        alone = isinstance(change.change, DeletePod | EvictPod) and change.before is not None
        pods = [(change.ref, change.before)] if alone else [(taken.ref, taken.pod) for taken in change.takes]
        for ref, pod in pods:
            if pod is not None and controller_of(pod) is None:
                yield str(ref), "nothing owns this pod, so nothing would replace it and its loss could not be undone"


def node_left(changes: Sequence[PlannedChange], policy: Policy, facts: Facts) -> Found:
    """Whatever closes nodes leaves at least one that is Ready and takes pods.

    A cordon and a taint close a node. One that is cordoned or tainted already, whoever did it, is none that is left. With every
    node gone nothing could be replaced, and Kubernetes itself stops evicting.
    """
    del policy
    closing = [change.ref for change in changes if change.closes_node]
    names = {ref.name for ref in closing}
    if closing and not any(takes_pods(node) and node["metadata"]["name"] not in names for node in facts.nodes):
        told = (
            f"no node that is Ready and takes pods would be left of {len(facts.nodes)}; choose fewer, or mend the others first "
            "(kubectl get nodes)"
        )
        yield str(closing[-1]), told


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
