"""`gameday runbook lint`: what is wrong in runbooks, as text, JSON or SARIF."""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from gameday.cli.options import output_option
from gameday.cli.printing import print_data, printable
from gameday.cli.runbooks import RunbookName, find_runbook
from gameday.durations import seconds
from gameday.errors import ExitCode, UsageError
from gameday.workspace import Catalogue, is_page_about

if TYPE_CHECKING:
    from gameday.cluster.discovery import Account
    from gameday.runbook.linting import Around, Finding, Result, Rule
    from gameday.runbook.linting.looking import Looking

_COLOURS: Final = {"error": "red", "warning": "yellow", "note": "blue"}
_SHELL: Final = "/bin/sh"
_SHELL_SAID = re.compile(r"[^:]*: (?:line )?(?P<line>\d+): (?P<told>.*)")
_SHELL_SECONDS: Final = 10.0


@click.command(
    "lint", epilog="Exit status: 0 no error, 1 errors (with --strict warnings too), 3 the cluster does not answer, 64 usage."
)
@click.argument("runbooks", nargs=-1, type=RunbookName(), metavar="[RUNBOOK|FOLDER]...")
@output_option("text", "json", "sarif")
@click.option("--select", multiple=True, metavar="CODE", help="Only rules whose codes begin so; may be repeated.")
@click.option("--ignore", multiple=True, metavar="CODE", help="Not the rules whose codes begin so; may be repeated.")
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option("--explain", default="", metavar="CODE", help="Print what a rule is about, and nothing else.")
@click.option("--rules", multiple=True, metavar="FILE", help="Alert rules of Prometheus; may be repeated.")
@click.option("--proven-within", default="", metavar="TIME", help="How old the last proof may be, such as 90d.")
@click.option("--program", multiple=True, metavar="NAME", help="A program that is where the runbooks are followed.")
@click.option(
    "--account",
    multiple=True,
    metavar="ROLE=USER",
    help="Whose rights a role has in the cluster: 'subject-matter expert=system:serviceaccount:ops:sre', groups behind commas.",
)
@click.option("--kubeconfig", default="", metavar="FILE", help="The cluster that kubectl's lines are held against.")
@click.option("--context", default="", metavar="NAME", help="The same, by a context of the kubeconfig.")
def command(runbooks: tuple[str, ...], output: str, explain: str, **options: Any) -> int:
    """Look for what is wrong in runbooks; without any, in all of the project.

    Nothing is executed and nothing is changed. A folder stands for all *.md in it. Rules that need a cluster are asked where one
    is named by --context or --kubeconfig; those about alerts and about the age of proofs, with --rules and --proven-within.
    All rules: docs/runbook-lint.md.
    """
    from gameday.runbook.linting import chosen, lint, rule_of, with_severity  # noqa: PLC0415  # for this command only

    if explain:
        _explain(rule_of(explain))
        return ExitCode.EXPECTED
    rules = chosen(options["select"], options["ignore"])
    files = _files(runbooks)
    result = with_severity(lint(files, rules, _around(options), whole_catalogue=not runbooks), strict=options["strict"])
    _print(result, rules, output)
    # The first code above 0, as everywhere: something differs from what is expected.
    return ExitCode.VERDICT_DIFFERS if result.count("error") else ExitCode.EXPECTED


def _files(runbooks: Sequence[str]) -> list[tuple[Path, str]]:
    """Return each runbook that is meant, once, with the name that findings call it by."""
    if not runbooks:
        paths = _own_or_shipped()
    else:
        paths = [path for name in runbooks for path in (_in_folder(Path(name)) if Path(name).is_dir() else [find_runbook(name)])]
    return [(path, _short(path)) for path in dict.fromkeys(paths)]


def _own_or_shipped() -> list[Path]:
    """Return the runbooks of the project that we are in; outside of one, those that are shipped."""
    entries = Catalogue.around().list("runbook")
    own = [entry.path for entry in entries if not entry.shipped]
    return own or [entry.path for entry in entries]


def _in_folder(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.glob("*.md") if not is_page_about(path))
    if not found:
        raise UsageError(f"expected runbooks (*.md) in {folder}, but there are none")
    return found


def _short(path: Path) -> str:
    """Return a path as people write it: relative to the working directory where it is below it."""
    absolute = path.absolute()
    return absolute.relative_to(Path.cwd()).as_posix() if absolute.is_relative_to(Path.cwd()) else str(path)


def _around(options: dict[str, Any]) -> Around:
    from gameday.runbook.linting import Around  # noqa: PLC0415
    from gameday.runbook.linting.alerts import read_alert_rules  # noqa: PLC0415

    files, there = options["rules"], frozenset(options["program"])
    looking = _looking(options["kubeconfig"], options["context"])
    accounts = dict(map(_account, options["account"]))
    if accounts and looking is None:
        raise UsageError("--account asks a cluster for rights, and none is named: add --context NAME or --kubeconfig FILE")
    return Around(
        today=dt.datetime.now(dt.UTC).date(),
        has_program=lambda name: name in there or shutil.which(name) is not None,
        shell_syntax=shell_syntax,
        alert_rules=[rule for file in files for rule in read_alert_rules(file)] if files else None,
        proven_within=_time(options["proven_within"]),
        looking=looking,
        accounts=accounts,
    )


def _time(text: str) -> dt.timedelta | None:
    if not text:
        return None
    try:
        return dt.timedelta(seconds=seconds(text))
    except ValueError as error:
        raise UsageError(f"--proven-within: {error}") from error


def _looking(kubeconfig: str, context: str) -> Looking | None:
    """Connect to the cluster that was named; without a name none is asked, not even a current one."""
    if not kubeconfig and not context:
        return None
    from gameday.cli.choosing import choose  # noqa: PLC0415
    from gameday.kube import connect  # noqa: PLC0415  # half a second
    from gameday.runbook.linting.looking import Looking  # noqa: PLC0415

    choice = choose(kubeconfig, context)
    looking = Looking(connect(kubeconfig=choice.kubeconfig or None, context=choice.context))
    # A cluster that is not there is told at once, and not a note for each line.
    looking.served  # noqa: B018
    return looking


def _account(text: str) -> tuple[str, Account]:
    from gameday.cluster.discovery import Account  # noqa: PLC0415
    from gameday.fields import did_you_mean  # noqa: PLC0415
    from gameday.runbook.roles import ROLES  # noqa: PLC0415

    role, equals, named = text.partition("=")
    if not equals or not named.strip():
        raise UsageError(f"--account: expected ROLE=USER, such as 'deputy=alice@example.com,group:sre', but got {text!r}")
    if role.strip() not in ROLES:
        raise UsageError(f"--account: unknown role {role!r}{did_you_mean(role, ROLES)} (roles: {', '.join(ROLES)})")
    user, *groups = (part.strip() for part in named.split(","))
    return role.strip(), Account(user, (*groups, *_groups_of(user)))


def _groups_of(user: str) -> tuple[str, ...]:
    """Return the groups that every account of this sort is in, which a review must be told."""
    parts = user.split(":")
    if parts[:2] == ["system", "serviceaccount"] and len(parts) == 4:  # noqa: PLR2004  # system, serviceaccount, namespace, name
        return ("system:serviceaccounts", f"system:serviceaccounts:{parts[2]}", "system:authenticated")
    return ("system:authenticated",)


def shell_syntax(script: str) -> tuple[int, str] | None:
    """Return the line and the words with which `sh -n` refuses a script, or None; nothing of the script is executed."""
    done = subprocess.run(
        [_SHELL, "-n"], input=script, capture_output=True, text=True, timeout=_SHELL_SECONDS, check=False, errors="replace"
    )
    if done.returncode == 0:
        return None
    said = done.stderr.strip().splitlines()
    match = _SHELL_SAID.match(said[0]) if said else None
    return (int(match["line"]), match["told"]) if match else (1, said[0] if said else "it is no script of sh")


def _explain(rule: Rule) -> None:
    from gameday.runbook.linting.registry import HOW  # noqa: PLC0415

    need = f"\n\nTo have it asked, {HOW[rule.need]}." if rule.need else ""
    click.echo(f"{rule.code} ({rule.severity}): {rule.title}\n\n{rule.paragraph}{need}")


def _print(result: Result, rules: Sequence[Rule], output: str) -> None:
    if output == "sarif":
        from gameday import __version__  # noqa: PLC0415
        from gameday.runbook.linting.sarif import as_sarif  # noqa: PLC0415

        print_data(as_sarif(result, rules, version=__version__, root=repository_root()), output="json")
    elif output == "json":
        print_data(_as_json(result), output="json")
    else:
        for finding in result.findings:
            _tell(finding)
    if output == "text":
        _sum_up(result)


def repository_root() -> Path:
    """Return the folder of the repository that we are in, to which a forge takes paths to be relative; outside of one, ours."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)


def _tell(finding: Finding) -> None:
    # What is no terminal gets none anyway: click takes it out.
    colour = None if os.environ.get("NO_COLOR") else _COLOURS[finding.severity]
    level = click.style(finding.severity, fg=colour, reset=colour is not None)
    click.echo(f"{printable(finding.file)}:{finding.line}: {finding.code} {level}: {printable(finding.message)}")
    if finding.next_step:
        click.echo(f"    → {printable(finding.next_step)}")


def _sum_up(result: Result) -> None:
    by_how: dict[str, list[str]] = {}
    for one in result.not_asked:
        by_how.setdefault(one.how, []).append(one.code)
    for how, codes in by_how.items():
        click.echo(f"not looked at: {', '.join(codes)}; {how}", err=True)
    counts = [f"{result.count(level)} {level}{'' if result.count(level) == 1 else 's'}" for level in _COLOURS]
    files = f"{result.files} runbook{'' if result.files == 1 else 's'}"
    click.echo(f"{files}: {', '.join(counts)}" if result.findings else f"{files}: nothing found", err=True)


def _as_json(result: Result) -> dict[str, Any]:
    return {
        "runbooks": result.files,
        "errors": result.count("error"),
        "warnings": result.count("warning"),
        "notes": result.count("note"),
        "findings": [
            {
                "file": one.file,
                "line": one.line,
                "code": one.code,
                "severity": one.severity,
                "message": one.message,
                "next_step": one.next_step,
            }
            for one in result.findings
        ],
        "not_looked_at": [{"code": one.code, "title": one.title, "how": one.how} for one in result.not_asked],
    }
