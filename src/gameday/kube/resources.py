"""Where the objects of a kind live in the API's URLs: known kinds from a table, the others by asking the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from gameday.errors import BadParameterError


@dataclass(frozen=True, slots=True)
class Resource:
    """The plural under which a kind is served, and whether its objects live in namespaces."""

    plural: str
    namespaced: bool


_KNOWN: Mapping[tuple[str, str], Resource] = {
    ("v1", "ConfigMap"): Resource("configmaps", True),
    ("v1", "Event"): Resource("events", True),
    ("v1", "Namespace"): Resource("namespaces", False),
    ("v1", "Node"): Resource("nodes", False),
    ("v1", "Pod"): Resource("pods", True),
    ("v1", "Secret"): Resource("secrets", True),
    ("v1", "Service"): Resource("services", True),
    ("apps/v1", "DaemonSet"): Resource("daemonsets", True),
    ("apps/v1", "Deployment"): Resource("deployments", True),
    ("apps/v1", "ReplicaSet"): Resource("replicasets", True),
    ("apps/v1", "StatefulSet"): Resource("statefulsets", True),
    ("autoscaling/v2", "HorizontalPodAutoscaler"): Resource("horizontalpodautoscalers", True),
    ("coordination.k8s.io/v1", "Lease"): Resource("leases", True),
    ("discovery.k8s.io/v1", "EndpointSlice"): Resource("endpointslices", True),
    ("policy/v1", "PodDisruptionBudget"): Resource("poddisruptionbudgets", True),
}


class ResourceMap:
    """Answers where a kind is served; asks the server at most once for each group and version."""

    def __init__(self, fetch: Callable[[str], Mapping[str, Any]]) -> None:
        """Take `fetch`, which gets a path of the API as JSON."""
        self._fetch = fetch
        self._found = dict(_KNOWN)

    def path(self, api_version: str, kind: str, namespace: str = "", name: str = "") -> str:
        """Return the URL path of an object, or of all objects of the kind; BadParameterError for a kind that is not served."""
        resource = self._resource(api_version, kind)
        path = _root(api_version)
        if namespace and resource.namespaced:
            path += f"/namespaces/{quote(namespace, safe='')}"
        path += f"/{resource.plural}"
        return f"{path}/{quote(name, safe='')}" if name else path

    def _resource(self, api_version: str, kind: str) -> Resource:
        if (api_version, kind) not in self._found:
            for entry in self._fetch(_root(api_version)).get("resources", ()):
                if "/" not in entry["name"]:
                    resource = Resource(entry["name"], bool(entry["namespaced"]))
                    self._found.setdefault((api_version, entry["kind"]), resource)
        try:
            return self._found[api_version, kind]
        except KeyError:
            raise BadParameterError(f"the cluster serves no kind {kind!r} in {api_version!r}") from None


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
