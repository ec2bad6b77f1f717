"""Probes of what people are told in an outage: whether the channels agree, how soon, how often, and until when.

They ask a status service through the API server. It answers `GET /channels` with the channels and what was announced; the form
is in `gameday.cluster.channels`, and any status service can be made to speak it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from gameday.change import Measurement, Observations, above, bounded, probe
from gameday.cluster.channels import OVER, Message, told

_LOOK_AGAIN_SECONDS = 0.2
_SEEN_LATE_SECONDS = 1.0
"""How late the status service itself sees what was announced."""


@probe
def agreement(
    observations: Observations, *, namespace: str, service: str = "status", port: str = "http", path: str = "/channels"
) -> Measurement:
    """Measure how many channels say the same of the shop's state as most of them do, in percent.

    namespace, service, port, path: where the status service answers. NoMeasurementError where it does not.
    """
    channels = told(observations.view, namespace, service, port, path).channels
    most = Counter(channel.state for channel in channels).most_common(1)[0][1]
    seen = ", ".join(f"{channel.name}: {channel.state}" for channel in channels)
    return Measurement(round(100.0 * most / len(channels), 3), "%", seen, samples=len(channels))


@probe
def has_estimate(
    observations: Observations, *, namespace: str, service: str = "status", port: str = "http", path: str = "/channels"
) -> Measurement:
    """Measure how many channels say until when the incident will last, in percent; 100 while none speaks of one.

    A channel that says that all is well while another one speaks of an incident gives no estimate of it. namespace, service,
    port, path: where the status service answers. NoMeasurementError where it does not.
    """
    channels = told(observations.view, namespace, service, port, path).channels
    if all(channel.state in OVER for channel in channels):
        return Measurement(100.0, "%", "no channel speaks of an incident", samples=len(channels))
    with_one = [channel.name for channel in channels if channel.state not in OVER and channel.estimate]
    seen = f"{', '.join(with_one) or 'none'} of {len(channels)} channels say until when"
    return Measurement(round(100.0 * len(with_one) / len(channels), 3), "%", seen, samples=len(channels))


@probe
@bounded(within_seconds=above(0))
def first_message_seconds(
    observations: Observations,
    *,
    namespace: str,
    within_seconds: float = 30.0,
    service: str = "status",
    port: str = "http",
    path: str = "/channels",
) -> Measurement:
    """Measure how long after the round's first fault people were first told of it, in seconds; 0 before any fault.

    within_seconds: how long after the fault is waited for it. Where nobody has said anything by then, what has passed is
    measured, which is more; so a tolerance has to end at or below it. namespace, service, port, path: where the status service
    answers. NoMeasurementError where it does not.
    """
    fault_at = observations.fault_at()
    if fault_at is None:
        return Measurement(0.0, "s", "nothing has been changed yet, so there is nothing to tell")
    while True:
        messages = told(observations.view, namespace, service, port, path).messages
        now = time.monotonic()
        since = [now - said.age_seconds - fault_at for said in messages if said.state not in OVER]
        first = min((seconds for seconds in since if seconds >= 0.0), default=None)
        if first is not None:
            seen = f"the first of {len(since)} messages of an incident"
            return Measurement(
                round(first, 3), "s", seen, samples=len(since), low=max(0.0, first - _SEEN_LATE_SECONDS), high=first
            )
        if now - fault_at > within_seconds:
            return Measurement(round(now - fault_at, 3), "s", "nobody has been told anything yet")
        time.sleep(_LOOK_AGAIN_SECONDS)


@probe
def cadence_seconds(
    observations: Observations, *, namespace: str, service: str = "status", port: str = "http", path: str = "/channels"
) -> Measurement:
    """Measure the longest that people were left without a word during the newest incident, in seconds; 0 without one.

    Counted from its first message, up to the one that ends it, or up to now. namespace, service, port, path: where the status
    service answers. NoMeasurementError where it does not.
    """
    messages = _newest_incident(told(observations.view, namespace, service, port, path).messages)
    if not messages:
        return Measurement(0.0, "s", "nobody has spoken of an incident")
    ages = [said.age_seconds for said in messages]
    if messages[-1].state not in OVER:
        ages.append(0.0)
    longest = max((before - after for before, after in pairwise(ages)), default=0.0)
    return Measurement(round(longest, 3), "s", f"the longest gap after one of {len(messages)} messages", samples=len(messages))


def _newest_incident(messages: Sequence[Message]) -> list[Message]:
    """Return the messages of the newest incident, that which ends it included."""
    newest: list[Message] = []
    for said in messages:
        if said.state not in OVER:
            newest = [said] if newest and newest[-1].state in OVER else [*newest, said]
        elif newest and newest[-1].state not in OVER:
            newest = [*newest, said]
    return newest
