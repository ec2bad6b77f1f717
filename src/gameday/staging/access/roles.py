"""The roles and bindings that every cluster has: cluster-admin, admin, edit and view, and what everybody known may do.

They follow Kubernetes' own, for the kinds that this cluster serves. Kubernetes puts admin, edit and view together from labelled
roles; here they are written out, and labels add nothing to them.
"""

from __future__ import annotations

from typing import Any, Final

from gameday.staging.errors import AlreadyExists
from gameday.staging.resources import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES
from gameday.staging.store import Store

Object = dict[str, Any]
_READ: Final = ["get", "list", "watch"]
_WRITE: Final = ["create", "delete", "deletecollection", "patch", "update"]
_CREATE: Final = ["create"]
_DISCOVERY: Final = "/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/"
_PUBLIC: Final = "/healthz /livez /readyz /version /version/"


def _rule(group: str, resources: str, verbs: list[str]) -> Object:
    return {"apiGroups": [group], "resources": resources.split(), "verbs": verbs}


def _urls(paths: str) -> Object:
    return {"nonResourceURLs": paths.split(), "verbs": ["get"]}


_VIEW: Final = [
    _rule(
        "",
        "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods serviceaccounts services services/status",
        _READ,
    ),
    _rule("", "events namespaces namespaces/status pods/log pods/status", _READ),
    _rule("discovery.k8s.io", "endpointslices", _READ),
    _rule(
        "apps",
        "controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets "
        "replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status",
        _READ,
    ),
    _rule("autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status", _READ),
    _rule("metrics.k8s.io", "nodes pods", _READ),
    _rule("batch", "cronjobs cronjobs/status jobs jobs/status", _READ),
    _rule("policy", "poddisruptionbudgets poddisruptionbudgets/status", _READ),
]
_EDIT: Final = [
    _rule("", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy", _READ),
    _rule("", "serviceaccounts", ["impersonate"]),
    _rule("", "pods pods/attach pods/exec pods/portforward pods/proxy", _WRITE),
    _rule("", "pods/eviction", _CREATE),
    _rule("", "configmaps events persistentvolumeclaims secrets serviceaccounts services services/proxy", _WRITE),
    _rule("", "serviceaccounts/token", _CREATE),
    _rule(
        "apps",
        "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets "
        "statefulsets/scale",
        _WRITE,
    ),
    _rule("autoscaling", "horizontalpodautoscalers", _WRITE),
    _rule("batch", "cronjobs jobs", _WRITE),
    _rule("policy", "poddisruptionbudgets", _WRITE),
    _rule("coordination.k8s.io", "leases", sorted(_READ + _WRITE)),
    *_VIEW,
]
_ADMIN: Final = [
    _rule("authorization.k8s.io", "localsubjectaccessreviews", _CREATE),
    _rule("rbac.authorization.k8s.io", "rolebindings roles", sorted(_READ + _WRITE)),
    *_EDIT,
]
_ROLES: Final[dict[str, list[Object]]] = {
    "cluster-admin": [_rule("*", "*", ["*"]), {"nonResourceURLs": ["*"], "verbs": ["*"]}],
    "admin": _ADMIN,
    "edit": _EDIT,
    "view": _VIEW,
    "system:auth-delegator": [
        _rule("authentication.k8s.io", "tokenreviews", _CREATE),
        _rule("authorization.k8s.io", "subjectaccessreviews", _CREATE),
    ],
    "system:basic-user": [
        _rule("authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews", _CREATE),
        _rule("authentication.k8s.io", "selfsubjectreviews", _CREATE),
    ],
    "system:discovery": [_urls(_DISCOVERY)],
    "system:public-info-viewer": [_urls(_PUBLIC)],
}
_BINDINGS: Final = {
    "cluster-admin": "system:masters",
    "system:basic-user": "system:authenticated",
    "system:discovery": "system:authenticated",
    "system:public-info-viewer": "system:authenticated",
}
_GROUP: Final = "rbac.authorization.k8s.io"


def create_default_roles(store: Store) -> None:
    """Create what is missing of the roles and bindings that every cluster starts with."""
    for name, rules in _ROLES.items():
        _create(store, name, {"rules": rules}, binding=False)
    for name, group in _BINDINGS.items():
        role = {"apiGroup": _GROUP, "kind": "ClusterRole", "name": name}
        _create(store, name, {"roleRef": role, "subjects": [{"apiGroup": _GROUP, "kind": "Group", "name": group}]}, binding=True)


def _create(store: Store, name: str, content: Object, *, binding: bool) -> None:
    metadata = {"name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}}
    try:
        store.create(CLUSTER_ROLE_BINDINGS if binding else CLUSTER_ROLES, {"metadata": metadata, **content})
    except AlreadyExists:
        return
