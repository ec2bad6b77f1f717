"""Manifests that the checks share: as small as they can be, of images that this cluster has."""

from __future__ import annotations

from typing import Any, Final

from tests.conformance.space import Space
from tests.conformance.transport import Json

NOWHERE: Final = "127.0.0.1:1/none:1"
"""An image that nobody has, for objects whose pods are never to run."""
FOREVER: Final = "trap 'exit 0' TERM; while true; do sleep 0.1; done"
"""A script that ends at once when it is asked to."""
PORT: Final = 8080


def config_map(name: str = "settings", **data: str) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def labelled(name: str, **labels: str) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}}


def idle_deployment(name: str = "web", **spec: Any) -> Json:
    """Return a Deployment that is asked for no pods."""
    container = {
        "name": "main",
        "image": NOWHERE,
        "ports": [{"containerPort": PORT}],
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
    }
    return workload("Deployment", name, {"containers": [container]}, **{"replicas": 0, **spec})


def workload(kind: str, name: str, pod: Json, **spec: Any) -> Json:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod}
    whole = {"selector": {"matchLabels": labels}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "labels": labels}, "spec": whole}


def shell(space: Space, script: str = FOREVER, **container: Any) -> Json:
    """Return a container that runs a script."""
    images = space.images
    return {
        "name": "main",
        "image": images.shell,
        "imagePullPolicy": images.pull_policy,
        "command": ["sh", "-c", script],
        **container,
    }


def python(space: Space, program: str, **container: Any) -> Json:
    """Return a container that runs a Python program."""
    images = space.images
    command = ["python3", "-u", "-c", program]
    return {"name": "main", "image": images.python, "imagePullPolicy": images.pull_policy, "command": command, **container}


def web(space: Space, **container: Any) -> Json:
    """Return a container that serves HTTP on its pod's address."""
    images = space.images
    return {
        "name": "main",
        "image": images.python,
        "imagePullPolicy": images.pull_policy,
        "command": ["python3", "-m", "http.server", str(PORT), "--bind", "$(POD_IP)"],
        "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        "ports": [{"name": "http", "containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1},
        **container,
    }


def pod(name: str, *containers: Json, labels: Json | None = None, **spec: Any) -> Json:
    whole = {"terminationGracePeriodSeconds": 1, "containers": list(containers), **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels or {"app": name}}, "spec": whole}


def unplaced(name: str, labels: Json | None = None, **spec: Any) -> Json:
    """Return a pod that no node will ever run."""
    container = {"name": "main", "image": NOWHERE}
    return pod(name, container, labels=labels, nodeSelector={"conformance": "no-such-node"}, **spec)


def running(space: Space, name: str = "web", replicas: int = 1, script: str = FOREVER, **spec: Any) -> Json:
    """Return a Deployment of a script that ends at once when it is asked to."""
    template = {"terminationGracePeriodSeconds": 1, "containers": [shell(space, script)]}
    return workload("Deployment", name, template, replicas=replicas, **spec)


def condition(obj: Json, kind: str) -> Json:
    """Return a condition of an object; empty if it has none of that type."""
    found: Json
    for found in (obj.get("status") or {}).get("conditions") or ():
        if found["type"] == kind:
            return found
    return {}


def is_ready(found: Json) -> bool:
    return condition(found, "Ready").get("status") == "True"


def container_state(found: Json, name: str = "main") -> Json:
    """Return a container's status; empty while there is none."""
    statuses: list[Json] = (found.get("status") or {}).get("containerStatuses") or []
    return next((item for item in statuses if item["name"] == name), {})


def rolled_out(space: Space, name: str, replicas: int) -> Json:
    """Wait until a Deployment has so many Ready pods of its newest template and no others."""

    def look(found: Json) -> bool:
        status = found.get("status") or {}
        same = all(
            status.get(field) == replicas for field in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        )
        return same and status.get("observedGeneration") == found["metadata"]["generation"]

    return space.until(f"deployments/{name}", look, f"{replicas} pods of {name}")
