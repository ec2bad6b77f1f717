"""Large clusters: choosing one pod of ten thousand, in time and memory, beside Chaos Toolkit's extension for Kubernetes.

On the cluster of $GAMEDAY_BENCH_KUBECONFIG, which may be a real one (its pods are never scheduled: no node matches), otherwise on
an embedded one. The pods go again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from choosing import SELECTOR
from kubernetes import client, config
from measuring import Figure

from gameday import staging
from gameday.cluster import ObjectRef
from gameday.kube import KubeCluster, connect

PODS: Final = 10_000
NAMESPACE: Final = "gameday-bench-many"
_RUNS: Final = 3
_SIDE_BY_SIDE: Final = 8
_PARTIAL: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


def choosing() -> Iterator[Figure]:
    """Choose one of many, three times each in turn; the peaks are of whole processes."""
    with _many_pods() as kubeconfig:
        taken: dict[str, list[dict[str, Any]]] = {"ours": [], "peer": []}
        for _ in range(_RUNS):
            for which, found in taken.items():
                found.append(_chosen(which, kubeconfig))
        assert len({item["name"] for found in taken.values() for item in found}) == 1, "expected both to choose the same pod"
        seconds = {which: [item["seconds"] for item in found] for which, found in taken.items()}
        peaks = {which: [item["peak_mb"] for item in found] for which, found in taken.items()}
        extension = "chaostoolkit-kubernetes"
        yield Figure(f"choose one of {PODS:,} pods", seconds["ours"], {extension: seconds["peer"]}, note="target: a tenth of it")
        yield Figure("its peak of memory", peaks["ours"], {extension: peaks["peer"]}, target=120.0, unit="MB")
        yield Figure(f"list {PODS:,} pods, metadata only", [_listed(kubeconfig) for _ in range(_RUNS)], target=1.0)


def _chosen(which: str, kubeconfig: Path) -> dict[str, Any]:
    words = [sys.executable, str(Path(__file__).with_name("choosing.py")), which, str(kubeconfig), NAMESPACE]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _listed(kubeconfig: Path) -> float:
    """Return how long the answer took to come, to the unmodified client."""
    configuration = client.Configuration()
    config.load_kube_config(str(kubeconfig), client_configuration=configuration)
    api = client.ApiClient(configuration)
    path = f"{configuration.host}/api/v1/namespaces/{NAMESPACE}/pods"
    headers = {"Accept": _PARTIAL, **{auth["key"]: auth["value"] for auth in configuration.auth_settings().values()}}
    started = time.perf_counter()
    data = api.rest_client.pool_manager.request("GET", path, headers=headers).data
    found = time.perf_counter() - started
    assert len(json.loads(data)["items"]) == PODS
    return found


@contextmanager
def _many_pods() -> Iterator[Path]:
    """Make them, with what pods in the field carry, and say that they run."""
    given = os.environ.get("GAMEDAY_BENCH_KUBECONFIG")
    with tempfile.TemporaryDirectory(prefix="gameday-bench-") as folder:
        running = None if given else staging.up(directory=Path(folder) / "cluster", manifests=[])
        kubeconfig = Path(given) if given else running.kubeconfig  # type: ignore[union-attr]
        cluster = connect(kubeconfig=kubeconfig, timeout_seconds=60)
        namespace = cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        try:
            with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
                list(pool.map(lambda number: _make(cluster, number), range(PODS)))
            yield kubeconfig
        finally:
            if running is None:
                # The pods go with it, as fast as its controller takes them; nobody waits for that.
                cluster.delete(ObjectRef.of(namespace))
            else:
                running.stop()


def _make(cluster: KubeCluster, number: int) -> None:
    name = f"many-{number:05}"
    key, _, value = SELECTOR.partition("=")
    env = [{"name": f"SETTING_{index}", "value": f"value-{index}" * 8} for index in range(20)]
    container = {
        "name": "main",
        "image": "example/many:1",
        "imagePullPolicy": "Never",
        "env": env,
        "ports": [{"containerPort": 8080}],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": {key: value, "pod-template-hash": "7d9c8b6f5"},
            "annotations": {"example.com/checksum": "0" * 64, "example.com/note": "as in the field " * 10},
        },
        "spec": {
            "containers": [container],
            "nodeSelector": {"example.com/nobody": "has-this"},
            "volumes": [{"name": "data", "emptyDir": {}}],
            "automountServiceAccountToken": False,
        },
    }
    cluster.create(pod)
    when = "2026-01-01T00:00:00Z"
    kinds = ("Initialized", "Ready", "ContainersReady", "PodScheduled")
    conditions = [{"type": kind, "status": "True", "lastTransitionTime": when} for kind in kinds]
    status = {"phase": "Running", "podIP": "192.0.2.1", "conditions": conditions}
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{name}/status"
    content_type = "application/strategic-merge-patch+json"
    cluster._transport.json("PATCH", path, body={"status": status}, content_type=content_type)  # noqa: SLF001
