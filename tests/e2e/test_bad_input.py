"""Whatever is wrong with what the command is given: a clear message on standard error, the exit code, nothing changed."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gameday import staging
from gameday.kube import KubeCluster
from tests.between import between
from tests.e2e.conftest import QUICK, Command, replicas_of
from tests.e2e.lying import once, says

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("as_before")]


def refused(command: Command, *, code: int, says: str, words: tuple[str, ...] = ("run", "quick.yaml", "--yes")) -> str:
    ended = command.run(*words)
    assert ended.returncode == code, ended.stderr + ended.stdout
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr


def edited(command: Command, old: str, new: str) -> None:
    assert old in QUICK
    (command.folder / "quick.yaml").write_text(QUICK.replace(old, new))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "nowhere.yaml"),
        ("", "empty"),
        ("- one\n- two\n", "list"),
        ("title: [unclosed\n", "nowhere.yaml:"),
        ("\x00\x01binary", "nowhere.yaml"),
        ("title: only\n", "nowhere.yaml"),
    ],
    ids=["missing", "empty", "a list", "no YAML", "binary", "nothing but a title"],
)
def test_a_file_that_is_no_experiment_names_the_file_and_what_is_wrong(command: Command, content: str | None, says: str) -> None:
    if content is not None:
        (command.folder / "nowhere.yaml").write_text(content)
    refused(command, code=64, says=says, words=("run", "nowhere.yaml", "--yes"))
    refused(command, code=64, says=says, words=("validate", "nowhere.yaml"))


def test_a_runbook_that_does_not_exist_does_not_validate_and_names_its_line(command: Command) -> None:
    edited(command, "runbook: dependency-down", "runbook: dependency-done")
    line = QUICK.splitlines().index("    runbook: dependency-down") + 1
    told = refused(command, code=64, says=f"quick.yaml:{line}:")
    assert "dependency-down" in told, "it says what may have been meant"


def test_every_problem_is_told_at_once(command: Command) -> None:
    broken = (
        QUICK.replace("replicas: 0", "replica: 0").replace("expect: deviated", "expect: broken").replace("rto: 1m", "rto: soon")
    )
    (command.folder / "quick.yaml").write_text(broken)
    told = refused(command, code=64, says="replica")
    assert "broken" in told
    assert "soon" in told


def test_a_workload_that_is_not_there_is_refused_before_anything_changes(command: Command) -> None:
    edited(command, "name: payment", "name: pavement")
    refused(command, code=3, says="deployment shop/pavement")


def test_a_selector_that_matches_nothing_is_refused(command: Command) -> None:
    kill = QUICK.replace("gameday.actions.workloads", "gameday.actions.pods").replace("func: scale", "func: kill")
    kill = kill.replace("{namespace: shop, name: payment, replicas: 0}", "{namespace: shop, selector: app=chekout}")
    (command.folder / "quick.yaml").write_text(kill)
    refused(command, code=3, says="app=chekout")


def test_more_than_the_cap_is_refused(command: Command) -> None:
    edited(command, "caps: {pods: 2}", "caps: {pods: 1}")
    refused(command, code=3, says="cap-pods")


def test_a_namespace_that_has_not_opted_in_is_refused(command: Command) -> None:
    edited(command, "namespaces: [shop]", "namespaces: [shop, default]")
    told = refused(command, code=3, says="namespace-opted-in")
    assert "kubectl label namespace default" in told


def test_a_namespace_that_the_file_does_not_list_is_refused(command: Command) -> None:
    edited(command, "arguments: {namespace: shop, name: payment", "arguments: {namespace: kube-system, name: payment")
    refused(command, code=64, says="touches the namespace kube-system")


def test_an_unknown_context_is_refused_and_the_known_ones_are_named(command: Command) -> None:
    refused(command, code=3, says="gameday-embedded", words=("run", "quick.yaml", "--yes", "--context", "production"))


def test_a_plan_pinned_to_another_cluster_is_refused(command: Command) -> None:
    plan = {
        "title": "Pinned",
        "cluster": "another",
        "namespaces": ["shop"],
        "traffic": {"journey": "checkout", "rate": "30/s"},
        "rounds": [{"experiment": "./quick.yaml", "expect": "deviated"}],
    }
    (command.folder / "pinned.yaml").write_text(yaml.safe_dump(plan))
    refused(command, code=3, says="cluster-identity", words=("run", "pinned.yaml", "--yes"))


def test_without_a_terminal_a_run_must_be_meant(command: Command) -> None:
    refused(command, code=64, says="--yes", words=("run", "quick.yaml"))


def test_a_cluster_that_does_not_answer_is_said_to(command: Command, shop: staging.Running) -> None:
    config = yaml.safe_load(shop.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    silent = command.folder / "silent"
    silent.write_text(yaml.safe_dump(config))
    told = refused(command, code=3, says="no answer", words=("run", "quick.yaml", "--yes", "--kubeconfig", str(silent)))
    assert "127.0.0.1:9" in told


@pytest.fixture
def forbidding(tmp_path: Path) -> Iterator[Path]:
    """Serve 403 to everything, as an API server does to an account without rights; yield its kubeconfig."""

    class Forbidding(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            message = 'namespaces "gameday-system" is forbidden: User "ci" cannot get resource "namespaces"'
            body = json.dumps(
                {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": 403}
            ).encode()
            self.send_response(403)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Forbidding)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "ci",
        "contexts": [{"name": "ci", "context": {"cluster": "ci", "user": "ci"}}],
        "clusters": [{"name": "ci", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}],
        "users": [{"name": "ci", "user": {"token": "nobody"}}],
    }
    path = tmp_path / "forbidding"
    path.write_text(yaml.safe_dump(config))
    yield path
    server.shutdown()
    server.server_close()


def test_a_cluster_that_forbids_is_quoted(command: Command, forbidding: Path) -> None:
    refused(command, code=3, says="is forbidden", words=("run", "quick.yaml", "--yes", "--kubeconfig", str(forbidding)))


def test_a_folder_that_cannot_be_written_is_named(command: Command) -> None:
    (command.folder / "file").write_text("")
    refused(command, code=64, says="file/runs", words=("run", "quick.yaml", "--yes", "--runs", "file/runs"))


def test_planning_shows_a_diff_and_changes_nothing(command: Command, shop_cluster: KubeCluster) -> None:
    planned = command.run("plan", "quick.yaml")
    assert planned.returncode == 0
    assert "- /spec/replicas: 2" in planned.stdout
    assert "+ /spec/replicas: 0" in planned.stdout
    as_data = json.loads(command.run("plan", "quick.yaml", "-o", "json").stdout)
    assert as_data["rounds"][0]["changes"][0]["fields"] == [{"path": "/spec/replicas", "before": 2, "after": 0}]
    assert replicas_of(shop_cluster, "payment") == 2


def test_a_report_of_a_run_that_is_not_there_names_those_that_are(command: Command) -> None:
    refused(command, code=64, says="no run called 'nothing'", words=("report", "nothing"))


# ------------------------------------------------------------------------------------------------ credentials


@pytest.mark.parametrize(
    "words",
    [("run", "quick.yaml", "--yes"), ("plan", "quick.yaml"), ("recover",), ("status",), ("doctor",)],
    ids=lambda words: words[0],
)
def test_credentials_that_the_cluster_does_not_accept_are_called_that_and_not_a_missing_right(
    command: Command, shop: staging.Running, words: tuple[str, ...]
) -> None:
    config = yaml.safe_load(shop.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": "of-last-year"}
    (command.folder / "stale").write_text(yaml.safe_dump(config))
    ended = Command(command.folder, command.folder / "stale").run(*words)
    told = " ".join((ended.stderr + ended.stdout).split())
    assert ended.returncode == (0 if words == ("status",) else 3), told
    assert "does not accept these credentials" in told
    assert "Log in again or renew the token" in told
    assert "may not be read" not in told
    assert "Traceback" not in told
    assert "nothing is owed by the runs in runs/; the cluster could not be asked" in told or words != ("recover",)


def test_credentials_that_end_in_a_run_abort_it_and_leave_what_is_owed_to_recover(
    command: Command, shop: staging.Running, shop_cluster: KubeCluster
) -> None:
    scaled = "PATCH .*/deployments/payment"
    with between(shop.kubeconfig, command.folder, once(scaled, says(401, "."))) as kubeconfig:
        ended = command.run("run", "quick.yaml", "--yes", "--kubeconfig", str(kubeconfig))
    assert ended.returncode == 5, ended.stdout + ended.stderr
    assert "does not accept these credentials" in " ".join((ended.stdout + ended.stderr).split())
    assert replicas_of(shop_cluster, "payment") == 0
    # Its folder names the way that does not work any more; the record in the cluster is enough.
    recovered = command.run("recover", "--runs", "elsewhere")
    assert recovered.returncode == 0, recovered.stdout + recovered.stderr
    assert replicas_of(shop_cluster, "payment") == 2
