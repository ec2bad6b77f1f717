"""Watching: events in their order, selections that objects come into and leave, bookmarks, and where a watch cannot begin."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from tests.conformance.checking import check
from tests.conformance.manifests import config_map, labelled
from tests.conformance.space import Space
from tests.conformance.transport import METADATA, TABLE, Json


def revision(space: Space, path: str = "configmaps") -> str:
    return str(space.get(path).expect(200)["metadata"]["resourceVersion"])


def told(events: list[Json]) -> list[tuple[str, str]]:
    return [(event["type"], event["object"]["metadata"].get("name", "")) for event in events]


@check("From the revision of a list a watch tells every write in its order, each with the whole object.")
def watch_from_a_list(space: Space) -> None:
    since = revision(space)
    space.make("configmaps", config_map("a", key="1"))
    space.patch("configmaps/a", {"data": {"key": "2"}}).expect(200)
    space.delete("configmaps/a").expect(200)
    events = space.watch("configmaps", lambda seen: len(seen) == 3, resourceVersion=since)
    assert told(events) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
    for event, key in zip(events, ("1", "2", "2"), strict=True):
        assert (event["object"]["kind"], event["object"]["apiVersion"]) == ("ConfigMap", "v1")
        assert event["object"]["data"] == {"key": key}
    revisions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert revisions == sorted(set(revisions))
    assert revisions[0] > int(since)


@check("Without a revision a watch begins with what is there.")
def watch_from_now(space: Space) -> None:
    space.make("secrets", {"metadata": {"name": "a"}})
    events = space.watch("secrets", lambda seen: len(seen) == 1)
    assert told(events) == [("ADDED", "a")]


@check("An object that comes into a selection is ADDED, and one that leaves it is DELETED.")
def watch_a_selection(space: Space) -> None:
    space.make("configmaps", labelled("a", tier="back"))
    since = revision(space)
    for tier in ("front", "front", "back"):
        space.patch("configmaps/a", {"metadata": {"labels": {"tier": tier, "n": str(time.monotonic_ns())}}}).expect(200)
    space.make("configmaps", labelled("b", tier="front"))
    events = space.watch("configmaps", lambda seen: len(seen) == 4, resourceVersion=since, labelSelector="tier=front")
    assert told(events) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a"), ("ADDED", "b")]


@check("One object is watched by its name.")
def watch_one(space: Space) -> None:
    since = revision(space)
    space.make("configmaps", config_map("other"))
    space.make("configmaps", config_map("mine"))
    events = space.watch("configmaps", bool, resourceVersion=since, fieldSelector="metadata.name=mine")
    assert told(events) == [("ADDED", "mine")]


@check("Bookmarks mark the end of what was there when the watch began.")
def watch_with_initial_events(space: Space) -> None:
    space.make("secrets", {"metadata": {"name": "a"}})
    query = {"sendInitialEvents": "true", "allowWatchBookmarks": "true", "resourceVersionMatch": "NotOlderThan"}
    events = space.watch("secrets", lambda seen: seen[-1]["type"] == "BOOKMARK", **query)
    assert told(events) == [("ADDED", "a"), ("BOOKMARK", "")]
    bookmark = events[-1]["object"]
    assert (bookmark["kind"], bookmark["apiVersion"]) == ("Secret", "v1")
    assert bookmark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert int(bookmark["metadata"]["resourceVersion"]) > 0


@check("A watch that allows bookmarks gets one shortly before it ends, with the revision to go on from.")
def watch_with_bookmarks(space: Space) -> None:
    since = revision(space, "secrets")
    space.make("configmaps", config_map("elsewhere"))
    query: dict[str, Any] = {"resourceVersion": since, "allowWatchBookmarks": "true", "timeoutSeconds": 4}
    events = space.watch("secrets", lambda seen: seen[-1]["type"] == "BOOKMARK", **query)
    assert told(events) == [("BOOKMARK", "")]
    assert int(events[0]["object"]["metadata"]["resourceVersion"]) >= int(since)


@check("A watch ends when its time is up, without an error.")
def watch_that_times_out(space: Space) -> None:
    since, begun = revision(space, "secrets"), time.monotonic()
    assert space.watch("secrets", bool, resourceVersion=since, timeoutSeconds=1) == []
    assert 0.5 < time.monotonic() - begun < 10


@check("A watch from a revision that is compacted away has one event, an ERROR of code 410 and reason Expired.")
def watch_from_the_past(space: Space) -> None:
    events = space.watch("/api/v1/namespaces", bool, resourceVersion=1, timeoutSeconds=1)
    if not events or events[0]["type"] != "ERROR":
        pytest.skip("the history of this cluster still goes back to its beginning")
    status = events[0]["object"]
    assert (status["kind"], status["status"], status["code"], status["reason"]) == ("Status", "Failure", 410, "Expired")
    assert re.fullmatch(r"too old resource version: 1 \(\d+\)", status["message"])
    assert len(events) == 1


@check("A watch has its objects as tables, or as metadata alone, if it accepts those.")
def watch_in_other_forms(space: Space) -> None:
    since = revision(space)
    space.make("configmaps", config_map("a", key="1"))
    table = space.watch("configmaps", bool, accept=TABLE, resourceVersion=since)[0]["object"]
    assert (table["kind"], table["rows"][0]["cells"][:2]) == ("Table", ["a", 1])
    bare = space.watch("configmaps", bool, accept=METADATA, resourceVersion=since)[0]["object"]
    assert (bare["kind"], bare["metadata"]["name"]) == ("PartialObjectMetadata", "a")
    assert "data" not in bare


@check("Initial events are asked for in one way only.")
def watch_with_initial_events_and_no_match(space: Space) -> None:
    found = space.get("secrets", watch="1", sendInitialEvents="true", allowWatchBookmarks="true").refused(422, "Invalid")
    assert found["message"].startswith('ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: ')
