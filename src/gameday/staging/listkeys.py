"""Which lists of Kubernetes objects are merged item by item, and by which key.

From the patchMergeKey and listMapKey tags of the Kubernetes types. A list that is not here is atomic: a patch
replaces it whole. That is so for taints and tolerations too, in Kubernetes as here.
"""

from __future__ import annotations

FieldPath = tuple[str, ...]
"""The names of the fields on the way to a value; items of lists are not steps."""

_BY_FIELD: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "imagePullSecrets": ("name",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "schedulingGates": ("name",),
    "ownerReferences": ("uid",),
    "conditions": ("type",),
    "addresses": ("type",),
    "podIPs": ("ip",),
    "hostIPs": ("ip",),
}
_BY_PARENT: dict[tuple[str, str], tuple[str, ...]] = {
    ("containers", "ports"): ("containerPort", "protocol"),
    ("initContainers", "ports"): ("containerPort", "protocol"),
    ("spec", "ports"): ("port", "protocol"),
}
_AT_THE_TOP: dict[FieldPath, tuple[str, ...]] = {("secrets",): ("name",)}
_SETS = frozenset({"finalizers"})
_ATOMIC_PARENTS = frozenset({"endpoints", "subsets"})


def merge_keys(path: FieldPath) -> tuple[str, ...]:
    """Return the fields that identify an item of the list at `path`; empty if the list is atomic."""
    if path in _AT_THE_TOP:
        return _AT_THE_TOP[path]
    if not _ATOMIC_PARENTS.isdisjoint(path):
        return ()
    if path[-2:] in _BY_PARENT:
        return _BY_PARENT[path[-2], path[-1]]
    return _BY_FIELD.get(path[-1], ()) if path else ()


def is_set(path: FieldPath) -> bool:
    """Say whether the list at `path` is a set of plain values."""
    return bool(path) and path[-1] in _SETS
