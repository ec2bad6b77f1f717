"""What counts against the caps, over rounds."""

from __future__ import annotations

from typing import Any

from gameday.change import CreateObject, DeletePod, PatchObject
from gameday.cluster import ObjectRef
from gameday.guard import Lost
from gameday.plan import PlannedChange
from gameday.run.tally import Tally

WEB = ObjectRef("apps/v1", "Deployment", "shop", "web")


def workload(replicas: int) -> dict[str, Any]:
    metadata = {"name": "web", "namespace": "shop", "uid": "u"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"replicas": replicas}}


def killing(name: str, wanted: int = 4) -> PlannedChange:
    return PlannedChange(DeletePod(ObjectRef("v1", "Pod", "shop", name, name)), "act", {}, workload(wanted), pods_lost=1)


def scaling(before: int, after: int) -> PlannedChange:
    change = PatchObject(ObjectRef("apps/v1", "Deployment", "shop", "web", "u"), {"/spec/replicas": after})
    return PlannedChange(change, "act", workload(before), pods_lost=max(0, before - after))


def test_losses_of_one_workload_add_up_whatever_took_them_and_are_of_what_it_wanted_first() -> None:
    tally = Tally()
    tally.add("c1", killing("a"), "one")
    tally.add("c2", scaling(4, 2), "one")
    tally.add("c3", killing("b", wanted=2), "one")
    total = tally.total({"one"})
    assert (total.pods_lost, total.lost) == (4, {WEB: Lost(4, 4)})
    assert total.objects == {WEB}


def test_only_rounds_that_are_on_count() -> None:
    tally = Tally()
    tally.add("c1", killing("a"), "one")
    tally.add("c2", killing("b"), "two")
    assert tally.total({"two"}).pods_lost == 1
    assert tally.total({"one", "two"}).pods_lost == 2
    assert tally.total(set()).lost == {}


def test_a_change_that_is_asked_for_again_counts_once() -> None:
    tally = Tally()
    tally.add("c1", killing("a"), "one")
    tally.add("c1", killing("a"), "one")
    assert tally.total({"one"}).pods_lost == 1
    assert tally.total({"one"}, but="c1").pods_lost == 0


def test_an_object_counts_once_however_often_it_is_changed() -> None:
    tally = Tally()
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": "shop"}}
    tally.add("c1", scaling(1, 2), "one")
    tally.add("c2", scaling(2, 3), "one")
    tally.add("c3", PlannedChange(CreateObject(manifest), "act", None), "one")
    assert len(tally.total({"one"}).objects) == 2
