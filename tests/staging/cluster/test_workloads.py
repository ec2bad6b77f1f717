"""Deployments to running processes, through the API and back, on a real cluster of the embedded kind."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

SCRATCH: dict[str, Any] = {
    "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
    "env": [{"name": "DIR", "value": "/scratch"}],
}
"""What of a container says in a variable where its volume `scratch` is."""


def test_a_deployment_becomes_ready_processes_with_addresses_of_their_own(space: Any) -> None:
    space.deploy("echo", replicas=3)
    pods = space.await_ready("echo", 3)
    assert len({pod["status"]["podIP"] for pod in pods}) == 3
    assert {pod["spec"]["nodeName"] for pod in pods} == {"node-1", "node-2"}
    answers = [space.get(pod["status"]["podIP"]) for pod in pods]
    assert {body["pod"] for _, body in answers} == {pod["metadata"]["name"] for pod in pods}
    deployment = space.eventually(lambda: _status_when_available(space, "echo", 3))
    conditions = {item.type: (item.status, item.reason) for item in deployment.status.conditions}
    assert conditions == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("True", "NewReplicaSetAvailable"),
    }
    assert deployment.metadata.annotations["deployment.kubernetes.io/revision"] == "1"


def _status_when_available(space: Any, name: str, number: int) -> Any:
    deployment = space.apps.read_namespaced_deployment(name, space.name)
    return deployment if deployment.status.available_replicas == number else None


def test_a_killed_process_is_noticed_and_started_again_in_the_same_pod(space: Any) -> None:
    space.deploy("echo")
    pod = space.await_ready("echo", 1)[0]
    address = pod["status"]["podIP"]
    before = space.get(address)[1]["pid"]
    os.kill(before, signal.SIGKILL)

    def restarted() -> Any:
        ready = space.ready("echo")
        return ready and ready[0]["status"]["containerStatuses"][0]["restartCount"] == 1 and ready

    after = space.eventually(restarted)[0]
    status = after["status"]["containerStatuses"][0]
    assert after["metadata"]["uid"] == pod["metadata"]["uid"]
    assert after["status"]["podIP"] == address
    assert status["lastState"]["terminated"]["exitCode"] == 137
    assert status["lastState"]["terminated"]["reason"] == "Error"
    assert space.get(address)[1]["pid"] != before


def test_a_container_that_keeps_ending_backs_off(space: Any) -> None:
    space.deploy("echo", command=["python", "-c", "raise SystemExit(7)"], readinessProbe=None, livenessProbe=None)

    def waiting() -> Any:
        statuses = [item for pod in space.pods("echo") for item in pod["status"].get("containerStatuses", ())]
        return [item for item in statuses if item["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff"]

    status = space.eventually(waiting)[0]
    assert status["restartCount"] == 1
    assert status["lastState"]["terminated"]["exitCode"] == 7
    assert "back-off 10s restarting failed container=echo" in status["state"]["waiting"]["message"]
    assert space.events("BackOff")


def test_a_deleted_pod_is_replaced_and_ends_in_order(space: Any) -> None:
    space.deploy("echo", replicas=2)
    victim = space.await_ready("echo", 2)[0]
    pid = space.get(victim["status"]["podIP"])[1]["pid"]
    space.core.delete_namespaced_pod(victim["metadata"]["name"], space.name)
    pods = space.await_ready("echo", 2)
    assert victim["metadata"]["uid"] not in {pod["metadata"]["uid"] for pod in pods}
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert any(victim["metadata"]["name"] in item["involvedObject"]["name"] for item in space.events("Killing"))


def test_a_process_that_ignores_sigterm_is_killed_when_its_grace_is_over(space: Any) -> None:
    space.deploy("echo", env=[{"name": "IGNORE_TERM", "value": "1"}], pod={"terminationGracePeriodSeconds": 1})
    pod = space.await_ready("echo", 1)[0]
    pid = space.get(pod["status"]["podIP"])[1]["pid"]
    space.apps.delete_namespaced_deployment("echo", space.name)
    space.eventually(lambda: not space.pods("echo"))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_pod_that_is_deleted_by_force_is_gone_at_once(space: Any) -> None:
    space.deploy("echo", env=[{"name": "IGNORE_TERM", "value": "1"}], pod={"terminationGracePeriodSeconds": 60})
    pod = space.await_ready("echo", 1)[0]
    pid = space.get(pod["status"]["podIP"])[1]["pid"]
    space.core.delete_namespaced_pod(pod["metadata"]["name"], space.name, grace_period_seconds=0)
    space.eventually(lambda: not Path(f"/proc/{pid}").exists())


def test_a_liveness_probe_that_fails_restarts_the_container(space: Any) -> None:
    probe = {"httpGet": {"path": "/livez", "port": "http"}, "periodSeconds": 1, "timeoutSeconds": 10, "failureThreshold": 2}
    space.deploy("echo", livenessProbe=probe)
    pod = space.await_ready("echo", 1)[0]
    before = pod["status"]["containerStatuses"][0]["restartCount"]  # one that was slow to listen was restarted for it
    space.get(pod["status"]["podIP"], "/set/alive/0")
    space.eventually(lambda: space.pods("echo")[0]["status"]["containerStatuses"][0]["restartCount"] > before)
    assert any("failed liveness probe, will be restarted" in item["message"] for item in space.events("Killing"))
    unhealthy = [item for item in space.events("Unhealthy") if "statuscode: 503" in item["message"]]
    assert unhealthy[0]["count"] >= 2


def test_a_rolling_update_never_has_fewer_ready_pods_than_allowed(space: Any) -> None:
    space.deploy("echo", replicas=3, strategy={"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}})
    before = {pod["metadata"]["uid"] for pod in space.await_ready("echo", 3)}
    container = {"name": "echo", "env": [{"name": "VERSION", "value": "2"}]}
    patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
    space.apps.patch_namespaced_deployment("echo", space.name, patch)
    fewest = 3

    def replaced() -> bool:
        nonlocal fewest
        fewest = min(fewest, len(space.ready("echo")))
        pods = space.pods("echo")
        return len(pods) == 3 == len(space.ready("echo")) and not before & {pod["metadata"]["uid"] for pod in pods}

    space.eventually(replaced)
    assert fewest == 3
    sets = space.apps.list_namespaced_replica_set(space.name).items
    assert sorted(item.spec.replicas for item in sets) == [0, 3]
    assert {item.metadata.annotations["deployment.kubernetes.io/revision"] for item in sets} == {"1", "2"}
    deployment = space.apps.read_namespaced_deployment("echo", space.name)
    assert deployment.metadata.annotations["deployment.kubernetes.io/revision"] == "2"


def test_an_unknown_image_runs_nothing(space: Any) -> None:
    space.deploy("echo", image="registry.example/nginx:1.27", command=["sh", "-c", "true"])

    def waiting() -> Any:
        statuses = [item for pod in space.pods("echo") for item in pod["status"].get("containerStatuses", ())]
        reasons = {item["state"].get("waiting", {}).get("reason") for item in statuses}
        return reasons & {"ErrImagePull", "ImagePullBackOff"}

    space.eventually(waiting)
    space.eventually(lambda: "nginx" in str(space.events("Failed")))
    assert not space.events("Started")


def test_a_program_that_the_image_does_not_list_is_never_run(space: Any) -> None:
    space.deploy("echo", command=["bash", "-c", "true"])
    space.eventually(lambda: "executable file not found" in str(space.events("Failed")))
    assert not space.events("Started")


def test_deleting_a_deployment_takes_its_sets_and_pods_along(space: Any) -> None:
    space.deploy("echo", replicas=2)
    space.await_ready("echo", 2)
    space.apps.delete_namespaced_deployment("echo", space.name)
    space.eventually(lambda: not space.pods() and not space.apps.list_namespaced_replica_set(space.name).items)


def test_orphaned_pods_stay_and_are_adopted_again(space: Any) -> None:
    space.deploy("echo", replicas=1)
    before = space.await_ready("echo", 1)[0]["metadata"]["uid"]
    space.apps.delete_namespaced_deployment("echo", space.name, propagation_policy="Orphan")
    space.eventually(lambda: not space.apps.list_namespaced_deployment(space.name).items)
    orphan = space.apps.list_namespaced_replica_set(space.name).items[0]
    assert not orphan.metadata.owner_references
    space.deploy("echo", replicas=1)
    space.eventually(lambda: space.apps.list_namespaced_replica_set(space.name).items[0].metadata.owner_references)
    assert [pod["metadata"]["uid"] for pod in space.pods("echo")] == [before]


def test_a_pod_that_requests_too_much_stays_pending_and_says_why(space: Any) -> None:
    space.deploy("echo", resources={"requests": {"cpu": "4000"}})

    def reason() -> Any:
        conditions = [item for pod in space.pods("echo") for item in pod["status"].get("conditions", ())]
        return [item for item in conditions if item.get("reason") == "Unschedulable"]

    assert "2 Insufficient cpu" in space.eventually(reason)[0]["message"]


def test_a_memory_limit_is_answered_with_oomkilled(space: Any) -> None:
    greedy = "import time; hoard = bytearray(200_000_000); time.sleep(60)"
    limits = {"limits": {"memory": "60Mi"}}
    pod = {
        "metadata": {"name": "greedy"},
        "spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "greedy", "image": "python", "command": ["python", "-c", greedy], "resources": limits}],
        },
    }
    space.core.create_namespaced_pod(space.name, pod)
    space.eventually(lambda: space.pods()[0]["status"]["phase"] == "Failed")
    ended = space.pods()[0]["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)


def test_a_pod_that_never_restarts_succeeds_and_its_log_can_be_read(space: Any) -> None:
    command = ["python", "-c", "print('one'); print('two'); print('three')"]
    pod = {
        "metadata": {"name": "job"},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "job", "image": "python", "command": command}]},
    }
    space.core.create_namespaced_pod(space.name, pod)
    space.eventually(lambda: space.pods()[0]["status"]["phase"] == "Succeeded")
    assert space.core.read_namespaced_pod_log("job", space.name) == "one\ntwo\nthree\n"
    assert space.core.read_namespaced_pod_log("job", space.name, tail_lines=1) == "three\n"
    stamped = space.core.read_namespaced_pod_log("job", space.name, tail_lines=1, timestamps=True)
    assert stamped.startswith("20")
    assert stamped.endswith("Z three\n")


def test_the_log_of_the_previous_run_is_kept(space: Any) -> None:
    space.deploy("echo")
    pod = space.await_ready("echo", 1)[0]
    name = pod["metadata"]["name"]
    with pytest.raises(client.ApiException) as refused:
        space.core.read_namespaced_pod_log(name, space.name, previous=True)
    assert refused.value.status == 400
    with contextlib.suppress(OSError, http.client.HTTPException):  # reset or closed, as it comes
        space.get(pod["status"]["podIP"], "/exit")
    space.eventually(lambda: space.pods("echo")[0]["status"]["containerStatuses"][0]["restartCount"] == 1)
    assert "listening" in space.core.read_namespaced_pod_log(name, space.name, previous=True)


def test_init_containers_run_first_and_one_after_the_other(space: Any) -> None:
    write = "import os, pathlib; file = pathlib.Path(os.environ['DIR'], 'order'); file.open('a').write(os.environ['WORD'])"

    def step(word: str) -> dict[str, Any]:
        env = [{"name": "DIR", "value": "/scratch"}, {"name": "WORD", "value": word}]
        mounts = [{"name": "scratch", "mountPath": "/scratch"}]
        return {"name": word, "image": "python", "command": ["python", "-c", write], "env": env, "volumeMounts": mounts}

    show = "import os, pathlib; print(pathlib.Path(os.environ['DIR'], 'order').read_text())"
    main = {**step("main"), "command": ["python", "-c", show]}
    spec = {
        "restartPolicy": "Never",
        "initContainers": [step("first"), step("second")],
        "containers": [main],
        "volumes": [{"name": "scratch", "emptyDir": {}}],
    }
    space.core.create_namespaced_pod(space.name, {"metadata": {"name": "steps"}, "spec": spec})
    space.eventually(lambda: space.pods()[0]["status"]["phase"] == "Succeeded")
    assert space.core.read_namespaced_pod_log("steps", space.name) == "firstsecond\n"


def test_what_is_on_a_claim_outlives_the_pod(space: Any) -> None:
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    space.core.create_namespaced_persistent_volume_claim(space.name, claim)
    volume = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
    mounts = [{"name": "data", "mountPath": "/data"}]
    space.deploy("echo", pod=volume, volumeMounts=mounts, env=[{"name": "DATA_DIR", "value": "/data"}])
    first = space.await_ready("echo", 1)[0]
    folder = space.get(first["status"]["podIP"])[1]["environment"]["DATA_DIR"]
    space.core.delete_namespaced_pod(first["metadata"]["name"], space.name)
    second = space.await_ready("echo", 1)[0]
    assert space.get(second["status"]["podIP"])[1]["environment"]["DATA_DIR"] == folder
    assert Path(folder, "starts").read_text() == "xx"


def test_a_container_learns_of_services_keys_and_its_own_pod(space: Any) -> None:
    address = space.serve("other-one", 9001)
    space.core.create_namespaced_config_map(space.name, {"metadata": {"name": "settings"}, "data": {"COLOUR": "blue"}})
    space.core.create_namespaced_secret(space.name, {"metadata": {"name": "keys"}, "stringData": {"key": "s3cret"}})
    env = [
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "key"}}},
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        {"name": "URL", "value": "http://$(OTHER_ONE_SERVICE_HOST):$(OTHER_ONE_SERVICE_PORT_HTTP)/$$(X)$(UNKNOWN)"},
    ]
    space.deploy("echo", env=env, envFrom=[{"configMapRef": {"name": "settings"}}])
    pod = space.await_ready("echo", 1)[0]
    found = space.get(pod["status"]["podIP"])[1]["environment"]
    assert found["COLOUR"] == "blue"
    assert found["KEY"] == "s3cret"
    assert found["NODE"] == pod["spec"]["nodeName"]
    assert found["URL"] == f"http://{address}:9001/$(X)$(UNKNOWN)"
    assert found["OTHER_ONE_SERVICE_HOST"] == address
    assert "KUBECONFIG" not in found


def test_a_daemonset_has_one_pod_on_every_node(space: Any) -> None:
    template = {"metadata": {"labels": {"app": "agent"}}, "spec": space.pod_spec("agent")}
    body = {"metadata": {"name": "agent"}, "spec": {"selector": {"matchLabels": {"app": "agent"}}, "template": template}}
    space.apps.create_namespaced_daemon_set(space.name, body)
    pods = space.await_ready("agent", 2)
    assert {pod["spec"]["nodeName"] for pod in pods} == {"node-1", "node-2"}
    space.eventually(lambda: space.apps.read_namespaced_daemon_set("agent", space.name).status.number_available == 2)


def test_a_cordoned_node_gets_no_new_pods(space: Any) -> None:
    space.core.patch_node("node-1", {"spec": {"unschedulable": True}})
    try:
        space.deploy("echo", replicas=2)
        pods = space.await_ready("echo", 2)
        assert {pod["spec"]["nodeName"] for pod in pods} == {"node-2"}
    finally:
        space.core.patch_node("node-1", {"spec": {"unschedulable": None}})


def test_a_log_can_be_followed_until_the_container_ends(space: Any) -> None:
    talk = (
        "import os, pathlib, time\n"
        "print(os.environ['DIR'], flush=True)\n"
        "while not pathlib.Path(os.environ['DIR'], 'go').exists(): time.sleep(0.05)\n"
        "print('two'); print('three')\n"
    )
    container = {"name": "talker", "image": "python", "command": ["python", "-c", talk], **SCRATCH}
    spec = {"restartPolicy": "Never", "containers": [container], "volumes": [{"name": "scratch", "emptyDir": {}}]}
    space.core.create_namespaced_pod(space.name, {"metadata": {"name": "talker"}, "spec": spec})
    space.eventually(lambda: space.pods()[0]["status"]["phase"] == "Running")
    stream = space.core.read_namespaced_pod_log("talker", space.name, follow=True, _preload_content=False)
    text = b""
    for piece in stream.stream():
        text += piece
        if text.count(b"\n") == 1:
            Path(text.decode().strip(), "go").touch()
    assert text.endswith(b"/scratch\ntwo\nthree\n")


def test_a_prestop_hook_runs_before_sigterm_and_within_the_grace(space: Any) -> None:
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    space.core.create_namespaced_persistent_volume_claim(space.name, claim)
    hook = {"preStop": {"exec": {"command": ["sh", "-c", 'echo stopped > "$DATA_DIR/hook"']}}}
    space.deploy(
        "echo",
        pod={"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}], "terminationGracePeriodSeconds": 60},
        volumeMounts=[{"name": "data", "mountPath": "/data"}],
        env=[{"name": "DATA_DIR", "value": "/data"}],
        lifecycle=hook,
    )
    pod = space.await_ready("echo", 1)[0]
    folder = Path(space.get(pod["status"]["podIP"])[1]["environment"]["DATA_DIR"])
    space.apps.delete_namespaced_deployment("echo", space.name)
    space.eventually(lambda: not space.pods("echo"))
    assert (folder / "hook").read_text() == "stopped\n"


def test_an_exec_probe_decides_on_readiness(space: Any) -> None:
    probe = {"exec": {"command": ["sh", "-c", 'test -e "$DIR/ready"']}, "periodSeconds": 1}
    space.deploy(
        "echo",
        pod={"volumes": [{"name": "scratch", "emptyDir": {}}]},
        **SCRATCH,
        readinessProbe=probe,
    )
    space.eventually(lambda: space.events("Unhealthy"))
    pod = space.pods("echo")[0]
    assert space.ready("echo") == []
    Path(space.await_answer(pod["status"]["podIP"])["environment"]["DIR"], "ready").touch()
    space.await_ready("echo", 1)


def test_a_paused_deployment_still_scales_and_rolls_out_nothing(space: Any) -> None:
    space.deploy("echo", replicas=1)
    space.await_ready("echo", 1)
    container = {"name": "echo", "env": [{"name": "VERSION", "value": "2"}]}
    paused = {"spec": {"paused": True, "replicas": 3, "template": {"spec": {"containers": [container]}}}}
    space.apps.patch_namespaced_deployment("echo", space.name, paused)
    assert len({pod["metadata"]["labels"]["pod-template-hash"] for pod in space.await_ready("echo", 3)}) == 1
    status = space.apps.read_namespaced_deployment("echo", space.name).status
    assert [(item.status, item.reason) for item in status.conditions if item.type == "Progressing"] == [
        ("Unknown", "DeploymentPaused")
    ]
    space.apps.patch_namespaced_deployment("echo", space.name, {"spec": {"paused": False}})
    space.eventually(lambda: _status_when_updated(space, "echo", 3))


def _status_when_updated(space: Any, name: str, number: int) -> Any:
    status = space.apps.read_namespaced_deployment(name, space.name).status
    return status.updated_replicas == status.available_replicas == number == status.replicas


def test_what_is_mounted_changes_in_running_pods_and_a_sub_path_does_not(space: Any) -> None:
    space.core.create_namespaced_config_map(space.name, {"metadata": {"name": "settings"}, "data": {"level": "low"}})
    space.core.create_namespaced_secret(space.name, {"metadata": {"name": "keys"}, "stringData": {"key": "old"}})
    sources = [{"configMap": {"name": "settings"}}, {"secret": {"name": "keys"}}]
    mounts = [{"name": "all", "mountPath": "/all"}, {"name": "all", "mountPath": "/one", "subPath": "level"}]
    env = [{"name": "ALL", "value": "/all"}, {"name": "ONE", "value": "/one"}]
    space.deploy("echo", env=env, volumeMounts=mounts, pod={"volumes": [{"name": "all", "projected": {"sources": sources}}]})
    pod = space.await_ready("echo", 1)[0]
    environment = space.get(pod["status"]["podIP"])[1]["environment"]
    every, one = Path(environment["ALL"]), Path(environment["ONE"])
    assert (every / "level").read_text() + (every / "key").read_text() == "lowold"
    space.core.patch_namespaced_config_map("settings", space.name, {"data": {"level": "high", "more": "x"}})
    space.core.patch_namespaced_secret("keys", space.name, {"stringData": {"key": "new"}})
    space.eventually(lambda: (every / "level").read_text() + (every / "key").read_text() == "highnew")
    assert (every / "more").read_text() == "x"
    assert one.read_text() == "low"
    os.kill(space.get(pod["status"]["podIP"])[1]["pid"], signal.SIGKILL)
    space.eventually(lambda: one.read_text() == "high")
