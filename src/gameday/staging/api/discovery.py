"""Discovery: what the API serves, in the old form (a document a group) and the new one (everything at once)."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from aiohttp import web

from gameday.staging.api import reviews
from gameday.staging.api.answers import json_answer
from gameday.staging.resources import METRICS, RESOURCES, Resource
from gameday.staging.store import Object
from gameday.staging.version import KUBERNETES_MAJOR, KUBERNETES_MINOR, KUBERNETES_VERSION

VERSION = {
    "major": KUBERNETES_MAJOR,
    "minor": KUBERNETES_MINOR,
    "gitVersion": KUBERNETES_VERSION,
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "cpython",
    "platform": "linux/amd64",
}
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_AGGREGATED = "apidiscovery.k8s.io"
_GET_PATCH_UPDATE = ["get", "patch", "update"]

# name of the subresource, group, version, kind, verbs
_EXTRA: dict[str, tuple[tuple[str, str, str, str, list[str]], ...]] = {
    "pods": (
        ("binding", "", "v1", "Binding", ["create"]),
        ("eviction", "policy", "v1", "Eviction", ["create"]),
        ("log", "", "v1", "Pod", ["get"]),
        ("proxy", "", "v1", "PodProxyOptions", ["create", "delete", "get", "patch", "update"]),
    ),
    "services": (("proxy", "", "v1", "ServiceProxyOptions", ["create", "delete", "get", "patch", "update"]),),
    "serviceaccounts": (("token", "authentication.k8s.io", "v1", "TokenRequest", ["create"]),),
    "namespaces": (("finalize", "", "v1", "Namespace", ["update"]),),
}


def _verbs(row: Resource) -> list[str]:
    return ["get", "list"] if row in METRICS else _VERBS


def _subresources(row: Resource) -> list[tuple[str, str, str, str, list[str]]]:
    found: list[tuple[str, str, str, str, list[str]]] = []
    if row.status:
        found.append(("status", row.group, row.version, row.kind, _GET_PATCH_UPDATE))
    if row.scale:
        found.append(("scale", "autoscaling", "v1", "Scale", _GET_PATCH_UPDATE))
    return found + list(_EXTRA.get(row.plural, ()) if row not in METRICS else ())


def _group_versions() -> dict[str, list[Resource]]:
    ordered = sorted((*RESOURCES, *METRICS), key=lambda row: row.api_version)
    return {version: list(rows) for version, rows in groupby(ordered, key=lambda row: row.api_version)}


def _resource_list(api_version: str, rows: list[Resource]) -> Object:
    entries: list[Object] = []
    for row in rows:
        entry: Object = {
            "name": row.plural,
            "singularName": row.singular,
            "namespaced": row.namespaced,
            "kind": row.kind,
            "verbs": _verbs(row),
        }
        if row.short_names:
            entry["shortNames"] = list(row.short_names)
        if row.categories:
            entry["categories"] = list(row.categories)
        entries.append(entry)
        for name, group, version, kind, verbs in _subresources(row):
            sub: Object = {
                "name": f"{row.plural}/{name}",
                "singularName": "",
                "namespaced": row.namespaced,
                "kind": kind,
                "verbs": verbs,
            }
            own = (group, version) == (row.group, row.version)
            entries.append(sub if own else sub | {"group": group, "version": version})
    entries += [
        {
            "name": plural,
            "singularName": "",
            "namespaced": plural.startswith("local"),
            "kind": reviews.KINDS[plural],
            "verbs": ["create"],
        }
        for plural in reviews.PLURALS.get(api_version, ())
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": entries}


def _group(api_version: str) -> Object:
    name, _, version = api_version.partition("/")
    entry = {"groupVersion": api_version, "version": version}
    return {"name": name, "versions": [entry], "preferredVersion": entry}


def _named_groups() -> list[str]:
    served = {version for version in _group_versions() if "/" in version}
    return sorted(served | set(reviews.PLURALS))


def _aggregated_group(api_version: str) -> Object:
    name, _, version = api_version.rpartition("/")
    resources = [_aggregated_resource(row) for row in _group_versions().get(api_version, ())]
    for plural in reviews.PLURALS.get(api_version, ()):
        kind = {"group": name, "version": version, "kind": reviews.KINDS[plural]}
        scope = "Namespaced" if plural.startswith("local") else "Cluster"
        resources.append({"resource": plural, "responseKind": kind, "scope": scope, "verbs": ["create"]})
    return {
        "metadata": {"name": name, "creationTimestamp": None},
        "versions": [{"version": version, "freshness": "Current", "resources": resources}],
    }


def _aggregated_resource(row: Resource) -> Object:
    entry: Object = {
        "resource": row.plural,
        "responseKind": {"group": row.group, "version": row.version, "kind": row.kind},
        "scope": "Namespaced" if row.namespaced else "Cluster",
        "singularResource": row.singular,
        "verbs": _verbs(row),
    }
    if row.short_names:
        entry["shortNames"] = list(row.short_names)
    if row.categories:
        entry["categories"] = list(row.categories)
    subresources = [
        {
            "subresource": name,
            "responseKind": {"group": group, "version": version, "kind": kind},
            "verbs": verbs,
        }
        for name, group, version, kind, verbs in _subresources(row)
    ]
    return entry | ({"subresources": subresources} if subresources else {})


def _wants_aggregated(request: web.Request) -> str | None:
    """Return the version of the aggregated form that the client would rather have; None for the old form."""
    for entry in request.headers.get("Accept", "").split(","):
        parameters = dict(part.strip().partition("=")[::2] for part in entry.split(";")[1:])
        known = parameters.get("v") in {"v2", "v2beta1"}
        if entry.strip().startswith("application/json"):
            return parameters["v"] if parameters.get("g") == _AGGREGATED and known else None
    return None


def _aggregated(version: str, groups: list[str]) -> web.Response:
    items = [_aggregated_group(group) for group in groups]
    body = {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"{_AGGREGATED}/{version}",
        "metadata": {},
        "items": items,
    }
    answer = json_answer(body)
    answer.headers["Content-Type"] = f"application/json;g={_AGGREGATED};v={version};as=APIGroupDiscoveryList"
    return answer


def discover(request: web.Request, steps: list[str]) -> web.Response | None:
    """Return the document of a discovery path; None if the path is none."""
    aggregated = _wants_aggregated(request)
    versions = _group_versions()
    body: Any = None
    if steps == ["api"]:
        if aggregated:
            return _aggregated(aggregated, ["v1"])
        body = {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
    elif steps == ["apis"]:
        if aggregated:
            return _aggregated(aggregated, _named_groups())
        groups = [_group(version) for version in _named_groups()]
        body = {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    elif steps == ["api", "v1"]:
        body = _resource_list("v1", versions["v1"])
    elif steps[0] == "apis" and len(steps) in {2, 3}:
        found = next((name for name in _named_groups() if name.split("/")[: len(steps) - 1] == steps[1:]), None)
        if found and len(steps) == 2:  # noqa: PLR2004 - apis, group
            body = {"kind": "APIGroup", "apiVersion": "v1", **_group(found)}
        elif found:
            body = _resource_list(found, versions.get(found, []))
    return json_answer(body) if body is not None else None
