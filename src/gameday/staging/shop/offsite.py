"""The bucket outside the cluster in which copies of the orders' database are kept, over the S3 API.

Every call blocks and makes a connection of its own: copies are taken now and then, in a thread, and a restore happens before
the service listens. What is in the bucket, and whether it is any good, is for `copies`.
"""

from __future__ import annotations

import html
import http.client
import re
import time
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from gameday.staging.shop.s3_signature import Keys, Signable, sign
from gameday.staging.shop.settings import Environment

NOT_FOUND = 404
MOST_LISTED = 1000
_KEY = re.compile(r"<Key>(.*?)</Key>")
_SUCCESSES = range(200, 300)


class OffsiteError(Exception):
    """The bucket could not be reached, or did not do what was asked."""


class NoSuchObjectError(OffsiteError):
    """The store answered that there is no such object, or no such bucket."""


@dataclass(frozen=True, slots=True)
class Offsite:
    """One bucket of one store."""

    endpoint: str
    """Scheme, host and port."""
    bucket: str
    keys: Keys
    timeout_seconds: float = 5.0

    @staticmethod
    def from_environment(environment: Environment) -> Offsite | None:
        """Return the bucket that the pod's environment names; None where BACKUP_ENDPOINT names none."""
        endpoint = environment.variables.get("BACKUP_ENDPOINT", "")
        if not endpoint:
            return None
        if not _is_endpoint(endpoint):
            environment.problems.append(f"BACKUP_ENDPOINT: expected http://HOST:PORT, found {endpoint!r}")
        keys = Keys(environment.text("BACKUP_ACCESS_KEY_ID"), environment.text("BACKUP_SECRET_ACCESS_KEY"))
        timeout = environment.number("BACKUP_TIMEOUT_SECONDS", 5.0, lowest=0.05)
        return Offsite(endpoint.rstrip("/"), environment.text("BACKUP_BUCKET", "backups"), keys, timeout)

    def put(self, key: str, body: bytes) -> None:
        """Store an object, creating the bucket if it is missing."""
        path = f"/{self.bucket}/{quote(key)}"
        try:
            self._ask("PUT", path, body=body)
        except NoSuchObjectError:
            self._ask("PUT", f"/{self.bucket}")
            self._ask("PUT", path, body=body)

    def get(self, key: str) -> bytes:
        """Return an object's bytes; `NoSuchObjectError` where there is none."""
        return self._ask("GET", f"/{self.bucket}/{quote(key)}")

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is removed already."""
        self._ask("DELETE", f"/{self.bucket}/{quote(key)}")

    def list(self, prefix: str) -> list[str]:
        """Return the keys that begin so, in their order; none where there is no bucket yet."""
        found: list[str] = []
        while True:
            after = f"&start-after={quote(found[-1], safe='')}" if found else ""
            query = f"list-type=2&max-keys={MOST_LISTED}&prefix={quote(prefix, safe='')}{after}"
            try:
                page = self._ask("GET", f"/{self.bucket}", query).decode()
            except NoSuchObjectError:
                return []
            found += [html.unescape(key) for key in _KEY.findall(page)]
            if "<IsTruncated>true</IsTruncated>" not in page:
                return found

    def _ask(self, method: str, path: str, query: str = "", *, body: bytes = b"") -> bytes:
        parts = urlsplit(self.endpoint)
        headers = sign(self.keys, Signable(method, path, query, {"host": parts.netloc}, body), time.time())
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=self.timeout_seconds)
        try:
            connection.request(method, f"{path}?{query}" if query else path, body, headers)
            answer = connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise OffsiteError(f"{self.endpoint} did not answer {method} {path} ({error or type(error).__name__})") from None
        finally:
            connection.close()
        if answer.status == NOT_FOUND:
            raise NoSuchObjectError(f"{self.endpoint} has no {path}")
        if answer.status not in _SUCCESSES:
            said = data[:200].decode("utf-8", "replace")
            raise OffsiteError(f"{self.endpoint} answered {answer.status} to {method} {path}: {said}")
        return data


def _is_endpoint(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme == "http" and bool(parts.hostname) and parts.port is not None
    except ValueError:
        return False
