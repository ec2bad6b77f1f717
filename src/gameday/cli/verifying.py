"""`gameday runbook verify`: a runbook against the fault that it is for, and what came of it, step by step.

The fault is injected and not taken back; what brings checkout back is to be the runbook. Everything is undone at the end, as
in every run. A proof is written into the runbook's front matter, where that may be written.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import msgspec

from gameday.cli.choosing import Choice, choose
from gameday.cli.options import cluster_options, output_option, runs_option, yes_option
from gameday.cli.printing import print_data
from gameday.cli.runbooks import RunbookName, find_runbook
from gameday.errors import ExitCode, GamedayError, UsageError, worst
from gameday.experiment import load_experiment
from gameday.fields import did_you_mean
from gameday.log import read
from gameday.log.events import RunbookJudged, RunEnded
from gameday.run.launching import new_run
from gameday.runbook import Runbook, load_runbook
from gameday.runbook.proof import write_proof
from gameday.workspace import Catalogue, make_importable

_INSTALLED = frozenset({"site-packages", "dist-packages"})


@dataclass(frozen=True, slots=True)
class Trial:
    """A runbook that is to be proven, with which experiment, and without which steps."""

    named: str
    """As the user named it."""
    runbook: Runbook
    experiment: Path
    without: tuple[str, ...] = ()
    is_its_own: bool = True
    """Whether the experiment is the one that proves the runbook where none is named."""


@click.command("verify")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=RunbookName())
@cluster_options
@runs_option
@yes_option
@output_option("table", "json", "yaml")
@click.option("--experiment", default="", metavar="NAME", help="Inject this one; default: proven_with of the front matter.")
@click.option("--without", multiple=True, metavar="STEP", help="Leave this step out, to see whether it is needed; repeatable.")
@click.option("--no-record", is_flag=True, help="Do not write the proof into the runbook's file.")
@click.option("-q", "--quiet", is_flag=True, help="Print only what it came to.")
def command(  # noqa: PLR0917  # as many as the command line has; click passes them by name
    files: tuple[str, ...],
    kubeconfig: str,
    context: str,
    runs: Path,
    output: str,
    experiment: str,
    without: tuple[str, ...],
    *,
    yes: bool,
    no_record: bool,
    quiet: bool,
) -> int:
    """Prove runbooks: inject the fault each is for, execute its steps exactly as written, and measure what each did to checkout.

    FILE is a runbook by path or by name. Proven is one by which alone checkout came back within its objectives, each check
    met, no warning broken, no order lost. Steps that did nothing, made it worse or were wrong are named, with figures.
    Everything is undone before the command returns. Ctrl-C aborts and undoes.

    Exit status: 0 proven, 1 refuted, 2 void (the run says nothing of it, and why), 3 refused, 4 aborted and undone, 5 something
    is left behind. With --without, 0 says that the steps left out are not needed, and 1 that they are, where the whole runbook
    is proven.
    """
    trials = [_trial(file, experiment, without) for file in files]
    choice = choose(kubeconfig, context)
    if not yes:
        _ask(trials, choice)
    codes, results = [], []
    for trial in trials:
        code, result = _verify(trial, choice, runs, quiet=quiet, record=not no_record)
        codes.append(code)
        results.append(result)
        if output == "table":
            click.echo("\n".join(_told(result)))
        if code in {ExitCode.ABORTED, ExitCode.RESIDUE}:
            # Whoever aborted one wants none of the others, and none is to be proven on what another left behind.
            break
    if output != "table":
        print_data(results, output=output)
    return worst(*codes)


def default_experiment(runbook: Runbook, catalogue: Catalogue) -> Path:
    """Return the experiment that proves a runbook: proven_with, else the first that expects *deviated*, else the first.

    UsageError for a runbook that names none.
    """
    if runbook.proven_with:
        return catalogue.resolve("experiment", runbook.proven_with, beside=runbook.path)
    paths = [catalogue.resolve("experiment", name, beside=runbook.path) for name in runbook.experiments]
    if not paths:
        raise UsageError(
            f"{runbook.path} names no experiment that it could be proven with: put experiments: [NAME] into its front matter, or "
            "say --experiment NAME"
        )
    return next((path for path in paths if load_experiment(path, catalogue=catalogue).expect == "deviated"), paths[0])


def _trial(named: str, experiment: str, without: tuple[str, ...]) -> Trial:
    path = find_runbook(named)
    catalogue = Catalogue.around(path)
    make_importable(catalogue.project)
    runbook = load_runbook(path, catalogue=catalogue)
    if not any(step.action or step.shell for step in runbook.steps):
        raise UsageError(f"no step of {path} has a block that can be executed, so there is nothing to prove")
    for step in without:
        known = [item.id for item in runbook.steps]
        if step not in known:
            raise UsageError(f"{path} has no step {step!r}{did_you_mean(step, known)}; its steps are: {', '.join(known)}")
    found = catalogue.resolve("experiment", experiment) if experiment else default_experiment(runbook, catalogue)
    load_experiment(found, catalogue=catalogue)
    is_its_own = not experiment or _is_its_own(found, runbook, catalogue)
    return Trial(named, runbook, found, tuple(dict.fromkeys(without)), is_its_own=is_its_own)


def _is_its_own(experiment: Path, runbook: Runbook, catalogue: Catalogue) -> bool:
    """Say whether an experiment that was named is the one that proves the runbook where none is."""
    try:
        return default_experiment(runbook, catalogue).resolve() == experiment.resolve()
    except GamedayError:
        return False


def _ask(trials: Sequence[Trial], choice: Choice) -> None:
    """Ask at a terminal; elsewhere a proof must be asked for with --yes."""
    if not sys.stdin.isatty():
        raise UsageError(
            "proving a runbook harms a cluster on purpose and executes the steps, and there is no terminal to ask at. If it is "
            "meant: --yes"
        )
    for trial in trials:
        click.echo(f"{trial.runbook.title}: {len(trial.runbook.steps)} steps, against {trial.experiment.stem}", err=True)
    cluster = f"{choice.kubeconfig or 'the default kubeconfig'}, context {choice.context or '(current)'}"
    click.echo(f"cluster: {cluster}", err=True)
    click.confirm("Inject the faults and execute the steps?", abort=True, err=True)


def _verify(trial: Trial, choice: Choice, runs: Path, *, quiet: bool, record: bool) -> tuple[ExitCode, dict[str, Any]]:
    """Carry one proof out; return its exit code and what it came to."""
    from gameday.cli.following import REPORT_FILE, follow_to_its_end  # noqa: PLC0415  # rich, after the words are right
    from gameday.report import render  # noqa: PLC0415

    spec = new_run(
        runs,
        file=str(trial.experiment),
        shown_file=trial.named,
        kubeconfig=choice.kubeconfig,
        context=choice.context,
        runbook=trial.runbook.path,
        without=trial.without,
    )
    launched = follow_to_its_end(spec, quiet=quiet)
    code, events = launched.exit_code(), read(launched.directory)
    judged = next((event for event in events if isinstance(event, RunbookJudged)), None)
    ended = next((event for event in reversed(events) if isinstance(event, RunEnded)), None)
    result: dict[str, Any] = {
        "runbook": trial.runbook.id,
        "file": str(trial.runbook.path),
        "experiment": trial.experiment.stem,
        "run": spec.run_id,
        "exit_code": int(code),
        "outcome": judged.outcome if judged is not None else "void",
        "reasons": [ended.summary if ended is not None else "the run did not come to its end; see: gameday recover"],
        "residue": list(ended.residue) if ended is not None else [],
    }
    if judged is None:
        return code, result
    report = launched.directory / REPORT_FILE
    report.write_text(render(events, "html"), encoding="utf-8")
    result |= {name: value for name, value in msgspec.to_builtins(judged).items() if name not in _OF_EVENTS}
    result |= {"report": str(report), "recorded": ""}
    if trial.without:
        result["needed"] = is_needed(trial, judged)
    if record and code == ExitCode.EXPECTED and judged.outcome == "proven" and not trial.without:
        result["recorded"] = _record(trial, judged, spec.run_id)
    return code, result


def is_needed(trial: Trial, judged: RunbookJudged) -> bool | None:
    """Say whether what was left out is needed; None where that is not known.

    What refutes it may refute the whole runbook as well, unless that is proven: as it stands, and against this fault.
    """
    proof = trial.runbook.last_proven
    whole_is_proven = proof is not None and proof.digest == judged.digest and trial.is_its_own
    return {"proven": False, "refuted": True if whole_is_proven else None}.get(judged.outcome)


_OF_EVENTS = frozenset({"type", "seq", "mono", "round"})


def _record(trial: Trial, judged: RunbookJudged, run_id: str) -> str:
    """Write the proof into the runbook's file; say what was done, or why it was not."""
    runbook, path = trial.runbook, trial.runbook.path.resolve()
    if not trial.is_its_own and (runbook.proven_with or runbook.experiments):
        # Of which fault a proof is does not stand in the file, and --without goes by it.
        return f"not written: {trial.experiment.stem} is not the experiment that proves it where none is named"
    if _INSTALLED & set(path.parts):
        return (
            f"not written: {path} is part of the installation. Copy it into runbooks/ of a project of yours, and prove it there"
        )
    if not os.access(path, os.W_OK):
        return f"not written: {path} may not be written"
    try:
        write_proof(path, run_id, judged.at[:10], proven_digest=judged.digest)
    except (GamedayError, OSError) as error:
        return f"not written: {error}"
    return f"last_proven written into {runbook.path}"


def _told(result: dict[str, Any]) -> Iterator[str]:
    """Yield what a proof came to, a line each."""
    yield f"{result['runbook']}: {result['outcome']}, against {result['experiment']}"
    if result.get("without"):
        needed = {True: "needed", False: "not needed", None: "not known whether it is needed"}[result.get("needed")]
        if result.get("needed") is None and result["outcome"] == "refuted":
            needed += ", since the whole runbook has no proof against this fault as it stands; prove it first, with proven_with"
        yield f"  without {', '.join(result['without'])}: {needed}"
    yield from (f"  {reason}" for reason in result["reasons"])
    for step in result.get("steps", ()):
        if step["noted"] or step["judgement"] in {"helped", "worse", "wrong"}:
            yield f"  step {step['step']} {_JUDGED.get(step['judgement'], step['judgement'])}: {step['why']}"
    yield from (f"  left behind: {item}" for item in result["residue"])
    if result.get("recorded"):
        yield f"  {result['recorded']}"
    if result.get("report"):
        yield f"  report: {result['report']}"


_JUDGED = {
    "helped": "helped",
    "did_nothing": "did nothing",
    "worse": "made it worse",
    "wrong": "was wrong",
    "skipped": "was not carried out",
    "unknown": "is not known to have helped",
}
