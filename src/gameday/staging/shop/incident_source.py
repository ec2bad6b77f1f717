"""Where the status page reads what is announced: one ConfigMap of the cluster, or without a cluster a file like it.

The ConfigMap is asked for through the API, once a second: as a mounted file it would be up to a minute late,
and a status page that is a minute late tells people the wrong thing for a minute. Where the API does not answer, what was
announced last goes on being said.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from gameday.staging.shop.kube_api import KubeApi, KubeError
from gameday.staging.shop.settings import Environment
from gameday.staging.shop.speech import say

PAUSE_SECONDS = 1.0
TIMEOUT_SECONDS = 3.0

Read = Callable[[], Awaitable[Mapping[str, str]]]
"""Returns what the sources say, by name; KubeError, OSError or ValueError where it cannot be had."""


def source_of(environment: Environment) -> Read:
    """Return what reads the announcements, as the environment says."""
    name = environment.variables.get("INCIDENT_CONFIGMAP", "")
    if not name:
        path = environment.folder("DATA_DIR") / "announcements.json"
        return lambda: asyncio.to_thread(read_file, path)
    api = KubeApi.from_environment(environment, timeout_seconds=TIMEOUT_SECONDS)
    return config_map(api, f"/api/v1/namespaces/{environment.text('NAMESPACE')}/configmaps/{name}")


def config_map(api: KubeApi, path: str) -> Read:
    """Return what reads one ConfigMap; where there is no such ConfigMap, it says nothing."""

    async def read() -> Mapping[str, str]:
        data = (await api.get(path)).get("data") or {}
        return {str(key): str(text) for key, text in data.items()}

    return read


def read_file(path: Path) -> dict[str, str]:
    """Return what a file says; nothing where there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {str(key): str(text) for key, text in value.items()}


async def follow(read: Read, take: Callable[[Mapping[str, str]], None], *, pause_seconds: float = PAUSE_SECONDS) -> None:
    """Hand over what the sources say, again and again, for as long as the service lives."""
    trouble = ""
    while True:
        try:
            take(await read())
            trouble = ""
        except (KubeError, OSError, ValueError) as error:
            if str(error) != trouble:
                trouble = str(error)
                say("warning", "announcements cannot be read", reason=trouble)
        await asyncio.sleep(pause_seconds)
