"""What an installation consists of: the manifests of deploy/, filled in; the same by kustomize."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from gameday.change.registry import action_named
from gameday.cli.listing import registered_in
from gameday.errors import UsageError
from gameday.guard.needs import of_action, of_undoing
from gameday.installing import Installation, Schedule, as_yaml, parts, write
from gameday.workspace import SHIPPED

needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH")
FIRST = SHIPPED / "gamedays" / "first.yaml"


def kinds(installation: Installation, part: str) -> list[str]:
    return [f"{item['kind']} {item['metadata']['name']}" for item in parts(installation)[part]]


def in_order(documents: list[dict[str, object]]) -> list[str]:
    return sorted(yaml.safe_dump(document) for document in documents)


def kustomized(folder: Path) -> list[dict[str, object]]:
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {
        "gamedays/own.yaml": "title: Own",
        "experiments/a.yaml": "title: A",
        "actions/break_it.py": "x = 1",
    }.items():
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).write_text(text)
    return tmp_path / "project"


def granted(*roles: str) -> set[tuple[str, str, str]]:
    """Return what roles of deploy/ grant together: verb, resource, API group."""
    documents = yaml.safe_load_all((SHIPPED / "deploy" / "roles.yaml").read_text(encoding="utf-8"))
    found = [document for document in documents if document["kind"] == "ClusterRole" and document["metadata"]["name"] in roles]
    rules = [rule for role in found for rule in role["rules"]]
    return {
        (verb, resource, group)
        for rule in rules
        for verb in rule["verbs"]
        for resource in rule["resources"]
        for group in rule["apiGroups"]
    }


def test_the_accounts_are_granted_whatever_an_action_and_its_undo_need() -> None:
    """In whatever namespace the roles are bound, and to nodes where their owner has bound those."""
    actions = [action_named(row["name"]) for row in registered_in("actions")]
    injects = {(one.verb, one.resource, one.group) for spec in actions for one in of_action(spec, "shop")}
    undoes = {(one.verb, one.resource, one.group) for spec in actions for one in of_undoing(spec, "shop")}
    assert ("patch", "replicasets", "apps") in injects & undoes
    assert injects - granted("gameday-read", "gameday-inject", "gameday-nodes", "gameday-look-around") == set()
    assert undoes - granted("gameday-undo", "gameday-undo-nodes") == set()


def test_without_choices_it_is_what_stands_in_deploy() -> None:
    assert list(parts(Installation())) == ["gameday-system"]
    found = kinds(Installation(), "gameday-system")
    assert found[0] == "Namespace gameday-system"
    assert {"ServiceAccount gameday-read", "ServiceAccount gameday-inject", "ServiceAccount gameday-undo"} < set(found)
    assert "Deployment gameday-reaper" in found


@needs_kubectl
def test_kustomize_makes_the_same_of_deploy() -> None:
    assert in_order(kustomized(SHIPPED / "deploy")) == in_order(parts(Installation())["gameday-system"])


@needs_kubectl
def test_what_is_written_to_a_folder_is_what_would_be_applied(tmp_path: Path, project: Path) -> None:
    schedule = Schedule("0 10 * * 2", project / "gamedays" / "own.yaml", project, "Europe/Berlin")
    wanted = Installation("example/gameday:1", "staging", ("shop", "other"), schedule)
    write(wanted, tmp_path / "overlay")
    assert in_order(kustomized(tmp_path / "overlay")) == in_order([item for items in parts(wanted).values() for item in items])


def test_a_folder_with_other_files_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds other files"):
        write(Installation(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_writing_again_is_writing_anew(tmp_path: Path) -> None:
    assert write(Installation(namespaces=("shop",)), tmp_path) == write(Installation(namespaces=("shop",)), tmp_path)


def test_a_namespace_is_opted_in_and_its_rights_are_bound_there() -> None:
    (namespace, *bindings) = parts(Installation(namespaces=("shop",)))["namespace-shop"]
    assert namespace["metadata"] == {"name": "shop", "labels": {"gameday.dev/enabled": "true"}}
    assert {item["kind"] for item in bindings} == {"RoleBinding", "Role", "ServiceAccount"}
    assert {item["metadata"]["namespace"] for item in bindings} == {"shop"}
    assert "WHERE-THIS-GOES" not in as_yaml(bindings)


def test_the_account_of_proxies_says_which_image_they_run() -> None:
    items = parts(Installation("example/gameday:1", namespaces=("shop",)))["namespace-shop"]
    (account,) = [item for item in items if item["kind"] == "ServiceAccount"]
    assert account["metadata"]["annotations"] == {"gameday.dev/image": "example/gameday:1"}


def test_the_image_is_put_in_place_of_ours_and_of_nothing_else(project: Path) -> None:
    schedule = Schedule("@daily", project / "gamedays" / "own.yaml", project)
    text = as_yaml([item for items in parts(Installation("example/gameday:1", schedule=schedule)).values() for item in items])
    assert text.count("image: example/gameday:1") == 2
    assert "image: gameday" not in text


def test_a_cluster_gets_its_name() -> None:
    labels = parts(Installation(cluster_name="staging"))["gameday-system"][0]["metadata"]["labels"]
    assert labels["gameday.dev/cluster-name"] == "staging"


def test_a_scheduled_game_day_takes_its_project_along(project: Path) -> None:
    schedule = Schedule("0 10 * * 2", project / "gamedays" / "own.yaml", project, "Europe/Berlin")
    files, job, budget = parts(Installation(schedule=schedule))["runner"]
    assert files["data"]["actions__break_it.py"] == "x = 1"
    spec = job["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["suspend"]) == ("0 10 * * 2", "Europe/Berlin", False)
    pod = spec["jobTemplate"]["spec"]["template"]
    assert pod["spec"]["containers"][0]["args"][:3] == ["run", "gamedays/own.yaml", "--yes"]
    (volume,) = (item["configMap"] for item in pod["spec"]["volumes"] if item["name"] == "project")
    assert {(item["key"], item["path"]) for item in volume["items"]} == {
        (path.replace("/", "__"), path) for path in ("gamedays/own.yaml", "experiments/a.yaml", "actions/break_it.py")
    }
    assert budget["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


def test_a_shipped_game_day_needs_no_project() -> None:
    job, _ = parts(Installation(schedule=Schedule("@weekly", FIRST, None)))["runner"]
    assert job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"][:2] == ["run", "first"]


def test_a_project_larger_than_a_config_map_is_refused_with_the_way_out(project: Path) -> None:
    (project / "runbooks").mkdir()
    (project / "runbooks" / "long.md").write_text("x" * 1_100_000)
    with pytest.raises(UsageError, match=r"a ConfigMap holds 1,000,000.*--image"):
        parts(Installation(schedule=Schedule("@daily", project / "gamedays" / "own.yaml", project)))
