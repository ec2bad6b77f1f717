"""Ctrl-C before there is anything to interrupt, and a second one while what the first has ended is being cleared away."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from gameday.cli.demo import _interrupt

INTERRUPTED_WHILE_IT_IMPORTS = """
import os, signal, sys

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "gameday.cli.main":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Slow())
from gameday.__main__ import main
code = main()
signal.raise_signal(signal.SIGINT)
sys.exit(code)
"""


@pytest.fixture
def handlers() -> Iterator[None]:
    """Put back what a test leaves."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_ctrl_c_while_the_command_is_still_being_imported_ends_it_without_a_word() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_WHILE_IT_IMPORTS], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (4, "", "")


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_is_interrupted_once_and_then_clears_away_whatever_else_comes(number: signal.Signals) -> None:
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, _interrupt)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.raise_signal(one)
        assert signal.getsignal(one) == signal.SIG_IGN
