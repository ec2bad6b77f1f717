"""What every registered action promises, whoever wrote it: planning is pure, undo restores, twice is once, its words are there.

The actions are found as `gameday list actions` finds them. Each has a row in `EXAMPLES`, which prepares a namespace and gives
valid arguments; a new action without one fails here, with a sentence that says what to add.
"""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from gameday.actions.agents import BAD_CONTENT
from gameday.change import ActionSpec, CreateObject, DeletePod, EvictPod, PatchObject
from gameday.change.documentation import documentation_of
from gameday.change.parameters import Parameter, parameters_of
from gameday.change.registry import action_named
from gameday.cli.listing import registered_in
from gameday.cluster import Json, ObjectRef, Selection
from gameday.cluster.reading import is_ready, is_rolled_out
from gameday.errors import BadParameterError, NoTargetError
from gameday.guard import Policy, gather, judge
from gameday.interposition.standing import proxies_of
from gameday.plan import plan_action
from gameday.run.snapshot import compare, look
from gameday.staging import shop_manifests
from gameday.workspace import SHIPPED

pytestmark = pytest.mark.e2e
CONTENTED: Final = Path(__file__).with_name("contented.py")
STATUS: Final = shop_manifests() / "22-status.yaml"
ACTIONS: Final = [
    row["name"]
    for row in registered_in("actions")
    # What only a run's own samples show is no object of the cluster; test_surge.py holds it to the same.
    if action_named(row["name"]).measured is None
]
WITH_KINDS: Final = [name for name in ACTIONS if "kind" in inspect.signature(action_named(name).plan).parameters]
OFFERED: Final = ("ConfigMap", "CronJob", "DaemonSet", "Deployment", "Job", "Pod", "ReplicaSet", "Service", "StatefulSet")
TARGETS: Final = (
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("v1", "Service"),
    ("v1", "ConfigMap"),
)
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
    scratch.ready("customer")
    return {"namespace": scratch.name, "name": "web"}


def _outside(scratch: Any) -> Mapping[str, Any]:
    """Let a Service's address be what is outside."""
    _a_service(scratch)
    spec = scratch.get("Service", "web")["spec"]
    return {"namespace": scratch.name, "name": "outside", "host": spec["clusterIP"], "port": spec["ports"][0]["port"]}


def _a_release(scratch: Any) -> Mapping[str, Any]:
    scratch.deployment(replicas=1)
    scratch.ready()
    return {"namespace": scratch.name, "name": "web", "variables": {"RELEASE": "2"}}


def _a_released_deployment(scratch: Any) -> Mapping[str, Any]:
    scratch.deployment(replicas=1)
    scratch.ready()
    variables = {"op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": {"name": "RELEASE", "value": "2"}}
    scratch.patch("Deployment", "web", variables, api_version="apps/v1")
    scratch.eventually(lambda: is_rolled_out(scratch.get("Deployment", "web", "apps/v1")))
    scratch.ready()
    return {"namespace": scratch.name, "name": "web"}


def _a_database(scratch: Any) -> Mapping[str, Any]:
    scratch.deployment(replicas=1, env=[{"name": "DATABASE", "value": "orders"}, {"name": "RESTORE_FROM", "value": "orders"}])
    scratch.ready()
    return {"namespace": scratch.name, "name": "web"}


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


def _on_a_node(scratch: Any) -> Mapping[str, Any]:
    scratch.deployment(replicas=1)
    scratch.service()
    scratch.ready()
    return {"namespace": scratch.name, "holding": "app=web"}


def _a_closed_node(scratch: Any) -> Mapping[str, Any]:
    closed = ObjectRef("v1", "Node", "", "node-2")
    if not scratch.cluster.get(closed)["spec"].get("unschedulable"):
        scratch.cluster.patch(closed, [{"op": "add", "path": "/spec/unschedulable", "value": True}])
    return {"name": "node-2"}


def _in_a_zone(scratch: Any) -> Mapping[str, Any]:
    scratch.deployment(replicas=1)
    scratch.ready()
    return {"namespace": scratch.name, "name": "web", "zone": "zone-b"}


def _bound_to_a_zone(scratch: Any) -> Mapping[str, Any]:
    scratch.deployment(replicas=1, pod={"nodeSelector": {"topology.kubernetes.io/zone": "zone-a"}})
    scratch.ready()
    return {"namespace": scratch.name, "selector": ""}


def _all_in_one_zone(scratch: Any) -> Mapping[str, Any]:
    closed = ObjectRef("v1", "Node", "", "node-2")
    scratch.cluster.patch(closed, [{"op": "add", "path": "/spec/unschedulable", "value": True}])
    scratch.deployment(replicas=2)
    scratch.ready(number=2)
    scratch.cluster.patch(closed, [{"op": "remove", "path": "/spec/unschedulable"}])
    scratch.eventually(lambda: not scratch.cluster.get(closed)["spec"].get("taints"))
    return {"namespace": scratch.name, "selector": ""}


def _agents(scratch: Any, **content: str) -> None:
    """Run one stand-in agent on content that it can read, and on what else is given."""
    files = {"base.json": '{"templates": [{"name": "a", "input": 2, "contains": "x"}]}', **content}
    scratch.create("ConfigMap", "agent-content", data=files, metadata={"labels": {"app": "web"}})
    container = {
        "name": "main",
        "image": "python:3",
        "command": ["python", str(CONTENTED)],
        "env": [
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            {"name": "CONTENT_DIR", "value": "/content"},
        ],
        "ports": [{"name": "http", "containerPort": 8080}],
        # One look that finds it sick is enough; that it is slow to answer on a busy machine is no sickness.
        "readinessProbe": {
            "httpGet": {"path": "/readyz", "port": "http"},
            "periodSeconds": 1,
            "failureThreshold": 1,
            "timeoutSeconds": 20,
        },
        "volumeMounts": [{"name": "content", "mountPath": "/content"}],
    }
    volume = {"name": "content", "configMap": {"name": "agent-content"}}
    scratch.deployment(replicas=1, pod={"containers": [container], "volumes": [volume]})


def _dying_agents(scratch: Any) -> Mapping[str, Any]:
    _agents(scratch, **{"update.json": BAD_CONTENT})
    scratch.eventually(lambda: [pod for pod in scratch.pods() if pod["status"].get("phase") == "Running"])
    return {"namespace": scratch.name}


def _agents_with_a_controller(scratch: Any) -> Mapping[str, Any]:
    _agents(scratch)
    ports = [{"name": "http", "port": 8080, "targetPort": "http"}]
    # The stand-in is its own controller, which goes on when the agent is not Ready.
    spec = {"selector": {"app": "web"}, "ports": ports, "publishNotReadyAddresses": True}
    scratch.create("Service", "web-controller", spec=spec)
    scratch.ready()
    return {"namespace": scratch.name}


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
    "gameday.actions.agents.break_content": _agents_with_a_controller,
    "gameday.actions.agents.pause_rollout": _agents_with_a_controller,
    "gameday.actions.agents.withdraw_content": _dying_agents,
    "gameday.actions.backups.lose_database": _a_database,
    "gameday.actions.backups.restore": _a_database,
    "gameday.actions.config.set_env": _a_setting,
    "gameday.actions.nodes.cordon": _on_a_node,
    "gameday.actions.nodes.drain": _on_a_node,
    "gameday.actions.nodes.reopen": _a_closed_node,
    "gameday.actions.nodes.taint": lambda scratch: {**_on_a_node(scratch), "effect": "NoExecute"},
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
    "gameday.actions.storage.slow": _an_interposed_service(seconds=0.1, distribution="pareto", shape=3, most_seconds=0.5),
    "gameday.actions.releases.deploy": _a_release,
    "gameday.actions.releases.roll_back": _a_released_deployment,
    "gameday.actions.traffic.redirect": _two_services,
    "gameday.actions.workloads.scale": _a_deployment,
    "gameday.actions.zones.confine": _in_a_zone,
    "gameday.actions.zones.lose": _on_a_node,
    "gameday.actions.zones.release": _bound_to_a_zone,
    "gameday.actions.zones.spread": _all_in_one_zone,
}


@pytest.fixture(autouse=True)
def nodes_are_open(cluster: Any) -> Iterator[None]:
    """Open what an example has closed itself: nodes are everybody's."""
    yield
    for node in cluster.list(Selection("v1", "Node")):
        if node["spec"].get("unschedulable"):
            cluster.patch(ObjectRef.of(node), [{"op": "remove", "path": "/spec/unschedulable"}])


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
    seen: list[dict[ObjectRef, str]] = [{}]

    def look() -> bool:
        objects = [
            obj
            for api_version, kind in KINDS
            for obj in cluster.list(Selection(api_version, kind, "" if kind == "Node" else scratch.name))
            if not is_told_by_a_node(obj)
        ]
        now = {ObjectRef.of(obj): "" if obj["kind"] == "Node" else obj["metadata"]["resourceVersion"] for obj in objects}
        before, seen[0] = seen[0], now
        if now == before and not any(map(is_on_its_way, objects)):
            return True
        time.sleep(0.1)
        return False

    scratch.eventually(look, within_seconds=60)
    return seen[0]


def is_told_by_a_node(obj: Json) -> bool:
    """Say whether it is an event of a kubelet: it tells of each probe that fails, as one does where a machine is slow."""
    return bool(obj["kind"] == "Event" and obj.get("source", {}).get("component") == "kubelet")


def is_on_its_way(obj: Json) -> bool:
    """Say whether a controller or a node still has to do something about it, however long nothing is heard of that."""
    if "deletionTimestamp" in obj["metadata"]:
        return True
    status = obj.get("status", {})
    if obj["kind"] == "Pod":
        return bool(status.get("phase") == "Pending")
    if obj["kind"] != "Deployment":
        return False
    there = [status.get(name, 0) for name in ("replicas", "updatedReplicas")]
    return bool(status.get("observedGeneration") != obj["metadata"]["generation"] or there != [obj["spec"]["replicas"]] * 2)


def nodes(cluster: Any, scratch: Any) -> dict[str, Any]:
    """Return what people configure of each node, once its controller has added or taken away what a closed one has besides."""

    def look() -> Any:
        found = cluster.list(Selection("v1", "Node"))
        return found if all(is_marked(node) == bool(node["spec"].get("unschedulable")) for node in found) else ()

    return {node["metadata"]["name"]: (node["spec"], node["metadata"].get("labels", {})) for node in scratch.eventually(look)}


def is_marked(node: Json) -> bool:
    return any(taint["key"] == "node.kubernetes.io/unschedulable" for taint in node["spec"].get("taints") or ())


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
    nodes_before = nodes(books.cluster, scratch)
    carry_out(books, action, arguments)
    assert set(undo(books)) == {"undone"}
    scratch.eventually(lambda: len(ready(scratch)) == pods)
    assert nodes(books.cluster, scratch) == nodes_before
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
    # Whoever is asked may not answer yet, or not just now.
    before = scratch.eventually(lambda: (seen := action.landed(books.cluster, changes)).landed is not None and seen)
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
    planned = [change.ref for change in action.plan(books.cluster, **arguments)]
    carry_out(books, action, arguments)
    left = [ObjectRef.of(obj) for kind in TARGETS for obj in books.cluster.list(Selection(*kind, scratch.name))]
    others = [ref.anonymous for ref in planned if ref.namespace == scratch.name and ref.kind != "Pod"]
    for ref in dict.fromkeys([*(ref.anonymous for ref in left), *others]):
        if books.cluster.get(ref) is not None:
            books.cluster.delete(ref)
    gone = all(ref.namespace for ref in planned)
    assert set(undo(books)) <= ({"already"} if gone else {"already", "undone"})
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


def test_its_docstring_says_everything_that_the_reference_shows(action: ActionSpec) -> None:
    """In the form that `gameday.change.documentation` describes, which is that of every other action."""
    said, parameters = documentation_of(action.plan), list(inspect.signature(action.plan).parameters.values())[1:]
    missing = [parameter.name for parameter in parameters if parameter.name not in said.parameters]
    assert missing == [], f"{action.name}: its docstring explains no {', '.join(missing)}; write `{missing[0]}: what it means.`"
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters)
    assert said.summary.endswith("."), f"{action.name}: expected one imperative sentence first, but got {said.summary!r}"
    assert said.undo, f"{action.name}: its docstring has no sentence that begins with 'Undone'"
    assert said.landed, f"{action.name}: its docstring has no sentence that begins with 'Landed'"
    assert inspect.getdoc(action.landed), f"{action.name}: what shows that it landed has no docstring"


def test_it_states_the_rights_that_it_needs(action: ActionSpec) -> None:
    assert action.rights, f"{action.name}: expected rights, as in `kubectl auth can-i`"
    verbs = {right.verb for right in action.rights}
    assert verbs <= {"get", "list", "watch", "create", "update", "patch", "delete"}
    assert verbs & {"create", "update", "patch", "delete"}, f"{action.name}: no right of it writes anything"


@pytest.mark.parametrize("action", WITH_KINDS, indirect=True)
def test_each_kind_that_it_takes_is_among_its_rights_and_alone_is_asked_for(
    action: ActionSpec, arguments: Mapping[str, Any], cluster: Any
) -> None:
    """A kind is taken unless it is refused as one that cannot be meant: of that name there is nothing."""
    taken = {kind: f"{kind.lower()}s" for kind in OFFERED if is_taken(action, {**arguments, "kind": kind}, cluster)}
    assert len(taken) > 1
    patched = {right.resource for right in action.rights if right.verb == "patch"}
    assert patched == set(taken.values()), f"{action.name}: takes {', '.join(taken)}, but its rights are to {', '.join(patched)}"
    for kind, resource in taken.items():
        asked = {(right.verb, right.resource) for right in action.rights_with({**arguments, "kind": kind})}
        assert {("get", resource), ("patch", resource)} <= asked
        assert {one for verb, one in asked if verb == "patch"} == {resource}


def is_taken(action: ActionSpec, arguments: Mapping[str, Any], cluster: Any) -> bool:
    try:
        plan_action(action, {**arguments, "name": "nobody-is-called-this"}, cluster, by="contract")
    except BadParameterError:
        return False
    except NoTargetError:
        return True
    raise AssertionError(f"{action.name}: expected NoTargetError, since nobody is called this")


def test_arguments_of_another_name_are_refused(action: ActionSpec, arguments: Mapping[str, Any], cluster: Any) -> None:
    with pytest.raises(BadParameterError, match=r"no_such_parameter.*its parameters are"):
        plan_action(action, {**arguments, "no_such_parameter": 1}, cluster, by="contract")


BAD_NAMES: Final[Mapping[str, Sequence[Any]]] = {
    "selector": ("app=nobody-has-this-label",),
    "name": ("nobody-is-called-this",),
    "namespace": ("no-such-namespace",),
    "kind": ("Nonsense",),
}
"""What selects nothing, by the name of the parameter; what is wrong whatever an action does with it follows from the type."""
CREATED: Final = frozenset({("gameday.actions.services.represent", "name")})
"""Action and parameter that name what is to be created, so that nothing of that name has to be there."""
ANY_SIGN: Final = frozenset({"seed"})
"""Numbers that may be negative."""


def bad_values(action: ActionSpec, parameter: Parameter) -> list[Any]:
    """Return values that cannot be meant, going by a parameter's type, unit and name."""
    bad: list[Any] = [] if (action.name, parameter.name) in CREATED else list(BAD_NAMES.get(parameter.name, ()))
    below = [] if parameter.name in ANY_SIGN else [-1]
    kinds: dict[str, list[Any]] = {
        "int": [*below, True, 1.5, "1"],
        "float": [*below, True, "1", math.nan, math.inf],
        "bool": [1, "yes"],
        "str": [7],
    }
    bad += kinds.get(parameter.type.removesuffix(" | None"), [])
    bad += ["text", 3] if parameter.type.startswith(("Mapping", "Sequence", "tuple", "list", "dict")) else []
    bad += ["no-such-word"] if parameter.type.startswith("Literal") else []
    bad += [100.5] if parameter.unit == "%" else []
    return bad + ([""] if parameter.type == "str" and parameter.required else [])


def is_refused(action: ActionSpec, arguments: Mapping[str, Any], cluster: Any) -> bool:
    try:
        plan_action(action, arguments, cluster, by="contract")
    except (BadParameterError, NoTargetError):
        return True
    return False


def test_values_that_cannot_be_meant_are_refused_before_anything_changes(
    action: ActionSpec, arguments: Mapping[str, Any], cluster: Any, scratch: Any
) -> None:
    before = everything(cluster, scratch)
    taken = [
        f"{parameter.name}={value!r}"
        for parameter in parameters_of(action.plan)
        for value in bad_values(action, parameter)
        if not is_refused(action, {**arguments, parameter.name: value}, cluster)
    ]
    assert taken == [], f"{action.name}: expected BadParameterError or NoTargetError for {', '.join(taken)}"
    assert everything(cluster, scratch) == before
