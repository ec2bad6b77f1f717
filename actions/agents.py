"""Actions on the content of node agents: a bad update of it, and what a runbook does about one.

Content is one ConfigMap with a file a key, whose label `app` is that of the agents' pods; `paused: "true"` in it stops a rollout.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gameday.change import MISSING, Change, Evidence, PatchObject, Right, action, get_field
from gameday.cluster import ObjectRef, View
from gameday.cluster.reading import is_ready, pods_of
from gameday.errors import BadParameterError, ClusterError, NoTargetError

# The sensor has twenty inputs, the first of them 0.
BAD_CONTENT = '{"version": 291, "templates": [{"name": "named-pipe", "input": 20, "contains": "x"}]}'
_FILE = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.]*\.json")
_RIGHTS = (Right("get", "configmaps"), Right("patch", "configmaps"), Right("list", "pods"))
_ASKS = (*_RIGHTS, Right("get", "services/proxy"))


def has_killed_sensors(view: View, changes: Sequence[Change]) -> Evidence:
    """Look for an agent that was healthy until it took just this content and is not now, by its controller's and its node's word.

    An agent that was sick before, or for another reason, shows nothing. The node asks the agent whether its sensor lives, and
    knows nothing of content; which content that is, and how the agent was with what it had before, only the controller knows.
    """
    change = changes[0] if changes else None
    if not isinstance(change, PatchObject):
        return Evidence(None, "no content was published")
    pods, app = _agents(view, changes)
    if not pods:
        return Evidence(None, f"there is no pod with the label app={app}")
    rollout = _rollout(view, change)
    if isinstance(rollout, Evidence):
        return rollout
    if not all(isinstance(rollout.get(word), dict) for word in ("files", "nodes")):
        service = _controller(view, change)
        return Evidence(None, f"{service} does not say which files the content is, and how agents were with it")
    has, died = _hit_by(rollout, change)
    with_pods = {_node(pod) for pod in pods}  # The controller may know of nodes that have no agent any more.
    has, hit = has & with_pods, sorted(died & {_node(pod) for pod in pods if not is_ready(pod)})
    told = (
        f"{len(has)} of {len(pods)} agents have the content, and {len(hit)} of them died of it" if has else "no agent has it yet"
    )
    return Evidence(bool(hit), told + (f": on {', '.join(hit)}" if hit else ""))


def has_left_all_well(view: View, changes: Sequence[Change]) -> Evidence:
    """Look whether the nodes find every agent Ready."""
    pods, app = _agents(view, changes)
    if not pods:
        return Evidence(None, f"there is no pod with the label app={app}")
    ready = sum(is_ready(pod) for pod in pods)
    return Evidence(ready == len(pods), f"{ready} of {len(pods)} agents are Ready")


def is_paused(view: View, changes: Sequence[Change]) -> Evidence:
    """Ask the agents' controller itself how far the rollout is."""
    for change in changes:
        rollout = _rollout(view, change)
        if isinstance(rollout, Evidence):
            return rollout
        paused = rollout.get("paused") is True
        return Evidence(paused, f"{_controller(view, change)} says that the rollout is {'paused' if paused else 'not paused'}")
    return Evidence(None, "no rollout was to be paused")


@action(landed=has_killed_sensors, rights=_ASKS)
def break_content(
    view: View, *, namespace: str, name: str = "agent-content", file: str = "update.json", content: str = BAD_CONTENT
) -> Sequence[Change]:
    """Publish content that the node agents' sensors die of.

    namespace, name: the ConfigMap with the content. file: its key, which is added or replaced; it ends in .json. content: the
    text; by default a template that names an input which sensors have not got. Undone by setting the file back, or removing it
    if it was not there, after which the agents recover by themselves. Landed when an agent that was healthy until it took just
    this content is not Ready any more, as its node and the agents' controller say (the Service that pause_rollout asks); which
    nodes get the content, and when, is for the agents' own rollout to decide. The controller says it at GET /rollout, in JSON:
    `content`, one word for the content; `files`, the sha256 of each file, as hex; `nodes`, by a node's name `digest` (that word,
    of what its agent has), `healthy`, and `was_healthy`, how the agent was with what it had before. NoTargetError if there is no
    such ConfigMap.
    """
    if not isinstance(content, str) or not content:
        raise BadParameterError(f"agents.break_content: expected content to be a text that is not empty, but got {content!r}")
    return _patch(view, namespace, name, _checked(file, "break_content"), content)


@action(landed=has_left_all_well, rights=_RIGHTS)
def withdraw_content(view: View, *, namespace: str, name: str = "agent-content", file: str = "update.json") -> Sequence[Change]:
    """Take a file out of the node agents' content, so that they run on what is left; for runbooks.

    namespace, name, file: as for break_content. Undone by setting the file back. Landed when every agent is Ready. A file that is
    not there needs no change. NoTargetError if there is no such ConfigMap.
    """
    return _patch(view, namespace, name, _checked(file, "withdraw_content"), MISSING)


@action(landed=is_paused, rights=_ASKS)
def pause_rollout(view: View, *, namespace: str, name: str = "agent-content") -> Sequence[Change]:
    """Stop a rollout of the node agents' content where it is: no more nodes get it; for runbooks.

    namespace, name: the ConfigMap with the content. Undone by letting rollouts go on. Landed when the agents' controller, the
    Service named after the ConfigMap's label `app` with `-controller`, says so: `paused` at GET /rollout. NoTargetError if there
    is no such ConfigMap.
    """
    return _patch(view, namespace, name, "paused", "true")


def _checked(file: object, function: str) -> str:
    if not isinstance(file, str) or not _FILE.fullmatch(file):
        raise BadParameterError(
            f"agents.{function}: expected file to be a key of a ConfigMap that ends in .json, but got {file!r}"
        )
    return file


def _patch(view: View, namespace: str, name: str, key: str, value: str) -> Sequence[Change]:
    ref = ObjectRef("v1", "ConfigMap", namespace, name)
    found = view.get(ref)
    if found is None:
        raise NoTargetError(f"there is no {ref} in this cluster. See: kubectl get configmaps -n {namespace}")
    path = f"/data/{key}"
    if get_field(found, path) == value:
        return []
    return [PatchObject(ObjectRef("v1", "ConfigMap", namespace, name, found["metadata"]["uid"]), {path: value})]


def _app(view: View, change: Change) -> str:
    found = view.get(change.ref.anonymous) or {"metadata": {}}
    return str((found["metadata"].get("labels") or {}).get("app", "agent"))


def _controller(view: View, change: Change) -> ObjectRef:
    return ObjectRef("v1", "Service", change.ref.namespace, f"{_app(view, change)}-controller")


def _rollout(view: View, change: Change) -> dict[str, Any] | Evidence:
    """Return what the agents' controller says of the rollout; evidence of nothing where it says nothing that can be read."""
    service = _controller(view, change)
    try:
        found = json.loads(view.ask(service, "http", "/rollout").body)
    except (ClusterError, ValueError) as error:
        return Evidence(None, f"{service} cannot be asked for the rollout: {error}")
    return found if isinstance(found, dict) else {}


def _hit_by(rollout: Mapping[str, Any], change: PatchObject) -> tuple[set[str], set[str]]:
    """Return the nodes whose agent has just the content that was published, and those of them where it died of it."""
    wanted = {path.removeprefix("/data/"): hashlib.sha256(str(text).encode()).hexdigest() for path, text in change.fields.items()}
    digest, files, nodes = rollout.get("content"), rollout["files"], rollout["nodes"]
    if not digest or not wanted.items() <= files.items():
        return set(), set()  # It has not read the content yet, so what it says is about another.
    has = {name: one for name, one in nodes.items() if isinstance(one, dict) and one.get("digest") == digest}
    return {*has}, {name for name, one in has.items() if one.get("healthy") is False and one.get("was_healthy") is True}


def _node(pod: Mapping[str, Any]) -> str:
    return str(pod["spec"].get("nodeName", ""))


def _agents(view: View, changes: Sequence[Change]) -> tuple[Sequence[dict[str, Any]], str]:
    """Return the pods of the agents that read what was changed, and their label."""
    for change in changes:
        app = _app(view, change)
        return pods_of(view, change.ref.namespace, f"app={app}"), app
    return [], ""
