"""Changes as JSON, for the line between worker and guardian: the same fields, with the kind beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import msgspec

from gameday.change.kinds import Change, ChangeLoad, CreateObject, DeletePod, EvictPod, PatchObject

KINDS: Final[Mapping[str, type[Change]]] = {
    "patch": PatchObject,
    "create": CreateObject,
    "delete": DeletePod,
    "evict": EvictPod,
    "load": ChangeLoad,
}
_NAMES = {kind: name for name, kind in KINDS.items()}


def kind_of(change: Change) -> str:
    """Return the short name of the change's kind, as logs and records have it."""
    return _NAMES[type(change)]


def encode(change: Change) -> dict[str, Any]:
    """Return the change as plain JSON."""
    return {"kind": kind_of(change), **asdict(change)}


def decode(data: Mapping[str, Any]) -> Change:
    """Return the change that `encode` wrote; msgspec.ValidationError if it is none."""
    fields = {key: value for key, value in data.items() if key != "kind"}
    return msgspec.convert(fields, KINDS[data["kind"]])
