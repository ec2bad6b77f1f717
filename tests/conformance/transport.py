"""How the checks reach a cluster: raw HTTP with a kubeconfig's credentials, whatever those are, and kubectl.

The kubeconfig is read by the unmodified `kubernetes` client, so that certificates, tokens and exec plugins work as they do for
everybody; what goes over the wire after that is written here, and what comes back is not interpreted.
"""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, Self
from urllib.parse import urlencode

import pytest
import urllib3
from kubernetes import client
from kubernetes.config import kube_config

Json = dict[str, Any]
SECONDS: Final = 60.0
PATCHES: Final = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}
TABLE: Final = "application/json;as=Table;v=v1;g=meta.k8s.io"
METADATA: Final = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer as it came over the wire."""

    request: str
    status: int
    headers: Mapping[str, str]
    warnings: tuple[str, ...]
    data: bytes

    @property
    def text(self) -> str:
        """Return the body as text."""
        return self.data.decode()

    @property
    def body(self) -> Any:
        """Return the body as JSON."""
        try:
            return json.loads(self.data)
        except ValueError:
            raise AssertionError(f"{self.request}: expected JSON, but got {self.status} {self.text[:300]!r}") from None

    def expect(self, status: int) -> Any:
        """Return the body, which must have come with this status."""
        assert self.status == status, f"{self.request}: expected {status}, but got {self.status}: {self.text[:600]}"
        return self.body

    def refused(self, status: int, reason: str) -> Json:
        """Return the Status, which must be a failure of this code and reason, well-formed as clients rely on it."""
        body = self.expect(status)
        expected: tuple[Any, ...] = ("Status", "v1", {}, "Failure", reason, status)
        fields = ("kind", "apiVersion", "metadata", "status", "reason", "code")
        got = tuple(body.get(field) for field in fields)
        assert got == expected, f"{self.request}: expected {expected}, but got {got}"
        return dict(body)


@dataclass(frozen=True, slots=True)
class Http:
    """A way to a cluster's API, as somebody."""

    server: str
    pool: urllib3.PoolManager
    headers: Mapping[str, str]

    @classmethod
    def of(cls, kubeconfig: Path) -> Self:
        """Connect as the kubeconfig's current context says."""
        settings = client.Configuration()
        kube_config.load_kube_config(config_file=str(kubeconfig), client_configuration=settings)
        headers = {auth["key"]: auth["value"] for auth in settings.auth_settings().values()}
        context = _context(settings)
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file)
        return cls(settings.host, _pool(context), headers)

    def with_token(self, token: str, kubeconfig: Path) -> Http:
        """Reach the same server as somebody else; a client certificate would say the former name again."""
        settings = client.Configuration()
        kube_config.load_kube_config(config_file=str(kubeconfig), client_configuration=settings)
        return Http(self.server, _pool(_context(settings)), {"Authorization": f"Bearer {token}"})

    def request(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None, **query: Any
    ) -> Reply:
        """Send one request as it is written, and return what came back."""
        target = self.server + path + (f"?{urlencode(query, doseq=True)}" if query else "")
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        given = {"Accept": "application/json", "User-Agent": "conformance/1", **self.headers}
        given |= {"Content-Type": "application/json"} if content is not None else {}
        answer = self.pool.request(method, target, body=content, headers={**given, **(headers or {})}, timeout=SECONDS)
        warnings = tuple(answer.headers.getlist("Warning"))
        return Reply(f"{method} {path}", answer.status, dict(answer.headers), warnings, answer.data)

    def lines(self, path: str, *, headers: Mapping[str, str] | None = None, **query: Any) -> Iterator[bytes]:
        """Yield the lines of an answer that goes on, such as a watch, as they come."""
        target = f"{self.server}{path}?{urlencode(query, doseq=True)}"
        given = {"Accept": "application/json", **self.headers, **(headers or {})}
        answer = self.pool.request("GET", target, headers=given, timeout=SECONDS, preload_content=False)
        rest = b""
        with closing(answer):
            if answer.status != 200:
                raise AssertionError(f"GET {path}: expected 200, but got {answer.status}: {answer.read()[:600].decode()}")
            for chunk in answer.stream():
                *whole, rest = (rest + chunk).split(b"\n")
                yield from whole
        if rest:
            yield rest


def _context(settings: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ssl_ca_cert)
    if not settings.verify_ssl:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _pool(context: ssl.SSLContext) -> urllib3.PoolManager:
    return urllib3.PoolManager(maxsize=16, ssl_context=context, retries=False)


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    command: str
    code: int
    out: str
    err: str

    def fails(self) -> str:
        """Return what it said; it must not have succeeded."""
        assert self.code != 0, f"{self.command}: expected a failure, but it said: {self.out}{self.err}"
        return self.err


@dataclass(frozen=True, slots=True)
class Kubectl:
    """The unmodified kubectl, of this machine."""

    kubeconfig: Path
    home: Path
    """Where it keeps what it discovered: shared, so that this is asked for once."""

    def run(self, *words: str, stdin: str | None = None) -> Done:
        """Run a command to its end."""
        with self.start(*words, stdin=stdin is not None) as process:
            try:
                out, err = process.communicate(stdin, timeout=SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
                _fail(f"kubectl {' '.join(words)}: expected an end within {SECONDS} s; it had said: {out}{err}")
        return Done(f"kubectl {' '.join(words)}", process.returncode, out, err)

    def start(self, *words: str, stdin: bool = False) -> subprocess.Popen[str]:
        """Start a command that goes on, such as a watch."""
        program = shutil.which("kubectl")
        if program is None:
            pytest.skip("kubectl is not installed on this machine")
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig), "HOME": str(self.home), "KUBECTL_EXPLAIN_OPENAPIV3": "1"}
        return subprocess.Popen(
            [program, *words],
            env=environment,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def _fail(message: str) -> NoReturn:
    raise AssertionError(message)
