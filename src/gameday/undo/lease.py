"""One run at a time in a cluster: a Lease in gameday-system, held for the whole run and renewed while the guardian lives."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from gameday.change import patch_operations
from gameday.cluster import SYSTEM_NAMESPACE, Cluster, Json, ObjectRef
from gameday.errors import ConflictError, NotFoundError, RefusedError
from gameday.processes import ProcessId, process_id
from gameday.undo.sightings import CONFIRM_SECONDS

DURATION_SECONDS: Final = 60
_RELEASES: Final = 5
"""How often a Lease that changes in the very moment is looked at again: of a dead guardian one renewal can be on its way."""
_LOOK_SECONDS: Final = 1.0
LEASE: Final = ObjectRef("coordination.k8s.io/v1", "Lease", SYSTEM_NAMESPACE, "gameday")
ABORT_ANNOTATION: Final = "gameday.dev/abort"
GUARDIAN_ANNOTATION: Final = "gameday.dev/guardian"
"""Which process of its host holds it, as PID/TICKS, so that others of that host see whether it is still there."""


def ask_to_abort(cluster: Cluster, by: str) -> str:
    """Ask the run that holds the cluster, wherever its guardian is, to abort; return its holder, or nothing if none is on."""
    found = cluster.get(LEASE)
    if found is None:
        return ""
    cluster.patch(
        ObjectRef.of(found), patch_operations(found, f"/metadata/annotations/{ABORT_ANNOTATION.replace('/', '~1')}", by)
    )
    return str(found["spec"].get("holderIdentity", ""))


@dataclass(frozen=True, slots=True)
class Hold:
    """Who has the cluster, and until when unless it says again that it lives."""

    holder: str
    """run@host."""
    since: str
    renewed: str
    ends: str
    """By the server's clock, like the others."""
    seconds_left: float
    """Never more than a Lease lasts, wherever the server's clock has gone since."""
    guardian: ProcessId | None
    """Its process on that host, where that is known."""

    @property
    def run_id(self) -> str:
        """The run that holds it."""
        return self.holder.partition("@")[0]

    @property
    def host(self) -> str:
        """Where its guardian is, or was."""
        return self.holder.partition("@")[2]

    @property
    def is_known_dead(self) -> bool:
        """Whether it is of this host, and its guardian is not there any more."""
        return self.host == socket.gethostname() and self.guardian is not None and not self.guardian.is_alive

    def __str__(self) -> str:
        then = f"ends at {self.ends}, in {self.seconds_left:.0f} s" if self.seconds_left else f"ended at {self.ends}"
        return f"{self.holder}, since {self.since}; unless its guardian renews it, that {then}"


def hold_of(cluster: Cluster) -> Hold | None:
    """Look who has the cluster's Lease; None if nobody does."""
    found = cluster.get(LEASE)
    return _hold(found, cluster.server_time()) if found is not None else None


def _hold(found: Json, server_time: float) -> Hold | None:
    if not found["spec"].get("holderIdentity"):
        return None
    spec = found["spec"]
    duration = float(spec.get("leaseDurationSeconds", DURATION_SECONDS))
    left = max(0.0, min(_seconds(spec.get("renewTime")) + duration - server_time, duration))
    ends = server_time + left if left else _seconds(spec.get("renewTime")) + duration
    pid, _, ticks = str((found["metadata"].get("annotations") or {}).get(GUARDIAN_ANNOTATION, "")).partition("/")
    return Hold(
        holder=str(spec["holderIdentity"]),
        since=str(spec.get("acquireTime", "(unknown)")),
        renewed=str(spec.get("renewTime", "")),
        ends=_text(ends)[:19] + "Z",
        seconds_left=left,
        guardian=ProcessId(int(pid), int(ticks)) if pid.isdigit() and ticks.isdigit() else None,
    )


def is_renewed(cluster: Cluster, hold: Hold, *, within_seconds: float, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Watch a hold for so long; say whether its run has given a sign of life, or somebody else has the cluster by now.

    By no clock but our own: the server's may be set on or back meanwhile, which a living guardian notices, and renews.
    """
    left = within_seconds
    while left > 0:
        sleep(min(left, _LOOK_SECONDS))
        left -= _LOOK_SECONDS
        now = hold_of(cluster)
        if now is None:
            return False
        if (now.holder, now.renewed) != (hold.holder, hold.renewed):
            return True
    return False


@dataclass(slots=True)
class Lease:
    """This run's hold on the cluster."""

    cluster: Cluster
    run_id: str
    held: Json | None = None
    sleep: Callable[[float], None] = time.sleep

    @property
    def holder(self) -> str:
        """Who holds it, as others read it: run@host."""
        return f"{self.run_id}@{socket.gethostname()}"

    def acquire(self) -> None:
        """Take the Lease; RefusedError names the run that has it, or the namespace that is missing.

        An expired one is taken over, if it is not renewed within some seconds: what its run may still owe is asked before
        this, by its undo records.
        """
        found = self.cluster.get(LEASE)
        hold = _hold(found, self.cluster.server_time()) if found is not None else None
        if hold is not None and self._is_on(hold):
            raise RefusedError(
                f"another run is on in this cluster: {hold}. "
                "Wait for it to end, or, if its processes are dead, run: gameday recover"
            )
        lease = _lease(self._spec(acquired=True))
        try:
            if found is None:
                self.held = self.cluster.create(lease)
            else:
                metadata = {**found["metadata"], "annotations": lease["metadata"]["annotations"]}
                self.held = self.cluster.replace({**found, "metadata": metadata, "spec": lease["spec"]})
        except ConflictError as error:
            raise RefusedError(f"another run took the lease of this cluster at the same moment: {error}") from error
        except NotFoundError as error:
            raise RefusedError(
                f"expected the namespace {SYSTEM_NAMESPACE}, in which gameday keeps its lease and undo record, but: {error}. "
                f"Create it: kubectl create namespace {SYSTEM_NAMESPACE}"
            ) from error

    def renew(self) -> None:
        """Say that the run is still on; ConflictError if somebody else has taken the Lease.

        Whoever asks for an abort writes to it as well, perhaps in this very moment; then it is looked at again, and still ours.
        """
        if self.held is None:
            return
        try:
            self._renew(self.held)
        except ConflictError:
            self.look()
            self._renew(self.held)

    def _renew(self, held: Json) -> None:
        self.held = self.cluster.replace({**held, "spec": {**held["spec"], **self._spec(acquired=False)}})

    def look(self) -> str:
        """Read the Lease again; return who asks through it for an abort, or nothing. ConflictError if it is not ours any more."""
        found = self.cluster.get(LEASE)
        if found is None or not str(found["spec"].get("holderIdentity", "")).startswith(f"{self.run_id}@"):
            raise ConflictError(f"{LEASE} is held by somebody else now")
        self.held = found
        return str((found["metadata"].get("annotations") or {}).get(ABORT_ANNOTATION, ""))

    def release(self) -> None:
        """Give the Lease back by deleting it, so that nothing of ours is left; only if it is still this run's.

        A renewal of a guardian that was killed may come in meanwhile, and the deletion is refused; then it is looked at again.
        """
        for left in reversed(range(_RELEASES)):
            found = self.cluster.get(LEASE)
            if found is None or not found["spec"].get("holderIdentity", "").startswith(f"{self.run_id}@"):
                break
            try:
                self.cluster.delete(ObjectRef.of(found), resource_version=found["metadata"]["resourceVersion"])
            except NotFoundError:
                break
            except ConflictError:
                if not left:
                    raise
            else:
                break
        self.held = None

    def _is_on(self, hold: Hold) -> bool:
        """Say whether another run has the cluster; a hold that has ended is watched: the server's clock may have been set."""
        if hold.holder == self.holder or (hold.is_known_dead and not hold.seconds_left):
            return False
        return hold.seconds_left > 0 or is_renewed(self.cluster, hold, within_seconds=CONFIRM_SECONDS, sleep=self.sleep)

    def _spec(self, *, acquired: bool) -> Json:
        now = _text(self.cluster.server_time())
        spec: Json = {"holderIdentity": self.holder, "leaseDurationSeconds": DURATION_SECONDS, "renewTime": now}
        return {**spec, "acquireTime": now} if acquired else spec


def _seconds(moment: str | None) -> float:
    return datetime.fromisoformat(moment).timestamp() if moment else 0.0


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _lease(spec: Json) -> Json:
    own = process_id(os.getpid())
    metadata = {
        "name": LEASE.name,
        "namespace": LEASE.namespace,
        "labels": {"app.kubernetes.io/managed-by": "gameday"},
        "annotations": {GUARDIAN_ANNOTATION: f"{own.pid}/{own.start_ticks}"},
    }
    return {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata, "spec": spec}
