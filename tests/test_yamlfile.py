from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gameday.errors import ExitCode, InvalidFileError
from gameday.yamlevents import ITEM_LIMIT
from gameday.yamlfile import FILE_LIMIT_BYTES, load, parse

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["C"]))
)
DATA = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcxyz-", min_size=1), inner, max_size=4)
)


def problems_of(text: str) -> list[tuple[int, str]]:
    with pytest.raises(InvalidFileError) as caught:
        parse(text, file="f.yaml")
    return [(problem.line, problem.message) for problem in caught.value.problems]


@given(DATA)
def test_data_is_what_pyyaml_makes_of_the_same_text(data: object) -> None:
    text = yaml.safe_dump(data, allow_unicode=True)
    assert parse(text, file="f.yaml").data == yaml.safe_load(text) == data


def test_yaml_1_1_means_what_chaos_toolkit_reads() -> None:
    text = "a: yes\nb: 0o7\nc: 010\nd: 2026-01-02\ne: ~\nf: '1'\ng: 1:30\nh: !!str 5\ni: |\n  x\n   y\n"
    assert parse(text, file="f.yaml").data == yaml.safe_load(text)


def test_every_key_and_item_knows_its_line() -> None:
    document = parse("# a comment\ntitle: x\nmethod:\n  - name: a\n    provider:\n      func: f\n\n  - name: b\n", file="f.yaml")
    assert document.line_of(("title",)) == 2
    assert document.line_of(("method", 0, "provider", "func")) == 6
    assert document.line_of(("method", 1)) == 8


def test_a_path_that_is_not_there_has_the_line_of_what_is_around_it() -> None:
    document = parse("a: 1\nb:\n  c: 2\n", file="f.yaml")
    assert document.line_of(("b", "missing", 3)) == 2


def test_lines_count_from_where_the_text_stands_in_its_file() -> None:
    assert parse("a: 1\nb: 2\n", file="f.md", first_line=40).line_of(("b",)) == 41


def test_aliases_and_merges_are_followed() -> None:
    text = "base: &base {x: 1, y: 2}\nother: &other {y: 3, z: 4}\nuse:\n  <<: [*base, *other]\n  x: 9\nagain: *base\n"
    document = parse(text, file="f.yaml")
    assert document.data == yaml.safe_load(text)
    assert document.line_of(("use", "z")) == 2
    assert document.line_of(("use", "x")) == 5
    assert document.line_of(("again",)) == 6


def test_a_key_that_stands_twice_is_a_problem_with_both_lines() -> None:
    assert problems_of("a: 1\nb: 2\na: 3\n") == [(3, "the key 'a' stands here twice, first in line 1")]


def test_all_duplicates_are_reported_at_once() -> None:
    assert [line for line, _ in problems_of("a: {b: 1, b: 2}\na: 3\n")] == [1, 2]


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("a: 1\n\tb: 2\n", 2, "tab"),
        ("a: [1, 2\nb: 3\n", 2, "not YAML"),
        ("a: 1\n b: 2\n", 2, "not YAML"),
        ("a: 1\n---\nb: 2\n", 2, "second one after ---"),
        ("a: *gone\n", 1, "no anchor &gone"),
        ("a: &a [*a]\n", 1, "stands inside of what it names"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "tag"),
        ("a: !mine 3\n", 1, "tag !mine"),
        ("a: 2026-13-45\n", 1, "is no value"),
        ("? [1, 2]\n: b\n", 1, "single value as key"),
        ("a:\n  <<: 3\n", 2, "to merge with <<"),
        ("a: " + "9" * 5000 + "\n", 1, "is no value"),
        ("a: \x07\n", 1, "not YAML"),
    ],
)
def test_what_cannot_be_read_is_a_problem_with_its_line(text: str, line: int, part: str) -> None:
    found = problems_of(text)
    assert len(found) == 1
    assert found[0][0] == line
    assert part in found[0][1]


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, "{a: " * 100_000, "a: " + "[" * 300 + "]" * 300])
def test_nesting_without_end_is_a_problem_and_no_crash(text: str) -> None:
    assert "nested deeper" in problems_of(text)[0][1]


@pytest.mark.parametrize("template", ["[{refs}]", "{{<<: [{refs}]}}"])
def test_aliases_that_multiply_are_counted_before_they_are_followed(template: str) -> None:
    lines = ["a0: &a0 {x: 1}"]
    for level in range(1, 12):
        refs = ", ".join([f"*a{level - 1}"] * 9)
        lines.append(f"a{level}: &a{level} " + template.format(refs=refs))
    text = "\n".join(lines) if "<<" in template else "\n".join(lines).replace("{x: 1}", "[1]")
    assert f"at most {ITEM_LIMIT:,} values" in problems_of(text)[0][1]


def refusal(path: Path) -> str:
    with pytest.raises(InvalidFileError) as caught:
        load(path)
    assert caught.value.exit_code is ExitCode.USAGE
    return str(caught.value)


def test_a_missing_file_says_where_it_was_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "gone.yaml"
    assert refusal(path) == f"{path}: no such file (looked in {tmp_path})"


def test_a_directory_is_not_a_file(tmp_path: Path) -> None:
    assert "this is a directory" in refusal(tmp_path)


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    assert "expected a regular file" in refusal(tmp_path / "pipe.yaml")


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "the file is empty"),
        (b"  \n\n", "the file is empty"),
        (b"# only a comment\n", "found nothing"),
        (b"- a\n- b\n", "expected a mapping (key: value), but found a list"),
        (b"just text\n", "found the single value 'just text'"),
        (b"\x7fELF\x02\x01\x00\x00", "NUL byte"),
        (b"a: 1\nb: \xff\xfe\n", ":2: expected text in UTF-8"),
        (b"a: 1\n" + b"#" * FILE_LIMIT_BYTES, "expected at most 1,000,000 bytes"),
    ],
)
def test_a_file_that_holds_no_mapping_is_a_problem(tmp_path: Path, content: bytes, part: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(content)
    assert part in refusal(path)


def test_json_is_read_as_json_with_lines(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    path.write_text('{\n\t"title": "\\ud83d\\ude00",\n\t"url": "a\\/b"\n}\n')
    document = load(path)
    assert document.data == json.loads(path.read_text())
    assert document.line_of(("url",)) == 3


def test_json_without_end_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    path.write_text("[" * 200_000 + "]" * 200_000)
    assert "nested deeper" in refusal(path)


def test_json_that_is_only_yaml_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    path.write_text('{"a": 1, b: 2}')
    assert "not JSON" in refusal(path)


def test_the_digest_is_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"a: 1\n")
    assert load(path).digest == hashlib.sha256(b"a: 1\n").hexdigest()
