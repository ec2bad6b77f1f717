"""The small subresources: binding a pod, a token for a service account, ending a namespace; and those there are not."""

from __future__ import annotations

from aiohttp import web

from gameday.staging.access.tokens import API_AUDIENCE
from gameday.staging.api.answers import json_answer, object_answer, shape_of, success
from gameday.staging.api.call import Backend, Call, part
from gameday.staging.controllers.ownership import write_status
from gameday.staging.errors import BadRequest, Invalid, NotImplemented501, conflict
from gameday.staging.resources import NAMESPACES, PODS, SECRETS
from gameday.staging.shapes import shaped_as
from gameday.staging.store import Object, timestamp

_DEFAULT_TOKEN_SECONDS = 3600
_MIN_TOKEN_SECONDS = 600
_MAX_TOKEN_SECONDS = 1 << 32
_BINDABLE = {"Pod": PODS, "Secret": SECRETS}
ABSENT = {
    "exec": "exec into a pod is not served by the embedded cluster: its pods share the host's process namespace",
    "attach": "attaching to a pod is not served by the embedded cluster",
    "portforward": (
        "port forwarding is not served by the embedded cluster: a pod's address is reachable from this machine as it is"
    ),
    "ephemeralcontainers": "ephemeral containers are not served by the embedded cluster",
    "resize": "resizing a pod in place is not served by the embedded cluster",
}
"""Subresources that Kubernetes has and this cluster has not, with the reason for the 501."""


def absent(subresource: str) -> NotImplemented501 | None:
    """Return the 501 for a subresource that the cluster lacks; None if nobody has it."""
    reason = ABSENT.get(subresource.partition("/")[0])
    return NotImplemented501(reason) if reason else None


async def bind_pod(backend: Backend, call: Call) -> web.StreamResponse:
    """Answer a POST to pods/binding: the pod belongs to that node from now on."""
    body, target = await call.object(), call.target
    node = part(body, "target").get("name")
    if not isinstance(node, str) or not node:
        raise BadRequest("target.name: Required value: the node to bind the pod to")
    pod = backend.store.get(PODS, target.namespace, target.own_name)
    taken = pod["spec"].get("nodeName")
    if taken:
        raise conflict(PODS, target.own_name, f'pod {target.own_name} is already assigned to node "{taken}"')
    if pod["metadata"].get("deletionTimestamp"):
        raise conflict(PODS, target.own_name, f"pod {target.own_name} is being deleted, cannot be assigned to a host")
    pod["spec"]["nodeName"] = node
    if not call.dry_run:
        scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": call.time}
        status = pod.get("status") or {}
        others = [item for item in status.get("conditions") or () if item["type"] != "PodScheduled"]
        bound = backend.store.update(PODS, pod)
        write_status(backend.store, PODS, bound, {**status, "conditions": [*others, scheduled]})
    return success(PODS, target.own_name, code=201)


async def request_token(backend: Backend, call: Call) -> web.StreamResponse:
    """Answer a POST to serviceaccounts/token: a token of that account, for a time."""
    body, target = await call.object(), call.target
    account = backend.store.stored(target.resource, target.namespace, target.own_name).body["metadata"]
    spec = part(body, "spec")
    seconds = spec.get("expirationSeconds") or _DEFAULT_TOKEN_SECONDS
    if not isinstance(seconds, int):
        raise BadRequest(f"spec.expirationSeconds: expected a whole number of seconds, but got {seconds!r}")
    if not _MIN_TOKEN_SECONDS <= seconds <= _MAX_TOKEN_SECONDS:
        raise _invalid_life(seconds)
    audiences = [str(item) for item in spec.get("audiences") or (API_AUDIENCE,)]
    bound = _bound_object(backend, account, part(spec, "boundObjectRef"))
    issued = backend.tokens.issue(account, now=backend.now(), seconds=seconds, audiences=audiences, bound=bound)
    answer = {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": account["name"], "namespace": account["namespace"], "creationTimestamp": call.time},
        "spec": {**spec, "audiences": audiences, "expirationSeconds": seconds},
        "status": {"token": issued.token, "expirationTimestamp": timestamp(issued.expires)},
    }
    return json_answer(answer, code=201)


def _invalid_life(seconds: int) -> Invalid:
    bound = "less than 10 minutes" if seconds < _MIN_TOKEN_SECONDS else "larger than 2^32 seconds"
    field, told = "spec.expirationSeconds", f"Invalid value: {seconds}: may not specify a duration {bound}"
    cause = {"reason": "FieldValueInvalid", "message": told, "field": field}
    details = {"group": "authentication.k8s.io", "kind": "TokenRequest", "causes": [cause]}
    return Invalid(f'TokenRequest.authentication.k8s.io "" is invalid: {field}: {told}', details=details)


def _bound_object(backend: Backend, account: Object, reference: Object) -> tuple[str, Object] | None:
    """Return kind and metadata of the pod or Secret that a token shall end with; an ApiError if it cannot."""
    if not reference:
        return None
    kind, name = reference.get("kind"), str(reference.get("name", ""))
    resource = _BINDABLE.get(str(kind))
    if resource is None:
        raise BadRequest(f'cannot bind token to object of type "{reference.get("apiVersion", "")}, Kind={kind}"')
    found = backend.store.stored(resource, account["namespace"], name).body
    if resource is PODS and found["spec"].get("serviceAccountName") != account["name"]:
        who = f'cannot bind token for serviceaccount "{account["name"]}" to pod running with different serviceaccount name.'
        raise BadRequest(who)
    uid = found["metadata"]["uid"]
    if reference.get("uid") not in {None, "", uid}:
        why = (
            f"the UID in the bound object reference ({reference['uid']}) does not match the UID in record. The object might "
            "have been deleted and then recreated"
        )
        raise conflict(resource, name, why)
    return str(kind), found["metadata"]


async def finalize_namespace(backend: Backend, call: Call) -> web.StreamResponse:
    """Answer a PUT to namespaces/finalize: only the finalizers are taken from it."""
    body = await call.object()
    namespace = backend.store.get(NAMESPACES, None, call.target.own_name)
    namespace["spec"]["finalizers"] = shaped_as(NAMESPACES, body).get("spec", {}).get("finalizers", [])
    return object_answer(shape_of(call.http), NAMESPACES, backend.store.update(NAMESPACES, namespace))
