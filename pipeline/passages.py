"""Links -> passages: what text stands where, for people to look at.

In: links and their articles' times. Out: passages, each with its places and the
part each place plays. Nothing is decided on them but that a passage which stands
in too many places joins no stories.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.records import Occurrence, Passage, Span, time_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from pipeline.params import MatchParams
    from pipeline.records import Kind, Link, MatchedArticle, Published, Role

Place = tuple[int, Span]


def overlap_components(links: Sequence[Link]) -> NDArray[np.int64]:
    """A number for each link, equal where links hang together over overlapping places of an article.

    Two links can only meet in one passage if they are in one component, so
    passages can be formed component by component.
    """
    if not links:
        return np.zeros(0, np.int64)
    articles = np.array([(x.left_article_id, x.right_article_id) for x in links], np.int64).T.reshape(-1)
    starts = np.array([(x.left.raw_start, x.right.raw_start) for x in links], np.int64).T.reshape(-1)
    ends = np.array([(x.left.raw_end, x.right.raw_end) for x in links], np.int64).T.reshape(-1)
    rank = np.unique(articles, return_inverse=True)[1]
    scale = int(ends.max()) + 1
    order = np.lexsort((starts, rank))
    reached = np.maximum.accumulate((rank * scale + ends)[order])
    opens = np.ones(len(order), bool)
    opens[1:] = (rank * scale + starts)[order][1:] >= reached[:-1]
    place = np.empty(len(order), np.int64)
    place[order] = np.cumsum(opens) - 1
    count, half = int(place.max()) + 1, len(links)
    graph = coo_array((np.ones(half, bool), (place[:half], place[half:])), shape=(count, count))
    component: NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)[place[:half]]
    return component


def form_passages(links: Sequence[Link], articles: Mapping[int, MatchedArticle], params: MatchParams) -> list[Passage]:
    """The passages of links, those of most tokens first.

    Args:
        links: all links of one or more overlap components.
        articles: the articles they name.
        params: `passage_inside`, `recycled_after_days`.
    """
    in_time = sorted(articles, key=lambda k: time_key(articles[k].published, k))
    rank = {article_id: at for at, article_id in enumerate(in_time)}
    heads = [_earlier(link, rank) for link in links]
    keys = [
        (-link.tokens, rank[article_id], span.raw_start, span.raw_end, link.link_id)
        for link, (article_id, span) in zip(links, heads, strict=True)
    ]
    waiting = _Waiting(links)
    passages = []
    for at in sorted(range(len(links)), key=keys.__getitem__):
        if waiting.holds(links[at]):
            taken = _take_members(heads[at], waiting, params.passage_inside)
            passages.append(_passage(heads[at], taken, articles, rank, params))
    return passages


def _earlier(link: Link, rank: Mapping[int, int]) -> Place:
    if rank[link.left_article_id] < rank[link.right_article_id]:
        return link.left_article_id, link.left
    return link.right_article_id, link.right


class _Waiting:
    """The links that are in no passage yet, by article and by the article at their other end."""

    def __init__(self, links: Sequence[Link]) -> None:
        self._ids = {link.link_id for link in links}
        self._ends: dict[int, dict[int, dict[int, Link]]] = defaultdict(lambda: defaultdict(dict))
        for link in links:
            self._ends[link.left_article_id][link.right_article_id][link.link_id] = link
            self._ends[link.right_article_id][link.left_article_id][link.link_id] = link

    def holds(self, link: Link) -> bool:
        return link.link_id in self._ids

    def at(self, article_id: int) -> list[Link]:
        return [link for links in self._ends[article_id].values() for link in links.values()]

    def between(self, places: Mapping[int, object]) -> list[Link]:
        """The links with both ends in articles of `places`, each once."""
        return [
            link
            for one in places
            for other in self._ends[one].keys() & places.keys()
            if one < other
            for link in self._ends[one][other].values()
        ]

    def take(self, link: Link) -> None:
        self._ids.discard(link.link_id)
        for one, other in ((link.left_article_id, link.right_article_id), (link.right_article_id, link.left_article_id)):
            own = self._ends[one]
            own[other].pop(link.link_id, None)
            if not own[other]:
                del own[other]


def _take_members(head: Place, waiting: _Waiting, inside: float) -> list[Link]:
    """Takes out of `waiting` the links that show the head's text, directly or between two of its places."""
    article_id, span = head
    taken = []
    places: dict[int, list[Span]] = defaultdict(list, {article_id: [span]})
    for link in waiting.at(article_id):
        is_left = link.left_article_id == article_id
        own, other = (link.left, link.right) if is_left else (link.right, link.left)
        if _is_inside(own, span, inside):
            taken.append(link)
            places[link.right_article_id if is_left else link.left_article_id].append(other)
    for link in taken:
        waiting.take(link)
    between = waiting.between(places)
    whole = {k: [place for place, _ in _merge([(span, 0.0) for span in spans])] for k, spans in places.items()} if between else {}
    for link in between:
        left, right = whole[link.left_article_id], whole[link.right_article_id]
        if any(_is_inside(link.left, p, inside) for p in left) and any(_is_inside(link.right, p, inside) for p in right):
            taken.append(link)
            waiting.take(link)
    return taken


def _is_inside(span: Span, other: Span, inside: float) -> bool:
    common = min(span.raw_end, other.raw_end) - max(span.raw_start, other.raw_start)
    return common >= inside * (span.raw_end - span.raw_start)


# ----------------------------------------------------------------- occurrences


def _passage(
    head: Place,
    links: Sequence[Link],
    articles: Mapping[int, MatchedArticle],
    rank: Mapping[int, int],
    params: MatchParams,
) -> Passage:
    found = _places(links)
    wire = sum(link.kind == "wire" for link in links)
    kind: Kind = "wire" if 2 * wire >= len(links) else "quote"
    published = {k: articles[k].published for k in found}
    first = _strictly_first(published)
    late = _later_episodes(published, params.recycled_after_days)
    occurrences = []
    for article_id in sorted(found, key=rank.__getitem__):
        role: Role = "recycled" if article_id in late else "first" if article_id == first else "carried"
        occurrences += [Occurrence(article_id, place, role, quoted) for place, quoted in found[article_id]]
    # The representative stands first: its place is the head's, or has grown around it.
    occurrences.sort(key=lambda o: not (o.article_id == head[0] and _is_inside(head[1], o.place, 1.0)))
    ids = tuple(sorted(link.link_id for link in links))
    return Passage(kind, tuple(occurrences), ids, first, head[1])


def _places(links: Iterable[Link]) -> dict[int, list[tuple[Span, float]]]:
    """Each article's places with their quoted share; overlapping ones are one, quoted as the longest is."""
    spans: dict[int, list[tuple[Span, float]]] = defaultdict(list)
    for link in links:
        spans[link.left_article_id].append((link.left, link.left_quoted))
        spans[link.right_article_id].append((link.right, link.right_quoted))
    return {article_id: _merge(items) for article_id, items in spans.items()}


def _merge(items: list[tuple[Span, float]]) -> list[tuple[Span, float]]:
    if len(items) == 1:
        return items
    merged: list[tuple[Span, float]] = []
    longest = 0
    for span, quoted in sorted(items, key=lambda item: (item[0].raw_start, -item[0].raw_end, item[1])):
        size = span.raw_end - span.raw_start
        if merged and span.raw_start < merged[-1][0].raw_end:
            old, ratio = merged[-1]
            whole = Span(old.raw_start, max(old.raw_end, span.raw_end), old.start, max(old.end, span.end))
            merged[-1] = (whole, quoted if size > longest else ratio)
            longest = max(longest, size)
        else:
            merged.append((span, quoted))
            longest = size
    return merged


def _strictly_first(published: Mapping[int, Published | None]) -> int | None:
    """The article whose time ends before every other's begins; None where one is undated."""
    known = {k: p for k, p in published.items() if p is not None}
    if len(known) < len(published):
        return None
    best = min(known, key=lambda k: (known[k].end, k))
    rest = (p for k, p in known.items() if k != best)
    return best if all(known[best].before(p) for p in rest) else None


def _later_episodes(published: Mapping[int, Published | None], days: int) -> set[int]:
    """Dated articles behind a gap of more than `days` in which no other carried the passage."""
    dated = sorted(((p.start, p.end, k) for k, p in published.items() if p is not None))
    late: set[int] = set()
    reached = dated[0][1] if dated else dt.datetime.min.replace(tzinfo=dt.UTC)
    for start, end, article_id in dated:
        if late or start - reached > dt.timedelta(days=days):
            late.add(article_id)
        reached = max(reached, end)
    return late
