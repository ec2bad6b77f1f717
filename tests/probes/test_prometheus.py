"""Queries of a real Prometheus, from the distribution's package, which scrapes itself on loopback."""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gameday.change import Measurement, ProbeSpec, bind
from gameday.change.registry import registered
from gameday.errors import BadParameterError, NoMeasurementError

BINARY = shutil.which("prometheus")
WITHOUT = "there is no prometheus here; Debian, Ubuntu: apt install prometheus (its service need not run)"
pytestmark = pytest.mark.skipif(BINARY is None, reason=WITHOUT)
CONFIGURATION = """\
global: {scrape_interval: 3s, scrape_timeout: 3s}
scrape_configs:
  - job_name: itself
    static_configs: [{targets: ["127.0.0.1:%d"]}]
  - job_name: nobody
    static_configs: [{targets: ["127.0.0.1:1"]}]
"""


def measured(url: str, query: str, **arguments: Any) -> Measurement:
    spec = registered("gameday.probes.prometheus.query")
    assert isinstance(spec, ProbeSpec)
    nothing: Any = None
    return spec.measure(nothing, **bind(spec.measure, spec.name, {"url": url, "query": query, **arguments}))


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start one on a free port, and wait until it has scraped itself."""
    folder: Path = tmp_path_factory.mktemp("prometheus")
    # Not one of those that the system gives out to whoever asks for any: it will have to be free a moment later.
    port = _free_port()
    (folder / "prometheus.yml").write_text(CONFIGURATION % port)
    words = [str(BINARY), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*words, f"--web.listen-address=127.0.0.1:{port}"], stderr=log, stdout=log)
    url = f"http://127.0.0.1:{port}"
    end = time.monotonic() + 90
    try:
        while not _has_scraped(url):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end, (folder / "log").read_text()
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(60)


def _free_port() -> int:
    while True:
        try:
            with socket.create_server(("127.0.0.1", 10_000 + secrets.randbelow(20_000))) as free:
                return int(free.getsockname()[1])
        except OSError:
            continue


def _has_scraped(url: str) -> bool:
    try:
        return measured(url, "count(up == 1) * count(up == 0)").value == 1
    except NoMeasurementError:
        return False


@pytest.mark.parametrize(
    ("query", "value"),
    [("1 + 1", 2), ("vector(-0.5)", -0.5), ('up{job="itself"}', 1), ('up{job="nobody"}', 0), ("100 * sum(up) / count(up)", 50)],
)
def test_a_query_of_one_number_is_measured(prometheus: str, query: str, value: float) -> None:
    found = measured(prometheus, query, unit="things")
    assert (found.value, found.unit) == (value, "things")


def test_what_was_seen_names_the_series(prometheus: str) -> None:
    found = measured(prometheus, 'up{job="nobody"}')
    assert 'job="nobody"' in found.seen
    assert found.seen.startswith('up{job="nobody"} is 0 for {')


def test_an_address_with_a_prefix_or_a_slash_at_its_end_works(prometheus: str) -> None:
    assert measured(f"{prometheus}/", "1").value == 1


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("no_such_metric", "no series matches 'no_such_metric'"),
        ("up", "expected one series of 'up', but got 2"),
        ("0 / 0", "'0 / 0' is NaN, which is no number"),
        ("1 / vector(0)", "is +Inf, which is no number"),
    ],
)
def test_what_is_not_one_number_is_no_measurement(prometheus: str, query: str, part: str) -> None:
    with pytest.raises(NoMeasurementError) as failure:
        measured(prometheus, query)
    assert part in str(failure.value)


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("sum(", "is refused, bad_data: "),
        ("up[1m]", "expected 'up[1m]' to yield one number, but it yields a matrix"),
        ('"text"', "to yield one number, but it yields a string"),
    ],
)
def test_a_query_that_cannot_be_meant_is_refused(prometheus: str, query: str, part: str) -> None:
    with pytest.raises(BadParameterError) as failure:
        measured(prometheus, query)
    assert part in str(failure.value)


def test_a_server_that_is_no_prometheus_is_told_from_one(prometheus: str) -> None:
    with pytest.raises(NoMeasurementError, match=r"expected the answer of a Prometheus.* 404"):
        measured(f"{prometheus}/elsewhere", "1")


@pytest.mark.parametrize("settle_seconds", [-1, 601, True])
def test_a_wait_that_cannot_be_meant_is_refused(prometheus: str, settle_seconds: float) -> None:
    with pytest.raises(BadParameterError, match="expected settle_seconds"):
        measured(prometheus, "1", settle_seconds=settle_seconds)
