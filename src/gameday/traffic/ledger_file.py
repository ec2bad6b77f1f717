"""Reads a journey's `ledger`: how its orders, what was charged, and what failed are looked up in the shop afterwards."""

from __future__ import annotations

from gameday.traffic.journey import BodyTemplate, KeyLookUp, Ledger, LookUp, ValuePath
from gameday.traffic.places import Place, body_of, method_of, path_of

_NAMES = ("references", "keys")
_NOWHERE = ValuePath(())


def ledger_of(place: Place) -> Ledger | None:
    """Return how a journey's orders are looked up; None where what stands there cannot be read."""
    fields = place.mapping("the ledger", ("lookup",), ("charges", "failures"))
    if fields is None:
        return None
    look_up = fields.read("lookup", _look_up, None)
    charges, failures = fields.read("charges", _charges, None), fields.read("failures", _failures, None)
    return None if look_up is None else Ledger(look_up, charges, failures)


def _look_up(place: Place) -> LookUp | None:
    required = ("method", "path", "body", "orders", "reference", "key", "amount")
    fields = place.mapping("the look-up", required, ("state", "counts_when"))
    if fields is None:
        return None
    if ("state" in fields.found) != ("counts_when" in fields.found):
        place.wrong("expected 'state' and 'counts_when' together: where an order says that it counts, and what it says then")
    return LookUp(
        method=fields.read("method", method_of, "POST"),
        path=fields.read("path", lambda p: p.text("the path"), ""),
        body=fields.read("body", lambda p: body_of(p, _NAMES), BodyTemplate(("null",))),
        orders=fields.read("orders", path_of("the path of the list"), _NOWHERE),
        reference=fields.read("reference", path_of("the path of the reference"), _NOWHERE),
        key=fields.read("key", path_of("the path of the key"), _NOWHERE),
        amount=fields.read("amount", path_of("the path of the amount"), _NOWHERE),
        state=fields.read("state", path_of("the path of the state"), None),
        counts_when=fields.read("counts_when", lambda p: p.text("the state that counts"), ""),
    )


def _charges(place: Place) -> KeyLookUp | None:
    return _key_look_up(place, "the look-up of charges")


def _failures(place: Place) -> KeyLookUp | None:
    return _key_look_up(place, "the look-up of failures")


def _key_look_up(place: Place, what: str) -> KeyLookUp | None:
    fields = place.mapping(what, ("method", "path", "body", "list", "key"))
    if fields is None:
        return None
    return KeyLookUp(
        method=fields.read("method", method_of, "POST"),
        path=fields.read("path", lambda p: p.text("the path"), ""),
        body=fields.read("body", lambda p: body_of(p, ("keys",)), BodyTemplate(("null",))),
        found=fields.read("list", path_of("the path of the list"), _NOWHERE),
        key=fields.read("key", path_of("the path of the key"), _NOWHERE),
    )
