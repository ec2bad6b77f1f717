"""Draws a timeline as inline SVG: success as an area, latency as two lines, phases above, faults and numbered marks on it.

Drawn twice, for wide and for narrow pages, since text in an SVG scales with it; the style sheet shows one of them. Colour
comes from the page's classes, and is never the only sign: shapes, hatching, dashes and numbers say the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from markupsafe import Markup, escape

from gameday.report.facts import Bucket
from gameday.report.timeline import Mark, Span, Timeline

_PIN = 9.0
_LOG_FROM_RATIO = 20.0


@dataclass(frozen=True, slots=True)
class Size:
    """Measures of one drawing, in units of its view box."""

    name: str
    width: float
    left: float
    font: float
    success_height: float
    latency_height: float
    ticks: int


WIDE = Size(name="wide", width=960, left=52, font=12.5, success_height=130, latency_height=96, ticks=10)
NARROW = Size(name="narrow", width=480, left=50, font=14.5, success_height=130, latency_height=100, ticks=5)


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where time and things stand in one drawing."""

    size: Size
    start_seconds: float
    end_seconds: float

    def x(self, seconds: float) -> float:
        share = (seconds - self.start_seconds) / (self.end_seconds - self.start_seconds)
        return self.size.left + min(max(share, 0.0), 1.0) * (self.size.width - self.size.left - 14)


def draw(timeline: Timeline, size: Size) -> Markup:
    """Return the picture as one SVG element, with a title and a description for those who do not see it."""
    frame = _Frame(size, timeline.start_seconds, timeline.end_seconds)
    id_ = f"{timeline.id}-{size.name}"
    rows = _rows(timeline.marks, frame)
    top = size.font * 2.1 + (max(rows, default=-1) + 1) * (2 * _PIN + 4)
    success_top = top + size.font * 1.8
    success_end = success_top + size.success_height
    bottom = success_end + (size.font * 2.6 + size.latency_height if timeline.with_latency else 0)
    height = bottom + size.font * 3.2
    opening = (
        f'<svg class="chart {size.name}" viewBox="0 0 {size.width:g} {height:.0f}" role="img"'
        f' aria-labelledby="{id_}-t {id_}-d" font-size="{size.font}">'
        f'<title id="{id_}-t">{escape(timeline.title)}</title><desc id="{id_}-d">{escape(timeline.description)}</desc>'
        f"{_patterns(id_)}"
    )
    parts = [
        opening,
        *_lane(timeline.spans, frame),
        *_success(timeline.series, frame, success_top, id_),
        *_faults(timeline.faults, frame, success_top, bottom, id_),
        *(_latency(timeline.series, frame, success_end + size.font * 2.6) if timeline.with_latency else ()),
        *_time_axis(frame, bottom),
        *_marks(timeline.marks, rows, frame, bottom),
        "</svg>",
    ]
    return Markup("".join(parts))  # noqa: S704  # every text that came from a log was escaped above


def pin(mark: Mark) -> Markup:
    """Return a mark's pin alone, for the key beside the picture."""
    svg = f'<svg class="pin-key" viewBox="-10 -10 20 20" aria-hidden="true" font-size="11">{_pin(mark, 0, 0)}</svg>'
    return Markup(svg)  # noqa: S704  # made of numbers and fixed words


def _patterns(id_: str) -> str:
    def hatch(name: str, angle: int, gap: int, stroke: float) -> str:
        return (
            f'<pattern id="{id_}-{name}" width="{gap}" height="{gap}" patternUnits="userSpaceOnUse" '
            f'patternTransform="rotate({angle})"><path class="hatch-{name}" stroke-width="{stroke}" d="M0 0V{gap}"/></pattern>'
        )

    return f"<defs>{hatch('failed', 45, 5, 2.4)}{hatch('fault', -45, 9, 1.2)}</defs>"


def _lane(spans: Iterable[Span], frame: _Frame) -> Iterator[str]:
    """Yield the bar of phases or rounds above the plots; a name that does not fit is left to its tooltip and the tables."""
    font = frame.size.font
    for span in spans:
        left, right = frame.x(span.start_seconds), frame.x(span.end_seconds)
        width = max(right - left - 1.5, 1.0)
        room = int((width - 8) / (font * 0.56))
        text = span.label if len(span.label) <= room else span.label[: room - 1] + "…" if room >= 5 else ""  # noqa: PLR2004
        sign = "! " if span.tone == "bad" and len(text) + 2 <= room else ""
        yield (
            f'<g><title>{escape(span.label)}</title><rect class="span {span.tone}" x="{left:.1f}" y="1" width="{width:.1f}" '
            f'height="{font * 1.6:.1f}" rx="2.5"/>'
            f'<text class="on-span" x="{left + 5:.1f}" y="{font * 1.15 + 1:.1f}">{sign}{escape(text)}</text></g>'
        )


def _faults(faults: Iterable[Span], frame: _Frame, top: float, bottom: float, id_: str) -> Iterator[str]:
    for fault in faults:
        left = frame.x(fault.start_seconds)
        width = max(frame.x(fault.end_seconds) - left, 1.0)
        where = f'x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{bottom - top:.1f}"'
        yield f"<g><title>Fault in place: {escape(fault.label)}</title>"
        yield f'<rect class="fault-ground" {where}/><rect fill="url(#{id_}-fault)" {where}/></g>'


def _success(series: tuple[Bucket, ...], frame: _Frame, top: float, id_: str) -> Iterator[str]:
    size = frame.size
    bottom = top + size.success_height

    def y(success: float) -> float:
        return bottom - success * size.success_height

    yield _heading("Checkout success, %", frame, top)
    for share in (0.0, 0.5, 1.0):
        yield _gridline(frame, y(share), f"{share * 100:.0f}")
    for run in _runs(series, lambda bucket: bucket.success):
        steps = [(frame.x(start), frame.x(end), y(value)) for start, end, value in run]
        line, left, right = _steps(steps), steps[0][0], steps[-1][1]
        yield f'<path class="success-area" d="{line}V{bottom:.1f}H{left:.1f}Z"/>'
        yield f'<path fill="url(#{id_}-failed)" d="{line}V{top:.1f}H{left:.1f}Z"/>'
        yield f'<path class="success-line" d="{line}"/>'
        if right - left < 1:
            yield f'<circle class="success-dot" cx="{left:.1f}" cy="{steps[0][2]:.1f}" r="1.5"/>'


def _latency(series: tuple[Bucket, ...], frame: _Frame, top: float) -> Iterator[str]:
    size = frame.size
    values = [value for bucket in series for value in (bucket.p50_ms, bucket.p95_ms) if value]
    if not values:
        yield _heading("Latency: no checkout succeeded, so there is none", frame, top)
        return
    logarithmic = max(values) / min(values) > _LOG_FROM_RATIO
    low, high, ticks = _scale(min(values), max(values), logarithmic=logarithmic)

    def y(value: float) -> float:
        share = (math.log(value / low) / math.log(high / low)) if logarithmic else value / high
        return top + size.latency_height * (1 - min(max(share, 0.0), 1.0))

    yield _heading(f"Latency, ms{' (log scale)' if logarithmic else ''}", frame, top)
    for tick in ticks:
        yield _gridline(frame, y(tick), f"{tick:g}")
    for name, of in (("p95", lambda bucket: bucket.p95_ms), ("p50", lambda bucket: bucket.p50_ms)):
        for run in _runs(series, of):
            line = _steps([(frame.x(start), frame.x(end), y(max(value, low))) for start, end, value in run])
            yield f'<path class="latency {name}" d="{line}"/>'


def _time_axis(frame: _Frame, bottom: float) -> Iterator[str]:
    size = frame.size
    span = frame.end_seconds - frame.start_seconds
    step = next((width for width in _nice_steps() if span / width <= size.ticks), span)
    in_minutes = step >= 60  # noqa: PLR2004  # seconds of a minute
    first = math.ceil(frame.start_seconds / step) * step
    for index in range(int((frame.end_seconds - first) / step) + 1):
        at = first + index * step
        label = f"{at / 60:g}" if in_minutes else f"{at:g}"
        yield f'<path class="tick" d="M{frame.x(at):.1f} {bottom:.1f}v5"/>'
        yield _text("middle", frame.x(at), bottom + size.font * 1.5, label)
    yield f'<path class="axis" d="M{size.left} {bottom:.1f}H{size.width - 14}"/>'
    unit = "minutes" if in_minutes else "seconds"
    middle = (size.left + size.width - 14) / 2
    yield _text("middle", middle, bottom + size.font * 2.8, f"{unit} since the start of the run")


def _marks(marks: tuple[Mark, ...], rows: list[int], frame: _Frame, bottom: float) -> Iterator[str]:
    for mark, row in zip(marks, rows, strict=True):
        x, y = frame.x(mark.at_seconds), frame.size.font * 2.1 + _PIN + row * (2 * _PIN + 4)
        lasts = frame.x(mark.at_seconds + mark.lasts_seconds) - x
        yield f'<g class="mark {mark.kind}"><title>{mark.number}: {escape(mark.label)}</title>'
        yield f'<path class="guide" d="M{x:.1f} {y + _PIN:.1f}V{bottom:.1f}"/>'
        if lasts > _PIN:
            yield f'<path class="lasts" d="M{x:.1f} {y:.1f}h{lasts:.1f}m0 -4v8"/>'
        yield f"{_pin(mark, x, y)}</g>"


def _pin(mark: Mark, x: float, y: float) -> str:
    shapes = {
        "fault": "M0 -10L10 0L0 10L-10 0Z",
        "prepare": "M0 -9L9 8H-9Z",
        "runbook": "M-8 -8H8V8H-8Z",
        "left": "M-10 -4H-4V-10H4V-4H10V4H4V10H-4V4H-10Z",
        "abort": "M-4 -9H4L9 -4V4L4 9H-4L-9 4V-4Z",
    }
    shape = f'<path class="pin" d="{shapes[mark.kind]}"/>' if mark.kind in shapes else '<circle class="pin" r="9"/>'
    ring = '<circle class="ring" r="6.8"/>' if mark.kind == "recovered" else ""
    return (
        f'<g class="mark {mark.kind}" transform="translate({x:.1f} {y:.1f})">{shape}{ring}'
        f'<text class="on-pin" text-anchor="middle" y="3.8" font-size="10.5">{mark.number}</text></g>'
    )


def _rows(marks: tuple[Mark, ...], frame: _Frame) -> list[int]:
    """Return for each mark the row of pins in which it does not cover another one."""
    free_from: list[float] = []
    rows = []
    for mark in marks:
        x = frame.x(mark.at_seconds)
        end = max(x, frame.x(mark.at_seconds + mark.lasts_seconds))
        row = next((index for index, free in enumerate(free_from) if free <= x - _PIN), len(free_from))
        free_from[row : row + 1] = [end + _PIN + 3]
        rows.append(row)
    return rows


def _runs(series: tuple[Bucket, ...], of: Callable[[Bucket], float | None]) -> Iterator[list[tuple[float, float, float]]]:
    """Yield unbroken stretches of buckets that have a value, as (start, end, value); equal neighbours are one."""
    run: list[tuple[float, float, float]] = []
    for bucket in series:
        value = of(bucket)
        if value is None:
            if run:
                yield run
            run = []
            continue
        start, end = bucket.start_seconds, bucket.start_seconds + bucket.seconds
        if run and run[-1][2] == value:
            start = run.pop()[0]
        run.append((start, end, value))
    if run:
        yield run


def _steps(steps: list[tuple[float, float, float]]) -> str:
    first_x, _, first_y = steps[0]
    return f"M{first_x:.1f} {first_y:.1f}" + "".join(f"V{y:.1f}H{right:.1f}" for _, right, y in steps)


def _heading(text: str, frame: _Frame, top: float) -> str:
    return f'<text class="heading" x="{frame.size.left}" y="{top - frame.size.font * 0.5:.1f}">{text}</text>'


def _gridline(frame: _Frame, y: float, label: str) -> str:
    size = frame.size
    return (
        f'<path class="grid" d="M{size.left} {y:.1f}H{size.width - 14}"/>'
        f"{_text('end', size.left - 7, y + size.font * 0.35, label)}"
    )


def _text(anchor: str, x: float, y: float, text: str) -> str:
    return f'<text text-anchor="{anchor}" x="{x:.1f}" y="{y:.1f}">{text}</text>'


def _scale(low: float, high: float, *, logarithmic: bool) -> tuple[float, float, list[float]]:
    """Return the ends of an axis and its ticks, at round numbers."""
    if logarithmic:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        return 10.0**first, 10.0**last, [10.0**power for power in range(first, last + 1)]
    step = next(width for width in _decimal_steps(high) if high / width <= 3)  # noqa: PLR2004  # lines in a low plot
    count = math.ceil(high / step)
    return 0.0, count * step, [index * step for index in range(count + 1)]


def _decimal_steps(high: float) -> Iterator[float]:
    power = 10.0 ** (math.floor(math.log10(high)) - 1)
    yield from (power * factor for factor in (1, 2, 5, 10, 20, 50, 100))


def _nice_steps() -> Iterator[float]:
    """Yield steps of a time axis, from small to large; from a minute on they are those of a clock."""
    yield from (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
    step = 7200.0
    while True:
        yield step
        step *= 2
