"""The table of kinds that the embedded cluster knows: one row a kind, and nothing about how it behaves.

Discovery, routing and the store read this table; a new kind that is only stored is one more row here. Kinds that
the cluster cannot honour are rows in `UNSERVED`, with the reason a client gets to read.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """One kind as the API serves it; `status` and `scale` say which subresources it has. Compared by identity."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    short_names: tuple[str, ...] = ()
    status: bool = False
    scale: bool = False
    has_spec: bool = False
    categories: tuple[str, ...] = ()
    returns_deleted: bool = False
    """Deleting one answers with the object, as Kubernetes does for these kinds, instead of with a Status."""

    @property
    def api_version(self) -> str:
        """Return what stands in an object's apiVersion."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def singular(self) -> str:
        """Return the singular that kubectl accepts."""
        return self.kind.lower()

    @property
    def qualified(self) -> str:
        """Return the plural with its group, as error messages name it: `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified_kind(self) -> str:
        """Return the kind with its group, as validation messages name it: `Deployment.apps`."""
        return f"{self.kind}.{self.group}" if self.group else self.kind


_ALL = ("all",)

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", False, ("ns",), status=True, has_spec=True)
NODES = Resource("", "v1", "nodes", "Node", False, ("no",), status=True, has_spec=True)
PODS = Resource(
    "",
    "v1",
    "pods",
    "Pod",
    True,
    ("po",),
    status=True,
    has_spec=True,
    categories=_ALL,
    returns_deleted=True,
)
SERVICES = Resource(
    "",
    "v1",
    "services",
    "Service",
    True,
    ("svc",),
    status=True,
    has_spec=True,
    categories=_ALL,
    returns_deleted=True,
)
ENDPOINTS = Resource("", "v1", "endpoints", "Endpoints", True, ("ep",))
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", True, ("cm",))
SECRETS = Resource("", "v1", "secrets", "Secret", True)
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount", True, ("sa",), returns_deleted=True)
EVENTS = Resource("", "v1", "events", "Event", True, ("ev",))
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", True)
DEPLOYMENTS = Resource(
    "apps",
    "v1",
    "deployments",
    "Deployment",
    True,
    ("deploy",),
    status=True,
    scale=True,
    has_spec=True,
    categories=_ALL,
)
REPLICA_SETS = Resource(
    "apps",
    "v1",
    "replicasets",
    "ReplicaSet",
    True,
    ("rs",),
    status=True,
    scale=True,
    has_spec=True,
    categories=_ALL,
)
STATEFUL_SETS = Resource(
    "apps",
    "v1",
    "statefulsets",
    "StatefulSet",
    True,
    ("sts",),
    status=True,
    scale=True,
    has_spec=True,
    categories=_ALL,
)
DAEMON_SETS = Resource("apps", "v1", "daemonsets", "DaemonSet", True, ("ds",), status=True, has_spec=True, categories=_ALL)
CONTROLLER_REVISIONS = Resource("apps", "v1", "controllerrevisions", "ControllerRevision", True)
JOBS = Resource("batch", "v1", "jobs", "Job", True, status=True, has_spec=True, categories=_ALL)
CRON_JOBS = Resource("batch", "v1", "cronjobs", "CronJob", True, ("cj",), status=True, has_spec=True, categories=_ALL)
PERSISTENT_VOLUME_CLAIMS = Resource(
    "", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", True, ("pvc",), status=True, has_spec=True
)
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease", True, has_spec=True)
POD_DISRUPTION_BUDGETS = Resource(
    "policy",
    "v1",
    "poddisruptionbudgets",
    "PodDisruptionBudget",
    True,
    ("pdb",),
    status=True,
    has_spec=True,
)
HORIZONTAL_POD_AUTOSCALERS = Resource(
    "autoscaling",
    "v2",
    "horizontalpodautoscalers",
    "HorizontalPodAutoscaler",
    True,
    ("hpa",),
    status=True,
    has_spec=True,
    categories=_ALL,
)
ROLES = Resource("rbac.authorization.k8s.io", "v1", "roles", "Role", True)
ROLE_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", True)
CLUSTER_ROLES = Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", False)
CLUSTER_ROLE_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", False)

RESOURCES: tuple[Resource, ...] = (
    NAMESPACES,
    NODES,
    PODS,
    SERVICES,
    ENDPOINTS,
    CONFIG_MAPS,
    SECRETS,
    SERVICE_ACCOUNTS,
    PERSISTENT_VOLUME_CLAIMS,
    EVENTS,
    DEPLOYMENTS,
    REPLICA_SETS,
    STATEFUL_SETS,
    DAEMON_SETS,
    CONTROLLER_REVISIONS,
    JOBS,
    CRON_JOBS,
    ENDPOINT_SLICES,
    LEASES,
    POD_DISRUPTION_BUDGETS,
    HORIZONTAL_POD_AUTOSCALERS,
    ROLES,
    ROLE_BINDINGS,
    CLUSTER_ROLES,
    CLUSTER_ROLE_BINDINGS,
)

UNSERVED: dict[tuple[str, str], str] = {
    ("networking.k8s.io", "networkpolicies"): (
        "the embedded cluster cannot enforce a NetworkPolicy: its pods are processes that share the host's network"
    ),
    ("networking.k8s.io", "ingresses"): "the embedded cluster has no ingress controller",
    ("", "persistentvolumes"): "the embedded cluster keeps a claim's data in a folder, without a volume object beside it",
    ("", "replicationcontrollers"): "the embedded cluster has no ReplicationController; use a Deployment",
    ("", "resourcequotas"): "the embedded cluster enforces no quotas",
    ("", "limitranges"): "the embedded cluster enforces no limit ranges",
    ("events.k8s.io", "events"): "the embedded cluster serves events in the core group only",
    ("scheduling.k8s.io", "priorityclasses"): "the embedded cluster's scheduler knows no priorities",
    ("storage.k8s.io", "storageclasses"): "the embedded cluster has one kind of storage: folders of this machine",
    ("apiextensions.k8s.io", "customresourcedefinitions"): "the embedded cluster serves no custom resources",
}
"""(group, plural) of what Kubernetes serves and this cluster does not, with the reason for the 501."""

_BY_KIND = {(resource.api_version, resource.kind): resource for resource in RESOURCES}
_BY_BARE_KIND = {resource.kind: resource for resource in reversed(RESOURCES)}


def resource_of(kind: str, api_version: str | None = None) -> Resource:
    """Return the row of a kind; without `api_version`, of the first one of that name. KeyError if there is none."""
    found = _BY_BARE_KIND.get(kind) if api_version is None else _BY_KIND.get((api_version, kind))
    if found is None:
        known = ", ".join(sorted(_BY_BARE_KIND))
        raise KeyError(f"no kind {kind!r} in {api_version or 'any group'}; the embedded cluster has: {known}")
    return found
