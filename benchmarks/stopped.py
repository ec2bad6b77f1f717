"""The experiments that are stopped in the middle, the same for gameday and for plain Chaos Toolkit, and what they are stopped by.

Each scales payment down, and then something runs for long. Both tools watch the same address, as often as each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from wire import BLOCKED_SECONDS

Json = dict[str, Any]

WINDOW_SECONDS: Final = 0.2
"""How often a probe looks, and how long a stretch of samples is judged by."""
PAYMENT: Final = "/apis/apps/v1/namespaces/shop/deployments/payment"
ACTIVITY, THREADS, PAUSE, BACKGROUND, HYPOTHESIS = LONG = (
    "an activity",
    "an activity that waits for threads of its own",
    "a pause",
    "a background action beside a pause",
    "a probe of the hypothesis",
)
"""What runs for twenty seconds when the breach comes."""
IN_METHOD: Final = LONG[:-1]
"""All of it but what blocks a hypothesis, which cannot also be the hypothesis that is to fail fast."""

_SLEEP: Final[Json] = {"type": "process", "path": "sleep", "arguments": f"{BLOCKED_SECONDS:g}"}
_SCRIPT: Final[Json] = {"type": "python", "module": "runpy", "func": "run_path", "arguments": {"path_name": "threads.py"}}
_PAUSE: Final[Json] = {"after": BLOCKED_SECONDS}
_AFTERWARDS: Final[Mapping[str, Sequence[Json]]] = {
    ACTIVITY: [{"type": "action", "name": "take long", "provider": _SLEEP}],
    THREADS: [{"type": "action", "name": "take long in threads", "provider": _SCRIPT}],
    PAUSE: [{"type": "action", "name": "wait", "provider": {"type": "process", "path": "true"}, "pauses": _PAUSE}],
    BACKGROUND: [
        {"type": "action", "name": "take long beside", "background": True, "provider": _SLEEP},
        {"type": "action", "name": "wait", "provider": {"type": "process", "path": "true"}, "pauses": _PAUSE},
    ],
}

PROJECT: Final = {
    "threads.py": f"""\
from concurrent.futures import ThreadPoolExecutor
from time import sleep

with ThreadPoolExecutor() as pool:
    pool.submit(sleep, {BLOCKED_SECONDS:g}).result()
""",
    "journeys/watched.yaml": """\
name: watched
steps: [{name: look, path: /watched, expect: {status: 200}}]
""",
    "probes/watched.py": '''\
"""What a stop condition looks at."""

from urllib.error import HTTPError
from urllib.request import urlopen

from gameday.change import Measurement, probe


@probe
def answers(observations, *, url: str) -> Measurement:
    """Measure the status with which an address answers."""
    try:
        with urlopen(url, timeout=5) as answer:
            status = answer.status
    except HTTPError as error:
        status = error.code
    return Measurement(status, "(HTTP)", f"{url} answered {status}", samples=1)
''',
}
"""The files of the project from which gameday runs its experiments."""


def on_probe(long: str, address: str) -> Json:
    """Return an experiment of ours that stops by a probe's bounds."""
    probe = {"probe": "gameday_workspace.probes.watched.answers", "with": {"url": f"{address}/watched"}}
    return _ours(long, address, {"stop": [{**probe, "within": [200, 200], "every": WINDOW_SECONDS}]})


def on_samples(long: str, address: str) -> Json:
    """Return an experiment of ours that stops by the stream of its customers' samples."""
    traffic = {"journey": "watched", "rate": "40/s", "url": address}
    return _ours(long, address, {"stop": [{"success_below": 90, "for": WINDOW_SECONDS}], "traffic": traffic})


def on_nothing(long: str, address: str) -> Json:
    """Return an experiment of ours that nothing stops."""
    return _ours(long, address, {})


def on_hypothesis(long: str, address: str) -> Json:
    """Return an experiment of Chaos Toolkit's whose hypothesis is what is watched."""
    return _theirs(long, address, _probe("it answers well", f"{address}/watched"))


def on_safeguard(long: str, address: str) -> Json:
    """Return an experiment of Chaos Toolkit's with a safeguard that watches."""
    watching = {**_probe("it answers well", f"{address}/watched"), "frequency": WINDOW_SECONDS}
    safeguards = {"type": "python", "module": "chaosaddons.controls.safeguards", "arguments": {"probes": [watching]}}
    document = _theirs(long, address, _steady(long, address))
    return {**document, "controls": [{"name": "safeguard", "provider": safeguards}]}


def _ours(long: str, address: str, block: Json) -> Json:
    arguments = {"namespace": "shop", "name": "payment", "replicas": 1}
    provider = {"type": "python", "module": "gameday.actions.workloads", "func": "scale", "arguments": arguments}
    document = _document(long, provider, _steady(long, address))
    return {**document, "extensions": [{"name": "gameday", "namespaces": ["shop"], "baseline": "1s", **block}]}


def _theirs(long: str, address: str, probe: Json) -> Json:
    document = _document(long, _scaled(address, replicas=1), probe)
    return {**document, "rollbacks": [{"type": "action", "name": "scale payment back", "provider": _scaled(address, replicas=2)}]}


def _document(long: str, provider: Json, probe: Json) -> Json:
    return {
        "version": "1.0.0",
        "title": "To be stopped",
        "description": "Less of payment, and then something that takes long.",
        "steady-state-hypothesis": {"title": "It answers", "probes": [probe]},
        "method": [{"type": "action", "name": "scale payment down", "provider": provider}, *_AFTERWARDS.get(long, ())],
    }


def _steady(long: str, address: str) -> Json:
    return _probe("it answers", f"{address}/blocks" if long == HYPOTHESIS else f"{address}/version")


def _probe(name: str, url: str) -> Json:
    return {"type": "probe", "name": name, "tolerance": 200, "provider": {"type": "http", "url": url}}


def _scaled(address: str, *, replicas: int) -> Json:
    return {
        "type": "http",
        "method": "PATCH",
        "url": f"{address}{PAYMENT}",
        "headers": {"Content-Type": "application/merge-patch+json"},
        "arguments": f'{{"spec": {{"replicas": {replicas}}}}}',
    }
