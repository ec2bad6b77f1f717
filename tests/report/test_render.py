from __future__ import annotations

import subprocess
import sys

HEAVY = ("jinja2", "junitparser", "rich", "kubernetes", "aiohttp", "pydantic")


def test_importing_the_room_loads_nothing_heavy() -> None:
    script = f"import sys, gameday.report; print([name for name in {HEAVY} if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
