"""Proxies put before a Service and taken away again while customers are at it, and what a fault in between does to whom."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gameday.change.registry import action_named
from gameday.errors import NoTargetError, RefusedError
from gameday.interposition.standing import counts_of, proxies_of
from tests.interposition.conftest import Busy

pytestmark = pytest.mark.e2e
INTERPOSE = action_named("gameday.actions.services.interpose")
FAIL = action_named("gameday.actions.services.fail")


def where(busy: Busy) -> dict[str, str]:
    return {"namespace": busy.scratch.name, "name": "web"}


def interposed(busy: Busy, books: Any) -> None:
    changes = INTERPOSE.plan(busy.scratch.cluster, **where(busy))
    busy.make(changes, books)
    busy.scratch.eventually(lambda: INTERPOSE.landed(busy.scratch.cluster, changes).landed)


def undo(books: Any) -> set[str]:
    return {item.outcome for item in books.undo(now=time.monotonic, sleep=time.sleep)}


def test_putting_proxies_in_and_taking_them_out_costs_no_customer_a_request(busy: Busy, books: Any) -> None:
    busy.open_up(customers=4)
    interposed(busy, books)
    through = busy.answers
    busy.scratch.eventually(lambda: busy.answers > through + 100)
    assert undo(books) == {"undone"}
    after = busy.answers
    busy.scratch.eventually(lambda: busy.answers > after + 50)
    busy.close()
    assert busy.failures == []
    assert busy.scratch.get("Service", "web")["spec"]["selector"] == {"app": "web"}
    assert proxies_of(busy.scratch.cluster, busy.scratch.ref("Service", "web")) == []


def test_a_connection_that_is_kept_from_before_goes_on_past_the_proxy_so_it_stands_before_the_baseline(
    busy: Busy, books: Any
) -> None:
    kept = http.client.HTTPConnection(busy.host, busy.port, timeout=10)

    def ask() -> int:
        kept.request("GET", "/kept")
        answer = kept.getresponse()
        answer.read()
        return answer.status

    assert ask() == 200
    interposed(busy, books)
    changes = FAIL.plan(busy.scratch.cluster, **where(busy), status=500)
    busy.make(changes, books)
    busy.open_up(customers=1)
    found = busy.scratch.eventually(lambda: (seen := FAIL.landed(busy.scratch.cluster, changes)).landed and seen)
    assert "met the fault" in found.seen
    assert ask() == 200, "its pod is the old one, whatever the Service says now"
    kept.close()
    assert ask() == 500, "a new connection meets the proxy"
    kept.close()
    busy.close()
    assert undo(books) == {"undone"}


def test_a_cohort_is_hit_and_nobody_else_and_it_ends_by_itself(busy: Busy, books: Any) -> None:
    interposed(busy, books)
    only = {"headers": {"x-cohort": "app"}}
    changes = FAIL.plan(busy.scratch.cluster, **where(busy), status=500, match=only, lasts_seconds=3)
    busy.make(changes, books)

    def status(cohort: str) -> int:
        connection = http.client.HTTPConnection(busy.host, busy.port, timeout=10)
        try:
            connection.request("GET", "/", headers={"X-Cohort": cohort})
            return connection.getresponse().status
        finally:
            connection.close()

    busy.scratch.eventually(lambda: status("app") == 500)
    assert status("web") == 200
    busy.scratch.eventually(lambda: status("app") == 200)
    cluster = busy.scratch.cluster

    def states() -> set[str]:
        pods = proxies_of(cluster, busy.scratch.ref("Service", "web"))
        return {counts_of(cluster, pod)["settings"]["state"] for pod in pods}

    busy.scratch.eventually(lambda: states() == {"ended"})
    assert undo(books) == {"undone"}


def test_a_fault_that_nobody_meets_has_not_landed(busy: Busy, books: Any) -> None:
    interposed(busy, books)
    changes = FAIL.plan(busy.scratch.cluster, **where(busy), match={"path": "/nobody/asks/for/this"})
    busy.make(changes, books)
    busy.open_up(customers=1)
    seen = busy.scratch.eventually(lambda: (found := FAIL.landed(busy.scratch.cluster, changes)).seen.startswith("of ") and found)
    assert seen.landed is False
    assert "0 met the fault" in seen.seen
    busy.close()
    assert undo(books) == {"undone"}


def test_a_second_fault_of_the_same_service_is_refused(busy: Busy, books: Any) -> None:
    interposed(busy, books)
    changes = FAIL.plan(busy.scratch.cluster, **where(busy))
    busy.make(changes, books)
    with pytest.raises(RefusedError, match=r"expected no configmap .* yet, but it is there"):
        books.owe(FAIL.plan(busy.scratch.cluster, **where(busy), status=404)[0], by="another")
    assert undo(books) == {"undone"}


def test_what_lies_outside_the_cluster_is_reached_through_a_service_of_proxies_and_blocked_there(
    busy: Busy, books: Any, tmp_path: Path, outside: str
) -> None:
    """An object store that is no pod; a program in the cluster is pointed at the Service that stands for it."""
    scratch, block = busy.scratch, action_named("gameday.actions.storage.block")
    environment = {
        "PATH": os.environ["PATH"],
        "POD_IP": outside,
        "DATA_DIR": str(tmp_path),
        "S3_ACCESS_KEY_ID": "KEY",
        "S3_SECRET_ACCESS_KEY": "secret",
    }
    command = [sys.executable, "-m", "gameday.staging.shop", "objects"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as store:
        try:
            represent = action_named("gameday.actions.services.represent")
            changes = represent.plan(scratch.cluster, namespace=scratch.name, name="offsite", host=outside, port=9000)
            busy.make(changes, books)
            scratch.eventually(lambda: represent.landed(scratch.cluster, changes).landed)
            service = scratch.get("Service", "offsite")
            offsite = Busy(scratch, service["spec"]["clusterIP"], service["spec"]["ports"][0]["port"])
            assert status_of(offsite, "/some/key") == 404, "the store itself says that there is no such bucket"
            with pytest.raises(NoTargetError, match="says that it has no bucket 'receipts'"):
                block.plan(scratch.cluster, namespace=scratch.name, name="offsite", bucket="receipts")
            fault = block.plan(scratch.cluster, namespace=scratch.name, name="offsite", operations=["get"])
            busy.make(fault, books)
            scratch.eventually(lambda: status_of(offsite, "/some/key") == 503)
            assert status_of(offsite, "/some/key", method="DELETE") == 404
            assert block.landed(scratch.cluster, fault).landed
            assert undo(books) == {"undone"}
        finally:
            store.terminate()


def status_of(busy: Busy, path: str, *, method: str = "GET") -> int:
    connection = http.client.HTTPConnection(busy.host, busy.port, timeout=10)
    try:
        connection.request(method, path)
        return connection.getresponse().status
    finally:
        connection.close()
