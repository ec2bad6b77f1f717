"""One JSON Patch for several fields: each operation meets what those before it have left."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.change import MISSING
from gameday.undo.patching import patch_of

OBJ: dict[str, Any] = {
    "metadata": {"name": "web"},
    "spec": {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "C", "value": "3"}]},
}


def test_of_several_entries_that_are_removed_each_is_met_where_it_then_stands() -> None:
    operations, then = patch_of(OBJ, [("/spec/env[name=B]", MISSING), ("/spec/env[name=C]", MISSING)])
    assert [(one["op"], one["path"]) for one in operations] == [
        ("test", "/spec/env/1"),
        ("remove", "/spec/env/1"),
        ("test", "/spec/env/1"),
        ("remove", "/spec/env/1"),
    ]
    assert [one.get("value", {}).get("name") for one in operations] == ["B", None, "C", None]
    assert then["spec"]["env"] == [{"name": "A", "value": "1"}]
    assert len(OBJ["spec"]["env"]) == 3


def test_a_mapping_that_is_not_there_is_made_once_and_then_added_to() -> None:
    operations, then = patch_of(OBJ, [("/metadata/labels/a", "1"), ("/metadata/labels/b", "2")])
    assert operations == [
        {"op": "add", "path": "/metadata/labels", "value": {"a": "1"}},
        {"op": "add", "path": "/metadata/labels/b", "value": "2"},
    ]
    assert then["metadata"]["labels"] == {"a": "1", "b": "2"}


@pytest.mark.parametrize("path", ["/metadata/labels/a", "/spec/env[name=X]", "/spec/env[name=X]/value"])
def test_what_is_missing_and_shall_be_so_makes_nothing(path: str) -> None:
    assert patch_of(OBJ, [(path, MISSING)]) == ([], OBJ)


def test_what_was_given_is_not_written_to_by_what_comes_after() -> None:
    entry = {"name": "D", "value": "4"}
    operations, _ = patch_of(OBJ, [("/spec/env[name=D]", entry), ("/spec/env[name=D]/value", "5")])
    assert entry == {"name": "D", "value": "4"}
    assert operations[0] == {"op": "add", "path": "/spec/env/-", "value": {"name": "D", "value": "4"}}
