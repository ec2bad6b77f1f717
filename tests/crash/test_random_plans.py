"""Random plans, deaths anywhere, and others who write in between: the promises of undo hold all the same."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from gameday.change import Change
from gameday.errors import ConflictError, GamedayError
from gameday.run.inject import perform
from gameday.run.orphans import Recovered, undo_record
from gameday.run.owing import Debt, blank_shard
from gameday.run.storing import SecretStore, Stored
from gameday.run.undo import Undoer
from tests.conftest import Scratch
from tests.crash import campaign
from tests.crash.ending import Ending, forget
from tests.crash.mortal import DiedError, Mortal, World
from tests.crash.plans import Plan, Stage, plans

Told = Callable[[str], None]
_numbers = count(1)
_ATTEMPTS = 3
_MOST_DEATHS = 4


@pytest.fixture
def stage(scratch: Scratch) -> Stage:
    found = Stage(scratch)
    found.build()
    return found


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    def tell(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"{line}\n")

    return tell


@pytest.mark.e2e
def test_sixty_random_plans_are_undone_whoever_dies_and_writes(stage: Stage, told: Told) -> None:
    _cases(stage, told, number=60)


@pytest.mark.crash
def test_a_thousand_random_plans_are_undone_whoever_dies_and_writes(stage: Stage, told: Told) -> None:
    _cases(stage, told, number=1000)


def _cases(stage: Stage, told: Told, *, number: int) -> None:
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
        ending = carry_out(stage, plan, world, first)
        done, deaths = done + 1, deaths + len(plan.deaths) - len(world.deaths)
        try:
            assert ending.check() == [], world.history
        finally:
            forget(stage.scratch.cluster, ending.run_id)
            stage.reset(first)

    check()
    told(f"\nrandom plans: {done}, deaths in them: {deaths}, seed {campaign.seed()}")
    assert deaths > number // 2, "plans in which nobody dies show little"


def carry_out(stage: Stage, plan: Plan, world: World, first: dict[str, Any]) -> Ending:
    """Inject until the plan is over or the run dies, then undo as `gameday recover` does, until an undoer survives."""
    run_id = f"plan-{os.getpid()}-{next(_numbers)}"
    cluster = stage.scratch.cluster
    run = Mortal(cluster, world, "run")
    with contextlib.suppress(GamedayError, DiedError):
        _inject(stage, plan, run, run_id)
    owed = list(SecretStore(cluster).read(run_id))
    reports = []
    for _ in range(_MOST_DEATHS):
        report = _recovered(world, run_id)
        if report is not None:
            reports.append(report)
            break
    world.everything_comes()
    if not reports or SecretStore(cluster).read(run_id):
        # Something came late, or was left alone; whoever recovers next sees the rest to its end.
        world.deaths.clear()
        owed = owed or list(SecretStore(cluster).read(run_id))
        report = _recovered(world, run_id)
        reports += [report] if report else []
    return Ending(stage, run_id, first, owed, world.history, reports)


def _inject(stage: Stage, plan: Plan, run: Mortal, run_id: str) -> None:
    blank = blank_shard(run_id, Path("/nowhere"), cluster_uid=run.real.identity().uid)
    debt = Debt(SecretStore(run), run, blank)
    for step in plan.steps:
        run.world.step = None
        change = stage.change(step)
        if change is not None:
            run.world.step = step
            _make(debt, run, change)


def _make(debt: Debt, run: Mortal, change: Change) -> None:
    """Owe and make one change, again if the object moved in between, as a worker does."""
    for attempt in range(_ATTEMPTS):
        owed = debt.owe(change, by="act", round_id="r1")
        try:
            perform(run, owed.operation)
        except ConflictError:
            if attempt == _ATTEMPTS - 1:
                raise
            continue
        return


def _recovered(world: World, run_id: str) -> Recovered | None:
    """Undo as a new process; None where it dies as well, or there is nothing to undo."""
    cluster = world.stage.scratch.cluster
    shards: list[Stored] = list(SecretStore(cluster).read(run_id))
    if not shards:
        return None
    undoer = Mortal(cluster, world, "undoer")
    # The name of a process that is not there any more, so that the next one need not wait.
    holder = f"recover@{socket.gethostname()}/{os.getpid()}/0"
    try:
        return undo_record(Undoer(undoer, holder, run_id, sleep=undoer.sleep), shards, time_left=lambda *_: 0.0)
    except DiedError:
        return None
