"""Figures of accuracy: passages as the PAN evaluation counts them, pairs of articles, clusters.

Passages: Potthast, Stein, Barron-Cedeno, Rosso, "An Evaluation Framework for
Plagiarism Detection", COLING 2010. Clusters: Bagga, Baldwin, "Entity-Based
Cross-Document Coreferencing Using the Vector Space Model", 1998 (B-cubed);
Hubert, Arabie, "Comparing Partitions", 1985 (adjusted Rand index).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

Span = tuple[int, int]
SpanPair = tuple[Span, Span]
ArticlePair = tuple[str, str]
"""Two articles; the smaller id stands first, and its span first in a `SpanPair`."""

Passages = dict[ArticlePair, list[SpanPair]]


def ratio(part: float, whole: float) -> float | None:
    """None where there is nothing to divide by."""
    return part / whole if whole else None


@dataclass(frozen=True)
class Score:
    """Precision and recall; None where there is nothing to measure.

    Attributes:
        granularity: detections of a gold passage that is detected at all; 1 is best.
        ari: adjusted Rand index, of clusters only.
    """

    precision: float | None
    recall: float | None
    granularity: float | None = None
    ari: float | None = None

    @property
    def f1(self) -> float | None:
        """The harmonic mean."""
        if self.precision is None or self.recall is None:
            return None
        return ratio(2 * self.precision * self.recall, self.precision + self.recall) or 0.0

    @property
    def plagdet(self) -> float | None:
        """F1 over log2(1 + granularity)."""
        if self.f1 is None or self.granularity is None:
            return None
        return self.f1 / math.log2(1 + self.granularity)


# -------------------------------------------------------------------- passages


@dataclass
class _Counts:
    """Characters of one kind (all, quoted, unquoted); detected: gold passages, detections: of these."""

    gold: int = 0
    found: int = 0
    hit: int = 0
    detected: int = 0
    detections: int = 0

    def score(self) -> Score:
        return Score(ratio(self.hit, self.found), ratio(self.hit, self.gold), ratio(self.detections, self.detected))


def passage_scores(gold: Passages, found: Passages, quoted: Callable[[str], NDArray[np.bool_]]) -> dict[str, Score]:
    """Scores of detections, micro-averaged, for all characters, quoted ones, unquoted ones; and macro-averaged.

    A detection detects a gold passage if the two overlap on both sides; only then
    do common characters count. Micro: over all characters, each once for each pair
    of articles and side. Macro: the mean over gold passages (recall) and over
    detections (precision). Quoted and unquoted: only such characters are counted;
    granularity there is of gold passages that are mostly quoted, or are not.

    Args:
        gold: passages by pair of articles.
        found: detections, likewise.
        quoted: by article, for each character whether it is quoted.
    """
    counts = {"all": _Counts(), "quoted": _Counts(), "unquoted": _Counts()}
    shares: tuple[list[float], list[float]] = ([], [])
    for pair in sorted(gold.keys() | found.keys()):
        wanted, detections = gold.get(pair, []), found.get(pair, [])
        met = [(g, f) for g, one in enumerate(wanted) for f, other in enumerate(detections) if _meet(one, other)]
        common = [tuple(_common(wanted[g][side], detections[f][side]) for side in (0, 1)) for g, f in met]
        for side in (0, 1):
            spans = [x[side] for x in (*wanted, *detections)]
            first, last = min(s for s, _ in spans), max(e for _, e in spans)
            marks = quoted(pair[side])[first:last]
            lines = [_mark(first, last, [x[side] for x in some]) for some in (wanted, detections, common)]
            for name, chosen in (("all", None), ("quoted", marks), ("unquoted", ~marks)):
                sums = [int(np.count_nonzero(line if chosen is None else line & chosen)) for line in lines]
                counts[name].gold += sums[0]
                counts[name].found += sums[1]
                counts[name].hit += sums[2]
        for number, times in Counter(g for g, _ in met).items():
            kind = "quoted" if _mostly_quoted(pair, wanted[number], quoted) else "unquoted"
            for name in ("all", kind):
                counts[name].detected += 1
                counts[name].detections += times
        for at, items in enumerate((wanted, detections)):
            for number, item in enumerate(items):
                own = [common[k] for k, indices in enumerate(met) if indices[at] == number]
                shares[at].append(_covered(own) / _size(item))
    scores = {name: item.score() for name, item in counts.items()}
    macro = Score(*(ratio(sum(shares[at]), len(shares[at])) for at in (1, 0)), granularity=scores["all"].granularity)
    return scores | {"macro": macro}


def _meet(one: SpanPair, other: SpanPair) -> bool:
    return all(a[0] < b[1] and b[0] < a[1] for a, b in zip(one, other, strict=True))


def _common(one: Span, other: Span) -> Span:
    return max(one[0], other[0]), min(one[1], other[1])


def _size(item: SpanPair) -> int:
    return sum(end - start for start, end in item)


def _covered(items: Iterable[tuple[Span, ...]]) -> int:
    items = list(items)
    return sum(union_length(x[side] for x in items) for side in (0, 1))


def union_length(spans: Iterable[Span]) -> int:
    """Characters in at least one of the spans."""
    total = reached = 0
    for start, end in sorted(spans):
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _mark(first: int, last: int, spans: Iterable[Span]) -> NDArray[np.bool_]:
    line = np.zeros(last - first, bool)
    for start, end in spans:
        line[start - first : end - first] = True
    return line


def _mostly_quoted(pair: ArticlePair, item: SpanPair, quoted: Callable[[str], NDArray[np.bool_]]) -> bool:
    inside = sum(int(np.count_nonzero(quoted(pair[side])[slice(*item[side])])) for side in (0, 1))
    return 2 * inside > _size(item)


def beyond_gold(gold: Passages, found: Passages) -> dict[str, float]:
    """Shares of the detected characters, by what they are to the gold.

    Returns:
        `gold`: characters of it; `around gold`: of detections that meet a gold passage
        and run over it; `beside gold`: of others in a pair that has gold; `no gold`: in
        pairs without.
    """
    sizes = dict.fromkeys(("gold", "around gold", "beside gold", "no gold"), 0)
    for pair, detections in found.items():
        wanted = gold.get(pair, [])
        meeting = [x for x in detections if any(_meet(x, y) for y in wanted)]
        hits = [(_common(x[0], y[0]), _common(x[1], y[1])) for x in meeting for y in wanted if _meet(x, y)]
        hit, near, every = (_covered(items) for items in (hits, meeting, detections))
        sizes["gold"] += hit
        sizes["around gold"] += near - hit
        sizes["beside gold" if wanted else "no gold"] += every - near
    total = sum(sizes.values())
    return {name: size / total if total else 0.0 for name, size in sizes.items()}


@dataclass(frozen=True)
class Coverage:
    """How much gold the detections of a pair cover, wherever they lead to, where text was left to be matched.

    Attributes:
        recall: of the gold characters that were neither cut nor masked.
        excluded: share of the gold characters that were.
    """

    recall: float | None
    excluded: float | None


def coverage(gold: Passages, found: Passages, removed: Mapping[str, Sequence[Span]]) -> Coverage:
    """What `recall` and `excluded` of score_corpus.py are: one side's characters count whatever the other side is."""
    kept = cut = hit = 0
    for pair, wanted in gold.items():
        for side in (0, 1):
            first, last = min(x[side][0] for x in wanted), max(x[side][1] for x in wanted)
            line = _mark(first, last, (x[side] for x in wanted))
            inside = [(max(s, first), min(e, last)) for s, e in removed.get(pair[side], ()) if s < last and e > first]
            open_to_us = line & ~_mark(first, last, inside)
            near = [(max(s, first), min(e, last)) for s, e in (x[side] for x in found.get(pair, ())) if s < last and e > first]
            kept += int(np.count_nonzero(open_to_us))
            cut += int(np.count_nonzero(line)) - int(np.count_nonzero(open_to_us))
            hit += int(np.count_nonzero(open_to_us & _mark(first, last, near)))
    return Coverage(ratio(hit, kept), ratio(cut, cut + kept))


# ----------------------------------------------------------------------- pairs


def pair_score(gold: Collection[ArticlePair], found: Collection[ArticlePair]) -> Score:
    """Of pairs of articles."""
    both = len(set(gold) & set(found))
    return Score(ratio(both, len(found)), ratio(both, len(gold)))


# -------------------------------------------------------------------- clusters


def cluster_scores(gold: Mapping[str, Hashable], found: Mapping[str, Hashable | None]) -> dict[str, Score]:
    """B-cubed and pairwise scores of a partition, over the articles that have a gold class.

    Args:
        gold: the class of each article.
        found: the cluster of each; None or missing: it is alone.
    """
    label = {k: ("alone", k) if found.get(k) is None else ("in", found[k]) for k in gold}
    both = Counter((gold[k], label[k]) for k in gold)
    classes, clusters = Counter(gold.values()), Counter(label.values())
    n = len(gold)
    precision = ratio(sum(size * size / clusters[c] for (_, c), size in both.items()), n)
    recall = ratio(sum(size * size / classes[g] for (g, _), size in both.items()), n)
    same, in_gold, in_found = (sum(math.comb(size, 2) for size in counted.values()) for counted in (both, classes, clusters))
    expected = in_gold * in_found / math.comb(n, 2) if n > 1 else 0.0
    ari = ratio(same - expected, (in_gold + in_found) / 2 - expected)
    return {"b-cubed": Score(precision, recall, ari=ari), "pairwise": Score(ratio(same, in_found), ratio(same, in_gold))}
