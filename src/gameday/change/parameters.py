"""The parameters of a registered function: their types and units, and whether a value that a file gives can be meant.

What every action and probe would have to check by itself is checked here, from the function's own signature: a value's type,
and the bounds that belong to the unit in which its name ends (`grace_seconds`, `percent`). Bounds that only one function knows it
states with `bounded`: an action is asked what it would change before anything is, but a probe is first called at the baseline,
when what prepares it stands already. Nothing is converted: a value fits, or is refused in words.
"""

from __future__ import annotations

import inspect
import math
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec

_UNITS: Final[Mapping[str, tuple[str, float]]] = {
    "milliseconds": ("ms", math.inf),
    "seconds": ("s", math.inf),
    "minutes": ("min", math.inf),
    "hours": ("h", math.inf),
    "bytes": ("B", math.inf),
    "percent": ("%", 100.0),
    "percentile": ("%", 100.0),
}
"""What a parameter's name may end in: the unit's sign, and its highest value. None of these can be negative."""

_BOUNDS: Final = "__gameday_bounds__"
"""The attribute of a function that has its bounds."""
_Function = TypeVar("_Function", bound=Callable[..., Any])

_WORDS: Final[Mapping[Any, str]] = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
    type(None): "nothing",
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter as people who write files need to know it."""

    name: str
    type: str
    """As the signature has it."""
    required: bool
    default: Any = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Bound:
    """Between which numbers a value has to be."""

    lowest: float
    highest: float = math.inf
    above: bool = False
    """The lowest is too low itself."""

    def __str__(self) -> str:
        if self.above:
            return f"above {self.lowest:g}" + ("" if self.highest == math.inf else f" and up to {self.highest:g}")
        return f"{self.lowest:g} or more" if self.highest == math.inf else f"from {self.lowest:g} to {self.highest:g}"

    def holds(self, value: float) -> bool:
        """Say whether a value is between them."""
        return (self.lowest < value if self.above else self.lowest <= value) and value <= self.highest


def above(lowest: float, *, up_to: float = math.inf) -> Bound:
    """Return the bound of what must be more than this."""
    return Bound(lowest, up_to, above=True)


def between(lowest: float, highest: float = math.inf) -> Bound:
    """Return the bound of what may be both ends, too."""
    return Bound(lowest, highest)


def bounded(**bounds: Bound) -> Callable[[_Function], _Function]:
    """State the bounds of a function's numbers, so that a file which breaks one is refused before anything is changed."""

    def state(function: _Function) -> _Function:
        unknown = bounds.keys() - inspect.signature(function).parameters.keys()
        if unknown:
            raise TypeError(f"{function.__qualname__} has no parameter {', '.join(sorted(unknown))}, so none to bound")
        function.__dict__[_BOUNDS] = bounds
        return function

    return state


def parameters_of(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    """Return the parameters of a pure function, without the view or the observations that come first."""
    return tuple(_parameter(one) for one in list(inspect.signature(function).parameters.values())[1:])


def misfits(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Iterator[str]:
    """Say for each value that cannot be meant what was expected; names that the function does not have are no concern here."""
    annotations = _annotations(function)
    required = {one.name for one in parameters_of(function) if one.required}
    bounds: Mapping[str, Bound] = getattr(function, _BOUNDS, {})
    for name, value in arguments.items():
        wanted = annotations.get(name)
        if wanted is not None and not _fits(value, wanted):
            yield f"expected {name} to be {_in_words(wanted)}, but got {value!r}"
        elif name in required and isinstance(value, str) and not value.strip():
            yield f"expected {name} to be a text that is not empty, but got {value!r}"
        elif (outside := _outside(name, value, bounds.get(name))) is not None:
            yield f"expected {name} to be {outside}, but got {value!r}"


def _parameter(one: inspect.Parameter) -> Parameter:
    annotation = one.annotation if isinstance(one.annotation, str) else inspect.formatannotation(one.annotation)
    required = one.default is inspect.Parameter.empty
    unit = _UNITS.get(_last_word(one.name), ("", 0))[0]
    shown = "" if one.annotation is inspect.Parameter.empty else annotation
    return Parameter(one.name, shown, required, None if required else one.default, unit)


def _annotations(function: Callable[..., Any]) -> Mapping[str, Any]:
    try:
        return typing.get_type_hints(function)
    except (NameError, TypeError):
        # Names that only a type checker imports; then only bounds are checked.
        return {}


def _fits(value: Any, wanted: Any) -> bool:
    if isinstance(value, float) and not math.isfinite(value):
        return False
    try:
        msgspec.convert(value, wanted, strict=True)
    except msgspec.ValidationError:
        return False
    except TypeError:
        # A type that is no plain data: the function's own to check.
        return True
    return True


def _outside(name: str, value: Any, bound: Bound | None) -> str | None:
    if bound is not None and isinstance(value, int | float) and not isinstance(value, bool) and not bound.holds(value):
        return str(bound)
    unit = _UNITS.get(_last_word(name))
    if unit is None or isinstance(value, bool) or not isinstance(value, int | float) or 0 <= value <= unit[1]:
        return None
    return "zero or more" if unit[1] == math.inf else f"from 0 to {unit[1]:g}"


def _last_word(name: str) -> str:
    return name.rpartition("_")[2]


def _in_words(wanted: Any) -> str:
    origin, inner = typing.get_origin(wanted), typing.get_args(wanted)
    if wanted in _WORDS:
        return _WORDS[wanted]
    if origin is typing.Literal:
        return f"one of {', '.join(map(str, inner))}"
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_in_words(one) for one in inner)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"names, each with {_in_words(inner[1])}" if len(inner) > 1 else "names with their values"
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return f"a list, each {_in_words(inner[0])}" if inner else "a list"
    return f"a value of type {inspect.formatannotation(wanted)}"
