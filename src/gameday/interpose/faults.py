"""The faults: what each one does to a request or a connection, as its fields in the settings document.

The structs are the user's parameters. How long a latency is, is drawn here; everything else is done where bytes pass.
"""

from __future__ import annotations

import random
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

LONGEST_SECONDS = 3600.0
LONGEST_BODY = 65536
_Seconds = Annotated[float, Meta(ge=0, le=LONGEST_SECONDS)]
_Some = Annotated[float, Meta(gt=0, le=LONGEST_SECONDS)]


class Constant(Struct, frozen=True, forbid_unknown_fields=True, tag_field="distribution", tag="constant"):
    """Always the same."""

    seconds: _Some

    def draw(self) -> float:
        """Return a delay in seconds."""
        return self.seconds


class Uniform(Struct, frozen=True, forbid_unknown_fields=True, tag_field="distribution", tag="uniform"):
    """Jitter: anything from `seconds - jitter_seconds` to `seconds + jitter_seconds`, each as likely."""

    seconds: _Some
    jitter_seconds: _Seconds

    def draw(self) -> float:
        """Return a delay in seconds."""
        return max(0.0, self.seconds + random.uniform(-self.jitter_seconds, self.jitter_seconds))  # noqa: S311 - no secret


class Normal(Struct, frozen=True, forbid_unknown_fields=True, tag_field="distribution", tag="normal"):
    """The bell curve, cut off at zero and at `most_seconds`."""

    mean_seconds: _Some
    deviation_seconds: _Seconds
    most_seconds: _Some = 60.0

    def draw(self) -> float:
        """Return a delay in seconds."""
        return min(max(0.0, random.gauss(self.mean_seconds, self.deviation_seconds)), self.most_seconds)


class Pareto(Struct, frozen=True, forbid_unknown_fields=True, tag_field="distribution", tag="pareto"):
    """Mostly close to `least_seconds`, with a long tail that is the longer the smaller the shape; cut off at `most_seconds`."""

    least_seconds: _Some
    shape: Annotated[float, Meta(gt=0, le=100)]
    most_seconds: _Some = 60.0

    def draw(self) -> float:
        """Return a delay in seconds."""
        return min(self.least_seconds * random.paretovariate(self.shape), self.most_seconds)


Delay = Constant | Uniform | Normal | Pareto


class Latency(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="latency"):
    """What the client sends is passed on later."""

    delay: Delay


class Bandwidth(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="bandwidth"):
    """Request and answer pass at so many bytes a second each."""

    bytes_per_second: Annotated[float, Meta(ge=1, le=1e12)]


class Refuse(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="refuse"):
    """Connections are refused, and those that are open are reset at their next request; nothing of it reaches the upstream."""


class Hang(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="hang"):
    """Nothing is passed on, and nothing answered, until the fault ends."""


class Reset(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="reset"):
    """The connection is reset: before the request is passed on, or when its answer begins, so that it may have taken effect."""

    at: Literal["request", "response"] = "request"


class Cut(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="cut"):
    """The answer's body ends after so many bytes, with the length that was announced."""

    after_bytes: Annotated[int, Meta(ge=0, le=2**53)]


class Status(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="status"):
    """The proxy answers by itself; the request is not passed on."""

    status: Annotated[int, Meta(ge=200, le=599)]
    reason: Annotated[str, Meta(max_length=100)] | UnsetType = UNSET
    headers: dict[str, str] = {}
    body: Annotated[str, Meta(max_length=LONGEST_BODY)] = ""


Fault = Latency | Bandwidth | Refuse | Hang | Reset | Cut | Status
