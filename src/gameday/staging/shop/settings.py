"""What a service is told from outside: its address, its neighbours, its keys and its choices, all from the environment.

Everything is read once, at the start, and every problem is named at once; a service with a wrong setting ends with
status 2 before it listens. Neighbours are found through `<NAME>_SERVICE_HOST` and `<NAME>_SERVICE_PORT`, which Kubernetes
sets when a container starts; a pod that was started before its neighbour's Service existed is right after its restart.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PORTS = {
    "storefront": 8080,
    "cart": 8081,
    "checkout": 8082,
    "payment": 8083,
    "inventory": 8084,
    "orders": 8085,
    "fulfilment": 8086,
    "bank": 8090,
    "status": 8091,
    "objects": 9000,
    "sale": 8094,
    "scaler": 8095,
}
"""Every service with its port where PORT is not set."""

PORTS_ON_NODES = {"agent": 8096, "agent-controller": 8097}
"""What looks after the nodes rather than after customers, and needs a cluster to do so."""

LOWEST_PORT = 1024


class SettingsError(Exception):
    """The environment lacks something, or says something that cannot be; every problem stands on a line of its own."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a neighbour is reached."""

    host: str
    port: int


@dataclass(slots=True)
class Environment:
    """Reads typed values out of environment variables and remembers what was wrong with them."""

    variables: Mapping[str, str] = field(default_factory=lambda: os.environ)
    problems: list[str] = field(default_factory=list)

    def text(self, name: str, default: str | None = None) -> str:
        """Return a variable's value; without a default it has to be set and not empty."""
        value = self.variables.get(name) or default
        if value is None:
            self.problems.append(f"{name}: expected a value, found none; set it in the pod's env")
            return ""
        return value

    def choice(self, name: str, *allowed: str) -> str:
        """Return one of the allowed words; the first one is the default."""
        value = self.text(name, allowed[0])
        if value not in allowed:
            self.problems.append(f"{name}: expected one of {', '.join(allowed)}, found {value!r}")
        return value

    def number(self, name: str, default: float, *, lowest: float = 0) -> float:
        """Return a number that is not below `lowest`."""
        value = self.text(name, str(default))
        try:
            parsed = float(value)
        except ValueError:
            parsed = lowest - 1
        if not parsed >= lowest:
            self.problems.append(f"{name}: expected a number from {lowest:g} up, found {value!r}")
            return default
        return parsed

    def port(self, name: str, default: int | None = None) -> int:
        """Return a port that needs no privilege."""
        value = self.text(name, str(default) if default else None)
        if not value.isdecimal() or not LOWEST_PORT <= int(value) < 1 << 16:
            self.problems.append(f"{name}: expected a port from {LOWEST_PORT} to 65535, found {value!r}")
            return LOWEST_PORT
        return int(value)

    def neighbour(self, name: str) -> Address:
        """Return the address that Kubernetes gave the Service of this name."""
        variable = name.upper().replace("-", "_")
        return Address(self.text(f"{variable}_SERVICE_HOST"), self.port(f"{variable}_SERVICE_PORT"))

    def folder(self, name: str) -> Path:
        """Return a folder that exists and is ours to write in, creating it if need be."""
        value = self.text(name)
        try:
            Path(value).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.problems.append(f"{name}: expected a folder that can be written, found {value!r} ({error.strerror})")
        return Path(value)

    def check(self) -> None:
        """Raise `SettingsError` with everything that was wrong so far."""
        if self.problems:
            raise SettingsError("\n".join(self.problems))
