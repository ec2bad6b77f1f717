"""Settings from a ConfigMap of the cluster: one object, watched with the pod's own account, without a client library.

The object says what to do and for how many seconds (`settings`, `seconds`), and begins when the API server created it: so the
deadline is a moment by the server's clock, the same for every replica and after any restart. Without the object everything
passes. The watch ends every few seconds and the object is read again: so a watch that has died in silence is told from a
quiet one. A thread does it, since the standard library's TLS client blocks; it tells the event loop.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from gameday.interpose.settings import Protocol
from gameday.interpose.sources import News

_WATCH_SECONDS: Final = 4
_PATIENCE_SECONDS: Final = 8.0
_OK: Final = 200


class WatchFailedError(Exception):
    """The API server does not answer, or not with the object."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where the API server is, and by what a pod is known to it."""

    host: str
    port: int
    namespace: str
    token: Path
    """Read anew for each round, since it is replaced while the pod runs."""
    authority: Path


def in_this_pod(account: Path) -> Credentials:
    """Return the credentials that Kubernetes mounts into a pod at that folder; OSError or KeyError outside of one."""
    return Credentials(
        os.environ["KUBERNETES_SERVICE_HOST"],
        int(os.environ["KUBERNETES_SERVICE_PORT"]),
        (account / "namespace").read_text(encoding="utf-8").strip(),
        account / "token",
        account / "ca.crt",
    )


@dataclass(frozen=True, slots=True)
class ConfigMapSource:
    """One ConfigMap, read and watched."""

    credentials: Credentials
    name: str
    protocol: Protocol

    async def follow(self, news: News) -> None:
        """Tell of the object until cancelled; raises what the thread stumbled over."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        given_up = threading.Event()

        def tell(what: Callable[[], None]) -> None:
            if not given_up.is_set():
                loop.call_soon_threadsafe(what)

        def fail(error: Exception) -> None:
            if not ended.done():
                ended.set_exception(error)

        def work() -> None:
            try:
                self._follow(_Teller(news, tell, self.protocol), given_up)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is raised in the loop
                failure = error
                tell(lambda: fail(failure))

        threading.Thread(target=work, name="config-map", daemon=True).start()
        try:
            await ended
        finally:
            given_up.set()

    def _follow(self, teller: _Teller, given_up: threading.Event) -> None:
        """Read, then watch for a few seconds, again and again on one connection."""
        context = ssl.create_default_context(cafile=str(self.credentials.authority))
        host, port = self.credentials.host, self.credentials.port
        connection = http.client.HTTPSConnection(host, port, timeout=_PATIENCE_SECONDS, context=context)
        try:
            while not given_up.is_set():
                listed, clock = self._asked(connection)
                found = json.loads(listed.read())
                teller.tell_of(next(iter(found["items"]), None), clock())
                self._watch(connection, teller, found["metadata"]["resourceVersion"])
        finally:
            connection.close()

    def _watch(self, connection: http.client.HTTPSConnection, teller: _Teller, version: str) -> None:
        answer, clock = self._asked(connection, watch="1", resourceVersion=version, timeoutSeconds=str(_WATCH_SECONDS))
        while line := answer.readline():
            event = json.loads(line)
            if event["type"] == "ERROR":
                # Usually a version that is too old: the object is read again at once, which is the remedy.
                answer.read()
                return
            teller.tell_of(event["object"] if event["type"] != "DELETED" else None, clock())

    def _asked(
        self, connection: http.client.HTTPSConnection, **query: str
    ) -> tuple[http.client.HTTPResponse, Callable[[], float]]:
        """Ask for the object; return the answer, and what tells the server's time from then on."""
        query["fieldSelector"] = f"metadata.name={self.name}"
        path = f"/api/v1/namespaces/{self.credentials.namespace}/configmaps?{urlencode(query)}"
        token = self.credentials.token.read_text(encoding="utf-8").strip()
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}", "Accept": "application/json"})
        answer = connection.getresponse()
        if answer.status != _OK:
            said = answer.read(300).decode("utf-8", "replace")
            raise WatchFailedError(f"the API server answered {answer.status} to GET {path}: {said}")
        ahead = parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.monotonic()
        return answer, lambda: time.monotonic() + ahead


@dataclass(slots=True)
class _Teller:
    """Tells the switch what the object says, as a document with a deadline."""

    news: News
    tell: Callable[[Callable[[], None]], None]
    protocol: Protocol
    _known: bytes | None = None

    def tell_of(self, obj: dict[str, Any] | None, now: float) -> None:
        """Tell what the object is now; None where there is none."""
        document = as_document(obj, self.protocol)
        if document == self._known:
            self.tell(self.news.unchanged)
        else:
            self._known = document
            self.tell(lambda: self.news.heard(document, now))


def as_document(obj: dict[str, Any] | None, protocol: Protocol) -> bytes:
    """Return the settings in an object: whose they are (its uid), its rules, and until when.

    What the object says wrongly is passed on as it stands, so that the settings are refused with the field's name.
    """
    if obj is None:
        return json.dumps({"id": "none", "protocol": protocol, "rules": []}).encode()
    data, metadata = obj.get("data") or {}, obj["metadata"]
    said = str(data.get("settings", ""))
    try:
        wanted = json.loads(said)
        ends = datetime.fromisoformat(metadata["creationTimestamp"]) + timedelta(seconds=float(data.get("seconds", "")))
    except (ValueError, OverflowError):
        return said.encode()
    if not isinstance(wanted, dict):
        return said.encode()
    return json.dumps({**wanted, "id": metadata["uid"], "until": ends.isoformat()}).encode()
