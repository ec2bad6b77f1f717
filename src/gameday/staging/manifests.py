"""Manifests: YAML files into objects, in the order in which they can be created.

Only what the cluster needs for its own start; `kubectl apply` and its three-way merge are the API's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from gameday.errors import InvalidFileError, Problem
from gameday.staging.resources import Resource, resource_of

Object = dict[str, Any]
_ORDER: Final = ("Namespace", "ServiceAccount", "Secret", "ConfigMap", "PersistentVolumeClaim", "Service")
"""What others refer to comes first; a container learns of the Services that are there when it starts."""

_KUSTOMIZATION: Final = "kustomization"


def manifest_files(paths: Iterable[Path]) -> list[Path]:
    """Return the YAML files among `paths`, and in the folders among them, by name; a folder's kustomization is no object."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(item for item in path.iterdir() if item.suffix in {".yaml", ".yml"} and item.stem != _KUSTOMIZATION)
        else:
            files.append(path)
    return files


def read_manifests(paths: Iterable[Path]) -> list[tuple[Resource, Object]]:
    """Return every object in these files and folders; InvalidFileError with all problems at once."""
    problems: list[Problem] = []
    found: list[tuple[Resource, Object]] = []
    for file in manifest_files(paths):
        try:
            documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
        except (OSError, yaml.YAMLError) as error:
            problems.append(Problem(str(file), _line_of(error), f"expected YAML, found: {error}"))
            continue
        for document in filter(None, documents):
            outcome = _object(file, document)
            if isinstance(outcome, Problem):
                problems.append(outcome)
            else:
                found += outcome
    if problems:
        raise InvalidFileError(problems)
    return sorted(found, key=lambda item: _rank(item[0]))


def _object(file: Path, document: Any) -> Problem | list[tuple[Resource, Object]]:
    if not isinstance(document, dict) or "kind" not in document or "apiVersion" not in document:
        return Problem(str(file), 0, "expected objects with apiVersion and kind, found something else")
    if document["kind"] == "List":
        items: Sequence[Any] = document.get("items") or ()
        inner = [_object(file, item) for item in items]
        problem = next((item for item in inner if isinstance(item, Problem)), None)
        return problem or [pair for item in inner if not isinstance(item, Problem) for pair in item]
    try:
        return [(resource_of(document["kind"], document["apiVersion"]), document)]
    except KeyError as error:
        return Problem(str(file), 0, str(error.args[0]))


def _rank(resource: Resource) -> int:
    return _ORDER.index(resource.kind) if resource.kind in _ORDER else len(_ORDER)


def _line_of(error: Exception) -> int:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark is not None else 0
