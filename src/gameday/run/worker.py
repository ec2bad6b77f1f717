"""`python -m gameday.run.worker`: carries out one round, in a process and session of its own. Only the worker injects.

It runs the experiment with Chaos Toolkit in its main thread, then the runbook's steps if the plan says so. For each change it
asks the guardian. If the guardian is lost it injects nothing more: it starts a new one, which undoes, and ends.
"""

from __future__ import annotations

import argparse
import json
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
from gameday.processes import ProcessId, end_orphans, freezer, name_process
from gameday.run.channel import Peer
from gameday.run.engine import WorkerEngine
from gameday.run.observing import RunObservations
from gameday.run.restored import measure_again
from gameday.run.spec import RunSpec, load_spec
from gameday.run.steps import StepRunner
from gameday.run.successor import start_successor
from gameday.runbook import load_runbook
from gameday.workspace import Catalogue, make_importable

CONTEXT_FILE: Final = "context.yaml"
_SETTLE_SECONDS: Final = 2.0


def main() -> int:
    """Carry out the round that the guardian on the line names; return the exit status."""
    parser = argparse.ArgumentParser(prog="gameday-worker", description="One round of a run; started by the guardian.")
    parser.add_argument("--line", type=int, required=True, help="descriptor of the line to the guardian")
    parser.add_argument("--run", type=Path, required=True, help="the run's folder")
    parser.add_argument("--guardian", metavar="PID:TICKS", required=True, help="the guardian's process")
    arguments = parser.parse_args()
    name_process("gameday-worker")
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    spec = load_spec(arguments.run)
    # Not whose child we are: a guardian that has died by now has left us to somebody else.
    pid, _, start_ticks = arguments.guardian.partition(":")
    guardian = ProcessId(int(pid), int(start_ticks))

    freeze = freezer()

    def lost(why: str) -> None:
        try:
            # An activity whose process is ended is over: the next one, or a rollback that the successor carries out, would begin.
            freeze()
            # What a step's shell block is at would go on writing after it has been looked at.
            end_orphans(spare=frozenset())
            start_successor(arguments.run, guardian, f"the guardian (pid {guardian.pid}) {why}")
        finally:
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
    if task["execute_runbook"] and task["runbook"] and journal.get("run"):
        steps = StepRunner(
            engine,
            observations,
            peer,
            shell_environment(spec, directory),
            without=frozenset(task["without"]),
            looks_before=bool(task["verifies"]),
        )
        steps.run(load_runbook(task["runbook"]))
        if task["verifies"]:
            measure_again(engine, experiment.hypothesis, seconds=experiment.recovery_timeout_seconds)


def shell_environment(spec: RunSpec, directory: Path) -> dict[str, str]:
    """Return what a shell block is told of the cluster: the run's, also where that is not the kubeconfig's current context.

    kubectl merges the files of KUBECONFIG, and the first one that says which context is the current one wins.
    """
    found = {"PATH": os.environ.get("PATH", os.defpath)}
    files = spec.kubeconfig or os.environ.get("KUBECONFIG", "")
    if spec.context:
        current = directory / CONTEXT_FILE
        current.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": spec.context}), encoding="utf-8")
        files = os.pathsep.join([str(current), files or str(Path("~/.kube/config").expanduser())])
    return found | ({"KUBECONFIG": files} if files else {})


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
