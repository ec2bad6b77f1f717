"""The caps count what every round that is on has done, and nothing of one that is over and undone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gameday.change import PatchObject
from gameday.change.wire import encode
from gameday.cluster.reading import is_rolled_out
from gameday.guard import Policy
from gameday.log import LogWriter
from gameday.run.desk import Desk
from gameday.run.inject import from_wire, perform
from gameday.run.undoing import Undoing

pytestmark = pytest.mark.e2e


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LogWriter]:
    writer = LogWriter(tmp_path)
    yield writer
    writer.close()


def test_a_share_is_taken_over_all_rounds_that_are_on(books: Any, scratch: Any, log: LogWriter) -> None:
    scratch.deployment("web", replicas=4)
    scratch.ready("web", number=4)
    # Until then its controller writes to it, which would refuse the change below.
    scratch.eventually(lambda: is_rolled_out(scratch.get("Deployment", "web", "apps/v1")))
    desk = Desk(books.cluster, books.debt, log)
    policy = Policy(namespaces=(scratch.name,), caps={"pods": 9, "percent": 50})

    def ask(replicas: int, round_id: str) -> dict[str, Any]:
        change = PatchObject(scratch.ref("Deployment", "web", "apps/v1"), {"/spec/replicas": replicas})
        return desk.change({"change": encode(change), "by": "act", "again": ""}, policy, round_id)

    perform(books.cluster, from_wire(ask(2, "one")["go"]))
    refused = ask(1, "two")["refused"]
    assert refused.startswith(f"[cap-percent] deployment {scratch.name}/web: of the 4 pods")
    assert "3 would be taken away, more than the cap of 50 %" in refused
    Undoing(log, books.debt, books.cluster, run_id=books.run_id, desk=desk).undo_now("over")
    scratch.ready("web", number=4)
    assert "go" in ask(2, "two")
