"""Nodes that are heard of no more, and what becomes of their pods: on a store alone, without waiting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gameday.staging.controllers.nodes import GRACE_SECONDS, NodeLifecycle
from gameday.staging.resources import EVENTS, LEASES, NODES, PODS
from gameday.staging.store import Store, timestamp

Object = dict[str, Any]
READY = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}


@pytest.fixture
def store() -> Store:
    made = Store()
    for name in ("lost", "well"):
        node = made.create(NODES, {"metadata": {"name": name}, "spec": {}})
        made.update(NODES, {**node, "status": {"conditions": [dict(READY)]}}, subresource="status")
    spec = {"nodeName": "lost", "containers": [{"name": "main", "image": "x"}]}
    pod = made.create(PODS, {"metadata": {"name": "a"}, "spec": spec})
    made.update(PODS, {**pod, "status": {"phase": "Running", "conditions": [dict(READY)]}}, subresource="status")
    return made


def heard_of(store: Store, name: str, seconds_ago: float) -> None:
    at = (datetime.now(UTC) - timedelta(seconds=seconds_ago)).isoformat()
    lease = {"metadata": {"name": name, "namespace": "kube-node-lease"}, "spec": {"renewTime": at}}
    try:
        store.create(LEASES, lease)
    except Exception:  # noqa: BLE001 - it is there already
        store.update(LEASES, lease)


def test_a_node_without_a_word_for_too_long_is_unknown_and_its_pods_are_unready(store: Store) -> None:
    heard_of(store, "lost", GRACE_SECONDS + 1)
    again = NodeLifecycle(store).reconcile(("", "lost"))
    node = store.get(NODES, None, "lost")
    assert [item["status"] for item in node["status"]["conditions"]] == ["Unknown"]
    assert {(item["key"], item["effect"]) for item in node["spec"]["taints"]} == {
        ("node.kubernetes.io/unreachable", "NoSchedule"),
        ("node.kubernetes.io/unreachable", "NoExecute"),
    }
    pod = store.get(PODS, "default", "a")
    assert pod["status"]["conditions"][0]["status"] == "False"
    assert 270 < (again or 0) <= 300
    said = {(item.body["involvedObject"]["kind"], item.body["type"], item.body["message"]) for item in store.listed(EVENTS)}
    assert said == {("Node", "Normal", "Node lost status is now: NodeNotReady"), ("Pod", "Warning", "Node is not ready")}


def test_what_others_say_of_a_lost_node_stays_as_they_said_it(store: Store) -> None:
    node = store.get(NODES, None, "lost")
    own = {"type": "AgentHealthy", "status": "True", "reason": "SensorRuns", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    node["status"]["conditions"].append(own)
    store.update(NODES, node, subresource="status")
    lifecycle = NodeLifecycle(store)
    for seconds_ago in (GRACE_SECONDS + 1, 0):
        heard_of(store, "lost", seconds_ago)
        lifecycle.reconcile(("", "lost"))
        assert own in store.get(NODES, None, "lost")["status"]["conditions"]
    assert [item["status"] for item in store.get(NODES, None, "lost")["status"]["conditions"]] == ["True", "True"]


def test_pods_are_evicted_when_their_toleration_is_over_and_the_node_is_trusted_again_when_heard_of(store: Store) -> None:
    heard_of(store, "lost", GRACE_SECONDS + 1)
    lifecycle = NodeLifecycle(store)
    lifecycle.reconcile(("", "lost"))
    node = store.get(NODES, None, "lost")
    for taint in node["spec"]["taints"]:
        taint["timeAdded"] = timestamp(datetime.now(UTC) - timedelta(seconds=301))
    store.update(NODES, node)
    lifecycle.reconcile(("", "lost"))
    assert "deletionTimestamp" in store.get(PODS, "default", "a")["metadata"]
    heard_of(store, "lost", 0)
    lifecycle.reconcile(("", "lost"))
    node = store.get(NODES, None, "lost")
    assert node["status"]["conditions"][0]["status"] == "True"
    assert "taints" not in node["spec"]


def test_a_node_that_was_heard_of_in_time_is_left_alone(store: Store) -> None:
    heard_of(store, "lost", GRACE_SECONDS - 10)
    revision = store.revision
    assert 0 < (NodeLifecycle(store).reconcile(("", "lost")) or 0) <= 10
    assert store.revision == revision


def test_a_taint_that_comes_again_is_tolerated_for_its_whole_time_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bearing = {"key": "care", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 20}
    pod = store.get(PODS, "default", "a")
    store.update(PODS, {**pod, "spec": {**pod["spec"], "tolerations": [bearing]}})
    heard_of(store, "lost", 0)
    lifecycle = NodeLifecycle(store)

    def tainted(*taints: Object) -> None:
        node = store.get(NODES, None, "lost")
        store.update(NODES, {**node, "spec": {**node["spec"], "taints": list(taints)}})
        lifecycle.reconcile(("", "lost"))

    care = {"key": "care", "effect": "NoExecute"}
    tainted(care)
    tainted()
    later = datetime.now(UTC) + timedelta(seconds=25)

    class Later(datetime):
        """A clock 25 s on."""

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            del tz
            return later

    monkeypatch.setattr("gameday.staging.controllers.nodes.datetime", Later)
    tainted(care)
    assert "deletionTimestamp" not in store.get(PODS, "default", "a")["metadata"]
