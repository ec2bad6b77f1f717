"""The fault proxy on a real Kubernetes: connections that are kept, customers who lose nothing, cohorts, and what lies outside.

Routing here is kube-proxy's: a Service that points elsewhere is followed by new connections at once, and by kept ones never.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Any

import pytest

from gameday.change.registry import action_named
from gameday.cluster import Json
from gameday.kube import KubeCluster
from tests.cluster.conftest import Real
from tests.cluster.images import REDIS
from tests.interposition.conftest import Busy, books, busy  # noqa: F401  # a Service that is asked all the time, and who undoes
from tests.interposition.test_standing import (  # noqa: F401  # the tests of the embedded cluster, on this one
    test_a_cohort_is_hit_and_nobody_else_and_it_ends_by_itself,
    test_a_connection_that_is_kept_from_before_goes_on_past_the_proxy_so_it_stands_before_the_baseline,
    test_putting_proxies_in_and_taking_them_out_costs_no_customer_a_request,
    test_what_lies_outside_the_cluster_is_reached_through_a_service_of_proxies_and_blocked_there,
)

pytestmark = pytest.mark.cluster

THIS_MACHINE = "10.231.0.1"
"""This machine's end of the link to the nodes: see machine/lib.sh."""


@pytest.fixture(scope="session")
def cluster(shop_on: Real) -> KubeCluster:
    """Return the cluster on which each test gets a namespace of its own; the reaper is on it, and has nothing to undo."""
    return shop_on.cluster


@pytest.fixture
def outside(shop_on: Real) -> str:
    """Return where a program of this machine is reached from a pod; of a cluster that was given that is not known."""
    if not shop_on.is_ours:
        pytest.skip("the cluster was given, so how its pods reach this machine is not known")
    return THIS_MACHINE


def test_a_database_of_somebody_else_s_is_refused_and_there_again_with_what_was_in_it(
    busy: Busy,  # noqa: F811  # a fixture
    books: Any,  # noqa: F811  # a fixture
) -> None:
    """Debian's Redis, whose protocol is none that the proxy knows: of it only connections are told apart."""
    scratch = busy.scratch
    ports = [{"name": "redis", "containerPort": 6379}]
    container: Json = {"name": "redis", "image": REDIS, "args": ["--protected-mode", "no", "--save", ""], "ports": ports}
    container["readinessProbe"] = {"tcpSocket": {"port": "redis"}, "periodSeconds": 1}
    labels = {"app": "redis"}
    template = {"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]}}
    scratch.create(
        "Deployment", "redis", "apps/v1", spec={"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    )
    service = scratch.create("Service", "redis", spec={"selector": labels, "ports": [{"name": "redis", "port": 6379}]})
    where = {"namespace": scratch.name, "name": "redis"}
    place = (service["spec"]["clusterIP"], 6379)
    scratch.ready("redis")
    scratch.eventually(lambda: told(place, "SET order paid") == "+OK")

    interpose = action_named("gameday.actions.services.interpose")
    changes = interpose.plan(scratch.cluster, **where, protocol="tcp")
    busy.make(changes, books)
    scratch.eventually(lambda: interpose.landed(scratch.cluster, changes).landed)
    scratch.eventually(lambda: told(place, "PING") == "+PONG")
    refuse = action_named("gameday.actions.services.refuse")
    fault = refuse.plan(scratch.cluster, **where)
    busy.make(fault, books)
    scratch.eventually(lambda: told(place, "PING") == "")
    scratch.eventually(lambda: refuse.landed(scratch.cluster, fault).landed)
    assert {item.outcome for item in books.undo(now=time.monotonic, sleep=time.sleep)} == {"undone"}
    scratch.eventually(lambda: told(place, "GET order") == "$4\r\npaid")


def told(place: tuple[str, int], command: str) -> str:
    """Return what a Redis answers on a new connection; nothing where there is none."""
    with suppress(OSError), socket.create_connection(place, timeout=2) as connection:
        connection.sendall(f"{command}\r\n".encode())
        return connection.recv(1000).decode().strip()
    return ""
