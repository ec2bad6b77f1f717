"""The service proxy: real listeners at clusterIP and port that spread TCP connections over a Service's ready pods.

It keeps what a client notices of Kubernetes' own proxy: a new connection goes to a ready pod, is refused when there is none,
and is reset when the pod behind it does not listen; an established one stays with its pod while that is merely unready. One thing
differs, since this stands in user space: a connection is accepted before the pod answers, so a pod that is dead and not yet
marked unready shows as a reset after the connect, and not as a refused connect.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import socket
import struct
from collections.abc import Hashable, Iterable
from typing import Any, Final, cast

from gameday.staging.controllers.endpoints import SERVICE_LABEL
from gameday.staging.controllers.queue import Controller, own_key
from gameday.staging.errors import NotFound
from gameday.staging.events import Recorder
from gameday.staging.history import Entry
from gameday.staging.resources import ENDPOINT_SLICES, SERVICES
from gameday.staging.store import Store

Object = dict[str, Any]
Address = tuple[str, int]
_BACKLOG: Final = 1024
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_RETRY_BIND_SECONDS: Final = 1.0


class Half(asyncio.Protocol):
    """One side of a proxied connection; whatever happens to it happens to the other side."""

    __slots__ = ("_is_closed", "other", "transport")

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: Half | None = None
        self._is_closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Pass data on."""
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """Pass on that this side sends no more; it may still receive."""
        other = self.other.transport if self.other is not None else None
        if other is not None and not other.is_closing():
            other.write_eof()
        return True

    def pause_writing(self) -> None:
        """Stop reading from the other side until this one has caught up."""
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """Read from the other side again."""
        other = self.other.transport if self.other is not None else None
        if other is not None and not other.is_closing():
            other.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the other side in the same way: after what is buffered, or by a reset."""
        self._is_closed = True
        if self.other is not None:
            self.other.close(reset=exc is not None)

    def close(self, *, reset: bool) -> None:
        """Close this side."""
        if self.transport is None or self._is_closed:
            return
        if reset:
            sock = self.transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.transport.abort()
        else:
            self.transport.close()


class ClientHalf(Half):
    """The client's side: it finds a pod, and only then reads."""

    __slots__ = ("_connecting", "_listener")

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self._listener = listener
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to connect to a pod."""
        super().connection_made(transport)
        cast("asyncio.Transport", transport).pause_reading()
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        backend = self._listener.choose()
        pod_half = Half()
        try:
            if backend is None:
                raise ConnectionRefusedError
            await asyncio.get_running_loop().create_connection(lambda: pod_half, *backend)
        except OSError:
            self.close(reset=True)
            return
        pod_half.other = self
        if self._is_closed or self.transport is None or self.transport.is_closing():
            pod_half.close(reset=True)
            return
        self.other = pod_half
        self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop connecting, if that is how far it got."""
        super().connection_lost(exc)
        if self._connecting is not None and self.other is None:
            self._connecting.cancel()


class Listener:
    """One Service port: a listening socket as long as there is a ready pod."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._backends: tuple[Address, ...] = ()
        self._turn = itertools.count(random.randrange(1 << 16))  # noqa: S311 - who is first is no secret
        self._socket: socket.socket | None = None
        self._serving: asyncio.Task[asyncio.Server] | None = None

    def choose(self) -> Address | None:
        """Return the pod whose turn it is."""
        return self._backends[next(self._turn) % len(self._backends)] if self._backends else None

    def serve(self, backends: tuple[Address, ...]) -> None:
        """Spread new connections over these pods from now on; OSError if the address is taken."""
        self._backends = backends
        if backends and self._socket is None:
            self._open()
        elif not backends:
            self.close()

    def close(self) -> None:
        """Refuse new connections from now on; established ones stay."""
        self._backends = ()
        serving, self._serving = self._serving, None
        listening, self._socket = self._socket, None
        if serving is not None:
            if serving.done() and not serving.cancelled():
                serving.result().close()
            else:
                serving.cancel()
        if listening is not None:
            listening.close()

    def _open(self) -> None:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.setblocking(False)
            listening.bind(self.address)
            listening.listen(_BACKLOG)
        except OSError:
            listening.close()
            raise
        self._socket = listening
        loop = asyncio.get_running_loop()
        self._serving = loop.create_task(loop.create_server(lambda: ClientHalf(self), sock=listening, backlog=_BACKLOG))


class ServiceProxy:
    """Keeps a listener for every port of every Service that has an address."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._recorder = Recorder(store, "service-proxy")
        self._listeners: dict[Hashable, dict[Address, Listener]] = {}

    def controller(self) -> Controller:
        """Return how this hangs on the store."""
        sources = {SERVICES: own_key, ENDPOINT_SLICES: self._keys_of_slice}
        return Controller("service-proxy", sources, self.reconcile)

    def close(self) -> None:
        """Close every listener."""
        for listeners in self._listeners.values():
            for listener in listeners.values():
                listener.close()
        self._listeners.clear()

    def reconcile(self, key: tuple[str, str]) -> float | None:
        """Open, change and close the listeners of one Service."""
        try:
            service: Object | None = self._store.stored(SERVICES, *key).body
        except NotFound:
            service = None
        wanted = self._wanted(service) if service else {}
        listeners = self._listeners.setdefault(key, {})
        for address in listeners.keys() - wanted.keys():
            listeners.pop(address).close()
        for address, backends in wanted.items():
            listener = listeners.setdefault(address, Listener(address))
            try:
                listener.serve(backends)
            except OSError as error:
                text = f"cannot listen on {address[0]}:{address[1]}: {error.strerror}"
                self._recorder.warning(service or {}, "FailedToListen", text)
                return _RETRY_BIND_SECONDS
        if not listeners:
            del self._listeners[key]
        return None

    def _wanted(self, service: Object) -> dict[Address, tuple[Address, ...]]:
        """Return the ready pods behind each address and port of a Service."""
        spec, metadata = service["spec"], service["metadata"]
        if spec.get("clusterIP") in {None, "", "None"} or spec.get("type") == "ExternalName":
            return {}
        slices = self._store.listed(ENDPOINT_SLICES, metadata["namespace"], f"{SERVICE_LABEL}={metadata['name']}")
        wanted = {}
        for port in spec.get("ports") or ():
            if port.get("protocol", "TCP") == "TCP":
                backends = sorted(pair for item in slices for pair in _ready_backends(item.body, port.get("name", "")))
                wanted[spec["clusterIP"], port["port"]] = tuple(dict.fromkeys(backends))
        return wanted

    def _keys_of_slice(self, entry: Entry) -> Iterable[Hashable]:
        metadata = entry.stored.body["metadata"]
        service = (metadata.get("labels") or {}).get(SERVICE_LABEL)
        if service:
            yield metadata["namespace"], service


def _ready_backends(endpoint_slice: Object, port_name: str) -> Iterable[Address]:
    for port in endpoint_slice.get("ports") or ():
        if (port.get("name") or "") == port_name and port.get("port"):
            for endpoint in endpoint_slice.get("endpoints") or ():
                if (endpoint.get("conditions") or {}).get("ready", True) is not False:
                    for address in endpoint["addresses"]:
                        yield address, port["port"]
