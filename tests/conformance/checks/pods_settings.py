"""What a pod is told: environment, files from ConfigMaps and Secrets, arguments, and what it keeps."""

from __future__ import annotations

import time
from typing import Any

from tests.conformance.checking import check
from tests.conformance.manifests import FOREVER, config_map, container_state, is_ready, pod, shell
from tests.conformance.space import Space
from tests.conformance.transport import Json


def printed(space: Space, name: str, script: str, *, spec: Json | None = None, **container: Any) -> str:
    """Run a script to its end, and return what it printed."""
    space.make("pods", pod(name, shell(space, script, **container), restartPolicy="Never", **(spec or {})))
    found = space.pod(name, lambda found: found["status"]["phase"] in {"Succeeded", "Failed"})
    text = space.get(f"pods/{name}/log", accept="*/*").text
    assert found["status"]["phase"] == "Succeeded", text
    return text


@check("Variables are plain, made of others, or a field of the pod itself.")
def environment(space: Space) -> None:
    def field(name: str, path: str) -> Json:
        return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}

    variables = [
        {"name": "PLAIN", "value": "a b"},
        {"name": "MADE", "value": "<$(PLAIN)> $$(PLAIN) $(UNKNOWN)"},
        field("NAME", "metadata.name"),
        field("SPACE", "metadata.namespace"),
        field("LABEL", "metadata.labels['app']"),
        field("NODE", "spec.nodeName"),
        field("ACCOUNT", "spec.serviceAccountName"),
        field("ADDRESS", "status.podIP"),
    ]
    script = 'for v in "$PLAIN" "$MADE" "$NAME" "$SPACE" "$LABEL" "$NODE" "$ACCOUNT" "$ADDRESS" "$HOSTNAME"; do echo "$v"; done'
    found = printed(space, "a", script, env=variables).splitlines()
    status = space.read("pods/a")
    expected = ["a b", "<a b> $(PLAIN) $(UNKNOWN)", "a", space.name, "a", status["spec"]["nodeName"], "default"]
    assert found[:7] == expected
    assert found[7].count(".") == 3
    assert found[8] == "a"


@check("Variables come from ConfigMaps and Secrets, one by one or all at once; what a pod says itself comes first.")
def environment_from_others(space: Space) -> None:
    space.make("configmaps", config_map("settings", one="1", two="2", both="map"))
    space.make("secrets", {"metadata": {"name": "keys"}, "stringData": {"token": "s3cret"}})
    single: list[Json] = [
        {"name": "ONE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "one"}}},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}},
        {"name": "NONE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "none", "optional": True}}},
        {"name": "both", "value": "pod"},
    ]
    every = [{"configMapRef": {"name": "settings"}}, {"prefix": "K_", "secretRef": {"name": "keys"}}]
    script = 'echo "$ONE $TOKEN [$NONE] $two $K_token $both"'
    assert printed(space, "a", script, env=single, envFrom=every).strip() == "1 s3cret [] 2 s3cret pod"


@check("A variable from a ConfigMap that is not there keeps the container from being made, until it is.")
def environment_from_nothing(space: Space) -> None:
    variables = [{"name": "ONE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "one"}}}]
    space.make("pods", pod("a", shell(space, env=variables)))

    def waiting(found: Json) -> Json:
        return (container_state(found).get("state") or {}).get("waiting") or {}

    found = space.pod("a", lambda found: waiting(found).get("reason") == "CreateContainerConfigError")
    assert waiting(found)["message"] == 'configmap "settings" not found'
    assert found["status"]["phase"] == "Pending"
    space.make("configmaps", config_map("settings", one="1"))
    space.pod("a", is_ready)


@check("ConfigMaps and Secrets are mounted as files, whole or single keys of them under other names.")
def mounted_files(space: Space) -> None:
    space.make("configmaps", config_map("settings", one="1", two="2"))
    space.make("secrets", {"metadata": {"name": "keys"}, "stringData": {"token": "s3cret"}})
    volumes = [
        {"name": "all", "configMap": {"name": "settings"}},
        {"name": "some", "configMap": {"name": "settings", "items": [{"key": "two", "path": "deep/second"}]}},
        {"name": "keys", "secret": {"secretName": "keys"}},
    ]
    paths = {"all": "/etc/all", "some": "/etc/some", "keys": "/etc/keys"}
    mounts = [{"name": name, "mountPath": path} for name, path in paths.items()]
    env = [{"name": name.upper(), "value": path} for name, path in paths.items()]
    script = "cat $ALL/one $SOME/deep/second $KEYS/token; echo; ls $ALL $SOME"
    found = printed(space, "a", script, env=env, volumeMounts=mounts, spec={"volumes": volumes})
    assert found.startswith("12s3cret\n")
    assert "one" in found
    assert "deep" in found


@check("A volume of a ConfigMap that is not there keeps the pod from starting, and says so.")
def mounted_nothing(space: Space) -> None:
    volumes = [{"name": "all", "configMap": {"name": "settings"}}]
    container = shell(space, volumeMounts=[{"name": "all", "mountPath": "/etc/all"}])
    space.make("pods", pod("a", container, volumes=volumes))

    def look() -> list[Json]:
        return space.items("events", fieldSelector="involvedObject.name=a,reason=FailedMount")

    told = space.eventually(look)[0]["message"]
    assert told == 'MountVolume.SetUp failed for volume "all" : configmap "settings" not found'
    # The event may be there before the status.
    space.pod("a", lambda found: container_state(found).get("state", {}).get("waiting", {}).get("reason") == "ContainerCreating")
    space.make("configmaps", config_map("settings"))
    space.pod("a", is_ready)


@check("A mounted ConfigMap follows its changes.")
def mounted_files_follow(space: Space) -> None:
    space.make("configmaps", config_map("settings", one="before"))
    mounts = [{"name": "all", "mountPath": "/etc/all"}]
    script = "while true; do cat $DIR/one; echo; sleep 0.2; done"
    container = shell(space, script, volumeMounts=mounts, env=[{"name": "DIR", "value": "/etc/all"}])
    space.make("pods", pod("a", container, volumes=[{"name": "all", "configMap": {"name": "settings"}}]))
    space.pod("a", is_ready)
    space.patch("configmaps/settings", {"data": {"one": "after"}}).expect(200)

    def followed() -> bool:
        # A node looks again at a pod that has changed; otherwise only once a minute.
        space.patch("pods/a", {"metadata": {"annotations": {"touched": str(time.monotonic())}}}).expect(200)
        return space.get("pods/a/log", accept="*/*", tailLines=1).text.strip() == "after"

    space.eventually(followed, within_seconds=8)


@check("A pod's token, its namespace and the API's certificate are mounted where clients look for them.")
def mounted_account(space: Space) -> None:
    where = "/var/run/secrets/kubernetes.io/serviceaccount"
    env = [{"name": "DIR", "value": where}]
    found = printed(space, "a", "cat $DIR/namespace; echo; head -n 1 $DIR/ca.crt; cat $DIR/token", env=env).splitlines()
    assert found[0] == space.name
    assert found[1] == "-----BEGIN CERTIFICATE-----"
    token = found[2]
    body = {"kind": "TokenReview", "spec": {"token": token}}
    status = space.post("/apis/authentication.k8s.io/v1/tokenreviews", body).expect(201)["status"]
    assert status["user"]["username"] == f"system:serviceaccount:{space.name}:default"
    assert status["user"]["extra"]["authentication.kubernetes.io/pod-name"] == ["a"]


@check("What is in an emptyDir outlives its container, and not its pod.")
def empty_dirs(space: Space) -> None:
    mounts = [{"name": "kept", "mountPath": "/kept"}]
    env = [{"name": "DIR", "value": "/kept"}]
    script = f"echo run >> $DIR/log; cat $DIR/log; if [ $(wc -l < $DIR/log) -lt 2 ]; then exit 1; fi; {FOREVER}"
    container = shell(space, script, volumeMounts=mounts, env=env)
    space.make("pods", pod("a", container, volumes=[{"name": "kept", "emptyDir": {}}]))
    space.pod("a", lambda found: container_state(found).get("restartCount") == 1 and is_ready(found))
    space.eventually(lambda: space.get("pods/a/log", accept="*/*").text == "run\nrun\n")  # it runs before it writes


@check("Containers of one pod share its volumes and its address.")
def containers_share(space: Space) -> None:
    mounts = [{"name": "shared", "mountPath": "/shared"}]
    env = [{"name": "DIR", "value": "/shared"}]
    writer = shell(space, f"echo hello > $DIR/word; {FOREVER}", name="writer", volumeMounts=mounts, env=env)
    script = f"while [ ! -e $DIR/word ]; do sleep 0.1; done; sleep 0.2; cat $DIR/word; {FOREVER}"
    reader = shell(space, script, name="reader", volumeMounts=mounts, env=env)
    space.make("pods", pod("a", writer, reader, volumes=[{"name": "shared", "emptyDir": {}}]))
    space.pod("a", is_ready)
    space.eventually(lambda: space.get("pods/a/log", accept="*/*", container="reader").text == "hello\n")


@check("Arguments come after the command, and both may name variables.")
def arguments(space: Space) -> None:
    container = {**shell(space), "command": ["echo", "$(WORD)"], "args": ["and", "$(WORD)2"]}
    container["env"] = [{"name": "WORD", "value": "hello"}]
    space.make("pods", pod("a", container, restartPolicy="Never"))
    space.pod("a", lambda found: found["status"]["phase"] == "Succeeded")
    assert space.get("pods/a/log", accept="*/*").text == "hello and hello2\n"
