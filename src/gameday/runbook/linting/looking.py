"""Looking up in a cluster what runbooks name, each thing once: kinds, namespaces, objects, selectors, rights.

Everything raises a ClusterError where the cluster does not say; that is never the same as not being there.
"""

from __future__ import annotations

from functools import cache, cached_property

from gameday.cluster import Access, ObjectRef, Permission, Selection
from gameday.cluster.discovery import Account, ApiResource, Discovery, Served


class Looking:
    """Remembers what one cluster answered, since twelve runbooks ask about the same few objects."""

    def __init__(self, cluster: Discovery) -> None:
        self._cluster = cluster
        self.exists = cache(self._exists)
        self.matches = cache(self._matches)
        self.may = cache(self._may)

    @cached_property
    def served(self) -> Served:
        """What the cluster serves."""
        return self._cluster.served()

    def has_namespace(self, name: str) -> bool:
        """Say whether there is a namespace of that name."""
        return self.exists("v1", "Namespace", "", name)

    def _exists(self, api_version: str, kind: str, namespace: str, name: str) -> bool:
        return self._cluster.get(ObjectRef(api_version, kind, namespace, name)) is not None

    def _matches(self, resource: ApiResource, namespace: str, selector: str) -> bool:
        selection = Selection(resource.api_version, resource.kind, namespace, selector, only=("metadata.name",))
        return bool(self._cluster.list(selection))

    def _may(self, account: Account, access: Access) -> Permission:
        return self._cluster.may_as(account, access)
