"""One cluster with the shop, the server between, and what the cluster was like before anything was killed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gameday import staging
from gameday.cluster import Selection
from gameday.cluster.reading import is_ready
from gameday.errors import NoMeasurementError
from gameday.kube import KubeCluster, connect
from gameday.run.load import LEDGER_FILE
from gameday.staging import resources
from gameday.traffic.journey_file import load_journey
from gameday.traffic.ledger import check_ledger, finder
from gameday.workspace import SHIPPED
from tests.crash.scripts import Script, write_project
from tests.crash.traps import Traps, trapped
from tests.e2e.conftest import eventually

_WRITTEN_BY_CONTROLLERS: Final = {"Pod", "Event", "Endpoints", "EndpointSlice", "NodeMetrics", "PodMetrics"}
"""Kinds that come and go with the pods of a workload, or are measured; the pods themselves are counted."""
_OURS: Final = "gameday.dev/"


@dataclass(slots=True)
class Scene:
    """Where runs are killed."""

    cluster: KubeCluster
    """Reached directly, not through what stands between."""
    traps: Traps
    folder: Path
    scripts: list[Script]
    settle: Callable[[], None]
    """Waits until every workload has its pods again; raises NotReadyError or AssertionError where that does not come."""
    namespaces: Collection[str] = ()
    """What is compared; everything where none is named. A cluster that others use as well changes by their hands, too."""
    before: dict[str, str] = field(default_factory=dict)
    count: int = 0

    @property
    def project(self) -> Path:
        """The folder with the shortened files."""
        return self.folder / "project"

    def new_folder(self) -> Path:
        """Return a folder for the runs of one death."""
        self.count += 1
        found = self.folder / f"death-{self.count}"
        found.mkdir()
        return found

    def differences(self) -> list[str]:
        """Compare with how it was, once every workload has its pods again; return what is left behind."""
        try:
            self.settle()
            before = json.loads(self.before["pods"])
            eventually(
                lambda: pods_ready(self.cluster, self.namespaces) == before,
                what=lambda: f"expected {before}, but found {pods_ready(self.cluster, self.namespaces)}",
            )
        except (staging.NotReadyError, AssertionError) as error:
            return [f"workloads are not Ready again: {error}"]
        now = snapshot(self.cluster, self.namespaces)
        return [
            f"{name}: was {self.before.get(name, 'not there')}, is {now.get(name, 'not there')}"
            for name in sorted(self.before.keys() | now.keys())
            if self.before.get(name) != now.get(name)
        ]

    def remember(self) -> None:
        """Keep how it is now, once that was the same for a second, all pods Ready: what comes with a cluster may come late."""
        self.before, since = snapshot(self.cluster, self.namespaces), time.monotonic()

        def is_settled() -> bool:
            nonlocal since
            now = snapshot(self.cluster, self.namespaces)
            if now != self.before or "not Ready" in now["pods"]:
                self.before, since = now, time.monotonic()
            return time.monotonic() - since > 1

        eventually(is_settled)


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    """Start an embedded cluster, and stop it with all that runs on it."""
    running = staging.up(directory=folder / "cluster")

    def settle() -> None:
        staging.wait_ready(running.kubeconfig, timeout_seconds=30)

    try:
        staging.wait_ready(running.kubeconfig, timeout_seconds=60)
        with trapped(running.kubeconfig, folder) as traps:
            cluster = connect(kubeconfig=running.kubeconfig)
            found = Scene(cluster, traps, folder, write_project(folder / "project"), settle)
            found.remember()
            yield found
    finally:
        running.stop()


def snapshot(cluster: KubeCluster, namespaces: Collection[str] = ()) -> dict[str, str]:
    """Return every object as people configured it, its uid with it, and how many pods are Ready of what."""
    kinds = [value for value in vars(resources).values() if isinstance(value, resources.Resource)]
    found = {"pods": json.dumps(pods_ready(cluster, namespaces), sort_keys=True)}
    for kind in kinds:
        if kind.kind in _WRITTEN_BY_CONTROLLERS:
            continue
        for obj in cluster.list(Selection(kind.api_version, kind.kind)):
            metadata = obj["metadata"]
            if kind.kind == "Lease" and metadata.get("namespace") != "gameday-system":
                # The nodes' heartbeats.
                continue
            if kind.kind == "ReplicaSet" and not obj["spec"].get("replicas"):
                # Kubernetes keeps them as the history of a Deployment's rollouts.
                continue
            if not namespaces or metadata.get("namespace", metadata["name"]) in namespaces:
                name = f"{kind.kind} {metadata.get('namespace', '')}/{metadata['name']}"
                found[name] = json.dumps(_configured(obj), sort_keys=True)
    return found


def _configured(obj: dict[str, Any]) -> dict[str, Any]:
    metadata = {key: obj["metadata"].get(key) for key in ("uid", "labels", "annotations", "finalizers", "ownerReferences")}
    # They count rollouts, also one back to what was before.
    annotations = (metadata["annotations"] or {}).items()
    metadata["annotations"] = {
        key: value for key, value in annotations if not key.startswith("deployment.kubernetes.io/revision")
    }
    rest = {key: value for key, value in obj.items() if key not in {"metadata", "status"}}
    if obj["kind"] == "Node":
        rest.pop("spec", None)
    return {**rest, "metadata": metadata}


def pods_ready(cluster: KubeCluster, namespaces: Collection[str] = ()) -> dict[str, int]:
    """Return how many Ready pods there are by app, and any that carries a mark of ours under a name of its own."""
    found: dict[str, int] = {}
    for pod in cluster.list(Selection("v1", "Pod")):
        metadata = pod["metadata"]
        if namespaces and metadata["namespace"] not in namespaces:
            continue
        name = f"{metadata['namespace']}/{(metadata.get('labels') or {}).get('app', metadata['name'])}"
        marks = [
            key for key in {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})} if key.startswith(_OURS)
        ]
        state = ", marked" if marks else "" if is_ready(pod) else ", not Ready"
        found[name + state] = found.get(name + state, 0) + 1
    return found


def orders_wrong(run: Path, url: str) -> list[str]:
    """Look up every order that a run's customers were promised; return those that are lost, doubled or altered."""
    ledger = run / LEDGER_FILE
    look_up = load_journey(SHIPPED / "journeys" / "checkout.yaml").look_up
    if not ledger.exists() or look_up is None:
        return []
    try:
        found = check_ledger(ledger, finder(look_up, url))
    except NoMeasurementError as error:
        return [f"orders could not be looked up: {error}"]
    lost = [f"order {entry.reference} is lost" for entry in found.lost]
    doubled = [f"order {item.key} is there {len(item.references)} times" for item in found.doubled]
    return [*lost, *doubled, *(f"order {entry.reference} was altered" for entry in found.altered)]
