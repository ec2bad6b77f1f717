"""`kubectl top`: what pods and nodes use, in the group metrics.k8s.io, measured when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from aiohttp import web

from gameday.staging.api.answers import json_answer
from gameday.staging.api.call import Backend, Call
from gameday.staging.api.selection import selection_of
from gameday.staging.errors import NotImplemented501, not_found
from gameday.staging.node.metering import WINDOW_SECONDS, Usage
from gameday.staging.resources import NODE_METRICS, NODES, PODS, Resource

Object = dict[str, Any]


async def read_metrics(backend: Backend, call: Call) -> web.StreamResponse:
    """Answer a GET of one object's metrics or of many; NotFound where nothing could be measured."""
    if backend.usages is None:
        raise NotImplemented501("nothing measures what pods use on this server")
    target = call.target
    items = _measured(backend, call, await backend.usages())
    if target.name is None:
        kind, version = f"{target.resource.kind}List", target.resource.api_version
        return json_answer({"kind": kind, "apiVersion": version, "metadata": {}, "items": items})
    one = next((item for item in items if item["metadata"]["name"] == target.name), None)
    if one is None:
        raise not_found(target.resource, f"{target.namespace}/{target.name}" if target.namespace else target.name)
    return json_answer(one)


def _measured(backend: Backend, call: Call, usages: Iterable[Usage]) -> list[Object]:
    """Return the metrics of what a request selects; a pod of which nothing runs has none."""
    target, of_nodes = call.target, call.target.resource is NODE_METRICS
    by_owner: dict[str, list[Usage]] = {}
    nodes = {item.body["metadata"]["uid"]: item.body["spec"].get("nodeName", "") for item in backend.store.listed(PODS)}
    for usage in usages:
        uid = usage.container.pod_uid
        by_owner.setdefault(nodes.get(uid, "") if of_nodes else uid, []).append(usage)
    about = selection_of(replace(call, target=replace(target, resource=NODES if of_nodes else PODS, name=None)))
    found = backend.store.listed(about.resource, about.namespace, about.labels, about.fields)
    items = [(item.body["metadata"], by_owner.get(item.body["metadata"]["name" if of_nodes else "uid"], [])) for item in found]
    return [_metrics(target.resource, metadata, own, call.time) for metadata, own in items if own or of_nodes]


def _metrics(resource: Resource, metadata: Object, usages: Iterable[Usage], time: str) -> Object:
    kept = {key: metadata[key] for key in ("name", "namespace", "labels") if key in metadata}
    head: Object = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": {**kept, "creationTimestamp": time}}
    measured: Object = {"timestamp": time, "window": f"{WINDOW_SECONDS:g}s"}
    if resource is NODE_METRICS:
        return {**head, **measured, "usage": _usage(usages)}
    return {**head, **measured, "containers": [{"name": use.container.name, "usage": _usage([use])} for use in usages]}


def _usage(usages: Iterable[Usage]) -> Object:
    listed = list(usages)
    cores, memory = sum(use.cores for use in listed), sum(use.memory_bytes for use in listed)
    return {"cpu": f"{round(cores * 1e9)}n", "memory": f"{memory // 1024}Ki"}
