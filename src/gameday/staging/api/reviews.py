"""The kinds that are only asked, never stored: who am I, and what may I do. Whoever has a token may do everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gameday.staging.api.tokens import User
from gameday.staging.store import Object

_AUTHENTICATION = "authentication.k8s.io/v1"
_AUTHORIZATION = "authorization.k8s.io/v1"


def _allowed(_: User) -> Object:
    return {"allowed": True, "reason": "the embedded cluster has no RBAC: whoever has a token may do everything"}


def _rules(_: User) -> Object:
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    anywhere = {"verbs": ["*"], "nonResourceURLs": ["*"]}
    return {"resourceRules": [everything], "nonResourceRules": [anywhere], "incomplete": False}


def _myself(user: User) -> Object:
    return {"userInfo": {"username": user.name, "uid": user.uid, "groups": list(user.groups)}}


_REVIEWS: dict[tuple[str, str], Callable[[User], Object]] = {
    (_AUTHORIZATION, "selfsubjectaccessreviews"): _allowed,
    (_AUTHORIZATION, "subjectaccessreviews"): _allowed,
    (_AUTHORIZATION, "localsubjectaccessreviews"): _allowed,
    (_AUTHORIZATION, "selfsubjectrulesreviews"): _rules,
    (_AUTHENTICATION, "selfsubjectreviews"): _myself,
}
KINDS = {
    "selfsubjectaccessreviews": "SelfSubjectAccessReview",
    "subjectaccessreviews": "SubjectAccessReview",
    "localsubjectaccessreviews": "LocalSubjectAccessReview",
    "selfsubjectrulesreviews": "SelfSubjectRulesReview",
    "selfsubjectreviews": "SelfSubjectReview",
}
PLURALS = {
    api_version: [plural for version, plural in _REVIEWS if version == api_version]
    for api_version in (_AUTHENTICATION, _AUTHORIZATION)
}


def is_review(path: str) -> bool:
    """Say whether a path is a review's."""
    return _key(path) in _REVIEWS


def review(path: str, body: Any, user: User) -> Object:
    """Return the review that was sent, with its answer as the status."""
    version, plural = _key(path)
    asked = body if isinstance(body, dict) else {}
    head = {"kind": KINDS[plural], "apiVersion": version, "metadata": {"creationTimestamp": None}}
    spec = {"spec": asked["spec"]} if "spec" in asked else {}
    return head | spec | {"status": _REVIEWS[version, plural](user)}


def _key(path: str) -> tuple[str, str]:
    steps = path.strip("/").split("/")
    if len(steps) == 6 and steps[3] == "namespaces":  # noqa: PLR2004 - apis/group/version/namespaces/x/plural
        steps = [*steps[:3], steps[5]]
    return ("/".join(steps[1:3]), steps[3]) if len(steps) == 4 and steps[0] == "apis" else ("", "")  # noqa: PLR2004
