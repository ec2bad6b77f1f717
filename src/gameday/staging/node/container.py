"""One container over its life: started, watched by its probes, restarted with back-off, stopped.

It keeps a `ContainerState` for the pod's status and says when that changed; it writes nothing to the API but events.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gameday.staging.events import Recorder
from gameday.staging.node.environment import (
    UnresolvedVariableError,
    declared_variables,
    expand,
    rewritten,
    service_variables,
    standard_variables,
)
from gameday.staging.node.images import Image, UnknownImageError, UnknownProgramError, resolve
from gameday.staging.node.probes import Target
from gameday.staging.node.runtime import Exit, Launch, Process, Runtime
from gameday.staging.node.status import ContainerState
from gameday.staging.node.volumes import Lookup, VolumeError, mounts_of, rewrite
from gameday.staging.node.watching import Reactions, watch_container
from gameday.staging.quantities import parse_quantity

Object = dict[str, Any]
FIRST_BACK_OFF_SECONDS: Final = 10.0
LONGEST_BACK_OFF_SECONDS: Final = 300.0
STEADY_SECONDS: Final = 600.0
"""A container that ran this long starts again without back-off."""
RETRY_CONFIGURATION_SECONDS: Final = 2.0
DEFAULT_GRACE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a pod gives each of its containers."""

    pod: Callable[[], Object]
    """The pod as it is now, with its addresses in the status."""
    home: Path
    folders: Mapping[str, Path]
    services: Callable[[], list[Object]]
    lookup: Lookup
    runtime: Runtime
    images: Mapping[str, Image]
    recorder: Recorder
    log_path: Callable[[str, int], Path]
    """The log file of a container's n-th run."""
    changed: Callable[[], None]


class _CannotStartError(Exception):
    """The container cannot be made now; carries the reason it waits with."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ContainerRunner:
    """Runs one container of one pod; `run` returns when it will not be started again."""

    def __init__(self, container: Object, surroundings: Surroundings, *, restart_policy: str) -> None:
        self.state = ContainerState(container["name"], container["image"])
        self._container = container
        self._around = surroundings
        self._restart_policy = restart_policy
        self._process: Process | None = None
        self._probing: asyncio.Task[None] | None = None
        self._stopping = False
        self._back_off_seconds = 0.0

    @property
    def name(self) -> str:
        """Return the container's name."""
        return self.state.name

    async def run(self) -> Exit | None:
        """Start the container and start it again as its policy says; return its last end, None if it never ran."""
        while not self._stopping:
            try:
                launch = self._prepare()
            except _CannotStartError as error:
                await self._wait_to_retry(error)
                continue
            end = await self._run_once(launch)
            if self._stopping or not self._restarts(end):
                return end
            await self._back_off(end)
        return self.state.ended

    async def stop(self, grace_seconds: Callable[[], float]) -> None:
        """Run preStop, send SIGTERM, and SIGKILL when the grace (asked again and again: it may shrink) is over."""
        self._stopping = True
        process = self._process
        if process is None or process.ended.done():
            return
        self._end_probes()
        if grace_seconds() > 0:
            await self._pre_stop(grace_seconds)
            process.terminate()
        await _await_end(process, grace_seconds)

    def _prepare(self) -> Launch:
        pod, container = self._around.pod(), self._container
        try:
            mounts = mounts_of(container, self._around.folders)
            known = service_variables(self._around.services())
            declared = declared_variables(pod, container, known, self._around.lookup)
            command = [expand(word, {**known, **declared}) for word in container.get("command") or ()]
            arguments = [expand(word, {**known, **declared}) for word in container.get("args") or ()]
            argv = resolve(self._around.images, container["image"], command, arguments)
        except UnknownImageError as error:
            raise _CannotStartError("ErrImagePull", str(error)) from error
        except UnknownProgramError as error:
            raise _CannotStartError("RunContainerError", str(error)) from error
        except (UnresolvedVariableError, VolumeError) as error:
            raise _CannotStartError("CreateContainerConfigError", str(error)) from error
        standard = standard_variables(pod, self._around.home)
        (self._around.home / "tmp").mkdir(parents=True, exist_ok=True)
        log = self._around.log_path(self.name, self.state.restart_count)
        log.parent.mkdir(parents=True, exist_ok=True)
        return Launch(
            argv=[rewrite(word, mounts) for word in argv],
            environment={**standard, **known, **rewritten(declared, mounts)},
            directory=self._directory(mounts),
            log=str(log),
            memory_limit_bytes=self._memory_limit_bytes(),
        )

    def _directory(self, mounts: Mapping[str, str]) -> str:
        wanted = rewrite(self._container.get("workingDir", ""), mounts)
        return wanted if wanted and Path(wanted).is_dir() else str(self._around.home)

    def _memory_limit_bytes(self) -> int | None:
        limit = ((self._container.get("resources") or {}).get("limits") or {}).get("memory")
        return int(parse_quantity(limit)) if limit is not None else None

    async def _wait_to_retry(self, error: _CannotStartError) -> None:
        """Wait as Kubernetes does for an image or a reference that is missing; it may come."""
        pulling = error.reason == "ErrImagePull"
        self._wait(error.reason, str(error))
        if pulling:
            self._event("Warning", "Failed", f'Failed to pull image "{self._container["image"]}": {error}')
        self._event("Warning", "Failed", f"Error: {error.reason if pulling else error}")
        delay_seconds = self._next_back_off() if pulling else RETRY_CONFIGURATION_SECONDS
        if pulling:
            await asyncio.sleep(min(1.0, delay_seconds))
            self._wait("ImagePullBackOff", f'Back-off pulling image "{self._container["image"]}": {error}')
            self._event("Normal", "BackOff", f'Back-off pulling image "{self._container["image"]}"')
        await asyncio.sleep(delay_seconds)

    async def _run_once(self, launch: Launch) -> Exit:
        image = self._container["image"]
        self._event("Normal", "Pulled", f'Container image "{image}" already present on machine')
        process = self._process = await self._around.runtime.launch(launch)
        self._event("Normal", "Created", f"Created container: {self.name}")
        await process.started
        state = self.state
        if not process.ended.done():
            self._event("Normal", "Started", f"Started container {self.name}")
            state.container_id = f"gameday://{secrets.token_hex(32)}"
            state.running_since, state.ended = datetime.now(UTC), None
            state.waiting_reason = state.waiting_message = ""
            self._around.changed()
            self._post_start_probes(launch, process)
        end = await process.ended
        if end.error:
            self._event("Warning", "Failed", f"Error: {end.error}")
            state.container_id = state.container_id or f"gameday://{secrets.token_hex(32)}"
        self._end_probes()
        state.running_since, state.ended = None, end
        state.ready = state.started = False
        self._around.changed()
        return end

    def _post_start_probes(self, launch: Launch, process: Process) -> None:
        if self._stopping:  # the stop came between the fork and here
            process.terminate()
            return
        address = self._around.pod()["status"]["podIP"]
        ports = {port["name"]: port["containerPort"] for port in self._container.get("ports", ()) if port.get("name")}
        target = Target(address, ports, lambda command: self._run_command(launch, command))
        reactions = Reactions(self._note_started, self._note_ready, self._note_failed_probe, self._restart_because_of)
        self._probing = asyncio.create_task(watch_container(self._container, target, reactions))

    async def _run_command(self, launch: Launch, command: list[str]) -> int:
        try:
            argv = resolve(self._around.images, self._container["image"], command, ())
        except UnknownProgramError:
            return 127
        process = await self._around.runtime.launch(Launch(argv, launch.environment, launch.directory, "/dev/null"))
        try:
            return (await process.ended).code
        finally:
            process.kill()

    def _note_started(self) -> None:
        self.state.started = True
        self._around.changed()

    def _note_ready(self, ready: bool) -> None:  # noqa: FBT001 - what was found
        if self.state.ready != ready:
            self.state.ready = ready
            self._around.changed()

    def _note_failed_probe(self, kind: str, message: str) -> None:
        self._event("Warning", "Unhealthy", f"{kind} probe failed: {message}")

    def _restart_because_of(self, kind: str, probe: Object) -> None:
        self._event("Normal", "Killing", f"Container {self.name} failed {kind.lower()} probe, will be restarted")
        grace = probe.get("terminationGracePeriodSeconds")
        if grace is None:
            grace = self._around.pod()["spec"].get("terminationGracePeriodSeconds", DEFAULT_GRACE_SECONDS)
        self._killing = asyncio.create_task(self._kill_gracefully(float(grace)))

    async def _kill_gracefully(self, grace_seconds: float) -> None:
        process = self._process
        if process is not None:
            process.terminate()
            end = asyncio.get_running_loop().time() + grace_seconds
            await _await_end(process, lambda: end - asyncio.get_running_loop().time())

    def _restarts(self, end: Exit) -> bool:
        return self._restart_policy == "Always" or (self._restart_policy == "OnFailure" and end.code != 0)

    async def _back_off(self, end: Exit) -> None:
        """Wait before the next start: not at all the first time, then 10 s, doubling."""
        state = self.state
        if (end.finished_at - end.started_at).total_seconds() > STEADY_SECONDS:
            self._back_off_seconds = 0.0
            self._crashed = False
        if self._crashed:
            await self._wait_out_back_off()
        self._crashed = True
        if self._stopping:
            return
        state.last, state.last_id = end, state.container_id
        state.restart_count += 1

    _crashed = False
    _killing: asyncio.Task[None] | None = None

    async def _wait_out_back_off(self) -> None:
        state = self.state
        delay_seconds = self._next_back_off()
        metadata = self._around.pod()["metadata"]
        whose = f"{self.name} in pod {metadata['name']}_{metadata['namespace']}({metadata['uid']})"
        state.last, state.last_id = state.ended, state.container_id
        self._wait("CrashLoopBackOff", f"back-off {delay_seconds:g}s restarting failed container={whose}")
        self._event("Warning", "BackOff", f"Back-off restarting failed container {whose}")
        await asyncio.sleep(delay_seconds)

    def _next_back_off(self) -> float:
        self._back_off_seconds = min(self._back_off_seconds * 2 or FIRST_BACK_OFF_SECONDS, LONGEST_BACK_OFF_SECONDS)
        return self._back_off_seconds

    def _wait(self, reason: str, message: str) -> None:
        self.state.ended = None
        self.state.waiting_reason, self.state.waiting_message = reason, message
        self._around.changed()

    async def _pre_stop(self, grace_seconds: Callable[[], float]) -> None:
        hook = (self._container.get("lifecycle") or {}).get("preStop")
        if not hook:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds()):
                if "sleep" in hook:
                    await asyncio.sleep(hook["sleep"]["seconds"])
                elif "exec" in hook:
                    await self._run_command(self._prepare(), list(hook["exec"]["command"]))

    def _end_probes(self) -> None:
        if self._probing is not None:
            self._probing.cancel()
            self._probing = None

    def _event(self, kind: str, reason: str, message: str) -> None:
        record = self._around.recorder.normal if kind == "Normal" else self._around.recorder.warning
        record(self._around.pod(), reason, message, field_path=f"spec.containers{{{self.name}}}")


async def _await_end(process: Process, grace_seconds: Callable[[], float]) -> None:
    """Wait for an end within the grace, then force it."""
    while not process.ended.done():
        left_seconds = grace_seconds()
        if left_seconds <= 0:
            process.kill()
            await process.ended
            return
        await asyncio.wait([process.ended], timeout=min(left_seconds, 0.2))
