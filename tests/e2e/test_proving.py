"""Runbooks executed against a real fault on the embedded cluster: proven, refuted or void, and nothing left of what steps do."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gameday.cluster import Selection
from gameday.kube import KubeCluster
from gameday.log.events import ChangeOwed, RunbookJudged, RunEnded, StepEnded
from tests.e2e.conftest import QUICK, Command, eventually, replicas_of
from tests.e2e.held import end

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("as_before")]

FRONT = """\
---
title: Payment is gone
owner: checkout-team
experiments: [quick.yaml]
objectives: {rto: 1m}
last_proven:
---

# Payment is gone

"""
CHECK = """
```yaml check
probe: gameday.probes.checkout.success_rate
with: {window_seconds: 2}
within: [99, 100]
wait: 20s
```
"""
SCALE_BACK = f"""
## Resolve

### Scale payment back

```yaml
action: gameday.actions.workloads.scale
with: {{namespace: shop, name: payment, replicas: 2}}
```
{CHECK}"""
IDLE = """
### Think about it

```sh
true
```
"""
PROGRAM = """\
import os, sys
from gameday.kube import connect
from gameday.cluster import ObjectRef, Selection
cluster = connect(kubeconfig=os.environ["KUBECONFIG"])
def get(kind, name, api="v1", namespace="shop"):
    return cluster.get(ObjectRef(api, kind, namespace, name))
def ref(*args, **more):
    return ObjectRef.of(get(*args, **more))
"""
"""What a step's shell block starts: whatever kubectl could do, also where there is none."""


def runbook(command: Command, body: str, *, front: str = FRONT) -> Path:
    path = command.folder / "payment-gone.md"
    path.write_text(front + body)
    return path


def shell(command: Command, code: str, *, title: str = "Do something", more: str = "") -> str:
    """Return a step whose shell block runs this Python code, and before and after it what else it is told."""
    program = command.folder / "program.py"
    program.write_text(PROGRAM + code)
    return f"\n### {title}\n\n```sh\n{more}\n{sys.executable} {program}\n```\n"


def verify(command: Command, path: Path, *words: str) -> tuple[int, dict[str, Any]]:
    done = command.run("runbook", "verify", str(path), "--yes", "-o", "json", *words, timeout_seconds=150)
    assert done.stdout, done.stderr
    (result,) = json.loads(done.stdout)
    return done.returncode, result


def judgements(result: dict[str, Any]) -> dict[str, str]:
    return {step["step"]: step["judgement"] for step in result["steps"]}


def test_a_runbook_that_mends_it_is_proven_and_the_proof_is_written(command: Command) -> None:
    path = runbook(command, SCALE_BACK + IDLE)
    code, result = verify(command, path)
    assert (code, result["outcome"], result["residue"]) == (0, "proven", []), result
    assert judgements(result) == {"scale-payment-back": "helped", "think-about-it": "did_nothing"}
    assert result["recovery_seconds"] < result["objective_seconds"] == 60
    assert f"last_proven: {{run: {result['run']}, date: {result['at'][:10]}, digest: {result['digest']}}}" in path.read_text()
    before = path.read_text()
    code, result = verify(command, path, "--without", "think-about-it")
    assert (code, result["outcome"], result["needed"], result["recorded"]) == (0, "proven", False, "")
    assert path.read_text() == before
    assert "left out" in next(step["why"] for step in result["steps"] if step["judgement"] == "skipped")


def test_a_step_that_makes_it_worse_and_breaks_a_warning_refutes(command: Command, shop_cluster: KubeCluster) -> None:
    (command.folder / "quick.yaml").write_text(QUICK.replace("replicas: 0", "replicas: 1").replace("timeout: 20s", "timeout: 8s"))
    warning = "> **Warning:** leave payment alone. <!-- id: leave-payment -->\n\n```yaml forbids\n"
    warning += "- {do: patch, kind: Deployment, namespace: shop, name: pay*, field: /spec/replicas}\n```\n"
    scale = 'cluster.patch(ref("Deployment", "payment", "apps/v1"), [{"op": "replace", "path": "/spec/replicas", "value": 0}])\n'
    path = runbook(command, warning + "\n## Resolve\n" + shell(command, scale, title="Stop payment"))
    code, result = verify(command, path)
    assert (code, result["outcome"], result["residue"]) == (1, "refuted", []), result
    assert [(item["id"], item["step"]) for item in result["broken"]] == [("leave-payment", "stop-payment")]
    assert "wrote /spec/replicas of deployment shop/payment" in result["broken"][0]["change"]
    assert judgements(result) == {"stop-payment": "wrong"}
    assert result["recorded"] == ""
    assert replicas_of(shop_cluster, "payment") == 2


def test_a_fault_that_ends_by_itself_proves_nothing(command: Command) -> None:
    method = QUICK.index("method:"), QUICK.index("extensions:")
    fails = """\
method:
  - type: action
    name: payment answers with errors
    provider:
      type: python
      module: gameday.actions.services
      func: fail
      arguments: {namespace: shop, name: payment, lasts_seconds: 4}
    pauses: {after: 1}
"""
    prepared = """\
    prepare:
      - type: action
        name: a proxy before payment
        provider:
          type: python
          module: gameday.actions.services
          func: interpose
          arguments: {namespace: shop, name: payment}
"""
    text = QUICK[: method[0]] + fails + QUICK[method[1] :] + prepared
    (command.folder / "quick.yaml").write_text(text.replace("caps: {pods: 2}", "caps: {pods: 2, objects: 12}"))
    wait = f"\n## Resolve\n\n### Wait for it\n\n```sh\ntrue\n```\n{CHECK}"
    code, result = verify(command, runbook(command, wait))
    assert (code, result["outcome"]) == (2, "void"), result
    assert "the fault was over by itself 4 s after it was applied" in "; ".join(result["reasons"])


HOSTILE = """
for kind, name, api in (("Deployment", "scaler", "apps/v1"), ("Service", "sale", "v1"), ("ConfigMap", "status-incident", "v1")):
    cluster.delete(ref(kind, name, api))
pod = cluster.list(Selection("v1", "Pod", "shop", "app=storefront"))[0]
cluster.delete(ObjectRef.of(pod))
cluster.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "junk", "namespace": "shop"}, "data": {"a": "b"}})
node = cluster.list(Selection("v1", "Node"))[0]
cluster.patch(ObjectRef.of(node), [{"op": "add", "path": "/spec/unschedulable", "value": True}])
cluster.patch(ref("Deployment", "cart", "apps/v1"), [{"op": "add", "path": "/metadata/labels/hostile", "value": "yes"}])
sys.stdin.read()
print("x" * 3_000_000)
"""
# Of these tests alone: the same ones may be on elsewhere on this machine.
LONG = f"98765.{os.getpid()}"
DAEMONS = f"sleep {LONG} &\nsetsid sleep {LONG} >/dev/null 2>&1 &\n(trap '' TERM; sleep {LONG}) &"


def test_nothing_is_left_of_a_step_that_deletes_creates_cordons_and_leaves_daemons(
    command: Command, shop_cluster: KubeCluster
) -> None:
    body = SCALE_BACK + shell(command, HOSTILE, title="Be hostile", more=DAEMONS)
    code, result = verify(command, runbook(command, body), "--no-record")
    assert (code in {0, 1, 2}, result["residue"]) == (True, []), result
    owed = {(event.kind, event.object) for event in command.events() if isinstance(event, ChangeOwed) and event.by_shell}
    assert {
        ("delete", "deployment shop/scaler"),
        ("delete", "service shop/sale"),
        ("delete", "configmap shop/status-incident"),
        ("create", "configmap shop/junk"),
        ("patch", "deployment shop/cart"),
    } <= owed
    assert any(kind == "delete" and name.startswith("pod shop/storefront-") for kind, name in owed)
    assert any(kind == "patch" and name.startswith("node ") for kind, name in owed)
    ended = next(event for event in command.events() if isinstance(event, StepEnded) and event.step == "be-hostile")
    assert len(ended.output) <= 4000
    assert [pid for pid, words in _processes() if LONG in words] == []
    assert not any(node["spec"].get("unschedulable") for node in shop_cluster.list(Selection("v1", "Node")))
    assert list(command.folder.glob("runs/*/look-*")) == []


@pytest.mark.parametrize("victims", [("worker",), ("guardian",), ("guardian", "worker")], ids="+".join)
def test_nothing_is_left_of_a_step_during_which_processes_of_the_run_are_killed(
    command: Command, shop_cluster: KubeCluster, victims: Sequence[str]
) -> None:
    marker = command.folder / "wrote"
    code = f"""
cluster.delete(ref("Service", "sale"))
cluster.patch(ref("Deployment", "cart", "apps/v1"), [{{"op": "add", "path": "/metadata/labels/hostile", "value": "yes"}}])
open({str(marker)!r}, "w").close()
import time
time.sleep(98765)
"""
    path = runbook(command, "\n## Resolve\n" + shell(command, code, title="Hang"))
    running = command.start("runbook", "verify", str(path), "--yes")
    eventually(marker.exists, timeout_seconds=90, what=(command.folder / "err.txt").read_text)
    end(command, running, *victims)
    assert running.wait(timeout=60) == 4, (command.folder / "err.txt").read_text()
    ended = command.wait_for(RunEnded)
    assert ended.residue == []
    assert command.wait_for(RunbookJudged).outcome == "void"
    assert replicas_of(shop_cluster, "payment") == 2
    assert [pid for pid, words in _processes() if str(command.folder) in words and "program.py" in words] == []


def _processes() -> list[tuple[int, str]]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.append((int(entry.name), (entry / "cmdline").read_bytes().decode(errors="replace")))
            except OSError:
                continue
    return found
