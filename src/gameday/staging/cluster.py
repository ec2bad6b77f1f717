"""One embedded cluster in this process's event loop: store, API, controllers, nodes and Services, put together.

Who starts it as a process of its own, finds it again and stops it, is in `server.py` and `lifecycle.py`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import ascii_lowercase
from typing import Any, Final

import structlog

from gameday.errors import RefusedError
from gameday.staging.access.tokens import Tokens
from gameday.staging.addresses import AddressBlock, claim_block
from gameday.staging.api import ApiServer, Certificates
from gameday.staging.controllers import install_controllers
from gameday.staging.controllers.autoscaling import PERIOD_SECONDS, Autoscalers
from gameday.staging.defaults import fill, prepare_new
from gameday.staging.errors import AlreadyExists, ApiError, invalid, not_found
from gameday.staging.keeping import Keeper, Kept, read_kept, restore
from gameday.staging.lifecycle import OBJECTS_FILE
from gameday.staging.manifests import read_manifests
from gameday.staging.node.credentials import ApiAccess
from gameday.staging.node.images import Image, default_images
from gameday.staging.node.kubelet import Kubelet, NodeSettings
from gameday.staging.node.logs import ContainerLogs
from gameday.staging.node.metering import RunningContainer, measure
from gameday.staging.node.proxy import ServiceProxy
from gameday.staging.resources import NAMESPACES, NODES, Resource
from gameday.staging.settling import when_ready
from gameday.staging.store import Store
from gameday.staging.validation import create_causes

Object = dict[str, Any]
_log = structlog.get_logger("gameday.staging")
API_PORT: Final = 6443
CONTEXT: Final = "gameday-embedded"
SYSTEM_NAMESPACE: Final = "gameday-system"
NAME_LABEL: Final = "gameday.dev/cluster-name"
AFTERWARDS_SECONDS: Final = 60.0
"""What comes afterwards comes by then, even if some workload never becomes Ready."""


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """What a cluster is made of."""

    directory: Path
    """Where everything of it is: kubeconfig, logs, volumes."""
    nodes: int = 2
    zones: int = 3
    """How many zones the nodes are in, by turns."""
    keep: bool = False
    """Whether the objects are kept in the folder, and those are there again that were kept before."""
    manifests: Sequence[Path] = ()
    afterwards: Sequence[Path] = ()
    """Manifests whose objects are created when all workloads are Ready, so that their start takes no time from the others'."""
    images: Mapping[str, Image] = field(default_factory=default_images)
    stop_grace_seconds: float = 0.5
    """How long pods may take to end when the cluster stops."""
    autoscaler_period_seconds: float = PERIOD_SECONDS
    """How often the autoscalers look at their pods."""


class Cluster:
    """A cluster from `start` to `stop`."""

    def __init__(self, settings: ClusterSettings) -> None:
        self.settings = settings
        self.store = Store()
        self._tokens = Tokens(self.store, secrets.token_urlsafe(32))
        objects = settings.directory / OBJECTS_FILE
        kept = read_kept(objects) if settings.keep else Kept()
        self._addresses: AddressBlock = claim_block(kept.network)
        restore(self.store, kept, self._addresses)
        self._keeper = Keeper(self.store, objects, self._addresses) if settings.keep else None
        self._proxy = ServiceProxy(self.store)
        autoscalers = Autoscalers(self.store, self._cpu_seconds, period_seconds=settings.autoscaler_period_seconds)
        self.nodes = [self._kubelet(index) for index in range(settings.nodes)]
        others = [self._proxy.controller(), autoscalers.controller(), *(node.controller() for node in self.nodes)]
        self._controllers = install_controllers(self.store, self._addresses, *others)
        self._api: ApiServer | None = None
        self._last: asyncio.Task[None] | None = None

    @property
    def kubeconfig(self) -> Path:
        """Return where the kubeconfig is."""
        return self.settings.directory / "kubeconfig"

    @property
    def url(self) -> str:
        """Return where the API is."""
        return f"https://{self._addresses.api}:{API_PORT}"

    async def start(self) -> None:
        """Serve, register the nodes, and create what the manifests say."""
        objects = read_manifests(self.settings.manifests)
        last = read_manifests(self.settings.afterwards)
        self._api = ApiServer(
            self.store,
            host=self._addresses.api,
            port=API_PORT,
            tokens=self._tokens,
            certificates=Certificates.create(self._addresses.api),
            logs=ContainerLogs(self.store, self.settings.directory / "logs"),
        )
        self._api.serve_nodes(self._switch, lambda: measure(self._running_containers))
        await self._api.start()
        _create(self.store, NAMESPACES, {"metadata": {"name": SYSTEM_NAMESPACE, "labels": {NAME_LABEL: "embedded"}}})
        for node in self.nodes:
            node.start()
        self._controllers.start()
        if self._keeper is not None:
            self._keeper.start()
        for resource, obj in objects:
            _create(self.store, resource, obj)
        self._api.write_kubeconfig(self.kubeconfig, context=CONTEXT)
        if last:
            self._last = asyncio.create_task(self._create_last(last), name="what comes afterwards")

    async def stop(self) -> None:
        """Stop controllers before pods, so that nothing is replaced; nothing runs any more on return."""
        if self._last is not None:
            self._last.cancel()
            await asyncio.wait([self._last])
        await self._controllers.stop()
        if self._keeper is not None:
            await self._keeper.stop()
        self._proxy.close()
        await asyncio.gather(*(node.stop(self.settings.stop_grace_seconds) for node in self.nodes))
        if self._api is not None:
            await self._api.stop()
        self._addresses.close()

    async def _switch(self, name: str, power: str) -> None:
        """Switch a node on or off; NotFound if there is none of that name. Twice is once."""
        node = next((node for node in self.nodes if node.name == name), None)
        if node is None:
            raise not_found(NODES, name)
        if power == "off":
            await node.power_off()
        else:
            node.start()

    def hurry(self) -> None:
        """Give the pods no more grace."""
        for node in self.nodes:
            node.hurry()

    async def _create_last(self, objects: Sequence[tuple[Resource, Object]]) -> None:
        await when_ready(self.store, timeout_seconds=AFTERWARDS_SECONDS)
        for resource, obj in objects:
            try:
                _create(self.store, resource, obj)
            except RefusedError as error:
                _log.warning("not created", kind=resource.kind, error=str(error))

    def _running_containers(self) -> Iterator[RunningContainer]:
        for node in self.nodes:
            yield from node.running_containers()

    def _cpu_seconds(self, uid: str) -> float | None:
        found = (node.cpu_seconds(uid) for node in self.nodes)
        return next((seconds for seconds in found if seconds is not None), None)

    def _kubelet(self, index: int) -> Kubelet:
        settings = NodeSettings(
            index=index,
            name=f"node-{index + 1}",
            zone=f"zone-{ascii_lowercase[index % self.settings.zones]}",
            images=self.settings.images,
            directory=self.settings.directory,
            access=ApiAccess(self._addresses.api, API_PORT, self._tokens),
        )
        return Kubelet(settings, self.store, self._addresses)


def _create(store: Store, resource: Resource, obj: Object) -> None:
    """Create an object as a client would; one that is there already stays. RefusedError if it breaks a rule."""
    name = (obj.get("metadata") or {}).get("name", "")
    try:
        made = fill(resource, prepare_new(resource, obj))
        if causes := create_causes(resource, made):
            raise invalid(resource, name, causes)
        store.create(resource, made)
    except AlreadyExists:
        return
    except ApiError as error:
        raise RefusedError(f"expected a manifest that the cluster accepts, found {resource.kind} {name!r}: {error}") from error
