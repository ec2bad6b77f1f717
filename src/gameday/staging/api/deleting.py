"""Answer delete and deletecollection, with their grace, preconditions and propagation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from aiohttp import web

from gameday.staging.api.answers import list_answer, object_answer, shape_of, success
from gameday.staging.api.call import Backend, Call, part
from gameday.staging.api.pages import Page
from gameday.staging.api.selection import selection_of
from gameday.staging.errors import BadRequest, Cause, MethodNotSupported, NotFound, forbidden, invalid_options
from gameday.staging.resources import NAMESPACES
from gameday.staging.store import Object, Stored
from gameday.staging.writes import Propagation

_KEPT_NAMESPACES = frozenset({"default", "kube-system", "kube-public"})
_POLICIES = ("Foreground", "Background", "Orphan")


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How to delete, from the body or, where that is silent, from the query."""

    grace_seconds: float | None
    propagation: Propagation | None
    uid: str | None
    resource_version: str | None
    dry_run: bool


async def delete_options(call: Call) -> DeleteOptions:
    """Return how this request wants to delete; BadRequest if it cannot be understood."""
    body = await call.object() if await call.bytes() else {}
    return options_of(call, body)


def options_of(call: Call, body: Object) -> DeleteOptions:
    """Return the DeleteOptions of a body, completed from the query."""
    grace: Any = body.get("gracePeriodSeconds", call.integer("gracePeriodSeconds"))
    if grace is not None and (not isinstance(grace, int) or grace < 0):
        raise BadRequest(f"gracePeriodSeconds must be a number of at least 0, not {grace!r}")
    policy = body.get("propagationPolicy") or call.query.get("propagationPolicy") or None
    orphan = body.get("orphanDependents", call.flag("orphanDependents") or None)
    if policy is None and orphan is not None:
        policy = "Orphan" if orphan else "Background"
    if policy is not None and policy not in _POLICIES:
        known = ", ".join(f'"{item}"' for item in (*_POLICIES, "nil"))
        message = f'Unsupported value: "{policy}": supported values: {known}'
        raise invalid_options("DeleteOptions", Cause("propagationPolicy", message, "FieldValueNotSupported"))
    preconditions = part(body, "preconditions")
    return DeleteOptions(
        grace_seconds=grace,
        propagation=cast("Propagation | None", policy),
        uid=preconditions.get("uid"),
        resource_version=preconditions.get("resourceVersion"),
        dry_run=call.dry_run or "All" in (body.get("dryRun") or ()),
    )


def delete_one(backend: Backend, call: Call, name: str, options: DeleteOptions) -> Object:
    """Delete one object of the request's kind and namespace; return it as it is now, or was last."""
    resource, namespace = call.target.resource, call.target.namespace
    if resource is NAMESPACES and name in _KEPT_NAMESPACES:
        raise forbidden(resource, name, "this namespace may not be deleted")
    return backend.store.delete(
        resource,
        namespace,
        name,
        uid=options.uid,
        resource_version=options.resource_version,
        grace_seconds=options.grace_seconds,
        propagation=options.propagation,
        dry_run=options.dry_run,
    )


async def delete_object(backend: Backend, call: Call) -> web.StreamResponse:
    """Answer a DELETE: with the object while it is still there, and otherwise as Kubernetes does for its kind."""
    target = call.target
    options = await delete_options(call)
    deleted = delete_one(backend, call, target.own_name, options)
    if target.resource.returns_deleted or _is_there(backend, call, target.own_name):
        return object_answer(shape_of(call.http), target.resource, deleted)
    return success(target.resource, target.own_name, deleted["metadata"]["uid"])


def _is_there(backend: Backend, call: Call, name: str) -> bool:
    try:
        backend.store.stored(call.target.resource, call.target.namespace, name)
    except NotFound:
        return False
    return True


async def delete_collection(backend: Backend, call: Call) -> web.StreamResponse:
    """Answer a DELETE of a collection: each selected object, one after the other, and the list of them."""
    resource = call.target.resource
    if resource is NAMESPACES:
        raise MethodNotSupported("the server does not allow this method on the requested resource")
    selection = selection_of(call)
    options = await delete_options(call)
    found = backend.store.listed(resource, selection.namespace, selection.labels, selection.fields)
    deleted: list[Stored] = []
    for item in found:
        try:
            deleted.append(Stored(delete_one(backend, call, item.body["metadata"]["name"], options)))
        except NotFound:
            continue
    page = Page(deleted, backend.store.revision)
    return list_answer(shape_of(call.http), resource, page, count_remaining=False)
