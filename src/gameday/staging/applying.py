"""Server-side apply: merge a configuration into an object, remember whose the fields are, refuse to take others'.

The rules are Kubernetes': what a manager applied before and leaves out now is removed unless another manager holds it
too; a field that another manager set to a different value is a conflict unless forced. Writes that are no apply are
remembered with the fields that they changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gameday.staging.errors import Conflict
from gameday.staging.fieldsets import (
    FieldSet,
    changed_fields,
    fields_of,
    item_step,
    leaves,
    remove_at,
    value_at,
    without,
)
from gameday.staging.history import copy_object
from gameday.staging.listkeys import FieldPath, is_set, merge_keys

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Manager:
    """Who writes: the name a client gives itself, the subresource it writes to, and the server's time."""

    name: str
    time: str
    api_version: str
    subresource: str = ""

    def entry(self, operation: str, fields: FieldSet) -> Object:
        """Return this manager's entry for `metadata.managedFields`."""
        entry: Object = {
            "manager": self.name,
            "operation": operation,
            "apiVersion": self.api_version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        }
        return entry | ({"subresource": self.subresource} if self.subresource else {})


def applied(live: Object | None, configuration: Object, manager: Manager, *, force: bool) -> Object:
    """Return the object after this manager applied `configuration` to it; Conflict where others hold a field."""
    wanted = fields_of(configuration)
    given = copy_object(configuration)
    given.get("metadata", {}).pop("managedFields", None)
    if live is None:
        given.setdefault("metadata", {})["managedFields"] = [manager.entry("Apply", wanted)]
        return given
    entries = list(live["metadata"].get("managedFields", ()))
    mine = next((entry for entry in entries if _is_apply_of(entry, manager)), None)
    others = [entry for entry in entries if entry is not mine]
    taken = _conflicts(live, configuration, set(leaves(wanted)), others)
    if taken and not force:
        raise _conflict(taken)
    if taken:
        lost = {path for path, _ in taken}
        others = [entry | {"fieldsV1": without(entry["fieldsV1"], lost)} for entry in others]
    new: Object = _merge(copy_object(live), given, ())
    if mine is not None:
        held = {path for entry in others for path in leaves(entry["fieldsV1"])}
        dropped = set(leaves(mine["fieldsV1"])) - set(leaves(wanted)) - held
        # whole items first: an item whose key is gone could not be found any more
        for path in sorted(dropped, key=lambda path: path[-1] != "."):
            _drop(new, path, held)
    unchanged = mine is not None and mine["fieldsV1"] == wanted
    kept = mine if unchanged and mine is not None else manager.entry("Apply", wanted)
    new["metadata"]["managedFields"] = [entry for entry in others if entry["fieldsV1"]] + [kept]
    return new


def remember_update(old: Object | None, new: Object, manager: Manager) -> None:
    """Note in `new`, in place, which fields this manager's plain write changed."""
    metadata = new["metadata"]
    before = old["metadata"].get("managedFields", []) if old else []
    changed = fields_of(new) if old is None else changed_fields(old, new)
    if manager.subresource != "status":
        changed.pop("f:status", None)
    paths = set(leaves(changed))
    kept, mine = [], None
    for entry in before:
        if entry["operation"] == "Update" and _same_manager(entry, manager):
            mine = entry
            continue
        fields = without(entry["fieldsV1"], paths) if paths else entry["fieldsV1"]
        if fields:
            kept.append(entry | {"fieldsV1": fields})
    if not paths:
        metadata["managedFields"] = before
        if not before:
            del metadata["managedFields"]
        return
    union = _union(mine["fieldsV1"], changed) if mine else changed
    metadata["managedFields"] = [*kept, manager.entry("Update", union)]


def _same_manager(entry: Object, manager: Manager) -> bool:
    return bool(entry["manager"] == manager.name and entry.get("subresource", "") == manager.subresource)


def _is_apply_of(entry: Object, manager: Manager) -> bool:
    return entry["operation"] == "Apply" and _same_manager(entry, manager)


def _union(left: FieldSet, right: FieldSet) -> FieldSet:
    both = {step: _union(below, right.get(step, {})) for step, below in left.items()}
    return both | {step: below for step, below in right.items() if step not in left}


def _conflicts(
    live: Object, configuration: Object, wanted: set[tuple[str, ...]], others: list[Object]
) -> list[tuple[tuple[str, ...], str]]:
    taken = []
    for entry in others:
        for path in leaves(entry["fieldsV1"]):
            if path in wanted and path[-1] != ".":
                wants, has = value_at(configuration, path), value_at(live, path)
                if wants != has and has is not None:
                    taken.append((path, _described(entry)))
    return taken


def _conflict(taken: list[tuple[tuple[str, ...], str]]) -> Conflict:
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {manager}", "field": _dotted(path)}
        for path, manager in taken
    ]
    if len(causes) == 1:
        message = f"Apply failed with 1 conflict: {causes[0]['message']}: {causes[0]['field']}"
        return Conflict(message, details={"causes": causes})
    of_each: dict[str, list[str]] = {}
    for path, manager in taken:
        of_each.setdefault(manager, []).append(f"- {_dotted(path)}")
    listed = [f"conflicts with {manager}:\n" + "\n".join(sorted(fields)) for manager, fields in sorted(of_each.items())]
    return Conflict(f"Apply failed with {len(causes)} conflicts: " + "\n".join(listed), details={"causes": causes})


def _described(entry: Object) -> str:
    """Return a manager as Kubernetes names it in a conflict: who did not apply, with the version that was written."""
    name = f'"{entry["manager"]}"'
    if entry.get("subresource"):
        name += f' with subresource "{entry["subresource"]}"'
    return name if entry["operation"] == "Apply" else f"{name} using {entry['apiVersion']}"


def _dotted(path: tuple[str, ...]) -> str:
    text = ""
    for step in path:
        text += f".{step[2:]}" if step.startswith("f:") else f"[{step[2:]}]"
    return text


def _drop(new: Object, path: tuple[str, ...], held: set[tuple[str, ...]]) -> None:
    """Remove a field that nobody holds any more; an item of a list only if nobody holds anything in it."""
    if path[-1] == "." and any(other[: len(path) - 1] == path[:-1] for other in held):
        return
    remove_at(new, path)


def _merge(live: Any, given: Any, path: FieldPath) -> Any:
    if isinstance(given, dict) and isinstance(live, dict):
        for key, value in given.items():
            live[key] = _merge(live.get(key), value, (*path, key))
        return live
    if isinstance(given, list) and isinstance(live, list):
        if is_set(path):
            return [*live, *(item for item in given if item not in live)]
        keys = merge_keys(path)
        if keys:
            return _merge_items(live, given, path, keys)
    return given


def _merge_items(live: list[Any], given: list[Any], path: FieldPath, keys: tuple[str, ...]) -> list[Any]:
    merged = {item_step(item, keys): item for item in live}
    for item in given:
        step = item_step(item, keys)
        merged[step] = _merge(merged.get(step), item, path)
    return list(merged.values())
