"""Who may come in: the bound address, pages of this server only, and one of two tokens.

Three things are refused, each with a sentence for whoever reads it: another name for this address (a page elsewhere may let
its own name lead to 127.0.0.1, which is called DNS rebinding), a request that another origin's page made, and one without a
token. The facilitator's token opens both pages. The participants' is derived from it and opens theirs alone; from it, the other
cannot be found. A token is exchanged for a cookie that no script can read and that no other site's page makes a browser send.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from aiohttp import web

Page = Literal["commander", "facilitator"]
PAGES: Final[tuple[Page, ...]] = ("commander", "facilitator")
_SAFE: Final = frozenset({"GET", "HEAD"})
_BEARER: Final = "Bearer "

_POLICY: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    # No text ever becomes HTML in a script: the browser itself refuses it.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "; ".join(_POLICY),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""What every answer carries."""


class RefusedRequest(Exception):  # noqa: N818  # an answer like any other, and no failure of ours
    """A request that is not carried out: an HTTP status, and what to do about it."""

    def __init__(self, status: int, title: str, text: str, *, may_enter: bool = False) -> None:
        """Say also whether whoever has the token behind the address's # may come in with it after all."""
        super().__init__(text)
        self.status, self.title, self.text, self.may_enter = status, title, text, may_enter


@dataclass(frozen=True, slots=True)
class Door:
    """The address that is bound, as a browser writes it, and the token of each page."""

    authority: str
    """Such as 127.0.0.1:8023, or [::1]:8023."""
    tokens: Mapping[Page, str]

    @property
    def origin(self) -> str:
        """What a browser calls this server's pages."""
        return f"http://{self.authority}"

    def check_caller(self, request: web.Request) -> None:
        """Refuse another name for this address, and whatever another origin's page asks for."""
        host = request.headers.get("Host", "")
        if host.lower() != self.authority:
            raise RefusedRequest(421, "Another address", f"This page is at {self.origin} only; open it by that address.")
        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
        is_visit = request.method in _SAFE and request.headers.get("Sec-Fetch-Dest") == "document"
        if origin not in {None, self.origin} or (site not in {None, "same-origin", "none"} and not is_visit):
            raise RefusedRequest(403, "Another origin", "A page of another origin asked for this; only our own may.")
        if request.method in _SAFE or self._bearer(request):
            return
        # A browser says one of the two with every POST; what says neither has to show the token itself.
        if origin is None and site != "same-origin":
            raise RefusedRequest(403, "No origin", "What changes something says its Origin, or carries the token itself.")

    def page_of(self, request: web.Request, wanted: str = "") -> Page:
        """Return for which page somebody asks (`wanted`, else the parameter `page`); RefusedRequest if they may not."""
        wanted = wanted or request.query.get("page", "")
        bearer = self._bearer(request)
        held = self._by_token(bearer) if bearer else self._by_cookie(request, wanted)
        if held is None:
            raise RefusedRequest(
                401,
                "Not let in",
                "This page opens with its link, which carries a token: take it from the terminal where the rehearsal began.",
                may_enter=True,
            )
        if wanted == "commander":
            return "commander"
        if wanted not in {"", held}:
            # A browser that has the participants' cookie may well have been given the facilitator's link now.
            text = "This is the facilitator's, and the token is the participants'."
            raise RefusedRequest(403, "The facilitator's", text, may_enter=True)
        return held

    def enter(self, token: str) -> Page:
        """Return which page a token opens; RefusedRequest if none."""
        page = self._by_token(token)
        if page is None:
            raise RefusedRequest(401, "Not let in", "The token is not of this rehearsal; take the link from its terminal again.")
        return page

    def set_cookie(self, response: web.StreamResponse, page: Page) -> None:
        """Let the browser come in again: the cookie is a proof of the token, not the token."""
        response.set_cookie(self._cookie(page), _proof(self.tokens[page]), httponly=True, samesite="Strict", path="/")

    def _cookie(self, page: Page) -> str:
        # Cookies are shared by all ports of an address.
        return f"gameday-{self.authority.rpartition(':')[2]}-{page}"

    def _by_token(self, token: str) -> Page | None:
        held = [page for page in PAGES if _same(token, self.tokens[page])]
        return held[-1] if held else None

    def _by_cookie(self, request: web.Request, wanted: str) -> Page | None:
        held = [page for page in PAGES if _same(request.cookies.get(self._cookie(page), ""), _proof(self.tokens[page]))]
        # With both in one browser, each page says which it is; what says nothing gets the one that shows less.
        return ("facilitator" if wanted == "facilitator" and wanted in held else held[0]) if held else None

    @staticmethod
    def _bearer(request: web.Request) -> str:
        value = request.headers.get("Authorization", "")
        return value.removeprefix(_BEARER) if value.startswith(_BEARER) else ""


def door(authority: str, token: str) -> Door:
    """Return the door of a server; an empty token is made, of 256 bits."""
    secret = token or secrets.token_urlsafe(32)
    return Door(authority, {"facilitator": secret, "commander": _derived(secret, "participants")})


def _proof(token: str) -> str:
    return _derived(token, "cookie")


def _derived(secret: str, purpose: str) -> str:
    return urlsafe_b64encode(hmac.digest(secret.encode(), purpose.encode(), hashlib.sha256)).rstrip(b"=").decode()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(errors="surrogatepass"), other.encode())
