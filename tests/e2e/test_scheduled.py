"""A game day that the cluster runs by itself: installed by one command, carried out as a Job, and safe from its own faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gameday import staging
from gameday.cluster import Json, ObjectRef, Selection
from gameday.errors import ClusterError, RefusedError
from gameday.kube import KubeCluster, connect
from tests.e2e.conftest import Command, eventually, ours_in, what_people_configured

pytestmark = pytest.mark.e2e
SYSTEM = "gameday-system"
CRON_JOB = ObjectRef("batch/v1", "CronJob", SYSTEM, "gameday")
RUNS = Selection("v1", "Pod", SYSTEM, "app=gameday-run")
EXPERIMENT = """\
title: A pod of payment is lost
description: There is another one.
steady-state-hypothesis:
  title: Payment has its pods
  probes:
    - type: probe
      name: ready
      tolerance: {type: range, range: [50, 100]}
      provider: {type: python, module: gameday.probes.workloads, func: ready, arguments: {namespace: shop, name: payment}}
method:
  - type: action
    name: lose one
    provider:
      type: python
      module: gameday.actions.pods
      func: kill
      arguments: {namespace: shop, selector: app=payment}
    pauses: {after: PAUSE}
extensions: [{name: gameday, namespaces: [shop], caps: {pods: 1}, baseline: 500ms}]
"""


def installed(folder: Path, kubeconfig: Path) -> KubeCluster:
    """Install a game day on a schedule that never comes, from a project with two experiments; return the cluster."""
    (folder / "experiments").mkdir()
    for name, pause in {"quick": "0", "slow": "600"}.items():
        (folder / "experiments" / f"{name}.yaml").write_text(EXPERIMENT.replace("PAUSE", pause))
    words = ["install", "-n", "shop", "--schedule", "0 0 29 2 *", "--file", "experiments/quick.yaml", "--yes"]
    done = Command(folder, kubeconfig).run(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    return connect(kubeconfig=kubeconfig)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeCluster]:
    """Return a cluster with the shop, and a project whose experiment it runs on a schedule."""
    folder = tmp_path_factory.mktemp("scheduled")
    running = staging.up(directory=folder / "cluster")
    staging.wait_ready(running.kubeconfig, timeout_seconds=60)
    yield installed(folder, running.kubeconfig)
    running.stop()


def started(cluster: KubeCluster, name: str, file: str) -> ObjectRef:
    """Start a Job from the CronJob's template, as `kubectl create job --from` does."""
    found = cluster.get(CRON_JOB)
    assert found is not None
    template = found["spec"]["jobTemplate"]
    (container,) = template["spec"]["template"]["spec"]["containers"]
    container["args"] = [file if word.startswith("experiments/") else word for word in container["args"]]
    metadata = {**template["metadata"], "name": name, "namespace": SYSTEM}
    return ObjectRef.of(cluster.create({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}))


def run_of(cluster: KubeCluster, job: ObjectRef) -> Json:
    """Return the pod of a Job, once it is there."""
    pods: list[Json] = eventually(
        lambda: [pod for pod in cluster.list(RUNS) if pod["metadata"]["labels"]["job-name"] == job.name]
    )
    return pods[0]


def log_of(cluster: KubeCluster, pod: Json) -> str:
    """Return what it has said so far; nothing while its container is being made, for which the answer is 400."""
    path = f"/api/v1/namespaces/{SYSTEM}/pods/{pod['metadata']['name']}/log"
    try:
        return cluster._transport.data("GET", path).decode()
    except ClusterError:
        return ""


def ended(cluster: KubeCluster, job: ObjectRef) -> set[str]:
    status: dict[str, Any] = (cluster.get(job) or {}).get("status", {})
    return {item["type"] for item in status.get("conditions") or () if item["status"] == "True"} & {"Complete", "Failed"}


def test_a_scheduled_run_takes_its_project_along_and_says_what_it_came_to(cluster: KubeCluster) -> None:
    before = what_people_configured(cluster, "shop")
    job = started(cluster, "now", "experiments/quick.yaml")
    assert eventually(lambda: ended(cluster, job), timeout_seconds=90) == {"Complete"}, log_of(cluster, run_of(cluster, job))
    said = log_of(cluster, run_of(cluster, job))
    assert "held" in said
    assert what_people_configured(cluster, "shop") == before
    assert ours_in(cluster) == []


def test_a_run_cannot_be_evicted_and_undoes_when_it_is_deleted(cluster: KubeCluster) -> None:
    before = what_people_configured(cluster, "shop")
    job = started(cluster, "long", "experiments/slow.yaml")
    pod = run_of(cluster, job)
    eventually(lambda: "lose one" in log_of(cluster, pod) or "fault" in log_of(cluster, pod), timeout_seconds=60)
    with pytest.raises(RefusedError, match=r"429.*disruption budget"):
        cluster.evict(ObjectRef.of(pod))
    cluster.delete(job)
    eventually(lambda: cluster.get(ObjectRef.of(pod)) is None, timeout_seconds=60)
    assert what_people_configured(cluster, "shop") == before
    assert ours_in(cluster) == []
