"""The kinds of change: what an action may ask for. There are few, and each says all that is needed to invert it.

A change is a value. It does nothing, knows no cluster and cannot fail; the room `run` captures its pre-image, writes down
what is owed, applies and later inverts it, one small function a kind. A new action needs no new kind as a rule; a new kind
is a dataclass here, a row in `describe`, and its functions in `run.inject` and `undo.settling`, where the type checker finds
every place that forgot it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias, assert_never

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


LOAD: Final = ObjectRef("gameday.dev/v1", "Load", "", "customers")
"""How a run's customers are named where an object is; no cluster has it."""
RATE: Final = "/ratePerSecond"
"""The one field of it."""


@dataclass(frozen=True, slots=True)
class ChangeLoad:
    """Change how often the run's customers come; undone by the rate that they came at before.

    Either `rate_per_second` or `times` (the rate that stands when the change is made) is above zero. The load is no
    object of a cluster but a process of the guardian's, so only that guardian can undo it, and the load dies with it.
    """

    rate_per_second: float = 0.0
    times: float = 0.0
    over_seconds: float = 0.0
    """How long the way to the new rate takes, in a straight line."""
    former_per_second: float = 0.0
    """The rate that stood; zero as long as nobody has looked."""

    @property
    def ref(self) -> ObjectRef:
        """The load, under the name it has in logs and records."""
        return LOAD

    def on(self, standing_per_second: float) -> ChangeLoad:
        """Return the change as it is made to a load of this rate: with both rates in figures."""
        wanted = self.rate_per_second or round(self.times * standing_per_second, 6)
        return replace(self, rate_per_second=wanted, times=0.0, former_per_second=standing_per_second)


Change: TypeAlias = PatchObject | CreateObject | DeletePod | EvictPod | ChangeLoad


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
        case ChangeLoad(rate_per_second=rate, times=times, over_seconds=over, former_per_second=former):
            came = f" instead of {former:g}" if former else ""
            how_often = f"{rate:g} customers a second{came}" if rate else f"{times:g} times as many customers"
            return how_often + (f", reached within {over:g} s" if over else "")
        case _:
            assert_never(change)
