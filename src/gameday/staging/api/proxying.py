"""pods/proxy and services/proxy: a request handed on to a pod or a Service by whoever may ask the API for it.

What a runner that cannot reach the cluster's addresses looks through. Requests and answers are handed on whole, not streamed, and
nothing is upgraded; a name may carry a port (`NAME:PORT`), by its number, for a Service also by its name.
"""

from __future__ import annotations

from typing import Final

import aiohttp
from aiohttp import web

from gameday.staging.api.call import Backend, Call
from gameday.staging.errors import BadRequest, ServiceUnavailable
from gameday.staging.resources import PODS, Resource
from gameday.staging.store import Object

_PATIENCE: Final = aiohttp.ClientTimeout(total=60.0, connect=5.0)
_HANDED_ON: Final = ("Accept", "Content-Type")
_SCHEMES: Final = ("http", "")


async def proxy(backend: Backend, call: Call) -> web.StreamResponse:
    """Answer with what the pod or Service answers; 503 where nothing does."""
    scheme, name, port = _address_of(call.target.own_name)
    if scheme not in _SCHEMES:
        raise BadRequest(f"the embedded cluster proxies http only, not {scheme}")
    obj = backend.store.stored(call.target.resource, call.target.namespace, name).body
    host, number = _pod_at(obj, port) if call.target.resource is PODS else _service_at(obj, port)
    _, _, path = call.http.rel_url.raw_path.partition("/proxy")
    query = f"?{call.http.rel_url.raw_query_string}" if call.http.rel_url.raw_query_string else ""
    url = f"http://{host}:{number}{path or '/'}{query}"
    headers = {key: call.http.headers[key] for key in _HANDED_ON if key in call.http.headers}
    try:
        async with (
            aiohttp.ClientSession(timeout=_PATIENCE, auto_decompress=False) as session,
            session.request(call.http.method, url, headers=headers, data=await call.bytes(), allow_redirects=False) as answer,
        ):
            body = await answer.read()
            kept = {key: answer.headers[key] for key in ("Content-Type", "Location", "Retry-After") if key in answer.headers}
            return web.Response(status=answer.status, body=body, headers=kept)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise ServiceUnavailable(f"error trying to reach service: {error or type(error).__name__}") from None


def _address_of(text: str) -> tuple[str, str, str]:
    """Return scheme, name and port of `[scheme:]name[:port]`."""
    parts = text.split(":")
    if len(parts) == 3:  # noqa: PLR2004 - scheme, name, port
        return parts[0], parts[1], parts[2]
    return "", parts[0], parts[1] if len(parts) > 1 else ""


def _pod_at(pod: Object, port: str) -> tuple[str, int]:
    ip = (pod.get("status") or {}).get("podIP")
    if not ip:
        raise ServiceUnavailable(f"pod {pod['metadata']['name']} does not have a host assigned")
    declared = [item["containerPort"] for found in pod["spec"]["containers"] for item in found.get("ports") or ()]
    if not port and declared:
        return ip, declared[0]
    if not port.isdecimal():
        raise BadRequest(f"expected a port of the pod {pod['metadata']['name']} as a number, not {port!r}")
    return ip, int(port)


def _service_at(service: Object, port: str) -> tuple[str, int]:
    ports = service["spec"].get("ports") or ()
    name = service["metadata"]["name"]
    for item in ports:
        if port in {item.get("name", ""), str(item["port"])} or (not port and len(ports) == 1):
            return service["spec"]["clusterIP"], item["port"]
    raise ServiceUnavailable(f'no endpoints available for service "{name}"' if port else f"service {name} has several ports")


def handles(resource: Resource, subresource: str) -> bool:
    """Say whether a path is one that is proxied."""
    return resource.plural in {"pods", "services"} and subresource.partition("/")[0] == "proxy"
