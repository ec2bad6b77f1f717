"""The table of images: what runs, and what never does."""

from __future__ import annotations

import sys

import pytest

from gameday.staging.node.images import UnknownImageError, UnknownProgramError, default_images, image_name, resolve

IMAGES = default_images()


@pytest.mark.parametrize("reference", ["python", "python:3.12", "docker.io/library/python:3.12", "host:5000/python@sha256:abc"])
def test_registry_tag_and_digest_are_no_part_of_the_name(reference: str) -> None:
    assert image_name(reference) == "python"


def test_the_shop_runs_as_a_module_of_this_package_with_its_arguments() -> None:
    assert resolve(IMAGES, "gameday", [], ["run"]) == [sys.executable, "-m", "gameday", "run"]


def test_a_command_replaces_the_entrypoint() -> None:
    assert resolve(IMAGES, "gameday", ["python", "-c", "pass"], ["x"]) == [sys.executable, "-c", "pass", "x"]


def test_an_unknown_image_is_not_found() -> None:
    with pytest.raises(UnknownImageError, match=r'"nginx:1": not found; the embedded cluster runs .*python'):
        resolve(IMAGES, "nginx:1", ["sh"], [])


@pytest.mark.parametrize("program", ["bash", "/usr/bin/python3-config", "./sh", "curl"])
def test_a_program_outside_the_table_is_not_found(program: str) -> None:
    with pytest.raises(UnknownProgramError, match="executable file not found"):
        resolve(IMAGES, "busybox", [program], [])
