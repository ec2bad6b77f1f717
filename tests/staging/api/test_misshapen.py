"""Whatever is sent: a Status that says what is wrong, never an internal error, and nothing stored that breaks a list."""

from __future__ import annotations

import random
from typing import Any

import pytest

from gameday.staging.history import copy_object
from gameday.staging.resources import RESOURCES, Resource
from gameday.staging.shapes import shaped_as

JUNK: tuple[Any, ...] = (None, 7, -1, 1.5, "text", "", [], {}, [7], [None], {"a": 7}, True, [{}], ["x"], {"name": None})
POD_SPEC = {
    "containers": [
        {
            "name": "a",
            "image": "b",
            "env": [{"name": "A", "value": "1"}],
            "ports": [{"containerPort": 1}],
            "readinessProbe": {"httpGet": {"port": 1}},
            "resources": {"limits": {"cpu": "1"}},
        }
    ],
    "tolerations": [{"key": "a"}],
}
WHOLE = {
    "metadata": {"name": "a", "labels": {"a": "b"}, "annotations": {"x": "y"}, "finalizers": ["a.b/c"]},
    "spec": {
        **POD_SPEC,
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": POD_SPEC},
        "strategy": {"rollingUpdate": {"maxSurge": 1}},
        "scaleTargetRef": {"kind": "Deployment", "name": "x"},
        "maxReplicas": 3,
        "taints": [{"key": "a", "effect": "NoExecute"}],
    },
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    "data": {"a": "eA=="},
    "endpoints": [{"addresses": ["127.0.0.1"]}],
    "subsets": [{"addresses": [{"ip": "127.0.0.1"}], "ports": [{"port": 1}]}],
    "involvedObject": {"kind": "Pod"},
    "lastTimestamp": "2026-01-01T00:00:00Z",
}


def damaged(rng: random.Random) -> dict[str, Any]:
    """Return the whole object with one value, somewhere in it, replaced by something else."""
    whole = copy_object(WHOLE)
    here: Any = whole
    while True:
        key = rng.choice(list(here) if isinstance(here, dict) else list(range(len(here))))
        if isinstance(here[key], dict | list) and here[key] and rng.random() < 0.75:
            here = here[key]
            continue
        here[key] = rng.choice(JUNK)
        return whole


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda row: row.kind)
def test_the_undamaged_object_has_the_right_types(resource: Resource) -> None:
    assert shaped_as(resource, WHOLE) == WHOLE


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda row: row.kind)
def test_damaged_objects_are_refused_or_harmless(cluster: Any, resource: Resource) -> None:
    rng = random.Random(resource.kind)  # noqa: S311 - the same damage at every run
    root = f"/apis/{resource.api_version}" if resource.group else "/api/v1"
    path = f"{root}/namespaces/default/{resource.plural}" if resource.namespaced else f"{root}/{resource.plural}"
    table = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    for _ in range(12):
        replies = [cluster.request("POST", path, damaged(rng))]
        for media in ("merge-patch+json", "strategic-merge-patch+json", "apply-patch+yaml"):
            headers = {"Content-Type": f"application/{media}"}
            query = "?fieldManager=a&force=true"
            replies.append(cluster.request("PATCH", f"{path}/a{query}", damaged(rng), headers=headers))
        if resource.status:
            headers = {"Content-Type": "application/merge-patch+json"}
            replies.append(cluster.request("PATCH", f"{path}/a/status", damaged(rng), headers=headers))
        replies.append(cluster.request("GET", path, headers=table))
        replies.append(cluster.request("DELETE", f"{path}/a", rng.choice(JUNK)))
        assert all(reply.status < 500 for reply in replies), [reply.content for reply in replies]
        cluster.request("DELETE", f"{path}/a?gracePeriodSeconds=0")
