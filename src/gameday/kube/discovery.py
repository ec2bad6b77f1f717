"""Which kinds a server serves, asked group by group: a group that does not answer takes only its own kinds with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gameday.cluster.discovery import ApiResource, Served
from gameday.errors import ClusterError


def served(fetch: Callable[[str], Mapping[str, Any]]) -> Served:
    """Return all kinds in the versions that the server prefers; `fetch` gets a path of the API as JSON.

    A ClusterError where the server does not even list its groups.
    """
    found = list(_resources(fetch("/api/v1"), "", "v1"))
    silent: list[str] = []
    for group in fetch("/apis").get("groups") or ():
        version = (group.get("preferredVersion") or group["versions"][0])["version"]
        try:
            answer = fetch(f"/apis/{group['name']}/{version}")
        except ClusterError:
            # An API that another server stands behind, which is down: metrics, mostly.
            silent.append(group["name"])
            continue
        found += _resources(answer, group["name"], version)
    return Served(tuple(found), tuple(silent))


def _resources(answer: Mapping[str, Any], group: str, version: str) -> Iterator[ApiResource]:
    for entry in answer.get("resources") or ():
        if "/" in entry["name"]:
            continue
        yield ApiResource(
            plural=entry["name"],
            singular=entry.get("singularName") or entry["kind"].lower(),
            kind=entry["kind"],
            group=group,
            version=version,
            is_namespaced=bool(entry["namespaced"]),
            short_names=tuple(entry.get("shortNames") or ()),
            categories=tuple(entry.get("categories") or ()),
            verbs=tuple(entry.get("verbs") or ()),
        )
