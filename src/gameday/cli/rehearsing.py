"""`gameday rehearse`: the same plan, for people. At a table, against a record, or live; with pages, and in a terminal."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from gameday.cli.choosing import choose
from gameday.cli.naming import find_run, resolve
from gameday.cli.options import cluster_options, runs_option, yes_option
from gameday.errors import ExitCode, GamedayError, RefusedError, UsageError
from gameday.rehearsal.rehearsed import LEVELS
from gameday.rehearsal.session import Session
from gameday.runbook.roles import FACILITATOR, ROLES

PAGES_FILE: Final = "pages.json"
"""Where the pages are and with which token, in the run's folder, for whoever joins from another terminal; the owner's alone."""
_TICK_SECONDS: Final = 0.1
_LINGER_SECONDS: Final = 1.0


class _Rehearse(click.Group):
    """`rehearse FILE` holds one; `rehearse join` takes part in one that another process holds."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in {"-h", "--help"}:
            args = ["hold", *args]
        return super().parse_args(ctx, args)


@click.group("rehearse", cls=_Rehearse)
def command() -> None:
    """Rehearse a plan with people: roles, clocks, a runbook to follow, messages to write, and surprises.

    `gameday rehearse FILE` is `gameday rehearse hold FILE`.
    """


@dataclass(frozen=True, slots=True)
class _Wish:
    """How a rehearsal is to be held."""

    file: Path
    shown_file: str
    runs: Path
    level: str
    seed: int
    person: str
    roles: tuple[str, ...]
    pages: bool
    port: int


@command.command("hold")
@click.argument("file", metavar="FILE")
@click.option("--level", metavar="LEVEL", default="tabletop", show_default=True, help=f"One of {', '.join(LEVELS)}.")
@click.option("--seed", type=int, default=0, show_default=True, help="What is drawn (the order of surprises, simulated people).")
@click.option("--log", "record", metavar="RUN", default="", help="For simulated: the recorded run that is replayed.")
@click.option(
    "--script",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    default=None,
    help="For simulated: who asks for what and when, instead of people who are drawn.",
)
@click.option("--resume", metavar="RUN", default="", help="Take up again a tabletop whose process ended.")
@click.option("--terminal", "person", metavar="NAME", default="", help="Take part in this terminal.")
@click.option("--role", "roles", multiple=True, help=f"As what; may be repeated. One of {', '.join(ROLES)}.")
@click.option("--no-page", is_flag=True, help="Without pages.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of the pages; default: one that is free.")
@click.option(
    "--unguarded", is_flag=True, help="Live: also let activities of other extensions happen, which the guard cannot see."
)
@cluster_options
@runs_option
@yes_option
def hold(
    file: str,
    level: str,
    *,
    seed: int,
    record: str,
    script: Path | None,
    resume: str,
    person: str,
    roles: tuple[str, ...],
    no_page: bool,
    port: int,
    unguarded: bool,
    kubeconfig: str,
    context: str,
    runs: Path,
    yes: bool,
) -> int:
    """Hold a rehearsal of FILE: a game-day plan or an experiment, by path or by name.

    tabletop: no cluster; the facilitator tells what happens. simulated: a recorded run is replayed, people are drawn by the seed.
    live: real faults, as `gameday run` makes them; people repair, and everything is undone at the end, or when anybody says stop.
    """
    wish = _Wish(resolve(file), file, runs, level, seed, person, roles, not no_page, port)
    _check(wish, record=record, script=script, resume=resume)
    if level == "simulated":
        return _simulated(wish, record, script)
    if level == "live":
        return _live(wish, kubeconfig, context, yes=yes, unguarded=unguarded)
    return _tabletop(wish, resume)


@command.command("join")
@click.argument("where", metavar="[URL|RUN]", default="latest")
@click.option("--name", required=True, metavar="NAME", help="Who you are; a name that has joined already is you again.")
@click.option("--role", "roles", multiple=True, help=f"As what; may be repeated. One of {', '.join(ROLES)}.")
@runs_option
def join(where: str, name: str, roles: tuple[str, ...], runs: Path) -> int:
    """Take part in a rehearsal that another process on this machine holds, in this terminal.

    URL is the link of a page, RUN the run's folder or id; default: the latest.
    """
    from gameday.cli.joining import PageSeat  # noqa: PLC0415  # an HTTP client, for this alone
    from gameday.cli.seat import sit  # noqa: PLC0415

    page = "facilitator" if FACILITATOR in roles else "commander"
    url = where if "://" in where else _pages_of(find_run(where, runs))[page]
    seat = PageSeat(url, name)
    seat.join(roles)
    click.echo("joined; `help` says what can be typed", err=True)
    with suppress(KeyboardInterrupt):
        sit(seat, typed=sys.stdin)
    return ExitCode.EXPECTED


def _check(wish: _Wish, *, record: str, script: Path | None, resume: str) -> None:
    if wish.level not in LEVELS:
        raise UsageError(f"--level: expected one of {', '.join(LEVELS)}, but got {wish.level!r}")
    if wish.level == "simulated" and not record:
        raise UsageError("a simulation replays a recorded run: name one with --log RUN, or hold a tabletop: --level tabletop")
    if wish.level != "simulated" and (record or script):
        raise UsageError(f"--log and --script are of simulations, and this is {wish.level}: --level simulated")
    if resume and wish.level != "tabletop":
        raise UsageError("only a tabletop is taken up again; what a live rehearsal owes is undone when its process ends")
    if wish.roles and not wish.person:
        raise UsageError("--role says as what somebody takes part in this terminal; say who: --terminal NAME")
    unknown = [role for role in wish.roles if role not in ROLES]
    if unknown:
        raise UsageError(f"--role: expected of {', '.join(ROLES)}, but got {', '.join(unknown)}")


# ---------------------------------------------------------------------------------------------------------- the levels


def _tabletop(wish: _Wish, resume: str) -> int:
    from gameday.rehearsal.rehearsed import rehearsed  # noqa: PLC0415  # the engine, only where one is held
    from gameday.rehearsal.tabletop import TabletopSession  # noqa: PLC0415

    plan = rehearsed(wish.file, level="tabletop", seed=_seed_of(find_run(resume, wish.runs)) if resume else wish.seed)
    directory = find_run(resume, wish.runs) if resume else _folder(wish)
    session = TabletopSession(directory, plan, source=wish.shown_file)
    over = threading.Event()

    def let_happen() -> None:
        while not over.wait(_TICK_SECONDS):
            session.tick()

    threading.Thread(target=let_happen, name="timeline", daemon=True).start()
    try:
        _hold(wish, session, over=lambda: session.is_over)
    except KeyboardInterrupt:
        again = f"gameday rehearse {wish.shown_file} --resume {directory}"
        click.echo(f"\nnot over; take it up again: {again}", err=True)
        return ExitCode.ABORTED
    finally:
        over.set()
        session.close()
    return _conclude(directory)


def _live(wish: _Wish, kubeconfig: str, context: str, *, yes: bool, unguarded: bool) -> int:
    from rich.console import Console  # noqa: PLC0415

    from gameday.cli.following import noted_signals  # noqa: PLC0415  # a run's machinery, only where there is a run
    from gameday.rehearsal.live import LiveSession, people_spec  # noqa: PLC0415
    from gameday.rehearsal.rehearsed import rehearsed  # noqa: PLC0415
    from gameday.run.launching import launch, new_run  # noqa: PLC0415

    plan = rehearsed(wish.file, level="live", seed=wish.seed)
    choice = choose(kubeconfig, context)
    if not yes:
        _ask(plan.programme.title, f"{choice.kubeconfig or 'the default kubeconfig'}, context {choice.context or '(current)'}")
    spec = new_run(
        wish.runs,
        file=str(wish.file),
        shown_file=wish.shown_file,
        kubeconfig=choice.kubeconfig,
        context=choice.context,
        unguarded=unguarded,
        people=people_spec(plan),
    )
    launched = launch(spec)
    launched.watch()
    session = LiveSession(launched)
    session.start()
    console = Console(file=sys.stderr, no_color=bool(os.environ.get("NO_COLOR")) or None)
    with noted_signals() as signals:

        def heed() -> bool:
            signals.heed(launched, console)
            return True

        _hold(wish, session, over=lambda: session.is_over, each=heed)
    launched.close()
    if launched.lost_why:
        click.echo(f"{launched.lost_why}; a new one took over and undid everything it owed", err=True)
    code = _conclude(launched.directory, launched.exit_code())
    if session.state.started is None and code == ExitCode.REFUSED:
        click.echo("gameday: a tabletop of the same plan needs no cluster: --level tabletop", err=True)
    return code


def _simulated(wish: _Wish, record: str, script: Path | None) -> int:
    from gameday.rehearsal.rehearsed import rehearsed  # noqa: PLC0415  # the engine, only where one is held
    from gameday.rehearsal.script import load_script  # noqa: PLC0415
    from gameday.rehearsal.simulated import simulate  # noqa: PLC0415

    plan = rehearsed(wish.file, level="simulated", seed=wish.seed)
    lines = load_script(script) if script else None
    directory = _folder(wish)
    try:
        simulate(directory, plan, find_run(record, wish.runs), source=wish.shown_file, script=lines)
    except GamedayError:
        # Nothing was simulated, so there is no run to be kept.
        shutil.rmtree(directory)
        raise
    return _conclude(directory)


# -------------------------------------------------------------------------------------------------------- what they share


def _hold(wish: _Wish, session: Session, *, over: Callable[[], bool], each: Callable[[], bool] = lambda: True) -> None:
    """Serve the pages, seat whoever takes part here, and follow it to its end."""
    from gameday.cli.seat import OwnSeat, sit  # noqa: PLC0415  # only where one is held

    with _pages(session, wish) as pages:
        for name, url in pages.items():
            click.echo(f"{name}: {url}", err=True)
        if pages:
            click.echo(f"another terminal: gameday rehearse join {session.directory} --name NAME --role ROLE", err=True)
        if wish.person:
            _seat(session, wish, each)
        sit(OwnSeat(session, wish.person, over=over), typed=sys.stdin if wish.person else None, each=each)


def _seat(session: Session, wish: _Wish, each: Callable[[], bool]) -> None:
    refused = session.submit(wish.person, {"do": "join", "roles": list(wish.roles)}).refused
    each()
    if refused and session.state.ended is None:
        session.stop(wish.person, refused)
        raise RefusedError(refused)


@contextmanager
def _pages(session: Session, wish: _Wish) -> Iterator[dict[str, str]]:
    """Serve the pages while it is held; yield their links, none without pages."""
    if not wish.pages:
        yield {}
        return
    from gameday.web import serve  # noqa: PLC0415  # a web server, only where there are pages

    with serve(session, port=wish.port) as served:
        links = {"commander": served.url_for("commander"), "facilitator": served.url_for("facilitator")}
        file = session.directory / PAGES_FILE
        file.touch(mode=0o600)
        file.write_text(json.dumps(links))
        try:
            yield links
            # Whoever sits at a page or another terminal hears that it is over before the pages go.
            time.sleep(_LINGER_SECONDS)
        finally:
            file.unlink(missing_ok=True)


def _pages_of(directory: Path) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads((directory / PAGES_FILE).read_text())
    except FileNotFoundError:
        raise RefusedError(
            f"{directory.name} has no pages to join at: it is over, or held with --no-page. The link of a page does as well"
        ) from None
    return found


def _folder(wish: _Wish) -> Path:
    from gameday.run.launching import new_run  # noqa: PLC0415  # the engine, only where one is held

    return Path(new_run(wish.runs, file=str(wish.file), shown_file=wish.shown_file).directory)


def _seed_of(directory: Path) -> int:
    """Return the seed that a rehearsal was begun with: its rounds come in that order."""
    from gameday.log import read  # noqa: PLC0415
    from gameday.log.people import RehearsalStarted  # noqa: PLC0415

    return next((event.seed for event in read(directory) if isinstance(event, RehearsalStarted)), 0)


def _conclude(directory: Path, code: ExitCode | None = None) -> ExitCode:
    """Write the report, and print what it came to: the verdicts, where something was measured, and how long people took."""
    from gameday.cli.following import REPORT_FILE, conclude  # noqa: PLC0415  # only at the end
    from gameday.log import read  # noqa: PLC0415
    from gameday.log.events import RunEnded, VerdictGiven  # noqa: PLC0415
    from gameday.rehearsal.telling import incidents_told  # noqa: PLC0415
    from gameday.report import render  # noqa: PLC0415

    events = read(directory)
    if code is None:
        ended = [event for event in events if isinstance(event, RunEnded)]
        code = ExitCode(ended[-1].exit_code) if ended else ExitCode.INTERNAL
    if any(isinstance(event, VerdictGiven) for event in events) or code not in {ExitCode.EXPECTED, ExitCode.ABORTED}:
        code = conclude(directory, code)
    else:
        report = directory / REPORT_FILE
        report.write_text(render(events, "html"), encoding="utf-8")
        click.echo(f"Report: {report}")
    for line in incidents_told(events):
        click.echo(line)
    return code


def _ask(title: str, cluster: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError(
            f"a live rehearsal of {title!r} harms a cluster on purpose, and there is no terminal to ask at. If it is meant: --yes"
        )
    click.echo(f"{title}\ncluster: {cluster}", err=True)
    click.confirm("Let real faults happen there?", abort=True, err=True)
