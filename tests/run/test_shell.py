"""A shell block is executed as it is written, and nothing of it is left when it is over, however it tries."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gameday.run.shell import KEPT_CHARACTERS, execute

LONG = f"74123.0{os.getpid()}"
"""Seconds to sleep that nobody else sleeps, by which what a block started is found among all processes of this machine."""


@pytest.fixture(autouse=True)
def no_subreaper() -> Iterator[None]:
    """Be no subreaper afterwards, as the tests' process is none."""
    yield
    ctypes.CDLL(None).prctl(36, 0, 0, 0, 0)


def alive(mark: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if mark.encode() in words and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


def test_a_block_says_its_status_and_what_it_printed() -> None:
    ended = execute('echo "$WORD"; echo oh >&2; exit 3', {"WORD": "hello"})
    assert (ended.status, ended.output, ended.errors) == (3, "hello", "oh")


def test_the_first_command_that_fails_ends_it_as_does_a_variable_that_is_not_set() -> None:
    assert execute("false; echo on", {}).output == ""
    assert execute('echo "$NO_SUCH_VARIABLE_IS_SET"', {}).status not in {0, None}


def test_what_it_leaves_in_the_background_ends_with_it_and_is_not_waited_for() -> None:
    began = time.monotonic()
    ended = execute(f"sleep {LONG} &\n(trap '' TERM HUP; sleep {LONG}) &\nsetsid sleep {LONG} >/dev/null 2>&1 &\necho on", {})
    assert (ended.status, ended.output) == (0, "on")
    assert alive(LONG) == []
    assert time.monotonic() - began < 300


def test_a_block_that_never_ends_is_ended_with_all_that_it_started() -> None:
    ended = execute(f"setsid sleep {LONG} & sleep {LONG}", {}, timeout_seconds=0.5)
    assert ended.status is None
    assert alive(LONG) == []


def test_of_megabytes_the_end_is_kept() -> None:
    ended = execute("head -c 5000000 /dev/zero | tr '\\0' x; echo end", {})
    assert ended.status == 0
    assert len(ended.output) == KEPT_CHARACTERS
    assert ended.output.endswith("xend")


def test_it_has_no_terminal_and_nothing_to_read() -> None:
    ended = execute("cat; if [ -t 0 ]; then echo terminal; fi; (: </dev/tty) 2>/dev/null || echo none", {})
    assert (ended.status, ended.output) in {(0, "none"), (0, "")}


def test_children_that_this_process_had_before_stay() -> None:
    mine = os.posix_spawn("/bin/sleep", ["sleep", LONG], {})
    try:
        execute(f"sleep {LONG} &", {})
        assert alive(LONG) == [mine]
    finally:
        os.kill(mine, 9)
        os.waitpid(mine, 0)
