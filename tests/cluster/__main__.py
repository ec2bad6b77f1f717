"""`python -m tests.cluster build|up|down`: a real Kubernetes of this machine's own, from source to a kubeconfig and back.

What is heavy and done once is Python here (programs, images); what is namespaces, links and processes is shell, in `machine/`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.cluster.build import MissingError, build_all, home, say

MACHINE: Final = Path(__file__).parent / "machine"
USAGE: Final = 64


def up() -> int:
    """Build what is missing, make the images, and bring the cluster up; its last line is KUBECONFIG=…."""
    from tests.cluster.images import make_images  # noqa: PLC0415 -- needs gameday installed, which building does not

    if os.geteuid() != 0:
        raise MissingError("expected root, which namespaces, bridges and containers need; run it as root")
    programs = build_all(home())
    images = make_images(home(), programs)
    return _machine("up.sh", PROGRAMS=str(programs), IMAGES=str(images))


def _machine(script: str, **settings: str) -> int:
    return subprocess.run([MACHINE / script], env={**os.environ, **settings}, check=False).returncode


def main(words: list[str]) -> int:
    """Do what the one word says; return the exit status."""
    try:
        match words:
            case ["build"]:
                say(f"programs: {build_all(home())}")
                return 0
            case ["up"]:
                return up()
            case ["down"]:
                return _machine("down.sh")
            case _:
                say(f"expected build, up or down, found: {' '.join(words) or 'nothing'}")
                return USAGE
    except MissingError as error:
        say(str(error))
    except subprocess.CalledProcessError as error:
        told = error.stderr.decode() if isinstance(error.stderr, bytes) else error.stderr or "why stands above"
        say(f"expected `{' '.join(map(str, error.cmd))}` to succeed; it ended with {error.returncode}: {told}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
