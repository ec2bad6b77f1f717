"""EndpointSlices and Endpoints: which pods stand behind a Service, and which of them are ready."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, Final

from gameday.staging.controllers.ownership import owner_reference, ready_since
from gameday.staging.controllers.queue import Controller, own_key
from gameday.staging.errors import NotFound
from gameday.staging.history import Entry
from gameday.staging.resources import ENDPOINT_SLICES, ENDPOINTS, NODES, PODS, SERVICES, Resource
from gameday.staging.store import Store

Object = dict[str, Any]
Ports = tuple[tuple[str, int, str], ...]
"""(name, number, protocol) of each port, as one group of pods serves them."""
SERVICE_LABEL: Final = "kubernetes.io/service-name"
_MANAGED_BY: Final = {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}


class ServiceEndpoints:
    """Keeps one EndpointSlice for each Service and set of ports, and the older Endpoints beside it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def controller(self) -> Controller:
        """Return how this hangs on the store."""
        return Controller("endpointslice", {SERVICES: own_key, PODS: self._keys_of_pod}, self.reconcile)

    def reconcile(self, key: tuple[str, str]) -> None:
        """Write what stands behind one Service."""
        namespace, name = key
        try:
            service = self._store.stored(SERVICES, namespace, name).body
        except NotFound:
            return
        if not service["spec"].get("selector") or "deletionTimestamp" in service["metadata"]:
            return
        groups = self._groups(service)
        self._write_slices(service, groups)
        self._write_endpoints(service, groups)

    def _groups(self, service: Object) -> dict[Ports, list[Object]]:
        selector = ",".join(f"{key}={value}" for key, value in service["spec"]["selector"].items())
        groups: dict[Ports, list[Object]] = {}
        for item in self._store.listed(PODS, service["metadata"]["namespace"], selector):
            pod = item.body
            status = pod.get("status") or {}
            if status.get("podIP") and status.get("phase") not in {"Succeeded", "Failed"}:
                groups.setdefault(_ports(service, pod), []).append(self._endpoint(service, pod))
        return groups or {_ports(service, None): []}

    def _endpoint(self, service: Object, pod: Object) -> Object:
        serving = ready_since(pod) is not None
        terminating = "deletionTimestamp" in pod["metadata"]
        publish = bool(service["spec"].get("publishNotReadyAddresses"))
        node = pod["spec"]["nodeName"]
        endpoint: Object = {
            "addresses": [pod["status"]["podIP"]],
            "conditions": {"ready": publish or (serving and not terminating), "serving": serving, "terminating": terminating},
            "nodeName": node,
            "targetRef": {
                "kind": "Pod",
                "namespace": pod["metadata"]["namespace"],
                "name": pod["metadata"]["name"],
                "uid": pod["metadata"]["uid"],
            },
        }
        if pod["spec"].get("hostname") and pod["spec"].get("subdomain") == service["metadata"]["name"]:
            endpoint["hostname"] = pod["spec"]["hostname"]
        zone = self._zone(node)
        return {**endpoint, "zone": zone} if zone else endpoint

    def _zone(self, node: str) -> str:
        try:
            labels = self._store.stored(NODES, None, node).body["metadata"].get("labels") or {}
        except NotFound:
            return ""
        return str(labels.get("topology.kubernetes.io/zone", ""))

    def _write_slices(self, service: Object, groups: dict[Ports, list[Object]]) -> None:
        metadata = service["metadata"]
        listed = self._store.listed(ENDPOINT_SLICES, metadata["namespace"], f"{SERVICE_LABEL}={metadata['name']}")
        standing = {_slice_ports(item.body): item.body for item in listed if _is_ours(item.body)}
        for ports, endpoints in groups.items():
            wanted = {"endpoints": endpoints, "ports": _as_objects(ports)}
            before = standing.pop(ports, None)
            if before is None:
                self._store.create(ENDPOINT_SLICES, _new_slice(service) | wanted)
            elif (before.get("endpoints"), before.get("ports")) != (wanted["endpoints"], wanted["ports"]):
                self._store.update(ENDPOINT_SLICES, {**before, **wanted})
        for left in standing.values():
            self._store.delete(ENDPOINT_SLICES, metadata["namespace"], left["metadata"]["name"])

    def _write_endpoints(self, service: Object, groups: dict[Ports, list[Object]]) -> None:
        subsets = []
        for ports, endpoints in groups.items():
            ready = [_address(item) for item in endpoints if item["conditions"]["ready"]]
            unready = [_address(item) for item in endpoints if not item["conditions"]["ready"]]
            addresses = {"addresses": ready} if ready else {}
            addresses |= {"notReadyAddresses": unready} if unready else {}
            if addresses:
                subsets.append({**addresses, "ports": _as_objects(ports)})
        metadata = {"name": service["metadata"]["name"], "namespace": service["metadata"]["namespace"]}
        labels = service["metadata"].get("labels") or {}
        wanted = {"metadata": {**metadata, "labels": labels, "ownerReferences": [owner_reference(service)]}, "subsets": subsets}
        self._put(ENDPOINTS, wanted)

    def _put(self, resource: Resource, wanted: Object) -> None:
        metadata = wanted["metadata"]
        try:
            before = self._store.get(resource, metadata["namespace"], metadata["name"])
        except NotFound:
            self._store.create(resource, wanted)
            return
        self._store.update(resource, {**before, "subsets": wanted["subsets"]})

    def _keys_of_pod(self, entry: Entry) -> Iterable[Hashable]:
        """Return the Services that select the pod, or did before this write."""
        namespace = entry.stored.body["metadata"]["namespace"]
        versions = [entry.stored.body["metadata"].get("labels") or {}]
        if entry.previous is not None:
            versions.append(entry.previous.body["metadata"].get("labels") or {})
        for item in self._store.listed(SERVICES, namespace):
            selector = item.body["spec"].get("selector") or {}
            if selector and any(selector.items() <= labels.items() for labels in versions):
                yield namespace, item.body["metadata"]["name"]


def _ports(service: Object, pod: Object | None) -> Ports:
    """Return the numbers of a Service's target ports on this pod; a name that it does not have is left out."""
    found = []
    for port in service["spec"].get("ports") or ():
        target = port.get("targetPort", port["port"])
        number = target if isinstance(target, int) else _named_port(pod, target)
        if number is not None:
            found.append((port.get("name", ""), number, port.get("protocol", "TCP")))
    return tuple(found)


def _named_port(pod: Object | None, name: str) -> int | None:
    for container in (pod or {"spec": {"containers": ()}})["spec"]["containers"]:
        for port in container.get("ports") or ():
            if port.get("name") == name:
                return int(port["containerPort"])
    return None


def _as_objects(ports: Ports) -> list[Object]:
    return [{"name": name, "port": number, "protocol": protocol} for name, number, protocol in ports]


def _slice_ports(endpoint_slice: Object) -> Ports:
    return tuple((item.get("name", ""), item["port"], item["protocol"]) for item in endpoint_slice.get("ports") or ())


def _is_ours(endpoint_slice: Object) -> bool:
    return _MANAGED_BY.items() <= (endpoint_slice["metadata"].get("labels") or {}).items()


def _new_slice(service: Object) -> Object:
    metadata = service["metadata"]
    return {
        "metadata": {
            "generateName": f"{metadata['name']}-",
            "namespace": metadata["namespace"],
            "labels": {SERVICE_LABEL: metadata["name"], **_MANAGED_BY},
            "ownerReferences": [owner_reference(service)],
        },
        "addressType": "IPv4",
    }


def _address(endpoint: Object) -> Object:
    return {"ip": endpoint["addresses"][0], "nodeName": endpoint["nodeName"], "targetRef": endpoint["targetRef"]}
