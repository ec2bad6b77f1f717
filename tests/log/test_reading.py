"""Reading logs that are whole, torn, newer than this version, or no logs at all; and following one that grows."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import get_args

import pytest

from gameday.errors import InvalidFileError
from gameday.log import EVENTS_FILE, AnyEvent, LogWriter, follow, read
from gameday.log.events import Event, Noted
from gameday.log.reading import decode

WHOLE = b'{"type":"note","seq":1,"at":"","mono":1.0,"round":"","level":"info","text":"one"}\n'


def write(directory: Path, data: bytes) -> Path:
    (directory / EVENTS_FILE).write_bytes(data)
    return directory


def texts(events: list[AnyEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, Noted)]


def test_a_log_is_read_by_its_file_or_by_its_folder(tmp_path: Path) -> None:
    assert read(write(tmp_path, WHOLE)) == read(tmp_path / EVENTS_FILE)


def test_a_last_line_that_was_cut_off_is_no_event(tmp_path: Path) -> None:
    for cut in range(1, len(WHOLE) - 1):
        assert texts(read(write(tmp_path, WHOLE + WHOLE[:cut]))) == ["one"]


def test_types_and_fields_of_a_newer_version_are_skipped(tmp_path: Path) -> None:
    newer = b'{"type":"moon.phase","seq":2,"full":true}\n' + WHOLE.replace(b'"round"', b'"mood":[1,{"a":2}],"round"')
    assert texts(read(write(tmp_path, newer))) == ["one"]


def test_fields_that_an_older_version_did_not_write_have_their_defaults(tmp_path: Path) -> None:
    (event,) = read(write(tmp_path, b'{"type":"run.ended","seq":3,"exit_code":4,"summary":"old"}\n'))
    assert (event.at, event.mono, event.round) == ("", 0.0, "")


@pytest.mark.parametrize(
    "garbage", [b"garbage", b"[1, 2]", b'"note"', b'{"type": 5}', b"", b'{"type":"note","seq":"x"}', b"\xff\xfe"]
)
def test_garbage_in_the_middle_is_named_with_its_line(tmp_path: Path, garbage: bytes) -> None:
    with pytest.raises(InvalidFileError, match="expected an event, but got") as caught:
        read(write(tmp_path, WHOLE + garbage + b"\n" + WHOLE))
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == (str(tmp_path / EVENTS_FILE), 2)


def test_every_kind_of_event_is_known_by_a_tag_of_its_own() -> None:
    kinds = get_args(AnyEvent)
    assert set(kinds) == set(Event.__subclasses__())
    tags = [kind.__struct_config__.tag for kind in kinds]
    assert len(set(tags)) == len(tags)


def test_a_line_of_an_unknown_type_is_none() -> None:
    assert decode(b'{"type":"tomorrow"}') is None


def test_following_sees_everything_that_is_written_meanwhile(tmp_path: Path) -> None:
    log = LogWriter(tmp_path)
    over = threading.Event()
    seen: list[AnyEvent] = []
    thread = threading.Thread(target=lambda: seen.extend(follow(tmp_path, finished=over.is_set, poll_seconds=0.001)))
    thread.start()
    for number in range(500):
        log.write(Noted(level="info", text=str(number)))
    over.set()
    thread.join()
    log.close()
    assert texts(seen) == [str(number) for number in range(500)]


def test_following_ends_at_once_when_it_is_over_and_leaves_out_a_torn_line(tmp_path: Path) -> None:
    write(tmp_path, WHOLE + WHOLE[:20])
    assert texts(list(follow(tmp_path, finished=lambda: True))) == ["one"]


def test_following_sees_what_a_successor_writes_in_place_of_a_torn_line(tmp_path: Path) -> None:
    write(tmp_path, WHOLE + WHOLE[:40])
    looks = iter([False, False, True])
    following = follow(tmp_path, finished=lambda: next(looks), poll_seconds=0)
    seen = [next(following)]
    log = LogWriter(tmp_path)
    log.write(Noted(level="info", text="by the successor, in a line that is longer than the torn one was"))
    log.close()
    seen += following
    assert texts(seen) == ["one", "by the successor, in a line that is longer than the torn one was"]


def test_following_names_the_line_that_is_no_event(tmp_path: Path) -> None:
    write(tmp_path, WHOLE + b"garbage\n")
    with pytest.raises(InvalidFileError, match=f"{EVENTS_FILE}:2: expected an event"):
        list(follow(tmp_path, finished=lambda: True))
