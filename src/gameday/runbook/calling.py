"""Which program a command is about: behind `sudo`, `timeout`, `env` and others that only call another one stands what is done.

Pure text: nothing is run. A flag that takes a value and is not known here makes its value look like a program, of which nobody
knows what it does.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from itertools import takewhile
from typing import Final

_TAKES_VALUE: Final = {
    "env": frozenset(shlex.split("-u --unset -C --chdir")),
    "exec": frozenset({"-a"}),
    "helm": frozenset(shlex.split("-n --namespace --kube-context --kubeconfig")),
    "sudo": frozenset(
        shlex.split(
            "-C --close-from -D --chdir -g --group -h --host -p --prompt -R --chroot -r --role -T --command-timeout -t --type "
            "-U --other-user -u --user"
        )
    ),
    "time": frozenset(shlex.split("-f --format -o --output")),
    "timeout": frozenset(shlex.split("-k --kill-after -s --signal")),
    "xargs": frozenset(
        shlex.split("-a --arg-file -d --delimiter -E -I -L -n --max-args -P --max-procs -s --max-chars --process-slot-var")
    ),
}
"""Per program, its flags behind which a value of their own stands."""
_ONLY_CALLS: Final = frozenset({"command", "env", "exec", "nohup", "sudo", "time", "timeout"})
_TAKES_ASSIGNMENTS: Final = frozenset({"env", "sudo"})
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


def program_of(words: Sequence[str]) -> str:
    """Return the name of the program that words begin with, without its folder."""
    return words[0].rpartition("/")[2]


def called(words: Sequence[str]) -> Sequence[str]:
    """Return what a command's words call in the end: those from the first program on that does something itself."""
    while program_of(words) in _ONLY_CALLS and not _is_asked(words) and (rest := behind(words)):
        words = rest
    return words


def behind(words: Sequence[str]) -> Sequence[str]:
    """Return what stands behind a program and its own flags: its subcommand, or what it calls."""
    program, rest = program_of(words), list(words[1:])
    takes_value = _TAKES_VALUE.get(program, frozenset())
    while rest and _is_its_own(rest[0], program):
        word = rest.pop(0)
        if word == "--":
            break
        if _wants_value(word, takes_value):
            del rest[:1]
    # Behind `timeout` stands a duration first.
    return rest[1:] if program == "timeout" else rest


def _is_asked(words: Sequence[str]) -> bool:
    """Say whether `command` is only asked where a program is."""
    flags = takewhile(lambda word: word.startswith("-"), words[1:])
    return program_of(words) == "command" and any(letter in flag for flag in flags for letter in "vV")


def _is_its_own(word: str, program: str) -> bool:
    return (word.startswith("-") and word != "-") or (program in _TAKES_ASSIGNMENTS and _ASSIGNMENT.match(word) is not None)


def _wants_value(word: str, takes_value: frozenset[str]) -> bool:
    """Say whether the next word is a flag's value; of several short flags in one word, the first that takes one has the rest."""
    if word.startswith("--"):
        return word in takes_value
    first = next((at for at, letter in enumerate(word) if at and f"-{letter}" in takes_value), None)
    return first is not None and first == len(word) - 1
