"""The embedded staging cluster: a Kubernetes API over HTTPS on which pods are real processes of this machine.

The engine does not know that this package exists: it reaches the cluster over HTTP, like any other. Rooms: `store`
(objects and their revisions), `api` (HTTP), `controllers`, `node` (pods as processes), `shop` (what runs on it), and
`lifecycle` (a cluster as a process of its own: started, found again, stopped), whose names are the public ones here. The server's
modules are not imported by this one, so that a command that only asks for the status stays quick.
"""

from gameday.staging.lifecycle import (
    AlreadyUpError,
    Running,
    ServerFailedError,
    Status,
    default_directory,
    down,
    shop_manifests,
    status,
    up,
)
from gameday.staging.readiness import NotReadyError, Progress, wait_ready

__all__ = [
    "AlreadyUpError",
    "NotReadyError",
    "Progress",
    "Running",
    "ServerFailedError",
    "Status",
    "default_directory",
    "down",
    "shop_manifests",
    "status",
    "up",
    "wait_ready",
]
