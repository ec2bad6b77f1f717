"""The little of OpenAPI that clients ask for before they write: which kinds there are, and that the server validates.

kubectl reads it to learn whether `fieldValidation` is a parameter of the API; it then leaves validation to the server.
There are no schemas of fields, so `kubectl explain` has nothing to explain.
"""

from __future__ import annotations

from functools import cache

from aiohttp import web

from gameday.staging.api.answers import json_answer
from gameday.staging.api.discovery import VERSION
from gameday.staging.resources import RESOURCES, Resource
from gameday.staging.store import Object

_INFO = {"title": "Kubernetes", "version": VERSION["gitVersion"]}
_QUERY_V3 = [
    {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
    for name in ("dryRun", "fieldManager", "fieldValidation", "force", "pretty")
]
_QUERY_V2 = [
    {"name": name, "in": "query", "type": "string", "uniqueItems": True}
    for name in ("dryRun", "fieldManager", "fieldValidation", "force", "pretty")
]


def _kind(row: Resource) -> Object:
    return {"group": row.group, "version": row.version, "kind": row.kind}


def _path(row: Resource) -> str:
    root = f"/apis/{row.api_version}" if row.group else f"/api/{row.version}"
    return f"{root}/namespaces/{{namespace}}/{row.plural}" if row.namespaced else f"{root}/{row.plural}"


def _root(row: Resource) -> str:
    return f"apis/{row.api_version}" if row.group else f"api/{row.version}"


def _definition(row: Resource) -> str:
    return f"io.k8s.api.{(row.group or 'core').partition('.')[0]}.{row.version}.{row.kind}"


def _schema(row: Resource) -> Object:
    return {
        "type": "object",
        "x-kubernetes-group-version-kind": [_kind(row)],
        "x-kubernetes-preserve-unknown-fields": True,
    }


def _paths(rows: list[Resource], query: list[Object], responses: Object) -> Object:
    paths: Object = {}
    for row in rows:
        for suffix, verbs in (("", {"post": "post"}), ("/{name}", {"patch": "patch", "put": "put"})):
            paths[_path(row) + suffix] = {
                method: {
                    "x-kubernetes-action": action,
                    "x-kubernetes-group-version-kind": _kind(row),
                    "parameters": query,
                    "responses": responses,
                }
                for method, action in verbs.items()
            }
    return paths


@cache
def _v3(root: str) -> Object | None:
    rows = [row for row in RESOURCES if _root(row) == root]
    if not rows:
        return None
    responses = {"200": {"description": "OK"}}
    return {
        "openapi": "3.0.0",
        "info": _INFO,
        "paths": _paths(rows, _QUERY_V3, responses),
        "components": {"schemas": {_definition(row): _schema(row) for row in rows}},
    }


@cache
def _v2() -> Object:
    return {
        "swagger": "2.0",
        "info": _INFO,
        "paths": _paths(list(RESOURCES), _QUERY_V2, {"200": {"description": "OK"}}),
        "definitions": {_definition(row): _schema(row) for row in RESOURCES},
    }


def openapi(steps: list[str]) -> web.Response | None:
    """Return the document of an OpenAPI path; None if the path is none."""
    if steps == ["openapi", "v2"]:
        return json_answer(_v2())
    if steps == ["openapi", "v3"]:
        roots = dict.fromkeys(_root(row) for row in RESOURCES)
        version = VERSION["gitVersion"]
        paths = {root: {"serverRelativeURL": f"/openapi/v3/{root}?hash={version}"} for root in roots}
        return json_answer({"paths": paths})
    if steps[:2] == ["openapi", "v3"]:
        document = _v3("/".join(steps[2:]))
        return json_answer(document) if document else None
    return None
