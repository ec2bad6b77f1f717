"""What one step of a runbook did, as far as its figures show: it helped, did nothing, made it worse, or was wrong.

The figures are journeys of customers before, during and after it. A change counts where the 95 % interval of the difference
leaves zero out and it is at least two points; where too few customers came, that is said. What something else did at the same
time (the fault going on, the step before still taking effect) cannot be told apart, so *worse* is only said of a step that
wrote something.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from gameday.log.events import StepEnded
from gameday.verdict.proportions import Change, Share, change

HELPED, DID_NOTHING, WORSE, WRONG, SKIPPED, UNKNOWN = "helped", "did_nothing", "worse", "wrong", "skipped", "unknown"
LEAST_CHANGE: Final = 0.02
"""Two points: what the steady state itself moves by while nothing happens."""
FEWEST_SAMPLES: Final = 20
"""From fewer customers before or after a step nothing is said: of 20, one failure more or less is five points."""
_LOOKING: Final = frozenset({"Detect", "Classify", "Diagnose", "Communicate", "Review"})
"""Phases whose steps need not change anything."""


@dataclass(frozen=True, slots=True)
class StepJudgement:
    """What is said of one step, and whether a reader should look at it."""

    step: str
    title: str
    phase: str
    judgement: str
    why: str
    noted: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return it as logs have it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Effect:
    """What customers had of a step; `known` is False where too few came."""

    known: bool
    up: bool
    down: bool
    told: str


def judge_step(step: StepEnded, title: str, phase: str, wrote: Sequence[str], broke: Sequence[str]) -> StepJudgement:  # noqa: PLR0911  # a row per judgement
    """Judge a step by how it ended, what it wrote (`wrote`), and which warnings it broke (`broke`)."""
    effect = _effect(step.effect)

    def said(judgement: str, why: str, *, noted: bool = False) -> StepJudgement:
        return StepJudgement(step.step, title, phase, judgement, why, noted)

    if step.result == "skipped":
        return said(SKIPPED, step.detail or "not carried out", noted=bool(step.missing))
    wrong = _wrong(step, broke)
    if wrong:
        return said(WRONG, "; ".join([*wrong, effect.told]), noted=True)
    if effect.down and wrote:
        return said(WORSE, f"{'; '.join(wrote)}; {effect.told}", noted=True)
    if wrote and (effect.up or _turned(step)):
        return said(HELPED, _helped(step, effect, wrote))
    if wrote:
        met = "; its check was met before it already" if step.check_before.get("met") else ""
        return said(UNKNOWN, f"{'; '.join(wrote)}; {effect.told}{met}", noted=bool(met))
    if _turned(step) or effect.up or effect.down:
        return said(UNKNOWN, f"it wrote nothing that was seen, but {_moved(step, effect)}")
    if step.how == "checked":
        return said(UNKNOWN, "for a person to do; its check was met")
    looks = phase in _LOOKING
    why = "it only looked" if looks else "it wrote nothing, and its check was met before it already"
    if not looks and not step.check_before:
        why = "it wrote nothing, and no check shows what it is for" if not step.check else "it wrote nothing"
    return said(DID_NOTHING, f"{why}; {effect.told}", noted=not looks)


def _wrong(step: StepEnded, broke: Sequence[str]) -> list[str]:
    found = []
    if step.result == "failed":
        found.append(f"it failed: {step.detail}")
    if step.result == "check_failed":
        found.append(f"its check was not met: {step.check.get('told') or step.detail}")
    return [*found, *(f"it did what a warning forbids: {text}" for text in broke)]


def _turned(step: StepEnded) -> bool:
    """Say whether its check was red before it and is met after it."""
    return step.check_before.get("value") is not None and not step.check_before.get("met") and bool(step.check.get("met"))


def _helped(step: StepEnded, effect: _Effect, wrote: Sequence[str]) -> str:
    turned = [f"its check went from {step.check_before['value']:g} to {step.check['value']:g}"] if _turned(step) else []
    return "; ".join([*wrote, *turned, effect.told])


def _moved(step: StepEnded, effect: _Effect) -> str:
    return "; ".join([*(["its check, red before it, is met"] if _turned(step) else []), effect.told])


def _effect(found: Mapping[str, Any]) -> _Effect:
    before, during, after = (_share(found.get(when)) for when in ("before", "during", "after"))
    if before is None or after is None:
        return _Effect(known=False, up=False, down=False, told="no customers came, so what it did to checkout is not known")
    told = f"checkout was at {_percent(before)} before it and at {_percent(after)} after it"
    if min(before.samples, after.samples) < FEWEST_SAMPLES:
        few = f"of {before.samples} and {after.samples} customers, too few to say more"
        return _Effect(known=False, up=False, down=False, told=f"{told}, {few}")
    whole = change(before, after)
    fell = _is_down(whole) or (
        during is not None and during.samples >= FEWEST_SAMPLES and not _is_up(whole) and _is_down(change(before, during))
    )
    if fell and not _is_down(whole) and during is not None:
        told += f" (at {_percent(during)} while it was carried out)"
    points = f"{100 * whole.value:+.1f} points, {100 * whole.low:+.1f} to {100 * whole.high:+.1f}"
    return _Effect(known=True, up=_is_up(whole), down=fell, told=f"{told} ({points})")


def _is_up(found: Change) -> bool:
    return found.low > 0 and found.value >= LEAST_CHANGE


def _is_down(found: Change) -> bool:
    return found.high < 0 and found.value <= -LEAST_CHANGE


def _share(found: Any) -> Share | None:
    """Return a share as a log has it, also one from before its counts stood there; None where there was no sample."""
    if not isinstance(found, Mapping) or not found.get("samples"):
        return None
    samples = int(found["samples"])
    return Share(int(found.get("ok", round(samples * found["success"] / 100))), samples)


def _percent(share: Share) -> str:
    low, high = share.interval()
    return f"{100 * share.value:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
