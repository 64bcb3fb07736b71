"""Tokens and units of a whole batch -> sorted, unique keys of each article.

Two kinds of key, in one space of 64 bits:

* sliding minima of shingle hashes, which two texts that share
  `shingle_tokens + window_shingles - 1` tokens in a row cannot both lack
  (winnowing: Schleimer, Wilkerson, Aiken, "Winnowing: Local Algorithms for
  Document Fingerprinting", SIGMOD 2003, section 3);
* bands of the MinHash signature of each unit (Broder 1997; banding: Leskovec,
  Rajaraman, Ullman, "Mining of Massive Datasets", section 3.4), for edited text.

The signatures are datasketch's, to the bit, computed for all units at once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from datasketch import MinHash

from pipeline.params import MINHASH_SCHEME
from pipeline.records import KEY_BITS
from pipeline.text import GOLDEN, mix64, shingle_hashes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pipeline.params import MatchParams
    from pipeline.records import Tokens

KEY_MASK = np.uint64(2**64 - 2 ** (64 - KEY_BITS))
_BAND_SALT = np.uint64(0xD1B54A32D192ED03)  # keeps bands of the same rows, and minima, apart


def article_keys(tokens: Sequence[Tokens], bounds: Sequence[NDArray[np.int64]], params: MatchParams) -> list[NDArray[np.uint64]]:
    """The keys of each article of a batch, sorted and unique.

    Args:
        tokens: the articles' tokens.
        bounds: the articles' unit bounds, as `pipeline.units.unit_bounds` gives them.
        params: lengths, bands and rows.
    """
    lengths = np.array([len(item) for item in tokens], np.int64)
    if not lengths.sum():
        return [np.zeros(0, np.uint64) for _ in tokens]
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    hashes = np.concatenate([item.hashes for item in tokens])
    keys, owners = sliding_minima(hashes, offsets, params.shingle_tokens, params.window_shingles)
    if params.bands:
        unit_owner = np.repeat(np.arange(len(tokens)), [max(0, len(b) - 1) for b in bounds])
        starts = np.concatenate([b[:-1] + at for b, at in zip(bounds, offsets[:-1], strict=True)])
        ends = np.concatenate([b[1:] + at for b, at in zip(bounds, offsets[:-1], strict=True)])
        made, band_keys = unit_band_keys(hashes, starts, ends, params)
        keys = np.concatenate((keys, band_keys.reshape(-1)))
        owners = np.concatenate((owners, np.repeat(unit_owner[made], params.bands)))
    return _split_by_owner(keys, owners, len(tokens))


def sliding_minima(
    hashes: NDArray[np.uint32], offsets: NDArray[np.int64], length: int, window: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The smallest shingle hash of each window, repeats of a minimum left out.

    Args:
        hashes: the token hashes of all articles in a row.
        offsets: n + 1 positions where articles begin and end.
        length: tokens in a shingle.
        window: shingles in a window; an article with fewer has one window of all.

    Returns:
        keys and, for each, the index of its article.
    """
    shingles = shingle_hashes(hashes, length)
    sizes = np.diff(offsets)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    left = np.repeat(offsets[1:], sizes) - np.arange(len(hashes))  # tokens from here to the article's end
    shingles = np.where(left[: len(shingles)] >= length, shingles, np.uint64(2**64 - 1))
    minima = _window_minima(shingles, window)
    # A window that runs over the article's end sees only its own shingles or the next
    # article's, so it is dropped, except the only window of a short article.
    whole = left[: len(minima)] >= length + window - 1
    keys, owners = minima[whole], owner[: len(minima)][whole]
    fresh = np.ones(len(keys), bool)
    fresh[1:] = (keys[1:] != keys[:-1]) | (owners[1:] != owners[:-1])
    short = [
        (shingles[start : start + size - length + 1].min(), index)
        for index, (start, size) in enumerate(zip(offsets[:-1].tolist(), sizes.tolist(), strict=True))
        if length <= size < length + window - 1
    ]
    short_keys = np.array([key for key, _ in short], np.uint64)
    short_owners = np.array([index for _, index in short], np.int64)
    return np.concatenate((keys[fresh], short_keys)), np.concatenate((owners[fresh], short_owners))


def _window_minima(values: NDArray[np.uint64], window: int) -> NDArray[np.uint64]:
    """Minima of all windows, by doubling: log2(window) passes."""
    width = 1
    while width < window and len(values):
        step = min(width, window - width)
        values = np.minimum(values[: max(0, len(values) - step)], values[step:])
        width += step
    return values


@lru_cache(maxsize=8)
def _permutations(num_perm: int, seed: int) -> NDArray[np.uint32]:
    made: NDArray[np.uint32] = MinHash(num_perm=num_perm, seed=seed, scheme=MINHASH_SCHEME).permutations.astype(np.uint32)
    return made


def _fmix32(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """MurmurHash3's finaliser, which the `affine32` scheme applies to each input once."""
    values = (values ^ (values >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    values = (values ^ (values >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return values ^ (values >> np.uint32(16))


def signatures(elements: NDArray[np.uint32], starts: NDArray[np.int64], num_perm: int, seed: int) -> NDArray[np.uint32]:
    """MinHash signatures of many sets at once, equal to datasketch's bit for bit.

    Args:
        elements: 32-bit hashes of the sets' elements, set after set.
        starts: where each set begins in `elements`; no set may be empty.
        num_perm: permutations.
        seed: datasketch's seed.

    Returns:
        uint32 array of shape (sets, num_perm).
    """
    mixed = _fmix32(elements)
    factors, terms = _permutations(num_perm, seed)
    made = np.empty((num_perm, len(starts)), np.uint32)
    for k in range(num_perm):
        made[k] = np.minimum.reduceat(mixed * factors[k] + terms[k], starts) if len(starts) else 0
    return made.T


def unit_band_keys(
    hashes: NDArray[np.uint32], starts: NDArray[np.int64], ends: NDArray[np.int64], params: MatchParams
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Band keys of units given as token ranges.

    Returns:
        indices of the units that are long enough for a shingle, and their keys
        as a uint64 array of shape (these units, bands).
    """
    length = params.unit_shingle_tokens
    made = np.flatnonzero(ends - starts >= length)
    starts, ends = starts[made], ends[made]
    elements = (shingle_hashes(hashes, length) >> np.uint64(32)).astype(np.uint32)
    sizes = ends - starts - (length - 1)
    firsts = np.cumsum(sizes) - sizes
    positions = np.arange(int(sizes.sum())) + np.repeat(starts - firsts, sizes)
    signed = signatures(elements[positions], firsts, params.num_perm, params.seed)
    rows = signed.reshape(len(made), params.bands, params.band_rows).astype(np.uint64)
    keys = np.broadcast_to(np.arange(1, params.bands + 1, dtype=np.uint64) * _BAND_SALT, rows.shape[:2])
    for k in range(params.band_rows):
        keys = mix64(keys * GOLDEN + rows[:, :, k])
    return made, keys


def _split_by_owner(keys: NDArray[np.uint64], owners: NDArray[np.int64], count: int) -> list[NDArray[np.uint64]]:
    order = np.argsort(owners, kind="stable")  # two runs in order already: next to nothing to sort
    keys, bounds = keys[order], np.searchsorted(owners[order], np.arange(count + 1))
    keys = keys & KEY_MASK
    return [np.unique(keys[start:end]) for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)]
