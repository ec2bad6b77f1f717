"""What is rehearsed: a plan's rounds in the order that the seed draws, the runbook of each, and the event that says so.

Any game day and any single experiment can be rehearsed, as long as each round has a runbook to follow.
"""

from __future__ import annotations

import random
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gameday import __version__
from gameday.errors import RefusedError, UsageError
from gameday.fields import did_you_mean
from gameday.gameday import Round
from gameday.gameday.people import DEFAULT_INJECTS, Inject, RehearsalPlan
from gameday.log.events import RoundStarted, RunStarted
from gameday.log.people import RehearsalStarted, RunbookOpened
from gameday.rehearsal.clocks import DEFAULT_SECONDS
from gameday.run.preflight import Programme, load_programme
from gameday.runbook import Runbook, load_runbook
from gameday.runbook.opened import opened

LEVELS: Final = ("tabletop", "simulated", "live")
_DEFAULTS: Final = {name: seconds for name, seconds in DEFAULT_SECONDS.items() if name != "updates_every"}
"""Without the cadence: where the plan says nothing of it, the runbook of each round does."""
PEOPLE: Final = "people"
"""The mode of a round's runbook in which people carry it out (`RoundStarted.runbook_mode`)."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A plan as it is rehearsed once."""

    programme: Programme
    plan: RehearsalPlan
    level: str
    seed: int
    rounds: tuple[Round, ...]
    """In the order in which they come."""

    def run_started(self, run_id: str, source: str, *, host: str = "") -> RunStarted:
        """Return the first event of a rehearsal that no guardian writes the log of; it has neither cluster nor traffic."""
        return RunStarted(
            run_id=run_id,
            kind=self.programme.kind,
            title=self.programme.title,
            source=source,
            source_digest=self.programme.digest,
            version=__version__,
            host=host or socket.gethostname(),
            namespaces=list(self.programme.namespaces),
            roles=dict(self.programme.roles),
        )

    def started(self) -> RehearsalStarted:
        """Return the event that says how it is rehearsed."""
        return RehearsalStarted(
            level=self.level,
            seed=self.seed,
            surprise=self.plan.surprise,
            clocks={**_DEFAULTS, **self.plan.clocks},
            roles=list(self.plan.roles),
            injects=[inject.as_dict() for inject in sorted(self._injects(), key=lambda one: one.at_seconds)],
            readers=[reader.as_dict() for reader in self.plan.readers],
        )

    def _injects(self) -> tuple[Inject, ...]:
        """Return what happens to people: what the plan says, else that the alerts ring which lead to each round's runbook."""
        # The very default: a plan that writes the same words means them.
        if self.plan.injects is not DEFAULT_INJECTS:
            return self.plan.injects
        return tuple(_ringing(inject, item) for item in self.rounds for inject in DEFAULT_INJECTS)


def _ringing(inject: Inject, item: Round) -> Inject:
    """Return the default alert as it rings in a round: by the names that its runbook lists, or as it is."""
    path = item.experiment.runbook_path
    alerts = load_runbook(path).alerts if path else ()
    ring = f"{'An alert rings' if len(alerts) == 1 else 'Alerts ring'}: {', '.join(alerts)}."
    return replace(inject, id=f"{inject.id}-{item.id}", round=item.id, text=ring if alerts else inject.text)


def rehearsed(file: Path, *, level: str, seed: int = 0) -> Rehearsed:
    """Read what is to be rehearsed; UsageError or RefusedError says what it lacks."""
    if level not in LEVELS:
        raise UsageError(f"--level: expected one of {', '.join(LEVELS)}, but got {level!r}{did_you_mean(level, LEVELS)}")
    programme = load_programme(file)
    without = [item.id for item in programme.rounds if item.experiment.runbook_path is None]
    if without:
        raise RefusedError(
            f"{file}: people follow a runbook, and there is none in {', '.join(without)}. "
            "Name one in the experiment's gameday block: `runbook: NAME`"
        )
    hasty = [item.id for item in programme.rounds if item.experiment.rollbacks] if level == "live" else []
    if hasty:
        raise RefusedError(
            f"{file}: the experiment's own rollbacks end the fault before anybody could respond to it, in {', '.join(hasty)}. "
            "Leave them out: what actions of gameday changed is undone in any case. A tabletop can be held as it is"
        )
    plan = programme.plan.rehearsal if programme.plan else RehearsalPlan()
    return Rehearsed(programme, plan, level, seed, _drawn(programme.rounds, seed) if plan.surprise else programme.rounds)


def round_begun(item: Round) -> tuple[RoundStarted, RunbookOpened]:
    """Return the events with which a round begins for people."""
    path = item.experiment.runbook_path
    if path is None:
        raise RefusedError(f"{item.experiment.path} names no runbook")
    runbook = load_runbook(path)
    return _round_started(item, runbook), opened(runbook, round_id=item.id)


def _round_started(item: Round, runbook: Runbook) -> RoundStarted:
    """Return the event with which a round begins that nothing is injected in; its experiment only says what it is about."""
    experiment = item.experiment
    objectives = {"rto_seconds": experiment.objectives.rto_seconds, "rpo_seconds": experiment.objectives.rpo_seconds}
    return RoundStarted(
        title=experiment.title,
        experiment=experiment.path.name,
        experiment_digest=experiment.digest,
        hypothesis=experiment.hypothesis_title,
        runbook=runbook.id,
        runbook_mode=PEOPLE,
        runbook_steps=[
            {"phase": step.phase, "title": step.title, "role": step.role, "expected_seconds": step.expected_seconds}
            for step in runbook.steps
        ],
        expected=item.expect,
        objectives={name: value for name, value in objectives.items() if value is not None},
        owners=list(experiment.owners),
        round=item.id,
    )


def _drawn(rounds: tuple[Round, ...], seed: int) -> tuple[Round, ...]:
    """Return the rounds in an order that depends on the seed alone."""
    shuffled = list(rounds)
    random.Random(seed).shuffle(shuffled)  # noqa: S311  # a surprise, not a secret
    return tuple(shuffled)
