"""A running embedded cluster, the unmodified client, and a namespace of its own for each test."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
from kubernetes import client, config

from gameday import staging

T = TypeVar("T")
Object = dict[str, Any]
ECHO = Path(__file__).with_name("echo.py")
PORT = 8080
KUBECTL = shutil.which("kubectl")
_numbers = count(1)


def _probe(path: str, **settings: Any) -> Object:
    # The program answers at once. Where it seems not to, the machine stood still, and that is no reason to call it sick.
    return {"httpGet": {"path": path, "port": "http"}, "periodSeconds": 1, "timeoutSeconds": 10, **settings}


@dataclass(frozen=True)
class Space:
    """One namespace of a running cluster, and what a test does in it."""

    running: staging.Running
    api: Any
    name: str

    @property
    def core(self) -> Any:
        return client.CoreV1Api(self.api)

    @property
    def apps(self) -> Any:
        return client.AppsV1Api(self.api)

    def eventually(self, look: Callable[[], T], *, within_seconds: float = 60.0) -> T:
        """Return the first true thing that `look` finds."""
        end = time.monotonic() + within_seconds
        while not (found := look()):
            assert time.monotonic() < end, f"waited {within_seconds} s in vain; last seen: {found!r}"
            time.sleep(0.02)
        return found

    def deploy(
        self, name: str, *, replicas: int = 1, pod: Object | None = None, strategy: Object | None = None, **container: Any
    ) -> None:
        """Create a Deployment of the echo program."""
        body = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": {"app": name}}, "spec": self.pod_spec(name, pod, **container)},
                **({"strategy": strategy} if strategy else {}),
            },
        }
        self.apps.create_namespaced_deployment(self.name, body)

    def pod_spec(self, name: str, pod: Object | None = None, **container: Any) -> Object:
        """Return the spec of an echo pod."""
        env = [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}, *container.pop("env", ())]
        main = {
            "name": name,
            "image": "python:3",
            "command": ["python", str(ECHO)],
            "env": env,
            "ports": [{"name": "http", "containerPort": PORT}],
            "readinessProbe": _probe("/readyz", failureThreshold=1),
            "livenessProbe": _probe("/livez", failureThreshold=30),  # also while it has yet to listen
            **container,
        }
        return {"terminationGracePeriodSeconds": 2, "containers": [main], **(pod or {})}

    def serve(self, name: str, port: int = PORT) -> str:
        """Create a Service for a Deployment and return its address."""
        spec = {"selector": {"app": name}, "ports": [{"name": "http", "port": port, "targetPort": "http"}]}
        service = self.core.create_namespaced_service(self.name, {"metadata": {"name": name}, "spec": spec})
        return str(service.spec.cluster_ip)

    def pods(self, name: str | None = None) -> list[Any]:
        """Return the pods of a Deployment, as raw objects."""
        selector = {"label_selector": f"app={name}"} if name else {}
        answer = self.core.list_namespaced_pod(self.name, _preload_content=False, **selector)
        return list(json.loads(answer.data)["items"])

    def ready(self, name: str) -> list[Any]:
        """Return the Ready pods of a Deployment that are not being deleted."""
        return [
            pod
            for pod in self.pods(name)
            if "deletionTimestamp" not in pod["metadata"]
            and any(item["type"] == "Ready" and item["status"] == "True" for item in pod["status"].get("conditions", ()))
        ]

    def await_ready(self, name: str, number: int) -> list[Any]:
        """Wait until exactly so many pods are there, all Ready."""

        def look() -> list[Any]:
            ready = self.ready(name)
            return ready if len(ready) == number == len(self.pods(name)) else []

        return self.eventually(look)

    def get(self, address: str, path: str = "/", port: int = PORT) -> tuple[int, Object]:
        """Ask one question on a connection of its own."""
        connection = http.client.HTTPConnection(address, port, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def await_answer(self, address: str, port: int = PORT) -> Object:
        """Wait until somebody answers, and return what they say.

        A Service hears a little later than the API that a pod is Ready, as on any cluster; a program listens after its start.
        """

        def look() -> Object | None:
            try:
                return self.get(address, port=port)[1]
            except (OSError, http.client.HTTPException):
                return None

        return self.eventually(look) or {}

    @contextmanager
    def full(self) -> Iterator[None]:
        """Let no node take new pods meanwhile, so that what goes is not replaced."""
        try:
            for node in self.running.status.nodes:
                self.core.patch_node(node, {"spec": {"unschedulable": True}})
            yield
        finally:
            for node in self.running.status.nodes:
                self.core.patch_node(node, {"spec": {"unschedulable": None}})

    def events(self, reason: str) -> list[Any]:
        """Return the events with this reason."""
        answer = self.core.list_namespaced_event(self.name, _preload_content=False)
        return [item for item in json.loads(answer.data)["items"] if item["reason"] == reason]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[staging.Running]:
    started = staging.up(directory=tmp_path_factory.mktemp("cluster"), manifests=[])
    yield started
    started.stop()


@pytest.fixture
def space(running: staging.Running) -> Iterator[Space]:
    name = f"test-{os.getpid()}-{next(_numbers)}"
    with config.new_client_from_config(str(running.kubeconfig)) as api:
        made = Space(running, api, name)
        made.core.create_namespace({"metadata": {"name": name}})
        yield made
        made.core.delete_namespace(name)


@pytest.fixture
def kubectl(space: Space, tmp_path: Path) -> Callable[..., str]:
    """Return a call of the unmodified kubectl in the test's namespace; it must succeed unless `fails`."""
    if KUBECTL is None:
        pytest.skip("kubectl is not installed on this machine")
    environment = {**os.environ, "KUBECONFIG": str(space.running.kubeconfig), "HOME": str(tmp_path)}

    def run(*arguments: str, stdin: str | None = None, fails: bool = False) -> str:
        command = [str(KUBECTL), "-n", space.name, *arguments]
        done = subprocess.run(command, input=stdin, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run
