"""Lists of which only some fields are decoded."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gameday.cluster import Selection
from gameday.cluster.reading import POD_FIELDS, is_ready
from gameday.errors import ClusterError
from gameday.kube import connect
from gameday.kube.projection import as_json, page_of
from tests.between import PassOn, Reply, Request, between
from tests.e2e.lying import babbles

ITEM = {
    "metadata": {"name": "a", "labels": {"app": "web"}, "managedFields": [{"manager": "kubectl"}]},
    "spec": {"containers": [{"name": "main", "ports": [{"containerPort": 80}], "env": [{"name": "A"}]}]},
    "status": {"conditions": None},
}


def projected(only: tuple[str, ...], *items: Any) -> list[Any]:
    return [as_json(item) for item in page_of(only).decode(orjson.dumps({"items": items})).items]


def test_only_what_is_asked_for_is_kept() -> None:
    assert projected(("metadata.name",), ITEM) == [{"metadata": {"name": "a"}}]


def test_what_stands_below_a_path_is_kept_whole() -> None:
    assert projected(("metadata.labels", "spec.containers[].ports"), ITEM) == [
        {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"ports": [{"containerPort": 80}]}]}}
    ]


def test_what_is_missing_stays_missing_and_null_stays_null() -> None:
    assert projected(("metadata.uid", "status.conditions[].type", "spec.nodeName"), ITEM) == [
        {"metadata": {}, "status": {"conditions": None}, "spec": {}}
    ]


def test_a_path_that_is_both_a_list_and_an_object_is_refused() -> None:
    with pytest.raises(ValueError, match="expected each field"):
        page_of(("spec.containers[].name", "spec.containers.name"))


@pytest.mark.e2e
def test_a_projected_list_is_the_whole_one_with_less_in_it(scratch: Any) -> None:
    scratch.deployment(replicas=2)
    scratch.ready(number=2)
    whole = scratch.cluster.list(Selection("v1", "Pod", scratch.name))
    some = scratch.cluster.list(Selection("v1", "Pod", scratch.name, only=POD_FIELDS))
    assert [(pod["kind"], pod["metadata"]["uid"], is_ready(pod)) for pod in some] == [
        (pod["kind"], pod["metadata"]["uid"], is_ready(pod)) for pod in whole
    ]
    assert all("env" not in container for pod in some for container in pod["spec"]["containers"])
    assert all(pod["metadata"]["ownerReferences"] for pod in some)


@pytest.mark.e2e
def test_of_a_list_of_which_only_metadata_is_wanted_nothing_else_is_sent(scratch: Any, cluster_home: Any, tmp_path: Any) -> None:
    scratch.config_map("large", text="x" * 10_000)
    sizes: list[int] = []

    def weigh(request: Request, pass_on: PassOn) -> Reply:
        reply = pass_on(request)
        sizes.append(len(reply.data))
        return reply

    with between(cluster_home.kubeconfig, tmp_path, weigh) as kubeconfig:
        found = connect(kubeconfig=kubeconfig).list(Selection("v1", "ConfigMap", scratch.name, only=("metadata.name",)))
    assert {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "large"}} in found
    assert sizes[-1] < 10_000


@pytest.mark.e2e
def test_an_answer_that_is_no_list_is_an_error_that_says_what_was_asked(cluster_home: Any, tmp_path: Any) -> None:
    with between(cluster_home.kubeconfig, tmp_path, babbles("GET .*/pods")) as kubeconfig:
        cluster = connect(kubeconfig=kubeconfig)
        with pytest.raises(ClusterError, match=r"expected a list of objects from .* to GET /api/v1/namespaces/default/pods"):
            cluster.list(Selection("v1", "Pod", "default", only=POD_FIELDS))
