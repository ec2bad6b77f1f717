"""Experiments that look as if they broke something, and what they are about: workloads, pods and actions made for it.

Everything in the namespace `quiet` is real; `document` is an experiment without customers, which nothing that is done here
can make deviate, so that a tool that believes what it is told would call every one of them held.
"""

from __future__ import annotations

from typing import Any, Final

Json = dict[str, Any]

OPTED_IN: Final = {"gameday.dev/enabled": "true"}

ACTIONS: Final = '''\
"""Actions that change nothing, or whose change nobody can see."""

from gameday.actions.workloads import has_as_many_pods
from gameday.change import Evidence, PatchObject, action
from gameday.cluster import ObjectRef, Selection

IDLE = ObjectRef("apps/v1", "Deployment", "quiet", "idle")


def cannot_look(view, changes):
    return Evidence(None, "nobody knows how to look")


def breaks_while_looking(view, changes):
    raise KeyError("status")


@action(landed=has_as_many_pods)
def nothing(view, *, namespace: str):
    return []


@action(landed=has_as_many_pods)
def what_is_there_already(view, *, namespace: str):
    return [PatchObject(IDLE, {"/spec/replicas": 2})]


@action(landed=cannot_look)
def unseen(view, *, namespace: str):
    return [PatchObject(IDLE, {"/spec/replicas": 3})]


@action(landed=breaks_while_looking)
def unseeable(view, *, namespace: str):
    return [PatchObject(IDLE, {"/spec/replicas": 3})]


def runs_with_it(view, changes):
    pods = view.list(Selection("v1", "Pod", "quiet", "app=" + changes[0].ref.name))
    names = [variable["name"] for pod in pods for variable in pod["spec"]["containers"][0]["env"]]
    return Evidence("BROKEN" in names, f"{names.count('BROKEN')} container(s) run with it")


@action(landed=runs_with_it)
def set_variable(view, *, namespace: str, name: str, container: str):
    path = f"/spec/template/spec/containers[name={container}]/env[name=BROKEN]/value"
    return [PatchObject(ObjectRef("apps/v1", "Deployment", namespace, name), {path: "yes"})]
'''


def python(name: str, function: str, /, **arguments: Any) -> Json:
    """Return an action that calls a function, named in full."""
    module, _, func = function.rpartition(".")
    return {
        "type": "action",
        "name": name,
        "provider": {"type": "python", "module": module, "func": func, "arguments": arguments},
    }


def process(name: str, *words: str) -> Json:
    """Return an action that starts a program."""
    return {"type": "action", "name": name, "provider": {"type": "process", "path": words[0], "arguments": list(words[1:])}}


def probing(action: Json, tolerance: Any) -> Json:
    """Return the same as a probe that is held against a tolerance."""
    return {**action, "type": "probe", "tolerance": tolerance}


def scale(name: str = "idle", replicas: Any = 1, namespace: str = "quiet", **more: Any) -> Json:
    """Return the action that is mostly used."""
    return python(f"scale {name}", "gameday.actions.workloads.scale", namespace=namespace, name=name, replicas=replicas, **more)


def kill(selector: str = "app=payment", namespace: str = "shop", **more: Any) -> Json:
    """Return the other one."""
    return python(f"kill {selector}", "gameday.actions.pods.kill", namespace=namespace, selector=selector, **more)


def broken(function: str, /, **arguments: Any) -> Json:
    """Return one of the project's own."""
    return python(function, f"gameday_workspace.actions.broken.{function}", namespace="quiet", **arguments)


def ready(name: str = "steady") -> Json:
    """Return the probe that is always content."""
    return probing(python(f"{name} is ready", "gameday.probes.workloads.ready", namespace="quiet", name=name), [100, 100])


def document(*method: Json, hypothesis: Json | None = None, **block: Any) -> Json:
    """Return an experiment of ours that expects nothing to be noticed."""
    return {
        "version": "1.0.0",
        "title": "Nothing happens",
        "description": "It looks as if something were broken.",
        "steady-state-hypothesis": {"title": "All is well", "probes": [hypothesis or ready()]},
        "method": list(method),
        "extensions": [{"name": "gameday", "caps": {"pods": 3}, "landing_timeout": "1s", "baseline": "500ms", **block}],
    }


def foreign(*method: Json, probes: list[Json] | None = None) -> Json:
    """Return an experiment without anything of ours in it."""
    calm = [probing(process("all is well", "true"), 0)]
    return {
        "version": "1.0.0",
        "title": "Nothing happens either",
        "description": "Somebody else's.",
        "steady-state-hypothesis": {"title": "All is well", "probes": calm if probes is None else probes},
        "method": list(method),
        "rollbacks": [],
    }


# ------------------------------------------------------------------------------------------------ what is in the cluster


def _pod(name: str, **spec: Any) -> Json:
    container = {"name": "main", "image": "busybox", "command": ["sleep", "10000"], "env": [{"name": "WHOLE", "value": "yes"}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "quiet", "labels": {"app": name}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0, **spec},
    }


def _deployment(name: str, replicas: int, *, namespace: str = "quiet", labels: Json | None = None, **spec: Any) -> Json:
    template = _pod(name)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels or {}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": template["spec"]},
            **spec,
        },
    }


def _namespace(name: str, labels: Json) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _autoscaler(name: str) -> Json:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": "quiet"},
        "spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 1},
    }


def _budget(name: str, wanted: int) -> Json:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": "quiet"},
        "spec": {"minAvailable": wanted, "selector": {"matchLabels": {"app": name}}},
    }


def _held_back(name: str) -> Json:
    pod = _pod(name)
    pod["metadata"]["finalizers"] = ["example.com/not-yet"]
    return pod


OBJECTS: Final[list[Json]] = [
    _namespace("quiet", OPTED_IN),
    _namespace("closed", {}),
    _deployment("steady", 1),
    _deployment("idle", 2),
    _deployment("empty", 0),
    _deployment("paused", 2, paused=True),
    _deployment("guarded", 1),
    _budget("guarded", 1),
    _deployment("protected", 1, labels={"gameday.dev/protected": "true"}),
    _deployment("synced", 1, labels={"argocd.argoproj.io/instance": "shop"}),
    _deployment("scaled", 1),
    _autoscaler("scaled"),
    _deployment("idle", 1, namespace="closed"),
    _pod("alone"),
    _pod("pending", nodeSelector={"nobody": "has-this"}),
    {**_pod("done", restartPolicy="Never", containers=[{"name": "main", "image": "busybox", "command": ["true"]}])},
    _held_back("leaving"),
]
