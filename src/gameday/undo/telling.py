"""Kubernetes Events about undo records, for whoever looks with kubectl and not into a pod's log."""

from __future__ import annotations

import hashlib
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from gameday.cluster import SYSTEM_NAMESPACE, Cluster
from gameday.errors import ConflictError

_COMPONENT: Final = "gameday-reaper"
_MESSAGE_CHARACTERS: Final = 1000
"""Kubernetes takes 1,024."""


@dataclass(frozen=True, slots=True)
class Told:
    """One thing to be said: why, in what words, and about which record."""

    reason: str
    message: str
    record: str
    warns: bool = False


def tell(cluster: Cluster, told: Told) -> None:
    """Write an Event beside the record; the same one twice is one, whoever writes it."""
    digest = hashlib.sha256(f"{told.reason} {told.message}".encode()).hexdigest()[:16]
    now = datetime.fromtimestamp(cluster.server_time(), UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{told.record}.{digest}", "namespace": SYSTEM_NAMESPACE},
        "involvedObject": {"apiVersion": "v1", "kind": "Secret", "namespace": SYSTEM_NAMESPACE, "name": told.record},
        "type": "Warning" if told.warns else "Normal",
        "reason": told.reason,
        "message": told.message[:_MESSAGE_CHARACTERS],
        "source": {"component": _COMPONENT},
        "reportingComponent": _COMPONENT,
        "reportingInstance": socket.gethostname(),
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    try:
        cluster.create(event)
    except ConflictError:
        # It has been said, by this reaper or another.
        return
