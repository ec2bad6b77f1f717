"""What requests a run makes, as the access reviews ask about them: for a change, for its undo, and for the engine itself.

A list, not a judgement. It follows what `run` really asks of the API; a right that is missing here would be missed in a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, assert_never

from gameday.change import ActionSpec, ChangeLoad, CreateObject, DeletePod, EvictPod, PatchObject, Right
from gameday.cluster import SYSTEM_NAMESPACE, Access, ObjectRef, plural
from gameday.plan import PlannedChange, taint_set

_WRITES: Final = ("create", "delete", "patch")
_CLUSTER_WIDE: Final = ("nodes", "namespaces", "persistentvolumes", "clusterroles", "clusterrolebindings")

ENGINE: Final[Sequence[Access]] = (
    *(Access(verb, "secrets", "", SYSTEM_NAMESPACE) for verb in ("list", "create", "update", "delete")),
    *(Access(verb, "leases", "coordination.k8s.io", SYSTEM_NAMESPACE) for verb in ("get", "create", "update", "delete")),
)
"""The undo record and the Lease."""


def of_guard(namespace: str) -> tuple[Access, ...]:
    """Return what the guard itself reads of a namespace."""
    return (
        Access("get", "namespaces", "", "", namespace),
        Access("list", "pods", "", namespace),
        Access("list", "poddisruptionbudgets", "policy", namespace),
        Access("list", "horizontalpodautoscalers", "autoscaling", namespace),
    )


def to_inject(changes: Sequence[PlannedChange], *, starting: bool = False) -> tuple[Access, ...]:
    """Return what making these changes needs, each once; when starting, also what the engine needs."""
    needed = [access for change in changes for access in _of_change(change)]
    return tuple(dict.fromkeys([*needed, *(ENGINE if starting else ())]))


def to_undo(changes: Sequence[PlannedChange]) -> tuple[Access, ...]:
    """Return what undoing these changes needs, each once."""
    return tuple(dict.fromkeys(access for change in changes for access in _of_undo(change)))


def of_action(spec: ActionSpec, namespace: str) -> tuple[Access, ...]:
    """Return the rights that an action declares, as they are asked about in a namespace."""
    return tuple(dict.fromkeys(of_right(right, namespace) for right in spec.rights))


def of_undoing(spec: ActionSpec, namespace: str) -> tuple[Access, ...]:
    """Return the rights that undoing an action takes, as far as its own rights tell, asked about in a namespace."""
    undo: list[Right] = []
    for right in spec.rights:
        resource = right.resource.split("/")[0]
        if right.verb in _WRITES:
            undo.append(Right("get", resource, right.api_group))
        if resource == "pods" and right.verb in {"create", "delete"}:
            # A pod is fenced, in case its deletion is still under way, and its replacement waited for.
            undo += [Right("patch", "pods"), Right("list", "pods")]
        elif right.verb == "patch":
            undo.append(right)
        elif right.verb == "create":
            undo.append(Right("delete", resource, right.api_group))
    return tuple(dict.fromkeys(of_right(right, namespace) for right in undo))


def of_right(right: Right, namespace: str) -> Access:
    """Return a declared right as it is asked about in a namespace; kinds of the whole cluster have none."""
    resource = right.resource.split("/")[0]
    return Access(right.verb, right.resource, right.api_group, "" if resource in _CLUSTER_WIDE else namespace)


def _of_change(change: PlannedChange) -> Iterator[Access]:
    ref = change.ref
    if change.closes_node:
        yield Access("list", "nodes")
    if taint_set(change.change).get("effect") == "NoExecute":
        # Whose pods are on it can only be seen in all namespaces.
        yield Access("list", "pods")
    match change.change:
        case PatchObject():
            yield from (_on(verb, ref) for verb in ("get", "patch"))
        case CreateObject():
            # The name of what is created is unknown to an authoriser.
            yield _on("create", ref, named=False)
            yield _on("get", ref)
        case DeletePod():
            yield from (_on(verb, ref) for verb in ("get", "delete"))
            yield Access("list", "pods", "", ref.namespace)
        case EvictPod():
            yield Access("create", "pods/eviction", "", ref.namespace, ref.name)
            yield _on("get", ref)
            yield Access("list", "pods", "", ref.namespace)
        case ChangeLoad():
            # The customers are a process of the guardian's: no cluster is asked.
            pass
        case _:
            assert_never(change.change)
    # Of what an action of nodes needs in a namespace, its changes in that namespace ask.
    needed = change.rights if ref.namespace else [right for right in change.rights if right.resource in _CLUSTER_WIDE]
    yield from (of_right(right, ref.namespace) for right in needed)


def _of_undo(change: PlannedChange) -> Iterator[Access]:
    match change.change:
        case PatchObject():
            yield from to_set_back(change.ref)
        case CreateObject(manifest=manifest):
            yield from to_remove(change.ref)
            if "template" in manifest.get("spec", {}):
                yield Access("list", "pods", "", change.ref.namespace)
        case DeletePod() | EvictPod():
            yield from to_replace(change.ref)
        case ChangeLoad():
            return
        case _:
            assert_never(change.change)


def to_set_back(ref: ObjectRef) -> Iterator[Access]:
    """Yield what setting fields of an object back needs."""
    yield from (_on(verb, ref) for verb in ("get", "patch"))


def to_remove(ref: ObjectRef) -> Iterator[Access]:
    """Yield what removing what was created needs."""
    yield from (_on(verb, ref) for verb in ("get", "delete"))


def to_make_again(ref: ObjectRef) -> Iterator[Access]:
    """Yield what making an object again that was deleted needs; the name of what is created is unknown to an authoriser."""
    yield from (_on("get", ref), _on("create", ref, named=False))


def to_replace(ref: ObjectRef) -> Iterator[Access]:
    """Yield what waiting for a pod's replacement needs; the pod is fenced by a patch, since its deletion may be under way."""
    yield from (_on(verb, ref) for verb in ("get", "patch"))
    yield Access("list", "pods", "", ref.namespace)


def _on(verb: str, ref: ObjectRef, *, named: bool = True) -> Access:
    group = ref.api_version.rpartition("/")[0]
    return Access(verb, plural(ref.kind), group, ref.namespace, ref.name if named else "")
