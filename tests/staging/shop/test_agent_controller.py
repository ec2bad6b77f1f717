"""What the agents' controller gives to whom, from what the agents say of themselves; without a cluster."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from gameday.staging.shop.agent_controller import Content, Controller
from gameday.staging.shop.client import Neighbour
from gameday.staging.shop.kube_api import KubeApi
from gameday.staging.shop.node_health import Patience
from gameday.staging.shop.server import Request
from gameday.staging.shop.settings import Address

OLD, NEW = Content.of({"base.json": "1"}), Content.of({"base.json": "1", "update.json": "2", "paused": "no content"})
RINGS = [["a"], ["b", "c"]]


def controller(*, in_rings: bool = True) -> Controller:
    nobody = KubeApi(Neighbour("kubernetes", Address("127.0.0.1", 1)), Path("/nowhere"))
    made = Controller(nobody, "shop", "agent-content", in_rings, 0.0, 30.0, Patience(3, 2), wait_seconds=0.0)
    made.content = OLD
    made.rings = RINGS if in_rings else [["a", "b", "c"]]
    return made


async def ask(found: Controller, node: str, digest: str, *, healthy: bool = True) -> dict[str, Any]:
    body = json.dumps({"node": node, "digest": digest, "healthy": healthy}).encode()
    answer = await found.give(Request("POST", "/content", "", {}, body))
    assert answer.status == 200
    return dict(json.loads(answer.body))


async def settled(found: Controller) -> None:
    """Let every agent say that it is well on the old content, so that this is known to be good."""
    for name in "abc":
        assert await ask(found, name, OLD.digest) == {"out": False}
    await found.decide()


def given(found: Controller, *nodes: str) -> list[str]:
    return [found.due(node).digest for node in nodes]


def test_only_files_are_content_and_the_same_files_are_the_same_content() -> None:
    assert Content.of({"a.json": "1", "paused": "true"}) == Content.of({"a.json": "1"})
    assert Content.of({"a.json": "1"}).digest != Content.of({"a.json": "2"}).digest
    assert Content.of({"paused": "true"}).digest == ""


async def test_a_first_agent_gets_what_there_is_with_its_files() -> None:
    assert await ask(controller(), "a", "") == {"out": False, "digest": OLD.digest, "files": {"base.json": "1"}}


async def test_an_agent_hears_that_its_node_is_out() -> None:
    found = controller()
    await settled(found)
    found.out = frozenset({"a"})
    assert await ask(found, "a", OLD.digest) == {"out": True}


async def test_new_content_goes_to_the_first_ring_and_the_others_keep_what_they_have() -> None:
    found = controller()
    await settled(found)
    found.content = NEW
    assert await found.decide(), "something is going on"
    assert given(found, "a", "b", "c") == [NEW.digest, OLD.digest, OLD.digest]


async def test_a_new_agent_in_the_middle_of_a_rollout_gets_what_everybody_has_borne() -> None:
    found = controller()
    await settled(found)
    found.content = NEW
    await found.decide()
    assert await ask(found, "d", "") == {"out": False, "digest": OLD.digest, "files": {"base.json": "1"}}


async def test_a_new_agent_gets_nothing_while_nothing_is_known_to_be_good_and_somebody_has_died_of_what_there_is() -> None:
    found = controller()
    await ask(found, "a", OLD.digest, healthy=False)
    assert await ask(found, "d", "") == {"out": False}


async def test_without_rings_everybody_gets_it() -> None:
    found = controller(in_rings=False)
    await settled(found)
    found.content = NEW
    await found.decide()
    assert given(found, "a", "b", "c") == [NEW.digest] * 3


async def test_a_rollout_that_is_paused_goes_to_nobody_else() -> None:
    found = controller()
    await settled(found)
    found.content, found.paused = NEW, True
    await found.decide()
    assert given(found, "a", "b") == [OLD.digest, OLD.digest]


async def test_what_all_have_borne_before_comes_back_everywhere_at_once_even_while_paused() -> None:
    found = controller(in_rings=False)
    await settled(found)
    found.content = NEW
    await found.decide()
    for name in "abc":
        assert await ask(found, name, NEW.digest, healthy=False) == {"out": False}
    found.rings, found.paused, found.content = RINGS, True, OLD
    await found.decide()
    assert given(found, "a", "b", "c") == [OLD.digest] * 3


async def test_it_shows_how_far_the_rollout_is_and_that_it_has_halted() -> None:
    found = controller()
    await settled(found)
    found.content = NEW
    await found.decide()
    await ask(found, "a", NEW.digest, healthy=False)
    await found.decide()
    shown = json.loads((await found.show(Request("GET", "/rollout", "", {}, b""))).body)
    assert (shown["content"], shown["accepted"], shown["halted"]) == (NEW.digest, OLD.digest, True)
    assert (shown["rings"], shown["free"]) == (RINGS, ["a"])


async def test_it_shows_which_files_the_content_is_and_how_an_agent_was_with_what_it_had_before() -> None:
    found = controller()
    for name in "ab":
        await ask(found, name, OLD.digest)
    await ask(found, "c", OLD.digest, healthy=False)
    found.content = NEW
    await ask(found, "a", NEW.digest, healthy=False)
    await ask(found, "a", NEW.digest, healthy=False)
    await ask(found, "c", NEW.digest, healthy=False)
    await ask(found, "d", NEW.digest, healthy=False)
    shown = json.loads((await found.show(Request("GET", "/rollout", "", {}, b""))).body)
    assert shown["files"] == {name: hashlib.sha256(text.encode()).hexdigest() for name, text in NEW.files.items()}
    well_before = {name: node["was_healthy"] for name, node in shown["nodes"].items()}
    assert well_before == {"a": True, "b": False, "c": False, "d": False}
