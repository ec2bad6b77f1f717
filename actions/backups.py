"""Actions on a database that is backed up: losing it, which means repointing to a copy of it, and restoring it.

The original is never touched. The workload says in a variable which database it opens; it is given another name, and what
becomes of that name is the workload's own doing: it makes the copy, finds it missing or damaged, restores it or not. Orders
that are taken meanwhile are in the copy and go with it, so an experiment says with `drill_orders` how to tell them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gameday.change import Change, Evidence, PatchObject, Right, action
from gameday.cluster import Json, ObjectRef, View
from gameday.cluster.reading import is_ready, is_rolled_out, pods_of, selector_text
from gameday.errors import BadParameterError, ClusterError, NoTargetError

_KINDS = ("Deployment", "StatefulSet")
_STATES = ("lost", "damaged", "corrupted")
_DRILL = "drill-"
_NONE = "none"
_RIGHTS = (
    *(Right(verb, resource, "apps") for resource in ("deployments", "statefulsets") for verb in ("get", "patch")),
    Right("list", "pods"),
    Right("get", "pods/proxy"),
)


def has_it_open(view: View, changes: Sequence[Change]) -> Evidence:
    """Ask the workload's pods themselves, over HTTP, which database they have open, once all are made from the new template.

    A program that does not say it at GET /database is taken at its controller's word that it runs with the variable.
    """
    for change in changes:
        if isinstance(change, PatchObject):
            return _opened(view, change)
    return Evidence(None, "no database was to be repointed")


@action(landed=has_it_open, rights=_RIGHTS)
def lose_database(
    view: View,
    *,
    namespace: str,
    name: str = "orders",
    state: str = "lost",
    kind: str = "Deployment",
    variable: str = "DATABASE",
    copy_variable: str = "DATABASE_COPY",
) -> Sequence[Change]:
    """Repoint a workload from its database to a copy that is lost, damaged or silently corrupted; the original stays as it is.

    namespace, name, kind: the workload; kind is Deployment or StatefulSet. state: lost (there is no such database), damaged
    (a copy that cannot be read) or corrupted (one that can, with other content than the original). variable: what says which
    database is opened; it gets a name of its own that begins with drill-. copy_variable: what says, as NAME:damaged or
    NAME:corrupted, what the copy is made of; it must be there unless the state is lost. Undone by setting both back, which
    opens the original again. Landed when the pods say that they have the copy open. NoTargetError if there is no such
    workload; BadParameterError if it has no such variable, or is in a drill already.
    """
    if state not in _STATES:
        raise BadParameterError(f"backups.lose_database: expected state to be one of {', '.join(_STATES)}, but got {state!r}")
    found = _opens(view, ObjectRef("apps/v1", kind, namespace, name), variable, "lose_database")
    if found.database.startswith(_DRILL):
        raise BadParameterError(f"backups.lose_database: {found.ref} opens a drill's copy already: {found.database}")
    fields = {variable: f"{_DRILL}{state}-{found.next_number}"}
    if state != "lost":
        _value(found.container, copy_variable, "lose_database")
        fields[copy_variable] = f"{found.database}:{state}"
    return [_patch(found, fields)]


@action(landed=has_it_open, rights=_RIGHTS)
def restore(
    view: View,
    *,
    namespace: str,
    name: str = "orders",
    copy: str = "",
    kind: str = "Deployment",
    variable: str = "DATABASE",
    copy_variable: str = "DATABASE_COPY",
    restore_variable: str = "RESTORE_FROM",
) -> Sequence[Change]:
    """Have a workload open a new database, which it restores from the newest good backup, and leave the old one where it is.

    namespace, name, kind: the workload; kind is Deployment or StatefulSet. copy: the key of one backup; empty for the newest good
    one. variable, copy_variable, restore_variable: the workload's variables that say which database it opens, what that
    begins as a copy of, and whose backups it is restored from; the last must name one. In a drill the new database is the
    drill's. Undone by setting them back. Landed when the pods say that they have the new database open. NoTargetError if there
    is no such workload; BadParameterError if it lacks a variable, or says that nothing is restored.
    """
    found = _opens(view, ObjectRef("apps/v1", kind, namespace, name), variable, "restore")
    source = _value(found.container, restore_variable, "restore")
    if not copy and source == _NONE:
        raise BadParameterError(
            f"backups.restore: {restore_variable} of {found.ref} says {_NONE}, so nothing would be restored; name a backup: copy"
        )
    stem = f"{_DRILL}restored" if found.database.startswith(_DRILL) else found.database
    fields = {variable: f"{stem}-{found.next_number}"}
    if _entry(found.container, copy_variable) and _value(found.container, copy_variable, "restore") != _NONE:
        fields[copy_variable] = _NONE
    if copy and copy != source:
        fields[restore_variable] = copy
    return [_patch(found, fields)]


@dataclass(frozen=True, slots=True)
class _Opens:
    """A workload, its container that opens a database, and which one that is."""

    workload: Json
    container: Json
    database: str

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.of(self.workload).anonymous

    @property
    def next_number(self) -> int:
        """What makes a name that no earlier drill had, and is the same each time this state of the cluster is asked about."""
        return int(self.workload["metadata"].get("generation", 0)) + 1


def _opens(view: View, ref: ObjectRef, variable: str, action_name: str) -> _Opens:
    workload = _workload(view, ref, action_name)
    container = _container(workload, variable, action_name)
    return _Opens(workload, container, _value(container, variable, action_name))


def _workload(view: View, ref: ObjectRef, action_name: str) -> Json:
    if ref.kind not in _KINDS:
        raise BadParameterError(f"backups.{action_name}: expected kind to be one of {', '.join(_KINDS)}, but got {ref.kind!r}")
    found = view.get(ref)
    if found is None:
        raise NoTargetError(f"there is no {ref} in this cluster. See: kubectl get {ref.kind.lower()}s -n {ref.namespace}")
    return found


def _container(workload: Json, variable: str, action_name: str) -> Json:
    containers = workload["spec"]["template"]["spec"]["containers"]
    found: Json | None = next((container for container in containers if _entry(container, variable)), None)
    if found is None:
        raise BadParameterError(
            f"backups.{action_name}: expected a container of {ObjectRef.of(workload)} with a variable {variable}, which says "
            "which database it opens, but there is none; name it: variable"
        )
    return found


def _entry(container: Json, variable: str) -> Json | None:
    return next((entry for entry in container.get("env") or () if entry["name"] == variable), None)


def _value(container: Json, variable: str, action_name: str) -> str:
    entry = _entry(container, variable)
    if entry is None or not entry.get("value"):
        found = (
            "none" if entry is None else "no text" if "valueFrom" not in entry else "one that comes from elsewhere (valueFrom)"
        )
        raise BadParameterError(
            f"backups.{action_name}: expected a variable {variable} with a text in container {container['name']!r}, found {found}"
        )
    return str(entry["value"])


def _patch(found: _Opens, variables: Mapping[str, str]) -> PatchObject:
    at = f"/spec/template/spec/containers[name={found.container['name']}]"
    fields = {f"{at}/env[name={name}]/value": value for name, value in variables.items()}
    return PatchObject(ObjectRef.of(found.workload), fields)


def _opened(view: View, change: PatchObject) -> Evidence:
    workload = view.get(change.ref)
    if workload is None:
        return Evidence(None, f"{change.ref} is not there any more")
    path, wanted = next(iter(change.fields.items()))
    variable = path.split("[name=")[2].split("]")[0]
    containers = workload["spec"]["template"]["spec"]["containers"]
    says = next((entry.get("value") for found in containers if (entry := _entry(found, variable))), None)
    if says != wanted:
        return Evidence(False, f"{change.ref} opens {says}; somebody has set it back")
    if not is_rolled_out(workload):
        return Evidence(False, f"{change.ref} still has pods with another database, or new ones that are not available")
    pods = [pod for pod in pods_of(view, change.ref.namespace, selector_text(workload["spec"]["selector"])) if is_ready(pod)]
    told = [_database_of(view, pod) for pod in pods]
    if any(database not in ("", wanted) for database in told):
        return Evidence(False, f"{change.ref} has {', '.join(sorted(set(told)))} open and not {wanted}")
    if told and all(told):
        return Evidence(True, f"{len(told)} pod(s) of {change.ref} say that they have {wanted} open")
    return Evidence(True, f"all pods of {change.ref} run with {variable}={wanted}")


def _database_of(view: View, pod: Json) -> str:
    """Return which database a pod says that it has open, or nothing where it does not say."""
    ports = [port["containerPort"] for container in pod["spec"].get("containers", ()) for port in container.get("ports") or ()]
    if not ports:
        return ""
    try:
        answer = view.ask(ObjectRef.of(pod), ports[0], "/database")
        said = json.loads(answer.body)
    except (ClusterError, ValueError):
        return ""
    return str(said.get("database", "")) if isinstance(said, dict) else ""
