"""A cluster with `deploy/` on it, where tests owe things and start reapers of their own, with the reaper's account."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import yaml
from kubernetes import client, config

from gameday.change import Change, PatchObject
from gameday.cluster import Json, ObjectRef, Selection
from gameday.errors import ConflictError
from gameday.kube import KubeCluster, connect
from gameday.run.inject import perform
from gameday.undo.lease import Lease
from gameday.undo.orphans import Recovered, undo_record
from gameday.undo.owing import Debt, blank_shard
from gameday.undo.record import Entry
from gameday.undo.settling import Undoer
from gameday.undo.storing import SecretStore, Stored, shard_name
from tests.e2e.conftest import eventually

_numbers = count(1)


def config_map(namespace: str, name: str, value: str = "good") -> Json:
    """Return a ConfigMap to be owed."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": {"key": value},
    }


def make_due(cluster: KubeCluster) -> None:
    """Move the deadline of every record into the past, as if its time had gone by."""
    store = SecretStore(cluster)
    for item in store.read():
        shard = msgspec.structs.replace(item.shard, deadline=cluster.server_time() - 1)
        store.write(item.name, shard, version=item.version)


def as_account(kubeconfig: Path, account: str, folder: Path) -> Path:
    """Return a kubeconfig with a fresh token of an account of gameday-system."""
    with config.new_client_from_config(str(kubeconfig)) as api:
        body = {"spec": {"expirationSeconds": 3600}}
        answer = client.CoreV1Api(api).create_namespaced_service_account_token(account, "gameday-system", body)
    found = yaml.safe_load(kubeconfig.read_text())
    found["users"][0]["user"] = {"token": answer.status.token}
    path = folder / f"kubeconfig-{account}"
    path.write_text(yaml.safe_dump(found))
    return path


@dataclass
class Process:
    """One reaper, and the lines it writes."""

    process: subprocess.Popen[bytes]
    log: Path

    def lines(self) -> list[dict[str, Any]]:
        """Return what it has said; every line is JSON."""
        text = self.log.read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def said(self, event: str, **facts: Any) -> dict[str, Any]:
        """Wait until it has said that, and return the line."""

        def look() -> dict[str, Any] | None:
            wanted = {"event": event, **facts}.items()
            return next((line for line in self.lines() if all(line.get(key) == value for key, value in wanted)), None)

        found: dict[str, Any] = eventually(look, timeout_seconds=60, what=self.log.read_text)
        return found

    def asks(self, path: str) -> tuple[int, dict[str, Any]]:
        """Ask one of its endpoints."""
        port = self.said("started")["port"]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def is_ready(self) -> None:
        """Wait until it is ready."""
        eventually(lambda: self.asks("/readyz")[0] == 200, timeout_seconds=60, what=self.log.read_text)

    def end(self) -> None:
        """End it as a kubelet does; it goes at once and without complaint."""
        if self.process.poll() is None:
            self.process.terminate()
            # It may wait for ten seconds for what it is at.
            assert self.process.wait(timeout=30) == 0, self.log.read_text()
            assert self.lines()[-1]["event"] == "ended"


@dataclass
class Switch:
    """A way to the API that can be cut and mended: what an outage looks like from outside."""

    kubeconfig: Path
    target: tuple[str, int]
    listener: socket.socket
    is_on: bool = True
    ways: list[socket.socket] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    """So that no way is opened between the cutting of all that there are and the last of it."""

    @classmethod
    def before(cls, kubeconfig: Path, folder: Path) -> Switch:
        """Put a switch before the API of that kubeconfig."""
        found = yaml.safe_load(kubeconfig.read_text())
        cluster = found["clusters"][0]["cluster"]
        address = urlsplit(cluster["server"])
        assert address.hostname
        assert address.port
        listener = socket.create_server(("127.0.0.1", 0))
        cluster["server"] = f"https://127.0.0.1:{listener.getsockname()[1]}"
        cluster["tls-server-name"] = address.hostname
        path = folder / "kubeconfig-switch"
        path.write_text(yaml.safe_dump(found))
        switch = cls(path, (address.hostname, address.port), listener)
        threading.Thread(target=switch._accept, daemon=True).start()
        return switch

    def turn_off(self) -> None:
        """Cut every connection, and take no new one."""
        with self._lock:
            self.is_on = False
            for way in self.ways:
                with suppress(OSError):
                    way.shutdown(socket.SHUT_RDWR)

    def turn_on(self) -> None:
        """Let connections through again."""
        self.is_on = True

    def close(self) -> None:
        """Cut everything for good."""
        self.turn_off()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            with self._lock:
                if not self.is_on:
                    near.close()
                    continue
                far = socket.create_connection(self.target)
                self.ways += [near, far]
            for here, there in ((near, far), (far, near)):
                threading.Thread(target=_carry, args=(here, there), daemon=True).start()


def _carry(here: socket.socket, there: socket.socket) -> None:
    with suppress(OSError):
        while data := here.recv(65536):
            there.sendall(data)
    for end in (here, there):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
    here.close()


@dataclass
class Yard:
    """A namespace that has bound gameday's accounts, and what is owed in it."""

    cluster: KubeCluster
    kubeconfig: Path
    """The cluster's owner's."""
    account: Path
    """The reaper's."""
    name: str
    folder: Path
    reapers: list[Process] = field(default_factory=list)

    @property
    def store(self) -> SecretStore:
        """Where records are."""
        return SecretStore(self.cluster)

    def ref(self, name: str, namespace: str = "") -> ObjectRef:
        """Name a ConfigMap."""
        return ObjectRef("v1", "ConfigMap", namespace or self.name, name)

    def value(self, name: str = "m", namespace: str = "") -> str:
        """Return what a ConfigMap holds now."""
        found = self.cluster.get(self.ref(name, namespace))
        assert found is not None
        return str(found["data"]["key"])

    def owe(self, *names: str, deadline_seconds: float, namespace: str = "", rollback: str = "", host: str = "") -> str:
        """Change ConfigMaps from good to bad as a run would that is then lost; return its id."""
        run_id = f"dead-{next(_numbers)}"
        debt = self.debt(run_id)
        for name in names or ("m",):
            self.cluster.create(config_map(namespace or self.name, name))
            owed = debt.owe(PatchObject(self.ref(name, namespace), {"/data/key": "bad"}), by="spoil", round_id="r1")
            perform(self.cluster, owed.operation)
        if rollback:
            debt.owe_rollbacks(Path("queue.yaml"), [rollback], round_id="r1")
        self.date(run_id, deadline_seconds, host=host)
        return run_id

    def change(self, run_id: str, change: Change, *, ready_before: int) -> None:
        """Owe and make one more change of a run, whose workload had so many Ready pods; asked for again like a worker's."""
        debt = self.debt(run_id)

        def is_made() -> bool:
            owed = debt.owe(change, by="spoil", round_id="r1")
            assert owed.entry.pod is not None
            pod = msgspec.structs.replace(owed.entry.pod, ready_before=ready_before)
            debt.update(msgspec.structs.replace(owed.entry, pod=pod))
            try:
                perform(self.cluster, owed.operation)
            except ConflictError:
                # Its kubelet has said something of the pod in between.
                return False
            return True

        eventually(is_made)

    def debt(self, run_id: str) -> Debt:
        """Return a run's record as its guardian has it."""
        uid = self.cluster.identity().uid
        shard = blank_shard(run_id, Path("/nowhere"), cluster_uid=uid)
        return Debt(self.store, self.cluster, shard, stored=self.store.read(run_id))

    def date(self, run_id: str, deadline_seconds: float, *, host: str = "") -> None:
        """Have the record's deadline pass so many seconds from now; `host` is whose rollbacks they are."""
        for item in self.store.read(run_id):
            entries = {
                entry.id: msgspec.structs.replace(entry, undoers=host or entry.undoers) if entry.rollback else entry
                for entry in item.shard.entries.values()
            }
            deadline = self.cluster.server_time() + deadline_seconds
            shard = msgspec.structs.replace(item.shard, entries=entries, deadline=deadline)
            self.store.write(item.name, shard, version=item.version)

    def entries(self, run_id: str) -> Sequence[Entry]:
        """Return what stands in a run's record."""
        return self.debt(run_id).entries

    def undo_as_if_due(self, run_id: str, stored: Sequence[Stored]) -> Recovered:
        """Undo a record as somebody who has read it a moment ago."""
        return undo_record(Undoer(self.cluster, "slow@elsewhere/1/1", run_id), stored)

    def put_newer(self, run_id: str) -> str:
        """Put a record there as a later version might write it; return its name."""
        name = shard_name(run_id, 0)
        metadata = {
            "name": name,
            "namespace": "gameday-system",
            "labels": {"gameday.dev/undo-record": "v1", "gameday.dev/run": run_id, "app.kubernetes.io/managed-by": "gameday"},
        }
        record = base64.b64encode(b'{"format": 99, "owed": "in another way"}').decode()
        self.cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"record": record}})
        return name

    def take_lease(self, run_id: str) -> None:
        """Hold the cluster's Lease for a run."""
        Lease(self.cluster, run_id).acquire()

    def deployment(self, name: str, *, image: str) -> None:
        """Create a Deployment of one pod, which cannot start if there is no such image."""
        sleeper = {"name": "main", "image": image, "command": ["sleep", "600"]}
        template = {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [sleeper], "terminationGracePeriodSeconds": 0},
        }
        spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}
        metadata = {"name": name, "namespace": self.name}
        self.cluster.create({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec})

    def patch_image(self, name: str, image: str) -> None:
        """Give a Deployment an image that can start."""
        ref = ObjectRef("apps/v1", "Deployment", self.name, name)
        self.cluster.patch(ref, [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}])

    def reaper(self, *words: str, kubeconfig: Path | None = None) -> Process:
        """Start a reaper with the account that undoes."""
        log = self.folder / f"reaper-{len(self.reapers)}.log"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GAMEDAY_", "KUBECONFIG"))}
        settings = {"KUBECONFIG": str(kubeconfig or self.account), "GAMEDAY_REAPER_PORT": "0", "POD_IP": "127.0.0.1"}
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "gameday.undo.reaper", *words], env={**kept, **settings}, stderr=stream
            )
        self.reapers.append(Process(process, log))
        return self.reapers[-1]

    def clear(self) -> None:
        """End all reapers and remove what is kept in gameday-system."""
        for reaper in self.reapers:
            reaper.end()
        for kind, api_version in (("Secret", "v1"), ("Lease", "coordination.k8s.io/v1"), ("Event", "v1")):
            path = Selection(api_version, kind, "gameday-system")
            for item in self.cluster.list(path):
                self.cluster.delete(ObjectRef(api_version, kind, "gameday-system", item["metadata"]["name"]))


def rendered(folder: Path) -> list[Json]:
    """Return the objects of a kustomization: by kubectl, and where there is none, by reading the files that it lists."""
    if shutil.which("kubectl"):
        return list(yaml.safe_load_all(_kubectl("kustomize", str(folder))))
    files = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    return [found for file in files for found in yaml.safe_load_all((folder / file).read_text())]


def apply(kubeconfig: Path, folder: Path, namespace: str = "") -> None:
    """Do what `kubectl apply -k` does, and without kubectl what it comes to on a cluster that has none of it."""
    if shutil.which("kubectl"):
        _kubectl(f"--kubeconfig={kubeconfig}", "apply", "-k", str(folder), *(["-n", namespace] if namespace else []))
        return
    cluster = connect(kubeconfig=kubeconfig)
    for manifest in rendered(folder):
        metadata = {**({"namespace": namespace} if namespace else {}), **manifest["metadata"]}
        with suppress(ConflictError):
            cluster.create({**manifest, "metadata": metadata})


def _kubectl(*words: str) -> str:
    done = subprocess.run(["kubectl", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
