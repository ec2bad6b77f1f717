"""The errors of the embedded cluster, each the Status object that Kubernetes would answer with.

The wording is Kubernetes' own where Kubernetes has one, because programs and people match on it. What is not
here: how a Status travels over HTTP (see `api`).
"""
# ruff: noqa: N818 - these are named after the reasons in a Kubernetes Status, where NotFoundError would be a new word

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from gameday.staging.resources import Resource


@dataclass(frozen=True, slots=True)
class Cause:
    """One field that is wrong, why, and (for people) with which value."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"


class ApiError(Exception):
    """Anything the API refuses; `code` and `reason` are what a client sees."""

    code: ClassVar[int] = 500
    reason: ClassVar[str] = "InternalError"

    def __init__(self, message: str, *, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def status(self) -> dict[str, Any]:
        """Return the Status object of this error."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        if self.details:
            body["details"] = self.details
        body["code"] = self.code
        return body


class BadRequest(ApiError):
    """The request cannot be understood."""

    code = 400
    reason = "BadRequest"


class Unauthorized(ApiError):
    """No token, or one that nobody gave out."""

    code = 401
    reason = "Unauthorized"


class Forbidden(ApiError):
    """Understood, and not allowed."""

    code = 403
    reason = "Forbidden"


class NotFound(ApiError):
    """The object, or the whole path, is not there."""

    code = 404
    reason = "NotFound"


class MethodNotSupported(ApiError):
    """The path is there; this verb is not."""

    code = 405
    reason = "MethodNotAllowed"


class AlreadyExists(ApiError):
    """An object of that name is there already."""

    code = 409
    reason = "AlreadyExists"


class Conflict(ApiError):
    """The object changed since the client read it, or a precondition does not hold."""

    code = 409
    reason = "Conflict"


class Expired(ApiError):
    """The revision asked for is no longer, or not yet, in the history."""

    code = 410
    reason = "Expired"


class TooLarge(ApiError):
    """The request's body is longer than the server reads."""

    code = 413
    reason = "RequestEntityTooLarge"


class UnsupportedMediaType(ApiError):
    """The body is in a format that the server does not read."""

    code = 415
    reason = "UnsupportedMediaType"


class Invalid(ApiError):
    """The object breaks a rule; every broken rule is a cause."""

    code = 422
    reason = "Invalid"


class TooManyRequests(ApiError):
    """Not now; for an eviction, the disruption budget does not allow it."""

    code = 429
    reason = "TooManyRequests"


class ServiceUnavailable(ApiError):
    """Nothing there answers."""

    code = 503
    reason = "ServiceUnavailable"


class NotImplemented501(ApiError):
    """Kubernetes has this and the embedded cluster has not; the message says why."""

    code = 501
    reason = "NotImplemented"


def _details(resource: Resource, name: str | None) -> dict[str, Any]:
    details: dict[str, Any] = {"name": name} if name else {}
    if resource.group:
        details["group"] = resource.group
    details["kind"] = resource.plural
    return details


def not_found(resource: Resource, name: str) -> NotFound:
    """Return `pods "x" not found`."""
    return NotFound(f'{resource.qualified} "{name}" not found', details=_details(resource, name))


def already_exists(resource: Resource, name: str) -> AlreadyExists:
    """Return `pods "x" already exists`."""
    return AlreadyExists(f'{resource.qualified} "{name}" already exists', details=_details(resource, name))


def conflict(resource: Resource, name: str, why: str | None = None) -> Conflict:
    """Return Kubernetes' sentence for a write that lost a race, or `why` in its place."""
    lost = "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why or lost}'
    return Conflict(message, details=_details(resource, name))


def forbidden(resource: Resource, name: str, why: str) -> Forbidden:
    """Return `pods "x" is forbidden: why`."""
    return Forbidden(f'{resource.qualified} "{name}" is forbidden: {why}', details=_details(resource, name))


def invalid(resource: Resource, name: str, causes: Iterable[Cause]) -> Invalid:
    """Return a 422 that names every field that is wrong."""
    return invalid_kind(resource.kind, resource.group, name, causes)


def invalid_options(kind: str, cause: Cause) -> Invalid:
    """Return the 422 for how something was asked for: `CreateOptions.meta.k8s.io "" is invalid: …`."""
    return invalid_kind(kind, "meta.k8s.io", "", [cause])


def invalid_kind(kind: str, group: str, name: str, causes: Iterable[Cause]) -> Invalid:
    """Return the 422 of `invalid` for a kind that is no row of the table."""
    listed = list(causes)
    texts = [f"{cause.field}: {cause.message}" for cause in listed]
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details: dict[str, Any] = {"name": name} if name else {}
    if group:
        details["group"] = group
    details["kind"] = kind
    details["causes"] = [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in listed]
    qualified = f"{kind}.{group}" if group else kind
    return Invalid(f'{qualified} "{name}" is invalid: {text}', details=details)


def expired_watch(since: int, oldest: int) -> Expired:
    """Return the 410 for a watch that starts before the history does."""
    return Expired(f"too old resource version: {since} ({oldest})")
