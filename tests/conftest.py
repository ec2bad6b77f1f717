"""One embedded cluster for the whole session, and a namespace of its own on it for each test that asks for one.

The cluster is reached as any other is, over HTTPS through the room `kube`; its workloads are real processes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
import structlog
from hypothesis import HealthCheck, settings

from gameday import staging
from gameday.cluster import Json, ObjectRef, Selection
from gameday.cluster.reading import is_ready
from gameday.kube import KubeCluster, connect

T = TypeVar("T")
PATIENT_SECONDS: Final = 60.0
"""How long a test waits for an answer of a cluster that shares a laden machine with it; longer than anybody else would."""
ECHO: Final = Path(__file__).parent / "staging" / "cluster" / "echo.py"
PORT: Final = 8080
_numbers = count(1)

# An example that takes 0.2 s is a failure by default, and one of drawing it that takes a second, too: of a machine that stands
# still for that long, and not of what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@dataclass(frozen=True)
class Scratch:
    """A namespace that has opted in, and what a test puts into it."""

    cluster: KubeCluster
    name: str
    cluster_wide: list[ObjectRef] = field(default_factory=list)
    """Objects that belong to no namespace, to be removed with it."""

    def ref(self, kind: str, name: str, api_version: str = "v1") -> ObjectRef:
        return ObjectRef(api_version, kind, self.name, name)

    def get(self, kind: str, name: str, api_version: str = "v1") -> Json:
        found = self.cluster.get(self.ref(kind, name, api_version))
        assert found is not None, f"there is no {kind} {name}"
        return found

    def create(self, kind: str, name: str, api_version: str = "v1", **members: Any) -> Json:
        metadata = {"name": name, "namespace": self.name, **members.pop("metadata", {})}
        return self.cluster.create({"apiVersion": api_version, "kind": kind, "metadata": metadata, **members})

    def patch(self, kind: str, name: str, *operations: Json, api_version: str = "v1") -> Json:
        return self.cluster.patch(self.ref(kind, name, api_version), operations)

    def config_map(self, name: str = "settings", **data: str) -> Json:
        return self.create("ConfigMap", name, data=data)

    def deployment(self, name: str = "web", *, replicas: int = 0, **members: Any) -> Json:
        """Create a Deployment of the echo program, none of it running unless replicas are asked for."""
        container = {
            "name": "main",
            "image": "python:3",
            "command": members.pop("command", ["python", str(ECHO)]),
            "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}, *members.pop("env", ())],
            "ports": [{"name": "http", "containerPort": PORT}],
            "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 1},
        }
        pod = {"terminationGracePeriodSeconds": 1, "containers": [container], **members.pop("pod", {})}
        template = {"metadata": {"labels": {"app": name}}, "spec": pod}
        spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
        return self.create("Deployment", name, "apps/v1", spec=spec, **members)

    def service(self, name: str = "web", port: int = PORT) -> Json:
        return self.create(
            "Service", name, spec={"selector": {"app": name}, "ports": [{"name": "http", "port": port, "targetPort": "http"}]}
        )

    def pods(self, name: str = "web") -> list[Json]:
        return list(self.cluster.list(Selection("v1", "Pod", self.name, f"app={name}")))

    def ready(self, name: str = "web", number: int = 1) -> list[Json]:
        """Wait until exactly so many pods are there and Ready."""

        def look() -> list[Json]:
            pods = self.pods(name)
            return pods if len(pods) == number and all(map(is_ready, pods)) else []

        return self.eventually(look)

    def eventually(self, look: Callable[[], T], *, within_seconds: float = PATIENT_SECONDS) -> T:
        """Return the first true thing that `look` finds."""
        end = time.monotonic() + within_seconds
        while not (found := look()):
            assert time.monotonic() < end, f"waited {within_seconds} s in vain; last seen: {found!r}"
            time.sleep(0.02)
        return found


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Note how the whole ended: what was cut short, CI does not take for all, although what failed of it passes then."""
    if not hasattr(session.config, "workerinput") and session.config.cache is not None:
        session.config.cache.set("gameday/ended", int(exitstatus))


@pytest.fixture(autouse=True)
def logs_for_nobody_else() -> Iterator[None]:
    """Forget how a command that was called in this process wanted its logs, so that no test depends on those before it."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def cluster_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[staging.Running]:
    """Return an embedded cluster with nothing on it, shared by all tests of the session."""
    started = staging.up(directory=tmp_path_factory.mktemp("cluster"), manifests=[], detach=False)
    yield started
    started.stop()


@pytest.fixture(scope="session")
def cluster(cluster_home: staging.Running) -> KubeCluster:
    """Return that cluster as the engine reaches it."""
    return connect(kubeconfig=cluster_home.kubeconfig, timeout_seconds=PATIENT_SECONDS)


@pytest.fixture
def scratch(cluster: KubeCluster) -> Iterator[Scratch]:
    """Return a namespace of the test's own, opted in; it goes with everything in it."""
    name = f"scratch-{os.getpid()}-{next(_numbers)}"
    labels = {"gameday.dev/enabled": "true"}
    made = cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    found = Scratch(cluster, name)
    yield found
    for ref in found.cluster_wide:
        cluster.delete(ref)
    cluster.delete(ObjectRef.of(made))
