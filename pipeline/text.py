"""The primitives of text that stages share: tokens, quotation, paragraphs, segment maps.

In: a text. Out: arrays of offsets. Everything counts in code points of the raw text.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

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


def code_points(text: str) -> NDArray[np.uint32]:
    """The text as an array of code points."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


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
    codes = code_points(text)
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
    quoted = inside(quotations(text), starts)
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


# ------------------------------------------------------------------- quotation

# What may close a quotation, by what opened it. Left out: ' and ’ as doubtful openers.
_CLOSERS = {
    '"': '"”',
    "“": '”"',
    "„": "“”",
    "«": "»",
    "»": "«",
    "‹": "›",
    "›": "‹",
    "「": "」",
    "『": "』",
    "``": "''",
    "‘": "’",
}
_MARK_CHARACTERS = frozenset("\"“”„«»‹›「」『』‘’`'")
_PUNCTUATION = frozenset(".,;:!?)]…—–-")
_LONGEST_SINGLE_QUOTE = 1_000
"""A quotation in single marks that runs longer is more likely an apostrophe gone wrong."""


def quotations(text: str) -> list[tuple[int, int]]:
    """Intervals inside quotation marks, in order and disjoint, the marks left out.

    A quotation that is not closed ends with its paragraph: where the next one
    begins with an opening mark, that mark opens the next interval.
    """
    marks = _marks(text)
    if not marks:
        return []
    ends = paragraph_starts(text)[1:]
    ends.append(len(text))
    return _walk_marks(text, marks, ends)


def _marks(text: str) -> list[tuple[int, str]]:
    """Quotation marks by their place; `` and '' are one each, a single ` or ' is none."""
    marks: list[tuple[int, str]] = []
    for at in positions_of(text, _MARK_CHARACTERS):
        mark = text[at]
        if mark not in "`'":
            marks.append((at, mark))
        elif text[at + 1 : at + 2] == mark and not (marks and marks[-1] == (at - 1, mark * 2)):
            marks.append((at, mark * 2))
    return marks


def _walk_marks(text: str, marks: Sequence[tuple[int, str]], ends: Sequence[int]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    opened, since = "", 0
    paragraph = 0
    for at, mark in marks:
        while at >= ends[paragraph]:
            if opened and opened != "‘":
                spans.append((since, ends[paragraph]))
            opened = ""
            paragraph += 1
        if opened and _closes(text, at, mark, opened, since):
            spans.append((since, at))
            opened = ""
        elif _opens(text, at, mark, opened):
            if opened and opened != "‘":
                spans.append((since, at))
            opened, since = mark, at + len(mark)
    if opened and opened != "‘":
        spans.append((since, ends[paragraph]))
    return spans


def _closes(text: str, at: int, mark: str, opened: str, since: int) -> bool:
    if mark not in _CLOSERS[opened] or (len(mark) == 1 and opened == "``"):
        return False
    if mark == '"':  # one that stands like an opening mark is one: the closing mark was lost
        return not (text[at - 1].isspace() and text[at + 1 : at + 2].isalnum())
    if mark == "’":  # an apostrophe inside or behind a word is none
        return not text[at + 1 : at + 2].isalnum() and at - since <= _LONGEST_SINGLE_QUOTE
    return True


def _opens(text: str, at: int, mark: str, opened: str) -> bool:
    before, behind = text[at - 1 : at] if at else "", text[at + len(mark) : at + len(mark) + 1]
    if mark not in _CLOSERS or (opened and opened not in "‘"):
        return mark == '"' and opened in {'"', "“"}  # reached when `_closes` found it to be an opening mark
    if mark == '"':
        return bool(behind) and not behind.isspace() and not (before.strip() and behind in _PUNCTUATION)
    if mark in "‘»›‹":
        return not opened and not before.isalnum() and behind.isalnum()
    return True


_BLANK_LINE_OR_INDENT = re.compile(r"\n(?:[ \t\r]*\n|[ \t]+)\s*")
_NEWLINE = re.compile(r"\n\s*")
_LONG_LINE = re.compile(r"[^\n]{101}")
_HARD_WRAP_USUAL = 40


def paragraph_starts(text: str) -> list[int]:
    """Offsets where paragraphs begin, 0 first: at newlines, in hard-wrapped text at blank or indented lines."""
    pattern = _BLANK_LINE_OR_INDENT if _is_hard_wrapped(text) else _NEWLINE
    return [0, *(match.end() for match in pattern.finditer(text) if match.end() < len(text))]


def _is_hard_wrapped(text: str) -> bool:
    """Lines of terminal width (all up to 100 characters, most over 40) are wrapped, not paragraphs."""
    if _LONG_LINE.search(text):
        return False
    lines = [len(line) for line in text.split("\n") if line.strip()]
    return len(lines) >= 4 and sum(length > _HARD_WRAP_USUAL for length in lines) > len(lines) / 2


_SENTENCE_END = re.compile(r"[.!?…][\"”’»)\]]*\s+|[。！？][」』”]*")
_SENTENCE_MARKS = frozenset(".!?…。！？")


def sentence_starts(text: str) -> list[int]:
    """Offsets where sentence-like units begin: behind [.!?] and a space, and at paragraphs."""
    ends = (_SENTENCE_END.match(text, at) for at in positions_of(text, _SENTENCE_MARKS))
    return sorted({*(end.end() for end in ends if end), *paragraph_starts(text)})


@lru_cache(maxsize=8)
def _table_of(characters: frozenset[str]) -> NDArray[np.bool_]:
    table = np.zeros(_CODE_POINTS, bool)
    table[[ord(c) for c in characters]] = True
    return table


def positions_of(text: str, characters: frozenset[str]) -> list[int]:
    """Where the characters stand; some ten times as fast as a regular expression that finds them."""
    found: list[int] = np.flatnonzero(_table_of(characters)[code_points(text)]).tolist()
    return found


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
