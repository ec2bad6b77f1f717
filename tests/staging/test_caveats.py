from __future__ import annotations

from typing import Any

import pytest

from gameday.staging import shop_manifests
from gameday.staging.caveats import caveats
from gameday.staging.manifests import read_manifests
from gameday.staging.resources import DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, PODS, SERVICES, STATEFUL_SETS


def pod(**spec: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "a", "image": "b"}], **spec}}


def test_a_plain_pod_has_none() -> None:
    assert caveats(PODS, pod(securityContext={}, hostNetwork=False)) == []


def test_a_field_is_named_with_its_path_and_the_reason() -> None:
    container = {"name": "a", "image": "b", "securityContext": {"runAsUser": 1}, "livenessProbe": {"grpc": {"port": 1}}}
    template = {"spec": {"containers": [container], "hostNetwork": True}}
    found = caveats(DEPLOYMENTS, {"spec": {"template": template}})
    assert [text.partition(" is not honoured: ")[0] for text in found] == [
        "spec.template.spec.hostNetwork",
        "spec.template.spec.containers[0].securityContext",
        "spec.template.spec.containers[0].livenessProbe.grpc",
    ]


def test_a_cpu_limit_is_named() -> None:
    limited = {"name": "a", "image": "b", "resources": {"limits": {"cpu": "1", "memory": "64Mi"}}}
    (text,) = caveats(PODS, {"spec": {"containers": [limited]}})
    assert text.startswith("spec.containers[0].resources.limits.cpu is not honoured")


@pytest.mark.parametrize("spec", [{"type": "NodePort"}, {"type": "ClusterIP", "sessionAffinity": "ClientIP"}])
def test_what_a_service_will_not_do_is_told(spec: dict[str, Any]) -> None:
    assert len(caveats(SERVICES, {"spec": spec})) == 1


def test_what_an_autoscaler_will_not_follow_is_told() -> None:
    memory = {"type": "Resource", "resource": {"name": "memory"}}
    behavior = {
        "scaleUp": {"stabilizationWindowSeconds": 60},
        "scaleDown": {"policies": [{"type": "Pods"}], "selectPolicy": "Min"},
    }
    found = caveats(HORIZONTAL_POD_AUTOSCALERS, {"spec": {"metrics": [memory], "behavior": behavior}})
    assert [text.partition(" is not honoured: ")[0] for text in found] == [
        "spec.metrics[0]",
        "spec.behavior.scaleDown.policies",
        "spec.behavior.scaleUp.stabilizationWindowSeconds",
    ]


def test_claims_that_would_go_with_their_pods_are_told_to_stay() -> None:
    policy = {"whenDeleted": "Retain", "whenScaled": "Delete"}
    spec = {"template": {"spec": {"containers": []}}, "persistentVolumeClaimRetentionPolicy": policy}
    assert "spec.persistentVolumeClaimRetentionPolicy is not honoured" in caveats(STATEFUL_SETS, {"spec": spec})[0]


def test_volumes_hooks_and_sidecars_that_the_node_has_not_are_named() -> None:
    spec = {
        "volumes": [{"name": "v", "nfs": {}}, {"name": "w", "downwardAPI": {}}],
        "initContainers": [{"name": "side", "restartPolicy": "Always"}],
        "containers": [{"name": "c", "lifecycle": {"postStart": {}, "preStop": {"httpGet": {}}}}],
    }
    found = caveats(DEPLOYMENTS, {"spec": {"template": {"spec": spec}}})
    assert [text.partition(" is not honoured: ")[0] for text in found] == [
        "spec.template.spec.volumes[0].nfs",
        "spec.template.spec.containers[0].lifecycle.postStart",
        "spec.template.spec.containers[0].lifecycle.preStop.httpGet",
        "spec.template.spec.initContainers[0].restartPolicy",
    ]


@pytest.mark.parametrize("spec", [{"externalIPs": ["127.0.0.9"]}, {"ports": [{"port": 5353, "protocol": "UDP"}]}])
def test_a_service_is_told_what_its_proxy_cannot(spec: dict[str, object]) -> None:
    assert len(caveats(SERVICES, {"spec": spec})) == 1


def test_what_is_only_preferred_and_what_draws_pods_together_is_named() -> None:
    preferred, required = "preferredDuringSchedulingIgnoredDuringExecution", "requiredDuringSchedulingIgnoredDuringExecution"
    affinity = {"nodeAffinity": {required: {}, preferred: []}, "podAffinity": {required: []}, "podAntiAffinity": {required: []}}
    found = caveats(PODS, pod(affinity=affinity))
    assert [text.partition(" is not honoured: ")[0] for text in found] == [
        f"spec.affinity.nodeAffinity.{preferred}",
        f"spec.affinity.podAffinity.{required}",
    ]


def test_the_shop_gives_no_warning() -> None:
    shop = read_manifests([shop_manifests()])
    assert [text for resource, obj in shop for text in caveats(resource, obj)] == []
