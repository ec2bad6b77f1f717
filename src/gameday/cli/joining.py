"""Taking part, from a terminal, in a rehearsal that another process holds: the same requests as a page's, over HTTP.

What is shown comes as the page's own state (GET /api/state), which says nothing that this person may not know. The token is the
page's link's, and goes in the header Authorization.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit

from gameday.errors import RefusedError, UsageError
from gameday.rehearsal.speaking import Known, Said
from gameday.rehearsal.telling import duration, printable

_TIMEOUT_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.2
_PATIENCE_SECONDS: Final = 5.0
"""How long a page server may be away before the rehearsal counts as over."""


class PageSeat:
    """A seat at the pages of another process; a `Seat`."""

    def __init__(self, url: str, person: str) -> None:
        """Take the link of a page, with its token, and who sits here."""
        parts = urlsplit(url)
        token = parse_qs(parts.fragment).get("token") or parse_qs(parts.query).get("token")
        if parts.scheme != "http" or not parts.netloc or not token:
            raise UsageError(f"expected the link of a page with its token, http://127.0.0.1:…/commander#token=…, but got {url!r}")
        self._host, self._token, self._person = parts.netloc, token[0], person
        self._shown: Mapping[str, Any] = {}
        self._told: set[str] = set()
        self._away_since: float | None = None
        self._over = False

    @property
    def is_over(self) -> bool:
        """Whether the rehearsal is over, or its process gone."""
        return self._over

    def join(self, roles: Sequence[str]) -> None:
        """Take a seat with these roles; RefusedError says why not."""
        refused = self._post("requests", {"do": "join", "roles": list(roles)})
        if refused:
            raise RefusedError(refused)

    def news(self, *, timeout_seconds: float) -> Sequence[str]:
        """Return what is new on the page."""
        if timeout_seconds:
            time.sleep(max(timeout_seconds, _POLL_SECONDS))
        try:
            self._shown = self._get(f"state?person={quote(self._person)}")
            self._away_since = None
        except OSError:
            self._away_since = self._away_since or time.monotonic()
            if self._shown.get("ended") or time.monotonic() - self._away_since > _PATIENCE_SECONDS:
                self._over = True
            return []
        lines = [(key, line) for key, line in self._lines() if key not in self._told]
        self._told |= {key for key, _ in lines}
        self._over = bool(self._shown.get("ended"))
        return [printable(line) for _, line in lines]

    def known(self) -> Known:
        """Return what a typed line may refer to."""
        channels = {one["audience"]: one["channels"][0] for one in self._shown.get("readers", ()) if one.get("channels")}
        return Known(tuple(step["id"] for step in self._incident.get("steps", ())), channels)

    def ask(self, said: Said) -> str:
        """Have it done; return why it was refused, or nothing."""
        return self._post("requests", said.request)

    def look(self, what: str) -> Iterator[str]:
        """Yield the lines of steps, clocks or people."""
        return {"steps": self._steps, "people": self._people, "clocks": self._clocks}[what]()

    def stop(self, reason: str) -> None:
        """End the rehearsal now; RefusedError says why it was not."""
        refused = self._post("stop", {"reason": reason})
        if refused:
            raise RefusedError(refused)

    @property
    def _incident(self) -> Mapping[str, Any]:
        return self._shown.get("incident") or {}

    def _lines(self) -> Iterator[tuple[str, str]]:
        """Yield everything that the page tells, each with what it is known by, in the order of its time."""
        incident = self._incident
        number = incident.get("number", 0)
        if number:
            yield f"round {number}", f"round {number} is on" + (f": {incident['title']}" if incident.get("title") else "")
        for at, key, text in sorted(_told(incident, number)):
            yield key, f"{at[11:19]} {text}"
        if self._shown.get("ended"):
            yield "ended", f"it is over: {self._shown['ended']['summary']}"

    def _steps(self) -> Iterator[str]:
        if not self._incident.get("steps"):
            yield f"open is: {self._incident.get('runbook') or 'no runbook'}. Which one it takes, you find out: open RUNBOOK"
        for number, step in enumerate(self._incident.get("steps", ()), start=1):
            sign = {"done": "[x]", "skipped": "[-]"}.get(step["outcome"], "[>]" if step["begun_at"] else "[ ]")
            who = f": {step['by'] or step['begun_by']}" if step["by"] or step["begun_by"] else ""
            yield printable(f"{number:>3} {sign} {step['title']}{who}")

    def _clocks(self) -> Iterator[str]:
        for clock in self._incident.get("clocks", ()):
            seconds = clock["seconds"]
            allowed = "" if clock["allowed_seconds"] is None else f" (agreed: {duration(clock['allowed_seconds'])})"
            running = f"unknown: {clock['why']}" if clock.get("why") else "runs" if clock.get("begin_at") else "unknown"
            yield printable(f"{clock['title']:<28} {running if seconds is None else duration(seconds)}{allowed}")

    def _people(self) -> Iterator[str]:
        for one in self._shown.get("people", ()):
            yield printable(f"{one['name']}: {', '.join(one['roles']) or 'no role'}{'' if one['is_there'] else ' (has left)'}")

    def _post(self, where: str, request: Mapping[str, Any]) -> str:
        """Send a request in this person's name; return why it was refused, or nothing."""
        try:
            status, answer = self._call("POST", where, {**request, "person": self._person})
        except OSError as error:
            return f"the rehearsal's process does not answer: {error}"
        if status < http.client.BAD_REQUEST:
            return ""
        return str(answer.get("refused") or answer.get("text") or answer.get("title") or f"refused with status {status}")

    def _get(self, where: str) -> Mapping[str, Any]:
        status, answer = self._call("GET", where, None)
        if status != http.client.OK:
            raise RefusedError(str(answer.get("text") or answer.get("title") or f"the page answered with status {status}"))
        return answer

    def _call(self, method: str, where: str, body: Mapping[str, Any] | None) -> tuple[int, Mapping[str, Any]]:
        connection = http.client.HTTPConnection(self._host, timeout=_TIMEOUT_SECONDS)
        try:
            headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
            connection.request(method, f"/api/{where}", json.dumps(body) if body is not None else None, headers)
            answered = connection.getresponse()
            text = answered.read()
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()
        try:
            decoded = json.loads(text or b"{}")
        except ValueError:
            decoded = {}
        return answered.status, decoded if isinstance(decoded, dict) else {}


def _told(incident: Mapping[str, Any], number: int) -> Iterator[tuple[str, str, str]]:
    """Yield when something was, what it is known by, and its line."""
    for moment in incident.get("moments", ()):
        if moment["at"]:
            who = f" ({moment['person']})" if moment["person"] else ""
            yield moment["at"], f"{number} {moment['name']} {moment['at']}", f"{moment['title']}{who} {moment['detail']}".rstrip()
    for inject in incident.get("injects", ()):
        yield inject["at"], f"event {inject['seq']}", f"{inject['what'].upper()}: {inject['text']}"
    for entry in incident.get("log", ()):
        more = entry.get("severity") or entry.get("audience") or ""
        text = f"{entry['person']}, {entry['kind']}{' ' + more if more else ''}: {entry['text']}"
        yield entry["at"], f"event {entry['seq']}", text
    for step in incident.get("steps", ()):
        if step["outcome"]:
            yield step["ended_at"], f"{number} {step['id']}", f"{step['by']}, {step['outcome']}: {step['title']}"
