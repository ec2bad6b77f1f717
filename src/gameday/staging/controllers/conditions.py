"""The conditions in an object's status: one a type, with the time of its last change."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gameday.staging.store import timestamp

Object = dict[str, Any]


def with_condition(conditions: list[Object], now: datetime, **values: Any) -> list[Object]:
    """Return conditions with one set, in its old place if it has one; its time changes with its status alone."""
    before = next((item for item in conditions if item["type"] == values["type"]), None)
    kept = before is not None and before["status"] == values["status"]
    made = {**values, "lastTransitionTime": before["lastTransitionTime"] if before and kept else timestamp(now)}
    return [made if item is before else item for item in conditions] if before else [*conditions, made]


def holds(obj: Object, kind: str) -> bool:
    """Say whether a condition of an object is True."""
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return any(item["type"] == kind and item["status"] == "True" for item in conditions)
