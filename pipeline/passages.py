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
TimeKey = tuple[dt.datetime, dt.datetime, int]


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
    keys = {k: time_key(a.published, k) for k, a in articles.items()}

    def rank(link: Link) -> tuple[object, ...]:
        article_id, span = _earlier(link, keys)
        return (-link.tokens, keys[article_id], span.raw_start, span.raw_end, link.link_id)

    waiting: dict[int, dict[int, Link]] = defaultdict(dict)  # article -> its unassigned links
    ordered = {link.link_id: link for link in sorted(links, key=rank)}
    for link_id, link in ordered.items():
        waiting[link.left_article_id][link_id] = link
        waiting[link.right_article_id][link_id] = link
    passages = []
    for link_id, link in ordered.items():
        if link_id not in waiting[link.left_article_id]:
            continue
        head = _earlier(link, keys)
        taken = _take_members(head, waiting, params.passage_inside)
        passages.append(_passage(head, taken, articles, keys, params))
    return passages


def _earlier(link: Link, keys: Mapping[int, TimeKey]) -> Place:
    sides = ((link.left_article_id, link.left), (link.right_article_id, link.right))
    return min(sides, key=lambda side: keys[side[0]])


def _take_members(head: Place, waiting: Mapping[int, dict[int, Link]], inside: float) -> list[Link]:
    """Takes out of `waiting` the links that show the head's text, directly or between two of its places."""
    article_id, span = head
    taken = []
    places: dict[int, list[Span]] = defaultdict(list, {article_id: [span]})
    for link in list(waiting[article_id].values()):
        for own, other_id, other in _sides(link, article_id):
            if _share_inside(own, span) >= inside:
                taken.append(link)
                places[other_id].append(other)
                break
    for link in taken:
        _take(link, waiting)
    for link in _between(places, waiting, inside):
        taken.append(link)
        _take(link, waiting)
    return taken


def _between(places: Mapping[int, list[Span]], waiting: Mapping[int, dict[int, Link]], inside: float) -> Iterable[Link]:
    for article_id in list(places):
        for link in list(waiting[article_id].values()):
            if link.left_article_id != article_id or link.right_article_id not in places:
                continue
            if _in_any(link.left, places[article_id], inside) and _in_any(link.right, places[link.right_article_id], inside):
                yield link


def _in_any(span: Span, places: Iterable[Span], inside: float) -> bool:
    return any(_share_inside(span, place) >= inside for place in places)


def _sides(link: Link, article_id: int) -> Iterable[tuple[Span, int, Span]]:
    if link.left_article_id == article_id:
        yield link.left, link.right_article_id, link.right
    if link.right_article_id == article_id:
        yield link.right, link.left_article_id, link.left


def _share_inside(span: Span, other: Span) -> float:
    common = min(span.raw_end, other.raw_end) - max(span.raw_start, other.raw_start)
    return max(0, common) / (span.raw_end - span.raw_start)


def _take(link: Link, waiting: Mapping[int, dict[int, Link]]) -> None:
    waiting[link.left_article_id].pop(link.link_id, None)
    waiting[link.right_article_id].pop(link.link_id, None)


# ----------------------------------------------------------------- occurrences


def _passage(
    head: Place,
    links: Sequence[Link],
    articles: Mapping[int, MatchedArticle],
    keys: Mapping[int, TimeKey],
    params: MatchParams,
) -> Passage:
    found = _places(links)
    wire = sum(link.kind == "wire" for link in links)
    kind: Kind = "wire" if 2 * wire >= len(links) else "quote"
    published = {k: articles[k].published for k in found}
    first = _strictly_first(published)
    late = _later_episodes(published, params.recycled_after_days)
    occurrences = []
    for article_id in sorted(found, key=lambda k: keys[k]):
        role: Role = "recycled" if article_id in late else "first" if article_id == first else "carried"
        occurrences += [Occurrence(article_id, place, role, quoted) for place, quoted in found[article_id]]
    # The representative stands first: its place is the head's, or has grown around it.
    occurrences.sort(key=lambda o: not (o.article_id == head[0] and _share_inside(head[1], o.place) == 1.0))
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
