"""Requests to one cluster, on the connections and configuration of the `kubernetes` library.

Every request has a time-out and no silent retry: whoever writes must know whether it may have happened. Each answer also says
what time the server has, by which deadlines are kept.
"""

from __future__ import annotations

import copy
import ssl
import threading
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson
import urllib3
from kubernetes import client

from gameday.cluster import Json
from gameday.errors import ClusterError, UnreachableError
from gameday.kube.answers import UNAUTHENTICATED, error_of, is_status, json_of
from gameday.kube.tokens import AccountToken

_OK = range(200, 300)


class Transport:
    """Connections, credentials and the server's clock; usable from several threads."""

    def __init__(self, configuration: client.Configuration, *, timeout_seconds: float) -> None:
        """Take a configuration that `connect` filled in; no request is made."""
        self._configuration = configuration
        self._pool = _pool(configuration)
        # Whoever shows a certificate is its owner, whatever token stands beside it.
        self._pool_of_accounts = _pool(_without_certificate(configuration)) if configuration.cert_file else self._pool
        self._account: AccountToken | None = None
        self._timeout = urllib3.Timeout(connect=min(5.0, timeout_seconds), read=timeout_seconds)
        self._clock = threading.Lock()
        self._clock_offset: float | None = None
        self.authority = _authority(configuration)
        """What the server is known by: its CA, or its address where there is none."""
        self.server: str = configuration.host

    def as_account(self, account: AccountToken) -> Transport:
        """Return the same with the tokens of another account."""
        found = copy.copy(self)
        found._account, found._pool = account, self._pool_of_accounts  # noqa: SLF001  # one of ours
        return found

    def renew(self) -> None:
        """Take a new token for the account that this acts as, if it is one, once most of the old one's life is over."""
        if self._account is not None:
            self._account.renewed()

    def json(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Json:
        """Make one request and return the object that came; an error where the server said no, or sent something else."""
        data = self.data(method, path, query=query, body=body, content_type=content_type)
        return json_of(data, f"{method} {path}", self.server)

    def data(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> bytes:
        """Make one request and return the bytes that came; an error where the server said no."""
        sent = None if body is None else orjson.dumps(body)
        what = f"{method} {path}"
        headers = {"Accept": accept, "Content-Type": content_type, "User-Agent": "gameday"}
        answer = self._asked(method, path + (f"?{urlencode(query)}" if query else ""), sent, headers, what)
        if answer.status not in _OK:
            raise error_of(answer.status, answer.data, what, urlsplit(self.server).netloc)
        found: bytes = answer.data
        return found

    def relayed(self, path: str) -> tuple[int, bytes]:
        """GET what the server only hands on, and return status and body; an error where it says itself that it cannot."""
        what = f"GET {path}"
        answer = self._asked("GET", path, None, {"Accept": "*/*", "User-Agent": "gameday"}, what)
        if is_status(answer.data):
            raise error_of(answer.status, answer.data, what, urlsplit(self.server).netloc)
        return answer.status, answer.data

    def _asked(self, method: str, path: str, sent: bytes | None, headers: Mapping[str, str], what: str) -> Any:
        """Make one request, once more where an account's token has ended before its time, and take in the server's clock."""
        url = self.server + path
        answer, token = self._answer(method, url, sent, headers, what)
        if answer.status == UNAUTHENTICATED and self._account is not None:
            # Ended before its time: the account was made anew, or the server's clock or key has changed. Nothing was done yet.
            self._account.discard(token)
            answer, _ = self._answer(method, url, sent, headers, what)
        self._set_clock(answer.headers.get("Date"))
        return answer

    def server_time(self) -> float:
        """Return the server's clock in seconds since the epoch, as of its last answer."""
        if self._clock_offset is None:
            self.json("GET", "/version")
        with self._clock:
            offset = self._clock_offset
        if offset is None:
            raise ClusterError(f"{self.server} answers without a Date header, so deadlines cannot be set by its clock")
        return time.monotonic() + offset

    def _answer(self, method: str, url: str, data: bytes | None, plain: Mapping[str, str], what: str) -> tuple[Any, str]:
        """Make one request, with credentials; return its answer, and the account's token with which it was made."""
        token = self._account.current() if self._account is not None else ""
        if token:
            headers = {**plain, "authorization": f"Bearer {token}"}
        else:
            headers = {**plain, **{auth["key"]: auth["value"] for auth in self._configuration.auth_settings().values()}}
        try:
            answer = self._pool.request(method, url, body=data, headers=headers, timeout=self._timeout, retries=False)
        except urllib3.exceptions.HTTPError as error:
            raise UnreachableError(
                f"no answer from the cluster at {self.server} to {what}: {_cause(error)}. "
                "Is it up, and is this the right context?"
            ) from error
        return answer, token

    def _set_clock(self, date: str | None) -> None:
        """Keep the offset from our monotonic clock to the server's; its Date has whole seconds, so it may lag by one."""
        if date:
            with self._clock:
                self._clock_offset = parsedate_to_datetime(date).timestamp() - time.monotonic()


def _authority(configuration: Any) -> bytes:
    data = getattr(configuration, "ca_cert_data", None)
    if data:
        return data if isinstance(data, bytes) else str(data).encode()
    if configuration.ssl_ca_cert:
        with open(configuration.ssl_ca_cert, "rb") as stream:  # noqa: PTH123  # a path the library made
            return stream.read()
    return str(configuration.host).encode()


def _pool(configuration: Any) -> urllib3.PoolManager:
    pool: urllib3.PoolManager = client.rest.RESTClientObject(configuration).pool_manager
    _read_certificates(pool, verify=bool(configuration.verify_ssl))
    return pool


def _without_certificate(configuration: Any) -> Any:
    found = copy.copy(configuration)
    found.cert_file = found.key_file = None
    return found


def _read_certificates(pool: urllib3.PoolManager, *, verify: bool) -> None:
    """Put the certificates themselves in place of the files that they are in, which need not be there any longer."""
    settings = pool.connection_pool_kw
    context = ssl.create_default_context(cafile=settings.pop("ca_certs", None), cadata=settings.pop("ca_cert_data", None))
    certificate, key = settings.pop("cert_file", None), settings.pop("key_file", None)
    if certificate:
        context.load_cert_chain(certificate, key)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    settings["ssl_context"] = context


def _cause(error: BaseException) -> str:
    """Return the innermost reason: what the operating system or TLS said, without urllib3's wrapping."""
    reason = getattr(error, "reason", None)
    return _cause(reason) if isinstance(reason, BaseException) else str(error) or type(error).__name__
