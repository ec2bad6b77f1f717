"""kubectl, reading: get in all its forms, describe, logs, events, wait, top, and questions about rights."""

from __future__ import annotations

import json
import re

import yaml

from tests.conformance.checking import check
from tests.conformance.manifests import config_map, idle_deployment, is_ready, labelled, pod, rolled_out, running, shell, unplaced
from tests.conformance.space import Space
from tests.conformance.transport import Json


def heading(printed: str) -> list[str]:
    return re.split(r"\s{2,}", printed.splitlines()[0].strip())


@check("kubectl get prints tables, wide ones, and across kinds.")
def kubectl_get(space: Space) -> None:
    space.make("deployments", idle_deployment("web"))
    space.make("pods", unplaced("a"))
    assert heading(space.kubectl("get", "pods")) == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert re.search(r"^a\s+0/1\s+Pending\s+0\s", space.kubectl("get", "pods", "--no-headers"))
    wide = ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE", "NOMINATED NODE", "READINESS GATES"]
    assert heading(space.kubectl("get", "po", "-o", "wide")) == wide
    wide = ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", "CONTAINERS", "IMAGES", "SELECTOR"]
    assert heading(space.kubectl("get", "deploy", "-o", "wide")) == wide
    both = space.kubectl("get", "pods,deployments")
    assert "pod/a " in both
    assert "deployment.apps/web " in both
    assert "deployment.apps/web" in space.kubectl("get", "all", "-o", "name").split()


@check("kubectl get prints objects as JSON, YAML, names, paths and columns of one's own.")
def kubectl_get_output(space: Space) -> None:
    space.make("configmaps", config_map("a", key="value"))
    assert json.loads(space.kubectl("get", "cm", "a", "-o", "json"))["data"] == {"key": "value"}
    assert yaml.safe_load(space.kubectl("get", "cm", "a", "-o", "yaml"))["data"] == {"key": "value"}
    assert space.kubectl("get", "configmap/a", "-o", "name") == "configmap/a\n"
    assert space.kubectl("get", "cm", "a", "-o", "jsonpath={.data.key} {.metadata.name}") == "value a"
    columns = space.kubectl("get", "cm", "a", "-o", "custom-columns=WHAT:.metadata.name,KEY:.data.key")
    assert columns.split() == ["WHAT", "KEY", "a", "value"]
    listed = json.loads(space.kubectl("get", "cm", "-o", "json"))
    assert (listed["kind"], listed["apiVersion"]) == ("List", "v1")
    assert {item["kind"] for item in listed["items"]} == {"ConfigMap"}


@check("kubectl get selects by labels and fields, and says when there is nothing.")
def kubectl_get_selected(space: Space) -> None:
    space.make("configmaps", labelled("front", tier="front"))
    space.make("configmaps", labelled("back", tier="back"))
    assert space.kubectl("get", "cm", "-l", "tier=front", "-o", "name") == "configmap/front\n"
    assert space.kubectl("get", "cm", "-l", "tier in (back)", "-o", "name") == "configmap/back\n"
    assert space.kubectl("get", "cm", "--field-selector", "metadata.name=back", "-o", "name") == "configmap/back\n"
    assert heading(space.kubectl("get", "cm", "-l", "tier", "-L", "tier")) == ["NAME", "DATA", "AGE", "TIER"]
    done = space.tries("get", "pods")
    assert done.err == f"No resources found in {space.name} namespace.\n"
    told = space.tries("get", "cm", "nothing").fails()
    assert told == 'Error from server (NotFound): configmaps "nothing" not found\n'
    told = space.tries("get", "nonsense").fails()
    assert told == 'error: the server doesn\'t have a resource type "nonsense"\n'


@check("kubectl get -w goes on with what happens.")
def kubectl_get_watch(space: Space) -> None:
    space.make("configmaps", labelled("a", watched="yes"))
    with space.commands.start("-n", space.name, "get", "cm", "-l", "watched=yes", "-w", "-o", "name") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "configmap/a\n"
        space.make("configmaps", labelled("b", watched="yes"))
        assert process.stdout.readline() == "configmap/b\n"
        process.terminate()


@check("kubectl describe tells a Deployment and a pod with their events.")
def kubectl_describe(space: Space) -> None:
    space.make("deployments", running(space, replicas=1))
    rolled_out(space, "web", 1)
    told = space.kubectl("describe", "deploy/web")
    for expected in (
        r"^Name:\s+web$",
        r"^Replicas:\s+1 desired \| 1 updated \| 1 total \| 1 available \| 0 unavailable$",
        r"^StrategyType:\s+RollingUpdate$",
        r"^RollingUpdateStrategy:\s+25% max unavailable, 25% max surge$",
        r"^\s+Available\s+True\s+MinimumReplicasAvailable$",
        r"^\s+Progressing\s+True\s+NewReplicaSetAvailable$",
        r"^NewReplicaSet:\s+web-\S+ \(1/1 replicas created\)$",
        r"Scaled up replica set web-\S+ from 0 to 1$",
    ):
        assert re.search(expected, told, re.MULTILINE), f"{expected} is not in: {told}"
    name = space.items("pods")[0]["metadata"]["name"]
    space.eventually(lambda: re.search(r"Normal\s+Started", space.kubectl("describe", "pod", name)))
    told = space.kubectl("describe", "pod", name)
    for expected in (
        rf"^Name:\s+{name}$",
        r"^Node:\s+\S+/\S+$",
        r"^Status:\s+Running$",
        r"^Controlled By:\s+ReplicaSet/web-",
        r"^\s+State:\s+Running$",
        r"^\s+Ready\s+True\s*$",
        r"^QoS Class:\s+BestEffort$",
        r"^\s+Normal\s+Scheduled\s",
        r"^\s+Normal\s+Started\s",
    ):
        assert re.search(expected, told, re.MULTILINE), f"{expected} is not in: {told}"


@check("kubectl describe tells a node with its conditions, what it has, and what runs on it.")
def kubectl_describe_node(space: Space) -> None:
    node = next(item["metadata"]["name"] for item in space.items("/api/v1/nodes") if is_ready(item))
    told = space.kubectl("describe", "node", node)
    for expected in (
        rf"^Name:\s+{node}$",
        r"^\s+Ready\s+True\s.*KubeletReady\s+kubelet is posting ready status$",
        r"^Capacity:$",
        r"^Allocatable:$",
        r"^\s+HolderIdentity:\s+" + node,
        r"^Non-terminated Pods:",
        r"^Allocated resources:$",
    ):
        assert re.search(expected, told, re.MULTILINE), f"{expected} is not in: {told}"


@check("kubectl describe tells Services and budgets.")
def kubectl_describe_others(space: Space) -> None:
    spec: Json = {"selector": {"app": "web"}, "ports": [{"port": 8080}]}
    space.make("services", {"metadata": {"name": "web"}, "spec": spec})
    assert re.search(r"^Port:\s+<unset>\s+8080/TCP$", space.kubectl("describe", "svc", "web"), re.MULTILINE)
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    space.make("poddisruptionbudgets", {"metadata": {"name": "web"}, "spec": spec})
    assert re.search(r"^Min available:\s+1$", space.kubectl("describe", "pdb", "web"), re.MULTILINE)


@check("kubectl describe tells a namespace with its quotas and limits.")
def kubectl_describe_namespace(space: Space) -> None:
    told = space.kubectl("describe", "namespace", space.name)
    assert re.search(r"^Status:\s+Active$", told, re.MULTILINE)
    assert "No resource quota." in told
    assert "No LimitRange resource." in told


@check("kubectl logs prints what a pod said, its last lines, and a Deployment's.")
def kubectl_logs(space: Space) -> None:
    space.make("deployments", running(space, replicas=1, script="echo one; echo two; while true; do sleep 0.1; done"))
    rolled_out(space, "web", 1)
    name = space.items("pods")[0]["metadata"]["name"]
    space.eventually(lambda: space.kubectl("logs", name) == "one\ntwo\n")
    assert space.kubectl("logs", name, "--tail=1") == "two\n"
    assert space.kubectl("logs", "deploy/web") == "one\ntwo\n"
    assert space.kubectl("logs", "-l", "app=web", "--prefix").splitlines()[0] == f"[pod/{name}/main] one"
    assert "Error from server (BadRequest): previous terminated container" in space.tries("logs", name, "--previous").fails()


@check("kubectl exec runs a program in a pod.")
def kubectl_exec(space: Space) -> None:
    space.make("pods", pod("a", shell(space)))
    space.pod("a", is_ready)
    assert space.kubectl("exec", "a", "--", "echo", "hello") == "hello\n"
    assert space.tries("exec", "a", "--", "sh", "-c", "exit 3").code == 3


@check("kubectl events prints what happened to an object.")
def kubectl_events(space: Space) -> None:
    space.make("pods", pod("a", shell(space)))
    space.pod("a", is_ready)
    # In the order of their seconds, and these two often share one.
    both = {"Scheduled", "Started"}
    space.eventually(lambda: both <= set(space.kubectl("events", "--for", "pod/a").split()))
    told = space.kubectl("events", "--for", "pod/a")
    assert heading(told) == ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    assert re.search(rf"Normal\s+Scheduled\s+Pod/a\s+Successfully assigned {space.name}/a to ", told)
    told = space.kubectl("get", "events", "--field-selector", "involvedObject.name=a,reason=Started")
    assert heading(told) == ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    assert re.search(r"Normal\s+Started\s+pod/a\s", told)


@check("kubectl wait sees conditions, values and deletions come, and says when they do not.")
def kubectl_wait(space: Space) -> None:
    space.make("pods", pod("a", shell(space)))
    assert space.kubectl("wait", "--for=condition=Ready", "pod/a", "--timeout=60s") == "pod/a condition met\n"
    space.kubectl("wait", "--for=jsonpath={.status.phase}=Running", "pod/a", "--timeout=10s")
    told = space.tries("wait", "--for=condition=Nonsense", "pod/a", "--timeout=1s").fails()
    assert "timed out waiting for the condition on pods/a" in told
    space.kubectl("delete", "pod/a", "--wait=false")
    space.kubectl("wait", "--for=delete", "pod/a", "--timeout=60s")
    space.get("pods/a").refused(404, "NotFound")


@check("kubectl top tells what nodes and pods use.")
def kubectl_top(space: Space) -> None:
    found = space.tries("top", "nodes")
    assert found.code == 0, found.err
    assert heading(found.out)[:2] == ["NAME", "CPU(cores)"]


@check("kubectl auth can-i and whoami answer for oneself and for others.")
def kubectl_auth(space: Space) -> None:
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}]
    space.as_account("reader", *rules)
    who = f"--as=system:serviceaccount:{space.name}:reader"
    assert space.kubectl("auth", "can-i", "delete", "pods") == "yes\n"
    assert space.kubectl("auth", "can-i", "get", "configmaps", who) == "yes\n"
    done = space.tries("auth", "can-i", "delete", "pods", who)
    assert (done.code, done.out) == (1, "no\n")
    assert re.search(r"^configmaps\s+\[\]\s+\[\]\s+\[get list\]$", space.kubectl("auth", "can-i", "--list", who), re.MULTILINE)
    told = space.tries("delete", "cm", "x", who).fails()
    assert told.startswith('Error from server (Forbidden): configmaps "x" is forbidden: User "system:serviceaccount:')
    assert re.search(r"Username\s+system:serviceaccount:", space.kubectl("auth", "whoami", who))


@check("kubectl explain tells a field from the server's schema.")
def kubectl_explain(space: Space) -> None:
    told = space.kubectl("explain", "deployment.spec.replicas")
    assert "FIELD: replicas <integer>" in told


@check("kubectl api-resources and version know the server.")
def kubectl_discovery(space: Space) -> None:
    told = space.kubectl("api-resources", "--namespaced=true", "-o", "name").split()
    assert {"pods", "deployments.apps", "leases.coordination.k8s.io"} <= set(told)
    assert re.search(r"^Server Version: v1\.\d+", space.kubectl("version"), re.MULTILINE)
    assert "v1" in space.kubectl("api-versions").split()


@check("kubectl diff says whether an apply would change anything.")
def kubectl_diff(space: Space) -> None:
    body = config_map("a", key="1")
    space.kubectl("apply", "-f", "-", stdin=body)
    assert space.tries("diff", "-f", "-", stdin=body).code == 0
    changed = space.tries("diff", "-f", "-", stdin=config_map("a", key="2"))
    assert changed.code == 1
    assert '+  key: "2"' in changed.out
