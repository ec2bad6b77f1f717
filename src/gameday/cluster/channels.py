"""What a status service says on its channels, asked through the API server: read by an action's evidence and by probes alike.

The service answers `GET /channels` with JSON: `channels`, each with its `name`, `state`, `text`, `message`, `estimate` and
`next_update`, and `messages`, what was announced, oldest first, each with its `state` and its `age_seconds`, so that no clock
has to be right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gameday.cluster import ObjectRef, View
from gameday.errors import NoMeasurementError

SOURCE: Final = "status-incident"
"""The ConfigMap that the demo shop's status page reads."""
STATES: Final = ("operational", "investigating", "identified", "monitoring", "resolved")
OVER: Final = ("operational", "resolved")
"""The states in which there is no incident, or none any more."""
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Channel:
    """What one channel says now."""

    name: str
    state: str
    text: str
    estimate: str
    """When it should work again; empty where the channel does not say."""
    message: str = ""
    """The text as it was announced, without what the channel adds; empty where the channel does not tell them apart."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something that was announced."""

    state: str
    age_seconds: float


@dataclass(frozen=True, slots=True)
class Told:
    """What people are told."""

    channels: tuple[Channel, ...]
    messages: tuple[Message, ...]


def told(view: View, namespace: str, service: str = "status", port: str = "http", path: str = "/channels") -> Told:
    """Return what the channels say; NoMeasurementError where the service does not answer with that."""
    ref = ObjectRef("v1", "Service", namespace, service)
    found = view.ask(ref, port, path)
    if found.status != _OK:
        raise NoMeasurementError(f"expected what the channels say from {path} of {ref}, found status {found.status}")
    try:
        value = json.loads(found.body)
        read = Told(tuple(_channel(item) for item in value["channels"]), tuple(_message(item) for item in value["messages"]))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise NoMeasurementError(f"expected channels and messages from {path} of {ref}, found something else ({error})") from None
    if not read.channels:
        raise NoMeasurementError(f"expected at least one channel from {path} of {ref}, found none")
    return read


def _channel(value: Mapping[str, Any]) -> Channel:
    text, estimate, message = (str(value.get(name) or "") for name in ("text", "estimate", "message"))
    return Channel(str(value["name"]), str(value["state"]), text, estimate, message)


def _message(value: Mapping[str, Any]) -> Message:
    return Message(str(value["state"]), float(value["age_seconds"]))
