"""Reading what the rules need to know: of the cluster, and of the calendars that the plan names.

For a rule that is switched off nothing is read. What could not be looked at stands beside the facts, and refuses; only a cluster
that does not answer at all, or does not know who asks, is an error here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

from gameday.cluster import Json, ObjectRef, Permission, View
from gameday.cluster.nodes import nodes_of
from gameday.errors import RefusedError, UnauthenticatedError, UnreachableError
from gameday.guard.accounts import TOKEN, UndoAccount
from gameday.guard.budgets import budgets_of
from gameday.guard.model import Facts, Freeze, Policy, RunFacts
from gameday.guard.needs import to_inject, to_undo
from gameday.plan import PlannedChange, owners_of_fields

T = TypeVar("T")


def gather(
    changes: Sequence[PlannedChange],
    policy: Policy,
    view: View,
    *,
    pods_lost: int = 0,
    objects_changed: int = 0,
    run: RunFacts = RunFacts(),  # noqa: B008  # frozen
    undoing: UndoAccount | None = None,
) -> Facts:
    """Read what the rules need to know of these changes; the next three are what the run knows of itself.

    `undoing` is who undoes, where that is not whoever looks.
    """
    unread: dict[str, tuple[str, str]] = {}
    identity = view.identity()

    def look(rule: str, read: Callable[[], T], otherwise: T, *, about: str = f"cluster {identity}") -> T:
        if rule in policy.switched_off:
            return otherwise
        try:
            return read()
        except (UnauthenticatedError, UnreachableError):
            raise
        except RefusedError as error:
            unread[rule] = about, str(error)
            return otherwise

    return Facts(
        identity=identity,
        namespace_labels=look("namespace-opted-in", lambda: _labels(changes, policy, view), {}),
        autoscalers=look("field-owned", lambda: owners_of_fields(changes, view), {}),
        nodes=look("node-left", lambda: _nodes(changes, view), ()),
        pods_lost_before=pods_lost,
        objects_changed_before=objects_changed,
        budgets=look("disruption-budget", lambda: budgets_of(changes, view), ()),
        freezes=look("freeze", lambda: _freezes(policy, run), (), about="the plan's freezes"),
        permissions=look("rights", lambda: _permissions(changes, view, undoing, starting=run.starting), ()),
        run=run,
        unread=unread,
    )


def _labels(changes: Sequence[PlannedChange], policy: Policy, view: View) -> Mapping[str, Mapping[str, str] | None]:
    taken = {pod.ref.namespace for change in changes for pod in change.takes}
    named = {change.ref.namespace for change in changes} | taken | set(policy.namespaces)
    labels: dict[str, Mapping[str, str] | None] = {}
    for namespace in sorted(filter(None, named)):
        found: Mapping[str, Any] | None = view.get(ObjectRef("v1", "Namespace", "", namespace))
        labels[namespace] = None if found is None else found["metadata"].get("labels") or {}
    return labels


def _nodes(changes: Sequence[PlannedChange], view: View) -> Sequence[Json]:
    return nodes_of(view) if any(change.closes_node for change in changes) else ()


def _freezes(policy: Policy, run: RunFacts) -> Sequence[Freeze]:
    if not policy.freezes or run.now is None:
        return ()
    from gameday.guard.calendars import freezes_in  # noqa: PLC0415  # an extra, only for plans that name a calendar

    until = run.now + timedelta(seconds=run.needs_seconds)
    return [freeze for path in policy.freezes for freeze in freezes_in(path, run.now, until)]


def _permissions(
    changes: Sequence[PlannedChange], view: View, undoing: UndoAccount | None, *, starting: bool
) -> Sequence[Permission]:
    """Ask for each right the account that will need it."""
    to_make, to_take_back = to_inject(changes, starting=starting), to_undo(changes)
    if undoing is None or not undoing.name:
        asked = [view.may(access) for access in dict.fromkeys([*to_make, *to_take_back])]
        may_undo = all(permission.allowed for permission in asked if permission.access in to_take_back)
        if may_undo or undoing is None or not undoing.why_own:
            return asked
        return [*asked, Permission(TOKEN, allowed=False, reason=f"nor undo by itself: {undoing.why_own}")]
    undo = [replace(undoing.cluster.may(access), account=undoing.name) for access in to_take_back]
    return [*(view.may(access) for access in to_make), *undo]
