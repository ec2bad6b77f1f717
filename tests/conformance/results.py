"""The result of one session against a real cluster: of which suite, on which versions, and what each check came to.

`python -m tests.conformance.results` says whether the one that is kept (RESULT.json) is of the suite as it is now.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
RESULT: Final = HERE / "RESULT.json"
_OF_THE_SUITE: Final = ("checking.py", "manifests.py", "space.py", "transport.py")


def digest() -> str:
    """Return the digest of the checks and of what they rest on: of whatever makes a result another one."""
    files = [*(HERE / name for name in _OF_THE_SUITE), *sorted((HERE / "checks").glob("*.py"))]
    found = hashlib.sha256()
    for path in files:
        found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def write_result(path: Path, versions: Mapping[str, str], outcomes: Mapping[str, str]) -> None:
    """Write a result; an outcome is passed, failed or skipped, with the reason."""
    counted = {
        word: sum(text.partition(":")[0] == word for text in outcomes.values()) for word in ("passed", "failed", "skipped")
    }
    document: dict[str, Any] = {
        "suite": digest(),
        "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "versions": dict(versions),
        "counts": counted,
        "checks": dict(sorted(outcomes.items())),
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def read_result(path: Path = RESULT) -> dict[str, Any]:
    """Return a result that was written."""
    return dict(json.loads(path.read_text(encoding="utf-8")))


def main() -> int:
    """Say whether the result that is kept is of this suite, and good; for CI on machines that have no real cluster."""
    kept = read_result()
    if kept["suite"] != digest():
        sys.stderr.write(f"expected {RESULT.name} to be of this suite ({digest()}), but it is of {kept['suite']}; "
                         "run: make test-conformance KUBECONFIG=… RESULT=tests/conformance/RESULT.json\n")  # fmt: skip
        return 1
    if kept["counts"]["failed"]:
        sys.stderr.write(f"expected every check to pass on a real cluster, but {kept['counts']['failed']} did not\n")
        return 1
    sys.stdout.write(f"{kept['counts']['passed']} checks passed on {kept['versions']['server']}, {kept['at']}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
