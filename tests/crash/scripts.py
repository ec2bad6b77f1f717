"""What is run to be killed: every experiment that is shipped, and every round whose runbook is executed, in shortened copies."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
_SHORT = {"window_seconds": 2, "baseline": "1s", "recovery_timeout": "20s"}
_LONGEST_PAUSE_SECONDS = 1


@dataclass(frozen=True, slots=True, order=True)
class Script:
    """One file of the shortened project."""

    name: str
    file: str
    """Relative to the project's folder."""


def write_project(folder: Path) -> list[Script]:
    """Copy what is shipped into a folder, shortened, and return what can be run there."""
    for kind in ("experiments", "gamedays", "runbooks"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    scripts = []
    for path in sorted((ROOT / "experiments").glob("*.yaml")):
        (folder / "experiments" / path.name).write_text(yaml.safe_dump(_shortened(yaml.safe_load(path.read_text()))))
        scripts.append(Script(path.stem, f"experiments/{path.name}"))
    for path in sorted((ROOT / "runbooks").glob("*.md")):
        text = re.sub(r"window_seconds: [\d.]+", f"window_seconds: {_SHORT['window_seconds']}", path.read_text())
        (folder / "runbooks" / path.name).write_text(text)
    for path in sorted((ROOT / "gamedays").glob("*.yaml")):
        scripts += _rounds(folder, path)
    return scripts


def _rounds(folder: Path, path: Path) -> list[Script]:
    """Write a plan of its own for each round whose runbook is executed; the others are as their experiment is."""
    plan = yaml.safe_load(path.read_text())
    found = []
    for item in plan["rounds"]:
        if item.get("runbook") == "execute":
            name = f"{path.stem}-{item['id']}"
            (folder / "gamedays" / f"{name}.yaml").write_text(yaml.safe_dump({**plan, "rounds": [item]}))
            found.append(Script(f"{name} (runbook executed)", f"gamedays/{name}.yaml"))
    return found


def _shortened(value: Any, name: str = "") -> Any:
    if name in _SHORT:
        return _SHORT[name]
    if isinstance(value, dict):
        return {key: _shortened(item, "pause" if name == "pauses" else key) for key, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item) for item in value]
    return min(value, _LONGEST_PAUSE_SECONDS) if name == "pause" else value
