"""What every registered action promises, whoever wrote it: planning is pure, undo restores, twice is once, its words are there.

The actions are found as `gameday list actions` finds them. Each has a row in `EXAMPLES`, which prepares a namespace and gives
valid arguments; a new action without one fails here, with a sentence that says what to add.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
import yaml

from gameday.change import ActionSpec, CreateObject, DeletePod, EvictPod, PatchObject
from gameday.change.registry import action_named
from gameday.cli.listing import registered_in
from gameday.cluster import Json, ObjectRef, Selection
from gameday.cluster.reading import is_ready
from gameday.errors import BadParameterError
from gameday.guard import Policy, gather, judge
from gameday.interposition.standing import proxies_of
from gameday.plan import plan_action
from gameday.run.snapshot import compare, look
from gameday.staging import shop_manifests
from gameday.workspace import SHIPPED

pytestmark = pytest.mark.e2e
STATUS: Final = shop_manifests() / "22-status.yaml"
ACTIONS: Final = [
    row["name"]
    for row in registered_in("actions")
    # What only a run's own samples show is no object of the cluster; test_surge.py holds it to the same.
    if action_named(row["name"]).measured is None
]
KINDS: Final = (
    ("apps/v1", "Deployment"),
    ("apps/v1", "ReplicaSet"),
    ("v1", "ConfigMap"),
    ("v1", "Event"),
    ("v1", "Node"),
    ("v1", "Pod"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("discovery.k8s.io/v1", "EndpointSlice"),
)


def _a_pod(scratch: Any) -> Mapping[str, Any]:
    scratch.deployment(replicas=2)
    scratch.service()
    scratch.ready(number=2)
    return {"namespace": scratch.name, "selector": "app=web", "grace_seconds": 0}


def _a_deployment(scratch: Any) -> Mapping[str, Any]:
    scratch.deployment(replicas=1)
    scratch.ready()
    return {"namespace": scratch.name, "name": "web", "replicas": 0}


def _a_setting(scratch: Any) -> Mapping[str, Any]:
    scratch.deployment(replicas=1)
    scratch.ready()
    return {"namespace": scratch.name, "name": "web", "variables": {"COLOUR": "blue"}}


_ACCOUNT: Final = (SHIPPED / "deploy/namespace/proxy.yaml").read_text()
_BUSY: Final = """
import time, urllib.request
while True:
    time.sleep(0.05)
    try:
        urllib.request.urlopen("http://$(WEB_SERVICE_HOST):$(WEB_SERVICE_PORT)/any/thing?list-type=2", timeout=1).read()
    except OSError:
        pass
"""


def _a_service(scratch: Any) -> Mapping[str, Any]:
    """Put a Service there, with somebody who asks it all the time, and the account of proxies."""
    for manifest in yaml.safe_load_all(_ACCOUNT.replace("WHERE-THIS-GOES", scratch.name)):
        scratch.cluster.create({**manifest, "metadata": {**manifest["metadata"], "namespace": scratch.name}})
    scratch.service()
    scratch.deployment(replicas=1)
    customer = {"name": "main", "image": "python:3", "command": ["python", "-c", _BUSY]}
    scratch.deployment("customer", replicas=1, pod={"containers": [customer]})
    scratch.ready()
    return {"namespace": scratch.name, "name": "web"}


def _outside(scratch: Any) -> Mapping[str, Any]:
    """Let a Service's address be what is outside."""
    _a_service(scratch)
    spec = scratch.get("Service", "web")["spec"]
    return {"namespace": scratch.name, "name": "outside", "host": spec["clusterIP"], "port": spec["ports"][0]["port"]}


def _an_interposed_service(**more: Any) -> Callable[[Any], Mapping[str, Any]]:
    """Return what puts a Service there that has its proxies already."""

    def put(scratch: Any) -> Mapping[str, Any]:
        where = _a_service(scratch)
        interpose = action_named("gameday.actions.services.interpose")
        changes = interpose.plan(scratch.cluster, **where)
        for change in changes:
            if isinstance(change, CreateObject):
                scratch.cluster.create(change.manifest)
            elif isinstance(change, PatchObject):
                scratch.eventually(lambda: proxies_of(scratch.cluster, scratch.ref("Service", "web"))[1:])
                value = change.fields["/spec/selector"]
                scratch.patch("Service", "web", {"op": "replace", "path": "/spec/selector", "value": value})
        scratch.eventually(lambda: interpose.landed(scratch.cluster, changes).landed)
        return {**where, **more}

    return put


def _an_announcement(scratch: Any) -> Mapping[str, Any]:
    """Put the demo shop's status page into the namespace, as its manifest has it."""
    for manifest in yaml.safe_load_all(STATUS.read_text(encoding="utf-8")):
        manifest["metadata"]["namespace"] = scratch.name
        for subject in manifest.get("subjects", ()):
            subject["namespace"] = scratch.name
        scratch.cluster.create(manifest)
    scratch.ready("status")
    return {"namespace": scratch.name, "state": "identified", "message": "Some orders fail.", "estimate_minutes": 30}


def _two_services(scratch: Any) -> Mapping[str, Any]:
    scratch.deployment(replicas=1)
    scratch.deployment("spare", replicas=1)
    scratch.service()
    scratch.ready()
    scratch.ready("spare")
    return {"namespace": scratch.name, "name": "web", "selector": {"app": "spare"}}


EXAMPLES: Final[Mapping[str, Callable[[Any], Mapping[str, Any]]]] = {
    "gameday.actions.comms.announce": _an_announcement,
    "gameday.actions.config.set_env": _a_setting,
    "gameday.actions.pods.kill": _a_pod,
    "gameday.actions.services.cut": _an_interposed_service(after_bytes=10),
    "gameday.actions.services.fail": _an_interposed_service(status=500, match={"methods": ["GET"]}),
    "gameday.actions.services.hang": _an_interposed_service(),
    "gameday.actions.services.interpose": _a_service,
    "gameday.actions.services.refuse": _an_interposed_service(),
    "gameday.actions.services.represent": _outside,
    "gameday.actions.services.reset": _an_interposed_service(at="response"),
    "gameday.actions.services.slow": _an_interposed_service(seconds=0.2, jitter_seconds=0.1),
    "gameday.actions.services.throttle": _an_interposed_service(bytes_per_second=1000),
    "gameday.actions.storage.block": _an_interposed_service(how="error", operations=["get", "list"]),
    "gameday.actions.storage.cut": _an_interposed_service(after_bytes=10),
    "gameday.actions.storage.slow": _an_interposed_service(seconds=0.2),
    "gameday.actions.traffic.redirect": _two_services,
    "gameday.actions.workloads.scale": _a_deployment,
}


@pytest.fixture(params=ACTIONS)
def action(request: pytest.FixtureRequest) -> ActionSpec:
    return action_named(request.param)


@pytest.fixture
def arguments(action: ActionSpec, scratch: Any) -> Mapping[str, Any]:
    example = EXAMPLES.get(action.name)
    assert example is not None, (
        f"the action {action.name} has no example to be held to the contract with; add a row to EXAMPLES in {__file__}: a "
        "function that puts what the action needs into a scratch namespace and returns valid arguments that change something"
    )
    return example(scratch)


def everything(cluster: Any, scratch: Any) -> dict[ObjectRef, str]:
    """Return each object's resourceVersion, once the namespace has come to rest."""

    def versions() -> dict[ObjectRef, str]:
        found: dict[ObjectRef, str] = {}
        for api_version, kind in KINDS:
            namespace = "" if kind == "Node" else scratch.name
            for obj in cluster.list(Selection(api_version, kind, namespace)):
                found[ObjectRef.of(obj)] = "" if kind == "Node" else obj["metadata"]["resourceVersion"]
        return found

    seen = versions()
    while True:
        time.sleep(0.1)
        now = versions()
        if now == seen:
            return now
        seen = now


def carry_out(books: Any, action: ActionSpec, arguments: Mapping[str, Any]) -> None:
    for change in action.plan(books.cluster, **arguments):
        books.change(change, by=action.name)


def undo(books: Any, debt: Any = None) -> list[str]:
    done = books.undo(debt, now=time.monotonic, sleep=time.sleep)
    return [item.outcome for item in done]


def ready(scratch: Any) -> list[Json]:
    return [pod for pod in scratch.pods() if is_ready(pod)]


def test_there_are_actions_to_hold_to_the_contract() -> None:
    assert set(EXAMPLES) <= set(ACTIONS)
    assert ACTIONS


def test_planning_is_pure(action: ActionSpec, arguments: Mapping[str, Any], cluster: Any, scratch: Any) -> None:
    before = everything(cluster, scratch)
    first = list(action.plan(cluster, **arguments))
    second = list(action.plan(cluster, **arguments))
    assert first, "the example's arguments change nothing"
    assert first == second
    assert everything(cluster, scratch) == before


def test_what_is_planned_passes_the_guard(action: ActionSpec, arguments: Mapping[str, Any], cluster: Any, scratch: Any) -> None:
    planned = plan_action(action, arguments, cluster, by="contract")
    policy = Policy(namespaces=(scratch.name,), caps={"pods": 1, "objects": 4})
    assert judge(planned, policy, gather(planned, policy, cluster)) == ()


def test_undo_restores_what_was_applied_and_twice_is_once(
    action: ActionSpec, arguments: Mapping[str, Any], books: Any, scratch: Any
) -> None:
    before, pods = look(books.cluster, [scratch.name]), len(ready(scratch))
    carry_out(books, action, arguments)
    assert set(undo(books)) == {"undone"}
    scratch.eventually(lambda: len(ready(scratch)) == pods)
    differences = compare(before, look(books.cluster, [scratch.name]))
    assert (differences.fields, differences.created, differences.deleted) == ({}, [], [])
    at_rest = everything(books.cluster, scratch)
    assert undo(books) == []
    assert undo(books, books.opened()) == []
    assert everything(books.cluster, scratch) == at_rest


def test_a_fault_is_seen_by_its_evidence_and_is_not_before(
    action: ActionSpec, arguments: Mapping[str, Any], books: Any, scratch: Any
) -> None:
    changes = list(action.plan(books.cluster, **arguments))
    before = action.landed(books.cluster, changes)
    assert before.landed is False
    assert before.seen
    for change in changes:
        books.change(change)
    found = scratch.eventually(lambda: (seen := action.landed(books.cluster, changes)).landed and seen)
    assert found.seen
    undo(books)


def test_undo_succeeds_after_the_target_is_gone(
    action: ActionSpec, arguments: Mapping[str, Any], books: Any, scratch: Any
) -> None:
    carry_out(books, action, arguments)
    for api_version, kind in (("apps/v1", "Deployment"), ("v1", "Service"), ("v1", "ConfigMap")):
        for obj in books.cluster.list(Selection(api_version, kind, scratch.name)):
            books.cluster.delete(ObjectRef.of(obj))
    assert set(undo(books)) == {"already"}
    assert all(entry.is_settled for entry in books.opened().entries)


def test_what_was_never_applied_is_owed_and_settles_as_it_was(
    action: ActionSpec, arguments: Mapping[str, Any], books: Any, scratch: Any
) -> None:
    before = look(books.cluster, [scratch.name])
    for change in action.plan(books.cluster, **arguments):
        books.owe(change)
    done = books.undo(confirmed=False, now=time.monotonic, sleep=time.sleep)
    assert {item.outcome for item in done} == {"already"}
    assert compare(before, look(books.cluster, [scratch.name])).fields == {}


def test_every_change_names_its_object_down_to_the_uid(action: ActionSpec, arguments: Mapping[str, Any], cluster: Any) -> None:
    for change in action.plan(cluster, **arguments):
        exists = cluster.get(change.ref.anonymous)
        assert exists is None or change.ref.uid == exists["metadata"]["uid"]
        if isinstance(change, DeletePod | EvictPod):
            assert change.ref.uid


def test_its_docstring_names_its_parameters_what_undoes_it_and_what_shows_that_it_landed(action: ActionSpec) -> None:
    doc = inspect.getdoc(action.plan) or ""
    parameters = list(inspect.signature(action.plan).parameters.values())
    missing = [parameter.name for parameter in parameters[1:] if parameter.name not in doc]
    assert missing == [], f"{action.name}: its docstring does not name {', '.join(missing)}"
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters[1:])
    first = doc.splitlines()[0]
    assert first.endswith("."), f"{action.name}: expected one imperative sentence first, but got {first!r}"
    assert "ndone" in doc, f"{action.name}: its docstring does not say what undoes it"
    assert "anded" in doc, f"{action.name}: its docstring does not say what shows that it landed"
    assert inspect.getdoc(action.landed), f"{action.name}: what shows that it landed has no docstring"


def test_it_states_the_rights_that_it_needs(action: ActionSpec) -> None:
    assert action.rights, f"{action.name}: expected rights, as in `kubectl auth can-i`"
    verbs = {right.verb for right in action.rights}
    assert verbs <= {"get", "list", "watch", "create", "update", "patch", "delete"}
    assert verbs & {"create", "update", "patch", "delete"}, f"{action.name}: no right of it writes anything"


def test_arguments_of_another_name_are_refused(action: ActionSpec, arguments: Mapping[str, Any], cluster: Any) -> None:
    with pytest.raises(BadParameterError, match=r"no_such_parameter.*its parameters are"):
        plan_action(action, {**arguments, "no_such_parameter": 1}, cluster, by="contract")
