"""The program: starts fast and imports little, and says what is wrong with its words."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gameday.interpose import door
from gameday.interpose.__main__ import main
from tests.interpose.conftest import Stand
from tests.interpose.standing import Standing, until
from tests.interpose.talking import once
from tests.interpose.upstream import Address, Upstream, content

GIVEN = ["--listen", "127.0.0.1:0", "--upstream", "127.0.0.1:1", "--admin", "127.0.0.1:0", "--settings", "none.json"]


def test_it_imports_neither_kubernetes_nor_chaos_toolkit_nor_another_room() -> None:
    script = "import sys, gameday.interpose.__main__; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    assert not modules & {"kubernetes", "chaoslib", "chaostoolkit", "aiohttp", "yaml", "urllib3", "http.client"}
    ours = {name.split(".")[1] for name in modules if name.startswith("gameday.")}
    assert ours == {"interpose", "errors", "durations", "logs"}


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--listen", "8080", "expected HOST:PORT, found '8080'"),
        ("--upstream", "shop:99999", "expected HOST:PORT, found 'shop:99999'"),
        ("--drain", "soon", "expected a duration such as 30s"),
        ("--protocol", "udp", "invalid choice: 'udp'"),
    ],
)
def test_words_that_cannot_be_meant_are_refused(
    capsys: pytest.CaptureFixture[str], option: str, value: str, expected: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*GIVEN, option, value])
    assert ended.value.code == 2
    assert expected in capsys.readouterr().err


def test_an_address_that_is_taken_is_told_and_the_exit_status_says_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        words = [sys.executable, "-m", "gameday.interpose", *GIVEN, "--listen", listen]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 3
    assert "Address already in use" in done.stderr


def test_it_is_ready_once_the_upstream_was_there(tmp_path: Path) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        words = [*GIVEN, "--upstream", f"127.0.0.1:{reserved.getsockname()[1]}"]
        process = subprocess.Popen(
            [sys.executable, "-m", "gameday.interpose", *words], stderr=subprocess.PIPE, text=True, cwd=tmp_path
        )
        try:
            proxy = Standing.of(process, tmp_path)
            assert proxy.ask("/readyz") == (503, {"upstream_was_reached": False, "draining": False, "settings": "passing"})
            assert proxy.ask("/livez")[0] == 200
            reserved.listen()
            until(lambda: proxy.ask("/readyz")[0] == 200)
            proxy.terminate()
            assert proxy.ended() == 0
        finally:
            process.kill()
            process.wait()


async def test_a_port_that_is_drawn_is_nobody_elses_before_connections_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Any] = []

    def bound_after_somebody_else(address: Address) -> socket.socket:
        if address[1]:
            tried.append(address)
            with socket.socket() as another, pytest.raises(OSError, match="in use"):
                another.bind(address)
        return bound(address)

    bound = door._bound
    monkeypatch.setattr(door, "_bound", bound_after_somebody_else)
    made = door.Door(("127.0.0.1", 0), lambda _: None)
    assert tried == [made.address]
    made.close()


def test_what_the_admin_port_does_not_have_is_not_found(stand: Stand, upstream: Upstream) -> None:
    proxy = stand(upstream.address)
    status, body = once(proxy.admin, "/metrics")
    assert (status, body) == (404, b'{"expected": "/counts, /readyz, /livez", "found": "/metrics"}\n')
    assert once(proxy.admin, "/counts", method="POST", body=b"")[0] == 405
    assert proxy.process.poll() is None


def test_it_survives_running_out_of_descriptors(stand: Stand, upstream: Upstream) -> None:
    proxy = stand(upstream.address)
    subprocess.run(["prlimit", "--pid", str(proxy.process.pid), "--nofile=24:"], check=True)
    clients = [socket.create_connection(proxy.address, timeout=20) for _ in range(30)]
    for client in clients:
        client.close()
    subprocess.run(["prlimit", "--pid", str(proxy.process.pid), "--nofile=1024:"], check=True)
    assert once(proxy.address, "/sized/5") == (200, content(5))
    os.kill(proxy.process.pid, signal.SIGINT)
    assert proxy.ended() == 0
