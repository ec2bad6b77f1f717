"""A node: it registers itself, renews its lease, and runs the pods that are assigned to it.

Several nodes live in one server, each with a runtime and an address range of its own. What a pod does is in `pod.py`; whether
a node that stops renewing its lease is still Ready is the node controller's judgement.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gameday.staging.addresses import PODS_PER_NODE, AddressBlock
from gameday.staging.controllers.queue import Controller
from gameday.staging.errors import AlreadyExists, ApiError, Conflict, Expired
from gameday.staging.events import Recorder
from gameday.staging.history import Entry
from gameday.staging.node.credentials import ApiAccess
from gameday.staging.node.images import Image
from gameday.staging.node.metering import RunningContainer
from gameday.staging.node.pod import Host, PodWorker
from gameday.staging.node.runtime import Runtime
from gameday.staging.node.volumes import Places, remove_volumes
from gameday.staging.resources import CONFIG_MAPS, LEASES, NODES, PODS, SECRETS
from gameday.staging.store import Store, timestamp
from gameday.staging.version import KUBERNETES_VERSION

Object = dict[str, Any]
LEASE_NAMESPACE: Final = "kube-node-lease"
RENEW_SECONDS: Final = 10.0
LEASE_SECONDS: Final = 40


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What tells one node from another."""

    index: int
    name: str
    zone: str
    images: Mapping[str, Image]
    directory: Path
    """The cluster's folder."""
    access: ApiAccess


class Kubelet:
    """Runs one node's pods, from `start` to `stop`, and may be switched off in between."""

    def __init__(self, settings: NodeSettings, store: Store, addresses: AddressBlock) -> None:
        self._settings = settings
        self._store = store
        self._addresses = addresses
        self._recorder = Recorder(store, "kubelet", settings.name)
        self._boot_id = ""
        self._workers: dict[str, PodWorker] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._endings: set[asyncio.Task[None]] = set()
        self._host = Host(
            name=settings.name,
            address=addresses.node(settings.index),
            store=store,
            runtime=Runtime(),
            images=settings.images,
            places=Places(settings.directory / "pods", settings.directory / "host", settings.directory / "claims"),
            logs=settings.directory / "logs",
            recorder=self._recorder,
            access=settings.access,
        )

    @property
    def name(self) -> str:
        """Return the node's name."""
        return self._settings.name

    def cpu_seconds(self, uid: str) -> float | None:
        """Return the CPU that a pod of this node has used so far; None if it does not run here."""
        worker = self._workers.get(uid)
        return worker.cpu_seconds() if worker else None

    def running_containers(self) -> Iterator[RunningContainer]:
        """Return every container that runs on this node."""
        for worker in self._workers.values():
            yield from worker.running_containers()

    def controller(self) -> Controller:
        """Return what brings ConfigMaps and Secrets that change into the running pods."""
        keys = dict.fromkeys((CONFIG_MAPS, SECRETS), _mirrored_key)
        return Controller(f"kubelet {self.name}", keys, self._refresh)

    def _refresh(self, key: tuple[str, str, str]) -> None:
        for worker in self._workers.values():
            worker.take_object(*key)

    def start(self) -> None:
        """Register the node and begin to run pods; again after `power_off`. Twice is once."""
        if self._tasks:
            return
        self._host.runtime.start()
        self._boot_id = str(uuid.uuid4())
        self._register()
        self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._keep_lease())]

    async def power_off(self) -> None:
        """End everything at once, as if the plug were pulled: nothing of it is reported to the API."""
        await self._end_tasks()
        workers, self._workers = self._workers, {}
        for worker in workers.values():
            worker.abandon()
        await self._host.runtime.stop()
        for worker in workers.values():
            self._addresses.give_back_pod(self._settings.index, worker.address)

    async def _end_tasks(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def stop(self, grace_seconds: float) -> None:
        """End every pod, first asking for at most `grace_seconds`, and the runtime with whatever is left."""
        await self._end_tasks()
        for worker in self._workers.values():
            worker.stop(grace_seconds)
        await asyncio.gather(*(worker.stopped() for worker in self._workers.values()))
        await self._host.runtime.stop()

    def hurry(self) -> None:
        """End every pod without grace; for a node that is being stopped."""
        for worker in self._workers.values():
            worker.stop(0)

    async def _follow(self) -> None:
        """Take every change of this node's pods; start over from a list if the watch fell behind."""
        while True:
            with contextlib.closing(self._store.watch(PODS)) as watch, contextlib.suppress(Expired):
                for item in self._store.listed(PODS, fields=f"spec.nodeName={self.name}"):
                    self._take("ADDED", item.copy())
                while True:
                    entry = await watch.next_entry()
                    if entry.stored.body["spec"].get("nodeName") == self.name:
                        self._take(entry.type, entry.stored.copy())

    def _take(self, event: str, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        worker = self._workers.get(uid)
        if event == "DELETED":
            if worker is not None:
                worker.stop(0)
                self._forget_when_stopped(worker)
        elif worker is not None:
            worker.update(pod)
        elif "deletionTimestamp" in pod["metadata"]:
            self._finish(pod)  # it was to end while this node was off, or before it began
        elif (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}:
            worker = PodWorker(pod, self._host, self._addresses.take_pod(self._settings.index))
            self._workers[uid] = worker
            worker.start()
            worker.update(pod)

    def _finish(self, pod: Object) -> None:
        metadata = pod["metadata"]
        remove_volumes(pod, self._host.places)
        with contextlib.suppress(ApiError):
            self._store.delete(PODS, metadata["namespace"], metadata["name"], uid=metadata["uid"], grace_seconds=0)

    def _forget_when_stopped(self, worker: PodWorker) -> None:
        async def forget() -> None:
            await worker.stopped()
            self._workers.pop(worker.uid, None)
            self._addresses.give_back_pod(self._settings.index, worker.address)

        task = asyncio.create_task(forget())
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    def _register(self) -> None:
        made = _node(self._settings, self._addresses)
        try:
            node = self._store.create(NODES, made)
        except AlreadyExists:  # it was there before the cluster, or this node, was switched off
            node = self._store.get(NODES, None, self.name)
            node["metadata"]["labels"] = {**(node["metadata"].get("labels") or {}), **made["metadata"]["labels"]}
            node = self._store.update(NODES, {**node, "spec": {**node["spec"], **made["spec"]}})
            self._recorder.warning(node, "Rebooted", f"Node {self.name} has been rebooted, boot id: {self._boot_id}")
        before = (node.get("status") or {}).get("conditions") or ()
        node["status"] = status = _node_status(self._settings, self._addresses, self._boot_id)
        own = {condition["type"] for condition in status["conditions"]}
        status["conditions"] += [condition for condition in before if condition["type"] not in own]
        self._store.update(NODES, node, subresource="status")
        self._recorder.normal(node, "Starting", "Starting kubelet.")
        self._recorder.normal(node, "NodeReady", f"Node {self.name} status is now: NodeReady")

    async def _keep_lease(self) -> None:
        while True:
            self._renew()
            await asyncio.sleep(RENEW_SECONDS)

    def _renew(self) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {"holderIdentity": self.name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": now}
        metadata = {"name": self.name, "namespace": LEASE_NAMESPACE}
        try:
            lease = self._store.get(LEASES, LEASE_NAMESPACE, self.name)
            self._store.update(LEASES, {**lease, "spec": {**lease["spec"], **spec}})
        except Conflict:
            return
        except ApiError:
            node = self._store.get(NODES, None, self.name)
            owner = {"apiVersion": "v1", "kind": "Node", "name": self.name, "uid": node["metadata"]["uid"]}
            self._store.create(LEASES, {"metadata": {**metadata, "ownerReferences": [owner]}, "spec": spec})


def _mirrored_key(entry: Entry) -> Iterator[tuple[str, str, str]]:
    metadata = entry.stored.body["metadata"]
    yield metadata["namespace"], entry.resource.kind, metadata["name"]


def _node(settings: NodeSettings, addresses: AddressBlock) -> Object:
    labels = {
        "kubernetes.io/hostname": settings.name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": _architecture(),
        "node.kubernetes.io/instance-type": "gameday.process",
        "topology.kubernetes.io/region": "embedded",
        "topology.kubernetes.io/zone": settings.zone,
    }
    network = addresses.pod_network(settings.index)
    return {
        "metadata": {"name": settings.name, "labels": labels, "annotations": {}},
        "spec": {"podCIDR": network, "podCIDRs": [network], "providerID": f"gameday://{settings.name}"},
    }


def _node_status(settings: NodeSettings, addresses: AddressBlock, boot_id: str) -> Object:
    now = timestamp(datetime.now(UTC))
    memory_kib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1024
    capacity = {
        "cpu": str(os.cpu_count() or 1),
        "memory": f"{memory_kib}Ki",
        "pods": str(PODS_PER_NODE),
        "ephemeral-storage": f"{shutil.disk_usage(settings.directory).total // 1024}Ki",
    }
    return {
        "capacity": capacity,
        "allocatable": capacity,
        "addresses": [
            {"type": "InternalIP", "address": addresses.node(settings.index)},
            {"type": "Hostname", "address": settings.name},
        ],
        "conditions": [
            _condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available", now),
            _condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure", now),
            _condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available", now),
            _condition("Ready", "True", "KubeletReady", "kubelet is posting ready status", now),
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "images": [{"names": [name], "sizeBytes": 0} for name in sorted(settings.images)],
        "nodeInfo": _node_info(settings.name, boot_id),
    }


def _condition(kind: str, value: str, reason: str, message: str, now: str) -> Object:
    return {
        "type": kind,
        "status": value,
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": now,
        "lastTransitionTime": now,
    }


def _node_info(name: str, boot_id: str) -> dict[str, str]:
    """Return every field, since clients that validate require them all."""
    release = platform.release()
    return {
        "machineID": name,
        "systemUUID": name,
        "bootID": boot_id,
        "kernelVersion": release,
        "osImage": "gameday embedded node",
        "containerRuntimeVersion": "gameday://1",
        "kubeletVersion": KUBERNETES_VERSION,
        "kubeProxyVersion": KUBERNETES_VERSION,
        "operatingSystem": "linux",
        "architecture": _architecture(),
    }


def _architecture() -> str:
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
