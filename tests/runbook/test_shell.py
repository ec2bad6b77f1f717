"""Which programs a runbook's shell block needs, so that one that cannot run is shown instead."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameday.runbook.shell import UNKNOWN, commands, programs


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
        ('case "$p" in\n  Running) echo ok;;\n  *) exit 1;;\nesac\njq .', ["jq"]),
        ("case $p in a|b) curl x;; (c) jq .\nesac\nmake", ["curl", "jq", "make"]),
        ('X=$(case "$p" in a) jq .;; *) sed x; esac)\nmake', ["jq", "sed", "make"]),
        ('ready() { kubectl get x; }; until [ "$(ready)" = 2 ]; do sleep 1; done', ["kubectl", "sleep"]),
        ("ready ()\n{\n  curl x\n}\nready && jq .", ["curl", "jq"]),
        ("X=$(case a in a) jq .;; esac)\nmake", ["jq", "make"]),
        ("X=$(case a in (a) jq . ;; b) sed x\nesac)\nmake", ["jq", "sed", "make"]),
        ("(case a in a) jq .;; esac); X=`case a in a) sed x;; esac`; make", ["jq", "sed", "make"]),
        ("case a in a) case b in b) jq .;; esac;; c) sed x;; esac\nmake", ["jq", "sed", "make"]),
        ("echo case x in y; jq .", ["jq"]),
        ("alias k=kubectl; jobs; bg; fg; unalias k; getopts ab name", []),
    ],
)
def test_the_programs_of_a_script_are_the_words_that_its_commands_begin_with(script: str, found: list[str]) -> None:
    assert programs(script) == found


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("a b\nc d", [(1, "a b"), (2, "c d")]),
        ("a \\\n  b \\\n  c\nd", [(1, "a b c"), (4, "d")]),
        ("# a\n\na # b; c\n", [(3, "a")]),
        ("a 'b; c | d\ne' f", [(1, "a b; c | d\ne f")]),
        ("a && b || c; d & e | f", [(1, word) for word in "abcdef"]),
        ("a > b 2>&1 < c\nd >>e", [(1, "a"), (2, "d")]),
        ("a \"b $C d\" '$E'", [(1, "a b ? d $E")]),
        ("a $(b c) `d`", [(1, "b c"), (1, "d"), (1, "a ? ?")]),
        ("A=1 B='x y' c d", [(1, "c d")]),
        ("if ! a; then b; else c; fi", [(1, "a"), (1, "b"), (1, "c")]),
        ("for x in $(a b); do c $x; done", [(1, "a b"), (1, "c ?")]),
        ("(a; b)\nc", [(1, "a"), (1, "b"), (2, "c")]),
        ("a - <<EOF\nb\nc\nEOF\nd", [(1, "a -"), (5, "d")]),
        ("echo $((1 + 2)) ${A:-b} $1", [(1, "echo ? ? ?")]),
        ("a 'b", [(1, "a b")]),
        ('a "b $(c', [(1, "c"), (1, "a b ?")]),
    ],
)
def test_a_script_is_cut_into_commands_with_their_lines(script: str, found: list[tuple[int, str]]) -> None:
    told = [(command.line, " ".join(command.words).replace(UNKNOWN, "?")) for command in commands(script)]
    assert told == found


OF_CASES = st.sampled_from(["case x in ", "esac", "(", ")", ";;", " ", "a", "$(", "`"])
OTHERS = st.sampled_from(
    ["do", "{", "}", "f()", ";", "&", "|", "\n", "$((", "${", '"', "'", "\\", "#", "<", ">", "<<E", "E", "a=1"]
)


@settings(max_examples=300, deadline=None)
@given((st.lists(OF_CASES, min_size=3, max_size=8) | st.lists(OF_CASES | OTHERS)).map("".join))
def test_whatever_a_script_holds_it_is_read_to_its_end(script: str) -> None:
    """A runbook is linted, and a run begins, before anybody has said that its blocks are a script at all."""
    assert all(command.words for command in commands(script))


@pytest.mark.parametrize("script", ["case x in()", "case x in esac()", "case x in esac)", "case x in esac;;", "(case x in)"])
def test_a_case_that_is_none_is_read_to_its_end(script: str) -> None:
    assert commands(script) == ()
