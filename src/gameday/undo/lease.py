"""One run at a time in a cluster: a Lease in gameday-system, held for the whole run and renewed while the guardian lives."""

from __future__ import annotations

import socket
from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from gameday.change import patch_operations
from gameday.cluster import SYSTEM_NAMESPACE, Cluster, Json, ObjectRef
from gameday.errors import ConflictError, NotFoundError, RefusedError

DURATION_SECONDS: Final = 60
LEASE: Final = ObjectRef("coordination.k8s.io/v1", "Lease", SYSTEM_NAMESPACE, "gameday")


ABORT_ANNOTATION: Final = "gameday.dev/abort"


def ask_to_abort(cluster: Cluster, by: str) -> str:
    """Ask the run that holds the cluster, wherever its guardian is, to abort; return its holder, or nothing if none is on."""
    found = cluster.get(LEASE)
    if found is None:
        return ""
    cluster.patch(
        ObjectRef.of(found), patch_operations(found, f"/metadata/annotations/{ABORT_ANNOTATION.replace('/', '~1')}", by)
    )
    return str(found["spec"].get("holderIdentity", ""))


def release_lost(cluster: Cluster, *, over: Container[str]) -> None:
    """Delete the Lease if nobody holds it any more: its run is one of those that are over, or it has not been renewed in time.

    A guardian that was killed while it took the Lease may have it later than whoever undid for it could look.
    """
    found = cluster.get(LEASE)
    if found is None:
        return
    run_id = str(found["spec"].get("holderIdentity", "")).partition("@")[0]
    lease = Lease(cluster, run_id)
    if run_id in over or lease.is_expired(found):
        lease.release()


@dataclass(slots=True)
class Lease:
    """This run's hold on the cluster."""

    cluster: Cluster
    run_id: str
    held: Json | None = None

    @property
    def holder(self) -> str:
        """Who holds it, as others read it: run@host."""
        return f"{self.run_id}@{socket.gethostname()}"

    def acquire(self) -> None:
        """Take the Lease; RefusedError names the run that has it, or the namespace that is missing.

        An expired one is taken over: what its run may still owe is asked before this, by its undo records.
        """
        found = self.cluster.get(LEASE)
        if found is not None and not self._may_take(found):
            spec = found["spec"]
            raise RefusedError(
                f"another run is on in this cluster: {spec.get('holderIdentity')}, since {spec.get('acquireTime')}. "
                "Wait for it to end, or, if its processes are dead, run: gameday recover"
            )
        spec = self._spec(acquired=True)
        try:
            if found is None:
                self.held = self.cluster.create(_lease(spec))
            else:
                self.held = self.cluster.replace({**found, "spec": spec})
        except ConflictError as error:
            raise RefusedError(f"another run took the lease of this cluster at the same moment: {error}") from error
        except NotFoundError as error:
            raise RefusedError(
                f"expected the namespace {SYSTEM_NAMESPACE}, in which gameday keeps its lease and undo record, but: {error}. "
                f"Create it: kubectl create namespace {SYSTEM_NAMESPACE}"
            ) from error

    def renew(self) -> None:
        """Say that the run is still on; ConflictError if somebody else has taken the Lease."""
        if self.held is not None:
            spec = {**self.held["spec"], **self._spec(acquired=False)}
            self.held = self.cluster.replace({**self.held, "spec": spec})

    def look(self) -> str:
        """Read the Lease again; return who asks through it for an abort, or nothing. ConflictError if it is not ours any more."""
        found = self.cluster.get(LEASE)
        if found is None or not str(found["spec"].get("holderIdentity", "")).startswith(f"{self.run_id}@"):
            raise ConflictError(f"{LEASE} is held by somebody else now")
        self.held = found
        return str((found["metadata"].get("annotations") or {}).get(ABORT_ANNOTATION, ""))

    def release(self) -> None:
        """Give the Lease back by deleting it, so that nothing of ours is left; only if it is still this run's."""
        found = self.cluster.get(LEASE)
        if found is not None and found["spec"].get("holderIdentity", "").startswith(f"{self.run_id}@"):
            try:
                self.cluster.delete(ObjectRef.of(found), resource_version=found["metadata"]["resourceVersion"])
            except NotFoundError:
                return
        self.held = None

    def _may_take(self, found: Json) -> bool:
        spec = found["spec"]
        return spec.get("holderIdentity") in {None, "", self.holder} or self.is_expired(found)

    def is_expired(self, found: Json) -> bool:
        """Say whether a Lease, whoever holds it, was to be renewed before now, by the server's clock."""
        spec = found["spec"]
        renewed = datetime.fromisoformat(spec["renewTime"]).timestamp() if spec.get("renewTime") else 0.0
        return bool(self.cluster.server_time() > renewed + spec.get("leaseDurationSeconds", DURATION_SECONDS))

    def _spec(self, *, acquired: bool) -> Json:
        now = datetime.fromtimestamp(self.cluster.server_time(), UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        spec: Json = {"holderIdentity": self.holder, "leaseDurationSeconds": DURATION_SECONDS, "renewTime": now}
        return {**spec, "acquireTime": now} if acquired else spec


def _lease(spec: Json) -> Json:
    metadata = {
        "name": LEASE.name,
        "namespace": LEASE.namespace,
        "labels": {"app.kubernetes.io/managed-by": "gameday"},
    }
    return {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata, "spec": spec}
