"""Answer get and list."""

from __future__ import annotations

from aiohttp import web

from gameday.staging.api.answers import list_answer, object_answer, shape_of
from gameday.staging.api.call import Backend, Call
from gameday.staging.api.selection import Selection, selection_of
from gameday.staging.errors import ApiError, BadRequest, Expired


class Timeout(ApiError):  # noqa: N818 - named as Kubernetes names the reason
    """The client has seen a revision that this server has not: one of another cluster, or of an earlier start."""

    code = 504
    reason = "Timeout"


async def get_object(backend: Backend, call: Call) -> web.StreamResponse:
    """Answer with one object."""
    target = call.target
    found = backend.store.stored(target.resource, target.namespace, target.own_name)
    return object_answer(shape_of(call.http), target.resource, found.body)


async def list_objects(backend: Backend, call: Call) -> web.StreamResponse:
    """Answer with a list, or one page of it."""
    selection = selection_of(call)
    limit = call.integer("limit") or 0
    query = "\n".join((call.http.path, call.query.get("labelSelector", ""), call.query.get("fieldSelector", "")))
    token = call.query.get("continue", "")
    if token:
        if call.query.get("resourceVersion", "0") not in {"", "0"}:
            raise BadRequest("specifying resource version is not allowed when using continue")
        page = backend.pages.next(token, query, limit)
    else:
        _check_revision(backend, call)
        items = backend.store.listed(selection.resource, selection.namespace, selection.labels, selection.fields)
        page = backend.pages.first(items, backend.store.revision, query, limit)
    everything = selection == Selection(selection.resource, selection.namespace)
    return list_answer(shape_of(call.http), selection.resource, page, count_remaining=everything)


def _check_revision(backend: Backend, call: Call) -> None:
    if call.flag("sendInitialEvents"):
        raise BadRequest("sendInitialEvents is forbidden for list; it belongs to a watch")
    asked, current = call.integer("resourceVersion") or 0, backend.store.revision
    if asked > current:
        raise Timeout(
            f"Timeout: Too large resource version: {asked}, current: {current}",
            details={
                "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
                "retryAfterSeconds": 1,
            },
        )
    match = call.query.get("resourceVersionMatch", "")
    if match == "Exact" and asked != current:
        raise Expired("The resourceVersion for the provided list is too old.")
    if match not in {"", "Exact", "NotOlderThan"}:
        raise BadRequest(f'resourceVersionMatch: Unsupported value: "{match}"')
