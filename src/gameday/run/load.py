"""The load generator as the guardian's child: where it sends, starting it, its windows into the log, and its orders.

It goes on through an abort, so that the recovery is seen. The generator itself is `gameday.traffic.generator`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

from gameday.cluster import Json, ObjectRef, View
from gameday.errors import GamedayError, NoMeasurementError, NoTargetError, RefusedError
from gameday.experiment import TrafficSpec
from gameday.log import LogWriter
from gameday.log.events import LedgerChecked, LoadEnded, LoadStarted, LoadWindow, ProcessEnded, ProcessStarted
from gameday.processes import end_process, how_ended, process_id
from gameday.traffic.drill import check_copy
from gameday.traffic.journey import Journey, Ledger
from gameday.traffic.ledger import NOTHING_FOUND, LedgerResult, books_of, check_ledger, finder
from gameday.traffic.spec import LoadSpec
from gameday.traffic.windows import Window, from_json

_T = TypeVar("_T")

LEDGER_FILE: Final = "orders.jsonl"
_LONGEST_LINE: Final = 1 << 21
_GOODBYE_SECONDS: Final = 6.0
_BACK_SECONDS: Final = 10.0
SETTLE_SECONDS: Final = 6.0
"""How long a shop may take to answer again, to complete what it charged for, and to write down whom it failed."""
_LOOK_AGAIN_SECONDS: Final = 0.5


def look_up_orders(
    directory: Path, journey: Journey, url: str, *, failed_between: tuple[float, float] = (-math.inf, math.inf)
) -> LedgerResult:
    """Look up every submit of a run so far, as its journey says; NoMeasurementError where the shop cannot be asked."""
    if journey.ledger is None:
        raise NoMeasurementError(f"the journey {journey.name} does not say how its orders are looked up; give it a `ledger`")
    find, books = finder(journey.ledger.orders, url), books_of(journey.ledger, url)
    return check_ledger(directory / LEDGER_FILE, find, books=books, failed_between=failed_between)


def _of_orders_alone(journey: Journey) -> Journey:
    """Return the journey as that of a shop that can say what orders there are, and nothing else just now."""
    return journey if journey.ledger is None else replace(journey, ledger=Ledger(journey.ledger.orders))


def target_url(view: View, traffic: TrafficSpec) -> str:
    """Return where customers knock: the url given, or the Service's load balancer, or its address in the cluster.

    NoTargetError if there is no such Service; RefusedError if its address cannot be reached from here.
    """
    if traffic.url:
        return traffic.url.rstrip("/")
    service = view.get(ObjectRef("v1", "Service", traffic.namespace, traffic.service))
    if service is None:
        raise NoTargetError(
            f"expected a Service {traffic.service!r} in namespace {traffic.namespace!r} to send customers to, but there is "
            "none; name it under `traffic: {service: …}`, or give its address: `traffic: {url: …}`"
        )
    host, port = _address(service)
    if view.connects(host, port, timeout_seconds=3.0) is not True:
        raise RefusedError(
            f"the Service {traffic.namespace}/{traffic.service} cannot be reached from here at {host}:{port}; "
            "give an address that customers use: `traffic: {url: …}`"
        )
    return f"http://{host}:{port}"


def _address(service: Json) -> tuple[str, int]:
    ports = service["spec"].get("ports") or ()
    if not ports:
        metadata = service["metadata"]
        raise RefusedError(
            f"the Service {metadata['namespace']}/{metadata['name']} has no port to send customers to; "
            "name another, or give an address that customers use: `traffic: {url: …}`"
        )
    port = int(ports[0]["port"])
    for ingress in service.get("status", {}).get("loadBalancer", {}).get("ingress") or ():
        if ingress.get("ip") or ingress.get("hostname"):
            return ingress.get("ip") or ingress["hostname"], port
    return service["spec"].get("clusterIP", ""), port


class Load:
    """One generator process, its windows going into the log as they come."""

    def __init__(self, log: LogWriter, directory: Path, spec: LoadSpec, journey: Journey, *, died: Callable[[str], None]) -> None:
        """Take where to log and what to send; `died(why)` is called if the generator ends without being asked to."""
        self._log, self._directory, self._spec, self._journey, self._died = log, directory, spec, journey, died
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._stopping = False
        self._problem = ""
        self._totals: dict[str, Any] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self.rate_per_second = spec.rate_per_second
        """How many customers a second come, or are on their way to."""
        self.listeners: set[Callable[[Window], None]] = set()
        """Called with each window as it comes."""

    async def start(self) -> None:
        """Start the generator and have its windows logged."""
        self._loop = asyncio.get_running_loop()
        with (self._directory / "load.log").open("ab") as stderr:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "gameday.traffic.generator",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                limit=_LONGEST_LINE,
                start_new_session=True,
            )
        own = process_id(self._process.pid)
        self._log.write(ProcessStarted(role="load", pid=own.pid, start_ticks=own.start_ticks))
        order_step = next((step.name for step in self._journey.steps if step.order is not None), "")
        self._log.write(
            LoadStarted(
                journey=self._journey.name,
                rate_per_second=self._spec.rate_per_second,
                url=", ".join(self._spec.targets),
                steps=[step.name for step in self._journey.steps],
                order_step=order_step,
                journey_file=self._spec.journey if isinstance(self._spec.journey, str) else "",
            )
        )
        self._send(self._spec.to_line().encode())
        self._reading = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        """The generator's pid, or 0."""
        return self._process.pid if self._process else 0

    def change_rate(self, rate_per_second: float, *, over_seconds: float = 0.0) -> None:
        """Let customers come more or less often from now on, or in a straight line; may be called from any thread."""
        if self._loop is None:
            return
        self.rate_per_second = rate_per_second
        line = json.dumps({"rate": rate_per_second, "over_seconds": over_seconds}) + "\n"
        # In the order of the calls, whichever threads they come from: the last one counts.
        self._loop.call_soon_threadsafe(self._send, line.encode())

    async def stop(self) -> None:
        """Let open journeys end, then see the process out; end it if it does not go."""
        if self._process is None or self._reading is None:
            return
        self._stopping = True
        self._send(b'{"stop": true}\n')
        try:
            await asyncio.wait_for(asyncio.shield(self._reading), self._journey.longest_seconds + _GOODBYE_SECONDS)
        except TimeoutError:
            end_process(process_id(self._process.pid))
            await self._reading

    async def check_copy(self, round_id: str, *, fault_at: float, repointed: tuple[float, float] | None = None) -> None:
        """Look up every acknowledged order in the copy that a drill has repointed to, and log what became of them."""
        if self._journey.ledger is None:
            return
        find = finder(self._journey.ledger.orders, self._spec.targets[0])
        try:
            result = await self._patiently(
                lambda: check_copy(self._directory / LEDGER_FILE, find, fault_at=fault_at, repointed=repointed)
            )
        except (GamedayError, OSError) as error:
            self._log.write(LedgerChecked(acknowledged=0, found=0, of_copy=True, error=str(error), round=round_id))
            return
        self._log.write(
            LedgerChecked(
                acknowledged=result.acknowledged,
                found=result.found,
                lost=[str(entry.reference) for entry in result.lost],
                doubled=[f"{double.key} ({', '.join(double.references)})" for double in result.doubled],
                altered=[str(entry.reference) for entry in result.altered],
                of_copy=True,
                drill=result.drill,
                forgotten=result.forgotten,
                recovery_point_seconds=round(result.recovery_point_seconds, 3),
                recovery_point_is_least=result.is_least,
                round=round_id,
            )
        )

    async def check_orders(self, round_id: str, *, since: float = 0.0, settle_seconds: float = SETTLE_SECONDS) -> None:
        """Look up every submit in the shop and log what became of them; `since` is when the round began.

        A shop that comes back, and puts things right by itself, is given that long for it.
        """
        if self._journey.ledger is None:
            return
        deadline = time.monotonic() + (max(settle_seconds, _BACK_SECONDS) if self._spec.drill_marks else settle_seconds)
        while True:
            result, error = await self._looked_up(since)
            if not (error or result.unrecorded or result.untracked) or time.monotonic() > deadline:
                break
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        self._log.write(
            LedgerChecked(
                acknowledged=result.acknowledged,
                found=result.found,
                lost=[str(entry.reference) for entry in result.lost],
                doubled=[f"{double.key} ({', '.join(double.references)})" for double in result.doubled],
                altered=[str(entry.reference) for entry in result.altered],
                drill=result.drill,
                unrecorded=[entry.key for entry in result.unrecorded],
                untracked=[entry.key for entry in result.untracked],
                failed=result.failed,
                error=error,
                round=round_id,
            )
        )

    async def _patiently(self, look: Callable[[], _T]) -> _T:
        """Look again for a while where the shop cannot be asked: it has just been repointed."""
        deadline = time.monotonic() + _BACK_SECONDS
        while True:
            try:
                return await asyncio.to_thread(look)
            except NoMeasurementError:
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(0.25)

    async def _looked_up(self, since: float) -> tuple[LedgerResult, str]:
        """Return what became of every submit, and why the shop could not be asked about it, or not about all of it.

        Where a drill had its own database, charges and failures of meanwhile went with it, and only orders are asked about.
        """
        between = (since, time.monotonic())
        url, result, why = self._spec.targets[0], NOTHING_FOUND, ""
        alone = _of_orders_alone(self._journey)
        for journey in (alone,) if self._spec.drill_marks else (self._journey, alone):
            try:
                result = await asyncio.to_thread(look_up_orders, self._directory, journey, url, failed_between=between)
                break
            except (GamedayError, OSError) as error:
                why = why or str(error)
        return result, why

    def _send(self, line: bytes) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(ConnectionError):
                self._process.stdin.write(line)

    async def _read(self) -> None:
        process = self._process
        if process is None or process.stdout is None:
            return
        async for line in process.stdout:
            self._take(json.loads(line))
        code = await process.wait()
        exit_code, number, told = how_ended(code)
        reason = "stopped" if self._stopping else "it died"
        self._log.write(ProcessEnded(role="load", pid=process.pid, reason=reason, exit_code=exit_code, signal=number))
        failed = self._problem or ("" if self._stopping else f"it ended by itself ({told})")
        self._log.write(LoadEnded(totals=self._totals, error=failed))
        if failed and not self._stopping:
            self._died(f"the load generator died: {failed}")

    def _take(self, message: dict[str, Any]) -> None:
        match message:
            case {"start": _}:
                known = {name: message[name] for name in LoadWindow.__struct_fields__ if name in message}
                self._log.write(LoadWindow(**known))
                for listener in tuple(self.listeners):
                    listener(from_json(message))
            case {"problem": str(problem)}:
                self._problem = problem
            case {"ended": totals}:
                self._totals = totals
            case _:
                return
