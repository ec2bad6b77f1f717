"""Kinds of objects by the names that people give them: as Kubernetes writes a kind, its plural, and kubectl's short names.

Only kinds that every cluster has; what a cluster serves besides is asked of it where there is one, which here there is not.
"""

from __future__ import annotations

import difflib
from typing import Final

_SHORT: Final = {
    "ClusterRole": (),
    "ClusterRoleBinding": (),
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
_SLIP: Final = 0.85
"""How alike two words are of which one is a slip: Deploymnet and Deployment, and not NodePool and Node, which are both kinds."""
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


def kind_misspelt(word: str) -> str:
    """Return the kind that a word which is not its name must have been meant for: a plural, a short name, a slip; else empty."""
    meant = kind_meant(word)
    if not meant:
        by_name = {kind.lower(): kind for kind in KINDS}
        found = difflib.get_close_matches(word.lower(), by_name, n=1, cutoff=_SLIP)
        return by_name[found[0]] if found else ""
    return "" if meant.lower() == word.lower() else meant


def _plural(kind: str) -> str:
    if kind.endswith("y"):
        return f"{kind[:-1]}ies"
    return kind if kind == "Endpoints" else f"{kind}es" if kind.endswith("s") else f"{kind}s"


_BY_NAME: Final = {name.lower(): kind for kind, short in _SHORT.items() for name in (kind, _plural(kind), *short)}
OTHER_NAMES: Final = tuple(
    sorted(
        {name for kind, short in _SHORT.items() for name in (_plural(kind), _plural(kind).lower(), *short)}
        - {*KINDS, "endpoints"}
    )
)
"""Plurals and short names, which kubectl takes and which are no kinds."""
