"""Links and pairs -> copy clusters, the ids that groups keep, and how much of an article is its own.

In: pairs with their weights, links with their passages, the articles' times. Out:
groups of articles, lead first. Groups have a lead and members that all share text
with it, so nothing chains: A copied by B and B quoted by C do not make A and C one.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from pipeline.records import ArticleShares, Group, hash63, time_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pipeline.params import MatchParams
    from pipeline.records import Link, MatchedArticle, Pair

Edges = dict[tuple[int, int], int]
Neighbours = dict[int, dict[int, int]]


def group_by_leads(
    edges: Mapping[tuple[int, int], int], order: Callable[[int], tuple[dt.datetime, dt.datetime, int]]
) -> list[tuple[int, ...]]:
    """Groups of a lead and the members that share with it; every node that has an edge is in one.

    Nodes by sum of weights (largest first), then by `order`: the first one
    unassigned becomes a lead and takes its unassigned neighbours. At the end every
    member moves, all at once, to the lead it shares most with (ties: the lead
    earlier in that order). Lead first, then members by `order`.

    Args:
        edges: weights of unordered pairs of nodes, each pair once.
        order: a total order of nodes.
    """
    neighbours: Neighbours = defaultdict(dict)
    for (one, other), weight in edges.items():
        neighbours[one][other] = weight
        neighbours[other][one] = weight
    ranked = sorted(neighbours, key=lambda n: (-sum(neighbours[n].values()), order(n)))
    rank = {node: k for k, node in enumerate(ranked)}
    assigned: set[int] = set()
    leads: dict[int, list[int]] = {}
    for node in ranked:
        if node not in assigned:
            leads[node] = []
            assigned.add(node)
            assigned.update(neighbours[node])
    for node in ranked:
        if node not in leads:
            best = min((n for n in neighbours[node] if n in leads), key=lambda n: (-neighbours[node][n], rank[n]))
            leads[best].append(node)
    return [(lead, *sorted(members, key=order)) for lead, members in leads.items()]


# --------------------------------------------------------------- copy clusters


def is_copy_edge(pair: Pair, shorter_tokens: int, params: MatchParams) -> bool:
    """Enough words in common outside quotation marks to be copies of one report."""
    if pair.wire_tokens >= params.copy_enough_tokens:
        return True
    return pair.wire_tokens >= params.copy_min_tokens and pair.wire_tokens >= params.copy_min_ratio * shorter_tokens


def copy_edges(pairs: Iterable[Pair], articles: Mapping[int, MatchedArticle], params: MatchParams) -> Edges:
    """The weights of the pairs that are copy edges."""
    edges = {}
    for pair in pairs:
        left, right = pair.left_article_id, pair.right_article_id
        shorter = min(articles[left].token_count, articles[right].token_count)
        if is_copy_edge(pair, shorter, params):
            edges[left, right] = pair.wire_tokens
    return edges


def copy_clusters(edges: Edges, articles: Mapping[int, MatchedArticle]) -> list[Group]:
    """Copy clusters of two articles and more."""
    groups = group_by_leads(edges, lambda k: time_key(articles[k].published, k))
    return [Group(members) for members in groups if len(members) > 1]


# ------------------------------------------------------------------------- ids


def carry_ids(
    groups: Sequence[Group],
    old_ids: Mapping[int, int],
    in_use: Iterable[int] = (),
    order: Callable[[int], Any] = int,
) -> list[int]:
    """An id for each group: an old one where it lives on, else the article_id of its founder.

    An id is the article_id of the article that founded the group. It goes to the
    group that holds its founder, else to the one with most of its old members; a
    group that could take several keeps the one that brought most, then the older: the
    one whose earliest article comes first in `order`.
    Where all its members' ids are in use, a new group's id is a hash of its lead's.

    Args:
        groups: all groups that hold a member of the old groups.
        old_ids: the old id of each article that had one.
        in_use: ids of other groups; one that lives on without its founder has the id of an article elsewhere.
        order: a total order of articles, by time.
    """
    claims: dict[int, Counter[int]] = defaultdict(Counter)  # old id -> group -> members brought
    for index, group in enumerate(groups):
        for k in group.members:
            if k in old_ids:
                claims[old_ids[k]][index] += 1
    first: dict[int, Any] = {}  # old id -> its earliest article's place in the order
    for k, old in old_ids.items():
        place = order(k)
        first[old] = min(first.get(old, place), place)
    offers: dict[int, list[tuple[int, Any, int]]] = defaultdict(list)
    for old, brought in claims.items():
        heir = min(brought, key=lambda g: (old not in groups[g].members, -brought[g], groups[g].members))
        offers[heir].append((-brought[heir], first[old], old))
    kept = {index: min(found)[-1] for index, found in offers.items()}
    taken = {*kept.values(), *claims, *in_use}
    result = []
    for index, group in enumerate(groups):
        chosen = kept.get(index)
        if chosen is None:
            chosen = next((k for k in group.members if k not in taken), hash63("group", str(group.lead)))
            taken.add(chosen)
        result.append(chosen)
    return result


# ---------------------------------------------------------------------- shares


def article_shares(article: MatchedArticle, links: Iterable[Link], others: Mapping[int, MatchedArticle]) -> ArticleShares:
    """How much of an article stands elsewhere, is copied, is its own.

    Args:
        article: the article.
        links: all of its links.
        others: the articles that these name.
    """
    every: list[tuple[int, int]] = []
    copied: list[tuple[int, int]] = []
    for link in links:
        is_left = link.left_article_id == article.article_id
        span = link.left if is_left else link.right
        other = others[link.right_article_id if is_left else link.left_article_id]
        every.append((span.start, span.end))
        if link.kind == "wire" and _copied_from(article, other):
            copied.append((span.start, span.end))
    total = article.char_count
    shared_ratio = round(_union_length(every) / total, 4) if total else 0.0
    if article.published is None:
        return ArticleShares(article.article_id, shared_ratio, None, None)
    taken = _union_length(copied)
    return ArticleShares(article.article_id, shared_ratio, round(taken / total, 4) if total else 0.0, total - taken)


def _copied_from(article: MatchedArticle, other: MatchedArticle) -> bool:
    if other.source == article.source or not (article.published and other.published):
        return False
    return other.published.before(article.published)


def _union_length(spans: Iterable[tuple[int, int]]) -> int:
    total = reached = 0
    for start, end in sorted(spans):
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total
