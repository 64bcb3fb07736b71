"""Stories: what shared passages count, and average linkage held to a slow, literal re-implementation."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.params import MatchParams
from pipeline.records import Link, MatchedArticle, Published, Span
from pipeline.stories import Linkage, by_centrality, components, story_pairs, wide_passages

PARAMS = MatchParams()
DAY = dt.datetime(2019, 3, 28, tzinfo=dt.UTC)
Interval = tuple[int, int]
Likeness = dict[tuple[int, int], int]


# -------------------------------------------------------------- shared passages


def articles_on(*days: float | None) -> dict[int, MatchedArticle]:
    """Articles 1, 2, 3 ..., each published on a day."""
    return {k: MatchedArticle(k, "outlet", day(number), 200, 1_000, ((0, 1_000),)) for k, number in enumerate(days, 1)}


def day(number: float | None) -> Published | None:
    if number is None:
        return None
    start = DAY + dt.timedelta(days=number)
    return Published(start, start + dt.timedelta(days=1), "day", "given")


def link(
    *, left: Interval = (0, 100), right: Interval = (0, 100), tokens: int = 20, kind: str = "wire", recycled: bool = False
) -> Link:
    return Link(1, 2, Span(*left, *left), Span(*right, *right), tokens, 1.0, kind, recycled, 0.0, 0.0)  # type: ignore[arg-type]


def shares(links: list[Link], *days: float | None, joins_none: Iterable[int] = ()) -> bool:
    found = story_pairs(links, articles_on(*days), set(joins_none), PARAMS)
    assert found in (set(), {(1, 2)})
    return bool(found)


@pytest.mark.parametrize(("tokens", "enough"), [(11, False), (12, True), (40, True)])
def test_twelve_tokens_of_either_kind_are_enough(tokens: int, enough: bool) -> None:
    assert shares([link(tokens=tokens)], 0, 0) is enough
    assert shares([link(tokens=tokens, kind="quote")], None, 0) is enough


@pytest.mark.parametrize(("days", "near"), [((0, 15), True), ((0, 15.01), False), ((15.01, 0), False), ((0, None), True)])
def test_articles_further_apart_than_the_window_share_no_story(days: tuple[float | None, ...], near: bool) -> None:
    assert shares([link()], *days) is near


def test_recycled_links_and_those_of_wide_passages_join_nothing() -> None:
    assert not shares([link(recycled=True)], 0, 0)
    links = [link(), link(left=(200, 300), right=(200, 300), tokens=11)]
    assert shares(links, 0, 0)
    assert not shares(links, 0, 0, joins_none={links[0].link_id})


def test_the_links_of_a_pair_add_up_where_they_do_not_overlap() -> None:
    assert shares([link(tokens=6), link(left=(100, 200), right=(100, 200), tokens=6)], 0, 0)
    assert not shares([link(tokens=9), link(right=(300, 400), tokens=8)], 0, 0)


@given(
    st.lists(st.tuples(*[st.integers(0, 8)] * 2, *[st.integers(1, 6)] * 2), max_size=5, unique=True),
    st.randoms(use_true_random=False),
)
@settings(max_examples=200)
def test_what_is_shared_does_not_depend_on_the_order_of_links(spans: list[tuple[int, int, int, int]], random: object) -> None:
    links = [link(left=(a, a + n), right=(b, b + m), tokens=6) for a, b, n, m in spans]
    shuffled = list(links)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert shares(shuffled, 0, 0) == shares(links, 0, 0)


@pytest.mark.parametrize(("nodes", "wide"), [(20, False), (21, True)])
def test_a_passage_in_more_than_twenty_nodes_is_wide(nodes: int, wide: bool) -> None:
    places = {7: list(range(nodes))}
    assert wide_passages(places, {}, PARAMS) == ({7} if wide else set())
    assert wide_passages({7: [*range(nodes), *range(nodes)]}, {}, PARAMS) == ({7} if wide else set())


def test_the_copies_of_one_cluster_are_one_node() -> None:
    places = {7: list(range(40))}
    assert wide_passages(places, {k: k // 2 * 2 for k in range(40)}, PARAMS) == set()
    assert wide_passages(places, dict.fromkeys(range(10), 0), PARAMS) == {7}


# --------------------------------------------------------------------- grouping

NODES = 9
pairs_of_nodes = st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1)).filter(lambda p: p[0] < p[1])
likenesses = st.dictionaries(pairs_of_nodes, st.integers(1, 12), max_size=20)  # few values: many ties
some_pairs = st.sets(pairs_of_nodes, max_size=3)


def literal_linkage(
    nodes: int, likeness: Mapping[tuple[int, int], int], least: int, together: set[tuple[int, int]], apart: set[tuple[int, int]]
) -> list[tuple[int, ...]]:
    """By the definition: the two most alike groups are joined (ties: the smaller first nodes), until none are alike enough."""
    groups = {frozenset({k}) for k in range(nodes)}
    for one, other in sorted(together):
        a, b = (next(g for g in groups if k in g) for k in (one, other))
        groups = (groups - {a, b}) | {a | b}

    def total(a: frozenset[int], b: frozenset[int]) -> int:
        return sum(likeness.get((min(x, y), max(x, y)), 0) for x in a for y in b)

    def barred(a: frozenset[int], b: frozenset[int]) -> bool:
        return any((x in a and y in b) or (x in b and y in a) for x, y in apart)

    while True:
        near = [
            (-total(a, b) / (len(a) * len(b)), min(a), min(b), a, b)
            for a in groups
            for b in groups
            if min(a) < min(b) and total(a, b) >= least * len(a) * len(b) and not barred(a, b)
        ]
        if not near:
            return sorted(tuple(sorted(group)) for group in groups)
        *_, a, b = min(near, key=lambda entry: entry[:3])
        groups = (groups - {a, b}) | {a | b}


@given(likenesses, st.integers(1, 12), some_pairs, some_pairs)
@settings(max_examples=400)
def test_groups_are_those_of_the_definition(
    likeness: Likeness, least: int, together: set[tuple[int, int]], apart: set[tuple[int, int]]
) -> None:
    found = Linkage(NODES, likeness, sorted(together), sorted(apart)).groups(least)
    assert found == literal_linkage(NODES, likeness, least, together, apart)


@given(likenesses, st.integers(1, 12), some_pairs, some_pairs, st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_groups_do_not_depend_on_any_order(
    likeness: Likeness, least: int, together: set[tuple[int, int]], apart: set[tuple[int, int]], random: object
) -> None:
    turned = list(likeness.items())
    bound, barred = list(together), list(apart)
    for part in (turned, bound, barred):
        random.shuffle(part)  # type: ignore[attr-defined]
    found = Linkage(NODES, dict(turned), bound, [(b, a) for a, b in barred]).groups(least)
    assert found == Linkage(NODES, likeness, sorted(together), sorted(apart)).groups(least)


@given(likenesses, likenesses, st.integers(1, 12))
@settings(max_examples=400)
def test_a_part_that_nothing_is_near_to_can_be_grouped_alone(one: Likeness, other: Likeness, least: int) -> None:
    """What a run rests on that groups only what was touched: groups without a near node outside are final."""
    likeness = one | {(a + NODES, b + NODES): score for (a, b), score in other.items()}
    apart = Linkage(2 * NODES, likeness).groups(least)
    weak = {(a, b + NODES): least - 1 for a in range(NODES) for b in range(NODES)} if least > 1 else {}
    assert apart == Linkage(2 * NODES, likeness | weak).groups(least)
    assert [group for group in apart if group[0] < NODES] == Linkage(NODES, one).groups(least)


def test_a_round_up_does_not_glue_stories() -> None:
    """0 to 2 and 3 to 5 are two stories; 6 is like one node of each."""
    likeness = dict.fromkeys([(0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5)], 60) | {(0, 6): 50, (3, 6): 50}
    assert Linkage(7, likeness).groups(20) == [(0, 1, 2), (3, 4, 5), (6,)]


def test_a_chain_does_not_become_one_group() -> None:
    chain = {(k, k + 1): 30 for k in range(7)}
    assert max(map(len, Linkage(8, chain).groups(20))) == 2


def test_components_are_what_pairs_connect() -> None:
    import numpy as np

    labels = components(5, np.array([0, 1]), np.array([1, 4])).tolist()
    assert labels[0] == labels[1] == labels[4]
    assert len({labels[0], labels[2], labels[3]}) == 3


def test_the_lead_is_most_like_all_others_then_the_earliest() -> None:
    likeness = {(0, 1): 5, (1, 2): 5, (3, 4): 5}
    order = [(2.0, 1.0, 0), (9.0, 8.0, 1), (1.0, 0.0, 2), (4.0, 3.0, 3), (3.0, 2.0, 4)]
    assert by_centrality([(0, 1, 2), (3, 4)], likeness, order) == [(1, 2, 0), (4, 3)]
