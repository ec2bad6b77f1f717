"""Approval of a plan: the text that is signed, signing it, and finding out whose signatures count. `ssh-keygen` does the rest.

The text names everything that decides what would happen, by value or by digest: the plan, its experiments, runbooks and journeys,
the project's own actions, the cluster, the caps. So any edit, another cluster or another cap makes another text, and a
signature is good for one only. What is *not* here: who runs is what the environment says (GAMEDAY_RUNNER and git's
user.email); this is a second pair of eyes among colleagues, whose list of keys is under review itself.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gameday import __version__
from gameday.cluster import Identity
from gameday.errors import RefusedError
from gameday.gameday.model import ApprovalSpec, GameDay, Round, Window
from gameday.guard.model import Approvals
from gameday.workspace import project_of

NAMESPACE: Final = "gameday"
"""What a signature is for, so that one under a commit or a mail can never count here."""
SUFFIX: Final = ".approvals"
_SIGNED_BY: Final = re.compile(r" key (SHA256:\S+)")


def approvals_folder(plan: Path) -> Path:
    """Return where the signatures of a plan lie: beside it."""
    return plan.with_name(plan.name + SUFFIX)


def approval_text(plan: GameDay, identity: Identity) -> str:
    """Return the text that is signed: JSON with sorted keys, ending in a line feed. Files are read as they are now."""
    traffic = plan.traffic
    said: dict[str, Any] = {
        "gameday-approval": 1,
        "gameday": __version__,
        "plan": {"file": plan.path.name, "sha256": _digest(plan.path)},
        "cluster": identity.uid,
        "namespaces": sorted(plan.namespaces),
        "switched-off-rules": sorted(plan.switched_off_rules),
        "deadline-seconds": plan.deadline_seconds,
        "windows": [_window(window) for window in plan.windows],
        "approvers": {"required": plan.approvals.required, "sha256": _digest(plan.approvals.keys)} if plan.approvals else None,
        "traffic": None
        if traffic is None
        else {"rate": traffic.rate_per_second, "url": traffic.url, "journey": _file(traffic.journey_path)},
        "rounds": [_round(item) for item in plan.rounds],
        "own-code": _own_code(plan.path),
    }
    return json.dumps(said, indent=2, sort_keys=True) + "\n"


def find_approvals(plan: GameDay, identity: Identity, runners: tuple[str, ...]) -> Approvals:
    """Verify every signature beside the plan; RefusedError if ssh-keygen or the list of keys is missing."""
    spec = plan.approvals
    if spec is None:
        return Approvals(runners)
    edited = [path.name for path, digest in _read_files(plan) if _digest(path) != digest]
    text, given, rejected = approval_text(plan, identity), list[_Signed](), list[tuple[str, str]]()
    if not spec.keys.is_file():
        raise RefusedError(f"expected the list of who may approve at {spec.keys}, but there is no such file")
    for file in sorted(approvals_folder(plan.path).glob("*.sig")):
        signed, why = _verified(file, text, spec)
        if signed is None:
            rejected.append((file.name, why))
        elif edited:
            rejected.append((file.name, f"{', '.join(edited)} was edited after it was read"))
        elif signed.is_of(runners):
            rejected.append((file.name, f"{signed.name} is who runs this"))
        elif any(signed.key == other.key or signed.principals & other.principals for other in given):
            rejected.append((file.name, f"{signed.name} has approved already"))
        else:
            given.append(signed)
    return Approvals(runners, tuple(signed.name for signed in given), tuple(rejected))


def sign(plan: GameDay, text: str, key: Path) -> Path:
    """Sign the text with a key (or, for one that an agent holds, its public part) and put the signature beside the plan.

    RefusedError if the plan asks for no approvals, or its list does not name the key.
    """
    spec = plan.approvals
    if spec is None:
        raise RefusedError(f"{plan.path.name} asks for no approvals; give it: approvals: {{required: 1, keys: allowed_signers}}")
    done = _ssh_keygen("-Y", "sign", "-n", NAMESPACE, "-f", str(key), text=text)
    if done.returncode:
        raise RefusedError(f"ssh-keygen could not sign with {key}: {_said(done)}")
    folder = approvals_folder(plan.path)
    with tempfile.TemporaryDirectory() as scratch:
        draft = Path(scratch, "draft.sig")
        draft.write_text(done.stdout, encoding="ascii")
        signed, why = _verified(draft, text, spec)
    if signed is None:
        raise RefusedError(f"the signature by {key} would not count: {why}")
    folder.mkdir(exist_ok=True)
    file = folder / f"{re.sub(r'[^A-Za-z0-9.@_+-]', '_', signed.name)}.sig"
    file.write_text(done.stdout, encoding="ascii")
    return file


def runners_here(plan: Path, environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the names that whoever runs a plan goes by: GAMEDAY_RUNNER and git's user.email, each if there is one."""
    try:
        asked = subprocess.run(
            ["git", "config", "user.email"],
            cwd=plan.absolute().parent,
            env=dict(environment),
            capture_output=True,
            text=True,
            check=False,
        )
        email = asked.stdout.strip()
    except OSError:
        email = ""
    return tuple(dict.fromkeys(filter(None, (environment.get("GAMEDAY_RUNNER", "").strip(), email))))


@dataclass(frozen=True, slots=True)
class _Signed:
    """A good signature: by which key, and the names under which the list has it."""

    key: str
    principals: frozenset[str]

    @property
    def name(self) -> str:
        return min(self.principals)

    def is_of(self, runners: tuple[str, ...]) -> bool:
        """Say whether any of its names is, or as a pattern matches, one that the runner goes by."""
        return any(fnmatch.fnmatchcase(runner.lower(), principal.lower()) for runner in runners for principal in self.principals)


def _verified(file: Path, text: str, spec: ApprovalSpec) -> tuple[_Signed | None, str]:
    """Return who made a signature over the text, or why it does not count."""
    keys = str(spec.keys)
    found = _ssh_keygen("-Y", "find-principals", "-s", str(file), "-f", keys, text=text)
    principals = [line.strip() for line in found.stdout.splitlines() if line.strip()]
    if found.returncode or not principals:
        return None, f"{spec.keys.name} does not name its key ({_said(found)})"
    arguments = ("-n", NAMESPACE, "-f", keys, "-I", principals[0].split(",")[0], "-s", str(file))
    checked = _ssh_keygen("-Y", "verify", *arguments, text=text)
    key = _SIGNED_BY.search(checked.stdout)
    if checked.returncode or key is None:
        return None, f"it is not over this plan as it stands, in this cluster; approve it again ({_said(checked)})"
    names = (name.strip() for line in principals for name in line.split(","))
    return _Signed(key[1], frozenset(filter(None, names))), ""


def _ssh_keygen(*arguments: str, text: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["ssh-keygen", *arguments], input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise RefusedError(
            "approvals need ssh-keygen, which is not installed (Debian, Ubuntu: apt install openssh-client)"
        ) from error


def _said(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join((done.stderr or done.stdout).split()) or f"ssh-keygen ended with {done.returncode}"


def _round(item: Round) -> dict[str, Any]:
    experiment = item.experiment
    activities = (*experiment.hypothesis, *experiment.activities, *experiment.rollbacks)
    resolved = [[activity.module, activity.func, dict(activity.arguments)] for activity in activities]
    return {
        "id": item.id,
        "expect": item.expect,
        "runbook": item.runbook_mode,
        "runbook-file": _file(experiment.runbook_path),
        "experiment": _file(experiment.path),
        # With what stands for ${x} put in: an environment variable may decide what is harmed.
        "resolved-sha256": hashlib.sha256(json.dumps(resolved, sort_keys=True, default=str).encode()).hexdigest(),
        "journey": _file(experiment.traffic.journey_path) if experiment.traffic else None,
        "caps": dict(experiment.caps),
    }


def _window(window: Window) -> dict[str, Any]:
    return {"days": list(window.days), "from": window.from_minute, "to": window.to_minute, "timezone": window.timezone}


def _file(path: Path | None) -> dict[str, str] | None:
    return None if path is None else {"file": path.name, "sha256": _digest(path)}


def _own_code(plan: Path) -> dict[str, str]:
    """Return the digest of each file of the project's own actions and probes."""
    project = project_of(plan.absolute().parent)
    folders = [] if project is None else [project / "actions", project / "probes"]
    return {str(file.relative_to(folder.parent)): _digest(file) for folder in folders for file in sorted(folder.rglob("*.py"))}


def _read_files(plan: GameDay) -> Iterator[tuple[Path, str]]:
    """Yield what was read into the plan, with the digest that it had then."""
    yield plan.path, plan.digest
    for item in plan.rounds:
        yield item.experiment.path, item.experiment.digest


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return f"unreadable: {error.strerror}"
