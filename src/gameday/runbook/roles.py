"""The roles of an incident, by the names that the field uses (Google's SRE workbook, PagerDuty's incident response)."""

from __future__ import annotations

from typing import Final

INCIDENT_COMMANDER: Final = "incident commander"
DEPUTY: Final = "deputy"
SCRIBE: Final = "scribe"
EXPERT: Final = "subject-matter expert"
CUSTOMER_LIAISON: Final = "customer liaison"
INTERNAL_LIAISON: Final = "internal liaison"
FACILITATOR: Final = "facilitator"

ROLES: Final = (INCIDENT_COMMANDER, DEPUTY, SCRIBE, EXPERT, CUSTOMER_LIAISON, INTERNAL_LIAISON, FACILITATOR)
"""One person may hold several; the facilitator alone knows which fault it is, and takes no part in the response."""
