"""A live rehearsal on the embedded cluster: people repair with their own means, and everything is as before at the end."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import pytest
import yaml

from gameday.cluster import ObjectRef
from gameday.errors import ExitCode
from gameday.kube import KubeCluster
from gameday.log import AnyEvent
from gameday.log.events import (
    AbortRequested,
    ChangeOwed,
    PhaseStarted,
    RoundStarted,
    RunEnded,
    UndoEnded,
    UndoStarted,
    VerdictGiven,
)
from gameday.log.people import InjectShown, MomentMarked, RehearsalStarted, RunbookOpened, StepTicked
from gameday.rehearsal.clocks import clocks_of
from gameday.rehearsal.live import LiveSession, people_spec
from gameday.rehearsal.rehearsed import rehearsed
from gameday.rehearsal.state import fold
from gameday.run.launching import launch, new_run
from tests.e2e.conftest import Command, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("as_before")]

PAYMENT = ObjectRef("apps/v1", "Deployment", "shop", "payment")
PLAN = {
    "title": "Payment is gone, with people",
    "namespaces": ["shop"],
    "traffic": {"journey": "checkout", "rate": "30/s"},
    "rounds": [{"id": "gone", "experiment": "./quick.yaml", "expect": "deviated"}],
    "rehearsal": {"surprise": True, "injects": [{"id": "alert", "at": "1s", "what": "alert", "text": "orders fail"}]},
}


class Held:
    """A live rehearsal that is on, with one person at its terminal."""

    def __init__(self, command: Command, *words: str) -> None:
        self.command = command
        (command.folder / "plan.yaml").write_text(yaml.safe_dump(PLAN))
        with (command.folder / "out.txt").open("w") as out, (command.folder / "err.txt").open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gameday", "rehearse", "plan.yaml", "--level", "live", "--yes", "--no-page", *words],
                cwd=command.folder,
                env=command.environment(),
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                text=True,
                start_new_session=True,
            )
        assert self.process.stdin is not None
        self.typing: IO[str] = self.process.stdin

    def type(self, line: str) -> None:
        self.typing.write(f"{line}\n")
        self.typing.flush()

    def ended(self) -> int:
        code = self.process.wait(timeout=60)
        self.typing.close()
        return code

    def printed(self) -> str:
        return (self.command.folder / "out.txt").read_text() + (self.command.folder / "err.txt").read_text()

    def phase(self, name: str) -> PhaseStarted:
        found: PhaseStarted = eventually(
            lambda: next((one for one in self.command.events() if isinstance(one, PhaseStarted) and one.phase == name), None),
            timeout_seconds=60,
            what=self.printed,
        )
        return found


@pytest.fixture
def held(command: Command) -> Held:
    return Held(command, "--terminal", "Ada", "--role", "incident commander", "--role", "facilitator")


def test_two_people_repair_it_themselves_and_what_they_wrote_is_set_back(command: Command, shop_cluster: KubeCluster) -> None:
    (command.folder / "plan.yaml").write_text(yaml.safe_dump(PLAN))
    plan = rehearsed(command.folder / "plan.yaml", level="live")
    spec = new_run(
        command.folder / "runs",
        file=str(plan.programme.path),
        shown_file="plan.yaml",
        kubeconfig=str(command.kubeconfig),
        people=people_spec(plan),
    )
    launched = launch(spec)
    launched.watch()
    session = LiveSession(launched)
    session.start()

    def say(person: str, **request: Any) -> str:
        return session.submit(person, request).refused

    def phase(name: str) -> Any:
        found = [one for one in session.events_after(0) if isinstance(one, PhaseStarted) and one.phase == name]
        return found[0] if found else None

    assert say("Ada", do="join", roles=["incident commander"]) == ""
    assert say("Ben", do="join", roles=["subject-matter expert"]) == ""
    eventually(lambda: phase("people"), timeout_seconds=60)
    eventually(lambda: [one for one in session.events_after(0) if isinstance(one, InjectShown)], timeout_seconds=60)
    assert [say("Ada", do="mark", moment="acknowledged"), say("Ada", do="mark", moment="declared")] == ["", ""]
    assert "Which one it takes, you find out" in say("Ada", do="tick", step="see-that-orders-fail")
    assert say("Ada", do="open", runbook="dependency-down") == ""
    with ThreadPoolExecutor() as both:
        answers = list(both.map(lambda person: say(person, do="tick", step="see-that-orders-fail"), ["Ada", "Ben"]))
    assert sorted(bool(refused) for refused in answers) == [False, True]
    # Whoever repairs it does so with kubectl, which is a request like this one, and a mark that was not there before.
    repair: list[dict[str, Any]] = [
        {"op": "replace", "path": "/spec/replicas", "value": 3},
        {"op": "add", "path": "/metadata/annotations/repaired-by", "value": "Ben"},
    ]
    shop_cluster.patch(PAYMENT, repair)
    eventually(
        lambda: [one for one in session.events_after(0) if isinstance(one, ChangeOwed) and one.by == "step by people"],
        timeout_seconds=60,
    )
    assert say("Ben", do="mark", moment="resolved") == ""
    eventually(lambda: phase("closing"), timeout_seconds=60)
    assert say("Ada", do="mark", moment="closed") == ""
    eventually(lambda: session.is_over, timeout_seconds=90)
    launched.close()
    assert launched.exit_code() == ExitCode.EXPECTED
    held_to_what_it_was(command.events())


def held_to_what_it_was(events: list[AnyEvent]) -> None:
    started = next(one for one in events if isinstance(one, RehearsalStarted))
    opened = next(one for one in events if isinstance(one, RunbookOpened))
    assert (started.level, started.surprise, opened.runbook) == ("live", True, "dependency-down")
    assert next(one for one in events if isinstance(one, RoundStarted)).runbook_mode == "people"
    verdict = next(one for one in events if isinstance(one, VerdictGiven))
    assert (verdict.verdict, verdict.runbook) == ("deviated", ""), verdict.reasons
    assert verdict.recovery is not None
    wrote = {field["path"] for one in events if isinstance(one, ChangeOwed) and not one.is_fault for field in one.fields}
    assert wrote == {"/spec/replicas", "/metadata/annotations/repaired-by"}
    assert {one.outcome for one in events if isinstance(one, UndoEnded)} <= {"undone", "already"}
    incident = fold(events).incidents["gone"]
    clocks = clocks_of(incident, {}, now=datetime.fromisoformat(events[-1].at))
    measured = {clock.interval.name: clock.seconds for clock in clocks}
    assert all(measured[name] is not None for name in ("detection", "acknowledge", "declare", "resolve", "close"))
    assert len([one for one in events if isinstance(one, StepTicked)]) == 1
    # The undo came only after people had said that it is resolved.
    resolved = next(one for one in events if isinstance(one, MomentMarked) and one.moment == "resolved")
    assert next(one for one in events if isinstance(one, UndoStarted)).seq > resolved.seq


def test_stop_undoes_at_once(held: Held, command: Command) -> None:
    held.phase("people")
    asked = time.monotonic()
    held.type("stop a real incident")
    undo = eventually(lambda: next((one for one in command.events() if isinstance(one, UndoStarted)), None))
    assert undo.mono - asked < 2
    assert held.ended() == 4, held.printed()
    events = command.events()
    abort = next(one for one in events if isinstance(one, AbortRequested))
    assert (abort.by, abort.reason) == ("Ada", "a real incident")
    assert undo.mono - abort.mono < 0.5
    assert next(one for one in events if isinstance(one, RunEnded)).residue == []


def test_a_rehearsal_whose_command_is_killed_is_undone(held: Held, command: Command) -> None:
    held.phase("people")
    held.process.kill()
    held.ended()
    ended: RunEnded = eventually(
        lambda: next((one for one in command.events() if isinstance(one, RunEnded)), None), timeout_seconds=60
    )
    assert (ended.exit_code, ended.residue) == (4, [])
    report = command.run("report", "--format", "md")
    assert "Payment is gone" in report.stdout


def test_without_a_cluster_a_live_rehearsal_is_refused_and_says_what_needs_none(command: Command) -> None:
    (command.folder / "plan.yaml").write_text(yaml.safe_dump(PLAN))
    nowhere = Path(command.folder, "none.yaml")
    nowhere.write_text(
        "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}], "
        "clusters: [{name: c, cluster: {server: 'https://127.0.0.1:9'}}], users: [{name: u, user: {token: t}}]}"
    )
    found = command.run("rehearse", "plan.yaml", "--level", "live", "--yes", "--no-page", "--kubeconfig", str(nowhere))
    assert found.returncode == 3, found.stderr
    assert "--level tabletop" in found.stderr
