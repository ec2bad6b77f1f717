"""The kinds of change: what an action may ask for. There are few, and each says all that is needed to invert it.

A change is a value. It does nothing, knows no cluster and cannot fail; the room `run` captures its pre-image, writes down
what is owed, applies and later inverts it, one small function a kind. A new action needs no new kind as a rule; a new kind
is a dataclass here, a row in `describe`, and its functions in `run.inject` and `undo.settling`, where the type checker finds
every place that forgot it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, assert_never

from gameday.change.fields import MISSING, shown
from gameday.cluster import Json, ObjectRef


@dataclass(frozen=True, slots=True)
class PatchObject:
    """Set single fields of an object that exists; undone field by field.

    `fields` maps a path (see `change.fields`) to the value it shall have, MISSING to remove it. `subresource` is left
    out on purpose: what cannot be written through the object itself is owned by a controller.
    """

    ref: ObjectRef
    fields: Mapping[str, Any]
    once: ObjectRef | None = None
    """A workload that has to be rolled out before, as a Service is repointed only to pods that are Ready."""


@dataclass(frozen=True, slots=True)
class CreateObject:
    """Create an object that must not exist yet; undone by deleting it (that very uid)."""

    manifest: Json

    @property
    def ref(self) -> ObjectRef:
        """The name that the object will have."""
        return ObjectRef.of(self.manifest)


@dataclass(frozen=True, slots=True)
class PodSighting:
    """Where a pod was seen to answer before it was harmed; what shows afterwards that it no longer does."""

    addresses: tuple[str, ...] = ()
    """host:port of each TCP port that its containers declare."""
    behind_service: bool = False
    """An EndpointSlice named it as ready."""


@dataclass(frozen=True, slots=True)
class DeletePod:
    """Delete a pod that a controller owns; undone when its replacement is Ready."""

    ref: ObjectRef
    grace_seconds: int | None = None
    """None leaves the pod's own; 0 kills at once."""
    sighting: PodSighting = PodSighting()


@dataclass(frozen=True, slots=True)
class EvictPod:
    """Evict a pod, which honours disruption budgets; undone when its replacement is Ready."""

    ref: ObjectRef
    grace_seconds: int | None = None
    sighting: PodSighting = PodSighting()
    patience_seconds: float = 0.0
    """For how long it is asked for again while a budget refuses it, as a drain does; 0 takes the first answer."""


Change: TypeAlias = PatchObject | CreateObject | DeletePod | EvictPod


def describe(change: Change) -> str:
    """Say in one line of plain words what the change would do; what is secret as a digest."""
    match change:
        case PatchObject(ref=ref, fields=fields, once=once):
            edits = (
                f"remove {path}" if value == MISSING else f"{path} = {shown(ref.kind, path, value)!r}"
                for path, value in fields.items()
            )
            return f"set on {ref}: {', '.join(edits)}" + (f", once {once} is rolled out" if once else "")
        case CreateObject():
            return f"create {change.ref}"
        case DeletePod(ref=ref, grace_seconds=grace):
            return f"delete {ref}" + ("" if grace is None else f" with a grace of {grace} s")
        case EvictPod(ref=ref):
            return f"evict {ref}"
        case _:
            assert_never(change)
