"""Pods: from placed to ended, what their status and events say meanwhile, and their logs."""

from __future__ import annotations

import re
from typing import Any

from tests.conformance.checking import check
from tests.conformance.manifests import FOREVER, NOWHERE, condition, container_state, is_ready, pod, python, shell, unplaced
from tests.conformance.space import Space
from tests.conformance.transport import Json

KEPT = [{"name": "kept", "mountPath": "/kept"}]
KEPT_IN = [{"name": "DIR", "value": "/kept"}]
GREEDY = "held = bytearray(b'x') * (300 * 1024 * 1024)\nimport time\ntime.sleep(60)"


def ended(found: Json) -> bool:
    return found["status"]["phase"] in {"Succeeded", "Failed"}


def terminated(found: Json) -> Json:
    state: Json = container_state(found).get("state", {}).get("terminated") or {}
    return state


def log(space: Space, name: str, **query: Any) -> str:
    reply = space.get(f"pods/{name}/log", accept="*/*", **query)
    assert reply.status == 200, reply.text
    return reply.text


def events(space: Space, name: str) -> dict[str, str]:
    """Return the last message of each reason about an object."""
    found = space.items("events", fieldSelector=f"involvedObject.name={name}")
    return {item["reason"]: item["message"] for item in found}


@check("A pod is scheduled, initialised and ready, in that order, and its events tell how.")
def a_pod_comes_up(space: Space) -> None:
    space.make("pods", pod("a", shell(space)))
    found = space.pod("a", is_ready)
    status = found["status"]
    assert (status["phase"], status["podIP"], status["podIPs"][0]["ip"]) == ("Running", status["podIP"], status["podIP"])
    assert status["hostIP"]
    assert status["startTime"]
    for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready"):
        assert condition(found, kind)["status"] == "True", kind
    state = container_state(found)
    assert (state["ready"], state["started"], state["restartCount"], state["image"] != "") == (True, True, 0, True)
    assert state["state"]["running"]["startedAt"]
    space.eventually(lambda: {"Scheduled", "Pulled", "Created", "Started"} <= events(space, "a").keys())
    told = events(space, "a")
    assert told["Scheduled"] == f"Successfully assigned {space.name}/a to {found['spec']['nodeName']}"
    image = re.escape(space.images.shell)
    assert re.match(f'Container image "{image}" already present on machine|Successfully pulled image "{image}"', told["Pulled"])
    assert re.fullmatch("Container created|Created container:? main", told["Created"])
    assert re.fullmatch("Container started|Started container:? main", told["Started"])


@check("An event says about which object it is, how often it was seen, and by whom.")
def shape_of_events(space: Space) -> None:
    made = space.make("pods", pod("a", shell(space)))
    found = space.eventually(lambda: space.items("events", fieldSelector="involvedObject.name=a,reason=Started"))[0]
    involved = found["involvedObject"]
    about = {"kind": "Pod", "namespace": space.name, "name": "a", "apiVersion": "v1", "uid": made["metadata"]["uid"]}
    assert {key: involved[key] for key in about} == about
    assert involved["fieldPath"] == "spec.containers{main}"
    assert (found["type"], found["count"], found["source"]["component"]) == ("Normal", 1, "kubelet")
    assert found["reportingComponent"] == "kubelet"
    assert found["source"]["host"] == space.pod("a", is_ready)["spec"]["nodeName"]
    assert found["firstTimestamp"] <= found["lastTimestamp"]
    assert re.fullmatch(r"a\.[0-9a-f]{16}", found["metadata"]["name"])


@check("A program that ends well leaves a pod Succeeded, that of another code Failed.")
def a_pod_ends(space: Space) -> None:
    space.make("pods", pod("good", shell(space, "echo done"), restartPolicy="Never"))
    space.make("pods", pod("bad", shell(space, "exit 3"), restartPolicy="OnFailure", activeDeadlineSeconds=None))
    space.make("pods", pod("worse", shell(space, "exit 3"), restartPolicy="Never"))
    good = space.pod("good", ended)
    assert good["status"]["phase"] == "Succeeded"
    state = terminated(good)
    assert (state["exitCode"], state["reason"]) == (0, "Completed")
    assert state["finishedAt"] >= state["startedAt"]
    assert condition(good, "Ready")["reason"] == "PodCompleted"
    assert log(space, "good") == "done\n"
    worse = space.pod("worse", ended)
    assert worse["status"]["phase"] == "Failed"
    assert (terminated(worse)["exitCode"], terminated(worse)["reason"]) == (3, "Error")
    again = space.pod("bad", lambda found: container_state(found).get("restartCount", 0) >= 1)
    assert again["status"]["phase"] == "Running"


@check("A program that fails again and again waits in CrashLoopBackOff, and the last end stays readable.")
def crash_loop(space: Space) -> None:
    space.make("pods", pod("a", shell(space, "echo trying; exit 7")))

    def waits(found: Json) -> bool:
        waiting = container_state(found).get("state", {}).get("waiting") or {}
        return waiting.get("reason") == "CrashLoopBackOff"

    found = space.pod("a", waits)
    state = container_state(found)
    where = f"{found['metadata']['name']}_{space.name}({found['metadata']['uid']})"
    told = state["state"]["waiting"]["message"]
    assert re.fullmatch(rf"back-off \d+s restarting failed container=main pod={re.escape(where)}", told)
    last = state["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (7, "Error")
    assert state["restartCount"] >= 1
    assert state["ready"] is False
    assert condition(found, "Ready")["reason"] == "ContainersNotReady"
    assert condition(found, "Ready")["message"] == "containers with unready status: [main]"
    assert log(space, "a") == "trying\n"
    told = space.eventually(lambda: events(space, "a").get("BackOff"))
    assert told == f"Back-off restarting failed container main in pod {where}"


@check("A killed program is started again, and its log is still the previous one.")
def a_restart_keeps_the_previous_log(space: Space) -> None:
    script = f"if [ -e $DIR/once ]; then echo second; {FOREVER}; fi; touch $DIR/once; echo first; exit 1"
    container = shell(space, script, volumeMounts=KEPT, env=KEPT_IN)
    space.make("pods", pod("a", container, volumes=[{"name": "kept", "emptyDir": {}}]))
    space.pod("a", lambda found: container_state(found).get("restartCount") == 1 and is_ready(found))
    space.eventually(lambda: log(space, "a") == "second\n")
    assert log(space, "a", previous="true") == "first\n"


@check("There is no log of a container that has not started, nor of one that is not there.")
def logs_of_nothing(space: Space) -> None:
    space.get("pods/nobody/log").refused(404, "NotFound")
    space.make("pods", pod("a", shell(space), shell(space, name="other")))
    found = space.get("pods/a/log").refused(400, "BadRequest")
    assert found["message"] == "a container name must be specified for pod a, choose one of: [main other]"
    found = space.get("pods/a/log", container="third").refused(400, "BadRequest")
    assert found["message"] == "container third is not valid for pod a"
    space.pod("a", is_ready)
    found = space.get("pods/a/log", container="main", previous="true").refused(400, "BadRequest")
    assert found["message"] == 'previous terminated container "main" in pod "a" not found'


@check("A log is had by its last lines, its bytes, with times, and while it grows.")
def logs(space: Space) -> None:
    script = f"for n in 1 2 3 4; do echo line $n; done; sleep 1; echo last; {FOREVER}"
    space.make("pods", pod("a", shell(space, script)))
    space.eventually(lambda: space.get("pods/a/log", accept="*/*").text.startswith("line 1\nline 2\nline 3\nline 4\n"))
    assert log(space, "a", tailLines=2, limitBytes=1000).splitlines()[0] in {"line 3", "line 4"}
    assert log(space, "a", limitBytes=9) == "line 1\nli"
    stamped = log(space, "a", timestamps="true").splitlines()[0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}(Z|[+-]\d\d:\d\d) line 1", stamped)
    assert log(space, "a", sinceSeconds=3600).startswith("line 1\n")
    lines = space.http.lines(space.at("pods/a/log"), follow="true")
    seen = []
    for line in lines:
        seen.append(line.decode())
        if line == b"last":
            break
    lines.close()  # type: ignore[attr-defined]  # a generator
    assert seen == ["line 1", "line 2", "line 3", "line 4", "last"]


@check("An image that nobody has leaves its pod Pending, with the error and then a back-off.")
def an_image_that_is_not_there(space: Space) -> None:
    container = {"name": "main", "image": NOWHERE}
    space.make("pods", pod("a", container))

    def waits(found: Json) -> bool:
        return (container_state(found).get("state", {}).get("waiting") or {}).get("reason") == "ImagePullBackOff"

    found = space.pod("a", waits)
    assert found["status"]["phase"] == "Pending"
    told = container_state(found)["state"]["waiting"]["message"]
    assert told.startswith(f'Back-off pulling image "{NOWHERE}"')
    seen = events(space, "a")
    assert seen["BackOff"] in {f'Back-off pulling image "{NOWHERE}"', "Error: ImagePullBackOff"} or NOWHERE in seen["BackOff"]
    assert "Failed" in seen
    refused = space.get("pods/a/log").refused(400, "BadRequest")
    assert refused["message"] == 'container "main" in pod "a" is waiting to start: trying and failing to pull image'


@check("A program that the image does not have fails to start.")
def a_program_that_is_not_there(space: Space) -> None:
    space.make("pods", pod("a", {**shell(space), "command": ["no-such-program"]}, restartPolicy="Never"))
    found = space.pod("a", ended)
    state = terminated(found)
    assert (found["status"]["phase"], state["reason"], state["exitCode"]) == ("Failed", "StartError", 128)
    assert "no-such-program" in state["message"]
    assert events(space, "a")["Failed"].startswith("Error: ")


@check("A pod that no node fits says why, for each node.")
def an_unschedulable_pod(space: Space) -> None:
    space.make("pods", unplaced("a"))
    found = space.pod("a", lambda found: condition(found, "PodScheduled"))
    told = condition(found, "PodScheduled")
    assert (told["status"], told["reason"]) == ("False", "Unschedulable")
    assert re.match(r"0/\d+ nodes are available: ", told["message"])
    assert "node(s) didn't match Pod's node affinity/selector" in told["message"]
    space.eventually(lambda: "FailedScheduling" in events(space, "a"))
    assert events(space, "a")["FailedScheduling"].startswith(told["message"].partition(":")[0])
    assert found["status"]["phase"] == "Pending"
    assert "containerStatuses" not in found["status"]


@check("A pod that wants more than any node has is not placed.")
def a_pod_that_wants_too_much(space: Space) -> None:
    container = {"name": "main", "image": NOWHERE, "resources": {"requests": {"cpu": "4000"}}}
    space.make("pods", pod("a", container))
    found = space.pod("a", lambda found: condition(found, "PodScheduled"))
    assert "Insufficient cpu" in condition(found, "PodScheduled")["message"]


@check("Pods that shun each other go to different nodes.")
def anti_affinity(space: Space) -> None:
    term = {"labelSelector": {"matchLabels": {"app": "x"}}, "topologyKey": "kubernetes.io/hostname"}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    ready = [
        node["metadata"]["name"]
        for node in space.items("/api/v1/nodes")
        if is_ready(node) and not node["spec"].get("taints") and not node["spec"].get("unschedulable")
    ]
    for number in range(len(ready)):
        space.make("pods", pod(f"x{number}", shell(space), labels={"app": "x"}, affinity=affinity))
    placed = [
        space.pod(f"x{number}", lambda found: found["spec"].get("nodeName"))["spec"]["nodeName"] for number in range(len(ready))
    ]
    assert sorted(placed) == sorted(ready)
    space.make("pods", pod("more", shell(space), labels={"app": "x"}, affinity=affinity))
    found = space.pod("more", lambda found: condition(found, "PodScheduled"))
    assert "node(s) didn't match pod anti-affinity rules" in condition(found, "PodScheduled")["message"]


@check("A deleted pod is asked first: preStop, then SIGTERM, and is gone when it has ended.")
def a_pod_is_asked_to_end(space: Space) -> None:
    script = "trap 'cat $DIR/prepared; echo asked; exit 0' TERM; echo up; while true; do sleep 0.1; done"
    stop = {"preStop": {"exec": {"command": ["sh", "-c", "sleep 0.3; echo prepared > $DIR/prepared"]}}}
    container = shell(space, script, lifecycle=stop, volumeMounts=KEPT, env=KEPT_IN)
    volumes = [{"name": "kept", "emptyDir": {}}]
    space.make("pods", pod("a", container, volumes=volumes, terminationGracePeriodSeconds=20))
    space.pod("a", is_ready)
    space.eventually(lambda: log(space, "a") == "up\n")
    lines = space.http.lines(space.at("pods/a/log"), follow="true")
    assert next(lines) == b"up"
    found = space.delete("pods/a").expect(200)
    assert found["metadata"]["deletionGracePeriodSeconds"] == 20
    assert found["metadata"]["deletionTimestamp"] > found["metadata"]["creationTimestamp"]
    assert list(lines) == [b"prepared", b"asked"]
    space.gone("pods/a")
    assert events(space, "a")["Killing"] == "Stopping container main"


@check("A program that does not heed SIGTERM is killed when its grace is over.")
def a_pod_that_does_not_heed(space: Space) -> None:
    script = "trap '' TERM; while true; do sleep 0.1; done"
    space.make("pods", pod("a", shell(space, script)))
    space.pod("a", is_ready)
    assert space.delete("pods/a", {"gracePeriodSeconds": 2}).expect(200)["metadata"]["deletionGracePeriodSeconds"] == 2
    space.gone("pods/a")


@check("Without any grace a pod is gone from the API at once.")
def a_pod_without_grace(space: Space) -> None:
    space.make("pods", pod("a", shell(space), terminationGracePeriodSeconds=30))
    space.pod("a", is_ready)
    space.delete("pods/a", {"gracePeriodSeconds": 0}).expect(200)
    space.get("pods/a").refused(404, "NotFound")


@check("The grace of a pod that is going can be shortened, and not be prolonged.")
def a_shorter_grace(space: Space) -> None:
    script = "trap '' TERM; while true; do sleep 0.1; done"
    space.make("pods", pod("a", shell(space, script), terminationGracePeriodSeconds=60))
    space.pod("a", is_ready)
    first = space.delete("pods/a").expect(200)["metadata"]
    longer = space.delete("pods/a", {"gracePeriodSeconds": 100}).expect(200)["metadata"]
    assert longer["deletionTimestamp"] == first["deletionTimestamp"]
    shorter = space.delete("pods/a", {"gracePeriodSeconds": 3}).expect(200)["metadata"]
    assert (shorter["deletionGracePeriodSeconds"], shorter["deletionTimestamp"] < first["deletionTimestamp"]) == (3, True)
    # How soon the program ends is the runtime's business: containerd holds to the grace that it was told first.
    space.delete("pods/a", {"gracePeriodSeconds": 0}).expect(200)
    space.get("pods/a").refused(404, "NotFound")


@check("A pod that is not ready says so, and is ready as soon as its probe succeeds.")
def readiness(space: Space) -> None:
    probe = {"exec": {"command": ["sh", "-c", "test -e $DIR/yes"]}, "periodSeconds": 1}
    container = shell(space, f"sleep 2; touch $DIR/yes; {FOREVER}", readinessProbe=probe, volumeMounts=KEPT, env=KEPT_IN)
    space.make("pods", pod("a", container, volumes=[{"name": "kept", "emptyDir": {}}]))
    found = space.pod("a", lambda found: found["status"]["phase"] == "Running")
    assert condition(found, "Ready")["reason"] == "ContainersNotReady"
    assert container_state(found)["ready"] is False
    space.pod("a", is_ready)
    assert events(space, "a").get("Unhealthy", "Readiness probe failed: ").startswith("Readiness probe failed: ")


@check("A program that fails its liveness probe is killed and started again.")
def liveness(space: Space) -> None:
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1}
    space.make("pods", pod("a", shell(space, livenessProbe=probe)))
    space.pod("a", lambda found: container_state(found).get("restartCount", 0) >= 1)
    seen = events(space, "a")
    assert seen["Unhealthy"].startswith("Liveness probe failed: ")
    assert seen["Killing"] == "Container main failed liveness probe, will be restarted"


@check("A program that takes more memory than its limit is OOMKilled.")
def out_of_memory(space: Space) -> None:
    container = python(space, GREEDY, resources={"limits": {"memory": "100Mi"}})
    space.make("pods", pod("a", container, restartPolicy="Never"))
    state = terminated(space.pod("a", ended))
    assert (state["reason"], state["exitCode"]) == ("OOMKilled", 137)


@check("Init containers run one after the other, before the others.")
def init_containers(space: Space) -> None:
    mounts = [{"name": "shared", "mountPath": "/shared"}]
    env = [{"name": "DIR", "value": "/shared"}]

    def step(name: str, script: str) -> Json:
        return shell(space, script, name=name, volumeMounts=mounts, env=env)

    first, second = step("first", "sleep 0.3; echo one > $DIR/log"), step("second", "echo two >> $DIR/log")
    body = pod("a", step("main", "cat $DIR/log"), restartPolicy="Never", volumes=[{"name": "shared", "emptyDir": {}}])
    body["spec"]["initContainers"] = [first, second]
    space.make("pods", body)
    found = space.pod("a", ended)
    assert log(space, "a", container="main") == "one\ntwo\n"
    statuses = found["status"]["initContainerStatuses"]
    assert [item["name"] for item in statuses] == ["first", "second"]
    assert [item["state"]["terminated"]["reason"] for item in statuses] == ["Completed", "Completed"]


@check("While an init container fails, its pod is not initialised.")
def a_failing_init_container(space: Space) -> None:
    body = pod("a", shell(space))
    body["spec"]["initContainers"] = [shell(space, "exit 1", name="first")]
    space.make("pods", body)

    def failed(found: Json) -> bool:
        statuses = found["status"].get("initContainerStatuses") or [{}]
        return bool(statuses[0].get("restartCount", 0) >= 1)

    found = space.pod("a", failed)
    assert found["status"]["phase"] == "Pending"
    assert condition(found, "Initialized")["reason"] == "ContainersNotInitialized"
    assert condition(found, "Initialized")["message"] == "containers with incomplete status: [first]"
    assert container_state(found)["state"]["waiting"]["reason"] == "PodInitializing"
