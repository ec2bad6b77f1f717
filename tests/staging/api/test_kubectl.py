"""kubectl, where it is installed, against the real server; the Python client's tests do not need it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gameday.staging.resources import NODES, PODS
from gameday.staging.store import Store

KUBECTL = shutil.which("kubectl")
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed on this machine")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def kubectl(cluster: Any, tmp_path: Path) -> Run:
    environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig), "HOME": str(tmp_path / "home")}

    def run(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        command = [KUBECTL or "", *arguments]
        return subprocess.run(command, input=stdin, env=environment, capture_output=True, text=True, timeout=120, check=False)

    return run


def done(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 0, result.stderr
    return result.stdout


def run_a_pod(store: Store) -> None:
    spec = {"nodeName": "n", "containers": [{"name": "main", "image": "x"}]}
    pod = store.create(PODS, {"metadata": {"name": "a"}, "spec": spec})
    ready = {"type": "Ready", "status": "True"}
    store.update(PODS, {**pod, "status": {"phase": "Running", "conditions": [ready]}}, subresource="status")


def test_apply_creates_configures_and_leaves_unchanged(kubectl: Run, deployment: Callable[..., dict[str, Any]]) -> None:
    manifest = deployment(replicas=2)
    assert "created" in done(kubectl("apply", "-f", "-", stdin=json.dumps(manifest)))
    assert "unchanged" in done(kubectl("apply", "-f", "-", stdin=json.dumps(manifest)))
    del manifest["spec"]["template"]["spec"]["containers"][0]["env"][0]
    assert "configured" in done(kubectl("apply", "-f", "-", stdin=json.dumps(manifest)))
    env = json.loads(done(kubectl("get", "deploy", "web", "-o", "json")))["spec"]["template"]["spec"]["containers"]
    assert [item["name"] for item in env[0]["env"]] == ["B"]
    assert "serverside-applied" in done(
        kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(manifest))
    )


def test_get_describe_scale_patch_label_and_delete(kubectl: Run, deployment: Callable[..., dict[str, Any]]) -> None:
    done(kubectl("apply", "-f", "-", stdin=json.dumps(deployment(replicas=2))))
    assert done(kubectl("get", "deploy")).split()[:5] == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    done(kubectl("scale", "deploy/web", "--replicas=5"))
    done(kubectl("patch", "deploy/web", "-p", '{"spec": {"paused": true}}'))
    done(kubectl("label", "deploy/web", "tier=front"))
    shown = done(kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.replicas} {.spec.paused} {.metadata.labels.tier}"))
    assert shown == "5 true front"
    assert "5 desired" in done(kubectl("describe", "deploy/web"))
    assert "deleted" in done(kubectl("delete", "deploy/web"))
    assert "NotFound" in kubectl("get", "deploy", "web").stderr


def test_wait_sees_a_condition_and_a_deletion(cluster: Any, kubectl: Run) -> None:
    cluster.on_store(run_a_pod)
    assert "condition met" in done(kubectl("wait", "--for=condition=Ready", "pod/a", "--timeout=60s"))
    done(kubectl("delete", "pod/a", "--wait=false", "--grace-period=1"))
    cluster.loop.call_soon_threadsafe(lambda: cluster.store.delete(PODS, "default", "a", grace_seconds=0))
    done(kubectl("wait", "--for=delete", "pod/a", "--timeout=60s"))


def test_nodes_are_cordoned_and_tainted(cluster: Any, kubectl: Run) -> None:
    cluster.on_store(lambda store: store.create(NODES, {"metadata": {"name": "n"}}))
    done(kubectl("cordon", "n"))
    done(kubectl("taint", "node", "n", "broken=yes:NoExecute"))
    taints = cluster.on_store(lambda store: store.get(NODES, None, "n"))["spec"]
    assert taints["unschedulable"] is True
    assert {"key": "broken", "value": "yes", "effect": "NoExecute"} in taints["taints"]


def test_a_broken_manifest_is_told_field_by_field(kubectl: Run, deployment: Callable[..., dict[str, Any]]) -> None:
    manifest = deployment("Web_")
    result = kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
    assert result.returncode == 1
    assert "metadata.name" in result.stderr


def test_warnings_reach_the_user(kubectl: Run, deployment: Callable[..., dict[str, Any]]) -> None:
    manifest = deployment()
    manifest["spec"]["template"]["spec"]["hostNetwork"] = True
    result = kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
    assert "Warning: spec.template.spec.hostNetwork is not honoured" in result.stderr


@pytest.mark.parametrize(
    "command",
    [
        "create namespace shop",
        "create configmap a --from-literal=x=1",
        "create job a --image=shop:1",
        "create cronjob a --image=shop:1 --schedule=@daily",
        "create secret generic a --from-literal=x=1",
        "create serviceaccount a",
        "create token default",
        "create deployment a --image=shop:1 --replicas=2 --port=8080",
        "create role a --verb=get --resource=pods",
        "create poddisruptionbudget a --selector=app=web --min-available=50%",
        "create service clusterip a --tcp=80:8080",
        "run a --image=shop:1",
        "create clusterrole a --verb=get --resource=pods",
        "create rolebinding a --clusterrole=view --serviceaccount=default:default",
        "create clusterrolebinding a --clusterrole=view --group=testers",
        "auth whoami",
        "auth can-i delete pods",
    ],
)
def test_commands_that_newer_kubectl_sends_as_protobuf_work(kubectl: Run, command: str) -> None:
    done(kubectl(*command.split()))


def test_autoscale_writes_an_autoscaler(kubectl: Run, deployment: Callable[..., dict[str, Any]]) -> None:
    done(kubectl("apply", "-f", "-", stdin=json.dumps(deployment(replicas=2))))
    done(kubectl("autoscale", "deployment", "web", "--min=1", "--max=3", "--cpu-percent=50"))
    spec = json.loads(done(kubectl("get", "hpa", "web", "-o", "json")))["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (1, 3)
    assert spec["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 50}
    assert "Deployment/web   cpu: <unknown>/50%   1         3" in done(kubectl("get", "hpa"))
    assert "50%" in done(kubectl("describe", "hpa", "web"))


async def remove_what_is_deleted(store: Store) -> None:
    """Do what a node does at the end of a pod's grace, at once."""
    async for event in store.watch(PODS):
        if event.type == "MODIFIED" and "deletionTimestamp" in event.object["metadata"]:
            store.delete(PODS, "default", event.object["metadata"]["name"], grace_seconds=0)


def test_drain_evicts_what_runs_on_a_node(cluster: Any, kubectl: Run) -> None:
    cluster.on_store(lambda store: store.create(NODES, {"metadata": {"name": "n"}}))
    cluster.on_store(run_a_pod)
    node = asyncio.run_coroutine_threadsafe(remove_what_is_deleted(cluster.store), cluster.loop)
    assert "pod/a evicted" in done(kubectl("drain", "n", "--force", "--timeout=60s"))
    node.cancel()
    assert cluster.on_store(lambda store: store.list(PODS)[0]) == []
