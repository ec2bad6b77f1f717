"""Who may call: the administrator's token, and the tokens that service accounts were given for a time.

Tokens are random text and are kept as digests. There is no RBAC: whoever is known may do everything.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

from gameday.staging.errors import NotFound
from gameday.staging.resources import SERVICE_ACCOUNTS
from gameday.staging.store import Store


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who is known to the API."""

    name: str
    groups: tuple[str, ...]
    uid: str = ""


@dataclass(frozen=True, slots=True)
class _Grant:
    namespace: str
    account: str
    uid: str
    expires: datetime


ADMINISTRATOR = User("gameday-admin", ("system:masters", "system:authenticated"))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


class Tokens:
    """The tokens that are valid now."""

    def __init__(self, store: Store, administrator: str) -> None:
        self._store = store
        self._administrator = _digest(administrator)
        self._grants: dict[bytes, _Grant] = {}

    def user_of(self, authorization: str | None, now: datetime) -> User | None:
        """Return who an Authorization header belongs to; None if nobody, no longer, or not any more."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        digest = _digest(token.strip())
        if hmac.compare_digest(digest, self._administrator):
            return ADMINISTRATOR
        grant = self._grants.get(digest)
        if grant is None or grant.expires <= now or not self._account_stands(grant):
            self._grants.pop(digest, None)
            return None
        accounts = "system:serviceaccounts"
        groups = (accounts, f"{accounts}:{grant.namespace}", "system:authenticated")
        return User(f"system:serviceaccount:{grant.namespace}:{grant.account}", groups, grant.uid)

    def issue(self, namespace: str, account: str, uid: str, expires: datetime) -> str:
        """Return a new token for a service account, valid until `expires` or until the account is deleted."""
        token = secrets.token_urlsafe(32)
        self._grants[_digest(token)] = _Grant(namespace, account, uid, expires)
        return token

    def _account_stands(self, grant: _Grant) -> bool:
        try:
            account = self._store.stored(SERVICE_ACCOUNTS, grant.namespace, grant.account)
        except NotFound:
            return False
        return bool(account.body["metadata"]["uid"] == grant.uid)
