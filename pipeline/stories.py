"""Copy clusters, links and likeness -> stories: the articles on one news event.

In: nodes (copy clusters and lone articles), which of their articles share passages,
and how alike nodes are by their terms. Out: groups of nodes.

Most reports of one event share no sentence, so passages alone do not make stories.
Groups come from average linkage (Sokal and Michener 1958): the two groups whose
nodes are most alike on average are joined, again and again, as long as that mean
is high enough. So nothing chains: a round-up of the day's news is like one node of
each of many stories, and on average like none of them.
"""

from __future__ import annotations

import datetime as dt
import heapq
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from pipeline.params import MatchParams
    from pipeline.records import Link, MatchedArticle


# -------------------------------------------------------------- shared passages


def story_pairs(
    links: Iterable[Link],
    articles: Mapping[int, MatchedArticle],
    joins_none: Collection[int],
    params: MatchParams,
) -> set[tuple[int, int]]:
    """The pairs of articles that share enough to lie in one story.

    Links of a pair that overlap on either side count once, the longer one; together
    they have `story_min_tokens` or more. Left out are recycled links, links of
    articles further apart than `story_window_days`, and those named in `joins_none`
    by link_id.
    """
    window = dt.timedelta(days=params.story_window_days)
    by_pair: dict[tuple[int, int], list[Link]] = defaultdict(list)
    for link in links:
        if not link.recycled and link.link_id not in joins_none:
            by_pair[link.left_article_id, link.right_article_id].append(link)
    found = set()
    for (left, right), own in by_pair.items():
        one, other = articles[left].published, articles[right].published
        if one and other and one.gap(other) > window:
            continue
        if _covered_tokens(own) >= params.story_min_tokens:
            found.add((left, right))
    return found


def _covered_tokens(links: Iterable[Link]) -> int:
    counted: list[Link] = []
    by_place = sorted(links, key=lambda x: (x.left.raw_start, x.right.raw_start, x.left.raw_end, x.right.raw_end))
    for link in sorted(by_place, key=lambda x: -x.tokens):
        if not any(_overlap(link, other) for other in counted):
            counted.append(link)
    return sum(link.tokens for link in counted)


def _overlap(one: Link, other: Link) -> bool:
    sides = ((one.left, other.left), (one.right, other.right))
    return any(a.raw_start < b.raw_end and b.raw_start < a.raw_end for a, b in sides)


def wide_passages(places: Mapping[int, Iterable[int]], lead_of: Mapping[int, int], params: MatchParams) -> set[int]:
    """Passages that stand in more than `story_passage_nodes` nodes.

    Args:
        places: the articles of each passage.
        lead_of: the lead of each article that is in a copy cluster.
        params: `story_passage_nodes`.
    """
    return {
        passage for passage, members in places.items() if len({lead_of.get(k, k) for k in members}) > params.story_passage_nodes
    }


# --------------------------------------------------------------------- grouping


def components(nodes: int, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int32]:
    """A label for each of so many nodes; those that pairs connect have the same one."""
    graph = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(nodes, nodes))
    labels: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return labels


class Linkage:
    """Average linkage over so many nodes, numbered in an order that settles ties.

    Args:
        nodes: how many.
        likeness: of pairs (smaller number first); pairs that are not named are not alike at all.
        together: pairs that are in one group whatever their likeness.
        apart: pairs that are not, unless `together` says so.
    """

    def __init__(
        self,
        nodes: int,
        likeness: Mapping[tuple[int, int], int],
        together: Iterable[tuple[int, int]] = (),
        apart: Iterable[tuple[int, int]] = (),
    ) -> None:
        # A group is named by its smallest node.
        self._members: dict[int, list[int]] = {k: [k] for k in range(nodes)}
        self._sums: dict[int, dict[int, int]] = defaultdict(dict)
        self._apart: dict[int, set[int]] = defaultdict(set)
        for (one, other), score in likeness.items():
            self._sums[one][other] = self._sums[other][one] = score
        for one, other in apart:
            self._apart[one].add(other)
            self._apart[other].add(one)
        home = list(range(nodes))
        for one, other in together:
            kept, gone = sorted((home[one], home[other]))
            if kept != gone:
                for k in self._members[gone]:
                    home[k] = kept
                self._join(kept, gone)

    def groups(self, least: int) -> list[tuple[int, ...]]:
        """The groups when no two have a mean likeness of `least` or more; by their first nodes, each sorted."""
        heap = [self._entry(a, b) for a, row in self._sums.items() for b in row if a < b and self._is_near(a, b, least)]
        heapq.heapify(heap)
        while heap:
            _, a, b, first, second = heapq.heappop(heap)
            if self._sizes(a, b) != (first, second):
                continue  # one of them has been joined since
            self._join(a, b)
            for other in self._sums[a]:
                if self._is_near(a, other, least):
                    heapq.heappush(heap, self._entry(*sorted((a, other))))
        return [tuple(sorted(members)) for _, members in sorted(self._members.items())]

    def _entry(self, a: int, b: int) -> tuple[float, int, int, int, int]:
        first, second = self._sizes(a, b)
        return -self._sums[a][b] / (first * second), a, b, first, second

    def _sizes(self, a: int, b: int) -> tuple[int, int]:
        return len(self._members.get(a, ())), len(self._members.get(b, ()))

    def _is_near(self, a: int, b: int, least: int) -> bool:
        first, second = self._sizes(a, b)
        return self._sums[a][b] >= least * first * second and b not in self._apart.get(a, ())

    def _join(self, kept: int, gone: int) -> None:
        self._members[kept] += self._members.pop(gone)
        mine = self._sums[kept]
        mine.pop(gone, None)
        for other, total in self._sums.pop(gone, {}).items():
            if other != kept:
                row = self._sums[other]
                del row[gone]
                mine[other] = row[kept] = mine.get(other, 0) + total
        for other in self._apart.pop(gone, ()):
            self._apart[other].discard(gone)
            if other != kept:
                self._apart[other].add(kept)
                self._apart[kept].add(other)


def by_centrality(
    groups: Sequence[tuple[int, ...]], likeness: Mapping[tuple[int, int], int], order: Sequence[tuple[float, float, int]]
) -> list[tuple[int, ...]]:
    """Groups with their lead first: the node most like all others of its group, then the earliest. The rest by `order`."""
    home = {k: at for at, group in enumerate(groups) for k in group}
    sums = dict.fromkeys(home, 0)
    for (one, other), score in likeness.items():
        if home[one] == home[other]:
            sums[one] += score
            sums[other] += score
    ranked = []
    for group in groups:
        lead = min(group, key=lambda k: (-sums[k], order[k]))
        ranked.append((lead, *sorted((k for k in group if k != lead), key=lambda k: order[k])))
    return ranked
