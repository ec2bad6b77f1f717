"""The switch as a proxy sees it: one ConfigMap, read and watched with an account's token, and what its loss means."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from gameday.interpose import config_map
from gameday.interpose.config_map import ConfigMapSource, Credentials, WatchFailedError, as_document
from gameday.interpose.sources import follow_forever
from gameday.interpose.switch import Switch

pytestmark = pytest.mark.e2e
RULES = json.dumps({"protocol": "http", "rules": [{"name": "fail", "fault": {"kind": "status", "status": 500}}]})


@dataclass
class Heard:
    """Keeps what it is told."""

    documents: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    repeats: int = 0

    def heard(self, document: bytes, now: float) -> None:
        self.documents.append(json.loads(document))
        self.times.append(now)

    def unchanged(self) -> None:
        self.repeats += 1

    def lost(self, why: str) -> None:
        raise AssertionError(why)


@pytest.fixture
def credentials(cluster_home: Any, scratch: Any, tmp_path: Path) -> Credentials:
    """Return what a pod of the namespace would find mounted, with the rights of whoever owns the cluster."""
    config = yaml.safe_load(cluster_home.kubeconfig.read_text())
    server, _, port = config["clusters"][0]["cluster"]["server"].removeprefix("https://").partition(":")
    (tmp_path / "ca.crt").write_bytes(base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]))
    (tmp_path / "token").write_text(config["users"][0]["user"]["token"])
    return Credentials(server, int(port), scratch.name, tmp_path / "token", tmp_path / "ca.crt")


async def until(is_so: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 20
    while not (found := is_so()):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    return found


async def test_what_comes_and_goes_is_heard_at_once_with_a_deadline_from_when_it_came(
    credentials: Credentials, scratch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Longer than anything is waited for here: what is heard is watched, and not found at the next look.
    monkeypatch.setattr(config_map, "_WATCH_SECONDS", 40)
    monkeypatch.setattr(config_map, "_PATIENCE_SECONDS", 60.0)
    news = Heard()
    following = asyncio.create_task(ConfigMapSource(credentials, "web-gameday-faults", "http").follow(news))
    await until(lambda: news.documents)
    assert news.documents == [{"id": "none", "protocol": "http", "rules": []}]
    made = await asyncio.to_thread(scratch.config_map, "web-gameday-faults", settings=RULES, seconds="90")
    await asyncio.to_thread(scratch.config_map, "another", settings="{}", seconds="1")
    await until(lambda: len(news.documents) > 1)
    found = news.documents[1]
    assert (found["id"], found["rules"]) == (made["metadata"]["uid"], json.loads(RULES)["rules"])
    created = datetime.fromisoformat(made["metadata"]["creationTimestamp"])
    assert (datetime.fromisoformat(found["until"]) - created).total_seconds() == 90
    assert abs(news.times[1] - created.timestamp()) < 20
    await asyncio.to_thread(scratch.cluster.delete, scratch.ref("ConfigMap", "web-gameday-faults"))
    await until(lambda: len(news.documents) > 2)
    assert news.documents[2]["rules"] == []
    following.cancel()


async def test_a_quiet_watch_is_told_from_a_dead_one(credentials: Credentials) -> None:
    news = Heard()
    following = asyncio.create_task(ConfigMapSource(credentials, "nothing", "http").follow(news))
    await until(lambda: news.repeats >= 2)
    following.cancel()
    assert len(news.documents) == 1


async def test_without_the_right_or_the_server_the_source_is_lost_and_everything_passes(
    credentials: Credentials, scratch: Any
) -> None:
    await asyncio.to_thread(scratch.config_map, "web-gameday-faults", settings=RULES, seconds="90")
    switch = Switch("http")
    source = ConfigMapSource(credentials, "web-gameday-faults", "http")
    following = asyncio.create_task(follow_forever(source, switch))
    await until(lambda: switch.state == "in force")
    token = credentials.token.read_text()
    credentials.token.write_text("of nobody")
    await until(lambda: switch.state == "lost")
    assert "401" in switch.why
    credentials.token.write_text(token)
    await until(lambda: switch.state == "in force")
    following.cancel()
    with pytest.raises(OSError, match="refused"):
        await ConfigMapSource(_at_port(credentials, 1), "web-gameday-faults", "http").follow(Heard())
    credentials.token.write_text("of nobody")
    with pytest.raises(WatchFailedError, match="the API server answered 401 to GET /api/v1/namespaces/"):
        await source.follow(Heard())


def _at_port(credentials: Credentials, port: int) -> Credentials:
    return Credentials(credentials.host, port, credentials.namespace, credentials.token, credentials.authority)


@pytest.mark.parametrize(
    "data",
    [{}, {"settings": "not JSON", "seconds": "5"}, {"settings": "[]", "seconds": "5"}, {"settings": RULES, "seconds": "soon"}],
)
def test_an_object_that_cannot_be_meant_is_refused_by_the_switch_and_not_guessed_at(data: dict[str, str]) -> None:
    metadata = {"uid": "u", "creationTimestamp": "2026-11-25T12:00:00Z"}
    document = as_document({"metadata": metadata, "data": data}, "http")
    assert document == data.get("settings", "").encode()
