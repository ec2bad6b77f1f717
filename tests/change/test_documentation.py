"""Docstrings taken apart: what is said of which parameter, of undo, landing and errors."""

from __future__ import annotations

from typing import Any

from gameday.change.documentation import documentation_of


def harm(view: Any, *, namespace: str, name: str, grace_seconds: int = 0, kind: str = "Pod") -> None:
    """Take something away, as `kubectl` does:
    with a second line.

    What is taken: nothing of yours. namespace, name, and `kind`: which object; name: as
    in kubectl. grace_seconds: how long it may take. Undone when it is back. Landed when its
    name: gone, is gone. NoTargetError if it is not there; BadParameterError
    if it cannot be meant.
    """  # noqa: D205  # a first sentence of two lines is what this is about
    del view, namespace, name, grace_seconds, kind


def bare(view: Any, *, namespace: str) -> None:
    """Do it."""
    del view, namespace


def silent(view: Any, *, namespace: str) -> None:
    del view, namespace


def test_each_part_is_found_by_the_words_that_it_begins_with() -> None:
    found = documentation_of(harm)
    assert found.summary == "Take something away, as `kubectl` does: with a second line."
    assert found.more == "What is taken: nothing of yours."
    assert found.parameters["kind"] == "which object"
    assert found.parameters["grace_seconds"] == "how long it may take."
    assert found.undo == "Undone when it is back."
    assert found.landed == "Landed when its name: gone, is gone."
    assert found.errors == "NoTargetError if it is not there; BadParameterError if it cannot be meant."


def test_a_parameter_that_is_explained_twice_keeps_what_is_said_of_it_alone() -> None:
    assert documentation_of(harm).parameters["namespace"] == "which object"
    assert documentation_of(harm).parameters["name"] == "as in kubectl."


def either(view: Any, *, name: str = "", holding: str = "", rate_per_second: float = 0.0) -> None:
    """Do one or the other.

    name: which node, or the first that runs pods of `holding`; or rate_per_second: how much.
    """
    del view, name, holding, rate_per_second


def test_a_parameter_may_be_explained_in_passing_or_as_the_other_of_two() -> None:
    found = documentation_of(either).parameters
    assert found["holding"] == found["name"] == "which node, or the first that runs pods of `holding`"
    assert found["rate_per_second"] == "how much."


def test_what_is_not_said_is_empty() -> None:
    found = documentation_of(bare)
    assert (found.summary, found.parameters, found.undo, found.landed, found.errors) == ("Do it.", {}, "", "", "")
    assert documentation_of(silent).summary == ""
