"""People's verdicts -> what may and what must stand together, and which kind a link has.

In: verdicts, and what the machine has found. Out: partitions and kinds that obey
them. A verdict names articles and the words of a place, never a cluster or a
passage, so it holds for whatever the machine makes of them later.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.records import Group
from pipeline.text import tokenize

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from pipeline.records import JudgedPlace, Kind, Link, Subject, Tokens, Verdict

    Order = Callable[[int], Any]
    Judge = Callable[[Link], tuple[Kind, str] | None]

Pairs = frozenset[tuple[int, int]]
Weights = dict[tuple[int, int], int]
Members = tuple[int, ...]


# ------------------------------------------------------------ what they demand


@dataclass(frozen=True)
class Demands:
    """Pairs of articles that belong together or apart.

    Copies of one report are on one event: what is together as copies is so as
    stories too, and what is apart as stories is so as copies too.
    """

    copy_together: Pairs = frozenset()
    copy_apart: Pairs = frozenset()
    story_together: Pairs = frozenset()
    story_apart: Pairs = frozenset()

    def partners(self, articles: Collection[int]) -> set[int]:
        """The articles that a verdict holds together with one of these, directly; they are in one component."""
        chosen = set(articles)
        return {k for pair in self.story_together if not chosen.isdisjoint(pair) for k in pair}


def demands(verdicts: Iterable[Verdict]) -> Demands:
    """What verdicts demand of copy clusters and stories."""
    found: dict[str, set[tuple[int, int]]] = {name: set() for name in Demands.__dataclass_fields__}
    for item in verdicts:
        for name in _demanded(item):
            found[name].add(item.pair)
    return Demands(**{name: frozenset(pairs) for name, pairs in found.items()})


def _demanded(verdict: Verdict) -> tuple[str, ...]:
    if verdict.ruling == "same":
        return ("story_together", "copy_together") if verdict.about == "copy" else ("story_together",)
    if verdict.ruling == "different":
        return ("story_apart", "copy_apart") if verdict.about == "story" else ("copy_apart",)
    return ()


def held_together(articles: Iterable[int], verdicts: Iterable[Verdict]) -> set[int]:
    """These articles and all that verdicts of `same`, one after the other, hold together with them."""
    together = demands(verdicts).story_together
    reached: set[int] = set()
    frontier = set(articles)
    while frontier:
        reached |= frontier
        frontier = {k for pair in together if not frontier.isdisjoint(pair) for k in pair} - reached
    return reached


def find_contradicted(new: Verdict, verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The verdicts that cannot hold beside a new one of `same` or `different`; none if all can.

    Of a chain of `same` between two articles that are `different`, all but `new`.
    """
    given = [*sorted(verdicts, key=lambda v: v.verdict_id), new]
    for level in ("story", "copy"):
        joins = [v for v in given if f"{level}_together" in _demanded(v)]
        parts = [v for v in given if f"{level}_apart" in _demanded(v)]
        for parting in parts:
            chain = _chain(joins, *parting.pair)
            involved = [*chain, parting]
            if chain and new in involved:
                return [v for v in involved if v is not new]
    return []


def _chain(joins: Sequence[Verdict], start: int, end: int) -> list[Verdict]:
    """The shortest chain of verdicts that leads from one article to another; empty if there is none."""
    chains: dict[int, list[Verdict]] = {start: []}
    frontier = [start]
    while frontier and end not in chains:
        reached = []
        for here in frontier:
            for item in joins:
                if here in item.pair:
                    there = item.pair[item.pair[0] == here]
                    if there not in chains:
                        chains[there] = [*chains[here], item]
                        reached.append(there)
        frontier = reached
    return chains.get(end, [])


# ------------------------------------------------------- partitions that obey


def obey_copies(
    clusters: Sequence[Group], weights: Weights, wanted: Demands, articles: Collection[int], order: Order
) -> list[Group]:
    """Copy clusters as verdicts want them.

    A verdict about stories parts copies only where two articles of one cluster
    would have to be in two stories.

    Args:
        clusters: what the machine has found.
        weights: of pairs of articles that are copies of each other.
        wanted: of all verdicts.
        articles: those that clusters are formed of, whole components.
        order: a total order of articles.
    """
    if not (wanted.copy_together or wanted.copy_apart):  # what parts stories is among what parts copies
        return list(clusters)
    wanted = _within(wanted, articles)
    united = _unite([group.members for group in clusters], wanted.copy_together, weights, order)
    families = _unite(united, wanted.story_together, weights, order)
    stories = _part(families, wanted.story_together, wanted.story_apart, weights, order)
    home = {k: at for at, members in enumerate(stories) for k in members}
    torn = [part for members in united for part in _tear(members, home, weights, order)]
    parted = _part(torn, wanted.copy_together, wanted.copy_apart, weights, order)
    return [Group(members) for members in parted if len(members) > 1]


def _within(wanted: Demands, articles: Collection[int]) -> Demands:
    """The demands on these articles alone."""
    known = set(articles)
    return Demands(
        *(frozenset(pair for pair in getattr(wanted, name) if known.issuperset(pair)) for name in Demands.__dataclass_fields__)
    )


class _Sets:
    """Disjoint sets; items that were never joined stand alone."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}

    def find(self, item: int) -> int:
        root = item
        while (above := self._parent.get(root, root)) != root:
            root = above
        self._parent[item] = root
        return root

    def join(self, one: int, other: int) -> None:
        self._parent[self.find(one)] = self.find(other)


def _unite(groups: Sequence[Members], together: Pairs, weights: Weights, order: Order) -> list[Members]:
    """Groups that a pair of `together` ties to each other become one; an article that is in none joins as it is."""
    named = {k for pair in together for k in pair}
    if not named:
        return list(groups)
    touched = [members for members in groups if not named.isdisjoint(members)]
    inside = {k for members in touched for k in members}
    pieces = [*touched, *((k,) for k in sorted(named - inside))]
    sets = _Sets()
    for members in pieces:
        for k in members:
            sets.join(k, members[0])
    for pair in together:
        sets.join(*pair)
    families: dict[int, list[Members]] = defaultdict(list)
    for members in pieces:
        families[sets.find(members[0])].append(members)
    united = [
        family[0]
        if len(family) == 1
        else _lead_first([k for members in family for k in members], weights, order, [members[0] for members in family])
        for family in families.values()
    ]
    return [*(members for members in groups if named.isdisjoint(members)), *united]


def _lead_first(members: Sequence[int], weights: Weights, order: Order, leads: Iterable[int]) -> Members:
    """Of `leads` the one that shares most with the members (ties: the first in order), then the others in order."""
    sums: dict[int, int] = defaultdict(int)
    inside = set(members)
    for pair, weight in weights.items():
        if inside.issuperset(pair):
            for k in pair:
                sums[k] += weight
    lead = min(leads, key=lambda k: (-sums[k], order(k)))
    return (lead, *sorted(inside - {lead}, key=order))


def _tear(members: Members, home: Mapping[int, int], weights: Weights, order: Order) -> list[Members]:
    """A group along the lines of others; the piece with the lead keeps it."""
    pieces: dict[int | None, list[int]] = defaultdict(list)
    for k in members:
        pieces[home.get(k)].append(k)
    if len(pieces) == 1:
        return [members]
    return [tuple(piece) if piece[0] == members[0] else _lead_first(piece, weights, order, piece) for piece in pieces.values()]


def _part(groups: Sequence[Members], together: Pairs, apart: Pairs, weights: Weights, order: Order) -> list[Members]:
    """Groups without a pair of `apart` in them; what `together` ties stays in one piece.

    The lead's block stays. The other blocks that are to be apart from one go, in
    the group's order, to the part without such a one that they share most with, or
    found a new part. Then the rest: each to the part it shares most with, the
    strongest first; what shares nothing with any stays with the lead.
    """
    home = {k: at for at, members in enumerate(groups) for k in members}
    own: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for one, other in apart:
        if one in home and home[one] == home.get(other):
            own[home[one]].append((one, other))
    result: list[Members] = []
    for at, members in enumerate(groups):
        result += _parts_of(members, together, own[at], weights, order) if at in own else [members]
    return result


def _parts_of(
    members: Members, together: Pairs, apart: Sequence[tuple[int, int]], weights: Weights, order: Order
) -> list[Members]:
    sets = _Sets()
    inside = set(members)
    for pair in together:
        if inside.issuperset(pair):
            sets.join(*pair)
    block_of = {k: sets.find(k) for k in members}
    blocks = list(dict.fromkeys(block_of[k] for k in members))  # in the group's order, the lead's first
    foes: dict[int, set[int]] = defaultdict(set)
    for one, other in apart:
        foes[block_of[one]].add(block_of[other])
        foes[block_of[other]].add(block_of[one])
    near: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for (one, other), weight in weights.items():
        if one in inside and other in inside and block_of[one] != block_of[other]:
            near[block_of[one]][block_of[other]] += weight
            near[block_of[other]][block_of[one]] += weight
    part_of = _place_blocks(blocks, foes, near)
    parts: dict[int, list[int]] = defaultdict(list)
    for k in members:
        parts[part_of[block_of[k]]].append(k)
    return [
        tuple(part) if part[0] == members[0] else _lead_first(part, weights, order, part) for _, part in sorted(parts.items())
    ]


def _place_blocks(blocks: Sequence[int], foes: Mapping[int, set[int]], near: Mapping[int, Mapping[int, int]]) -> dict[int, int]:
    """The part of each block; the first block is in part 0."""
    part_of = {blocks[0]: 0}
    for block in blocks[1:]:
        if block in foes:
            shut = {part_of[foe] for foe in foes[block] if foe in part_of}
            shared: dict[int, int] = defaultdict(int)
            for other, weight in near.get(block, {}).items():
                if other in part_of and part_of[other] not in shut:
                    shared[part_of[other]] += weight
            new = 1 + max(part_of.values())
            part_of[block] = min(shared, key=lambda part: (-shared[part], part)) if shared else new
    _place_rest(blocks, near, part_of)
    return part_of


def _place_rest(blocks: Sequence[int], near: Mapping[int, Mapping[int, int]], part_of: dict[int, int]) -> None:
    """Blocks that nothing parts: the one that shares most with a part goes there, and so on."""
    rank = {block: at for at, block in enumerate(blocks)}
    shared: dict[tuple[int, int], int] = defaultdict(int)
    offers: list[tuple[int, int, int, int]] = []

    def offer(placed: int) -> None:
        part = part_of[placed]
        for block, weight in near.get(placed, {}).items():
            if block not in part_of:
                shared[block, part] += weight
                heapq.heappush(offers, (-shared[block, part], rank[block], part, block))

    for block in list(part_of):
        offer(block)
    while offers:
        _, _, part, block = heapq.heappop(offers)
        if block not in part_of:
            part_of[block] = part
            offer(block)
    for block in blocks:
        part_of.setdefault(block, 0)


# --------------------------------------------------------------- kinds of links


def by_pair(verdicts: Iterable[Verdict]) -> dict[tuple[int, int], list[Verdict]]:
    """The verdicts about kinds by the pair of articles, in their order."""
    found: dict[tuple[int, int], list[Verdict]] = defaultdict(list)
    for item in sorted(verdicts, key=lambda v: v.verdict_id):
        if item.about == "passage":
            found[item.pair].append(item)
    return dict(found)


def find_words(words: str, tokens: Tokens) -> list[tuple[int, int]]:
    """Where the words stand in a text that is matched, as raw spans; case, accents and punctuation do not count."""
    wanted = tokenize(words).hashes
    if not len(wanted):
        return []
    starts = range(len(tokens) - len(wanted) + 1)
    found = [at for at in np.flatnonzero(tokens.hashes == wanted[0]).tolist() if at in starts]
    ends = tokens.ends
    return [
        (int(tokens.starts[at]), int(ends[at + len(wanted) - 1]))
        for at in found
        if np.array_equal(tokens.hashes[at : at + len(wanted)], wanted)
    ]


def find_place(place: JudgedPlace, tokens: Tokens) -> tuple[int, int] | None:
    """Where a judged place stands in the current text: nearest to where it stood; None if it is not there any more."""
    return min(find_words(place.words, tokens), key=lambda span: (abs(span[0] - place.raw_start), span), default=None)


def is_meant(link: Link, article_id: int, span: tuple[int, int]) -> bool:
    """Half or more of a place lies in the link's side in that article, or the other way round."""
    side = link.left if article_id == link.left_article_id else link.right
    shared = min(side.raw_end, span[1]) - max(side.raw_start, span[0])
    return 2 * shared >= min(side.raw_end - side.raw_start, span[1] - span[0])


def judge_links(verdicts: Sequence[Verdict], tokens: Mapping[int, Tokens]) -> Judge:
    """A function that says which kind a link was given by whom; None where nobody has judged it.

    A verdict about a place wins over one about all links of the two articles, and
    of two of a kind the later one.

    Args:
        verdicts: about the kinds of links of one pair, in their order.
        tokens: of both articles; one whose place is not found any more is passed over.
    """
    spans = [None if v.place is None else find_place(v.place, tokens[v.place.article_id]) for v in verdicts]
    placed = [(v, span) for v, span in zip(verdicts, spans, strict=True) if span is not None or v.place is None]
    ranked = sorted(placed, key=lambda item: (item[1] is None, -item[0].verdict_id))

    def judge(link: Link) -> tuple[Kind, str] | None:
        for verdict, span in ranked:
            if span is None or verdict.place is None or is_meant(link, verdict.place.article_id, span):
                return ("wire" if verdict.ruling == "wire" else "quote"), verdict.by
        return None

    return judge


def subject_of(ruling: str, about: Subject) -> Subject:
    """What a verdict is about: kinds are of passages."""
    return "passage" if ruling in {"wire", "quote"} else about
