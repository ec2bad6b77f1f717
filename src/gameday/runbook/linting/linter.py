"""Asking the rules: which findings there are, which are allowed by the file itself, and which rules could not be asked.

A finding in a step (or in the front matter) of which the reader has already said that something is wrong there is left out: what
could not be read might be what is missed. The reader's own problems are findings like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from gameday.errors import InvalidFileError
from gameday.runbook.linting.model import Around, Finding, Hit, Subject
from gameday.runbook.linting.registry import HOW, Rule, add, all_rules, can_be_asked, rule_of
from gameday.runbook.linting.rules.reading import code_of
from gameday.runbook.reading import examine_runbook
from gameday.workspace import Catalogue
from gameday.yamlfile import read_text

_COMMENT = re.compile(r"<!--\s*lint:(?P<words>.*?)-->")
_ALLOW = re.compile(r"\s*allow\s+(?P<code>RB\d{3})\s*:\s*(?P<why>\S.*?)\s*")
_FENCE = re.compile(r"\s*(?:`{3,}|~{3,})")

add(
    Rule(
        "RB031",
        "An allowance that says nothing",
        "A finding is allowed by `<!-- lint: allow RB104: why -->`: one code and the reason, on one line. In a step it counts "
        "for the step, before the first phase for the whole file. Without a reason, nobody knows later whether it holds.",
        "error",
    )
)
add(
    Rule(
        "RB032",
        "An allowance that is not needed",
        "What is allowed is not found any more, or never was. Take the comment out: it would hide the next one.",
        "warning",
    )
)


@dataclass(frozen=True, slots=True)
class NotAsked:
    """A rule that was not asked, and how to have it asked."""

    code: str
    title: str
    how: str


@dataclass(frozen=True, slots=True)
class Result:
    """What was looked at and what was found, in the order of files and lines."""

    findings: tuple[Finding, ...]
    not_asked: tuple[NotAsked, ...]
    files: int

    def count(self, severity: str) -> int:
        """Return how many findings have this severity."""
        return sum(finding.severity == severity for finding in self.findings)


@dataclass(slots=True)
class _Allowance:
    code: str
    line: int
    first: int
    last: int
    used: bool = False


def lint(files: Sequence[tuple[Path, str]], rules: Sequence[Rule], around: Around, *, whole_catalogue: bool = False) -> Result:
    """Ask these rules about these runbooks, each a path and the name that findings call it by.

    `whole_catalogue` says that these are all runbooks of the project, so that what none of them mentions can be told.
    """
    asked = [one for one in rules if can_be_asked(one, around)]
    subjects = [subject_of(path, name, around) for path, name in files]
    found = [finding for subject in subjects for finding in _of_subject(subject, asked)]
    if whole_catalogue:
        found += [_finding(one, hit, hit.file) for one in asked if one.find_in_all for hit in one.find_in_all(subjects)]
    not_asked = tuple(NotAsked(one.code, one.title, HOW[one.need]) for one in rules if one not in asked)
    return Result(tuple(sorted(dict.fromkeys(found))), not_asked, len(subjects))


def subject_of(path: Path, name: str, around: Around) -> Subject:
    """Read one runbook as far as it can be read."""
    catalogue = Catalogue.around(path)
    runbook, problems = examine_runbook(path, catalogue=catalogue)
    try:
        text = read_text(path).text
    except InvalidFileError:
        text = ""
    return Subject(path, name, text, runbook, problems, catalogue, around)


def _of_subject(subject: Subject, rules: Sequence[Rule]) -> Iterator[Finding]:
    codes = {one.code for one in rules}
    read = [_finding(rule_of(code_of(one)), Hit(one.line, one.message), subject.file) for one in subject.problems]
    told = [] if subject.runbook is None else list(_of_rules(subject, rules))
    allowances, malformed = _allowances(subject)
    kept = [finding for finding in [*read, *told] if finding.code in codes and not _is_allowed(finding, allowances)]
    # What was left out because of a problem might be what is allowed.
    unneeded = (
        [] if subject.problems else [one for one in allowances if not one.used and one.code in codes and not _varies(one.code)]
    )
    for one in unneeded:
        message = f"{one.code} is allowed here, and is not found"
        kept.append(Finding(subject.file, one.line, "RB032", message, "take the comment out", "warning"))
    yield from (finding for finding in [*kept, *malformed] if finding.code in codes)


def _varies(code: str) -> bool:
    """Say whether a rule finds something else on another machine, on another day or with another cluster, as it is meant to."""
    return code in {"RB301", "RB521"} or code.startswith("RB6")


def _of_rules(subject: Subject, rules: Sequence[Rule]) -> Iterator[Finding]:
    broken = list(_broken_spans(subject))
    for one in rules:
        for hit in one.find(subject) if one.find else ():
            if not any(hit.line in span for span in broken):
                yield _finding(one, hit, hit.file or subject.file)


def _finding(one: Rule, hit: Hit, file: str) -> Finding:
    return Finding(file, max(1, hit.line), one.code, hit.message, hit.next_step, one.severity)


def _broken_spans(subject: Subject) -> Iterator[range]:
    """Yield the lines of each step, and of the front matter, in which the reader found a problem."""
    lines = [max(1, problem.line) for problem in subject.problems]
    for span in _spans(subject):
        if any(line in span for line in lines):
            yield span


def _spans(subject: Subject) -> Iterator[range]:
    """Yield the lines of the front matter, and those from each heading to the next."""
    begins = [subject.front_lines + 1, *(section.heading.line for section in subject.sections), len(subject.lines) + 1]
    yield range(1, begins[0])
    yield from (range(begin, end) for begin, end in pairwise(begins))


def _allowances(subject: Subject) -> tuple[list[_Allowance], list[Finding]]:
    found: list[_Allowance] = []
    malformed: list[Finding] = []
    spans = list(_spans(subject))
    first_phase = next((one.heading.line for one in subject.sections if one.heading.tag == "h2"), len(subject.lines) + 1)
    known = {one.code for one in all_rules()}
    for number, words in _comments(subject):
        match = _ALLOW.fullmatch(words)
        if match is None or match["code"] not in known:
            told = f"expected <!-- lint: allow RB104: why --> with the code of a rule and a reason, but got lint:{words.rstrip()}"
            malformed.append(Finding(subject.file, number, "RB031", told, "see docs/runbook-lint.md", "error"))
            continue
        own = next(span for span in spans if number in span)
        span = range(1, len(subject.lines) + 1) if number < first_phase else own
        found.append(_Allowance(match["code"], number, span.start, span.stop))
    return found, malformed


def _comments(subject: Subject) -> Iterator[tuple[int, str]]:
    """Yield the line and the words of each comment for lint that does not stand in a block of code."""
    in_block = False
    for number, line in enumerate(subject.lines, start=1):
        if _FENCE.match(line):
            in_block = not in_block
        elif not in_block and (match := _COMMENT.search(line)):
            yield number, match["words"]


def _is_allowed(finding: Finding, allowances: Sequence[_Allowance]) -> bool:
    for one in allowances:
        if one.code == finding.code and one.first <= finding.line < one.last:
            one.used = True
            return True
    return False


def with_severity(result: Result, *, strict: bool) -> Result:
    """Return the result with warnings as errors, where it is to be strict."""
    if not strict:
        return result
    raised = (replace(one, severity="error") if one.severity == "warning" else one for one in result.findings)
    return replace(result, findings=tuple(raised))
