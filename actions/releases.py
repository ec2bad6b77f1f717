"""Actions on releases: a new pod template for a Deployment, as whoever ships a release gives it one, and the way back.

Nothing is broken here: what a release does to customers is the program's own doing, behind the settings that it is given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from gameday.change import MISSING, Change, Evidence, PatchObject, Right, action, get_field
from gameday.cluster import Json, ObjectRef, Selection, View
from gameday.cluster.reading import controller_of, is_ready, selector_text
from gameday.errors import BadParameterError, NoTargetError

_TEMPLATE: Final = "/spec/template"
_REVISION: Final = "deployment.kubernetes.io/revision"
_HASH: Final = "pod-template-hash"
_VARIABLE: Final = re.compile(r"[A-Za-z_.-][A-Za-z0-9_.-]*")
_POD: Final = ("metadata.name", "metadata.labels", "metadata.annotations", "metadata.deletionTimestamp", "spec", "status")
_RIGHTS: Final = (Right("get", "deployments", "apps"), Right("patch", "deployments", "apps"), Right("list", "pods"))


def runs_in_a_pod(view: View, changes: Sequence[Change]) -> Evidence:
    """Look for a pod that was made from the new template: other objects than the one that was patched, by other processes.

    Whether it becomes Ready does not matter: a release that never does has landed all the same.
    """
    return _looked(view, changes, _in_a_pod)


def runs_in_every_pod(view: View, changes: Sequence[Change]) -> Evidence:
    """Count the pods of that template: landed when all that are there are of it, as many as wanted, and Ready."""
    return _looked(view, changes, _in_every_pod)


@action(landed=runs_in_a_pod, rights=_RIGHTS)
def deploy(
    view: View,
    *,
    namespace: str,
    name: str,
    container: str = "",
    image: str = "",
    variables: Mapping[str, str] | None = None,
    args: Sequence[str] | None = None,
) -> Sequence[Change]:
    """Release something to a Deployment: another image, other environment variables, or other arguments of its program.

    namespace, name: which Deployment; its own strategy decides how the release is rolled out. container: which of its
    containers, by name; may be left out where there is only one. image: the new image; empty leaves it as it is.
    variables: environment variables, name to text, over those that are there. args: the program's arguments, all of them.
    Undone by setting back each of these fields, which rolls the release back, unless somebody else has written since.
    Landed when a pod that was made from the new template is there, Ready or not. NoTargetError if there is no such
    Deployment or container; BadParameterError if nothing is released. A release that runs already needs no change.
    """
    wanted = _checked(image, variables, args)
    deployment = _deployment(view, namespace, name)
    path = f"{_TEMPLATE}/spec/containers[name={_container(deployment, container)}]"
    fields = dict(_fields(deployment, path, wanted))
    return [PatchObject(ObjectRef.of(deployment), fields)] if fields else []


@action(landed=runs_in_every_pod, rights=(*_RIGHTS, Right("list", "replicasets", "apps")))
def roll_back(view: View, *, namespace: str, name: str) -> Sequence[Change]:
    """Set a Deployment's pod template back to that of the revision before, as `kubectl rollout undo` does.

    namespace, name: which Deployment. Undone by setting the newer template's fields again, unless somebody else (or the undo
    of the release itself) has written since. Landed when every pod is of the former template, as many as wanted, all Ready.
    NoTargetError if there is no such Deployment, or if no ReplicaSet of an earlier revision is left.
    """
    deployment = _deployment(view, namespace, name)
    former = _former_template(view, deployment)
    fields = dict(_differences(_TEMPLATE, deployment["spec"]["template"], former))
    return [PatchObject(ObjectRef.of(deployment), fields)] if fields else []


def _checked(image: str, variables: Mapping[str, str] | None, args: Sequence[str] | None) -> Mapping[str, Any]:
    """Return what is to be released, by its field of a container; BadParameterError names what cannot be meant."""
    if image != image.strip():
        raise BadParameterError(f"releases.deploy: expected image to be the name of an image, but got {image!r}")
    for key in variables or {}:
        if not _VARIABLE.fullmatch(key):
            raise BadParameterError(f"releases.deploy: expected variables to have names such as LOG_LEVEL, but got {key!r}")
    if not image and not variables and args is None:
        raise BadParameterError("releases.deploy: expected an image, variables or args, but got none: nothing would be released")
    return {"image": image, "variables": dict(variables or {}), "args": None if args is None else list(args)}


def _deployment(view: View, namespace: str, name: str) -> Json:
    ref = ObjectRef("apps/v1", "Deployment", namespace, name)
    found = view.get(ref)
    if found is None:
        raise NoTargetError(f"there is no {ref} in this cluster. See: kubectl get deployments -n {namespace}")
    return found


def _container(deployment: Mapping[str, Any], named: str) -> str:
    there = [container["name"] for container in deployment["spec"]["template"]["spec"]["containers"]]
    ref = ObjectRef.of(deployment)
    if named and named not in there:
        raise NoTargetError(f"expected {ref} to have a container {named!r}, but it has {', '.join(there)}")
    if not named and len(there) > 1:
        raise BadParameterError(
            f"releases.deploy: {ref} has the containers {', '.join(there)}; say which one is meant (container: {there[0]})"
        )
    return named or str(there[0])


def _fields(deployment: Mapping[str, Any], path: str, wanted: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the fields that differ from what is released, each with its new value."""
    plain = {f"{path}/image": wanted["image"] or MISSING, f"{path}/args": MISSING if wanted["args"] is None else wanted["args"]}
    for field, value in plain.items():
        if value not in (MISSING, get_field(deployment, field)):
            yield field, value
    for name, value in wanted["variables"].items():
        entry = f"{path}/env[name={name}]"
        before = get_field(deployment, entry)
        # The API keeps no empty value, so one that was written would not be recognised as ours.
        after = {"name": name, "value": value} if value else {"name": name}
        if before == MISSING or "valueFrom" in before:
            yield entry, after
        elif before != after:
            yield f"{entry}/value", value or MISSING


def _former_template(view: View, deployment: Mapping[str, Any]) -> Json:
    ref = ObjectRef.of(deployment)
    labels = selector_text(deployment["spec"]["selector"])
    sets = view.list(Selection("apps/v1", "ReplicaSet", ref.namespace, labels))
    own = [item for item in sets if (owner := controller_of(item)) is not None and owner.uid == ref.uid]
    by_age = sorted(own, key=lambda item: int(item["metadata"].get("annotations", {}).get(_REVISION, 0)))
    current = deployment["spec"]["template"]
    former = [template for item in by_age if (template := _without_hash(item["spec"]["template"])) != current]
    if not former:
        history = f"kubectl rollout history -n {ref.namespace} deployment/{ref.name}"
        raise NoTargetError(f"expected an earlier revision of {ref} to go back to, but none is left. See: {history}")
    return former[-1]


def _without_hash(template: Json) -> Json:
    """Return a ReplicaSet's template as its Deployment has it, without the label that tells the sets apart."""
    labels = {key: value for key, value in template["metadata"]["labels"].items() if key != _HASH}
    return {**template, "metadata": {**template["metadata"], "labels": labels}}


def _differences(path: str, before: Any, after: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields in which two templates differ, each with its value in the other one; entries of lists by their names."""
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            yield from _differences(f"{path}/{_escaped(key)}", before.get(key, MISSING), after.get(key, MISSING))
    elif _are_named(before) and _are_named(after):
        old, new = ({entry["name"]: entry for entry in entries} for entries in (before, after))
        for name in sorted({*old, *new}):
            yield from _differences(f"{path}[name={_escaped(name)}]", old.get(name, MISSING), new.get(name, MISSING))
    else:
        yield path, after


def _are_named(entries: Any) -> bool:
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) and "name" in entry for entry in entries):
        return False
    return len({entry["name"] for entry in entries}) == len(entries)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _looked(view: View, changes: Sequence[Change], judge: Callable[[Json, Sequence[Json], Sequence[Json]], Evidence]) -> Evidence:
    """Find the pods of the Deployment that was patched, and those of them that carry what was written; have them judged."""
    for change in changes:
        if isinstance(change, PatchObject):
            deployment = view.get(change.ref)
            if deployment is None:
                return Evidence(None, f"{change.ref} is not there any more")
            labels = selector_text(deployment["spec"]["selector"])
            pods = view.list(Selection("v1", "Pod", change.ref.namespace, labels, only=_POD))
            there = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
            return judge(deployment, there, [pod for pod in there if _carries(pod, change.fields)])
    return Evidence(None, "nothing was to be released")


def _carries(pod: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    return all(get_field(pod, path.removeprefix(_TEMPLATE)) == value for path, value in fields.items())


def _in_a_pod(deployment: Json, there: Sequence[Json], new: Sequence[Json]) -> Evidence:
    ready = sum(1 for pod in new if is_ready(pod))
    seen = f"{len(new)} of {len(there)} pod(s) of {ObjectRef.of(deployment)} are of the release, {ready} of them Ready"
    return Evidence(bool(new), seen)


def _in_every_pod(deployment: Json, there: Sequence[Json], new: Sequence[Json]) -> Evidence:
    wanted, ready = deployment["spec"].get("replicas", 1), sum(1 for pod in new if is_ready(pod))
    ref = ObjectRef.of(deployment)
    seen = f"{len(new)} of {len(there)} pod(s) of {ref} are of the former template, {ready} of them Ready; {wanted} wanted"
    return Evidence(len(there) == len(new) == ready == wanted, seen)
