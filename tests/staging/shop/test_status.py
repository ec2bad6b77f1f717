"""The status page and its channels: they agree where they have one source, and where each has its own they need not."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gameday.staging.shop.alone import ShopAlone
from gameday.staging.shop.announcing import EACH_OWN, ONE_SOURCE, Board, announcement_of, spoken
from gameday.staging.shop.incident_source import follow, source_of
from gameday.staging.shop.kube_api import KubeError
from gameday.staging.shop.settings import Environment
from tests.staging.shop.kube_server import ADDRESS, serving
from tests.staging.shop.waiting import eventually

Customer = Any
FAILING = {"state": "identified", "message": "Some orders from the app fail.", "estimate_minutes": 30, "next_update_minutes": 15}


def said(board: Board) -> list[str]:
    return [channel["state"] for channel in board.channels()]


def test_channels_with_one_source_say_the_same() -> None:
    board = Board(ONE_SOURCE)
    board.take({"incident": json.dumps(FAILING)})
    assert said(board) == ["identified"] * 3
    assert [message["channels"] for message in board.messages()] == [["page", "phone", "chat"]]


def test_channels_with_texts_of_their_own_go_on_saying_that_all_is_well() -> None:
    board = Board(EACH_OWN)
    board.take({"incident": json.dumps(FAILING), "phone": '{"state": "operational"}'})
    assert said(board) == ["identified", "operational", "operational"]


def test_before_anybody_has_said_anything_all_is_well_and_that_is_no_message() -> None:
    board = Board(ONE_SOURCE)
    assert said(board) == ["operational"] * 3
    board.take({})
    board.take({"incident": '{"state": "operational"}'})
    assert [message["state"] for message in board.messages()] in ([], ["operational"])
    board.take({"incident": json.dumps(FAILING)})
    board.take({"incident": json.dumps(FAILING)})
    assert [message["state"] for message in board.messages()][-1] == "identified"
    assert sum(message["state"] == "identified" for message in board.messages()) == 1


@pytest.mark.parametrize("text", ["{", "[]", '{"state": "fine"}', '{"state": "identified", "estimate_minutes": -1}'])
def test_a_text_that_cannot_be_read_leaves_what_was_said_before(text: str) -> None:
    board = Board(ONE_SOURCE)
    board.take({"incident": json.dumps(FAILING)})
    board.take({"incident": text})
    assert said(board) == ["identified"] * 3


def test_times_are_said_as_times_of_day_with_their_zone() -> None:
    announced = announcement_of(json.dumps(FAILING), wall=1_764_093_600.0, mono=0.0)  # 18:00 UTC
    assert spoken(announced) == (
        "Some orders from the app fail. We expect it to work again by 18:30 UTC. We will say more by 18:15 UTC."
    )


def test_what_is_announced_appears_on_every_channel_and_on_the_page(closed_shop: ShopAlone, customer: Customer) -> None:
    closed_shop.start("status")
    page = customer.ask("GET", "/", service="status")
    assert (page.status, b"Status of the shop: operational" in page.body) == (200, True)
    path = closed_shop.folder / "status" / "announcements.json"
    path.write_text(json.dumps({"incident": json.dumps({**FAILING, "message": "<b>Some</b> fail."})}))
    assert eventually(lambda: customer.ask("GET", "/channels/chat", service="status").json["state"] == "identified")
    found = customer.ask("GET", "/channels", service="status").json
    assert {channel["state"] for channel in found["channels"]} == {"identified"}
    assert all(channel["estimate"] for channel in found["channels"])
    assert found["messages"][-1]["age_seconds"] >= 0
    assert b"&lt;b&gt;Some" in customer.ask("GET", "/", service="status").body
    assert customer.ask("GET", "/channels/fax", service="status").status == 404


async def test_in_a_cluster_it_reads_one_config_map_of_the_api_wherever_that_listens(tmp_path: Path) -> None:
    async with serving(tmp_path, ADDRESS) as served:
        served.body = json.dumps({"data": {"incident": "all is well"}}).encode()
        named = {"INCIDENT_CONFIGMAP": "status-incident", "NAMESPACE": "shop"}
        environment = Environment({**served.environment.variables, **named})
        read = source_of(environment)
        environment.check()
        assert await read() == {"incident": "all is well"}
        served.status = "404 Not Found"
        assert await read() == {}, "nobody has announced anything"
        served.status = "403 Forbidden"
        with pytest.raises(KubeError, match="403"):
            await read()
    assert {asked for asked, _, _ in served.asked} == {"GET /api/v1/namespaces/shop/configmaps/status-incident"}


async def test_what_was_announced_last_goes_on_being_said_where_the_source_cannot_be_read() -> None:
    troubles = iter([None, KubeError("cannot get it"), OSError("nor now"), ValueError("nor this"), asyncio.CancelledError()])

    async def read() -> dict[str, str]:
        if trouble := next(troubles):
            raise trouble
        return {"incident": json.dumps(FAILING)}

    board = Board(ONE_SOURCE)
    with pytest.raises(asyncio.CancelledError):
        await follow(read, board.take, pause_seconds=0)
    assert {channel["state"] for channel in board.channels()} == {"identified"}


def test_a_file_that_is_damaged_is_said_once_in_the_log(closed_shop: ShopAlone, customer: Customer) -> None:
    closed_shop.start("status")
    (closed_shop.folder / "status" / "announcements.json").write_text("{")
    assert eventually(lambda: "announcements cannot be read" in closed_shop.log("status"))
    assert customer.ask("GET", "/channels", service="status").status == 200
