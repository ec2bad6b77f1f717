"""The shop on a real Kubernetes, from the manifests that the embedded cluster takes, and a customer at its door."""

from __future__ import annotations

import pytest

from gameday.cluster import Selection
from tests.cluster.conftest import Real

pytestmark = pytest.mark.cluster


def test_every_pod_runs_from_the_image_that_the_manifests_name(shop_on: Real) -> None:
    pods = shop_on.cluster.list(Selection("v1", "Pod", "shop"))
    wanted = [int(item["spec"]["replicas"]) for item in shop_on.cluster.list(Selection("apps/v1", "Deployment", "shop"))]
    agents = shop_on.cluster.list(Selection("apps/v1", "DaemonSet", "shop"))
    assert len(pods) == sum(wanted) + len(agents) * len(shop_on.nodes())
    assert {container["image"] for pod in pods for container in pod["spec"]["containers"]} == {"gameday"}
    assert {pod["spec"]["nodeName"] for pod in pods} > {pods[0]["spec"]["nodeName"]}, "the pods are spread over nodes"


def test_a_customer_browses_fills_a_cart_pays_and_gets_an_order_that_the_shop_has(shop_on: Real) -> None:
    product = shop_on.ask("/products")["products"][0]["sku"]
    cart = shop_on.ask("/cart/c1/items", {"product": product, "quantity": 1})
    payment = shop_on.ask("/payments", {"customer": "c1", "amount": cart["total"], "card": "tok_visa"})["payment"]
    wanted = {"customer": "c1", "cart": cart["cart"], "payment": payment}
    order = shop_on.ask("/checkout", wanted, key="real-1")
    found = shop_on.ask("/orders/by-key/real-1")["orders"]
    assert [(one["reference"], one["state"]) for one in found] == [(order["reference"], "paid")]


def test_the_reaper_runs_with_the_rights_of_its_own_account_and_no_others(shop_on: Real) -> None:
    (pod,) = shop_on.cluster.list(Selection("v1", "Pod", "gameday-system", "app=gameday-reaper"))
    assert pod["spec"]["serviceAccountName"] == "gameday-undo"
    account = "--as=system:serviceaccount:gameday-system:gameday-undo"
    assert shop_on.kubectl("auth", "can-i", "patch", "deployments", "-n", "shop", account) == "yes\n"
    with pytest.raises(AssertionError):
        shop_on.kubectl("auth", "can-i", "delete", "pods", "-n", "shop", account)
