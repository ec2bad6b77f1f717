from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from gameday.errors import UsageError
from gameday.workspace import SHIPPED, WORKSPACE_PACKAGE, Catalogue, make_importable, names, project_of


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    for folder in ("experiments", "runbooks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "experiments" / "mine.yaml").write_text("a: 1\n")
    (tmp_path / "runbooks" / "pod-loss.md").write_text("x\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_project_comes_before_what_is_shipped(project: Path) -> None:
    catalogue = Catalogue.around()
    assert catalogue.find("runbook", "pod-loss") == project / "runbooks" / "pod-loss.md"
    assert catalogue.find("runbook", "dependency-down") == SHIPPED / "runbooks" / "dependency-down.md"


def test_a_files_own_project_comes_before_that_of_the_working_directory(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "runbooks").mkdir()
    (other / "runbooks" / "pod-loss.md").write_text("y\n")
    assert Catalogue.around(other / "experiments" / "a.yaml").folders == (other, project, SHIPPED)


def test_what_is_shipped_is_found_without_any_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    assert Catalogue.around().find("gameday", "first").is_file()


def test_a_name_that_does_not_exist_says_where_it_was_looked_for_and_what_was_meant(project: Path) -> None:
    with pytest.raises(UsageError) as caught:
        Catalogue.around().find("runbook", "pod-los")
    assert "no runbook is called 'pod-los'; did you mean 'pod-loss'?" in str(caught.value)
    assert str(project / "runbooks") in str(caught.value)


@pytest.mark.parametrize("name", ["../mine", "", ".hidden", "/etc/passwd"])
def test_a_name_is_no_path(project: Path, name: str) -> None:
    with pytest.raises(UsageError):
        Catalogue((project,)).find("experiment", name)


def test_a_path_is_relative_to_the_file_that_names_it(project: Path) -> None:
    catalogue = Catalogue.around()
    beside = project / "gamedays" / "g.yaml"
    assert catalogue.resolve("experiment", "../experiments/mine.yaml", beside=beside).samefile(project / "experiments/mine.yaml")
    with pytest.raises(UsageError, match=r"no experiment at experiments/gone\.yaml"):
        catalogue.resolve("experiment", "experiments/gone.yaml")


def test_the_list_has_each_name_once_and_says_what_is_shipped(project: Path) -> None:
    entries = Catalogue.around().list("runbook")
    assert set(names(entries)) == {path.stem for path in SHIPPED.glob("runbooks/*.md")}
    assert len(set(names(entries))) == len(entries)
    (own,) = (entry for entry in entries if not entry.shipped)
    assert (own.name, own.path.is_relative_to(project)) == ("pod-loss", True)


def test_a_page_about_the_folder_is_no_runbook_of_it_unless_it_has_front_matter(project: Path) -> None:
    (project / "runbooks" / "README.md").write_text("# Our runbooks\n")
    (project / "runbooks" / "index.md").write_text("---\ntitle: The index is down\n---\n")
    found = [entry.name for entry in Catalogue.around().list("runbook") if not entry.shipped]
    assert found == ["index", "pod-loss"]


def test_a_project_is_not_looked_for_above_its_checkout(tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    inner = tmp_path / "repository" / "deep"
    inner.mkdir(parents=True)
    assert project_of(inner) == tmp_path
    (tmp_path / "repository" / ".git").mkdir()
    assert project_of(inner) is None


def test_a_projects_own_actions_are_importable_by_path_and_never_hide_ours(project: Path) -> None:
    (project / "actions").mkdir()
    (project / "actions" / "disks.py").write_text("ANSWER = 42\n")
    make_importable(project)
    try:
        assert importlib.import_module(f"{WORKSPACE_PACKAGE}.actions.disks").ANSWER == 42
        assert not (project / "actions").samefile(Path(importlib.import_module("gameday.actions").__path__[0]))
    finally:
        make_importable(None)
    assert f"{WORKSPACE_PACKAGE}.actions.disks" not in sys.modules
