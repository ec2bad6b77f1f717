"""Answer create, replace and patch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from aiohttp import web

from gameday.staging.access.attributes import attributes_of
from gameday.staging.api.admission import admit_new, admit_update, check_place, checked_kind
from gameday.staging.api.answers import object_answer, shape_of
from gameday.staging.api.call import Backend, Call
from gameday.staging.applying import applied
from gameday.staging.caveats import caveats
from gameday.staging.errors import BadRequest, Cause, NotFound, UnsupportedMediaType, invalid_options
from gameday.staging.patches import json_patch, merge_patch, strategic_merge
from gameday.staging.store import Object, Stored

_APPLY = "application/apply-patch+yaml"
PATCHES: dict[str, Callable[[Object, Any], Any]] = {
    "application/json-patch+json": json_patch,
    "application/merge-patch+json": merge_patch,
    "application/strategic-merge-patch+json": strategic_merge,
}


async def create_object(backend: Backend, call: Call) -> web.StreamResponse:
    """Answer a POST to a collection."""
    return _created(backend, call, admit_new(backend, call, await call.object()))


def _created(backend: Backend, call: Call, obj: Object) -> web.StreamResponse:
    resource = call.target.resource
    stored = backend.store.create(resource, obj, dry_run=call.dry_run)
    warnings = caveats(resource, stored)
    return object_answer(shape_of(call.http), resource, stored, code=201, warnings=warnings)


async def replace_object(backend: Backend, call: Call) -> web.StreamResponse:
    """Answer a PUT to an object or its status."""
    obj = await call.object()
    return _updated(backend, call, admit_update(backend, call, _live(backend, call), obj))


def _live(backend: Backend, call: Call) -> Stored:
    return backend.store.stored(call.target.resource, call.target.namespace, call.target.own_name)


def _updated(backend: Backend, call: Call, obj: Object) -> web.StreamResponse:
    resource, subresource = call.target.resource, call.target.subresource
    stored = backend.store.update(resource, obj, subresource=subresource, dry_run=call.dry_run)
    warnings = caveats(resource, stored) if subresource is None else []
    return object_answer(shape_of(call.http), resource, stored, warnings=warnings)


async def patch_object(backend: Backend, call: Call) -> web.StreamResponse:
    """Answer a PATCH, in any of its four formats, to an object or its status."""
    document = await call.document()
    if call.media_type == _APPLY:
        return _apply(backend, call, document)
    live = _live(backend, call)
    return _updated(backend, call, admit_update(backend, call, live, patched(call, live.body, document)))


def patched(call: Call, body: Object, document: Any) -> Object:
    """Return `body` changed by a patch in the format that the request says."""
    change = PATCHES.get(call.media_type)
    if change is None:
        known = ", ".join((*PATCHES, _APPLY))
        raise UnsupportedMediaType(
            f"the body of the request was in an unknown format - accepted media types include: {known} "
            f"(found {call.media_type or 'no Content-Type'})"
        )
    if call.media_type != "application/json-patch+json" and not isinstance(document, dict):
        raise BadRequest(f"the patch must be an object, not {type(document).__name__}")
    result = change(body, document)
    if not isinstance(result, dict):
        raise BadRequest("the patch leaves no object")
    return result


def _apply(backend: Backend, call: Call, configuration: Any) -> web.StreamResponse:
    if not isinstance(configuration, dict):
        raise BadRequest("an applied configuration is an object")
    if not call.query.get("fieldManager"):
        cause = Cause("fieldManager", "Required value: is required for apply patch", "FieldValueRequired")
        raise invalid_options("PatchOptions", cause)
    configuration = checked_kind(call.target.resource, configuration)
    check_place(call, configuration)
    if configuration["metadata"].get("managedFields"):
        raise BadRequest("metadata.managedFields must be nil")
    subresource = call.target.subresource or ""
    manager, force = call.manager(subresource=subresource), call.flag("force")
    try:
        live: Stored | None = _live(backend, call)
    except NotFound:
        if subresource:
            raise
        live = None
    new = applied(live.body if live else None, configuration, manager, force=force)
    if live is None:
        backend.authorizer.check(call.user, replace(attributes_of(call.http.method, call.http.path, {}), verb="create"))
        return _created(backend, call, admit_new(backend, call, new))
    return _updated(backend, call, admit_update(backend, call, live, new, remember=False))
