"""The fault proxy on a real Kubernetes: connections that are kept, customers who lose nothing, cohorts, and what lies outside.

Routing here is kube-proxy's: a Service that points elsewhere is followed by new connections at once, and by kept ones never.
"""

from __future__ import annotations

import pytest

from gameday.kube import KubeCluster
from tests.cluster.conftest import Real
from tests.interposition.conftest import books, busy  # noqa: F401  # a Service that is asked all the time, and who undoes
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
