"""The table that says which program an image is here; nothing outside the table ever runs.

A real node pulls an image and runs what is in it. Here an image is a name for programs that this machine has: a registry
and a tag are accepted and ignored. A name that is not in the table fails as an image that cannot be pulled, and a program
that the image does not list fails as a file that is not in it. Nothing is looked up in the caller's PATH.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SYSTEM_FOLDERS = ("/usr/local/bin", "/usr/bin", "/bin")
_SHELL_PROGRAMS = (
    "sh",
    "cat",
    "date",
    "echo",
    "env",
    "false",
    "head",
    "hostname",
    "ls",
    "sleep",
    "tail",
    "test",
    "touch",
    "true",
    "wc",
)
_PYTHON_PROGRAMS = {"python": sys.executable, "python3": sys.executable}


class UnknownImageError(Exception):
    """The image is not in the table."""


class UnknownProgramError(Exception):
    """The image has no such program."""


@dataclass(frozen=True, slots=True)
class Image:
    """What an image is on this machine: `entrypoint` runs if a container has no command of its own."""

    entrypoint: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    programs: Mapping[str, str] = field(default_factory=dict)
    """What a container's `command` may begin with, and the file that is."""


def _system_programs(names: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in names:
        for folder in SYSTEM_FOLDERS:
            path = Path(folder, name)
            if os.access(path, os.X_OK):
                found[name] = found[str(path)] = str(path)
    return found


def default_images() -> dict[str, Image]:
    """Return the table: `gameday`, `python` and `busybox`."""
    python = {**_system_programs(_SHELL_PROGRAMS), **_PYTHON_PROGRAMS}
    return {
        # A module's name is data: nothing of the engine is imported here.
        "gameday": Image((sys.executable, "-m", "gameday"), programs=python),
        "python": Image((sys.executable,), programs=python),
        "busybox": Image(("/bin/sh",), programs=_system_programs(_SHELL_PROGRAMS)),
    }


def image_name(reference: str) -> str:
    """Return the name in a reference, without registry, tag and digest: `python` for `docker.io/library/python:3.12`."""
    return reference.partition("@")[0].rpartition("/")[2].partition(":")[0]


def resolve(images: Mapping[str, Image], reference: str, command: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """Return what to execute for a container; UnknownImageError or UnknownProgramError, worded as Kubernetes does."""
    image = images.get(image_name(reference))
    if image is None:
        raise UnknownImageError(
            f'failed to pull and unpack image "{reference}": not found; the embedded cluster runs {", ".join(sorted(images))}',
        )
    if not command:
        return [*image.entrypoint, *(arguments or image.arguments)]
    program = image.programs.get(command[0])
    if program is None:
        raise UnknownProgramError(f'exec: "{command[0]}": executable file not found in $PATH of image {image_name(reference)}')
    return [program, *command[1:], *arguments]
