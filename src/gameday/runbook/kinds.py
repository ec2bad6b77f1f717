"""Kinds of objects by the names that people give them: as Kubernetes writes a kind, its plural, and kubectl's short names.

Only kinds that every cluster has; what a cluster serves besides is asked of it where there is one, which here there is not.
"""

from __future__ import annotations

from typing import Final

_SHORT: Final = {
    "ConfigMap": ("cm",),
    "CronJob": ("cj",),
    "DaemonSet": ("ds",),
    "Deployment": ("deploy",),
    "EndpointSlice": (),
    "Endpoints": ("ep",),
    "HorizontalPodAutoscaler": ("hpa",),
    "Ingress": ("ing",),
    "Job": (),
    "Lease": (),
    "Namespace": ("ns",),
    "NetworkPolicy": ("netpol",),
    "Node": ("no",),
    "PersistentVolume": ("pv",),
    "PersistentVolumeClaim": ("pvc",),
    "Pod": ("po",),
    "PodDisruptionBudget": ("pdb",),
    "ReplicaSet": ("rs",),
    "Role": (),
    "RoleBinding": (),
    "Secret": (),
    "Service": ("svc",),
    "ServiceAccount": ("sa",),
    "StatefulSet": ("sts",),
    "StorageClass": ("sc",),
}
KINDS: Final = tuple(_SHORT)
LOOKED_AT: Final = frozenset(
    {
        "ConfigMap",
        "CronJob",
        "DaemonSet",
        "Deployment",
        "HorizontalPodAutoscaler",
        "Ingress",
        "NetworkPolicy",
        "Node",
        "PersistentVolumeClaim",
        "Pod",
        "PodDisruptionBudget",
        "ReplicaSet",
        "Secret",
        "Service",
        "ServiceAccount",
        "StatefulSet",
    }
)
"""Of which the guardian sees what a shell block did to them (`run.snapshot`)."""


def kind_meant(word: str) -> str:
    """Return the kind that is meant by its own name, its plural or a short name (`deployments.apps` too); empty if none is."""
    return _BY_NAME.get(word.lower().partition(".")[0], "")


def _plural(kind: str) -> str:
    if kind.endswith("y"):
        return f"{kind[:-1]}ies"
    return kind if kind == "Endpoints" else f"{kind}es" if kind.endswith("s") else f"{kind}s"


_BY_NAME: Final = {name.lower(): kind for kind, short in _SHORT.items() for name in (kind, _plural(kind), *short)}
