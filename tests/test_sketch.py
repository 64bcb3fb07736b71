"""Signatures equal datasketch's, and what shares twelve tokens in a row shares a key."""

from __future__ import annotations

import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.params import MINHASH_SCHEME, MatchParams
from pipeline.records import Tokens
from pipeline.sketch import article_keys, signatures, sliding_minima
from pipeline.text import shingle_hashes, tokenize
from pipeline.units import unit_bounds

DEFAULTS = MatchParams()
MINIMA_ONLY = MatchParams(bands=0)
words32 = st.integers(0, 2**32 - 1)


def tokens_of(words: list[int]) -> Tokens:
    n = len(words)
    hashes = np.array(words, np.uint32)
    return Tokens(hashes, np.arange(n, dtype=np.uint32) * 2, np.ones(n, np.uint8), np.zeros(n, bool))


def bounds_of(words: list[int], size: int = 10) -> NDArray[np.int64]:
    return np.array([0, *range(size, len(words) - size, size), *([len(words)] if words else [])], np.int64)


def keys_of(batch: list[list[int]], params: MatchParams = DEFAULTS) -> list[list[int]]:
    found = article_keys([tokens_of(words) for words in batch], [bounds_of(words) for words in batch], params)
    assert all(keys.dtype == np.uint64 for keys in found)
    return [keys.tolist() for keys in found]


def sequences(max_size: int = 60) -> st.SearchStrategy[list[int]]:
    return (
        st.lists(words32, max_size=max_size)
        | st.lists(st.integers(1, 3), max_size=max_size)
        | st.lists(st.just(7), max_size=max_size)
    )


# ----------------------------------------------------------------- signatures


@given(
    st.lists(st.lists(words32, min_size=1, max_size=20), min_size=1, max_size=6),
    st.integers(1, 40),
    st.integers(0, 2**32 - 1),
)
@example([[0], [2**32 - 1, 0]], 24, 1)
@settings(max_examples=60, deadline=None)
def test_signatures_are_those_of_datasketch_bit_for_bit(sets: list[list[int]], num_perm: int, seed: int) -> None:
    elements = np.array([x for items in sets for x in items], np.uint32)
    starts = np.cumsum([0, *(len(items) for items in sets[:-1])])
    made = signatures(elements, starts, num_perm, seed)
    for row, items in zip(made, sets, strict=True):
        theirs = MinHash(num_perm=num_perm, seed=seed, scheme=MINHASH_SCHEME, hashfunc=lambda x: x)
        theirs.update_batch(items)
        assert row.tolist() == theirs.hashvalues.tolist()


def test_no_sets_have_no_signatures() -> None:
    assert signatures(np.zeros(0, np.uint32), np.zeros(0, np.int64), 24, 1).shape == (0, 24)


# ------------------------------------------------------------- sliding minima


@given(
    sequences(25), sequences(25), sequences(25), sequences(25), st.lists(words32 | st.integers(1, 2), min_size=12, max_size=12)
)
@settings(max_examples=400)
def test_two_articles_that_share_twelve_tokens_in_a_row_share_a_key(
    before: list[int], behind: list[int], other_before: list[int], other_behind: list[int], shared: list[int]
) -> None:
    one, other = keys_of([before + shared + behind, other_before + shared + other_behind], MINIMA_ONLY)
    assert set(one) & set(other)


@given(st.data(), st.integers(2, 9), st.integers(1, 12))
@settings(max_examples=200)
def test_the_guarantee_follows_the_parameters(data: st.DataObject, shingle: int, window: int) -> None:
    params = MatchParams(bands=0, shingle_tokens=shingle, window_shingles=window)
    size = shingle + window - 1
    word = words32 | st.integers(1, 2)
    shared = data.draw(st.lists(word, min_size=size, max_size=size))
    around = [data.draw(st.lists(word, max_size=15)) for _ in range(4)]
    one, other = keys_of([around[0] + shared + around[1], around[2] + shared + around[3]], params)
    assert set(one) & set(other)


@given(st.lists(sequences(40), min_size=1, max_size=5), st.integers(2, 7), st.integers(1, 8))
@settings(max_examples=200)
def test_sliding_minima_are_the_least_shingle_of_each_window(batch: list[list[int]], length: int, window: int) -> None:
    hashes = np.array([x for words in batch for x in words], np.uint32)
    offsets = np.cumsum([0, *map(len, batch)])
    keys, owners = sliding_minima(hashes, offsets, length, window)
    for index, words in enumerate(batch):
        shingles = shingle_hashes(np.array(words, np.uint32), length).tolist()
        windows = [shingles[k : k + window] for k in range(max(1, len(shingles) - window + 1))] if shingles else []
        assert set(keys[owners == index].tolist()) == {min(w) for w in windows}


def test_an_article_of_one_shingle_has_one_key_and_a_shorter_one_none() -> None:
    assert [len(keys) for keys in keys_of([[], [1] * 7, [1] * 8, list(range(11)), list(range(12))], MINIMA_ONLY)][:4] == [
        0,
        0,
        1,
        1,
    ]


# ----------------------------------------------------------------------- keys


@given(st.lists(sequences(), min_size=1, max_size=6), st.randoms(use_true_random=False))
@settings(max_examples=150)
def test_keys_do_not_depend_on_the_batch(batch: list[list[int]], random: object) -> None:
    alone = [keys_of([words])[0] for words in batch]
    assert keys_of(batch) == alone
    order = list(range(len(batch)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert keys_of([batch[k] for k in order]) == [alone[k] for k in order]


@given(st.lists(sequences(), min_size=1, max_size=4))
@settings(max_examples=100)
def test_keys_are_sorted_and_unique(batch: list[list[int]]) -> None:
    for keys in keys_of(batch):
        assert keys == sorted(set(keys))


@pytest.mark.parametrize("params", [DEFAULTS, MINIMA_ONLY])
def test_empty_articles_have_no_keys(params: MatchParams) -> None:
    assert keys_of([[], []], params) == [[], []]
    filled = keys_of([[], list(range(30)), []], params)
    assert filled[0] == filled[2] == []
    assert filled[1] == keys_of([list(range(30))], params)[0]


def test_a_short_article_still_has_the_bands_of_its_unit() -> None:
    assert [len(keys) for keys in keys_of([[1], [1, 2], [1, 2, 3]])] == [0, DEFAULTS.bands, DEFAULTS.bands]


def test_an_edited_sentence_mostly_keeps_a_band() -> None:
    """What bands are for: no twelve words in a row, one word of fifteen replaced."""
    generator = np.random.default_rng(1)
    found = 0
    for _ in range(100):
        words = generator.integers(1, 2**32, 15).tolist()
        edited = [*words[:7], 1, *words[8:]]
        one, other = keys_of([words, edited])
        found += bool(set(one) & set(other))
    assert found >= 80


def test_real_text_shares_the_keys_of_its_sentences() -> None:
    sentence = "The harbour of Veld will open again on Monday, said the minister. "
    texts = [
        sentence + "Nobody else was asked about it at all, it seems.",
        "Some other words stand at the very beginning. " + sentence,
    ]
    tokens = [tokenize(text) for text in texts]
    bounds = [unit_bounds(text, t, 8) for text, t in zip(texts, tokens, strict=True)]
    one, other = article_keys(tokens, bounds, DEFAULTS)
    assert len(np.intersect1d(one, other)) >= DEFAULTS.bands
