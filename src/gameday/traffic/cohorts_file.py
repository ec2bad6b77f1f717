"""Reads a journey's `cohorts`: the kinds of customers it tells apart, and how many of them there are of each."""

from __future__ import annotations

import math
import re

import yaml

from gameday.traffic.journey import COHORT, GIVEN, Cohort
from gameday.traffic.places import Place, kind_of

MOST_COHORTS = 12
"""Each stands in every window of a run's log."""
WHOLE_PERCENT = 100.0

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


def cohorts_of(place: Place) -> tuple[Cohort, ...]:
    """Return a journey's cohorts, in the order of the file; their shares add up to 100 %."""
    cohorts = [cohort for item in place.items("the cohorts") if (cohort := _cohort(item)) is not None]
    if not isinstance(place.node, yaml.SequenceNode):
        return ()
    if not 1 <= len(place.node.value) <= MOST_COHORTS:
        place.wrong(f"expected from 1 to {MOST_COHORTS} cohorts, found {len(place.node.value)}")
    names = [cohort.name for cohort in cohorts]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        place.wrong(f"two cohorts are called {name!r}")
    total = sum(cohort.share_percent for cohort in cohorts)
    if len(cohorts) == len(place.node.value) and cohorts and not math.isclose(total, WHOLE_PERCENT, abs_tol=1e-6):
        place.wrong(f"expected the shares of the cohorts to add up to 100 percent, found {total:g}")
    if len({frozenset(cohort.values) for cohort in cohorts}) > 1:
        place.wrong("expected every cohort to give the same names under 'values', since the steps are the same for all")
    return tuple(cohorts)


def given_by(cohorts: tuple[Cohort, ...]) -> tuple[str, ...]:
    """Return the names that every journey has from the start, those that its cohort gives it among them."""
    return (*GIVEN, COHORT, *cohorts[0].values) if cohorts else GIVEN


def _cohort(place: Place) -> Cohort | None:
    fields = place.mapping("a cohort", ("name", "share"), ("values",))
    if fields is None:
        return None
    name = fields.read("name", _name, "")
    return Cohort(name, fields.read("share", _share, WHOLE_PERCENT), fields.read("values", _values, {}))


def _name(place: Place) -> str:
    name = place.text("the cohort's name")
    if name and not _NAME.fullmatch(name):
        place.wrong(f"expected the cohort's name as up to 40 letters, digits, dots and dashes, found {name!r}")
    return name


def _share(place: Place) -> float:
    value = place.value()
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= WHOLE_PERCENT:
        return float(value)
    place.wrong(f"expected the cohort's share in percent, above 0 and up to 100, found {value!r}")
    return WHOLE_PERCENT


def _values(place: Place) -> dict[str, str]:
    if not isinstance(place.node, yaml.MappingNode):
        place.wrong(f"expected the cohort's values as a mapping of names to texts, found {kind_of(place.node)}")
        return {}
    values: dict[str, str] = {}
    for key, node in place.node.value:
        name = str(key.value)
        if name in (*GIVEN, COHORT):
            Place(place.file, key, place.problems).wrong(f"{name!r} is given to every journey; choose another name")
        values[name] = Place(place.file, node, place.problems).text(f"the value of {name}")
    return values
