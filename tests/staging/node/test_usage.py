from __future__ import annotations

import os
import subprocess
import sys

from gameday.staging.node.usage import cpu_seconds

BURN = "import time\nwhile time.process_time() < 0.3: pass\n"


def test_cpu_of_children_that_live_and_that_ended_is_counted() -> None:
    """A shell stands for the shim, its child for a container's first process, which has children of its own."""
    inner = f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {BURN!r}]); print('done', flush=True)\n"
    inner += f"sys.stdin.readline()\n{BURN}"
    inner += "print('done', flush=True); time.sleep(60)"
    outer = (
        f"import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', {inner!r}]); print(child.pid, flush=True);"
        "child.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as shim:
        assert shim.stdin is not None
        assert shim.stdout is not None
        pid = int(shim.stdout.readline())
        shim.stdout.readline()
        after_child = cpu_seconds(pid)
        print(file=shim.stdin, flush=True)
        shim.stdout.readline()
        after_both = cpu_seconds(pid)
        os.kill(pid, 9)
    assert 0.29 <= after_child < after_both
    assert after_both >= 0.58
    assert cpu_seconds(pid) == 0.0
