"""The books of a run, which the tests of this room keep as the guardian does."""

from tests.undo.books import books

__all__ = ["books"]
