"""What the probes of an object store measure: a store that is well, one that is gone, and one that is not there at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from gameday.change import bind
from gameday.change.registry import registered
from gameday.errors import BadParameterError, NoMeasurementError, NotFoundError

pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class Looking:
    """What a probe looks at."""

    view: Any


def measured(name: str, scratch: Any, **arguments: Any) -> Any:
    spec: Any = registered(f"gameday.probes.storage.{name}")
    given = bind(spec.measure, spec.name, {"namespace": scratch.name, "name": "objects", **arguments})
    return spec.measure(Looking(scratch.cluster), **given)


@pytest.fixture
def store(scratch: Any) -> Any:
    keys = [{"name": name, "value": "demo"} for name in ("S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY")]
    container = {
        "name": "main",
        "image": "gameday",
        "command": ["python", "-m", "gameday.staging.shop", "objects"],
        "env": [
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "DATA_DIR", "value": "/data"},
            *keys,
        ],
        "ports": [{"name": "http", "containerPort": 9000}],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 1},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    scratch.deployment("objects", replicas=1, pod={"containers": [container], "volumes": [{"name": "data", "emptyDir": {}}]})
    scratch.service("objects", port=9000)
    scratch.ready("objects")
    # The Service sends nobody there before its endpoints say so, a moment after the pod is Ready.
    scratch.eventually(lambda: measured("available", scratch, asked=1).value == 100.0)
    return scratch


def test_a_store_that_tells_strangers_nothing_is_well(store: Any) -> None:
    found = measured("available", store)
    assert (found.value, found.unit, found.samples) == (100.0, "%", 5)
    assert found.seen == "5 of 5 answered: 403"
    soon = measured("latency", store, bucket="nothing", asked=3)
    assert (soon.unit, soon.samples) == ("ms", 3)
    assert soon.value > 0


def test_a_store_without_pods_is_not_available_and_has_no_latency(store: Any) -> None:
    store.patch("Deployment", "objects", {"op": "replace", "path": "/spec/replicas", "value": 0}, api_version="apps/v1")
    store.eventually(lambda: not store.pods("objects"))
    found = store.eventually(lambda: (seen := measured("available", store, asked=2)).value == 0.0 and seen)
    assert found.seen == "0 of 2 answered: no answer"
    with pytest.raises(NoMeasurementError, match="none of 5 requests"):
        measured("latency", store)


def test_where_there_is_no_service_nothing_was_looked_at(scratch: Any) -> None:
    with pytest.raises(NotFoundError):
        measured("available", scratch)
    with pytest.raises(BadParameterError, match="expected asked to be from 1 to 100"):
        measured("available", scratch, asked=0)
