"""One JSON Patch for several fields of one object.

Its operations are carried out one after the other, so each is reckoned on what those before it leave: where one entry of a list
is removed, the next has another position, and a mapping is made once and then added to.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from gameday.change import patch_operations
from gameday.cluster import Json
from gameday.undo.remaking import set_field


def patch_of(obj: Json, fields: Iterable[tuple[str, Any]]) -> tuple[list[Json], Json]:
    """Return the JSON Patch that sets (or, for MISSING, removes) these fields in turn, and the object as it leaves it."""
    then: Json = copy.deepcopy(obj)
    operations: list[Json] = []
    for path, value in fields:
        # Copied, since the object that they speak of is written to below.
        added = copy.deepcopy(patch_operations(then, path, value))
        if added:
            operations += added
            set_field(then, path, copy.deepcopy(value))
    return operations, then
