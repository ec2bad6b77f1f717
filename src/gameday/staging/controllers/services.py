"""Services: addresses for them, and the status of those of type LoadBalancer.

An address is given inside the write that creates the Service, as Kubernetes does; `ServiceAdmission` is that hook of the store.
"""

from __future__ import annotations

from typing import Any, Final

from gameday.staging.addresses import AddressBlock
from gameday.staging.controllers.ownership import write_status
from gameday.staging.controllers.queue import Controller, own_key
from gameday.staging.errors import Cause, NotFound, invalid
from gameday.staging.resources import SERVICES, Resource
from gameday.staging.store import Store

Object = dict[str, Any]
LOWEST_PORT: Final = 1024
_PORT_RULE: Final = (
    "the embedded cluster's Services listen on real sockets of an unprivileged process and have ports from 1024 up; "
    "choose another port and leave targetPort as it is"
)


class ServiceAdmission:
    """Checks ports and allocates clusterIPs as Services are written."""

    def __init__(self, store: Store, addresses: AddressBlock) -> None:
        self._store = store
        self._addresses = addresses
        self._next = 0

    def install(self) -> None:
        """Hang the checks on the store."""
        self._store.on_create.append(self.created)
        self._store.on_update.append(self.updated)

    def created(self, resource: Resource, obj: Object) -> Object:
        """Give a new Service its address."""
        if resource is SERVICES:
            self._check_ports(obj)
            self._allocate(obj)
        return obj

    def updated(self, resource: Resource, old: Object, new: Object) -> Object:
        """Keep the address that a Service has; give one to a Service that gets a type which has one."""
        if resource is SERVICES and old["spec"] != new["spec"]:
            self._check_ports(new)
            before = old["spec"].get("clusterIP")
            if before and new["spec"].get("type") != "ExternalName" and not new["spec"].get("clusterIP"):
                new["spec"]["clusterIP"], new["spec"]["clusterIPs"] = before, [before]
            self._allocate(new, keep=before)
        return new

    def _check_ports(self, service: Object) -> None:
        causes = [
            Cause(f"spec.ports[{index}].port", f"Invalid value: {port.get('port')}: {_PORT_RULE}")
            for index, port in enumerate(service["spec"].get("ports") or ())
            if service["spec"].get("clusterIP") != "None" and int(port.get("port", 0)) < LOWEST_PORT
        ]
        if causes:
            raise invalid(SERVICES, service["metadata"]["name"], causes)

    def _allocate(self, service: Object, *, keep: str | None = None) -> None:
        spec = service["spec"]
        wanted = spec.get("clusterIP")
        if spec.get("type") == "ExternalName" or (wanted and wanted == keep):
            return
        if not wanted:
            spec["clusterIP"] = self._free_address()
        elif wanted != "None":
            self._check_wanted(service["metadata"]["name"], wanted)
        spec["clusterIPs"] = [spec["clusterIP"]]

    def _free_address(self) -> str:
        taken = self._taken()
        while (address := self._addresses.service(self._next)) in taken:
            self._next += 1
        self._next += 1
        return address

    def _check_wanted(self, name: str, wanted: str) -> None:
        why = ""
        if not self._addresses.is_service(wanted):
            why = f"the provided IP is not in the valid range ({self._addresses.service_network})"
        elif wanted in self._taken():
            why = "provided IP is already allocated"
        if why:
            raise invalid(
                SERVICES, name, [Cause("spec.clusterIPs[0]", f'Invalid value: "{wanted}": failed to allocate IP {wanted}: {why}')]
            )

    def _taken(self) -> set[str]:
        return {item.body["spec"].get("clusterIP") for item in self._store.listed(SERVICES)}


class LoadBalancers:
    """Says where a Service of type LoadBalancer is reached: at its own address, since there is no outside."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def controller(self) -> Controller:
        """Return how this hangs on the store."""
        return Controller("load-balancer", {SERVICES: own_key}, self.reconcile)

    def reconcile(self, key: tuple[str, str]) -> None:
        """Write one Service's status.loadBalancer."""
        try:
            service = self._store.stored(SERVICES, *key).body
        except NotFound:
            return
        balancer: Object = {}
        if service["spec"].get("type") == "LoadBalancer":
            balancer["ingress"] = [{"ip": service["spec"]["clusterIP"], "ipMode": "VIP"}]
        write_status(self._store, SERVICES, service, {**(service.get("status") or {}), "loadBalancer": balancer})
