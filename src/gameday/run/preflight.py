"""Everything that is found out before anything is changed: the file, the cluster, the plan, the guard, who else is at work.

What is wrong here ends the run as refused, with nothing changed. Reads only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gameday.cluster import Cluster
from gameday.errors import RefusedError
from gameday.experiment import Experiment, TrafficSpec
from gameday.experiment.stops import Stop
from gameday.gameday import GameDay, Round, load_any
from gameday.guard import Finding, Policy, gather, judge
from gameday.guard.accounts import UndoAccount, undo_account
from gameday.guard.needs import to_undo
from gameday.plan import Plan, make_plan
from gameday.run.conditions import Conditions
from gameday.run.load import target_url
from gameday.run.spec import RunSpec
from gameday.runbook import load_runbook
from gameday.traffic.journey import Journey
from gameday.traffic.journey_file import load_journey
from gameday.undo.storing import SecretStore
from gameday.workspace import Catalogue, make_importable


@dataclass(frozen=True, slots=True)
class Traffic:
    """The customers of a run: their journey, how often, and where they knock."""

    journey: Journey
    path: Path
    rate_per_second: float
    url: str


@dataclass(frozen=True, slots=True)
class Programme:
    """A file as a run carries it out: an experiment is a game day of one round."""

    kind: str
    """experiment, gameday, foreign or runbook (the proof of one)."""
    title: str
    path: Path
    digest: str
    cluster_pin: str
    namespaces: tuple[str, ...]
    rounds: tuple[Round, ...]
    traffic: TrafficSpec | None
    deadline_seconds: float
    switched_off: tuple[str, ...] = ()
    roles: tuple[tuple[str, str], ...] = ()
    plan: GameDay | None = None
    """What it was made of; None for a single experiment."""

    @property
    def is_foreign(self) -> bool:
        """Whether some experiment in it is not ours, so that the guard cannot see what it changes."""
        return any(is_foreign(item.experiment) for item in self.rounds)

    @property
    def touches_cluster(self) -> bool:
        """Whether anything in it reaches a cluster through us."""
        return any(item.experiment.ours for item in self.rounds)

    def policy(self, item: Round) -> Policy:
        """Return what the guard is told for a round."""
        plan = self.plan
        return Policy(
            self.cluster_pin,
            self.namespaces,
            item.experiment.caps,
            self.switched_off,
            windows=plan.windows if plan else (),
            freezes=plan.freezes if plan else (),
            approvals=plan.approvals if plan else None,
        )


def stops_of(programme: Programme, item: Round) -> tuple[Stop, ...]:
    """Return what ends a round before its end: the plan's stop conditions, and its experiment's own."""
    return (*(programme.plan.stops if programme.plan else ()), *item.experiment.stops)


def is_foreign(experiment: Experiment) -> bool:
    """Say whether an experiment has activities of other extensions in its method or rollbacks."""
    activities = (*experiment.activities, *experiment.rollbacks)
    return not experiment.ours or any(item.type == "action" and not item.ours for item in activities)


def load_programme(file: Path | str, *, catalogue: Catalogue | None = None) -> Programme:
    """Read an experiment or a game-day plan; InvalidFileError with every problem at once."""
    catalogue = catalogue or Catalogue.around(file)
    make_importable(catalogue.project)
    found = load_any(file, catalogue=catalogue)
    return of_gameday(found) if isinstance(found, GameDay) else of_experiment(found)


def of_gameday(plan: GameDay) -> Programme:
    """Return a plan as it is run."""
    return Programme(
        kind="gameday",
        title=plan.title,
        path=plan.path,
        digest=plan.digest,
        cluster_pin=plan.cluster,
        namespaces=plan.namespaces,
        rounds=plan.rounds,
        traffic=plan.traffic or next((item.experiment.traffic for item in plan.rounds if item.experiment.traffic), None),
        deadline_seconds=plan.deadline_seconds,
        switched_off=plan.switched_off_rules,
        roles=tuple(plan.roles.items()),
        plan=plan,
    )


def of_experiment(experiment: Experiment) -> Programme:
    """Return a single experiment as a game day of one round."""
    return Programme(
        kind="experiment" if experiment.ours else "foreign",
        title=experiment.title,
        path=experiment.path,
        digest=experiment.digest,
        cluster_pin="",
        namespaces=experiment.namespaces,
        rounds=(Round("round-1", experiment, experiment.expect, "show"),),
        traffic=experiment.traffic,
        deadline_seconds=3600.0,
    )


def of_spec(spec: RunSpec) -> Programme:
    """Return what a run is to carry out; InvalidFileError with every problem at once."""
    programme = load_programme(spec.file)
    return proof_of(programme, Path(spec.runbook), tuple(spec.without)) if spec.runbook else programme


def proof_of(programme: Programme, path: Path, without: tuple[str, ...] = ()) -> Programme:
    """Return an experiment as the proof of a runbook: its steps are executed after the method, and are what is judged."""
    runbook = load_runbook(path)
    (item,) = programme.rounds
    round_ = replace(item, id=runbook.id, runbook_mode="execute", another_runbook=path, without=without, verifies=True)
    return replace(programme, kind="runbook", title=runbook.title, path=path, digest=runbook.digest, rounds=(round_,))


def check_foreign(programme: Programme, spec: RunSpec) -> None:
    """Refuse what the guard cannot see, unless the user said that it shall run all the same."""
    if programme.is_foreign and not spec.unguarded:
        raise RefusedError(
            f"{spec.shown_file} has activities of other extensions, and the guard cannot see what they change. "
            "If they may run all the same: --unguarded"
        )


def check_nothing_owed(cluster: Cluster, spec: RunSpec) -> None:
    """Refuse to start while another run still owes something in this cluster."""
    owing = sorted({item.shard.run_id for item in SecretStore(cluster).read() if item.shard.owes} - {spec.run_id})
    if owing:
        raise RefusedError(
            f"the run {owing[0]} still owes an undo in this cluster. If it is not on any more, undo it first: gameday recover"
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """The rounds of a programme with their plans and what the guard says of each, and who would undo them."""

    rounds: Sequence[tuple[Round, Plan, Sequence[Finding]]]
    undoing: UndoAccount


def check_plans(programme: Programme, cluster: Cluster, conditions: Conditions | None = None) -> Judged:
    """Plan every round against the cluster as it stands, choose who undoes, and have the guard judge it."""
    conditions = conditions or conditions_of(programme, cluster)
    plans = [(item, make_plan(item.experiment, cluster, traffic=programme.traffic)) for item in programme.rounds]
    undoing = undo_account(cluster, to_undo([change for _, plan in plans for change in plan.changes]))
    judged: list[tuple[Round, Plan, Sequence[Finding]]] = []
    for item, plan in plans:
        policy = _before_preparation(programme.policy(item), plan)
        facts = gather(plan.changes, policy, cluster, run=conditions.facts(starting=True), undoing=undoing)
        judged.append((item, plan, judge(plan.changes, policy, facts)))
    return Judged(judged, undoing)


def _before_preparation(policy: Policy, plan: Plan) -> Policy:
    """Leave budgets to the moment of the change where something is prepared first, since it may put pods elsewhere.

    Every change is judged once more when the run reaches it, and then by all rules.
    """
    if not any(change.prepares for change in plan.changes):
        return policy
    return replace(policy, switched_off=(*policy.switched_off, "disruption-budget"))


def conditions_of(programme: Programme, cluster: Cluster) -> Conditions:
    """Return what the run knows of itself, from now on."""
    return Conditions(cluster, programme.plan, deadline_seconds=programme.deadline_seconds)


def traffic_of(programme: Programme, cluster: Cluster | None) -> Traffic | None:
    """Find the customers' journey and where they knock; None for an experiment without traffic."""
    wanted = programme.traffic
    path = wanted.journey_path if wanted else None
    if wanted is None or path is None:
        return None
    if not wanted.namespace and programme.namespaces:
        wanted = replace(wanted, namespace=programme.namespaces[0])
    if cluster is None:
        if not wanted.url:
            raise RefusedError("traffic without a cluster needs an address: `traffic: {url: …}`")
        url = wanted.url
    else:
        url = target_url(cluster, wanted)
    return Traffic(load_journey(path), path, wanted.rate_per_second, url)
