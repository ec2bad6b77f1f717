"""Required spreading release by release: pods of an older one do not count."""

from __future__ import annotations

from typing import Any

from gameday.staging.controllers.fitting import ZONE_LABEL, unfit_because

RULE = {
    "topologyKey": ZONE_LABEL,
    "maxSkew": 1,
    "whenUnsatisfiable": "DoNotSchedule",
    "labelSelector": {"matchLabels": {"app": "web"}},
}


def node(name: str, zone: str) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": "True"}]
    allocatable = {"pods": "110", "cpu": "2", "memory": "1Gi"}
    return {
        "metadata": {"name": name, "labels": {ZONE_LABEL: zone}},
        "spec": {},
        "status": {"conditions": conditions, "allocatable": allocatable},
    }


def pod(release: str, where: str = "", **rule: Any) -> dict[str, Any]:
    spec = {"containers": [], "topologySpreadConstraints": [{**RULE, **rule}], **({"nodeName": where} if where else {})}
    return {"metadata": {"name": "p", "namespace": "shop", "labels": {"app": "web", "release": release}}, "spec": spec}


def test_pods_of_an_older_release_do_not_count_where_the_rule_says_so() -> None:
    nodes = [node("n1", "a"), node("n2", "b")]
    labels = {item["metadata"]["name"]: item["metadata"]["labels"] for item in nodes}
    placed = [pod("old", "n1"), pod("old", "n1")]
    assert "topology spread" in unfit_because(pod("new"), nodes[0], placed, labels)
    assert unfit_because(pod("new", matchLabelKeys=["release"]), nodes[0], placed, labels) == ""
    newer = [*placed, pod("new", "n1")]
    assert "topology spread" in unfit_because(pod("new", matchLabelKeys=["release"]), nodes[0], newer, labels)
    assert unfit_because(pod("new", matchLabelKeys=["release"]), nodes[1], newer, labels) == ""
