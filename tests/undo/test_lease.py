"""One run at a time in a cluster: taking, renewing, giving back and taking over its Lease."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gameday.errors import ConflictError, RefusedError
from gameday.undo.lease import DURATION_SECONDS, LEASE, Lease, ask_to_abort, hold_of

pytestmark = pytest.mark.e2e


@pytest.fixture
def lease(cluster: Any) -> Iterator[Lease]:
    found = Lease(cluster, "first-run")
    found.acquire()
    yield found
    found.release()


def spec_of(cluster: Any) -> Any:
    return cluster.get(LEASE)["spec"]


def test_a_second_run_is_refused_and_told_who_is_there(cluster: Any, lease: Lease) -> None:
    with pytest.raises(RefusedError, match=r"another run is on in this cluster: first-run@.*gameday recover"):
        Lease(cluster, "second-run").acquire()
    assert spec_of(cluster)["holderIdentity"] == lease.holder


def test_a_run_may_take_its_own_lease_again(cluster: Any, lease: Lease) -> None:
    again = Lease(cluster, "first-run")
    again.acquire()
    assert spec_of(cluster)["holderIdentity"] == again.holder == lease.holder


def test_renewing_moves_the_time_and_keeps_since_when(cluster: Any, lease: Lease) -> None:
    found = cluster.get(LEASE)
    lease.held = cluster.replace({**found, "spec": {**found["spec"], "renewTime": _ago(30)}})
    lease.renew()
    after = spec_of(cluster)
    assert after["renewTime"] > _ago(10)
    assert after["acquireTime"] == found["spec"]["acquireTime"]
    assert after["leaseDurationSeconds"] == DURATION_SECONDS


def test_an_abort_that_is_asked_for_in_the_moment_of_a_renewal_costs_nobody_the_lease(cluster: Any, lease: Lease) -> None:
    assert lease.look() == ""
    assert ask_to_abort(cluster, "ops@another-machine") == lease.holder
    asked = cluster.get(LEASE)
    lease.renew()
    assert cluster.get(LEASE)["metadata"]["resourceVersion"] != asked["metadata"]["resourceVersion"]
    assert lease.look() == "ops@another-machine"


def _ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def test_an_expired_lease_is_taken_over_and_its_former_holder_cannot_renew(cluster: Any, lease: Lease) -> None:
    found = cluster.get(LEASE)
    cluster.replace({**found, "spec": {**found["spec"], "renewTime": _ago(DURATION_SECONDS + 5)}})
    second = Lease(cluster, "second-run", sleep=lambda _: None)
    second.acquire()
    with pytest.raises(ConflictError):
        lease.renew()
    lease.release()
    assert spec_of(cluster)["holderIdentity"] == second.holder
    second.release()
    assert cluster.get(LEASE) is None


def test_giving_back_twice_is_giving_back_once_and_leaves_nothing(cluster: Any) -> None:
    found = Lease(cluster, "first-run")
    found.acquire()
    found.release()
    found.release()
    assert cluster.get(LEASE) is None
    found.renew()
    assert cluster.get(LEASE) is None


class _Late:
    """The cluster, in which the renewal of a guardian that is dead arrives right after somebody has looked at the Lease."""

    def __init__(self, cluster: Any, *, renewals: int) -> None:
        self._cluster, self._left = cluster, renewals

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    def get(self, ref: Any) -> Any:
        found = self._cluster.get(ref)
        if self._left and found is not None:
            self._left -= 1
            self._cluster.replace({**found, "spec": {**found["spec"], "renewTime": _ago(0)}})
        return found


def test_a_renewal_that_was_on_its_way_does_not_keep_the_lease_from_being_given_back(cluster: Any, lease: Lease) -> None:
    Lease(_Late(cluster, renewals=1), lease.run_id).release()
    assert cluster.get(LEASE) is None


def test_a_lease_that_is_renewed_again_and_again_is_not_taken_from_whoever_does(cluster: Any, lease: Lease) -> None:
    with pytest.raises(ConflictError):
        Lease(_Late(cluster, renewals=1000), lease.run_id).release()
    assert spec_of(cluster)["holderIdentity"] == lease.holder


def test_a_lease_without_a_holder_may_be_taken(cluster: Any, lease: Lease) -> None:
    found = cluster.get(LEASE)
    cluster.replace({**found, "spec": {"holderIdentity": ""}})
    second = Lease(cluster, "second-run")
    second.acquire()
    second.release()
    assert lease.held is not None


def test_one_that_has_ended_by_the_servers_clock_is_kept_by_a_run_that_lives(cluster: Any, lease: Lease) -> None:
    found = cluster.get(LEASE)
    lease.held = cluster.replace({**found, "spec": {**found["spec"], "renewTime": _ago(3600)}})
    # Its guardian notices that the clock was set, and renews.
    second = Lease(cluster, "second-run", sleep=lambda _: lease.renew())
    with pytest.raises(RefusedError, match="another run is on"):
        second.acquire()
    assert spec_of(cluster)["holderIdentity"] == lease.holder


def test_a_hold_is_never_longer_than_a_lease_wherever_the_servers_clock_has_gone(cluster: Any, lease: Lease) -> None:
    found = cluster.get(LEASE)
    lease.held = cluster.replace({**found, "spec": {**found["spec"], "renewTime": _ago(-3600)}})
    hold = hold_of(cluster)
    assert hold is not None
    assert hold.seconds_left == DURATION_SECONDS
    assert hold.ends < _ago(-70)
