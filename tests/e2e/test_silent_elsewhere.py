"""Activities of other extensions that silently do nothing: every experiment of them ends inconclusive."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import Command
from tests.e2e.silent import foreign, python
from tests.e2e.silent_cases import ELSEWHERE, Case, carried_out

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("case", ELSEWHERE, ids=lambda case: case.name)
def test_what_did_nothing_elsewhere_is_inconclusive(case: Case, command: Command) -> None:
    code, said = carried_out(command, case, "--unguarded")
    assert (code, bool(re.search(case.told, said))) == (2, True), said


@pytest.fixture
def failing_service() -> Iterator[str]:
    """Serve 500 to a POST, and a page that is no JSON to a GET."""

    class Failing(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = b"<html>"
            self.send_response(200 if self.command == "GET" else 500)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815  # the base class's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Failing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_an_action_that_a_service_answers_with_an_error_is_inconclusive(failing_service: str, command: Command) -> None:
    action = {"type": "action", "name": "break it", "provider": {"type": "http", "url": failing_service, "method": "POST"}}
    code, said = carried_out(command, Case("", foreign(action), ""), "--unguarded")
    assert (code, "500" in said) == (2, True), said


def test_a_probe_whose_answer_is_no_json_is_inconclusive(failing_service: str, command: Command) -> None:
    tolerance = {"type": "jsonpath", "path": "$.ok", "target": "body"}
    probe = {"type": "probe", "name": "look", "provider": {"type": "http", "url": failing_service}, "tolerance": tolerance}
    code, said = carried_out(command, Case("", foreign(python("break it", "os.getpid"), probes=[probe]), ""), "--unguarded")
    assert code == 2, said
