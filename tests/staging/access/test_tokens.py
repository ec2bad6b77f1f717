from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gameday.staging.access.tokens import ADMINISTRATOR, Issued, Tokens, User
from gameday.staging.resources import PODS, SERVICE_ACCOUNTS
from gameday.staging.store import Store

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def made(store: Store) -> dict[str, Any]:
    metadata: dict[str, Any] = store.create(SERVICE_ACCOUNTS, {"metadata": {"name": "robot", "namespace": "shop"}})["metadata"]
    return metadata


def user_of(tokens: Tokens, issued: Issued, *, after_seconds: float = 0) -> User | None:
    return tokens.user_of(f"Bearer {issued.token}", NOW + timedelta(seconds=after_seconds))


def test_a_token_is_its_accounts_with_its_groups_until_its_time() -> None:
    tokens = Tokens(store := Store(), "admin")
    issued = tokens.issue(made(store), now=NOW, seconds=600)
    user = user_of(tokens, issued, after_seconds=599)
    assert user is not None
    assert user.name == "system:serviceaccount:shop:robot"
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated")
    assert user_of(tokens, issued, after_seconds=600) is None


def test_an_account_of_the_same_name_is_another_one() -> None:
    tokens = Tokens(store := Store(), "admin")
    issued = tokens.issue(made(store), now=NOW, seconds=600)
    store.delete(SERVICE_ACCOUNTS, "shop", "robot")
    made(store)
    assert user_of(tokens, issued) is None


def test_a_token_that_is_bound_to_a_pod_ends_with_it_and_names_it() -> None:
    tokens = Tokens(store := Store(), "admin")
    spec = {"containers": [{"name": "a", "image": "b"}]}
    pod = store.create(PODS, {"metadata": {"name": "p", "namespace": "shop"}, "spec": spec})
    issued = tokens.issue(made(store), now=NOW, seconds=600, bound=("Pod", pod["metadata"]))
    user = user_of(tokens, issued)
    assert user is not None
    assert ("authentication.kubernetes.io/pod-name", "p") in user.extra
    store.delete(PODS, "shop", "p")
    assert user_of(tokens, issued) is None


def test_the_token_of_a_pod_holds_for_a_year_and_asks_to_be_renewed_in_an_hour() -> None:
    tokens = Tokens(store := Store(), "admin")
    pod = store.create(PODS, {"metadata": {"name": "p", "namespace": "shop"}, "spec": {"containers": []}})
    issued = tokens.issue(made(store), now=NOW, seconds=3607, bound=("Pod", pod["metadata"]))
    assert issued.expires == NOW + timedelta(seconds=3607)
    assert user_of(tokens, issued, after_seconds=364 * 86_400) is not None
    assert user_of(tokens, issued, after_seconds=365 * 86_400) is None


def test_a_token_for_somebody_else_is_not_the_apis() -> None:
    tokens = Tokens(store := Store(), "admin")
    issued = tokens.issue(made(store), now=NOW, seconds=600, audiences=["vault"])
    assert user_of(tokens, issued) is None
    assert tokens.user_of_token(issued.token, NOW, "vault") is not None


def test_a_token_says_in_its_claims_whose_it_is_and_cannot_be_changed() -> None:
    tokens = Tokens(store := Store(), "admin")
    header, claims, signature = tokens.issue(made(store), now=NOW, seconds=600).token.split(".")
    read = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert read["sub"] == "system:serviceaccount:shop:robot"
    read["sub"], read["exp"] = "system:serviceaccount:kube-system:robot", read["exp"] + 1
    forged = base64.urlsafe_b64encode(json.dumps(read).encode()).decode().rstrip("=")
    assert tokens.user_of_token(f"{header}.{forged}.{signature}", NOW) is None
    assert Tokens(store, "admin").user_of_token(f"{header}.{claims}.{signature}", NOW) is None


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic admin", "Bearer a.b.c", "Bearer a.b", "Bearer ....", "Bearer ä"]
)
def test_what_is_no_token_is_nobodys(header: str | None) -> None:
    tokens = Tokens(Store(), "admin")
    assert tokens.user_of(header, NOW) is None
    assert tokens.user_of("bearer admin", NOW) is ADMINISTRATOR
