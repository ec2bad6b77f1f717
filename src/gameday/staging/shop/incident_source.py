"""Where the status page reads what is announced: one ConfigMap of the cluster, or without a cluster a file like it.

The ConfigMap is asked for through the API, once a second on one connection: as a mounted file it would be up to a minute late,
and a status page that is a minute late tells people the wrong thing for a minute. Where the API does not answer, what was
announced last goes on being said.
"""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gameday.staging.shop.settings import Address, Environment
from gameday.staging.shop.speech import say

PAUSE_SECONDS = 1.0
TIMEOUT_SECONDS = 3.0

Read = Callable[[], Mapping[str, str]]
"""Returns what the sources say, by name; OSError or ValueError where it cannot be had."""


def source_of(environment: Environment) -> Read:
    """Return what reads the announcements, as the environment says."""
    name = environment.variables.get("INCIDENT_CONFIGMAP", "")
    if not name:
        path = environment.folder("DATA_DIR") / "announcements.json"
        return lambda: read_file(path)
    namespace, account = environment.text("NAMESPACE"), Path(environment.text("ACCOUNT_DIR"))
    # Not as a neighbour of the shop: the API's own port is 443 on most clusters.
    api = Address(environment.text("KUBERNETES_SERVICE_HOST"), int(environment.number("KUBERNETES_SERVICE_PORT", 443, lowest=1)))
    return ConfigMapReader(api, f"/api/v1/namespaces/{namespace}/configmaps/{name}", account).read


def read_file(path: Path) -> dict[str, str]:
    """Return what a file says; nothing where there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {str(key): str(text) for key, text in value.items()}


@dataclass(slots=True)
class ConfigMapReader:
    """Reads one ConfigMap as the pod's own account, over a connection that is kept."""

    api: Address
    path: str
    account: Path
    """The folder with `token` and `ca.crt`; the token is written anew before it ends."""
    _connection: http.client.HTTPSConnection | None = field(default=None)

    def read(self) -> dict[str, str]:
        """Return its data; nothing where there is no such ConfigMap."""
        try:
            return self._read()
        except (OSError, http.client.HTTPException) as error:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            raise OSError(str(error) or type(error).__name__) from None

    def _read(self) -> dict[str, str]:
        token = (self.account / "token").read_text(encoding="ascii").strip()
        if self._connection is None:
            self._connection = self._connect()
        self._connection.request("GET", self.path, headers={"authorization": f"Bearer {token}", "accept": "application/json"})
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status == http.client.NOT_FOUND:
            return {}
        if answer.status != http.client.OK:
            raise OSError(f"the API answered {answer.status} to GET {self.path}")
        data = json.loads(body).get("data") or {}
        return {str(key): str(text) for key, text in data.items()}

    def _connect(self) -> http.client.HTTPSConnection:
        import ssl  # noqa: PLC0415 - some milliseconds, which nobody without a cluster need wait for

        context = ssl.create_default_context(cafile=str(self.account / "ca.crt"))
        return http.client.HTTPSConnection(self.api.host, self.api.port, timeout=TIMEOUT_SECONDS, context=context)


async def follow(read: Read, take: Callable[[Mapping[str, str]], None]) -> None:
    """Hand over what the sources say, again and again, for as long as the service lives."""
    trouble = ""
    while True:
        try:
            take(await asyncio.to_thread(read))
            trouble = ""
        except (OSError, ValueError) as error:
            if str(error) != trouble:
                trouble = str(error)
                say("warning", "announcements cannot be read", reason=trouble)
        await asyncio.sleep(PAUSE_SECONDS)
