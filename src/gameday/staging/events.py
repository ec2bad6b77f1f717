"""Events, as `kubectl describe` shows them: written once, then counted.

Words and reasons are Kubernetes' own; who records them is each controller's business.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any, Final

from gameday.staging.errors import ApiError
from gameday.staging.resources import EVENTS
from gameday.staging.store import Store, timestamp

Object = dict[str, Any]
KEPT_EVENTS: Final = 2_000
"""Older ones are deleted; a real cluster forgets them after an hour."""


class Recorder:
    """Writes events for one component (`kubelet`, `deployment-controller`); `host` is the node, for a kubelet."""

    def __init__(self, store: Store, component: str, host: str = "") -> None:
        self._store = store
        self._source = {"component": component} | ({"host": host} if host else {})
        self._known: OrderedDict[tuple[str, ...], tuple[str, str]] = OrderedDict()

    def normal(self, about: Object, reason: str, message: str, *, field_path: str = "") -> None:
        """Record that something happened as it should."""
        self._record("Normal", about, reason, message, field_path)

    def warning(self, about: Object, reason: str, message: str, *, field_path: str = "") -> None:
        """Record that something is wrong."""
        self._record("Warning", about, reason, message, field_path)

    def _record(self, kind: str, about: Object, reason: str, message: str, field_path: str) -> None:
        key = (about["metadata"].get("uid", ""), kind, reason, message, field_path)
        try:
            if key in self._known and self._count(*self._known[key]):
                self._known.move_to_end(key)
                return
            self._known[key] = self._create(kind, about, reason, message, field_path)
            self._forget_oldest()
        except ApiError:  # the namespace is going away, or somebody deleted the event meanwhile
            self._known.pop(key, None)

    def _count(self, namespace: str, name: str) -> bool:
        try:
            event = self._store.get(EVENTS, namespace, name)
        except ApiError:
            return False
        event["count"] = event.get("count", 1) + 1
        event["lastTimestamp"] = timestamp(datetime.now(UTC))
        self._store.update(EVENTS, event)
        return True

    def _create(self, kind: str, about: Object, reason: str, message: str, field_path: str) -> tuple[str, str]:
        metadata = about["metadata"]
        namespace, name = metadata.get("namespace") or "default", f"{metadata['name']}.{secrets.token_hex(8)}"
        now = timestamp(datetime.now(UTC))
        event = {
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": _reference(about, field_path),
            "reason": reason,
            "message": message,
            "source": self._source,
            "reportingComponent": self._source["component"],
            "reportingInstance": self._source.get("host", ""),
            "firstTimestamp": now,
            "lastTimestamp": now,
            "eventTime": None,
            "count": 1,
            "type": kind,
        }
        self._store.create(EVENTS, event)
        return namespace, name

    def _forget_oldest(self) -> None:
        while len(self._known) > KEPT_EVENTS:
            _, (namespace, name) = self._known.popitem(last=False)
            self._store.delete(EVENTS, namespace, name)


def _reference(about: Object, field_path: str) -> Object:
    metadata = about["metadata"]
    reference = {
        "kind": about["kind"],
        "apiVersion": about["apiVersion"],
        "name": metadata["name"],
        "uid": metadata.get("uid", ""),
        "resourceVersion": metadata.get("resourceVersion", ""),
    }
    if metadata.get("namespace"):
        reference["namespace"] = metadata["namespace"]
    if field_path:
        reference["fieldPath"] = field_path
    return reference
