"""Which steps change something, so that one has to see that they worked, and which only read."""

from __future__ import annotations

import pytest

from gameday.runbook.linting.rules.steps import writes
from gameday.runbook.shell import commands


@pytest.mark.parametrize(
    ("script", "changes"),
    [
        ("curl -G --data-urlencode 'query=up' http://prometheus/api/v1/query", False),
        ("curl -X GET http://shop/", False),
        ("curl --request=HEAD http://shop/", False),
        ("curl -XPOST http://shop/restore", True),
        ("curl -G -X DELETE http://shop/", True),
        ("curl -d a=b http://shop/", True),
        ("kubectl events -n shop --for pod/a --types=Warning", False),
        ("timeout 60 kubectl rollout status -n shop deploy/payment", False),
        ("timeout 60s kubectl rollout restart -n shop deploy/payment", True),
        ("timeout -k 5 60 kubectl get pods", False),
        ("for i in 1 2; do if test $i = 2; then break; else continue; fi; done", False),
        ("while :; do return 0; done", False),
        ("helm history shop", False),
        ("helm rollback shop", True),
        ("helm", True),
        ("ps aux | head; df -h; ss -tln", False),
        ("journalctl -u kubelet", False),
        ("journalctl --vacuum-time=1d", True),
        ("openssl s_client -connect shop:443 | openssl x509 -noout", False),
        ("command -v jq", False),
        ("command rm x", True),
        ("eval x", True),
        ("kill 1", True),
    ],
)
def test_a_command_changes_something_if_it_does_more_than_read(script: str, *, changes: bool) -> None:
    assert any(writes(command) for command in commands(script)) is changes
