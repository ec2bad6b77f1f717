"""One pod on its node: volumes, init containers, containers, status, and an orderly end.

The kubelet makes one worker a pod; what the containers do comes from `container.py`, what the API shows from `status.py`.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import structlog

from gameday.staging.errors import ApiError
from gameday.staging.events import Recorder
from gameday.staging.node.container import ContainerRunner
from gameday.staging.node.credentials import ApiAccess
from gameday.staging.node.images import Image
from gameday.staging.node.launching import Surroundings
from gameday.staging.node.metering import RunningContainer
from gameday.staging.node.mirroring import VolumeError, mirrored_objects
from gameday.staging.node.mounting import PodVolumes
from gameday.staging.node.runtime import Runtime
from gameday.staging.node.status import Snapshot, pod_status
from gameday.staging.node.usage import cpu_seconds
from gameday.staging.node.volumes import Places, remove_volumes
from gameday.staging.resources import PODS, SERVICES, resource_of
from gameday.staging.store import Store

Object = dict[str, Any]
_log = structlog.get_logger("gameday.staging")
RETRY_VOLUMES_SECONDS: Final = 0.5
_OWN_CONDITIONS: Final = {"PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"}


@dataclass(frozen=True, slots=True)
class Host:
    """What a node gives to its pods."""

    name: str
    address: str
    store: Store
    runtime: Runtime
    images: Mapping[str, Image]
    places: Places
    logs: Path
    recorder: Recorder
    access: ApiAccess


class PodWorker:
    """Runs one pod from its assignment to a node until it is gone."""

    def __init__(self, pod: Object, host: Host, address: str) -> None:
        self.address = address
        self._pod = pod
        self._host = host
        self._started_at = datetime.now(UTC)
        self._volumes = PodVolumes(lambda: self._pod, self._lookup, host.places, host.access, host.store, failed=self._no_volume)
        self._initial = [self._runner(container) for container in pod["spec"].get("initContainers") or ()]
        self._main = [self._runner(container) for container in pod["spec"]["containers"]]
        self._initialized = not self._initial
        self._kill_at: float | None = None
        self._abandoned = False
        self._written: Object | None = None
        self._writing: asyncio.Handle | None = None
        self._running: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[None] | None = None

    @property
    def uid(self) -> str:
        """Return the pod's uid."""
        return str(self._pod["metadata"]["uid"])

    def running_containers(self) -> list[RunningContainer]:
        """Return the pod's containers that run."""
        return [RunningContainer(self.uid, runner.name, runner.pid) for runner in self._main if runner.pid is not None]

    def cpu_seconds(self) -> float | None:
        """Return the CPU that the running containers have used since they started; None if none runs."""
        pids = [container.pid for container in self.running_containers()]
        return sum(map(cpu_seconds, pids)) if pids else None

    def start(self) -> None:
        """Begin to run the pod."""
        self._running = asyncio.create_task(self._run(), name=f"pod {self._pod['metadata']['name']}")

    def update(self, pod: Object) -> None:
        """Take the pod as the API has it now; begin to stop it if it is being deleted."""
        before, self._pod = self._pod, pod
        if any(before["metadata"].get(key) != pod["metadata"].get(key) for key in ("labels", "annotations")):
            self._volumes.refresh()
        if self._written is not None and pod.get("status") != self._written:
            self._changed()  # somebody else wrote it; what runs here is this node's to say
        if "deletionTimestamp" in pod["metadata"]:
            self.stop(float(pod["metadata"].get("deletionGracePeriodSeconds") or 0))

    def take_object(self, namespace: str, kind: str, name: str) -> None:
        """Bring a ConfigMap or Secret that was written into the pod, if it is mounted there."""
        if self._pod["metadata"]["namespace"] == namespace and (kind, name) in mirrored_objects(self._pod):
            self._volumes.refresh()

    def stop(self, grace_seconds: float) -> None:
        """Begin to stop the pod, or shorten the grace that it was given."""
        kill_at = time.monotonic() + grace_seconds
        self._kill_at = kill_at if self._kill_at is None else min(self._kill_at, kill_at)
        self._volumes.close()
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop(), name=f"stop pod {self._pod['metadata']['name']}")

    def abandon(self) -> None:
        """Forget the pod: its node has no power any more, and nothing about it is written from now on."""
        self._abandoned = True
        for handle in (self._writing, self._running, self._stopping):
            if handle is not None:
                handle.cancel()
        self._volumes.close()
        for runner in (*self._initial, *self._main):
            runner.abandon()

    async def stopped(self) -> None:
        """Wait until nothing of the pod runs any more."""
        if self._stopping is not None:
            await asyncio.wait([self._stopping])

    async def _run(self) -> None:
        try:
            await self._run_containers()
        except Exception as error:  # noqa: BLE001 - one pod that nobody foresaw must not stop its node
            _log.exception("a pod failed inside the node", pod=self._pod["metadata"]["name"])
            self._host.recorder.warning(self._pod, "FailedSync", f"error determining status: {error!r}")

    async def _run_containers(self) -> None:
        self._changed()
        await self._make_volumes()
        if self._initial:
            for runner in self._main:
                runner.state.waiting_reason = "PodInitializing"
        for runner in self._initial:
            end = await runner.run()
            if end is None or end.code != 0:
                return
            runner.state.ready = True
            self._changed()
        self._initialized = True
        async with asyncio.TaskGroup() as containers:
            for runner in self._main:
                containers.create_task(runner.run())
        self._changed()

    async def _make_volumes(self) -> None:
        while True:
            try:
                self._volumes.make()
            except VolumeError as error:
                self._no_volume(error)
                await asyncio.sleep(RETRY_VOLUMES_SECONDS)
            else:
                return

    def _no_volume(self, error: VolumeError) -> None:
        self._host.recorder.warning(self._pod, "FailedMount", error.told())

    async def _stop(self) -> None:
        for runner in self._main:
            if runner.state.running:
                what = f"spec.containers{{{runner.name}}}"
                self._host.recorder.normal(self._pod, "Killing", f"Stopping container {runner.name}", field_path=what)
        await asyncio.gather(*(runner.stop(self._grace_left) for runner in (*self._initial, *self._main)))
        if self._running is not None:
            await asyncio.wait([self._running], timeout=0.1)
            self._running.cancel()
            await asyncio.wait([self._running])
        self._write_status()
        remove_volumes(self._pod, self._host.places)
        shutil.rmtree(log_folder(self._host.logs, self._pod), ignore_errors=True)
        metadata = self._pod["metadata"]
        try:
            self._host.store.delete(PODS, metadata["namespace"], metadata["name"], uid=self.uid, grace_seconds=0)
        except ApiError:
            return  # gone already: it was deleted by force

    def _grace_left(self) -> float:
        return (self._kill_at or 0.0) - time.monotonic()

    def _changed(self) -> None:
        """Write the status soon; changes that come together are one write."""
        if self._writing is None and not self._abandoned:
            self._writing = asyncio.get_running_loop().call_soon(self._write_status)

    def _write_status(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        metadata = self._pod["metadata"]
        try:
            current = self._host.store.get(PODS, metadata["namespace"], metadata["name"])
            if current["metadata"]["uid"] != self.uid:
                return
            status = pod_status(replace(self._snapshot(), pod=current))
            before = current.get("status") or {}
            foreign = [item for item in before.get("conditions", ()) if item["type"] not in _OWN_CONDITIONS]
            status["conditions"] += foreign
            self._pod = self._host.store.update(PODS, {**current, "status": {**before, **status}}, subresource="status")
            self._written = self._pod["status"]
        except ApiError:
            return  # deleted, or written by somebody else at this moment; then there comes another change

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            pod=self._pod,
            pod_ip=self.address,
            host_ip=self._host.address,
            started_at=self._started_at,
            now=datetime.now(UTC),
            initial=[runner.state for runner in self._initial],
            main=[runner.state for runner in self._main],
            initialized=self._initialized,
            stopping=self._stopping is not None,
        )

    def _current(self) -> Object:
        """Return the pod with the addresses that its containers may ask for."""
        addresses = {"podIP": self.address, "hostIP": self._host.address}
        return {**self._pod, "status": {**(self._pod.get("status") or {}), **addresses}}

    def _lookup(self, kind: str, name: str) -> Object | None:
        try:
            return self._host.store.get(resource_of(kind), self._pod["metadata"]["namespace"], name)
        except ApiError:
            return None

    def _services(self) -> list[Object]:
        if self._pod["spec"].get("enableServiceLinks") is False:
            return []
        return [item.body for item in self._host.store.listed(SERVICES, self._pod["metadata"]["namespace"])]

    def _address_of(self, service: str, namespace: str) -> str:
        try:
            found = self._host.store.get(SERVICES, namespace, service)
        except ApiError:
            return ""
        address = str(found["spec"].get("clusterIP") or "")
        return "" if address == "None" else address

    def _runner(self, container: Object) -> ContainerRunner:
        policy = self._pod["spec"].get("restartPolicy", "Always")
        runs = [
            item for item in (self._pod.get("status") or {}).get("containerStatuses") or () if item["name"] == container["name"]
        ]
        is_initial = container in (self._pod["spec"].get("initContainers") or ())
        return ContainerRunner(
            container,
            Surroundings(
                pod=self._current,
                home=self._host.places.of_pod(self._pod),
                folders=self._volumes.folders,
                services=self._services,
                address_of=self._address_of,
                lookup=self._lookup,
                runtime=self._host.runtime,
                images=self._host.images,
                recorder=self._host.recorder,
                api_variables=self._host.access.variables(),
                log_path=log_paths(self._host.logs, self._pod),
                changed=self._changed,
            ),
            restart_policy="OnFailure" if is_initial and policy == "Always" else policy,
            restart_count=sum(item["restartCount"] + 1 for item in runs if item.get("containerID")),
        )


def log_folder(logs: Path, pod: Object) -> Path:
    """Return the folder with all logs of a pod."""
    metadata = pod["metadata"]
    return logs / f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}"


def log_paths(logs: Path, pod: Object) -> Callable[[str, int], Path]:
    """Return where a pod's logs are: `<namespace>_<pod>_<uid>/<container>/<run>.log`, as on a real node."""
    folder = log_folder(logs, pod)
    return lambda container, run: folder / container / f"{run}.log"
