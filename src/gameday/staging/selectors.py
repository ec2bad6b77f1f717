"""Label and field selectors: parsed once, then matched against objects.

The grammar is Kubernetes': `a=b,c!=d,e in (f,g),h notin (i),j,!k` for labels, `metadata.name=x,status.phase!=y` for
fields. Which fields a kind may be selected by is the API's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gameday.staging.errors import BadRequest

_KEY = r"[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?"
_SET = re.compile(rf"^(?P<key>{_KEY})\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUAL = re.compile(rf"^(?P<key>{_KEY})\s*(?P<operator>==|=|!=)\s*(?P<value>[-A-Za-z0-9_.]*)$")
_EXISTS = re.compile(rf"^(?P<not>!?)\s*(?P<key>{_KEY})$")
_COMMA_OUTSIDE_PARENTHESES = re.compile(r",(?![^()]*\))")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label; `operator` is a label selector's: In, NotIn, Exists, DoesNotExist."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether these labels meet the condition; a label that is absent meets NotIn."""
        value = labels.get(self.key)
        if self.operator == "In":
            return value is not None and value in self.values
        if self.operator == "NotIn":
            return value is None or value not in self.values
        return (value is not None) == (self.operator == "Exists")


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """A conjunction of requirements; an empty one matches everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        """Say whether an object with these labels is selected."""
        given = labels or {}
        return all(requirement.matches(given) for requirement in self.requirements)

    @classmethod
    def of(cls, selector: Mapping[str, Any] | None) -> LabelSelector:
        """Build from a `spec.selector`: matchLabels and matchExpressions, or a Service's plain map of labels.

        None selects nothing in Kubernetes; here the caller decides, and None gives the empty selector.
        """
        given = selector or {}
        if "matchLabels" not in given and "matchExpressions" not in given:
            return cls.of_labels(given)
        expressions = tuple(
            Requirement(item["key"], item["operator"], frozenset(item.get("values") or ()))
            for item in given.get("matchExpressions") or ()
        )
        return cls(cls.of_labels(given.get("matchLabels") or {}).requirements + expressions)

    @classmethod
    def of_labels(cls, labels: Mapping[str, str]) -> LabelSelector:
        """Build from a plain map of labels, all of which must be there."""
        return cls(tuple(Requirement(key, "In", frozenset((value,))) for key, value in labels.items()))


@lru_cache(maxsize=256)
def parse_labels(text: str) -> LabelSelector:
    """Parse a `labelSelector` of a query; BadRequest, with the part that is wrong, if it cannot be read."""
    parts = [part.strip() for part in _COMMA_OUTSIDE_PARENTHESES.split(text)] if text.strip() else []
    return LabelSelector(tuple(_requirement(part, text) for part in parts))


def _requirement(part: str, whole: str) -> Requirement:
    if match := _SET.match(part):
        values = frozenset(value.strip() for value in match["values"].split(","))
        return Requirement(match["key"], {"in": "In", "notin": "NotIn"}[match["operator"]], values)
    if match := _EQUAL.match(part):
        operator = "NotIn" if match["operator"] == "!=" else "In"
        return Requirement(match["key"], operator, frozenset((match["value"],)))
    if match := _EXISTS.match(part):
        return Requirement(match["key"], "DoesNotExist" if match["not"] else "Exists")
    raise BadRequest(f'unable to parse requirement: found "{part}" in the label selector "{whole}"')


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """One `path=value`, or `path!=value` where `equal` is false."""

    path: str
    value: str
    equal: bool

    def matches(self, obj: Mapping[str, Any]) -> bool:
        """Say whether the object's field, as text (absent is empty), has that value."""
        return (field_text(obj, self.path) == self.value) == self.equal


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """A conjunction of terms; an empty one matches everything."""

    terms: tuple[FieldTerm, ...] = ()

    def matches(self, obj: Mapping[str, Any]) -> bool:
        """Say whether the object is selected."""
        return all(term.matches(obj) for term in self.terms)

    @classmethod
    def named(cls, name: str) -> FieldSelector:
        """Build the selector of one object by its name."""
        return cls((FieldTerm("metadata.name", name, equal=True),))

    def paths(self) -> Iterable[str]:
        """Return the fields that it looks at."""
        return (term.path for term in self.terms)


@lru_cache(maxsize=256)
def parse_fields(text: str) -> FieldSelector:
    """Parse a `fieldSelector` of a query; BadRequest if it cannot be read."""
    terms = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        path, operator, value = _split_term(part)
        if not operator:
            raise BadRequest(f'invalid selector: "{text}"; can\'t understand "{part}"')
        terms.append(FieldTerm(path.strip(), value.strip(), operator != "!="))
    return FieldSelector(tuple(terms))


def _split_term(part: str) -> tuple[str, str, str]:
    for operator in ("!=", "==", "="):
        if operator in part:
            return part.partition(operator)
    return part, "", ""


def field_text(obj: Mapping[str, Any], path: str) -> str:
    """Return a dotted field as field selectors compare it: text, booleans in lower case, absent as empty."""
    value: Any = obj
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
