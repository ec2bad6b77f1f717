"""Shape what goes back: as JSON, as the table that kubectl prints, or as metadata only, as the client accepts it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from aiohttp import web

from gameday.staging.api.pages import Page
from gameday.staging.api.tables import table
from gameday.staging.errors import ApiError
from gameday.staging.resources import Resource
from gameday.staging.store import Object, Stored

Form = Literal["json", "table", "metadata"]


class NotAcceptable(ApiError):  # noqa: N818 - named as Kubernetes names the reason
    """The client accepts only what the server does not speak."""

    code = 406
    reason = "NotAcceptable"


@dataclass(frozen=True, slots=True)
class Shape:
    """The form that the client asked for; `include` is how much of the object goes into a table's rows."""

    form: Form = "json"
    include: str = "Metadata"


def shape_of(request: web.Request) -> Shape:
    """Return the first form of the Accept header that the server has."""
    accept = request.headers.get("Accept", "") or "*/*"
    include = request.query.get("includeObject", "Metadata")
    for entry in accept.split(","):
        media, *parameters = (part.strip() for part in entry.split(";"))
        given = dict(part.partition("=")[::2] for part in parameters)
        if media not in {"application/json", "*/*", "application/*", "text/plain"}:
            continue
        wanted = given.get("as", "")
        if not wanted:
            return Shape()
        if wanted == "Table":
            return Shape("table", include)
        if wanted in {"PartialObjectMetadata", "PartialObjectMetadataList"}:
            return Shape("metadata")
    raise NotAcceptable("only the following media types are accepted: application/json")


def json_answer(body: Any, *, code: int = 200, warnings: Iterable[str] = ()) -> web.Response:
    """Return an answer of JSON; each warning becomes a Warning header, which clients show to people."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    answer = web.Response(body=content, status=code, content_type="application/json")
    for text in warnings:
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        answer.headers.add("Warning", f'299 - "{quoted}"')
    return answer


def error_answer(error: ApiError) -> web.Response:
    """Return the Status of an error."""
    answer = json_answer(error.status(), code=error.code)
    seconds = (error.details or {}).get("retryAfterSeconds")
    if seconds:
        answer.headers["Retry-After"] = str(seconds)
    return answer


def success(resource: Resource, name: str, uid: str = "", *, code: int = 200) -> web.Response:
    """Return the Status for a write that gives back no object."""
    details: Object = {"name": name, "kind": resource.plural}
    if resource.group:
        details["group"] = resource.group
    if uid:
        details["uid"] = uid
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
    return json_answer(body | ({"code": code} if code != 200 else {}), code=code)  # noqa: PLR2004 - 200 goes unsaid


def object_answer(
    shape: Shape, resource: Resource, obj: Object, *, code: int = 200, warnings: Iterable[str] = ()
) -> web.Response:
    """Return one object in the form asked for."""
    return json_answer(shaped(shape, resource, Stored(obj)), code=code, warnings=warnings)


def shaped(shape: Shape, resource: Resource, stored: Stored) -> bytes:
    """Return one object, encoded in the form asked for."""
    if shape.form == "json":
        return stored.encoded
    if shape.form == "metadata":
        return orjson.dumps(_only_metadata(stored))
    revision = stored.body["metadata"].get("resourceVersion", "")
    return orjson.dumps(table(resource, [stored.body], {"resourceVersion": revision}, shape.include))


def list_answer(shape: Shape, resource: Resource, page: Page, *, count_remaining: bool) -> web.Response:
    """Return a list in the form asked for; the objects of a plain one are joined from JSON made earlier."""
    metadata: Object = {"resourceVersion": str(page.revision)}
    if page.next_token:
        metadata["continue"] = page.next_token
        if count_remaining:
            metadata["remainingItemCount"] = page.remaining
    if shape.form == "table":
        bodies = [item.body for item in page.items]
        return json_answer(table(resource, bodies, metadata, shape.include))
    kind, version = f"{resource.kind}List", resource.api_version
    items = (item.as_item for item in page.items)
    if shape.form == "metadata":
        kind, version = "PartialObjectMetadataList", "meta.k8s.io/v1"
        items = (orjson.dumps(_only_metadata(item)) for item in page.items)
    head = orjson.dumps({"kind": kind, "apiVersion": version, "metadata": metadata})
    return json_answer(b"".join((head[:-1], b',"items":[', b",".join(items), b"]}")))


def _only_metadata(stored: Stored) -> Object:
    metadata = stored.body["metadata"]
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
