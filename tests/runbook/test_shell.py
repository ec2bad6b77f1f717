"""Which programs a runbook's shell block needs, so that one that cannot run is shown instead."""

from __future__ import annotations

import pytest

from gameday.runbook.shell import programs


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("kubectl -n shop scale deployment/payment --replicas=2", ["kubectl"]),
        ("kubectl get pods | grep payment | wc -l", ["kubectl", "grep", "wc"]),
        ("cd /tmp && curl -fsS http://x/ || exit 1; jq .", ["curl", "jq"]),
        ("# kubectl is not needed\necho done  # nor curl", []),
        ("kubectl \\\n  get pods \\\n  -n shop", ["kubectl"]),
        ("COLOUR=red NAME='a b' kubectl get pods", ["kubectl"]),
        ("A=1\nexport B=2\nset -x", []),
        ("if kubectl get pods; then echo up; else curl x; fi", ["kubectl", "curl"]),
        ("for pod in a b c; do kubectl delete pod $pod; done", ["kubectl"]),
        ("while ! curl -f x; do sleep 1; done", ["curl", "sleep"]),
        ("until curl -f x; do sleep 1; done", ["curl", "sleep"]),
        ("POD=$(kubectl get pods -o name | head -1)\nkubectl delete $POD", ["kubectl", "head"]),
        ("echo $(date)", ["date"]),
        ("NOW=`date`", ["date"]),
        ("(cd /tmp; make all)", ["make"]),
        ("kubectl apply -f - <<EOF\napiVersion: v1\nkind: ConfigMap\nEOF\nkubectl get cm", ["kubectl"]),
        ("kubectl apply -f - <<-'END'\n\tapiVersion: v1\n\tEND\njq .", ["kubectl", "jq"]),
        ("[ -f x ] && test -d y", []),
        ("unset A; trap 'x' EXIT; return 0", []),
        ("", []),
        ('echo "it\'s fine; really"', []),
    ],
)
def test_the_programs_of_a_script_are_the_words_that_its_commands_begin_with(script: str, found: list[str]) -> None:
    assert programs(script) == found
