"""How far a rollout is, measured on a real one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from gameday.change import ProbeSpec, bind
from gameday.change.registry import registered
from gameday.errors import BadParameterError, NoMeasurementError

pytestmark = pytest.mark.e2e
IMAGE = {"op": "replace", "path": "/spec/template/spec/containers/0/image"}


@dataclass
class Looking:
    view: Any


def measured(scratch: Any, **arguments: Any) -> Any:
    spec = registered("gameday.probes.releases.rolled_out")
    assert isinstance(spec, ProbeSpec)
    given = bind(spec.measure, spec.name, {"namespace": scratch.name, "name": "web", **arguments})
    return spec.measure(Looking(scratch.cluster), **given)


def test_a_rollout_that_is_through_is_at_a_hundred_percent(scratch: Any) -> None:
    scratch.deployment(replicas=2)
    found = measured(scratch, wait_seconds=60)
    assert (found.value, found.unit) == (100.0, "%")
    assert found.seen.startswith("2 of 2 replicas of deployment")


def test_pods_of_the_former_template_do_not_count(scratch: Any) -> None:
    scratch.deployment(replicas=1)
    scratch.ready()
    scratch.patch("Deployment", "web", {**IMAGE, "value": "nowhere/such:1"}, api_version="apps/v1")
    scratch.eventually(lambda: len(scratch.pods()) == 2 and _is_looked_at(scratch.get("Deployment", "web", "apps/v1")))
    assert measured(scratch, wait_seconds=1).value == 0.0


def _is_looked_at(deployment: Any) -> bool:
    """Say whether the controller has written a status for what the Deployment is by now."""
    return bool(deployment.get("status", {}).get("observedGeneration", 0) >= deployment["metadata"]["generation"])


def test_what_is_not_there_cannot_be_measured(scratch: Any) -> None:
    with pytest.raises(NoMeasurementError, match="there is no deployment"):
        measured(scratch)


@pytest.mark.parametrize("wait_seconds", [-1, 601, True, float("nan")])
def test_a_wait_that_cannot_be_meant_is_refused(scratch: Any, wait_seconds: float) -> None:
    with pytest.raises(BadParameterError, match="expected wait_seconds"):
        measured(scratch, wait_seconds=wait_seconds)
