"""The seam to the node: how the API asks for what a container wrote, and streams it to the client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from aiohttp import web

from gameday.staging.api.call import Backend, Call
from gameday.staging.errors import BadRequest, NotImplemented501
from gameday.staging.store import Object


class LogProvider(Protocol):
    """Whoever has the logs of containers; raises an ApiError if it has none to give."""

    def __call__(
        self,
        namespace: str,
        name: str,
        container: str,
        *,
        follow: bool,
        tail_lines: int | None,
        previous: bool,
        since_seconds: float | None,
        timestamps: bool,
    ) -> AsyncIterator[bytes]:
        """Return the log in pieces; with `follow`, until the container ends."""
        ...


async def stream_log(backend: Backend, call: Call) -> web.StreamResponse:
    """Answer pods/log as plain text."""
    target = call.target
    pod = backend.store.stored(target.resource, target.namespace, target.own_name).body
    container = _container(pod, call.query.get("container"))
    if backend.logs is None:
        raise NotImplemented501("no node of this cluster offers its logs")
    namespace = pod["metadata"]["namespace"]
    pieces = backend.logs(
        namespace,
        target.own_name,
        container,
        follow=call.flag("follow"),
        tail_lines=call.integer("tailLines"),
        previous=call.flag("previous"),
        since_seconds=call.integer("sinceSeconds"),
        timestamps=call.flag("timestamps"),
    )
    left = call.integer("limitBytes")
    answer = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8"})
    async for piece in pieces:
        if not answer.prepared:
            await answer.prepare(call.http)
        await answer.write(piece if left is None else piece[:left])
        if left is not None:
            left -= len(piece)
            if left <= 0:
                break
    if not answer.prepared:
        await answer.prepare(call.http)
    await answer.write_eof()
    return answer


def _container(pod: Object, asked: str | None) -> str:
    name = pod["metadata"]["name"]
    main = [item["name"] for item in pod["spec"]["containers"]]
    known = main + [item["name"] for item in pod["spec"].get("initContainers", ())]
    if asked:
        if asked not in known:
            raise BadRequest(f"container {asked} is not valid for pod {name}")
        return asked
    annotation = "kubectl.kubernetes.io/default-container"
    preferred = (pod["metadata"].get("annotations") or {}).get(annotation)
    if preferred in main:
        return str(preferred)
    if len(main) > 1:
        choices = " ".join(main)
        raise BadRequest(f"a container name must be specified for pod {name}, choose one of: [{choices}]")
    return str(main[0])
