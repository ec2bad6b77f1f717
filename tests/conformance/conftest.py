"""The cluster that the suite is held against: the one of `--kubeconfig`, or the embedded one, which only this file starts."""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.between import between
from tests.conformance.checking import Check
from tests.conformance.recording import Recorder
from tests.conformance.space import Images, space
from tests.conformance.transport import Http, Kubectl
from tests.results import CONFORMANCE, outcome, versions

IMAGES: Final = Images()
_OUTCOMES: Final = pytest.StashKey[dict[str, str]]()
AT_ONCE: Final = 6
"""How many checks go on at a time; most of them wait."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance")
    group.addoption("--kubeconfig", type=Path, help="run the checks against this cluster; without it, the embedded one")
    group.addoption("--result", type=Path, help="write what passed and failed to this file")
    group.addoption("--image", default=IMAGES.shell, help="an image with sh and the common small programs")
    group.addoption("--python-image", default=IMAGES.python, help="an image with python3")
    group.addoption("--image-pull-policy", default=IMAGES.pull_policy, help="how the cluster is to get these images")


@dataclass(frozen=True)
class Target:
    """A cluster, and how pods are made on it."""

    kubeconfig: Path
    http: Http
    kubectl: Kubectl
    images: Images
    recorder: Recorder | None
    """What the checks requested, on the embedded cluster."""
    prefix: str

    @property
    def is_embedded(self) -> bool:
        return self.recorder is not None

    def run(self, check: Check) -> None:
        """Hold the cluster to one check, in a namespace of its own."""
        with space(self.http, self.kubectl, self.images, self.prefix) as own:
            check.run(own)


def target_of(kubeconfig: Path, folder: Path, *, images: Images = IMAGES, recorder: Recorder | None = None) -> Target:
    """Return the cluster of a kubeconfig."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    prefix = f"conformance-{os.getpid()}-{secrets.token_hex(2)}"
    return Target(kubeconfig, Http.of(kubeconfig), Kubectl(kubeconfig, home), images, recorder, prefix)


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Start an embedded cluster with nothing on it."""
    from gameday import staging  # noqa: PLC0415  # nothing else here knows the product

    started = staging.up(directory=tmp_path_factory.mktemp("conformance") / "cluster", manifests=[], detach=False)
    yield started.kubeconfig
    started.stop()


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Return the cluster that this session is about."""
    option, folder = request.config.getoption, tmp_path_factory.mktemp("target")
    images = Images(
        option("--image", IMAGES.shell),
        option("--python-image", IMAGES.python),
        option("--image-pull-policy", IMAGES.pull_policy),
    )
    given: Path | None = option("--kubeconfig", None)
    if given is not None:
        yield target_of(given, folder, images=images)
        return
    recorder = Recorder()
    embedded: Path = request.getfixturevalue("embedded")
    with between(embedded, folder, recorder.intercept) as kubeconfig:
        yield target_of(kubeconfig, folder, images=images, recorder=recorder)


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest, target: Target) -> Iterator[dict[str, Future[None]]]:
    """Run all checks that were asked for, several at a time; each test waits for its own."""
    calls = (getattr(item, "callspec", None) for item in request.session.items)
    asked = [call.params["check"] for call in calls if call is not None and "check" in call.params]
    with ExitStack() as stack:
        pool = ThreadPoolExecutor(AT_ONCE)
        stack.callback(pool.shutdown, cancel_futures=True)
        yield {check.id: pool.submit(target.run, check) for check in asked}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note what each check came to, for `--result`."""
    report = yield
    check = getattr(item, "callspec", None) and item.callspec.params.get("check")  # type: ignore[attr-defined]
    if check is not None and (call.when == "call" or report.outcome != "passed"):
        item.session.stash.setdefault(_OUTCOMES, {})[check.id] = outcome(report, call)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the result, if asked to."""
    path, kubeconfig = session.config.getoption("--result", None), session.config.getoption("--kubeconfig", None)
    if path is None or kubeconfig is None:
        return
    found: dict[str, str] = session.stash.setdefault(_OUTCOMES, {})
    CONFORMANCE.write(path, versions(kubeconfig), found)
