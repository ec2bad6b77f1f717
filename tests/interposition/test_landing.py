"""What a fault does once it has landed, to whom, and what is counted of it: of one bucket, of a share, of TLS."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.change.registry import action_named
from tests.interposition.conftest import Busy
from tests.interposition.test_standing import interposed, status_of, undo, where

pytestmark = pytest.mark.e2e
BLOCK = action_named("gameday.actions.storage.block")


@pytest.mark.parametrize(
    ("operations", "harmed", "spared"),
    [
        ([], ["/receipts", "/receipts/", "/receipts/2026/1"], ["/receipts-archive", "/receipts-archive/1", "/receipts.old/1"]),
        (
            ["list"],
            ["/receipts?list-type=2", "/receipts/?list-type=2"],
            ["/receipts-archive?list-type=2", "/receipts-archive/?list-type=2", "/receipts/1"],
        ),
    ],
    ids=["everything", "lists"],
)
def test_a_fault_of_one_bucket_harms_no_other_that_begins_like_it(
    busy: Busy, books: Any, operations: list[str], harmed: list[str], spared: list[str]
) -> None:
    interposed(busy, books)
    changes = BLOCK.plan(busy.scratch.cluster, **where(busy), bucket="receipts", operations=operations)
    busy.make(changes, books)
    for path in harmed:
        busy.scratch.eventually(lambda path=path: status_of(busy, path) == 503)
    # Both proxies have it by then, whichever of them is asked.
    busy.scratch.eventually(lambda: BLOCK.landed(busy.scratch.cluster, changes).landed)
    assert {path: status_of(busy, path) for path in spared} == dict.fromkeys(spared, 200)
    assert undo(books) == {"undone"}
