"""The tables that `kubectl get` prints: the columns of the common kinds, and for all others the name and since when they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gameday.staging import resources as kinds
from gameday.staging.api import cells
from gameday.staging.resources import Resource
from gameday.staging.store import Object


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, how to read it from an object, and whether only `-o wide` shows it."""

    name: str
    read: Callable[[Object], Any]
    wide: bool = False
    type: str = "string"

    def definition(self) -> Object:
        """Return the column as a Table describes it."""
        name_format = "name" if self.name == "Name" else ""
        return {
            "name": self.name,
            "type": self.type,
            "format": name_format,
            "description": "",
            "priority": 1 if self.wide else 0,
        }


def _name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def _age(obj: Object) -> str:
    return cells.age(obj["metadata"].get("creationTimestamp"), datetime.now(UTC))


def _wide(name: str, read: Callable[[Object], Any]) -> Column:
    return Column(name, read, wide=True)


_NAME = Column("Name", _name)
_AGE = Column("Age", _age)
_TEMPLATE = (_wide("Containers", cells.containers), _wide("Images", cells.images), _wide("Selector", cells.selector))

_BINDING = (
    _NAME,
    Column("Role", cells.role),
    _AGE,
    _wide("Users", cells.subjects("User")),
    _wide("Groups", cells.subjects("Group")),
    _wide("ServiceAccounts", cells.subjects("ServiceAccount")),
)
_OTHERS = (_NAME, Column("Created At", cells.at("metadata.creationTimestamp", "<unknown>")))

_COLUMNS: dict[Resource, tuple[Column, ...]] = {
    kinds.PODS: (
        _NAME,
        Column("Ready", cells.pod_ready),
        Column("Status", cells.pod_status),
        Column("Restarts", cells.pod_restarts),
        _AGE,
        _wide("IP", cells.at("status.podIP", "<none>")),
        _wide("Node", cells.at("spec.nodeName", "<none>")),
        _wide("Nominated Node", cells.at("status.nominatedNodeName", "<none>")),
        _wide("Readiness Gates", lambda _: "<none>"),
    ),
    kinds.DEPLOYMENTS: (
        _NAME,
        Column("Ready", cells.ready_of("status.readyReplicas", "spec.replicas")),
        Column("Up-to-date", cells.at("status.updatedReplicas", 0)),
        Column("Available", cells.at("status.availableReplicas", 0)),
        _AGE,
        *_TEMPLATE,
    ),
    kinds.REPLICA_SETS: (
        _NAME,
        Column("Desired", cells.at("spec.replicas", 0)),
        Column("Current", cells.at("status.replicas", 0)),
        Column("Ready", cells.at("status.readyReplicas", 0)),
        _AGE,
        *_TEMPLATE,
    ),
    kinds.STATEFUL_SETS: (
        _NAME,
        Column("Ready", cells.ready_of("status.readyReplicas", "spec.replicas")),
        _AGE,
        *_TEMPLATE[:2],
    ),
    kinds.DAEMON_SETS: (
        _NAME,
        Column("Desired", cells.at("status.desiredNumberScheduled", 0)),
        Column("Current", cells.at("status.currentNumberScheduled", 0)),
        Column("Ready", cells.at("status.numberReady", 0)),
        Column("Up-to-date", cells.at("status.updatedNumberScheduled", 0)),
        Column("Available", cells.at("status.numberAvailable", 0)),
        Column("Node Selector", cells.node_selector),
        _AGE,
        *_TEMPLATE,
    ),
    kinds.SERVICES: (
        _NAME,
        Column("Type", cells.at("spec.type", "ClusterIP")),
        Column("Cluster-IP", cells.at("spec.clusterIP", "<none>")),
        Column("External-IP", cells.external_address),
        Column("Port(s)", cells.service_ports),
        _AGE,
        _wide("Selector", cells.service_selector),
    ),
    kinds.NODES: (
        _NAME,
        Column("Status", cells.node_status),
        Column("Roles", cells.node_roles),
        _AGE,
        Column("Version", cells.at("status.nodeInfo.kubeletVersion", "")),
        _wide("Internal-IP", cells.internal_address),
        _wide("External-IP", lambda _: "<none>"),
        _wide("OS-Image", cells.at("status.nodeInfo.osImage", "<unknown>")),
        _wide("Kernel-Version", cells.at("status.nodeInfo.kernelVersion", "<unknown>")),
        _wide("Container-Runtime", cells.at("status.nodeInfo.containerRuntimeVersion", "<unknown>")),
    ),
    kinds.NAMESPACES: (_NAME, Column("Status", cells.at("status.phase", "Active")), _AGE),
    kinds.CONFIG_MAPS: (_NAME, Column("Data", cells.count("data", "binaryData")), _AGE),
    kinds.SECRETS: (_NAME, Column("Type", cells.at("type", "Opaque")), Column("Data", cells.count("data")), _AGE),
    kinds.SERVICE_ACCOUNTS: (_NAME, Column("Secrets", cells.count("secrets")), _AGE),
    kinds.ENDPOINT_SLICES: (
        _NAME,
        Column("AddressType", cells.at("addressType", "")),
        Column("Ports", cells.slice_ports),
        Column("Endpoints", cells.slice_addresses),
        _AGE,
    ),
    kinds.ENDPOINTS: (_NAME, Column("Endpoints", cells.subset_addresses), _AGE),
    kinds.EVENTS: (
        Column("Last Seen", cells.event_age),
        Column("Type", cells.at("type", "")),
        Column("Reason", cells.at("reason", "")),
        Column("Object", cells.event_object),
        _wide("Subobject", cells.at("involvedObject.fieldPath", "")),
        _wide("Source", cells.event_source),
        Column("Message", cells.at("message", "")),
        _wide("First Seen", cells.event_first_seen),
        _wide("Count", cells.at("count", 1)),
        _wide("Name", _name),
    ),
    kinds.CONTROLLER_REVISIONS: (
        _NAME,
        Column("Controller", cells.controller),
        Column("Revision", cells.at("revision", 0)),
        _AGE,
    ),
    kinds.JOBS: (
        _NAME,
        Column("Status", cells.job_status),
        Column("Completions", cells.job_completions),
        Column("Duration", cells.job_duration),
        _AGE,
        *_TEMPLATE,
    ),
    kinds.CRON_JOBS: (
        _NAME,
        Column("Schedule", cells.at("spec.schedule", "")),
        Column("Timezone", cells.at("spec.timeZone", "<none>")),
        Column("Suspend", lambda obj: str(bool(obj["spec"].get("suspend")))),
        Column("Active", lambda obj: len((obj.get("status") or {}).get("active") or ())),
        Column("Last Schedule", cells.last_schedule),
        _AGE,
        *_TEMPLATE,
    ),
    kinds.LEASES: (_NAME, Column("Holder", cells.at("spec.holderIdentity", "")), _AGE),
    kinds.POD_DISRUPTION_BUDGETS: (
        _NAME,
        Column("Min Available", cells.at("spec.minAvailable", "N/A")),
        Column("Max Unavailable", cells.at("spec.maxUnavailable", "N/A")),
        Column("Allowed Disruptions", cells.at("status.disruptionsAllowed", 0)),
        _AGE,
    ),
    kinds.HORIZONTAL_POD_AUTOSCALERS: (
        _NAME,
        Column("Reference", cells.scale_target),
        Column("Targets", cells.scale_metrics),
        Column("MinPods", cells.at("spec.minReplicas", 1)),
        Column("MaxPods", cells.at("spec.maxReplicas", 0)),
        Column("Replicas", cells.at("status.currentReplicas", 0)),
        _AGE,
    ),
    kinds.ROLE_BINDINGS: _BINDING,
    kinds.CLUSTER_ROLE_BINDINGS: _BINDING,
}


def table(resource: Resource, bodies: Iterable[Object], metadata: Object, include: str) -> Object:
    """Return objects as a Table of meta.k8s.io/v1; each row carries its object, its metadata, or neither."""
    columns = _COLUMNS.get(resource, _OTHERS)
    rows = []
    for body in bodies:
        row: Object = {"cells": [column.read(body) for column in columns]}
        if include == "Object":
            row["object"] = body
        elif include != "None":
            row["object"] = {
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": body["metadata"],
            }
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": [column.definition() for column in columns],
        "rows": rows,
    }
