"""Getting in as managed clusters want it: a program is asked for a token, and asked again when that ends."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from gameday.cluster import ObjectRef
from gameday.kube import connect
from gameday.log.events import RunEnded
from tests.cluster.conftest import Real
from tests.e2e.conftest import Command, eventually

pytestmark = pytest.mark.cluster

SHOP = ObjectRef("v1", "Namespace", "", "shop")
# The client takes a token for ended five minutes before it is.
SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class Plugin:
    """A kubeconfig whose user is whoever a program says."""

    kubeconfig: Path
    calls: Path

    def times_asked(self) -> int:
        return len(self.calls.read_text().splitlines())


@pytest.fixture
def plugin(shop_on: Real, tmp_path: Path) -> Plugin:
    """Write a program that gives tokens of the account that injects, good for two more seconds each."""
    token = shop_on.kubectl("create", "token", "gameday-inject", "-n", "gameday-system").strip()
    calls, program = tmp_path / "calls", tmp_path / "plugin.py"
    program.write_text(
        f"""\
import datetime, json
with open({str(calls)!r}, "a") as calls:
    calls.write("asked\\n")
ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds={(SKEW.total_seconds() + 2)})
status = {{"token": {token!r}, "expirationTimestamp": ends.strftime("%Y-%m-%dT%H:%M:%SZ")}}
print(json.dumps({{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}}))
"""
    )
    config = yaml.safe_load(shop_on.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "yaml"))
    asks = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": [str(program)],
        "interactiveMode": "Never",
    }
    config["users"] = [{"name": "plugin", "user": {"exec": asks}}]
    config["contexts"][0]["context"]["user"] = "plugin"
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    return Plugin(tmp_path / "kubeconfig", calls)


def test_a_program_is_asked_for_a_token_once_and_again_when_that_has_ended(plugin: Plugin) -> None:
    cluster = connect(kubeconfig=plugin.kubeconfig)
    assert cluster.get(SHOP) is not None
    assert cluster.get(SHOP) is not None
    assert plugin.times_asked() == 1

    def asked_again() -> bool:
        assert cluster.get(SHOP) is not None
        return plugin.times_asked() == 2

    eventually(asked_again, timeout_seconds=10, what=plugin.times_asked)


@pytest.mark.usefixtures("as_before")
def test_a_run_needs_no_more_than_the_account_that_injects(plugin: Plugin, command: Command) -> None:
    done = command.run("run", "quick.yaml", "--yes", "--kubeconfig", str(plugin.kubeconfig))
    assert done.returncode == 0, done.stdout + done.stderr
    assert command.wait_for(RunEnded).residue == []
