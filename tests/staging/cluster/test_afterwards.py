"""What comes onto a cluster when all that was asked for is Ready."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, config

from gameday import staging
from gameday.errors import GamedayError

pytestmark = pytest.mark.e2e


def _config_map(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}}


def _deployment(image: str) -> dict[str, Any]:
    container = {"name": "main", "image": image, "command": ["sleep", "600"]}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container], "terminationGracePeriodSeconds": 0}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"}, "spec": spec}


def test_what_comes_afterwards_waits_for_the_workloads(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    folder.mkdir()
    (folder / "map.yaml").write_text(yaml.safe_dump(_config_map("late")))
    (folder / "kustomization.yaml").write_text("kind: Kustomization\nresources: [map.yaml]\n")
    first = tmp_path / "first.yaml"
    first.write_text(yaml.safe_dump_all([_deployment("nowhere"), _config_map("early")]))
    running = staging.up(directory=tmp_path / "cluster", manifests=[first], afterwards=[folder])
    try:
        with config.new_client_from_config(str(running.kubeconfig)) as api:
            core, apps = client.CoreV1Api(api), client.AppsV1Api(api)

            def names() -> set[str]:
                answer = core.list_namespaced_config_map("default")
                return {item.metadata.name for item in answer.items} & {"early", "late"}

            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                assert names() == {"early"}
                time.sleep(0.1)
            image = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "busybox"}]
            apps.patch_namespaced_deployment("web", "default", image)
            end = time.monotonic() + 60
            while names() != {"early", "late"}:
                assert time.monotonic() < end
                time.sleep(0.05)
            assert apps.read_namespaced_deployment("web", "default").status.ready_replicas == 1
    finally:
        running.stop()


def test_a_manifest_that_cannot_be_read_stops_the_start_and_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("kind: Whatever\napiVersion: v1\n")
    with pytest.raises(GamedayError, match="no kind 'Whatever'"):
        staging.up(directory=tmp_path / "cluster", manifests=[], afterwards=[broken])
