"""The arithmetic of a rolling update: how large the new ReplicaSet and each old one may be now; pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sizes:
    """One ReplicaSet: how many pods it is told to have, and how many are available."""

    replicas: int
    available: int
    maximum: int = 0
    """How many pods the Deployment might have had, surge included, when this ReplicaSet was given its size."""


def plan_rollout(replicas: int, new: Sizes, old: Sequence[Sizes], *, max_surge: int, max_unavailable: int) -> list[int]:
    """Return the size of the new ReplicaSet and of each old one that keep within surge and unavailability."""
    total_old = sum(item.replicas for item in old)
    if not total_old:
        return [replicas, *(0 for _ in old)]
    room = max(0, replicas + max_surge - total_old - new.replicas)
    size_new = min(replicas, new.replicas + room)
    return [size_new, *_shrink(replicas - max_unavailable, new, size_new, old)]


def plan_scaling(replicas: int, sets: Sequence[Sizes], *, max_surge: int) -> list[int]:
    """Return the sizes after a Deployment was given another number amid a rollout, or while paused: in proportion.

    `sets` are the new ReplicaSet and the old ones, newest first; without any that has pods, the first gets them all.
    """
    sizes = [item.replicas for item in sets]
    active = [index for index, size in enumerate(sizes) if size] or [0]
    if len(active) == 1:
        sizes[active[0]] = replicas
        return sizes
    missing = (replicas + max_surge if replicas else 0) - sum(sizes)
    active.sort(key=lambda index: (-sizes[index], index if missing > 0 else -index))
    left = missing
    for index in active:
        fraction = _fraction(sets[index], replicas, max_surge)
        share = min(fraction, left) if missing > 0 else max(fraction, left)
        sizes[index] += share
        left -= share
    sizes[active[0]] = max(0, sizes[active[0]] + left)
    return sizes


def _fraction(item: Sizes, replicas: int, max_surge: int) -> int:
    """Return by how much one ReplicaSet grows or shrinks if it keeps its share."""
    if not replicas or not item.maximum:
        return -item.replicas if not replicas else 0
    return math.floor(item.replicas * (replicas + max_surge) / item.maximum + 0.5) - item.replicas


def _shrink(least_available: int, new: Sizes, size_new: int, old: Sequence[Sizes]) -> list[int]:
    """Take unavailable old pods first; of the others as many as availability allows."""
    new_unavailable = max(0, size_new - new.available)
    spare = size_new + sum(item.replicas for item in old) - least_available - new_unavailable
    sizes = []
    for item in old:
        broken = min(max(0, item.replicas - item.available), max(0, spare))
        spare -= broken
        sizes.append(item.replicas - broken)
    available = new.available + sum(min(item.available, size) for item, size in zip(old, sizes, strict=True))
    spare = min(max(0, spare), max(0, available - least_available))
    for index, size in enumerate(sizes):
        taken = min(size, spare)
        spare -= taken
        sizes[index] = size - taken
    return sizes


def surge_of(deployment: Object) -> int:
    """Return how many pods a Deployment may have beyond its replicas."""
    spec = deployment["spec"]
    if spec.get("strategy", {}).get("type") == "Recreate":
        return 0
    return _share(_rolling(spec).get("maxSurge", "25%"), spec["replicas"], math.ceil)


def unavailable_of(deployment: Object) -> int:
    """Return how many of a Deployment's replicas may be unavailable; at least 1 where nothing may surge."""
    spec = deployment["spec"]
    if spec.get("strategy", {}).get("type") == "Recreate":
        return 0
    share = _share(_rolling(spec).get("maxUnavailable", "25%"), spec["replicas"], math.floor)
    if share == 0 and surge_of(deployment) == 0:
        share = 1
    return min(share, int(spec["replicas"]))


def _rolling(spec: Object) -> Object:
    rolling: Object = spec.get("strategy", {}).get("rollingUpdate") or {}
    return rolling


def _share(value: int | str, replicas: int, rounding: Callable[[float], int]) -> int:
    if isinstance(value, str) and value.endswith("%"):
        return rounding(int(value[:-1]) * replicas / 100)
    return int(value)
