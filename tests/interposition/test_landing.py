"""What a fault does once it has landed, to whom, and what is counted of it: of one bucket, of a share, of TLS."""

from __future__ import annotations

import http.client
from typing import Any

import pytest

from gameday.change.registry import action_named
from tests.interposition.conftest import Busy
from tests.interposition.test_standing import interposed, status_of, undo, where

pytestmark = pytest.mark.e2e
REFUSE = action_named("gameday.actions.services.refuse")
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


def test_a_share_of_connections_that_is_refused_is_counted_once_and_for_this_fault_alone(busy: Busy, books: Any) -> None:
    """Twice, since what an earlier fault refused is none of the later one's."""
    interposed(busy, books)
    service = busy.scratch.ref("Service", "web")
    for _ in range(2):
        changes = REFUSE.plan(busy.scratch.cluster, **where(busy), percent=50)
        busy.make(changes, books)
        busy.scratch.eventually(lambda changes=changes: in_force(busy, changes))
        refused = [asked for asked in range(40) if not is_answered(busy)]
        seen = REFUSE.landed(busy.scratch.cluster, changes)
        assert (seen.landed, seen.seen) == (True, f"of 40 requests that 2 proxies of {service} saw, {len(refused)} met the fault")
        assert undo(books) == {"undone"}


def in_force(busy: Busy, changes: Any) -> bool:
    """Whether every proxy has switched a fault on; nobody needs to have met it."""
    return REFUSE.landed(busy.scratch.cluster, changes).seen.startswith("of ")


def is_answered(busy: Busy) -> bool:
    try:
        return status_of(busy, "/") == 200
    except (OSError, http.client.HTTPException):
        return False
