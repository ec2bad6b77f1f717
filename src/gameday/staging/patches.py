"""The patches of the Kubernetes API, as pure functions: JSON Patch, JSON Merge Patch, strategic merge patch.

Each takes a document and a patch and returns a new document; neither argument is changed. What stays out: apply
(see `applying`), and the checks that every write goes through anyhow.
"""

from __future__ import annotations

from typing import Any

from gameday.staging.errors import BadRequest, Invalid
from gameday.staging.history import copy_object
from gameday.staging.listkeys import FieldPath, is_set, merge_keys

Json = Any
_MAX_OPERATIONS = 10_000
_MISSING = object()


def same_json(left: Json, right: Json) -> bool:
    """Compare two JSON values; unlike Python, true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same_json(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same_json, left, right))
    return bool(left == right)


def json_patch(document: dict[str, Any], operations: Json) -> dict[str, Any]:
    """Apply an RFC 6902 patch: all of it or, with Invalid, nothing."""
    if not isinstance(operations, list):
        raise BadRequest("a JSON Patch is a list of operations")
    if len(operations) > _MAX_OPERATIONS:
        raise BadRequest(f"a JSON Patch has at most {_MAX_OPERATIONS} operations, not {len(operations)}")
    root: dict[str, Any] = {"": copy_object(document)}
    for operation in operations:
        _apply_operation(root, operation)
    patched = root[""]
    if not isinstance(patched, dict):
        raise _unprocessable("the patched document is not an object")
    return patched


def _apply_operation(root: dict[str, Any], operation: Json) -> None:
    if not isinstance(operation, dict) or "op" not in operation or "path" not in operation:
        raise BadRequest("every operation of a JSON Patch has an `op` and a `path`")
    kind, path = operation["op"], str(operation["path"])
    if kind in {"move", "copy"}:
        source = str(operation.get("from", ""))
        value = _copy(_look_up(root, source, kind))
        if kind == "move":
            _remove(root, source, kind)
        _add(root, path, value)
        return
    if kind == "remove":
        _remove(root, path, kind)
        return
    if "value" not in operation and kind in {"add", "replace", "test"}:
        raise BadRequest(f"the JSON Patch operation {kind} {path} has no `value`")
    value = _copy(operation.get("value"))
    if kind == "add":
        _add(root, path, value)
    elif kind == "replace":
        _replace(root, path, value)
    elif kind == "test":
        if not same_json(_look_up(root, path, kind), value):
            raise _unprocessable(f"testing value {path} failed")
    else:
        raise BadRequest(f"a JSON Patch has no operation {kind!r}")


def _copy(value: Json) -> Json:
    return copy_object({"": value})[""]


def _unprocessable(why: str) -> Invalid:
    """Return the 422 that Kubernetes answers, which keeps the reason to itself; `why` is for who reads this code."""
    del why
    return Invalid("the server rejected our request due to an error in our request", details={})


def _steps(path: str) -> list[str]:
    if path and not path.startswith("/"):
        raise BadRequest(f"a JSON Pointer begins with a slash: {path!r}")
    return ["", *(step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:])]


def _parent(root: dict[str, Any], path: str, kind: str) -> tuple[Json, str]:
    *way, last = _steps(path)
    here: Json = root
    for step in way:
        here = _child(here, step, path, kind)
    return here, last


def _child(here: Json, step: str, path: str, kind: str) -> Json:
    found = _MISSING
    if isinstance(here, dict):
        found = here.get(step, _MISSING)
    elif isinstance(here, list) and step.isdecimal() and int(step) < len(here):
        found = here[int(step)]
    if found is _MISSING:
        raise _unprocessable(f"{kind} operation does not apply: doc is missing path: {path}: missing value")
    return found


def _look_up(root: dict[str, Any], path: str, kind: str) -> Json:
    here, last = _parent(root, path, kind)
    return _child(here, last, path, kind)


def _remove(root: dict[str, Any], path: str, kind: str) -> None:
    here, last = _parent(root, path, kind)
    _child(here, last, path, kind)
    del here[int(last) if isinstance(here, list) else last]


def _replace(root: dict[str, Any], path: str, value: Json) -> None:
    here, last = _parent(root, path, "replace")
    if isinstance(here, dict):
        here[last] = value  # as in Kubernetes, whether or not it was there
        return
    _look_up(root, path, "replace")
    here[int(last)] = value


def _add(root: dict[str, Any], path: str, value: Json) -> None:
    here, last = _parent(root, path, "add")
    if isinstance(here, dict):
        here[last] = value
    elif isinstance(here, list) and last == "-":
        here.append(value)
    elif isinstance(here, list) and last.isdecimal() and int(last) <= len(here):
        here.insert(int(last), value)
    else:
        raise _unprocessable(f"add operation does not apply: doc is missing path: {path}: missing value")


def merge_patch(document: Json, patch: Json) -> Json:
    """Apply an RFC 7386 patch: maps are merged, null removes, anything else replaces."""
    if not isinstance(patch, dict):
        return _copy(patch)
    merged = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def strategic_merge(document: Json, patch: Json, path: FieldPath = ()) -> Json:
    """Apply a strategic merge patch: a merge patch that also merges the lists of `listkeys` item by item.

    Understands `$patch` (delete, replace), `$deleteFromPrimitiveList/…`, `$setElementOrder/…` and `$retainKeys`.
    """
    if not isinstance(patch, dict):
        return _copy(patch)
    directive = patch.get("$patch")
    if directive in {"delete", "replace"}:
        return {} if directive == "delete" else _plain(patch)
    merged = dict(document) if isinstance(document, dict) else {}
    if isinstance(patch.get("$retainKeys"), list):
        merged = {key: value for key, value in merged.items() if key in patch["$retainKeys"]}
    for key, value in patch.items():
        if key.startswith("$"):
            _apply_directive(merged, key, value)
        elif value is None:
            merged.pop(key, None)
        elif isinstance(value, list):
            merged[key] = _merge_list(merged.get(key), value, (*path, key))
        else:
            merged[key] = strategic_merge(merged.get(key), value, (*path, key))
    for key, value in patch.items():
        if key.startswith("$setElementOrder/") and isinstance(value, list):
            _set_order(merged, key.partition("/")[2], value, path)
    return merged


def _apply_directive(merged: dict[str, Any], key: str, value: Json) -> None:
    name, _, field = key.partition("/")
    if name == "$deleteFromPrimitiveList" and isinstance(merged.get(field), list):
        merged[field] = [item for item in merged[field] if item not in value]


def _plain(patch: Json) -> Json:
    """Return a patch's values without its directives and nulls, as where there was nothing to merge with."""
    if isinstance(patch, dict):
        kept = patch.items()
        return {key: _plain(value) for key, value in kept if not key.startswith("$") and value is not None}
    if isinstance(patch, list):
        return [
            _plain(item)
            for item in patch
            if not (isinstance(item, dict) and item.get("$patch") in {"delete", "replace"} and len(item) <= 2)  # noqa: PLR2004 - the directive and the key
        ]
    return patch


def _merge_list(current: Json, patch: list[Any], path: FieldPath) -> list[Any]:
    old = current if isinstance(current, list) else []
    if is_set(path):
        return [*old, *(item for item in patch if item not in old)]
    keys = merge_keys(path)[:1]
    if not keys or not all(isinstance(item, dict) for item in patch):
        return [_plain(item) for item in patch]
    if any(item.get("$patch") == "replace" for item in patch):
        return [_plain(item) for item in patch if set(item) != {"$patch"}]
    key, merged = keys[0], list(old)
    for item in patch:
        if key not in item:
            raise BadRequest(f"an item of {'.'.join(path)} in a strategic merge patch has no {key}, its merge key")
        at = next((n for n, have in enumerate(merged) if have.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            merged = [have for have in merged if have.get(key) != item[key]]
        elif at is None:
            merged.append(_plain(item))
        else:
            merged[at] = strategic_merge(merged[at], item, path)
    return merged


def _set_order(merged: dict[str, Any], field: str, order: list[Any], path: FieldPath) -> None:
    items = merged.get(field)
    if not isinstance(items, list):
        return
    keys = merge_keys((*path, field))[:1]
    wanted = [entry.get(keys[0]) if keys and isinstance(entry, dict) else entry for entry in order]
    ranks = {value: rank for rank, value in enumerate(wanted) if isinstance(value, str | int)}

    def rank(item: Json) -> int:
        value: Any = item.get(keys[0]) if keys and isinstance(item, dict) else item
        return ranks.get(value, len(ranks))

    merged[field] = sorted(items, key=rank)
