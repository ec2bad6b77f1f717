"""Rules for runbooks: a corpus of broken ones, each found by code and line, and good ones in which nothing is found."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from pathlib import Path

import pytest

from gameday.cli.linting import repository_root, shell_syntax
from gameday.errors import Problem, UsageError
from gameday.runbook.linting import Around, Result, Rule, all_rules, chosen, lint, rule_of, with_severity
from gameday.runbook.linting.alerts import AlertRule, read_alert_rules
from gameday.runbook.linting.page import page
from gameday.runbook.linting.registry import add, can_be_asked
from gameday.runbook.linting.rules.reading import code_of
from gameday.runbook.proof import digest_without_proof, with_proof

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BROKEN = sorted((HERE / "broken").glob("*.md"))
GOOD = sorted((HERE / "good").glob("*.md"))
EXPECTED = re.compile(r"<!-- expected: (?P<what>.*) -->")
TEXT = (HERE / "good" / "small.md").read_text()
AROUND = Around(
    today=dt.date(2026, 6, 30),
    has_program=lambda name: name != "payment-cli",
    shell_syntax=shell_syntax,
)
"""What the corpus is held against: a machine that has all programs but one, whichever machine this is."""
ELSEWHERE = {"RB001", "RB009", "RB501", "RB502", "RB503", "RB514", "RB521"}
"""Rules whose broken files are made below; those of a cluster are shown by tests/e2e/test_runbook_lint.py."""


def expected_in(text: str) -> list[tuple[str, int]]:
    match = EXPECTED.search(text)
    assert match, "a broken runbook says at its end what is expected: <!-- expected: RB104 at 31 -->"
    return sorted((code, int(line)) for code, _, line in (one.split(" ") for one in match["what"].split(", ")))


def found(*paths: Path, around: Around = AROUND, whole_catalogue: bool = False) -> Result:
    return lint([(path, path.name) for path in paths], all_rules(), around, whole_catalogue=whole_catalogue)


def written(folder: Path, text: str, name: str = "small.md") -> Path:
    """Write a runbook beside the experiment that the good ones name."""
    (folder / "experiments").mkdir(exist_ok=True)
    (folder / "experiments" / "foreign.yaml").write_text((HERE / "good/experiments/foreign.yaml").read_text())
    path = folder / name
    path.write_text(text)
    return path


def told(result: Result) -> list[tuple[str, int]]:
    return [(finding.code, finding.line) for finding in result.findings]


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_what_is_broken_is_found_by_its_code_and_line_and_nothing_else_is(path: Path) -> None:
    result = found(path)
    assert sorted(told(result)) == expected_in(path.read_text()), "\n".join(map(str, result.findings))


@pytest.mark.parametrize("path", [*GOOD, *sorted((ROOT / "runbooks").glob("*.md"))], ids=lambda path: path.stem)
def test_in_a_good_runbook_nothing_is_found(path: Path) -> None:
    assert [str(finding) for finding in found(path).findings] == []


def test_the_corpus_has_a_broken_runbook_for_each_rule() -> None:
    in_corpus = {code for path in BROKEN for code, _ in expected_in(path.read_text())}
    needing_a_cluster = {one.code for one in all_rules() if one.need in {"cluster", "accounts"}}
    assert len(BROKEN) >= 40
    assert {one.code for one in all_rules()} == in_corpus | ELSEWHERE | needing_a_cluster


def test_every_rule_has_a_paragraph_and_the_page_has_every_rule() -> None:
    text = page()
    assert re.findall(r"^### (RB\d{3}): ", text, re.MULTILINE) == [one.code for one in all_rules()]
    for one in all_rules():
        assert len(one.paragraph) > 40, one.code
        assert one.paragraph in text


def test_a_code_is_given_once() -> None:
    with pytest.raises(ValueError, match="RB104 is taken"):
        add(Rule("RB104", "Another", "Words.", "error"))


@pytest.mark.parametrize(
    ("content", "line"), [(b"", 1), (b"\xff\xfe\x00", 1), (b"---\ntitle: a\n\x00", 3)], ids=["empty", "other bytes", "NUL"]
)
def test_a_file_that_is_no_text_is_found(tmp_path: Path, content: bytes, line: int) -> None:
    (tmp_path / "r.md").write_bytes(content)
    assert told(found(tmp_path / "r.md")) == [("RB001", line)]


@pytest.mark.parametrize(
    ("end", "expected"),
    [("\n", 62), ("\r\n", 62), ("\r", 62), ("\r\r\n", 62 + 48)],
    ids=["line feeds", "both", "carriage returns", "twice the carriage return"],
)
def test_lines_are_counted_alike_whatever_ends_them(tmp_path: Path, end: str, expected: int) -> None:
    """A carriage return alone ends a line in Markdown too; with two of them each line has an empty one behind it."""
    front, heading, rest = TEXT.replace("**Role:** internal liaison · ", "").partition("# Payment is down")
    path = written(tmp_path, "")
    path.write_bytes((front + (heading + rest).replace("\n", end)).encode())
    assert told(found(path)) == [("RB105", expected)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Is this page true?", "[Back to top](#top)"),
        ("Is this page true?", '<span id="here"></span> and [there](#here)'),
        ("Is this page true?", "[A wiki](https://[wiki-host]/x.md)"),
        ("Is this page true?", "<!-- lint: allow RB301: on the bastion only -->\n\nIs this page true?"),
        ("Is this page true?", "- Do:\n\n\t```text\n\tls\n\t```"),
        ("Expected:** 3m\n", "Expected:** 3m\nCall the vendor.\n"),
        ("**Role:** internal liaison · **Expected:** 3m\n", "**Role:** internal liaison\\\n**Expected:** 3m\n"),
        ("Next update at {next} UTC.", "Another update in 30 minutes."),
        (
            "SEV-1 since {start} UTC: nobody can order. Next update at {next} UTC.",
            "[RESOLVED] Orders are taken since {start} UTC.",
        ),
        ("kubectl get deploy -n shop payment\n", "sort <pods.txt >sorted.txt\nwhile read -r a; do :; done <in 2>err\n"),
        ("kubectl get deploy -n shop payment\n", 'echo "see <b>x</b>"; echo "<none>"\nif [ "$IP" = "<none>" ]; then :; fi\n'),
        ("kubectl get deploy -n shop payment\n", "sed -n '/<b>/p' a\ncurl -s http://x/ | grep -c '<title>'\n"),
        ("kubectl get deploy -n shop payment\n", "curl -d '<a>b</a>' x\ncase $x in '<none>') :;;\n  '<a>') :;;\nesac\n"),
        ("kubectl get deploy -n shop payment\n", 'grep -q "<title>" page\ncat <<EOF\n<body>\nEOF\n'),
        ("kubectl get deploy -n shop payment\n", "timeout 30 tail -f /var/log/x | grep -m 1 ready\ncommand -v kubectl\n"),
        ("kubectl get deploy -n shop payment\n", "kubectl rollout status -n shop deploy/payment --watch=false\n"),
        ("```sh\nkubectl get deploy -n shop payment\n", "> [!WARNING]\n> All of it.\n\n```sh\nrm -rf /tmp/x\n"),
    ],
)
def test_nothing_is_found_in_what_is_good(tmp_path: Path, old: str, new: str) -> None:
    assert old in TEXT
    assert [str(finding) for finding in found(written(tmp_path, TEXT.replace(old, new))).findings] == []


@pytest.mark.parametrize(
    ("block", "code"),
    [
        ("watch kubectl get pods -n shop", "RB304"),
        ("sudo watch kubectl get pods -n shop", "RB304"),
        ("timeout 60 watch kubectl get pods -n shop", "RB304"),
        ("sudo tail -f /var/log/syslog", "RB304"),
        ("env TERM=xterm vi x", "RB304"),
        ("sudo rm -rf /var/lib/x", "RB303"),
        ("sudo -u postgres rm -rf /var/lib/x", "RB303"),
        ("timeout 60 rm -rf /x", "RB303"),
        ("time rm -rf a", "RB303"),
        ("nohup rm -rf x", "RB303"),
        ("command rm -rf x", "RB303"),
        ("sudo terraform destroy", "RB303"),
        ("find . -name x | xargs rm -rf", "RB303"),
        ("find . -name x -print0 | xargs -0 -n 1 sudo rm -rf", "RB303"),
        ("echo a | xargs kubectl delete ns", "RB303"),
        ("echo a | xargs -I {} kubectl delete ns {}", "RB303"),
        ("kubectl delete pod <pod> -n shop", "RB305"),
        ('kubectl delete pod "<pod>" -n shop', "RB305"),
        ("psql -h '<host>' -c 'select 1'", "RB305"),
        ('POD="<name of the pod>"', "RB305"),
        ('kubectl set env -n shop deploy/payment RATE="<rate>"', "RB305"),
    ],
)
def test_what_a_command_does_is_found_whatever_calls_it(tmp_path: Path, block: str, code: str) -> None:
    path = written(tmp_path, TEXT.replace("kubectl get deploy -n shop payment", block))
    assert [one for one, _ in told(found(path))] == [code, "RB302"][: 1 + (code == "RB305" and shell_syntax(block) is not None)]


def test_prose_right_below_the_labels_is_kept(tmp_path: Path) -> None:
    from gameday.runbook import load_runbook  # noqa: PLC0415

    text = TEXT.replace("Expected:** 3m\n", "Expected:** 3m\nCall the vendor.\n")
    assert "Call the vendor." in load_runbook(written(tmp_path, text)).steps[4].prose


def test_a_warnings_id_may_stand_on_a_line_of_its_own(tmp_path: Path) -> None:
    from gameday.runbook import load_runbook  # noqa: PLC0415

    warning = "> **Warning:** do not stop it.\n> <!-- id: w -->\n\n```yaml forbids\n- {do: delete, kind: Node}\n```\n"
    runbook = load_runbook(written(tmp_path, TEXT.replace("Is this page true?", warning)))
    assert [one.id for one in runbook.cautions] == ["w"]
    assert runbook.steps[-1].id == "ask-why-it-happened"


def test_an_alert_whose_address_is_none_leads_nowhere() -> None:
    assert not AlertRule("A", "https://[wiki-host]/x.md", "f", 1).leads_to("x")


def test_empty_front_matter_takes_two_lines(tmp_path: Path) -> None:
    path = written(tmp_path, "---\n---\n### Look\n\n```sh\nrm -rf /x\n```\n")
    assert {code for code, _ in told(found(path))} >= {"RB004"}


def test_paths_are_told_from_the_root_of_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "ops" / "runbooks").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "ops")
    assert repository_root() == tmp_path


def test_a_problem_of_a_new_kind_has_a_code_too() -> None:
    assert code_of(Problem("r.md", 1, "words")) == "RB009"
    assert code_of(Problem("r.md", 1, "words", "a-kind-of-tomorrow")) == "RB009"


def test_what_stands_in_a_step_that_could_not_be_read_is_not_held_against_it(tmp_path: Path) -> None:
    """Its check is broken, so it is not said to be missing; the next step, which has none, is."""
    again = TEXT[TEXT.index("### Scale it back") : TEXT.index("```yaml check")].replace("### Scale it back", "### Scale it again")
    broken = TEXT.replace("probe: gameday.probes.checkout.success_rate", "probe: gameday.probes.checkout.nothing")
    path = written(tmp_path, broken.replace("## Communicate", f"{again}\n## Communicate"))
    line = path.read_text().split("\n").index("### Scale it again") + 1
    assert told(found(path)) == [("RB022", 54), ("RB104", line)]


ALLOWED = "<!-- lint: allow RB105: nobody's -->"


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("### See it\n", [("RB032", 19), ("RB105", 68)]),
        ("### Tell support\n", []),
        ("# Payment is down\n", []),
    ],
    ids=["in another step", "in its step", "for the whole file"],
)
def test_a_finding_is_allowed_where_the_file_says_why(tmp_path: Path, place: str, expected: list[tuple[str, int]]) -> None:
    text = TEXT.replace("**Role:** internal liaison · ", "").replace(place, f"{place}\n{ALLOWED}\n")
    lines = text.split("\n")
    result = found(written(tmp_path, text))
    assert [code for code, _ in told(result)] == [code for code, _ in expected]
    for code, line in told(result):
        wanted = ALLOWED if code == "RB032" else "### Tell support"
        assert lines[line - 1] == wanted


def test_a_comment_in_a_block_of_code_allows_nothing(tmp_path: Path) -> None:
    text = TEXT.replace("Is this page true?", f"Is this page true?\n\n```text\n{ALLOWED}\n```")
    assert told(found(written(tmp_path, text))) == []


def test_what_is_allowed_is_no_prose(tmp_path: Path) -> None:
    from gameday.runbook import load_runbook  # noqa: PLC0415

    runbook = load_runbook(written(tmp_path, TEXT.replace("Is this page true?", f"{ALLOWED}\n\nIs this page true?")))
    assert runbook.steps[-1].prose == "Is this page true?"


RULES = """\
groups:
  - name: payment
    rules:
      - record: job:x
        expr: 1
      - alert: PaymentDown
        expr: up == 0
        annotations: {runbook_url: "%s"}
"""


def alerts(folder: Path, text: str) -> Around:
    (folder / "rules.yaml").write_text(text)
    return replace(AROUND, alert_rules=read_alert_rules(folder / "rules.yaml"))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://forge.example/sre/runbooks/blob/main/small.md", []),
        ("https://runbooks.example/small/#resolve", []),
        ("https://runbooks.example/small.html?from=page", []),
        ("https://runbooks.example/other.md", [("RB501", 6)]),
        ("", [("RB501", 6)]),
    ],
)
def test_an_alert_leads_to_the_runbook_that_lists_it(tmp_path: Path, url: str, expected: list[tuple[str, int]]) -> None:
    path = written(tmp_path, TEXT)
    assert told(found(path, around=alerts(tmp_path, RULES % url))) == expected


def test_an_alert_that_leads_here_is_listed_and_one_that_is_listed_is_there(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT.replace("PaymentDown", "PaymentGone"))
    around = alerts(tmp_path, RULES % "https://forge.example/small.md")
    assert told(found(path, around=around)) == [("RB502", 6), ("RB503", 6)]


def test_an_alert_that_two_runbooks_list_leads_to_one_of_them(tmp_path: Path) -> None:
    (tmp_path / "runbooks").mkdir()
    first = written(tmp_path, TEXT, "runbooks/first.md")
    second = written(tmp_path, TEXT, "runbooks/second.md")
    around = alerts(tmp_path, RULES % "https://forge.example/first.md")
    assert told(found(first, second, around=around)) == []


def test_rules_may_be_wrapped_as_an_operator_takes_them(tmp_path: Path) -> None:
    inner = "\n".join(f"  {line}" for line in (RULES % "x").split("\n"))
    (tmp_path / "rules.yaml").write_text(f"apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nspec:\n{inner}\n")
    assert read_alert_rules(tmp_path / "rules.yaml") == (AlertRule("PaymentDown", "x", str(tmp_path / "rules.yaml"), 9),)
    (tmp_path / "rules.yaml").write_text("kind: ConfigMap\n")
    with pytest.raises(UsageError, match="expected alert rules"):
        read_alert_rules(tmp_path / "rules.yaml")


def test_a_proof_is_not_older_than_it_may_be(tmp_path: Path) -> None:
    within = replace(AROUND, proven_within=dt.timedelta(days=90))
    path = written(tmp_path, TEXT)
    assert told(found(path, around=within)) == [("RB521", 11)]
    for day, expected in [("2026-06-01", []), ("2026-04-01", []), ("2026-03-31", [("RB521", 11)])]:
        path.write_text(with_proof(TEXT, "a-run", day, digest_without_proof(TEXT)))
        assert told(found(path, around=within)) == expected, day
    path.write_text(path.read_text().replace("Is this page true?", "Is it?"))
    assert told(found(path)) == [("RB522", 11)]


OURS = "version: 1.0.0\ntitle: {name}\ndescription: d\nmethod: []\nextensions:\n  - name: gameday\n    expect: held\n"


def test_an_experiment_without_a_runbook_is_found_where_all_are_looked_at(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT)
    experiment = tmp_path / "experiments" / "alone.yaml"
    experiment.write_text(OURS)
    assert told(found(path)) == []
    (only,) = found(path, whole_catalogue=True).findings
    assert (only.file, only.line, only.code) == (str(experiment), 6, "RB514")


def test_both_name_each_other_by_path_too(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT.replace("[foreign]", "[./experiments/ours.yaml]"))
    (tmp_path / "experiments" / "ours.yaml").write_text(OURS + "    runbook: ../small.md\n")
    assert told(found(path)) == []


def test_a_draft_of_a_shipped_runbook_may_be_anywhere(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT.replace("[foreign]", "[pod-loss]"), "pod-loss.md")
    assert told(found(path)) == []


def test_rules_that_need_something_are_not_asked_without_it_and_the_result_says_how(tmp_path: Path) -> None:
    result = found(written(tmp_path, TEXT))
    asked = {one.code for one in all_rules() if can_be_asked(one, AROUND)}
    assert {one.code for one in result.not_asked} == {one.code for one in all_rules()} - asked
    assert {one.how.partition(":")[2].strip().split(" ")[0] for one in result.not_asked} == {
        "--rules",
        "--proven-within",
        "--context",
        "--account",
    }


def test_rules_are_chosen_by_how_their_codes_begin() -> None:
    assert {one.code for one in chosen(["RB2", "rb104"], ["RB203"])} == {"RB104", "RB201", "RB202"}
    assert chosen([], []) == all_rules()
    with pytest.raises(UsageError, match="RB9"):
        chosen(["RB9"], [])
    with pytest.raises(UsageError, match="RB105"):
        rule_of("RB1O5")


def test_a_strict_result_has_its_warnings_as_errors(tmp_path: Path) -> None:
    result = found(written(tmp_path, TEXT.replace("**Role:** internal liaison · ", "")))
    assert (result.count("error"), result.count("warning")) == (0, 1)
    assert with_severity(result, strict=True).count("error") == 1
    assert with_severity(result, strict=False) == result


@pytest.mark.parametrize(
    ("script", "line"),
    [("echo a\necho b", None), ("if true; then\necho a\n", 2), ("echo 'a", 1), ("a() (", 1), ("echo a\nfi\n", 2)],
)
def test_the_shell_itself_reads_a_script_without_running_it(script: str, line: int | None, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    wrong = shell_syntax(f"touch {touched}; {script}")
    assert (wrong is None) == (line is None)
    assert not touched.exists()
