"""Making the one request that the guardian allowed, and saying of a failure whether it certainly did not happen.

Only the worker calls this. It decides nothing: the request comes ready-made, preconditions included. What is no request to a
cluster (`load`) is made through the guardian, by the engine.
"""

from __future__ import annotations

from typing import Any

from gameday.cluster import Cluster, Json, ObjectRef
from gameday.errors import RefusedError, ServerError, UnreachableError
from gameday.undo.owing import Operation


def perform(cluster: Cluster, operation: Operation) -> Json | None:
    """Make the request; return the object as the server then has it, or None for one that was taken away."""
    match operation.verb:
        case "patch":
            return cluster.patch(operation.ref, operation.body)
        case "create":
            return cluster.create(operation.body)
        case "delete":
            cluster.delete(operation.ref, grace_seconds=operation.grace_seconds, resource_version=operation.resource_version)
        case "evict":
            cluster.evict(operation.ref, grace_seconds=operation.grace_seconds)
        case _:
            raise RefusedError(f"this worker knows no way to {operation.verb!r}; guardian and worker are of different versions")
    return None


def is_definite(error: RefusedError) -> bool:
    """Say whether a failed request certainly changed nothing, since the server said no; unanswered or with a 5xx it may have."""
    return not isinstance(error, UnreachableError | ServerError)


def to_wire(operation: Operation) -> dict[str, Any]:
    """Return the operation as JSON, for the line to the worker."""
    ref = operation.ref
    return {
        "verb": operation.verb,
        "ref": [ref.api_version, ref.kind, ref.namespace, ref.name, ref.uid],
        "body": operation.body,
        "grace_seconds": operation.grace_seconds,
        "resource_version": operation.resource_version,
    }


def from_wire(data: dict[str, Any]) -> Operation:
    """Return the operation that `to_wire` wrote."""
    return Operation(**{**data, "ref": ObjectRef(*data["ref"])})
