"""The interposing proxy while it passes everything through: what it costs, beside no proxy at all and beside other proxies.

Clients, server and proxy are a process each, one thread in each, on whichever core the kernel puts them. Peers: `proxy.py`, and
of `mitmdump` and `haproxy` those on PATH.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from measuring import Figure

_KNOCKING: Final = Path(__file__).with_name("knocking.py")
_SECONDS: Final = 2.0
_TURNS: Final = 5
_MANY: Final = 32
_PATIENCE_SECONDS: Final = 20.0
_OURS: Final = "ours"
_NOTHING: Final = "nothing between"
_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_KINDS: Final = {
    "shop": "a service of the demo shop",
    "nothing": "a server that does nothing",
}
_HIT: Final = {"path": "/submit*", "percent": 30, "customer": {"cookie": "customer"}}
_RULES: Final = [
    {"name": "submit", "match": _HIT, "fault": {"kind": "hang"}},
    {"name": "uploads", "match": {"methods": ["PUT"], "headers": {"host": "*.s3"}}, "fault": {"kind": "status", "status": 503}},
]
_HAPROXY: Final = """global
  nbthread 1
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 5s
listen all
  bind 127.0.0.1:PORT
  server one 127.0.0.1:UPSTREAM
"""
Found = Mapping[str, float]
Turns = Mapping[str, list[dict[str, float]]]
"""What was found by name of what stood between, in each turn."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is asked: a server, and what stands before it."""

    upstream: int
    ports: Mapping[str, int]
    processes: Mapping[str, int]


def passing() -> Iterator[Figure]:
    """Measure throughput with many connections before two kinds of server, and latency with one connection, all in turns."""
    loop = "on uvloop" if importlib.util.find_spec("uvloop") else "on asyncio's own loop"
    for kind, about in _KINDS.items():
        with _standing(kind) as standing:
            many = _in_turns(standing, _MANY)
            one = _in_turns(standing, 1) if kind == "shop" else {}
        target = 40.0 if kind == "shop" else None
        yield _figure(f"throughput lost: {about}", _beside_nothing(many, _share_lost), unit="%", target=target, note=loop)
        yield _figure("… requests a second", _of(many, "per_second"), unit="/s")
        if one:
            yield _figure("… time of a core for a request", _of(many, "core_us"), unit="us", note="beside nothing: the server's")
            yield _figure(f"… 99th percentile, {_MANY} connections", _of(many, "p99"))
            added = _beside_nothing(one, lambda mine, none: mine["median"] - none["median"])
            yield _figure("… one connection: added at the median", added, target=0.001)
            yield _figure("… one connection: 99th percentile", _of(one, "p99"))


def _figure(what: str, values: Mapping[str, list[float]], **members: Any) -> Figure:
    beside = {name: found for name, found in values.items() if name != _OURS}
    return Figure(what, values[_OURS], beside, **members)


def _of(turns: Turns, key: str) -> dict[str, list[float]]:
    digits = {"core_us": 1, "per_second": 0}.get(key, 6)
    return {name: [round(turn[key], digits) for turn in found] for name, found in turns.items()}


def _beside_nothing(turns: Turns, compared: Callable[[Found, Found], float]) -> dict[str, list[float]]:
    """Compare each turn with the one in which nothing stood between."""
    others = {name: found for name, found in turns.items() if name != _NOTHING}
    return {name: [compared(*pair) for pair in zip(found, turns[_NOTHING], strict=True)] for name, found in others.items()}


def _share_lost(mine: Found, none: Found) -> float:
    return round(100 * (1 - mine["per_second"] / none["per_second"]), 1)


def _in_turns(standing: Standing, connections: int) -> dict[str, list[dict[str, float]]]:
    found: dict[str, list[dict[str, float]]] = {name: [] for name in standing.ports}
    for _ in range(_TURNS):
        for name in standing.ports:
            before = _core_seconds(standing.processes[name])
            answered = _knock(name, standing, connections)
            spent = _core_seconds(standing.processes[name]) - before
            found[name].append({**answered, "core_us": spent / answered["total"] * 1e6})
    return found


def _knock(name: str, standing: Standing, connections: int) -> dict[str, float]:
    target = f"http://127.0.0.1:{standing.upstream}/products" if name == "proxy.py" else "/products"
    words = [sys.executable, str(_KNOCKING), "knock", str(standing.ports[name]), str(connections), str(_SECONDS)]
    done = subprocess.run([*words, target], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{name}: {done.stderr}"
    answered: dict[str, float] = json.loads(done.stdout)
    return answered


@contextmanager
def _standing(kind: str) -> Iterator[Standing]:
    """Have a server of this kind, and every proxy before it."""
    with tempfile.TemporaryDirectory(prefix="gameday-bench-") as folder, ExitStack() as stack:
        upstream = _free_port()
        words = [sys.executable, str(_KNOCKING), "serve", str(upstream)]
        if kind == "shop":
            words = ["env", f"PORT={upstream}", sys.executable, "-m", "gameday.staging.shop", "inventory"]
        server = stack.enter_context(_process(words, upstream))
        ports, processes = {_NOTHING: upstream}, {_NOTHING: server}
        for name, words in _proxies(upstream, Path(folder)).items():
            port = _free_port()
            (Path(folder) / "haproxy.cfg").write_text(_HAPROXY.replace("UPSTREAM", str(upstream)).replace("PORT", str(port)))
            processes[name] = stack.enter_context(_process([word.replace("PORT", str(port)) for word in words], port))
            ports[name] = port
        yield Standing(upstream, ports, processes)


def _proxies(upstream: int, folder: Path) -> dict[str, list[str]]:
    """Return the commands of ours, passing and with rules that match nothing that is asked, and of the peers that are there."""
    ours = [sys.executable, "-m", "gameday.interpose", "--listen", "127.0.0.1:PORT", "--upstream", f"127.0.0.1:{upstream}"]
    ours += ["--admin", "127.0.0.1:0", "--settings"]
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    (folder / "rules.json").write_text(json.dumps({"id": "bench", "protocol": "http", "rules": _RULES, "until": ends}))
    found = {_OURS: [*ours, str(folder / "none.json")], "ours, with two rules": [*ours, str(folder / "rules.json")]}
    found["proxy.py"] = [sys.executable, "-m", "proxy", "--hostname", "127.0.0.1", "--port", "PORT", "--num-workers", "1"]
    found["proxy.py"] += ["--num-acceptors", "1", "--log-level", "ERROR"]
    if shutil.which("mitmdump"):
        found["mitmproxy"] = ["mitmdump", "-q", "-p", "PORT", "--listen-host", "127.0.0.1", "--set", f"confdir={folder}"]
        found["mitmproxy"] += ["--mode", f"reverse:http://127.0.0.1:{upstream}"]
    if shutil.which("haproxy"):
        found["haproxy"] = ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")]
    return found


@contextmanager
def _process(words: list[str], port: int) -> Iterator[int]:
    """Run one until the end, and wait until it listens; its process id."""
    running = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await(port, running)
        yield running.pid
    finally:
        running.terminate()
        try:
            running.wait(15)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def _await(port: int, running: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        assert running.poll() is None, f"{running.args!r} ended with {running.returncode}"
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert time.monotonic() < deadline, f"{running.args!r} does not listen"
            time.sleep(0.05)
        else:
            return


def _core_seconds(process: int) -> float:
    """Return what time of a core a process has had, with those that it has started."""
    own = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, _, rest = stat.read_text().partition(" (")
        except OSError:
            continue
        fields = rest.rpartition(") ")[2].split()
        if int(pid) == process or int(fields[1]) == process:
            own += (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND
    return own


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
