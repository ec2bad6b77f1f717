"""Where a worker's requests for changes are decided: guarded, written down as owed, logged, and only then allowed.

The guardian's desk for one run. It keeps what the caps count and which entries were seen to be applied. It injects nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gameday.change import CreateObject, DeletePod, EvictPod, shown, wire
from gameday.cluster import Cluster
from gameday.errors import GamedayError, NoTargetError
from gameday.guard import Policy, gather, judge
from gameday.guard.accounts import UndoAccount
from gameday.interposition.switching import lasts_seconds
from gameday.log import LogWriter
from gameday.log.events import ChangeApplied, ChangeFailed, ChangeOwed, Event, GuardJudged, Noted
from gameday.plan import PlannedChange, look_at, with_load
from gameday.run.conditions import Conditions
from gameday.run.inject import to_wire
from gameday.run.load import Load
from gameday.run.looking import Looks
from gameday.run.tally import Tally
from gameday.undo.owing import Debt, Owed
from gameday.undo.record import OWED


class Desk:
    """Decides about changes; called in threads, one request at a time a worker."""

    def __init__(
        self,
        cluster: Cluster,
        debt: Debt,
        log: LogWriter,
        conditions: Conditions | None = None,
        undoing: UndoAccount | None = None,
    ) -> None:
        """Take the cluster to read from, the run's record, its log, what it knows of itself, and who undoes."""
        self._undoing = undoing
        self._cluster, self._debt, self._log = cluster, debt, log
        self._conditions = conditions or Conditions(cluster, None)
        self._tally = Tally()
        self._looks = Looks(cluster, debt, log, log.path.parent, announced=self._seen_done)
        self._entries: dict[str, str] = {}
        self._open: set[str] = set()
        self._announced: dict[str, tuple[tuple[str, Any, Any], ...]] = {}
        self._count = 0
        self.load: Load | None = None
        """The run's customers, once they come."""

    @property
    def confirmed(self) -> frozenset[str]:
        """Entries of which every request was answered, so that none can still come late."""
        pending = {self._entries[change_id] for change_id in self._open}
        return frozenset(set(self._entries.values()) - pending)

    def _seen_done(self, change_id: str, entry: str) -> None:
        """Take note of a change that a shell block has made, and that was seen afterwards."""
        self._entries[change_id] = entry

    def change(self, message: Mapping[str, Any], policy: Policy, round_id: str) -> dict[str, Any]:
        """Answer a worker's request for one change: the operation that it may make, or why it may not."""
        try:
            wanted = wire.decode(message["change"])
            planned = look_at(wanted, self._cluster, by=message["by"])
            if self.load is not None:
                planned = with_load(planned, self.load.rate_per_second)
            refusal = self._guarded(planned, policy, round_id, again=message.get("again", ""))
            if refusal:
                return {"refused": refusal}
            owed = self._debt.owe(
                planned.change,
                by=planned.by,
                round_id=round_id,
                refused_before=bool(message.get("again")),
                prepares=bool(message.get("prepares")),
            )
        except NoTargetError as error:
            # Whoever scales may take a pod away in the moment after it was chosen, and that is what was wanted.
            is_gone = isinstance(wanted, DeletePod | EvictPod)
            self._log.write(Noted(level="warning" if is_gone else "error", text=f"{message['by']}: {error}", round=round_id))
            return {"refused": str(error), "gone": is_gone}
        except GamedayError as error:
            self._log.write(Noted(level="error", text=f"{message['by']}: {error}", round=round_id))
            return {"refused": str(error)}
        try:
            change_id = self._log_owed(planned, owed, round_id, again=message.get("again", ""))
        except OSError as error:
            return {"refused": f"the log cannot be written ({error.strerror}), so nothing is injected"}
        self._entries[change_id] = owed.entry.id
        self._open.add(change_id)
        self._tally.add(change_id, planned, round_id)
        return {"go": to_wire(owed.operation), "change_id": change_id, "change": wire.encode(planned.change)}

    def change_load(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out a change of the load that was allowed: the customers are the guardian's, so a worker asks for it.

        Refused once it is no longer owed, since whatever a worker still says then comes too late.
        """
        owed = {entry.id: entry for entry in self._debt.entries}.get(self._entries.get(message["change_id"], ""))
        if self.load is None or owed is None or not owed.is_load or owed.state != OWED:
            return {"refused": "this change of the load is not owed (any more), so it is not made"}
        body = message["body"]
        self.load.change_rate(body["rate_per_second"], over_seconds=body["over_seconds"])
        return {}

    def heard(self, event: Event) -> None:
        """Take note of what the worker says became of a change."""
        if isinstance(event, ChangeApplied) or (isinstance(event, ChangeFailed) and event.definite):
            self._open.discard(event.change_id)

    def look(self, message: Mapping[str, Any], policy: Policy, round_id: str) -> dict[str, Any]:
        """Look at the opted-in namespaces before a shell block."""
        return self._looks.look(message["by"], policy.namespaces, round_id)

    def compare(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Look again after it, and owe what it wrote."""
        return self._looks.compare(message["by"])

    def close_looks(self) -> None:
        """Owe what shell blocks have written that were cut short."""
        self._looks.close()

    def _guarded(self, planned: PlannedChange, policy: Policy, round_id: str, *, again: str) -> str:
        """Judge one change as things stand now; return the refusal, or nothing."""
        on = {round_id} | {entry.round for entry in self._debt.entries if not entry.is_settled}
        so_far = self._tally.total(on, but=again)
        others = len(so_far.objects - {planned.ref.anonymous})
        run = self._conditions.facts(lost=so_far.lost)
        facts = gather(
            [planned],
            policy,
            self._cluster,
            pods_lost=so_far.pods_lost,
            objects_changed=others,
            run=run,
            undoing=self._undoing,
        )
        findings = judge([planned], policy, facts)
        if not findings:
            return ""
        told = [finding.as_dict() for finding in findings]
        self._log.write(GuardJudged(allowed=False, changes=[planned.summary], findings=told, round=round_id))
        return "; ".join(str(finding) for finding in findings)

    def _log_owed(self, planned: PlannedChange, owed: Owed, round_id: str, *, again: str) -> str:
        """Announce a change; one that is asked for again is announced again only where its pre-image has moved."""
        if again and self._announced.get(again) == owed.fields:
            return again
        change_id = again or self._next_id()
        kind = planned.ref.kind
        fields = [
            {"path": path, "before": shown(kind, path, before), "after": shown(kind, path, after)}
            for path, before, after in owed.fields
        ]
        event = ChangeOwed(
            change_id=change_id,
            by=planned.by,
            kind=planned.kind,
            object=str(planned.ref),
            summary=planned.summary,
            fields=fields,
            undoers=owed.entry.undoers,
            entry=owed.entry.id,
            prepares=owed.entry.prepares,
            lasts_seconds=lasts_seconds(planned.change.manifest) if isinstance(planned.change, CreateObject) else None,
            round=round_id,
        )
        self._log.write_ahead(event)
        self._announced[change_id] = owed.fields
        return change_id

    def _next_id(self) -> str:
        self._count += 1
        return f"c{self._count}"
