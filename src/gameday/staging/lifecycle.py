"""Starting an embedded cluster as a process of its own, finding it again, and stopping it.

A cluster is known by its folder. A server that was killed leaves files there and nothing else; they are recognised by its process
id and start time, and cleared. What the server itself does is in `server.py`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gameday
from gameday.errors import GamedayError, RefusedError, UsageError
from gameday.staging.processes import await_end, start_ticks

STATE_FILE: Final = "server.json"
LOG_FILE: Final = "server.log"
OBJECTS_FILE: Final = "objects.jsonl"
_KEPT: Final = {OBJECTS_FILE, "host", "claims"}
_OWN_FILES: Final = {STATE_FILE, LOG_FILE, "kubeconfig", "pods", "logs"} | _KEPT
_LOG_TAIL_LINES: Final = 15
_STOP_SECONDS: Final = 20.0
"""How long a server may take to stop before it is killed: far longer than it does, also where the machine hardly gets on."""


class AlreadyUpError(RefusedError):
    """A cluster runs in that folder already."""


class ServerFailedError(GamedayError):
    """The cluster's server did not come to serve; the text ends with the tail of its log."""


@dataclass(frozen=True, slots=True)
class Status:
    """A cluster that runs."""

    directory: Path
    kubeconfig: Path
    context: str
    url: str
    pid: int
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Running:
    """A cluster that this process has started."""

    status: Status
    hold_fd: int | None
    """The pipe's end that keeps the cluster alive while any process has it open; None for a detached one.

    Give it to another process (`pass_fds`) to let that one hold the cluster too.
    """

    @property
    def directory(self) -> Path:
        """Return the cluster's folder."""
        return self.status.directory

    @property
    def kubeconfig(self) -> Path:
        """Return the kubeconfig that reaches the cluster."""
        return self.status.kubeconfig

    def stop(self) -> None:
        """Stop the cluster and wait for its end. Twice is once."""
        down(self.directory)
        if self.hold_fd is not None:
            with contextlib.suppress(OSError):
                os.close(self.hold_fd)


def default_directory() -> Path:
    """Return where the detached cluster of this user is kept."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_dir():
        return Path(runtime) / "gameday"
    return Path(tempfile.gettempdir()) / f"gameday-{os.getuid()}"


def shop_manifests() -> Path:
    """Return the folder with the manifests of the demo shop."""
    return Path(__file__).with_name("shop") / "manifests"


def reaper_manifests() -> Path:
    """Return the folder with gameday's accounts, their rights, and the reaper, as for any cluster."""
    return Path(gameday.__file__).with_name("catalogue") / "deploy"


def up(
    *,
    directory: Path | None = None,
    manifests: Sequence[Path] | None = None,
    afterwards: Sequence[Path] | None = None,
    nodes: int = 2,
    zones: int = 3,
    keep: bool = False,
    hold_fds: Sequence[int] = (),
    detach: bool = False,
    timeout_seconds: float = 60.0,
) -> Running:
    """Start a cluster and return when it serves; its pods may still be starting (see `wait_ready`).

    Without `manifests` the demo shop is on it. What `afterwards` names is created when all of that is Ready, so as not to slow
    it; if nothing is said, and the shop is there, that is the reaper. With `keep`, the objects, claims and hostPaths that were
    kept in the folder are there again, with pods started anew, and are kept at the end; without it the folder is emptied. A
    cluster that is not detached ends with the last process that holds `Running.hold_fd`, and one with `hold_fds` (read ends of
    pipes) when those, too, are at their end. Raises AlreadyUpError, and ServerFailedError with the end of the server's log.
    """
    folder = (directory or default_directory()).absolute()
    created = _claim_folder(folder)
    with _locked(folder):
        _clear_remains(folder, keep=keep)
        hold_read, hold_write = (None, None) if detach else os.pipe()
        try:
            inherited = [*hold_fds, *([hold_read] if hold_read is not None else [])]
            chosen = [shop_manifests()] if manifests is None else list(manifests)
            last = [reaper_manifests()] if afterwards is None and shop_manifests() in chosen else afterwards or ()
            shape = ["--nodes", str(nodes), "--zones", str(zones), *(["--keep"] if keep else [])]
            command = [*_command(folder, chosen, inherited, remove=created and not keep), *shape, *_options("--afterwards", last)]
            state = _start(command, folder, inherited, timeout_seconds)
        except BaseException:
            if hold_write is not None:
                os.close(hold_write)
            if created:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            if hold_read is not None:
                os.close(hold_read)
    return Running(_status_of(folder, state), hold_write)


def status(directory: Path | None = None) -> Status | None:
    """Return the cluster that runs in a folder; None if none does."""
    folder = (directory or default_directory()).absolute()
    state = _read_state(folder)
    if state is None or start_ticks(state["pid"]) != state["start_ticks"]:
        return None
    return _status_of(folder, state)


def down(directory: Path | None = None) -> bool:
    """Stop the cluster of a folder and wait for its end; return whether there was one. Clears what a killed one left."""
    folder = (directory or default_directory()).absolute()
    found = status(folder)
    if found is not None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(found.pid, number)
            if await_end(found.pid, _STOP_SECONDS):
                break
        with contextlib.suppress(ChildProcessError):
            os.waitpid(found.pid, 0)
    if folder.is_dir() and _read_state(folder) is not None:
        _clear_remains(folder, keep=(folder / OBJECTS_FILE).exists())
        with contextlib.suppress(OSError):
            folder.rmdir()
    return found is not None


def _claim_folder(folder: Path) -> bool:
    """Make the folder, or check that an existing one is ours; return whether it was made."""
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        details = folder.lstat()
        if not stat.S_ISDIR(details.st_mode):
            raise UsageError(f"expected a folder for the cluster, found something else at {folder}") from None
        if details.st_uid != os.getuid():
            owner = details.st_uid
            raise RefusedError(
                f"expected a folder of user {os.getuid()} for the cluster, found {folder} of user {owner}; choose another one"
            ) from None
        folder.chmod(0o700)
        return False
    return True


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep a second start in the same folder out while this one goes on."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyUpError(f"another cluster is just being started in {folder}") from None
        yield
    finally:
        os.close(descriptor)


def _clear_remains(folder: Path, *, keep: bool) -> None:
    """Remove what a killed server left, but for what is kept; refuse a folder in which one runs, or with somebody's files."""
    found = status(folder)
    if found is not None:
        raise AlreadyUpError(
            f"the embedded cluster is already up: process {found.pid}, KUBECONFIG={found.kubeconfig}; "
            "stop it with `gameday staging down`"
        )
    foreign = sorted(item.name for item in folder.iterdir() if item.name.lstrip(".") not in _OWN_FILES)
    if foreign:
        raise RefusedError(
            f"expected an empty folder for the cluster, found {', '.join(foreign[:5])} in {folder}; choose another one"
        )
    for item in folder.iterdir():
        if keep and item.name in _KEPT:
            continue
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item, ignore_errors=True)
        else:
            item.unlink()


def _command(folder: Path, manifests: Sequence[Path], hold_fds: Sequence[int], *, remove: bool) -> list[str]:
    command = [sys.executable, "-m", "gameday.staging.server", "--directory", str(folder)]
    command += _options("--manifests", manifests)
    for descriptor in hold_fds:
        command += ["--hold-fd", str(descriptor)]
    return [*command, "--remove-directory"] if remove else command


def _options(name: str, paths: Sequence[Path]) -> list[str]:
    return [word for path in paths for word in (name, str(path.absolute()))]


def _start(command: list[str], folder: Path, hold_fds: Sequence[int], timeout_seconds: float) -> dict[str, Any]:
    """Start the server and return its state once it serves."""
    with (folder / LOG_FILE).open("w+b") as log:
        os.fchmod(log.fileno(), 0o600)
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            pass_fds=hold_fds,
            start_new_session=True,
            cwd="/",
        )
        assert server.stdout is not None  # noqa: S101 - it was asked for above
        with server.stdout as output:
            try:
                line = _first_line(output.fileno(), timeout_seconds)
            except BaseException:  # Ctrl-C too: nobody else knows of the server yet
                server.terminate()
                server.wait()
                raise
        if line:
            _forget(server)
            state: dict[str, Any] = json.loads(line)
            return state
        server.terminate()
        code = server.wait()
        log.seek(0)
        tail = log.read().decode(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
    raise ServerFailedError(
        f"expected the embedded cluster to serve within {timeout_seconds:g} s, found that its server ended with status {code}; "
        "its log ends with:\n" + "\n".join(tail)
    )


def _first_line(descriptor: int, timeout_seconds: float) -> bytes:
    """Return the first line from a pipe; empty if it ends or the time is over before."""
    text = b""
    while not text.endswith(b"\n"):
        ready, _, _ = select.select([descriptor], [], [], timeout_seconds)
        data = os.read(descriptor, 65536) if ready else b""
        if not data:
            return b""
        text += data
    return text


def _forget(server: subprocess.Popen[bytes]) -> None:
    """Keep Popen from warning that its child still runs: the folder is how it is found again."""
    server.returncode = 0


def _read_state(folder: Path) -> dict[str, Any] | None:
    try:
        state: dict[str, Any] = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return state


def _status_of(folder: Path, state: dict[str, Any]) -> Status:
    return Status(
        directory=folder,
        kubeconfig=Path(state["kubeconfig"]),
        context=state["context"],
        url=state["url"],
        pid=state["pid"],
        nodes=tuple(state["nodes"]),
    )
