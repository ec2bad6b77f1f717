"""What a fault does once it has landed, to whom, and what is counted of it: of one bucket, of a share, of TLS."""

from __future__ import annotations

import http.client
import socket
import ssl
from contextlib import suppress
from typing import Any

import pytest
import trustme

from gameday.change.registry import action_named
from gameday.errors import BadParameterError
from tests.interposition.conftest import Busy
from tests.interposition.test_standing import FAIL, INTERPOSE, interposed, status_of, undo, where

pytestmark = pytest.mark.e2e
REFUSE = action_named("gameday.actions.services.refuse")
BLOCK = action_named("gameday.actions.storage.block")
SECURED = """
import os, socket, ssl, tempfile, threading
with tempfile.NamedTemporaryFile("w") as file:
    file.write(os.environ["CERTIFICATE"])
    file.flush()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file.name)
def greet(plain):
    try:
        with context.wrap_socket(plain, server_side=True) as connection:
            connection.sendall(b"well")
            connection.unwrap()
    except OSError:
        pass
with socket.create_server((os.environ["POD_IP"], 8443)) as server:
    while True:
        threading.Thread(target=greet, args=(server.accept()[0],), daemon=True).start()
"""


@pytest.mark.parametrize(
    ("operations", "harmed", "spared"),
    [
        ([], ["/receipts", "/receipts/", "/receipts/2026/1"], ["/receipts-archive", "/receipts-archive/1", "/receipts.old/1"]),
        (
            ["list"],
            ["/receipts?list-type=2", "/receipts/?list-type=2"],
            ["/receipts-archive?list-type=2", "/receipts-archive/?list-type=2", "/receipts/1"],
        ),
    ],
    ids=["everything", "lists"],
)
def test_a_fault_of_one_bucket_harms_no_other_that_begins_like_it(
    busy: Busy, books: Any, operations: list[str], harmed: list[str], spared: list[str]
) -> None:
    interposed(busy, books)
    changes = BLOCK.plan(busy.scratch.cluster, **where(busy), bucket="receipts", operations=operations)
    busy.make(changes, books)
    for path in harmed:
        busy.scratch.eventually(lambda path=path: status_of(busy, path) == 503)
    # Both proxies have it by then, whichever of them is asked.
    busy.scratch.eventually(lambda: BLOCK.landed(busy.scratch.cluster, changes).landed)
    assert {path: status_of(busy, path) for path in spared} == dict.fromkeys(spared, 200)
    assert undo(books) == {"undone"}


def test_a_share_of_connections_that_is_refused_is_counted_once_and_for_this_fault_alone(busy: Busy, books: Any) -> None:
    """Twice, since what an earlier fault refused is none of the later one's."""
    interposed(busy, books)
    service = busy.scratch.ref("Service", "web")
    for _ in range(2):
        changes = REFUSE.plan(busy.scratch.cluster, **where(busy), percent=50)
        busy.make(changes, books)
        busy.scratch.eventually(lambda changes=changes: in_force(busy, changes))
        refused = [asked for asked in range(40) if not is_answered(busy)]
        seen = REFUSE.landed(busy.scratch.cluster, changes)
        assert (seen.landed, seen.seen) == (True, f"of 40 requests that 2 proxies of {service} saw, {len(refused)} met the fault")
        assert undo(books) == {"undone"}


def test_a_fault_lands_on_tls_which_is_interposed_as_bytes(busy: Busy, books: Any) -> None:
    scratch, authority = busy.scratch, trustme.CA()
    place = secured(scratch, authority.issue_cert("tls.example").private_key_and_cert_chain_pem.bytes().decode())
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    named = {"namespace": scratch.name, "name": "tls"}
    scratch.eventually(lambda: said_in_secret(place, trusted) == b"well")
    changes = INTERPOSE.plan(scratch.cluster, **named, protocol="tcp")
    busy.make(changes, books)
    scratch.eventually(lambda: INTERPOSE.landed(scratch.cluster, changes).landed)
    assert said_in_secret(place, trusted) == b"well", "its own certificate is what a client sees"
    with pytest.raises(BadParameterError, match=r"services.fail: fault: expected another kind with protocol tcp"):
        FAIL.plan(scratch.cluster, **named)
    fault = REFUSE.plan(scratch.cluster, **named)
    busy.make(fault, books)
    scratch.eventually(lambda: REFUSE.landed(scratch.cluster, fault).landed)
    assert said_in_secret(place, trusted) == b""
    assert undo(books) == {"undone"}
    # Routes follow a moment after their objects.
    scratch.eventually(lambda: said_in_secret(place, trusted) == b"well")


def secured(scratch: Any, certificate: str) -> tuple[str, int]:
    """Run a program that speaks TLS behind the Service `tls`; return where that is."""
    container = {
        "name": "main",
        "image": "python:3",
        "command": ["python", "-c", SECURED],
        "env": [
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "CERTIFICATE", "value": certificate},
        ],
        "ports": [{"name": "https", "containerPort": 8443}],
        "readinessProbe": {"tcpSocket": {"port": "https"}, "periodSeconds": 1},
    }
    scratch.deployment("tls", replicas=1, pod={"containers": [container]})
    ports = [{"name": "https", "port": 8443, "targetPort": "https"}]
    service = scratch.create("Service", "tls", spec={"selector": {"app": "tls"}, "ports": ports})
    scratch.ready("tls")
    return service["spec"]["clusterIP"], 8443


def said_in_secret(place: tuple[str, int], trusted: ssl.SSLContext) -> bytes:
    """Return what is said on a new connection, with the certificate checked; nothing where there is none."""
    with (
        suppress(OSError),
        socket.create_connection(place, timeout=5) as plain,
        trusted.wrap_socket(plain, server_hostname="tls.example") as connection,
    ):
        return connection.recv(100)
    return b""


def in_force(busy: Busy, changes: Any) -> bool:
    """Whether every proxy has switched a fault on; nobody needs to have met it."""
    return REFUSE.landed(busy.scratch.cluster, changes).seen.startswith("of ")


def is_answered(busy: Busy) -> bool:
    try:
        return status_of(busy, "/") == 200
    except (OSError, http.client.HTTPException):
        return False
