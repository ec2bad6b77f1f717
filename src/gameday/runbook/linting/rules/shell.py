"""Rules about sh blocks: whether they can be executed as they stand, and whether whoever does is warned."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Final

from gameday.runbook.calling import behind, called, program_of
from gameday.runbook.kubectl import KubectlLine, kubectl_lines
from gameday.runbook.linting.model import Hit, Subject
from gameday.runbook.linting.registry import rule
from gameday.runbook.linting.rules.words import section_text
from gameday.runbook.model import Step, StepShell
from gameday.runbook.shell import Command, commands, programs, without_here_documents

_BLANK = re.compile(r"(?<![<\w])<([A-Za-z](?:[A-Za-z0-9 _.-]*[A-Za-z0-9_.-])?)(?<! \d)>")
_STRING = re.compile(r"""'[^']*'|"[^"]*\"""")
_ABOUT_TEXT = re.compile(r"^[\s(]*$|(?<![\w-])(?:\[\s|(?:case|echo|printf|[ef]?grep|sed|awk|jq|yq|test)\s)")
"""What is given a string for its text: a tag to look for, what kubectl prints where there is nothing, a pattern of `case`."""
_WARNED = re.compile(r"\*\*\s*(?:warning|caution|danger|attention|do not|never)\b|\[!(?:warning|caution)\]", re.IGNORECASE)
_SQL = re.compile(r"\b(?:drop\s+(?:database|table|schema)|truncate\s+(?:table\s+)?\w)", re.IGNORECASE)
_WHOLE_KINDS: Final = frozenset(
    shlex.split(
        "namespace namespaces ns node nodes no persistentvolume persistentvolumes pv persistentvolumeclaim "
        "persistentvolumeclaims pvc customresourcedefinition customresourcedefinitions crd crds all"
    )
)
_KNOWN_NAMESPACED: Final = frozenset(
    shlex.split(
        "pod pods po service services svc deployment deployments deploy replicaset replicasets rs statefulset "
        "statefulsets sts daemonset daemonsets ds job jobs cronjob cronjobs cj configmap configmaps cm secret secrets "
        "endpoints ep endpointslice endpointslices event events ev ingress ingresses ing networkpolicy networkpolicies "
        "netpol poddisruptionbudget poddisruptionbudgets pdb horizontalpodautoscaler horizontalpodautoscalers hpa "
        "persistentvolumeclaim persistentvolumeclaims pvc serviceaccount serviceaccounts sa lease leases role roles "
        "rolebinding rolebindings all"
    )
)
_WAITING_PROGRAMS: Final = frozenset(
    shlex.split("vi vim nano emacs less more top htop watch ssh psql mysql python python3 bash sh")
)


@rule("RB301", "A program that is not there", severity="warning")
def missing_programs(subject: Subject) -> Iterator[Hit]:
    """The programs of an `sh` block are on the machine on which the runbook is followed.

    Looked for where lint runs; if people follow it on another machine, say what is there: `--program kubectl`. A step whose
    program is missing is not executed but shown, so that nothing of it is proven.
    """
    for step, shell in _shells(subject):
        for name in programs(shell.text):
            if not subject.around.has_program(name):
                line = next((one.line for one in _commands(shell) if one.words[0] == name), shell.line)
                told = f"the step {step.id!r} needs {name}, which is not on this machine"
                yield Hit(line, told, f"install it, or if it is on the machine that matters: --program {name}")


@rule("RB302", "A block that the shell cannot read")
def bad_syntax(subject: Subject) -> Iterator[Hit]:
    """An `sh` block is a script that `sh -n` accepts: quotes and blocks are closed, and there is nothing of bash alone in it.

    Nothing of it is executed for this.
    """
    for _, shell in _shells(subject):
        wrong = subject.around.shell_syntax(shell.text)
        if wrong is not None:
            line, told = wrong
            # What is never closed is noticed behind the last line.
            within = min(line, len(shell.text.splitlines()))
            yield Hit(shell.line + max(0, within - 1), f"the shell cannot read this block: {told}", "try it: sh -n")


@rule("RB303", "Something destructive without a warning", severity="warning")
def unwarned(subject: Subject) -> Iterator[Hit]:
    """A step whose commands take away more than one object's worth warns of it: `> **Warning:** …`, or `**Do not …**`.

    Such are: deleting namespaces, nodes or volumes, deleting with `--all`, draining a node, removing files recursively, dropping
    or emptying a table, destroying what a tool of infrastructure made. The warning says what is lost and when not to do it.
    """
    for step, shell in _shells(subject):
        section = next(one for one in subject.sections if one.heading.line == step.line)
        if _WARNED.search(section_text(subject, section)):
            continue
        for command in _commands(shell):
            if what := _destroys(command):
                yield Hit(command.line, f"the step {step.id!r} {what}, and warns of nothing", "add > **Warning:** what is lost")


@rule("RB304", "A command that waits for a person", severity="warning")
def waits(subject: Subject) -> Iterator[Hit]:
    """A command of an `sh` block ends by itself: it follows no log, opens no editor, and asks nothing.

    Blocks are executed without a terminal, for at most five minutes; one that waits holds everything behind it up. What
    somebody should watch is said in prose.
    """
    for step, shell in _shells(subject):
        for command in _commands(shell):
            if why := _waits(command):
                yield Hit(
                    command.line, f"the step {step.id!r} does not end by itself: {why}", "leave the flag out, or say it in prose"
                )


@rule("RB305", "A command with a blank to fill in")
def blanks(subject: Subject) -> Iterator[Hit]:
    """Commands of an `sh` block stand there as they are executed. `<pod>` is no value, and to the shell it is a file to read.

    Select by label (`-l app=checkout`), or put the name into a variable that a command before fills. What cannot be known
    beforehand stands in prose.
    """
    for step, shell in _shells(subject):
        for number, line in enumerate(without_here_documents(shell.text).split("\n")):
            if found := _BLANK.search(_STRING.sub(_without_text, line)):
                told = f"the step {step.id!r} has {found[0]} in a command, which nobody fills in when it is executed"
                yield Hit(shell.line + number, told, "select by label, or use a variable")


@rule("RB306", "kubectl without a namespace", severity="warning")
def no_namespace(subject: Subject) -> Iterator[Hit]:
    """A kubectl command about objects of a namespace says which: `-n shop`, or `-A` for all.

    Otherwise it goes to whichever namespace the person's own kubeconfig has at the moment.
    """
    for step, shell in _shells(subject):
        for line in kubectl_lines(_commands(shell)):
            kinds = {target.kind.lower() for target in line.targets} if isinstance(line, KubectlLine) else set()
            if isinstance(line, KubectlLine) and kinds & _KNOWN_NAMESPACED and not (line.namespace or line.all_namespaces):
                told = f"the step {step.id!r} does not say in which namespace: kubectl {line.verb}"
                yield Hit(line.line, told, "add -n NAMESPACE, or -A")


def _without_text(string: re.Match[str]) -> str:
    """Return nothing for a string, but for one that is a blank and given to a program that takes it for a name."""
    inner = string[0][1:-1]
    return f" {inner} " if _BLANK.fullmatch(inner) and not _ABOUT_TEXT.search(string.string[: string.start()]) else "''"


def _shells(subject: Subject) -> Iterator[tuple[Step, StepShell]]:
    for step in subject.read().steps:
        if step.shell is not None and step.shell.text.strip():
            yield step, step.shell


def _commands(shell: StepShell) -> tuple[Command, ...]:
    return commands(shell.text, first_line=shell.line)


def _destroys(command: Command) -> str:
    words = called(command.words)
    program, text = program_of(words), " ".join(words)
    if program == "xargs" and (given := behind(words)):
        return _destroys(Command(tuple(given), command.line))
    for line in kubectl_lines([command]):
        return _kubectl_destroys(line) if isinstance(line, KubectlLine) else ""
    if program == "rm" and any(re.match(r"-\w*[rR]|--recursive", word) for word in words[1:]):
        return "removes files recursively"
    if _SQL.search(text):
        return "drops or empties a table"
    for start in ("terraform destroy", "helm uninstall", "helm delete", "aws s3 rb", "mkfs", "wipefs", "shred"):
        if text.startswith(start):
            return f"destroys: {start}"
    return ""


def _kubectl_destroys(line: KubectlLine) -> str:
    if line.verb == "drain":
        return "drains a node"
    if line.verb != "delete":
        return ""
    whole = [target.kind for target in line.targets if target.kind.lower() in _WHOLE_KINDS]
    if whole:
        return f"deletes {whole[0]}"
    return "deletes all objects of a kind" if line.flags & {"all", "all-namespaces"} else ""


def _kubectl_waits(line: KubectlLine) -> str:
    if line.verb in {"edit", "attach", "port-forward", "proxy", "debug"}:
        return f"kubectl {line.verb}"
    waiting = line.flags & {"watch", "watch-only", "follow", "tty"}
    return f"--{min(waiting)}" if waiting else ""


def _waits(command: Command) -> str:
    words = called(command.words)
    program = program_of(words)
    if program == "watch":
        return program
    for line in kubectl_lines([command]):
        return _kubectl_waits(line) if isinstance(line, KubectlLine) else ""
    if program in _WAITING_PROGRAMS and len(words) == 1:
        return program
    if program in {"vi", "vim", "nano", "emacs", "less", "more", "htop"}:
        return program
    follows = program == "tail" and any(word in {"-f", "-F", "--follow"} for word in words)
    return "tail -f" if follows and "timeout" not in command.words else ""
