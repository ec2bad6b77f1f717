"""Which objects a list, a watch or a deletecollection is about: namespace, labels and fields of one kind."""

from __future__ import annotations

from dataclasses import dataclass

from gameday.staging import resources as kinds
from gameday.staging.api.call import Call
from gameday.staging.errors import BadRequest
from gameday.staging.resources import Resource
from gameday.staging.selectors import FieldSelector, LabelSelector, parse_fields, parse_labels
from gameday.staging.store import Stored

_EVERY_KIND = frozenset({"metadata.name", "metadata.namespace"})
_INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_MORE: dict[Resource, frozenset[str]] = {
    kinds.PODS: frozenset(
        {
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        }
    ),
    kinds.EVENTS: frozenset(
        {
            *(f"involvedObject.{field}" for field in _INVOLVED),
            "reason",
            "reportingComponent",
            "source",
            "type",
        }
    ),
    kinds.SECRETS: frozenset({"type"}),
    kinds.JOBS: frozenset({"status.successful"}),
    kinds.NAMESPACES: frozenset({"status.phase"}),
    kinds.NODES: frozenset({"spec.unschedulable"}),
    kinds.REPLICA_SETS: frozenset({"status.replicas"}),
    kinds.SERVICES: frozenset({"spec.clusterIP", "spec.type"}),
}


@dataclass(frozen=True, slots=True)
class Selection:
    """A kind, where, and which of it; without selectors, all."""

    resource: Resource
    namespace: str | None = None
    labels: LabelSelector = LabelSelector()  # noqa: RUF009 - frozen, so sharing it is safe
    fields: FieldSelector = FieldSelector()  # noqa: RUF009 - the same

    def takes(self, stored: Stored | None) -> bool:
        """Say whether an object is selected; none is not."""
        if stored is None:
            return False
        metadata = stored.body["metadata"]
        here = self.namespace is None or metadata.get("namespace") == self.namespace
        return here and self.labels.matches(metadata.get("labels")) and self.fields.matches(stored.body)


def _unknown_field(resource: Resource, path: str) -> str:
    if resource in _MORE:
        return f"field label not supported: {path}"
    return f'"{path}" is not a known field selector: only "metadata.name", "metadata.namespace"'


def selection_of(call: Call) -> Selection:
    """Return what a request selects; BadRequest for a field that its kind cannot be selected by."""
    target = call.target
    fields = parse_fields(call.query.get("fieldSelector", ""))
    known = _EVERY_KIND | _MORE.get(target.resource, frozenset())
    for path in fields.paths():
        if path not in known:
            raise BadRequest(_unknown_field(target.resource, path))
    labels = parse_labels(call.query.get("labelSelector", ""))
    return Selection(target.resource, target.namespace, labels, fields)
