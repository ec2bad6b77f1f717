"""A drain honours budgets as a drain does: it asks again until the cluster lets the pod go, and gives up in time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from gameday.change import EvictPod
from gameday.change.registry import action_named
from gameday.change.wire import decode
from gameday.cluster import ObjectRef
from gameday.errors import NoTargetError, NotNowError
from gameday.guard import Policy
from gameday.log import LogWriter
from gameday.run.desk import Desk
from gameday.run.engine import WorkerEngine

pytestmark = pytest.mark.e2e
NODE = ObjectRef("v1", "Node", "", "node-1")


class AtTheDesk:
    """The line of a worker that sits at the guardian's desk."""

    def __init__(self, desk: Desk, policy: Policy) -> None:
        self.desk, self.policy = desk, policy
        self.told: list[Any] = []

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        return self.desk.change(message, self.policy, "r1")

    def tell(self, message: dict[str, Any]) -> None:
        self.told.append(message["log"])


@pytest.fixture
def line(books: Any, scratch: Any, tmp_path: Path) -> Iterator[AtTheDesk]:
    log = LogWriter(tmp_path)
    policy = Policy(namespaces=(scratch.name,), caps={"pods": 4})
    yield AtTheDesk(Desk(books.cluster, books.debt, log), policy)
    books.undo()
    log.close()


def drain(line: AtTheDesk, books: Any, scratch: Any, **arguments: Any) -> Any:
    """Drain the first node, on which both pods are."""
    engine = WorkerEngine(cast("Any", line), lambda: books.cluster, cast("Any", None), round_id="r1")
    return engine.perform(action_named("gameday.actions.nodes.drain"), {"name": "node-1", "namespace": scratch.name, **arguments})


def both_on_one_node(scratch: Any, **pod: Any) -> None:
    closed = ObjectRef("v1", "Node", "", "node-2")
    scratch.cluster.patch(closed, [{"op": "add", "path": "/spec/unschedulable", "value": True}])
    scratch.deployment(replicas=2, pod=pod)
    scratch.service()
    assert {item["spec"]["nodeName"] for item in scratch.ready(number=2)} == {"node-1"}
    scratch.cluster.patch(closed, [{"op": "remove", "path": "/spec/unschedulable"}])
    selector = {"matchLabels": {"app": "web"}}
    scratch.create("PodDisruptionBudget", "web", "policy/v1", spec={"selector": selector, "maxUnavailable": 1})
    scratch.eventually(
        lambda: scratch.get("PodDisruptionBudget", "web", "policy/v1").get("status", {}).get("currentHealthy") == 2
    )


def test_the_second_pod_goes_when_the_replacement_of_the_first_is_ready(line: AtTheDesk, books: Any, scratch: Any) -> None:
    both_on_one_node(scratch)
    done = drain(line, books, scratch)
    assert done["landed"] is True
    assert {item["spec"]["nodeName"] for item in scratch.ready(number=2)} == {"node-2"}
    kinds = [event["type"] for event in line.told]
    assert kinds.count("change.applied") == 3
    assert "change.failed" not in kinds


def test_a_budget_that_lets_nothing_more_go_ends_the_drains_patience(line: AtTheDesk, books: Any, scratch: Any) -> None:
    both_on_one_node(scratch, nodeSelector={"kubernetes.io/hostname": "node-1"})
    with pytest.raises(NotNowError, match="disruption budget"):
        drain(line, books, scratch, patience_seconds=0.5)
    failed = [event for event in line.told if event["type"] == "change.failed"]
    assert [event["definite"] for event in failed] == [True]
    # The one that went may still be on its way.
    stayed = [item for item in scratch.pods() if "deletionTimestamp" not in item["metadata"]]
    assert len([item for item in stayed if item["spec"].get("nodeName") == "node-1"]) == 1


class Overtaken(AtTheDesk):
    """One before whose worker somebody else takes each pod away."""

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        change = decode(message["change"])
        if isinstance(change, EvictPod):
            self.scratch.cluster.delete(change.ref, grace_seconds=0)
            self.scratch.eventually(lambda: self.scratch.cluster.get(change.ref) is None)
        return super().ask(message)

    scratch: Any = None


def test_a_pod_that_somebody_else_takes_away_meanwhile_is_gone_as_it_should_be(line: AtTheDesk, books: Any, scratch: Any) -> None:
    both_on_one_node(scratch)
    overtaken = Overtaken(line.desk, line.policy)
    overtaken.scratch = scratch
    done = drain(overtaken, books, scratch)
    assert (done["landed"], len(done["changes"])) == (True, 1)
    assert [event["type"] for event in overtaken.told if event["type"].startswith("change.a")] == ["change.applied"]


def test_an_action_of_which_nothing_is_there_any_more_has_found_nothing(line: AtTheDesk, books: Any, scratch: Any) -> None:
    scratch.deployment(replicas=1)
    scratch.ready(number=1)
    overtaken = Overtaken(line.desk, line.policy)
    overtaken.scratch = scratch
    engine = WorkerEngine(cast("Any", overtaken), lambda: books.cluster, cast("Any", None), round_id="r1")
    arguments = {"namespace": scratch.name, "selector": "app=web", "count": 1, "evict": True}
    with pytest.raises(NoTargetError, match="not there any more"):
        engine.perform(action_named("gameday.actions.pods.kill"), arguments)
