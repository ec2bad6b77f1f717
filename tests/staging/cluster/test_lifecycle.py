"""A cluster as a process of its own: found again, stopped, and never outlived by what it started."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from gameday import staging
from gameday.errors import RefusedError, UsageError
from gameday.staging.processes import await_end

STUBBORN = """
apiVersion: v1
kind: Pod
metadata: {name: stubborn, namespace: default}
spec:
  containers:
    - name: main
      image: busybox
      command: [sh, -c, "trap '' TERM; (trap '' TERM; sleep MARK & sleep MARK); sleep MARK"]
"""
SETSID = """
import os, subprocess, sys, time
subprocess.Popen(["/bin/sleep", "MARK"], start_new_session=True)
time.sleep(MARK)
"""


def _marked(mark: str) -> list[int]:
    """Return the processes with this number on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if any(mark.encode() in word for word in words) and entry.name != str(os.getpid()):
                found.append(int(entry.name))
    return found


def _await(look: Any, *, within_seconds: float = 60.0) -> Any:
    end = time.monotonic() + within_seconds
    while not (found := look()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return found


@pytest.fixture
def mark() -> str:
    """Return a number that no other process has on its command line."""
    return str(100_000_000 + os.getpid() * 1000 + time.monotonic_ns() % 1000)


@pytest.fixture
def manifest(tmp_path: Path, mark: str) -> Path:
    """Return a manifest with a pod that ignores SIGTERM and has children in sessions of their own."""
    program = tmp_path / "setsid.py"
    program.write_text(SETSID.replace("MARK", mark))
    other = f"""
---
apiVersion: v1
kind: Pod
metadata: {{name: runaway, namespace: default}}
spec:
  containers:
    - {{name: main, image: python, command: [python, {program}]}}
"""
    file = tmp_path / "pods.yaml"
    file.write_text(STUBBORN.replace("MARK", mark) + other)
    return file


def test_a_cluster_is_found_again_by_its_folder_and_stops_without_a_trace(tmp_path: Path, manifest: Path, mark: str) -> None:
    folder = tmp_path / "cluster"
    assert staging.status(folder) is None
    running = staging.up(directory=folder, manifests=[manifest], detach=True)
    assert staging.status(folder) == running.status
    assert stat.S_IMODE(running.kubeconfig.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    _await(lambda: len(_marked(mark)) >= 4)
    assert staging.down(folder) is True
    assert _marked(mark) == []
    assert not folder.exists()
    assert staging.status(folder) is None
    assert staging.down(folder) is False


def test_a_killed_server_leaves_no_process_and_the_next_start_clears_its_files(tmp_path: Path, manifest: Path, mark: str) -> None:
    folder = tmp_path / "cluster"
    running = staging.up(directory=folder, manifests=[manifest], detach=True)
    _await(lambda: len(_marked(mark)) >= 4)
    os.kill(running.status.pid, signal.SIGKILL)
    os.waitpid(running.status.pid, 0)
    _await(lambda: not _marked(mark))
    assert staging.status(folder) is None
    assert (folder / "server.json").exists()
    again = staging.up(directory=folder, manifests=[], detach=True)
    assert again.status.pid != running.status.pid
    assert staging.down(folder) is True


def test_what_a_killed_server_left_is_cleared_by_down(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    running = staging.up(directory=folder, manifests=[], detach=True)
    os.kill(running.status.pid, signal.SIGKILL)
    os.waitpid(running.status.pid, 0)
    assert staging.down(folder) is False
    assert not folder.exists()


def test_a_killed_spawner_takes_its_pods_along_and_the_node_goes_on(tmp_path: Path, manifest: Path, mark: str) -> None:
    running = staging.up(directory=tmp_path / "cluster", manifests=[manifest])
    try:
        before = set(_await(lambda: found if len(found := _marked(mark)) >= 4 else None))
        for spawner in _children(running.status.pid):
            os.kill(spawner, signal.SIGKILL)
        _await(lambda: not before & set(_marked(mark)))
        _await(lambda: len(_marked(mark)) >= 4)
    finally:
        running.stop()
    assert _marked(mark) == []


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_cluster_ends_with_the_process_that_started_it(tmp_path: Path, manifest: Path, mark: str) -> None:
    folder = tmp_path / "cluster"
    script = (
        "import sys, time; from pathlib import Path; from gameday import staging\n"
        f"staging.up(directory=Path({str(folder)!r}), manifests=[Path({str(manifest)!r})])\n"
        "print('up', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    with holder.stdout as output:
        assert output.readline() == b"up\n"
        _await(lambda: len(_marked(mark)) >= 4)
        holder.kill()
        holder.wait()
    _await(lambda: not folder.exists() and not _marked(mark))


def test_a_second_start_in_the_same_folder_says_that_it_is_up(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    with_holder = staging.up(directory=folder, manifests=[])
    try:
        with pytest.raises(staging.AlreadyUpError, match=f"already up: process {with_holder.status.pid}"):
            staging.up(directory=folder, manifests=[])
    finally:
        with_holder.stop()


def test_two_clusters_live_side_by_side(tmp_path: Path) -> None:
    manifest = Path(__file__).with_name("echo.yaml")
    clusters: list[staging.Running] = []

    def start(name: str) -> None:
        clusters.append(staging.up(directory=tmp_path / name, manifests=[manifest]))

    starting = [threading.Thread(target=start, args=(name,)) for name in ("one", "two")]
    for thread in starting:
        thread.start()
    for thread in starting:
        thread.join()
    try:
        assert len({cluster.status.url for cluster in clusters}) == 2
        for cluster in clusters:
            found = staging.wait_ready(cluster.kubeconfig, timeout_seconds=60)
            assert (found.ready, found.wanted) == (2, 2)
    finally:
        for cluster in clusters:
            cluster.stop()


def test_waiting_for_what_never_becomes_ready_names_it(tmp_path: Path) -> None:
    text = Path(__file__).with_name("echo.yaml").read_text().replace("image: python", "image: nowhere")
    file = tmp_path / "broken.yaml"
    file.write_text(text)
    seen: list[staging.Progress] = []
    running = staging.up(directory=tmp_path / "cluster", manifests=[file])
    try:
        with pytest.raises(staging.NotReadyError, match="0 of 2 pods Ready; not Ready: default/echo"):
            staging.wait_ready(running.kubeconfig, timeout_seconds=1, progress=seen.append)
    finally:
        running.stop()
    assert seen[-1].waiting_for == ("default/echo",)


def test_a_manifest_that_cannot_be_read_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("kind: Pod\napiVersion: v1\nmetadata: {name: [\n")
    folder = tmp_path / "cluster"
    with pytest.raises(staging.ServerFailedError, match=r"broken\.yaml:4: expected YAML"):
        staging.up(directory=folder, manifests=[file])
    assert not folder.exists()


def test_a_folder_with_somebodys_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(RefusedError, match=r"found thesis\.txt"):
        staging.up(directory=tmp_path, manifests=[])
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("")
    with pytest.raises(UsageError, match="expected a folder"):
        staging.up(directory=place, manifests=[])


def test_the_server_stops_on_sigint_and_leaves_nothing_however_often_it_comes(tmp_path: Path, manifest: Path, mark: str) -> None:
    folder = tmp_path / "cluster"
    running = staging.up(directory=folder, manifests=[manifest], detach=True)
    _await(lambda: len(_marked(mark)) >= 4)
    os.kill(running.status.pid, signal.SIGINT)
    while not await_end(running.status.pid, 0.002):
        os.kill(running.status.pid, signal.SIGINT)
    os.waitpid(running.status.pid, 0)
    assert _marked(mark) == []
    assert not folder.exists()


def test_another_process_can_hold_the_cluster_too(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    running = staging.up(directory=folder, manifests=[])
    assert running.hold_fd is not None
    heir = subprocess.Popen(["/bin/sleep", "60"], pass_fds=[running.hold_fd])
    try:
        os.close(running.hold_fd)
        time.sleep(0.5)
        assert staging.status(folder) == running.status
    finally:
        heir.kill()
        heir.wait()
    _await(lambda: staging.status(folder) is None and not folder.exists())
    os.waitpid(running.status.pid, 0)
