"""Controllers: Deployments and their ReplicaSets, StatefulSets, DaemonSets, Jobs, CronJobs and autoscalers."""

from __future__ import annotations

import re

import pytest

from tests.conformance.checking import check
from tests.conformance.manifests import FOREVER, NOWHERE, condition, is_ready, pod, python, rolled_out, running, shell, workload
from tests.conformance.space import Space
from tests.conformance.transport import Json

REVISION = "deployment.kubernetes.io/revision"


def replica_sets(space: Space) -> list[Json]:
    return sorted(
        space.items("replicasets", labelSelector="app=web"), key=lambda item: int(item["metadata"]["annotations"][REVISION])
    )


def pods(space: Space, name: str = "web") -> list[Json]:
    return space.items("pods", labelSelector=f"app={name}")


def events(space: Space, name: str, reason: str) -> list[str]:
    return [item["message"] for item in space.items("events", fieldSelector=f"involvedObject.name={name},reason={reason}")]


@check("A Deployment makes a ReplicaSet, that makes pods, and each names its owner.")
def a_deployment(space: Space) -> None:
    made = space.make("deployments", running(space, replicas=2))
    found = rolled_out(space, "web", 2)
    assert found["metadata"]["annotations"][REVISION] == "1"
    available, progressing = condition(found, "Available"), condition(found, "Progressing")
    assert (available["status"], available["reason"]) == ("True", "MinimumReplicasAvailable")
    assert available["message"] == "Deployment has minimum availability."
    owned = replica_sets(space)[0]
    name = owned["metadata"]["name"]
    assert (progressing["status"], progressing["reason"]) == ("True", "NewReplicaSetAvailable")
    assert progressing["message"] == f'ReplicaSet "{name}" has successfully progressed.'
    owner = owned["metadata"]["ownerReferences"][0]
    assert owner == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "web",
        "uid": made["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    tag = owned["metadata"]["labels"]["pod-template-hash"]
    assert name == f"web-{tag}"
    assert owned["spec"]["selector"]["matchLabels"] == {"app": "web", "pod-template-hash": tag}
    for item in pods(space):
        assert re.fullmatch(rf"{name}-[bcdfghjklmnpqrstvwxz2456789]{{5}}", item["metadata"]["name"])
        assert item["metadata"]["generateName"] == f"{name}-"
        assert item["metadata"]["labels"].items() >= {"app": "web", "pod-template-hash": tag}.items()
        assert item["metadata"]["ownerReferences"][0]["uid"] == owned["metadata"]["uid"]
    assert events(space, "web", "ScalingReplicaSet") == [f"Scaled up replica set {name} from 0 to 2"]
    assert sorted(events(space, name, "SuccessfulCreate")) == sorted(
        f"Created pod: {item['metadata']['name']}" for item in pods(space)
    )


@check("A Deployment's annotations reach its ReplicaSet and stay there when they are gone here; its labels do not.")
def annotations_reach_the_replica_set(space: Space) -> None:
    space.make("deployments", running(space, replicas=1))
    rolled_out(space, "web", 1)
    mine = {"annotations": {"example.com/note": "mine"}, "labels": {"example.com/tier": "web"}}
    space.patch("deployments/web", {"metadata": mine}).expect(200)
    space.eventually(lambda: replica_sets(space)[0]["metadata"]["annotations"].get("example.com/note") == "mine")
    space.patch("deployments/web", {"metadata": {"annotations": {"example.com/note": None}}}).expect(200)
    # The controller has seen that when it has seen what came after it.
    space.patch("deployments/web", {"metadata": {"annotations": {"example.com/later": "1"}}}).expect(200)
    space.eventually(lambda: replica_sets(space)[0]["metadata"]["annotations"].get("example.com/later") == "1")
    found = replica_sets(space)[0]["metadata"]
    assert found["annotations"]["example.com/note"] == "mine"
    assert "example.com/tier" not in found["labels"]


@check("A pod of a Deployment that is deleted is made again, under another name.")
def a_lost_pod_is_replaced(space: Space) -> None:
    space.make("deployments", running(space, replicas=1))
    rolled_out(space, "web", 1)
    lost = pods(space)[0]["metadata"]["name"]
    space.delete(f"pods/{lost}").expect(200)
    space.gone(f"pods/{lost}")
    rolled_out(space, "web", 1)
    assert pods(space)[0]["metadata"]["name"] != lost


@check("A Deployment is scaled up and down, by itself or by its scale.")
def scaling(space: Space) -> None:
    space.make("deployments", running(space, replicas=1))
    rolled_out(space, "web", 1)
    space.patch("deployments/web/scale", {"spec": {"replicas": 3}}).expect(200)
    rolled_out(space, "web", 3)
    assert space.read("deployments/web/scale")["status"]["replicas"] == 3
    space.patch("deployments/web", {"spec": {"replicas": 0}}).expect(200)
    space.until("deployments/web", lambda found: not found["status"].get("replicas"))
    space.eventually(lambda: not pods(space))
    name = replica_sets(space)[0]["metadata"]["name"]
    told = events(space, "web", "ScalingReplicaSet")
    assert f"Scaled up replica set {name} from 1 to 3" in told
    assert f"Scaled down replica set {name} from 3 to 0" in told
    assert len(events(space, name, "SuccessfulDelete")) == 3


@check("A new template rolls out without fewer available pods than asked for, or more than the surge.")
def rolling_update(space: Space) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    space.make("deployments", running(space, replicas=2, strategy=strategy))
    rolled_out(space, "web", 2)
    first = replica_sets(space)[0]["metadata"]["name"]
    change = {"spec": {"template": {"metadata": {"annotations": {"version": "2"}}}}}
    space.patch("deployments/web", change, "strategic").expect(200)
    seen: list[tuple[int, int]] = []

    def done() -> bool:
        found = space.read("deployments/web")
        status = found["status"]
        seen.append((status.get("availableReplicas", 0), status.get("replicas", 0)))
        finished = [status.get(field) == 2 for field in ("updatedReplicas", "replicas", "availableReplicas")]
        return all(finished) and status["observedGeneration"] == found["metadata"]["generation"]

    space.eventually(done)
    assert min(available for available, _ in seen) >= 2
    assert max(replicas for _, replicas in seen) <= 3
    old, new = replica_sets(space)
    assert (old["metadata"]["name"], old["spec"]["replicas"], new["spec"]["replicas"]) == (first, 0, 2)
    assert new["metadata"]["annotations"][REVISION] == "2"
    assert space.read("deployments/web")["metadata"]["annotations"][REVISION] == "2"


@check("Recreate ends the old pods before it makes new ones.")
def recreate(space: Space) -> None:
    space.make("deployments", running(space, replicas=2, strategy={"type": "Recreate"}))
    rolled_out(space, "web", 2)
    before = {item["metadata"]["uid"] for item in pods(space)}
    change = {"spec": {"template": {"metadata": {"annotations": {"version": "2"}}}}}
    space.patch("deployments/web", change, "strategic").expect(200)
    overlap = []

    def done() -> bool:
        found = pods(space)
        uids = {item["metadata"]["uid"] for item in found}
        old = (
            uids & before & {item["metadata"]["uid"] for item in found if item["status"]["phase"] not in {"Succeeded", "Failed"}}
        )
        overlap.append(bool(old) and bool(uids - before))
        return len(uids) == 2 and not uids & before

    space.eventually(done)
    assert not any(overlap)


@check("A roll-out that does not get on is told when its deadline is over, and the old pods stay.")
def progress_deadline(space: Space) -> None:
    space.make("deployments", running(space, replicas=1, progressDeadlineSeconds=2, minReadySeconds=0))
    rolled_out(space, "web", 1)
    change = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": NOWHERE}]}}}}
    space.patch("deployments/web", change, "strategic").expect(200)
    found = space.until("deployments/web", lambda found: condition(found, "Progressing").get("status") == "False")
    told = condition(found, "Progressing")
    assert told["reason"] == "ProgressDeadlineExceeded"
    assert told["message"] == f'ReplicaSet "{replica_sets(space)[-1]["metadata"]["name"]}" has timed out progressing.'
    assert found["status"]["availableReplicas"] == 1
    assert condition(found, "Available")["status"] == "True"


@check("A paused Deployment is not rolled out until it is resumed.")
def paused(space: Space) -> None:
    space.make("deployments", running(space, replicas=1))
    rolled_out(space, "web", 1)
    change = {"spec": {"paused": True, "template": {"metadata": {"annotations": {"version": "2"}}}}}
    space.patch("deployments/web", change, "strategic").expect(200)
    found = space.until("deployments/web", lambda found: condition(found, "Progressing").get("reason") == "DeploymentPaused")
    assert condition(found, "Progressing")["message"] == "Deployment is paused"
    assert len(replica_sets(space)) == 1
    space.patch("deployments/web", {"spec": {"paused": None}}).expect(200)
    space.eventually(lambda: len(replica_sets(space)) == 2)
    rolled_out(space, "web", 1)


@check("A Deployment whose pods cannot be made says so.")
def replica_failure(space: Space) -> None:
    body = running(space, replicas=1)
    body["spec"]["template"]["spec"]["serviceAccountName"] = "nobody"
    space.make("deployments", body)
    found = space.until("deployments/web", lambda found: condition(found, "ReplicaFailure"))
    told = condition(found, "ReplicaFailure")
    assert (told["status"], told["reason"]) == ("True", "FailedCreate")
    assert f'error looking up service account {space.name}/nobody: serviceaccount "nobody" not found' in told["message"]
    name = replica_sets(space)[0]["metadata"]["name"]
    event = events(space, name, "FailedCreate")[0]
    assert re.sub(r'"web-[^"]*"', "…", event) == re.sub(r'"web-[^"]*"', "…", f"Error creating: {told['message']}")


@check("A ReplicaSet takes over pods that match and belong to nobody.")
def adoption(space: Space) -> None:
    space.make("pods", pod("lonely", shell(space), labels={"app": "web"}))
    body = workload("ReplicaSet", "web", {"terminationGracePeriodSeconds": 1, "containers": [shell(space)]}, replicas=1)
    made = space.make("replicasets", body)
    found = space.pod("lonely", lambda found: found["metadata"].get("ownerReferences"))
    assert found["metadata"]["ownerReferences"][0]["uid"] == made["metadata"]["uid"]
    space.pod("lonely", is_ready)
    assert len(pods(space)) == 1
    space.patch("pods/lonely", {"metadata": {"labels": {"app": "other"}}}).expect(200)
    space.eventually(lambda: len(pods(space)) == 1)
    space.pod("lonely", lambda found: not found["metadata"].get("ownerReferences"))


@check("A DaemonSet has one pod on each node that takes it, and replaces one that is lost.")
def a_daemon_set(space: Space) -> None:
    body = workload("DaemonSet", "web", {"terminationGracePeriodSeconds": 1, "containers": [shell(space)]})
    space.make("daemonsets", body)
    found = space.until(
        "daemonsets/web",
        lambda found: (found.get("status") or {}).get("numberReady", 0) == found["status"]["desiredNumberScheduled"] > 0,
    )
    status = found["status"]
    assert (
        status["numberAvailable"] == status["updatedNumberScheduled"] == status["currentNumberScheduled"] == status["numberReady"]
    )
    placed = [item["spec"]["nodeName"] for item in pods(space)]
    assert len(set(placed)) == len(placed) == status["desiredNumberScheduled"]
    lost = pods(space)[0]["metadata"]
    space.delete(f"pods/{lost['name']}").expect(200)
    space.gone(f"pods/{lost['name']}")
    space.eventually(lambda: len([item for item in pods(space) if is_ready(item)]) == len(placed))


@check("A StatefulSet numbers its pods, makes them in order, and keeps their names.")
def a_stateful_set(space: Space) -> None:
    service = {"metadata": {"name": "web"}, "spec": {"clusterIP": "None", "selector": {"app": "web"}, "ports": [{"port": 8080}]}}
    space.make("services", service)
    template = {"terminationGracePeriodSeconds": 1, "containers": [shell(space)]}
    space.make("statefulsets", workload("StatefulSet", "web", template, replicas=2, serviceName="web"))
    space.until("statefulsets/web", lambda found: (found.get("status") or {}).get("readyReplicas") == 2)
    first, second = (space.read(f"pods/web-{number}") for number in range(2))
    assert first["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] == "web-0"
    assert first["metadata"]["labels"]["apps.kubernetes.io/pod-index"] == "0"
    assert (first["spec"]["hostname"], first["spec"]["subdomain"]) == ("web-0", "web")
    assert condition(first, "Ready")["lastTransitionTime"] <= second["metadata"]["creationTimestamp"]
    space.delete("pods/web-0").expect(200)
    space.pod("web-1", is_ready)
    uid = first["metadata"]["uid"]
    space.eventually(lambda: space.get("pods/web-0").body["metadata"].get("uid") not in {uid, None})
    space.pod("web-0", is_ready)
    space.patch("statefulsets/web/scale", {"spec": {"replicas": 1}}).expect(200)
    space.gone("pods/web-1")
    space.pod("web-0", is_ready)


@check("A StatefulSet gives each pod a claim, which outlives the pod and finds it again.")
def claims_of_a_stateful_set(space: Space) -> None:
    classes = space.get("/apis/storage.k8s.io/v1/storageclasses")
    default = "storageclass.kubernetes.io/is-default-class"
    if classes.status == 200 and not any(
        (item["metadata"].get("annotations") or {}).get(default) == "true" for item in classes.body["items"]
    ):
        pytest.skip("this cluster provides no volumes by itself")
    script = f"echo run >> $DIR/log; cat $DIR/log; {FOREVER}"
    mounts, env = [{"name": "data", "mountPath": "/data"}], [{"name": "DIR", "value": "/data"}]
    template = {"terminationGracePeriodSeconds": 1, "containers": [shell(space, script, volumeMounts=mounts, env=env)]}
    request = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}}
    claims = [{"metadata": {"name": "data"}, "spec": request}]
    space.make(
        "statefulsets", workload("StatefulSet", "web", template, replicas=1, serviceName="web", volumeClaimTemplates=claims)
    )
    uid = space.pod("web-0", is_ready)["metadata"]["uid"]
    assert space.read("persistentvolumeclaims/data-web-0")["status"]["phase"] == "Bound"
    space.delete("pods/web-0").expect(200)
    space.eventually(lambda: space.get("pods/web-0").body["metadata"].get("uid") not in {uid, None})
    space.pod("web-0", is_ready)
    space.eventually(lambda: space.get("pods/web-0/log", accept="*/*").text == "run\nrun\n")  # it runs before it writes


@check("A claim is bound, and its pod keeps what it wrote.")
def a_claim(space: Space) -> None:
    classes = space.get("/apis/storage.k8s.io/v1/storageclasses")
    if classes.status == 200 and not classes.body["items"]:
        pytest.skip("this cluster provides no volumes by itself")
    request = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}}
    space.make("persistentvolumeclaims", {"metadata": {"name": "data"}, "spec": request})
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    mounts, env = [{"name": "data", "mountPath": "/data"}], [{"name": "DIR", "value": "/data"}]
    for name in ("first", "second"):
        container = shell(space, "echo run >> $DIR/log; cat $DIR/log", volumeMounts=mounts, env=env)
        space.make("pods", pod(name, container, volumes=volumes, restartPolicy="Never"))
        space.pod(name, lambda found: found["status"]["phase"] == "Succeeded")
    assert space.get("pods/second/log", accept="*/*").text == "run\nrun\n"
    assert space.read("persistentvolumeclaims/data")["status"]["phase"] == "Bound"


def job(space: Space, script: str, **spec: object) -> Json:
    template = {"spec": {"restartPolicy": "Never", "containers": [shell(space, script)]}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"}, "spec": {"template": template, **spec}}


@check("A Job runs to its end, as often as it is to, and says so.")
def a_job(space: Space) -> None:
    space.make("jobs", job(space, "echo done", completions=2, parallelism=1))
    found = space.until("jobs/once", lambda found: condition(found, "Complete"))
    status = found["status"]
    assert (status["succeeded"], status.get("failed", 0), status.get("active", 0)) == (2, 0, 0)
    told = condition(found, "Complete")
    assert (told["status"], told["reason"]) == ("True", "CompletionsReached")
    assert status["completionTime"] >= status["startTime"]
    for item in space.items("pods", labelSelector="batch.kubernetes.io/job-name=once"):
        assert item["metadata"]["ownerReferences"][0]["kind"] == "Job"
        assert item["metadata"]["name"].startswith("once-")
    assert "Job completed" in events(space, "once", "Completed")


@check("A Job that fails too often gives up, with the reason.")
def a_failing_job(space: Space) -> None:
    space.make("jobs", job(space, "exit 1", backoffLimit=0))
    found = space.until("jobs/once", lambda found: condition(found, "Failed"))
    told = condition(found, "Failed")
    assert (told["reason"], told["message"]) == ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
    assert found["status"]["failed"] == 1
    assert "Job has reached the specified backoff limit" in events(space, "once", "BackoffLimitExceeded")


@check("A Job that takes too long is ended.")
def a_slow_job(space: Space) -> None:
    space.make("jobs", job(space, FOREVER, activeDeadlineSeconds=2))
    found = space.until("jobs/once", lambda found: condition(found, "Failed"))
    told = condition(found, "Failed")
    assert (told["reason"], told["message"]) == ("DeadlineExceeded", "Job was active longer than specified deadline")


@check("A CronJob keeps its schedule; one that is suspended makes no Job, but is made one from by hand.")
def a_cron_job(space: Space) -> None:
    template = {"spec": job(space, "echo done")["spec"]}
    spec = {"schedule": "* * * * *", "suspend": True, "jobTemplate": template}
    made = space.make("cronjobs", {"metadata": {"name": "often"}, "spec": spec})["spec"]
    assert (made["concurrencyPolicy"], made["successfulJobsHistoryLimit"], made["failedJobsHistoryLimit"]) == ("Allow", 3, 1)
    space.kubectl("create", "job", "now", "--from=cronjob/often")
    found = space.until("jobs/now", lambda found: condition(found, "Complete"))
    assert found["metadata"]["ownerReferences"][0]["name"] == "often"
    assert found["metadata"]["annotations"]["cronjob.kubernetes.io/instantiate"] == "manual"
    assert [item["metadata"]["name"] for item in space.items("jobs")] == ["now"]


@check("A schedule that is none is a 422.")
def a_cron_job_without_schedule(space: Space) -> None:
    template = {"spec": job(space, "echo done")["spec"]}
    spec = {"schedule": "now and then", "jobTemplate": template}
    found = space.post("cronjobs", {"metadata": {"name": "often"}, "spec": spec}).refused(422, "Invalid")
    assert "spec.schedule: Invalid value: " in found["message"]


@check("An autoscaler adds pods when theirs use more CPU than they asked for.")
def an_autoscaler(space: Space) -> None:
    if not any(item["name"] == "metrics.k8s.io" for item in space.get("/apis").expect(200)["groups"]) and not space.get(
        "/version"
    ).expect(200)["gitVersion"].endswith("+gameday"):
        pytest.skip("this cluster measures nothing")
    busy = python(space, "while True: pass", resources={"requests": {"cpu": "20m"}})
    template = {"terminationGracePeriodSeconds": 1, "containers": [busy]}
    space.make("deployments", workload("Deployment", "web", template, replicas=1))
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    usage = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}
    body = {"metadata": {"name": "web"}, "spec": {"scaleTargetRef": target, "maxReplicas": 2, "metrics": [usage]}}
    space.make("horizontalpodautoscalers", body)
    space.eventually(lambda: space.read("deployments/web")["spec"]["replicas"] == 2, within_seconds=100)
    path = "horizontalpodautoscalers/web"
    found = space.until(path, lambda found: (found.get("status") or {}).get("desiredReplicas") == 2)
    assert condition(found, "AbleToScale")["status"] == "True"
    assert condition(found, "ScalingActive")["reason"] == "ValidMetricFound"
    assert (
        events(space, "web", "SuccessfulRescale")[0]
        == "New size: 2; reason: cpu resource utilization (percentage of request) above target"
    )
