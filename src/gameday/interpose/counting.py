"""What was hit and what passed by: the proof that a fault landed, as numbers that only grow while settings are in force."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class RuleTally:
    """What one rule came to."""

    name: str
    kind: str
    hit: int = 0
    """Requests (with protocol tcp: connections) that met the fault."""
    spared: int = 0
    """Those that matched and got away: their customer is not among those drawn, or the body ended before the cut."""


@dataclass(slots=True)
class Tally:
    """What one settings document came to, counted from when it came into force until it ended."""

    id: str
    rules: list[RuleTally] = field(default_factory=list)
    seen: int = 0
    """Requests (with protocol tcp: connections) for which the rules were asked."""

    def as_dict(self) -> list[dict[str, Any]]:
        """Return each rule's numbers; hit, spared and passed by are all that were seen."""
        return [
            {
                "name": rule.name,
                "fault": rule.kind,
                "hit": rule.hit,
                "spared": rule.spared,
                "passed_by": self.seen - rule.hit - rule.spared,
            }
            for rule in self.rules
        ]


@dataclass(slots=True)
class Counts:
    """What came at all, since the proxy started."""

    connections: int = 0
    open_connections: int = 0
    refused_connections: int = 0
    """Reset as soon as they came, by a rule that refuses a share of them."""
    upstream_failures: int = 0
    """Connections for which the upstream could not be reached; the client's was reset."""
    not_understood: int = 0
    """Connections that are passed on as bytes since what they carry is no HTTP/1.x."""
    tunnels: int = 0
    """Connections that are passed on as bytes since an answer changed the protocol."""
    requests: int = 0
    open_requests: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers by what they count."""
        return {
            "connections": {
                "total": self.connections,
                "open": self.open_connections,
                "refused": self.refused_connections,
                "upstream_failed": self.upstream_failures,
                "not_understood": self.not_understood,
                "tunnels": self.tunnels,
            },
            "requests": {"total": self.requests, "open": self.open_requests},
        }
