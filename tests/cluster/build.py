"""Builds the programs of a real Kubernetes from their Go modules, once: etcd, the control plane, the node's, the add-ons'.

`programs/` has one Go module for each group whose dependencies agree; its go.mod names what is built (`tool`) and pins every
version. What is built lies outside the checkout, in a folder that carries the version and a digest of everything the build
depends on, so that two checkouts share it and neither overwrites the other's. A program appears under its name only when it
is wholly built: an interrupted build is taken up again where it was. It downloads through Go's own proxy settings, and
needs no root.

    build.py            builds what is not there yet; progress on stderr, on stdout the folder with all programs
    build.py --where    only says where they are; fails if one is missing
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

MODULES: Final = Path(__file__).parent / "programs"
LOWEST_GO: Final = (1, 26)
FOR_RUNC: Final = "gcc libc6-dev libseccomp-dev pkg-config"
_KUBERNETES_VERSION: Final = "k8s.io/component-base/version"
_NAMES: Final = {"go.etcd.io/etcd/server/v3": "etcd"}
"""What is not called as its package's last word."""


class MissingError(Exception):
    """Something that the build needs is not on this machine; the text says what, and how to get it."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a module differs from the others: whether it is C too, what is left out, and where its programs are expected."""

    cgo: bool = False
    tags: tuple[str, ...] = ()
    folder: str = ""


# In this order: what is small comes first, so that what is wrong with a machine shows early.
RECIPES: Final[Mapping[str, Recipe]] = {
    "pause": Recipe(),
    # Without seccomp it refuses every pod: the profile of a pod's first container is not the pod's to choose.
    "runc": Recipe(cgo=True, tags=("seccomp",)),
    "cni": Recipe(folder="cni"),
    "etcd": Recipe(),
    "containerd": Recipe(tags=("no_aufs", "no_btrfs", "no_devmapper", "no_zfs")),
    "kubernetes": Recipe(),
    "coredns": Recipe(),
    "metrics-server": Recipe(),
    "kube-router": Recipe(),
}


@dataclass(frozen=True, slots=True)
class Module:
    """One Go module of ours: what it builds, and the version that it is known by."""

    name: str
    recipe: Recipe
    version: str
    packages: Mapping[str, str]
    """The package to build for each program."""
    digest: str
    flags: tuple[str, ...]

    def store(self, home: Path) -> Path:
        """Return the folder that holds the programs of just this build."""
        return home / "programs" / f"{self.name}-{self.version}-{self.digest}"


def home() -> Path:
    """Return where programs, images and a cluster's state are kept."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("GAMEDAY_CLUSTER_HOME") or Path(cache) / "gameday-cluster")


def _modules() -> list[Module]:
    """Return every module as its files say, in the order in which they are built."""
    return [_module(name, recipe) for name, recipe in RECIPES.items()]


def _module(name: str, recipe: Recipe) -> Module:
    folder = MODULES / name
    told = json.loads(_go("mod", "edit", "-json", folder=folder))
    tools = [tool["Path"] for tool in told.get("Tool") or ()]
    version = _version(told.get("Require") or (), tools)
    packages = {_NAMES.get(tool, tool.rpartition("/")[2]): tool for tool in tools} or {name: "."}
    flags = _flags(recipe, version if name == "kubernetes" else "")
    return Module(name, recipe, version, packages, _digest(folder, flags), flags)


def _version(required: Sequence[dict[str, Any]], tools: Sequence[str]) -> str:
    """Return the version of what the module is there for: that which has its tools, or what its own code imports."""
    for requirement in required:
        has_the_tools = any(f"{tool}/".startswith(f"{requirement['Path']}/") for tool in tools)
        if has_the_tools or (not tools and not requirement.get("Indirect")):
            return str(requirement["Version"])
    return "own"


def _flags(recipe: Recipe, kubernetes_version: str) -> tuple[str, ...]:
    linked = ["-s", "-w"]
    if kubernetes_version:  # without these the programs call themselves v0.0.0, which checks of version skew refuse
        major, minor, _ = kubernetes_version.removeprefix("v").split(".", 2)
        told = {"gitVersion": kubernetes_version, "gitMajor": major, "gitMinor": minor}
        linked += [f"-X {_KUBERNETES_VERSION}.{name}={value}" for name, value in told.items()]
    return ("-trimpath", "-buildvcs=false", f"-tags={','.join(recipe.tags)}", f"-ldflags={' '.join(linked)}")


def _digest(folder: Path, flags: tuple[str, ...]) -> str:
    digest = hashlib.sha256(json.dumps([flags, os.uname().machine]).encode())
    for file in sorted(folder.iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def _check_machine() -> None:
    """Raise MissingError for everything that is not there, at once."""
    problems = []
    if shutil.which("go") is None:
        problems.append("expected Go on PATH, found none; any current release will do, newer than distributions have")
    elif _go_version() < LOWEST_GO:
        found = ".".join(map(str, _go_version()))
        problems.append(f"expected Go {'.'.join(map(str, LOWEST_GO))} or later on PATH, found {found}")
    if shutil.which("gcc") is None or shutil.which("pkg-config") is None or not _has_seccomp():
        problems.append(f"expected gcc and libseccomp, which runc needs; Debian, Ubuntu: apt install {FOR_RUNC}")
    if problems:
        raise MissingError("\n".join(problems))


def _has_seccomp() -> bool:
    return subprocess.run(["pkg-config", "--exists", "libseccomp"], check=False).returncode == 0


def _go_version() -> tuple[int, ...]:
    return tuple(int(part) for part in _go("env", "GOVERSION", folder=MODULES).strip().removeprefix("go").split(".")[:2])


def _build(module: Module, name: str, at: Path) -> float:
    """Build one program into its place, which it takes only when it is whole; return the seconds that took."""
    started = time.monotonic()
    at.parent.mkdir(parents=True, exist_ok=True)
    unfinished = at.with_name(f".{name}.unfinished")
    environment = {"CGO_ENABLED": "1" if module.recipe.cgo else "0"}
    _go(
        "build",
        *module.flags,
        "-o",
        str(unfinished),
        module.packages[name],
        folder=MODULES / module.name,
        environment=environment,
    )
    unfinished.replace(at)
    return time.monotonic() - started


def _go(*words: str, folder: Path, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        ["go", *words], cwd=folder, env={**os.environ, **(environment or {})}, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def _gathered(found: list[Module], home: Path) -> Path:
    """Return one folder with a link to every program, as PATH wants it; made anew if a version has changed."""
    links = {
        str(Path(module.recipe.folder, name)): module.store(home) / name for module in found for name in sorted(module.packages)
    }
    digest = hashlib.sha256(json.dumps({name: str(target) for name, target in links.items()}, sort_keys=True).encode())
    folder = home / "sets" / digest.hexdigest()[:12]
    for name, target in links.items():
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(target)
    return folder


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Let a second one wait for the first, and then find everything there."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def say(text: str) -> None:
    """Tell progress, on standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def build_all(home: Path) -> Path:
    """Build whatever is not there yet, and return the folder that has all of it."""
    _check_machine()
    started = time.monotonic()
    with alone(home):
        found = _modules()
        missing = [(module, name) for module in found for name in module.packages if not (module.store(home) / name).exists()]
        for number, (module, name) in enumerate(missing, 1):
            say(f"{number:>3} of {len(missing)}  {name} {module.version} …")
            seconds = _build(module, name, module.store(home) / name)
            say(f"{'':>10}  {name} built in {seconds:.0f} s")
        if missing:
            say(f"{len(missing)} programs built in {time.monotonic() - started:.0f} s")
        return _gathered(found, home)
