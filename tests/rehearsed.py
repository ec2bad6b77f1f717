"""The log of a rehearsal as it could have happened, written by the real LogWriter with its clock wound on by hand.

Half an hour: payment is gone after a minute, and comes back eleven minutes later by a step that was not the first. People do
most of what they should; what they do not is what the tests look for. Times are seconds of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from gameday.gameday.people import Reader
from gameday.log import AnyEvent, read
from gameday.log.events import (
    ChangeApplied,
    ChangeOwed,
    LedgerChecked,
    LoadEnded,
    LoadStarted,
    LoadWindow,
    RoundEnded,
    RoundStarted,
    RunbookJudged,
    RunEnded,
    UndoEnded,
    VerdictGiven,
)
from gameday.log.people import (
    Classified,
    DecisionTaken,
    FaultRevealed,
    InjectShown,
    MessageSent,
    MomentMarked,
    NoteTaken,
    PersonJoined,
    PersonLeft,
    RehearsalStarted,
    RoleHandedOver,
    RunbookOpened,
    StepBegun,
    StepTicked,
)
from tests.report.played import BOOT_SECONDS, START, Line, phase, started, write

ROUND: Final = "payment-down"
FAULT, BACK, END = 60.0, 695.0, 1300.0
READERS: Final[list[dict[str, Any]]] = [
    reader.as_dict()
    for reader in (
        Reader("customers", "Europe/Berlin", ("status page", "mail"), "help@shop.example"),
        Reader("support", "Europe/Berlin", ("chat",)),
        Reader("executives", "UTC", ("mail",)),
    )
]
RUNBOOK: Final = """---
id: payment-gone
title: Payment is gone
owner: checkout-team
---

# Payment is gone

## Detect

### See that orders fail

**Role:** subject-matter expert · **Expected:** 1m

Look at checkout.

## Classify

### Declare the incident

**Role:** incident commander · **Expected:** 1m

Name the roles.

## Diagnose

### Find the service that has no pods

**Role:** subject-matter expert · **Expected:** 2m

A Deployment that shows `0/0` was scaled to nothing.

```sh
kubectl get deploy -n shop
```

## Resolve

### Scale payment back

**Role:** subject-matter expert · **Expected:** 30s

Payment runs two pods.

## Communicate

### Tell support

**Role:** internal liaison · **Expected:** 3m

In the chat.

### Tell customers

**Role:** customer liaison · **Expected:** 5m

On the status page.

## Close

### Close the incident and say so

**Role:** incident commander · **Expected:** 2m

Everybody who was told that it began is told that it is over.

### Look for orders that hang

**Role:** subject-matter expert · **Expected:** 10m

Compare payments with orders.
"""
_STEPS: Final = (
    ("see-that-orders-fail", "See that orders fail", "Detect", "subject-matter expert", 60.0),
    ("declare-the-incident", "Declare the incident", "Classify", "incident commander", 60.0),
    ("find-the-service-that-has-no-pods", "Find the service that has no pods", "Diagnose", "subject-matter expert", 120.0),
    ("scale-payment-back", "Scale payment back", "Resolve", "subject-matter expert", 30.0),
    ("tell-support", "Tell support", "Communicate", "internal liaison", 180.0),
    ("tell-customers", "Tell customers", "Communicate", "customer liaison", 300.0),
    ("close-the-incident-and-say-so", "Close the incident and say so", "Close", "incident commander", 120.0),
    ("look-for-orders-that-hang", "Look for orders that hang", "Close", "subject-matter expert", 600.0),
)
CLOCKS: Final = {"acknowledge": 60.0, "mitigate": 600.0}
FIRST: Final = (
    "Since 14:04 UTC (15:04 CET) orders cannot be completed. Meanwhile there is nothing that you need to do. "
    "Next update at 14:14 UTC (15:14 CET). Reference: INC-20261122-1404. Contact: help@shop.example."
)
SCOPE: Final = (
    "Orders still cannot be completed; a 503 is what you see. It began at 14:04 UTC (15:04 CET). Please do not order twice. "
    "Next update at 14:36 UTC (15:36 CET). Reference: INC-20261122-1404. Contact: help@shop.example."
)
OVER: Final = (
    "Resolved. From 14:04 UTC (15:04 CET) to 14:18 UTC (15:18 CET) orders could not be completed; they go through again. "
    "This is our last message. Reference: INC-20261122-1404. Contact: help@shop.example."
)


def rehearsal(directory: Path) -> Path:
    """Write the live rehearsal."""
    return write(directory, lines())


def tabletop(directory: Path) -> Path:
    """Write the same at a table: nothing is harmed, nobody buys anything, and no verdict is given."""
    samples = (
        LoadStarted,
        LoadWindow,
        LoadEnded,
        ChangeOwed,
        ChangeApplied,
        UndoEnded,
        VerdictGiven,
        LedgerChecked,
        RunbookJudged,
    )
    return write(directory, [line for line in lines(level="tabletop") if not isinstance(line[1], samples)])


def hostile_rehearsal(directory: Path) -> Path:
    """Write one in which every text tries to be markup, goes from right to left, or is very long."""
    evil = "<script>alert(1)</script>\"'&`|\n# *x* \u202eelbissop\u202c"
    return write(directory, lines(say=lambda text: evil if text else text, long="W" * 9_000 + " " + "wide " * 500))


def events_of(play: Callable[[Path], Path], directory: Path) -> list[AnyEvent]:
    """Return the events of one of these."""
    return read(play(directory))


def opened(**values: Any) -> RunbookOpened:
    """Return the runbook as the rehearsal's log has it."""
    steps = [
        {"id": id_, "title": title, "phase": phase_, "role": role, "expected_seconds": expected, "prose": f"{title}."}
        for id_, title, phase_, role, expected in _STEPS
    ]
    fixed: dict[str, Any] = {"runbook": "payment-gone", "title": "Payment is gone", "digest": "sha256:1", "steps": steps}
    return RunbookOpened(**{"round": ROUND, **fixed, **values})


def lines(*, level: str = "live", say: Callable[[str], str] = str, long: str = "") -> list[Line]:
    """Return the rehearsal's events; `say` changes what people typed."""
    return [*_run(level), *_people(say, long), *_steps(say), *_told(say), *_ended()]


def _run(level: str) -> list[Line]:
    owed = ChangeOwed(
        round=ROUND,
        change_id="c1",
        by="gameday.actions.workloads.scale",
        kind="patch",
        object="deployment shop/payment",
        summary="set on deployment shop/payment: /spec/replicas = 0",
        fields=[{"path": "/spec/replicas", "before": 2, "after": 0}],
        entry="e1",
    )
    return [
        started(title="Rehearsal: payment", kind="gameday", roles={}),
        (
            0.1,
            RehearsalStarted(
                level=level, seed=7, surprise=True, readers=READERS, clocks={"acknowledge": 60.0, "mitigate": 600.0}
            ),
        ),
        *_traffic(END),
        (
            10.0,
            RoundStarted(
                round=ROUND,
                title="Payment has no pods",
                experiment="experiments/dependency-down.yaml",
                experiment_digest="sha256:1",
                hypothesis="Customers can check out",
                runbook="payment-gone",
                expected="deviated",
                objectives={"rto_seconds": 900.0},
            ),
        ),
        (10.1, opened()),
        *phase(ROUND, "baseline", 20.0, 55.0),
        (FAULT - 0.1, owed),
        (FAULT, ChangeApplied(round=ROUND, change_id="c1", applied_mono=BOOT_SECONDS + FAULT)),
    ]


def _traffic(end: float) -> list[Line]:
    found: list[Line] = [
        (0.2, LoadStarted(journey="checkout", rate_per_second=20.0, url="http://shop", steps=["submit"], order_step="submit"))
    ]
    for second in range(1, int(end)):
        out = FAULT <= second < BACK
        found.append((second + 1.0, window(second, ok=0 if out else 20, failed=20 if out else 0)))
    return found


def window(second: float, *, ok: int, failed: int, cohorts: Mapping[str, tuple[int, int]] | None = None) -> LoadWindow:
    """Return a second of traffic, in one window."""
    counts = {"ok": ok, "failed": failed, "errors": {}, "poor_errors": 0, "latency": {}}
    by = {name: {**counts, "ok": one, "failed": other} for name, (one, other) in (cohorts or {}).items()}
    return LoadWindow(
        start=BOOT_SECONDS + second, seconds=1.0, offered=ok + failed, journeys=counts, steps={"submit": counts}, cohorts=by
    )


def _people(say: Callable[[str], str], long: str) -> list[Line]:
    r: dict[str, Any] = {"round": ROUND}
    return [
        (1.0, PersonJoined(person="Ada", roles=["incident commander"])),
        (2.0, PersonJoined(person="Ben", roles=["deputy", "scribe"])),
        (3.0, PersonJoined(person="Cleo", roles=["customer liaison", "internal liaison"])),
        (4.0, PersonJoined(person="Dan", roles=["subject-matter expert"])),
        (5.0, PersonJoined(person="Fay", roles=["facilitator"])),
        (90.0, InjectShown(inject="page", what="alert", to=[], text=say("CheckoutErrorRateHigh"), **r)),
        (120.0, MomentMarked(moment="acknowledged", person="Ada", **r)),
        (180.0, MomentMarked(moment="declared", person="Ada", **r)),
        (240.0, Classified(person="Ada", severity="minor", affected=say("orders of some customers"), affected_percent=10.0, **r)),
        (320.0, InjectShown(inject="calls", what="calls", to=["customer liaison"], text=say("Support has 40 calls."), **r)),
        (450.0, DecisionTaken(person="Ada", text=say("We do not fail over."), reason=say("A fix is sooner."), **r)),
        (500.0, RoleHandedOver(role="subject-matter expert", person="Dan", to="", note=say("on a train"), taken=True, **r)),
        (510.0, PersonLeft(person="Dan")),
        (600.0, Classified(person="Ada", severity="critical", affected=say("nobody can order"), affected_percent=100.0, **r)),
        (660.0, NoteTaken(person="Ben", text=say("Stop the autoscaler first: it had set payment to nothing again."),
                          step="find-the-service-that-has-no-pods", missing_step=True, **r)),
        (670.0, NoteTaken(person="Ben", text=long or say("Support asks for a text to read out."), **r)),
        (700.0, MomentMarked(moment="mitigated", person="Ada", **r)),
        (900.0, MomentMarked(moment="resolved", person="Ada", **r)),
        (905.0, FaultRevealed(by="Fay", **r)),
        (960.0, MomentMarked(moment="closed", person="Ada", **r)),
        (1000.0, RoleHandedOver(role="incident commander", person="Ada", to="Ben", note=say("end of shift"), **r)),
    ]  # fmt: skip


def _steps(say: Callable[[str], str]) -> list[Line]:
    def begun(step: str, person: str) -> StepBegun:
        return StepBegun(round=ROUND, runbook="payment-gone", step=step, person=person)

    def ticked(step: str, person: str, *, reason: str = "") -> StepTicked:
        outcome = "skipped" if reason else "done"
        return StepTicked(round=ROUND, runbook="payment-gone", step=step, person=person, outcome=outcome, reason=say(reason))

    return [
        (130.0, begun("see-that-orders-fail", "Dan")),
        (150.0, ticked("see-that-orders-fail", "Dan")),
        (185.0, ticked("declare-the-incident", "Ada")),
        (200.0, begun("find-the-service-that-has-no-pods", "Dan")),
        (300.0, ticked("tell-support", "Cleo")),
        (400.0, ticked("tell-customers", "Ben")),
        (620.0, ticked("find-the-service-that-has-no-pods", "Ben")),
        (685.0, begun("scale-payment-back", "Ben")),
        (700.0, ticked("scale-payment-back", "Ben")),
        (700.5, ticked("scale-payment-back", "Ada")),
        (950.0, ticked("close-the-incident-and-say-so", "Ada", reason="nobody was left to be told")),
    ]


def _told(say: Callable[[str], str]) -> list[Line]:
    def told(
        text: str, *, audience: str = "customers", channel: str = "status page", next_at: float | None = None
    ) -> MessageSent:
        at = (START + timedelta(seconds=next_at)).isoformat() if next_at else ""
        return MessageSent(round=ROUND, person="Cleo", audience=audience, channel=channel, text=say(text), next_at=at)

    return [
        (300.0, told("SEV-1: orders fail since 14:04 UTC.", audience="support", channel="chat")),
        (395.0, told(FIRST, next_at=655.0)),
        (760.0, told(SCOPE, next_at=1975.0)),
        (910.0, told(OVER)),
    ]


def _ended() -> list[Line]:
    steps = [
        {"step": "scale-payment-back", "judgement": "helped", "why": "checkout from 0 % to 100 %"},
        {"step": "see-that-orders-fail", "judgement": "did_nothing", "why": "it only looks"},
    ]
    return [
        (910.0, UndoEnded(round=ROUND, entry="e1", object="deployment shop/payment", outcome="already", detail="replicas are 2")),
        (1280.0, LedgerChecked(round=ROUND, acknowledged=12_000, found=12_000)),
        (1290.0, VerdictGiven(round=ROUND, verdict="deviated", expected="deviated", reasons=["checkout success was 0 %"],
                              within_objective=True,
                              recovery={"seconds": 635.0, "low_seconds": 634.0, "high_seconds": 636.0, "ever_out": True})),
        (1291.0, RunbookJudged(round=ROUND, runbook="payment-gone", outcome="refuted", reasons=["a warning was broken"],
                               steps=steps, broken=[{"id": "no-hosts", "text": "do not stop hosts", "step": "look"}],
                               recovery_seconds=635.0, without=["tell-support"])),
        (1295.0, RoundEnded(round=ROUND)),
        (END, LoadEnded()),
        (END + 0.1, RunEnded(exit_code=0, summary="every verdict is the expected one")),
    ]  # fmt: skip


def with_traffic(seconds: Iterable[LoadWindow]) -> list[AnyEvent]:
    """Return just windows as events."""
    return list(seconds)
