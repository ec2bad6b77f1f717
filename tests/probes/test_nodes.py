"""What the probes of nodes and zones measure, on a real cluster of the embedded kind."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest

from gameday.change.registry import registered
from gameday.cluster import ObjectRef
from gameday.errors import NoMeasurementError

pytestmark = pytest.mark.e2e
NODE = ObjectRef("v1", "Node", "", "node-1")


@dataclass(frozen=True)
class Looking:
    """What a probe looks at."""

    view: Any


def measured(name: str, view: Any, **arguments: Any) -> Any:
    spec: Any = registered(f"gameday.probes.nodes.{name}")
    return spec.measure(Looking(view), **arguments)


def test_a_node_that_is_closed_does_not_count_as_ready(cluster: Any) -> None:
    found = measured("ready", cluster)
    assert (found.value, found.unit, found.samples) == (100.0, "%", 2)
    cluster.patch(NODE, [{"op": "add", "path": "/spec/unschedulable", "value": True}])
    try:
        assert measured("ready", cluster).value == 50.0
        assert measured("ready", cluster, zone="zone-a").value == 0.0
        assert measured("ready", cluster, zone="zone-b").value == 100.0
        assert measured("ready", cluster, selector="kubernetes.io/hostname=node-2").value == 100.0
    finally:
        cluster.patch(NODE, [{"op": "remove", "path": "/spec/unschedulable"}])
        # The node controller's own mark of it goes a moment later, and would keep the next test's pods away.
        end = time.monotonic() + 30
        while cluster.get(NODE)["spec"].get("taints"):
            assert time.monotonic() < end
            time.sleep(0.02)


def test_no_node_is_not_the_same_as_none_that_is_ready(cluster: Any) -> None:
    with pytest.raises(NoMeasurementError, match="zone 'zone-q'"):
        measured("ready", cluster, zone="zone-q")


def test_zones_count_where_pods_are_ready(cluster: Any, scratch: Any) -> None:
    scratch.deployment(replicas=2)
    scratch.ready(number=2)
    found = measured("zones", cluster, namespace=scratch.name, selector="app=web")
    assert (found.value, found.unit, found.samples) == (2.0, "zones", 2)
    assert measured("zones", cluster, namespace=scratch.name, selector="app=nothing").value == 0.0
