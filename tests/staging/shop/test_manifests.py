"""The shop's manifests say what the shop's code needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import gameday.staging.shop
from gameday.staging.shop.server import GRACE_SECONDS
from gameday.staging.shop.settings import PORTS

FOLDER = Path(gameday.staging.shop.__file__).parent / "manifests"
OBJECTS: list[dict[str, Any]] = [item for file in sorted(FOLDER.glob("*.yaml")) for item in yaml.safe_load_all(file.read_text())]
DEPLOYMENTS = [item for item in OBJECTS if item["kind"] == "Deployment"]


def named(kind: str) -> dict[str, dict[str, Any]]:
    return {item["metadata"]["name"]: item for item in OBJECTS if item["kind"] == kind}


def test_everything_is_in_the_namespace_that_is_opted_in() -> None:
    assert named("Namespace")["shop"]["metadata"]["labels"] == {"gameday.dev/enabled": "true"}
    assert {item["metadata"].get("namespace", "shop") for item in OBJECTS} == {"shop"}


def test_every_service_of_the_code_has_a_deployment_and_a_service_at_its_port() -> None:
    assert named("Deployment").keys() == named("Service").keys() == PORTS.keys()
    for name, service in named("Service").items():
        assert service["spec"]["selector"] == {"app": name}
        assert [(port["port"], port["targetPort"]) for port in service["spec"]["ports"]] == [(PORTS[name], "http")]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda item: item["metadata"]["name"])
def test_a_deployment_is_selected_probed_and_given_what_its_code_reads(deployment: dict[str, Any]) -> None:
    name, template = deployment["metadata"]["name"], deployment["spec"]["template"]
    container = template["spec"]["containers"][0]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert (container["image"], container["command"][-1], container["args"]) == ("gameday", "gameday.staging.shop", [name])
    assert container["ports"] == [{"name": "http", "containerPort": PORTS[name]}]
    assert {container[probe]["httpGet"]["path"] for probe in ("readinessProbe", "livenessProbe")} == {"/readyz", "/livez"}
    assert template["spec"]["terminationGracePeriodSeconds"] > GRACE_SECONDS
    keys = named("Secret")["shop-demo-keys"]["stringData"]
    for variable in container["env"]:
        if "secretKeyRef" in variable.get("valueFrom", {}):
            assert variable["valueFrom"]["secretKeyRef"]["key"] in keys


def test_state_stands_on_claims_and_only_one_pod_writes_each() -> None:
    for deployment in DEPLOYMENTS:
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        folders = [variable["value"] for variable in container["env"] if variable["name"] == "DATA_DIR"]
        volumes = {volume["name"]: volume for volume in deployment["spec"]["template"]["spec"].get("volumes", [])}
        kept = [mount for mount in container.get("volumeMounts", []) if "persistentVolumeClaim" in volumes[mount["name"]]]
        mounts = [mount["mountPath"] for mount in kept]
        assert folders == mounts
        if mounts:
            assert deployment["spec"]["replicas"] == 1
            assert deployment["spec"]["strategy"] == {"type": "Recreate"}
            claim = volumes[kept[0]["name"]]["persistentVolumeClaim"]["claimName"]
            assert claim in named("PersistentVolumeClaim")


def test_everything_of_the_shop_but_what_has_state_and_the_scaler_survives_the_loss_of_a_pod() -> None:
    single = {item["metadata"]["name"] for item in DEPLOYMENTS if item["spec"]["replicas"] == 1}
    # The bank and the status page are outside the shop, and no order waits for the page.
    assert single == {"orders", "objects", "bank", "status", "scaler"}
