"""Keys -> candidate pairs: which articles are compared at all.

In: the keys of all current articles as one index. Out: pairs of positions in it.
A bucket is the set of articles that hold one key. Up to `bucket_articles` of them
it proposes all its pairs; above, each article with the `bucket_leaders` earliest.
Of two copies of a text that is carried by many, the earliest copies stand for the
others: they are compared only if one of them is among these or they share much else.
What a bucket proposes depends on its members and their times alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from pipeline.records import KEY_BITS, KEY_BYTES, PREFIX_BITS, key_prefixes, keys_from_bytes, keys_to_bytes

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pipeline.params import MatchParams


_POSITION = np.uint64(2 ** (64 - KEY_BITS) - 1)
"""The low bits of a key are 0 and take a position, so that one word is sorted for both: 16 million articles fit."""

_TABLE_BITS = PREFIX_BITS
_TABLE_SHIFT = np.uint64(64 - _TABLE_BITS)
"""The high bits of a key choose its place in a table of 16 MB, which 100,000 keys fill to less than a hundredth."""


MASS_KEYS = 8
"""Two articles that share so many large buckets share a text of 25 words or more that is carried by many: a text
of n words has some n / 3 minima. Below it is a stock phrase, and whatever else they share decides."""

MASS_LEADS = 0.25
"""Of the large buckets that two such articles share, the earlier must be among the earliest in this part. Where a tenth
of the sentences is edited, the four earliest copies are so in nine of ten, the fifth in a third, the sixth in a twentieth."""

MASS_OTHERS = 16
"""Or they share so many other keys: some 50 words beside that text. A word edited alike in both gives 4."""

PAIRS_AT_ONCE = 20_000
"""Pairs whose keys are laid side by side at once: 10 million numbers."""


@dataclass(frozen=True)
class KeyIndex:
    """All keys of all current articles, sorted by key, then by the article's position.

    A position is an article's rank by time key, so the first members of a bucket
    are its earliest.

    Attributes:
        keys: uint64, with repeats, one for each article that holds it.
        members: int32, the article's position.
        size: number of articles.
    """

    keys: NDArray[np.uint64]
    members: NDArray[np.int32]
    size: int

    @classmethod
    def build(cls, keys: Sequence[NDArray[np.uint64]]) -> KeyIndex:
        """The index of the keys of articles, given in order of their time keys."""
        return StoredKeys([keys_to_bytes(item) for item in keys]).index()

    def buckets(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First entry and number of entries of each bucket of two or more articles."""
        if not len(self.keys):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        first = np.flatnonzero(np.concatenate(([True], self.keys[1:] != self.keys[:-1])))
        sizes = np.diff(first, append=len(self.keys))
        return first[sizes > 1], sizes[sizes > 1]


class StoredKeys:
    """The keys of articles as they are stored.

    Args:
        blobs: of each article, in order of time keys.
        positions: of the articles, if they are not 0, 1, 2 ...
    """

    def __init__(self, blobs: Sequence[bytes], positions: Sequence[int] | None = None) -> None:
        self._every = b"".join(blobs)
        self._ends = np.cumsum([len(blob) // KEY_BYTES for blob in blobs], dtype=np.int64)
        self._positions = np.arange(len(blobs)) if positions is None else np.array(positions, np.int64)

    def index(self, touching: NDArray[np.uint64] | None = None) -> KeyIndex:
        """The index of these keys.

        Args:
            touching: if given, other keys than these may be left out: an index for
                few new articles among many costs no sorting of all.
        """
        if touching is None:
            keys = keys_from_bytes(self._every)
            chosen = np.arange(len(keys))
        else:
            table = np.zeros(1 << _TABLE_BITS, bool)
            table[touching >> _TABLE_SHIFT] = True
            chosen = np.flatnonzero(table[self._prefixes])
            keys = keys_from_bytes(self._every, chosen)
        owners = self._positions[np.searchsorted(self._ends, chosen, side="right")].astype(np.uint64)
        codes = np.sort(keys | owners)
        return KeyIndex(codes & ~_POSITION, (codes & _POSITION).astype(np.int32), len(self._positions))

    @cached_property
    def _prefixes(self) -> NDArray[np.uint32]:
        """The high bits of each key."""
        return key_prefixes(self._every)


@dataclass(frozen=True)
class Candidates:
    """Pairs of positions, left below right, sorted, each once.

    Attributes:
        left, right: int64 positions.
        capped: buckets that were too large to propose all their pairs.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    capped: int


def propose(index: KeyIndex, marked: NDArray[np.bool_], params: MatchParams) -> Candidates:
    """All candidate pairs that have at least one marked article.

    Args:
        index: the keys of all current articles.
        marked: by position, whether an article's pairs are asked for.
        params: `bucket_articles` and `bucket_leaders`.
    """
    first, sizes = index.buckets()
    touched = _any_in_bucket(marked[index.members], first, sizes)
    first, sizes = first[touched], sizes[touched]
    large = sizes > params.bucket_articles
    codes = [
        *_pairs_of_small_buckets(index, marked, first[~large], sizes[~large]),
        *_pairs_of_large_buckets(index, marked, first[large], sizes[large], params.bucket_leaders),
    ]
    every = np.unique(np.concatenate(codes)) if codes else np.zeros(0, np.int64)
    left, right = np.divmod(every, max(1, index.size))
    if large.any():
        worth = _worth_comparing(index, (first, sizes), large, (left, right), params.bucket_leaders)
        left, right = left[worth], right[worth]
    return Candidates(left, right, int(large.sum()))


def within_window(found: Candidates, published: Sequence[tuple[dt.datetime, dt.datetime] | None], days: int | None) -> Candidates:
    """The candidates that are not further apart than `days`; an unknown time lies inside every window.

    Args:
        found: pairs of positions.
        published: by position, the beginning and end of the publication time.
        days: none: all are near enough.
    """
    if days is None:
        return found
    times = np.array([(np.nan, np.nan) if p is None else (p[0].timestamp(), p[1].timestamp()) for p in published]).reshape(-1, 2)
    starts, ends = times.T
    gap = np.maximum(starts[found.left] - ends[found.right], starts[found.right] - ends[found.left])
    near = ~(gap > days * 86_400)  # a comparison with NaN is false, so unknown times stay
    return Candidates(found.left[near], found.right[near], found.capped)


def _any_in_bucket(flags: NDArray[np.bool_], first: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.bool_]:
    before = np.concatenate(([0], np.cumsum(flags)))
    some: NDArray[np.bool_] = before[first + sizes] > before[first]
    return some


def _encode(left: NDArray[np.int32], right: NDArray[np.int32], marked: NDArray[np.bool_], size: int) -> NDArray[np.int64]:
    asked = marked[left] | marked[right]
    codes: NDArray[np.int64] = left[asked].astype(np.int64) * size + right[asked]
    return codes


def _pairs_of_small_buckets(
    index: KeyIndex, marked: NDArray[np.bool_], first: NDArray[np.int64], sizes: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    codes = []
    entry = _entries(first, sizes)
    left_over = np.repeat(first + sizes, sizes) - entry  # entries from here to the bucket's end
    step = 1
    while len(entry):
        more = left_over > step
        entry, left_over = entry[more], left_over[more]
        code = _encode(index.members[entry], index.members[entry + step], marked, index.size)
        codes.append(np.unique(code))
        step += 1
    return codes


def _pairs_of_large_buckets(
    index: KeyIndex, marked: NDArray[np.bool_], first: NDArray[np.int64], sizes: NDArray[np.int64], leaders: int
) -> list[NDArray[np.int64]]:
    codes = []
    for k in range(leaders):
        first, sizes = first[sizes > k], sizes[sizes > k]
        leader = np.repeat(index.members[first + k], sizes)
        member = index.members[_entries(first, sizes)]
        later = member > leader
        codes.append(np.unique(_encode(leader[later], member[later], marked, index.size)))
    return codes


def _worth_comparing(
    index: KeyIndex,
    buckets: tuple[NDArray[np.int64], NDArray[np.int64]],
    large: NDArray[np.bool_],
    pairs: tuple[NDArray[np.int64], NDArray[np.int64]],
    leaders: int,
) -> NDArray[np.bool_]:
    """Which pairs are not two of many copies of one text that others stand for already.

    It depends on the buckets that the two share and on nothing else, so what leaves
    the buckets as they are leaves the pair as it is.
    """
    first, sizes = buckets
    bucket = np.repeat(np.arange(len(first)), sizes)
    member = index.members[_entries(first, sizes)].astype(np.int64)
    in_large = np.repeat(large, sizes)
    leads = in_large & (np.arange(len(member)) - np.repeat(np.cumsum(sizes) - sizes, sizes) < leaders)
    often = np.bincount(member[in_large], minlength=index.size) >= MASS_KEYS
    worth = np.ones(len(pairs[0]), bool)
    doubtful = np.flatnonzero(often[pairs[0]] & often[pairs[1]])
    if not len(doubtful):
        return worth
    shape = (index.size, len(first))
    held, led, rest = (
        csr_array((np.ones(int(chosen.sum()), np.int32), (member[chosen], bucket[chosen])), shape=shape)
        for chosen in (in_large, leads, ~in_large & often[member])
    )
    for at in range(0, len(doubtful), PAIRS_AT_ONCE):
        some = doubtful[at : at + PAIRS_AT_ONCE]
        left, right = pairs[0][some], pairs[1][some]
        theirs = held[right]
        common, leading = (matrix[left].multiply(theirs).sum(axis=1) for matrix in (held, led))
        others = rest[left].multiply(rest[right]).sum(axis=1)
        worth[some] = (common < MASS_KEYS) | (leading >= MASS_LEADS * common) | (others >= MASS_OTHERS)
    return worth


def _entries(first: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The entries of many buckets in a row."""
    entries: NDArray[np.int64] = np.arange(int(sizes.sum())) + np.repeat(first - (np.cumsum(sizes) - sizes), sizes)
    return entries


def disturbed(index: KeyIndex, waiting: NDArray[np.bool_], retired: KeyIndex, params: MatchParams) -> NDArray[np.bool_]:
    """By position, which articles are in a bucket that may propose other pairs of its old members than before.

    A bucket is left alone where it was small and is, or was large and is with the
    same earliest members. What waits for matching may or may not have been in it
    before (a run can have died half-way), so both are reckoned with.

    Args:
        index: the keys of all current articles.
        waiting: by position, which of them wait for matching.
        retired: the keys of revisions that stopped being current since the last
            matching; the position of each is the number of current articles that
            precede it by time key.
        params: `bucket_articles` and `bucket_leaders`.
    """
    found = np.zeros(index.size, bool)
    first, sizes = index.buckets()
    if not len(first):
        return found
    limit, leaders = params.bucket_articles, params.bucket_leaders
    gone, gone_early = _count_retired(index, retired, first, leaders)
    gone_early |= (gone > 0) & (sizes < leaders)
    before = _prefix(waiting[index.members])
    waits = before[first + sizes] - before[first]
    waits_early = before[first + np.minimum(leaders, sizes)] > before[first]
    stays_small = sizes + gone <= limit
    stays_large = (sizes - waits > limit) & ~waits_early & ~gone_early
    hit = (waits + gone > 0) & ~stays_small & ~stays_large
    found[index.members[_entries(first[hit], sizes[hit])]] = True
    return found


def _prefix(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.concatenate(([0], np.cumsum(flags)))


def _count_retired(
    index: KeyIndex, retired: KeyIndex, first: NDArray[np.int64], leaders: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """For each bucket, how many retired revisions held its key, and whether one was among its earliest."""
    keys = index.keys[first]
    low = np.searchsorted(retired.keys, keys, "left")
    gone = np.searchsorted(retired.keys, keys, "right") - low
    early = np.zeros(len(first), bool)
    some = np.flatnonzero(gone)
    if len(some):
        earliest_gone = retired.members[low[some]]
        end = np.searchsorted(index.keys, keys[some], "right") - 1
        last_leader = index.members[np.minimum(first[some] + leaders - 1, end)]
        early[some] = earliest_gone <= last_leader
    return gone, early
