"""The generator as a process: open-loop, honest about failures and about itself, and gone when it should be."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gameday.staging.shop.alone import ShopAlone
from gameday.traffic import windows as folds
from gameday.traffic.journey import Journey
from gameday.traffic.ledger import check_ledger, finder, read_ledger

StartLoad = Callable[..., Any]
BROWSE = {"name": "look", "steps": [{"name": "browse", "path": "/products", "timeout_seconds": 5}]}


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger.jsonl"


def checked(ledger: Path, journey: Journey, shop: ShopAlone) -> Any:
    assert journey.look_up is not None
    return check_ledger(ledger, finder(journey.look_up, shop.url("storefront")))


def test_whole_journeys_are_counted_once_and_their_orders_are_all_there(
    shop: ShopAlone, start_load: StartLoad, journey: Journey, ledger: Path
) -> None:
    load = start_load(shop.url("storefront"), rate_per_second=25, arrivals="poisson", seed=7)
    load.await_journeys(40)
    totals = load.stop()
    everything = folds.merge(load.windows)
    assert totals["offered"] == totals["ok"] + totals["failed"] == everything.offered
    assert (everything.journeys.ok, everything.journeys.failed) == (totals["ok"], totals["failed"])
    # A customer takes a step after each that succeeded, also where this machine stood still and somebody gave up.
    steps = [everything.of(name) for name in ("browse", "add", "pay", "submit")]
    assert [step.samples for step in steps] == [totals["offered"], *(step.ok for step in steps[:-1])]
    assert steps[-1].ok == totals["ok"]
    starts = [window.start for window in load.windows]
    assert all(abs(later - earlier - 0.1) < 1e-5 for earlier, later in pairwise(starts))
    result = checked(ledger, journey, shop)
    assert (result.acknowledged, result.found, result.sound) == (totals["ok"], totals["ok"], True)


def test_an_order_is_in_the_ledger_before_a_window_counts_it(shop: ShopAlone, start_load: StartLoad, ledger: Path) -> None:
    load = start_load(shop.url("storefront"))
    deadline = time.monotonic() + 60
    counted = 0
    while counted < 40:
        assert time.monotonic() < deadline
        counted = sum(window.journeys.ok for window in load.windows)
        assert counted <= sum(entry.acknowledged for entry in read_ledger(ledger)) if ledger.exists() else not counted
    load.stop()


def test_without_payment_every_journey_fails_there_with_an_error_fit_for_customers(
    shop: ShopAlone, start_load: StartLoad
) -> None:
    shop.kill("payment")
    load = start_load(shop.url("storefront"))
    load.await_failures(20)
    totals = load.stop()
    everything = folds.merge(load.windows)
    assert totals["ok"] == 0
    assert everything.journeys.errors == {"pay:status_503": totals["failed"]}
    assert everything.of("pay").poor_errors == 0
    assert everything.of("submit").samples == 0


def test_an_error_that_tells_a_customer_nothing_is_counted_as_poor(shop: ShopAlone, start_load: StartLoad) -> None:
    journey = {
        "name": "blame",
        "steps": [{"name": "lost", "path": "/nowhere", "expect": {"status": 200}}],
        "error_quality": {"require": ["error.message"], "forbid_words": ["nothing at this address"]},
    }
    load = start_load(shop.url("storefront"), journey=journey)
    load.await_failures(5)
    totals = load.stop()
    assert folds.merge(load.windows).journeys.poor_errors == totals["failed"]


def test_nobody_at_the_door_is_counted_as_refused(shop: ShopAlone, start_load: StartLoad) -> None:
    shop.kill("storefront")
    load = start_load(shop.url("storefront"), journey=BROWSE)
    load.await_failures(5)
    totals = load.stop()
    assert folds.merge(load.windows).of("browse").errors == {"connect_refused": totals["failed"]}
    assert totals["failed"] == totals["offered"]


def test_killing_checkout_again_and_again_loses_no_order_and_doubles_none(
    shop: ShopAlone, start_load: StartLoad, journey: Journey, ledger: Path
) -> None:
    load = start_load(shop.url("storefront"), rate_per_second=30)
    for number in range(1, 5):
        load.await_journeys(number * 10)
        shop.kill("checkout")
        shop.start("checkout")
    totals = load.stop()
    failed_submits = folds.merge(load.windows).of("submit").failed
    assert failed_submits > 0, "the kills must have been felt, or this shows nothing"
    result = checked(ledger, journey, shop)
    assert result.acknowledged == totals["ok"]
    assert result.sound, (result.lost, result.doubled)
    assert result.indeterminate == failed_submits


def test_requests_due_while_the_door_is_stopped_wait_as_long_as_their_customers(shop: ShopAlone, start_load: StartLoad) -> None:
    load = start_load(shop.url("storefront"), journey=BROWSE, rate_per_second=50)
    load.await_journeys(20)
    shop.signal("storefront", signal.SIGSTOP)
    deadline = time.monotonic() + 30
    while not is_stopped(shop, "storefront"):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    # Nobody is answered from before the one to after the other.
    stopped = time.monotonic()
    time.sleep(1.0)
    resumed = time.monotonic()
    shop.signal("storefront", signal.SIGCONT)
    load.await_journeys(100)
    totals = load.stop()
    assert totals["failed"] == 0
    during = folds.between(load.windows, stopped, resumed)
    assert len(during) >= 8
    for window in during:
        slowest = folds.latency_percentile([window], 100)
        assert window.offered >= 4, "arrivals must not wait for answers"
        assert slowest is not None
        assert slowest >= (resumed - window.end) * 0.99
    first = folds.latency_percentile(during[:1], 100)
    assert first is not None
    assert first > 0.75


def is_stopped(shop: ShopAlone, service: str) -> bool:
    """Say whether a service's process stands still by now: a signal is sent, and comes when it comes."""
    return Path(f"/proc/{shop.processes[service].pid}/stat").read_text(encoding="ascii").rpartition(") ")[2][0] == "T"


def test_silence_is_announced_while_requests_hang(shop: ShopAlone, start_load: StartLoad) -> None:
    load = start_load(shop.url("storefront"), journey=BROWSE)
    load.await_journeys(5)
    shop.signal("storefront", signal.SIGSTOP)
    deadline = time.monotonic() + 30
    while not (waiting := [line["waiting"] for line in load.lines if "waiting" in line]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    shop.signal("storefront", signal.SIGCONT)
    assert waiting[0]["open"] > 0
    assert waiting[0]["at"] - waiting[0]["since"] >= 0.5
    assert load.stop()["failed"] == 0


def test_the_time_to_recover_encloses_the_return_of_a_service(shop: ShopAlone, start_load: StartLoad) -> None:
    load = start_load(shop.url("storefront"), rate_per_second=30)
    load.await_journeys(30)
    fault_at = time.monotonic()
    shop.kill("payment")
    time.sleep(1.0)
    before = time.monotonic()
    shop.start("payment")
    after = time.monotonic()
    within_tolerance = folds.success_at_least(0.9)
    while not (found := folds.time_to_recover(load.windows, fault_at, within_tolerance)):
        assert time.monotonic() < after + 40, "five steady windows of 30 samples take five seconds"
        time.sleep(0.1)
    load.stop()
    assert found.ever_out
    # A customer who has been served the steps before may be the last one to fail, a window earlier.
    assert found.low_seconds <= after - fault_at
    assert found.high_seconds >= before - fault_at - folds.WINDOW_SECONDS


def test_journeys_over_the_bound_wait_and_the_generator_says_that_it_is_behind(shop: ShopAlone, start_load: StartLoad) -> None:
    load = start_load(shop.url("storefront"), journey=BROWSE, rate_per_second=50, most_open_journeys=1)
    load.await_journeys(5)
    shop.signal("storefront", signal.SIGSTOP)
    time.sleep(1.0)
    shop.signal("storefront", signal.SIGCONT)
    load.await_journeys(40)
    totals = load.stop()
    assert totals["ok"] + totals["failed"] == totals["offered"], "waiting is allowed, dropping is not"
    assert totals["behind_seconds"] > 0.5
    assert not folds.generator_kept_up(load.windows)


def test_a_new_rate_holds_and_nonsense_is_answered_without_harm(shop: ShopAlone, start_load: StartLoad) -> None:
    load = start_load(shop.url("storefront"), journey=BROWSE, rate_per_second=10)
    load.await_journeys(5)
    load.command('{"rate": 100}')
    for nonsense in ("hello", '{"rate": 0}', '{"stop": "please"}'):
        load.command(nonsense)
    load.await_journeys(80)
    offered = [window.offered for window in load.windows]
    load.stop()
    assert [line["problem"][:10] for line in load.lines if "problem" in line] == ["expected {"] * 3
    changed = next(index for index, number in enumerate(offered) if number > 2)
    assert set(offered[:changed]) <= {0, 1, 2}
    assert set(offered[changed + 1 :]) <= {9, 10, 11}, "from the window in which it was told on"
    assert len(offered) > changed + 5


@pytest.mark.parametrize("how", ["eof", "sigterm"])
def test_it_ends_with_its_totals_when_its_starter_is_gone_or_asks(shop: ShopAlone, start_load: StartLoad, how: str) -> None:
    load = start_load(shop.url("storefront"))
    load.await_journeys(5)
    if how == "eof":
        load.process.stdin.close()
    else:
        load.process.send_signal(signal.SIGTERM)
    totals = load.finish()
    assert totals["ok"] + totals["failed"] == totals["offered"] == sum(window.offered for window in load.windows)
    assert totals["ok"] == sum(window.journeys.ok for window in load.windows)


def test_a_reader_who_is_gone_ends_it(shop: ShopAlone, tmp_path: Path) -> None:
    spec = {"journey": BROWSE, "targets": [shop.url("storefront")], "ledger": str(tmp_path / "l")}
    command = [sys.executable, "-m", "gameday.traffic.generator"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(spec).encode() + b"\n")
        process.stdin.flush()
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 0


@pytest.mark.parametrize(
    ("spec", "problem", "status"),
    [
        ("", "expected a load's spec as one line of JSON", 3),
        ("[]", "expected a load's spec as a JSON object", 3),
        ('{"journy": "x"}', "unknown key 'journy'", 3),
        ({"targets": ["https://127.0.0.1:1"]}, "expected a target as http://host:port", 3),
        ({"rate_per_second": 0}, "expected a rate above 0", 3),
        ({"arrivals": "closed"}, "expected arrivals to be constant or poisson", 3),
        ({"run": "a b"}, "expected a run's label", 3),
        ({"journey": "/nowhere.yaml"}, "/nowhere.yaml: expected a journey, found that it cannot be read", 64),
        ({"journey": {"name": "x", "steps": []}}, "expected at least one step", 64),
        ({"ledger": "/nowhere/ledger"}, "No such file or directory", 1),
    ],
)
def test_a_spec_that_cannot_be_followed_is_one_problem_line(
    tmp_path: Path, spec: str | dict[str, Any], problem: str, status: int
) -> None:
    usual = {"journey": BROWSE, "targets": ["http://127.0.0.1:9"], "ledger": str(tmp_path / "l")}
    line = spec if isinstance(spec, str) else json.dumps({**usual, **spec})
    command = [sys.executable, "-m", "gameday.traffic.generator"]
    done = subprocess.run(command, input=line + "\n", capture_output=True, text=True, timeout=60, check=False)
    said = json.loads(done.stdout)
    assert problem in said["problem"]
    assert (done.returncode, done.stderr) == (status, "")


def test_it_does_not_go_on_without_its_ledger(shop: ShopAlone, tmp_path: Path) -> None:
    journey = str(Path(__file__).parents[2] / "journeys" / "checkout.yaml")
    spec = {"journey": journey, "targets": [shop.url("storefront")], "ledger": "/dev/full"}
    command = [sys.executable, "-m", "gameday.traffic.generator"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(spec).encode() + b"\n")
        process.stdin.flush()
        lines = [json.loads(line) for line in process.stdout]
        assert process.wait(60) == 1
    problems = [line["problem"] for line in lines if "problem" in line]
    assert problems == ["the ledger /dev/full cannot be written: No space left on device"]
    assert not [line for line in lines if line.get("journeys", {}).get("ok")], "no order may count that is not written"


def test_every_journey_counts_for_the_cohort_of_its_customer(shop: ShopAlone, start_load: StartLoad) -> None:
    load = start_load(shop.url("storefront"))
    load.await_journeys(40)
    load.stop()
    found = folds.by_cohort(load.windows)
    whole = folds.outcomes(load.windows)
    assert sum(one.ok for one in found.values()) == whole.ok
    assert sum(one.failed for one in found.values()) == whole.failed
    assert abs(found["app"].samples - whole.samples / 10) <= 2


def test_the_waiting_page_is_counted_apart_from_errors_and_only_where_it_says_all_it_should(
    start_load: StartLoad, tmp_path: Path
) -> None:
    """Twenty customers a second at a door with one worker: most are told to wait, at the first step."""
    full = ShopAlone(tmp_path, settings={"PAGE_WORKERS": "1", "PAGE_SECONDS": "0.3"})
    steps = [{"name": "browse", "path": "/products", "timeout_seconds": 10}]
    page = {"status": 503, "code": "error.code", "says": "waiting_room"}
    kinds = []
    try:
        full.start("inventory", "cart", "sale", "scaler")
        for present in ("error.estimate_seconds", "error.queue_position"):
            journey = {"name": "look", "steps": steps, "waiting": {**page, "present": [present]}}
            load = start_load(full.url("sale"), journey=journey, rate_per_second=20)
            load.await_failures(5)
            load.stop()
            kinds.append(folds.merge(load.windows).journeys)
    finally:
        full.stop()
    honest, poor = kinds
    assert set(honest.errors) == {"browse:waiting"}
    assert honest.turned_away == honest.failed
    assert set(poor.errors) == {"browse:status_503"}
    assert poor.turned_away == 0


def test_a_load_goes_to_its_new_rate_in_a_straight_line(shop: ShopAlone, start_load: StartLoad) -> None:
    load = start_load(shop.url("storefront"), journey=BROWSE, rate_per_second=10)
    load.await_journeys(5)
    load.command('{"rate": 60, "over_seconds": 1.0}')
    load.await_journeys(100)
    load.stop()
    offered = [window.offered for window in load.windows]
    ramp = next(index for index in range(len(offered)) if sum(offered[index : index + 5]) >= 28)
    before = sum(offered[ramp - 10 : ramp])
    assert 15 <= before <= 50, "neither at once nor not at all"


@pytest.mark.parametrize("command", ['{"rate": 60, "over_seconds": -1}', '{"rate": 60, "over_seconds": "1"}', '{"rate": 0}'])
def test_a_rate_or_a_way_there_that_cannot_be_is_a_problem_and_changes_nothing(
    shop: ShopAlone, start_load: StartLoad, command: str
) -> None:
    load = start_load(shop.url("storefront"), journey=BROWSE, rate_per_second=10)
    load.command(command)
    load.await_journeys(10)
    load.stop()
    assert any("expected" in line.get("problem", "") for line in load.lines)
    assert max(sum(window.offered for window in load.windows[index : index + 10]) for index in range(len(load.windows))) <= 11
