"""What a cluster serves, and what an account other than our own may do in it: protocols only.

Whoever judges files against a cluster needs more than a `View`: which kinds there are and by which names people call them, and
the rights of somebody else. The room `kube` implements it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gameday.cluster import Access, Permission, View


@dataclass(frozen=True, slots=True)
class ApiResource:
    """One kind as the API serves it, with all the names that kubectl takes for it."""

    plural: str
    singular: str
    kind: str
    group: str
    version: str
    is_namespaced: bool
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """The group and version as an object's apiVersion has them."""
        return f"{self.group}/{self.version}" if self.group else self.version


@dataclass(frozen=True, slots=True)
class Served:
    """All kinds, the core's first, and the groups that did not answer, whose kinds are therefore missing."""

    resources: tuple[ApiResource, ...]
    silent_groups: tuple[str, ...] = ()

    def named(self, word: str) -> ApiResource | None:
        """Return the kind that kubectl takes a word for: plural, singular, short name or kind, with `.group` if need be."""
        name, _, group = word.lower().partition(".")
        # A group may be given with its version: deployments.v1.apps.
        groups = {group, group.partition(".")[2]} if group else set()
        for resource in self.resources:
            if name in _names(resource) and (not group or resource.group in groups):
                return resource
        return None

    def is_category(self, word: str) -> bool:
        """Say whether a word stands for several kinds, such as `all`."""
        return word == "all" or any(word in resource.categories for resource in self.resources)


@dataclass(frozen=True, slots=True)
class Account:
    """A user or service account, as an access review names it."""

    name: str
    groups: tuple[str, ...] = ()


class Discovery(View, Protocol):
    """A view that also knows what is served, and can ask about other accounts."""

    def served(self) -> Served:
        """Return the kinds that the cluster serves, each group in the version that it prefers."""

    def may_as(self, account: Account, access: Access) -> Permission:
        """Ask whether another account may do something; ForbiddenError where ours may not ask."""


def _names(resource: ApiResource) -> Sequence[str]:
    return (resource.plural, resource.singular, resource.kind.lower(), *resource.short_names)
