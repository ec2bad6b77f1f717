"""What a pod's status says about its containers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gameday.staging.node.runtime import Exit
from gameday.staging.node.status import ContainerState, Snapshot, pod_status
from gameday.staging.quantities import qos_class

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _snapshot(*states: ContainerState, policy: str = "Always", **more: Any) -> Snapshot:
    containers = [{"name": state.name, "image": "python"} for state in states]
    pod = {
        "metadata": {"name": "p"},
        "spec": {"restartPolicy": policy, "containers": containers},
        "status": more.pop("status", {}),
    }
    return Snapshot(pod, "127.20.16.1", "127.20.0.16", NOW, more.pop("now", NOW), main=states, **more)


def _running(name: str, *, ready: bool = True) -> ContainerState:
    return ContainerState(name, "python", container_id="gameday://1", running_since=NOW, started=True, ready=ready)


def _ended(name: str, code: int) -> ContainerState:
    return ContainerState(
        name, "python", container_id="gameday://1", ended=Exit(code, out_of_memory=False, started_at=NOW, finished_at=NOW)
    )


def _condition(status: dict[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(item for item in status["conditions"] if item["type"] == kind)
    return found


def test_a_pod_is_ready_when_all_containers_are() -> None:
    status = pod_status(_snapshot(_running("a"), _running("b")))
    assert (status["phase"], _condition(status, "Ready")["status"]) == ("Running", "True")


def test_containers_that_are_not_ready_are_named() -> None:
    status = pod_status(_snapshot(_running("a"), _running("b", ready=False)))
    condition = _condition(status, "Ready")
    assert (condition["status"], condition["reason"]) == ("False", "ContainersNotReady")
    assert condition["message"] == "containers with unready status: [b]"


def test_a_pod_that_has_not_begun_is_pending() -> None:
    status = pod_status(_snapshot(ContainerState("a", "python")))
    assert status["phase"] == "Pending"
    assert status["containerStatuses"][0]["state"] == {"waiting": {"reason": "ContainerCreating"}}


@pytest.mark.parametrize(
    ("policy", "codes", "phase"),
    [
        ("Never", (0, 0), "Succeeded"),
        ("Never", (0, 1), "Failed"),
        ("OnFailure", (0, 0), "Succeeded"),
        ("OnFailure", (0, 1), "Running"),
        ("Always", (0, 0), "Running"),
    ],
)
def test_the_phase_of_ended_containers_follows_the_restart_policy(policy: str, codes: tuple[int, int], phase: str) -> None:
    states = [_ended(name, code) for name, code in zip("ab", codes, strict=True)]
    assert pod_status(_snapshot(*states, policy=policy))["phase"] == phase


def test_a_condition_keeps_its_time_until_it_changes() -> None:
    first = pod_status(_snapshot(_running("a")))
    later = NOW + timedelta(minutes=1)
    same = pod_status(_snapshot(_running("a"), status=first, now=later))
    other = pod_status(_snapshot(_running("a", ready=False), status=first, now=later))
    assert _condition(same, "Ready")["lastTransitionTime"] == "2026-01-01T00:00:00Z"
    assert _condition(other, "Ready")["lastTransitionTime"] == "2026-01-01T00:01:00Z"
    assert _condition(other, "PodScheduled")["lastTransitionTime"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"memory": "1Gi"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m", "memory": "1024Mi"}}, "Guaranteed"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"}}, "Burstable"),
    ],
)
def test_the_quality_of_service_follows_from_requests_and_limits(resources: dict[str, Any], expected: str) -> None:
    assert qos_class({"containers": [{"resources": resources}]}) == expected
