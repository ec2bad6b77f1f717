"""Acting as somebody else: the Impersonate headers, which `kubectl --as` sends, for whoever has the right to impersonate."""

from __future__ import annotations

from collections.abc import ItemsView
from typing import Protocol

from gameday.staging.access.attributes import Attributes
from gameday.staging.access.authorizer import Authorizer
from gameday.staging.access.tokens import User, account_groups, split_account
from gameday.staging.errors import ApiError

_USER, _GROUP, _UID, _EXTRA = "Impersonate-User", "Impersonate-Group", "Impersonate-Uid", "impersonate-extra-"
_AUTHENTICATED, _UNAUTHENTICATED = "system:authenticated", "system:unauthenticated"
_ANONYMOUS = "system:anonymous"


class Headers(Protocol):
    """A request's headers, which may stand there several times and in any case; aiohttp's are such."""

    def get(self, key: str, default: str, /) -> str:
        """Return the first value of that name."""

    def getall(self, key: str, default: list[str], /) -> list[str]:
        """Return all values of that name."""

    def items(self) -> ItemsView[str, str]:
        """Return all names and values."""


def acting_as(authorizer: Authorizer, user: User, headers: Headers) -> User:
    """Return whom a request is from: the caller, or whom the caller impersonates; Forbidden if it may not."""
    name, groups, uid = headers.get(_USER, ""), headers.getall(_GROUP, []), headers.get(_UID, "")
    extra = [(key.lower().removeprefix(_EXTRA), value) for key, value in headers.items() if key.lower().startswith(_EXTRA)]
    if not name:
        if groups or uid or extra:
            raise ApiError("requested impersonation of groups, a uid or extra without impersonating a user")
        return user
    account = split_account(name)
    if account:
        namespace, own_name = account
        wanted = [Attributes("impersonate", "", "serviceaccounts", "", namespace, own_name)]
    else:
        wanted = [Attributes("impersonate", resource="users", name=name)]
    authentication = "authentication.k8s.io"
    wanted += [Attributes("impersonate", resource="groups", name=group) for group in groups]
    wanted += [Attributes("impersonate", authentication, "uids", name=uid)] if uid else []
    wanted += [Attributes("impersonate", authentication, "userextras", key, name=value) for key, value in extra]
    for each in wanted:
        authorizer.check(user, each)
    if account and not groups:
        groups = list(account_groups(account[0]))
    if name != _ANONYMOUS and not {_AUTHENTICATED, _UNAUTHENTICATED} & set(groups):
        groups = [*groups, _AUTHENTICATED]
    return User(name, tuple(groups), uid, tuple(extra))
