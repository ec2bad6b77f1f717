"""Spawner and shim: real processes that end as they are told, and when nobody is left to tell them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gameday.staging.node.runtime import Launch, Process, Runtime


@pytest.fixture
async def runtime() -> AsyncIterator[Runtime]:
    runtime = Runtime()
    yield runtime
    await runtime.stop()


def _launch(folder: Path, *argv: str, limit: int | None = None) -> Launch:
    return Launch(list(argv), {"PATH": "/usr/bin:/bin", "GREETING": "hello"}, str(folder), str(folder / "log"), limit)


async def _until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not look():  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(0.01)


async def _run(runtime: Runtime, launch: Launch) -> Process:
    process = await runtime.launch(launch)
    await process.started
    return process


def _lines(folder: Path) -> list[list[str]]:
    return [line.split(" ", 3)[1:] for line in (folder / "log").read_text().splitlines()]


def _exists(pid: int | None) -> bool:
    return Path(f"/proc/{pid}").exists()


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


async def test_output_is_logged_by_stream_and_the_last_line_needs_no_newline(runtime: Runtime, tmp_path: Path) -> None:
    process = await _run(runtime, _launch(tmp_path, "/bin/sh", "-c", 'echo "$GREETING"; echo no >&2; printf end; exit 3'))
    end = await process.ended
    assert (end.code, end.reason) == (3, "Error")
    assert sorted(_lines(tmp_path)) == [["stderr", "F", "no"], ["stdout", "F", "end"], ["stdout", "F", "hello"]]


async def test_a_program_that_is_not_there_is_a_start_error(runtime: Runtime, tmp_path: Path) -> None:
    end = await (await _run(runtime, _launch(tmp_path, "/no/such/program"))).ended
    assert (end.code, end.reason) == (128, "StartError")
    assert "No such file" in end.error


async def test_sigterm_reaches_the_first_process(runtime: Runtime, tmp_path: Path) -> None:
    process = await _run(runtime, _launch(tmp_path, "/bin/sleep", "60"))
    process.terminate()
    assert (await process.ended).code == 128 + signal.SIGTERM


@pytest.mark.parametrize(("order", "code"), [(Process.terminate, 143), (Process.kill, 137)])
async def test_an_order_that_comes_before_the_start_is_obeyed_after_it(
    runtime: Runtime, tmp_path: Path, order: Callable[[Process], None], code: int
) -> None:
    process = await runtime.launch(_launch(tmp_path, "/bin/sleep", "60"))
    order(process)
    async with asyncio.timeout(30):
        assert (await process.ended).code == code


async def test_what_the_first_process_leaves_behind_ends_with_it(runtime: Runtime, tmp_path: Path) -> None:
    escape = "import os, subprocess as s; p = s.Popen(['/bin/sleep', '60'], start_new_session=True); print(p.pid)"
    process = await _run(runtime, _launch(tmp_path, sys.executable, "-c", escape))
    assert (await process.ended).code == 0
    left = int(_lines(tmp_path)[0][2])
    assert not _exists(left)


async def test_the_tree_above_its_memory_limit_is_killed(runtime: Runtime, tmp_path: Path) -> None:
    greedy = "hoard = bytearray(100_000_000); import time; time.sleep(60)"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {greedy!r}])"
    process = await _run(runtime, _launch(tmp_path, sys.executable, "-c", child, limit=50_000_000))
    assert (await process.ended).reason == "OOMKilled"


async def test_a_container_within_its_memory_limit_is_left_alone(runtime: Runtime, tmp_path: Path) -> None:
    process = await _run(runtime, _launch(tmp_path, sys.executable, "-c", "import time; time.sleep(0.6)", limit=50_000_000))
    assert (await process.ended).reason == "Completed"


async def test_a_killed_spawner_ends_its_containers_and_is_replaced(runtime: Runtime, tmp_path: Path) -> None:
    process = await _run(runtime, _launch(tmp_path, "/bin/sleep", "60"))
    pid = await process.started
    first = runtime.spawner_pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert (await process.ended).code == 137
    await _until(lambda: not _exists(pid))
    again = await _run(runtime, _launch(tmp_path, "/bin/true"))
    assert (await again.ended).code == 0
    assert runtime.spawner_pid != first


async def test_a_killed_shim_takes_its_container_along_with_all_its_children(runtime: Runtime, tmp_path: Path) -> None:
    escape = (
        "import subprocess, time\n"
        "print(subprocess.Popen(['/bin/sleep', '60'], start_new_session=True).pid, flush=True)\n"
        "time.sleep(60)"
    )
    process = await _run(runtime, _launch(tmp_path, sys.executable, "-c", escape))
    pid = await process.started
    await _until(lambda: bool(_lines(tmp_path)))
    grandchild = int(_lines(tmp_path)[0][2])
    shim = _parent(pid)
    os.kill(shim, signal.SIGKILL)
    assert (await process.ended).code == 137
    await _until(lambda: not _exists(pid) and not _exists(grandchild))
    again = await _run(runtime, _launch(tmp_path, "/bin/true"))
    assert (await again.ended).code == 0


async def test_stopping_leaves_nothing(tmp_path: Path) -> None:
    runtime = Runtime()
    process = await _run(runtime, _launch(tmp_path, "/bin/sh", "-c", "trap '' TERM; sleep 60 & sleep 60"))
    pid, spawner = await process.started, runtime.spawner_pid
    await runtime.stop()
    assert not _exists(pid)
    assert not _exists(spawner)


async def test_a_container_does_not_inherit_the_servers_files(runtime: Runtime, tmp_path: Path) -> None:
    show = "import os; print([os.readlink(f'/proc/self/fd/{f}') for f in range(9) if os.path.exists(f'/proc/self/fd/{f}')])"
    await (await _run(runtime, _launch(tmp_path, sys.executable, "-c", show))).ended
    names = [name.partition(":")[0] for name in json.loads(_lines(tmp_path)[0][2].replace("'", '"'))]
    assert names == ["/dev/null", "pipe", "pipe"]


async def test_a_log_that_grows_too_large_is_rotated_once(runtime: Runtime, tmp_path: Path) -> None:
    write = "for number in range(220_000): print(f'{number:060d}')"
    await (await _run(runtime, _launch(tmp_path, sys.executable, "-c", write))).ended
    current, rotated = (tmp_path / "log").stat().st_size, (tmp_path / "log.1").stat().st_size
    assert max(current, rotated) <= 10 * 1024 * 1024
    assert _lines(tmp_path)[-1][2] == f"{219_999:060d}"
