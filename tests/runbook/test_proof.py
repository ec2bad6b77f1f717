"""The line last_proven: its digest does not change by being written, and nothing else of the file does."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gameday.errors import UsageError
from gameday.runbook import Proof, load_runbook
from gameday.runbook.proof import digest_without_proof, with_proof, write_proof
from gameday.workspace import SHIPPED
from gameday.yamlfile import read_text

BODY = "# t\n\nlast_proven: words of the body\n\n## Resolve\n\n### Mend it\n\nDo it.\n"
LINE = "last_proven: {run: r-1, date: 2026-11-25, digest: sha256:ab}\n"


def text(front: str) -> str:
    return f"---\ntitle: t\n{front}owner: o\n---\n{BODY}"


@pytest.mark.parametrize(
    "front",
    [
        "",
        "last_proven:\n",
        "last_proven: {run: old, date: 2020-01-01, digest: sha256:old}\n",
        "last_proven:\n  run: old\n  date: 2020-01-01\n",
    ],
)
def test_the_digest_is_the_same_whatever_the_line_says(front: str) -> None:
    assert digest_without_proof(text(front)) == digest_without_proof(text(""))
    written = with_proof(text(front), "r-1", "2026-11-25", "sha256:ab")
    assert digest_without_proof(written) == digest_without_proof(text(""))
    assert written.replace(LINE, "") == text("")
    assert with_proof(written, "r-1", "2026-11-25", "sha256:ab") == written


def test_any_other_edit_changes_the_digest() -> None:
    changed = {text(""), text("").replace("Do it.", "Do it!"), text("").replace("words of the body", "other words")}
    assert len({digest_without_proof(one) for one in changed}) == 3


def test_line_endings_stay_as_they_are() -> None:
    written = with_proof(text("last_proven:\n").replace("\n", "\r\n"), "r", "2026-11-25", "sha256:ab")
    assert written.count("\r\n") == written.count("\n")


def test_how_lines_end_and_a_byte_order_mark_are_no_part_of_the_digest() -> None:
    proven = text("last_proven:\n")
    digests = {digest_without_proof(one) for one in (proven, proven.replace("\n", "\r\n"), "\ufeff" + proven)}
    assert digests == {digest_without_proof(proven)}


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf"], ids=["no mark", "a byte order mark"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_a_proof_is_written_into_what_was_read_whatever_its_mark_and_line_ends(
    tmp_path: Path, before: bytes, ending: str
) -> None:
    path = tmp_path / "r.md"
    as_it_was = before + text("last_proven:\n").replace("\n", ending).encode()
    path.write_bytes(as_it_was)
    digest = digest_without_proof(read_text(path).text)
    write_proof(path, "r-1", "2026-11-25", proven_digest=digest)
    line = f"last_proven: {{run: r-1, date: 2026-11-25, digest: {digest}}}"
    assert path.read_bytes() == as_it_was.replace(b"last_proven:", line.encode(), 1)
    assert load_runbook(path).last_proven == Proof("r-1", "2026-11-25", digest)


@pytest.mark.parametrize(
    "front",
    [
        "title: t\nlast_proven:\n\n  run: a\n  date: 2020-01-01\n  digest: sha256:a\nowner: o\n",
        "title: t\nlast_proven:\n# by hand\n  run: a\n  date: 2020-01-01\n  digest: sha256:a\nowner: o\n",
        "  title: t\n  owner: o\n",
        "  title: t\n  last_proven:\n  owner: o\n",
        "{title: t, owner: o}\n",
        'title: t\n"last_proven": {run: a, date: 2020-01-01, digest: sha256:a}\nowner: o\n',
        "title: t\nlast_proven : {run: a, date: 2020-01-01, digest: sha256:a}\nowner: o\n",
        "title: t\nlast_proven: {\n run: a, date: 2020-01-01, digest: sha256:a\n}\nowner: o\n",
    ],
)
def test_front_matter_that_the_line_would_damage_is_left_as_it_is_and_what_to_write_is_said(tmp_path: Path, front: str) -> None:
    path = tmp_path / "r.md"
    path.write_text(f"---\n{front}---\n{BODY}")
    digest = digest_without_proof(path.read_text())
    with pytest.raises(UsageError, match=r"one a line.*last_proven: \{run: r-1"):
        write_proof(path, "r-1", "2026-11-25", proven_digest=digest)
    assert path.read_text() == f"---\n{front}---\n{BODY}"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_text_without_front_matter_takes_no_proof() -> None:
    with pytest.raises(UsageError, match="front matter"):
        with_proof("# t\n", "r", "2026-11-25", "sha256:ab")


def test_a_shipped_runbook_with_a_proof_is_read_with_it(tmp_path: Path) -> None:
    path = tmp_path / "dependency-down.md"
    path.write_text((SHIPPED / "runbooks" / "dependency-down.md").read_text())
    path.chmod(0o640)
    digest = digest_without_proof(path.read_text())
    write_proof(path, "r-1", "2026-11-25", proven_digest=digest)
    assert load_runbook(path).last_proven == Proof("r-1", "2026-11-25", digest)
    assert digest_without_proof(path.read_text()) == digest
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_runbook_that_was_changed_meanwhile_takes_no_proof(tmp_path: Path) -> None:
    path = tmp_path / "r.md"
    path.write_text(text(""))
    with pytest.raises(UsageError, match="changed while it was proven"):
        write_proof(path, "r-1", "2026-11-25", proven_digest="sha256:another")
    assert path.read_text() == text("")
