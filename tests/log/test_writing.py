"""A log under one writer at a time, torn by crashes and full disks, and never with half a line in it."""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from gameday.errors import InvalidFileError, RefusedError
from gameday.log import EVENTS_FILE, LogWriter, read
from gameday.log.events import Noted, RunEnded

HOLDER = """
import sys
from pathlib import Path
from gameday.log import LogWriter
log = LogWriter(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
log.close()
"""
FILLER = """
import resource, signal, sys
from pathlib import Path
from gameday.log import LogWriter
from gameday.log.events import Noted
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = LogWriter(Path(sys.argv[1]))
log.write(Noted(level="info", text="the first"))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
number = 0
while log.failure is None:
    log.write(Noted(level="info", text=f"line {number}"))
    number += 1
log.write(Noted(level="info", text=f"line {number}"))
try:
    log.write_ahead(Noted(level="info", text="this must not be announced"))
except OSError as error:
    print("full:", error.errno, flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.write(Noted(level="info", text="there is room again"))
log.close()
"""


def note(text: str = "something") -> Noted:
    return Noted(level="info", text=text)


def test_events_are_numbered_and_dated_in_the_order_of_their_writing(tmp_path: Path) -> None:
    log = LogWriter(tmp_path)
    written = [log.write(note(str(number)), durable=number == 1) for number in range(3)]
    log.close()
    found = read(tmp_path)
    assert found == written
    assert [event.seq for event in found] == [1, 2, 3]
    assert [event.mono for event in found] == sorted(event.mono for event in found)
    assert all(event.at.endswith("Z") for event in found)


def test_a_writer_carries_on_with_the_number_after_the_last(tmp_path: Path) -> None:
    for text in ("before", "after"):
        log = LogWriter(tmp_path)
        log.write(note(text))
        log.close()
    assert [event.seq for event in read(tmp_path)] == [1, 2]


def test_lines_of_many_threads_stay_whole_and_each_has_a_number_of_its_own(tmp_path: Path) -> None:
    log = LogWriter(tmp_path)

    def write() -> None:
        for number in range(200):
            log.write(note("x" * number))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    assert [event.seq for event in read(tmp_path)] == list(range(1, 801))


def test_a_log_is_written_by_one_process_at_a_time(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RefusedError, match="is being written by another process"):
            LogWriter(tmp_path)
        waiting: list[LogWriter] = []
        thread = threading.Thread(target=lambda: waiting.append(LogWriter(tmp_path, wait_seconds=60)))
        thread.start()
        other.stdin.close()
        thread.join()
    waiting[0].write(note("mine now"))
    waiting[0].close()
    assert [event.seq for event in read(tmp_path)] == [1]


@pytest.mark.parametrize("torn", [b"{", b'{"type":"note","seq":2,"at":"2026', b"\0" * 40, b"x" * (3 << 20)])
def test_a_line_that_a_crash_cut_off_is_dropped_by_the_next_writer(tmp_path: Path, torn: bytes) -> None:
    log = LogWriter(tmp_path)
    log.write(note("whole"))
    log.close()
    with (tmp_path / EVENTS_FILE).open("ab") as stream:
        stream.write(torn)
    assert len(read(tmp_path)) == 1
    log = LogWriter(tmp_path)
    log.write(note("next"))
    log.close()
    assert [(event.seq, event.text) for event in read(tmp_path) if isinstance(event, Noted)] == [(1, "whole"), (2, "next")]


def test_a_log_of_nothing_but_a_torn_line_begins_anew(tmp_path: Path) -> None:
    (tmp_path / EVENTS_FILE).write_bytes(b"x" * (2 << 20))
    log = LogWriter(tmp_path)
    log.write(note())
    log.close()
    assert [event.seq for event in read(tmp_path)] == [1]


def test_a_file_that_is_no_log_is_refused_and_its_lock_given_up(tmp_path: Path) -> None:
    (tmp_path / EVENTS_FILE).write_bytes(b"not a log\n")
    with pytest.raises(InvalidFileError, match=f"{EVENTS_FILE}:1: expected an event") as caught:
        LogWriter(tmp_path)
    (tmp_path / EVENTS_FILE).write_bytes(b"")
    LogWriter(tmp_path).close()
    assert caught.value.problems[0].line == 1


def test_a_full_disk_leaves_whole_lines_loses_no_event_and_announces_nothing(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FILLER, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "full: 27\n", done
    data = (tmp_path / EVENTS_FILE).read_bytes()
    assert data.endswith(b"\n")
    texts = [event.text for event in read(tmp_path) if isinstance(event, Noted)]
    assert texts[0] == "the first"
    assert texts[-1] == "there is room again"
    assert len(texts) > 3
    assert texts[1:-1] == [f"line {number}" for number in range(len(texts) - 2)]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_closing_twice_is_closing_once(tmp_path: Path) -> None:
    log = LogWriter(tmp_path)
    log.close()
    log.close()


def test_a_line_is_the_json_that_other_tools_expect(tmp_path: Path) -> None:
    log = LogWriter(tmp_path)
    log.write(RunEnded(exit_code=0, summary="grün — fine"))
    log.close()
    (line,) = (tmp_path / EVENTS_FILE).read_bytes().splitlines()
    assert msgspec.json.decode(line)["type"] == "run.ended"
    assert msgspec.json.decode(line)["summary"] == "grün — fine"
