"""The cluster's certificate authority and server certificate, made anew for every start and kept in memory only."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Self

import trustme


@dataclass(frozen=True)
class Certificates:
    """What the server shows and what its clients trust; the key never leaves the process."""

    authority_pem: bytes
    server: ssl.SSLContext

    @classmethod
    def create(cls, *names: str) -> Self:
        """Make an authority and a server certificate for these host names and addresses, and localhost."""
        authority = trustme.CA(organization_name="gameday embedded cluster")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*dict.fromkeys((*names, "localhost"))).configure_cert(context)
        context.set_alpn_protocols(["http/1.1"])
        return cls(authority.cert_pem.bytes(), context)
