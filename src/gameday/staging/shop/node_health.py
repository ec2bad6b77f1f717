"""From the agents' own node condition to the taint that takes a node out, and back: what is to be patched, and when.

A crashed DaemonSet pod makes no node NotReady, in no cluster. So the agent says by a condition how it is, and here is decided
what follows: a node whose agent has been unhealthy for some seconds gets a taint that keeps pods off it and evicts those
that do not tolerate it; one whose agent is well again loses it, one node at a time, so that not everything starts at once. What
is returned are bodies of merge patches; who sends them is in `agent_controller`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

CONDITION = "AgentHealthy"
TAINT = "shop.example/agent-unhealthy"
GONE = "AgentGone"
"""The condition's reason where it is the controller that says it, because the agent does not any more."""
EFFECTS = ("NoSchedule", "NoExecute")

Node = Mapping[str, Any]


@dataclass(slots=True)
class Patience:
    """How long is waited before anything is done, and since when each node is as it is."""

    taint_after_seconds: float
    return_after_seconds: float
    changed: dict[str, tuple[bool, float]] = field(default_factory=dict)
    """By node: whether its agent is well, and when that began."""
    returned: float = float("-inf")
    """When the last node was let back in."""

    def patches(self, nodes: Sequence[Node], now: float) -> dict[str, dict[str, Any]]:
        """Return what to patch on which node now."""
        found: dict[str, dict[str, Any]] = {}
        for node in nodes:
            name, well = node["metadata"]["name"], is_well(node)
            if well is None:
                continue
            if self.changed.get(name, (not well, 0.0))[0] != well:
                self.changed[name] = (well, now)
            lasting = now - self.changed[name][1]
            if not well and not is_out(node) and lasting >= self.taint_after_seconds:
                found[name] = _with_taint(node)
            elif well and is_out(node) and self._may_return(lasting, now):
                self.returned = now
                found[name] = _without_taint(node)
        return found

    def _may_return(self, lasting: float, now: float) -> bool:
        return lasting >= self.return_after_seconds and now - self.returned >= self.return_after_seconds


def is_well(node: Node) -> bool | None:
    """Say whether a node's agent is healthy, by its condition; None where it has never had one."""
    found = _condition(node)
    return None if found is None else bool(found["status"] == "True")


def reason(node: Node) -> str:
    """Return the reason that a node's condition gives."""
    return str((_condition(node) or {}).get("reason", ""))


def message(node: Node) -> str:
    """Return the message that a node's condition gives, whose last word is the content that it is about."""
    return str((_condition(node) or {}).get("message", ""))


def _condition(node: Node) -> Mapping[str, Any] | None:
    conditions: Sequence[Mapping[str, Any]] = node.get("status", {}).get("conditions") or ()
    return next((found for found in conditions if found["type"] == CONDITION), None)


def is_out(node: Node) -> bool:
    """Say whether a node has been taken out."""
    return any(taint["key"] == TAINT for taint in node["spec"].get("taints") or ())


def is_out_for_others(node: Node) -> bool:
    """Say whether a node has been taken out by somebody else, for another reason."""
    return any(taint["key"] != TAINT and taint["effect"] == "NoExecute" for taint in node["spec"].get("taints") or ())


def condition(status: str, reason: str, message: str) -> dict[str, Any]:
    """Return a strategic merge patch of a node's status that says how its agent is."""
    now = _timestamp()
    said = {"type": CONDITION, "status": status, "reason": reason, "message": message}
    return {"status": {"conditions": [{**said, "lastHeartbeatTime": now, "lastTransitionTime": now}]}}


def _with_taint(node: Node) -> dict[str, Any]:
    now = _timestamp()
    added = [{"key": TAINT, "effect": effect, "timeAdded": now} for effect in EFFECTS]
    return _taints(node, [*(node["spec"].get("taints") or ()), *added])


def _without_taint(node: Node) -> dict[str, Any]:
    return _taints(node, [taint for taint in node["spec"].get("taints") or () if taint["key"] != TAINT])


def _taints(node: Node, taints: list[Any]) -> dict[str, Any]:
    """Return the patch; the version makes it fail when somebody else has written meanwhile, since the list is replaced whole."""
    return {"metadata": {"resourceVersion": node["metadata"]["resourceVersion"]}, "spec": {"taints": taints or None}}


def _timestamp() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
