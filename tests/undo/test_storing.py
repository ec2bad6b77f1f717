"""Records as Secrets and as a file: written whole, by compare-and-swap, and never half read."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from gameday.cluster import ObjectRef
from gameday.errors import ConflictError, RecordError
from gameday.kube import KubeCluster, connect
from gameday.undo.owing import blank_shard
from gameday.undo.record import Entry, Shard, Target, with_entries
from gameday.undo.storing import FileStore, SecretStore, shard_name

pytestmark = pytest.mark.e2e
ENTRY = Entry(id="e1", round="r1", by="act", target=Target("v1", "ConfigMap", "shop", "m", "uid"))
FULL = """
import resource, signal, sys
from pathlib import Path
from gameday.errors import RecordError
from gameday.undo.owing import blank_shard
from gameday.undo.record import Entry, Target, with_entries
from gameday.undo.storing import FileStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = FileStore(Path(sys.argv[1]))
shard = blank_shard("run", Path(sys.argv[1]), cluster_uid="")
kept = store.write("", shard, version="")
resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))
entry = Entry(id="e1", round="r1", by="x" * 1000, target=Target("v1", "ConfigMap", "shop", "m", "uid"))
try:
    store.write("", with_entries(shard, entry), version=kept.version)
except RecordError as error:
    print(error, flush=True)
"""


def shard_of(run_id: str, *entries: Entry) -> Shard:
    return with_entries(blank_shard(run_id, Path("/r"), cluster_uid="c"), *entries)


def secret(name: str) -> ObjectRef:
    return ObjectRef("v1", "Secret", "gameday-system", name)


def test_a_record_comes_back_from_the_cluster_as_it_was_written(cluster: KubeCluster, books: Any) -> None:
    shard = shard_of(books.run_id, ENTRY)
    written = books.store.write(shard_name(books.run_id, 0), shard, version="")
    assert list(books.store.read(books.run_id)) == [written]
    assert written in books.store.read()
    assert written.shard == shard
    stored = cluster.get(secret(written.name))
    assert stored is not None
    assert stored["metadata"]["labels"]["gameday.dev/run"] == books.run_id


def test_runs_are_read_apart(books: Any) -> None:
    books.store.write(shard_name(books.run_id, 0), shard_of(books.run_id), version="")
    assert books.store.read(f"{books.run_id}-other") == []


def test_of_two_writers_of_one_version_the_second_conflicts(books: Any) -> None:
    name = shard_name(books.run_id, 0)
    first = books.store.write(name, shard_of(books.run_id), version="")
    second = books.store.write(name, shard_of(books.run_id, ENTRY), version=first.version)
    with pytest.raises(ConflictError):
        books.store.write(name, shard_of(books.run_id), version=first.version)
    with pytest.raises(ConflictError):
        books.store.write(name, shard_of(books.run_id), version="")
    assert list(books.store.read(books.run_id)) == [second]


def test_a_record_is_removed_only_as_it_was_read(books: Any) -> None:
    name = shard_name(books.run_id, 0)
    first = books.store.write(name, shard_of(books.run_id), version="")
    second = books.store.write(name, shard_of(books.run_id, ENTRY), version=first.version)
    with pytest.raises(ConflictError):
        books.store.remove(first)
    books.store.remove(second)
    books.store.remove(second)
    assert books.store.read(books.run_id) == []


def test_a_record_too_large_for_the_cluster_is_not_written_and_says_that_nothing_is_injected(books: Any) -> None:
    large = msgspec.structs.replace(ENTRY, by="x" * (1 << 20))
    with pytest.raises(RecordError, match="cannot be written down, so nothing is injected"):
        books.store.write(shard_name(books.run_id, 0), shard_of(books.run_id, large), version="")
    assert books.store.read(books.run_id) == []


def put(cluster: KubeCluster, run_id: str, data: bytes) -> str:
    name = shard_name(run_id, 0)
    labels = {"gameday.dev/undo-record": "v1", "gameday.dev/run": run_id}
    metadata = {"name": name, "namespace": "gameday-system", "labels": labels}
    record = {"record": base64.b64encode(data).decode()}
    cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": record})
    return name


def test_a_record_of_a_newer_format_is_left_alone_with_a_clear_error(cluster: KubeCluster, books: Any) -> None:
    name = put(cluster, books.run_id, b'{"format": 3, "entries": {"e1": "whatever this means"}}')
    before = cluster.get(secret(name))
    with pytest.raises(
        RecordError, match=rf"secret gameday-system/{name} is of format 3, newer than the 2 .*left alone.*newer one"
    ):
        books.store.read(books.run_id)
    assert cluster.get(secret(name)) == before
    cluster.delete(secret(name))


@pytest.mark.parametrize("data", [b"", b"garbage", b"[]", b'{"format": 1}', b'{"format": 1, "run_id": 5}'])
def test_a_record_that_cannot_be_read_is_named(cluster: KubeCluster, books: Any, data: bytes) -> None:
    name = put(cluster, books.run_id, data)
    with pytest.raises(RecordError, match=f"secret gameday-system/{name} holds no undo record that can be read"):
        books.store.read(books.run_id)
    cluster.delete(secret(name))


def test_a_cluster_that_refuses_the_record_means_that_nothing_is_injected(cluster_home: Any, tmp_path: Path) -> None:
    config = yaml.safe_load(cluster_home.kubeconfig.read_text())
    config["users"][0]["user"]["token"] = "somebody-else"
    broken = tmp_path / "kubeconfig"
    broken.write_text(yaml.safe_dump(config))
    store = SecretStore(connect(kubeconfig=broken))
    with pytest.raises(RecordError, match=r"nothing is injected: .*does not accept these credentials"):
        store.write("x", shard_of("x"), version="")


# ------------------------------------------------------------------------------------------------ a file


def test_a_record_comes_back_from_its_file_as_it_was_written(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    assert store.read() == []
    first = store.write("", shard_of("run"), version="")
    second = store.write("", shard_of("run", ENTRY), version=first.version)
    assert list(FileStore(tmp_path).read("run")) == [second]
    assert store.read("another") == []
    store.remove(second)
    store.remove(second)
    assert store.read() == []
    assert list(tmp_path.iterdir()) == []


def test_on_a_full_disk_nothing_is_injected_and_the_former_record_stays_whole(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "so nothing is injected" in done.stdout
    (kept,) = FileStore(tmp_path).read("run")
    assert kept.shard.entries == {}
    assert [file.name for file in tmp_path.iterdir()] == ["owed.json"]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "owed.json").write_text('{"format": 1, "run')
    with pytest.raises(RecordError, match=f"{tmp_path}/owed.json holds no undo record"):
        FileStore(tmp_path).read()
