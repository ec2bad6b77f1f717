"""One embedded cluster with the shop for all end-to-end tests, and the real command against it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gameday import staging
from gameday.cluster import ObjectRef, Selection
from gameday.kube import KubeCluster, connect
from gameday.log import AnyEvent, read
from gameday.log.events import ProcessStarted
from tests.conftest import PATIENT_SECONDS

QUICK = """\
version: 1.0.0
title: Payment is gone for a moment
description: As short as a round can be.
steady-state-hypothesis:
  title: Customers can check out
  probes:
    - type: probe
      name: orders go through
      tolerance: {type: range, range: [97, 100]}
      provider: {type: python, module: gameday.probes.checkout, func: success_rate, arguments: {window_seconds: 2}}
method:
  - type: action
    name: scale payment to nothing
    provider:
      type: python
      module: gameday.actions.workloads
      func: scale
      arguments: {namespace: shop, name: payment, replicas: 0}
    pauses: {after: 1}
extensions:
  - name: gameday
    runbook: dependency-down
    traffic: {journey: checkout, rate: 30/s}
    objectives: {rto: 1m}
    expect: deviated
    caps: {pods: 2}
    namespaces: [shop]
    baseline: 1s
    recovery_timeout: 20s
"""


@dataclass(frozen=True)
class Command:
    """The installed command, run as people run it: a process of its own, in a folder of its own."""

    folder: Path
    kubeconfig: Path | None
    patience_seconds: float = field(default=40.0, kw_only=True)
    """How long an event of a run may take to come, from the start of the command on."""

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GAMEDAY_", "KUBECONFIG"))}
        kept |= {"HOME": str(self.folder), "NO_COLOR": "1", "COLUMNS": "200", "XDG_RUNTIME_DIR": str(self.folder)}
        return kept | ({"KUBECONFIG": str(self.kubeconfig)} if self.kubeconfig else {})

    def run(self, *words: str, timeout_seconds: float = 120.0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "gameday", *words],
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
        )

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / "out.txt").open("w") as out, (self.folder / "err.txt").open("w") as err:
            return subprocess.Popen(
                [sys.executable, "-m", "gameday", *words],
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def events(self) -> list[AnyEvent]:
        """Return the events of the newest run in this folder; none while there is no run."""
        found = sorted(self.folder.glob("runs/*/events.jsonl"))
        return read(found[-1]) if found else []

    def process_of(self, role: str) -> int:
        return next(event.pid for event in reversed(self.events()) if isinstance(event, ProcessStarted) and event.role == role)

    def wait_for(self, kind: type[Any], *, timeout_seconds: float | None = None) -> Any:
        """Wait until the newest run has logged an event of that kind, and return it."""
        return eventually(
            lambda: next((event for event in self.events() if isinstance(event, kind)), None),
            timeout_seconds=timeout_seconds or self.patience_seconds,
        )


def eventually(look: Callable[[], Any], *, timeout_seconds: float = 20.0, what: Callable[[], Any] = lambda: "") -> Any:
    """Look until what is looked for is there, and return it; `what` says what was there instead."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not seen within {timeout_seconds} s: {what()}"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[staging.Running]:
    """Start an embedded cluster with the shop on it, Ready."""
    running = staging.up(directory=tmp_path_factory.mktemp("shop") / "cluster")
    staging.wait_ready(running.kubeconfig, timeout_seconds=60)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def shop_cluster(shop: staging.Running) -> KubeCluster:
    return connect(kubeconfig=shop.kubeconfig, timeout_seconds=PATIENT_SECONDS)


@pytest.fixture
def command(shop: staging.Running, tmp_path: Path) -> Command:
    """Return the command, with the shop's cluster as its own."""
    (tmp_path / "quick.yaml").write_text(QUICK)
    return Command(tmp_path, shop.kubeconfig)


@pytest.fixture
def as_before(shop: staging.Running, shop_cluster: KubeCluster) -> Iterator[None]:
    """Compare the cluster with how it was: no changed specification, nothing of ours left."""
    before = what_people_configured(shop_cluster)
    yield
    staging.wait_ready(shop.kubeconfig, timeout_seconds=30)
    assert what_people_configured(shop_cluster) == before
    assert ours_in(shop_cluster) == []


def what_people_configured(cluster: KubeCluster, namespace: str = "shop") -> dict[str, Any]:
    """Every object's specification, labels and annotations in a namespace, without what controllers write."""
    kinds = [("apps/v1", "Deployment"), ("v1", "Service"), ("v1", "ConfigMap"), ("v1", "Secret")]
    return {
        f"{obj['kind']}/{obj['metadata']['name']}": json.dumps(
            [_spec(obj), obj.get("data"), obj["metadata"].get("labels"), _annotations(obj)], sort_keys=True
        )
        for api_version, kind in kinds
        for obj in cluster.list(Selection(api_version, kind, namespace))
    }


def _spec(obj: dict[str, Any]) -> dict[str, Any]:
    """Return an object's specification; replicas that an autoscaler owns are nobody's configuration."""
    owned = "gameday.dev/replicas-owner" in (obj["metadata"].get("annotations") or {})
    return {name: value for name, value in (obj.get("spec") or {}).items() if not (owned and name == "replicas")}


def _annotations(obj: dict[str, Any]) -> dict[str, str]:
    """Return an object's annotations but a Deployment's revision, which counts rollouts, also one back to what was before."""
    found = obj["metadata"].get("annotations") or {}
    return {name: value for name, value in found.items() if name != "deployment.kubernetes.io/revision"}


def ours_in(cluster: KubeCluster) -> list[str]:
    """Whatever gameday keeps in a cluster while a run is on."""
    secrets = cluster.list(Selection("v1", "Secret", "gameday-system", "app.kubernetes.io/managed-by=gameday"))
    leases = cluster.list(Selection("coordination.k8s.io/v1", "Lease", "gameday-system"))
    return [obj["metadata"]["name"] for obj in [*secrets, *leases]]


def replicas_of(cluster: KubeCluster, name: str) -> int:
    deployment = cluster.get(ObjectRef("apps/v1", "Deployment", "shop", name))
    assert deployment is not None
    return int(deployment["spec"]["replicas"])
