"""`python -m gameday.staging.shop <service>`: run one of the shop's services in this process."""

from __future__ import annotations

import asyncio
import importlib
import sys

from gameday.staging.shop.service import Service, run
from gameday.staging.shop.settings import PORTS, PORTS_ON_NODES, Environment, SettingsError
from gameday.staging.shop.speech import introduce

USAGE = 64


async def _main(name: str) -> int:
    environment = Environment()
    # Only the module of the one service is imported: a pod has a tenth of a second until it must listen.
    service: Service = importlib.import_module(f"gameday.staging.shop.{name.replace('-', '_')}").build(environment)
    return await run(name, service, environment)


def main(arguments: list[str]) -> int:
    """Run the service that the one argument names; return the exit status."""
    known = {**PORTS, **PORTS_ON_NODES}
    if len(arguments) != 1 or arguments[0] not in known:
        found = " ".join(arguments) or "none"
        print(f"expected one service of {', '.join(known)}, found {found}", file=sys.stderr)
        return USAGE
    introduce(arguments[0])
    try:
        return asyncio.run(_main(arguments[0]))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
