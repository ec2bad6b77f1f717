"""`python -m gameday.run.worker`: carries out one round, in a process and session of its own. Only the worker injects.

It runs the experiment with Chaos Toolkit in its main thread, then the runbook's steps if the plan says so. For each change it
asks the guardian. If the guardian is lost it injects nothing more: it starts a new one, which undoes, and ends.
"""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
import time
from functools import cache
from pathlib import Path
from typing import Final

from gameday.change import install
from gameday.change.registry import action_named
from gameday.cluster import Cluster
from gameday.errors import ExitCode, GamedayError
from gameday.experiment import Experiment, load_experiment
from gameday.log.events import PhaseEnded, PhaseStarted
from gameday.processes import name_process, process_id
from gameday.run.channel import Peer
from gameday.run.engine import WorkerEngine
from gameday.run.observing import RunObservations
from gameday.run.spec import RunSpec, load_spec
from gameday.run.steps import StepRunner
from gameday.run.successor import start_successor
from gameday.runbook import load_runbook
from gameday.workspace import Catalogue, make_importable

_SETTLE_SECONDS: Final = 2.0


def main() -> int:
    """Carry out the round that the guardian on the line names; return the exit status."""
    parser = argparse.ArgumentParser(prog="gameday-worker", description="One round of a run; started by the guardian.")
    parser.add_argument("--line", type=int, required=True, help="descriptor of the line to the guardian")
    parser.add_argument("--run", type=Path, required=True, help="the run's folder")
    arguments = parser.parse_args()
    name_process("gameday-worker")
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    spec = load_spec(arguments.run)
    guardian = process_id(os.getppid())

    def lost(why: str) -> None:
        start_successor(arguments.run, guardian, f"the guardian (pid {guardian.pid}) {why}")
        os._exit(ExitCode.ABORTED)

    peer = Peer(socket.socket(fileno=arguments.line), lost=lost)
    _play(peer, spec, arguments.run)
    peer.tell({"done": True})
    return ExitCode.EXPECTED


def _play(peer: Peer, spec: RunSpec, directory: Path) -> None:
    from gameday.run.toolkit import run_experiment  # noqa: PLC0415  # chaoslib costs start-up, which rounds are timed by

    task = peer.ask({"ask": "round"})
    catalogue = Catalogue.around(task["experiment"])
    make_importable(catalogue.project)
    experiment = load_experiment(task["experiment"], catalogue=catalogue)
    engine, observations = build_engine(
        peer,
        spec,
        directory,
        round_id=task["round"],
        since=task["since"],
        landing_seconds=experiment.landing_timeout_seconds,
    )
    install(engine)
    if not prepare(engine, experiment):
        return
    if task["traffic"]:
        wait_for_baseline(engine, observations, seconds=experiment.baseline_seconds)
    journal = run_experiment(experiment.document, log=engine.log, begun=lambda name: setattr(engine, "activity", name))
    if task["execute_runbook"] and experiment.runbook_path is not None and journal.get("run"):
        environment = {"KUBECONFIG": spec.kubeconfig} if spec.kubeconfig else {}
        steps = StepRunner(engine, observations, peer, {"PATH": os.environ.get("PATH", os.defpath), **environment})
        steps.run(load_runbook(experiment.runbook_path, catalogue=catalogue))


def build_engine(
    peer: Peer, spec: RunSpec, directory: Path, *, round_id: str, since: float, landing_seconds: float
) -> tuple[WorkerEngine, RunObservations]:
    """Return the engine of this process and what probes look at; the cluster is reached when it is first needed."""

    @cache
    def cluster() -> Cluster:
        from gameday.kube import connect  # noqa: PLC0415  # only where a cluster is touched

        return connect(kubeconfig=spec.kubeconfig or None, context=spec.context)

    observations = RunObservations(directory, cluster, round_id=round_id, since=since)
    engine = WorkerEngine(peer, cluster, observations, round_id=round_id, landing_seconds=landing_seconds)
    return engine, observations


def prepare(engine: WorkerEngine, experiment: Experiment) -> bool:
    """Carry out what must stand before the baseline; return whether all of it does."""
    if not experiment.prepare:
        return True
    engine.log(PhaseStarted(phase="prepare"))
    engine.prepares = True
    failures, changed = [], False
    for activity in experiment.prepare:
        engine.activity = activity.name
        try:
            done = engine.perform(action_named(f"{activity.module}.{activity.func}"), activity.arguments)
        except GamedayError as error:
            failures.append(f"{activity.name}: {error}")
            break
        changed = changed or bool(done["changes"])
        # What changed nothing was there already.
        if done["changes"] and not done["landed"]:
            failures.append(f"{activity.name}: {done['seen']}")
            break
    engine.prepares = False
    if changed and not failures:
        # Whoever routes by what was changed hears of it a moment later than whoever looks.
        time.sleep(_SETTLE_SECONDS)
    engine.log(PhaseEnded(phase="prepare", outcome="failed" if failures else "ok", detail="; ".join(failures)))
    return not failures


def wait_for_baseline(engine: WorkerEngine, observations: RunObservations, *, seconds: float) -> None:
    """Wait until there is a baseline's worth of samples of this round."""
    engine.log(PhaseStarted(phase="traffic", detail=f"{seconds:g} s of customers' journeys before anything is changed"))
    observations.windows(seconds=seconds)
    engine.log(PhaseEnded(phase="traffic", outcome="ok"))


if __name__ == "__main__":
    sys.exit(main())
