"""From a request to its handler: one table of verbs and subresources, and the few paths that are about no object."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from aiohttp import web

from gameday.staging.access.attributes import attributes_of
from gameday.staging.access.tokens import User
from gameday.staging.api import proxying, reviews
from gameday.staging.api.answers import json_answer
from gameday.staging.api.call import Backend, Call
from gameday.staging.api.deleting import delete_collection, delete_object
from gameday.staging.api.discovery import VERSION, discover
from gameday.staging.api.evicting import evict_pod
from gameday.staging.api.logs import stream_log
from gameday.staging.api.metrics import read_metrics
from gameday.staging.api.openapi import openapi
from gameday.staging.api.reading import get_object, list_objects
from gameday.staging.api.scaling import get_scale, patch_scale, put_scale
from gameday.staging.api.subresources import absent, bind_pod, finalize_namespace, request_token
from gameday.staging.api.target import Target, parse_target, unknown_path
from gameday.staging.api.watching import watch_objects
from gameday.staging.api.writing import create_object, patch_object, replace_object
from gameday.staging.errors import MethodNotSupported
from gameday.staging.resources import ENDPOINTS, METRICS, NAMESPACES, PODS, SERVICE_ACCOUNTS, Resource
from gameday.staging.store import timestamp

_SWITCH = re.compile(r"^/embedded/nodes/(?P<name>[^/]+)/power/(?P<power>on|off)$")
Handler = Callable[[Backend, Call], Awaitable[web.StreamResponse]]

_OLD_ENDPOINTS = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"
HEALTH = frozenset({"healthz", "livez", "readyz"})
_COLLECTION: dict[str, Handler] = {
    "GET": list_objects,
    "POST": create_object,
    "DELETE": delete_collection,
}
_OBJECT: dict[str, Handler] = {
    "GET": get_object,
    "PUT": replace_object,
    "PATCH": patch_object,
    "DELETE": delete_object,
}
_STATUS: dict[str, Handler] = {"GET": get_object, "PUT": replace_object, "PATCH": patch_object}
_SCALE: dict[str, Handler] = {"GET": get_scale, "PUT": put_scale, "PATCH": patch_scale}
_PROXIED: dict[str, Handler] = dict.fromkeys(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"), proxying.proxy)
_SUBRESOURCES: dict[tuple[Resource, str], dict[str, Handler]] = {
    (PODS, "log"): {"GET": stream_log},
    (PODS, "eviction"): {"POST": evict_pod},
    (PODS, "binding"): {"POST": bind_pod},
    (SERVICE_ACCOUNTS, "token"): {"POST": request_token},
    (NAMESPACES, "finalize"): {"PUT": finalize_namespace},
}


async def answer(backend: Backend, user: User, request: web.Request) -> web.StreamResponse:
    """Answer a request of somebody who is known; an ApiError if it may not or cannot be answered."""
    backend.authorizer.check(user, attributes_of(request.method, request.path, request.query))
    steps = request.path.strip("/").split("/")
    about = _about_no_object(request, steps)
    if about is not None:
        return about
    if backend.switch is not None and request.method == "POST" and (found := _SWITCH.match(request.path)):
        await backend.switch(found["name"], found["power"])
        return json_answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})
    time = timestamp(backend.now())
    if request.method == "POST" and reviews.is_review(request.path):
        call = Call(request, Target(PODS), user, time)
        return json_answer(reviews.review(backend, request.path, await call.document(), user), code=201)
    target = parse_target(request.path)
    handler = _handlers(target).get(request.method)
    if handler is None:
        raise MethodNotSupported("the server does not allow this method on the requested resource")
    call = Call(request, target, user, time)
    if handler in {get_object, list_objects} and target.subresource is None and call.flag("watch"):
        handler = watch_objects
    reply = await handler(backend, call)
    if target.resource is ENDPOINTS and not reply.prepared:
        reply.headers.add("Warning", f'299 - "{_OLD_ENDPOINTS}"')
    return reply


def _about_no_object(request: web.Request, steps: list[str]) -> web.Response | None:
    if request.method != "GET":
        return None
    if steps == ["version"]:
        return json_answer(VERSION)
    if steps[0] == "openapi":
        return openapi(steps)
    if steps == [""]:
        return json_answer({"paths": ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/readyz", "/version"]})
    return discover(request, steps)


def _handlers(target: Target) -> dict[str, Handler]:
    resource, subresource = target.resource, target.subresource
    if resource in METRICS and subresource is None:
        return {"GET": read_metrics}
    if target.name is None:
        return _collection(target)
    if subresource is None:
        return _OBJECT
    if subresource == "status" and resource.status:
        return _STATUS
    if subresource == "scale" and resource.scale:
        return _SCALE
    found = _PROXIED if proxying.handles(resource, subresource) else _SUBRESOURCES.get((resource, subresource))
    if found is None:
        raise absent(subresource) or unknown_path()
    return found


def _collection(target: Target) -> dict[str, Handler]:
    if target.resource.namespaced and target.namespace is None:
        return {"GET": list_objects}
    return _COLLECTION
