"""The conformance suite on a real Kubernetes, called as its users call it: what the embedded cluster is held against is true."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.conftest import Real
from tests.conformance import checks as _  # noqa: F401  # registers them
from tests.conformance.checking import CHECKS
from tests.e2e.conftest import eventually
from tests.results import CONFORMANCE

pytestmark = pytest.mark.cluster
ROOT = Path(__file__).parents[2]


def has_a_past(real: Real) -> bool:
    """Whether the cluster has forgotten its beginning, of which some checks ask."""
    beginning = "/api/v1/namespaces/default/configmaps?resourceVersion=1&resourceVersionMatch=Exact&limit=1"
    return "(Expired)" in real.try_kubectl("get", "--raw", beginning).stderr


def test_every_check_passes(real: Real, tmp_path: Path) -> None:
    if real.is_ours:
        eventually(lambda: has_a_past(real), timeout_seconds=120)
    result = tmp_path / "result.json"
    words = ["tests/conformance/test_conformance.py", "--kubeconfig", str(real.kubeconfig), "--result", str(result)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "--tb=short", "--durations=5", f"--basetemp={tmp_path / 'base'}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=1500,
    )
    assert done.returncode == 0, done.stdout
    found = CONFORMANCE.read(result)["tests"]
    assert found == dict.fromkeys(CHECKS, "passed")
