"""Finding the cluster that is meant: kubeconfigs that are missing, damaged, or do not say which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gameday.errors import RefusedError
from gameday.kube import connect

GOOD = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "one",
    "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "u", "user": {"token": "t"}}],
    "contexts": [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in ("one", "two")],
}


def written(path: Path, content: Any) -> Path:
    file = path / "kubeconfig"
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return file


def test_a_kubeconfig_that_is_not_there_is_named_with_ways_out(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"expected a kubeconfig at .*/none, but there is none.*gameday staging up"):
        connect(kubeconfig=tmp_path / "none")


def test_the_environment_names_the_kubeconfig_where_no_option_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(written(tmp_path, GOOD)))
    assert connect().server == "https://127.0.0.1:1"
    assert connect(context="two").context == "two"


def test_of_several_kubeconfigs_those_that_exist_are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/none:{written(tmp_path, GOOD)}:")
    assert connect().server == "https://127.0.0.1:1"


def test_a_home_in_the_path_is_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, GOOD)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert connect(kubeconfig="~/kubeconfig").server == "https://127.0.0.1:1"


def test_an_unknown_context_is_told_together_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"expected a context of .* \(one, two\), but got 'three'"):
        connect(kubeconfig=written(tmp_path, GOOD), context="three")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "- a\n- list\n",
        "just a sentence",
        "\tno: yaml",
        {**GOOD, "current-context": "none"},
        {key: value for key, value in GOOD.items() if key != "current-context"},
        {**GOOD, "contexts": []},
        {**GOOD, "clusters": []},
        {**GOOD, "contexts": [{"name": "one"}]},
        {**GOOD, "clusters": [{"name": "c", "cluster": {"server": "https://h", "certificate-authority-data": "%%%"}}]},
        {**GOOD, "clusters": [{"name": "c", "cluster": {"server": "https://h", "certificate-authority": "/none/ca.pem"}}]},
        {**GOOD, "users": "u"},
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_refused_with_its_name(tmp_path: Path, content: Any) -> None:
    file = written(tmp_path, content)
    with pytest.raises(RefusedError) as caught:
        connect(kubeconfig=file)
    assert str(file) in str(caught.value)


def test_a_folder_is_no_kubeconfig(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="cannot be used"):
        connect(kubeconfig=tmp_path)
