"""Registering actions and probes, calling them as Chaos Toolkit does, and finding them by name."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from gameday.change import (
    ActionSpec,
    Change,
    Evidence,
    Measurement,
    Observations,
    ProbeSpec,
    Right,
    action,
    bind,
    install,
    port,
    probe,
)
from gameday.change.registry import action_named, registered
from gameday.cluster import View
from gameday.errors import BadParameterError


def seen(view: View, changes: Sequence[Change]) -> Evidence:
    del view, changes
    return Evidence(True, "seen")


@action(landed=seen, rights=[Right("get", "pods")])
def shake(view: View, *, namespace: str, strength: int = 1) -> Sequence[Change]:
    """Shake it."""
    del view, namespace, strength
    return []


@probe
def warmth(observations: Observations, *, room: str = "hall") -> Measurement:
    """Measure it."""
    del observations, room
    return Measurement(20.5, "°C")


SHAKE: ActionSpec = vars(shake)["spec"]
WARMTH: ProbeSpec = vars(warmth)["spec"]


class Recorder:
    """An engine that writes down what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, Mapping[str, Any]]] = []

    def perform(self, action: ActionSpec, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append((action, arguments))
        return {"changes": []}

    def observe(self, probe: ProbeSpec, arguments: Mapping[str, Any]) -> float:
        self.asked.append((probe, arguments))
        return 1.0


@pytest.fixture
def engine() -> Iterator[Recorder]:
    found = Recorder()
    install(found)
    yield found
    install(None)


def test_a_registered_function_hands_its_call_to_the_engine_of_the_process(engine: Recorder) -> None:
    assert shake(namespace="shop") == {"changes": []}
    assert warmth(room="attic") == 1.0
    assert engine.asked == [(SHAKE, {"namespace": "shop"}), (WARMTH, {"room": "attic"})]
    assert port.is_installed()


def test_chaos_toolkit_sees_the_parameters_without_the_view() -> None:
    assert list(inspect.signature(shake).parameters) == ["namespace", "strength"]
    assert list(inspect.signature(warmth).parameters) == ["room"]
    assert inspect.getdoc(shake) == "Shake it."


def test_the_pure_function_and_its_rights_stay_reachable() -> None:
    assert SHAKE.rights == (Right("get", "pods"),)
    assert SHAKE.name.endswith(".shake")
    assert WARMTH.measure(None).unit == "°C"


@action(rights=[*(Right(verb, kind, "apps") for kind in ("deployments", "statefulsets") for verb in ("get", "patch"))])
def stretch(view: View, *, kind: str = "Deployment") -> Sequence[Change]:
    """Stretch it."""
    del view, kind
    return []


def test_of_the_kinds_that_it_may_patch_it_needs_the_right_to_the_one_that_is_meant() -> None:
    spec: ActionSpec = vars(stretch)["spec"]
    assert spec.rights_with({}) == (Right("get", "deployments", "apps"), Right("patch", "deployments", "apps"))
    assert {right.resource for right in spec.rights_with({"kind": "StatefulSet"})} == {"statefulsets"}
    assert spec.rights_with({"kind": "Nonsense"}) == spec.rights
    assert SHAKE.rights_with({"namespace": "shop"}) == SHAKE.rights


@pytest.mark.parametrize(
    ("arguments", "word"),
    [({}, "namespace"), ({"namespace": "a", "strenght": 2}, "strenght"), ({"namespace": "a", "view": 1}, "view")],
)
def test_arguments_that_do_not_fit_are_named_together_with_the_parameters(arguments: dict[str, Any], word: str) -> None:
    with pytest.raises(BadParameterError, match=word) as caught:
        bind(SHAKE.plan, "room.shake", arguments)
    assert "its parameters are namespace, strength" in str(caught.value)


@pytest.mark.parametrize(
    "name", ["gameday.actions.pods.kil", "gameday.actions.pots.kill", "kill", "", "gameday.errors.worst", "os.path"]
)
def test_a_name_under_which_nothing_is_registered_is_refused_with_a_way_to_look(name: str) -> None:
    with pytest.raises(BadParameterError, match="gameday list actions"):
        registered(name)


def test_a_probe_is_no_action() -> None:
    with pytest.raises(BadParameterError, match="is a probe, not an action"):
        action_named("gameday.probes.workloads.ready")
    assert action_named("gameday.actions.pods.kill").name == "gameday.actions.pods.kill"
