"""The shop's manifests say what the shop's code needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import gameday.staging.shop
from gameday.runbook import load_runbook
from gameday.staging.shop.node_health import TAINT
from gameday.staging.shop.server import GRACE_SECONDS
from gameday.staging.shop.settings import PORTS, PORTS_ON_NODES
from gameday.workspace import SHIPPED

FOLDER = Path(gameday.staging.shop.__file__).parent / "manifests"
EVERYTHING: list[dict[str, Any]] = [
    item for file in sorted(FOLDER.glob("*.yaml")) for item in yaml.safe_load_all(file.read_text())
]
OFFSITE = [item for item in EVERYTHING if "offsite" in (item["metadata"]["name"], item["metadata"].get("namespace"))]
OBJECTS: list[dict[str, Any]] = [item for item in EVERYTHING if item not in OFFSITE]
ALL_PORTS = {**PORTS, **PORTS_ON_NODES}
DEPLOYMENTS = [item for item in OBJECTS if item["kind"] == "Deployment"]


def named(kind: str) -> dict[str, dict[str, Any]]:
    return {item["metadata"]["name"]: item for item in OBJECTS if item["kind"] == kind}


def test_everything_is_in_the_namespace_that_is_opted_in() -> None:
    assert named("Namespace")["shop"]["metadata"]["labels"] == {"gameday.dev/enabled": "true"}
    assert {item["metadata"].get("namespace", "shop") for item in OBJECTS} == {"shop"}


def offsite(kind: str) -> dict[str, dict[str, Any]]:
    return {item["metadata"]["name"]: item for item in OFFSITE if item["kind"] == kind}


def variables_of(deployment: str) -> dict[str, str]:
    (container,) = named("Deployment")[deployment]["spec"]["template"]["spec"]["containers"]
    return {variable["name"]: variable.get("value", "") for variable in container["env"]}


def test_copies_and_the_bank_are_in_a_namespace_that_is_not_opted_in_and_found_by_their_names() -> None:
    (namespace,) = offsite("Namespace").values()
    assert "labels" not in namespace["metadata"]
    for name, service in offsite("Service").items():
        store = offsite("Deployment")[name]
        assert service["spec"]["selector"].items() <= store["spec"]["template"]["metadata"]["labels"].items()
    port = offsite("Service")["backups"]["spec"]["ports"][0]["port"]
    assert variables_of("orders")["BACKUP_ENDPOINT"] == f"http://backups.offsite.svc:{port}"
    payment = variables_of("payment")
    assert (payment["BANK_SERVICE_HOST"], payment["BANK_SERVICE_PORT"]) == ("bank.offsite.svc", str(PORTS["bank"]))


def test_every_service_of_the_code_has_a_deployment_and_a_service_at_its_port() -> None:
    assert named("Deployment").keys() - {"sale-spare"} == named("Service").keys() == {*PORTS, "agent-controller"} - {"bank"}
    for name, service in named("Service").items():
        assert service["spec"]["selector"] == {"app": name}
        assert [(port["port"], port["targetPort"]) for port in service["spec"]["ports"]] == [(ALL_PORTS[name], "http")]


def test_the_agent_comes_to_a_node_that_is_out_for_its_sake_and_stays_on_one_that_is_out_for_anything_else() -> None:
    assert named("DaemonSet").keys() == {"agent"}
    assert named("DaemonSet")["agent"]["spec"]["template"]["spec"]["tolerations"] == [
        {"key": TAINT, "operator": "Exists"},
        {"operator": "Exists", "effect": "NoExecute"},
    ]


def test_what_cannot_move_or_has_to_let_nodes_back_in_stays_on_a_node_whose_agent_is_not_well() -> None:
    tolerated = {"key": TAINT, "operator": "Exists"}
    staying = {
        item["metadata"]["name"] for item in DEPLOYMENTS if tolerated in item["spec"]["template"]["spec"].get("tolerations", [])
    }
    assert staying == {"orders", "objects", "agent-controller"}


@pytest.mark.parametrize("deployment", [*DEPLOYMENTS, *named("DaemonSet").values()], ids=lambda item: item["metadata"]["name"])
def test_a_deployment_is_selected_probed_and_given_what_its_code_reads(deployment: dict[str, Any]) -> None:
    name, template = deployment["metadata"]["name"], deployment["spec"]["template"]
    container = template["spec"]["containers"][0]
    program = name.removesuffix("-spare")
    assert deployment["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert (container["image"], container["command"][-1], container["args"]) == ("gameday", "gameday.staging.shop", [program])
    assert container["ports"] == [{"name": "http", "containerPort": ALL_PORTS[program]}]
    assert {container[probe]["httpGet"]["path"] for probe in ("readinessProbe", "livenessProbe")} == {"/readyz", "/livez"}
    assert template["spec"]["terminationGracePeriodSeconds"] > GRACE_SECONDS
    for variable in container["env"]:
        if "secretKeyRef" in variable.get("valueFrom", {}):
            reference = variable["valueFrom"]["secretKeyRef"]
            assert reference["key"] in named("Secret")[reference["name"]]["stringData"]


def test_state_stands_on_claims_and_only_one_pod_writes_each() -> None:
    for deployment in DEPLOYMENTS:
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        folders = [variable["value"] for variable in container["env"] if variable["name"] == "DATA_DIR"]
        volumes = {volume["name"]: volume for volume in deployment["spec"]["template"]["spec"].get("volumes", [])}
        kept = [
            mount
            for mount in container.get("volumeMounts", [])
            if volumes[mount["name"]].keys() & {"persistentVolumeClaim", "emptyDir"}
        ]
        mounts = [mount["mountPath"] for mount in kept]
        assert folders == mounts
        if mounts:
            assert deployment["spec"]["replicas"] == 1
            assert deployment["spec"]["strategy"] == {"type": "Recreate"}
            source = volumes[kept[0]["name"]]
            if deployment["metadata"]["name"] == "fulfilment":
                assert source == {"name": "lists", "emptyDir": {}}
            else:
                assert source["persistentVolumeClaim"]["claimName"] in named("PersistentVolumeClaim")


def test_everything_of_the_shop_but_what_has_state_and_the_scaler_survives_the_loss_of_a_pod() -> None:
    single = {item["metadata"]["name"] for item in DEPLOYMENTS if item["spec"]["replicas"] == 1}
    # No order waits for the status page, a parcel, an agent, a scaler or a spare to which nobody is sent.
    assert single == {"orders", "objects", "fulfilment", "agent-controller", "status", "scaler", "sale-spare"}


def test_the_spare_of_the_sale_gets_no_customer_until_the_runbook_s_selector_has_it_answer_beside_the_sale() -> None:
    pages = {item["metadata"]["name"]: item["spec"]["template"]["metadata"]["labels"] for item in DEPLOYMENTS}

    def answering(selector: dict[str, str]) -> set[str]:
        return {name for name, labels in pages.items() if selector.items() <= labels.items()}

    redirect = next(step for step in load_runbook(SHIPPED / "runbooks/traffic-surge.md").steps if step.id == "redirect-the-crowd")
    assert redirect.action is not None
    assert answering(named("Service")["sale"]["spec"]["selector"]) == {"sale"}
    assert answering(redirect.action.arguments["selector"]) == {"sale", "sale-spare"}
