"""The rules of roles and bindings: a rule that can allow something, subjects that can be meant, a role that stays the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gameday.staging.errors import Cause

Object = dict[str, Any]
GROUP = "rbac.authorization.k8s.io"
_SUBJECTS = ("ServiceAccount", "User", "Group")
_ROLES = ("Role", "ClusterRole")


def fill_binding(obj: Object) -> None:
    """Fill in the API groups that a binding may leave out."""
    (obj.get("roleRef") or {}).setdefault("apiGroup", GROUP)
    for subject in obj.get("subjects") or ():
        if subject.get("kind") in {"User", "Group"}:
            subject.setdefault("apiGroup", GROUP)


def role_causes(obj: Object) -> Iterator[Cause]:
    """Return what is wrong with a Role or ClusterRole."""
    for index, rule in enumerate(obj.get("rules") or ()):
        at = f"rules[{index}]"
        if not rule.get("verbs"):
            yield _required(f"{at}.verbs", "verbs must contain at least one value")
        if rule.get("nonResourceURLs"):
            if "namespace" in obj["metadata"]:
                why = "Invalid value: namespaced rules cannot apply to non-resource URLs"
                yield Cause(f"{at}.nonResourceURLs", why)
            if any(rule.get(field) for field in ("apiGroups", "resources", "resourceNames")):
                why = "Invalid value: rules cannot apply to both regular resources and non-resource URLs"
                yield Cause(f"{at}.nonResourceURLs", why)
            continue
        if not rule.get("apiGroups"):
            yield _required(f"{at}.apiGroups", "resource rules must supply at least one api group")
        if not rule.get("resources"):
            yield _required(f"{at}.resources", "resource rules must supply at least one resource")


def binding_causes(obj: Object) -> Iterator[Cause]:
    """Return what is wrong with a RoleBinding or ClusterRoleBinding."""
    role = obj.get("roleRef") or {}
    known = _ROLES if obj["metadata"].get("namespace") else _ROLES[1:]
    if role.get("apiGroup", GROUP) != GROUP:
        yield _unsupported("roleRef.apiGroup", role["apiGroup"], (GROUP,))
    if role.get("kind") not in known:
        yield _unsupported("roleRef.kind", role.get("kind", ""), known)
    if not role.get("name"):
        yield _required("roleRef.name")
    for index, subject in enumerate(obj.get("subjects") or ()):
        at = f"subjects[{index}]"
        if not subject.get("name"):
            yield _required(f"{at}.name")
        if subject.get("kind") not in _SUBJECTS:
            yield _unsupported(f"{at}.kind", subject.get("kind", ""), _SUBJECTS)
        elif subject["kind"] == "ServiceAccount" and not subject.get("namespace"):
            yield _required(f"{at}.namespace")


def binding_update_causes(old: Object, new: Object) -> Iterator[Cause]:
    """Return a cause if a binding would come to mean another role."""
    if old.get("roleRef") != new.get("roleRef"):
        yield Cause("roleRef", f"Invalid value: {new.get('roleRef')}: cannot change roleRef")


def _required(field: str, why: str = "") -> Cause:
    return Cause(field, f"Required value{': ' if why else ''}{why}", "FieldValueRequired")


def _unsupported(field: str, found: str, known: tuple[str, ...]) -> Cause:
    listed = ", ".join(f'"{item}"' for item in known)
    return Cause(field, f'Unsupported value: "{found}": supported values: {listed}', "FieldValueNotSupported")
