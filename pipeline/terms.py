"""Articles -> their terms, and how alike two articles are by them.

In: tokens, text and title of an article. Out: its terms with their weights, and,
for many articles, the pairs whose weighted terms point the same way (TF-IDF and
cosine: Salton and Buckley 1988). Reports of one event that share no sentence share
names, places and rare words.

All sums are of integers, so that a likeness depends on its two articles and the
frozen frequencies and on nothing else, such as what else is in a batch.
"""

from __future__ import annotations

import math
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from pipeline.records import TERM_BITS, Frequencies
from pipeline.text import tokenize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pipeline.records import Tokens

LEAD_TOKENS, STORY_TOKENS = 100, 400
"""Tokens at the beginning that count double, and those that count at all. News puts first what is new; with all
tokens, B-cubed F1 of stories is .02 lower on basil, with 200 tokens .01 lower on fnc1-train."""

TITLE_WEIGHT = 3
"""Weight of a token of the title: as if it stood three times in the text."""

CAPITAL_WEIGHT = 2
"""Weight of a token that begins with a capital: names tell events apart (+.003 on basil and fnc1-train)."""

PRIOR_DOCUMENTS = 500
"""How many documents the shipped frequencies count as, beside those of a store: few enough for a store of 2,000 to
speak for itself, enough for one of 20 to know which words are common. Chosen on basil and fnc1-train, like the next."""

RAREST = 0.003
"""Words in a smaller share of documents weigh no more: whether one stands in 3 or 30 of 100,000 says little."""

COMMON = 0.2
"""Words in a larger share of documents say nothing: it moves F1 on basil and fnc1-train by .001, and takes away the
hundred words that most of the products are made of."""

ONE = 1 << 30
"""The likeness of an article with itself."""

_UNIT = 1 << 15  # length of a weighted vector; its square is ONE
_IDF_STEP = 256
_COUNT_STEP = 64
_MOST_COUNTED = 255
_MANY_TERMS = 200_000  # from here on a table of all 16 million hashes (64 MB, 20 ms) is faster than a binary search

# Sublinear counts: 1 + ln(count), for a weight from 0 (no term) to 255.
_COUNTED = np.array([0, *np.rint(_COUNT_STEP * (1 + np.log(np.arange(1, _MOST_COUNTED + 1))))], np.int64)


def article_terms(tokens: Tokens, raw_text: str, title: str | None) -> NDArray[np.uint32]:
    """The terms of an article, sorted: a hash of `TERM_BITS` bits each, and its weighted count in the low 8 bits.

    Args:
        tokens: what is matched of the text.
        raw_text: the text that the offsets of tokens count in.
        title: the title, if it stands beside the text.
    """
    body = tokens.hashes[:STORY_TOKENS]
    weights = np.ones(len(body), np.int64)
    weights[:LEAD_TOKENS] = 2
    weights[[raw_text[start].isupper() for start in tokens.starts[:STORY_TOKENS].tolist()]] *= CAPITAL_WEIGHT
    heading = tokenize(title, ()).hashes if title else body[:0]
    hashes = np.concatenate((body, heading)) >> np.uint32(32 - TERM_BITS)
    unique, inverse = np.unique(hashes, return_inverse=True)
    counts = np.bincount(inverse, np.concatenate((weights, np.full(len(heading), TITLE_WEIGHT))), len(unique))
    terms: NDArray[np.uint32] = unique << np.uint32(8) | np.minimum(counts, _MOST_COUNTED).astype(np.uint32)
    return terms


# ------------------------------------------------------------------ frequencies


@cache
def shipped() -> Frequencies:
    """The frequencies that come with the package: English news, 2015 to 2018."""
    return Frequencies.from_bytes(resources.files("pipeline").joinpath("frequencies.bin").read_bytes())


def count_documents(terms: Sequence[NDArray[np.uint32]]) -> Frequencies:
    """In how many of these articles each term stands; those of a single one are left out."""
    every = np.concatenate(terms) >> np.uint32(8) if terms else np.zeros(0, np.uint32)
    unique, counts = np.unique(every, return_counts=True)
    return Frequencies(len(terms), unique[counts > 1].astype(np.uint32), counts[counts > 1].astype(np.uint32))


class Rarities(NamedTuple):
    """How much terms say: -ln of the share of documents that each stands in; terms that are not named are the rarest.

    Attributes:
        terms: uint32, sorted.
        says: int64.
    """

    terms: NDArray[np.uint32]
    says: NDArray[np.int64]


def rarity(own: Frequencies) -> Rarities:
    """How much terms say in a store.

    Args:
        own: of the articles that are stored; of no document if they have not been counted.
    """
    prior = shipped()
    known = np.union1d(prior.terms, own.terms)
    share = np.zeros(len(known))
    share[np.searchsorted(known, prior.terms)] = prior.counts * (PRIOR_DOCUMENTS / prior.documents)
    share[np.searchsorted(known, own.terms)] += own.counts
    share /= own.documents + PRIOR_DOCUMENTS
    says = np.rint(-_IDF_STEP * np.log(np.clip(share, RAREST, 1.0))).astype(np.int64)
    says[share > COMMON] = 0
    return Rarities(known, says)


def _look_up(terms: NDArray[np.uint32], known: NDArray[np.uint32], values: NDArray[np.int64], other: int) -> NDArray[np.int64]:
    """The value of each term, `other` where it is not among the known ones, which are sorted."""
    if len(terms) > _MANY_TERMS:
        table = np.full(1 << TERM_BITS, other, np.int32)
        table[known] = values
        return table[terms].astype(np.int64)
    if not len(known):
        return np.full(len(terms), other, np.int64)
    at = np.minimum(np.searchsorted(known, terms), len(known) - 1)
    return np.where(known[at] == terms, values[at], other)


# --------------------------------------------------------------------- likeness


class Vectors(NamedTuple):
    """The weighted terms of n articles.

    Attributes:
        terms: uint32, hashes of `TERM_BITS` bits; article k has those from offsets[k] to offsets[k + 1], sorted.
        weights: int32, one a term; the squares of an article's weights add up to about `ONE`.
        offsets: int64, n + 1 of them.
    """

    terms: NDArray[np.uint32]
    weights: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        """Those of some articles, in this order."""
        lengths = np.diff(self.offsets)[rows]
        offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
        places = np.repeat(self.offsets[rows] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Vectors(self.terms[places], self.weights[places], offsets)


def weigh(terms: Sequence[NDArray[np.uint32]], rarities: Rarities) -> Vectors:
    """The vectors of articles.

    Args:
        terms: from `article_terms`, one an article.
        rarities: from `rarity`.
    """
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum([len(own) for own in terms], dtype=np.int64)))
    every = np.concatenate(terms) if terms else np.zeros(0, np.uint32)
    hashes = every >> np.uint32(8)
    says = _look_up(hashes, rarities.terms, rarities.says, round(-_IDF_STEP * math.log(RAREST)))
    weights = _COUNTED[every & np.uint32(_MOST_COUNTED)] * says
    kept = weights > 0
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(kept)))[offsets]
    hashes, weights = hashes[kept], weights[kept]
    squares = np.concatenate((np.zeros(1, np.int64), np.cumsum(weights * weights)))  # below 2**63 up to a million articles
    lengths = np.sqrt((squares[offsets[1:]] - squares[offsets[:-1]]).astype(np.float64))
    scaled = np.rint(weights * np.repeat(_UNIT / np.maximum(lengths, 1.0), np.diff(offsets)))
    return Vectors(hashes, scaled.astype(np.int32), offsets)


def alike(some: Vectors, others: Vectors, least: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The pairs of one of `some` and one of `others` whose likeness is `least` or more.

    Returns:
        the index into `some`, the index into `others`, and the likeness: 0 to about `ONE`.
    """
    known = np.unique(some.terms)
    found = (_matrix(some, known) @ _matrix(others, known).T.tocsr()).tocoo()
    enough = found.data >= least
    return found.row[enough].astype(np.int64), found.col[enough].astype(np.int64), found.data[enough].astype(np.int64)


def _matrix(vectors: Vectors, known: NDArray[np.uint32]) -> csr_array:
    columns = _look_up(vectors.terms, known, np.arange(len(known)), -1)
    here = columns >= 0
    before = np.concatenate((np.zeros(1, np.int64), np.cumsum(here)))
    return csr_array((vectors.weights[here], columns[here], before[vectors.offsets]), shape=(len(vectors), len(known)))
