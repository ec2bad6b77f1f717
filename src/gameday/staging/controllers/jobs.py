"""Jobs: pods until enough of them have succeeded, or too many have failed, or time is over.

As Kubernetes counts: each pod has a finalizer until it is counted, so that none is missed however fast it is deleted; a pod that
is being deleted has failed. A Job that is to end says so (`FailureTarget`, `SuccessCriteriaMet`) and ends with its last pod.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from gameday.staging.controllers.conditions import holds, with_condition
from gameday.staging.controllers.ownership import (
    claimed,
    create_pod,
    delete_pod,
    is_active,
    parse_time,
    pod_from,
    ready_since,
    write_status,
)
from gameday.staging.controllers.queue import Controller, own_key, owner_key
from gameday.staging.errors import NotFound
from gameday.staging.events import Recorder
from gameday.staging.history import copy_object
from gameday.staging.resources import JOBS, PODS, Resource
from gameday.staging.store import Store, timestamp

Object = dict[str, Any]
FINALIZER: Final = "batch.kubernetes.io/job-tracking"
_NAME: Final = "batch.kubernetes.io/job-name"
_CONTROLLER: Final = "batch.kubernetes.io/controller-uid"
_FIRST_BACK_OFF_SECONDS: Final = 10.0
_LONGEST_BACK_OFF_SECONDS: Final = 600.0
_OUTCOMES: Final = {"FailureTarget": "Failed", "SuccessCriteriaMet": "Complete"}
"""What a Job is about to become, and what it becomes with its last pod."""
_BACK_OFF = "BackoffLimitExceeded", "Job has reached the specified backoff limit"
_DEADLINE = "DeadlineExceeded", "Job was active longer than specified deadline"
_SUCCESS = "CompletionsReached", "Reached expected number of succeeded pods"


def with_job_selector(resource: Resource, obj: Object) -> Object:
    """Give a new Job the selector and its pods the labels by which it knows them; a hook of the store."""
    if resource is JOBS and not obj["spec"].get("manualSelector"):
        uid, name = obj["metadata"]["uid"], obj["metadata"]["name"]
        labels = obj["spec"]["template"].setdefault("metadata", {}).setdefault("labels", {})
        labels |= {_CONTROLLER: uid, _NAME: name, "controller-uid": uid, "job-name": name}
        obj["spec"]["selector"] = {"matchLabels": {_CONTROLLER: uid}}
    return obj


def outcome(job: Object) -> str:
    """Return Complete or Failed for a Job that has ended; empty for one that has not."""
    return next((kind for kind in _OUTCOMES.values() if holds(job, kind)), "")


@dataclass(frozen=True, slots=True)
class _Failures:
    """How many pods failed in a row, and when the last one did."""

    count: int = 0
    last: datetime | None = None

    def wait_seconds(self, now: datetime) -> float:
        """Return how long to wait before the next pod."""
        if self.last is None:
            return 0.0
        delay: float = min(_FIRST_BACK_OFF_SECONDS * 2 ** min(self.count - 1, 16), _LONGEST_BACK_OFF_SECONDS)
        return max(0.0, delay - (now - self.last).total_seconds())


class Jobs:
    """Creates, counts and deletes the pods of Jobs, and Jobs themselves some time after their end."""

    def __init__(self, store: Store, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store = store
        self._now = now
        self._failures: dict[tuple[str, str], _Failures] = {}
        self._recorder = Recorder(store, "job-controller")

    def controller(self) -> Controller:
        """Return how this hangs on the store."""
        return Controller("job", {JOBS: own_key, PODS: owner_key("Job")}, self.reconcile)

    def reconcile(self, key: tuple[str, str]) -> float | None:
        """Take one Job a step further; return when it has to be looked at again."""
        try:
            job = self._store.get(JOBS, *key)
        except NotFound:
            self._failures.pop(key, None)
            self._release_orphans(key)
            return None
        if outcome(job):
            self._failures.pop(key, None)
            for pod in claimed(self._store, PODS, job):
                self._release(pod)
            return self._expire(job)
        status = {**(job.get("status") or {}), "uncountedTerminatedPods": {}}
        if not job["spec"].get("suspend"):
            status.setdefault("startTime", timestamp(self._now()))
        self._count(key, job, status)
        again_seconds = None if "deletionTimestamp" in job["metadata"] else self._advance(key, job, status)
        self._write_status(job, status)
        return again_seconds

    def _count(self, key: tuple[str, str], job: Object, status: Object) -> None:
        """Count the pods that have ended since the last look, and let them go."""
        for pod in list(claimed(self._store, PODS, job)):
            phase = (pod.get("status") or {}).get("phase")
            failed = phase == "Failed" or ("deletionTimestamp" in pod["metadata"] and phase != "Succeeded")
            if FINALIZER not in (pod["metadata"].get("finalizers") or ()) or not (failed or phase == "Succeeded"):
                continue
            counted = "failed" if failed else "succeeded"
            status[counted] = status.get(counted, 0) + 1
            before = self._failures.get(key, _Failures())
            self._failures[key] = replace(before, count=before.count + 1, last=self._now()) if failed else _Failures()
            self._release(pod)

    def _advance(self, key: tuple[str, str], job: Object, status: Object) -> float | None:
        """Decide whether the Job is to end, and otherwise bring its pods to their number."""
        active = self._active(job)
        ending = any(holds({"status": status}, kind) for kind in _OUTCOMES)
        if not ending and (failure := self._failure(job, status)):
            self._say(status, "FailureTarget", "True", *failure)
            ending = True
        if ending or job["spec"].get("suspend"):
            self._delete(job, active)
            if not ending:
                self._suspend(job, status)
            return None
        self._resume(job, status)
        again = [self._manage(key, job, status, active), self._deadline_seconds(job, status)]
        succeeded, completions = status.get("succeeded", 0), job["spec"].get("completions")
        if succeeded >= (1 if completions is None else completions) and not self._active(job):
            self._say(status, "SuccessCriteriaMet", "True", *_SUCCESS)
        return min((seconds for seconds in again if seconds is not None), default=None)

    def _failure(self, job: Object, status: Object) -> tuple[str, str] | None:
        limit = job["spec"].get("backoffLimit", 6)
        restarts = 0
        if job["spec"]["template"]["spec"].get("restartPolicy") == "OnFailure":
            containers = [item for pod in self._active(job) for item in (pod.get("status") or {}).get("containerStatuses") or ()]
            restarts = sum(item.get("restartCount", 0) for item in containers)
        if status.get("failed", 0) > limit or (restarts and restarts >= limit):
            return _BACK_OFF
        left = self._deadline_seconds(job, status)
        return _DEADLINE if left is not None and left <= 0 and not job["spec"].get("suspend") else None

    def _deadline_seconds(self, job: Object, status: Object) -> float | None:
        deadline, start = job["spec"].get("activeDeadlineSeconds"), status.get("startTime")
        if deadline is None or start is None:
            return None
        return float(deadline) - (self._now() - parse_time(start)).total_seconds()

    def _manage(self, key: tuple[str, str], job: Object, status: Object, active: list[Object]) -> float | None:
        """Create what is missing, unless the last failures are too young; delete what is too much."""
        parallelism, completions = job["spec"].get("parallelism", 1), job["spec"].get("completions")
        wanted = parallelism
        if completions is not None:
            wanted = min(parallelism, completions - status.get("succeeded", 0))
        elif status.get("succeeded"):
            wanted = min(parallelism, len(active))
        if len(active) >= wanted:
            active.sort(key=lambda pod: (ready_since(pod) is not None, pod["spec"].get("nodeName", "")))
            self._delete(job, active[: len(active) - max(wanted, 0)])
            return None
        if wait_seconds := self._failures.get(key, _Failures()).wait_seconds(self._now()):
            return wait_seconds
        for _ in range(wanted - len(active)):
            self._create(job)
        return None

    def _create(self, job: Object) -> None:
        pod = pod_from(job["spec"]["template"], job, prefix=f"{job['metadata']['name']}-")
        pod["metadata"]["finalizers"] = [FINALIZER]
        create_pod(self._store, self._recorder, job, pod)

    def _delete(self, job: Object, pods: list[Object]) -> None:
        for pod in pods:
            delete_pod(self._store, self._recorder, job, pod)

    def _suspend(self, job: Object, status: Object) -> None:
        status.pop("startTime", None)
        if self._say(status, "Suspended", "True", "JobSuspended", "Job suspended"):
            self._recorder.normal(job, "Suspended", "Job suspended")

    def _resume(self, job: Object, status: Object) -> None:
        if holds({"status": status}, "Suspended"):
            status["startTime"] = timestamp(self._now())
            self._say(status, "Suspended", "False", "JobResumed", "Job resumed")
            self._recorder.normal(job, "Resumed", "Job resumed")

    def _say(self, status: Object, kind: str, value: str, reason: str, message: str) -> bool:
        """Set a condition; return whether that is news."""
        if holds({"status": status}, kind) == (value == "True"):
            return False
        now = self._now()
        said = {"type": kind, "status": value, "lastProbeTime": timestamp(now), "reason": reason, "message": message}
        status["conditions"] = with_condition(status.get("conditions") or [], now, **said)
        return True

    def _write_status(self, job: Object, status: Object) -> None:
        """Write counts and conditions; a Job that is about to end ends when none of its pods is left to count."""
        pods = list(claimed(self._store, PODS, job))
        active = [pod for pod in pods if is_active(pod)]
        going = [pod for pod in pods if not is_active(pod) and "deletionTimestamp" in pod["metadata"]]
        counts = {"active": len(active)} if active else {}
        ready = sum(ready_since(pod) is not None for pod in active)
        kept = {key: value for key, value in status.items() if key != "active"}
        status = {**kept, **counts, "ready": ready, "terminating": len(going)}
        about = next((item for item in status.get("conditions") or () if item["type"] in _OUTCOMES), None)
        if about is not None and not active and not going:
            self._finish(job, status, about)
        write_status(self._store, JOBS, self._store.get(JOBS, job["metadata"]["namespace"], job["metadata"]["name"]), status)

    def _finish(self, job: Object, status: Object, about: Object) -> None:
        kind, reason, message = _OUTCOMES[about["type"]], about["reason"], about["message"]
        self._say(status, kind, "True", reason, message)
        if kind == "Complete":
            status["completionTime"] = timestamp(self._now())
            self._recorder.normal(job, "Completed", "Job completed")
        else:
            self._recorder.warning(job, reason, message)

    def _expire(self, job: Object) -> float | None:
        """Delete a Job whose time after its end is over; return how long it has left."""
        ttl = job["spec"].get("ttlSecondsAfterFinished")
        if ttl is None or "deletionTimestamp" in job["metadata"]:
            return None
        ended = next(item["lastTransitionTime"] for item in job["status"]["conditions"] if item["type"] in _OUTCOMES.values())
        left = float(ttl) - (self._now() - parse_time(ended)).total_seconds()
        if left > 0:
            return left
        metadata = job["metadata"]
        self._store.delete(JOBS, metadata["namespace"], metadata["name"], uid=metadata["uid"], propagation="Foreground")
        return None

    def _active(self, job: Object) -> list[Object]:
        return [pod for pod in claimed(self._store, PODS, job) if is_active(pod)]

    def _release_orphans(self, key: tuple[str, str]) -> None:
        """Let go of the pods of a Job that is no more."""
        for item in self._store.listed(PODS, key[0]):
            metadata = item.body["metadata"]
            owners = [
                (owner["kind"], owner["name"]) for owner in metadata.get("ownerReferences") or () if owner.get("controller")
            ]
            mine = (metadata.get("labels") or {}).get(_NAME) == key[1] if not owners else owners == [("Job", key[1])]
            if mine:
                self._release(item.body)

    def _release(self, pod: Object) -> None:
        """Take the finalizer off a pod that needs not be counted any more."""
        finalizers = pod["metadata"].get("finalizers") or []
        if FINALIZER in finalizers:
            changed = copy_object(pod)
            changed["metadata"]["finalizers"] = [item for item in finalizers if item != FINALIZER]
            self._store.update(PODS, changed)
