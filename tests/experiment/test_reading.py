from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from gameday.errors import InvalidFileError
from gameday.experiment import Experiment, Objectives, TrafficSpec, configuration, load_experiment
from gameday.workspace import SHIPPED, Catalogue

Load = Callable[[str], Experiment]
Problems = Callable[[str], list[tuple[int, str]]]


def test_what_our_block_leaves_out_has_its_default(load: Load, ours: str) -> None:
    experiment = load(ours)
    assert experiment.expect == "held"
    assert dict(experiment.caps) == {"pods": 1, "objects": 3}
    assert experiment.baseline_seconds == 5.0
    assert experiment.landing_timeout_seconds == 15.0
    assert experiment.objectives == Objectives(None, None)
    assert experiment.namespaces == ("shop",), "those that its actions name"


def test_our_block_is_read_whole(load: Load, ours: str) -> None:
    block = (
        "    objectives: {rto: 15s, rpo: 1m}\n    expect: deviated\n    caps: {pods: 2}\n    namespaces: [shop, other]\n"
        "    baseline: 3s\n    recovery_timeout: 1m30s\n    landing_timeout: 2s\n    owners: [a, b]\n    prepare: []\n"
    )
    experiment = load(ours.replace("journey: checkout, rate: 40/s", "journey: checkout, rate: 600/m, service: front") + block)
    assert experiment.traffic is not None
    assert experiment.traffic.journey_path is not None
    assert experiment.traffic.journey_path.name == "checkout.yaml"
    expected = TrafficSpec("checkout", 10.0, "", "front", "shop", experiment.traffic.journey_path)
    assert experiment.traffic == expected
    assert experiment.objectives == Objectives(15.0, 60.0)
    assert experiment.expect == "deviated"
    assert dict(experiment.caps) == {"pods": 2, "objects": 3}
    assert (experiment.baseline_seconds, experiment.recovery_timeout_seconds) == (3.0, 90.0)
    assert experiment.landing_timeout_seconds == 2.0
    assert experiment.namespaces == ("shop", "other")
    assert experiment.owners == ("a", "b")


def test_what_must_stand_before_the_baseline_is_read_like_the_method(load: Load, ours: str) -> None:
    provider = "{type: python, module: gameday.actions.config, func: set_env, arguments: {namespace: '${namespace}', "
    entry = f"{{type: action, name: inline, provider: {provider}name: orders, variables: {{RECEIPTS: inline}}}}}}}}"
    experiment = load(f"{ours}    prepare: [{entry}]\n")
    (inline,) = experiment.prepare
    assert (inline.name, inline.func, inline.arguments["namespace"]) == ("inline", "set_env", "shop")
    assert [activity.name for activity in experiment.activities] == ["kill"]


def test_the_document_is_untouched_and_the_digest_is_the_files(load: Load, ours: str) -> None:
    experiment = load(ours)
    assert experiment.document["method"][0]["provider"]["arguments"]["namespace"] == "${namespace}"
    assert experiment.digest == hashlib.sha256(experiment.path.read_bytes()).hexdigest()


def test_activities_have_their_line_and_resolved_arguments(load: Load, ours: str) -> None:
    (kill,) = load(ours).activities
    assert kill.line == 13
    assert kill.ours
    assert kill.arguments == {"namespace": "shop", "selector": "app=checkout"}


def test_a_file_without_our_block_is_foreign_and_may_name_anybodys_providers(load: Load, foreign: str) -> None:
    experiment = load(foreign)
    assert not experiment.ours
    assert not experiment.activities[0].ours
    assert experiment.runbook_path is None


CASES_OF_OURS = [
    ("title: Lose a pod\n", "", 1, "an experiment needs a title"),
    ("description: It goes away.", "descripton: x", 2, "unknown key 'descripton' in an experiment; did you mean 'description'?"),
    ("method:\n", "methods:\n", 12, "did you mean 'method'?"),
    ("name: kill\n", "name: kill\n    pause: {after: 1}\n", 15, "unknown key 'pause' in an activity; did you mean 'pauses'?"),
    ("type: action", "type: attack", 13, "expected type to be action or probe, but got 'attack'"),
    ("      func: kill\n", "      func: kil\n", 18, "did you mean 'kill'?"),
    ("gameday.actions.pods", "gameday.actions.podz", 18, "did you mean 'gameday.actions.pods'?"),
    ("selector: app=checkout", "selector: app=checkout, cuont: 2", 18, "did you mean 'count'?"),
    ('namespace: "${namespace}"', 'namespace: "${namespac}"', 19, "nothing gives ${namespac} a value; did you mean 'namespace'?"),
    ("      tolerance: [97, 100]\n", "", 8, "needs a tolerance"),
    ("tolerance: [97, 100]", "tolerance: []", 10, "the tolerance is empty"),
    ("tolerance: [97, 100]", "tolerance: true", 10, "expected a pair of numbers"),
    ("tolerance: [97, 100]", "tolerance: [100, 97]", 10, "expected a pair of numbers"),
    ("tolerance: [97, 100]", "tolerance: {type: range, range: [9]}", 10, "two numbers"),
    ("tolerance: [97, 100]", "tolerance: {type: rang, range: [9, 10]}", 10, "expected the tolerance's type to be"),
    ("name: kill\n", "name: kill\n    tolerance: true\n", 15, "a tolerance means nothing here"),
    ("runbook: pod-loss", "runbook: pod-lost", 22, "no runbook is called 'pod-lost'; did you mean 'pod-loss'?"),
    ("runbook: pod-loss", "runbok: pod-loss", 22, "unknown key 'runbok' in extensions; did you mean 'runbook'?"),
    ("journey: checkout", "journey: chekout", 23, "no journey is called 'chekout'; did you mean 'checkout'?"),
    ("journey: checkout, ", "", 23, "'journey' is missing"),
    ("rate: 40/s", "rate: fast", 23, "expected a rate such as 40/s"),
    ("rate: 40/s", "rate: 0", 23, "more than zero"),
    ("rate: 40/s", "url: shop.example", 23, "http://"),
    ("runbook: pod-loss", "expect: fine", 22, "expected one of held, deviated, inconclusive, but got 'fine'"),
    ("runbook: pod-loss", "expect: deviate", 22, "did you mean 'deviated'?"),
    ("runbook: pod-loss", "baseline: soon", 22, "expected a duration such as 30s"),
    ("runbook: pod-loss", "caps: {pods: 0}", 22, "expected a whole number from 1 up"),
    ("runbook: pod-loss", "caps: {pod: 1}", 22, "did you mean 'pods'?"),
    ("runbook: pod-loss", "objectives: 15m", 22, "expected a mapping in extensions.objectives, but got '15m'"),
    ("runbook: pod-loss", "prepare: {}", 22, "expected a list of activities under prepare"),
    ("runbook: pod-loss", "prepare: [proxy]", 22, "expected an activity (a mapping with type, name and provider)"),
    (
        "runbook: pod-loss",
        "prepare: [{type: probe, name: look, provider: {type: python, module: gameday.probes.checkout, func: success_rate}}]",
        22,
        "'look' cannot prepare: expected an action of gameday.actions or of the project's own",
    ),
    (
        "runbook: pod-loss",
        "prepare: [{type: action, name: wait, provider: {type: process, path: sleep, arguments: '1'}}]",
        22,
        "'wait' cannot prepare",
    ),
    ("runbook: pod-loss", "namespaces: [other]", 22, "touches the namespace shop, but namespaces only names other"),
    ("runbook: pod-loss", "owners: [1]", 22, "expected a list of texts"),
    ("- name: gameday", "- name: gamday", 21, "unknown extension 'gamday'; did you mean 'gameday'?"),
    ("extensions:\n", "rollback: []\nextensions:\n", 20, "unknown key 'rollback' in an experiment; did you mean 'rollbacks'?"),
    ("extensions:\n", "rollbacks: [{ref: kil}]\nextensions:\n", 20, "no activity is called 'kil'; did you mean 'kill'?"),
    ("extensions:\n", "rollbacks: {a: b}\nextensions:\n", 20, "expected a list of activities under rollbacks"),
    ("extensions:\n", "controls: [{name: x}]\nextensions:\n", 20, "a control needs a name and a provider"),
    (
        "namespace: shop\n",
        "namespace: {type: env, key: NOT_SET_ANYWHERE}\n",
        4,
        "the environment variable NOT_SET_ANYWHERE is not set",
    ),
    ("namespace: shop\n", "namespace: {type: probe, name: x}\n", 19, "is computed by a probe at run time"),
    ("- type: probe\n", "- type: action\n", 8, "a hypothesis only observes"),
]


@pytest.mark.parametrize("case", CASES_OF_OURS, ids=lambda case: f"{case[1].strip()} for {case[0].strip()}")
def test_a_file_of_ours_is_read_strictly(problems: Problems, ours: str, case: tuple[str, str, int, str]) -> None:
    old, new, line, part = case
    assert old in ours
    found = problems(ours.replace(old, new, 1))
    assert any(at == line and part in message for at, message in found), found


def test_every_problem_is_reported_at_once_in_the_order_of_the_file(problems: Problems, ours: str) -> None:
    broken = (
        ours.replace("title: Lose", "titel: Lose")
        .replace("func: kill", "func: kil")
        .replace("runbook: pod-loss", "runbook: gone")
    )
    found = problems(broken + "    rto: 15m\n")
    assert [line for line, _ in found] == [1, 1, 18, 22, 24], found


def test_a_foreign_file_gets_warnings_where_it_may_mean_what_it_says(load: Load, foreign: str) -> None:
    rollback = '{type: action, name: "r ${x}", provider: {type: python, module: chaosnowhere.a, func: b}}'
    experiment = load(f"{foreign}blast-radius: big\nrollbacks:\n- {rollback}\n")
    assert [(warning.line, warning.message.split(";")[0]) for warning in experiment.warnings] == [
        (1, "steady-state-hypothesis is missing: without one there is nothing to judge"),
        (7, experiment.warnings[1].message.split(";")[0]),
        (9, "nothing gives ${x} a value"),
        (9, "there is no module chaosnowhere.a here"),
    ]
    assert "unknown key 'blast-radius'" in experiment.warnings[1].message


@pytest.mark.parametrize("misspelt", ["rollback: []", "Rollbacks: []", "steady_state_hypothesis: {}", "configurations: {}"])
def test_a_misspelt_key_is_an_error_in_a_foreign_file_too(problems: Problems, foreign: str, misspelt: str) -> None:
    assert any(line == 7 and "did you mean" in message for line, message in problems(foreign + misspelt + "\n"))


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("method:", "x-method:", "an experiment needs a method"),
        ("path: /bin/true", "paths: /bin/true", "did you mean 'path'?"),
        ("type: process", "type: shell", "expected the provider's type to be one of python, process, http, but got 'shell'"),
        ("    provider: {type: process, path: /bin/true}\n", "", "an activity needs a provider"),
        ("    name: touch\n", "", "an activity needs a name"),
        ("  - type: action\n    name", "  - just: text\n    name", "expected type to be action or probe"),
    ],
)
def test_what_chaos_toolkit_would_refuse_is_an_error_in_any_file(
    problems: Problems, foreign: str, old: str, new: str, part: str
) -> None:
    assert old in foreign
    assert any(part in message for _, message in problems(foreign.replace(old, new)))


@pytest.mark.parametrize("value", ["3", "text", "[a]", "null", "{}", "[[]]", "[null]"])
@pytest.mark.parametrize(
    "key",
    ["title", "configuration", "secrets", "steady-state-hypothesis", "method", "rollbacks", "controls", "extensions", "tags"],
)
def test_no_value_of_the_wrong_shape_crashes_the_reader(tmp_path: Path, foreign: str, key: str, value: str) -> None:
    path = tmp_path / "e.yaml"
    lines = [line for line in foreign.splitlines() if not line.startswith(key)] if key == "title" else foreign.splitlines()
    if key == "method":
        lines = lines[:2]
    path.write_text("\n".join([*lines, f"{key}: {value}"]) + "\n")
    with contextlib.suppress(InvalidFileError):
        load_experiment(path, catalogue=Catalogue.around(path))


def test_a_reference_stands_for_the_activity_of_that_name(load: Load, ours: str) -> None:
    experiment = load(ours.replace("extensions:\n", "rollbacks: [{ref: orders}]\nextensions:\n"))
    assert experiment.rollbacks[0].func == "success_rate"


def test_anchors_may_be_kept_under_keys_of_ones_own(load: Load, ours: str) -> None:
    assert load("x-common: {a: 1}\n" + ours).ours


def test_configuration_is_what_is_known_before_a_run(load: Load, ours: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOW_MANY", "3")
    environment = "{type: env, key: HOW_MANY, env_var_type: int}"
    more = f"  namespace: shop\n  count: {environment}\n  name: {{type: env, key: NOT_SET, default: x}}\n"
    arguments = 'selector: "app=${name}", count: "${count}"'
    text = ours.replace("  namespace: shop\n", more).replace("selector: app=checkout", arguments)
    experiment = load(text)
    assert dict(configuration(experiment)) == {"namespace": "shop", "count": 3, "name": "x"}
    assert experiment.activities[0].arguments == {"namespace": "shop", "selector": "app=x", "count": 3}


def test_a_secret_is_never_resolved(load: Load, ours: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "hush")
    text = ours.replace("configuration:\n", "secrets: {api: {token: {type: env, key: TOKEN}}}\nconfiguration:\n")
    experiment = load(text.replace("selector: app=checkout", 'selector: "app=${token}"'))
    assert experiment.activities[0].arguments["selector"] == "app=${token}"
    assert "hush" not in repr(experiment)


def test_every_experiment_shipped_is_valid() -> None:
    entries = Catalogue((SHIPPED,)).list("experiment")
    assert len(entries) >= 2
    for entry in entries:
        experiment = load_experiment(entry.path, catalogue=Catalogue((SHIPPED,)))
        assert experiment.ours
        assert experiment.runbook_path is not None
        assert experiment.warnings == ()
