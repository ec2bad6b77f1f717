"""Nobody gives away what they do not have: the check that Kubernetes makes when a role or a binding is written.

A role may be written by whoever holds all that is in it, or may `escalate` roles; a binding by whoever holds all that its
role has, or may `bind` that role.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gameday.staging.access.attributes import Attributes
from gameday.staging.access.authorizer import MASTERS, Authorizer
from gameday.staging.access.rules import Rule, not_covered
from gameday.staging.access.tokens import User
from gameday.staging.errors import forbidden
from gameday.staging.resources import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES, Resource

Object = dict[str, Any]
_ROLES = (ROLES, CLUSTER_ROLES)
_BINDINGS = (ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS)


def check_escalation(authorizer: Authorizer, user: User, resource: Resource, obj: Object, old: Object | None = None) -> None:
    """Raise Forbidden if writing this role or binding would give more than its writer has; other kinds pass.

    NotFound if it is a binding to a role that is not there, and its writer may not bind it unseen.
    """
    if resource not in (*_ROLES, *_BINDINGS) or MASTERS in user.groups:
        return
    name, namespace = str(obj["metadata"].get("name", "")), str(obj["metadata"].get("namespace", ""))
    if resource in _ROLES:
        if old is not None and old.get("rules") == obj.get("rules"):
            return
        escalate = Attributes("escalate", resource.group, resource.plural, "", namespace, name)
        if not authorizer.decide(user, escalate).allowed:
            given = [Rule.of(entry) for entry in obj.get("rules") or ()]
            _check_held(authorizer, user, given, (resource, name, namespace))
        return
    if old is not None and all(old.get(key) == obj.get(key) for key in ("roleRef", "subjects")):
        return
    role = obj.get("roleRef") or {}
    kind, named = str(role.get("kind", "")), str(role.get("name", ""))
    plural = CLUSTER_ROLES.plural if kind == "ClusterRole" else ROLES.plural
    bind = Attributes("bind", resource.group, plural, "", namespace, named)
    if not authorizer.decide(user, bind).allowed:
        given = authorizer.role_rules(kind, named, namespace)
        _check_held(authorizer, user, given, (resource, name, namespace))


def _check_held(authorizer: Authorizer, user: User, given: Sequence[Rule], written: tuple[Resource, str, str]) -> None:
    resource, name, namespace = written
    missing = not_covered(given, authorizer.rules_of(user, namespace))
    if missing:
        groups = " ".join(f'"{group}"' for group in user.groups)
        listed = "\n".join(sorted(map(str, missing)))
        raise forbidden(
            resource,
            name,
            f'user "{user.name}" (groups=[{groups}]) is attempting to grant RBAC permissions not currently held:\n{listed}',
        )
