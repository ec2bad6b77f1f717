"""What probes may look at: a run's own samples, read from its log while it grows, with a clock wound by hand."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from gameday.errors import NoMeasurementError
from gameday.log import EVENTS_FILE, LogWriter
from gameday.log.events import ChangeApplied, ChangeOwed, Event, LoadEnded, LoadStarted, LoadWindow, Noted
from gameday.run.load import LEDGER_FILE
from gameday.run.observing import LogTail, RunObservations
from gameday.traffic.ledger import Entry, LedgerWriter
from gameday.workspace import SHIPPED


def window(start: float, ok: int = 4, failed: int = 0) -> LoadWindow:
    outcome = {"ok": ok, "failed": failed, "errors": {}, "poor_errors": 0, "latency": {}}
    return LoadWindow(start=start, seconds=0.1, offered=ok + failed, journeys=outcome)


class Run:
    """A run whose generator writes the windows that are due whenever somebody waits."""

    def __init__(self, directory: Path, *, traffic: bool = True, since: float = 0.0) -> None:
        self.now = 10.0
        self.log = LogWriter(directory, clock=lambda: self.now)
        self.traffic = traffic
        self.next_window = 0.0
        self.on_wait: Callable[[], None] = lambda: None
        self.observations = RunObservations(
            directory, self._no_view, round_id="r1", since=since, clock=lambda: self.now, sleep=self.sleep
        )
        if traffic:
            self.write(LoadStarted(journey="checkout", rate_per_second=40, url="http://x", order_step="submit"))
            self.catch_up()

    def write(self, *events: Event) -> None:
        for event in events:
            self.log.write(event)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.traffic:
            self.catch_up()
        self.on_wait()

    def catch_up(self) -> None:
        while self.next_window + 0.2 <= self.now:
            self.write(window(round(self.next_window, 1)))
            self.next_window += 0.1

    def _no_view(self) -> Any:
        raise AssertionError("no probe here looks at the cluster")


def fault(at: float, by: str = "act", change_id: str = "c1") -> list[Event]:
    return [
        ChangeOwed(change_id=change_id, by=by, kind="patch", object="o", summary="s", round="r1"),
        ChangeApplied(change_id=change_id, applied_mono=at, round="r1"),
    ]


def test_a_window_of_samples_is_the_latest_of_its_length(tmp_path: Path) -> None:
    run = Run(tmp_path)
    found = run.observations.windows(seconds=2.0)
    assert found[0].start >= 8.0
    assert found[-1].end <= 10.1 + 1e-6
    assert 19 <= len(found) <= 21
    assert run.observations.order_step == "submit"


def test_all_samples_lie_after_the_last_change_and_are_waited_for(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.write(*fault(at=9.55))
    found = run.observations.windows(seconds=2.0)
    assert found[0].start >= 9.55
    assert found[-1].end >= 11.5
    assert run.now >= 11.5


def test_samples_from_before_the_round_are_not_its_own(tmp_path: Path) -> None:
    run = Run(tmp_path, since=9.0)
    assert run.observations.windows(seconds=5.0)[0].start >= 9.0
    assert run.now >= 14.0


def test_without_traffic_there_is_no_measurement(tmp_path: Path) -> None:
    run = Run(tmp_path, traffic=False)
    with pytest.raises(NoMeasurementError, match="no traffic runs"):
        run.observations.windows(seconds=1.0)
    with pytest.raises(NoMeasurementError, match="no traffic runs"):
        _ = run.observations.order_step


def test_a_generator_that_ends_while_it_is_waited_for_is_told(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.traffic = False
    run.on_wait = lambda: run.write(LoadEnded(error="out of memory"))
    with pytest.raises(NoMeasurementError, match="the load generator has ended: out of memory"):
        run.observations.between(9.0, 12.0)


def test_a_generator_that_is_stuck_is_given_up_in_the_end(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.traffic = False
    with pytest.raises(NoMeasurementError, match="no samples came for 20 s"):
        run.observations.between(9.0, 12.0)
    assert 32.0 <= run.now < 33.0


def test_a_recovery_is_counted_from_the_first_fault_of_an_action(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with pytest.raises(NoMeasurementError, match="nothing has been changed yet"):
        run.observations.since_fault()
    run.write(*fault(5.0, by="step mend", change_id="c0"), *fault(6.0), *fault(7.0, change_id="c2"))
    fault_at, found = run.observations.since_fault()
    assert fault_at == 6.0
    assert len(found) in {98, 99}


def test_a_tail_reads_each_event_once_and_waits_for_torn_lines(tmp_path: Path) -> None:
    log = LogWriter(tmp_path)
    tail = LogTail(tmp_path)
    assert list(tail.new()) == []
    first = log.write(Noted(level="info", text="one"))
    with (tmp_path / EVENTS_FILE).open("ab") as stream:
        stream.write(b'{"type":"tomorrow","seq":2}\n{"type":"no')
        stream.flush()
        assert list(tail.new()) == [first]
        stream.write(b'te","seq":3,"level":"info","text":"two"}\n')
    (second,) = tail.new()
    assert isinstance(second, Noted)
    assert second.text == "two"
    assert list(tail.new()) == []
    log.close()


class Shop(BaseHTTPRequestHandler):
    """Knows one order, one charge and one failure, by key."""

    known: ClassVar[dict[str, Any]] = {
        "/orders/lookup": {"orders": [{"reference": "R1", "key": "k1", "amount": 7, "state": "paid"}]},
        "/captures/lookup": {"captures": [{"key": "k1"}, {"key": "k2"}]},
        "/failures/lookup": {"failures": [{"key": "k3"}]},
    }

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        found = {name: [item for item in items if item["key"] in asked["keys"]] for name, items in self.known[self.path].items()}
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return


def test_every_submit_so_far_is_looked_up_as_the_journey_says_and_of_failures_those_of_the_round(tmp_path: Path) -> None:
    run = Run(tmp_path, traffic=False, since=5.0)
    submits = [
        Entry("k1", "c", 1.0, 2.0, 3.0, reference="R1", amount=7),
        *(Entry(f"k{number}", "c", 1.0, ended, 3.0, error=error) for number, ended, error in FAILED),
    ]
    ledger = LedgerWriter(tmp_path / LEDGER_FILE)
    ledger.open()
    for entry in submits:
        ledger.add(entry)
    ledger.close()
    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        run.write(LoadStarted(journey="checkout", rate_per_second=40, url=url, journey_file=str(JOURNEY)))
        found = run.observations.ledger(failed_before_seconds=2.0)
        server.shutdown()
        thread.join()
    assert (found.acknowledged, found.found, found.failed) == (1, 1, 2)
    assert [entry.key for entry in found.unrecorded] == ["k2"]
    assert [entry.key for entry in found.untracked] == ["k4"]


JOURNEY = SHIPPED / "journeys" / "checkout.yaml"
FAILED = [(2, 6.0, "timeout"), (3, 6.0, "status_503"), (4, 8.0, "status_503"), (5, 4.0, "status_503"), (6, 9.0, "status_503")]
"""Which submit, when it ended (the round began at 5, and it is 10 now), and how."""


def test_a_log_that_does_not_say_which_journey_it_was_cannot_be_looked_up(tmp_path: Path) -> None:
    with pytest.raises(NoMeasurementError, match="does not say which journey was played"):
        Run(tmp_path).observations.ledger()


def test_the_moment_of_the_fault_is_known_once_there_is_one(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert run.observations.fault_at() is None
    run.write(*fault(9.5))
    assert run.observations.fault_at() == 9.5
