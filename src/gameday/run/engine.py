"""The engine of a worker: what registered actions and probes reach through the port, in the process that injects.

For every change it asks the guardian, which guards it and writes down what is owed; only then is the request made, exactly as
allowed. Then it looks, through another read path, whether the fault landed. It never undoes anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from gameday.change import ActionSpec, Change, ChangeLoad, EvictPod, Evidence, PatchObject, ProbeSpec, bind
from gameday.change.wire import decode, encode
from gameday.cluster import Cluster, Json
from gameday.cluster.reading import is_rolled_out
from gameday.errors import ClusterError, ConflictError, NoMeasurementError, NoTargetError, NotNowError, RefusedError
from gameday.experiment.model import DEFAULT_LANDING_TIMEOUT_SECONDS
from gameday.log.events import ChangeApplied, ChangeFailed, ChangeLanded, Event, ProbeMeasured
from gameday.plan import plan_action
from gameday.run.channel import Peer
from gameday.run.inject import from_wire, is_definite, perform
from gameday.run.observing import RunObservations
from gameday.undo.owing import Operation

_ATTEMPTS: Final = 8
_ASK_AGAIN_SECONDS: Final = 0.2


class WorkerEngine:
    """Implements `gameday.change.Engine` for one round."""

    def __init__(
        self,
        peer: Peer,
        cluster: Callable[[], Cluster],
        observations: RunObservations,
        *,
        round_id: str,
        landing_seconds: float = DEFAULT_LANDING_TIMEOUT_SECONDS,
    ) -> None:
        """Take the line to the guardian, how to reach the cluster, what probes look at, and how long a fault may take to land."""
        self._peer = peer
        self._cluster = cluster
        self._observations = observations
        self._round = round_id
        self._landing_seconds = landing_seconds
        self.prepares = False
        """Whether what is changed now prepares the round, and stays until it is judged."""
        self.activity = ""
        """The activity or step that is on; changes are logged as asked for by it."""

    def log(self, event: Event) -> None:
        """Have the guardian write an event of this round."""
        stamped = msgspec.structs.replace(event, round=self._round)
        self._peer.tell({"log": msgspec.to_builtins(stamped)})

    def perform(self, action: ActionSpec, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Plan, have guarded and recorded, apply, and look whether it landed."""
        by = self.activity or action.name
        planned = plan_action(action, arguments, self._cluster(), by=by)
        tried = [(item, self._carry_out(item.change, by=by)) for item in planned]
        made = [done for _, done in tried if done is not None]
        if planned and not made:
            raise NoTargetError(
                f"{', '.join(str(item.ref) for item in planned)}: not there any more when they were to be changed"
            )
        evidence = self._look(action, made, by=by) if made else Evidence(None, "there was nothing to change")
        summaries = [item.summary for item, done in tried if done is not None]
        return {"changes": summaries, "landed": evidence.landed, "seen": evidence.seen}

    def observe(self, probe: ProbeSpec, arguments: Mapping[str, Any]) -> float:
        """Measure and log."""
        found = probe.measure(self._observations, **bind(probe.measure, probe.name, arguments))
        self.log(ProbeMeasured(probe=probe.name, arguments=dict(arguments), **_as_dict(found)))
        return found.value

    def _carry_out(self, change: Change, *, by: str) -> tuple[str, Change] | None:
        """Ask, then make the request; ask again when the object moved in between, since the pre-image did too.

        An eviction that a budget refuses is asked for again for as long as it has patience. Returns the change's id, and the
        change as the guardian allowed it; None for a pod that has gone by itself since the action chose it.
        """
        self._await_rolled_out(change)
        change_id, attempt = "", 0
        patient_until = time.monotonic() + (change.patience_seconds if isinstance(change, EvictPod) else 0.0)
        while True:
            asked = {"ask": "change", "change": encode(change), "by": by, "again": change_id, "prepares": self.prepares}
            answer = self._peer.ask(asked)
            if answer.get("gone") and not change_id:
                return None
            if "refused" in answer:
                raise RefusedError(answer["refused"])
            change_id = str(answer["change_id"])
            try:
                obj = self._make(from_wire(answer["go"]), change_id)
            except ConflictError as error:
                attempt += 1
                if attempt == _ATTEMPTS:
                    self._failed(change_id, error)
                    raise
                time.sleep(0.02 * attempt)
                continue
            except (ClusterError, RefusedError) as error:
                if isinstance(error, NotNowError) and time.monotonic() < patient_until:
                    time.sleep(_ASK_AGAIN_SECONDS)
                    continue
                self._failed(change_id, error)
                raise
            version = (obj or {}).get("metadata", {}).get("resourceVersion", "")
            self.log(ChangeApplied(change_id=change_id, applied_mono=time.monotonic(), resource_version=version))
            return change_id, decode(answer["change"])

    def _make(self, operation: Operation, change_id: str) -> Json | None:
        if operation.verb != "load":
            return perform(self._cluster(), operation)
        answer = self._peer.ask({"ask": "load", "change_id": change_id, "body": operation.body})
        if "refused" in answer:
            raise RefusedError(answer["refused"])
        return None

    def _await_rolled_out(self, change: Change) -> None:
        """Wait for the workload that a change needs; RefusedError where it does not become available in time."""
        once = change.once if isinstance(change, PatchObject) else None
        deadline = time.monotonic() + self._landing_seconds
        while once is not None:
            began = time.monotonic()
            workload = self._cluster().get(once)
            if workload is not None and is_rolled_out(workload):
                return
            if began > deadline:
                raise RefusedError(
                    f"{change.ref} was left as it is: expected {once} to be rolled out within {self._landing_seconds:g} s. "
                    f"See: kubectl describe {once.kind.lower()} -n {once.namespace} {once.name}"
                )
            time.sleep(0.1)

    def _failed(self, change_id: str, error: RefusedError) -> None:
        self.log(ChangeFailed(change_id=change_id, error=str(error), definite=is_definite(error)))

    def _look(self, action: ActionSpec, made: Sequence[tuple[str, Change]], *, by: str) -> Evidence:
        """Look until the fault is seen, or for as long as that may take; the last look counts, and begins no sooner than that.

        What a look found that took all that time itself is of its beginning.
        """
        ids, changes = [change_id for change_id, _ in made], [change for _, change in made]
        ramps = max((change.over_seconds for change in changes if isinstance(change, ChangeLoad)), default=0.0)
        deadline = time.monotonic() + self._landing_seconds + ramps
        while True:
            began = time.monotonic()
            try:
                evidence = self._evidence(action, changes)
            except (ClusterError, NoMeasurementError) as error:
                evidence = Evidence(None, f"could not look: {error}")
            if evidence.landed or began > deadline:
                self.log(ChangeLanded(change_ids=ids, by=by, landed=evidence.landed, seen=evidence.seen))
                return evidence
            time.sleep(0.1)

    def _evidence(self, action: ActionSpec, changes: Sequence[Change]) -> Evidence:
        if action.measured is not None:
            return action.measured(self._observations, changes)
        return action.landed(self._cluster(), changes)


def _as_dict(found: Any) -> dict[str, Any]:
    return {name: getattr(found, name) for name in ("value", "unit", "seen", "samples", "low", "high")}
