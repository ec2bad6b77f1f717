"""One request, read: its target, its query and its body; and the backend that answers it.

Bodies are JSON, YAML, or protobuf for the kinds that kubectl sends so; anything else is refused with 415.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
import yaml
from aiohttp import web

from gameday.staging.access.authorizer import Authorizer
from gameday.staging.access.tokens import Tokens, User
from gameday.staging.api.pages import Pages
from gameday.staging.api.protobuf import MEDIA_TYPE, read_protobuf
from gameday.staging.api.target import Target
from gameday.staging.applying import Manager
from gameday.staging.errors import BadRequest, Cause, TooLarge, UnsupportedMediaType, invalid_options
from gameday.staging.node.metering import Usage
from gameday.staging.store import Object, Store, Watch

if TYPE_CHECKING:
    from gameday.staging.api.logs import LogProvider

MAX_BODY_BYTES = 3 * 1024 * 1024
_TRUE = frozenset({"1", "t", "true", "True", "TRUE", "T"})
_JSON_TYPES = frozenset({"", "application/json", "*/*"})
_YAML_TYPES = frozenset({"application/yaml", "application/apply-patch+yaml"})
_MAX_MANAGER = 128
_OPTIONS = {"POST": "CreateOptions", "PUT": "UpdateOptions", "PATCH": "PatchOptions", "DELETE": "DeleteOptions"}

Switch = Callable[[str, str], Awaitable[None]]
"""Switches a node (by its name) `on` or `off`; NotFound if there is none of that name."""


Usages = Callable[[], Awaitable[list[Usage]]]
"""Measures what every container uses."""


@dataclass(slots=True)
class Backend:
    """What every handler works on."""

    store: Store
    tokens: Tokens
    authorizer: Authorizer
    now: Callable[[], datetime]
    logs: LogProvider | None = None
    pages: Pages = field(default_factory=Pages)
    watches: dict[Watch, None] = field(default_factory=dict)
    switch: Switch | None = None
    usages: Usages | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A request of somebody who is known, about something that is served."""

    http: web.Request
    target: Target
    user: User
    time: str

    @property
    def query(self) -> Mapping[str, str]:
        """Return the query's parameters."""
        return self.http.query

    def flag(self, name: str) -> bool:
        """Return a boolean parameter; absent is false."""
        return self.query.get(name, "") in _TRUE

    def integer(self, name: str) -> int | None:
        """Return a number from the query; None if it is absent, BadRequest if it is none."""
        text = self.query.get(name, "")
        if not text:
            return None
        if not text.lstrip("-").isdecimal():
            raise BadRequest(f'the query parameter {name} must be a number, not "{text}"')
        return int(text)

    @property
    def dry_run(self) -> bool:
        """Say whether nothing shall be stored; Invalid for a value other than All."""
        values = self.http.query.getall("dryRun", [])
        if any(value != "All" for value in values):
            message = f'Unsupported value: {orjson.dumps(values).decode()}: supported values: "All"'
            raise invalid_options(_OPTIONS[self.http.method], Cause("dryRun", message, "FieldValueNotSupported"))
        return bool(values)

    @property
    def media_type(self) -> str:
        """Return the Content-Type without its parameters."""
        return self.http.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def manager(self, *, subresource: str = "") -> Manager:
        """Return who writes: `fieldManager`, or the first part of the User-Agent, as in Kubernetes."""
        agent = self.http.headers.get("User-Agent", "unknown").partition("/")[0]
        name = self.query.get("fieldManager") or agent
        if len(name) > _MAX_MANAGER:
            raise BadRequest(f"fieldManager: Too long: may not be more than {_MAX_MANAGER} bytes")
        return Manager(name, self.time, self.target.resource.api_version, subresource)

    async def bytes(self) -> bytes:
        """Return the body; TooLarge past the limit that Kubernetes has."""
        try:
            return await self.http.read()
        except web.HTTPRequestEntityTooLarge:
            raise TooLarge(f"Request entity too large: limit is {MAX_BODY_BYTES}") from None

    async def document(self) -> Any:
        """Return the body, decoded; BadRequest if it is not what its Content-Type says."""
        content, media = await self.bytes(), self.media_type
        if media in _YAML_TYPES:
            return _yaml(content)
        if media == MEDIA_TYPE:
            return read_protobuf(content)
        if media in _JSON_TYPES or media.endswith("+json"):
            return _json(content)
        raise UnsupportedMediaType(
            f"the body of the request was in an unknown format - accepted media types include: application/json, "
            f"application/yaml (found {media})"
        )

    async def object(self) -> Object:
        """Return the body as a JSON object; BadRequest if it is something else."""
        document = await self.document()
        if not isinstance(document, dict):
            raise BadRequest(f"the body of the request must be an object, not {type(document).__name__}")
        return document


def part(body: Object, name: str) -> Object:
    """Return an object within a body, empty if it is absent; BadRequest if it is something else."""
    found = body.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise BadRequest(f"{name} must be an object, not {type(found).__name__}")
    return found


def _json(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"couldn't get version/kind; json parse error: {error}") from None


def _yaml(content: bytes) -> Any:
    try:
        return yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except yaml.YAMLError as error:
        raise BadRequest(f"error decoding YAML: {error}") from None
