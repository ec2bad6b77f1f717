"""The token of another service account, for a while: taken by TokenRequest with the rights that we have, and renewed in time.

Lives are measured by the monotonic clock from the moment at which a token came, so that no stepped clock makes it older.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from gameday.errors import ClusterError

TOKEN_SECONDS: Final = 3600
_RENEW_AT: Final = 0.8
"""The share of a token's life after which a new one is taken, as a kubelet does."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and for how many seconds from when it came the server takes it."""

    value: str
    lives_seconds: float


@dataclass(slots=True)
class AccountToken:
    """One account's token, always one that is valid; usable from several threads."""

    take: Callable[[], Token]
    now: Callable[[], float] = time.monotonic
    _token: Token | None = None
    _since: float = 0.0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def current(self) -> str:
        """Return the token, a new one if need be; where that is refused, the old one while it lasts, then a ClusterError."""
        with self._lock:
            try:
                return self.renewed()
            except ClusterError:
                if self._token is None or self._age_share() >= 1.0:
                    raise
                return self._token.value

    def renewed(self) -> str:
        """Return the token, a new one once most of its life is over; a ClusterError if that one is refused."""
        with self._lock:
            if self._token is None or self._age_share() >= _RENEW_AT:
                asked = self.now()
                self._token = self.take()
                self._since = asked
            return self._token.value

    def discard(self, value: str) -> None:
        """Forget a token that the server does not take, unless it has been replaced meanwhile."""
        with self._lock:
            if self._token is not None and self._token.value == value:
                self._token = None

    def _age_share(self) -> float:
        lives = self._token.lives_seconds if self._token else 0.0
        return (self.now() - self._since) / lives if lives > 0 else 1.0
