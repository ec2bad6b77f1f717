"""docs/your-own-shop.md is followed on a real Kubernetes as well: with kubectl, `gameday install`, and an image not of ours."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.conftest import Real
from tests.e2e.test_your_own_shop import (  # noqa: F401  # what holds on the embedded cluster, on this one
    BLOCK,
    DOWN,
    PAGE,
    Followed,
    bash,
    script,
    test_both_runs_end_as_expected_with_faults_that_landed_and_nothing_left_behind,
    test_every_command_of_the_page_succeeds,
    test_the_workspace_s_own_action_and_probe_are_listed,
)

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("as_before")]

IS_IT_OURS = "import importlib.util; print(importlib.util.find_spec('gameday'))"
LOOK = f"""\
kubectl exec -n kiosk deployment/kiosk -- python -c "{IS_IT_OURS}" > found.txt
kubectl get pods -n kiosk -l app=kiosk -o jsonpath='{{.items[*].spec.containers[*].image}}' > images.txt
"""


def installing() -> str:
    """Return what the page says to do on a cluster of one's own, with the image that is on this one."""
    (own,) = (block["text"] for block in BLOCK.finditer(PAGE) if block["language"] == "text")
    return str(own).replace("--image IMAGE", "--image gameday --yes")


@pytest.fixture(scope="module")
def followed(shop_on: Real, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Followed]:
    """Follow the page from its first command to its last, with the cluster as the only one that is known."""
    folder, aside = tmp_path_factory.mktemp("own-shop"), tmp_path_factory.mktemp("blocks")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GAMEDAY_", "KUBECONFIG"))}
    path = f"{Path(sys.executable).parent}:{kept['PATH']}"
    own = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "NO_COLOR": "1", "PATH": path}
    environment = kept | own | {"KUBECONFIG": str(shop_on.kubeconfig)}
    try:
        yield Followed(folder, bash(script(aside, up=installing(), down=LOOK), folder, environment))
    finally:
        shop_on.kubectl("delete", "namespace", "kiosk", "--ignore-not-found", "--timeout=60s")
        shop_on.kubectl("label", "--overwrite", "namespace", "gameday-system", "gameday.dev/cluster-name=real")


def test_the_shop_s_pods_have_nothing_of_gameday_in_them(followed: Followed) -> None:
    assert DOWN in PAGE
    assert (followed.folder / "found.txt").read_text() == "None\n"
    assert set((followed.folder / "images.txt").read_text().split()) == {"python:3.12-slim"}
