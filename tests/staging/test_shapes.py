from __future__ import annotations

from typing import Any

import pytest

from gameday.staging.errors import BadRequest
from gameday.staging.resources import DEPLOYMENTS, PODS, RESOURCES
from gameday.staging.shapes import shaped_as


def test_nulls_mean_absence_and_the_original_stays() -> None:
    given = {"metadata": {"name": "a", "creationTimestamp": None}, "spec": {"containers": [{"name": "a", "args": None}]}}
    assert shaped_as(PODS, given) == {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "a"}]}}
    assert given["metadata"]["creationTimestamp"] is None


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("text", "spec"),
        ({"replicas": "2"}, "spec.replicas"),
        ({"replicas": True}, "spec.replicas"),
        ({"paused": 1}, "spec.paused"),
        ({"selector": ["a"]}, "spec.selector"),
        ({"template": {"metadata": {"labels": {"a": 1}}}}, "spec.template.metadata.labels"),
        ({"template": {"spec": {"containers": {"name": "a"}}}}, "spec.template.spec.containers"),
        ({"template": {"spec": {"containers": [None]}}}, "spec.template.spec.containers"),
        ({"template": {"spec": {"containers": [{"args": [1]}]}}}, "spec.template.spec.containers.args"),
        ({"strategy": {"rollingUpdate": {"maxSurge": 1.5}}}, "spec.strategy.rollingUpdate.maxSurge"),
    ],
)
def test_the_first_field_of_the_wrong_type_is_named(spec: Any, field: str) -> None:
    with pytest.raises(BadRequest, match=rf"cannot be handled as a Deployment: {field} must be"):
        shaped_as(DEPLOYMENTS, {"metadata": {"name": "a"}, "spec": spec})


def test_free_maps_may_have_any_key() -> None:
    given = {"metadata": {"labels": {"spec": "x", "replicas": "y"}}, "data": {"status": "z", "metadata": "w"}}
    for resource in RESOURCES:
        assert shaped_as(resource, given) == given
