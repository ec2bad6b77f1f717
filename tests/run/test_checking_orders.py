"""The ledger after a round: a shop that comes back is waited for, and one that can answer in part is heard in part."""

from __future__ import annotations

import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gameday.log import LogWriter, read
from gameday.log.events import LedgerChecked
from gameday.run.load import LEDGER_FILE, Load
from gameday.traffic.journey_file import load_journey
from gameday.traffic.ledger import Entry, LedgerWriter
from gameday.traffic.spec import LoadSpec
from gameday.workspace import SHIPPED

JOURNEY = SHIPPED / "journeys" / "checkout.yaml"
ORDERS = {"orders": [{"reference": "R1", "key": "k1", "amount": 7, "state": "paid"}]}
Answers = dict[str, list[Any]]
"""What each path answers, one after the other, the last one for ever; None is a 503."""


@pytest.fixture
def checked(tmp_path: Path) -> Iterator[Callable[..., Awaitable[LedgerChecked]]]:
    ledger = LedgerWriter(tmp_path / LEDGER_FILE)
    ledger.open()
    ledger.add(Entry("k1", "c", 1.0, 2.0, 3.0, reference="R1", amount=7))
    ledger.add(Entry("k2", "c", 1.0, 2.0, 3.0, error="status_503"))
    ledger.close()
    log = LogWriter(tmp_path)

    async def check(answers: Answers, settle_seconds: float = 20.0) -> LedgerChecked:
        class Shop(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                left = answers[self.path]
                found = left.pop(0) if len(left) > 1 else left[0]
                body = json.dumps(found).encode()
                self.send_response(503 if found is None else 200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                return

        with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            url = f"http://127.0.0.1:{server.server_address[1]}"
            spec = LoadSpec(str(JOURNEY), (url,), str(tmp_path / LEDGER_FILE))
            load = Load(log, tmp_path, spec, load_journey(JOURNEY), died=lambda _: None)
            await load.check_orders("r1", settle_seconds=settle_seconds)
            server.shutdown()
            thread.join()
        return next(event for event in read(tmp_path) if isinstance(event, LedgerChecked))

    yield check
    log.close()


async def test_a_shop_that_puts_things_right_is_waited_for(checked: Any) -> None:
    told: Answers = {
        "/orders/lookup": [None, ORDERS],
        "/captures/lookup": [None, {"captures": [{"key": "k2"}]}, {"captures": []}],
        "/failures/lookup": [{"failures": []}, {"failures": [{"key": "k2"}]}],
    }
    found = await checked(told)
    assert (found.acknowledged, found.found, found.failed, found.error) == (1, 1, 1, "")
    assert (found.unrecorded, found.untracked) == ([], [])


async def test_what_stays_wrong_is_named(checked: Any) -> None:
    told: Answers = {
        "/orders/lookup": [ORDERS],
        "/captures/lookup": [{"captures": [{"key": "k2"}]}],
        "/failures/lookup": [{"failures": []}],
    }
    found = await checked(told, 0.0)
    assert (found.unrecorded, found.untracked, found.error) == (["k2"], ["k2"], "")


async def test_where_charges_cannot_be_asked_about_orders_are_looked_up_all_the_same(checked: Any) -> None:
    told: Answers = {
        "/orders/lookup": [{"orders": []}],
        "/captures/lookup": [None],
        "/failures/lookup": [{"failures": []}],
    }
    found = await checked(told, 0.0)
    assert found.lost == ["R1"]
    assert "expected the charges for keys with status 200, found 503" in found.error


async def test_a_shop_that_does_not_answer_at_all_says_why(checked: Any) -> None:
    found = await checked({path: [None] for path in ("/orders/lookup", "/captures/lookup", "/failures/lookup")}, 0.0)
    assert (found.acknowledged, found.found) == (0, 0)
    assert "expected the orders of the ledger with status 200, found 503" in found.error
