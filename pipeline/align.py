"""Candidate pairs -> alignments: the stretches that two articles share.

In: tokens of the articles, pairs of them. Out: for each pair, spans of tokens on
both sides with the verbatim blocks between them.

A block is a maximal run of equal tokens, three at the least. Blocks that follow
each other on both sides are chained by a local alignment over blocks (Smith and
Waterman 1981, with blocks for letters): a chain scores its matched tokens less
`GAP_COST` for each token of the mean gap, so neither end is ever stretched over a
mismatch that costs more than it gains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.records import Alignment
from pipeline.text import shingle_hashes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from pipeline.params import MatchParams
    from pipeline.records import Tokens

GRAM = 3
"""Tokens in a match; fewer make noise ("of the"), more lose what stands between two edits."""

GAP_COST = 0.5
"""Price of a token of the mean gap. At 0.5 a gap of 5.5 tokens is worth the three words behind it."""

MAX_OVERLAP = GRAM - 1
"""Blocks on neighbouring diagonals can claim the same few tokens (a word inserted beside its like)."""

MAX_REPEATS = 32
"""A gram that stands more often in an article seeds nothing there: else a text of one word repeated
n times would have n * n matches. Its neighbours still seed; what is lost is text that repeats itself."""

BLOCKS_AT_ONCE = 50_000
"""Blocks whose possible predecessors are laid out at once; long texts have hundreds of thousands."""

INSIDE = 0.8
"""Share of both sides that makes an alignment part of a larger one of the same pair."""


@dataclass(frozen=True)
class _Blocks:
    """Verbatim runs of many pairs, sorted by pair, then by where they end on the left."""

    pair: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    length: NDArray[np.int64]


def align(
    tokens: Sequence[Tokens], left: NDArray[np.int64], right: NDArray[np.int64], params: MatchParams
) -> list[list[Alignment]]:
    """The alignments of each pair, in order of their place on the left.

    Args:
        tokens: the articles' tokens.
        left: index into `tokens` of each pair's one side; sorted they are fastest.
        right: and of its other side.
        params: `verbatim_tokens` (a chain's least score), `companion_tokens`, gaps.
    """
    found: list[list[Alignment]] = [[] for _ in range(len(left))]
    blocks = _find_blocks(tokens, left, right)
    if not len(blocks.pair):
        return found
    score, before = _chain(blocks, params)
    for pair, first, last in _promising(blocks.pair, score, params.verbatim_tokens):
        found[pair] = _trace(blocks, score, before, range(first, last), params)
    return found


# ---------------------------------------------------------------------- blocks


def _find_blocks(tokens: Sequence[Tokens], left: NDArray[np.int64], right: NDArray[np.int64]) -> _Blocks:
    used = np.unique(np.concatenate((left, right)))
    grams = {int(k): shingle_hashes(tokens[int(k)].hashes, GRAM) for k in used}
    parts = [_matches_of(grams, int(one), pairs, right[pairs]) for one, pairs in _by_left(left)]
    if not parts:
        return _Blocks(*(np.zeros(0, np.int64) for _ in range(4)))
    pair, i, j = (np.concatenate(column) for column in zip(*parts, strict=True))
    pair, i, j = _sort_by_diagonal(pair, i, j)
    opens = np.ones(len(pair), bool)
    opens[1:] = (pair[1:] != pair[:-1]) | (i[1:] != i[:-1] + 1) | (j[1:] != j[:-1] + 1)
    first = np.flatnonzero(opens)
    length = np.diff(first, append=len(pair)) + GRAM - 1
    pair, i, j = pair[first], i[first], j[first]
    order = np.lexsort((j + length, i + length, pair))
    return _Blocks(pair[order], i[order], j[order], length[order])


def _sort_by_diagonal(
    pair: NDArray[np.int64], i: NDArray[np.int64], j: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Matches by pair, diagonal i - j, and i; packed into one integer where they fit, which sorts faster."""
    bits = (int(max(i.max(initial=0), j.max(initial=0))) + 1).bit_length()
    if int(pair.max(initial=0)).bit_length() + 2 * bits + 1 > 63:
        order: NDArray[np.int64] = np.lexsort((i, i - j, pair))
        return pair[order], i[order], j[order]
    low = np.int64((1 << bits) - 1)
    code = np.sort((pair << (2 * bits + 1)) | ((i - j + low) << bits) | i)
    i = code & low
    j = i - (((code >> bits) & ((low << 1) | 1)) - low)
    return code >> (2 * bits + 1), i, j


def _by_left(left: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    order = np.argsort(left, kind="stable")
    firsts = np.flatnonzero(np.diff(left[order], prepend=-1))
    for pairs in np.split(order, firsts[1:]):
        if len(pairs):
            yield int(left[pairs[0]]), pairs


def _matches_of(
    grams: dict[int, NDArray[np.uint64]], one: int, pairs: NDArray[np.int64], others: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """All (pair, i, j) where gram i of article `one` is gram j of the pair's other article.

    A table of 16 bits of each gram sorts out nearly all that do not match before
    the exact look-up.
    """
    own = grams[one]
    order = np.argsort(own, kind="stable")
    ranked = own[order]
    table = np.zeros(1 << 16, bool)
    table[own & np.uint64(0xFFFF)] = True
    sizes = np.array([len(grams[k]) for k in others.tolist()], np.int64)
    theirs = np.concatenate([grams[k] for k in others.tolist()])
    likely = np.flatnonzero(table[theirs & np.uint64(0xFFFF)])
    wanted = theirs[likely]
    low = np.searchsorted(ranked, wanted, "left")
    count = np.searchsorted(ranked, wanted, "right") - low
    hit = (count > 0) & (count <= MAX_REPEATS)
    likely, low, count = likely[hit], low[hit], count[hit]
    offsets = np.cumsum(sizes) - sizes
    which = np.searchsorted(offsets, likely, "right") - 1
    which, likely, low, count = _drop_repeats(which, likely, low, count)
    total = int(count.sum())
    within = np.arange(total) - np.repeat(np.cumsum(count) - count, count)
    i: NDArray[np.int64] = order[np.repeat(low, count) + within]
    j = np.repeat(likely - offsets[which], count)
    pair: NDArray[np.int64] = np.repeat(pairs[which], count)
    return pair, i, j


def _drop_repeats(which: NDArray[np.int64], *columns: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Leaves out grams (known by `low`, the second column) that stand too often in the other article."""
    if len(which) <= MAX_REPEATS:
        return (which, *columns)
    code = which * (int(columns[1].max()) + 1) + columns[1]
    _, inverse, repeats = np.unique(code, return_inverse=True, return_counts=True)
    keep = repeats[inverse] <= MAX_REPEATS
    return (which[keep], *(column[keep] for column in columns))


# ---------------------------------------------------------------------- chains


def _chain(blocks: _Blocks, params: MatchParams) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """For each block the best score of a chain that ends with it, and its predecessor there (-1: none)."""
    score: list[float] = blocks.length.tolist()
    before = [-1] * len(score)
    gained = [0.0] * len(score)
    # Blocks are sorted by their end and a step leads to a later end, so every score is final when it is
    # asked for: one pass, however long the chains. Of equal predecessors the first is taken.
    for earlier, later, price in _steps(blocks, params):
        gain = score[earlier] - price
        if gain > gained[later]:
            score[later] += gain - gained[later]
            gained[later] = gain
            before[later] = earlier
    return np.array(score, np.float64), np.array(before, np.int64)


def _steps(blocks: _Blocks, params: MatchParams) -> Iterator[tuple[int, int, float]]:
    """All admissible steps from a block to a later one with their price, in order of the later."""
    ends = blocks.left + blocks.length
    widest = max(params.gap_tokens, params.long_gap_tokens)
    scale = int(ends.max()) + widest + GRAM + 1
    code = blocks.pair * scale + ends  # sorted, as the blocks are
    low = np.searchsorted(code, blocks.pair * scale + np.maximum(blocks.left - widest, 0), "left")
    high = np.searchsorted(code, blocks.pair * scale + blocks.left + MAX_OVERLAP, "right")
    count = np.maximum(high - low, 0)
    for at in range(0, len(count), BLOCKS_AT_ONCE):
        some = slice(at, at + BLOCKS_AT_ONCE)
        later = np.repeat(np.arange(len(code))[some], count[some])
        earlier = np.arange(len(later)) + np.repeat(low[some] - (np.cumsum(count[some]) - count[some]), count[some])
        step, price = _prices(blocks, earlier, later, params)
        yield from zip(earlier[step].tolist(), later[step].tolist(), price[step].tolist(), strict=True)


def _prices(
    blocks: _Blocks, earlier: NDArray[np.int64], later: NDArray[np.int64], params: MatchParams
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which steps are admissible, and what each costs."""
    one, other = blocks.length[earlier], blocks.length[later]
    gap_left = blocks.left[later] - blocks.left[earlier] - one
    gap_right = blocks.right[later] - blocks.right[earlier] - one
    wide = np.maximum(gap_left, gap_right)
    mean = (np.maximum(gap_left, 0) + np.maximum(gap_right, 0)) / 2
    near = (wide <= params.gap_tokens) & (mean <= one + other)
    long = (wide <= params.long_gap_tokens) & (one >= params.verbatim_tokens) & (other >= params.verbatim_tokens)
    overlap = np.maximum(0, -np.minimum(gap_left, gap_right))
    price: NDArray[np.float64] = GAP_COST * mean + overlap
    return (near | long) & (overlap <= MAX_OVERLAP), price


def _promising(pair: NDArray[np.int64], score: NDArray[np.float64], least: float) -> Iterator[tuple[int, int, int]]:
    """(pair, first block, behind its last block) of each pair that has a chain of `least`."""
    firsts = np.flatnonzero(np.diff(pair, prepend=-1))
    lasts = np.append(firsts[1:], len(pair))
    good = np.flatnonzero(np.maximum.reduceat(score, firsts) >= least)
    yield from zip(pair[firsts[good]].tolist(), firsts[good].tolist(), lasts[good].tolist(), strict=True)


def _trace(
    blocks: _Blocks, score: NDArray[np.float64], before: NDArray[np.int64], own: range, params: MatchParams
) -> list[Alignment]:
    """The chains of one pair, best first, each block in one of them; parts of larger ones left out."""
    low = own.start
    scores, previous = score[low : own.stop].tolist(), before[low : own.stop].tolist()
    left, right, length = (x[low : own.stop].tolist() for x in (blocks.left, blocks.right, blocks.length))
    used = [False] * len(scores)
    kept: list[Alignment] = []
    for end in sorted(range(len(scores)), key=lambda k: (-scores[k], left[k], right[k])):
        if scores[end] < params.companion_tokens:
            break
        if used[end]:
            continue
        chain = [end]
        while (step := previous[chain[-1]]) >= 0 and not used[step - low]:
            chain.append(step - low)
        for k in chain:
            used[k] = True
        alignment = _alignment([(left[k], right[k], length[k]) for k in reversed(chain)])
        if alignment.score >= params.companion_tokens and not any(_is_part(alignment, larger) for larger in kept):
            kept.append(alignment)
    if not any(a.score >= params.verbatim_tokens or a.longest >= params.verbatim_tokens for a in kept):
        return []
    return sorted(kept, key=lambda a: (a.left, a.right))


def _alignment(chain: Sequence[tuple[int, int, int]]) -> Alignment:
    blocks: list[tuple[int, int, int]] = []
    at_left = at_right = 0
    for left, right, length in chain:
        overlap = max(0, at_left - left, at_right - right) if blocks else 0
        blocks.append((left + overlap, right + overlap, length - overlap))
        at_left, at_right = left + length, right + length
    while blocks[-1][2] < GRAM:  # what an overlap left of a block is too little to end with
        blocks.pop()
    last_left, last_right, length = blocks[-1]
    sides = (blocks[0][0], last_left + length), (blocks[0][1], last_right + length)
    matched = sum(block[2] for block in blocks)
    gaps = sum(end - start for start, end in sides) / 2 - matched
    return Alignment(*sides, tuple(blocks), matched - GAP_COST * gaps)


def _is_part(small: Alignment, large: Alignment) -> bool:
    return _share(small.left, large.left) >= INSIDE and _share(small.right, large.right) >= INSIDE


def _share(span: tuple[int, int], other: tuple[int, int]) -> float:
    return max(0, min(span[1], other[1]) - max(span[0], other[0])) / (span[1] - span[0])
