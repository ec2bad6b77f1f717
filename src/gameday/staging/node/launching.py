"""From a container of a manifest to what is executed: program, arguments, environment, folder, log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gameday.staging.events import Recorder
from gameday.staging.node.environment import (
    addressed,
    declared_variables,
    expand,
    rewritten,
    service_variables,
    standard_variables,
)
from gameday.staging.node.images import Image, UnknownImageError, UnknownProgramError, resolve
from gameday.staging.node.mirroring import VolumeError
from gameday.staging.node.references import Lookup, UnresolvedError
from gameday.staging.node.runtime import Launch, Runtime
from gameday.staging.node.volumes import mounts_of, rewrite
from gameday.staging.quantities import parse_quantity

Object = dict[str, Any]
NO_SUCH_PROGRAM: Final = "RunContainerError"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a pod gives each of its containers."""

    pod: Callable[[], Object]
    """The pod as it is now, with its addresses in the status."""
    home: Path
    folders: Mapping[str, Path]
    services: Callable[[], list[Object]]
    address_of: Callable[[str, str], str]
    """The clusterIP of a Service, by its name and namespace; empty if there is none."""
    lookup: Lookup
    runtime: Runtime
    images: Mapping[str, Image]
    recorder: Recorder
    api_variables: Mapping[str, str]
    log_path: Callable[[str, int], Path]
    """The log file of a container's n-th run."""
    changed: Callable[[], None]
    """Called when a container's state has changed."""


class CannotStartError(Exception):
    """The container cannot be made now; carries the reason it waits with, as Kubernetes names it."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def prepare(container: Object, around: Surroundings, run: int) -> Launch:
    """Return what the container's n-th run executes; CannotStartError if something that it refers to is missing."""
    try:
        return _prepare(container, around, run)
    except UnknownImageError as error:
        raise CannotStartError("ErrImagePull", str(error)) from error
    except UnknownProgramError as error:
        raise CannotStartError(NO_SUCH_PROGRAM, str(error)) from error
    except (UnresolvedError, VolumeError, ValueError) as error:
        raise CannotStartError("CreateContainerConfigError", str(error)) from error


def _prepare(container: Object, around: Surroundings, run: int) -> Launch:
    pod = around.pod()
    mounts = mounts_of(container, around.folders, around.home / "subpaths")
    services = {**service_variables(around.services()), **around.api_variables}
    declared = addressed(declared_variables(pod, container, services, around.lookup), around.address_of)
    known = {**services, **declared}
    command = [expand(word, known) for word in container.get("command") or ()]
    arguments = [expand(word, known) for word in container.get("args") or ()]
    argv = resolve(around.images, container["image"], command, arguments)
    log = around.log_path(container["name"], run)
    for folder in (log.parent, around.home / "tmp"):
        folder.mkdir(parents=True, exist_ok=True)
    return Launch(
        argv=[rewrite(word, mounts) for word in argv],
        environment={**standard_variables(pod, around.home), **services, **rewritten(declared, mounts)},
        directory=_directory(container, mounts, around.home),
        log=str(log),
        memory_limit_bytes=_memory_limit_bytes(container),
    )


def _directory(container: Object, mounts: Mapping[str, str], home: Path) -> str:
    """Return the workingDir if it lies on a volume; the pod's own folder otherwise."""
    wanted = container.get("workingDir", "")
    found = rewrite(wanted, mounts)
    return found if found != wanted and Path(found).is_dir() else str(home)


def _memory_limit_bytes(container: Object) -> int | None:
    limit = ((container.get("resources") or {}).get("limits") or {}).get("memory")
    return int(parse_quantity(limit)) if limit is not None else None
