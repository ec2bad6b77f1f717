"""Options that several commands share, with the same names and meanings everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_F = TypeVar("_F", bound=Callable[..., Any])


def cluster_options(function: _F) -> _F:
    """Add --kubeconfig and --context."""
    function = click.option("--context", default="", metavar="NAME", help="Context of the kubeconfig; default: the current one.")(
        function
    )
    return click.option(
        "--kubeconfig",
        default="",
        metavar="FILE",
        help="Default: $KUBECONFIG, else the embedded cluster if it is up, else ~/.kube/config.",
    )(function)


def runs_option(function: _F) -> _F:
    """Add --runs, the folder that holds the runs."""
    return click.option(
        "--runs",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("runs"),
        show_default=True,
        help="Folder in which runs are kept.",
    )(function)


def output_option(*formats: str) -> Callable[[_F], _F]:
    """Add -o with these formats; the first is the default."""
    return click.option(
        "-o", "--output", type=click.Choice(formats), default=formats[0], show_default=True, help="Format on standard output."
    )


def yes_option(function: _F) -> _F:
    """Add --yes."""
    return click.option("-y", "--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")(function)
