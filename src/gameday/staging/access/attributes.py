"""What a request wants to do, in the terms that roles are written in, and the sentence that refuses it.

Read from method, path and query alone, before anything else of the request is looked at, as Kubernetes does it: so a path that is
not served is refused, too, to whoever may not ask for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gameday.staging.access.tokens import User
from gameday.staging.errors import BadRequest, Forbidden
from gameday.staging.selectors import parse_fields

_VERBS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_OF_A_NAMESPACE = frozenset({"status", "finalize"})
_FALSE = frozenset({"false", "0"})


@dataclass(frozen=True, slots=True)
class Attributes:
    """One wish: a verb, and what it is about, an object or kind, or (with `path`) a URL that is no object's."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def full_resource(self) -> str:
        """Return the resource with its subresource, as roles name it: `pods/eviction`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def attributes_of(method: str, path: str, query: Mapping[str, str]) -> Attributes:
    """Return what a request wants."""
    steps = path.strip("/").split("/")
    grouped = steps[0] == "apis"
    first = 3 if grouped else 2
    if steps[0] not in {"api", "apis"} or len(steps) <= first:
        return Attributes(method.lower(), path=path)
    group, rest = (steps[1] if grouped else ""), steps[first:]
    verb, namespace = _VERBS.get(method, ""), ""
    if rest[0] in {"watch", "proxy"} and len(rest) > 1:
        verb, rest = rest[0], rest[1:]
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in _OF_A_NAMESPACE:  # noqa: PLR2004 - namespaces/x/what is in it
            rest = rest[2:]
    resource, name, subresource = (*rest[:3], "", "", "")[:3]
    if not name and verb in {"get", "delete"}:
        if verb == "get":
            name = _name_in(query.get("fieldSelector", ""))
        verb = {"get": _reading_verb(query), "delete": "deletecollection"}[verb]
    return Attributes(verb, group, resource, subresource, namespace, name)


def _reading_verb(query: Mapping[str, str]) -> str:
    return "watch" if "watch" in query and query["watch"].lower() not in _FALSE else "list"


def _name_in(selector: str) -> str:
    """Return the one name that a field selector asks for, if it does: a role for that name then covers the list."""
    try:
        terms = parse_fields(selector).terms if selector else ()
    except BadRequest:
        return ""
    return next((term.value for term in terms if term.path == "metadata.name" and term.equal), "")


def refusal(user: User, wanted: Attributes, reason: str = "") -> Forbidden:
    """Return Kubernetes' 403 for a wish that nothing allows; `reason` is what the authorizer stumbled over."""
    why = f": {reason}" if reason else ""
    if wanted.path:
        return Forbidden(f'forbidden: User "{user.name}" cannot {wanted.verb} path "{wanted.path}"{why}', details={})
    where = f'in the namespace "{wanted.namespace}"' if wanted.namespace else "at the cluster scope"
    qualified = f"{wanted.resource}.{wanted.group}" if wanted.group else wanted.resource
    named = f'{qualified} "{wanted.name}"' if wanted.name else qualified
    details = {"name": wanted.name, "group": wanted.group, "kind": wanted.resource}
    return Forbidden(
        f'{named} is forbidden: User "{user.name}" cannot {wanted.verb} resource "{wanted.full_resource}" '
        f'in API group "{wanted.group}" {where}{why}',
        details={key: value for key, value in details.items() if value},
    )
