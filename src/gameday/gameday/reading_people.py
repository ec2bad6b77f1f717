"""A plan's block `rehearsal` into a RehearsalPlan; every problem is noted with its line."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, Final

from gameday.durations import seconds
from gameday.fields import Fields, did_you_mean, unknown_key
from gameday.gameday.leave import is_zone
from gameday.gameday.people import (
    CLOCKS,
    DEFAULT_DEADLINE_SECONDS,
    DEFAULT_INJECTS,
    DEFAULT_PACE,
    DEFAULT_PEOPLE,
    DEFAULT_READERS,
    INJECTS,
    Inject,
    Pace,
    Participant,
    Reader,
    RehearsalPlan,
)
from gameday.runbook.roles import FACILITATOR, ROLES

_ID: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_ENDS: Final = 2


def read_rehearsal(fields: Fields, rounds: Collection[str]) -> RehearsalPlan:
    """Read `rehearsal: {…}`; without the block, the defaults. `rounds` are the ids that an inject may name."""
    inner = fields.mapping("rehearsal")
    if inner is None:
        return RehearsalPlan()
    roles = tuple(dict.fromkeys((*_roles(inner, "roles"), FACILITATOR))) if inner.has("roles") else ROLES
    plan = RehearsalPlan(
        clocks=_clocks(inner),
        surprise=_flag(inner, "surprise"),
        injects=_injects(inner, rounds, roles),
        readers=_readers(inner),
        roles=roles,
        people=_people(inner, roles),
        pace={**DEFAULT_PACE, **_paces(inner)},
        fault_after_seconds=inner.seconds("fault_after", None),
        deadline_seconds=inner.seconds("deadline", DEFAULT_DEADLINE_SECONDS),
    )
    inner.done()
    return plan


def _clocks(fields: Fields) -> dict[str, float]:
    inner = fields.mapping("clocks")
    if inner is None:
        return {}
    found: dict[str, float] = {}
    for key in inner.data:
        if key not in CLOCKS:
            inner.note(unknown_key(key, CLOCKS, " in rehearsal.clocks"), key)
            continue
        value = inner.seconds(key, None)
        if value is not None:
            if value <= 0:
                inner.note(f"{key}: expected a time to keep, longer than zero; leave it out if nothing is agreed", key)
            found[key] = value
    return found


def _injects(fields: Fields, rounds: Collection[str], roles: Sequence[str]) -> tuple[Inject, ...]:
    if not fields.has("injects"):
        return DEFAULT_INJECTS
    entries = fields.mappings("injects")
    found = [_inject(entry, f"inject-{number}", rounds, roles) for number, entry in enumerate(entries, start=1)]
    seen: set[str] = set()
    for entry, inject in zip(entries, found, strict=True):
        if inject.id in seen:
            entry.note(f"id: a second inject is called {inject.id!r}; give it another id", "id")
        seen.add(inject.id)
    return tuple(found)


def _inject(entry: Fields, default_id: str, rounds: Collection[str], roles: Sequence[str]) -> Inject:
    identifier = entry.text("id", default_id)
    if not _ID.fullmatch(identifier):
        entry.note(f"id: expected lower-case letters, digits and dashes, but got {identifier!r}", "id")
    if not entry.has("at"):
        entry.note("'at' is missing: how long after the fault it happens, such as 3m")
    what = entry.choice("what", INJECTS, "note")
    if not entry.has("what"):
        entry.note(f"'what' is missing: one of {', '.join(INJECTS)}")
    role = entry.text("role", required=what == "absent")
    if role:
        _check_role(entry, role, "role", roles)
        if what != "absent":
            entry.note(f"role: only what is absent has one, but this is {what}; whom it reaches stands under 'to'", "role")
    round_id = entry.text("round")
    if round_id and round_id not in rounds:
        entry.note(f"round: there is no round {round_id!r}{did_you_mean(round_id, rounds)}", "round")
    text = entry.text("text", required=what != "absent") or (f"The {role} is not there." if role else "")
    inject = Inject(identifier, entry.seconds("at", 0.0), what, text, _roles(entry, "to", roles), role, round_id)
    entry.done()
    return inject


def _readers(fields: Fields) -> tuple[Reader, ...]:
    if not fields.has("readers"):
        return DEFAULT_READERS
    found: list[Reader] = []
    for entry in fields.mappings("readers"):
        zone = entry.text("timezone", "UTC")
        if not is_zone(zone):
            entry.note(f"timezone: expected a name such as Europe/Berlin or UTC, but got {zone!r}", "timezone")
        audience = entry.text("audience", required=True)
        if audience and audience in {reader.audience for reader in found}:
            entry.note(f"audience: {audience!r} stands twice; list its channels in one entry", "audience")
        found.append(Reader(audience, zone, entry.texts("channels"), entry.text("contact")))
        entry.done()
    return tuple(found)


def _people(fields: Fields, known: Sequence[str]) -> tuple[Participant, ...]:
    if not fields.has("people"):
        return DEFAULT_PEOPLE
    found: list[Participant] = []
    held: dict[str, str] = {}
    for entry in fields.mappings("people"):
        name, roles = entry.text("name", required=True), _roles(entry, "roles", known)
        if name in {person.name for person in found}:
            entry.note(f"name: a second person is called {name!r}; names tell people apart", "name")
        for role in roles:
            if role in held:
                entry.note(f"roles: {held[role]} is {role} already; one person holds a role at a time", "roles")
            held.setdefault(role, name)
        found.append(Participant(name, roles))
        entry.done()
    return tuple(found)


def _paces(fields: Fields) -> dict[str, Pace]:
    inner = fields.mapping("pace")
    if inner is None:
        return {}
    found = {}
    for role in inner.data:
        value = inner.raw(role)
        if _check_role(inner, str(role), role):
            pace = _pace(inner, role, value)
            if pace is not None:
                found[str(role)] = pace
    return found


def _pace(fields: Fields, role: Any, value: Any) -> Pace | None:
    try:
        ends = [seconds(one) for one in value] if isinstance(value, list) else []
    except ValueError as error:
        fields.note(f"{role}: {error}", role)
        return None
    if len(ends) != _ENDS or ends[0] > ends[1]:
        fields.note(f"{role}: expected how soon they act, from and to, such as [30s, 3m], but got {value!r}", role)
        return None
    return Pace(ends[0], ends[1])


def _roles(fields: Fields, key: str, known: Sequence[str] = ROLES) -> tuple[str, ...]:
    return tuple(role for role in fields.texts(key) if _check_role(fields, role, key, known))


def _check_role(fields: Fields, role: str, key: Any, known: Sequence[str] = ROLES) -> bool:
    if role in known:
        return True
    hint = did_you_mean(role, known) or f"; known are: {', '.join(known)}"
    there = f"the role {role!r} is not among the plan's own" if role in ROLES else f"there is no role {role!r}"
    fields.note(f"{there}{hint}", key)
    return False


def _flag(fields: Fields, key: str) -> bool:
    value = fields.raw(key, default=False)
    if not isinstance(value, bool):
        fields.note(f"{key}: expected true or false, but got {value!r}", key)
        return False
    return value
