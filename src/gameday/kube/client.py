"""One cluster over HTTP: `gameday.cluster.Cluster` on the transport of the `kubernetes` library.

Every call is one request with a time-out and no silent retry: whoever writes must know whether a request may have
happened. Errors say what the server said. Lists are fetched in pages, so that a large cluster costs memory by the page.
"""

from __future__ import annotations

import copy
import hashlib
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import orjson
import urllib3
from kubernetes import client

from gameday.cluster import Access, Identity, Json, ObjectRef, Permission, Selection
from gameday.errors import (
    ClusterError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    RefusedError,
    ServerError,
    UnauthenticatedError,
    UnreachableError,
)
from gameday.kube.pods import in_pod_of
from gameday.kube.resources import ResourceMap
from gameday.kube.tokens import TOKEN_SECONDS, AccountToken, Token

_PAGE = 500
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_OK = range(200, 300)
_UNAUTHENTICATED = 401
_SERVER_FAILED = 500


class KubeCluster:
    """Reads and writes one cluster; usable from several threads."""

    def __init__(self, configuration: client.Configuration, *, context: str = "", timeout_seconds: float = 10.0) -> None:
        """Take a configuration that `connect` filled in; no request is made."""
        self._configuration = configuration
        self._pool = _pool(configuration)
        # Whoever shows a certificate is its owner, whatever token stands beside it.
        self._pool_of_accounts = _pool(_without_certificate(configuration)) if configuration.cert_file else self._pool
        self._account: AccountToken | None = None
        self._authority = _authority(configuration)
        self._timeout = urllib3.Timeout(connect=min(5.0, timeout_seconds), read=timeout_seconds)
        self._resources = ResourceMap(lambda path: self._request("GET", path))
        self._clock = threading.Lock()
        self._clock_offset: float | None = None
        self._identity: Identity | None = None
        self.server: str = configuration.host
        self.context = context

    # ------------------------------------------------------------------------------------------------ View

    def get(self, ref: ObjectRef) -> Json | None:
        """Return the object, or None if there is none of that name (and uid, if the reference has one)."""
        try:
            obj = self._request("GET", self._path(ref))
        except NotFoundError:
            return None
        return None if ref.uid and obj["metadata"].get("uid") != ref.uid else obj

    def list(self, selection: Selection) -> Sequence[Json]:
        """Return the objects selected, page by page, each with its apiVersion and kind."""
        path = self._resources.path(selection.api_version, selection.kind, selection.namespace)
        query = {"limit": str(_PAGE), "labelSelector": selection.labels, "fieldSelector": selection.fields}
        items: list[Json] = []
        while True:
            page = self._request("GET", path, query={key: value for key, value in query.items() if value})
            items += [{"apiVersion": selection.api_version, "kind": selection.kind, **item} for item in page.get("items", ())]
            query["continue"] = page.get("metadata", {}).get("continue", "")
            if not query["continue"]:
                return items

    def identity(self) -> Identity:
        """Say which cluster this is; asked once, then remembered."""
        if self._identity is None:
            try:
                system = self.get(ObjectRef("v1", "Namespace", "", "gameday-system"))
            except ForbiddenError:
                system = None
            name = ((system or {}).get("metadata", {}).get("labels") or {}).get("gameday.dev/cluster-name", "")
            self._identity = Identity(self._uid(system), name, self.server)
        return self._identity

    def may(self, access: Access) -> Permission:
        """Ask by a SelfSubjectAccessReview; a ClusterError where the server has none, or could not tell."""
        resource, _, subresource = access.resource.partition("/")
        asked = {
            "verb": access.verb,
            "group": access.group,
            "resource": resource,
            "subresource": subresource,
            "namespace": access.namespace,
            "name": access.name,
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {key: value for key, value in asked.items() if value}},
        }
        status = self._request("POST", _REVIEWS, body=review).get("status", {})
        allowed = bool(status.get("allowed"))
        if status.get("evaluationError") and not allowed:
            raise ClusterError(f"{self.server} could not tell whether this account may {access}: {status['evaluationError']}")
        return Permission(access, allowed, status.get("reason", ""))

    def connects(self, host: str, port: int, *, timeout_seconds: float = 1.0) -> bool | None:
        """Try a TCP connection: True, False when refused, None when such an address is out of reach from here."""
        try:
            with socket.create_connection((host, port), timeout=timeout_seconds):
                return True
        except ConnectionRefusedError:
            return False
        except OSError:
            return None

    # ------------------------------------------------------------------------------------------------ Cluster

    def create(self, manifest: Json) -> Json:
        """Create the object; ConflictError if it exists."""
        ref = ObjectRef.of(manifest)
        return self._request("POST", self._resources.path(ref.api_version, ref.kind, ref.namespace), body=manifest)

    def patch(self, ref: ObjectRef, operations: Sequence[Json]) -> Json:
        """Apply a JSON Patch; ConflictError when a `test` in it does not hold."""
        try:
            return self._request("PATCH", self._path(ref), body=list(operations), content_type="application/json-patch+json")
        except _UnprocessableError as error:
            # The API server answers a failed `test` with 422, like any other patch that cannot be applied.
            raise ConflictError(str(error)) from error

    def replace(self, obj: Json) -> Json:
        """Write the whole object; ConflictError unless its resourceVersion still stands."""
        return self._request("PUT", self._path(ObjectRef.of(obj)), body=obj)

    def delete(self, ref: ObjectRef, *, grace_seconds: int | None = None, resource_version: str = "") -> None:
        """Delete the object, if it still has that uid and resourceVersion."""
        options = _delete_options(ref, grace_seconds, resource_version)
        self._request("DELETE", self._path(ref), body=options)

    def evict(self, ref: ObjectRef, *, grace_seconds: int | None = None) -> None:
        """Ask for the pod's eviction; RefusedError when a disruption budget forbids it."""
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": ref.name, "namespace": ref.namespace},
            "deleteOptions": _delete_options(ref, grace_seconds, ""),
        }
        self._request("POST", f"{self._path(ref)}/eviction", body=eviction)

    def server_time(self) -> float:
        """Return the server's clock in seconds since the epoch, as of its last answer."""
        if self._clock_offset is None:
            self._request("GET", "/version")
        with self._clock:
            offset = self._clock_offset
        if offset is None:
            raise ClusterError(f"{self.server} answers without a Date header, so deadlines cannot be set by its clock")
        return time.monotonic() + offset

    # ------------------------------------------------------------------------------------------------ accounts

    def in_pod(self) -> bool:
        """Say whether this process is in a pod of this cluster."""
        return in_pod_of(self.server)

    def acting_as(self, namespace: str, account: str) -> KubeCluster:
        """Return this cluster as that service account sees it, by a token that is taken now and renewed before it ends.

        ForbiddenError without the right to `create serviceaccounts/token` of it, NotFoundError if there is no such account.
        """
        acting = copy.copy(self)
        acting._account = AccountToken(lambda: self._token_of(namespace, account))  # noqa: SLF001  # one of ours
        acting._pool = self._pool_of_accounts  # noqa: SLF001
        acting._account.current()  # noqa: SLF001
        return acting

    def renew(self) -> None:
        """Take a new token for the account that this acts as, once most of the old one's life is over."""
        if self._account is not None:
            self._account.renewed()

    def _token_of(self, namespace: str, account: str) -> Token:
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/serviceaccounts/{quote(account, safe='')}/token"
        spec = {"expirationSeconds": TOKEN_SECONDS}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        status = self._request("POST", path, body=body).get("status") or {}
        try:
            # The server may give a shorter life than was asked for, or a longer one, which is not relied on.
            lives = datetime.fromisoformat(status["expirationTimestamp"]).timestamp() - self.server_time()
            return Token(str(status["token"]), min(lives, TOKEN_SECONDS))
        except (KeyError, TypeError, ValueError) as error:
            raise ClusterError(f"expected a token and its expirationTimestamp from {self.server} to POST {path}") from error

    # ------------------------------------------------------------------------------------------------ one request

    def _path(self, ref: ObjectRef) -> str:
        return self._resources.path(ref.api_version, ref.kind, ref.namespace, ref.name)

    def _uid(self, system: Json | None) -> str:
        refused = ""
        try:
            kube_system = self.get(ObjectRef("v1", "Namespace", "", "kube-system"))
        except ForbiddenError as error:
            kube_system, refused = None, f" ({error})"
        if kube_system is not None:
            return str(kube_system["metadata"]["uid"])
        if system is None:
            raise ForbiddenError(
                f"{self.server} cannot be told from other clusters: the namespaces kube-system and gameday-system may "
                f"not be read{refused}. Grant get on one of them to this account."
            )
        authority = hashlib.sha256(self._authority).hexdigest()[:16]
        return f"ca:{authority}/{system['metadata']['uid']}"

    def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Json:
        url = self.server + path + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else orjson.dumps(body)
        answer, token = self._answer(method, path, url, data, content_type)
        if answer.status == _UNAUTHENTICATED and self._account is not None:
            # Ended before its time: the account was made anew, or the server's clock or key has changed. Nothing was done yet.
            self._account.discard(token)
            answer, _ = self._answer(method, path, url, data, content_type)
        self._set_clock(answer.headers.get("Date"))
        if answer.status not in _OK:
            raise _error(answer.status, answer.data, f"{method} {path}", urlsplit(self.server).netloc)
        return _json(answer.data, f"{method} {path}", self.server)

    def _answer(self, method: str, path: str, url: str, data: bytes | None, content_type: str) -> tuple[Any, str]:
        """Make one request; return its answer, and the account's token with which it was made."""
        headers = {"Accept": "application/json", "Content-Type": content_type, "User-Agent": "gameday"}
        token = self._account.current() if self._account is not None else ""
        if token:
            headers["authorization"] = f"Bearer {token}"
        else:
            headers.update({auth["key"]: auth["value"] for auth in self._configuration.auth_settings().values()})
        try:
            answer = self._pool.request(method, url, body=data, headers=headers, timeout=self._timeout, retries=False)
        except urllib3.exceptions.HTTPError as error:
            raise UnreachableError(
                f"no answer from the cluster at {self.server} to {method} {path}: {_cause(error)}. "
                "Is it up, and is this the right context?"
            ) from error
        return answer, token

    def _set_clock(self, date: str | None) -> None:
        """Keep the offset from our monotonic clock to the server's; its Date has whole seconds, so it may lag by one."""
        if date:
            with self._clock:
                self._clock_offset = parsedate_to_datetime(date).timestamp() - time.monotonic()


class _UnprocessableError(RefusedError):
    """The server understood the request and found it wrong (422)."""


_ERRORS: Mapping[int, type[RefusedError]] = {
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    412: ConflictError,
    422: _UnprocessableError,
    429: RefusedError,
}


def _error(status: int, data: bytes, what: str, server: str) -> RefusedError:
    text = f"the cluster at {server} answered {status} to {what}: {_message(data)}"
    if status == _UNAUTHENTICATED:
        text = (
            f"the cluster at {server} does not accept these credentials, or not any more ({status} to {what}: {_message(data)}). "
            "Log in again or renew the token in the kubeconfig, or choose another --context; who you are: kubectl auth whoami"
        )
    return _ERRORS.get(status, ServerError if status >= _SERVER_FAILED else ClusterError)(text)


def _json(data: bytes, what: str, server: str) -> Json:
    try:
        answer = orjson.loads(data or b"{}")
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        raise ClusterError(
            f"expected an object of the Kubernetes API from {server} to {what}, but got: "
            f"{data[:100].decode(errors='replace')!r}. Is this the address of a cluster?"
        )
    return answer


def _message(data: bytes) -> str:
    try:
        status = orjson.loads(data)
    except orjson.JSONDecodeError:
        return data[:200].decode(errors="replace") or "(no text)"
    return str(status.get("message") or status) if isinstance(status, dict) else str(status)


def _delete_options(ref: ObjectRef, grace_seconds: int | None, resource_version: str) -> Json:
    options: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
    if grace_seconds is not None:
        options["gracePeriodSeconds"] = grace_seconds
    preconditions = {"uid": ref.uid, "resourceVersion": resource_version}
    options["preconditions"] = {key: value for key, value in preconditions.items() if value}
    return options


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
