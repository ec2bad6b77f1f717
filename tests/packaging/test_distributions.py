from __future__ import annotations

import email
import os
import re
import subprocess
import sys
import tomllib
from email.message import Message
from pathlib import Path

import pytest

SHIPPED_FOLDERS = {
    "actions": "gameday/actions",
    "probes": "gameday/probes",
    "experiments": "gameday/catalogue/experiments",
    "gamedays": "gameday/catalogue/gamedays",
    "journeys": "gameday/catalogue/journeys",
    "runbooks": "gameday/catalogue/runbooks",
    "deploy": "gameday/catalogue/deploy",
}


def files_in(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder and what is in it; links and bytecode do not count."""
    found = {}
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in names:
            path = Path(parent, name)
            if not path.is_symlink() and path.suffix != ".pyc":
                found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def metadata(wheel: Path) -> Message:
    (path,) = wheel.glob("*.dist-info/METADATA")
    return email.message_from_string(path.read_text())


@pytest.mark.parametrize(("folder", "place"), SHIPPED_FOLDERS.items())
def test_the_wheel_carries_each_folder_as_it_is(wheel: Path, root: Path, folder: str, place: str) -> None:
    expected = files_in(root / folder)
    assert expected
    assert files_in(wheel / place) == expected


def test_the_wheel_carries_the_whole_package_and_nothing_beside_it(wheel: Path, root: Path) -> None:
    shipped = files_in(wheel)
    package = {f"gameday/{name}": content for name, content in files_in(root / "src" / "gameday").items()}
    assert {
        name for name in shipped if not name.startswith(tuple(SHIPPED_FOLDERS.values())) and ".dist-info/" not in name
    } == set(package)
    assert all(shipped[name] == content for name, content in package.items())


def test_the_source_distribution_carries_the_folders_and_no_link(sdist: Path, root: Path) -> None:
    for folder in SHIPPED_FOLDERS:
        assert files_in(sdist / folder) == files_in(root / folder)
    assert [path for path in sdist.rglob("*") if path.is_symlink()] == []
    assert {"LICENSE", "README.md", "CHANGELOG.md", "Makefile"} <= {path.name for path in sdist.iterdir()}


def test_the_metadata_names_the_command_the_licence_and_the_python(wheel: Path) -> None:
    told = metadata(wheel)
    assert told["Name"] == "chaos-gameday"
    assert told["License-Expression"] == "Apache-2.0"
    assert told["Requires-Python"] == ">=3.11"
    (entry_points,) = wheel.glob("*.dist-info/entry_points.txt")
    assert "gameday = gameday.__main__:main" in entry_points.read_text()


def test_every_dependency_has_its_reason_in_the_docs(wheel: Path, root: Path) -> None:
    required = {re.split(r"[^\w.-]", line)[0] for line in metadata(wheel).get_all("Requires-Dist", [])}
    explained = set(re.findall(r"^\| `([\w.-]+)` \|", (root / "docs" / "dependencies.md").read_text(), flags=re.MULTILINE))
    assert required == explained


def test_what_is_imported_is_declared(wheel: Path, root: Path) -> None:
    declared = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    names = [*declared["dependencies"], *(name for extra in declared["optional-dependencies"].values() for name in extra)]
    known = {re.split(r"[^\w.-]", name)[0].replace("-", "_").lower() for name in names}
    known |= {"markdown_it", "yaml", "chaoslib", "dateutil", "gameday"}
    imported = set()
    for source in [path for folder in ("gameday",) for path in (wheel / folder).rglob("*.py")]:
        imported |= set(re.findall(r"^\s*(?:from|import) ([A-Za-z_]\w*)", source.read_text(), flags=re.MULTILINE))
    third_party = {name for name in imported if name not in sys.stdlib_module_names and not name.startswith("_")}
    assert third_party - known == set()


def test_the_wheel_alone_is_enough_to_find_actions_and_the_catalogue(wheel: Path, tmp_path: Path) -> None:
    program = (
        "import gameday, gameday.actions.pods, gameday.probes.workloads\n"
        "from gameday.gameday import load_gameday\n"
        "from gameday.workspace import Catalogue\n"
        "catalogue = Catalogue.around()\n"
        "plan = load_gameday(catalogue.find('gameday', 'first'), catalogue=catalogue)\n"
        "print(gameday.__file__, gameday.actions.pods.__file__, plan.path, len(plan.rounds), sep='\\n')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(wheel), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    *files, rounds = done.stdout.split("\n")[:4]
    assert all(Path(file).is_relative_to(wheel) for file in files), files
    assert int(rounds) >= 1
