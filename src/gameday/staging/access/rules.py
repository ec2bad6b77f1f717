"""One rule of a role: what it allows, and whether another rule goes beyond it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from gameday.staging.access.attributes import Attributes

Object = dict[str, Any]
ALL = "*"


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of a role's `rules`, in the order that was written."""

    verbs: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()

    @classmethod
    def of(cls, written: Object) -> Rule:
        """Build from an entry of `rules`."""
        fields = ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
        return cls(*(tuple(written.get(field) or ()) for field in fields))

    def as_object(self) -> Object:
        """Return the rule as a review shows it."""
        shown = {
            "verbs": self.verbs,
            "apiGroups": self.groups,
            "resources": self.resources,
            "resourceNames": self.names,
            "nonResourceURLs": self.urls,
        }
        return {key: list(value) for key, value in shown.items() if value}

    def allows(self, wanted: Attributes) -> bool:
        """Say whether this rule alone is enough for a request."""
        if ALL not in self.verbs and wanted.verb not in self.verbs:
            return False
        if wanted.path:
            return any(_url_fits(url, wanted.path) for url in self.urls)
        return (
            (ALL in self.groups or wanted.group in self.groups)
            and self._allows_resource(wanted.full_resource, wanted.subresource)
            and (not self.names or wanted.name in self.names)
        )

    def _allows_resource(self, resource: str, subresource: str) -> bool:
        anywhere = bool(subresource) and f"{ALL}/{subresource}" in self.resources
        return ALL in self.resources or resource in self.resources or anywhere

    def smallest(self) -> Iterator[Rule]:
        """Return the rule taken apart: one verb and one thing each."""
        for verb, url in product(self.verbs, self.urls):
            yield Rule((verb,), urls=(url,))
        for verb, group, resource in product(self.verbs, self.groups, self.resources):
            for name in self.names or (None,):
                yield Rule((verb,), (group,), (resource,), (name,) if name else ())

    def covers(self, small: Rule) -> bool:
        """Say whether this rule allows all that a smallest one does."""
        if ALL not in self.verbs and small.verbs[0] not in self.verbs:
            return False
        if small.urls:
            return any(_url_fits(url, small.urls[0]) for url in self.urls)
        resource = small.resources[0]
        return (
            (ALL in self.groups or small.groups[0] in self.groups)
            and self._allows_resource(resource, resource.partition("/")[2])
            and (not self.names or (bool(small.names) and small.names[0] in self.names))
        )

    def __str__(self) -> str:
        """Return the rule as Kubernetes words it in a refusal."""
        parts = (
            ("APIGroups", self.groups),
            ("Resources", self.resources),
            ("ResourceNames", self.names),
            ("NonResourceURLs", self.urls),
            ("Verbs", self.verbs),
        )
        return "{" + ", ".join(f"{name}:{_quoted(items)}" for name, items in parts if items) + "}"


def not_covered(wanted: Iterable[Rule], held: Iterable[Rule]) -> list[Rule]:
    """Return what of `wanted` no single rule of `held` allows, in smallest rules."""
    holding = list(held)
    return [small for rule in wanted for small in rule.smallest() if not any(rule.covers(small) for rule in holding)]


def _quoted(items: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{item}"' for item in items) + "]"


def _url_fits(rule: str, path: str) -> bool:
    return rule in {ALL, path} or (rule.endswith(ALL) and path.startswith(rule.rstrip(ALL)))
