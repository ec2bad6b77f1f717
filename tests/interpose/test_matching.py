"""Which requests a rule is about, and who is drawn."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gameday.interpose.heads import Request
from gameday.interpose.matching import cohort, matcher, namer
from gameday.interpose.settings import Customer, Match
from tests.interpose.conftest import Stand
from tests.interpose.standing import Standing
from tests.interpose.talking import client_of, once
from tests.interpose.upstream import Upstream

HEADERS = ("Host: Shop.test", "X-Tier: gold", "x-tier: late", "Cookie: a=1; customer=c-7", "cookie: other=2")


def asked(target: str = "/orders/12?list-type=2&empty=&q=a%20b", method: str = "GET") -> Request:
    return Request("\r\n".join([f"{method} {target} HTTP/1.1", *HEADERS]).encode() + b"\r\n\r\n")


def matches(**match: Any) -> bool:
    found = matcher(msgspec.convert(match, Match))
    return found is None or found(asked())


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({}, True),
        ({"methods": ["GET", "PUT"]}, True),
        ({"methods": ["PUT"]}, False),
        ({"path": "/orders/12"}, True),
        ({"path": "/orders/*"}, True),
        ({"path": "/orders/1?"}, True),
        ({"path": "*/12"}, True),
        ({"path": "/orders"}, False),
        ({"path": "/Orders/*"}, False),
        ({"path": "/orders/12?list-type=2"}, False),
        ({"headers": {"host": "shop.test"}}, False),
        ({"headers": {"HOST": "Shop.*"}}, True),
        ({"headers": {"x-tier": "late"}}, True),
        ({"headers": {"x-tier": "gold", "x-none": "*"}}, False),
        ({"query": {"list-type": "2"}}, True),
        ({"query": {"empty": "*"}}, True),
        ({"query": {"q": "a%20b"}}, True),
        ({"query": {"none": "*"}}, False),
        ({"methods": ["GET"], "path": "/orders/*", "headers": {"x-tier": "gold"}, "query": {"list-type": "?"}}, True),
        ({"methods": ["GET"], "path": "/carts/*", "headers": {"x-tier": "gold"}}, False),
    ],
)
def test_everything_that_is_said_must_apply(match: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - a table
    assert matches(**match) is expected


@pytest.mark.parametrize(
    ("customer", "expected"),
    [
        (Customer(header="X-Tier"), b"gold"),
        (Customer(header="x-none"), None),
        (Customer(cookie="customer"), b"c-7"),
        (Customer(cookie="other"), b"2"),
        (Customer(cookie="custom"), None),
        (Customer(query="list-type"), b"2"),
        (Customer(query="list"), None),
    ],
)
def test_a_customer_is_known_by_what_the_request_carries(customer: Customer, expected: bytes | None) -> None:
    found = namer(customer)
    assert found is not None
    assert found(asked()) == expected


def test_the_path_of_an_absolute_target_is_the_path() -> None:
    assert asked("http://shop.test/orders/1?x=http://y").path == b"/orders/1"
    assert asked("http://shop.test").path == b"/"
    assert asked("*", method="OPTIONS").path == b"*"


def test_a_draw_is_the_same_everywhere_and_for_ever() -> None:
    assert round(cohort("", b"customer-1"), 6) == 95.405074
    assert round(cohort("seed", b"customer-1"), 6) == 35.689963


def test_about_as_many_are_drawn_as_the_percentage_says() -> None:
    places = [cohort("x", b"customer-%d" % number) for number in range(20000)]
    assert 0.28 < sum(place < 30 for place in places) / len(places) < 0.32
    assert 0 <= min(places) < 0.1
    assert 99.9 < max(places) < 100


def test_a_cohort_stays_a_cohort_over_connections_proxies_and_other_percentages(
    proxy: Standing, stand: Stand, upstream: Upstream
) -> None:
    def harmed(standing: Standing) -> set[int]:
        return {n for n in range(60) if once(standing.address, "/echo", f"Cookie: customer=c-{n}")[0] == 503}

    def rule(percent: float, seed: str = "run-7") -> dict[str, Any]:
        match = {"percent": percent, "customer": {"cookie": "customer"}, "seed": seed}
        return {"match": match, "fault": {"kind": "status", "status": 503}}

    proxy.put(rule(30))
    cohort_of_30 = harmed(proxy)
    assert 5 < len(cohort_of_30) < 35
    assert harmed(proxy) == cohort_of_30
    assert proxy.rule() == (2 * len(cohort_of_30), 2 * (60 - len(cohort_of_30)), 0)
    other = stand(upstream.address)
    other.put(rule(30))
    assert harmed(other) == cohort_of_30
    other.put(rule(60))
    assert harmed(other) > cohort_of_30
    other.put(rule(30, seed="run-8"))
    assert harmed(other) != cohort_of_30


def test_a_request_that_names_no_customer_is_passed_by(proxy: Standing) -> None:
    proxy.put({"match": {"customer": {"header": "x-customer"}}, "fault": {"kind": "status", "status": 503}})
    assert once(proxy.address, "/echo")[0] == 200
    assert once(proxy.address, "/echo", "X-Customer: c-1")[0] == 503
    assert proxy.rule() == (1, 0, 1)


def test_without_a_customer_connections_are_drawn(proxy: Standing) -> None:
    proxy.put({"match": {"percent": 50}, "fault": {"kind": "status", "status": 503}})
    statuses = []
    for _ in range(30):
        with client_of(proxy.address) as client:
            first, second = client.ask("/echo")[0], client.ask("/echo")[0]
            assert first == second
            statuses.append(first)
    assert set(statuses) == {200, 503}
