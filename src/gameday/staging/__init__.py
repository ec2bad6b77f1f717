"""The embedded staging cluster: a Kubernetes API over HTTPS on which pods are real processes of this machine.

The engine does not know that this package exists: it reaches the cluster over HTTP, like any other. Rooms: `store`
(objects and their revisions), `api` (HTTP), `controllers`, `node` (pods as processes), `shop` (what runs on it), and
`lifecycle` (a cluster as a process of its own: started, found again, stopped), whose names are the public ones here.

They are imported when first used: every pod of the shop imports this package, and has a tenth of a second until it must listen.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gameday.staging.lifecycle import (
        AlreadyUpError,
        Running,
        ServerFailedError,
        Status,
        default_directory,
        down,
        reaper_manifests,
        shop_manifests,
        status,
        up,
    )
    from gameday.staging.readiness import NotReadyError, Progress, wait_ready
    from gameday.staging.switching import switch_node

__all__ = [
    "AlreadyUpError",
    "NotReadyError",
    "Progress",
    "Running",
    "ServerFailedError",
    "Status",
    "default_directory",
    "down",
    "reaper_manifests",
    "shop_manifests",
    "status",
    "switch_node",
    "up",
    "wait_ready",
]

_ELSEWHERE = dict.fromkeys(("NotReadyError", "Progress", "wait_ready"), "readiness") | {"switch_node": "switching"}


def __getattr__(name: str) -> Any:
    """Import a public name's module when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_ELSEWHERE.get(name, 'lifecycle')}")
    return getattr(module, name)
