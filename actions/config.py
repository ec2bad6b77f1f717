"""Actions on how workloads are configured: the environment variables of their containers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gameday.change import Change, Evidence, PatchObject, Right, action
from gameday.cluster import Json, ObjectRef, View, plural
from gameday.cluster.reading import is_rolled_out
from gameday.errors import BadParameterError, NoTargetError

_KINDS = ("Deployment", "StatefulSet", "DaemonSet")


def is_running_with_it(view: View, changes: Sequence[Change]) -> Evidence:
    """Look whether the workload's controller has replaced all of its pods with such that were made from the new template.

    What was patched is the workload; its rollout is written by its controller from pods that the nodes say are Ready.
    """
    seen = [_rolled_out(view, change) for change in changes]
    if not seen:
        return Evidence(None, "no workload was to be configured")
    return Evidence(all(landed for landed, _ in seen), "; ".join(told for _, told in seen))


@action(landed=is_running_with_it, rights=[Right(verb, plural(kind), "apps") for kind in _KINDS for verb in ("get", "patch")])
def set_env(
    view: View, *, namespace: str, name: str, variables: Mapping[str, str], kind: str = "Deployment", container: str = ""
) -> Sequence[Change]:
    """Set environment variables of a workload's container, which replaces its pods in the way that the workload says.

    namespace, name, kind: which workload; kind is Deployment, StatefulSet or DaemonSet. variables: name → value, texts.
    container: which of its containers; may be left out where there is one. Undone variable by variable, to what each said
    before, unless somebody else set it since. Landed when the workload runs nothing but pods with them, all available.
    NoTargetError if there is no such workload or container; BadParameterError for a variable that comes from elsewhere
    (valueFrom), which is repointed there. Variables that say so already need no change.
    """
    _check(variables, kind)
    ref = ObjectRef("apps/v1", kind, namespace, name)
    workload = view.get(ref)
    if workload is None:
        raise NoTargetError(f"there is no {ref} in this cluster. See: kubectl get {kind.lower()}s -n {namespace}")
    found = _container(workload, container, ref)
    at = f"/spec/template/spec/containers[name={found['name']}]"
    present = {entry["name"]: entry for entry in found.get("env") or ()}
    fields: dict[str, str] = {}
    for variable, value in variables.items():
        entry = present.get(variable, {})
        if "valueFrom" in entry:
            raise BadParameterError(f"config.set_env: {variable} of {ref} is no text but comes from elsewhere (valueFrom)")
        if entry.get("value") != value:
            fields[f"{at}/env[name={variable}]/value"] = value
    if not fields:
        return []
    return [PatchObject(ObjectRef("apps/v1", kind, namespace, name, workload["metadata"]["uid"]), fields)]


def _check(variables: Mapping[str, object], kind: str) -> None:
    if kind not in _KINDS:
        raise BadParameterError(f"config.set_env: expected kind to be one of {', '.join(_KINDS)}, but got {kind!r}")
    if not isinstance(variables, Mapping) or not variables:
        raise BadParameterError(f"config.set_env: expected variables as name: value, at least one, but got {variables!r}")
    for variable, value in variables.items():
        if not isinstance(variable, str) or not variable or "=" in variable or "]" in variable:
            raise BadParameterError(f"config.set_env: expected the name of a variable, but got {variable!r}")
        if not isinstance(value, str):
            hint = "; put it in quotes" if isinstance(value, bool | int | float) else ""
            raise BadParameterError(f"config.set_env: expected {variable} to be a text, but got {value!r}{hint}")


def _container(workload: Json, name: str, ref: ObjectRef) -> Json:
    containers = workload["spec"]["template"]["spec"]["containers"]
    names = [found["name"] for found in containers]
    if not name and len(containers) > 1:
        raise BadParameterError(f"config.set_env: {ref} has the containers {', '.join(names)}; say which: container")
    found: Json | None = next((found for found in containers if name in {"", found["name"]}), None)
    if found is None:
        raise NoTargetError(f"{ref} has no container {name!r}; it has {', '.join(names)}")
    return found


def _rolled_out(view: View, change: Change) -> tuple[bool, str]:
    if not isinstance(change, PatchObject):
        return False, f"{change.ref} was not to be configured"
    workload = view.get(change.ref)
    if workload is None:
        return False, f"{change.ref} is not there any more"
    named = {path.split("[name=")[2].split("]")[0]: value for path, value in change.fields.items()}
    containers = workload["spec"]["template"]["spec"]["containers"]
    says = {entry["name"]: entry.get("value") for found in containers for entry in found.get("env") or ()}
    overruled = [variable for variable, value in named.items() if says.get(variable) != value]
    if overruled:
        return False, f"{change.ref} says something else of {', '.join(overruled)}; somebody has set it since"
    if not is_rolled_out(workload):
        return False, f"{change.ref} still has pods without {', '.join(named)}, or new ones that are not available"
    return True, f"all pods of {change.ref} run with {', '.join(named)}"
