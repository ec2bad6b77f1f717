"""Kubernetes quantities (`250m`, `64Mi`) as plain numbers, and the class of a pod that follows from them."""

from __future__ import annotations

import re
from typing import Any, Final

Object = dict[str, Any]

_SUFFIXES: Final = {
    "m": 1e-3,
    "": 1.0,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
}
QUANTITY_RULE: Final = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_QUANTITY = re.compile(r"^([0-9.]+(?:[eE][0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?$")


def is_quantity(text: str | float) -> bool:
    """Say whether this is a quantity."""
    return re.fullmatch(r"[+-]?[0-9.]+[eEinumkKMGTP]*[-+]?[0-9]*", str(text)) is not None


def parse_quantity(text: str | float) -> float:
    """Return a quantity as a number; ValueError if it is none."""
    match = _QUANTITY.match(str(text))
    if match is None:
        raise ValueError(f"expected a quantity such as 250m or 64Mi, found {text!r}")
    return float(match[1]) * _SUFFIXES[match[2] or ""]


def qos_class(spec: Object) -> str:
    """Return Guaranteed, Burstable or BestEffort, by Kubernetes' rule."""
    resources = [container.get("resources") or {} for container in spec.get("containers") or ()]
    if not any(item.get("limits") or item.get("requests") for item in resources):
        return "BestEffort"
    return "Guaranteed" if all(_is_guaranteed(item) for item in resources) else "Burstable"


def _is_guaranteed(resources: Object) -> bool:
    limits = resources.get("limits") or {}
    requests = resources.get("requests") or limits
    return all(
        name in limits and parse_quantity(limits[name]) == parse_quantity(requests.get(name, limits[name]))
        for name in ("cpu", "memory")
    )
