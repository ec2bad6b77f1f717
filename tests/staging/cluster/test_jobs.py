"""Jobs on a real cluster of the embedded kind: real processes that end, and what kubectl says about them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kubernetes import client

Object = dict[str, Any]


def run(space: Any, script: str, *, restart: str = "Never", **spec: Any) -> None:
    """Create the Job `work` of a shell script."""
    container = {"name": "main", "image": "busybox", "command": ["sh", "-c", script]}
    pod = {"restartPolicy": restart, "terminationGracePeriodSeconds": 1, "containers": [container]}
    body = {"metadata": {"name": "work"}, "spec": {"template": {"spec": pod}, **spec}}
    client.BatchV1Api(space.api).create_namespaced_job(space.name, body)


def status(space: Any) -> Object:
    answer = client.BatchV1Api(space.api).read_namespaced_job("work", space.name, _preload_content=False)
    return dict(json.loads(answer.data).get("status") or {})


def conditions(space: Any) -> dict[str, tuple[str, str]]:
    return {item["type"]: (item["status"], item["reason"]) for item in status(space).get("conditions", ())}


def patch(space: Any, **spec: Any) -> None:
    client.BatchV1Api(space.api).patch_namespaced_job("work", space.name, {"spec": spec})


def test_a_job_completes_when_enough_pods_have_succeeded(space: Any, kubectl: Any) -> None:
    run(space, "echo done", completions=3, parallelism=2)
    assert "condition met" in kubectl("wait", "--for=condition=complete", "job/work", "--timeout=60s")
    found = status(space)
    assert (found["succeeded"], found["ready"], found["terminating"], found.get("active")) == (3, 0, 0, None)
    assert found["startTime"] <= found["completionTime"]
    reached = ("True", "CompletionsReached")
    assert conditions(space) == {"SuccessCriteriaMet": reached, "Complete": reached}
    assert {pod["status"]["phase"] for pod in space.pods()} == {"Succeeded"}
    assert all(not pod["metadata"].get("finalizers") for pod in space.pods())
    assert kubectl("get", "jobs").split()[5:8] == ["work", "Complete", "3/3"]
    assert "3 Succeeded" in kubectl("describe", "job", "work")
    assert "done\n" in kubectl("logs", "job/work")
    assert [item["message"] for item in space.events("Completed")] == ["Job completed"]
    kubectl("delete", "job", "work")
    space.eventually(lambda: not space.pods())


def test_a_job_fails_when_its_pods_failed_too_often(space: Any) -> None:
    run(space, "exit 3", backoffLimit=0)
    space.eventually(lambda: "Failed" in conditions(space))
    reached = ("True", "BackoffLimitExceeded")
    assert conditions(space) == {"FailureTarget": reached, "Failed": reached}
    assert status(space)["failed"] == 1
    assert [item["message"] for item in space.events("BackoffLimitExceeded")] == ["Job has reached the specified backoff limit"]


def test_the_next_try_waits_longer_after_each_failure(space: Any) -> None:
    run(space, "exit 3", backoffLimit=1)
    space.eventually(lambda: status(space).get("failed") == 1)
    assert len(space.pods()) == 1
    space.eventually(lambda: "Failed" in conditions(space))
    assert len(space.pods()) == 2


def test_restarts_in_place_count_against_the_limit_too(space: Any) -> None:
    run(space, "exit 3", restart="OnFailure", backoffLimit=1)
    space.eventually(lambda: conditions(space).get("Failed") == ("True", "BackoffLimitExceeded"))
    space.eventually(lambda: not space.pods())


def test_a_job_that_takes_too_long_is_ended(space: Any) -> None:
    run(space, "sleep 1000", activeDeadlineSeconds=1)
    space.eventually(lambda: conditions(space).get("Failed") == ("True", "DeadlineExceeded"))
    space.eventually(lambda: not space.pods())
    assert [item["message"] for item in space.events("DeadlineExceeded")] == ["Job was active longer than specified deadline"]


def test_a_suspended_job_runs_nothing_until_it_is_resumed(space: Any) -> None:
    run(space, "sleep 1000", suspend=True)
    space.eventually(lambda: conditions(space).get("Suspended") == ("True", "JobSuspended"))
    assert "startTime" not in status(space)
    assert space.pods() == []
    patch(space, suspend=False)
    space.eventually(lambda: status(space).get("ready") == 1)
    assert conditions(space)["Suspended"] == ("False", "JobResumed")
    patch(space, suspend=True)
    space.eventually(lambda: not space.pods())
    assert space.events("Suspended")
    assert space.events("Resumed")


def test_a_finished_job_goes_by_itself_after_its_time(space: Any) -> None:
    run(space, "true", ttlSecondsAfterFinished=1)
    space.eventually(lambda: space.events("Completed"))
    batch = client.BatchV1Api(space.api)
    space.eventually(lambda: not batch.list_namespaced_job(space.name).items and not space.pods())


def test_a_deleted_pod_counts_as_failed_and_is_replaced_after_the_back_off(space: Any) -> None:
    run(space, "sleep 1000")
    pod = space.eventually(space.pods)[0]
    space.eventually(lambda: status(space).get("ready") == 1)
    space.core.delete_namespaced_pod(pod["metadata"]["name"], space.name)
    space.eventually(lambda: status(space).get("failed") == 1)
    again = space.eventually(lambda: [item for item in space.pods() if item["metadata"]["uid"] != pod["metadata"]["uid"]])
    assert again[0]["metadata"]["labels"]["job-name"] == "work"


def test_pods_that_outlive_their_job_are_let_go(space: Any, kubectl: Any) -> None:
    run(space, "sleep 1000")
    space.eventually(lambda: status(space).get("ready") == 1)
    kubectl("delete", "job", "work", "--cascade=orphan")
    space.eventually(lambda: not space.pods()[0]["metadata"].get("finalizers"))
    pod = space.pods()[0]
    assert not pod["metadata"].get("ownerReferences")
    kubectl("delete", "pod", pod["metadata"]["name"], "--wait=true")


def test_a_namespace_with_a_running_job_can_go(space: Any, kubectl: Any) -> None:
    run(space, "sleep 1000")
    space.eventually(lambda: status(space).get("ready") == 1)
    kubectl("delete", "namespace", space.name, "--timeout=60s")
    space.core.create_namespace({"metadata": {"name": space.name}})


def test_a_job_of_pods_that_never_end_is_refused(space: Any) -> None:
    with pytest.raises(client.ApiException) as refused:
        run(space, "true", restart="Always")
    assert 'Required value: valid values: \\"OnFailure\\", \\"Never\\"' in refused.value.body


def test_kubectl_makes_jobs_and_cron_jobs_and_one_of_the_other(space: Any, kubectl: Any) -> None:
    kubectl("create", "job", "once", "--image=busybox", "--", "echo", "hello")
    kubectl("wait", "--for=condition=complete", "job/once", "--timeout=60s")
    kubectl("create", "cronjob", "tick", "--image=busybox", "--schedule=0 0 1 1 *", "--", "echo", "tock")
    kubectl("create", "job", "by-hand", "--from=cronjob/tick")
    kubectl("wait", "--for=condition=complete", "job/by-hand", "--timeout=60s")
    assert "tock" in kubectl("logs", "job/by-hand")
    space.eventually(lambda: "0 0 1 1 *" in kubectl("get", "cronjob", "tick"))
    heading = ["NAME", "SCHEDULE", "TIMEZONE", "SUSPEND", "ACTIVE", "LAST", "SCHEDULE", "AGE"]
    assert kubectl("get", "cj").split()[:8] == heading
    assert "SawCompletedJob" in kubectl("describe", "cronjob", "tick")
    assert "unknown time zone" in kubectl(
        "patch", "cronjob", "tick", "--type=merge", "-p", '{"spec": {"timeZone": "Mars/Olympus"}}', fails=True
    )
    assert "spec.schedule: Invalid value" in kubectl(
        "create", "cronjob", "bad", "--image=busybox", "--schedule=every day", fails=True
    )
