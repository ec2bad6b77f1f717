"""Freezes out of calendars as programs write them; now is Monday 2026-12-21, 12:00 in Berlin."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gameday.errors import RefusedError
from gameday.guard.calendars import freezes_in

NOW = datetime(2026, 12, 21, 11, tzinfo=UTC)
FAR = "BEGIN:VEVENT\nUID:far\nSUMMARY:far away\nDTSTART:20301224T000000Z\nDTEND:20301225T000000Z\nEND:VEVENT\n"


def event(lines: str, *, far: bool = True, zone: str = "") -> str:
    head = f"X-WR-TIMEZONE:{zone}\n" if zone else ""
    body = f"BEGIN:VEVENT\nUID:one\nSUMMARY:Freeze\n{lines}\nEND:VEVENT\n"
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{head}{body}{FAR if far else ''}END:VCALENDAR\n"


def found(folder: Path, text: str, *, now: datetime = NOW, hours: float = 1.0) -> list[str]:
    path = folder / "freezes.ics"
    path.write_text(text.replace("\n", "\r\n"))
    return [freeze.summary for freeze in freezes_in(path, now, now + timedelta(hours=hours))]


ON = [
    "DTSTART:20261221T100000Z\nDTEND:20261221T120000Z",
    "DTSTART:20261221T100000Z\nDURATION:PT2H",
    "DTSTART;TZID=Europe/Berlin:20261221T113000\nDTEND;TZID=Europe/Berlin:20261221T123000",
    "DTSTART;VALUE=DATE:20261220\nDTEND;VALUE=DATE:20270107",
    "DTSTART;VALUE=DATE:20261221",
    "DTSTART:20261221T113000Z\nDTEND:20261221T120000Z",
    "DTSTART;VALUE=DATE:20261220\nDTEND;VALUE=DATE:20270107\nTRANSP:TRANSPARENT",
    "DTSTART;VALUE=DATE:20161221\nRRULE:FREQ=YEARLY",
    "DTSTART;TZID=Europe/Berlin:20260706T120000\nDURATION:PT30M\nRRULE:FREQ=WEEKLY;BYDAY=MO",
    "DTSTART;TZID=Europe/Berlin:20260706T120000\nDURATION:PT30M\nRRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20261221T110000Z",
    "DTSTART;VALUE=DATE:20261201\nRRULE:FREQ=DAILY;UNTIL=20261221",
    "DTSTART:20261101T100000Z\nDURATION:PT2H\nRDATE:20261221T100000Z",
]


@pytest.mark.parametrize("lines", ON)
def test_a_freeze_that_is_on_or_begins_before_the_plan_is_over_is_found(lines: str, tmp_path: Path) -> None:
    assert found(tmp_path, event(lines, zone="Europe/Berlin")) == ["Freeze"]


OFF = [
    "DTSTART:20261221T090000Z\nDTEND:20261221T110000Z",
    "DTSTART:20261221T120000Z\nDTEND:20261221T130000Z",
    "DTSTART;VALUE=DATE:20261220",
    "DTSTART;VALUE=DATE:20261222",
    "DTSTART;VALUE=DATE:20161222\nRRULE:FREQ=YEARLY",
    "DTSTART:20261221T100000Z\nDTEND:20261221T120000Z\nSTATUS:CANCELLED",
    "DTSTART;TZID=Europe/Berlin:20260706T120000\nDURATION:PT30M\nRRULE:FREQ=WEEKLY\nEXDATE;TZID=Europe/Berlin:20261221T120000",
    "DTSTART;TZID=Europe/Berlin:20260706T120000\nDURATION:PT30M\nRRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20261220T110000Z",
    "DTSTART;TZID=Europe/Berlin:20260706T120000\nDURATION:PT30M\nRRULE:FREQ=WEEKLY;COUNT=3",
]


@pytest.mark.parametrize("lines", OFF)
def test_a_freeze_that_is_over_or_far_or_cancelled_is_not(lines: str, tmp_path: Path) -> None:
    assert found(tmp_path, event(lines, zone="Europe/Berlin")) == []


def test_an_occurrence_that_was_moved_counts_where_it_is_now(tmp_path: Path) -> None:
    weekly = "DTSTART:20260706T080000Z\nDURATION:PT1H\nRRULE:FREQ=WEEKLY"
    other = "UID:one\nSUMMARY:Moved\nRECURRENCE-ID:20261221T080000Z\nDTSTART:20261221T110000Z\nDURATION:PT1H"
    moved = f"END:VEVENT\nBEGIN:VEVENT\n{other}"
    assert found(tmp_path, event(f"{weekly}\n{moved}")) == ["Moved"]
    eight = datetime(2026, 12, 21, 8, 30, tzinfo=UTC)
    assert found(tmp_path, event(f"{weekly}\n{moved}"), now=eight) == []
    cancelled = moved.replace("SUMMARY:Moved", "SUMMARY:Moved\nSTATUS:CANCELLED")
    assert found(tmp_path, event(f"{weekly}\n{cancelled}"), now=eight) == []


def test_a_repeated_freeze_keeps_its_hours_through_daylight_saving(tmp_path: Path) -> None:
    daily = event("DTSTART;TZID=Europe/Berlin:20260701T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY")
    assert found(tmp_path, daily, now=datetime(2026, 7, 2, 7, 30, tzinfo=UTC), hours=0.1) == ["Freeze"]
    assert found(tmp_path, daily, now=datetime(2026, 12, 2, 7, 30, tzinfo=UTC), hours=0.1) == []
    assert found(tmp_path, daily, now=datetime(2026, 12, 2, 8, 30, tzinfo=UTC), hours=0.1) == ["Freeze"]


@pytest.mark.parametrize(("hour", "day", "on"), [(9, 20, False), (10, 20, True), (11, 22, True), (12, 22, False)])
def test_a_day_without_a_time_zone_counts_wherever_on_earth_it_is(*, hour: int, day: int, on: bool, tmp_path: Path) -> None:
    moment = datetime(2026, 12, day, hour, tzinfo=UTC)
    assert bool(found(tmp_path, event("DTSTART;VALUE=DATE:20261221"), now=moment, hours=0.01)) is on


def test_a_zone_that_the_calendar_describes_itself_is_understood(tmp_path: Path) -> None:
    zone = (
        "BEGIN:VTIMEZONE\nTZID:Ours\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0100\nEND:STANDARD\n"
        "END:VTIMEZONE\n"
    )
    text = event("DTSTART;TZID=Ours:20261221T120000\nDURATION:PT1H").replace("BEGIN:VEVENT", zone + "BEGIN:VEVENT", 1)
    assert found(tmp_path, text) == ["Freeze"]


REFUSED = [
    ("no calendar at all", "cannot be read|found none"),
    ("BEGIN:VCALENDAR\nEND:VCALENDAR\n", "it has no event"),
    ("BEGIN:VCALENDAR\nBEGIN:VEVENT\n", "cannot be read|found none"),
    (event("DTSTART:20251221T100000Z\nDTEND:20251221T120000Z", far=False), r"the last of its 1 event\(s\) is over"),
    (event("DTSTART;VALUE=DATE:20201221\nRRULE:FREQ=YEARLY;COUNT=3", far=False), "says nothing about today"),
    (event("DESCRIPTION:when?"), "'Freeze'.*no DTSTART"),
    (event("DTSTART:soon"), "'Freeze'.*is not left out"),
    (event("DTSTART;TZID=Atlantis/Poseidonis:20261221T120000"), "Atlantis/Poseidonis"),
    (event("DTSTART;VALUE=DATE:20261221", zone="Atlantis/Poseidonis"), "X-WR-TIMEZONE"),
    (event("DTSTART:20261221T120000Z\nDTEND:20261221T110000Z"), "ends before it starts"),
    (event("DTSTART;VALUE=DATE:20261221\nDTEND:20261222T110000Z"), "one is a day and the other a time"),
    (event("DTSTART:20261221T120000Z\nRRULE:FREQ=SECONDLY"), "FREQ=SECONDLY"),
    (event("DTSTART:20261221T120000Z\nRRULE:FREQ=WEEKLY;BYDAY=XX"), "'Freeze'"),
    (event("DTSTART:20261221T120000Z\nRECURRENCE-ID;RANGE=THISANDFUTURE:20261221T120000Z"), "RANGE"),
]


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_a_calendar_that_cannot_be_understood_or_is_expired_is_never_left_out(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=words):
        found(tmp_path, text)


def test_a_calendar_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="No such file"):
        freezes_in(tmp_path / "none.ics", NOW, NOW)


def test_without_the_library_the_refusal_names_the_extra(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['icalendar'] = None\n"
        "from pathlib import Path; from datetime import datetime, UTC\n"
        "from gameday.guard.calendars import freezes_in\n"
        "now = datetime.now(UTC)\n"
        "try:\n    freezes_in(Path('f.ics'), now, now)\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.startswith("RefusedError")
    assert "pip install 'chaos-gameday[calendar]'" in done.stdout
