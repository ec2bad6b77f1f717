"""Random plans for small objects of a scratch namespace: what a run changes, who else writes in between, and when it dies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from hypothesis import strategies as st

from gameday.change import MISSING, Change, CreateObject, DeletePod, PatchObject
from gameday.cluster import ObjectRef, Selection
from gameday.cluster.reading import is_ready
from tests.conftest import Scratch
from tests.crash.traps import AFTER, BEFORE, LATE

FULL, BARE, WEB = "full", "bare", "web"
"""A ConfigMap with data and annotations, one with neither, and a Deployment of one pod."""
FIELDS: Final = tuple(
    (name, path)
    for name, paths in {
        FULL: ("/data/a", "/data/b", "/data/absent", "/metadata/annotations/note"),
        BARE: ("/data/a", "/metadata/annotations/note", "/metadata/labels/tier"),
        WEB: ("/metadata/annotations/note", "/spec/replicas"),
    }.items()
    for path in paths
)
_REPLICAS: Final = "/spec/replicas"
CREATED: Final = ("made-1", "made-2")
Field = tuple[str, str]


class Step(msgspec.Struct, frozen=True):
    """One change of a plan: a patch of fields, an object to create, or, with neither, the loss of a pod."""

    name: str
    fields: dict[str, Any] = {}
    creates: bool = False


class Edit(msgspec.Struct, frozen=True):
    """Somebody else's write, before the n-th call that the run or its undoer makes to the cluster."""

    at_call: int
    name: str
    path: str
    value: Any


class Death(msgspec.Struct, frozen=True):
    """Before or after the n-th write, or with that write kept back until so many calls later."""

    at_write: int
    mode: str
    calls_later: int


class Plan(msgspec.Struct, frozen=True):
    """One case."""

    steps: list[Step]
    edits: list[Edit]
    deaths: list[Death]


def _values(whose: str) -> st.SearchStrategy[str]:
    return st.integers(0, 3).map(lambda number: f"{whose}-{number}")


@st.composite
def _patches(draw: st.DrawFn) -> Step:
    name = draw(st.sampled_from((FULL, FULL, BARE, BARE, WEB)))
    known = [path for owner, path in FIELDS if owner == name]
    paths = draw(st.lists(st.sampled_from(known), min_size=1, max_size=2, unique=True))
    values = _values("ours") | st.just(MISSING)
    return Step(name, {path: draw(st.sampled_from((0, 2)) if path == _REPLICAS else values) for path in paths})


@st.composite
def _edits(draw: st.DrawFn) -> Edit:
    name, path = draw(st.sampled_from(FIELDS))
    value = 3 if path == _REPLICAS else draw(_values("theirs"))
    return Edit(draw(st.integers(0, 40)), name, path, value)


_deaths = st.builds(Death, st.integers(1, 8), st.sampled_from((BEFORE, AFTER, LATE)), st.integers(1, 30))
_steps = st.one_of(
    _patches(),
    _patches(),
    _patches(),
    st.sampled_from(CREATED).map(lambda name: Step(name, creates=True)),
    st.just(Step(WEB)),
)
plans = st.builds(
    Plan, st.lists(_steps, min_size=1, max_size=5), st.lists(_edits(), max_size=3), st.lists(_deaths, min_size=1, max_size=3)
)


@dataclass(frozen=True, slots=True)
class Stage:
    """The objects that plans are about, put back as they were before each case."""

    scratch: Scratch

    def ref(self, name: str) -> ObjectRef:
        return self.scratch.ref("Deployment", name, "apps/v1") if name == WEB else self.scratch.ref("ConfigMap", name)

    def build(self) -> None:
        annotations = {"annotations": {"note": "first", "kept": "yes"}}
        self.scratch.create("ConfigMap", FULL, metadata=annotations, data={"a": "first", "b": "first"})
        self.scratch.create("ConfigMap", BARE)
        container = {"name": "main", "image": "busybox", "command": ["sleep", "3600"]}
        template = {"metadata": {"labels": {"app": WEB}}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]}}
        spec = {"replicas": 1, "selector": {"matchLabels": {"app": WEB}}, "template": template}
        self.scratch.create("Deployment", WEB, "apps/v1", spec=spec)
        self.scratch.ready(WEB)

    def reset(self, first: Mapping[str, Any]) -> None:
        """Put everything back; return when the Deployment has its one pod again."""
        for name in CREATED:
            if self.scratch.cluster.get(self.ref(name)) is not None:
                self.scratch.cluster.delete(self.ref(name))
        for name, wanted in first.items():
            now = self.scratch.cluster.get(self.ref(name))
            assert now is not None
            if configured(now) != configured(wanted):
                metadata = {**wanted["metadata"], "resourceVersion": now["metadata"]["resourceVersion"]}
                self.scratch.cluster.replace({**wanted, "metadata": metadata})
        self.scratch.ready(WEB)

    def look(self) -> dict[str, Any]:
        """Return the objects as they stand."""
        return {name: self.scratch.cluster.get(self.ref(name)) for name in (FULL, BARE, WEB)}

    def change(self, step: Step) -> Change | None:
        """Return the change that a step stands for; None where there is no pod to lose."""
        if step.creates:
            metadata = {"name": step.name, "namespace": self.scratch.name}
            return CreateObject({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"x": "ours"}})
        if step.fields:
            return PatchObject(self.ref(step.name), step.fields)
        pods = filter(is_ready, self.scratch.cluster.list(Selection("v1", "Pod", self.scratch.name, f"app={WEB}")))
        pod = next(iter(pods), None)
        return None if pod is None else DeletePod(ObjectRef.of(pod), grace_seconds=0)


def configured(obj: Mapping[str, Any]) -> dict[str, Any]:
    """Return what people set of an object; an empty map is none."""
    metadata = {key: obj["metadata"].get(key) or {} for key in ("labels", "annotations")}
    return {"metadata": metadata, "spec": obj.get("spec"), "data": obj.get("data") or {}}
