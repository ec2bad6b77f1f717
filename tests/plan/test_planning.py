"""What an experiment would change, asked of a real cluster that stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gameday.change import MISSING, CreateObject, EvictPod, PatchObject
from gameday.change.registry import action_named
from gameday.cluster import ObjectRef
from gameday.errors import BadParameterError, NoTargetError
from gameday.experiment import Activity, Experiment, TrafficSpec
from gameday.experiment.model import Objectives
from gameday.plan import look_at, make_plan, plan_action, plan_activity

pytestmark = pytest.mark.e2e


def activity(func: str = "scale", module: str = "gameday.actions.workloads", *, ours: bool = True, **arguments: Any) -> Activity:
    return Activity("act", "action", "python", module, func, arguments, line=1, ours=ours)


def experiment(*activities: Activity, prepare: tuple[Activity, ...] = (), traffic: TrafficSpec | None = None) -> Experiment:
    return Experiment(
        path=Path("x.yaml"),
        digest="",
        title="x",
        hypothesis_title="",
        activities=activities,
        prepare=prepare,
        hypothesis=(),
        rollbacks=(),
        document={},
        ours=True,
        runbook="",
        runbook_path=None,
        traffic=traffic,
        objectives=Objectives(),
    )


def test_a_plan_holds_each_change_with_its_object_and_its_diff(cluster: Any, scratch: Any) -> None:
    made = scratch.deployment(replicas=0)
    found = make_plan(experiment(activity(namespace=scratch.name, name="web", replicas=2)), cluster)
    (change,) = found.changes
    assert (change.kind, change.by, change.pods_lost) == ("patch", "act", 0)
    assert change.summary == f"set on deployment {scratch.name}/web: /spec/replicas = 2"
    assert change.diff() == [{"path": "/spec/replicas", "before": 0, "after": 2}]
    assert change.before is not None
    # Its status and annotations are the controller's, which may write them before or after this.
    assert (change.before["metadata"]["uid"], change.before["spec"]) == (made["metadata"]["uid"], made["spec"])


def test_activities_of_others_are_named_since_their_changes_cannot_be_seen(cluster: Any) -> None:
    found = make_plan(experiment(activity("drop", "somebody.else", ours=False)), cluster)
    assert found.foreign == ("act",)
    assert found.changes == ()


def test_probes_of_the_method_plan_nothing(cluster: Any) -> None:
    looked = Activity("look", "probe", "python", "gameday.probes.workloads", "ready", {}, line=1, ours=True)
    assert make_plan(experiment(looked), cluster).changes == ()


def test_what_makes_an_action_impossible_is_its_own_error(cluster: Any, scratch: Any) -> None:
    with pytest.raises(NoTargetError, match=f"there is no deployment {scratch.name}/web"):
        plan_activity(activity(namespace=scratch.name, name="web", replicas=2), cluster)
    with pytest.raises(BadParameterError, match="its parameters are namespace, name, replicas, kind"):
        plan_action(action_named("gameday.actions.workloads.scale"), {"nam": "web"}, cluster, by="x")


def test_a_pod_is_planned_with_the_workload_that_would_replace_it(cluster: Any, scratch: Any) -> None:
    scratch.deployment(replicas=1)
    (pod,) = scratch.ready()
    found = look_at(EvictPod(ObjectRef.of(pod)), cluster, by="x")
    assert found.pods_lost == 1
    assert found.workload is not None
    assert found.workload["kind"] == "Deployment"
    assert found.workload["metadata"]["name"] == "web"
    assert found.diff() == []


def test_scaling_down_loses_pods_and_what_is_not_there_loses_none(cluster: Any, scratch: Any) -> None:
    scratch.deployment(pod={"nodeSelector": {"nowhere": "true"}}, replicas=3)
    web = scratch.ref("Deployment", "web", "apps/v1")
    assert look_at(PatchObject(web, {"/spec/replicas": 1}), cluster, by="x").pods_lost == 2
    assert look_at(PatchObject(web, {"/spec/replicas": 5}), cluster, by="x").pods_lost == 0
    assert look_at(PatchObject(web, {"/spec/replicas": MISSING}), cluster, by="x").pods_lost == 2
    gone = look_at(PatchObject(scratch.ref("Deployment", "no", "apps/v1"), {"/spec/replicas": 1}), cluster, by="x")
    assert (gone.before, gone.pods_lost) == (None, 0)


def test_a_changed_template_loses_every_pod_of_what_recreates_them_and_none_of_what_rolls(cluster: Any, scratch: Any) -> None:
    scratch.deployment(pod={"nodeSelector": {"nowhere": "true"}}, replicas=3)
    web = scratch.ref("Deployment", "web", "apps/v1")
    renewed = {"/spec/template/metadata/annotations/again": "1"}
    same = {"/spec/template/spec/containers[name=main]/image": "python:3"}
    assert look_at(PatchObject(web, renewed), cluster, by="x").pods_lost == 0
    recreated = {**renewed, "/spec/strategy": {"type": "Recreate"}}
    assert look_at(PatchObject(web, recreated), cluster, by="x").pods_lost == 3, "from this change on it recreates them"
    scratch.cluster.patch(web, [{"op": "add", "path": "/spec/strategy", "value": {"type": "Recreate"}}])
    found = look_at(PatchObject(web, renewed), cluster, by="x")
    assert found.pods_lost == 3
    assert [(loss.workload.name, loss.pods, loss.wanted) for loss in found.losses] == [("web", 3, 3)]
    assert look_at(PatchObject(web, {"/spec/replicas": 5, **renewed}), cluster, by="x").pods_lost == 3
    assert look_at(PatchObject(web, same), cluster, by="x").pods_lost == 0, "nothing is replaced for what stays as it is"
    assert look_at(PatchObject(web, {"/metadata/labels/tier": "front"}), cluster, by="x").pods_lost == 0


def test_a_creation_is_planned_with_what_is_in_its_place(cluster: Any, scratch: Any) -> None:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": scratch.name}}
    assert look_at(CreateObject(manifest), cluster, by="x").before is None
    made = scratch.config_map("m")
    assert look_at(CreateObject(manifest), cluster, by="x").before == made


def test_a_diff_shows_no_secret(cluster: Any, scratch: Any) -> None:
    scratch.create("Secret", "db", data={"password": "aHVudGVyMg=="})
    found = look_at(PatchObject(scratch.ref("Secret", "db"), {"/data/password": "aHVudGVyMw=="}), cluster, by="x")
    assert "aHVudGVy" not in repr(found.diff()) + found.summary


def test_a_crowd_is_planned_with_both_rates_and_a_load_that_is_not_there_is_refused(cluster: Any) -> None:
    surge = activity("surge", "gameday.actions.traffic", times=10)
    (change,) = make_plan(experiment(surge, traffic=TrafficSpec("checkout", 3.0)), cluster).changes
    assert change.diff() == [{"path": "/ratePerSecond", "before": 3.0, "after": 30.0}]
    assert (change.kind, change.pods_lost, change.before) == ("load", 0, None)
    (change,) = make_plan(experiment(surge), cluster, traffic=TrafficSpec("checkout", 4.0)).changes
    assert change.summary == "40 customers a second instead of 4"
    with pytest.raises(NoTargetError, match=r"'act' changes how often customers come, but none do: expected `traffic:"):
        make_plan(experiment(surge), cluster)
    with pytest.raises(BadParameterError, match="no more than 10000 customers a second"):
        make_plan(experiment(surge, traffic=TrafficSpec("checkout", 2000.0)), cluster)
