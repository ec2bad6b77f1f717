"""The door of the sale: a real limit of each replica, an honest page for the rest, and replicas that follow the crowd."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from typing import Any, Self

import pytest

from gameday.staging.shop.alone import ShopAlone
from gameday.staging.shop.apology import Sorry
from gameday.staging.shop.client import Call, Reply
from gameday.staging.shop.door import MOST_OPEN_PER_WORKER, Door
from gameday.staging.shop.kube_api import KubeApi, KubeError
from gameday.staging.shop.scaler import USE, Demand, Limits, Replicas
from gameday.staging.shop.server import Request, Response
from gameday.staging.shop.settings import PORTS
from tests.staging.shop.kube_server import ADDRESS, serving
from tests.staging.shop.waiting import eventually

PAGE_SECONDS = 0.2
WORKERS = 2


class Sales:
    """Several replicas of the sale, each a process with an address of its own; they stand until the context is left."""

    def __init__(self, shop: ShopAlone, number: int, **settings: str) -> None:
        self.hosts = [f"{shop.network}.{100 + index}" for index in range(number)]
        self.processes: list[subprocess.Popen[bytes]] = []
        own = {"PAGE_WORKERS": str(WORKERS), "PAGE_SECONDS": str(PAGE_SECONDS), **settings}
        for host in self.hosts:
            with (shop.folder / "sales.log").open("ab") as log:
                command = [sys.executable, "-m", "gameday.staging.shop", "sale"]
                environment = {**shop.environment("sale"), **own, "POD_IP": host}
                self.processes.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))

    def __enter__(self) -> Self:
        try:
            for host in self.hosts:
                self._await(host)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _await(self, host: str) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                self.ask(host, "/livez")
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            else:
                return

    def ask(self, host: str, path: str = "/products") -> tuple[int, dict[str, str], Any]:
        connection = http.client.HTTPConnection(host, PORTS["sale"], timeout=30)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, {name.lower(): value for name, value in reply.getheaders()}, json.loads(reply.read())
        finally:
            connection.close()

    def crowd(self, number: int) -> list[tuple[int, dict[str, str], Any]]:
        """So many customers at once, spread over the replicas by turns."""
        turns = [host for host, _ in zip(cycle(self.hosts), range(number), strict=False)]
        with ThreadPoolExecutor(number) as threads:
            return list(threads.map(self.ask, turns))

    def stop(self) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait(30)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ShopAlone]:
    found = ShopAlone(tmp_path)
    try:
        found.start("inventory", "scaler")
        yield found
    finally:
        found.stop()


def seconds_for(shop: ShopAlone, replicas: int, customers: int) -> float:
    """Return how long it takes until a crowd is served, with a waiting page for nobody."""
    with Sales(shop, replicas, WAITING_PAGE="off") as standing:
        begun = time.monotonic()
        served = standing.crowd(customers)
        took = time.monotonic() - begun
    assert [status for status, _, _ in served] == [200] * customers
    return took


def test_throughput_rises_with_replicas_although_they_share_the_cores(shop: ShopAlone) -> None:
    customers = 24
    limit = customers / WORKERS * PAGE_SECONDS
    assert seconds_for(shop, 1, customers) >= limit, "the limit of one replica is real"
    # What else this machine does makes a crowd wait longer and never shorter, so the quickest of a few tells.
    assert any(seconds_for(shop, 3, customers) < limit / 2 for _ in range(5))


def test_whoever_does_not_fit_in_is_told_so_and_when_to_come_back(shop: ShopAlone) -> None:
    with Sales(shop, 1, WAITING_SECONDS="7", PAGE_SECONDS="0.5") as replica:
        answers = replica.crowd(20)
    refused = [(headers, body["error"]) for status, headers, body in answers if status == 503]
    assert len(answers) - len(refused) >= MOST_OPEN_PER_WORKER * WORKERS
    assert refused, "twenty at once are too many for two workers"
    for headers, error in refused:
        assert error["code"] == "waiting_room"
        assert error["estimate_seconds"] == 7
        assert headers["retry-after"] == "7"
        assert error["reference"].startswith("E-")
        assert error["contact"]
        assert "come back in about 7 seconds" in error["message"]
    assert {status for status, _, _ in answers} == {200, 503}


class Listening:
    """A scaler as a door sees it, which remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.heard = asyncio.Event()

    async def call(self, call: Call) -> Reply:
        self.told.append(json.loads(call.body))
        self.heard.set()
        return Reply(200, {}, b"{}")


async def test_the_scaler_hears_of_everybody_who_asked_to_come_in() -> None:
    door, scaler = Door("door-1", workers=1, page_seconds=3600), Listening()

    async def page(_: Request) -> Response:
        raise AssertionError

    entrance = door.entrance(page)
    came = [asyncio.ensure_future(entrance(Request("GET", "/", "", {}, b""))) for _ in range(10)]
    turned_away, let_in = await asyncio.wait(came, timeout=0.1)
    assert len(let_in) == MOST_OPEN_PER_WORKER
    assert all(isinstance(one.exception(), Sorry) for one in turned_away)
    telling = asyncio.create_task(door.report(scaler))  # type: ignore[arg-type]  # all that is asked of a neighbour
    await scaler.heard.wait()
    for task in (telling, *let_in):
        task.cancel()
    assert scaler.told == [{"door": "door-1", "asked": 10, "turned_away": len(turned_away)}]


def test_the_scaler_shows_how_many_came_lately(shop: ShopAlone) -> None:
    with Sales(shop, 1) as replica:
        deadline = time.monotonic() + 30
        while asked_at(shop) < 10:
            assert time.monotonic() < deadline
            replica.crowd(10)


def asked_at(shop: ShopAlone) -> float:
    connection = http.client.HTTPConnection(shop.host("scaler"), PORTS["scaler"], timeout=30)
    connection.request("GET", "/demand")
    found = json.loads(connection.getresponse().read())
    connection.close()
    return float(found["visits_per_second"]) * 2


LIMITS = Limits(least=2, most=8, visits_per_second=6, up_seconds=2, down_seconds=15)


def wishes(demand: Demand, visits: Sequence[int], *, current: int, begin: int = 0) -> list[int]:
    """Return what is wanted each second, with so many visits in each."""
    found = []
    for second, number in enumerate(visits, start=begin):
        demand.note(second, number)
        current = demand.wanted(second, current)
        found.append(current)
    return found


def test_replicas_follow_a_crowd_that_lasts_and_stay_until_it_has_been_gone_for_long() -> None:
    demand = Demand(LIMITS)
    up = wishes(demand, [3, 3, 3, 30, 30, 30, 30, 30], current=2)
    assert up[:4] == [2, 2, 2, 2], "one second is no crowd yet"
    assert up[-1] == 7, f"30 a second are {30 / (6 * USE):.1f} replicas"
    down = wishes(demand, [3] * 20, current=7, begin=8)
    assert down[:14] == [7] * 14
    assert down[14:] == [6, 5, 4, 3, 2, 2], "one at a time, so that those that stay are spread over the nodes as all were"


def test_no_more_is_wanted_than_is_allowed_and_that_is_known() -> None:
    demand = Demand(Limits(least=2, most=2, visits_per_second=6, up_seconds=0, down_seconds=15))
    assert set(wishes(demand, [300] * 5, current=2)) == {2}
    assert demand.is_short(5)
    assert demand.wanted(5, 3) == 2, "what somebody else has set beyond the limits is taken back"


async def test_replicas_are_read_and_asked_for_through_the_deployment_s_scale(tmp_path: Path) -> None:
    async with serving(tmp_path, ADDRESS) as served:
        replicas = Replicas(KubeApi.from_environment(served.environment), "/scale")
        served.body = json.dumps({"spec": {"replicas": 3}}).encode()
        assert await replicas.wanted() == 3
        await replicas.want(2)
        served.status = "404 Not Found"
        with pytest.raises(KubeError, match="no such Deployment"):
            await replicas.wanted()
    assert [(asked, body) for asked, _, body in served.asked][1] == ("PATCH /scale", b'{"spec": {"replicas": 2}}')


def test_a_submit_that_fails_at_the_sale_is_written_down_as_at_the_storefront_and_its_waiting_page_stays_honest(
    closed_shop: ShopAlone,
) -> None:
    shop = closed_shop
    shop.settings |= {"ERRORS": "bare", "PAGE_WORKERS": "1", "PAGE_SECONDS": "0.5"}
    shop.start("inventory", "objects", "orders", "sale", "scaler")
    headers = {"Idempotency-Key": "k1", "X-Cohort": "app"}
    status, error = asked(shop, "POST", "/checkout", {"customer": "c1"}, headers)
    assert (status, error["error"]["code"]) == (503, "invalid_request")
    looked_for = {"keys": ["k1", "k2"]}
    assert eventually(lambda: asked(shop, "POST", "/failures/lookup", looked_for)[1].get("failures"))
    _, found = asked(shop, "POST", "/failures/lookup", looked_for)
    assert [(one["key"], one["cohort"], one["customer"]) for one in found["failures"]] == [("k1", "app", "c1")]
    with ThreadPoolExecutor(12) as threads:
        told = list(threads.map(lambda _: asked(shop, "GET", "/products"), range(12)))
    assert {body["error"]["code"] for status, body in told if status == 503} == {"waiting_room"}
    assert shop.stop()["sale"] == 0


def asked(shop: ShopAlone, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(shop.host("sale"), PORTS["sale"], timeout=30)
    connection.request(method, path, json.dumps(body), headers or {})
    reply = connection.getresponse()
    found = reply.status, json.loads(reply.read())
    connection.close()
    return found
