"""PodDisruptionBudgets: their status says at every moment how many pods may go. Who asks is the eviction's business."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from datetime import UTC, datetime

from gameday.staging.controllers.budgets import budget_status, recheck_seconds
from gameday.staging.controllers.ownership import write_status
from gameday.staging.controllers.queue import Controller, own_key
from gameday.staging.errors import NotFound
from gameday.staging.history import Entry
from gameday.staging.resources import DEPLOYMENTS, POD_DISRUPTION_BUDGETS, PODS, REPLICA_SETS, STATEFUL_SETS
from gameday.staging.selectors import LabelSelector
from gameday.staging.store import Store


class DisruptionBudgets:
    """Keeps the status of budgets."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def controller(self) -> Controller:
        """Return how this hangs on the store."""
        scaled = dict.fromkeys((DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS), self._keys_of_owner)
        sources = {POD_DISRUPTION_BUDGETS: own_key, PODS: self._keys_of_pod, **scaled}
        return Controller("disruption", sources, self.reconcile)

    def reconcile(self, key: tuple[str, str]) -> float | None:
        """Write one budget's status; return when an eviction that came to nothing has to be forgotten."""
        try:
            budget = self._store.get(POD_DISRUPTION_BUDGETS, *key)
        except NotFound:
            return None
        now = datetime.now(UTC)
        status = budget_status(self._store, budget, now)
        write_status(self._store, POD_DISRUPTION_BUDGETS, budget, status)
        return recheck_seconds(status, now)

    def _keys_of_pod(self, entry: Entry) -> Iterable[Hashable]:
        """Return the budgets that the pod falls under, or fell under before this write."""
        namespace = entry.stored.body["metadata"]["namespace"]
        for budget in self._store.listed(POD_DISRUPTION_BUDGETS, namespace):
            selector = LabelSelector.of(budget.body["spec"].get("selector"))
            versions = [entry.stored, *([entry.previous] if entry.previous else [])]
            if any(selector.matches(version.body["metadata"].get("labels")) for version in versions):
                yield namespace, budget.body["metadata"]["name"]

    def _keys_of_owner(self, entry: Entry) -> Iterable[Hashable]:
        """Return every budget of the namespace when a workload's scale has changed."""
        namespace = entry.stored.body["metadata"]["namespace"]
        before = entry.previous.body["spec"].get("replicas") if entry.previous else None
        if before != entry.stored.body["spec"].get("replicas"):
            for budget in self._store.listed(POD_DISRUPTION_BUDGETS, namespace):
                yield namespace, budget.body["metadata"]["name"]
