"""One look at a container: httpGet, tcpSocket and exec, each a real request or a real process.

How often to look, and what a row of failures means, is in `watching.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]
RunCommand = Callable[[list[str]], Awaitable[int]]
"""Run a command as the container would, and return its exit code."""

_READ_BYTES = 4096
_FIRST_BAD_STATUS = 400
_FIRST_GOOD_STATUS = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a probe found; `message` is what the Unhealthy event says."""

    success: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """The container a probe looks at."""

    address: str
    ports: dict[str, int]
    """Its named ports."""
    run: RunCommand

    def port(self, given: int | str) -> int:
        """Return the number of a port that is given by name or number; KeyError if it has no such name."""
        return given if isinstance(given, int) else int(self.ports.get(given, given))


async def look(probe: Object, target: Target) -> Outcome:
    """Perform a probe once, within its timeout."""
    timeout_seconds = float(probe.get("timeoutSeconds") or 1)
    try:
        async with asyncio.timeout(timeout_seconds):
            if "httpGet" in probe:
                return await _http_get(probe["httpGet"], target)
            if "tcpSocket" in probe:
                return await _tcp_socket(probe["tcpSocket"], target)
            if "exec" in probe:
                return await _exec(probe["exec"], target)
    except TimeoutError:
        return Outcome(success=False, message=_timeout_message(probe, target, timeout_seconds))
    except OSError as error:
        return Outcome(success=False, message=_error_message(probe, target, error))
    return Outcome(success=False, message="the embedded cluster probes by httpGet, tcpSocket and exec only")


async def _http_get(action: Object, target: Target) -> Outcome:
    secure = _without_verification() if action.get("scheme") == "HTTPS" else None
    host, port = action.get("host") or target.address, target.port(action["port"])
    reader, writer = await asyncio.open_connection(host, port, ssl=secure, limit=_READ_BYTES)
    try:
        writer.write(_request(action, host, port))
        status_line = await reader.readline()
    finally:
        writer.close()
    fields = status_line.split()
    if len(fields) < 2 or not fields[1].isdigit():  # noqa: PLR2004 - a version and a status
        return Outcome(success=False, message=f'Get "{_url(action, target)}": malformed HTTP response {status_line[:40]!r}')
    status = int(fields[1])
    if _FIRST_GOOD_STATUS <= status < _FIRST_BAD_STATUS:
        return Outcome(success=True)
    return Outcome(success=False, message=f"HTTP probe failed with statuscode: {status}")


def _request(action: Object, host: str, port: int) -> bytes:
    headers = {"Host": f"{host}:{port}", "User-Agent": "kube-probe/1.33", "Accept": "*/*", "Connection": "close"}
    headers |= {header["name"]: header["value"] for header in action.get("httpHeaders", ())}
    lines = [f"GET {action.get('path') or '/'} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode()


def _without_verification() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _tcp_socket(action: Object, target: Target) -> Outcome:
    _, writer = await asyncio.open_connection(action.get("host") or target.address, target.port(action["port"]))
    writer.close()
    return Outcome(success=True)


async def _exec(action: Object, target: Target) -> Outcome:
    code = await target.run(list(action["command"]))
    return Outcome(success=code == 0, message="" if code == 0 else f"command terminated with exit code {code}")


def _url(action: Object, target: Target) -> str:
    scheme = (action.get("scheme") or "HTTP").lower()
    return f"{scheme}://{action.get('host') or target.address}:{target.port(action['port'])}{action.get('path') or '/'}"


def _timeout_message(probe: Object, target: Target, timeout_seconds: float) -> str:
    if "httpGet" in probe:
        awaited = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        return f'Get "{_url(probe["httpGet"], target)}": {awaited}'
    if "tcpSocket" in probe:
        return f"dial tcp {target.address}:{probe['tcpSocket']['port']}: i/o timeout"
    return f"command timed out after {timeout_seconds:g}s"


def _error_message(probe: Object, target: Target, error: Exception) -> str:
    text = "connect: connection refused" if isinstance(error, ConnectionRefusedError) else str(error)
    if "httpGet" in probe:
        action = probe["httpGet"]
        return f'Get "{_url(action, target)}": dial tcp {target.address}:{target.port(action["port"])}: {text}'
    with contextlib.suppress(KeyError):
        return f"dial tcp {target.address}:{probe['tcpSocket']['port']}: {text}"
    return text
