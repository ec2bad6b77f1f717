"""The scale subresource: the number of replicas of a workload as an object of its own, autoscaling/v1 Scale."""

from __future__ import annotations

from aiohttp import web

from gameday.staging.api.admission import admit_update
from gameday.staging.api.answers import json_answer
from gameday.staging.api.call import Backend, Call, part
from gameday.staging.api.writing import patched
from gameday.staging.errors import BadRequest
from gameday.staging.selectors import LabelSelector
from gameday.staging.store import Object

_KEPT_METADATA = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def _scale_of(workload: Object) -> Object:
    spec, status = workload["spec"], workload.get("status") or {}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: workload["metadata"][key] for key in _KEPT_METADATA if key in workload["metadata"]},
        "spec": {"replicas": spec.get("replicas", 0)},
        "status": {"replicas": status.get("replicas", 0), "selector": _selector_text(spec.get("selector"))},
    }


def _selector_text(selector: Object | None) -> str:
    shown = []
    for item in LabelSelector.of(selector).requirements:
        values = sorted(item.values)
        if item.operator == "In" and len(values) == 1:
            shown.append(f"{item.key}={values[0]}")
        elif item.operator in {"In", "NotIn"}:
            shown.append(f"{item.key} {item.operator.lower()} ({','.join(values)})")
        else:
            shown.append(item.key if item.operator == "Exists" else f"!{item.key}")
    return ",".join(shown)


async def get_scale(backend: Backend, call: Call) -> web.StreamResponse:
    """Answer with the Scale of a workload."""
    target = call.target
    return json_answer(_scale_of(backend.store.stored(target.resource, target.namespace, target.own_name).body))


async def put_scale(backend: Backend, call: Call) -> web.StreamResponse:
    """Answer a PUT of a Scale."""
    return _scaled(backend, call, await call.object())


async def patch_scale(backend: Backend, call: Call) -> web.StreamResponse:
    """Answer a PATCH of a Scale."""
    document, target = await call.document(), call.target
    workload = backend.store.stored(target.resource, target.namespace, target.own_name).body
    return _scaled(backend, call, patched(call, _scale_of(workload), document))


def _scaled(backend: Backend, call: Call, scale: Object) -> web.StreamResponse:
    target = call.target
    live = backend.store.stored(target.resource, target.namespace, target.own_name)
    replicas = part(scale, "spec").get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise BadRequest(f"spec.replicas must be a number, not {replicas!r}")
    given = part(scale, "metadata")
    if given.get("name", target.own_name) != target.own_name:
        raise BadRequest(f"the name of the object ({given['name']}) does not match the name on the URL")
    workload = live.copy()
    workload["spec"]["replicas"] = replicas
    workload["metadata"]["resourceVersion"] = given.get("resourceVersion", "")
    workload["metadata"]["uid"] = given.get("uid") or workload["metadata"]["uid"]
    admitted = admit_update(backend, call, live, workload)
    stored = backend.store.update(target.resource, admitted, dry_run=call.dry_run)
    return json_answer(_scale_of(stored))
