"""What a shell block wrote: the opted-in namespaces before and after it, compared field by field.

Only what people configure is compared (specifications, data, labels, annotations), not what controllers report. Entries of
lists are told apart by their name where they have one; a list without names is one field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gameday.change import MISSING
from gameday.cluster import Json, ObjectRef, Selection, View
from gameday.errors import ClusterError, NotFoundError

KINDS: Final = (
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("v1", "Service"),
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("policy/v1", "PodDisruptionBudget"),
)
_COMPARED: Final = ("spec", "data", "stringData", "binaryData")
_CONTROLLERS_OWN: Final = ("deployment.kubernetes.io/", "gameday.dev/", "kubectl.kubernetes.io/last-applied")

Snapshot = Mapping[ObjectRef, Json]


@dataclass(frozen=True, slots=True)
class Writes:
    """What differs between two looks: per object its fields (path → before, after), and what came and what went."""

    fields: Mapping[ObjectRef, Mapping[str, tuple[Any, Any]]] = field(default_factory=dict)
    created: Sequence[ObjectRef] = ()
    deleted: Sequence[ObjectRef] = ()


def look(view: View, namespaces: Sequence[str]) -> Snapshot:
    """Read all compared objects of these namespaces; a kind that the cluster does not serve has none."""
    found: dict[ObjectRef, Json] = {}
    for namespace in namespaces:
        for api_version, kind in KINDS:
            for obj in _list(view, api_version, kind, namespace):
                found[ObjectRef.of(obj)] = obj
    return found


def compare(before: Snapshot, after: Snapshot) -> Writes:
    """Return what was written between two looks; an object that was replaced counts as gone and come."""
    fields = {ref: dict(_differences(before[ref], after[ref])) for ref in before.keys() & after.keys()}
    return Writes(
        {ref: found for ref, found in fields.items() if found},
        sorted(after.keys() - before.keys()),
        sorted(before.keys() - after.keys()),
    )


def _list(view: View, api_version: str, kind: str, namespace: str) -> Sequence[Json]:
    try:
        return view.list(Selection(api_version, kind, namespace))
    except NotFoundError:
        return ()
    except ClusterError as error:
        if " answered 501 " in str(error):
            return ()
        raise


def _differences(before: Json, after: Json) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for member in _COMPARED:
        yield from _fields(f"/{member}", before.get(member, MISSING), after.get(member, MISSING))
    for member in ("labels", "annotations"):
        old, new = before["metadata"].get(member) or {}, after["metadata"].get(member) or {}
        for key in sorted({*old, *new}):
            if not key.startswith(_CONTROLLERS_OWN) and old.get(key) != new.get(key):
                yield f"/metadata/{member}/{_escape(key)}", (old.get(key, MISSING), new.get(key, MISSING))


def _fields(path: str, before: Any, after: Any) -> Iterator[tuple[str, tuple[Any, Any]]]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            yield from _fields(f"{path}/{_escape(key)}", before.get(key, MISSING), after.get(key, MISSING))
    elif _are_named(before) and _are_named(after):
        old, new = ({entry["name"]: entry for entry in entries} for entries in (before, after))
        for name in sorted({*old, *new}):
            yield from _fields(f"{path}[name={_escape(name)}]", old.get(name, MISSING), new.get(name, MISSING))
    else:
        yield path, (before, after)


def _are_named(entries: Any) -> bool:
    """Say whether each entry of a list has a name of its own; a volume mounted twice is named twice."""
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) and "name" in entry for entry in entries):
        return False
    return len({entry["name"] for entry in entries}) == len(entries)


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
