"""The cluster does what each check says Kubernetes does, and differs only where it is written down that it does."""

from __future__ import annotations

import re
from concurrent.futures import Future

import pytest

from tests.conformance import checks as _  # noqa: F401  # registers them
from tests.conformance.checking import CHECKS, Check
from tests.conformance.conftest import Target
from tests.conformance.differences import DIFFERENCES, TABLE
from tests.conformance.recording import read_trace

pytestmark = [pytest.mark.e2e, pytest.mark.conformance]


@pytest.mark.parametrize("check", CHECKS.values(), ids=[f"{check.area}.{check.id}" for check in CHECKS.values()])
def test_the_cluster_does_as_kubernetes_does(check: Check, target: Target, outcomes: dict[str, Future[None]]) -> None:
    difference = DIFFERENCES.get(check.id) if target.is_embedded else None
    if difference is None:
        outcomes[check.id].result()
        return
    failure = outcomes[check.id].exception()
    assert failure is not None, f"the difference has vanished: remove {check.id} from {TABLE.name}, then: make docs"
    assert re.search(difference.seen, str(failure)), f"expected a failure that says {difference.seen!r}, but got: {failure}"


def test_every_line_of_the_trace_is_covered_by_a_check(request: pytest.FixtureRequest, target: Target) -> None:
    calls = (getattr(item, "callspec", None) for item in request.session.items)
    asked = {call.params["check"].id for call in calls if call is not None and "check" in call.params}
    if target.recorder is None or asked != CHECKS.keys():
        pytest.skip("only the whole suite on the embedded cluster says what is covered")
    requested = dict(target.recorder.lines)
    missing = []
    for line, fields in read_trace().items():
        alike = [found for ours, found in requested.items() if ours.covers(line)]
        unseen = fields.difference(*alike) if alike else {"all of it"}
        missing += [f"{line.method} {line.path} {' '.join(line.query)} {line.content_type}: {', '.join(sorted(unseen))}"] * bool(
            unseen
        )
    assert not missing, "no check requests:\n" + "\n".join(missing)
