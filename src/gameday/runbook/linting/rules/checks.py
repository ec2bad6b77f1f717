"""Rules about checks: whether they could ever say no."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from typing import Final

from gameday.change import ProbeSpec
from gameday.change.registry import registered
from gameday.errors import BadParameterError
from gameday.runbook.linting.model import Hit, Subject
from gameday.runbook.linting.registry import rule

_PERCENT: Final = "%"


@rule("RB109", "A check that cannot fail")
def cannot_fail(subject: Subject) -> Iterator[Hit]:
    """The bounds of a check leave out something that its probe can measure.

    A share in percent is always within `[0, 100]`, a number of orders or seconds never below 0: such a check passes whatever
    happened, and proves nothing. Which unit a probe measures in is taken from its source; of one that does not say, nothing is
    claimed.
    """
    for step in subject.read().steps:
        check = step.check
        if check is None or check.within == (None, None):
            continue
        low, high = check.within
        unit = _unit_of(check.probe)
        if unit and (low is None or low <= 0) and (high is None or (unit == _PERCENT and high >= 100)):  # noqa: PLR2004
            least = "0 to 100 %" if unit == _PERCENT else f"0 {unit} or more"
            told = f"the check of {step.id!r} cannot fail: {check.probe} measures {least}, and all of it is within the bounds"
            yield Hit(check.line, told, "narrow within: to what shows that the step worked")


@cache
def _unit_of(probe: str) -> str:
    """Return the unit in which a probe measures, where its source names one and the same everywhere; otherwise nothing."""
    try:
        spec = registered(probe)
        if not isinstance(spec, ProbeSpec):
            return ""
        tree = ast.parse(textwrap.dedent(inspect.getsource(spec.measure)))
    except (BadParameterError, OSError, SyntaxError):
        return ""
    units = {_second_argument(node) for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_measurement(node)}
    return units.pop() if len(units) == 1 else ""


def _is_measurement(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == "Measurement"


def _second_argument(call: ast.Call) -> str:
    unit = call.args[1] if len(call.args) > 1 else None
    return str(unit.value) if isinstance(unit, ast.Constant) else ""
