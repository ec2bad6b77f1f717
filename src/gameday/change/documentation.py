"""The docstring of a registered function, taken apart: the reference and `gameday list` show nothing else.

The form is that of every action and probe here, and the contract suite holds new ones to it: one imperative sentence; then,
in any order, `name: …` or `name, other: …` for each parameter, a sentence that begins with *Undone*, one that begins with
*Landed*, and one for each error, which begins with its name. What belongs to none of these is left where it stands, with
what comes before it. A parameter may also be explained in passing, in backticks, where another one is.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_END_OF_SENTENCE: Final = r"(?:^|(?<=[.;)?!]\s))"


@dataclass(frozen=True, slots=True)
class Documentation:
    """What a function's docstring says, by what it is about."""

    summary: str
    """Its first sentence."""
    more: str
    """What stands between that and the first parameter."""
    parameters: Mapping[str, str]
    """What is said of each parameter; several that are explained together have the same text."""
    undo: str
    landed: str
    errors: str


def documentation_of(function: Callable[..., Any]) -> Documentation:
    """Take the docstring of a pure function apart; what it does not say is empty."""
    names = list(inspect.signature(function).parameters)[1:]
    first, _, rest = (inspect.getdoc(function) or "").partition("\n\n")
    parts: dict[str, str] = {}
    for label, text in _parts(" ".join(rest.split()), names):
        parts[label] = f"{parts[label]} {text}" if label in parts else text
    parts = {label: text.removesuffix(";") for label, text in parts.items()}
    explained = {name: _about(parts, name) for name in names}
    return Documentation(
        summary=" ".join(first.split()),
        more=parts.get("", ""),
        parameters={name: text for name, text in explained.items() if text},
        undo=parts.get("Undone", ""),
        landed=parts.get("Landed", ""),
        errors=parts.get("Error", ""),
    )


def _parts(text: str, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each part with its label: the names it explains, Undone, Landed or Error; the beginning has none."""
    name = "|".join(rf"`?{re.escape(one)}`?" for one in sorted(names, key=len, reverse=True)) or r"(?!)"
    explained = rf"(?:or )?(?P<names>(?:{name})(?:(?:, and |, | and )(?:{name}))*):\s"
    marker = re.compile(rf"{_END_OF_SENTENCE}(?:{explained}|(?P<word>Undone|Landed)\b|(?P<error>\w+Error)\b)")
    found = list(marker.finditer(text))
    starts = [*(match.start() for match in found), len(text)]
    yield "", text[: starts[0]].strip()
    for this, end in zip(found, starts[1:], strict=True):
        # The names are the label; the words that begin a sentence are part of it.
        begin = this.end() if this["names"] else this.start()
        label = this["names"] or this["word"] or "Error"
        yield label, text[begin:end].strip()


def _about(parts: Mapping[str, str], name: str) -> str:
    if name in parts:
        return parts[name]
    for label, text in parts.items():
        if name in re.split(r", and |, | and ", label.replace("`", "")):
            return text
    return next((text for text in parts.values() if f"`{name}`" in text), "")
