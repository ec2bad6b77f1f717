"""Probes of a Prometheus, or of whatever speaks its API (Thanos, Mimir, VictoriaMetrics): any PromQL that yields one number."""

from __future__ import annotations

import json
import math
import time
from typing import Any, Final
from urllib.parse import urlencode

from gameday.change import Measurement, Observations, above, between, bounded, probe
from gameday.errors import BadParameterError, NoMeasurementError
from gameday.probes.http import LONGEST_TIMEOUT_SECONDS, Answer, Call, ask

_LONGEST_WAIT_SECONDS: Final = 600


@probe
@bounded(settle_seconds=between(0, _LONGEST_WAIT_SECONDS), timeout_seconds=above(0, up_to=LONGEST_TIMEOUT_SECONDS))
def query(
    observations: Observations,
    *,
    url: str,
    query: str,
    unit: str = "",
    settle_seconds: float = 0.0,
    timeout_seconds: float = 10.0,
    token_variable: str = "",
) -> Measurement:
    """Measure what an instant query yields, which has to be one number: a scalar, or a vector of a single series.

    url: the server's address, with its prefix if it has one (`https://prometheus.example:9090`). query: PromQL, such as
    `sum(rate(http_requests_total{code=~"5.."}[30s]))`. unit: what the number counts, for the report.
    settle_seconds: how long is waited before it is asked, up to 600. What a query looks back over (`[30s]`) and the scrape
    interval should pass after a fault before it is measured, or the query sees the time before it. timeout_seconds: how long
    the answer may take, up to 300. token_variable: the name of an environment variable that holds a bearer token; its value
    is never logged. NoMeasurementError if nothing answers in time, if no series matches or more than one, and if the value
    is NaN or infinite; BadParameterError if it is no PromQL.
    """
    del observations
    body = urlencode({"query": query, "timeout": f"{max(1, round(timeout_seconds * 1000))}ms"}).encode()
    address = f"{url.rstrip('/')}/api/v1/query"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    call = Call(address, timeout_seconds, token_variable, method="POST", body=body, headers=headers)
    time.sleep(settle_seconds)
    value, series = _number(query, _data(call, query, ask(call)))
    return Measurement(value, unit, f"{query} is {value:g}{series}", samples=1)


def _data(call: Call, query: str, answer: Answer) -> Any:
    """Return the result that the API wraps; what it says is wrong with the query is the query's fault, anything else is not."""
    try:
        told = json.loads(answer.body)
        state = told["status"]
    except (ValueError, TypeError, KeyError) as error:
        why = f"{call.url} answered {answer.status}: {answer.text!r}"
        raise NoMeasurementError(f"expected the answer of a Prometheus, but {why}. Is the url its address?") from error
    if state == "success":
        return told["data"]
    message = f"{told.get('errorType')}: {told.get('error')}"
    if told.get("errorType") == "bad_data":
        raise BadParameterError(f"prometheus.query: {query!r} is refused, {message}")
    raise NoMeasurementError(f"{call.url} could not say what {query!r} is ({answer.status}), {message}")


def _number(query: str, data: Any) -> tuple[float, str]:
    """Return the only number of a result, and the labels of the series it is of."""
    kind, result = data["resultType"], data["result"]
    if kind == "scalar":
        sample, labels = result, ""
    elif kind == "vector":
        if not result:
            raise NoMeasurementError(f"no series matches {query!r}; is what it names scraped? (`or vector(0)` makes it a zero)")
        if len(result) > 1:
            known = "; ".join(_labels(item["metric"]) for item in result[:3])
            raise NoMeasurementError(f"expected one series of {query!r}, but got {len(result)} ({known}, …); use sum() or max()")
        sample, labels = result[0]["value"], f" for {_labels(result[0]['metric'])}" if result[0]["metric"] else ""
    else:
        raise BadParameterError(f"prometheus.query: expected {query!r} to yield one number, but it yields a {kind}")
    value = float(sample[1])
    if not math.isfinite(value):
        raise NoMeasurementError(f"{query!r} is {sample[1]}, which is no number; a division by zero?")
    return value, labels


def _labels(metric: dict[str, str]) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in sorted(metric.items())) + "}"
