"""One cluster over HTTP: `gameday.cluster.Cluster`, each call one request.

Lists are fetched in pages, so that a large cluster costs memory by the page.
"""

from __future__ import annotations

import copy
import hashlib
import socket
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from urllib.parse import quote

import msgspec
from kubernetes import client

from gameday.cluster import NAME_LABEL, SYSTEM_NAMESPACE, Access, HttpAnswer, Identity, Json, ObjectRef, Permission, Selection
from gameday.cluster.discovery import Account, Served
from gameday.errors import ClusterError, ConflictError, ForbiddenError, NotFoundError
from gameday.kube.answers import UnprocessableError
from gameday.kube.discovery import served
from gameday.kube.pods import in_pod_of
from gameday.kube.projection import as_json, page_of
from gameday.kube.resources import ResourceMap
from gameday.kube.tokens import TOKEN_SECONDS, AccountToken, Token
from gameday.kube.transport import Transport

_PAGE = 500
_PAGE_OF_METADATA = 5_000
"""Of 4,020 pods, pages of 500 took a real server 340 ms, one page 150 ms; without the rest of the pods they are 4 kB each."""
_JSON_PATCH = "application/json-patch+json"
_APPLY = "application/apply-patch+yaml"
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_SELF = "SelfSubjectAccessReview"
_OTHERS = "SubjectAccessReview"


class KubeCluster:
    """Reads and writes one cluster; usable from several threads."""

    def __init__(self, configuration: client.Configuration, *, context: str = "", timeout_seconds: float = 10.0) -> None:
        """Take a configuration that `connect` filled in; no request is made."""
        self._transport = Transport(configuration, timeout_seconds=timeout_seconds)
        self._resources = ResourceMap(lambda path: self._transport.json("GET", path))
        self._identity: Identity | None = None
        self.server: str = configuration.host
        self.context = context

    # ------------------------------------------------------------------------------------------------ View

    def get(self, ref: ObjectRef) -> Json | None:
        """Return the object, or None if there is none of that name (and uid, if the reference has one)."""
        try:
            obj = self._transport.json("GET", self._path(ref))
        except NotFoundError:
            return None
        return None if ref.uid and obj["metadata"].get("uid") != ref.uid else obj

    def list(self, selection: Selection) -> Sequence[Json]:
        """Return the objects selected, page by page, each with its apiVersion and kind."""
        path = self._resources.path(selection.api_version, selection.kind, selection.namespace)
        # Most of an object is not even sent where nothing but metadata is wanted.
        is_metadata = bool(selection.only) and all(wanted.startswith("metadata.") for wanted in selection.only)
        limit = _PAGE_OF_METADATA if is_metadata else _PAGE
        query = {"limit": str(limit), "labelSelector": selection.labels, "fieldSelector": selection.fields}
        named = {"apiVersion": selection.api_version, "kind": selection.kind}
        accept = _METADATA_ONLY if is_metadata else "application/json"
        read = partial(self._projected_page, selection.only, accept) if selection.only else self._whole_page
        items: list[Json] = []
        while True:
            page, query["continue"] = read(path, {key: value for key, value in query.items() if value})
            items += [{**named, **item} for item in page]
            if not query["continue"]:
                return items

    def _whole_page(self, path: str, query: Mapping[str, str]) -> tuple[Iterable[Json], str]:
        page = self._transport.json("GET", path, query=query)
        return page.get("items") or (), page.get("metadata", {}).get("continue", "")

    def _projected_page(
        self, only: tuple[str, ...], accept: str, path: str, query: Mapping[str, str]
    ) -> tuple[Iterable[Json], str]:
        data = self._transport.data("GET", path, query=query, accept=accept)
        try:
            page = page_of(only).decode(data)
        except msgspec.DecodeError as error:
            raise ClusterError(f"expected a list of objects from {self.server} to GET {path}, but got: {error}") from error
        return map(as_json, page.items or ()), page.metadata.continue_

    def identity(self) -> Identity:
        """Say which cluster this is; asked once, then remembered."""
        if self._identity is None:
            try:
                system = self.get(ObjectRef("v1", "Namespace", "", SYSTEM_NAMESPACE))
            except ForbiddenError:
                system = None
            name = ((system or {}).get("metadata", {}).get("labels") or {}).get(NAME_LABEL, "")
            self._identity = Identity(self._uid(system), name, self.server)
        return self._identity

    def may(self, access: Access) -> Permission:
        """Ask by a SelfSubjectAccessReview; a ClusterError where the server has none, or could not tell."""
        return self._review(_SELF, access, {}, "this account")

    def may_as(self, account: Account, access: Access) -> Permission:
        """Ask by a SubjectAccessReview; ForbiddenError where this account may not ask about others."""
        asked_for: Json = {"user": account.name, "groups": list(account.groups)}
        return self._review(_OTHERS, access, asked_for, account.name)

    def served(self) -> Served:
        """Return the kinds that the server serves."""
        return served(lambda path: self._transport.json("GET", path))

    def _review(self, kind: str, access: Access, asked_for: Json, whose: str) -> Permission:
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
            "kind": kind,
            "spec": {"resourceAttributes": {key: value for key, value in asked.items() if value}, **asked_for},
        }
        path = f"/apis/authorization.k8s.io/v1/{kind.lower()}s"
        status = self._transport.json("POST", path, body=review).get("status", {})
        allowed = bool(status.get("allowed"))
        if status.get("evaluationError") and not allowed:
            raise ClusterError(f"{self.server} could not tell whether {whose} may {access}: {status['evaluationError']}")
        return Permission(access, allowed, status.get("reason", ""), asked_for.get("user", ""))

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

    def ask(self, ref: ObjectRef, port: int | str, path: str) -> HttpAnswer:
        """GET a path of a Pod or a Service through the API server's proxy."""
        target = f"{self._path(ref.anonymous)}:{quote(str(port), safe='')}/proxy/{path.removeprefix('/')}"
        status, body = self._transport.relayed(target)
        return HttpAnswer(status, body)

    def create(self, manifest: Json) -> Json:
        """Create the object; ConflictError if it exists."""
        ref = ObjectRef.of(manifest)
        return self._transport.json("POST", self._resources.path(ref.api_version, ref.kind, ref.namespace), body=manifest)

    def patch(self, ref: ObjectRef, operations: Sequence[Json]) -> Json:
        """Apply a JSON Patch; ConflictError when a `test` in it does not hold."""
        try:
            return self._transport.json("PATCH", self._path(ref), body=list(operations), content_type=_JSON_PATCH)
        except UnprocessableError as error:
            # The API server answers a failed `test` with 422, like any other patch that cannot be applied.
            raise ConflictError(str(error)) from error

    def replace(self, obj: Json) -> Json:
        """Write the whole object; ConflictError unless its resourceVersion still stands."""
        return self._transport.json("PUT", self._path(ObjectRef.of(obj)), body=obj)

    def delete(self, ref: ObjectRef, *, grace_seconds: int | None = None, resource_version: str = "") -> None:
        """Delete the object, if it still has that uid and resourceVersion."""
        options = _delete_options(ref, grace_seconds, resource_version)
        self._transport.json("DELETE", self._path(ref), body=options)

    def evict(self, ref: ObjectRef, *, grace_seconds: int | None = None) -> None:
        """Ask for the pod's eviction; RefusedError when a disruption budget forbids it."""
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": ref.name, "namespace": ref.namespace},
            "deleteOptions": _delete_options(ref, grace_seconds, ""),
        }
        self._transport.json("POST", f"{self._path(ref)}/eviction", body=eviction)

    def apply(self, manifest: Json, *, manager: str) -> str:
        """Apply it on the server, taking over the fields that it names; return created, configured or unchanged."""
        ref = ObjectRef.of(manifest)
        before = self.get(ref)
        query = {"fieldManager": manager, "force": "true"}
        after = self._transport.json("PATCH", self._path(ref), query=query, body=manifest, content_type=_APPLY)
        if before is None:
            return "created"
        is_same = before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]
        return "unchanged" if is_same else "configured"

    def server_time(self) -> float:
        """Return the server's clock in seconds since the epoch, as of its last answer."""
        return self._transport.server_time()

    # ------------------------------------------------------------------------------------------------ accounts

    def in_pod(self) -> bool:
        """Say whether this process is in a pod of this cluster."""
        return in_pod_of(self.server)

    def acting_as(self, namespace: str, account: str) -> KubeCluster:
        """Return this cluster as that service account sees it, by a token that is taken now and renewed before it ends.

        ForbiddenError without the right to `create serviceaccounts/token` of it, NotFoundError if there is no such account.
        """
        acting = copy.copy(self)
        acting._transport = self._transport.as_account(AccountToken(lambda: self._token_of(namespace, account)))  # noqa: SLF001
        acting.renew()
        return acting

    def renew(self) -> None:
        """Take a new token for the account that this acts as, once most of the old one's life is over."""
        self._transport.renew()

    def _token_of(self, namespace: str, account: str) -> Token:
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/serviceaccounts/{quote(account, safe='')}/token"
        spec = {"expirationSeconds": TOKEN_SECONDS}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        status = self._transport.json("POST", path, body=body).get("status") or {}
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
        authority = hashlib.sha256(self._transport.authority).hexdigest()[:16]
        return f"ca:{authority}/{system['metadata']['uid']}"


def _delete_options(ref: ObjectRef, grace_seconds: int | None, resource_version: str) -> Json:
    options: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
    if grace_seconds is not None:
        options["gracePeriodSeconds"] = grace_seconds
    preconditions = {"uid": ref.uid, "resourceVersion": resource_version}
    options["preconditions"] = {key: value for key, value in preconditions.items() if value}
    return options
