"""`gameday init`: a workspace that is valid as it is, for any names, and that overwrites nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gameday.cli.main import root
from gameday.errors import GamedayError, UsageError
from gameday.experiment import load_experiment
from gameday.gameday import load_gameday
from gameday.runbook import load_runbook
from gameday.starting import Choices, files_of, write
from gameday.traffic.journey_file import load_journey
from gameday.workspace import Catalogue, make_importable

OTHER = Choices(
    namespace="market-1",
    service="front",
    deployment="market",
    selector="app.kubernetes.io/name=market,tier!=cache",
    journey="buy-bread",
    path="/bread?kind=rye",
    url="https://market.example/shop",
    rate="90/m",
)


@pytest.mark.parametrize("choices", [Choices(), OTHER], ids=["as-it-is", "everything-said"])
def test_what_is_written_is_valid_as_it_is(choices: Choices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(choices, tmp_path)
    monkeypatch.chdir(tmp_path)
    make_importable(tmp_path)
    catalogue = Catalogue.around()
    plan = load_gameday(tmp_path / "gamedays" / "first.yaml", catalogue=catalogue)
    assert [item.experiment.title for item in plan.rounds] == [
        f"A pod of {choices.deployment} is lost",
        f"All pods of {choices.deployment} are restarted",
    ]
    for path in tmp_path.glob("experiments/*.yaml"):
        experiment = load_experiment(path, catalogue=catalogue)
        assert experiment.traffic is not None
        assert (experiment.traffic.url or "") == choices.url
        assert experiment.namespaces == (choices.namespace,)
    assert load_runbook(tmp_path / "runbooks" / "lose-a-pod.md").warnings == ()
    assert load_journey(tmp_path / "journeys" / f"{choices.journey}.yaml").steps[0].name == "visit"


def test_no_word_is_left_unfilled() -> None:
    assert [path for path, text in files_of(OTHER).items() if "{{" in text] == []


def test_what_is_there_is_not_overwritten_and_nothing_else_is_written(tmp_path: Path) -> None:
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "lose-a-pod.md").write_text("mine")
    with pytest.raises(UsageError, match=r"but it has .*runbooks/lose-a-pod\.md; nothing was written"):
        write(Choices(), tmp_path)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["lose-a-pod.md"]
    assert (tmp_path / "runbooks" / "lose-a-pod.md").read_text() == "mine"


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        ({"namespace": "My Shop"}, "expected --namespace to be a name of lower-case letters"),
        ({"namespace": "x: y"}, "--namespace"),
        ({"deployment": ""}, "--deployment"),
        ({"journey": "../up"}, "--journey"),
        ({"selector": "app=web) or (true"}, "expected --selector to be a label selector"),
        ({"path": "menu"}, "expected --path to begin with a slash"),
        ({"url": "kiosk.example"}, "expected --url to be like https://shop.example"),
        ({"rate": "often"}, "--rate: expected a rate such as 40/s"),
        ({"rate": "0/s"}, "expected --rate to be above zero"),
    ],
)
def test_words_that_cannot_be_meant_are_refused(wrong: dict[str, Any], part: str, tmp_path: Path) -> None:
    with pytest.raises(GamedayError) as failure:
        write(Choices(**wrong), tmp_path)
    assert part in str(failure.value)
    assert list(tmp_path.iterdir()) == []


def test_the_command_prints_what_it_wrote_and_what_is_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(root, ["init", "own", "--namespace", "kiosk"])
    assert done.exit_code == 0, done.output
    assert "own/experiments/lose-a-pod.yaml" in done.output
    assert "next: cd own && gameday plan experiments/lose-a-pod.yaml" in done.output
    assert "deployment: kiosk" in (tmp_path / "own" / "experiments" / "lose-a-pod.yaml").read_text()
