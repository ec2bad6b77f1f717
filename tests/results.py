"""The results that are kept of sessions on a real cluster: of which suite, on which versions, and what each test came to.

`python -m tests.results` says whether they are of the suites as they are now, and good. CI asks that before it runs most of
them on a real cluster of its own, or none where it has none.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from tests.conformance.transport import Http, Kubectl

HERE: Final = Path(__file__).parent
_OUTCOMES: Final = ("passed", "failed", "skipped")
REPEATED: Final = "repeated"
"""The property of a test that needed a second go: why."""


@dataclass(frozen=True, slots=True)
class Suite:
    """Tests whose result is kept beside them; `patterns` name the files, below tests/, of whatever makes it another result."""

    name: str
    patterns: tuple[str, ...]
    command: str
    """What to call to have the result anew."""

    @property
    def kept(self) -> Path:
        """Return the file of the result that is kept."""
        return HERE / self.name / "RESULT.json"

    def digest(self) -> str:
        """Return the digest of the suite as it is now."""
        found = hashlib.sha256()
        for path in sorted({path for pattern in self.patterns for path in HERE.glob(pattern) if path.is_file()}):
            found.update(str(path.relative_to(HERE)).encode() + b"\0" + path.read_bytes() + b"\0")
        return found.hexdigest()

    def write(
        self, path: Path, found_on: Mapping[str, str], outcomes: Mapping[str, str], repeated: Mapping[str, str] | None = None
    ) -> None:
        """Write a result; an outcome is passed, failed or skipped, with the reason; `repeated` says why it took a second go."""
        first = [text.partition(":")[0] for text in outcomes.values()]
        document: dict[str, Any] = {
            "suite": self.digest(),
            "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "versions": dict(found_on),
            "counts": {word: first.count(word) for word in _OUTCOMES},
            "repeated": dict(sorted((repeated or {}).items())),
            "tests": dict(sorted(outcomes.items())),
        }
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")

    def read(self, path: Path | None = None) -> dict[str, Any]:
        """Return a result that was written; the one that is kept, if none is named."""
        return dict(json.loads((path or self.kept).read_text(encoding="utf-8")))

    def wrong(self) -> str:
        """Say what is wrong with the result that is kept, if anything is."""
        if not self.kept.exists():
            return f"expected a result of tests/{self.name} on a real cluster, but none is kept; run: {self.command}"
        kept = self.read()
        if kept["suite"] != self.digest():
            return (
                f"expected {self.kept.relative_to(HERE.parent)} to be of this suite ({self.digest()}), "
                f"but it is of {kept['suite']}; run: {self.command}"
            )
        others = [name for name, text in kept["tests"].items() if text != "passed"]
        return f"expected every test of tests/{self.name} to pass on a real cluster, but: {', '.join(others)}" if others else ""


CONFORMANCE: Final = Suite(
    "conformance",
    (*(f"conformance/{name}.py" for name in ("checking", "manifests", "space", "transport")), "conformance/checks/*.py"),
    "make test-conformance KUBECONFIG=… RESULT=tests/conformance/RESULT.json",
)
_LENT: Final = (
    "crash/*.py",
    "between.py",
    "e2e/conftest.py",
    "e2e/test_scheduled.py",
    "e2e/test_your_own_shop.py",
    "interposition/conftest.py",
    "interposition/test_standing.py",
)
"""What tests/cluster takes from elsewhere."""
CLUSTER: Final = Suite(
    "cluster",
    ("cluster/*.py", "cluster/machine/**/*", "cluster/programs/*/go.mod", *_LENT),
    "make test-cluster RESULT=tests/cluster/RESULT.json",
)


def outcome(report: pytest.TestReport, call: pytest.CallInfo[None]) -> str:
    """Return what a test came to: passed, or failed or skipped and why."""
    why = f": {' '.join(str(call.excinfo.value).split())[:300]}" if call.excinfo and report.outcome != "passed" else ""
    return report.outcome + why


def second_go(report: pytest.TestReport) -> str:
    """Return why a test needed a second go; empty if it did not."""
    return str(dict(report.user_properties).get(REPEATED, ""))


def versions(kubeconfig: Path) -> dict[str, str]:
    """Return what a cluster, its nodes and kubectl call themselves."""
    http = Http.of(kubeconfig)
    nodes = [node["status"]["nodeInfo"] for node in http.request("GET", "/api/v1/nodes").expect(200)["items"]]
    client = json.loads(Kubectl(kubeconfig, kubeconfig.parent).run("version", "--client", "-o", "json").out or "{}")
    return {
        "server": http.request("GET", "/version").expect(200)["gitVersion"],
        "kubelet": ", ".join(sorted({node["kubeletVersion"] for node in nodes})),
        "runtime": ", ".join(sorted({node["containerRuntimeVersion"] for node in nodes})),
        "kernel": ", ".join(sorted({node["kernelVersion"] for node in nodes})),
        "kubectl": client.get("clientVersion", {}).get("gitVersion", "none"),
    }


def complaints(suites: Iterable[Suite] = (CONFORMANCE, CLUSTER)) -> list[str]:
    """Say of each result that is kept what is wrong with it."""
    return [wrong for suite in suites if (wrong := suite.wrong())]


def told(name: str, kept: Mapping[str, Any]) -> str:
    """Say what a result that is kept came to; those of earlier days do not say what was repeated."""
    counts = ", ".join(f"{kept['counts'][word]} {word}" for word in _OUTCOMES)
    repeated = "".join(f"\n  at the second go: {test} ({why})" for test, why in kept.get("repeated", {}).items())
    return f"tests/{name} on {kept['versions']['server']}, {kept['at']}: {counts}{repeated}"


def main() -> int:
    """Say what is wrong with the results that are kept, or what they came to."""
    if found := complaints():
        sys.stderr.write("\n".join([*found, ""]))
        return 1
    for suite in (CONFORMANCE, CLUSTER):
        sys.stdout.write(f"{told(suite.name, suite.read())}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
