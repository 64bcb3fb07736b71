r"""What others would do with the same articles: baselines for `accuracy.py`.

* exact matching: all runs of 12 equal words, whatever stands between them;
* document MinHash: 5-word shingles, 128 permutations, LSH at Jaccard 0.5 (datasketch);
* TF-IDF: sublinear, title three times, average linkage at cosine distance 0.80.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from datasketch import MinHash, MinHashLSH
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import csr_array
from throughput import PERMUTATIONS, SHINGLE_WORDS, THRESHOLD

from pipeline.text import shingle_hashes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from metrics import ArticlePair, Passages
    from numpy.typing import NDArray

    from pipeline.records import Tokens

RUN = 12
"""Words in a run, as in the gold."""

FREQUENT = 50
"""A run of words in more articles is left out, as in the gold."""

LINKAGE_DISTANCE = 0.80
TITLE_TIMES = 3
LEAST_TEXTS, MOST_TEXTS = 2, 0.5
"""Texts that a word must stand in, and the share of all that it may. Without them basil has B-cubed F1 of .91 for .94."""

_WORD = re.compile(r"\w+")
_LONG_WORD = re.compile(r"\w\w+")


# --------------------------------------------------------------- exact matching


def exact_matches(names: Sequence[str], tokens: Sequence[Tokens]) -> Passages:
    """All maximal runs of 12 words and more that two articles share, in characters."""
    found: Passages = {}
    for one, i, other, j, length in _runs(*_matches(tokens)):
        (a, x), (b, y) = sorted(((names[one], (one, i)), (names[other], (other, j))))
        left, right = ((int(tokens[k].starts[at]), int(tokens[k].ends[at + length - 1])) for k, at in (x, y))
        found.setdefault((a, b), []).append((left, right))
    return found


def _matches(tokens: Sequence[Tokens]) -> tuple[NDArray[np.int64], ...]:
    """(one, i, other, j) for all positions of two articles that begin the same 12 words; one < other."""
    sizes = [max(0, len(x) - RUN + 1) for x in tokens]
    keys = np.concatenate([shingle_hashes(x.hashes, RUN) for x in tokens])
    owner = np.repeat(np.arange(len(tokens), dtype=np.int32), sizes)
    at = (np.arange(len(keys)) - np.repeat(np.cumsum(sizes) - sizes, sizes)).astype(np.int32)
    order = np.argsort(keys, kind="stable")
    keys, owner, at = keys[order], owner[order], at[order]
    first = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    count = np.diff(first, append=len(keys))
    fresh = np.concatenate(([True], owner[1:] != owner[:-1]))
    fresh[first] = True
    articles = np.add.reduceat(fresh.astype(np.int64), first)
    chosen = (articles > 1) & (articles <= FREQUENT)
    first, count = first[chosen], count[chosen]
    entry = np.arange(int(count.sum())) + np.repeat(first - (np.cumsum(count) - count), count)
    behind = np.repeat(first + count, count) - entry
    parts = [(owner[:0], at[:0], owner[:0], at[:0])]
    step = 1
    while len(entry):
        more = behind > step
        entry, behind = entry[more], behind[more]
        apart = entry[owner[entry] != owner[entry + step]]
        parts.append((owner[apart], at[apart], owner[apart + step], at[apart + step]))
        step += 1
    return tuple(np.concatenate(column).astype(np.int64) for column in zip(*parts, strict=True))


def _runs(
    one: NDArray[np.int64], i: NDArray[np.int64], other: NDArray[np.int64], j: NDArray[np.int64]
) -> Iterator[tuple[int, int, int, int, int]]:
    """(one, i, other, j, words) of each run of matches on one diagonal."""
    order = np.lexsort((i, i - j, other, one))
    one, i, other, j = one[order], i[order], other[order], j[order]
    opens = np.ones(len(one), bool)
    opens[1:] = (one[1:] != one[:-1]) | (other[1:] != other[:-1]) | (i[1:] != i[:-1] + 1) | (j[1:] != j[:-1] + 1)
    first = np.flatnonzero(opens)
    length = np.diff(first, append=len(one)) + RUN - 1
    columns = (one[first], i[first], other[first], j[first], length)
    yield from zip(*(column.tolist() for column in columns), strict=True)


# ------------------------------------------------------------- document MinHash


def minhash_pairs(texts: Mapping[str, str]) -> set[ArticlePair]:
    """Pairs that LSH proposes, taken as they come."""
    lsh = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS)
    found: set[ArticlePair] = set()
    for key, text in texts.items():
        words = _WORD.findall(text.lower())
        sketch = MinHash(num_perm=PERMUTATIONS)
        sketch.update_batch({" ".join(words[k : k + SHINGLE_WORDS]).encode() for k in range(len(words) - SHINGLE_WORDS + 1)})
        found |= {(min(key, other), max(key, other)) for other in lsh.query(sketch)}
        lsh.insert(key, sketch)
    return found


def components(pairs: set[ArticlePair]) -> dict[str, str]:
    """The connected component of each article that has a pair, named after one of its articles."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for one, other in sorted(pairs):
        parent[root(one)] = root(other)
    return {key: root(key) for key in list(parent)}


# ------------------------------------------------------------------------ TF-IDF


def linked_stories(articles: Mapping[str, tuple[str, str]]) -> dict[str, int]:
    """Stories of all articles, given as title and text by id; a dense matrix of distances, so for thousands."""
    vectors = _tf_idf([" ".join([title] * TITLE_TIMES + [text]) for title, text in articles.values()])
    distances = 1.0 - (vectors @ vectors.T).toarray()
    upper = distances[np.triu_indices(len(distances), 1)].clip(0.0)
    labels = fcluster(linkage(upper, "average"), LINKAGE_DISTANCE, "distance")
    return dict(zip(articles, labels.tolist(), strict=True))


def _tf_idf(texts: Sequence[str]) -> csr_array:
    """Rows of length 1: (1 + ln tf) times (1 + ln of (1 + n) over (1 + df)); rare and common words are left out."""
    vocabulary: dict[str, int] = {}
    columns: list[int] = []
    ends = [0]
    for text in texts:
        columns += [vocabulary.setdefault(word, len(vocabulary)) for word in _LONG_WORD.findall(text.lower())]
        ends.append(len(columns))
    counts = csr_array((np.ones(len(columns)), np.array(columns, np.int64), np.array(ends)), (len(texts), len(vocabulary)))
    counts.sum_duplicates()
    frequency = np.bincount(counts.indices, minlength=len(vocabulary))
    weights = 1 + np.log((1 + len(texts)) / (1 + frequency))
    weights[(frequency < LEAST_TEXTS) | (frequency > MOST_TEXTS * len(texts))] = 0.0
    counts.data = (1 + np.log(counts.data)) * weights[counts.indices]
    norms = np.sqrt(counts.multiply(counts).sum(axis=1))
    counts.data /= np.repeat(np.where(norms, norms, 1.0), np.diff(counts.indptr))
    return counts
