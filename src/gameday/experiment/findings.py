"""What was found wrong in an experiment: errors, and, in a file that is not ours, doubts that are only warnings.

A file with our block is read strictly, so that every doubt is an error. In any other file a key that looks like a misspelt
one is an error all the same, since Chaos Toolkit would pass over it without a word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gameday.errors import Problem
from gameday.fields import closest, unknown_key
from gameday.yamlfile import Document, YamlPath

_VENDOR_PREFIX: Final = "x-"


@dataclass(slots=True)
class Findings:
    """Collects problems of one document while it is read."""

    document: Document
    strict: bool
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def error(self, path: YamlPath, message: str) -> None:
        """Note what is wrong in any file."""
        self.errors.append(self.document.problem(path, message))

    def doubt(self, path: YamlPath, message: str) -> None:
        """Note what is wrong in a file of ours, and may be meant in another."""
        (self.errors if self.strict else self.warnings).append(self.document.problem(path, message))

    def keys(self, path: YamlPath, data: Mapping[Any, Any], known: Sequence[str], where: str) -> None:
        """Note keys that are not known; a misspelt one is an error in any file."""
        for key in data:
            if key in known or str(key).startswith(_VENDOR_PREFIX):
                continue
            message = unknown_key(key, known, f" in {where}")
            misspelt = closest(str(key), [name for name in known if name not in data])
            (self.error if misspelt else self.doubt)((*path, key), message)
