"""An autoscaler on a cluster in this process, whose period is short: pods burn real CPU, and are measured by /proc."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from gameday.staging.cluster import Cluster, ClusterSettings
from gameday.staging.resources import DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, PODS
from gameday.staging.store import Stored

BUSY = "import os, time\nwhile not os.path.exists(os.environ['HOME'] + '/idle'): pass\ntime.sleep(600)"
Object = dict[str, Any]


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    cluster = Cluster(ClusterSettings(directory=tmp_path, nodes=1, autoscaler_period_seconds=0.5))
    await cluster.start()
    yield cluster
    await cluster.stop()


async def eventually(look: Callable[[], Any], *, within_seconds: float = 60.0) -> Any:
    async with asyncio.timeout(within_seconds):
        while not (found := look()):  # noqa: ASYNC110 - the store has no event for "such a thing is there now"
            await asyncio.sleep(0.05)
    return found


def deployment(command: str, *, replicas: int = 1) -> Object:
    container = {"name": "a", "image": "python:3", "command": ["python", "-c", command]}
    container["resources"] = {"requests": {"cpu": "20m"}}  # type: ignore[assignment]
    labels = {"app": "a"}
    template = {"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]}}
    return {"metadata": {"name": "a"}, "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}}


def autoscaler(**spec: Any) -> Object:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"}
    metric = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}
    return {"metadata": {"name": "a"}, "spec": {"scaleTargetRef": target, "maxReplicas": 3, "metrics": [metric], **spec}}


def status_of(cluster: Cluster) -> Object:
    return cluster.store.get(HORIZONTAL_POD_AUTOSCALERS, "default", "a").get("status") or {}


def running(cluster: Cluster) -> list[Stored]:
    return [item for item in cluster.store.listed(PODS) if item.body["status"].get("phase") == "Running"]


def condition(cluster: Cluster, kind: str) -> tuple[str, str]:
    found = [item for item in status_of(cluster).get("conditions") or () if item["type"] == kind]
    return (found[0]["status"], found[0]["reason"]) if found else ("", "")


async def test_busy_pods_become_more_and_idle_ones_fewer(cluster: Cluster) -> None:
    cluster.store.create(DEPLOYMENTS, deployment(BUSY))
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 0}}
    cluster.store.create(HORIZONTAL_POD_AUTOSCALERS, autoscaler(behavior=behavior))
    await eventually(lambda: cluster.store.get(DEPLOYMENTS, "default", "a")["spec"]["replicas"] == 3)
    assert condition(cluster, "ScalingActive") == ("True", "ValidMetricFound")
    await eventually(lambda: status_of(cluster)["currentReplicas"] == 3)
    await eventually(lambda: status_of(cluster)["currentMetrics"][0]["resource"]["current"]["averageUtilization"] > 50)
    for pod in await eventually(lambda: pods if len(pods := running(cluster)) == 3 else []):
        cluster.nodes[0]._host.places.of_pod(pod.body).joinpath("idle").touch()
    await eventually(lambda: cluster.store.get(DEPLOYMENTS, "default", "a")["spec"]["replicas"] == 1)


async def test_what_cannot_be_scaled_is_said(cluster: Cluster) -> None:
    cluster.store.create(HORIZONTAL_POD_AUTOSCALERS, autoscaler())
    await eventually(lambda: condition(cluster, "AbleToScale") == ("False", "FailedGetScale"))
    cluster.store.create(DEPLOYMENTS, deployment("import time; time.sleep(600)", replicas=0))
    await eventually(lambda: condition(cluster, "ScalingActive") == ("False", "ScalingDisabled"))


async def test_the_limits_hold_before_anything_is_measured(cluster: Cluster) -> None:
    cluster.store.create(DEPLOYMENTS, deployment("import time; time.sleep(600)"))
    cluster.store.create(HORIZONTAL_POD_AUTOSCALERS, autoscaler(minReplicas=2))
    await eventually(lambda: status_of(cluster).get("desiredReplicas") == 2)
    assert condition(cluster, "AbleToScale") == ("True", "SucceededRescale")
