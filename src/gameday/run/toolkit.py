"""The thin adapter to Chaos Toolkit: runs one experiment with its library, and turns what it reports into our events.

Nothing that must hold hangs on it: its event handlers fail open, so they only tell. What Chaos Toolkit raises ends as a
phase that failed, and thereby as an inconclusive verdict. It runs one experiment a process, in the main thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from chaoslib.activity import execute_activity
from chaoslib.configuration import load_configuration, load_dynamic_configuration
from chaoslib.hypothesis import within_tolerance
from chaoslib.run import RunEventHandler, Runner, initialize_run_journal
from chaoslib.secret import load_secrets
from chaoslib.types import Strategy

from gameday.log.events import ActivityEnded, Event, Noted, PhaseEnded, PhaseStarted

Log = Callable[[Event], None]


def run_experiment(document: Mapping[str, Any], *, log: Log, begun: Callable[[str], None]) -> dict[str, Any]:
    """Run the experiment; return Chaos Toolkit's journal, as far as it came. `begun` is told each activity's name."""
    experiment = {key: value for key, value in document.items() if key != "controls"} if _is_ours(document) else dict(document)
    journal: dict[str, Any] = initialize_run_journal(experiment)
    teller = Teller(log, begun)
    try:
        with Runner(Strategy.DEFAULT) as runner:
            runner.register_event_handler(teller)
            # Rollbacks of foreign experiments run whatever happened; the default leaves the fault in place.
            runner.run(experiment, settings={"runtime": {"rollbacks": {"strategy": "always"}}}, journal=journal)
    except Exception as error:  # whatever an extension raises must not hide that the experiment failed
        logging.getLogger("chaostoolkit").exception("the experiment ended with an error")
        log(Noted(level="error", text=f"Chaos Toolkit ended with an error: {type(error).__name__}: {error}"))
        teller.end("failed", str(error))
    return journal


def play_rollback(document: Mapping[str, Any], index: int) -> str:
    """Play one of the experiment's rollbacks with its configuration and secrets; return why it failed, or nothing."""
    configuration = load_configuration(document.get("configuration", {}))
    secrets = load_secrets(document.get("secrets", {}), configuration)
    configuration = load_dynamic_configuration(configuration, secrets)
    activity = document["rollbacks"][index]
    try:
        run = execute_activity(dict(document), activity, configuration, secrets, dry=None)
    except Exception as error:  # noqa: BLE001  # an extension may raise anything
        return f"{type(error).__name__}: {error}"
    return "" if _status(run) == "succeeded" else _error(run)


def _is_ours(document: Mapping[str, Any]) -> bool:
    return any(extension.get("name") == "gameday" for extension in document.get("extensions") or ())


class Teller(RunEventHandler):  # type: ignore[misc]  # the library is untyped
    """Tells the log what Chaos Toolkit does; the order of calls is the library's."""

    def __init__(self, log: Log, begun: Callable[[str], None]) -> None:
        self._log = log
        self._begun = begun
        self._phase = ""

    def start(self, phase: str) -> None:
        self._phase = phase
        self._log(PhaseStarted(phase=phase))

    def end(self, outcome: str, detail: str = "") -> None:
        if self._phase:
            self._log(PhaseEnded(phase=self._phase, outcome=outcome, detail=detail))
            self._phase = ""

    def start_hypothesis_before(self, experiment: Any) -> None:
        del experiment
        self.start("baseline")

    def hypothesis_before_completed(self, experiment: Any, state: Any, journal: Any) -> None:
        del experiment, journal
        self._hypothesis("before", state)

    def start_method(self, experiment: Any) -> None:
        del experiment
        self.start("method")

    def method_completed(self, experiment: Any, state: Any = None) -> None:
        del experiment
        failed = [run["activity"]["name"] for run in state or () if _status(run) != "succeeded"]
        self.end("ok" if state is not None and not failed else "failed", ", ".join(failed))

    def start_hypothesis_after(self, experiment: Any) -> None:
        del experiment
        self.start("hypothesis")

    def hypothesis_after_completed(self, experiment: Any, state: Any, journal: Any) -> None:
        del experiment, journal
        self._hypothesis("after", state)

    def start_rollbacks(self, experiment: Any) -> None:
        if experiment.get("rollbacks"):
            self.start("rollbacks")

    def rollbacks_completed(self, experiment: Any, journal: Any) -> None:
        del experiment
        self.end("ok" if all(_status(run) == "succeeded" for run in journal["rollbacks"]) else "failed")

    def start_activity(self, activity: Any) -> None:
        self._begun(activity.get("name", ""))

    def activity_completed(self, activity: Any, run: Any) -> None:
        del activity
        if self._phase in {"method", "rollbacks"}:
            self._log(_activity(self._phase, run))

    def _hypothesis(self, phase: str, state: Any) -> None:
        """Log the probes with what was made of them; Chaos Toolkit stops at the first that is out of tolerance."""
        probes: Sequence[Any] = (state or {}).get("probes", ())
        for run in probes:
            self._log(_activity(phase, run))
        met = state is not None and bool(state.get("steady_state_met"))
        red = [_red(run) for run in probes if not run.get("tolerance_met")]
        self.end("ok" if met else "red", "; ".join(red))


def _activity(phase: str, run: Mapping[str, Any]) -> ActivityEnded:
    activity = run["activity"]
    output = run.get("output")
    return ActivityEnded(
        name=activity["name"],
        kind=activity["type"],
        phase=phase,
        status=_status(run),
        output=output if isinstance(output, str | int | float | bool | None) else _plain(output),
        error=_error(run),
        duration_seconds=run.get("duration", 0.0),
        tolerance=activity.get("tolerance"),
        tolerance_met=_is_within(run) if phase == "method" else run.get("tolerance_met"),
    )


def _status(run: Mapping[str, Any]) -> str:
    """Return succeeded or failed; an action that was answered with an error has failed, whatever Chaos Toolkit calls it."""
    return "failed" if _failure(run) else str(run.get("status", "failed"))


def _failure(run: Mapping[str, Any]) -> str:
    """Return the error with which an action's process ended, or a service answered it; nothing for everything else."""
    activity, output = run["activity"], run.get("output")
    if activity["type"] != "action" or not isinstance(output, Mapping):
        return ""
    provider, status = activity.get("provider", {}), output.get("status") or 0
    if provider.get("type") == "process" and status:
        return f"exit status {status}: {str(output.get('stderr', '')).strip()[-500:]}".rstrip(": ")
    if provider.get("type") == "http" and "expected_status" not in provider and status >= HTTPStatus.BAD_REQUEST:
        return f"it was answered with {status}: {str(output.get('body', '')).strip()[:200]}".rstrip(": ")
    return ""


def _is_within(run: Mapping[str, Any]) -> bool | None:
    """Return whether a probe of the method, which Chaos Toolkit does not judge, is within its tolerance; None without one."""
    activity = run["activity"]
    if activity["type"] != "probe" or "tolerance" not in activity or _status(run) != "succeeded":
        return None
    try:
        return bool(within_tolerance(activity["tolerance"], run.get("output")))
    except Exception:  # noqa: BLE001  # the library raises anything when a value is of another type than the tolerance
        return False


def _plain(output: Any) -> Any:
    """Keep what can stand in a log line; a foreign activity may return anything, of any size."""
    return dict(output) if isinstance(output, dict) and set(output) == {"changes", "landed", "seen"} else str(output)[:2000]


def _red(run: Mapping[str, Any]) -> str:
    name, error = run["activity"]["name"], _error(run)
    return f"{name} could not look: {error}" if error else f"{name} was {run.get('output')}"


def _error(run: Mapping[str, Any]) -> str:
    """Return the last line of the traceback, without the module path that Python puts before it, or how a process ended."""
    lines = run.get("exception") or ()
    text = str(lines[-1]).strip() if lines else ""
    for prefix in ("chaoslib.exceptions.ActivityFailed: ", "gameday.errors."):
        text = text.removeprefix(prefix)
    if not text and _failure(run):
        return _failure(run)
    return text if text or _status(run) == "succeeded" else "it raised an error; see worker.log"
