"""Matching units: they cover all tokens, in order, none too short."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.text import tokenize
from pipeline.units import unit_bounds

texts = st.text(st.sampled_from("ab .!?\n"), max_size=200)


def bounds_of(text: str, least: int = 8) -> list[int]:
    found: list[int] = unit_bounds(text, tokenize(text), least).tolist()
    return found


@given(texts, st.integers(2, 10))
@settings(max_examples=200)
def test_units_cover_all_tokens_and_none_is_too_short(text: str, least: int) -> None:
    count = len(tokenize(text))
    bounds = bounds_of(text, least)
    assert bounds[0] == 0
    assert bounds[-1] == count
    sizes = [b - a for a, b in itertools.pairwise(bounds)]
    assert all(size >= min(least, count) for size in sizes)
    assert len(bounds) == 1 or all(size > 0 for size in sizes)


def test_no_tokens_make_no_unit() -> None:
    assert bounds_of("") == [0]
    assert bounds_of(" … ") == [0]


def test_units_end_with_sentences() -> None:
    assert bounds_of("one two three. four five six! seven eight nine", 3) == [0, 3, 6, 9]


def test_short_sentences_join_the_next_and_a_short_last_one_the_one_before() -> None:
    assert bounds_of("No. " + "one two three four. " + "five six seven. " + "The end.", 3) == [0, 5, 10]


def test_two_copies_are_cut_alike_behind_the_first_sentence_they_share() -> None:
    shared = "one two three four. five six seven eight. nine ten eleven twelve."
    assert [b - 4 for b in bounds_of("other words stand here. " + shared, 3)][1:] == bounds_of(shared, 3)
