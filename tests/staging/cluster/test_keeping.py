"""A cluster that keeps its objects: down and up again, killed and up again, and side by side with another."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from kubernetes import client, config

from gameday import staging
from gameday.errors import RefusedError
from gameday.staging.addresses import claim_block
from gameday.staging.keeping import Keeper, Kept, read_kept, restore
from gameday.staging.resources import CONFIG_MAPS, SERVICES
from gameday.staging.store import Store

T = TypeVar("T")
WORKLOADS = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: disk, namespace: default}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: v1
kind: Service
metadata: {name: front, namespace: default}
spec: {selector: {app: keeper}, ports: [{port: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: keeper, namespace: default}
spec:
  selector: {matchLabels: {app: keeper}}
  template:
    metadata: {labels: {app: keeper}}
    spec:
      volumes: [{name: disk, persistentVolumeClaim: {claimName: disk}}]
      containers:
        - name: main
          image: busybox
          command: [sh, -c, 'echo x >> "$DISK/starts"; exec sleep 1000']
          env: [{name: DISK, value: /disk}]
          volumeMounts: [{name: disk, mountPath: /disk}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: once, namespace: default}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: main, image: busybox, command: ["true"]}]}
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    file = tmp_path / "workloads.yaml"
    file.write_text(WORKLOADS)
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "cluster"
    staging.down(tmp_path / "cluster")


def start(folder: Path, *manifests: Path, **options: Any) -> tuple[staging.Running, Any]:
    running = staging.up(directory=folder, manifests=manifests, keep=True, detach=True, **options)
    return running, client.CoreV1Api(config.new_client_from_config(str(running.kubeconfig)))


def eventually(look: Callable[[], T]) -> T:
    end = time.monotonic() + 60
    while not (found := look()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return found


def written(file: Path, revision: int) -> bool:
    """Say whether everything up to a revision of the cluster stands in the file that keeps it."""
    return file.exists() and int(json.loads(file.read_text().partition("\n")[0])["revision"]) >= revision


def the_pod(core: Any) -> Any:
    pods = core.list_namespaced_pod("default", label_selector="app=keeper").items
    return next((pod for pod in pods if pod.status.container_statuses and pod.status.container_statuses[0].ready), None)


@pytest.mark.parametrize("how", ["down", "killed"])
def test_objects_and_data_survive_and_pods_are_started_anew(folder: Path, manifest: Path, how: str) -> None:
    running, core = start(folder, manifest)
    before = eventually(lambda: the_pod(core))
    starts = next((folder / "claims").glob("default_disk_*")) / "starts"
    eventually(lambda: starts.exists() and starts.read_text() == "x\n")  # it is Ready before it has begun
    core.create_namespaced_config_map("default", {"metadata": {"name": "mine"}, "data": {"a": "b"}})
    core.patch_node("node-1", {"spec": {"unschedulable": True}, "metadata": {"labels": {"mine": "yes"}}})
    address = core.read_namespaced_service("front", "default").spec.cluster_ip
    batch = client.BatchV1Api(core.api_client)
    eventually(lambda: batch.read_namespaced_job("once", "default").status.succeeded)
    last = int(core.list_namespaced_config_map("default").metadata.resource_version)
    if how == "down":
        assert staging.down(folder) is True
    else:
        eventually(lambda: written(folder / "objects.jsonl", last))
        os.kill(running.status.pid, signal.SIGKILL)
        os.waitpid(running.status.pid, 0)
    assert folder.is_dir()
    _, core = start(folder, manifest, nodes=3)
    after = eventually(lambda: the_pod(core))
    assert after.metadata.uid == before.metadata.uid
    assert after.status.container_statuses[0].restart_count == 1
    assert core.read_namespaced_config_map("mine", "default").data == {"a": "b"}
    node = core.read_node("node-1")
    assert (node.spec.unschedulable, node.metadata.labels["mine"]) == (True, "yes")
    assert len(core.list_node().items) == 3
    assert int(core.list_namespaced_config_map("default").metadata.resource_version) >= last
    now = core.read_namespaced_service("front", "default").spec.cluster_ip
    assert now.split(".")[2:] == address.split(".")[2:], "another cluster may have its network by now"
    assert client.BatchV1Api(core.api_client).read_namespaced_job("once", "default").status.succeeded == 1
    eventually(lambda: starts.read_text() == "x\nx\n")


def test_a_folder_that_keeps_is_emptied_by_a_start_that_does_not(folder: Path, manifest: Path) -> None:
    start(folder, manifest)
    staging.down(folder)
    running = staging.up(directory=folder, manifests=[])
    with config.new_client_from_config(str(running.kubeconfig)) as api:
        assert client.CoreV1Api(api).list_namespaced_service("default").items == []
    running.stop()
    assert list(folder.glob("*")) in ([], [folder / "server.log"])


async def test_a_stop_in_the_middle_of_a_write_waits_for_it_and_writes_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    def slow(_: int) -> None:
        begun.set()
        time.sleep(0.2)

    monkeypatch.setattr("gameday.staging.keeping.os.fsync", slow)
    monkeypatch.setattr("gameday.staging.keeping._SECONDS", 0.01)
    addresses, store, file = claim_block(), Store(), tmp_path / "objects.jsonl"
    try:
        keeper = Keeper(store, file, addresses)
        keeper.start()
        for number in range(100):
            store.create(CONFIG_MAPS, {"metadata": {"name": f"n{number}"}})
        await asyncio.to_thread(begun.wait, 60)
        for number in range(99):
            store.delete(CONFIG_MAPS, "default", f"n{number}")
        await keeper.stop()
        kept = read_kept(file)
        assert (kept.revision, [obj["metadata"]["name"] for _, obj in kept.objects]) == (store.revision, ["n99"])
    finally:
        addresses.close()


def test_a_cluster_has_its_network_again_where_nobody_has_taken_it() -> None:
    first = claim_block()
    before = str(first.network)
    first.close()
    again = claim_block(before)
    try:
        assert str(again.network) == before
        other = claim_block(before)
        assert str(other.network) != before
        other.close()
    finally:
        again.close()


def test_services_move_when_their_addresses_are_taken_by_another_cluster() -> None:
    addresses = claim_block()
    try:
        service = {"metadata": {"name": "a", "namespace": "n"}, "spec": {"clusterIP": "127.1.1.7", "clusterIPs": ["127.1.1.7"]}}
        store = Store()
        restore(store, Kept(40, "127.1.0.0/16", [(SERVICES, service)]), addresses)
        moved = store.get(SERVICES, "n", "a")["spec"]["clusterIP"]
        assert moved == str(addresses.network[256 + 7])
        assert store.revision == 40
    finally:
        addresses.close()


@pytest.mark.parametrize("content", ['{"format": 2}', "[1]", "nonsense", '{"format": 1, "revision": 1, "network": ""}\n{}'])
def test_a_file_that_holds_no_cluster_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "objects.jsonl"
    file.write_text(content)
    with pytest.raises(RefusedError, match="expected"):
        read_kept(file)


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Callable[..., str]]:
    def run(*words: str) -> str:
        line = [sys.executable, "-m", "gameday", "staging", *words]
        return subprocess.run(line, capture_output=True, text=True, check=True, timeout=60, cwd=tmp_path).stdout

    yield run
    for folder in ("one", "two"):
        staging.down(tmp_path / folder)


def test_the_command_makes_clusters_of_any_shape_side_by_side(tmp_path: Path, command: Callable[..., str]) -> None:
    for folder, nodes, zones in (("one", 6, 3), ("two", 2, 1)):
        said = command("up", "--dir", folder, "--nodes", str(nodes), "--zones", str(zones), "--empty")
        assert said == f"export KUBECONFIG={tmp_path / folder / 'kubeconfig'}\n"
    found = json.loads(command("status", "--dir", "one", "-o", "json"))
    assert found["nodes"] == [f"node-{number}" for number in range(1, 7)]
    for folder, letters in (("one", "abcabc"), ("two", "aa")):
        with config.new_client_from_config(str(tmp_path / folder / "kubeconfig")) as api:
            nodes = client.CoreV1Api(api).list_node().items
        assert [node.metadata.labels["topology.kubernetes.io/zone"] for node in nodes] == [f"zone-{zone}" for zone in letters]
    command("down", "--dir", "one")
    assert (tmp_path / "one" / "objects.jsonl").exists()
