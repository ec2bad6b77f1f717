"""Where the embedded cluster differs from Kubernetes and is known to: the table, `differences.yaml`, read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

TABLE: Final = Path(__file__).with_name("differences.yaml")


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: the check that shows it, what is done by each, and why it is left so."""

    check: str
    kubernetes: str
    here: str
    why: str
    seen: str
    """A regular expression for what the failing check says, so that it fails for this and for no other reason."""


DIFFERENCES: Final = {row["check"]: Difference(**row) for row in yaml.safe_load(TABLE.read_text(encoding="utf-8")) or ()}
