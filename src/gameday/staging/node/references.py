"""What a manifest refers to by name: objects of the pod's namespace, and the pod's own fields."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

Object = dict[str, Any]
Lookup = Callable[[str, str], Object | None]
"""Find a ConfigMap, Secret or PersistentVolumeClaim (`kind`, `name`) of the pod's namespace."""
_SUBSCRIPT = re.compile(r"^metadata\.(labels|annotations)\['([^']+)'\]$")


class UnresolvedError(Exception):
    """A reference cannot be resolved; the text is what the container's waiting message says."""


def contents_of(found: Object) -> dict[str, bytes]:
    """Return the data of a ConfigMap or a Secret as bytes."""
    if found.get("kind") == "Secret":
        return {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}
    plain = {key: value.encode() for key, value in (found.get("data") or {}).items()}
    return plain | {key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()}


def field_value(pod: Object, path: str) -> str:
    """Return a field of the pod, as the downward API names it."""
    if match := _SUBSCRIPT.match(path):
        return str((pod["metadata"].get(match[1]) or {}).get(match[2], ""))
    if path == "status.podIPs":
        path = "status.podIP"
    value: Any = pod
    for step in path.split("."):
        value = value.get(step, "") if isinstance(value, dict) else ""
    if isinstance(value, dict | list):
        raise UnresolvedError(f"field {path} cannot be an environment variable")
    return str(value)
