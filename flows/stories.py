"""The stories of what was touched, exactly as grouping all nodes would make them (docs/data-model.md, Stories).

Nodes that were touched are taken out of their stories, and put back a chunk at a
time. A chunk is grouped with no more than the stories that one of its new groups is
near to: a group that is what it was, or near to nothing else, changes nothing
beyond itself.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from db import queries
from pipeline import walk
from pipeline.records import time_key
from pipeline.stories import story_pairs
from pipeline.terms import ONE, rarity

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from numpy.typing import NDArray

    from db.engine import Connection
    from db.rows import NodeRow
    from flows.grouping import Loaded
    from pipeline.params import MatchParams
    from pipeline.records import Link

CHUNK_NODES = 4_000
"""Nodes that are put back at once: their products with what was published at their time fit 200 MB."""

Node = int
Group = tuple[Node, ...]


class Field:
    """The nodes published around some time, as far as they have been needed."""

    def __init__(self, conn: Connection, params: MatchParams) -> None:
        self._conn = conn
        self._params = params
        self._rarities = rarity(queries.frequencies(conn) or walk.NO_FREQUENCIES)
        self._reach = params.story_window_days * 86_400.0
        self._covered = (math.inf, -math.inf)
        self._near: dict[Node, set[Node]] = {}
        self.nodes = walk.StoryNodes.of([], [], [], self._rarities)

    def hold(self, ids: Collection[Node]) -> None:
        """Has these nodes."""
        missing = set(ids) - set(self.nodes.ids.tolist())
        if missing:
            self._add(queries.story_nodes_of(self._conn, missing))

    def cover(self, chosen: walk.StoryNodes) -> None:
        """Has all nodes within the window of a story of these."""
        low = min(self._covered[0], float(chosen.starts.min()) - self._reach)
        high = max(self._covered[1], float(chosen.ends.max()) + self._reach)
        if (low, high) != self._covered:
            self._covered = (low, high)
            self._add(queries.story_nodes(self._conn, start=low, end=high))

    def _add(self, rows: Sequence[NodeRow]) -> None:
        known = set(self.nodes.ids.tolist())
        fresh = [row for row in rows if row.article_id not in known]
        if fresh:
            terms = [np.frombuffer(row.terms, "<u4") for row in fresh]
            more = walk.StoryNodes.of([row.article_id for row in fresh], [row.seconds for row in fresh], terms, self._rarities)
            self.nodes = walk.StoryNodes.joined(self.nodes, more)

    def places(self, ids: Iterable[Node]) -> NDArray[np.int64]:
        """Where nodes stand in `nodes`, ascending."""
        found: NDArray[np.int64] = np.searchsorted(self.nodes.ids, np.array(sorted(ids), np.int64))
        return found

    def near(self, ids: Collection[Node]) -> set[Node]:
        """The nodes that are alike enough to some of these to be joined with them."""
        fresh = set(ids) - self._near.keys()
        if fresh:
            self.cover(self.nodes.take(self.places(fresh)))
            some = self.nodes.take(self.places(fresh))
            self._near.update({k: set() for k in fresh})
            least = round(self._params.story_min_likeness * ONE)
            for one, other, _ in walk.alike_nodes(some, self.nodes, least, self._params):
                for a, b in zip(some.ids[one].tolist(), self.nodes.ids[other].tolist(), strict=True):
                    self._near[a].add(b)
        return {b for a in ids for b in self._near[a]}


class Regrouping:
    """One change of stories.

    Args:
        conn: a connection.
        loaded: articles and links.
        joins_none: of links, those that join no stories, by link_id.
        params: of stories.
    """

    def __init__(
        self, conn: Connection, loaded: Loaded, joins_none: Callable[[Iterable[Link]], set[int]], params: MatchParams
    ) -> None:
        self._conn = conn
        self._loaded = loaded
        self._joins_none = joins_none
        self._params = params
        self._field = Field(conn, params)
        self._lead_of: dict[int, Node] = {}
        self._members: dict[Node, tuple[int, ...]] = {}
        self._shared: dict[Node, set[Node]] = defaultdict(set)
        self._linked: set[int] = set()  # articles whose links have been seen
        self._waiting: set[Node] = set()
        self._group_of: dict[Node, Group] = {}
        self.before: dict[int, int] = {}

    def run(self, touched: Collection[int]) -> list[tuple[int, ...]]:
        """The groups of articles, lead first, of all stories that may be other ones; `before` has the old ids of these."""
        self._waiting = self._whole_stories(touched)
        queue = sorted(self._waiting, key=lambda node: time_key(self._loaded.articles[node].published, node))
        for at in range(0, len(queue), CHUNK_NODES):
            self._put_back(queue[at : at + CHUNK_NODES])
        groups = {group[0]: group for group in self._group_of.values()}
        return [tuple(k for node in group for k in self._members[node]) for _, group in sorted(groups.items())]

    def _put_back(self, chunk: Sequence[Node]) -> None:
        self._waiting.difference_update(chunk)
        chosen = set(chunk)
        while True:
            self._find_shared(chosen)
            self._field.hold(chosen)
            nodes = self._field.nodes.take(self._field.places(chosen))
            pairs = [(a, b) for a in chosen for b in self._shared[a] if b in chosen]
            wanted = self._loaded.wanted
            together, apart = (self._between(pairs, chosen) for pairs in (wanted.story_together, wanted.story_apart))
            groups = walk.group_nodes(nodes, pairs, self._params, together, apart)
            changed = {node for group in groups if self._differs(group) for node in group}
            near = self._field.near(changed) if changed else set()
            near.update(b for a in changed for b in self._shared[a])
            near.update(self._held_with(chosen))
            more = near - chosen - self._waiting
            if not more:
                break
            chosen |= self._with_their_stories(more)
        for group in groups:
            self._group_of.update(dict.fromkeys(group, group))

    def _held_with(self, nodes: Collection[Node]) -> set[Node]:
        """The nodes, in place or waiting, that a verdict holds together with these."""
        partners = self._loaded.wanted.partners({k for node in nodes for k in self._members[node]})
        unknown = partners - self._lead_of.keys()
        if unknown:
            self._whole_stories(unknown)
        return {self._lead_of[k] for k in partners}

    def _between(self, pairs: Iterable[tuple[int, int]], nodes: Collection[Node]) -> set[tuple[Node, Node]]:
        """Pairs of articles as pairs of some nodes."""
        found = {(self._lead_of[a], self._lead_of[b]) for a, b in pairs if a in self._lead_of and b in self._lead_of}
        return {(a, b) for a, b in found if a in nodes and b in nodes}

    def _differs(self, group: Group) -> bool:
        """Whether this is not one of the groups that were there already."""
        before = self._group_of.get(group[0])
        return before is None or set(before) != set(group)

    # ---------------------------------------------------------- what is stored

    def _whole_stories(self, articles: Iterable[int]) -> set[Node]:
        """The nodes of the stories and copy clusters of some articles, to the last."""
        frontier = set(articles)
        reached: set[int] = set()
        while frontier:
            reached |= frontier
            homes = queries.groupings(self._conn, frontier)
            self.before |= {k: home.story_id for k, home in homes.items() if home.story_id is not None}
            clusters = queries.cluster_groups(self._conn, {h.copy_cluster_id for h in homes.values()} - {None})  # type: ignore[arg-type]
            for cluster in clusters.values():
                self._members[cluster.lead] = cluster.members
                self._lead_of.update(dict.fromkeys(cluster.members, cluster.lead))
            for k, home in homes.items():
                if home.copy_cluster_id is None:
                    self._lead_of[k] = k
                    self._members[k] = (k,)
            stories = queries.story_articles(self._conn, {h.story_id for h in homes.values()} - {None})  # type: ignore[arg-type]
            frontier = {k for members in stories.values() for k in members}
            frontier.update(k for cluster in clusters.values() for k in cluster.members)
            frontier -= reached
        self._loaded.load_articles(reached)
        return {self._lead_of[k] for k in reached}

    def _with_their_stories(self, nodes: Collection[Node]) -> set[Node]:
        """Nodes that are in place, with all others of their stories."""
        stored = {node for node in nodes if node not in self._group_of}
        if stored:
            by_story: dict[int, set[Node]] = defaultdict(set)
            for node in self._whole_stories(stored):
                by_story[self.before[node]].add(node)
            for group in by_story.values():
                self._group_of.update(dict.fromkeys(group, tuple(sorted(group))))
        return {other for node in nodes for other in self._group_of[node]}

    def _find_shared(self, nodes: Collection[Node]) -> None:
        """Notes which nodes share passages with these."""
        fresh = {k for node in nodes for k in self._members[node]} - self._linked
        if not fresh:
            return
        self._linked |= fresh
        self._loaded.load_links(fresh)
        links = self._loaded.links_of(fresh)
        self._loaded.load_articles({k for link in links for k in (link.left_article_id, link.right_article_id)})
        pairs = story_pairs(links, self._loaded.articles, self._joins_none(links), self._params)
        unknown = {k for pair in pairs for k in pair} - self._lead_of.keys()
        homes = queries.groupings(self._conn, unknown)
        clusters = queries.cluster_groups(self._conn, {h.copy_cluster_id for h in homes.values()} - {None})  # type: ignore[arg-type]
        leads = {k: cluster.lead for cluster in clusters.values() for k in cluster.members}
        for a, b in pairs:
            one, other = (self._lead_of.get(k, leads.get(k, k)) for k in (a, b))
            if one != other:
                self._shared[one].add(other)
                self._shared[other].add(one)
