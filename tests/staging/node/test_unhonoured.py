"""What a manifest asks for and does not get is said."""

from __future__ import annotations

import pytest

from gameday.staging import shop_manifests
from gameday.staging.manifests import read_manifests
from gameday.staging.node.unhonoured import warnings_for
from gameday.staging.resources import DEPLOYMENTS, PODS, SERVICES


def test_what_is_not_honoured_is_named_with_its_path() -> None:
    spec = {
        "volumes": [{"name": "v", "nfs": {}}],
        "initContainers": [{"name": "side", "restartPolicy": "Always"}],
        "containers": [{"name": "c", "lifecycle": {"postStart": {}, "preStop": {"httpGet": {}}}}],
    }
    found = warnings_for(DEPLOYMENTS, {"spec": {"template": {"spec": spec}}})
    assert [text.partition(" is not honoured: ")[0] for text in found] == [
        "spec.template.spec.volumes[0].nfs",
        "spec.template.spec.initContainers[0].restartPolicy",
        "spec.template.spec.containers[0].lifecycle.postStart",
        "spec.template.spec.containers[0].lifecycle.preStop.httpGet",
    ]


@pytest.mark.parametrize("spec", [{"externalIPs": ["127.0.0.9"]}, {"ports": [{"port": 5353, "protocol": "UDP"}]}])
def test_a_service_is_told_what_its_proxy_cannot(spec: dict[str, object]) -> None:
    assert len(warnings_for(SERVICES, {"spec": spec})) == 1


def test_a_plain_pod_and_the_shop_give_no_warning() -> None:
    assert warnings_for(PODS, {"spec": {"containers": [{"name": "c", "image": "python"}]}}) == []
    shop = read_manifests([shop_manifests()])
    assert [text for resource, obj in shop for text in warnings_for(resource, obj)] == []
