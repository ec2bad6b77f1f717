"""Makes the images that the cluster's pods run, without a registry: gameday's from its wheel, the others from single programs.

gameday's has three layers: Debian's own Python and nothing that it does not need, the packages that the wheel requires, and
the wheel, which alone changes with the code. It goes by every name in the embedded cluster's table of images, with the
entrypoint that stands there, so that the same manifests run on both. Two have nothing of gameday in them, for shops that are
not ours: Debian's Python, and Debian's Redis. Needs root, since Debian's packages are unpacked and entered as a system.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gameday.staging.node.images import default_images
from tests.cluster.build import MissingError, alone, say
from tests.cluster.oci import Image, Layer, make_layer, write_archive

ROOT: Final = Path(__file__).parents[2]
PYTHON: Final = "/usr/bin/python3"
PACKAGES: Final = "opt/packages"
OURS: Final = "opt/gameday"
REGISTRY: Final = "docker.io/library"
"""What a name without a registry means to every runtime; nothing is asked of it, since the images are there already."""

ANOTHER_PYTHON: Final = "python:3.12-slim"
"""What docs/your-own-shop.md calls its image: here Debian's Python, of whatever version that is, without gameday."""
REDIS: Final = "redis:7"

_FORMAT: Final = b"1"
"""Part of what every layer is known by; raise it when the same ingredients become something else."""
_UNUSED: Final = (
    "usr/share",
    "usr/lib/*/gconv",
    *(f"usr/lib/python3*/{name}" for name in ("test", "idlelib", "lib2to3", "pydoc_data", "tkinter", "distutils")),
)
_MERGED: Final = ("bin", "sbin", "lib", "lib64")
"""Folders that are links into /usr."""
_NO_NEED: Final = ("libperl", "libgdbm", "libdb", "libdebian-installer", "libelogind", "libfile-", "libnumber-", "libtext-")
_RELATIONS: Final = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
_PLATFORMS: Final = ("manylinux2014", "manylinux_2_17", "manylinux_2_28", "manylinux_2_34")


@dataclass(frozen=True, slots=True)
class Base:
    """Debian's Python as a folder that can be entered, and as a layer."""

    root: Path
    layer: Layer

    @property
    def version(self) -> str:
        """Return such as `3.11`."""
        return (self.root / PYTHON[1:]).resolve().name.removeprefix("python")


def make_images(home: Path, programs: Path) -> Path:
    """Make what is not there yet, and return the folder with one archive for each group of images."""
    with alone(home):
        (home / "layers").mkdir(exist_ok=True)
        _check_machine()
        base = _base(home)
        ours = (base.layer, _packages(home, base), _ours(home, base))
        groups = {"gameday": _of_the_table(ours), "others": _of_others(home, base)}
        for name in ("pause", "coredns", "metrics-server"):
            groups[name] = [_of_one_program(home, programs / name)]
        return _archives(home, groups)


def _check_machine() -> None:
    if os.geteuid() != 0:
        raise MissingError(f"expected root, which making images and running a cluster need, found user {os.geteuid()}")
    needed = {"apt-get": "apt", "dpkg-deb": "dpkg", "busybox": "busybox-static"}
    missing = [package for name, package in needed.items() if shutil.which(name) is None]
    if missing:
        raise MissingError(
            f"expected Debian or a relative of it, with {', '.join(missing)} installed; apt install {' '.join(missing)}"
        )


def _place(home: Path, name: str, *ingredients: bytes) -> Path:
    """Return the path of a layer that is made of this."""
    digest = hashlib.sha256(_FORMAT)
    for part in ingredients:
        digest.update(hashlib.sha256(part).digest())
    return home / "layers" / f"{name}-{digest.hexdigest()[:12]}.tar.gz"


# ------------------------------------------------------------------------------------------------------- Debian's Python
def _base(home: Path) -> Base:
    release = platform.freedesktop_os_release()
    place = _place(home, "python", release.get("VERSION_CODENAME", "").encode())
    root = place.with_suffix("").with_suffix("")
    if not place.exists():
        say("layer: Debian's Python …")
        shutil.rmtree(root, ignore_errors=True)
        _unpack_debian(root, [*_closure(_interpreter(), ("lib", "python3.", "zlib1g")), "busybox-static"])
        _settle(root)
        _compile(root, "/usr/lib")
    return Base(root, make_layer(root, sorted(path.name for path in root.iterdir()), place))


def _unpack_debian(root: Path, names: Sequence[str]) -> None:
    root.mkdir()
    for name in _MERGED:
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    with tempfile.TemporaryDirectory() as downloads:
        done = subprocess.run(["apt-get", "download", *names], cwd=downloads, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise MissingError(f"expected apt to download {names[0]}; run `apt-get update` first\n{done.stderr}")
        for package in sorted(Path(downloads).iterdir()):
            with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as unpacking:
                subprocess.run(["tar", "-x", "--keep-directory-symlink", "-C", root], stdin=unpacking.stdout, check=True)
    for unused in _UNUSED:
        for path in root.glob(unused):
            shutil.rmtree(path)


def _interpreter() -> list[str]:
    """Return the packages of the interpreter that is this Debian's, and of its library."""
    told = subprocess.run(["apt-cache", "depends", "python3-minimal"], capture_output=True, text=True, check=True).stdout
    minimal = next(word for word in told.split() if word.startswith("python3.") and word.endswith("-minimal"))
    return [minimal, f"lib{minimal.removesuffix('-minimal')}-stdlib"]


def _closure(wanted: Sequence[str], needed: tuple[str, ...]) -> list[str]:
    """Return the packages and what they are linked with: of all that they depend on, what is named like `needed`."""
    switches = [f"--no-{relation}" for relation in _RELATIONS]
    told = subprocess.run(
        ["apt-cache", "depends", "--recurse", *switches, *wanted], capture_output=True, text=True, check=True
    ).stdout
    names = {line for line in told.splitlines() if line.startswith(needed) and ":" not in line}
    return sorted(name for name in names if not name.startswith(_NO_NEED))


def _settle(root: Path) -> None:
    """Make of unpacked packages what their installation would have made of them."""
    (interpreter,) = (path for path in (root / "usr/bin").glob("python3.*") if path.suffix.removeprefix(".").isdecimal())
    (root / PYTHON[1:]).symlink_to(interpreter.name)
    (root / "usr/bin/python").symlink_to("python3")
    for applet in subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True).stdout.split():
        link = root / "usr/bin" / applet
        if not link.exists():
            link.symlink_to("busybox")
    (root / "tmp").mkdir(mode=0o777, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n")
    (root / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
    (root / "root").mkdir(exist_ok=True)


def _compile(root: Path, folder: str) -> None:
    """Compile modules beforehand: nobody can write the result into an image that is read-only."""
    words = ["-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash", folder]
    subprocess.run(["chroot", root, PYTHON, *words], check=True, stdout=subprocess.DEVNULL)


# ---------------------------------------------------------------------------------------------------- what is put upon it
@contextmanager
def _upon(base: Base, inside: str) -> Iterator[Path]:
    """Lend a folder of the base to be filled and packed; afterwards it is gone again."""
    folder = base.root / inside
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(base.root / Path(inside).parts[0])


def _packages(home: Path, base: Base) -> Layer:
    wanted: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    place = _place(home, "packages", base.layer.unpacked.encode(), "\n".join(wanted).encode())
    if place.exists():
        return make_layer(base.root, [PACKAGES], place)
    say("layer: the packages that gameday needs …")
    with _upon(base, PACKAGES) as folder:
        machine = [f"--platform={name}_{os.uname().machine}" for name in _PLATFORMS]
        words = ["install", "--quiet", "--only-binary=:all:", f"--python-version={base.version}", *machine, f"--target={folder}"]
        subprocess.run([sys.executable, "-m", "pip", *words, *wanted], check=True)
        for unused in [*folder.rglob("tests"), folder / "bin"]:
            shutil.rmtree(unused, ignore_errors=True)
        _compile(base.root, f"/{PACKAGES}")
        return make_layer(base.root, [PACKAGES], place)


def _ours(home: Path, base: Base) -> Layer:
    with tempfile.TemporaryDirectory() as built:
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", built, str(ROOT)]
        subprocess.run(build, check=True, capture_output=True)
        (wheel,) = Path(built).iterdir()
        place = _place(home, "gameday", base.layer.unpacked.encode(), wheel.read_bytes())
        if place.exists():
            return make_layer(base.root, [OURS], place)
        say("layer: gameday …")
        with _upon(base, OURS) as folder:
            zipfile.ZipFile(wheel).extractall(folder)
            _compile(base.root, f"/{OURS}")
            return make_layer(base.root, [OURS], place)


# ------------------------------------------------------------------------------------------------------------- the images
def _of_the_table(layers: tuple[Layer, ...]) -> list[Image]:
    """Return the embedded cluster's images: one set of layers under each name, with its entrypoint."""
    images = []
    for name, known in default_images().items():
        entrypoint = tuple(PYTHON if word == sys.executable else word for word in known.entrypoint)
        names = tuple(f"{REGISTRY}/{name}:{tag}" for tag in ("latest", *{"python": ["3"], "busybox": ["1"]}.get(name, ())))
        path = f"PYTHONPATH=/{OURS}:/{PACKAGES}"
        images.append(Image(names, layers, entrypoint, known.arguments, (path, "PYTHONUNBUFFERED=1")))
    return images


def _of_others(home: Path, base: Base) -> list[Image]:
    """Return images without gameday: Debian's Python, and its Redis upon that, whose shell and C library it uses."""
    place = _place(home, "redis", base.layer.unpacked.encode())
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "root")
        if not place.exists():
            say("layer: Debian's Redis …")
            _unpack_debian(root, _closure(["redis-server"], ("lib", "redis-")))
        redis = make_layer(root, ["usr"], place)
    python = Image((f"{REGISTRY}/{ANOTHER_PYTHON}",), (base.layer,))
    return [python, Image((f"{REGISTRY}/{REDIS}",), (base.layer, redis), ("/usr/bin/redis-server",))]


def _of_one_program(home: Path, program: Path) -> Image:
    """Return an image that holds one program without dependencies, which is all it takes."""
    name = program.name
    with tempfile.TemporaryDirectory() as folder:
        place = _place(home, name, str(program.resolve()).encode())
        shutil.copy(program, Path(folder, name))
        layer = make_layer(Path(folder), [name], place)
    return Image((f"gameday.local/{name}:1",), (layer,), (f"/{name}",))


def _archives(home: Path, groups: Mapping[str, Sequence[Image]]) -> Path:
    digest = hashlib.sha256(_FORMAT)
    for name in sorted(groups):
        digest.update(f"{name}: {groups[name]}".encode())
    folder = home / "images" / digest.hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    for name, images in groups.items():
        if not (folder / f"{name}.tar").exists():
            write_archive(images, folder / f"{name}.tar")
    return folder
