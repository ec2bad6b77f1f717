"""Read a path of the Kubernetes API: which kind, namespace, name and subresource it means.

Says no the way the API does: 404 for a path that Kubernetes would not know either, 501 with the reason for what it
would know and this cluster lacks.
"""

from __future__ import annotations

from dataclasses import dataclass

from gameday.staging.errors import NotFound, NotImplemented501
from gameday.staging.resources import METRICS, NAMESPACES, RESOURCES, UNSERVED, Resource

_BY_PATH = {(row.group, row.version, row.plural): row for row in (*RESOURCES, *METRICS)}
_OF_A_NAMESPACE = frozenset({"status", "finalize"})
_OTHER_VERSIONS = {("autoscaling", "horizontalpodautoscalers"): ("v1",)}
"""Versions that Kubernetes still serves, and this cluster does not."""
UNKNOWN_PATH = "the server could not find the requested resource"


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about; without a name, the collection."""

    resource: Resource
    namespace: str | None = None
    name: str | None = None
    subresource: str | None = None

    @property
    def own_name(self) -> str:
        """Return the name; NotFound for a collection, which has none."""
        if self.name is None:
            raise unknown_path()
        return self.name


def unknown_path() -> NotFound:
    """Return the 404 for a path that nothing is behind."""
    return NotFound(UNKNOWN_PATH)


def parse_target(path: str) -> Target:
    """Return what `path` is about; NotFound or NotImplemented501 if that cannot be served."""
    steps = path.strip("/").split("/")
    if steps[0] == "api":
        group, version, rest = "", steps[1] if len(steps) > 1 else "", steps[2:]
    elif steps[0] == "apis" and len(steps) > 2:  # noqa: PLR2004 - apis, group, version
        group, version, rest = steps[1], steps[2], steps[3:]
    else:
        raise unknown_path()
    if rest and rest[0] == "watch":
        raise NotImplemented501("the deprecated /watch/ paths are not served; use ?watch=1 on the list")
    namespace: str | None = None
    own = len(rest) <= 2 or (len(rest) == 3 and rest[2] in _OF_A_NAMESPACE)  # noqa: PLR2004 - namespaces/x/status
    if rest and rest[0] == NAMESPACES.plural and not own:
        namespace, rest = rest[1], rest[2:]
    if not rest or not all(rest):
        raise unknown_path()
    resource = _BY_PATH.get((group, version, rest[0]))
    if resource is None:
        raise _unserved(group, version, rest[0])
    if namespace is not None and not resource.namespaced:
        raise unknown_path()
    name = rest[1] if len(rest) > 1 else None
    if name is not None and resource.namespaced and namespace is None:
        raise unknown_path()
    return Target(resource, namespace, name, "/".join(rest[2:]) or None)


def _unserved(group: str, version: str, plural: str) -> NotFound | NotImplemented501:
    reason = UNSERVED.get((group, plural))
    if reason:
        return NotImplemented501(reason)
    served = [row.version for row in RESOURCES if (row.group, row.plural) == (group, plural)]
    if served and version in _OTHER_VERSIONS.get((group, plural), ()):
        return NotImplemented501(f"the embedded cluster serves {plural} in version {served[0]} only, not {version}")
    return unknown_path()
