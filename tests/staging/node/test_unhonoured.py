"""What a manifest asks for and does not get is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday.staging import shop_manifests
from gameday.staging.manifests import read_manifests
from gameday.staging.node.unhonoured import warnings_for
from gameday.staging.resources import DEPLOYMENTS, PODS, SERVICES


def test_a_field_that_is_not_honoured_is_named_with_its_path() -> None:
    container = {"name": "c", "resources": {"limits": {"cpu": "1"}}, "securityContext": {"runAsUser": 1}}
    spec = {"hostNetwork": True, "volumes": [{"name": "v", "nfs": {}}], "containers": [container]}
    found = "\n".join(warnings_for(DEPLOYMENTS, {"spec": {"template": {"spec": spec}}}))
    for text in (
        "spec.template.spec.hostNetwork",
        'volumes["v"]',
        'containers["c"].resources.limits.cpu',
        "runAsUser not honoured",
    ):
        assert text in found


@pytest.mark.parametrize(
    "spec", [{"type": "NodePort"}, {"sessionAffinity": "ClientIP"}, {"ports": [{"port": 5353, "protocol": "UDP"}]}]
)
def test_a_service_is_told_what_its_proxy_cannot(spec: dict[str, object]) -> None:
    assert len(warnings_for(SERVICES, {"spec": spec})) == 1


def test_a_plain_pod_and_the_shop_give_no_warning() -> None:
    assert warnings_for(PODS, {"spec": {"containers": [{"name": "c", "image": "python"}]}}) == []
    shop: list[Path] = [shop_manifests()]
    assert [text for resource, obj in read_manifests(shop) for text in warnings_for(resource, obj)] == []
