"""Runbooks held against a cluster: what they name is there, and who has a role may do what its steps say."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import pytest

from gameday import staging
from gameday.cluster import Access
from gameday.cluster.discovery import Account
from gameday.kube import KubeCluster
from gameday.runbook.linting import Around, chosen, lint
from gameday.runbook.linting.looking import Looking
from tests.e2e.conftest import Command

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
GOOD = (ROOT / "tests/runbook/good/small.md").read_text()
AGENT = "system:serviceaccount:shop:agent"


def found(command: Command, *words: str) -> list[tuple[str, int, str]]:
    """Lint with the shop's cluster named; the findings of rules that need one."""
    done = command.run("runbook", "lint", "-o", "json", "--select", "RB6", "--kubeconfig", str(command.kubeconfig), *words)
    assert done.returncode in {0, 1}, done.stderr
    told = json.loads(done.stdout)
    assert [one["code"] for one in told["not_looked_at"] if not one["code"].startswith("RB61")] == []
    return [(one["code"], one["line"], one["message"]) for one in told["findings"]]


def written(command: Command, *lines: str) -> str:
    """Write the good runbook with these commands in its first step; their first line is 23."""
    (command.folder / "r.md").write_text(GOOD.replace("kubectl get deploy -n shop payment", "\n".join(lines)))
    return "r.md"


def test_nothing_that_the_shipped_runbooks_name_is_missing_in_the_shop(command: Command) -> None:
    assert found(command, str(ROOT / "runbooks")) == []


def test_what_is_not_there_is_found_and_what_is_there_is_not(command: Command) -> None:
    lines = {
        "kubectl get deploy,pods -n shop -l app=payment": "",
        "kubectl describe deployments.apps/payment svc/storefront -n shop": "",
        "kubectl get all -n shop": "",
        "kubectl get pods -n shop --field-selector status.phase=Pending": "",
        "kubectl delete configmap -n shop gone --ignore-not-found": "",
        "kubectl get --raw /api/v1/namespaces/shop/services/orders:http/proxy/failures": "",
        "kubectl get widgets -n shop": "RB601",
        "kubectl logs -n shop deploy/paymnt --tail=5": "RB602",
        "kubectl rollout undo -n shop deployment.apps/chekout": "RB602",
        "kubectl cordon no-such-node": "RB602",
        "kubectl set env -n shop deploy/nothing RECEIPTS=owed": "RB602",
        "kubectl get --raw /api/v1/namespaces/shop/services/order:http/proxy/failures": "RB602",
        "kubectl get pods -n shop -l app=paymnt": "RB603",
        "kubectl get deploy,pods -n shop --selector 'app in (paymnt)'": "RB603",
        "kubectl get pods -n shopp": "RB604",
        "kubectl stern -n shop payment": "RB605",
        "kubectl get pods -n shop --frobnicate yes": "RB605",
        'for kind in pods deploy; do kubectl get "$kind" -n shop; done': "RB605",
    }
    told = found(command, written(command, *lines))
    expected = [(code, 23 + number) for number, code in enumerate(lines.values()) if code]
    assert sorted((code, line) for code, line, _ in told) == sorted(expected), told
    assert ("RB602", 30, "there is no deployment paymnt in shop") in told


def test_a_right_that_a_role_lacks_is_found_by_its_step(command: Command) -> None:
    name = written(command, "kubectl get configmap -n shop agent-content", "kubectl scale -n shop deploy/payment --replicas=2")
    told = found(command, name, "--account", f"subject-matter expert={AGENT}")
    lacking = [(line, re.sub(r"^.*\) may not ", "", message)) for code, line, message in told if code == "RB611"]
    assert (24, "patch deployments.apps/scale payment in shop, which the step 'see-it' needs") in lacking
    assert (50, "patch deployments.apps in shop, which the step 'scale-it-back' needs") in lacking
    # Of the other roles no account is named, so nothing is said.
    assert {line for line, _ in lacking} <= {23, 24, 50}


def test_an_account_that_may_do_everything_lacks_nothing(command: Command) -> None:
    name = written(command, "kubectl drain some-node", "kubectl exec -n shop deploy/payment -- true")
    told = found(command, name, "--account", "subject-matter expert=admin,system:masters")
    assert [line for code, line, _ in told if code in {"RB611", "RB612"}] == []


def test_a_cluster_that_is_not_there_is_said_once(command: Command) -> None:
    kubeconfig = Path(str(command.kubeconfig)).read_text()
    (command.folder / "elsewhere").write_text(re.sub(r"https://[^\s\"]+", "https://127.0.0.1:1", kubeconfig))
    done = command.run("runbook", "lint", written(command, "kubectl get nodes"), "--kubeconfig", "elsewhere")
    assert done.returncode == 3
    assert "127.0.0.1:1" in done.stderr
    assert done.stdout == ""


def test_the_kinds_of_a_cluster_have_the_names_that_kubectl_takes(shop_cluster: KubeCluster) -> None:
    served = shop_cluster.served()
    names: dict[str, Any] = {
        word: served.named(word) for word in ("po", "Deployment", "deploy.apps", "deployments.v1.apps", "svc")
    }
    assert {word: one.plural for word, one in names.items()} == {
        "po": "pods",
        "Deployment": "deployments",
        "deploy.apps": "deployments",
        "deployments.v1.apps": "deployments",
        "svc": "services",
    }
    assert served.named("deploy.batch") is None
    assert served.is_category("all")


def test_others_are_asked_about_and_not_ourselves(shop: staging.Running, shop_cluster: KubeCluster) -> None:
    del shop
    access = Access("delete", "nodes")
    assert shop_cluster.may(access).allowed
    told = shop_cluster.may_as(Account(AGENT, ("system:authenticated",)), access)
    assert not told.allowed
    assert told.account == AGENT


def test_what_an_account_may_not_look_at_is_a_note_and_no_finding(command: Command, shop_cluster: KubeCluster) -> None:
    around = Around(
        today=dt.date(2026, 1, 1),
        has_program=bool,
        shell_syntax=lambda script: None if script else (1, ""),
        looking=Looking(shop_cluster.acting_as("shop", "agent")),
        accounts={"subject-matter expert": Account("alice", ("system:authenticated",))},
    )
    path = command.folder / written(command, "kubectl get pods -n shop -l app=paymnt", "kubectl delete node no-such-node")
    told = lint([(path, "r.md")], chosen(["RB6"], []), around).findings
    assert {finding.severity for finding in told} == {"note"}
    assert {finding.code for finding in told} == {"RB606", "RB612"}
    assert {finding.line for finding in told if finding.code == "RB606"} == {23, 24}
