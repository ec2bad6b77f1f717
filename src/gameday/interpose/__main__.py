"""`python -m gameday.interpose`: pass everything between a Service and its pods through, and harm what the settings say.

Settings are read from a file that is looked at all the time, or from a ConfigMap of the pod's namespace that is watched
(docs/interposing.md has their format). On SIGTERM it lets go what a fault holds back, accepts nothing more once it has lingered,
and ends when what is open has ended, or at the drain bound. Its log is one JSON object a line on standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib.util
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import structlog

from gameday.durations import seconds
from gameday.errors import ExitCode
from gameday.interpose.admin import serve_admin
from gameday.interpose.pair import Address
from gameday.interpose.serving import DEFAULT_DRAIN_SECONDS, Placing, Proxy
from gameday.interpose.sources import FileSource, Source, follow_forever
from gameday.interpose.switch import DEFAULT_SILENCE_SECONDS, Switch
from gameday.logs import configure_service_logs

_HIGHEST_PORT = 65535
_log = structlog.get_logger("gameday.interpose")


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status: 0, or 3 if an address is not to be had."""
    given = _parser().parse_args(arguments)
    configure_service_logs()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            runner.run(_serve(given))
        except OSError as error:
            _log.error("cannot start", error=str(error))
            return int(ExitCode.REFUSED)
    return int(ExitCode.EXPECTED)


async def _serve(given: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    switch = Switch(given.protocol, given.silence)
    proxy = Proxy(Placing(given.listen, given.upstream, given.protocol, given.drain), switch)
    admin = await serve_admin(given.admin, proxy.answers())
    tasks = [loop.create_task(proxy.begin()), loop.create_task(follow_forever(_source(given), switch))]
    addresses = {"listen": _shown(proxy.address), "admin": _shown(admin.sockets[0].getsockname()[:2])}
    _log.info("started", **addresses, upstream=_shown(given.upstream), loop=type(loop).__module__.partition(".")[0])
    # What is there by now stays; the collector need not look at it again while requests pass.
    gc.collect()
    gc.freeze()
    await stop.wait()
    _log.info("draining", at_most_seconds=given.drain, lingering_seconds=given.linger)
    for task in tasks:
        task.cancel()
    if given.linger:
        await proxy.linger(given.linger)
    left = await proxy.drain()
    admin.close()
    _log.info("ended", reset=left, counts=proxy.answers()["/counts"]()[1])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gameday.interpose", description=__doc__)
    parser.add_argument("--listen", type=_address, required=True, metavar="HOST:PORT", help="where clients come to")
    parser.add_argument("--upstream", type=_address, required=True, metavar="HOST:PORT", help="where everything goes on to")
    parser.add_argument("--admin", type=_address, required=True, metavar="HOST:PORT", help="/counts, /readyz and /livez")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--settings", type=Path, metavar="FILE", help="what to do; need not be there yet")
    source.add_argument(
        "--config-map",
        metavar="NAME",
        help="what to do: a ConfigMap of this pod's namespace, watched with the pod's account; need not be there yet",
    )
    parser.add_argument(
        "--account",
        type=Path,
        default=Path("/var/run/secrets/kubernetes.io/serviceaccount"),
        metavar="DIR",
        help="where the pod's account is mounted (default: where Kubernetes mounts it)",
    )
    parser.add_argument("--protocol", choices=["http", "tcp"], default="http", help="what clients speak (default: http)")
    parser.add_argument(
        "--drain",
        type=_seconds,
        default=DEFAULT_DRAIN_SECONDS,
        metavar="DURATION",
        help="how long open requests may take to end after SIGTERM (default: 10s)",
    )
    parser.add_argument(
        "--linger",
        type=_seconds,
        default=0.0,
        metavar="DURATION",
        help="how long connections are still accepted after SIGTERM, while others learn that it goes (default: 0s)",
    )
    parser.add_argument(
        "--silence",
        type=_seconds,
        default=DEFAULT_SILENCE_SECONDS,
        metavar="DURATION",
        help="after how long without a word the source of the settings is lost (default: 10s)",
    )
    return parser


def _source(given: argparse.Namespace) -> Source:
    if given.settings is not None:
        return FileSource(given.settings)
    from gameday.interpose.config_map import ConfigMapSource, in_this_pod  # noqa: PLC0415 - TLS, which a file needs not

    return ConfigMapSource(in_this_pod(given.account), given.config_map, given.protocol)


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"expected HOST:PORT, found {text!r}")
    return host, int(port)


def _seconds(text: str) -> float:
    try:
        return seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _shown(address: Address) -> str:
    return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    if importlib.util.find_spec("uvloop") is None:
        return asyncio.new_event_loop
    import uvloop  # noqa: PLC0415 - an extra, which need not be there

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


if __name__ == "__main__":
    sys.exit(main())
