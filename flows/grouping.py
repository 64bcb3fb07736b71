"""Passages, copy clusters and stories of what was touched, from stored links and pairs.

Each of the three is computed over whole components, and only over those that a
marked article touches. A component is found by going from article to article in
the database until nothing new comes.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from db import queries, store
from flows.run import utc_now
from flows.stories import Regrouping
from pipeline import clusters
from pipeline.history import story_events
from pipeline.passages import form_passages, overlap_components
from pipeline.records import Group, time_key
from pipeline.stories import wide_passages
from pipeline.verdicts import demands, obey_copies

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from db.engine import Connection
    from flows.run import Run
    from pipeline.params import MatchParams
    from pipeline.records import Link, MatchedArticle, Pair, Passage

log = logging.getLogger(__name__)


class Loaded:
    """Articles, links and pairs read so far; each article's are read once."""

    def __init__(self, conn: Connection, dirty: Collection[int]) -> None:
        self._conn = conn
        self.dirty = set(dirty)
        self.articles: dict[int, MatchedArticle] = {}
        self.links: dict[int, Link] = {}
        self.passage_of: dict[int, int] = {}
        self.links_at: dict[int, list[int]] = defaultdict(list)
        self.pairs: dict[tuple[int, int], Pair] = {}
        self.wanted = demands(queries.verdicts(conn))
        self._with_links: set[int] = set()
        self._with_pairs: set[int] = set()

    def order(self, article_id: int) -> tuple[dt.datetime, dt.datetime, int]:
        """The time key of an article that is loaded."""
        return time_key(self.articles[article_id].published, article_id)

    def load_articles(self, ids: Iterable[int]) -> None:
        """Reads articles."""
        missing = set(ids) - self.articles.keys()
        if missing:
            self.articles |= queries.matched_articles(self._conn, missing)

    def load_links(self, ids: Collection[int]) -> None:
        """Reads the links of articles, with their passages."""
        missing = set(ids) - self._with_links
        if not missing:
            return
        self._with_links |= missing
        for item in queries.links_of(self._conn, missing):
            if item.link_id not in self.links:
                self.links[item.link_id] = item.link
                if item.passage_id is not None:
                    self.passage_of[item.link_id] = item.passage_id
                self.links_at[item.link.left_article_id].append(item.link_id)
                self.links_at[item.link.right_article_id].append(item.link_id)

    def links_of(self, ids: Iterable[int]) -> list[Link]:
        """The links of articles whose links have been read, each once, by id."""
        chosen = {link_id for k in ids for link_id in self.links_at.get(k, ())}
        return [self.links[link_id] for link_id in sorted(chosen)]

    def load_pairs(self, ids: Collection[int]) -> None:
        """Reads the pairs of articles."""
        missing = set(ids) - self._with_pairs
        if missing:
            self._with_pairs |= missing
            for pair in queries.pairs_of(self._conn, missing):
                self.pairs[pair.left_article_id, pair.right_article_id] = pair


def group(run: Run) -> int:
    """Forms passages, copy clusters and stories anew where articles are marked, in one transaction.

    Returns:
        how many stories were made or changed.
    """
    with run.stage("cluster"), run.writing() as conn:
        dirty = queries.articles_to_cluster(conn)
        if not dirty:
            return 0
        linked = queries.linked_articles(conn)
        run.report("clustering", 0)
        loaded = Loaded(conn, dirty)
        links = _touched_links(loaded, dirty)
        joined_none = _joins_none(conn, loaded, links, [], run.params)
        passages = _regroup_passages(conn, loaded, links, run.params)
        moved = _regroup_copies(conn, loaded, dirty, run.params)
        flipped = joined_none ^ _joins_none(conn, loaded, links, passages, run.params)
        ends = {k for link in links if link.link_id in flipped for k in (link.left_article_id, link.right_article_id)}
        recounted = _in_wide_passages(conn, loaded, moved, passages, run.params)
        changed = _regroup_stories(conn, loaded, {*moved, *ends, *recounted} | (set(dirty) - linked), passages, run)
        _save_shares(conn, loaded, dirty)
        store.mark_clustered(conn, dirty, run.params.cluster_key)
    log.info("%d articles clustered anew, %d stories made or changed", len(dirty), changed)
    return changed


# -------------------------------------------------------------------- passages


def _touched_links(loaded: Loaded, dirty: Collection[int]) -> list[Link]:
    """All links of the overlap components that hold a link of a marked article."""
    marked = set(dirty)
    reached: set[int] = set()
    frontier: set[int] = marked
    touched: list[Link] = []
    while frontier:
        reached |= frontier
        loaded.load_links(frontier)
        touched = _in_components_of(list(loaded.links.values()), marked)
        frontier = {k for link in touched for k in (link.left_article_id, link.right_article_id)} - reached
    loaded.load_articles(reached)
    return touched


def _in_components_of(links: Sequence[Link], marked: Collection[int]) -> list[Link]:
    component = overlap_components(links)
    hit = np.array([x.left_article_id in marked or x.right_article_id in marked for x in links], bool)
    chosen = np.isin(component, component[hit])
    return [link for link, take in zip(links, chosen.tolist(), strict=True) if take]


def _regroup_passages(conn: Connection, loaded: Loaded, links: Sequence[Link], params: MatchParams) -> list[Passage]:
    """New passages of whole overlap components, in the place of the old ones."""
    passages = form_passages(links, loaded.articles, params)
    store.replace_passages(conn, link_ids=[link.link_id for link in links], passages=passages)
    for passage in passages:
        loaded.passage_of.update(dict.fromkeys(passage.link_ids, passage.passage_id))
    return passages


# --------------------------------------------------------------- copy clusters


def _regroup_copies(conn: Connection, loaded: Loaded, dirty: Collection[int], params: MatchParams) -> set[int]:
    """New copy clusters for the components of the marked articles; returns the articles whose cluster is another one."""
    reached: set[int] = set()
    frontier = set(dirty)
    edges: clusters.Edges = {}
    while frontier:
        reached |= frontier
        homes = {g.copy_cluster_id for g in queries.groupings(conn, frontier).values()} - {None}
        old = {k for members in queries.cluster_articles(conn, homes).values() for k in members}  # type: ignore[arg-type]
        loaded.load_pairs(frontier)
        loaded.load_articles({k for pair in loaded.pairs for k in pair})
        edges = clusters.copy_edges(loaded.pairs.values(), loaded.articles, params)
        near = {k for edge in edges if edge[0] in reached or edge[1] in reached for k in edge}
        frontier = (near | old | loaded.wanted.partners(reached)) - reached
    inside = {edge: weight for edge, weight in edges.items() if edge[0] in reached}
    loaded.load_articles(reached)
    groups = clusters.copy_clusters(inside, loaded.articles)
    groups = obey_copies(groups, inside, loaded.wanted, reached, loaded.order)
    before = {k: g.copy_cluster_id for k, g in queries.groupings(conn, reached).items() if g.copy_cluster_id is not None}
    in_use = queries.cluster_articles(conn, {k for item in groups for k in item.members})
    ids = clusters.carry_ids(groups, before, in_use, loaded.order)
    alone = reached - {k for item in groups for k in item.members}
    was, now = _by_member(queries.cluster_groups(conn, set(before.values())).values()), _by_member(groups)
    store.save_copy_clusters(conn, clusters=dict(zip(ids, groups, strict=True)), alone=alone)
    return {k for k in reached if was.get(k) != now.get(k)}


def _by_member(groups: Iterable[Group]) -> dict[int, tuple[int, frozenset[int]]]:
    """The lead and the members of each article's group."""
    return {k: (item.lead, frozenset(item.members)) for item in groups for k in item.members}


# --------------------------------------------------------------------- stories


def _regroup_stories(conn: Connection, loaded: Loaded, touched: Collection[int], passages: Sequence[Passage], run: Run) -> int:
    def joins_none(links: Iterable[Link]) -> set[int]:
        return _joins_none(conn, loaded, links, passages, run.params)

    regrouping = Regrouping(conn, loaded, joins_none, run.params)
    groups = [Group(members) for members in regrouping.run(touched)]
    before = regrouping.before
    in_use = queries.story_articles(conn, {k for item in groups for k in item.members})
    ids = clusters.carry_ids(groups, before, in_use, loaded.order)
    made = dict(zip(ids, groups, strict=True))
    changed = store.save_stories(conn, run_id=run.run_id, now=utc_now(), stories=made)
    events = story_events(before, made, lambda members: _cause(conn, loaded, members, before, run))
    store.save_story_events(conn, run_id=run.run_id, now=utc_now(), events=events)
    return changed


def _cause(conn: Connection, loaded: Loaded, members: Collection[int], before: Collection[int], run: Run) -> int | None:
    """The article because of which a story has merged or split, as far as can be told.

    The one that a person's decision was about; else, of the story's articles, the
    earliest that is new, then that has changed in this run, then that was marked.
    """
    if run.cause is not None:
        return run.cause
    chosen = set(members)
    ranked = (chosen - set(before), queries.articles_of_run(conn, chosen, run.run_id), chosen & loaded.dirty, loaded.dirty)
    return next((min(found, key=loaded.order) for found in ranked if found), None)


def _in_wide_passages(
    conn: Connection, loaded: Loaded, moved: Collection[int], passages: Sequence[Passage], params: MatchParams
) -> set[int]:
    """The articles of passages that may have become too wide for stories, or not any more, as copy clusters changed."""
    loaded.load_links(moved)
    named = {loaded.passage_of[link.link_id] for link in loaded.links_of(moved) if link.link_id in loaded.passage_of}
    places = _places(conn, named, passages).values()
    return {k for members in places if len(members) > params.story_passage_nodes for k in members}


def _places(conn: Connection, named: Collection[int], passages: Sequence[Passage]) -> dict[int, set[int]]:
    """The articles of passages, just formed or stored."""
    fresh = {passage.passage_id: {o.article_id for o in passage.occurrences} for passage in passages}
    return {k: fresh[k] for k in named if k in fresh} | queries.passage_articles(conn, set(named) - fresh.keys())


def _joins_none(
    conn: Connection, loaded: Loaded, links: Iterable[Link], passages: Sequence[Passage], params: MatchParams
) -> set[int]:
    """The links of passages that stand in too many nodes."""
    named = {link.link_id: loaded.passage_of[link.link_id] for link in links if link.link_id in loaded.passage_of}
    places = _places(conn, set(named.values()), passages)
    lead_of = _leads(conn, {k for members in places.values() for k in members})
    wide = wide_passages(places, lead_of, params)
    return {link_id for link_id, passage_id in named.items() if passage_id in wide}


def _leads(conn: Connection, ids: Collection[int]) -> Mapping[int, int]:
    """A stand-in for the lead of each article's copy cluster: its id, negative since a founder that left may be a node too."""
    homes = queries.groupings(conn, ids)
    return {k: -1 - g.copy_cluster_id for k, g in homes.items() if g.copy_cluster_id is not None}


# ---------------------------------------------------------------------- shares


def _save_shares(conn: Connection, loaded: Loaded, dirty: Collection[int]) -> None:
    loaded.load_links(dirty)
    others = {k for link in loaded.links_of(dirty) for k in (link.left_article_id, link.right_article_id)}
    loaded.load_articles(others | set(dirty))
    shares = [
        clusters.article_shares(loaded.articles[k], [loaded.links[x] for x in loaded.links_at.get(k, ())], loaded.articles)
        for k in dirty
    ]
    store.save_shares(conn, shares)
