"""`gameday doctor`, as a process of its own, against a real cluster and none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gameday.change.registry import action_named
from gameday.cluster import ObjectRef
from gameday.run.examining import MISSING, NOTE, OK, Check, examine_cluster, is_well
from gameday.undo.lease import LEASE

pytestmark = pytest.mark.e2e
ACTIONS = [action_named("gameday.actions.pods.kill"), action_named("gameday.actions.workloads.scale")]


def doctor(folder: Path, *words: str, kubeconfig: object = "/nonexistent") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "KUBECONFIG": str(kubeconfig)}
    command = [sys.executable, "-m", "gameday", "doctor", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def checks(done: subprocess.CompletedProcess[str]) -> Mapping[str, Any]:
    return {check["topic"]: check for check in json.loads(done.stdout)["checks"]}


def test_all_well_leaves_with_0_and_says_what_is_granted(scratch: Any, cluster_home: Any, tmp_path: Path) -> None:
    done = doctor(tmp_path, "-n", scratch.name, "-o", "json", kubeconfig=cluster_home.kubeconfig)
    assert done.returncode == 0, done.stdout + done.stderr
    found = checks(done)
    assert {found[name]["state"] for name in ("cluster", "clock", "namespace gameday-system", "lease", "engine")} == {OK}
    granted = found[f"gameday.actions.pods.kill in {scratch.name}"]["found"]
    assert granted.startswith("granted: ")
    assert f"patch pods in {scratch.name}" in granted
    assert json.loads(done.stdout)["well"] is True


def test_the_table_shows_every_check_with_its_next_step(cluster_home: Any, tmp_path: Path) -> None:
    done = doctor(tmp_path, "-n", "nowhere", kubeconfig=cluster_home.kubeconfig)
    assert done.returncode == 3
    lines = done.stdout.splitlines()
    (number,) = [number for number, line in enumerate(lines) if line.startswith("missing")]
    assert "namespace nowhere" in lines[number]
    told = " ".join(" ".join(lines[number + 1 :]).split())
    assert "→ " in told
    assert "choose another with -n, or another --context" in told


@pytest.mark.parametrize("words", [(), ("--context", "nowhere")])
def test_without_a_cluster_what_is_on_this_machine_is_still_told(words: tuple[str, ...], tmp_path: Path) -> None:
    done = doctor(tmp_path, *words, "-o", "json")
    assert done.returncode == 3
    found = checks(done)
    assert found["cluster"]["state"] == MISSING
    assert found["cluster"]["next_step"]
    assert found["versions"]["state"] == OK


def test_what_is_not_installed_is_a_note_with_what_it_is_for(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gameday", "doctor", "-o", "json"],
        cwd=tmp_path,
        env={"PATH": "/nonexistent", "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "KUBECONFIG": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    found = checks(done)
    assert {name: found[name]["state"] for name in ("ssh-keygen", "kubectl", "git")} == dict.fromkeys(
        ("ssh-keygen", "kubectl", "git"), NOTE
    )
    assert "openssh-client" in found["ssh-keygen"]["next_step"]


def looked(cluster: Any, *namespaces: str, **more: Any) -> dict[str, Check]:
    return {check.topic: check for check in examine_cluster(cluster, ACTIONS, namespaces, **more)}


def test_a_namespace_that_has_not_opted_in_is_told_how(cluster: Any, scratch: Any) -> None:
    scratch.cluster.patch(
        ObjectRef("v1", "Namespace", "", scratch.name), [{"op": "remove", "path": "/metadata/labels/gameday.dev~1enabled"}]
    )
    found = looked(cluster, scratch.name)[f"namespace {scratch.name}"]
    assert (found.state, found.next_step) == (MISSING, f"kubectl label namespace {scratch.name} gameday.dev/enabled=true")


def test_a_clock_that_is_off_is_a_note(cluster: Any, scratch: Any) -> None:
    found = looked(cluster, scratch.name, clock=lambda: cluster.server_time() + 60)["clock"]
    assert found.state == NOTE
    assert found.found.endswith("s behind this machine's")
    assert "NTP" in found.next_step


@pytest.mark.parametrize(("age_seconds", "state"), [(5, MISSING), (500, NOTE)])
def test_a_lease_that_is_left_or_held_is_told(age_seconds: int, state: str, cluster: Any, scratch: Any) -> None:
    at = datetime.fromtimestamp(cluster.server_time(), UTC) - timedelta(seconds=age_seconds)
    told = at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    spec = {"holderIdentity": "some-run@host", "leaseDurationSeconds": 60, "renewTime": told, "acquireTime": told}
    metadata = {"name": LEASE.name, "namespace": LEASE.namespace}
    made = cluster.create({"apiVersion": LEASE.api_version, "kind": "Lease", "metadata": metadata, "spec": spec})
    try:
        found = looked(cluster, scratch.name)["lease"]
    finally:
        cluster.delete(ObjectRef.of(made))
    assert found.state == state
    assert "some-run@host" in found.found
    assert "gameday recover" in found.next_step


def test_one_that_could_not_be_looked_at_is_not_well() -> None:
    assert is_well([Check("a", OK, ""), Check("b", NOTE, "")])
    assert not is_well([Check("a", OK, ""), Check("b", "unknown", "")])
