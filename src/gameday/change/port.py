"""The port by which a registered action or probe reaches the engine, and the two decorators that register them.

Chaos Toolkit calls an action as a plain function. The decorator gives it one that hands the call to whatever engine
this process is a worker of; the pure function beneath stays reachable for `plan`, for the guard and for the contract suite.
What is *not* here: any engine. `install` is called by the worker; without one (plain `chaos run`) the first call imports
`gameday.run.standalone`, which starts a guardian.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from gameday.change.kinds import Change
from gameday.change.parameters import misfits
from gameday.cluster import View, plural
from gameday.errors import BadParameterError


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an independent read path says of whether a fault is in place.

    `landed` is True (seen), False (looked, and it is not) or None (could not look). `seen` is a sentence for the report.
    """

    landed: bool | None
    seen: str


@dataclass(frozen=True, slots=True)
class Right:
    """A right that an action needs, in the words of `kubectl auth can-i`."""

    verb: str
    resource: str
    api_group: str = ""


PlanFunction = Callable[..., Sequence[Change]]
LandedFunction = Callable[[View, Sequence[Change]], Evidence]
MeasuredFunction = Callable[["Observations", Sequence[Change]], Evidence]
ProbeFunction = Callable[..., "Measurement"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a probe saw: a number and its unit; never None, never a judgement.

    `low` and `high` bound the true value where the probe knows how exact it is. `samples` is how many observations it rests on.
    """

    value: float
    unit: str
    seen: str = ""
    samples: int = 0
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """A registered action: its pure function, what shows that it landed, and the rights it needs."""

    name: str
    plan: PlanFunction
    landed: LandedFunction
    rights: tuple[Right, ...] = ()
    measured: MeasuredFunction | None = None
    """Where the run's own samples show that it landed, and no object of the cluster does: asked instead of `landed`."""

    def rights_with(self, arguments: Mapping[str, Any]) -> tuple[Right, ...]:
        """Return what it needs with these arguments: of the kinds that it may patch, the rights to the `kind` that is meant."""
        parameter = inspect.signature(self.plan).parameters.get("kind")
        meant = plural(str(arguments.get("kind", parameter.default))) if parameter else ""
        patched = {(right.resource, right.api_group) for right in self.rights if right.verb == "patch"}
        others = {one for one in patched if one[0] != meant}
        if others == patched:  # it patches nothing that is told by a kind
            return self.rights
        return tuple(right for right in self.rights if (right.resource, right.api_group) not in others)


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """A registered probe: a function of the run's observations (`Observations`) that returns a Measurement."""

    name: str
    measure: ProbeFunction


class Observations(Protocol):
    """What a probe may look at: the cluster, read-only, and the run's own stream of samples."""

    @property
    def view(self) -> View:
        """The cluster, read-only."""

    def windows(self, *, seconds: float) -> Sequence[Any]:
        """Return the traffic windows (`traffic.windows.Window`) of the last `seconds`, all of them after the last change.

        Waits until that many seconds of samples exist; NoMeasurementError when no traffic runs or none comes.
        """

    @property
    def order_step(self) -> str:
        """The step of the journey that places the order."""

    def since_fault(self) -> tuple[float, Sequence[Any]]:
        """Return the monotonic time at which the round's first fault was applied, and all windows since."""

    def fault_at(self) -> float | None:
        """Return the monotonic time at which the round's first fault was applied; None before that."""

    def ledger(self, *, failed_before_seconds: float = 0.0) -> Any:
        """Look up every submit so far in the shop (`traffic.ledger.LedgerResult`); NoMeasurementError where it cannot be asked.

        Of failed submits only those of the round are looked for in the shop's list, that old or older.
        """


class Engine(Protocol):
    """What carries out the calls of registered functions in this process."""

    def perform(self, action: ActionSpec, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Plan the action, have each change guarded, recorded and applied; return what was changed, as JSON."""

    def observe(self, probe: ProbeSpec, arguments: Mapping[str, Any]) -> float:
        """Measure, log the measurement, and return its value, which is what a tolerance is held against."""


@dataclass(slots=True)
class _Installed:
    engine: Engine | None = field(default=None)


_installed = _Installed()


def install(engine: Engine | None) -> None:
    """Make this engine the one that registered functions reach in this process; None takes it out."""
    _installed.engine = engine


def is_installed() -> bool:
    """Say whether this process has an engine already."""
    return _installed.engine is not None


def current() -> Engine:
    """Return this process's engine; under plain `chaos run` the first call starts one."""
    if _installed.engine is None:
        # By name, since this room may not know the rooms above it.
        _installed.engine = importlib.import_module("gameday.run.standalone").connect()
    return _installed.engine


def action(
    *, landed: LandedFunction | None = None, rights: Sequence[Right] = (), measured: MeasuredFunction | None = None
) -> Callable[[PlanFunction], Callable[..., Any]]:
    """Register a pure function `(view, **parameters) -> changes` as an action.

    `landed` looks at the cluster; `measured`, instead of it, at the run's samples, for what no object of the cluster shows.
    What Chaos Toolkit sees has the same signature without the view. The ActionSpec stays at its attribute `spec`.
    """

    def register(plan: PlanFunction) -> Callable[..., Any]:
        spec = ActionSpec(_qualified(plan), plan, landed or _not_in_the_cluster, tuple(rights), measured)

        @functools.wraps(plan)
        def called_by_chaos_toolkit(**arguments: Any) -> Mapping[str, Any]:
            return current().perform(spec, arguments)

        return _registered(called_by_chaos_toolkit, plan, spec)

    return register


def _not_in_the_cluster(view: View, changes: Sequence[Change]) -> Evidence:
    del view, changes
    return Evidence(None, "no object of the cluster shows it; only the samples of a run do")


def probe(measure: ProbeFunction) -> Callable[..., Any]:
    """Register a function `(observations, **parameters) -> Measurement` as a probe."""
    spec = ProbeSpec(_qualified(measure), measure)

    @functools.wraps(measure)
    def called_by_chaos_toolkit(**arguments: Any) -> float:
        return current().observe(spec, arguments)

    return _registered(called_by_chaos_toolkit, measure, spec)


def bind(function: Callable[..., Any], name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Check arguments against a registered function's parameters, their types and units; BadParameterError says which is off."""
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[1:]
    try:
        signature.replace(parameters=parameters).bind(**arguments)
    except TypeError as error:
        known = ", ".join(parameter.name for parameter in parameters)
        raise BadParameterError(f"{name}: {error}; its parameters are {known}") from error
    wrong = list(misfits(function, arguments))
    if wrong:
        raise BadParameterError(f"{name}: {'; '.join(wrong)}")
    return dict(arguments)


def _qualified(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def _registered(wrapper: Callable[..., Any], pure: Callable[..., Any], spec: ActionSpec | ProbeSpec) -> Callable[..., Any]:
    signature = inspect.signature(pure)
    shown = list(signature.parameters.values())[1:]
    wrapper.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]
    wrapper.spec = spec  # type: ignore[attr-defined]
    return wrapper
