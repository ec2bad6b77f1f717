"""Start containers as processes and see that none outlives the cluster; one such program runs for each node.

The cluster's server starts this file by its path (`python -I -S spawner.py FD`), so it imports the standard library and
nothing else. For every container it forks a small shim, which costs about a millisecond, and the shim is parent,
subreaper and log writer of that one container. Server, spawner and shim are tied by sockets and by PR_SET_PDEATHSIG: when
one of them is killed, those below it end their whole process tree, grandchildren in sessions of their own included.

It decides nothing: what runs, when it is restarted and what its exit means is the kubelet's business (pod.py).
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import sys
import time
from typing import Any, Final, NoReturn

PR_SET_PDEATHSIG: Final = 1
PR_SET_CHILD_SUBREAPER: Final = 36
MEMORY_POLL_SECONDS: Final = 0.25
SWEEP_PAUSE_SECONDS: Final = 0.002
LOG_LIMIT_BYTES: Final = 10 * 1024 * 1024
LINE_LIMIT_BYTES: Final = 16 * 1024
CANNOT_START_CODE: Final = 128
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")

_shims: set[int] = set()
_prctl = ctypes.CDLL(None, use_errno=True).prctl


def tie_to_parent(death_signal: signal.Signals) -> None:
    """Ask the kernel for `death_signal` when the parent ends; holds for the calling process, not for its children."""
    _prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)


def become_subreaper() -> None:
    """Make orphaned descendants children of this process."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children_of(pid: int) -> list[int]:
    """Return the children of a process, of all its threads; none when it is gone."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - as below
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as listing:  # noqa: PTH123 - Path costs start-up time here
                found += [int(child) for child in listing.read().split()]
    except OSError:
        pass
    return found


def descendants_of(pid: int) -> list[int]:
    """Return every process below `pid`, parents before their children."""
    found: list[int] = []
    pending = [pid]
    while pending:
        below = children_of(pending.pop())
        found += below
        pending += below
    return found


def end_descendants() -> None:
    """Kill everything below this process and return when nothing is left; needs a subreaper."""
    while True:
        for pid in descendants_of(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            return
        time.sleep(SWEEP_PAUSE_SECONDS)


def anonymous_bytes(pids: list[int]) -> int:
    """Return the memory of these processes that no file backs: about what a cgroup would hold against its limit."""
    pages = 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError), open(f"/proc/{pid}/statm", "rb") as statm:  # noqa: PTH123 - as above
            fields = statm.read().split()
            pages += int(fields[1]) - int(fields[2])
    return pages * PAGE_BYTES


class Log:
    """A container's log file in the CRI format: `<time> <stream> F <text>` a line."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._file).st_size
        self._partial = {"stdout": b"", "stderr": b""}

    def add(self, stream: str, data: bytes) -> None:
        """Write the complete lines of `data`; keep what is left for later."""
        *lines, rest = (self._partial[stream] + data).split(b"\n")
        if len(rest) > LINE_LIMIT_BYTES:
            lines.append(rest)
            rest = b""
        self._partial[stream] = rest
        self._write(stream, lines)

    def close(self, stream: str) -> None:
        """Write what stood in `stream` without a newline."""
        if self._partial[stream]:
            self._write(stream, [self._partial[stream]])
            self._partial[stream] = b""

    def _write(self, stream: str, lines: list[bytes]) -> None:
        if not lines:
            return
        now = time.time_ns()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 10**9)) + f".{now % 10**9:09d}Z"
        head = f"{stamp} {stream} F ".encode()
        text = b"".join(head + line + b"\n" for line in lines)
        if self._size + len(text) > LOG_LIMIT_BYTES:
            self._rotate()
        with contextlib.suppress(OSError):  # a full disk must not end the container
            self._size += os.write(self._file, text)

    def _rotate(self) -> None:
        os.replace(self._path, self._path + ".1")  # noqa: PTH105 - no pathlib here
        os.close(self._file)
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = 0


class Shim:
    """Parent of one container: starts it, writes its log, watches its memory, reports its end."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._inbox = b""
        self._status: int | None = None
        self._out_of_memory = False
        self._main = 0

    def run(self) -> None:
        """Run the container to its end, or until the server goes away."""
        spec = self._read_spec()
        if spec is None:
            return
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        log = Log(spec["log"])
        out_read, out_write = os.pipe2(os.O_CLOEXEC)
        err_read, err_write = os.pipe2(os.O_CLOEXEC)
        error = self._start(spec, out_write, err_write)
        os.close(out_write)
        os.close(err_write)
        if error:
            self._report({"error": error, "code": CANNOT_START_CODE})
            return
        self._report({"pid": self._main})
        streams = {out_read: "stdout", err_read: "stderr"}
        self._attend(wake_read, streams, log, spec.get("memory_limit_bytes"))
        end_descendants()
        for descriptor in list(streams):
            os.set_blocking(descriptor, False)
            while self._copy(descriptor, streams[descriptor], log):
                pass
            log.close(streams[descriptor])
        self._report_end()

    def _read_spec(self) -> dict[str, Any] | None:
        while b"\n" not in self._inbox:
            data = self._control.recv(65536)
            if not data:
                return None
            self._inbox += data
        line, _, self._inbox = self._inbox.partition(b"\n")
        spec: dict[str, Any] = json.loads(line)
        return spec

    def _start(self, spec: dict[str, Any], out: int, err: int) -> str:
        """Fork and execute the container's program; return why that failed, or an empty text."""
        failed_read, failed_write = os.pipe2(os.O_CLOEXEC)
        self._main = os.fork()
        if self._main == 0:
            _become_container(spec, out, err, failed_write)
        os.close(failed_write)
        with os.fdopen(failed_read, "rb") as failed:
            return failed.read().decode()

    def _attend(self, wake: int, streams: dict[int, str], log: Log, memory_limit_bytes: int | None) -> None:
        poll = select.poll()
        for descriptor in (wake, self._control.fileno(), *streams):
            poll.register(descriptor, select.POLLIN)
        timeout = MEMORY_POLL_SECONDS * 1000 if memory_limit_bytes else None
        self._obey(self._inbox)  # what came together with the spec
        while self._status is None:
            for descriptor, _ in poll.poll(timeout):
                if descriptor in streams:
                    if not self._copy(descriptor, streams[descriptor], log):
                        poll.unregister(descriptor)
                elif descriptor == wake:
                    with contextlib.suppress(BlockingIOError):
                        os.read(wake, 4096)
                    self._reap()
                else:
                    self._obey(self._read_orders())
            if memory_limit_bytes:
                self._watch_memory(memory_limit_bytes)

    def _copy(self, descriptor: int, stream: str, log: Log) -> bool:
        """Move what is there from a pipe to the log; return whether there may be more."""
        try:
            data = os.read(descriptor, 65536)
        except BlockingIOError:
            return False
        log.add(stream, data)
        return bool(data)

    def _read_orders(self) -> bytes:
        """Return what the server orders; end, with everything below, if it has gone away."""
        try:
            orders = self._control.recv(4096)
        except OSError:
            orders = b""
        if not orders:
            end_descendants()
            os._exit(0)
        return orders

    def _obey(self, orders: bytes) -> None:
        if b"T" in orders:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._main, signal.SIGTERM)
        if b"K" in orders:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._main, signal.SIGKILL)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self._main:
                    self._status = status
                    return

    def _watch_memory(self, limit_bytes: int) -> None:
        if self._status is None and anonymous_bytes(descendants_of(os.getpid())) > limit_bytes:
            self._out_of_memory = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._main, signal.SIGKILL)

    def _report_end(self) -> None:
        code = os.waitstatus_to_exitcode(self._status or 0)
        self._report({"code": code if code >= 0 else 128 - code, "out_of_memory": self._out_of_memory})

    def _report(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            self._control.sendall(json.dumps(message).encode() + b"\n")


def _become_container(spec: dict[str, Any], out: int, err: int, failed: int) -> NoReturn:
    """Turn this freshly forked process into the container's program; say on `failed` why not."""
    try:
        os.setsid()
        tie_to_parent(signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGPIPE, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.umask(0o022)
        os.chdir(spec["directory"])
        os.execve(spec["argv"][0], spec["argv"], spec["environment"])  # noqa: S606 - no shell is wanted
    except BaseException as error:  # noqa: BLE001 - nothing may return into the shim's code
        os.write(failed, f"{type(error).__name__}: {error}".encode())
    os._exit(CANNOT_START_CODE)


def _fork_shim(spawner_end: socket.socket, control: socket.socket) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})  # a shim is known before its end is looked at
    pid = os.fork()
    if pid:
        _shims.add(pid)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    if pid:
        return
    try:
        spawner_end.close()
        signal.signal(signal.SIGTERM, lambda *_: _end_everything())
        tie_to_parent(signal.SIGTERM)
        become_subreaper()
        Shim(control).run()
    finally:
        end_descendants()
        os._exit(0)


def _end_everything() -> NoReturn:
    end_descendants()
    os._exit(0)


def _reap(*_: object) -> None:
    """Take note of ends; kill whatever a shim that was killed has left, level by level as it comes up here."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
            _shims.discard(ended[0])
    for pid in set(children_of(os.getpid())) - _shims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def main() -> None:
    """Fork a shim for every socket the server sends; end with the server, and everything below too."""
    server = socket.socket(fileno=int(sys.argv[1]))
    server.set_inheritable(False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: _end_everything())
    signal.signal(signal.SIGCHLD, _reap)
    tie_to_parent(signal.SIGTERM)
    become_subreaper()
    while True:
        try:
            order, descriptors, _, _ = socket.recv_fds(server, 1, 1)
        except ConnectionResetError:
            order = b""
        if not order:
            _end_everything()
        os.set_inheritable(descriptors[0], False)
        with socket.socket(fileno=descriptors[0]) as control:
            _fork_shim(server, control)


if __name__ == "__main__":
    main()
