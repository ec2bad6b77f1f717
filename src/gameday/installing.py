"""What `gameday install` puts into a cluster: the manifests of `deploy/`, filled in with what the user said.

Pure: choices in, manifests out, in the order in which a server can take them. Nothing here reaches a cluster; whoever would
rather use kustomize or a GitOps controller writes the same manifests to a folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from gameday.cluster import NAME_LABEL, OPT_IN_LABEL, SYSTEM_NAMESPACE, Json
from gameday.errors import UsageError
from gameday.workspace import SHIPPED

PROJECT: Final = "gameday-project"
_IMAGE: Final = "gameday"
_ANY_NAMESPACE: Final = "WHERE-THIS-GOES"
_PROJECT_FILES: Final = {
    "experiments": (".yaml", ".yml", ".json"),
    "gamedays": (".yaml", ".yml"),
    "journeys": (".yaml", ".yml"),
    "runbooks": (".md",),
    "actions": (".py",),
    "probes": (".py",),
}
_MOST_BYTES: Final = 1_000_000
"""Kubernetes' limit on an object is 1 MiB; the rest is for what stands around the files."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A game day that the cluster runs by itself: when (five fields of cron, or @weekly and the like), and which."""

    cron: str
    file: Path
    project: Path | None
    """The folder that the file's names resolve in; None for a game day that is shipped."""
    time_zone: str = ""


@dataclass(frozen=True, slots=True)
class Installation:
    """What the user chose."""

    image: str = ""
    """An image in which this package is installed; empty leaves the name that an overlay is to replace."""
    cluster_name: str = ""
    namespaces: tuple[str, ...] = ()
    """Namespaces in which gameday's accounts get their rights, and which are opted in."""
    schedule: Schedule | None = None


def parts(wanted: Installation) -> dict[str, list[Json]]:
    """Return the manifests by part: `gameday-system`, then one for each namespace, then the runner."""
    found = {"gameday-system": [_named(item, wanted.cluster_name) for item in _kustomized("deploy")]}
    for namespace in wanted.namespaces:
        found[f"namespace-{namespace}"] = [_opted_in(namespace), *_in_namespace(namespace)]
    if wanted.schedule is not None:
        found["runner"] = list(_runner(wanted.schedule))
    return {name: [_with_image(item, wanted.image) for item in items] for name, items in found.items()}


def write(wanted: Installation, folder: Path) -> list[Path]:
    """Write the parts as a kustomization; return the files. UsageError where the folder holds something else already."""
    if folder.exists() and any(folder.iterdir()) and not (folder / "kustomization.yaml").exists():
        raise UsageError(f"expected {folder} to be new, empty, or an earlier kustomization, but it holds other files")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, items in parts(wanted).items():
        path = folder / f"{name}.yaml"
        path.write_text(as_yaml(items))
        written.append(path)
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [path.name for path in written],
    }
    path = folder / "kustomization.yaml"
    path.write_text(as_yaml([kustomization]))
    return [*written, path]


def as_yaml(items: Sequence[Json]) -> str:
    """Return the manifests as YAML documents."""
    return yaml.safe_dump_all(items, sort_keys=False, allow_unicode=True)


# ------------------------------------------------------------------------------------------------ parts


def _kustomized(folder: str) -> Iterator[Json]:
    """Read a folder as `kubectl kustomize` would: our kustomizations only list files."""
    place = SHIPPED / folder
    listed = yaml.safe_load((place / "kustomization.yaml").read_text())["resources"]
    for name in listed:
        yield from yaml.safe_load_all((place / name).read_text())


def _named(manifest: Json, cluster_name: str) -> Json:
    if cluster_name and manifest["kind"] == "Namespace":
        manifest["metadata"]["labels"][NAME_LABEL] = cluster_name
    return manifest


def _opted_in(namespace: str) -> Json:
    metadata = {"name": namespace, "labels": {OPT_IN_LABEL: "true"}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def _in_namespace(namespace: str) -> Iterator[Json]:
    for manifest in _kustomized("deploy/namespace"):
        for subject in manifest.get("subjects", ()):
            if subject["namespace"] == _ANY_NAMESPACE:
                subject["namespace"] = namespace
        yield {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}


def _runner(schedule: Schedule) -> Iterator[Json]:
    files = {} if schedule.project is None else _project_files(schedule.project)
    if files:
        data = {_key(path): text for path, text in files.items()}
        metadata = {"name": PROJECT, "namespace": SYSTEM_NAMESPACE, "labels": {"app.kubernetes.io/part-of": "gameday"}}
        yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
    for manifest in _kustomized("deploy/runner"):
        if manifest["kind"] == "CronJob":
            spec = manifest["spec"]
            spec.update(suspend=False, schedule=schedule.cron)
            if schedule.time_zone:
                spec["timeZone"] = schedule.time_zone
            _set_project(spec["jobTemplate"]["spec"]["template"]["spec"], schedule, files)
        yield manifest


def _set_project(pod: Json, schedule: Schedule, files: dict[str, str]) -> None:
    (container,) = pod["containers"]
    name = schedule.file.stem if schedule.project is None else str(schedule.file.relative_to(schedule.project))
    container["args"] = [name if word == "first" else word for word in container["args"]]
    if files:
        volume = next(item for item in pod["volumes"] if item["name"] == "project")
        volume["configMap"] = {"name": PROJECT, "items": [{"key": _key(path), "path": path} for path in files]}


def _project_files(project: Path) -> dict[str, str]:
    """Return what a run may read of a project; UsageError where that is more than one ConfigMap holds."""
    found = {
        str(path.relative_to(project)): path.read_text()
        for folder, suffixes in _PROJECT_FILES.items()
        for path in sorted((project / folder).rglob("*"))
        if path.suffix in suffixes and "__pycache__" not in path.parts
    }
    size = sum(len(path) * 2 + len(text.encode()) for path, text in found.items())
    if size > _MOST_BYTES:
        raise UsageError(
            f"the project {project} is {size:,} bytes, and a ConfigMap holds {_MOST_BYTES:,}. "
            "Build an image with it instead (FROM the gameday image, COPY the folders to /project), and name it with --image"
        )
    return found


def _key(path: str) -> str:
    """Return a file's path as a ConfigMap's key can be."""
    return path.replace("/", "__")


def _with_image(manifest: Json, image: str) -> Json:
    """Put the user's image in place of ours, wherever in the manifest a pod is described."""
    if not image:
        return manifest
    return {key: _replaced(value, image) for key, value in manifest.items()}


def _replaced(value: Any, image: str) -> Any:
    if isinstance(value, dict):
        return {
            key: image if key in {"image", "gameday.dev/image"} and item == _IMAGE else _replaced(item, image)
            for key, item in value.items()
        }
    return [_replaced(item, image) for item in value] if isinstance(value, list) else value
