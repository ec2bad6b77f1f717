"""Sealed values can be read by anybody and made by nobody else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.staging.shop.sealing import BrokenSealError, derive, seal, unseal


@given(st.dictionaries(st.text(), st.one_of(st.integers(), st.text(), st.none())))
def test_what_was_sealed_comes_back(facts: dict[str, object]) -> None:
    assert unseal("key", "cart", seal("key", "cart", facts)) == facts


@pytest.mark.parametrize("word", ["", ".", "x", None, 5, seal("other", "cart", {"a": 1}), seal("key", "payment", {"a": 1})])
def test_anything_that_was_not_sealed_with_this_key_for_this_purpose_is_refused(word: object) -> None:
    with pytest.raises(BrokenSealError):
        unseal("key", "cart", word)


@given(st.data())
def test_changing_any_character_breaks_the_seal(data: st.DataObject) -> None:
    word = seal("key", "cart", {"total": 4900})
    place = data.draw(st.integers(0, len(word) - 1))
    letter = data.draw(st.characters(min_codepoint=33, max_codepoint=126).filter(lambda letter: letter != word[place]))
    with pytest.raises(BrokenSealError):
        unseal("key", "cart", word[:place] + letter + word[place + 1 :])


def test_the_same_parts_derive_the_same_word_and_other_parts_another() -> None:
    assert derive("key", "capture", "p1") == derive("key", "capture", "p1")
    assert len({derive("key", "a", "bc"), derive("key", "ab", "c"), derive("other", "a", "bc")}) == 3
