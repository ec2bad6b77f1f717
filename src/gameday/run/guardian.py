"""`python -m gameday.run.guardian`: owns a run's log, record and Lease, and is parent of its workers and its load.

Only the guardian undoes. It lives in a session of its own, so that a terminal's Ctrl-C does not reach it, and beats on
the line to whoever started it. To abort, it ends the worker's whole process tree and undoes; no activity can delay that. With
`--take-over` it carries on for a dead guardian: ends what is left of the old processes, takes the lock, and undoes.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import structlog

from gameday.errors import (
    ExitCode,
    GamedayError,
    NotNowError,
    RefusedError,
    ServerError,
    UnauthenticatedError,
    UnreachableError,
    worst,
)
from gameday.log import LogWriter, read
from gameday.log.events import (
    AbortRequested,
    LeaseReleased,
    Noted,
    RunEnded,
)
from gameday.logs import configure_logs
from gameday.processes import ProcessId, become_subreaper, name_process
from gameday.run.closing import close_open_rounds
from gameday.run.line import Line
from gameday.run.load import LEDGER_FILE, Load
from gameday.run.opening import Opened, open_run
from gameday.run.people import People
from gameday.run.preflight import Traffic, stops_of
from gameday.run.rounds import RoundPlayer
from gameday.run.spec import RunSpec, load_spec
from gameday.run.stepping import SteppedClock
from gameday.run.taking_over import take_over
from gameday.traffic.spec import LoadSpec
from gameday.verdict import exit_code
from gameday.verdict.exits import residue

_LOOK_SECONDS: Final = 2.0
_RENEW_EVERY: Final = 10
"""Every so many looks at the Lease, it and the record are renewed."""
_LOG_SECONDS: Final = 0.1
_GIVE_BACK_SECONDS: Final = 60.0
_AFTER_PEOPLE_SECONDS: Final = 300.0
"""How long a rehearsal whose time is over may take to undo, see the recovery and look orders up, before it is aborted."""


_logger = structlog.get_logger("gameday.guardian")


class Guardian:
    """One run from its first event to its last."""

    def __init__(self, spec: RunSpec, log: LogWriter, connection: socket.socket) -> None:
        """Take what to run, its log, and the line to whoever started us (which is the worker, if attached)."""
        self._spec, self._log, self._directory = spec, log, Path(spec.directory)
        self._line = Line(connection, handle=self._heard, lost=self._starter_lost)
        self._abort = asyncio.Event()
        self._hurry = asyncio.Event()
        self._abort_by: tuple[str, str] | None = None
        self._attached_done = asyncio.Event()
        self._load: Load | None = None
        self._player: RoundPlayer | None = None
        self._people = People(log, spec.people.started) if spec.people is not None else None

    async def run(self) -> ExitCode:
        """Carry the run out and return its exit code; whatever happens, what is owed is undone or named."""
        self._line.start()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self.abort, signal.Signals(number).name, "by signal")
        try:
            opened = await asyncio.to_thread(open_run, self._spec, self._log)
        except GamedayError as error:
            return self._refuse(error)
        renewing = asyncio.create_task(self._renew(opened))
        watching = asyncio.create_task(self._watch_log())
        playing = asyncio.create_task(self._play(opened))
        aborting = asyncio.create_task(self._abort.wait())
        deadlines = list(self._deadlines(opened.programme.deadline_seconds))
        await asyncio.wait({playing, aborting}, return_when=asyncio.FIRST_COMPLETED)
        for deadline in deadlines:
            deadline.cancel()
        watching.cancel()
        failure = await self._stop_playing(playing, aborting)
        return await self._close(opened, renewing, failure)

    def abort(self, by: str, reason: str) -> None:
        """End the round that is on, now, and undo; a second call leaves out everything that only measures."""
        if self._abort_by is not None:
            self._hurry.set()
            return
        self._abort_by = (by, reason)
        _logger.warning("aborting", by=by, reason=reason)
        # The worker goes before anything else happens: no event to be written may delay that.
        if self._player is not None:
            self._player.end_worker("the run is aborted")
        self._abort.set()

    def _deadlines(self, seconds: float) -> Iterator[asyncio.TimerHandle]:
        """Set the time by which the run is over; of a rehearsal, that is when people are, and what follows has its own time."""
        loop = asyncio.get_running_loop()
        told = f"its deadline of {seconds:g} s has passed"
        if self._people is not None:
            yield loop.call_later(seconds, self._people.end)
            seconds += _AFTER_PEOPLE_SECONDS
        yield loop.call_later(seconds, self.abort, "deadline", told)

    def _refuse(self, error: GamedayError) -> ExitCode:
        """End a run of which nothing has happened yet."""
        code = ExitCode.REFUSED if isinstance(error, RefusedError) else error.exit_code
        _logger.warning("refused", reason=str(error))
        self._log.write(RunEnded(exit_code=code, summary=str(error)), durable=True)
        return code

    # ------------------------------------------------------------------------------------------------ the run

    async def _play(self, opened: Opened) -> None:
        if self._people is not None:
            self._people.begin()
        if opened.traffic is not None:
            drills = {item.experiment.drill_orders for item in opened.programme.rounds}
            self._load = await self._start_load(opened.traffic, tuple(sorted(drills - {""})))
            opened.undoing.attach(self._load)
        for item in opened.programme.rounds:
            if self._people is not None and self._people.is_over:
                return
            self._player = RoundPlayer(
                self._directory,
                self._log,
                opened.undoing,
                self._load,
                item,
                policy=opened.programme.policy(item),
                stops=stops_of(opened.programme, item),
                died=self.abort,
                people=self._people,
            )
            if self._spec.attached:
                await self._player.play_attached(self._attached_done)
            else:
                await self._player.play()

    async def _start_load(self, traffic: Traffic, drill_marks: tuple[str, ...]) -> Load:
        spec = LoadSpec(
            journey=str(traffic.path),
            targets=(traffic.url,),
            ledger=str(self._directory / LEDGER_FILE),
            rate_per_second=traffic.rate_per_second,
            run=self._spec.run_id[-40:].strip("-."),
            drill_marks=drill_marks,
        )
        load = Load(self._log, self._directory, spec, traffic.journey, died=lambda why: self.abort("load", why))
        await load.start()
        return load

    async def _renew(self, opened: Opened) -> None:
        """Say at intervals that we live; losing the Lease to somebody else ends the run, an unreachable server does not."""
        looks = 0
        clock = SteppedClock(opened.cluster.server_time) if opened.cluster is not None else None
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            looks += 1
            asked_at = time.monotonic()
            try:
                asked = await asyncio.to_thread(opened.asked_to_abort)
                if asked:
                    self.abort(asked, "asked for through the cluster")
                step = clock.stepped_seconds() if clock is not None else 0.0
                if step:
                    # Others go by that clock: to them the deadline has passed, or is an hour away.
                    where = f"{abs(step):.0f} s {'on' if step > 0 else 'back'}"
                    told = f"the cluster's clock was set {where}; lease and record are renewed"
                    self._log.write(Noted(level="warning", text=told))
                if step or looks % _RENEW_EVERY == 0:
                    await asyncio.to_thread(opened.renew)
            except (UnreachableError, ServerError, NotNowError) as error:
                told = f"could not renew the lease: {error}"
                self._log.write(Noted(level="warning", text=told, silent_seconds=time.monotonic() - asked_at))
            except UnauthenticatedError as error:
                self.abort("credentials", f"the lease cannot be renewed: {error}")
                return
            except GamedayError as error:
                self.abort("lease", f"the lease or the undo record is not ours any more: {error}")
                return

    async def _watch_log(self) -> None:
        """End a run whose log cannot be written: it would be a run that nobody can judge."""
        while self._log.failure is None:  # noqa: ASYNC110  # the log is also written by threads, which have no asyncio.Event
            await asyncio.sleep(_LOG_SECONDS)
        self.abort("log", f"the log cannot be written: {self._log.failure.strerror}")

    def _starter_lost(self, why: str) -> None:
        if not self._attached_done.is_set():
            self.abort("command", f"the command that started the run {why}")

    async def _heard(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """Serve whoever started us: an abort from the command, or everything a worker may ask if it is the worker."""
        if "abort" in message:
            self.abort(str(message["abort"]), str(message.get("reason") or "asked for from the terminal"))
            return None
        if "people" in message:
            return self._people.heard(message["people"]) if self._people else {"refused": "no people take part in this run"}
        if message.get("done"):
            self._attached_done.set()
            return None
        if self._abort_by is not None and "ask" in message:
            # One that is attached outlives its abort: it shall change nothing that is being undone, or was.
            return {"refused": f"the run is aborted: {self._abort_by[1]}"}
        if self._player is None:
            return {"refused": "the run is not yet, or no more, ready for changes"}
        return await self._player.heard(message)

    # ------------------------------------------------------------------------------------------------ after

    async def _stop_playing(self, playing: asyncio.Task[None], aborting: asyncio.Task[bool]) -> str:
        """See the rounds end, or cut them short; return what failed inside ourselves, if anything did."""
        if self._abort_by is not None:
            by, reason = self._abort_by
            # Not synced, since the undo would wait for it: the first entry that is undone syncs all that is written before.
            self._log.write(AbortRequested(by=by, reason=reason))
            playing.cancel()
        aborting.cancel()
        try:
            await playing
        except asyncio.CancelledError:
            return ""
        except Exception as error:
            # Whatever broke in us, what is owed must still be undone.
            _logger.exception("the guardian failed")
            self._log.write(AbortRequested(by="guardian", reason=f"{type(error).__name__}: {error}"))
            return f"{type(error).__name__}: {error}"
        return ""

    async def _close(self, opened: Opened, renewing: asyncio.Task[None], failure: str) -> ExitCode:
        """Undo what is still owed, judge what is still open, give everything back, and say how it ended."""
        if self._player is not None:
            self._player.end_worker("the run is over")
        await opened.undoing.undo("the run is over" if self._abort_by is None else "the run was aborted")
        if self._player is not None and (self._abort_by or failure):
            await self._player.close_aborted(self._hurry)
            # What people wrote last, and the undo took for somebody else's, is owed now and set back below.
            await asyncio.to_thread(self._player.owe_people)
        if self._load is not None:
            await self._load.stop()
        # A request for a change that was being decided when the worker was ended may have been written down since; none is after.
        await asyncio.to_thread(opened.undoing.debt.close)
        await opened.undoing.undo("what was written down last")
        renewing.cancel()
        await self._give_back(opened)
        # In threads, since whoever started us takes a long silence for our death, and a long run's log takes long to judge.
        await asyncio.to_thread(lambda: close_open_rounds(self._log, read(self._directory)))
        events = await asyncio.to_thread(read, self._directory)
        code = worst(exit_code(events), ExitCode.INTERNAL if failure else ExitCode.EXPECTED)
        self._log.write(
            RunEnded(exit_code=code, summary=_summary(code, proves=bool(self._spec.runbook)), residue=list(residue(events))),
            durable=True,
        )
        self._line.close()
        return code

    async def _give_back(self, opened: Opened) -> None:
        """Remove the record of what is settled and release the Lease, trying again while the server is away."""
        give_up = time.monotonic() + _GIVE_BACK_SECONDS
        while True:
            try:
                await asyncio.to_thread(opened.give_back)
            except (UnreachableError, ServerError, NotNowError) as error:
                if time.monotonic() < give_up and not self._hurry.is_set():
                    await asyncio.sleep(0.5)
                    continue
                self._log.write(Noted(level="error", text=f"the lease or an undo record is left behind: {error}"))
            except GamedayError as error:
                self._log.write(Noted(level="error", text=f"the lease or an undo record is left behind: {error}"))
            else:
                if opened.lease is not None:
                    self._log.write(LeaseReleased(holder=opened.lease.holder))
            return


def _summary(code: ExitCode, *, proves: bool) -> str:
    of_a_proof = {
        ExitCode.EXPECTED: "the runbook is proven",
        ExitCode.VERDICT_DIFFERS: "the runbook is refuted",
        ExitCode.INCONCLUSIVE: "void: the run says nothing of the runbook",
    }
    if proves and code in of_a_proof:
        return of_a_proof[code]
    return {
        ExitCode.EXPECTED: "every verdict is the expected one",
        ExitCode.VERDICT_DIFFERS: "a verdict is not the expected one",
        ExitCode.INCONCLUSIVE: "inconclusive",
        ExitCode.ABORTED: "aborted and undone",
        ExitCode.RESIDUE: "something is left behind; see residue, and run: gameday recover",
    }.get(code, "ended by an error of gameday itself")


def main(arguments: Sequence[str] | None = None) -> int:
    """Guard a run, or take one over; return its exit code."""
    parser = argparse.ArgumentParser(prog="gameday-guardian", description="Guards one run; started by gameday run.")
    parser.add_argument("--run", type=Path, required=True, help="the run's folder, with its run.json")
    parser.add_argument("--line", type=int, help="descriptor of the line to whoever started us")
    parser.add_argument("--take-over", metavar="REASON", help="carry on for a guardian that is lost, and undo")
    parser.add_argument("--lost", metavar="PID:TICKS", default="0:0", help="the guardian that is lost; it is ended first")
    options = parser.parse_args(arguments)
    name_process("gameday-guardian")
    configure_logs(verbose=True)
    become_subreaper()
    if options.take_over is not None:
        _logger.warning("taking over", run=options.run.name, lost=options.lost, reason=options.take_over)
        pid, _, start_ticks = options.lost.partition(":")
        return take_over(options.run, ProcessId(int(pid), int(start_ticks)), options.take_over)
    if options.line is None:
        parser.error("expected --line or --take-over")
    spec = load_spec(options.run)
    _logger.info("guarding", run=spec.run_id, file=spec.shown_file)
    log = LogWriter(options.run)

    async def guard() -> ExitCode:
        return await Guardian(spec, log, socket.socket(fileno=options.line)).run()

    try:
        return asyncio.run(guard())
    finally:
        log.close()


if __name__ == "__main__":
    sys.exit(main())
