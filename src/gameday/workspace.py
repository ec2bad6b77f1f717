"""Where names resolve: a project's own experiments, runbooks, game days and journeys first, then the shipped ones.

A project is a folder that holds any of the folders experiments/, runbooks/, gamedays/, journeys/. Its own actions/ and
probes/ are importable as `gameday_workspace.actions` and `gameday_workspace.probes`, by path and under that private name, so
that a folder called actions never hides ours. Files are found here, and read elsewhere.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final, Literal, get_args

from gameday.errors import UsageError
from gameday.fields import did_you_mean

Kind = Literal["experiment", "gameday", "journey", "runbook"]
KINDS: Final[tuple[str, ...]] = get_args(Kind)
WORKSPACE_PACKAGE: Final = "gameday_workspace"
SHIPPED: Final = Path(__file__).parent / "catalogue"

_FOLDERS: Final = {"experiment": "experiments", "gameday": "gamedays", "journey": "journeys", "runbook": "runbooks"}
_SUFFIXES: Final = {
    "experiment": (".yaml", ".yml", ".json"),
    "gameday": (".yaml", ".yml"),
    "journey": (".yaml", ".yml"),
    "runbook": (".md",),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the catalogue, by the name under which other files speak of it."""

    kind: str
    name: str
    path: Path
    shipped: bool


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The folders in which names are looked up, first come first served."""

    folders: tuple[Path, ...]

    @classmethod
    def around(cls, path: Path | str | None = None) -> Catalogue:
        """Look in the file's own project, then in that of the working directory, then in what is shipped."""
        starts = [Path.cwd()] if path is None else [Path(path).absolute().parent, Path.cwd()]
        found = [project for project in map(project_of, starts) if project is not None]
        return cls(tuple(dict.fromkeys([*found, SHIPPED])))

    @property
    def project(self) -> Path | None:
        """The project whose own actions and probes count, if there is one."""
        return next((folder for folder in self.folders if folder != SHIPPED), None)

    def find(self, kind: Kind, name: str) -> Path:
        """Return the file of that name; UsageError says where it was looked for, and what may have been meant."""
        for folder in self.folders:
            for suffix in _SUFFIXES[kind]:
                candidate = folder / _FOLDERS[kind] / f"{name}{suffix}"
                if _plain(name) and candidate.is_file():
                    return candidate
        known = sorted({entry.name for entry in self.list(kind)})
        places = ", ".join(str(folder / _FOLDERS[kind]) for folder in self.folders)
        raise UsageError(f"no {kind} is called {name!r}{did_you_mean(name, known)} (looked in {places})")

    def resolve(self, kind: Kind, name_or_path: str, *, beside: Path | None = None) -> Path:
        """Return the file that a name, or a path (relative to the file `beside`), stands for; UsageError if there is none."""
        if _plain(name_or_path) and not name_or_path.endswith(_SUFFIXES[kind]):
            return self.find(kind, name_or_path)
        start = beside.absolute().parent if beside else Path.cwd()
        path = Path(os.path.normpath(start / name_or_path))
        if not path.is_file():
            raise UsageError(f"no {kind} at {name_or_path} (looked for {path}); give a path, or a name without its suffix")
        return path

    def list(self, kind: Kind) -> tuple[Entry, ...]:
        """Return every file of a kind, by name; a project's own hides a shipped one of the same name."""
        found: dict[str, Entry] = {}
        for folder in self.folders:
            for path in sorted((folder / _FOLDERS[kind]).glob("*")):
                if path.suffix in _SUFFIXES[kind] and path.stem not in found and not is_page_about(path):
                    found[path.stem] = Entry(kind, path.stem, path, folder == SHIPPED)
        return tuple(found[name] for name in sorted(found))


def is_page_about(path: Path) -> bool:
    """Say whether a file tells of its folder, as a forge shows it there, and is no runbook: README.md without front matter."""
    if path.name.lower() not in {"readme.md", "index.md"}:
        return False
    try:
        with path.open("rb") as file:
            return file.readline(16).decode("utf-8-sig", errors="replace").strip() != "---"
    except OSError:
        return False


def project_of(start: Path) -> Path | None:
    """Return the closest folder at or above `start` that holds one of our folders, but none above a home or a checkout."""
    for folder in (start, *start.parents):
        if any((folder / name).is_dir() for name in _FOLDERS.values()):
            return folder
        if (folder / ".git").exists() or folder == Path.home():
            return None
    return None


def make_importable(project: Path | None) -> None:
    """Let `gameday_workspace.actions…` and `gameday_workspace.probes…` name the modules of this project's folders."""
    package = ModuleType(WORKSPACE_PACKAGE, "The modules of the project that is being worked on, loaded by path.")
    package.__path__ = [str(project)] if project else []
    loaded = sys.modules.get(WORKSPACE_PACKAGE)
    if loaded is not None and list(loaded.__path__) == package.__path__:
        return
    for name in [name for name in sys.modules if name.split(".")[0] == WORKSPACE_PACKAGE]:
        del sys.modules[name]
    sys.modules[WORKSPACE_PACKAGE] = package


def names(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return just the names."""
    return tuple(entry.name for entry in entries)


def _plain(name: str) -> bool:
    return bool(name) and "/" not in name and not name.startswith(".")
