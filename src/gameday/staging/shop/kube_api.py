"""The cluster's API as a pod of the shop sees it: its account's token, and the two requests that the shop makes.

Whoever of the shop asks the cluster for something asks here: the agents, the status page, and the scaler.

Raw JSON over the shop's own HTTP client, since a client library would cost more memory than all of the shop. Of the cluster it
knows what every pod is told: where the API is, and the folder with token and certificate.
"""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday.staging.shop.client import Call, CallFailedError, Neighbour, Reply
from gameday.staging.shop.settings import Address, Environment

ACCOUNT_DIR = "/var/run/secrets/kubernetes.io/serviceaccount"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
TIMEOUT_SECONDS = 5.0
NOT_FOUND = 404


class KubeError(Exception):
    """The API did not do what it was asked; the text says why."""


@dataclass(frozen=True, slots=True)
class KubeApi:
    """The API, as this pod's account."""

    server: Neighbour
    account: Path
    """The folder with `token` and `ca.crt`."""
    timeout_seconds: float = TIMEOUT_SECONDS

    @staticmethod
    def from_environment(environment: Environment, *, timeout_seconds: float = TIMEOUT_SECONDS) -> KubeApi:
        """Return the API that the pod's environment names; what it lacks is among the environment's problems."""
        account = Path(environment.text("ACCOUNT_DIR", ACCOUNT_DIR))
        host = environment.text("KUBERNETES_SERVICE_HOST")
        # Not as a neighbour of the shop: the API's own port is 443 on most clusters.
        port = int(environment.number("KUBERNETES_SERVICE_PORT", 443, lowest=1))
        tls = ssl.create_default_context()
        try:
            tls.load_verify_locations(account / "ca.crt")
        except OSError as error:
            environment.problems.append(f"ACCOUNT_DIR: expected ca.crt and token in {account}, found {error.strerror or error}")
        return KubeApi(Neighbour("kubernetes", Address(host, port), tls=tls), account, timeout_seconds)

    async def get(self, path: str) -> dict[str, Any]:
        """Return what is at a path; `{}` if there is nothing."""
        reply = await self._call("GET", path)
        return {} if reply.status == NOT_FOUND else _body_of(reply, f"get {path}")

    async def patch(self, path: str, body: dict[str, Any], media_type: str = MERGE) -> dict[str, Any]:
        """Change what is at a path; return it as it is then."""
        return _body_of(await self._call("PATCH", path, json.dumps(body).encode(), media_type), f"patch {path}")

    async def _call(self, method: str, path: str, body: bytes = b"", media_type: str = "application/json") -> Reply:
        try:
            # Read each time: the cluster writes a new one long before the old one ends.
            token = (self.account / "token").read_text(encoding="ascii").strip()
            headers = {"authorization": f"Bearer {token}", "accept": "application/json", "content-type": media_type}
            return await self.server.call(Call(method, path, body, headers, self.timeout_seconds, repeatable=True))
        except (CallFailedError, OSError) as error:
            raise KubeError(f"cannot {method.lower()} {path}: {error}") from None


def _body_of(reply: Reply, what: str) -> dict[str, Any]:
    if not reply.ok:
        raise KubeError(f"cannot {what}: {reply.status} {reply.body[:300].decode('utf-8', 'replace')}")
    return reply.json()
