"""Bringing a cluster up and down leaves the machine as it was, also when it was interrupted; without root it says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.build import home
from tests.e2e.conftest import eventually

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
SYSCTLS = ("net/ipv4/ip_forward", "vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops")


def told(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def machine() -> dict[str, object]:
    """Return everything that a cluster could leave behind, as it is now."""
    return {
        "links": sorted(line.split(":")[1].strip() for line in told("ip", "-o", "link")),
        "routes": told("ip", "route"),
        "namespaces": told("ip", "netns"),
        "rules": [line for line in told("iptables-save") if not line.startswith(("#", ":"))],
        "mounts": sorted(line.split(" ", 5)[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()),
        "cgroups": sorted(map(str, Path("/sys/fs/cgroup").glob("**/gd-*"))),
        "volumes": Path("/tmp/hostpath_pv").exists(),
        "state": (home() / "run").exists(),
        "processes": processes(),
        "sysctls": {name: Path("/proc/sys", name).read_text() for name in SYSCTLS},
    }


def processes() -> list[str]:
    """Return the programs of a cluster that run: each knows, by its command or its environment, where the state is."""
    found, state = [], str(home() / "run").encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            try:
                program = (entry / "cmdline").read_bytes()
                knows = state in program or state in (entry / "environ").read_bytes()
            except OSError:
                continue
            if knows and program:
                found.append(program.replace(b"\0", b" ").decode())
    return sorted(found)


@pytest.fixture
def down() -> None:
    """Skip where a cluster is up that somebody else may be using."""
    if (home() / "run").exists() or os.environ.get("GAMEDAY_TEST_KUBECONFIG"):
        pytest.skip("a cluster is up already: this test wants to bring one up and down by itself")


def cluster(what: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.cluster", what], cwd=ROOT, capture_output=True, text=True, check=False, timeout=600
    )


@pytest.mark.usefixtures("down")
@pytest.mark.parametrize("reached", ["network", "API server ready", "nodes Ready"])
def test_a_bring_up_that_is_killed_half_way_leaves_nothing_after_down(reached: str, tmp_path: Path) -> None:
    before = machine()
    with (tmp_path / "out.txt").open("w") as out:
        bringing_up = subprocess.Popen(
            [sys.executable, "-m", "tests.cluster", "up"], cwd=ROOT, stdout=out, start_new_session=True
        )
    eventually(lambda: reached in (tmp_path / "out.txt").read_text(), timeout_seconds=300)
    os.killpg(bringing_up.pid, signal.SIGKILL)
    bringing_up.wait(timeout=10)
    assert processes(), "so there is something to take down"
    done = cluster("down")
    assert done.returncode == 0, done.stderr
    assert machine() == before


@pytest.mark.usefixtures("down")
def test_down_without_a_cluster_has_nothing_to_do() -> None:
    before = machine()
    assert cluster("down").returncode == 0
    assert machine() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("script", ["up.sh", "down.sh", "node.sh", "service.sh", "link.sh"])
def test_without_root_every_script_says_so(script: str) -> None:
    path = Path(__file__).parent / "machine" / script
    done = subprocess.run(
        ["bash", path.name, "kill", "1"],
        cwd=path.parent,
        user=65534,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PROGRAMS": "/nonexistent", "IMAGES": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "expected root" in done.stderr
