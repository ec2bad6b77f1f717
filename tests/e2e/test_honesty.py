"""A fault that silently does nothing never makes a verdict: inconclusive or refused, whatever the API answered."""

from __future__ import annotations

import pytest

from gameday import staging
from gameday.kube import KubeCluster
from gameday.log.events import ChangeApplied, ChangeLanded, VerdictGiven
from tests.e2e.conftest import QUICK, Command, replicas_of
from tests.e2e.held import WITHOUT_CUSTOMERS
from tests.e2e.lying import lying_cluster

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("as_before")]


def test_an_apply_that_succeeds_and_does_nothing_is_inconclusive(
    command: Command, shop: staging.Running, shop_cluster: KubeCluster
) -> None:
    def lies(method: str, path: str) -> int | None:
        return 200 if method == "PATCH" and "/deployments/payment" in path else None

    with lying_cluster(shop.kubeconfig, command.folder, lies) as kubeconfig:
        ended = command.run("run", "quick.yaml", "--yes", "--kubeconfig", str(kubeconfig))
    assert ended.returncode == 2, ended.stderr + ended.stdout
    applied = [event for event in command.events() if isinstance(event, ChangeApplied)]
    landed = [event for event in command.events() if isinstance(event, ChangeLanded)]
    verdict = next(event for event in command.events() if isinstance(event, VerdictGiven))
    assert applied, "the API said that it was done"
    assert [event.landed for event in landed] == [False]
    assert verdict.verdict == "inconclusive"
    assert any("did not land" in reason for reason in verdict.reasons)
    assert replicas_of(shop_cluster, "payment") == 2


def test_a_deletion_that_succeeds_and_deletes_nothing_is_inconclusive(command: Command, shop: staging.Running) -> None:
    kill = QUICK.replace("gameday.actions.workloads", "gameday.actions.pods").replace("func: scale", "func: kill")
    kill = kill.replace("{namespace: shop, name: payment, replicas: 0}", "{namespace: shop, selector: app=checkout}")
    (command.folder / "quick.yaml").write_text(kill.replace("expect: deviated", "expect: held"))

    def lies(method: str, path: str) -> int | None:
        return 200 if method == "DELETE" and "/pods/checkout-" in path else None

    with lying_cluster(shop.kubeconfig, command.folder, lies) as kubeconfig:
        ended = command.run("run", "quick.yaml", "--yes", "--kubeconfig", str(kubeconfig))
    assert ended.returncode == 2, ended.stderr + ended.stdout
    verdict = next(event for event in command.events() if isinstance(event, VerdictGiven))
    assert any("still answers" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("status", [403, 404, 500])
def test_where_what_is_owed_cannot_be_written_nothing_is_injected(
    command: Command, shop: staging.Running, shop_cluster: KubeCluster, status: int
) -> None:
    def refuses(method: str, path: str) -> int | None:
        return status if method == "POST" and path.endswith("/namespaces/gameday-system/secrets") else None

    with lying_cluster(shop.kubeconfig, command.folder, refuses) as kubeconfig:
        ended = command.run("run", "quick.yaml", "--yes", "--kubeconfig", str(kubeconfig))
    assert ended.returncode == 2, ended.stderr + ended.stdout
    verdict = next(event for event in command.events() if isinstance(event, VerdictGiven))
    assert any("cannot be written down, so nothing is injected" in reason for reason in verdict.reasons)
    assert not [event for event in command.events() if isinstance(event, ChangeApplied)]
    assert replicas_of(shop_cluster, "payment") == 2


def test_a_red_baseline_changes_nothing_and_is_inconclusive(command: Command) -> None:
    (command.folder / "quick.yaml").write_text(QUICK.replace("range: [97, 100]", "range: [101, 102]"))
    ended = command.run("run", "quick.yaml", "--yes")
    assert ended.returncode == 2, ended.stderr + ended.stdout
    assert not [event for event in command.events() if isinstance(event, ChangeApplied)]
    assert "before anything was changed" in ended.stdout


def test_a_verdict_that_differs_from_the_expected_one_is_exit_one(command: Command) -> None:
    (command.folder / "quick.yaml").write_text(WITHOUT_CUSTOMERS.replace("expect: held", "expect: deviated"))
    ended = command.run("run", "quick.yaml", "--yes")
    assert ended.returncode == 1, ended.stderr + ended.stdout
