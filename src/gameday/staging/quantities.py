"""Kubernetes quantities (`250m`, `64Mi`) as plain numbers."""

from __future__ import annotations

import re
from typing import Final

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
_QUANTITY = re.compile(r"^([0-9.]+(?:[eE][0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?$")


def parse_quantity(text: str | float) -> float:
    """Return a quantity as a number; ValueError if it is none."""
    match = _QUANTITY.match(str(text))
    if match is None:
        raise ValueError(f"expected a quantity such as 250m or 64Mi, found {text!r}")
    return float(match[1]) * _SUFFIXES[match[2] or ""]
