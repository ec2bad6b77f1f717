"""A runbook's warnings: what each forbids, so that a proof can hold the steps to it.

A quotation that begins with **Warning:** is one as soon as it has an id or a block `yaml forbids`; any other is prose. What
was done is not known here: `verdict.proving` holds a log against what is read here.
"""

from __future__ import annotations

from typing import Any

from gameday.errors import InvalidFileError, Problem
from gameday.fields import Fields
from gameday.runbook.kinds import kind_misspelt
from gameday.runbook.markdown import Block, Notice, notices, sections, slug
from gameday.runbook.model import DOES, Caution, Forbidden
from gameday.yamlfile import Document, parse


def read_cautions(body: str, file: str, problems: list[Problem]) -> tuple[Caution, ...]:
    """Return the warnings of a runbook's body, in order; what is wrong with them collects in `problems`."""
    found, strays = notices(body)
    for block in strays:
        said = "a block yaml forbids stands right after the warning it belongs to: > **Warning:** … <!-- id: … -->"
        problems.append(Problem(file, block.line - 1, said, "caution"))
    meant = [notice for notice in found if notice.id or notice.block]
    _have_ids(meant, file, problems)
    steps = {part.heading.line: part.id_comment or slug(part.heading.text) for part in sections(body)} if meant else {}
    return tuple(_caution(notice, steps.get(notice.step.line, "") if notice.step else "", file, problems) for notice in meant)


def _have_ids(found: list[Notice], file: str, problems: list[Problem]) -> None:
    first: dict[str, int] = {}
    for notice in found:
        if not notice.id or notice.id != slug(notice.id):
            said = f"expected an id of lower-case letters, digits and dashes at the warning's end, but got {notice.id!r}"
            problems.append(Problem(file, notice.line, f"{said}: <!-- id: do-not-stop-hosts -->", "caution-id"))
        elif notice.id in first:
            said = f"the warning's id {notice.id!r} is taken by line {first[notice.id]}; give it another"
            problems.append(Problem(file, notice.line, said, "caution-id"))
        first.setdefault(notice.id, notice.line)


def _caution(notice: Notice, step: str, file: str, problems: list[Problem]) -> Caution:
    if notice.block is None:
        said = "expected a block ```yaml forbids after the warning: a list such as - {do: delete, kind: Node}"
        problems.append(Problem(file, notice.line, said, "caution"))
    if not notice.text:
        problems.append(
            Problem(file, notice.line, "the warning says nothing: expected what must not be done, and why", "caution")
        )
    forbids = _forbidden(notice.block, file, problems) if notice.block else ()
    return Caution(notice.id, notice.text, forbids, step, notice.line)


def _forbidden(block: Block, file: str, problems: list[Problem]) -> tuple[Forbidden, ...]:
    if not block.closed:
        problems.append(
            Problem(file, block.line - 1, f"the block is never closed: expected a line {'`' * 3} after it", "unclosed")
        )
    try:
        document = parse(block.text, file=file, first_line=block.line)
    except InvalidFileError as error:
        problems.extend(error.problems)
        return ()
    if not isinstance(document.data, list) or not document.data:
        said = "expected a list of what is forbidden, such as - {do: delete, kind: Node}"
        problems.append(Problem(file, block.line, said, "forbidden"))
        return ()
    return tuple(_one(document, index, item, problems) for index, item in enumerate(document.data))


def _one(document: Document, index: int, item: Any, problems: list[Problem]) -> Forbidden:
    fields = Fields(document, (index,), problems, item)
    if isinstance(item, dict) and not fields.has("do"):
        fields.note(f"'do' is missing: expected one of {', '.join(DOES)}", kind="forbidden")
    found = Forbidden(
        do=fields.choice("do", DOES, "") if fields.has("do") else "",
        kind=fields.text("kind", required=isinstance(item, dict)),
        namespace=fields.text("namespace"),
        name=fields.text("name"),
        field=fields.text("field"),
        line=fields.line,
    )
    meant = kind_misspelt(found.kind)
    if meant:
        said = f"kind: expected a kind as Kubernetes writes it, but got {found.kind!r}, by which no change is told; write {meant}"
        fields.note(said, "kind", kind="forbidden")
    if found.field and not found.field.startswith("/"):
        fields.note(
            f"field: expected a JSON pointer such as /spec/unschedulable, but got {found.field!r}", "field", kind="forbidden"
        )
    if found.field and found.do != "patch":
        fields.note(f"field: only what is patched has one, but this forbids to {found.do or '…'}", "field", kind="forbidden")
    fields.done()
    return found
