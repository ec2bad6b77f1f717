"""The roles of an incident; their names are those that plans and runbooks use (`gameday.gameday.roles`)."""

from __future__ import annotations

from gameday.gameday.roles import (
    CUSTOMER_LIAISON,
    DEPUTY,
    EXPERT,
    FACILITATOR,
    INCIDENT_COMMANDER,
    INTERNAL_LIAISON,
    ROLES,
    SCRIBE,
)

__all__ = [
    "CUSTOMER_LIAISON",
    "DEPUTY",
    "EXPERT",
    "FACILITATOR",
    "INCIDENT_COMMANDER",
    "INTERNAL_LIAISON",
    "ROLES",
    "SCRIBE",
]
