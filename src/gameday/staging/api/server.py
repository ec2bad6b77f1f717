"""The server itself: TLS, who may come in, errors as Status objects, starting and stopping, the kubeconfig.

It runs in the event loop that starts it, beside the controllers and nodes that share its store.
"""

from __future__ import annotations

import asyncio
import base64
import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import orjson
import structlog
from aiohttp import web

from gameday.staging.access.authorizer import Authorizer
from gameday.staging.access.roles import create_default_roles
from gameday.staging.access.tokens import Tokens
from gameday.staging.accounts import with_account
from gameday.staging.api.answers import error_answer
from gameday.staging.api.call import MAX_BODY_BYTES, Backend, Switch, Usages
from gameday.staging.api.certificates import Certificates
from gameday.staging.api.impersonating import acting_as
from gameday.staging.api.logs import LogProvider
from gameday.staging.api.routes import HEALTH, answer
from gameday.staging.errors import ApiError, Unauthorized
from gameday.staging.namespaces import NamespaceKeeper, check_namespace
from gameday.staging.store import Store

_log = structlog.get_logger(__name__)
_SHUTDOWN_SECONDS = 2.0
_ROUNDS_TO_CLOSE = 3


class ApiServer:
    """The Kubernetes API over one store; `port` 0 takes a free one, known from `url` after `start`.

    `logs` is who has the logs of containers.
    """

    def __init__(
        self,
        store: Store,
        *,
        host: str,
        port: int,
        tokens: Tokens,
        certificates: Certificates,
        logs: LogProvider | None = None,
    ) -> None:
        self._host, self._port = host, port
        self._store = store
        self._certificates = certificates
        store.on_create.insert(0, partial(check_namespace, store))
        store.on_create.append(partial(with_account, store))
        self._backend = Backend(store, tokens, Authorizer(store), _clock, logs)
        self._namespaces = NamespaceKeeper(store, certificates.authority_pem.decode())
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Return where the API is."""
        return f"https://{self._host}:{self._port}"

    def serve_nodes(self, switch: Switch, usages: Usages) -> None:
        """Say who switches nodes off and on, and who measures what runs on them."""
        self._backend.switch, self._backend.usages = switch, usages

    async def start(self) -> None:
        """Create the namespaces and roles that every cluster has, and serve."""
        create_default_roles(self._store)
        self._namespaces.start()
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._handle)
        app.on_shutdown.append(self._end_watches)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_SECONDS)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port, ssl_context=self._certificates.server, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]
        _log.debug("api server started", url=self.url)

    async def stop(self) -> None:
        """End every watch, answer what is under way, and stop listening. Twice is once."""
        await self._namespaces.stop()
        if self._runner is not None:
            runner, self._runner = self._runner, None
            connections = runner.server.connections if runner.server else []
            transports = [connection.transport for connection in connections]
            await runner.cleanup()
            for transport in transports:
                if transport is not None:
                    transport.abort()  # a client that does not answer the end of TLS would hold it for half a minute
            for _ in range(_ROUNDS_TO_CLOSE):
                await asyncio.sleep(0)

    def write_kubeconfig(self, path: Path | str, *, context: str = "gameday-embedded") -> None:
        """Write a kubeconfig for this server, with its token, readable by its owner alone."""
        authority = base64.b64encode(self._certificates.authority_pem).decode()
        cluster = {"server": self.url, "certificate-authority-data": authority}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": context,
            "clusters": [{"name": context, "cluster": cluster}],
            "users": [{"name": context, "user": {"token": self._backend.tokens.administrator}}],
            "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        }
        target = Path(path)
        fresh = target.with_name(f".{target.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(orjson.dumps(config, option=orjson.OPT_INDENT_2))
        fresh.replace(target)

    async def _end_watches(self, _: web.Application) -> None:
        for watch in tuple(self._backend.watches):
            watch.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            response = await self._answer(request)
        except ApiError as error:
            response = error_answer(error)
        except (web.HTTPException, ConnectionError):
            raise
        except Exception:  # noqa: BLE001 - one broken request must not end the server
            _log.exception("a request failed inside the server", method=request.method, path=request.path)
            response = error_answer(ApiError("Internal error occurred: see the log of the embedded cluster"))
        _log.debug("request", method=request.method, path=request.path, status=response.status)
        return response

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.path.strip("/").partition("/")[0] in HEALTH:
            return web.Response(text="ok")
        backend = self._backend
        user = backend.tokens.user_of(request.headers.get("Authorization"), backend.now())
        if user is None:
            raise Unauthorized("Unauthorized")
        return await answer(backend, acting_as(backend.authorizer, user, request.headers), request)


def _clock() -> datetime:
    return datetime.now(UTC)
