"""Waiting until everything on a cluster is Ready, over its API and with the standard library only.

It knows a cluster by its kubeconfig, so it does the same for any cluster whose kubeconfig holds a token.
"""

from __future__ import annotations

import base64
import json
import ssl
import time
import urllib.request
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gameday.errors import ClusterError, UnreachableError

Object = dict[str, Any]
POLL_SECONDS: Final = 0.05
_WORKLOADS: Final = ("apis/apps/v1/deployments", "apis/apps/v1/statefulsets", "apis/apps/v1/daemonsets")


class NotReadyError(ClusterError):
    """Not everything became Ready in time; the text names what did not."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the workloads are: pods that are Ready, of those that are wanted."""

    ready: int
    wanted: int
    waiting_for: tuple[str, ...]
    """The workloads that are not Ready, as `namespace/name`."""


def wait_ready(
    kubeconfig: Path,
    *,
    namespaces: Collection[str] | None = None,
    timeout_seconds: float = 60.0,
    progress: Callable[[Progress], None] | None = None,
) -> Progress:
    """Return when all workloads (of these namespaces) are Ready; raise NotReadyError when time is over."""
    url, opener = connection(kubeconfig)
    end = time.monotonic() + timeout_seconds
    last: Progress | None = None
    while True:
        found = _progress(url, opener, namespaces)
        if progress is not None and found != last:
            progress(found)
        last = found
        if not found.waiting_for:
            return found
        if time.monotonic() >= end:
            waiting = ", ".join(found.waiting_for)
            raise NotReadyError(
                f"expected every workload to be Ready within {timeout_seconds:g} s, "
                f"found {found.ready} of {found.wanted} pods Ready; "
                f"not Ready: {waiting}; look at `kubectl --kubeconfig {kubeconfig} get pods -A`"
            )
        time.sleep(POLL_SECONDS)


def connection(kubeconfig: Path) -> tuple[str, urllib.request.OpenerDirector]:
    """Return the address of a cluster whose kubeconfig holds a token, and what opens its URLs."""
    config = json.loads(kubeconfig.read_text(encoding="utf-8"))
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    opener.addheaders = [("Authorization", f"Bearer {user['token']}")]
    return cluster["server"], opener


def _progress(url: str, opener: urllib.request.OpenerDirector, namespaces: Collection[str] | None) -> Progress:
    ready = wanted = 0
    waiting = []
    for path in _WORKLOADS:
        for item in _items(f"{url}/{path}", opener):
            metadata = item["metadata"]
            if namespaces is not None and metadata["namespace"] not in namespaces:
                continue
            has, wants = _counts(item)
            ready, wanted = ready + min(has, wants), wanted + wants
            if has < wants or item.get("status", {}).get("observedGeneration") != metadata["generation"]:
                waiting.append(f"{metadata['namespace']}/{metadata['name']}")
    return Progress(ready, wanted, tuple(waiting))


def _items(url: str, opener: urllib.request.OpenerDirector) -> list[Object]:
    try:
        with opener.open(url, timeout=10) as answer:
            found: list[Object] = json.load(answer)["items"]
    except OSError as error:
        raise UnreachableError(f"expected the embedded cluster to answer at {url}, found: {error}") from error
    return found


def _counts(workload: Object) -> tuple[int, int]:
    status = workload.get("status") or {}
    if "numberReady" in status:
        return status["numberReady"], status["desiredNumberScheduled"]
    wanted = workload.get("spec", {}).get("replicas", 1)
    return min(status.get("readyReplicas", 0), status.get("updatedReplicas", 0)), wanted
