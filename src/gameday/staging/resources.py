"""The table of kinds that the embedded cluster knows: one row a kind, and nothing about how it behaves.

Discovery, routing and the store read this table; a new kind that is only stored is one more row here. Kinds that
the cluster cannot honour are rows in `UNSERVED`, with the reason a client gets to read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


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


def _core(plural: str, kind: str, *short_names: str, spec: bool = False, namespaced: bool = True) -> Resource:
    """Return the row of a kind of the core group; one with a spec has a status, too."""
    return Resource("", "v1", plural, kind, namespaced, short_names, status=spec, has_spec=spec)


def _workload(group: str, plural: str, kind: str, *short_names: str, scale: bool = False, version: str = "v1") -> Resource:
    """Return the row of a kind that makes pods, or scales what does; `kubectl get all` shows it."""
    return Resource(group, version, plural, kind, True, short_names, status=True, scale=scale, has_spec=True, categories=_ALL)


def _role(plural: str, kind: str, *, namespaced: bool) -> Resource:
    return Resource("rbac.authorization.k8s.io", "v1", plural, kind, namespaced)


NAMESPACES = _core("namespaces", "Namespace", "ns", namespaced=False, spec=True)
NODES = _core("nodes", "Node", "no", namespaced=False, spec=True)
PODS = Resource("", "v1", "pods", "Pod", True, ("po",), status=True, has_spec=True, categories=_ALL, returns_deleted=True)
SERVICES = replace(PODS, plural="services", kind="Service", short_names=("svc",))
ENDPOINTS = _core("endpoints", "Endpoints", "ep")
CONFIG_MAPS = _core("configmaps", "ConfigMap", "cm")
SECRETS = _core("secrets", "Secret")
SERVICE_ACCOUNTS = replace(_core("serviceaccounts", "ServiceAccount", "sa"), returns_deleted=True)
EVENTS = _core("events", "Event", "ev")
PERSISTENT_VOLUME_CLAIMS = _core("persistentvolumeclaims", "PersistentVolumeClaim", "pvc", spec=True)
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", True)
DEPLOYMENTS = _workload("apps", "deployments", "Deployment", "deploy", scale=True)
REPLICA_SETS = _workload("apps", "replicasets", "ReplicaSet", "rs", scale=True)
STATEFUL_SETS = _workload("apps", "statefulsets", "StatefulSet", "sts", scale=True)
DAEMON_SETS = _workload("apps", "daemonsets", "DaemonSet", "ds")
CONTROLLER_REVISIONS = Resource("apps", "v1", "controllerrevisions", "ControllerRevision", True)
JOBS = _workload("batch", "jobs", "Job")
CRON_JOBS = _workload("batch", "cronjobs", "CronJob", "cj")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease", True, has_spec=True)
POD_DISRUPTION_BUDGETS = replace(_workload("policy", "poddisruptionbudgets", "PodDisruptionBudget", "pdb"), categories=())
HORIZONTAL_POD_AUTOSCALERS = _workload("autoscaling", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa", version="v2")
ROLES = _role("roles", "Role", namespaced=True)
ROLE_BINDINGS = _role("rolebindings", "RoleBinding", namespaced=True)
CLUSTER_ROLES = _role("clusterroles", "ClusterRole", namespaced=False)
CLUSTER_ROLE_BINDINGS = _role("clusterrolebindings", "ClusterRoleBinding", namespaced=False)

NODE_METRICS = Resource("metrics.k8s.io", "v1beta1", "nodes", "NodeMetrics", False)
POD_METRICS = Resource("metrics.k8s.io", "v1beta1", "pods", "PodMetrics", True)
METRICS = (NODE_METRICS, POD_METRICS)
"""What is measured when it is asked for, and never stored."""

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
