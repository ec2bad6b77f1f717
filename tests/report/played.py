"""Logs of runs as they could have happened, written by the real LogWriter with its clock wound on by hand.

Each function writes one log into a folder and returns its path. Traffic is made by a fixed rule, so that one log is the
same on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from unittest.mock import patch

from gameday.log import LogWriter
from gameday.log.events import (
    AbortRequested,
    ActivityEnded,
    ChangeApplied,
    ChangeFailed,
    ChangeLanded,
    ChangeOwed,
    Event,
    GuardJudged,
    LeaseAcquired,
    LeaseReleased,
    LedgerChecked,
    LoadEnded,
    LoadStarted,
    LoadWindow,
    Noted,
    PhaseEnded,
    PhaseStarted,
    ProbeMeasured,
    ProcessEnded,
    ProcessStarted,
    RecoveryStarted,
    RoundEnded,
    RoundStarted,
    RunEnded,
    RunStarted,
    StepEnded,
    StepStarted,
    UndoEnded,
    UndoStarted,
    VerdictGiven,
)
from gameday.traffic import histogram

BOOT_SECONDS = 5000.0
"""What the monotonic clock reads when a run starts."""
START = datetime(2026, 11, 22, 14, 3, 5, tzinfo=UTC)
STEPS = ["browse", "add to cart", "pay", "submit"]
Line = tuple[float, Event]


@dataclass
class Clock:
    """Stands in for the monotonic clock and the `datetime` of the writer: shows what it is set to."""

    seconds: float = 0.0
    boot_seconds: float = BOOT_SECONDS

    def monotonic(self) -> float:
        return self.boot_seconds + self.seconds

    def now(self, _zone: tzinfo) -> datetime:
        return START + timedelta(seconds=self.seconds)


def write(directory: Path, lines: Iterable[Line], *, boot_seconds: float = BOOT_SECONDS) -> Path:
    """Write events, each at its second of the run, through the real writer; return the log's path."""
    directory.mkdir(parents=True, exist_ok=True)
    clock = Clock(boot_seconds=boot_seconds)
    with patch("gameday.log.writing.datetime", clock):
        writer = LogWriter(directory, clock=clock.monotonic)
        for seconds, event in sorted(lines, key=lambda line: line[0]):
            clock.seconds = seconds
            writer.write(event)
        writer.close()
    return writer.path


def started(*, title: str = "First game day", **values: Any) -> Line:
    fixed = {
        "run_id": "20261122-140305-first",
        "kind": "gameday",
        "title": title,
        "source": "gamedays/first.yaml",
        "source_digest": "sha256:5f1d0c2e9a77",
        "version": "0.1.0",
        "host": "mill",
        "cluster": {"uid": "0b9f6a52-4a1b-4ad0-9a7e-5c6fd2a1c001", "name": "staging", "server": "https://127.0.0.1:6443"},
        "namespaces": ["shop"],
        "traffic": {"journey": "checkout", "rate_per_second": 60.0, "url": "http://127.20.0.10:8080"},
        "roles": {"lead": "Ada Moreau", "scribe": "Tomasz Zielinski"},
    }
    return 0.0, RunStarted(**{**fixed, **values})


def traffic(start: float, end: float, success: Callable[[float], float], latency_ms: Callable[[float], float]) -> list[Line]:
    """Return load from one second to another: six journeys per 100 ms, of which `success` says what share gets through."""
    lines: list[Line] = [
        (
            start,
            LoadStarted(
                journey="checkout", rate_per_second=60.0, url="http://127.20.0.10:8080", steps=STEPS, order_step="submit"
            ),
        )
    ]
    for index in range(round((end - start) * 10)):
        at = start + index / 10
        lines.append((at + 0.1, _window(at, index, success(at), latency_ms(at))))
    return [*lines, (end, LoadEnded(totals={"offered": round((end - start) * 60)}))]


def _window(at: float, index: int, success: float, latency_ms: float) -> LoadWindow:
    failed = round(6 * (1 - success))
    spread = [latency_ms * (0.8 + 0.1 * ((index * 7 + number * 3) % 9)) / 1000 for number in range(6)]
    whole = {"ok": 6, "failed": 0, "errors": {}, "poor_errors": 0, "latency": histogram.to_json(histogram.count(spread))}
    latency = histogram.to_json(histogram.count(spread[failed:]))
    errors = {"status_503": failed} if failed else {}
    step = {"ok": 6 - failed, "failed": failed, "errors": errors, "poor_errors": 0, "latency": latency}
    steps = {"browse": whole, "add to cart": whole, "pay": step, "submit": {**step, "failed": 0}}
    return LoadWindow(start=BOOT_SECONDS + at, seconds=0.1, offered=6, journeys=step, steps=steps)


def phase(round_: str, name: str, start: float, end: float, *, outcome: str = "ok", detail: str = "") -> list[Line]:
    return [
        (start, PhaseStarted(round=round_, phase=name)),
        (end, PhaseEnded(round=round_, phase=name, outcome=outcome, detail=detail)),
    ]


def processes(end: float) -> list[Line]:
    return [
        (0.0, ProcessStarted(role="command", pid=4100, start_ticks=880)),
        (0.05, ProcessStarted(role="guardian", pid=4101, start_ticks=881)),
        (0.1, LeaseAcquired(holder="mill/4101")),
        (0.9, ProcessStarted(role="load", pid=4105, start_ticks=890)),
        (end - 0.1, ProcessEnded(role="load", pid=4105, exit_code=0)),
        (end - 0.05, LeaseReleased(holder="mill/4101")),
    ]


def worker(round_: str, pid: int, start: float, end: float) -> list[Line]:
    return [
        (start, ProcessStarted(round=round_, role="worker", pid=pid, start_ticks=900)),
        (end, ProcessEnded(round=round_, role="worker", pid=pid, exit_code=0)),
    ]


POD = "pod shop/checkout-6c9f7d5b4-x2x8k"
SCALE = "deployment shop/payment"
REPLICAS = {"path": "/spec/replicas", "before": 2, "after": 0}


def kill_round(id_: str = "pod-killed", *, start: float = 3.0) -> list[Line]:
    """Return a round in which a checkout pod is killed and the hypothesis holds; takes 22 s."""
    s = start
    return [
        (
            s,
            RoundStarted(
                round=id_,
                title="A checkout pod is killed",
                experiment="experiments/checkout-pod-killed.yaml",
                experiment_digest="sha256:1f2e3d4c5b6a",
                hypothesis="Customers can check out while one checkout pod is replaced",
                runbook="pod-loss",
                runbook_mode="show",
                objectives={"rto_seconds": 30.0, "rpo_seconds": 0.0},
                owners=["Checkout team"],
            ),
        ),
        *worker(id_, 4110, s + 0.1, s + 18.2),
        *phase(id_, "baseline", s + 0.5, s + 6.0, detail="checkout success 100 % over 5 s"),
        (s + 5.8, ProbeMeasured(round=id_, probe="gameday.probes.checkout.success_rate", arguments={"window_seconds": 5},
                                value=100.0,
                                unit="percent", seen="300 of 300 checkouts succeeded", samples=300, low=98.8, high=100.0)),
        (s + 5.9, ActivityEnded(round=id_, name="checkout-succeeds", kind="probe", phase="before", status="succeeded",
                                output=100.0,
                                duration_seconds=5.0, tolerance={"type": "range", "range": [99, 100]}, tolerance_met=True)),
        *phase(id_, "method", s + 6.0, s + 7.2),
        (s + 6.1, GuardJudged(round=id_, allowed=True, changes=[f"delete {POD} with a grace of 0 s"])),
        (s + 6.2, ChangeOwed(round=id_, change_id="c1", by="gameday.actions.pods.kill", kind="delete", object=POD,
                             summary=f"delete {POD} with a grace of 0 s")),
        (s + 6.25, ChangeApplied(round=id_, change_id="c1", applied_mono=BOOT_SECONDS + s + 6.24, resource_version="912")),
        (s + 6.9, ChangeLanded(round=id_, change_ids=["c1"], by="gameday.actions.pods.kill", landed=True,
                               seen="the pod's process 4231 is gone, and its endpoint left the Service after 0.11 s")),
        (s + 7.1, ActivityEnded(round=id_, name="kill-one-checkout-pod", kind="action", phase="method", status="succeeded",
                                output={"changes": 1}, duration_seconds=0.9)),
        *phase(id_, "hypothesis", s + 7.2, s + 13.0),
        (s + 12.9, ActivityEnded(round=id_, name="checkout-succeeds", kind="probe", phase="after", status="succeeded",
                                 output=99.7,
                                 duration_seconds=5.0, tolerance={"type": "range", "range": [99, 100]}, tolerance_met=True)),
        *phase(id_, "undo", s + 13.0, s + 13.4),
        (s + 13.05, UndoStarted(round=id_, reason="the round is over", holder="mill/4101", owed=1)),
        (s + 13.3, UndoEnded(round=id_, entry="c1", object=POD, outcome="already",
                             detail="its replacement checkout-6c9f7d5b4-9qpwl is Ready")),
        *phase(id_, "recovery", s + 13.4, s + 17.0),
        *phase(id_, "ledger", s + 17.0, s + 18.0),
        (s + 17.9, LedgerChecked(round=id_, acknowledged=1066, found=1066)),
        (s + 18.4, VerdictGiven(round=id_, verdict="held", expected="held", within_objective=True,
                                reasons=["checkout success was 99.7 % against a tolerance of 99 to 100 %"],
                                recovery={"seconds": 0.4, "low_seconds": 0.36, "high_seconds": 0.46, "ever_out": True})),
        (s + 18.5, RoundEnded(round=id_)),
    ]  # fmt: skip


def payment_round(id_: str = "payment-down", *, start: float = 24.0) -> list[Line]:
    """Return a round in which payment is scaled to zero, deviates as expected, and the runbook brings it back; takes 32 s."""
    s = start
    down = f"set on {SCALE}: /spec/replicas = 0"
    return [
        (
            s,
            RoundStarted(
                round=id_,
                title="The payment service is gone",
                experiment="experiments/payment-scaled-to-zero.yaml",
                experiment_digest="sha256:9a8b7c6d5e4f",
                hypothesis="Customers can check out while payment has no replicas",
                runbook="dependency-down",
                runbook_mode="execute",
                expected="deviated",
                objectives={"rto_seconds": 900.0, "rpo_seconds": 0.0},
                owners=["Payments team", "Checkout team"],
            ),
        ),
        *worker(id_, 4120, s + 0.1, s + 12.1),
        *phase(id_, "baseline", s + 0.5, s + 5.0),
        *phase(id_, "method", s + 5.0, s + 6.4),
        (s + 5.1, GuardJudged(round=id_, allowed=True, changes=[down])),
        (s + 5.2, ChangeOwed(round=id_, change_id="c2", entry="e-payment", by="gameday.actions.workloads.scale", kind="patch",
                             object=SCALE,
                             summary=down, fields=[REPLICAS])),
        (s + 5.25, ChangeApplied(round=id_, change_id="c2", applied_mono=BOOT_SECONDS + s + 5.24, resource_version="1044")),
        (s + 6.1, ChangeLanded(round=id_, change_ids=["c2"], by="gameday.actions.workloads.scale", landed=True,
                               seen="no endpoint of payment is ready, and requests to it are refused")),
        (s + 6.3, ActivityEnded(round=id_, name="scale-payment-to-zero", kind="action", phase="method", status="succeeded",
                                output={"changes": 1}, duration_seconds=1.1)),
        *phase(id_, "hypothesis", s + 6.4, s + 12.0, outcome="red", detail="checkout success 0 %, tolerance 99 to 100 %"),
        (s + 11.9, ActivityEnded(round=id_, name="checkout-succeeds", kind="probe", phase="after", status="succeeded", output=0.0,
                                 duration_seconds=5.0, tolerance={"type": "range", "range": [99, 100]}, tolerance_met=False)),
        *phase(id_, "runbook", s + 12.2, s + 20.0),
        (s + 12.3, StepStarted(round=id_, runbook="dependency-down", step="look", title="See which dependency refuses",
                               phase="diagnose", role="on-call", expected_seconds=60)),
        (s + 12.9, StepEnded(round=id_, runbook="dependency-down", step="look", result="done", how="executed",
                             duration_seconds=0.6,
                             detail="payment has 0 of 2 replicas",
                             check={"probe": "gameday.probes.workloads.ready", "value": 0, "unit": "replicas", "within": [0, 0],
                                    "met": True})),
        (s + 13.0, StepStarted(round=id_, runbook="dependency-down", step="tell", title="Tell the support desk",
                               phase="communicate",
                               role="lead", expected_seconds=120)),
        (s + 13.0, StepEnded(round=id_, runbook="dependency-down", step="tell", result="skipped", how="prose",
                             duration_seconds=0.0,
                             detail="prose for a person")),
        (s + 13.1, StepStarted(round=id_, runbook="dependency-down", step="scale-up", title="Bring payment back to two replicas",
                               phase="mitigate", role="on-call", expected_seconds=120)),
        (s + 13.2, ChangeOwed(round=id_, change_id="c3", entry="e-payment", by="step scale-up", kind="patch", object=SCALE,
                              summary=f"set on {SCALE}: /spec/replicas = 2",
                              fields=[{"path": "/spec/replicas", "before": 0, "after": 2}])),
        (s + 13.25, ChangeApplied(round=id_, change_id="c3", applied_mono=BOOT_SECONDS + s + 13.24, resource_version="1102")),
        (s + 19.8, StepEnded(round=id_, runbook="dependency-down", step="scale-up", result="done", how="executed",
                             duration_seconds=6.7, detail="payment has 2 of 2 replicas ready",
                             check={"probe": "gameday.probes.checkout.success_rate", "value": 100.0, "unit": "percent",
                                    "within": [99, None], "met": True},
                             effect={"before": {"success": 0.0, "samples": 120}, "after": {"success": 100.0, "samples": 120}})),
        *phase(id_, "undo", s + 20.0, s + 20.3),
        (s + 20.05, UndoStarted(round=id_, reason="the round is over", holder="mill/4101", owed=1)),
        (s + 20.2, UndoEnded(round=id_, entry="e-payment", object=SCALE, outcome="already",
                             detail="replicas are 2, as before the run",
                             fields=[{"path": "/spec/replicas", "before": 2, "found": 2, "outcome": "already"}])),
        *phase(id_, "recovery", s + 20.3, s + 25.0),
        *phase(id_, "ledger", s + 25.0, s + 26.0),
        (s + 25.9, LedgerChecked(round=id_, acknowledged=1020, found=1020)),
        (s + 26.4, VerdictGiven(round=id_, verdict="deviated", expected="deviated", within_objective=True, runbook="proven",
                                reasons=["checkout success was 0 % against a tolerance of 99 to 100 %"],
                                recovery={"seconds": 9.1, "low_seconds": 9.0, "high_seconds": 9.2, "ever_out": True})),
        (s + 26.5, RoundEnded(round=id_)),
    ]  # fmt: skip


def _success(at: float) -> float:
    return 0.34 if 9.3 <= at < 9.6 else 0.0 if 29.4 <= at < 38.2 else 1.0


def _latency_ms(at: float) -> float:
    if 9.3 <= at < 9.7:
        return 160.0
    return 1000.0 if 29.4 <= at < 38.3 else 9.0 + 2 * math.sin(at)


def _steady(_at: float) -> float:
    return 9.0


def _all_well(_at: float) -> float:
    return 1.0


def _half(_at: float) -> float:
    return 0.5


def first(directory: Path) -> Path:
    """Play two rounds: a pod killed, which held; payment scaled to zero, which deviated as expected, and a runbook that helps."""
    end = (51.0, RunEnded(exit_code=0, summary="both rounds went as expected"))
    rounds = kill_round(start=3.0) + payment_round(start=24.0)
    return write(directory, [started(), *processes(51.0), *traffic(1.0, 50.5, _success, _latency_ms), *rounds, end])


def long_first(directory: Path) -> Path:
    """Play the same for 90 s, the longest that a demonstration takes."""
    rounds = kill_round(start=3.0) + payment_round(start=24.0) + kill_round("pod-killed-again", start=60.0)
    end = (90.0, RunEnded(exit_code=0, summary="all rounds went as expected"))
    return write(directory, [started(), *processes(90.0), *traffic(1.0, 89.5, _success, _latency_ms), *rounds, end])


def torn(directory: Path) -> Path:
    """Play the first game day, killed with the fault in place; the last line is cut off."""
    lines = [started(), *processes(51.0), *traffic(1.0, 50.5, _success, _latency_ms), *kill_round(), *payment_round()]
    path = write(directory, [line for line in lines if line[0] < 31.0])
    with path.open("ab") as stream:
        stream.write(b'{"type":"load.window","seq":9999,"at":"2026-11-22T14:03:36')
    return path


def recovered(directory: Path) -> Path:
    """Play the killed game day, recovered two minutes later from another machine, whose monotonic clock reads otherwise."""
    path = torn(directory)
    at = 151.0
    write(directory, [
        (at, RecoveryStarted(holder="pier/77", reason="the guardian on mill is dead")),
        (at + 0.2, UndoStarted(reason="recover", holder="pier/77", owed=1)),
        (at + 0.6, UndoEnded(entry="e-payment", object=SCALE, outcome="undone", detail="replicas set back to 2",
                             fields=[{"path": "/spec/replicas", "before": 2, "found": 0, "outcome": "undone"}])),
        (at + 1.0, RunEnded(exit_code=4, summary="recovered after the guardian died")),
    ], boot_seconds=100.0)  # fmt: skip
    return path


def aborted(directory: Path) -> Path:
    """Play a run that was stopped by hand with the fault in place, and undone."""
    lines = [line for line in [started(), *processes(40.0), *payment_round(start=3.0)] if line[0] < 10.0]
    return write(directory, [
        *lines,
        *traffic(1.0, 15.0, lambda at: 0.0 if 8.4 <= at < 12.0 else 1.0, _steady),
        (10.0, AbortRequested(by="SIGINT", reason="stopped by hand")),
        (10.1, ProcessEnded(round="payment-down", role="worker", pid=4120, signal=9, reason="ended by the guardian")),
        (10.15, PhaseEnded(round="payment-down", phase="hypothesis", outcome="aborted")),
        (10.2, UndoStarted(round="payment-down", reason="abort", holder="mill/4101", owed=1)),
        (10.5, UndoEnded(round="payment-down", entry="e-payment", object=SCALE, outcome="undone", detail="replicas set back to 2",
                         fields=[{"path": "/spec/replicas", "before": 2, "found": 0, "outcome": "undone"}])),
        (14.9, RoundEnded(round="payment-down", outcome="aborted")),
        (15.1, RunEnded(exit_code=4, summary="aborted by SIGINT, and undone")),
    ])  # fmt: skip


def with_residue(directory: Path) -> Path:
    """Play a run with a dead guardian, lost and doubled orders, a refuted runbook and something left behind."""
    s, id_ = 3.0, "payment-down"
    kept = [
        line for line in payment_round(start=s)
        if not isinstance(line[1], UndoEnded | VerdictGiven | LedgerChecked | RoundEnded)
        and not (isinstance(line[1], StepEnded) and line[1].step == "scale-up")
    ]  # fmt: skip
    left = f"{SCALE}: /spec/replicas is 5, and neither this run nor the time before it had that value"
    return write(directory, [
        started(roles={}),
        *kept,
        *traffic(1.0, 33.0, lambda at: 0.0 if 8.4 <= at < 30.0 else 1.0, lambda at: 1000.0 if 8.4 <= at < 30 else 9.0),
        (s + 19.8, StepEnded(round=id_, runbook="dependency-down", step="scale-up", result="check_failed", how="executed",
                             duration_seconds=6.7, detail="checkout success stayed at 0 % for 6 s",
                             check={"probe": "gameday.probes.checkout.success_rate", "value": 0.0, "unit": "percent",
                                    "within": [99, None], "met": False},
                             effect={"before": {"success": 0.0, "samples": 120}, "after": {"success": 0.0, "samples": 120}})),
        (s + 20.2, UndoEnded(round=id_, entry="e-payment", object=SCALE, outcome="left_alone",
                             detail="somebody set replicas to 5",
                             fields=[{"path": "/spec/replicas", "before": 2, "found": 5, "outcome": "left_alone"}])),
        (s + 21.0, ProcessStarted(role="guardian", pid=4101, start_ticks=881)),
        (s + 22.0, ProcessEnded(role="guardian", pid=4101, signal=9)),
        (s + 25.9, LedgerChecked(round=id_, acknowledged=1020, found=1017, lost=["ord-1041", "ord-1042", "ord-1055"],
                                 doubled=["ord-0997"])),
        (s + 26.4, VerdictGiven(round=id_, verdict="deviated", expected="held", within_objective=False, runbook="refuted",
                                reasons=["checkout success was 0 % against a tolerance of 99 to 100 %"], recovery=None)),
        (s + 26.5, RoundEnded(round=id_)),
        (s + 26.6, Noted(level="warning", text="The rule blast-radius was switched off by the plan.")),
        (s + 30.2, RunEnded(exit_code=5, summary="something is left behind", residue=[left])),
    ])  # fmt: skip


def inconclusive(directory: Path) -> Path:
    """Play a run whose fault was acknowledged and did not land."""
    s, id_ = 3.0, "pod-killed"
    kept = [
        line for line in kill_round(id_, start=s) if not isinstance(line[1], ChangeLanded | VerdictGiven)
    ]  # fmt: skip
    return write(directory, [
        started(),
        *kept,
        *traffic(1.0, 22.0, _all_well, _steady),
        (s + 6.9, ChangeLanded(round=id_, change_ids=["c1"], by="gameday.actions.pods.kill", landed=False,
                               seen="the pod's process 4231 is still there")),
        (s + 18.4, VerdictGiven(round=id_, verdict="inconclusive", expected="held",
                                reasons=["The fault cannot be shown to have landed: the pod's process 4231 is still there"])),
        (23.0, RunEnded(exit_code=2, summary="inconclusive")),
    ])  # fmt: skip


def refused(directory: Path) -> Path:
    """Play a run that the guard refused."""
    finding = {"rule": "opt-in", "object": "namespace bank", "message": "namespace bank is not opted in"}
    return write(directory, [
        started(kind="experiment", title="The bank is gone", source="experiments/bank.yaml"),
        (0.4, GuardJudged(allowed=False, changes=["set on deployment bank/ledger: /spec/replicas = 0"], findings=[finding])),
        (0.5, RunEnded(exit_code=3, summary="namespace bank is not opted in")),
    ])  # fmt: skip


def hostile(directory: Path) -> Path:
    """Play a run whose every text tries to be markup."""
    evil = "<script>alert(1)</script>\"'&`|\n# *x*"
    return write(directory, [
        started(title=evil, source=evil, roles={evil: evil}, host=evil),
        (1.0, RoundStarted(round="r<1>", title=evil, experiment=evil, experiment_digest=evil, hypothesis=evil, runbook=evil,
                           owners=[evil])),
        (1.1, ChangeOwed(round="r<1>", change_id="c", by=evil, kind="patch", object=evil, summary=evil,
                         fields=[{"path": evil, "before": evil, "after": evil}])),
        (1.15, ChangeFailed(round="r<1>", change_id="c", error=evil, definite=False)),
        (1.2, StepStarted(round="r<1>", runbook=evil, step=evil, title=evil, phase=evil, role=evil)),
        (1.3, VerdictGiven(round="r<1>", verdict="deviated", expected="held", reasons=[evil])),
        (1.4, Noted(level="error", text=evil)),
        *traffic(0.5, 3.0, _half, _steady),
    ])  # fmt: skip


def empty(directory: Path) -> Path:
    """Write a log without a single event."""
    return write(directory, [])


ALL: dict[str, Callable[[Path], Path]] = {
    play.__name__: play for play in (first, torn, recovered, aborted, with_residue, inconclusive, refused, hostile, empty)
}
