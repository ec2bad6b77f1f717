"""What a server answers: JSON, or an error of ours that says what was asked, of whom, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from gameday.cluster import Json
from gameday.errors import (
    ClusterError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    NotNowError,
    RefusedError,
    ServerError,
    UnauthenticatedError,
)

UNAUTHENTICATED = 401
_SERVER_FAILED = 500


class UnprocessableError(RefusedError):
    """The server understood the request and found it wrong (422)."""


_ERRORS: Mapping[int, type[RefusedError]] = {
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    412: ConflictError,
    422: UnprocessableError,
    429: NotNowError,
}


def error_of(status: int, data: bytes, what: str, server: str) -> RefusedError:
    """Return the error that a status is: what was asked, of whom, what the server said, and the next step where one is known."""
    text = f"the cluster at {server} answered {status} to {what}: {_message(data)}"
    if status == UNAUTHENTICATED:
        text = (
            f"the cluster at {server} does not accept these credentials, or not any more ({status} to {what}: {_message(data)}). "
            "Log in again or renew the token in the kubeconfig, or choose another --context; who you are: kubectl auth whoami"
        )
    return _ERRORS.get(status, ServerError if status >= _SERVER_FAILED else ClusterError)(text)


def is_status(data: bytes) -> bool:
    """Say whether an answer is the API's own word that something failed, and not what a program behind it said."""
    try:
        answer = orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return isinstance(answer, dict) and (answer.get("kind"), answer.get("apiVersion")) == ("Status", "v1")


def json_of(data: bytes, what: str, server: str) -> Json:
    """Return an answer's object; ClusterError where it is none, which is how a proxy's page or another server looks."""
    try:
        answer = orjson.loads(data or b"{}")
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        raise ClusterError(
            f"expected an object of the Kubernetes API from {server} to {what}, but got: "
            f"{data[:100].decode(errors='replace')!r}. Is this the address of a cluster?"
        )
    return answer


def _message(data: bytes) -> str:
    try:
        status = orjson.loads(data)
    except orjson.JSONDecodeError:
        return data[:200].decode(errors="replace") or "(no text)"
    return str(status.get("message") or status) if isinstance(status, dict) else str(status)
