"""A guardian for plain `chaos run`: started by the first of our activities, with this process as its worker.

What `gameday run` does before and after an experiment is done here around it: the guardian holds the Lease, sends the
customers, owes and undoes; at the end it judges, and its verdict goes to Chaos Toolkit's log. If this process dies, it undoes.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any, ClassVar, Final

from gameday import durations
from gameday.errors import ExitCode, GamedayError, RefusedError
from gameday.experiment import load_experiment
from gameday.experiment.model import DEFAULT_BASELINE_SECONDS, DEFAULT_LANDING_TIMEOUT_SECONDS
from gameday.log import read
from gameday.log.events import Event, RoundStarted, RunEnded, VerdictGiven
from gameday.processes import children, end_orphans, freezer
from gameday.run.channel import Peer
from gameday.run.engine import WorkerEngine
from gameday.run.launching import Launched, launch, new_run
from gameday.run.observing import RunObservations
from gameday.run.successor import start_successor
from gameday.run.worker import build_engine, wait_for_baseline
from gameday.run.worker import prepare as stand
from gameday.workspace import Catalogue

_OPENING_SECONDS: Final = 60.0
_CLOSING_SECONDS: Final = 180.0

logger = logging.getLogger("chaostoolkit")


class _State:
    """What this process knows of the run it is the worker of; there is at most one."""

    experiment: dict[str, Any] | None = None
    launched: Launched | None = None
    peer: Peer | None = None
    engine: WorkerEngine | None = None
    early: ClassVar[list[Event]] = []
    """What was told before there was a guardian to write it."""
    finished = False


def prepare(experiment: dict[str, Any]) -> None:
    """Remember which experiment is on; the guardian starts with the first of our activities."""
    _State.experiment = experiment


def log(event: Event) -> None:
    """Have the guardian write an event; what comes before there is one is kept until then."""
    if _State.engine is None:
        _State.early.append(event)
    elif not _State.finished:
        _State.engine.log(event)


def begun(activity: str) -> None:
    """Note which activity is on, under whose name changes are then logged."""
    if _State.engine is not None:
        _State.engine.activity = activity


def connect() -> WorkerEngine:
    """Start the guardian and return the engine of this process; RefusedError with the guardian's reason if it will not run."""
    if _State.experiment is None:
        raise RefusedError(
            "this experiment does not name gameday's control, so the engine cannot know what it is about. Run it with "
            "`gameday run`, or add to it: controls: [{name: gameday, provider: {type: python, module: gameday.run.control}}]"
        )
    root = Path(os.environ.get("GAMEDAY_RUNS", "runs"))
    draft = _written(root, _State.experiment)
    spec = new_run(
        root,
        file=str(draft),
        shown_file=str(draft),
        kubeconfig=os.environ.get("KUBECONFIG", ""),
        context=os.environ.get("GAMEDAY_CONTEXT", ""),
        attached=True,
    )
    before = children()
    launched = launch(spec)
    _State.launched = launched
    # Chaos Toolkit's background activities have threads of their own, in which no signal can be set.
    freeze = freezer() if threading.current_thread() is threading.main_thread() else None

    def lost(why: str) -> None:
        if _State.finished:
            launched.replace(why)
            return
        over = _ended(launched)
        if over is not None and _State.engine is None:
            # It was refused: whoever waits for it to be ready says why.
            return
        try:
            told = f"ended the run: {over.summary}" if over else f"{why}; a new one undoes, nothing more is injected"
            logger.critical("gameday: the guardian %s", told)
            # As in a worker: nothing of the method goes on, no rollback is played that the successor carries out.
            if freeze is not None:
                freeze()
            end_orphans(spare=before | {launched.guardian_id.pid})
            if over is None:
                start_successor(launched.directory, launched.guardian_id, f"the guardian {why}")
        finally:
            os._exit(ExitCode.ABORTED)

    peer = Peer(launched.connection, lost=lost)
    _State.peer = peer
    atexit.register(finish)
    round_id, since = _opened(launched)
    landing_seconds = _seconds(_State.experiment, "landing_timeout", DEFAULT_LANDING_TIMEOUT_SECONDS)
    engine, observations = build_engine(
        peer, spec, launched.directory, round_id=round_id, since=since, landing_seconds=landing_seconds
    )
    _State.engine = engine
    if not stand(engine, load_experiment(draft, catalogue=Catalogue.around(draft))):
        raise RefusedError("what must stand before the baseline does not; the run's log says why")
    for event in _State.early:
        engine.log(event)
    _take_baseline(engine, observations, seconds=_seconds(_State.experiment, "baseline", DEFAULT_BASELINE_SECONDS))
    return engine


def finish() -> None:
    """Tell the guardian that the experiment is over, and wait until everything is undone and judged."""
    launched, peer = _State.launched, _State.peer
    if launched is None or peer is None or _State.finished:
        return
    _State.finished = True
    peer.tell({"done": True})
    deadline = time.monotonic() + _CLOSING_SECONDS
    while not launched.is_over and time.monotonic() < deadline:
        time.sleep(0.05)
    for event in read(launched.directory):
        if isinstance(event, VerdictGiven):
            logger.info("gameday: %s (expected %s): %s", event.verdict, event.expected, "; ".join(event.reasons))
        if isinstance(event, RunEnded) and event.residue:
            logger.critical("gameday: left behind: %s. Run: gameday recover", "; ".join(event.residue))
    logger.info("gameday: the report: gameday report %s", launched.directory)


def _ended(launched: Launched) -> RunEnded | None:
    return next((event for event in read(launched.directory) if isinstance(event, RunEnded)), None)


def _written(root: Path, experiment: dict[str, Any]) -> Path:
    """Write the experiment that Chaos Toolkit has loaded where the guardian can read it."""
    root.mkdir(parents=True, exist_ok=True)
    name = "".join(letter if letter.isalnum() else "-" for letter in str(experiment.get("title", "experiment")).lower())
    draft = root / f"{name[:40].strip('-')}.json"
    draft.write_text(json.dumps(experiment, indent=2), encoding="utf-8")
    return draft


def _opened(launched: Launched) -> tuple[str, float]:
    """Wait until the guardian is ready; return the round and when it began."""
    deadline = time.monotonic() + _OPENING_SECONDS
    while time.monotonic() < deadline:
        for event in read(launched.directory):
            if isinstance(event, RoundStarted):
                return event.round, event.mono
            if isinstance(event, RunEnded):
                _State.finished = True
                raise RefusedError(event.summary)
        time.sleep(0.05)
    raise RefusedError(f"the guardian was not ready within {_OPENING_SECONDS:g} s; see {launched.directory}/guardian.log")


def _seconds(experiment: dict[str, Any], key: str, default: float) -> float:
    """Return a duration of our block; what is wrong with it the guardian has already refused."""
    for extension in experiment.get("extensions") or ():
        if extension.get("name") == "gameday" and key in extension:
            return durations.seconds(extension[key])
    return default


def _take_baseline(engine: WorkerEngine, observations: RunObservations, *, seconds: float) -> None:
    try:
        wait_for_baseline(engine, observations, seconds=seconds)
    except GamedayError as error:
        logger.info("gameday: no baseline of traffic: %s", error)
