"""The primitives of text that stages share: tokens and segment maps.

In: a text. Out: arrays of offsets. Everything counts in code points of the raw text.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import numpy as np

from pipeline.layout import code_points
from pipeline.quotation import quotations
from pipeline.records import Tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from pipeline.records import RemovedSpan

Intervals = tuple[tuple[int, int], ...]

MAX_TOKEN_CHARS = 255
"""A longer run is no word; the length must fit a byte (see `Tokens`)."""

# ---------------------------------------------------------------- code points

_SEPARATOR, _LETTER, _SINGLE, _PASSED_OVER = 0, 1, 2, 3
_CODE_POINTS = 0x110000
_BLOCK = 256
_class_of = np.zeros(_CODE_POINTS, np.uint8)
_value_of = np.zeros(_CODE_POINTS, np.uint64)
_block_known = np.zeros(_CODE_POINTS // _BLOCK, bool)

# Scripts written without spaces: each character is a token of its own.
_SINGLE_RANGES = (
    (0x0E00, 0x0E80),  # Thai
    (0x3005, 0x3008),  # iteration mark, closing mark, zero
    (0x3040, 0x3100),  # Hiragana, Katakana
    (0x31F0, 0x3200),  # Katakana extensions
    (0x3400, 0x4DC0),  # Han, extension A
    (0x4E00, 0xA000),  # Han
    (0xF900, 0xFB00),  # Han, compatibility
    (0xFF66, 0xFFA0),  # half-width Katakana
    (0x1B000, 0x1B170),  # Kana supplement
    (0x20000, 0x323B0),  # Han, extensions B to H
)
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""2**64 / golden ratio, the increment of splitmix64: odd, so multiplying by it loses nothing."""
_POWERS = np.cumprod(np.full(MAX_TOKEN_CHARS + 1, 0x100000001B3, np.uint64))  # the FNV prime: odd, so no information is lost


def mix64(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A bijection of uint64 that spreads every bit (splitmix64's finaliser, Steele, Lea, Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def fold(character: str) -> str:
    """One character in lower case without accents; one that has no single such form stays, in lower case if it can."""
    lower = character.lower()
    for form in (character.casefold(), lower):
        letters = [c for c in unicodedata.normalize("NFKD", form) if not unicodedata.category(c).startswith("M")]
        if len(letters) == 1:
            return letters[0]
    return lower if len(lower) == 1 else character


def _learn_block(block: int) -> None:
    for code in range(block * _BLOCK, (block + 1) * _BLOCK):
        character = chr(code)
        category = unicodedata.category(character)
        if category[0] == "M" or category == "Cf":
            _class_of[code] = _PASSED_OVER
        elif character.isalnum():
            single = any(low <= code < high for low, high in _SINGLE_RANGES)
            _class_of[code] = _SINGLE if single else _LETTER
            _value_of[code] = ord(fold(character))
    span = slice(block * _BLOCK, (block + 1) * _BLOCK)
    _value_of[span] = mix64(_value_of[span] * GOLDEN)
    _value_of[span][_class_of[span] == _SEPARATOR] = 0
    _block_known[block] = True


def _learn(codes: NDArray[np.uint32]) -> None:
    """Sees to it that the tables hold these code points; 256 of them cost a third of a millisecond."""
    blocks = codes >> np.uint32(8)
    known = _block_known[blocks]
    if not known.all():
        for block in np.unique(blocks[~known]):
            _learn_block(int(block))


for _block in range(0x21):  # Latin, Greek, Cyrillic, general punctuation: what most texts are made of
    _learn_block(_block)
_LEARNED = 0x21 * _BLOCK


# --------------------------------------------------------------------- tokens


def tokenize(text: str, left_out: Iterable[RemovedSpan] = ()) -> Tokens:
    """The tokens of a text in order, those that touch a left-out span dropped.

    A token is a run of letters or digits, case and accents folded; each Han,
    Kana and Thai character is one of its own. Marks and zero-width characters
    inside are passed over. Runs over `MAX_TOKEN_CHARS` are cut into pieces.
    """
    every = codes = code_points(text)
    if not text.isascii() and codes.max() >= _LEARNED:
        _learn(codes)
    classes = _class_of[codes]
    place = None  # offset of each character that is not passed over; None: all are there
    if (classes == _PASSED_OVER).any():
        place = np.flatnonzero(classes != _PASSED_OVER)
        codes, classes = codes[place], classes[place]
    first, last = _token_bounds(classes)
    if not len(first):
        return _no_tokens()
    hashes = _hash_runs(_value_of[codes], first)
    if place is None:
        starts, ends = first, last
    else:
        starts = place[first]
        ends = np.append(place, len(text))[last]  # marks behind the last letter belong to it
    lengths = np.minimum(ends - starts, MAX_TOKEN_CHARS)
    keep = np.ones(len(starts), bool)
    for span in left_out:
        keep[np.searchsorted(ends, span.raw_start, "right") : np.searchsorted(starts, span.raw_end)] = False
    quoted = inside(quotations(text, every), starts)
    return Tokens(hashes[keep], starts[keep].astype(np.uint32), lengths[keep].astype(np.uint8), quoted[keep])


def _no_tokens() -> Tokens:
    return Tokens(np.zeros(0, np.uint32), np.zeros(0, np.uint32), np.zeros(0, np.uint8), np.zeros(0, bool))


def _token_bounds(classes: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    word = classes != _SEPARATOR
    single = classes == _SINGLE
    opens = word.copy()
    opens[1:] &= ~word[:-1] | single[1:] | single[:-1]
    closes = word.copy()
    closes[:-1] &= ~word[1:] | opens[1:]
    first, last = np.flatnonzero(opens), np.flatnonzero(closes) + 1
    if len(first) and int((last - first).max()) > MAX_TOKEN_CHARS:
        pieces = [
            (piece, min(piece + MAX_TOKEN_CHARS, b))
            for a, b in zip(first.tolist(), last.tolist(), strict=True)
            for piece in range(a, b, MAX_TOKEN_CHARS)
        ]
        first, last = np.array(pieces, np.int64).T
    return first, last


def _hash_runs(values: NDArray[np.uint64], first: NDArray[np.int64]) -> NDArray[np.uint32]:
    """A polynomial hash of each run; separators behind a run have value 0 and add nothing."""
    values = values[first[0] :]
    first = first - first[0]
    within = np.arange(len(values)) - np.repeat(first, np.diff(first, append=len(values)))
    terms = values * _POWERS[np.minimum(within, MAX_TOKEN_CHARS)]
    return (mix64(np.add.reduceat(terms, first)) >> np.uint64(32)).astype(np.uint32)


def shingle_hashes(hashes: NDArray[np.uint32], length: int) -> NDArray[np.uint64]:
    """A hash of each run of `length` tokens, by its first position: n - length + 1 values."""
    count = max(0, len(hashes) - length + 1)
    rolled = np.zeros(count, np.uint64)
    for k in range(length):
        rolled = rolled * GOLDEN + hashes[k : k + count]
    return mix64(rolled)


# ---------------------------------------------------------------- segment maps


def inside(intervals: Sequence[tuple[int, int]], offsets: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which offsets lie in one of the intervals (disjoint, in order, half-open)."""
    bounds = np.array(intervals, np.int64).reshape(-1)
    return (np.searchsorted(bounds, offsets, "right") & 1).astype(bool)


def kept_intervals(length: int, removed: Iterable[RemovedSpan]) -> Intervals:
    """The raw intervals that make up the clean text: all but what is cut."""
    kept, at = [], 0
    for span in sorted((s for s in removed if not s.in_body), key=lambda s: s.raw_start):
        if span.raw_start > at:
            kept.append((at, span.raw_start))
        at = max(at, span.raw_end)
    if at < length:
        kept.append((at, length))
    return tuple(kept)


def clean_text(raw_text: str, kept: Intervals) -> str:
    """The raw text's kept intervals in a row."""
    return "".join(raw_text[a:b] for a, b in kept)


def to_clean(kept: Intervals, offset: int) -> int:
    """The clean offset of a raw one; inside a cut it is where the cut was."""
    clean = 0
    for start, end in kept:
        if offset <= start:
            return clean
        if offset <= end:
            return clean + offset - start
        clean += end - start
    return clean


def to_raw(kept: Intervals, offset: int) -> int:
    """The raw offset of the character at a clean offset (of the end, where it is the text's length)."""
    for start, end in kept:
        if offset < end - start:
            return start + offset
        offset -= end - start
    return kept[-1][1] + offset if kept else offset
