"""Logs read back while their pod goes."""

from __future__ import annotations

import shutil
from contextlib import aclosing
from pathlib import Path

from gameday.staging.node.logs import ContainerLogs
from gameday.staging.node.pod import log_folder, log_paths
from gameday.staging.resources import PODS
from gameday.staging.store import Store


async def test_a_log_is_followed_to_its_end_although_pod_and_files_go_meanwhile(tmp_path: Path) -> None:
    store = Store()
    pod = store.create(PODS, {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "main", "image": "x"}]}})
    running = {"name": "main", "restartCount": 0, "state": {"running": {}}}
    store.update(PODS, {**pod, "status": {"phase": "Running", "containerStatuses": [running]}}, subresource="status")
    path = log_paths(tmp_path, pod)("main", 0)
    path.parent.mkdir(parents=True)
    path.write_text("2026-05-01T12:00:00.000000000Z stdout F first\n")
    pieces = ContainerLogs(store, tmp_path)(
        "default", "a", "main", follow=True, tail_lines=None, previous=False, since_seconds=None, timestamps=False
    )
    async with aclosing(pieces):  # type: ignore[type-var]  # a generator
        assert (await anext(pieces)).endswith(b"first\n")
        with path.open("a") as more:
            more.write("2026-05-01T12:00:01.000000000Z stdout F last\n")
        store.delete(PODS, "default", "a", grace_seconds=0)
        shutil.rmtree(log_folder(tmp_path, pod))
        assert [piece.split()[-1] async for piece in pieces] == [b"last"]
