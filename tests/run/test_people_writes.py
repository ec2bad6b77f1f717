"""What people wrote beside a run, told from what the run wrote itself."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from gameday.change import MISSING
from gameday.cluster import Json, ObjectRef
from gameday.run.people_writes import peoples_writes, set_back
from gameday.run.snapshot import Snapshot, Writes
from gameday.undo.owing import target_of
from gameday.undo.record import Entry, OwedField

REF = ObjectRef("apps/v1", "Deployment", "shop", "payment", "u1")
OBJ: Json = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "payment", "namespace": "shop", "uid": "u1", "annotations": {"team": "a"}},
    "spec": {
        "replicas": 2,
        "template": {"spec": {"containers": [{"name": "payment", "image": "v1", "env": [{"name": "MODE", "value": "on"}]}]}},
    },
}
ENV = "/spec/template/spec/containers[name=payment]/env"


def entry(path: str, before: Any, *wrote: Any, prepares: bool = False) -> Entry:
    return Entry(
        id="e1", round="r", by="act", target=target_of(REF), fields={path: OwedField(before, list(wrote))}, prepares=prepares
    )


def changed(**spec: Any) -> Json:
    obj: Json = copy.deepcopy(OBJ)
    obj["spec"].update(spec)
    return obj


def with_env(*env: dict[str, str]) -> Json:
    obj: Json = copy.deepcopy(OBJ)
    obj["spec"]["template"]["spec"]["containers"][0]["env"] = list(env)
    return obj


def found(after: Json, *entries: Entry, more: Snapshot | None = None) -> Writes:
    extra = dict(more or {})
    return peoples_writes({REF: OBJ, **extra}, {REF: after, **extra}, entries)


def test_a_fault_that_stands_as_the_run_made_it_is_nobodys_else() -> None:
    assert found(changed(replicas=0), entry("/spec/replicas", 2, 0)) == Writes({}, [], [])


def test_a_fault_that_was_overwritten_is_owed_as_it_stands_now_once() -> None:
    fault = entry("/spec/replicas", 2, 0)
    assert found(changed(replicas=3), fault).fields == {REF: {"/spec/replicas": (0, 3)}}
    assert found(changed(replicas=3), entry("/spec/replicas", 2, 0, 3)).fields == {}


def test_a_fault_that_people_set_back_owes_nothing_more() -> None:
    assert found(changed(replicas=2), entry("/spec/replicas", 2, 0)).fields == {}


def test_what_the_run_did_not_touch_is_owed_with_its_value_from_before_the_round() -> None:
    obj = changed(replicas=0)
    obj["metadata"]["annotations"] = {"team": "b"}
    assert found(obj, entry("/spec/replicas", 2, 0)).fields == {REF: {"/metadata/annotations/team": ("a", "b")}}


def test_a_fault_within_a_list_does_not_hide_what_people_wrote_beside_it() -> None:
    fault = entry(f"{ENV}[name=PORT]", MISSING, {"name": "PORT", "value": "1"})
    mode, port = {"name": "MODE", "value": "off"}, {"name": "PORT", "value": "1"}
    assert found(with_env(mode, port), fault).fields == {REF: {f"{ENV}[name=MODE]/value": ("on", "off")}}
    assert found(with_env({"name": "MODE", "value": "on"}, port), fault).fields == {}


def test_a_variable_of_the_run_that_people_removed_is_as_before() -> None:
    fault = entry(f"{ENV}[name=PORT]", MISSING, {"name": "PORT", "value": "1"})
    assert found(OBJ, fault).fields == {}
    removed = entry(f"{ENV}[name=MODE]", {"name": "MODE", "value": "on"}, MISSING)
    assert found(with_env(), removed).fields == {}


def test_a_field_below_an_owed_one_that_people_wrote_is_owed_as_the_whole() -> None:
    fault = entry(f"{ENV}[name=MODE]", {"name": "MODE", "value": "on"}, {"name": "MODE", "value": "off"})
    mine = {"name": "MODE", "value": "half"}
    assert found(with_env(mine), fault).fields == {REF: {f"{ENV}[name=MODE]": ({"name": "MODE", "value": "off"}, mine)}}


@pytest.mark.parametrize("is_named", [True, False], ids=["an annotation", "a HorizontalPodAutoscaler"])
def test_replicas_of_an_autoscaler_are_left_to_it(is_named: bool) -> None:  # noqa: FBT001
    before: Json = copy.deepcopy(OBJ)
    more: dict[ObjectRef, Json] = {}
    if is_named:
        before["metadata"]["annotations"]["gameday.dev/replicas-owner"] = "scaler"
    else:
        scaler = ObjectRef("autoscaling/v2", "HorizontalPodAutoscaler", "shop", "payment", "u2")
        more[scaler] = {"metadata": {"name": "payment"}, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "payment"}}}
    after = copy.deepcopy(before)
    after["spec"]["replicas"] = 7
    assert peoples_writes({REF: before, **more}, {REF: after, **more}, ()).fields == {}


def test_what_people_created_is_owed_and_what_the_run_created_is_not_theirs() -> None:
    other = ObjectRef("v1", "ConfigMap", "shop", "notes", "u3")
    obj: Json = {"metadata": {"name": "notes", "namespace": "shop"}, "data": {}}
    assert peoples_writes({}, {other: obj}, ()).created == [other]
    mine = Entry(id="e2", round="r", by="act", target=target_of(ObjectRef("v1", "ConfigMap", "shop", "notes", "")), created=True)
    assert peoples_writes({}, {other: obj}, [mine]).created == []


def test_what_people_deleted_is_told() -> None:
    assert peoples_writes({REF: OBJ}, {}, ()).deleted == [REF]


def test_a_fault_that_is_as_before_again_is_named_and_one_that_stands_or_was_overwritten_is_not() -> None:
    fault = entry("/spec/replicas", 2, 0)
    assert list(set_back({REF: OBJ}, [fault])) == ["/spec/replicas of deployment shop/payment"]
    assert list(set_back({REF: changed(replicas=0)}, [fault])) == []
    assert list(set_back({REF: changed(replicas=3)}, [fault])) == []
    assert list(set_back({REF: OBJ}, [entry("/spec/replicas", 2, 0, prepares=True)])) == []
