"""`python benchmarks [NAME…] [-o table|json]`: measure what docs/benchmarks.md states, each beside its peer in the same run."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any, Final

import of_aborts
import of_cluster
import of_commands
import of_files
import of_interposing
import of_lists
import of_pages
import of_people
import of_rehearsals
from measuring import Figure

BENCHMARKS: Final[dict[str, Callable[[], Iterator[Figure]]]] = {
    "version": of_commands.version,
    "validate": of_commands.validate,
    "overhead": of_commands.overhead,
    "staging": of_cluster.start,
    "replacement": of_cluster.replacement,
    "idle": of_cluster.idle,
    "owed-cluster": of_cluster.owed_in_the_cluster,
    "owed-file": of_files.owed_in_a_file,
    "report": of_files.reports,
    "rehearsal": of_people.rehearsals,
    "breach": of_aborts.breaches,
    "killed-worker": of_aborts.killed_workers,
    "choosing": of_lists.choosing,
    "interposing": of_interposing.passing,
    "pages": of_pages.pages,
    "simulating": of_rehearsals.simulations,
}


def machine() -> dict[str, Any]:
    """Describe the machine in general words, and how busy it was, since that is what makes figures differ."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_average": round(os.getloadavg()[0], 2),
    }


def show(figure: Figure) -> None:
    """Print a figure: min, median, max; then each peer with the ratio."""
    told = _target(figure)
    print(f"{figure.what:<38}{_summary(figure.values, figure.unit)}   {told or figure.note}".rstrip(), flush=True)
    for name, values in figure.beside.items():
        print(f"  {'beside ' + name:<36}{_summary(values, figure.unit)}   {figure.ratios[name]:.2f} times it", flush=True)
    if told and figure.note:
        print(f"  {figure.note}", flush=True)


def _target(figure: Figure) -> str:
    if figure.target is None:
        return ""
    met = "met" if figure.is_met else "MISSED"
    return f"target {_shown(figure.target, figure.unit)} at p{figure.percentile}: {met}"


def _summary(values: Sequence[float], unit: str) -> str:
    return "".join(f"{_shown(value, unit):>11}" for value in (min(values), median(values), max(values)))


def _shown(value: float, unit: str) -> str:
    if unit != "s":
        return f"{value:g}"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.1f} ms" if value < 0.1 else f"{value * 1000:.0f} ms"


def main() -> int:
    """Measure; exit status 0 also where a target is missed, since a busy machine is no defect."""
    parser = argparse.ArgumentParser(prog="python benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: all of {', '.join(BENCHMARKS)}")
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    where = machine()
    if options.output == "table":
        words = f"{where['cores']} cores, Python {where['python']}, {where['system']}, load average {where['load_average']}"
        print(f"{words}\n{'':<38}{'min':>11}{'median':>11}{'max':>11}")
    figures = []
    for name in options.names or BENCHMARKS:
        for figure in BENCHMARKS[name]():
            figures.append(figure)
            if options.output == "table":
                show(figure)
    if options.output == "json":
        print(json.dumps({"machine": where, "figures": [figure.as_dict() for figure in figures]}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
