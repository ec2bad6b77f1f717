"""PersistentVolumeClaims: each is bound at once to a folder of its own, which stays as long as the cluster does."""

from __future__ import annotations

from typing import Any

from gameday.staging.controllers.ownership import write_status
from gameday.staging.controllers.queue import Controller, own_key
from gameday.staging.errors import NotFound
from gameday.staging.resources import PERSISTENT_VOLUME_CLAIMS
from gameday.staging.store import Store

Object = dict[str, Any]


class Claims:
    """Binds claims; the node makes the folder when a pod mounts it (node/volumes.py)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def controller(self) -> Controller:
        """Return how this hangs on the store."""
        return Controller("persistentvolume-binder", {PERSISTENT_VOLUME_CLAIMS: own_key}, self.reconcile)

    def reconcile(self, key: tuple[str, str]) -> None:
        """Bind one claim."""
        try:
            claim = self._store.get(PERSISTENT_VOLUME_CLAIMS, *key)
        except NotFound:
            return
        if not claim["spec"].get("volumeName"):
            claim["spec"]["volumeName"] = f"pvc-{claim['metadata']['uid']}"
            claim["spec"].setdefault("storageClassName", "gameday-folder")
            claim["spec"].setdefault("volumeMode", "Filesystem")
            claim = self._store.update(PERSISTENT_VOLUME_CLAIMS, claim)
        status = {
            "phase": "Bound",
            "accessModes": claim["spec"].get("accessModes") or [],
            "capacity": (claim["spec"].get("resources") or {}).get("requests") or {},
        }
        write_status(self._store, PERSISTENT_VOLUME_CLAIMS, claim, status)
