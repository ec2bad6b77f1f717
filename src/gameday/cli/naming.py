"""Files and runs as people name them: a path, or a name from the catalogue; a run's folder, its id, or `latest`."""

from __future__ import annotations

from pathlib import Path

from gameday.errors import UsageError
from gameday.log import EVENTS_FILE
from gameday.workspace import Catalogue


def resolve(file: str) -> Path:
    """Return the experiment or game day that is meant; UsageError if there is neither a file nor such a name."""
    path = Path(file)
    if path.exists() or path.suffix in {".yaml", ".yml", ".json"} or "/" in file:
        return path
    catalogue = Catalogue.around()
    for kind in ("gameday", "experiment"):
        for entry in catalogue.list(kind):
            if entry.name == file:
                return entry.path
    raise UsageError(f"no file, game day or experiment is called {file!r}. See: gameday list gamedays, gameday list experiments")


def find_run(name: str, runs: Path) -> Path:
    """Return the folder of a run; UsageError says which there are."""
    if Path(name, EVENTS_FILE).exists():
        return Path(name)
    known = sorted(path.parent.name for path in runs.glob(f"*/{EVENTS_FILE}"))
    if name == "latest" and known:
        return runs / known[-1]
    matching = [run for run in known if run == name or run.startswith(name) or run.endswith(f"-{name}")]
    if matching:
        return runs / matching[-1]
    raise UsageError(f"no run called {name!r} in {runs}/; there are: {', '.join(known[-5:]) or 'none'}")
