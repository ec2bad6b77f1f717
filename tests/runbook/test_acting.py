"""Shell blocks that do what no look at the cluster shows, and those of which everything is seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday.run.snapshot import KINDS, READ_IF_ALLOWED
from gameday.runbook import load_runbook
from gameday.runbook.acting import acts_unseen
from gameday.runbook.kinds import LOOKED_AT, kind_meant


@pytest.mark.parametrize(
    ("block", "unseen"),
    [
        ("kubectl get pods -n shop\nkubectl logs -n shop deploy/cart", False),
        ("curl -s http://shop/restore", False),
        ("curl -X POST http://shop/restore", True),
        ("curl -fsSX POST http://shop/restore", True),
        ("for i in $(seq 60); do timeout 5 curl -fs http://shop/healthz && break; sleep 1; done", False),
        ("pg_restore --clean orders.dump", True),
        ("kubectl scale -n shop deploy/payment --replicas=2", False),
        ("kubectl patch service -n shop sale -p '{}'\nkubectl rollout status -n shop deploy/sale", False),
        ("kubectl uncordon node-1", False),
        ("kubectl exec -n shop deploy/orders -- restore", True),
        ("kubectl create job -n shop --from=cronjob/restore now", True),
        ("kubectl delete lease -n shop leader", True),
        ("kubectl scale -n shop deploy/payment --replicas=2\npage the-team", True),
        ("kubectl delete pod -n shop x", False),
        ("kubectl delete pods -n shop -l app=x", False),
        ("kubectl label pod -n shop x app-", True),
        ("kubectl annotate pods -n shop --all checked=yes", True),
        ("kubectl patch deploy,pod -n shop x -p '{}'", True),
        ("kubectl expose pod -n shop x --port=80", False),
        ("kubectl scale -n shop rs/x --replicas=1", True),
        ("kubectl delete rs -n shop x", True),
        ("kubectl autoscale rs -n shop x --max=3", False),
        ("kubectl annotate node node-1 checked=yes", True),
        ("kubectl label node node-1 spare=yes", False),
        ("kubectl scale -n other deploy/x --replicas=1", True),
        ("kubectl scale -n stock deploy/x --replicas=1", False),
        ("kubectl scale deploy/x --replicas=1", False),
        ("kubectl cordon -n other node-1", False),
    ],
)
def test_what_kubectl_does_to_what_is_looked_at_is_seen_and_everything_else_is_not(
    tmp_path: Path,
    block: str,
    *,
    unseen: bool,
) -> None:
    path = tmp_path / "r.md"
    path.write_text(f"---\ntitle: t\nowner: o\n---\n\n# t\n\n## Resolve\n\n### Mend it\n\n```sh\n{block}\n```\n")
    assert acts_unseen(load_runbook(path).steps[0], ("shop", "stock")) is unseen


def test_the_kinds_that_are_looked_at_are_those_of_the_guardians_looks() -> None:
    assert {kind for _, kind in (*KINDS, *READ_IF_ALLOWED)} | {"Node"} == LOOKED_AT


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("Node", "Node"),
        ("nodes", "Node"),
        ("deploy", "Deployment"),
        ("deployments.apps", "Deployment"),
        ("networkpolicies", "NetworkPolicy"),
        ("ingresses", "Ingress"),
        ("StorageClasses", "StorageClass"),
        ("widgets", ""),
    ],
)
def test_a_kind_is_known_by_its_plural_and_its_short_names(word: str, kind: str) -> None:
    assert kind_meant(word) == kind
