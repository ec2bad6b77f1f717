"""Ending whole trees of real processes, whatever they did to get away, and nobody else's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gameday.processes import ProcessId, end_process, end_tree, how_ended, process_id

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
BY_A_SUBREAPER = """
import subprocess, sys
from gameday.processes import become_subreaper, end_orphans, end_tree, process_id
become_subreaper()
marker, script = sys.argv[1:]
own = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
leader = subprocess.Popen([sys.executable, "-c", script, marker], start_new_session=True, stdout=subprocess.PIPE)
leader.stdout.readline()
ended = end_tree(process_id(leader.pid))
leader.wait()
end_orphans(spare=frozenset({own.pid}))
print(ended, own.poll(), flush=True)
own.kill()
own.wait()
"""
SETSID_GRANDCHILD = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print("up", flush=True)
    time.sleep(600)
time.sleep(600)
"""
FORKING_GRANDCHILD = """
import os, signal, sys, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    print("up", flush=True)
    for _ in range(5000):
        if os.fork():
            time.sleep(0.05)
            os._exit(0)
time.sleep(600)
"""
DAEMON_THAT_FORKS = """
import os, signal, sys, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    time.sleep(0.1)
    print("up", flush=True)
    for _ in range(3000):
        if os.fork():
            time.sleep(0.01)
            os._exit(0)
time.sleep(600)
"""
DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    print("up", flush=True)
time.sleep(600)
"""
IN_A_SESSION_OF_THE_TREE_BUT_NO_DESCENDANT = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        parent = os.getpid()
        if os.fork():
            os._exit(0)
        os.setpgid(0, 0)
        while os.getppid() == parent:
            time.sleep(0.01)
        print("up", flush=True)
    else:
        os.wait()
time.sleep(600)
"""
BY_ONE_THAT_STANDS_STILL = """
import subprocess, sys
from gameday.processes import become_subreaper, end_tree, process_id
become_subreaper()
leader = subprocess.Popen([sys.executable, "-c", *sys.argv[1:]], start_new_session=True, stdout=subprocess.PIPE)
leader.stdout.readline()
print(end_tree(process_id(leader.pid), patience_seconds=0.0))
"""
WITH_CHILDREN_THAT_IT_WAITS_FOR = """
import os, subprocess, sys
children = [subprocess.Popen(["sleep", "600"], process_group=0) for _ in range(200)]
print("up", flush=True)
os.wait()
open(sys.argv[1], "w").close()
"""
WITHOUT_ITS_MAIN_THREAD = """
import os, subprocess, sys, threading, time
from gameday.processes import end_orphans, freezer
freeze = freezer()
ended = threading.Event()
def end():
    time.sleep(0.2)
    freeze()
    end_orphans(spare=frozenset())
    ended.set()
    time.sleep(0.2)
    print("ended", flush=True)
    os._exit(0)
threading.Thread(target=end).start()
WAIT
print("went on", flush=True)
"""


def named(marker: str) -> list[int]:
    """Return the processes whose command line ends with this marker."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if words[-1:] == [marker.encode()] and state != "Z":
                found.append(int(entry.name))
    return found


def eventually(look: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not look():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_process_is_named_by_its_pid_and_its_start() -> None:
    own = process_id(os.getpid())
    assert own.start_ticks > 0
    assert own.is_alive
    assert not ProcessId(own.pid, own.start_ticks + 1).is_alive


def test_a_zombie_and_a_process_that_is_gone_are_not_alive() -> None:
    child = subprocess.Popen(["/bin/true"])
    found = process_id(child.pid)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not found.is_alive
    child.wait()
    assert not found.is_alive
    assert process_id(child.pid) == ProcessId(child.pid, 0)


def test_a_pid_that_belongs_to_another_process_now_is_not_ended() -> None:
    with subprocess.Popen(SLEEPER, stdout=subprocess.PIPE, start_new_session=True) as child:
        found = process_id(child.pid)
        former = ProcessId(child.pid, found.start_ticks - 1)
        assert not end_process(former)
        assert end_tree(former) == 0
        assert not end_process(ProcessId(child.pid, 0))
        assert found.is_alive
        assert end_process(found)
        assert child.wait() == -signal.SIGKILL
    assert not end_process(found)


def test_a_tree_ends_with_all_that_is_in_its_session_and_no_more() -> None:
    script = "import subprocess, sys, time; [subprocess.Popen(sys.argv[1:]) for _ in range(3)]; time.sleep(600)"
    marker = f"tree-{os.getpid()}"
    sleeping = [sys.executable, "-c", "import time; time.sleep(600)", marker]
    other = subprocess.Popen(sleeping, start_new_session=True)
    leader = subprocess.Popen([sys.executable, "-c", script, *sleeping], start_new_session=True)
    eventually(lambda: len(named(marker)) >= 5)
    assert end_tree(process_id(leader.pid)) == 4
    assert leader.wait() == -signal.SIGKILL
    assert named(marker) == [other.pid]
    assert end_tree(process_id(other.pid), spare=frozenset({other.pid})) == 0
    assert other.poll() is None
    other.kill()
    other.wait()


@pytest.mark.parametrize("script", [SETSID_GRANDCHILD, FORKING_GRANDCHILD, DAEMON, DAEMON_THAT_FORKS])
def test_a_subreaper_ends_what_left_the_session_and_forks_and_spares_its_own(script: str) -> None:
    marker = f"grandchild-{os.getpid()}"
    done = subprocess.run(
        [sys.executable, "-c", BY_A_SUBREAPER, marker, script], capture_output=True, text=True, check=True, timeout=60
    )
    ended, own = done.stdout.split()
    assert int(ended) >= 1
    assert own == "None"
    assert named(marker) == []


def test_one_look_is_not_taken_for_all_where_the_time_is_over_after_it() -> None:
    """A machine that stood still for those two seconds has not looked for two seconds."""
    marker = f"still-{os.getpid()}"
    command = [sys.executable, "-c", BY_ONE_THAT_STANDS_STILL, IN_A_SESSION_OF_THE_TREE_BUT_NO_DESCENDANT, marker]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert int(done.stdout) == 3
    assert named(marker) == []


@pytest.mark.parametrize(
    ("code", "told"), [(0, (0, None, "exit status 0")), (3, (3, None, "exit status 3")), (-9, (None, 9, "killed by signal 9"))]
)
def test_how_a_process_ended_is_told_in_words(code: int, told: tuple[int | None, int | None, str]) -> None:
    assert how_ended(code) == told


def test_a_process_is_shown_under_the_name_it_takes() -> None:
    driver = "from gameday.processes import name_process; name_process('gameday-guardian'); print(open('/proc/self/comm').read())"
    done = subprocess.run([sys.executable, "-c", driver], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "gameday-guardian"[:15]


def test_what_a_process_calls_itself_hides_nothing_of_it() -> None:
    odd = "from gameday.processes import name_process; name_process(') Z 1 (a b'); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", odd], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        before = process_id(child.pid)
        assert child.stdout is not None
        child.stdout.readline()
        assert process_id(child.pid) == before
        assert before.is_alive


def test_a_leader_does_not_go_on_with_what_comes_after_its_children(tmp_path: Path) -> None:
    mark = tmp_path / "went-on"
    command = [sys.executable, "-c", WITH_CHILDREN_THAT_IT_WAITS_FOR, str(mark)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as leader:
        assert leader.stdout is not None
        leader.stdout.readline()
        assert end_tree(process_id(leader.pid)) == 201
    assert not mark.exists()


@pytest.mark.parametrize(
    "wait",
    [
        "subprocess.run(['sleep', '600'])",
        "subprocess.run(['sleep', '600'], capture_output=True, timeout=600)",
        "for _ in iter(int, 1): pass",
        "ended.wait()",
    ],
)
def test_a_main_thread_does_not_go_on_with_what_comes_after_its_children(wait: str) -> None:
    script = WITHOUT_ITS_MAIN_THREAD.replace("WAIT", wait)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout == "ended\n"
