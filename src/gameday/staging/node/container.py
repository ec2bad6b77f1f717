"""One container over its life: started, watched by its probes, restarted with back-off, stopped.

It keeps a `ContainerState` for the pod's status and says when that changed; it writes nothing to the API but events.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from gameday.staging.node.backoff import BackOff
from gameday.staging.node.images import UnknownProgramError, resolve
from gameday.staging.node.launching import NO_SUCH_PROGRAM, CannotStartError, Surroundings, prepare
from gameday.staging.node.probes import Target
from gameday.staging.node.runtime import Exit, Launch, Process
from gameday.staging.node.status import ContainerState
from gameday.staging.node.watching import Reactions, watch_container

Object = dict[str, Any]
RETRY_CONFIGURATION_SECONDS: Final = 2.0
DEFAULT_GRACE_SECONDS: Final = 30.0
NO_SUCH_PROGRAM_CODE: Final = 127
CANNOT_START_CODE: Final = 128
_CHECK_GRACE_SECONDS: Final = 0.2


class ContainerRunner:
    """Runs one container of one pod; `run` returns when it will not be started again."""

    def __init__(self, container: Object, surroundings: Surroundings, *, restart_policy: str, restart_count: int) -> None:
        self.state = ContainerState(container["name"], container["image"], restart_count=restart_count)
        self._container = container
        self._around = surroundings
        self._restart_policy = restart_policy
        self._back_off = BackOff()
        self._pull_back_off = BackOff()
        self._process: Process | None = None
        self._probing: asyncio.Task[None] | None = None
        self._killing: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def name(self) -> str:
        """Return the container's name."""
        return self.state.name

    @property
    def pid(self) -> int | None:
        """Return the process id of the container's first process while it runs."""
        process = self._process
        if process is None or not process.started.done() or process.ended.done():
            return None
        return process.started.result() or None

    async def run(self) -> Exit | None:
        """Start the container and start it again as its policy says; return its last end, None if it never ran."""
        while not self._stopping:
            try:
                launch = prepare(self._container, self._around, self.state.restart_count)
            except CannotStartError as error:
                if error.reason != NO_SUCH_PROGRAM:
                    await self._wait_to_retry(error)
                    continue
                end = self._not_started(str(error))
            else:
                end = await self._run_once(launch)
            if self._stopping or not self._restarts(end):
                return end
            await self._wait_to_restart(end)
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

    def abandon(self) -> None:
        """Do nothing any more."""
        self._stopping = True
        self._end_probes()
        if self._killing is not None:
            self._killing.cancel()

    async def _run_once(self, launch: Launch) -> Exit:
        self._normal("Pulled", f'Container image "{self._container["image"]}" already present on machine')
        process = self._process = await self._around.runtime.launch(launch)
        if self._stopping:  # the order to stop came meanwhile, and there was nothing to stop yet
            process.kill()
        self._normal("Created", f"Created container: {self.name}")
        await asyncio.shield(process.started)
        self.state.container_id = f"gameday://{secrets.token_hex(32)}"
        if not process.ended.done():
            self._note_running()
            self._start_probes(launch, process)
        end = await asyncio.shield(process.ended)
        self._end_probes()
        self._note_ended(end)
        return end

    def _not_started(self, why: str) -> Exit:
        """Note an end without a beginning."""
        now = datetime.now(UTC)
        self.state.container_id = f"gameday://{secrets.token_hex(32)}"
        end = Exit(CANNOT_START_CODE, out_of_memory=False, started_at=now, finished_at=now, error=why)
        self._note_ended(end)
        return end

    def _note_running(self) -> None:
        state = self.state
        state.running_since, state.ended = datetime.now(UTC), None
        state.waiting_reason = state.waiting_message = ""
        self._normal("Started", f"Started container {self.name}")
        self._around.changed()

    def _note_ended(self, end: Exit) -> None:
        state = self.state
        state.running_since, state.ended = None, end
        state.ready = state.started = False
        if end.error:
            self._warning("Failed", f"Error: {end.error}")
        self._around.changed()

    async def _wait_to_retry(self, error: CannotStartError) -> None:
        """Wait as Kubernetes does for an image or a reference that is missing; it may come."""
        self._wait(error.reason, str(error))
        if error.reason != "ErrImagePull":
            self._warning("Failed", f"Error: {error}")
            await asyncio.sleep(RETRY_CONFIGURATION_SECONDS)
            return
        image = self._container["image"]
        self._warning("Failed", f'Failed to pull image "{image}": {error}')
        self._warning("Failed", "Error: ErrImagePull")
        await asyncio.sleep(1)
        self._wait("ImagePullBackOff", f'Back-off pulling image "{image}": {error}')
        self._normal("BackOff", f'Back-off pulling image "{image}"')
        await asyncio.sleep(self._pull_back_off.longer())

    async def _wait_to_restart(self, end: Exit) -> None:
        """Wait out the back-off; from here on the end that was is the last state."""
        state = self.state
        state.last, state.last_id = end, state.container_id
        delay_seconds = self._back_off.after(end)
        if delay_seconds:
            metadata = self._around.pod()["metadata"]
            whose = f"{self.name} in pod {metadata['name']}_{metadata['namespace']}({metadata['uid']})"
            self._warning("BackOff", f"Back-off restarting failed container {whose}")
            pod = f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
            message = f"back-off {delay_seconds:g}s restarting failed container={self.name} pod={pod}"
            self._wait("CrashLoopBackOff", message)
            await asyncio.sleep(delay_seconds)
        state.restart_count += 1

    def _restarts(self, end: Exit) -> bool:
        return self._restart_policy == "Always" or (self._restart_policy == "OnFailure" and end.code != 0)

    def _start_probes(self, launch: Launch, process: Process) -> None:
        if self._stopping:  # the order to stop came while the process was being forked
            process.terminate()
            return
        address = self._around.pod()["status"]["podIP"]
        ports = {port["name"]: port["containerPort"] for port in self._container.get("ports") or () if port.get("name")}
        target = Target(address, ports, lambda command: self._run_command(launch, command))
        reactions = Reactions(self._note_started, self._note_ready, self._note_failed_probe, self._restart_because_of)
        self._probing = asyncio.create_task(watch_container(self._container, target, reactions))

    def _end_probes(self) -> None:
        if self._probing is not None:
            self._probing.cancel()
            self._probing = None

    async def _run_command(self, launch: Launch, command: list[str]) -> int:
        """Run a probe's or a hook's command with the container's environment; return its exit code."""
        try:
            argv = resolve(self._around.images, self._container["image"], command, ())
        except UnknownProgramError:
            return NO_SUCH_PROGRAM_CODE
        process = await self._around.runtime.launch(replace(launch, argv=argv, log="/dev/null"))
        try:
            return (await asyncio.shield(process.ended)).code
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
        self._warning("Unhealthy", f"{kind} probe failed: {message}")

    def _restart_because_of(self, kind: str, probe: Object) -> None:
        self._normal("Killing", f"Container {self.name} failed {kind.lower()} probe, will be restarted")
        grace_seconds = probe.get("terminationGracePeriodSeconds")
        if grace_seconds is None:
            grace_seconds = self._around.pod()["spec"].get("terminationGracePeriodSeconds", DEFAULT_GRACE_SECONDS)
        self._killing = asyncio.create_task(self._kill(float(grace_seconds)))

    async def _kill(self, grace_seconds: float) -> None:
        if self._process is not None:
            self._process.terminate()
            loop = asyncio.get_running_loop()
            end = loop.time() + grace_seconds
            await _await_end(self._process, lambda: end - loop.time())

    async def _pre_stop(self, grace_seconds: Callable[[], float]) -> None:
        """Run the preStop hook, for as long as the grace lasts."""
        hook = (self._container.get("lifecycle") or {}).get("preStop") or {}
        with contextlib.suppress(TimeoutError, CannotStartError):
            async with asyncio.timeout(grace_seconds()):
                if "sleep" in hook:
                    await asyncio.sleep(hook["sleep"]["seconds"])
                elif "exec" in hook:
                    launch = prepare(self._container, self._around, self.state.restart_count)
                    await self._run_command(launch, list(hook["exec"]["command"]))

    def _wait(self, reason: str, message: str) -> None:
        self.state.ended = None
        self.state.waiting_reason, self.state.waiting_message = reason, message
        self._around.changed()

    def _normal(self, reason: str, message: str) -> None:
        self._around.recorder.normal(self._around.pod(), reason, message, field_path=f"spec.containers{{{self.name}}}")

    def _warning(self, reason: str, message: str) -> None:
        self._around.recorder.warning(self._around.pod(), reason, message, field_path=f"spec.containers{{{self.name}}}")


async def _await_end(process: Process, grace_seconds: Callable[[], float]) -> None:
    """Wait for an end within the grace, then force it."""
    while not process.ended.done():
        left_seconds = grace_seconds()
        if left_seconds <= 0:
            process.kill()
            await asyncio.shield(process.ended)
            return
        await asyncio.wait([process.ended], timeout=min(left_seconds, _CHECK_GRACE_SECONDS))
