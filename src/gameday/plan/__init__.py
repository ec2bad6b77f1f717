"""What an experiment would change: its actions' pure functions asked against a read-only cluster, and nothing more.

A plan is values: each change with the object as it stands, so that it can be shown as a diff and judged by the guard. Making
one changes nothing and can be done at any time. It is made again for each change when the run reaches it, since clusters move.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from gameday.change import (
    MISSING,
    RATE,
    ActionSpec,
    Change,
    ChangeLoad,
    CreateObject,
    DeletePod,
    EvictPod,
    PatchObject,
    Right,
    bind,
    describe,
    get_field,
    shown,
)
from gameday.change.registry import action_named
from gameday.change.wire import kind_of
from gameday.cluster import Json, ObjectRef, Selection, View
from gameday.cluster.nodes import TAINT, UNSCHEDULABLE, is_running, keeps_away, pods_on, taken_by
from gameday.cluster.reading import workload_of
from gameday.errors import BadParameterError, NoTargetError
from gameday.experiment import Activity, Experiment, TrafficSpec
from gameday.interposition import as_prepared
from gameday.traffic.spec import HIGHEST_RATE_PER_SECOND

_TEMPLATE: Final = "/spec/template"
_STRATEGY: Final = "/spec/strategy"


@dataclass(frozen=True, slots=True)
class Taken:
    """A pod that goes because of what is done to its node, and what owns it, and would replace it."""

    pod: Json
    workload: Json | None

    @property
    def ref(self) -> ObjectRef:
        """The pod's name."""
        return ObjectRef.of(self.pod)


@dataclass(frozen=True, slots=True)
class Loss:
    """How many pods a workload loses by a change, and how many it wants as things stand."""

    workload: ObjectRef
    """Under the name that stays when it is replaced."""
    pods: int
    wanted: int


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One change, and what the guard and a reader need to know of its object as it stands."""

    change: Change
    by: str
    """The activity or runbook step that asks for it."""
    before: Json | None
    """The object as it stands; None if it is not there."""
    workload: Json | None = None
    """For a pod: what owns it, and would replace it."""
    pods_lost: int = 0
    """How many running pods the change takes away."""
    rights: tuple[Right, ...] = ()
    """What the action that asks for it says that it needs."""
    prepares: bool = False
    """It is made before the baseline, and undone after the verdict."""

    takes: tuple[Taken, ...] = ()
    """For a node: the pods on it that go."""

    @property
    def losses(self) -> tuple[Loss, ...]:
        """What each workload loses by it, as far as that is known."""
        if self.takes:
            running = [taken.workload for taken in self.takes if taken.workload is not None and is_running(taken.pod)]
            losers = {ObjectRef.of(workload).anonymous: workload for workload in running}
            counts = Counter(ObjectRef.of(workload).anonymous for workload in running)
            return tuple(Loss(ref, counts[ref], wanted_by(workload)) for ref, workload in losers.items())
        loser = self.before if isinstance(self.change, PatchObject) else self.workload
        if loser is None or not self.pods_lost:
            return ()
        ref = self.ref.anonymous if loser is self.before else ObjectRef.of(loser).anonymous
        return (Loss(ref, self.pods_lost, wanted_by(loser)),)

    @property
    def closes_node(self) -> bool:
        """Whether it keeps pods away from a node."""
        if self.ref.kind != "Node" or not isinstance(self.change, PatchObject):
            return False
        fields = self.change.fields
        return bool(fields.get(UNSCHEDULABLE) not in (None, False, MISSING) or keeps_away(taint_set(self.change)))

    @property
    def ref(self) -> ObjectRef:
        """The object that would change."""
        return self.change.ref

    @property
    def kind(self) -> str:
        """The kind of change: patch, create, delete, evict or load."""
        return kind_of(self.change)

    @property
    def summary(self) -> str:
        """The change in one line of plain words."""
        return describe(self.change)

    def diff(self) -> list[dict[str, Any]]:
        """Return each field's path, before and after; what is secret as a digest."""
        if isinstance(self.change, PatchObject):
            kind, before = self.ref.kind, self.before or {}
            return [
                {"path": path, "before": shown(kind, path, get_field(before, path)), "after": shown(kind, path, value)}
                for path, value in self.change.fields.items()
            ]
        if isinstance(self.change, ChangeLoad) and self.change.former_per_second:
            return [{"path": RATE, "before": self.change.former_per_second, "after": self.change.rate_per_second}]
        return []


@dataclass(frozen=True, slots=True)
class Plan:
    """All that an experiment would change, in its order: what prepares it, then its method."""

    experiment: Experiment
    changes: tuple[PlannedChange, ...]
    foreign: tuple[str, ...] = ()
    """Activities of other extensions, whose changes cannot be seen."""


def make_plan(experiment: Experiment, view: View, *, traffic: TrafficSpec | None = None) -> Plan:
    """Ask each action what it would change now; whatever makes one impossible is raised as its error.

    What prepares the experiment is not there yet, so that an action of the method may ask for the same again: it stands once.
    Proxies that are planned are seen as if they stood, so that a fault is held to what they will speak.
    `traffic` is that of the game day, where it is another than the experiment's own.
    """
    customers = traffic or experiment.traffic
    changes: list[PlannedChange] = []
    foreign: list[str] = []
    for activity in experiment.prepare:
        changes += [replace(item, prepares=True) for item in plan_activity(activity, _as_it_will_be(view, changes))]
    for activity in experiment.activities:
        if activity.type != "action":
            continue
        if activity.ours:
            prepared = [item.change for item in changes if item.prepares]
            found = plan_activity(activity, _as_it_will_be(view, changes))
            changes += [item for item in found if item.change not in prepared]
        else:
            foreign.append(activity.name)
    if customers is None:
        _check_no_load(changes)
    else:
        changes = [with_load(change, customers.rate_per_second) for change in changes]
    return Plan(experiment, tuple(changes), tuple(foreign))


def _as_it_will_be(view: View, planned: Sequence[PlannedChange]) -> View:
    return as_prepared(view, [item.change for item in planned])


def _check_no_load(changes: Sequence[PlannedChange]) -> None:
    for item in changes:
        if isinstance(item.change, ChangeLoad):
            raise NoTargetError(
                f"the action {item.by!r} changes how often customers come, but none do: expected `traffic: {{journey: …, rate: "
                "…}` in the experiment's gameday block"
            )


def with_load(planned: PlannedChange, standing_per_second: float) -> PlannedChange:
    """Return a change as it is made while customers come at this rate; BadParameterError if it would be more than can be made."""
    if not isinstance(planned.change, ChangeLoad):
        return planned
    change = planned.change.on(standing_per_second)
    if change.rate_per_second > HIGHEST_RATE_PER_SECOND:
        raise BadParameterError(
            f"expected no more than {HIGHEST_RATE_PER_SECOND:g} customers a second, but {planned.by!r} would send "
            f"{change.rate_per_second:g}; take fewer times as many, or a lower rate"
        )
    return replace(planned, change=change)


def plan_activity(activity: Activity, view: View) -> list[PlannedChange]:
    """Ask one action of ours what it would change now."""
    return plan_action(action_named(f"{activity.module}.{activity.func}"), activity.arguments, view, by=activity.name)


def plan_action(action: ActionSpec, arguments: Mapping[str, Any], view: View, *, by: str) -> list[PlannedChange]:
    """Call the action's pure function and look at each object it names."""
    changes = action.plan(view, **bind(action.plan, action.name, arguments))
    return [replace(look_at(change, view, by=by), rights=action.rights_with(arguments)) for change in changes]


def look_at(change: Change, view: View, *, by: str) -> PlannedChange:
    """Put beside a change the object as it stands, what owns it, and how many pods it takes away."""
    match change:
        case DeletePod() | EvictPod():
            before = view.get(change.ref)
            return PlannedChange(change, by, before, workload_of(view, before) if before else None, pods_lost=1)
        case PatchObject() if change.ref.kind == "Node":
            takes = _taken(change, view)
            lost = sum(1 for taken in takes if is_running(taken.pod))
            return PlannedChange(change, by, view.get(change.ref), pods_lost=lost, takes=takes)
        case PatchObject():
            before = view.get(change.ref)
            return PlannedChange(change, by, before, pods_lost=_pods_lost(change, before))
        case CreateObject():
            return PlannedChange(change, by, view.get(change.ref))
        case ChangeLoad():
            return PlannedChange(change, by, None)


def wanted_by(workload: Json) -> int:
    """Return how many pods a workload wants; for one that says nothing, as many as nodes want it, or one."""
    scheduled = (workload.get("status") or {}).get("desiredNumberScheduled", 1)
    return int((workload.get("spec") or {}).get("replicas", scheduled))


def taint_set(change: Change) -> Mapping[str, Any]:
    """Return gameday's taint as a change to a node sets it, or nothing."""
    taint = change.fields.get(TAINT) if isinstance(change, PatchObject) and change.ref.kind == "Node" else None
    return taint if isinstance(taint, Mapping) else {}


def _taken(change: PatchObject, view: View) -> tuple[Taken, ...]:
    """Look up the pods that a change to a node takes away: those that do not tolerate its taint."""
    taint = taint_set(change)
    if taint.get("effect") != "NoExecute":
        return ()
    return tuple(Taken(pod, workload_of(view, pod)) for pod in taken_by(taint, pods_on(view, change.ref.name)))


def owners_of_fields(planned: Sequence[PlannedChange], view: View) -> dict[ObjectRef, Sequence[Json]]:
    """Return, for each workload whose replicas would be patched, the autoscalers that own that field."""
    found: dict[ObjectRef, Sequence[Json]] = {}
    for item in planned:
        if isinstance(item.change, PatchObject) and "/spec/replicas" in item.change.fields:
            autoscalers = view.list(Selection("autoscaling/v2", "HorizontalPodAutoscaler", item.ref.namespace))
            found[item.ref] = [scaler for scaler in autoscalers if _targets(scaler, item.ref)]
    return found


def _targets(scaler: Json, ref: ObjectRef) -> bool:
    target = scaler.get("spec", {}).get("scaleTargetRef", {})
    return bool(target.get("kind") == ref.kind and target.get("name") == ref.name)


def _pods_lost(change: PatchObject, before: Json | None) -> int:
    """Return how many pods a patch takes away: by scaling, or because a changed template replaces all of them at once."""
    if before is None:
        return 0
    # One is what the API makes of a workload that does not say how many.
    have = int(before.get("spec", {}).get("replicas", 1))
    if _recreates(change, before):
        return have
    if "/spec/replicas" not in change.fields:
        return 0
    wanted = change.fields["/spec/replicas"]
    return max(0, have - (1 if wanted == MISSING else int(wanted)))


def _recreates(change: PatchObject, before: Json) -> bool:
    """Say whether a Deployment ends every pod before it starts a new one, since the template of its pods is changed."""
    strategy = change.fields.get(_STRATEGY, get_field(before, _STRATEGY))
    strategy = strategy if isinstance(strategy, Mapping) else {}
    if change.ref.kind != "Deployment" or strategy.get("type") != "Recreate":
        return False
    new = [path for path, value in change.fields.items() if get_field(before, path) != value]
    return any(path == _TEMPLATE or path.startswith(f"{_TEMPLATE}/") for path in new)


__all__ = [
    "Loss",
    "Plan",
    "PlannedChange",
    "Taken",
    "look_at",
    "make_plan",
    "owners_of_fields",
    "plan_action",
    "plan_activity",
    "taint_set",
    "wanted_by",
    "with_load",
]
