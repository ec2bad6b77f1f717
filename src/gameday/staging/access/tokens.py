"""Who may call: the administrator's token, and the tokens that service accounts were given for a time.

A service account's token is a signed JWT with the claims that Kubernetes writes. Nothing about it is kept: it is valid while its
time lasts and while its account, and the pod or Secret that it is bound to, are the same objects as when it was issued. The
key is this server's own and ends with it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from gameday.staging.errors import NotFound
from gameday.staging.resources import PODS, SECRETS, SERVICE_ACCOUNTS, Resource
from gameday.staging.store import Store

Object = dict[str, Any]
API_AUDIENCE: Final = "https://kubernetes.default.svc"
PROJECTED_SECONDS: Final = 3607
"""What a pod's token asks for by default; it is honoured for a year, as in Kubernetes, for clients that read it only once."""
_EXTENDED_SECONDS: Final = 365 * 24 * 3600
_HEADER: Final = {"alg": "HS256", "typ": "JWT"}
_BINDABLE: Final[dict[str, Resource]] = {"pod": PODS, "secret": SECRETS}
_PREFIX: Final = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who is known to the API."""

    name: str
    groups: tuple[str, ...]
    uid: str = ""
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token and the time until which it shall be used."""

    token: str
    expires: datetime


ADMINISTRATOR: Final = User("gameday-admin", ("system:masters", "system:authenticated"))


def account_groups(namespace: str) -> tuple[str, ...]:
    """Return the groups of every service account of a namespace."""
    return "system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"


def account_user(namespace: str, name: str) -> str:
    """Return the user name of a service account."""
    return f"{_PREFIX}{namespace}:{name}"


def split_account(user: str) -> tuple[str, str] | None:
    """Return namespace and name of the service account that a user name means; None if it means none."""
    namespace, colon, name = user.removeprefix(_PREFIX).partition(":")
    return (namespace, name) if user.startswith(_PREFIX) and namespace and colon and name else None


class Tokens:
    """Issues tokens, and says whose they are."""

    def __init__(self, store: Store, administrator: str) -> None:
        self._store = store
        self.administrator = administrator
        self._key = secrets.token_bytes(32)

    def user_of(self, authorization: str | None, now: datetime) -> User | None:
        """Return who an Authorization header belongs to; None if nobody, no longer, or not any more."""
        scheme, _, token = (authorization or "").partition(" ")
        return self.user_of_token(token.strip(), now) if scheme.lower() == "bearer" else None

    def user_of_token(self, token: str, now: datetime, audience: str = API_AUDIENCE) -> User | None:
        """Return who a token belongs to; None if it is nobody's, has expired, or is meant for others than `audience`."""
        if hmac.compare_digest(token.encode(), self.administrator.encode()):
            return ADMINISTRATOR
        claims = self._claims(token)
        if claims is None or claims["exp"] <= now.timestamp() or audience not in claims["aud"]:
            return None
        private = claims["kubernetes.io"]
        namespace, account = private["namespace"], private["serviceaccount"]
        if not self._stands(SERVICE_ACCOUNTS, namespace, account):
            return None
        extra = [("credential-id", f"JTI={claims['jti']}")]
        for kind, resource in _BINDABLE.items():
            if kind in private:
                if not self._stands(resource, namespace, private[kind]):
                    return None
                extra += [(f"{kind}-{key}", private[kind][key]) for key in ("name", "uid")]
        user = account_user(namespace, account["name"])
        named = tuple((f"authentication.kubernetes.io/{key}", value) for key, value in extra)
        return User(user, account_groups(namespace), account["uid"], named)

    def issue(
        self,
        account: Object,
        *,
        now: datetime,
        seconds: int,
        audiences: Sequence[str] = (API_AUDIENCE,),
        bound: tuple[str, Object] | None = None,
    ) -> Issued:
        """Return a new token for a service account (its metadata), and bound to a pod or Secret (kind and metadata)."""
        extended = seconds == PROJECTED_SECONDS and bound is not None and API_AUDIENCE in audiences
        issued = int(now.timestamp())
        private: Object = {"namespace": account["namespace"], "serviceaccount": _named(account)}
        if bound is not None:
            private[bound[0].lower()] = _named(bound[1])
        if extended:
            private["warnafter"] = issued + seconds
        claims = {
            "aud": list(audiences),
            "exp": issued + (_EXTENDED_SECONDS if extended else seconds),
            "iat": issued,
            "iss": API_AUDIENCE,
            "jti": str(uuid.uuid4()),
            "kubernetes.io": private,
            "nbf": issued,
            "sub": account_user(account["namespace"], account["name"]),
        }
        signed = f"{_encoded(orjson.dumps(_HEADER))}.{_encoded(orjson.dumps(claims))}"
        expires = datetime.fromtimestamp(issued, UTC) + timedelta(seconds=seconds)
        return Issued(f"{signed}.{_encoded(self._signature(signed))}", expires)

    def _claims(self, token: str) -> Object | None:
        signed, dot, signature = token.rpartition(".")
        if not dot or signed.count(".") != 1:
            return None
        try:
            if not hmac.compare_digest(_decoded(signature), self._signature(signed)):
                return None
        except (binascii.Error, ValueError):
            return None
        claims: Object = orjson.loads(_decoded(signed.partition(".")[2]))
        return claims

    def _signature(self, signed: str) -> bytes:
        return hmac.new(self._key, signed.encode(), hashlib.sha256).digest()

    def _stands(self, resource: Resource, namespace: str, named: Object) -> bool:
        try:
            found = self._store.stored(resource, namespace, named["name"])
        except NotFound:
            return False
        return bool(found.body["metadata"]["uid"] == named["uid"])


def _named(metadata: Object) -> Object:
    return {"name": metadata["name"], "uid": metadata["uid"]}


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
