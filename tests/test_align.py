"""Alignments held to docs/data-model.md ("Links and pairs", 1 to 4) on planted and random sequences."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pipeline import align as module
from pipeline.align import align
from pipeline.params import MatchParams
from pipeline.records import Alignment, Tokens

PARAMS = MatchParams()
VERBATIM = PARAMS.verbatim_tokens
Words = list[int]


def tokens_of(words: Words) -> Tokens:
    n = len(words)
    return Tokens(np.array(words, np.uint32), np.arange(n, dtype=np.uint32) * 2, np.ones(n, np.uint8), np.zeros(n, bool))


def align_all(texts: list[Words], pairs: list[tuple[int, int]], params: MatchParams = PARAMS) -> list[list[Alignment]]:
    left, right = np.array(pairs, np.int64).reshape(-1, 2).T
    return align([tokens_of(words) for words in texts], left, right, params)


def align_two(one: Words, other: Words, params: MatchParams = PARAMS) -> list[Alignment]:
    return align_all([one, other], [(0, 1)], params)[0]


@dataclass
class Fresh:
    """Words that no text has yet."""

    last: int = 10_000

    def words(self, count: int) -> Words:
        self.last += count
        return list(range(self.last - count, self.last))


def mirrored(alignments: list[Alignment]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    return sorted((a.right, a.left) for a in alignments)


def spans(alignments: list[Alignment]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    return sorted((a.left, a.right) for a in alignments)


def verbatim_runs(one: Words, other: Words) -> list[tuple[int, int, int]]:
    """All maximal runs of 12 and more equal tokens, found the slow way: (left, right, length)."""
    found = []
    for i in range(len(one)):
        for j in range(len(other)):
            if one[i] != other[j] or (i and j and one[i - 1] == other[j - 1]):
                continue
            n = 0
            while i + n < len(one) and j + n < len(other) and one[i + n] == other[j + n]:
                n += 1
            if n >= VERBATIM:
                found.append((i, j, n))
    return found


def assert_sound(one: Words, other: Words, found: list[Alignment]) -> None:
    assert found == sorted(found, key=lambda a: (a.left, a.right))
    for item in found:
        assert item.blocks
        at_left = at_right = -1
        for left, right, length in item.blocks:
            assert length >= 1
            assert one[left : left + length] == other[right : right + length]
            assert left >= at_left
            assert right >= at_right
            at_left, at_right = left + length, right + length
        assert item.left == (item.blocks[0][0], at_left)
        assert item.right == (item.blocks[0][1], at_right)
        assert item.matched >= item.score >= PARAMS.companion_tokens
    if found:
        assert any(item.score >= VERBATIM or item.longest >= VERBATIM for item in found)


def uncovered(one: Words, other: Words, found: list[Alignment]) -> list[tuple[int, int, int]]:
    """Verbatim runs that no alignment covers on both sides."""
    return [
        (i, j, n)
        for i, j, n in verbatim_runs(one, other)
        if not any(a.left[0] <= i and i + n <= a.left[1] and a.right[0] <= j and j + n <= a.right[1] for a in found)
    ]


def uncovered_sides(one: Words, other: Words, found: list[Alignment]) -> tuple[set[int], set[int]]:
    """Tokens of verbatim runs that no alignment covers, on each side."""
    runs = verbatim_runs(one, other)
    left = {k for i, _, n in runs for k in range(i, i + n)} - {k for a in found for k in range(*a.left)}
    right = {k for _, j, n in runs for k in range(j, j + n)} - {k for a in found for k in range(*a.right)}
    return left, right


@st.composite
def planted(draw: st.DrawFn) -> tuple[Words, Words]:
    """Two texts of pieces that both draw from, in any order and more than once, between words of their own."""
    pieces = [list(range(100 * k, 100 * k + draw(st.integers(3, 25)))) for k in range(1, draw(st.integers(2, 5)))]
    fresh = Fresh()

    def text() -> Words:
        words: Words = []
        for piece in draw(st.lists(st.sampled_from(pieces), min_size=1, max_size=5)):
            words += fresh.words(draw(st.integers(0, 17))) + piece
        return words + fresh.words(draw(st.integers(0, 5)))

    return text(), text()


def most_repeats(words: Words) -> int:
    """How often the most frequent three tokens in a row stand in a text."""
    grams = Counter(tuple(words[k : k + module.GRAM]) for k in range(len(words)))
    return max(grams.values(), default=0)


A, B = list(range(100, 120)), list(range(200, 212))

# ---------------------------------------------------------------- guarantee


@given(planted())
@example(([*A, 1, 2, 3, *B], [*A, 4, 5, 6, *B, *B]))
@settings(max_examples=400, deadline=None)
def test_every_verbatim_run_of_twelve_is_covered_on_both_sides(texts: tuple[Words, Words]) -> None:
    one, other = texts
    found = align_two(one, other)
    assert_sound(one, other, found)
    assert uncovered_sides(one, other, found) == (set(), set())
    assert uncovered(one, other, found) == []


@given(st.lists(st.integers(1, 4), max_size=45), st.lists(st.integers(1, 4), max_size=45))
@settings(max_examples=200, deadline=None)
def test_alignments_of_texts_of_few_words_are_sound(one: Words, other: Words) -> None:
    assert_sound(one, other, align_two(one, other))


@given(
    st.lists(st.integers(1, 3), min_size=12, max_size=30),
    st.lists(st.integers(0, 3), max_size=20),
    st.lists(st.integers(1, 4), max_size=20),
)
@settings(max_examples=200, deadline=None)
def test_a_run_of_few_words_is_covered_on_both_sides(shared: Words, before: Words, behind: Words) -> None:
    """The longest run at least; a shorter one that lies for 0.8 in it on both sides is part of it."""
    one, other = [*before, 9, *shared, 8], [7, *shared, 6, *behind]
    assume(most_repeats(one) <= module.MAX_REPEATS and most_repeats(other) <= module.MAX_REPEATS)
    found = align_two(one, other)
    i, j, n = max(verbatim_runs(one, other), key=lambda run: run[2])
    left = {k for a in found for k in range(*a.left)}
    right = {k for a in found for k in range(*a.right)}
    lost = (set(range(i, i + n)) - left, set(range(j, j + n)) - right)
    assert max(map(len, lost)) <= n * (1 - module.INSIDE) + 1e-9


def test_a_run_of_twelve_is_a_link_and_one_of_eleven_is_none() -> None:
    fresh = Fresh()
    for length, count in ((11, 0), (12, 1), (13, 1)):
        run = list(range(1, length + 1))
        found = align_two(fresh.words(9) + run + fresh.words(4), fresh.words(2) + run + fresh.words(7))
        assert spans(found) == [((9, 9 + length), (2, 2 + length))][:count]


@pytest.mark.parametrize(("length", "kept"), [(7, False), (8, True), (11, True)])
def test_runs_from_eight_are_kept_beside_a_longer_link_only(length: int, kept: bool) -> None:
    fresh = Fresh()
    short, run = list(range(500, 500 + length)), A
    one = fresh.words(30) + short + fresh.words(30)
    other = fresh.words(5) + short + fresh.words(30)
    assert align_two(one, other) == []
    found = align_two(run + one, run + other)
    assert len(found) == 1 + kept


def test_runs_at_the_very_ends_of_articles_are_found() -> None:
    assert spans(align_two(B, B)) == [((0, 12), (0, 12))]
    fresh = Fresh()
    assert spans(align_two(B + fresh.words(5), fresh.words(5) + B)) == [((0, 12), (5, 17))]


def test_passages_in_another_order_give_links_of_their_own() -> None:
    fresh = Fresh()
    one, other = A + fresh.words(3) + B, B + fresh.words(3) + A
    assert spans(align_two(one, other)) == [((0, 20), (15, 35)), ((23, 35), (0, 12))]


@pytest.mark.parametrize("gap", [0, 1, 3, 10, 40])
def test_a_passage_that_stands_twice_gives_links_of_its_own(gap: int) -> None:
    fresh = Fresh()
    twice = B + fresh.words(gap) + B
    expected = [((0, 12), (0, 12)), ((0, 12), (12 + gap, 24 + gap))]
    assert spans(align_two(B, twice)) == expected
    assert mirrored(align_two(twice, B)) == expected


# ------------------------------------------------------------------- chains


@pytest.mark.parametrize("gap", [1, 5, 10, 11, 15])
@pytest.mark.parametrize("lengths", [(12, 12), (12, 30), (30, 12)])
def test_runs_of_twelve_join_over_up_to_fifteen_tokens(gap: int, lengths: tuple[int, int]) -> None:
    fresh = Fresh()
    one, other = list(range(100, 100 + lengths[0])), list(range(200, 200 + lengths[1]))
    for left_gap, right_gap in ((gap, gap), (0, gap), (gap, 1)):
        left = one + fresh.words(left_gap) + other
        right = one + fresh.words(right_gap) + other
        assert spans(align_two(left, right)) == [((0, len(left)), (0, len(right)))]


@pytest.mark.parametrize(("left_gap", "right_gap"), [(16, 16), (16, 0), (0, 16), (40, 40)])
def test_runs_of_twelve_do_not_join_over_sixteen_tokens(left_gap: int, right_gap: int) -> None:
    fresh = Fresh()
    left, right = A + fresh.words(left_gap) + B, A + fresh.words(right_gap) + B
    assert spans(align_two(left, right)) == [
        ((0, 20), (0, 20)),
        ((20 + left_gap, 32 + left_gap), (20 + right_gap, 32 + right_gap)),
    ]


def test_shorter_stretches_join_over_smaller_gaps() -> None:
    fresh = Fresh()
    pieces = [list(range(100 * k, 100 * k + 6)) for k in (1, 2, 3)]

    def text(gap: int) -> Words:
        return pieces[0] + fresh.words(gap) + pieces[1] + fresh.words(gap) + pieces[2]

    assert spans(align_two(text(2), text(2))) == [((0, 22), (0, 22))]
    assert align_two(text(11), text(11)) == []


@pytest.mark.parametrize(
    ("tail", "gap", "kept"), [(3, 1, True), (3, 5, True), (3, 7, False), (5, 9, True), (2, 1, False), (1, 1, False)]
)
def test_an_end_is_not_stretched_over_a_gap_for_less_than_half_of_it(tail: int, gap: int, kept: bool) -> None:
    fresh = Fresh()
    end = list(range(900, 900 + tail))
    size = 20 + (gap + tail) * kept
    assert spans(align_two(A + fresh.words(gap) + end, A + fresh.words(gap) + end)) == [((0, size), (0, size))]
    start = (gap + tail) * (not kept)
    front = end + fresh.words(gap) + A, end + fresh.words(gap) + A
    assert spans(align_two(*front)) == [((start, start + size), (start, start + size))]


@given(planted())
@example(([*A, 1, 2, 3], [*A, 1, 2, 1, 2, 3]))
@settings(max_examples=200, deadline=None)
def test_no_end_is_stretched_over_a_mismatch_to_gain_fewer_than_three_tokens(texts: tuple[Words, Words]) -> None:
    for item in align_two(*texts):
        if len(item.blocks) > 1:
            assert min(item.blocks[0][2], item.blocks[-1][2]) >= 3


# ---------------------------------------------------------------- neutrality


def ambiguous(one: Words, other: Words) -> bool:
    """Some three tokens stand twice, so that chains can be equally good."""
    return any(len({tuple(x[k : k + 3]) for k in range(len(x) - 2)}) < len(x) - 2 for x in (one, other))


@given(planted())
@settings(max_examples=300, deadline=None)
def test_swapping_the_sides_mirrors_the_alignments(texts: tuple[Words, Words]) -> None:
    one, other = texts
    assume(not ambiguous(one, other))
    assert mirrored(align_two(other, one)) == spans(align_two(one, other))


@given(planted())
@settings(max_examples=300, deadline=None)
def test_swapping_the_sides_mirrors_the_alignments_of_repeated_passages(texts: tuple[Words, Words]) -> None:
    one, other = texts
    assert mirrored(align_two(other, one)) == spans(align_two(one, other))


@given(st.lists(planted(), min_size=1, max_size=3), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_a_pair_is_aligned_alike_whatever_stands_beside_it(cases: list[tuple[Words, Words]], random: object) -> None:
    texts = [words for case in cases for words in case]
    pairs = [(i, j) for i in range(len(texts)) for j in range(len(texts)) if i != j]
    random.shuffle(pairs)  # type: ignore[attr-defined]
    together = align_all(texts, pairs)
    assert together == [align_two(texts[i], texts[j]) for i, j in pairs]


@pytest.mark.parametrize("exponent", [1.05, 1.1, 1.15])
def test_unrelated_texts_have_no_alignment(exponent: float) -> None:
    """Words about as frequent as in English (Zipf), in random order."""
    generator = np.random.default_rng(7)
    texts = [np.minimum(generator.zipf(exponent, 500), 2**31).tolist() for _ in range(12)]
    pairs = [(i, j) for i in range(12) for j in range(i)]
    assert align_all(texts, pairs) == [[] for _ in pairs]


@pytest.mark.parametrize("size", [0, 1, 2, 11])
def test_short_and_empty_texts_have_no_alignment(size: int) -> None:
    words = list(range(1, size + 1))
    assert align_two(words, words) == []
    assert align_two(words, A) == []
    assert align_all([A], []) == []


def test_a_text_of_one_repeated_word_has_few_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: matches must grow with the texts, not with their product."""
    counted: list[int] = []
    original = module._matches_of

    def counting(*args: object) -> object:
        found = original(*args)  # type: ignore[arg-type]
        counted.append(len(found[0]))
        return found

    monkeypatch.setattr(module, "_matches_of", counting)
    for one, other in (([5] * 5_000, [5] * 5_000), ([5] * 5_000 + A, A + [5] * 20), ([5, 6] * 2_000, [6, 5] * 2_000)):
        align_two(one, other)
    assert max(counted) <= 5_000 * module.MAX_REPEATS


def test_a_run_beside_a_repeated_word_is_still_found() -> None:
    one, other = [5] * 500 + A + [5] * 500, [6] * 10 + A + [5] * 100
    assert any(a.left[0] == 500 and a.right[0] == 10 and a.left[1] >= 520 for a in align_two(one, other))


def test_a_frequent_phrase_does_not_break_a_run() -> None:
    """One gram too many in each article loses nothing: its neighbours still seed."""
    phrase = [1, 2, 3]
    fresh = Fresh()
    run = [*A[:5], *phrase, *B[:4]]
    noise = [w for _ in range(40) for w in [*phrase, *fresh.words(1)]]
    other_noise = [w for _ in range(40) for w in [*phrase, *fresh.words(1)]]
    one, other = run + fresh.words(20) + noise, fresh.words(5) + run + fresh.words(20) + other_noise
    assert ((0, 12), (5, 17)) in spans(align_two(one, other))
