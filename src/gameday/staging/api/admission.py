"""What every write passes on its way into the store: names that agree, a namespace that is there, defaults, rules.

The store keeps what holds for all kinds; here is what a client may not do. Controllers write past this, into the store.
"""

from __future__ import annotations

import base64
import binascii

from gameday.staging.access.escalation import check_escalation
from gameday.staging.api.call import Backend, Call
from gameday.staging.applying import remember_update
from gameday.staging.defaults import fill, prepare_new
from gameday.staging.errors import ApiError, BadRequest, Cause, invalid
from gameday.staging.history import copy_object
from gameday.staging.namespaces import check_namespace
from gameday.staging.resources import LEASES, SECRETS, Resource
from gameday.staging.shapes import shaped_as, unreadable
from gameday.staging.store import Object, Stored
from gameday.staging.validation import create_causes, update_causes
from gameday.staging.writes import merged

_MALFORMED = (AttributeError, TypeError, KeyError, ValueError, IndexError)


def metadata_of(obj: Object) -> Object:
    """Return an object's metadata, made if it is missing; BadRequest if it is no object."""
    metadata = obj.setdefault("metadata", {})
    if not isinstance(metadata, dict):
        raise BadRequest("the object provided is unrecognized: metadata must be an object")
    return metadata


def checked_kind(resource: Resource, obj: Object) -> Object:
    """Return an object without nulls; BadRequest if it is of another kind than the path is for, or misshapen.

    One without a kind is taken for the path's.
    """
    kind, version = obj.get("kind", resource.kind), obj.get("apiVersion", resource.api_version)
    if (kind, version) != (resource.kind, resource.api_version):
        own = str(version).rpartition("/")[2]
        raise BadRequest(
            f'{kind} in version "{own}" cannot be handled as a {resource.kind}: converting ({version}.{kind}) to '
            f"({resource.api_version}.{resource.kind}): unknown conversion"
        )
    found = shaped_as(resource, obj)
    if resource is SECRETS:
        _check_base64(found)
    return found


def _check_base64(secret: Object) -> None:
    for value in (secret.get("data") or {}).values():
        try:
            base64.b64decode(value or "", validate=True)
        except (binascii.Error, ValueError):
            raise unreadable(SECRETS, "illegal base64 data at input byte 0") from None


def check_place(call: Call, obj: Object) -> None:
    """Make the object's name and namespace those of the path; BadRequest if it says others."""
    metadata, target = metadata_of(obj), call.target
    if target.resource.namespaced:
        if target.namespace is None:
            raise BadRequest("an object of a namespaced kind is written at a path with its namespace")
        if metadata.setdefault("namespace", target.namespace) != target.namespace:
            raise BadRequest("the namespace of the provided object does not match the namespace sent on the request")
    if target.name is not None and metadata.setdefault("name", target.name) != target.name:
        raise BadRequest(f"the name of the object ({metadata['name']}) does not match the name on the URL ({target.name})")


def admit_new(backend: Backend, call: Call, obj: Object) -> Object:
    """Return a client's new object as it may be stored; an ApiError if it may not."""
    resource = call.target.resource
    obj = checked_kind(resource, obj)
    check_place(call, obj)
    metadata = obj["metadata"]
    if metadata.get("resourceVersion"):
        raise BadRequest("resourceVersion should not be set on objects to be created")
    check_namespace(backend.store, resource, obj)
    try:
        fill(resource, prepare_new(resource, obj))
        named = {**obj, "metadata": {**metadata, "name": metadata.get("name") or _example_name(metadata)}}
        causes = create_causes(resource, named)
    except _MALFORMED as error:
        raise _malformed(resource, error) from error
    if causes:
        raise invalid(resource, str(metadata.get("name", "")), causes)
    check_escalation(backend.authorizer, call.user, resource, obj)
    if "managedFields" not in metadata:
        remember_update(None, obj, call.manager())
    return obj


def _example_name(metadata: Object) -> str:
    return f"{metadata['generateName']}xxxxx" if metadata.get("generateName") else ""


def _malformed(resource: Resource, error: Exception) -> ApiError:
    return BadRequest(
        f"{resource.kind} in version {resource.version!r} cannot be handled as a {resource.kind}: a field has the "
        f"wrong type ({type(error).__name__}: {error})"
    )


def admit_update(backend: Backend, call: Call, old: Stored, obj: Object, *, remember: bool = True) -> Object:
    """Return a client's new version of an object as it may be stored; an ApiError if it may not."""
    target = call.target
    resource, subresource = target.resource, target.subresource
    obj = checked_kind(resource, obj)
    check_place(call, obj)
    given = obj["metadata"].get("resourceVersion")
    if resource is LEASES and not given:
        message = "Invalid value: 0: must be specified for an update"
        raise invalid(resource, call.target.own_name, [Cause("metadata.resourceVersion", message)])
    new = merged(resource, old, obj, subresource)
    new["metadata"]["uid"] = obj["metadata"].get("uid") or new["metadata"]["uid"]
    if given:
        new["metadata"]["resourceVersion"] = str(given)
    try:
        causes = [] if subresource == "status" else update_causes(resource, old.body, fill(resource, new))
    except _MALFORMED as error:
        raise _malformed(resource, error) from error
    if causes:
        raise invalid(resource, call.target.own_name, causes)
    check_escalation(backend.authorizer, call.user, resource, new, old.body)
    if remember:
        remember_update(copy_object(old.body), new, call.manager(subresource=subresource or ""))
    return new
