"""Plays one customer's journey: each step when it is due, each outcome into the window where it was due.

A customer gives up at the first step that fails. What a failed submit means for the ledger is the ledger's to say; here it
only is written down. Nothing is tried again: what retrying would hide is what the load is there to see.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from gameday.traffic.journey import COHORT, ErrorQuality, Journey, MissingValueError, Step, WaitingPage
from gameday.traffic.ledger import Entry
from gameday.traffic.measuring import Recorder, Sample
from gameday.traffic.windows import WAITING
from gameday.traffic.wire import Answer, Customer, WireError


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step ended: `error` is empty where it succeeded."""

    error: str = ""
    poor_error: bool = False
    body: Any = None


@dataclass(frozen=True, slots=True)
class Player:
    """What all journeys of a load have in common."""

    journey: Journey
    recorder: Recorder
    write_down: Callable[[Entry], None]

    async def play(self, customer: Customer, values: dict[str, Any], due: float) -> None:
        """Play one journey that was due at `due`, and whose first step the recorder has begun; never raise."""
        first_due, thought = due, 0.0
        for position, step in enumerate(self.journey.steps):
            outcome, ended = await self._take(step, customer, values, due)
            if step.order is not None:
                self.write_down(_entry(step, values, outcome, due, ended))
            last = bool(outcome.error) or position + 1 == len(self.journey.steps)
            if last:
                error = f"{step.name}:{outcome.error}" if outcome.error else ""
                whole = Sample(first_due, ended - thought, error, outcome.poor_error)
                self.recorder.decide(due, whole, str(values.get(COHORT, "")))
            else:
                think = self.journey.steps[position + 1].think_seconds
                thought += think
                # The next step holds its window open before this one lets go of its own.
                self.recorder.begin(ended + think)
            self.recorder.end(step.name, Sample(due, ended, outcome.error, outcome.poor_error))
            if last:
                break
            due = ended + think
        customer.leave()

    async def _take(self, step: Step, customer: Customer, values: dict[str, Any], due: float) -> tuple[Outcome, float]:
        now = time.monotonic()
        if due > now:
            await asyncio.sleep(due - now)
            now = time.monotonic()
        self.recorder.sent(due, now)
        try:
            head, body = _request(step, customer, values)
            answer = await customer.ask(head, body, step.timeout_seconds, no_body=step.method == "HEAD")
        except WireError as error:
            return Outcome(error.kind), time.monotonic()
        ended = time.monotonic()
        return _judged(step, answer, values, self.journey), ended


def _request(step: Step, customer: Customer, values: dict[str, Any]) -> tuple[bytes, bytes]:
    path = step.path.fill(values, _quoted)
    lines = [f"{step.method} {path} HTTP/1.1", f"host: {customer.target.host}:{customer.target.port}"]
    lines.extend(f"{name}: {template.fill(values)}" for name, template in step.headers)
    body = b""
    if step.body is not None:
        lines.append("content-type: application/json")
        body = step.body.fill(values)
    return ("\r\n".join(lines) + "\r\n").encode(), body


def _quoted(value: str) -> str:
    return quote(value, safe="")


def _judged(step: Step, answer: Answer, values: dict[str, Any], journey: Journey) -> Outcome:
    try:
        body = json.loads(answer.body) if answer.body else None
    except ValueError:
        body = None
    if answer.status not in step.expect.statuses:
        quality = journey.error_quality
        poor = quality is not None and not _good_error(quality, body)
        if not poor and journey.waiting is not None and _is_waiting_page(journey.waiting, answer.status, body):
            return Outcome(WAITING)
        return Outcome(f"status_{answer.status}", poor_error=poor)
    try:
        for path in step.expect.present:
            path.find(body)
        if step.order is not None:
            step.order.reference.find(body)
            step.order.amount.find(body)
        values.update({name: path.find(body) for name, path in step.captures})
    except MissingValueError:
        return Outcome("unexpected_body")
    return Outcome(body=body)


def _is_waiting_page(page: WaitingPage, status: int, body: Any) -> bool:
    """Say whether a customer is asked to wait, and told all that belongs to it; with less, it is an error like any other."""
    try:
        return status in page.statuses and page.code.find(body) == page.says and all(path.find(body) for path in page.present)
    except MissingValueError:
        return False


def _good_error(quality: ErrorQuality, body: Any) -> bool:
    try:
        required = [path.find(body) for path in quality.require]
        message = str(quality.message.find(body)).lower()
    except MissingValueError:
        return False
    return all(required) and not any(word in message for word in quality.forbid_words)


def _entry(step: Step, values: dict[str, Any], outcome: Outcome, due: float, ended: float) -> Entry:
    reference, amount = None, None
    if not outcome.error and step.order is not None:
        reference, amount = str(step.order.reference.find(outcome.body)), step.order.amount.find(outcome.body)
    return Entry(
        key=str(values["key"]),
        customer=str(values["customer"]),
        due=due,
        ended=ended,
        wall=time.time(),
        reference=reference,
        amount=amount,
        error=outcome.error,
    )
