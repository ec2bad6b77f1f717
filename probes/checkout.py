"""Probes of what customers can do: folds over the stream of journeys that the load generator makes."""

from __future__ import annotations

from collections.abc import Sequence

from gameday.change import Measurement, Observations, above, between, bounded, probe
from gameday.errors import BadParameterError, NoMeasurementError
from gameday.traffic import histogram
from gameday.traffic import windows as folds

STATUS = "status_"
"""How kinds of failure begin that are an answer with an error."""
_SILENT = folds.UNANSWERED | {"connect_refused", "bad_http"}
"""Kinds of failure in which a customer got nothing to read: a refused connection, and what is no HTTP, say nothing either."""

FEWEST_OF_A_COHORT = 10
"""From fewer journeys of a cohort nothing is said of it: one failure of three is no rate."""


@probe
@bounded(window_seconds=above(0))
def success_rate(observations: Observations, *, window_seconds: float = 5.0, step: str = "", cohort: str = "") -> Measurement:
    """Measure how many journeys, of those that were due in the last window, ended with an acknowledged order, in percent.

    window_seconds: how long a stretch of samples is looked at; all of it lies after the last change, and the probe waits
    until that much has passed. step: one step of the journey instead of all of it. cohort: only the customers of this cohort
    of the journey, of whom whole journeys are counted. NoMeasurementError without traffic, or if the cohort has none.
    """
    if step and cohort:
        raise BadParameterError(
            "checkout.success_rate: of a cohort whole journeys are counted; name a step or a cohort, not both"
        )
    windows = observations.windows(seconds=window_seconds)
    if cohort:
        found, what = _of_cohort(windows, cohort), f"journeys of cohort {cohort!r}"
    else:
        found, what = folds.outcomes(windows, step=step or None), f"step {step!r}" if step else "journeys"
    if found.success is None:
        raise NoMeasurementError(f"no journey was due within {window_seconds:g} s; is the rate of traffic above zero?")
    seen = f"{found.ok} of {found.samples} {what} succeeded within {window_seconds:g} s"
    return Measurement(round(100.0 * found.success, 3), "%", seen, samples=found.samples)


@probe
@bounded(window_seconds=above(0), minimum_samples=between(1))
def worst_cohort(
    observations: Observations, *, window_seconds: float = 5.0, minimum_samples: int = FEWEST_OF_A_COHORT
) -> Measurement:
    """Measure the success of the cohort that fares worst, in percent of its journeys: what an average hides.

    window_seconds: as for success_rate. minimum_samples: cohorts with fewer journeys than that in the window are left out.
    NoMeasurementError if the journey has no cohorts, or if so few customers came that one of them is left out.
    """
    found = folds.by_cohort(observations.windows(seconds=window_seconds))
    if not found:
        raise NoMeasurementError("the customers of this journey are of no cohort; name some in the journey: `cohorts`")
    few = [f"{name} {one.samples}" for name, one in found.items() if one.samples < minimum_samples]
    if few:
        raise NoMeasurementError(
            f"expected at least {minimum_samples} journeys of each cohort within {window_seconds:g} s, found of "
            f"{', '.join(few)}; look for longer, or send more customers"
        )
    name, worst = min(found.items(), key=lambda item: item[1].success or 0.0)
    rates = ", ".join(f"{cohort} {100.0 * (one.success or 0.0):.1f} %" for cohort, one in found.items())
    seen = f"{name} fared worst of {rates}, within {window_seconds:g} s"
    return Measurement(round(100.0 * (worst.success or 0.0), 3), "%", seen, samples=worst.samples)


@probe
@bounded(window_seconds=above(0))
def error_quality(observations: Observations, *, window_seconds: float = 5.0, step: str = "") -> Measurement:
    """Measure how many of the errors that customers were answered with say what an error must, in percent.

    What that is stands in the journey under `error_quality`: a reference to quote, somebody to ask, no blame. window_seconds:
    as for success_rate. step: the errors of one step instead of all. What was not answered at all says nothing and counts
    nowhere. 100 if there were customers and nobody was answered with an error; NoMeasurementError if none was answered at all.
    """
    windows = observations.windows(seconds=window_seconds)
    found = folds.outcomes(windows, step=step or None)
    prefix = STATUS if step else f":{STATUS}"
    errors = sum(number for kind, number in found.errors.items() if prefix in kind)
    if not errors:
        answered = found.samples - sum(number for kind, number in found.errors.items() if kind.rpartition(":")[2] in _SILENT)
        if not answered:
            raise NoMeasurementError(
                f"none of {found.samples} customers within {window_seconds:g} s was answered at all, so nothing shows what an "
                "error says; look for longer, or send more customers"
            )
        seen = f"no customer was answered with an error within {window_seconds:g} s, and {answered} were answered without"
        return Measurement(100.0, "%", seen, samples=answered)
    good = errors - found.poor_errors
    seen = f"{good} of {errors} errors within {window_seconds:g} s carry what an error must, and blame nobody"
    return Measurement(round(100.0 * good / errors, 3), "%", seen, samples=errors)


@probe
@bounded(percentile=above(0, up_to=100), window_seconds=above(0))
def latency(observations: Observations, *, percentile: float = 95.0, window_seconds: float = 5.0, step: str = "") -> Measurement:
    """Measure a percentile of the latency of one step, counted from the moment it was due, in milliseconds.

    percentile: above 0 and up to 100. window_seconds: as for success_rate. step: the step that places the order if none is
    named. Only successes count, so that an outage which fails fast does not look quick; NoMeasurementError if there are none.
    """
    found = folds.outcomes(observations.windows(seconds=window_seconds), step=step or observations.order_step)
    seconds = histogram.percentile(found.latency, percentile)
    if seconds is None:
        raise NoMeasurementError(f"no {step or observations.order_step!r} succeeded within {window_seconds:g} s")
    seen = f"the {percentile:g}th percentile of {found.ok} successes within {window_seconds:g} s"
    milliseconds = round(seconds * 1000, 3)
    return Measurement(milliseconds, "ms", seen, samples=found.ok, low=milliseconds * 0.99, high=milliseconds * 1.01)


@probe
def time_to_recover(observations: Observations, *, success_at_least: float = 99.0) -> Measurement:
    """Measure how long after the first fault of the round journeys were back to success for good, in seconds.

    success_at_least: percent of journeys in a window of at least 30 samples. Recovered is the start of the first window of
    five in a row that are within it after the last one that was not; low and high bound it by the windows' width. Zero
    if no window was ever out. NoMeasurementError if recovery is not seen.
    """
    fault_at, windows = observations.since_fault()
    found = folds.time_to_recover(windows, fault_at, folds.success_at_least(success_at_least / 100.0))
    if found is None:
        raise NoMeasurementError(f"checkout has not been seen to recover to {success_at_least:g} % yet")
    seen = "never out of tolerance" if not found.ever_out else "back for five windows in a row"
    return Measurement(found.seconds, "s", seen, samples=len(windows), low=found.low_seconds, high=found.high_seconds)


@probe
@bounded(window_seconds=above(0))
def accepted(observations: Observations, *, window_seconds: float = 5.0) -> Measurement:
    """Measure how many of the customers who were let in got their order, in percent; those on the waiting page do not count.

    window_seconds: as for success_rate. Which answer is the waiting page says the journey (`waiting`). NoMeasurementError
    without traffic, or if nobody at all was let in.
    """
    found = folds.outcomes(observations.windows(seconds=window_seconds))
    if found.accepted_success is None:
        raise NoMeasurementError(f"of {found.samples} customers within {window_seconds:g} s, none was let in")
    seen = f"{found.ok} of {found.samples - found.turned_away} who were let in within {window_seconds:g} s, "
    seen += f"{found.turned_away} saw the waiting page"
    return Measurement(round(100.0 * found.accepted_success, 3), "%", seen, samples=found.samples - found.turned_away)


@probe
@bounded(window_seconds=above(0))
def honest_refusals(observations: Observations, *, window_seconds: float = 5.0) -> Measurement:
    """Measure how many of those who got no order were told so honestly, by the waiting page, in percent; 100 if all got one.

    window_seconds: as for success_rate. Honest is the answer that the journey describes as `waiting`, with everything that it
    has to say there, such as for how long, and that the journey wants of any error. NoMeasurementError without traffic.
    """
    found = folds.outcomes(observations.windows(seconds=window_seconds))
    if not found.samples:
        raise NoMeasurementError(f"no journey was due within {window_seconds:g} s; is the rate of traffic above zero?")
    percent = 100.0 * found.turned_away / found.failed if found.failed else 100.0
    seen = f"{found.turned_away} of {found.failed} customers without an order saw the waiting page"
    return Measurement(round(percent, 3), "%", seen, samples=found.samples)


def _of_cohort(windows: Sequence[folds.Window], cohort: str) -> folds.Outcomes:
    found = folds.by_cohort(windows)
    if cohort not in found:
        known = ", ".join(sorted(found)) or "none"
        raise NoMeasurementError(f"no journey of cohort {cohort!r} was due; the cohorts that were seen are {known}")
    return found[cohort]
