"""CronJobs: a Job whenever the schedule is due, as far as the one before lets it, and only the last few of them kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from gameday.staging.controllers.jobs import outcome
from gameday.staging.controllers.ownership import controller_uid, owner_reference, parse_time, write_status
from gameday.staging.controllers.queue import Controller, own_key, owner_key
from gameday.staging.errors import AlreadyExists, ApiError, NotFound
from gameday.staging.events import Recorder
from gameday.staging.history import copy_object
from gameday.staging.resources import CRON_JOBS, JOBS
from gameday.staging.schedules import due_after, last_due
from gameday.staging.store import Store, timestamp

Object = dict[str, Any]
SCHEDULED_AT: Final = "batch.kubernetes.io/cronjob-scheduled-timestamp"


class CronJobs:
    """Starts Jobs when they are due."""

    def __init__(self, store: Store, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store = store
        self._now = now
        self._recorder = Recorder(store, "cronjob-controller")

    def controller(self) -> Controller:
        """Return how this hangs on the store."""
        return Controller("cronjob", {CRON_JOBS: own_key, JOBS: owner_key("CronJob")}, self.reconcile)

    def reconcile(self, key: tuple[str, str]) -> float | None:
        """Start what is due, forget what has ended; return when the schedule is due next."""
        try:
            cron_job = self._store.get(CRON_JOBS, *key)
        except NotFound:
            return None
        if "deletionTimestamp" in cron_job["metadata"]:
            return None
        status, now = dict(cron_job.get("status") or {}), self._now()
        self._follow_jobs(cron_job, status)
        spec = cron_job["spec"]
        if not spec.get("suspend"):
            self._start_due(cron_job, status, now)
        self._forget_jobs(cron_job)
        if not status.get("active"):
            status.pop("active", None)
        write_status(self._store, CRON_JOBS, self._store.get(CRON_JOBS, *key), status)
        if spec.get("suspend"):
            return None
        following = next(due_after(spec["schedule"], spec.get("timeZone"), now), None)
        return None if following is None else (following - self._now()).total_seconds() + 0.1

    def _jobs(self, cron_job: Object) -> dict[str, Object]:
        uid, namespace = cron_job["metadata"]["uid"], cron_job["metadata"]["namespace"]
        found = [item.body for item in self._store.listed(JOBS, namespace) if controller_uid(item.body) == uid]
        return {job["metadata"]["uid"]: job for job in found}

    def _follow_jobs(self, cron_job: Object, status: Object) -> None:
        """Bring the list of active Jobs up to date."""
        jobs, active = self._jobs(cron_job), []
        for reference in status.get("active") or ():
            job = jobs.get(reference["uid"])
            if job is None:
                self._recorder.normal(cron_job, "MissingJob", f"Active job went missing: {reference['name']}")
            elif how := outcome(job):
                self._recorder.normal(cron_job, "SawCompletedJob", f"Saw completed job: {reference['name']}, condition: {how}")
                if how == "Complete":
                    status["lastSuccessfulTime"] = job["status"]["completionTime"]
            else:
                active.append(reference)
        known = {reference["uid"] for reference in active}
        active += [_reference(job) for uid, job in jobs.items() if uid not in known and not outcome(job)]
        status["active"] = active

    def _start_due(self, cron_job: Object, status: Object, now: datetime) -> None:
        metadata, spec = cron_job["metadata"], cron_job["spec"]
        since = parse_time(status.get("lastScheduleTime") or metadata["creationTimestamp"])
        due = last_due(spec["schedule"], spec.get("timeZone"), since, now)
        if due is None:
            return
        deadline = spec.get("startingDeadlineSeconds")
        if deadline is not None and due + timedelta(seconds=deadline) < now:
            self._recorder.warning(cron_job, "MissSchedule", f"Missed scheduled time to start a job: {format_datetime(due)}")
            return
        if status["active"] and spec["concurrencyPolicy"] == "Forbid":
            text = "Not starting job because prior execution is running and concurrency policy is Forbid"
            self._recorder.normal(cron_job, "JobAlreadyActive", text)
            return
        if spec["concurrencyPolicy"] == "Replace":
            for reference in status["active"]:
                self._delete(cron_job, reference["name"])
            status["active"] = []
        self._create(cron_job, status, due)

    def _create(self, cron_job: Object, status: Object, due: datetime) -> None:
        metadata, template = cron_job["metadata"], copy_object(cron_job["spec"]["jobTemplate"])
        zone = cron_job["spec"].get("timeZone")
        at = due.astimezone(ZoneInfo(zone)).isoformat() if zone else timestamp(due)
        own = template.get("metadata") or {}
        job = {
            "metadata": {
                "name": f"{metadata['name']}-{int(due.timestamp()) // 60}",
                "namespace": metadata["namespace"],
                "labels": own.get("labels") or {},
                "annotations": {**(own.get("annotations") or {}), SCHEDULED_AT: at},
                "ownerReferences": [owner_reference(cron_job)],
            },
            "spec": template["spec"],
        }
        try:
            made = self._store.create(JOBS, job)
        except AlreadyExists:
            return
        except ApiError as error:
            self._recorder.warning(cron_job, "FailedCreate", f"Error creating job: {error}")
            raise
        self._recorder.normal(cron_job, "SuccessfulCreate", f"Created job {made['metadata']['name']}")
        status["active"] = [*status["active"], _reference(made)]
        status["lastScheduleTime"] = timestamp(due)

    def _forget_jobs(self, cron_job: Object) -> None:
        """Delete the oldest Jobs that have ended, down to the numbers that shall be kept."""
        spec = cron_job["spec"]
        for how, limit in (("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit")):
            ended = [job for job in self._jobs(cron_job).values() if outcome(job) == how]
            ended.sort(key=lambda job: (job["status"].get("startTime", ""), job["metadata"]["name"]))
            for job in ended[: max(0, len(ended) - spec.get(limit, 0))]:
                self._delete(cron_job, job["metadata"]["name"])

    def _delete(self, cron_job: Object, name: str) -> None:
        self._store.delete(JOBS, cron_job["metadata"]["namespace"], name, propagation="Background")
        self._recorder.normal(cron_job, "SuccessfulDelete", f"Deleted job {name}")


def _reference(job: Object) -> Object:
    kept = {key: job["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion")}
    return {"apiVersion": JOBS.api_version, "kind": JOBS.kind, **kept}
