"""Random plans, deaths anywhere, and others who write in between: the promises of undo hold all the same."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from gameday import staging
from gameday.errors import GamedayError
from gameday.undo.orphans import Recovered, undo_record
from gameday.undo.settling import Undoer
from gameday.undo.storing import SecretStore
from tests.conftest import Scratch
from tests.crash import campaign
from tests.crash.ending import Ending, forget
from tests.crash.injecting import inject
from tests.crash.mortal import DiedError, Mortal, World
from tests.crash.plans import Death, Plan, Stage, plans
from tests.crash.scripts import ROOT
from tests.crash.traps import LATE, Trap, Traps, trapped

Told = Callable[[str], None]
Inject = Callable[[World, Plan, str], int]
"""Carries the plan out until it is over or its process dies; returns how often it died."""
_numbers = count(1)
_MOST_UNDOERS = 5


@pytest.fixture
def stage(scratch: Scratch) -> Stage:
    found = Stage(scratch)
    found.build()
    return found


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    def tell(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{line}\n")

    return tell


@pytest.fixture
def proxy(cluster_home: staging.Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traps]:
    with trapped(cluster_home.kubeconfig, tmp_path_factory.mktemp("trapped")) as found:
        yield found


@pytest.mark.e2e
def test_random_plans_are_undone_whoever_dies_and_writes(stage: Stage, told: Told) -> None:
    _cases(stage, told, _faked, number=60, deaths_at_least=20)


@pytest.mark.crash
def test_a_thousand_random_plans_are_undone_whoever_dies_and_writes(stage: Stage, told: Told) -> None:
    campaign.record("random plans, deaths faked", _cases(stage, told, _faked, number=1000, deaths_at_least=400))


@pytest.mark.e2e
def test_random_plans_of_processes_that_are_killed_are_undone(stage: Stage, told: Told, proxy: Traps) -> None:
    _cases(stage, told, _killed(proxy), number=7, deaths_at_least=5)


@pytest.mark.crash
def test_a_hundred_random_plans_of_processes_that_are_killed_are_undone(stage: Stage, told: Told, proxy: Traps) -> None:
    campaign.record("random plans, processes killed", _cases(stage, told, _killed(proxy), number=130, deaths_at_least=100))


def _cases(stage: Stage, told: Told, carry_out: Inject, *, number: int, deaths_at_least: int) -> dict[str, int]:
    first, done, deaths = stage.look(), 0, 0

    @seed(campaign.seed())
    @settings(
        max_examples=number,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(plans)
    def check(plan: Plan) -> None:
        nonlocal done, deaths
        world = World(stage, list(plan.edits), list(plan.deaths))
        run_id = f"plan-{os.getpid()}-{next(_numbers)}"
        try:
            died = carry_out(world, plan, run_id)
            wrong = _undone(stage, world, run_id, first).check()
            assert wrong == [], world.history
        finally:
            forget(stage.scratch.cluster, run_id)
            stage.reset(first)
        done, deaths = done + 1, deaths + died

    check()
    told(f"random plans: {done}, runs that died: {deaths}, left behind: 0, seed {campaign.seed()}")
    assert deaths >= deaths_at_least, "plans in which nobody dies show little"
    return {"plans": done, "runs_that_died": deaths, "left_behind": 0}


def _faked(world: World, plan: Plan, run_id: str) -> int:
    """Have the run die by an exception, in this process."""
    run = Mortal(world.stage.scratch.cluster, world, "run")

    def begun(step: Any) -> None:
        world.step = step

    with contextlib.suppress(GamedayError, DiedError):
        inject(world.stage, plan.steps, run, run_id, begun=begun)
    return int(run.dead)


def _killed(proxy: Traps) -> Inject:
    """Have the run be a process, and kill it at the first death's write; the others write once it is dead."""

    def carry_out(world: World, plan: Plan, run_id: str) -> int:
        death = world.deaths.pop(0)
        words = [sys.executable, "-m", "tests.crash.injecting", str(proxy.kubeconfig), world.stage.scratch.name, run_id]
        killed = False

        def sprung() -> bool:
            nonlocal killed
            process.kill()
            process.wait()
            killed = True
            return False

        # An uneventful run makes two writes a step and four to undo; a death beyond those would not come.
        at_write = 1 + (death.at_write - 1) % (2 * len(plan.steps) + 3)
        proxy.begin(Trap(lambda _, number: number == at_write, death.mode, sprung))
        process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE)
        process.communicate(msgspec.json.encode(plan.steps), timeout=120)
        if killed and death.mode == LATE:
            world.keep_back(Death(0, LATE, death.calls_later), proxy.apply_late)
        while world.edits:
            world.edit(world.edits.pop(0))
        return int(killed)

    return carry_out


def _undone(stage: Stage, world: World, run_id: str, first: dict[str, Any]) -> Ending:
    """Undo as `gameday recover` does, with a new process for each that dies, until one survives."""
    store = SecretStore(stage.scratch.cluster)
    owed, reports = list(store.read(run_id)), []
    for _ in range(_MOST_UNDOERS):
        report = _recovered(world, run_id)
        if report is not None:
            reports.append(report)
            break
    world.everything_comes()
    if not reports or store.read(run_id):
        # Something came late, or was left alone; whoever recovers next sees the rest to its end.
        world.deaths.clear()
        owed = owed or list(store.read(run_id))
        report = _recovered(world, run_id)
        reports += [report] if report else []
    return Ending(stage, run_id, first, owed, world.history, reports)


def _recovered(world: World, run_id: str) -> Recovered | None:
    """Undo as a new process; None where it dies as well, or there is nothing to undo."""
    cluster = world.stage.scratch.cluster
    shards = SecretStore(cluster).read(run_id)
    if not shards:
        return None
    undoer = Mortal(cluster, world, "undoer")
    # The name of a process that is not there any more, so that the next one need not wait.
    holder = f"recover@{socket.gethostname()}/{os.getpid()}/0"
    try:
        return undo_record(Undoer(undoer, holder, run_id, sleep=undoer.sleep), shards)
    except DiedError:
        return None
