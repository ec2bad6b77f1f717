"""The kinds that are only asked, never stored: who am I, whose token is this, and what may I, or somebody else, do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gameday.staging.access.attributes import Attributes
from gameday.staging.access.tokens import API_AUDIENCE, User
from gameday.staging.api.call import Backend, part
from gameday.staging.errors import BadRequest, Cause, Invalid
from gameday.staging.store import Object

_AUTHENTICATION = "authentication.k8s.io/v1"
_AUTHORIZATION = "authorization.k8s.io/v1"
_RESOURCE_FIELDS = ("verb", "group", "resource", "subresource", "namespace", "name")


def _own_access(backend: Backend, user: User, spec: Object) -> Object:
    return _access(backend, user, spec, "SelfSubjectAccessReview")


def _others_access(backend: Backend, _: User, spec: Object) -> Object:
    groups = spec.get("groups") or []
    if not spec.get("user") and not groups:
        raise _invalid("SubjectAccessReview", "spec.user", "at least one of user or group must be specified")
    return _access(backend, User(str(spec.get("user", "")), tuple(groups)), spec, "SubjectAccessReview")


def _access(backend: Backend, user: User, spec: Object, kind: str) -> Object:
    about, path = part(spec, "resourceAttributes"), part(spec, "nonResourceAttributes")
    if bool(about) == bool(path):
        why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise _invalid(kind, "spec.resourceAttributes", why)
    if about:
        wanted = Attributes(**{field: str(about.get(field) or "") for field in _RESOURCE_FIELDS})
    else:
        wanted = Attributes(str(path.get("verb", "")), path=str(path.get("path", "")))
    decision = backend.authorizer.decide(user, wanted)
    return {"allowed": decision.allowed} | ({"reason": decision.reason} if decision.reason else {})


def _invalid(kind: str, field: str, why: str) -> Invalid:
    cause = Cause(field, f"Invalid value: {why}")
    details = {"kind": kind, "causes": [{"reason": cause.reason, "message": cause.message, "field": field}]}
    return Invalid(f'{kind}.authorization.k8s.io "" is invalid: {field}: {cause.message}', details=details)


def _own_rules(backend: Backend, user: User, spec: Object) -> Object:
    namespace = spec.get("namespace")
    if not namespace:
        raise BadRequest("no namespace on request")
    rules = backend.authorizer.rules_of(user, str(namespace))
    return {
        "resourceRules": [rule.as_object() for rule in rules if rule.resources],
        "nonResourceRules": [rule.as_object() for rule in rules if rule.urls],
        "incomplete": False,
    }


def _myself(_: Backend, user: User, __: Object) -> Object:
    return {"userInfo": _shown(user)}


def _token(backend: Backend, _: User, spec: Object) -> Object:
    wanted = [str(item) for item in spec.get("audiences") or (API_AUDIENCE,)]
    for audience in wanted:
        user = backend.tokens.user_of_token(str(spec.get("token", "")), backend.now(), audience)
        if user is not None:
            return {"authenticated": True, "user": _shown(user), "audiences": [audience]}
    return {"authenticated": False, "user": {}, "error": "[invalid bearer token, unknown]"}


def _shown(user: User) -> Object:
    shown: Object = {"username": user.name, "uid": user.uid, "groups": list(user.groups)}
    extra: dict[str, list[str]] = {}
    for key, value in user.extra:
        extra.setdefault(key, []).append(value)
    shown["extra"] = extra
    return {key: value for key, value in shown.items() if value}


_REVIEWS: dict[tuple[str, str], Callable[[Backend, User, Object], Object]] = {
    (_AUTHORIZATION, "selfsubjectaccessreviews"): _own_access,
    (_AUTHORIZATION, "subjectaccessreviews"): _others_access,
    (_AUTHORIZATION, "localsubjectaccessreviews"): _others_access,
    (_AUTHORIZATION, "selfsubjectrulesreviews"): _own_rules,
    (_AUTHENTICATION, "selfsubjectreviews"): _myself,
    (_AUTHENTICATION, "tokenreviews"): _token,
}
KINDS = {
    "selfsubjectaccessreviews": "SelfSubjectAccessReview",
    "subjectaccessreviews": "SubjectAccessReview",
    "localsubjectaccessreviews": "LocalSubjectAccessReview",
    "selfsubjectrulesreviews": "SelfSubjectRulesReview",
    "selfsubjectreviews": "SelfSubjectReview",
    "tokenreviews": "TokenReview",
}
PLURALS = {
    api_version: [plural for version, plural in _REVIEWS if version == api_version]
    for api_version in (_AUTHENTICATION, _AUTHORIZATION)
}


def is_review(path: str) -> bool:
    """Say whether a path is a review's."""
    return _key(path)[:2] in _REVIEWS


def review(backend: Backend, path: str, body: Any, user: User) -> Object:
    """Return the review that was sent, with its answer as the status; BadRequest or Invalid if it asks nothing."""
    version, plural, namespace = _key(path)
    asked = body if isinstance(body, dict) else {}
    spec = part(asked, "spec")
    if namespace and part(spec, "resourceAttributes").get("namespace") != namespace:
        raise BadRequest(f"spec.resourceAttributes.namespace must match namespace: {namespace}")
    head = {"kind": KINDS[plural], "apiVersion": version, "metadata": {"creationTimestamp": None}}
    status = _REVIEWS[version, plural](backend, user, spec)
    return head | ({"spec": spec} if spec else {}) | {"status": status}


def _key(path: str) -> tuple[str, str, str]:
    """Return version, plural and namespace; a plural that is local has a namespace, and no other has."""
    steps, namespace = path.strip("/").split("/"), ""
    if len(steps) == 6 and steps[3] == "namespaces":  # noqa: PLR2004 - apis/group/version/namespaces/x/plural
        namespace, steps = steps[4], [*steps[:3], steps[5]]
    if len(steps) != 4 or steps[0] != "apis" or steps[3].startswith("local") != bool(namespace):  # noqa: PLR2004 - as above
        return "", "", ""
    return "/".join(steps[1:3]), steps[3], namespace
