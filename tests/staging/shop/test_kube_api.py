"""The cluster's API as the shop asks it, over TLS from a real server: what is sent, and what is made of answers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from gameday.staging.shop.kube_api import STRATEGIC, KubeApi, KubeError
from gameday.staging.shop.settings import SettingsError
from tests.staging.shop.kube_server import ADDRESS, serving


async def test_what_is_there_is_returned_and_what_is_not_is_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path, ADDRESS) as served:
        api = KubeApi.from_environment(served.environment)
        served.environment.check()
        assert await api.get("/api/v1/one") == {"kind": "ConfigMap"}
        served.status, served.body = "404 Not Found", b"no such thing"
        assert await api.get("/api/v1/none") == {}
    assert [asked for asked, _, _ in served.asked] == ["GET /api/v1/one", "GET /api/v1/none"]


async def test_a_token_that_the_cluster_has_written_anew_is_used_from_then_on(tmp_path: Path) -> None:
    async with serving(tmp_path, ADDRESS) as served:
        api = KubeApi.from_environment(served.environment)
        await api.get("/one")
        (tmp_path / "token").write_text("second\n")
        await api.get("/one")
    assert [headers["authorization"] for _, headers, _ in served.asked] == ["Bearer first", "Bearer second"]


async def test_a_change_is_sent_as_the_kind_of_patch_that_it_is(tmp_path: Path) -> None:
    async with serving(tmp_path, ADDRESS) as served:
        api = KubeApi.from_environment(served.environment)
        await api.patch("/scale", {"spec": {"replicas": 3}})
        await api.patch("/node", {"spec": {}}, STRATEGIC)
    sent = [(asked, headers["content-type"], json.loads(body)) for asked, headers, body in served.asked]
    assert sent == [
        ("PATCH /scale", "application/merge-patch+json", {"spec": {"replicas": 3}}),
        ("PATCH /node", "application/strategic-merge-patch+json", {"spec": {}}),
    ]


async def test_an_answer_that_is_a_refusal_says_what_was_asked_and_why_not(tmp_path: Path) -> None:
    async with serving(tmp_path, ADDRESS) as served:
        served.status, served.body = "403 Forbidden", b'{"message": "may not"}'
        api = KubeApi.from_environment(served.environment)
        with pytest.raises(KubeError, match=r'cannot get /one: 403 \{"message": "may not"\}'):
            await api.get("/one")
        served.status = "404 Not Found"
        with pytest.raises(KubeError, match="cannot patch /one: 404"):
            await api.patch("/one", {})


async def test_an_api_that_says_nothing_is_given_up_in_time(tmp_path: Path) -> None:
    async with serving(tmp_path, ADDRESS) as served:
        api = KubeApi.from_environment(served.environment)
        await api.get("/one")  # from here on there is a connection, so that the time is not over before it is made
        served.is_silent = True
        api = dataclasses.replace(api, timeout_seconds=0.05)
        with pytest.raises(KubeError, match=r"cannot get /one: no answer within 0\.05 s"):
            await api.get("/one")


async def test_a_server_whose_certificate_is_for_somebody_else_is_told_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path, "somebody.else") as served:
        api = KubeApi.from_environment(served.environment)
        with pytest.raises(KubeError, match="cannot get /one: no connection"):
            await api.get("/one")
    assert served.asked == []


async def test_an_account_without_a_token_cannot_ask_and_one_without_an_authority_does_not_start(tmp_path: Path) -> None:
    async with serving(tmp_path, ADDRESS) as served:
        api = KubeApi.from_environment(served.environment)
        (tmp_path / "token").unlink()
        with pytest.raises(KubeError, match=r"cannot get /one: .*No such file"):
            await api.get("/one")
        (tmp_path / "ca.crt").unlink()
        KubeApi.from_environment(served.environment)
        with pytest.raises(SettingsError, match=r"ACCOUNT_DIR: expected ca\.crt and token in .*, found No such file"):
            served.environment.check()
