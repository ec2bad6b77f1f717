"""A fault is planned as it will be asked for: before the proxies that the preparation puts there, with what those speak."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gameday.errors import BadParameterError
from gameday.experiment import Activity, Experiment
from gameday.interposition.prepared import as_prepared
from gameday.plan import Plan, make_plan
from tests.plan.test_planning import experiment

pytestmark = pytest.mark.e2e


@pytest.fixture
def web(scratch: Any) -> Any:
    """Put a Service with a pod there, and the account that its proxies would run as."""
    scratch.create("ServiceAccount", "gameday-proxy", metadata={"annotations": {"gameday.dev/image": "python:3"}})
    scratch.service()
    scratch.create("Service", "tls", spec={"selector": {"app": "web"}, "ports": [{"name": "https", "port": 8443}]})
    scratch.deployment(replicas=1)
    scratch.eventually(scratch.pods)
    return scratch


def act(web: Any, func: str, name: str = "web", **arguments: Any) -> Activity:
    module, _, function = func.rpartition(".")
    wanted = {"namespace": web.name, "name": name, **arguments}
    return Activity(func, "action", "python", f"gameday.actions.{module}", function, wanted, line=1, ours=True)


def planned(web: Any, prepare: Activity, *method: Activity) -> Plan:
    found: Experiment = experiment(*method, prepare=(prepare,))
    return make_plan(found, web.cluster)


def names(plan: Plan) -> list[tuple[str, str, bool]]:
    return [(item.ref.kind, item.ref.name, item.prepares) for item in plan.changes]


def proxies(name: str) -> list[tuple[str, str, bool]]:
    return [("Service", f"{name}-gameday-origin", True), ("Deployment", f"{name}-gameday-proxy", True), ("Service", name, True)]


@pytest.mark.parametrize(
    ("fault", "arguments", "told"),
    [
        ("services.fail", {}, "services.fail: fault: expected another kind with protocol tcp"),
        ("services.hang", {"match": {"path": "/x"}}, "services.hang: match: expected only a percentage of connections"),
        ("storage.slow", {"seconds": 1, "bucket": "receipts"}, "storage.slow: match: expected only a percentage of connections"),
    ],
)
def test_what_takes_a_request_is_refused_before_proxies_of_connections_stand(
    web: Any, fault: str, arguments: dict[str, Any], told: str
) -> None:
    with pytest.raises(BadParameterError) as refused:
        planned(web, act(web, "services.interpose", protocol="tcp"), act(web, fault, **arguments))
    assert str(refused.value).startswith(told)
    assert str(refused.value).endswith("speak tcp, so connections are harmed as a whole")
    assert str(refused.value).count("match:") < 2, "what is wrong with both rules of a bucket is said once"


@pytest.mark.parametrize("more", [{}, {"replicas": 3}, {"protocol": "tcp"}], ids=["as a fault would", "more", "tcp"])
def test_the_proxies_that_are_prepared_are_planned_once_and_as_they_were_asked_for(web: Any, more: dict[str, Any]) -> None:
    plan = planned(web, act(web, "services.interpose", **more), act(web, "services.hang"))
    assert names(plan) == [*proxies("web"), ("ConfigMap", "web-gameday-faults", False)]
    deployment, switch = plan.changes[1].change.manifest, plan.changes[3].change.manifest  # type: ignore[union-attr]  # both create
    assert deployment["spec"]["replicas"] == more.get("replicas", 2)
    assert json.loads(switch["data"]["settings"])["protocol"] == more.get("protocol", "http")


def test_a_fault_of_tls_is_planned_where_that_is_interposed_as_bytes_and_refused_with_the_way_there_where_not(web: Any) -> None:
    refuse = act(web, "services.refuse", "tls", percent=50)
    plan = planned(web, act(web, "services.interpose", "tls", protocol="tcp"), refuse)
    assert names(plan) == [*proxies("tls"), ("ConfigMap", "tls-gameday-faults", False)]
    planned(web, act(web, "services.interpose", "tls", protocol="tcp"), act(web, "storage.slow", "tls", seconds=1))
    with pytest.raises(BadParameterError, match=r"speaks TLS.* interpose it under prepare with protocol: tcp"):
        make_plan(experiment(refuse), web.cluster)


def test_a_fault_of_what_lies_outside_is_planned_although_its_service_is_not_there_yet(web: Any) -> None:
    stands = act(web, "services.represent", "offsite", host="192.0.2.1", port=9000)
    plan = planned(web, stands, act(web, "storage.block", "offsite", bucket="receipts"))
    assert [name for _, name, _ in names(plan)] == ["offsite-gameday-proxy", "offsite", "offsite-gameday-faults"]


def test_without_proxies_the_cluster_is_seen_as_it_stands(web: Any) -> None:
    assert as_prepared(web.cluster, []) is web.cluster
