"""Executing a step's shell block: as it is written, and nothing of it left when it is over.

Whatever it starts is ended with it: what is in its process group, what left that, and what had itself adopted. It stays in the
worker's session, so that whoever takes over from a guardian and a worker that were killed finds it. It has no terminal and an
empty standard input; of what it prints, the end is kept.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Final

from gameday.processes import ProcessId, become_subreaper, children, end_orphans, end_tree, process_id

SHELL_SECONDS: Final = 300.0
"""How long a block may take; a runbook whose step takes longer is no help in an incident either."""
KEPT_CHARACTERS: Final = 4000
_KEPT_BYTES: Final = 4 * KEPT_CHARACTERS
_CHUNK: Final = 1 << 16
_DRAIN_SECONDS: Final = 10.0
"""By then what is left in a pipe has been read, unless somebody holds that open whom we cannot end."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a block ended; `status` is None where it had to be ended."""

    status: int | None
    output: str
    """The end of what it printed, at most 4,000 characters."""
    errors: str
    """The same of its standard error."""


def execute(script: str, environment: Mapping[str, str], *, timeout_seconds: float = SHELL_SECONDS) -> Ended:
    """Execute a block with /bin/sh -eu; return when it and all that it started is gone."""
    # Daemons that it leaves behind come to us, and to nobody else.
    become_subreaper()
    before = children()
    shell = subprocess.Popen(
        ["/bin/sh", "-euc", script],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        process_group=0,
    )
    leader = process_id(shell.pid)
    output, errors = _Tail(shell.stdout), _Tail(shell.stderr)
    status: int | None
    try:
        status = shell.wait(timeout_seconds)
    except subprocess.TimeoutExpired:
        status = None
    finally:
        _end(shell, leader, before)
    return Ended(status, output.text(), errors.text())


def _end(shell: subprocess.Popen[bytes], leader: ProcessId, spare: frozenset[int]) -> None:
    """End the shell's group at one stroke, then what had left it, and reap the shell itself."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader.pid, signal.SIGKILL)
    if shell.returncode is None:
        end_tree(leader)
        shell.wait()
    end_orphans(spare=spare)


class _Tail:
    """Reads a stream to its end in a thread, and keeps the last of it."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        self._kept = b""
        self._stream = stream
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def text(self) -> str:
        """Return what was kept, once the stream has ended; whoever still held it open is gone by now."""
        self._thread.join(_DRAIN_SECONDS)
        return self._kept.decode(errors="replace").strip()[-KEPT_CHARACTERS:]

    def _read(self) -> None:
        stream = self._stream
        if stream is None:
            return
        with stream:
            while chunk := os.read(stream.fileno(), _CHUNK):
                self._kept = (self._kept + chunk)[-_KEPT_BYTES:]
