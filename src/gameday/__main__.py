"""The command `gameday`, and `python -m gameday`. The version is answered before anything else is imported."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Run the command line and return its exit status."""
    if sys.argv[1:] == ["--version"]:
        from gameday import __version__  # noqa: PLC0415

        sys.stdout.write(f"gameday {__version__}\n")
        return 0
    try:
        from gameday.cli.main import run  # noqa: PLC0415
    except KeyboardInterrupt:
        # Nothing is on yet, and nothing is left that a second Ctrl-C could interrupt.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        from gameday.errors import ExitCode  # noqa: PLC0415

        return ExitCode.ABORTED
    return run()


if __name__ == "__main__":
    sys.exit(main())
