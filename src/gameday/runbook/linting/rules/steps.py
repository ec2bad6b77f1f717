"""Rules about single steps: who does them, how long they take, and whether one sees that they worked."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from gameday.change import ActionSpec
from gameday.change.registry import registered
from gameday.errors import BadParameterError
from gameday.fields import did_you_mean
from gameday.runbook.calling import behind, called, program_of
from gameday.runbook.kubectl import KubectlLine, kubectl_lines
from gameday.runbook.linting.model import Hit, Subject
from gameday.runbook.linting.registry import rule
from gameday.runbook.model import Step
from gameday.runbook.roles import FACILITATOR, ROLES
from gameday.runbook.shell import Command, commands

_OUTSIDE: Final = (FACILITATOR,)
_READING_VERBS: Final = frozenset(
    shlex.split("get describe diff logs top version explain api-resources api-versions cluster-info events wait")
)
_READING_PROGRAMS: Final = frozenset(
    shlex.split(
        "[ test echo printf cat head tail grep egrep sed awk cut sort uniq wc tr jq yq sleep date true false cd set "
        "export pwd ls read exit dig host nslookup ping column less : alias bg break continue fg getopts hash jobs "
        "local readonly return shift times type ulimit umask unalias unset ps df ss free uptime seq wait diff cmp basename "
        "dirname stat file id hostname uname expr env printenv comm paste tac nl base64 getent which command exec"
    )
)
_READING_PARTS: Final = {
    "helm": frozenset({"get", "history", "list", "ls", "status", "version"}),
    "openssl": frozenset({"s_client", "x509", "version"}),
}
"""Programs of which some subcommands, as their first word, only read."""
_ASKS: Final = frozenset({"-G", "--get"})
"""What is given to send becomes part of the address then."""
_READING_METHODS: Final = frozenset({"GET", "HEAD"})
_WRITING_FLAGS: Final = ("-d", "--data", "-F", "--form", "-T", "--upload-file", "--json")
_VALUES_OF_CURL: Final = frozenset("AbcCdDeEFHKmoPQrtTuUwxXyYz")
"""curl's short flags that take a value: what stands behind one of them in a word is that."""
_WGET_SENDS: Final = re.compile(r"--(?:post|body)-(?:data|file)|--method(?!=(?:GET|HEAD)$)")
_FIND_DOES: Final = re.compile(r"-(?:delete|exec|execdir|ok|okdir|fprint\w*|fls)")


@rule("RB104", "A step that does something has no check")
def no_check(subject: Subject) -> Iterator[Hit]:
    """In Resolve, a step that changes something has a block `yaml check`: how one sees that it worked.

    A step changes something if it has an action, or an `sh` block with a command that does more than read. Without a check, a
    step that does nothing looks like one that helped, and the next one is made on top of it. Steps of people (a decision, a
    call, a message) need none, and neither do those of the other phases: they are looked at by whoever does them. Where
    nothing shows that a step worked, say so: `<!-- lint: allow RB104: why -->` in the step.
    """
    for step in subject.read().steps:
        if step.phase == "Resolve" and step.check is None and changes_something(step):
            told = f"the step {step.id!r} changes something, and nothing says how one sees that it worked"
            yield Hit(step.line, told, "add a block yaml check with a probe, within and wait")


@rule("RB105", "A step has no role", severity="warning")
def no_role(subject: Subject) -> Iterator[Hit]:
    """Each step says who does it: `**Role:** subject-matter expert`.

    What everybody may do, nobody does; and in a rehearsal it stands on nobody's page.
    """
    for step in subject.read().steps:
        if not step.role:
            yield Hit(step.line, f"the step {step.id!r} has no role", f"add **Role:** and one of: {', '.join(ROLES[:-1])}")


@rule("RB106", "An unknown role")
def unknown_role(subject: Subject) -> Iterator[Hit]:
    """A role is one of: incident commander, deputy, scribe, subject-matter expert, customer liaison, internal liaison.

    A rehearsal gives people these roles; a step of another one belongs to nobody.
    """
    for step in subject.read().steps:
        if step.role and step.role not in ROLES:
            told = f"{step.role!r} is no role{did_you_mean(step.role, ROLES)}"
            yield Hit(_label_line(subject, step, "Role"), told, f"roles are: {', '.join(ROLES[:-1])}")


@rule("RB107", "A role that has no steps in an outage")
def outside_role(subject: Subject) -> Iterator[Hit]:
    """The facilitator leads a rehearsal and is nobody in an outage, so no step is theirs.

    Give the step to the incident commander, or leave it out.
    """
    for step in subject.read().steps:
        if step.role in _OUTSIDE:
            told = f"the step {step.id!r} is the {step.role}'s, who is not there in a real outage"
            yield Hit(_label_line(subject, step, "Role"), told, "give it to the incident commander, or another role")


@rule("RB108", "A step has no expected time", severity="warning")
def no_time(subject: Subject) -> Iterator[Hit]:
    """Each step says how long it takes: `**Expected:** 5m`.

    Otherwise nobody notices that it takes too long, and nothing can be compared with how long it took.
    """
    for step in subject.read().steps:
        if step.expected_seconds is None:
            yield Hit(step.line, f"the step {step.id!r} does not say how long it takes", "add **Expected:** 5m behind its role")


def changes_something(step: Step) -> bool:
    """Say whether a step has an action, or commands of which at least one does more than read."""
    if step.action is not None:
        try:
            return isinstance(registered(step.action.target), ActionSpec)
        except BadParameterError:
            return False
    return step.shell is not None and any(writes(command) for command in commands(step.shell.text))


def writes(command: Command) -> bool:
    """Say whether a command does more than read, as far as its words tell."""
    words = called(command.words)
    program = program_of(words)
    for line in kubectl_lines([command]):
        return not isinstance(line, KubectlLine) or _kubectl_writes(line)
    if program in _READING_PARTS:
        return not _READING_PARTS[program].intersection(behind(words)[:1])
    if program in _JUDGED_BY_WORDS:
        return _JUDGED_BY_WORDS[program](words[1:])
    return program not in _READING_PROGRAMS


def _curl_writes(words: Sequence[str]) -> bool:
    """Say whether curl sends something: by its method where it is named, else by what it is given to send."""
    flags = [*_curl_flags(words)]
    methods = [value for name, value in flags if name in {"-X", "--request"}]
    if methods:
        return methods[-1] not in _READING_METHODS
    names = {name for name, _ in flags}
    return not _ASKS & names and any(name.startswith(_WRITING_FLAGS) for name in names)


def _curl_flags(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each flag with what would be its value; several short ones may stand in one word."""
    for word, following in zip(words, (*words, "")[1:], strict=True):
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            yield name, value if equals else following
        elif word.startswith("-"):
            for at, letter in enumerate(word[1:], 2):
                yield f"-{letter}", word[at:] or following
                if letter in _VALUES_OF_CURL:
                    break


def _trap_writes(words: Sequence[str]) -> bool:
    """Say whether what a trap holds does; one word alone is a function of the script, and what that does stands in it."""
    return any(len(one.words) > 1 and writes(one) for text in words[:1] for one in commands(text))


_JUDGED_BY_WORDS: Final[Mapping[str, Callable[[Sequence[str]], bool]]] = {
    "curl": _curl_writes,
    "find": lambda words: any(_FIND_DOES.fullmatch(word) for word in words),
    "journalctl": lambda words: any(word.startswith(("--vacuum", "--rotate", "--flush")) for word in words),
    "trap": _trap_writes,
    "wget": lambda words: any(_WGET_SENDS.match(word) for word in words),
}


def _kubectl_writes(line: KubectlLine) -> bool:
    reads = line.verb in _READING_VERBS or line.verb in {"rollout status", "rollout history"}
    return not reads and "dry-run" not in line.flags and line.verb.split(" ")[0] not in {"top", "config", "auth"}


def _label_line(subject: Subject, step: Step, label: str) -> int:
    for section in subject.sections:
        if section.heading.line == step.line:
            return next((line for name, _, line in section.labels if name == label), step.line)
    return step.line
