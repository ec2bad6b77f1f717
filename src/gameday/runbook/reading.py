"""A runbook's file into a Runbook, or into every problem it has, each with its line.

Read strictly: a step that cannot be executed as written, or a check that cannot fail, is found now rather than at three in
the morning. Nothing is executed here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from gameday import durations
from gameday.errors import InvalidFileError, Problem, UsageError
from gameday.experiment.block import read_objectives
from gameday.fields import Fields, did_you_mean
from gameday.providers import Role, faults_of_target, is_there
from gameday.runbook.cautions import read_cautions
from gameday.runbook.markdown import (
    FORBIDS,
    Block,
    Heading,
    Section,
    is_phase,
    is_read,
    is_step,
    sections,
    slug,
    split_front_matter,
)
from gameday.runbook.model import PHASES, Check, Proof, Runbook, Step, StepAction, StepShell
from gameday.workspace import Catalogue, make_importable
from gameday.yamlfile import parse, read_text

_LABELS: Final = ("Role", "Expected")
_PAIR: Final = 2
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_READ: Final = ("yaml", "yaml check", "yaml example", FORBIDS)
_SHELLS: Final = ("sh", "bash", "shell", "zsh", "console", "shell-session")


def load_runbook(path: Path | str, *, catalogue: Catalogue | None = None) -> Runbook:
    """Read one runbook; InvalidFileError carries every problem at once."""
    runbook, problems = examine_runbook(path, catalogue=catalogue)
    if runbook is None or problems:
        raise InvalidFileError(problems)
    return runbook


def examine_runbook(path: Path | str, *, catalogue: Catalogue | None = None) -> tuple[Runbook | None, tuple[Problem, ...]]:
    """Return what can be made of a runbook, with every problem; None where nothing can.

    Of a step with a problem, what could not be read is missing. For whoever looks further than at the first kind of problem.
    """
    known = catalogue or Catalogue.around(path)
    make_importable(known.project)
    try:
        runbook, problems = _read(path, known)
    except InvalidFileError as error:
        return None, error.problems
    return runbook, tuple(sorted(problems))


def _read(path: Path | str, known: Catalogue) -> tuple[Runbook, list[Problem]]:
    source = read_text(path)
    front, body = split_front_matter(source.text, file=str(path))
    problems: list[Problem] = []
    phases, steps = _read_body(body, _StepReader(str(path), problems))
    fields = _front_matter(front, str(path), problems)
    runbook = Runbook(
        path=Path(path),
        digest=source.digest,
        id=fields.text("id", Path(path).stem),
        title=fields.text("title", required=True),
        owner=fields.text("owner", required=True),
        services=fields.texts("services"),
        phases=phases,
        steps=steps,
        objectives=read_objectives(fields),
        experiments=_experiments(fields, known),
        updates_every_seconds=fields.seconds("updates_every", None),
        severity=fields.text("severity"),
        alerts=fields.texts("alerts"),
        audiences=fields.texts("audiences"),
        last_proven=_last_proven(fields),
        proven_with=_proven_with(fields, known),
        cautions=read_cautions(body, str(path), problems),
    )
    if runbook.id != runbook.path.stem:
        told = f"id: expected {runbook.path.stem!r}, the file's name, by which it is found, but got {runbook.id!r}"
        fields.note(told, "id", kind="id")
    fields.done()
    return runbook, problems


def _read_body(body: str, reader: _StepReader) -> tuple[tuple[str, ...], tuple[Step, ...]]:
    parts = sections(body)
    steps = tuple(reader.step(part) for part in parts if is_step(part))
    reader.unique(steps)
    for part in parts:
        if not is_step(part):
            reader.in_no_step(part)
    if not steps:
        reader.note(0, "expected at least one step: a heading ### below a phase (## Detect, ## Resolve, …)", "no-step")
    return reader.phases(parts), steps


def _front_matter(front: str, file: str, problems: list[Problem]) -> Fields:
    try:
        document = parse(front, file=file, first_line=2)
    except InvalidFileError as error:
        raise InvalidFileError([*problems, *error.problems]) from error
    return Fields.top(document, problems)


def _last_proven(fields: Fields) -> Proof | None:
    """Return the last proof. A runbook that was never proven says so with a key that has no value, or without the key."""
    value = fields.raw("last_proven")
    if value is None:
        return None
    if not isinstance(value, dict):
        fields.note(
            "last_proven: expected {run: …, date: 2026-11-25, digest: sha256:…}, as gameday runbook verify writes it, or no "
            f"value for never, but got {str(value)!r}",
            "last_proven",
            kind="proof",
        )
        return None
    inner = fields.inside(value, "last_proven")
    run, day, digest = (inner.text(key, required=True) for key in ("run", "date", "digest"))
    inner.done()
    if day and not _DAY.fullmatch(day):
        inner.note(f"date: expected a day such as 2026-11-25, but got {day!r}", "date", kind="proof")
    if digest and not digest.startswith("sha256:"):
        inner.note(f"digest: expected sha256:…, but got {digest!r}", "digest", kind="proof")
    return Proof(run, day, digest)


def _proven_with(fields: Fields, catalogue: Catalogue) -> str:
    name = fields.text("proven_with") if fields.raw("proven_with") is not None else ""
    if name:
        try:
            catalogue.resolve("experiment", name, beside=Path(fields.document.file))
        except UsageError as error:
            fields.note(str(error), "proven_with", kind="experiment")
    return name


def _experiments(fields: Fields, catalogue: Catalogue) -> tuple[str, ...]:
    names = fields.texts("experiments")
    for index, name in enumerate(names):
        try:
            catalogue.resolve("experiment", name, beside=Path(fields.document.file))
        except UsageError as error:
            fields.note(str(error), "experiments", index, kind="experiment")
    return names


class _StepReader:
    """Reads steps of one file; what is wrong collects in `problems`."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self._file = file
        self._problems = problems

    def note(self, line: int, message: str, kind: str) -> None:
        self._problems.append(Problem(self._file, line, message, kind))

    def phases(self, parts: Sequence[Section]) -> tuple[str, ...]:
        """Return the phases that have steps, in the file's order."""
        used = {part.phase.line for part in parts if is_step(part) and part.phase}
        return tuple(part.heading.text for part in parts if is_phase(part) and part.heading.line in used)

    def unique(self, steps: Sequence[Step]) -> None:
        """Note steps that share an id."""
        first: dict[str, int] = {}
        for step in steps:
            if step.id in first:
                message = f"the step id {step.id!r} is taken by line {first[step.id]}; put <!-- id: … --> below the heading"
                self.note(step.line, message, "duplicate-id")
            first.setdefault(step.id, step.line)

    def step(self, part: Section) -> Step:
        """Read one step."""
        heading = part.heading
        phase = self._phase(part.phase, heading)
        role, expected_seconds = self._labels(part)
        runnable = self._only(part, ("sh", "yaml"), "one sh block or one yaml block")
        check = self._only(part, ("yaml check",), "one yaml check block")
        self._other_blocks(part)
        identifier = part.id_comment or slug(heading.text)
        if not identifier or identifier != slug(identifier):
            message = f"expected a step id of lower-case letters, digits and dashes, but got {identifier!r}"
            self.note(heading.line, message, "step-id")
        return Step(
            id=identifier,
            title=heading.text,
            phase=phase,
            role=role,
            expected_seconds=expected_seconds,
            prose=part.prose,
            action=self._action(runnable) if runnable and runnable.info == "yaml" else None,
            shell=self._shell(runnable) if runnable and runnable.info == "sh" else None,
            check=self._check(check) if check else None,
            line=heading.line,
        )

    def in_no_step(self, part: Section) -> None:
        """Note blocks that look like a step's and stand in none, so that nobody would ever carry them out."""
        for block in part.blocks:
            if is_read(block.info) and block.info != FORBIDS:
                told = f"the block {block.info} stands in no step and is not read: put it below a heading ###, or mark it text"
                self.note(block.line - 1, told, "mark")

    def _phase(self, phase: Heading | None, heading: Heading) -> str:
        if phase is None:
            message = f"the step {heading.text!r} stands in no phase: put it below one of ## {', ## '.join(PHASES)}"
            self.note(heading.line, message, "no-phase")
            return ""
        if phase.text not in PHASES:
            message = (
                f"{phase.text!r} holds a step but is no phase{did_you_mean(phase.text, PHASES)} (phases: {', '.join(PHASES)})"
            )
            self.note(phase.line, message, "unknown-phase")
        return phase.text

    def _labels(self, part: Section) -> tuple[str, float | None]:
        role = ""
        expected_seconds: float | None = None
        for label, value, line in part.labels:
            if label not in _LABELS:
                message = f"unknown label {label!r}{did_you_mean(label, _LABELS)} (known: {', '.join(_LABELS)})"
                self.note(line, message, "label")
            elif not value:
                self.note(line, f"the label {label} has no value", "label")
            elif label == "Role":
                role = value
            else:
                expected_seconds = self._duration(value, line)
        return role, expected_seconds

    def _duration(self, value: str, line: int) -> float | None:
        try:
            return durations.seconds(value)
        except ValueError as error:
            self.note(line, f"Expected: {error}", "duration")
            return None

    def _only(self, part: Section, infos: tuple[str, ...], what: str) -> Block | None:
        found = [block for block in part.blocks if block.info in infos]
        for block in found[1:]:
            message = f"a step has at most {what}, but this is a second one; make it a step of its own"
            self.note(block.line - 1, message, "second-block")
        return found[0] if found else None

    def _other_blocks(self, part: Section) -> None:
        for block in part.blocks:
            if not block.closed:
                self.note(block.line - 1, f"the block is never closed: expected a line {'`' * 3} after it", "unclosed")
            language = _language(block.info)
            if language in _SHELLS and block.info != "sh":
                why = "commands of a step stand in a block marked sh and no more; mark it text if it is only to be read"
                self.note(block.line - 1, f"a block marked {block.info!r} is not read: {why}", "mark")
            elif language.startswith(("yaml", "yml")) and block.info not in _READ:
                known = "yaml (an action or probe), yaml check, yaml forbids (of a warning), yaml example (only shown)"
                self.note(block.line - 1, f"unknown block {block.info!r}; known are: {known}", "mark")

    def _shell(self, block: Block) -> StepShell:
        if not block.text.strip():
            self.note(block.line - 1, "the sh block is empty", "empty-block")
        return StepShell(block.text, block.line)

    def _action(self, block: Block) -> StepAction | None:
        fields = self._fields(block)
        if fields is None:
            return None
        named: list[Role] = [role for role in ("action", "probe") if fields.has(role)]
        if len(named) != 1:
            fields.note(
                "expected either action: or probe:, with a name such as gameday.actions.workloads.scale; for show: yaml example",
                kind="no-target",
            )
            fields.done(known=("action", "probe", "with"))
            return None
        target = fields.text(named[0], required=True)
        arguments = self._target(fields, named[0], target)
        fields.done(known=("action", "probe"))
        return StepAction(target, arguments, block.line, is_action=named[0] == "action")

    def _check(self, block: Block) -> Check | None:
        fields = self._fields(block)
        if fields is None:
            return None
        probe = fields.text("probe", required=True)
        arguments = self._target(fields, "probe", probe)
        check = Check(probe, arguments, self._within(fields), fields.seconds("wait", 0.0), block.line)
        fields.done()
        return check

    def _fields(self, block: Block) -> Fields | None:
        try:
            return Fields.top(parse(block.text, file=self._file, first_line=block.line), self._problems)
        except InvalidFileError as error:
            self._problems.extend(error.problems)
            return None

    def _target(self, fields: Fields, role: Role, target: str) -> dict[str, Any]:
        inner = fields.mapping("with")
        arguments = dict(inner.data) if inner else {}
        if target:
            faults = faults_of_target(target, arguments, role=role)
            kind = "arguments" if is_there(target, role) else "target"
            for message in faults:
                fields.note(message, role, kind=kind)
        return arguments

    def _within(self, fields: Fields) -> tuple[float | None, float | None]:
        value = fields.raw("within")
        pair = isinstance(value, list) and len(value) == _PAIR and all(item is None or _is_number(item) for item in value)
        if not pair or value == [None, None]:
            fields.note(
                f"within: expected [low, high] with null for an open end, such as [99, 100] or [null, 500], but got {value!r}",
                "within",
                kind="bounds",
            )
            return None, None
        low, high = (None if item is None else float(item) for item in value)
        if low is not None and high is not None and low > high:
            fields.note(f"within: expected the lower bound first, but got {value!r}", "within", kind="bounds")
        return low, high


def _language(info: str) -> str:
    """Return what an info string calls the block's language, in whichever way a forge may take it: Bash, {.sh}, sh title=x."""
    words = info.lower().replace("{", " ").replace("}", " ").split()
    return words[0].lstrip(".") if words else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
