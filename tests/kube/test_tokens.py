"""Acting as another account: its token is taken, renewed before it ends, and taken again where the server has forgotten it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from gameday.cluster import ObjectRef, Selection
from gameday.errors import ClusterError, ForbiddenError, NotFoundError
from gameday.kube import KubeCluster
from gameday.kube.tokens import AccountToken, Token


@dataclass
class Issuer:
    """Gives numbered tokens of an hour, unless it refuses."""

    seconds: float = 0.0
    refuses: bool = False
    given: int = 0

    def take(self) -> Token:
        if self.refuses:
            raise ForbiddenError("not granted any more")
        self.given += 1
        return Token(f"t{self.given}", 3600.0)

    def now(self) -> float:
        return self.seconds


def test_a_token_is_replaced_when_most_of_its_life_is_over_and_not_before() -> None:
    issuer = Issuer()
    token = AccountToken(issuer.take, issuer.now)
    assert token.current() == "t1"
    issuer.seconds = 0.79 * 3600
    assert (token.current(), token.renewed()) == ("t1", "t1")
    issuer.seconds = 0.81 * 3600
    assert (token.renewed(), token.current()) == ("t2", "t2")


def test_where_a_new_one_is_refused_the_old_one_is_used_to_its_end_and_the_refusal_is_told() -> None:
    issuer = Issuer()
    token = AccountToken(issuer.take, issuer.now)
    token.current()
    issuer.refuses, issuer.seconds = True, 0.9 * 3600
    assert token.current() == "t1"
    with pytest.raises(ForbiddenError):
        token.renewed()
    issuer.seconds = 3600
    with pytest.raises(ForbiddenError):
        token.current()


@pytest.fixture
def robot(scratch: Any) -> ObjectRef:
    """Return an account of the test's own that may do nothing."""
    return ObjectRef.of(scratch.create("ServiceAccount", "robot"))


@pytest.mark.e2e
def test_what_is_asked_as_another_account_is_asked_with_its_rights(cluster: KubeCluster, robot: ObjectRef) -> None:
    acting = cluster.acting_as(robot.namespace, robot.name)
    with pytest.raises(ForbiddenError, match=f"system:serviceaccount:{robot.namespace}:robot"):
        acting.list(Selection("v1", "Pod", robot.namespace))
    assert cluster.list(Selection("v1", "Pod", robot.namespace)) == []


@pytest.mark.e2e
def test_without_that_account_its_token_cannot_be_had(cluster: KubeCluster, scratch: Any) -> None:
    with pytest.raises(NotFoundError, match='"nobody" not found'):
        cluster.acting_as(scratch.name, "nobody")


@pytest.mark.e2e
def test_an_account_that_may_not_take_it_is_told_in_kubernetes_words(cluster: KubeCluster, robot: ObjectRef) -> None:
    acting = cluster.acting_as(robot.namespace, robot.name)
    with pytest.raises(ForbiddenError, match=r'serviceaccounts "robot" is forbidden.*cannot create resource "service.*/token"'):
        acting.acting_as(robot.namespace, robot.name)


@pytest.mark.e2e
def test_a_token_that_the_server_has_forgotten_is_taken_again(cluster: KubeCluster, scratch: Any, robot: ObjectRef) -> None:
    acting = cluster.acting_as(robot.namespace, robot.name)
    cluster.delete(robot)
    with pytest.raises(ClusterError):
        acting.list(Selection("v1", "Pod", robot.namespace))
    scratch.create("ServiceAccount", "robot")
    with pytest.raises(ForbiddenError, match="cannot list"):
        acting.list(Selection("v1", "Pod", robot.namespace))
