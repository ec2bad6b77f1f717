"""What the guard is told: the policy of the plan, and the facts of the cluster; and what it says: findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gameday.cluster import Identity, Json, ObjectRef, View
from gameday.plan import PlannedChange, owners_of_fields

OPT_IN_LABEL: Final = "gameday.dev/enabled"
PROTECTED_LABEL: Final = "gameday.dev/protected"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a plan allows."""

    cluster: str = ""
    """Name or uid of the only cluster that it may run in; empty for whichever was named on the command line."""
    namespaces: tuple[str, ...] = ()
    caps: Mapping[str, int] = field(default_factory=dict)
    """pods: how many may be lost in one round; objects: how many may be patched or created."""
    switched_off: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What was read of the cluster before judging."""

    identity: Identity
    namespace_labels: Mapping[str, Mapping[str, str] | None]
    """Per namespace named by a change or the policy; None where there is no such namespace."""
    autoscalers: Mapping[ObjectRef, Sequence[Json]] = field(default_factory=dict)
    pods_lost_before: int = 0
    """Pods already taken away by this round."""
    objects_changed_before: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason why a change may not happen: the rule, the object, and a sentence with the next step."""

    rule: str
    object: str
    message: str

    def __str__(self) -> str:
        return f"[{self.rule}] {self.object}: {self.message}"

    def as_dict(self) -> dict[str, str]:
        """Return it as the log has it."""
        return {"rule": self.rule, "object": self.object, "message": self.message}


def gather(
    changes: Sequence[PlannedChange], policy: Policy, view: View, *, pods_lost: int = 0, objects_changed: int = 0
) -> Facts:
    """Read what the rules need to know of these changes; the last two are what the round has done already."""
    named = {change.ref.namespace for change in changes} | set(policy.namespaces)
    labels: dict[str, Mapping[str, str] | None] = {}
    for namespace in sorted(filter(None, named)):
        found: Mapping[str, Any] | None = view.get(ObjectRef("v1", "Namespace", "", namespace))
        labels[namespace] = None if found is None else found["metadata"].get("labels") or {}
    return Facts(view.identity(), labels, owners_of_fields(changes, view), pods_lost, objects_changed)
