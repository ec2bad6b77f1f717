"""A server that stands for the cluster's API, over TLS, with a certificate of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gameday.staging.api.certificates import Certificates
from gameday.staging.shop.settings import Environment

ADDRESS = "127.0.0.1"


@dataclass
class Api:
    """A server that answers everything alike, and remembers what it was asked."""

    environment: Environment
    account: Path
    status: str = "200 OK"
    body: bytes = b'{"kind": "ConfigMap"}'
    is_silent: bool = False
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                first, *rest = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
                sent = await reader.readexactly(int(headers["content-length"]))
                self.asked.append((first.removesuffix(" HTTP/1.1"), headers, sent))
                if not self.is_silent:
                    writer.write(f"HTTP/1.1 {self.status}\r\ncontent-length: {len(self.body)}\r\n\r\n".encode() + self.body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(account: Path, *names: str) -> AsyncIterator[Api]:
    """Serve with a certificate for these names, by an authority that the account's folder holds."""
    certificates = Certificates.create(*names)
    (account / "ca.crt").write_bytes(certificates.authority_pem)
    (account / "token").write_text("first\n")
    api = Api(Environment({}), account)
    server = await asyncio.start_server(api.answer, ADDRESS, 0, ssl=certificates.server)
    port = server.sockets[0].getsockname()[1]
    found = {"ACCOUNT_DIR": str(account), "KUBERNETES_SERVICE_HOST": ADDRESS, "KUBERNETES_SERVICE_PORT": str(port)}
    api.environment = Environment(found)
    try:
        yield api
    finally:
        server.close()
