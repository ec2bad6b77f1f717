"""The command `gameday`, and `python -m gameday`. The version is answered before anything else is imported."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and return its exit status."""
    if sys.argv[1:] == ["--version"]:
        from gameday import __version__  # noqa: PLC0415

        sys.stdout.write(f"gameday {__version__}\n")
        return 0
    from gameday.cli.main import run  # noqa: PLC0415

    return run()


if __name__ == "__main__":
    sys.exit(main())
