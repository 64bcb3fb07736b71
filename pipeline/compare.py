"""Two texts next to each other: what they share in numbered passages, and which words of these differ.

In: two texts and the spans that they share. Out: rows for the eye. Each side of
the rows, put together, is the text again.
"""

from __future__ import annotations

import difflib
from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.layout import paragraph_starts
from pipeline.text import tokenize

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from pipeline.records import Tokens

Interval = tuple[int, int]

_ANCHORS_SOUGHT = 60
"""Words of a passage from which on it is divided at its unique words: `difflib` takes the square of the edits."""


class Shared(NamedTuple):
    """A passage that both texts hold: half-open code-point offsets in each."""

    left: Interval
    right: Interval


class Piece(NamedTuple):
    """A stretch of one text that looks the same throughout.

    Attributes:
        start, end: offsets in the text.
        passages: the numbers of the passages that it belongs to, in order; empty: it is not shared.
        differs: a word of a passage that the other side has not.
    """

    start: int
    end: int
    passages: tuple[int, ...]
    differs: bool


class Row(NamedTuple):
    """What stands next to each other: a passage (its number), or what lies between two (0); either side can be empty."""

    passage: int
    left: tuple[Piece, ...]
    right: tuple[Piece, ...]


class Comparison(NamedTuple):
    """The rows, and of each passage the words of each side that the other has not, as intervals."""

    rows: tuple[Row, ...]
    left_differing: tuple[tuple[Interval, ...], ...]
    right_differing: tuple[tuple[Interval, ...], ...]


def compare(left: str, right: str, shared: Sequence[Shared]) -> Comparison:
    """Puts two texts next to each other.

    Passages that come in the same order on both sides have a row each, with the
    punctuation next to them; one that crosses these stands wherever it is. Passage 1 is
    the first of `shared`. A word that stands in two passages differs if it does in both.

    Args:
        left: a text.
        right: the other one.
        shared: in any order; they may overlap on either side.
    """
    tokens = (tokenize(left), tokenize(right))
    matches = [_matching(*tokens, item) for item in shared]
    sides = []
    for side, text in enumerate((left, right)):
        spans = [item[side] for item in shared]
        same = [tokens[side].starts[found[side]].tolist() for found in matches]
        sides.append(_Side(text, tokens[side], spans, same))
    anchors = _anchors(shared)
    cuts = [_row_cuts(text, [shared[anchor][side] for anchor in anchors]) for side, text in enumerate((left, right))]
    pieces = [side.pieces(at) for side, at in zip(sides, cuts, strict=True)]
    numbers = [n for anchor in anchors for n in (0, anchor + 1)] + [0]
    rows = [
        Row(number, _between(pieces[0], *cuts[0][k : k + 2]), _between(pieces[1], *cuts[1][k : k + 2]))
        for k, number in enumerate(numbers)
    ]
    return Comparison(tuple(row for row in rows if row.left or row.right), *(side.differing for side in sides))


class _Side:
    """One text, its passages, and which of its words the other side has."""

    def __init__(self, text: str, tokens: Tokens, spans: Sequence[Interval], same: Sequence[Sequence[int]]) -> None:
        self._text = text
        self._spans = spans
        self._starts, self._ends = tokens.starts.tolist(), tokens.ends.tolist()
        self._same = [set(starts) for starts in same]
        self.differing = tuple(tuple(self._joined(k)) for k in range(len(spans)))

    def _joined(self, number: int) -> Iterable[Interval]:
        """The words of a passage that the other side has not; neighbours are one interval."""
        since: int | None = None
        until = 0
        for k in range(*_inside(self._starts, self._spans[number])):
            if self._starts[k] not in self._same[number]:
                since = self._starts[k] if since is None else since
                until = min(self._ends[k], self._spans[number][1])
            elif since is not None:
                yield since, until
                since = None
        if since is not None:
            yield since, until

    def pieces(self, cuts: Sequence[int]) -> list[Piece]:
        """The text in pieces, cut at least at `cuts` and where paragraphs begin."""
        differing = [interval for intervals in self.differing for interval in intervals]
        bounds = {0, len(self._text), *cuts, *paragraph_starts(self._text)}
        bounds.update(at for interval in (*self._spans, *differing) for at in interval)
        ordered = sorted(bounds)
        found = []
        for start, end in pairwise(ordered):
            within = tuple(k for k, (a, b) in enumerate(self._spans) if a <= start and end <= b)
            apart = bool(within) and all(any(a <= start and end <= b for a, b in self.differing[k]) for k in within)
            found.append(Piece(start, end, tuple(k + 1 for k in within), apart))
        return found


def _inside(starts: Sequence[int], span: Interval) -> tuple[int, int]:
    """The first token of a span, and the first behind it."""
    return bisect_right(starts, span[0] - 1), bisect_right(starts, span[1] - 1)


def _matching(left: Tokens, right: Tokens, item: Shared) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The tokens of a passage that are the same on both sides, in order, as indices of both."""
    (a, b), (c, d) = (_inside(tokens.starts.tolist(), span) for tokens, span in ((left, item.left), (right, item.right)))
    found: list[Interval] = []
    _match(left.hashes[a:b].tolist(), right.hashes[c:d].tolist(), a, c, found)
    indices = np.array(found, np.int64).reshape(-1, 2)
    return indices[:, 0], indices[:, 1]


def _match(one: list[int], other: list[int], a: int, b: int, found: list[Interval]) -> None:
    """Adds the pairs of positions (from `a` and `b` on) that a longest common order of words matches, about.

    What is the same at the beginning and at the end is taken off; what is still long is
    divided at the words that stand once on each side (patience diff, Cohen).
    """
    shorter = min(len(one), len(other))
    head = next((k for k in range(shorter) if one[k] != other[k]), shorter)
    tail = next((k for k in range(shorter - head) if one[-1 - k] != other[-1 - k]), shorter - head)
    found.extend((a + k, b + k) for k in range(head))
    _match_middle(one[head : len(one) - tail], other[head : len(other) - tail], a + head, b + head, found)
    found.extend((a + len(one) - k, b + len(other) - k) for k in range(tail, 0, -1))


def _match_middle(one: list[int], other: list[int], a: int, b: int, found: list[Interval]) -> None:
    anchors = _unique_common(one, other) if max(len(one), len(other)) >= _ANCHORS_SOUGHT else []
    if not anchors:
        blocks = difflib.SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
        found.extend((a + i + k, b + j + k) for i, j, size in blocks for k in range(size))
        return
    i = j = 0
    for x, y in [*anchors, (len(one), len(other))]:
        _match(one[i:x], other[j:y], a + i, b + j, found)
        if x < len(one):
            found.append((a + x, b + y))
        i, j = x + 1, y + 1


def _unique_common(one: Sequence[int], other: Sequence[int]) -> list[Interval]:
    """Positions of words that stand once on each side, the longest order of them that is the same on both."""
    places = {word: k for k, word in enumerate(other)}
    once, once_there = _once(one), _once(other)
    pairs = [(k, places[word]) for k, word in enumerate(one) if word in once and word in once_there]
    tails: list[int] = []  # the least last place of orders of each length (patience sorting)
    piles: list[int] = []
    for _, y in pairs:
        pile = bisect_right(tails, y)
        tails[pile : pile + 1] = [y]
        piles.append(pile)
    chosen: list[Interval] = []
    wanted = len(tails) - 1
    for pair, pile in zip(reversed(pairs), reversed(piles), strict=True):
        if pile == wanted and (not chosen or pair[1] < chosen[-1][1]):
            chosen.append(pair)
            wanted -= 1
    return chosen[::-1]


def _once(words: Sequence[int]) -> set[int]:
    seen: set[int] = set()
    again: set[int] = set()
    for word in words:
        (again if word in seen else seen).add(word)
    return seen - again


def _anchors(shared: Sequence[Shared]) -> list[int]:
    """The passages that get rows of their own: in order and apart on both sides, as many characters as possible."""
    order = sorted(range(len(shared)), key=lambda k: (shared[k].left, shared[k].right))
    best: dict[int, tuple[int, int | None]] = {}
    for at, k in enumerate(order):
        before = [j for j in order[:at] if shared[j].left[1] <= shared[k].left[0] and shared[j].right[1] <= shared[k].right[0]]
        top = max(before, key=lambda j: best[j][0], default=None)
        weight = shared[k].left[1] - shared[k].left[0] + shared[k].right[1] - shared[k].right[0]
        best[k] = (weight + (best[top][0] if top is not None else 0), top)
    chosen = []
    at_last = max(best, key=lambda k: best[k][0], default=None)
    while at_last is not None:
        chosen.append(at_last)
        at_last = best[at_last][1]
    return chosen[::-1]


def _row_cuts(text: str, spans: Sequence[Interval]) -> list[int]:
    """Where rows begin and end on one side: at passages, with the punctuation that stands next to them."""
    cuts = [0]
    for k, (start, end) in enumerate(spans):
        last = spans[k + 1][0] if k + 1 < len(spans) else len(text)
        first_blank = next((at for at in range(end, last) if not _is_punctuation(text[at])), last)
        last_blank = next((at for at in range(start, cuts[-1], -1) if not _is_punctuation(text[at - 1])), cuts[-1])
        cuts += [last_blank, first_blank]
    return [*cuts, len(text)]


def _is_punctuation(character: str) -> bool:
    return not character.isalnum() and not character.isspace()


def _between(pieces: Sequence[Piece], start: int, end: int) -> tuple[Piece, ...]:
    return tuple(piece for piece in pieces if start <= piece.start and piece.end <= end)
