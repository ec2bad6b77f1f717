"""When and by whose leave a plan runs, as its file says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday.errors import InvalidFileError
from gameday.gameday import GameDay, load_gameday
from gameday.gameday.model import ApprovalSpec, Window
from gameday.workspace import Catalogue

PLAN = "title: A day\nnamespaces: [shop]\nrounds: [{experiment: pod-loss}]\n"


def read(text: str, folder: Path) -> GameDay:
    path = folder / "g.yaml"
    path.write_text(PLAN + text)
    return load_gameday(path, catalogue=Catalogue.around(path))


def test_a_plan_without_these_keys_runs_at_any_time_and_by_nobodys_leave(tmp_path: Path) -> None:
    plan = read("", tmp_path)
    assert (plan.windows, plan.freezes, plan.approvals) == ((), (), None)


@pytest.mark.parametrize(
    ("entry", "window"),
    [
        ('{days: [mon..fri], from: "09:00", to: "16:00", timezone: UTC}', Window((0, 1, 2, 3, 4), 540, 960, "UTC")),
        ("{days: [sat, Sunday], timezone: Europe/Berlin}", Window((5, 6), 0, 1440, "Europe/Berlin")),
        ('{days: fri..mon, from: "22:00", to: "6:00", timezone: UTC}', Window((0, 4, 5, 6), 1320, 360, "UTC")),
        ('{from: "09:30", to: "24:00", timezone: UTC}', Window((0, 1, 2, 3, 4, 5, 6), 570, 1440, "UTC")),
    ],
)
def test_windows_are_days_and_hours_of_a_time_zone(entry: str, window: Window, tmp_path: Path) -> None:
    assert read(f"windows: [{entry}]\n", tmp_path).windows == (window,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("windows: []", "at least one window"),
        ("windows: [{days: [mon]}]", "'timezone' is missing"),
        ("windows: [{timezone: Berlin}]", "Europe/Berlin or UTC, but got 'Berlin'"),
        ("windows: [{timezone: ../UTC}]", "but got '../UTC'"),
        ("windows: [{days: [mo], timezone: UTC}]", "got 'mo'"),
        ("windows: [{days: [mon..], timezone: UTC}]", "got 'mon..'"),
        ("windows: [{days: [], timezone: UTC}]", "at least one"),
        ("windows: [{from: 16:00, timezone: UTC}]", "got 960; put it in quotes"),
        ("windows: [{from: 9, timezone: UTC}]", "put it in quotes"),
        ('windows: [{to: "24:01", timezone: UTC}]', "got '24:01'"),
        ('windows: [{from: "24:00", timezone: UTC}]', "got '24:00'"),
        ('windows: [{from: "9:00", to: "09:00", timezone: UTC}]', "are the same"),
        ("windows: [{day: [mon], timezone: UTC}]", "did you mean 'days'"),
        ("freezes: https://example.com/f.ics", "fetch it before the run"),
        ("freezes: {a: b}", "expected a list of texts"),
        ("approvals: {required: 0, keys: k}", "from 1 up, but got 0"),
        ("approvals: {required: 1}", "'keys' is missing"),
        ("approvals: {key: k}", "did you mean 'keys'"),
    ],
)
def test_what_is_wrong_is_said(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError) as caught:
        read(text + "\n", tmp_path)
    assert any(words in problem.message and problem.line >= 4 for problem in caught.value.problems), str(caught.value)


def test_files_are_beside_the_plan_and_a_missing_one_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "here.ics").touch()
    plan = read("freezes: [here.ics, ../gone.ics]\napprovals: {keys: signers}\n", tmp_path)
    assert plan.freezes == (tmp_path / "here.ics", tmp_path / "../gone.ics")
    assert plan.approvals == ApprovalSpec(1, tmp_path / "signers")
    told = [(problem.line, problem.message) for problem in plan.warnings]
    assert told == [
        (4, "there is no calendar at ../gone.ics; without it, a run is refused"),
        (5, "there is no list of keys at signers; without it, a run is refused"),
    ]


@pytest.mark.parametrize("value", ["1", "50", "100", "0", "101", "half", "null"])
def test_a_share_is_a_percentage(value: str, tmp_path: Path) -> None:
    experiment = (Path(__file__).parents[2] / "experiments" / "pod-loss.yaml").read_text()
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "pod-loss.yaml").write_text(experiment.replace("pods: 1", f"pods: 1, percent: {value}"))
    if value not in {"1", "50", "100"}:
        with pytest.raises(InvalidFileError, match="percent: expected a whole number from 1 to 100"):
            read("", tmp_path)
    else:
        assert read("", tmp_path).rounds[0].experiment.caps["percent"] == int(value)
