"""Role-based access control: who may do what, by the roles and bindings that are in the store.

The bindings are read into an index by subject, once after each write to one of the four kinds; a request then costs a few set
look-ups. Nothing is denied by name: what no rule allows is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from gameday.staging.access.attributes import Attributes, refusal
from gameday.staging.access.rules import Rule
from gameday.staging.access.tokens import User, account_user
from gameday.staging.errors import NotFound
from gameday.staging.resources import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES
from gameday.staging.store import Store

Object = dict[str, Any]
Subject = tuple[str, str]
MASTERS: Final = "system:masters"
_KINDS: Final = (ROLES, ROLE_BINDINGS, CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS)


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a wish is granted, and by which binding, or what was wrong with the bindings."""

    allowed: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Grant:
    namespace: str
    """Where it holds; empty for everywhere."""
    rules: tuple[Rule, ...]
    description: str
    error: str = ""


@dataclass(slots=True)
class _Index:
    revision: int = -1
    grants: dict[Subject, list[_Grant]] = field(default_factory=dict)


class Authorizer:
    """Answers what a user may do."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._index = _Index()

    def check(self, user: User, wanted: Attributes) -> None:
        """Raise Forbidden, in Kubernetes' words, if nothing allows it."""
        decision = self.decide(user, wanted)
        if not decision.allowed:
            raise refusal(user, wanted, decision.reason)

    def decide(self, user: User, wanted: Attributes) -> Decision:
        """Say whether a user may."""
        if MASTERS in user.groups:
            return Decision(allowed=True)
        errors = []
        for grant in self._grants_of(user, wanted.namespace):
            if grant.error:
                errors.append(grant.error)
            elif any(rule.allows(wanted) for rule in grant.rules):
                return Decision(allowed=True, reason=f"RBAC: allowed by {grant.description}")
        if not errors:
            return Decision(allowed=False)
        listed = ", ".join(errors)
        return Decision(allowed=False, reason=f"RBAC: {listed}" if len(errors) == 1 else f"RBAC: [{listed}]")

    def rules_of(self, user: User, namespace: str) -> list[Rule]:
        """Return every rule that holds for a user in a namespace; the cluster-wide ones alone if it is empty."""
        return [rule for grant in self._grants_of(user, namespace) for rule in grant.rules]

    def role_rules(self, kind: str, name: str, namespace: str) -> list[Rule]:
        """Return the rules of a role that a binding refers to; NotFound if there is none."""
        resource, place = (CLUSTER_ROLES, None) if kind == "ClusterRole" else (ROLES, namespace)
        return [Rule.of(entry) for entry in self._store.stored(resource, place, name).body.get("rules") or ()]

    def _grants_of(self, user: User, namespace: str) -> Iterator[_Grant]:
        if self._index.revision != (revision := self._store.revision_of(_KINDS)):
            self._index = _Index(revision, self._read())
        mine = [("User", user.name), *(("Group", group) for group in user.groups)]
        found = [grant for subject in mine for grant in self._index.grants.get(subject, ())]
        for grant in sorted(found, key=lambda item: bool(item.namespace)):
            if grant.namespace in {"", namespace}:
                yield grant

    def _read(self) -> dict[Subject, list[_Grant]]:
        grants: dict[Subject, list[_Grant]] = {}
        for resource in (CLUSTER_ROLE_BINDINGS, ROLE_BINDINGS):
            for item in self._store.listed(resource):
                for subject in item.body.get("subjects") or ():
                    grants.setdefault(_subject(subject), []).append(self._grant(item.body, subject))
        return grants

    def _grant(self, binding: Object, subject: Object) -> _Grant:
        metadata, role = binding["metadata"], binding["roleRef"]
        namespace = metadata.get("namespace", "")
        kind, name = role.get("kind", ""), role.get("name", "")
        own = f"{metadata['name']}/{namespace}" if namespace else metadata["name"]
        description = f'{binding["kind"]} "{own}" of {kind} "{name}" to {_described(subject)}'
        try:
            return _Grant(namespace, tuple(self.role_rules(kind, name, namespace)), description)
        except NotFound:
            return _Grant(namespace, (), description, f'{kind.lower()}.rbac.authorization.k8s.io "{name}" not found')


def _subject(subject: Object) -> Subject:
    if subject.get("kind") == "ServiceAccount":
        return "User", account_user(subject.get("namespace", ""), subject.get("name", ""))
    return subject.get("kind", ""), subject.get("name", "")


def _described(subject: Object) -> str:
    account = subject.get("kind") == "ServiceAccount"
    name = f"{subject.get('name')}/{subject.get('namespace')}" if account else subject.get("name")
    return f'{subject.get("kind")} "{name}"'
