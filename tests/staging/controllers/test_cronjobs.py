"""CronJobs at a clock of the test's own: when Jobs are started, and when not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gameday.staging.controllers.cronjobs import CronJobs
from gameday.staging.controllers.jobs import with_job_selector
from gameday.staging.resources import CRON_JOBS, EVENTS, JOBS
from gameday.staging.store import Store

Object = dict[str, Any]
KEY = "default", "tick"


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> Store:
    made = Store(now=clock)
    made.on_create.append(with_job_selector)
    return made


@pytest.fixture
def cron_jobs(store: Store, clock: Clock) -> CronJobs:
    return CronJobs(store, now=clock)


def schedule(store: Store, **spec: Any) -> None:
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox"}]}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"template": {"spec": pod}}}
    spec = {"schedule": "* * * * *", "jobTemplate": template, **spec}
    store.create(CRON_JOBS, {"metadata": {"name": "tick", "namespace": "default"}, "spec": spec})


def jobs(store: Store) -> list[str]:
    return [item.body["metadata"]["name"] for item in store.listed(JOBS)]


def end(store: Store, name: str, kind: str = "Complete") -> None:
    job = store.get(JOBS, "default", name)
    at = job["metadata"]["creationTimestamp"]
    conditions = [{"type": kind, "status": "True", "lastTransitionTime": at}]
    status = {"conditions": conditions, "startTime": at} | ({"completionTime": at} if kind == "Complete" else {})
    store.update(JOBS, {**job, "status": status}, subresource="status")


def events(store: Store) -> list[str]:
    return [item.body["reason"] for item in store.listed(EVENTS)]


def status(store: Store) -> Object:
    return dict(store.get(CRON_JOBS, *KEY).get("status") or {})


def test_a_job_is_started_when_it_is_due_and_named_after_its_minute(store: Store, clock: Clock, cron_jobs: CronJobs) -> None:
    schedule(store)
    again = cron_jobs.reconcile(KEY)
    assert again == pytest.approx(30.1)
    assert jobs(store) == []
    clock.advance(again or 0)
    assert cron_jobs.reconcile(KEY) == pytest.approx(60.0, abs=0.2)
    minute = int(datetime(2026, 3, 1, 12, 1, tzinfo=UTC).timestamp()) // 60
    assert jobs(store) == [f"tick-{minute}"]
    job = store.get(JOBS, "default", f"tick-{minute}")
    assert job["metadata"]["labels"] == {"a": "b"}
    assert job["metadata"]["annotations"] == {"batch.kubernetes.io/cronjob-scheduled-timestamp": "2026-03-01T12:01:00Z"}
    assert job["metadata"]["ownerReferences"][0]["kind"] == "CronJob"
    assert status(store)["lastScheduleTime"] == "2026-03-01T12:01:00Z"
    assert [item["name"] for item in status(store)["active"]] == jobs(store)
    cron_jobs.reconcile(KEY)
    assert len(jobs(store)) == 1


def test_of_many_that_were_missed_only_the_last_is_made_up_for(store: Store, clock: Clock, cron_jobs: CronJobs) -> None:
    schedule(store)
    clock.advance(3600)
    cron_jobs.reconcile(KEY)
    assert len(jobs(store)) == 1
    assert status(store)["lastScheduleTime"] == "2026-03-01T13:00:00Z"


def test_too_late_is_not_at_all(store: Store, clock: Clock, cron_jobs: CronJobs) -> None:
    schedule(store, schedule="0 * * * *", startingDeadlineSeconds=60)
    clock.advance(3600 + 120)
    cron_jobs.reconcile(KEY)
    assert jobs(store) == []
    assert events(store) == ["MissSchedule"]


def test_one_that_still_runs_forbids_the_next_or_is_replaced_or_stays(store: Store, clock: Clock, cron_jobs: CronJobs) -> None:
    schedule(store, concurrencyPolicy="Forbid")
    clock.advance(60)
    cron_jobs.reconcile(KEY)
    first = jobs(store)
    clock.advance(60)
    cron_jobs.reconcile(KEY)
    assert jobs(store) == first
    assert "JobAlreadyActive" in events(store)
    cron_job = store.get(CRON_JOBS, *KEY)
    store.update(CRON_JOBS, {**cron_job, "spec": {**cron_job["spec"], "concurrencyPolicy": "Replace"}})
    cron_jobs.reconcile(KEY)
    assert len(jobs(store)) == 1
    assert jobs(store) != first
    cron_job = store.get(CRON_JOBS, *KEY)
    store.update(CRON_JOBS, {**cron_job, "spec": {**cron_job["spec"], "concurrencyPolicy": "Allow"}})
    clock.advance(60)
    cron_jobs.reconcile(KEY)
    assert len(jobs(store)) == len(status(store)["active"]) == 2


def test_nothing_is_started_while_it_is_suspended(store: Store, clock: Clock, cron_jobs: CronJobs) -> None:
    schedule(store, suspend=True)
    clock.advance(600)
    assert cron_jobs.reconcile(KEY) is None
    assert jobs(store) == []


def test_only_the_last_ones_that_ended_are_kept(store: Store, clock: Clock, cron_jobs: CronJobs) -> None:
    schedule(store, successfulJobsHistoryLimit=1, failedJobsHistoryLimit=0)
    for kind in ("Complete", "Failed", "Complete"):
        clock.advance(60)
        cron_jobs.reconcile(KEY)
        end(store, status(store)["active"][0]["name"], kind)
        cron_jobs.reconcile(KEY)
        assert "active" not in status(store)
    assert len(jobs(store)) == 1
    assert status(store)["lastSuccessfulTime"] == "2026-03-01T12:03:30Z"
    assert {"SawCompletedJob", "SuccessfulDelete", "SuccessfulCreate"} <= set(events(store))


def test_a_job_started_by_hand_counts_as_active(store: Store, clock: Clock, cron_jobs: CronJobs) -> None:
    schedule(store, concurrencyPolicy="Forbid")
    owner = store.get(CRON_JOBS, *KEY)
    clock.advance(60)
    cron_jobs.reconcile(KEY)
    made = store.get(JOBS, "default", jobs(store)[0])
    reference = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "tick", "uid": owner["metadata"]["uid"], "controller": True}
    store.create(JOBS, {"metadata": {"name": "hand", "ownerReferences": [reference]}, "spec": made["spec"]})
    cron_jobs.reconcile(KEY)
    assert sorted(item["name"] for item in status(store)["active"]) == sorted(jobs(store))
