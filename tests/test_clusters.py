"""Copy clusters, stories, ids and shares, held to docs/data-model.md by a slow, literal re-implementation."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.clusters import (
    article_shares,
    carry_ids,
    copy_clusters,
    copy_edges,
    group_by_leads,
    is_copy_edge,
)
from pipeline.params import MatchParams
from pipeline.records import Group, Link, MatchedArticle, Pair, Published, Span, time_key

PARAMS = MatchParams()
DAY = dt.datetime(2019, 3, 28, tzinfo=dt.UTC)
Edges = dict[tuple[int, int], int]
Interval = tuple[int, int]


def day(number: float) -> Published:
    start = DAY + dt.timedelta(days=number)
    return Published(start, start + dt.timedelta(days=1), "day", "given")


def article(article_id: int, on: float | None = None, *, source: str | None = None, tokens: int = 200) -> MatchedArticle:
    published = None if on is None else day(on)
    return MatchedArticle(article_id, source or f"outlet {article_id}", published, tokens, 1_000, ((0, 1_000),))


def articles_on(*days: float | None) -> dict[int, MatchedArticle]:
    """Articles 1, 2, 3 ..., each published on a day."""
    return {k: article(k, number) for k, number in enumerate(days, 1)}


def link(
    one: int,
    other: int,
    *,
    left: Interval = (0, 100),
    right: Interval = (0, 100),
    tokens: int = 20,
    kind: str = "wire",
    recycled: bool = False,
) -> Link:
    assert one < other
    return Link(one, other, Span(*left, *left), Span(*right, *right), tokens, 1.0, kind, recycled, 0.0, 0.0)  # type: ignore[arg-type]


def pair(left: int, right: int, weight: int) -> Pair:
    return Pair(left, right, 0, 0, 0, weight, 0.0, 0.0, None, "")


def by_number(number: int) -> tuple[dt.datetime, dt.datetime, int]:
    return time_key(None, number)


def partition(groups: Iterable[Iterable[int]]) -> set[frozenset[int]]:
    return {frozenset(group) for group in groups}


def members_of(groups: Iterable[Group]) -> list[tuple[int, ...]]:
    return sorted(group.members for group in groups)


# ------------------------------------------------------------ leads and members


def literal_groups(edges: Edges) -> dict[int, set[int]]:
    """The definition, step by step and with no shortcut: lead -> members, itself among them."""
    weight = {frozenset(nodes): w for nodes, w in edges.items()}
    nodes = {n for nodes in edges for n in nodes}
    near = {n: {m for m in nodes if frozenset((n, m)) in weight} - {n} for n in nodes}
    groups: dict[int, set[int]] = {}
    left = set(nodes)
    while left:  # one connected component after the other
        component, grown = {min(left)}, set[int]()
        while component != grown:
            grown, component = component, component | {m for n in component for m in near[n]}
        order = sorted(component, key=lambda n: (-sum(weight[frozenset((n, m))] for m in near[n]), by_number(n)))
        unassigned, leads = list(order), []
        while unassigned:
            leads.append(unassigned[0])
            unassigned = [n for n in unassigned if n != leads[-1] and n not in near[leads[-1]]]
        home = {}
        for n in component - set(leads):
            shared = [(weight.get(frozenset((n, lead)), 0), -order.index(lead), lead) for lead in leads]
            home[n] = max(shared)[2]
        groups |= {lead: {lead, *(n for n, to in home.items() if to == lead)} for lead in leads}
        left -= component
    return groups


graphs = st.dictionaries(
    st.tuples(st.integers(1, 9), st.integers(1, 9)).filter(lambda x: x[0] < x[1]), st.integers(1, 4), max_size=20
)


@given(graphs)
@settings(max_examples=500)
def test_groups_are_those_of_the_definition(edges: Edges) -> None:
    found = group_by_leads(edges, by_number)
    assert {group[0]: set(group) for group in found} == literal_groups(edges)
    assert all(list(group[1:]) == sorted(group[1:]) for group in found)


@given(graphs)
@settings(max_examples=300)
def test_every_member_shares_text_with_its_lead_and_every_node_is_in_one_group(edges: Edges) -> None:
    found = group_by_leads(edges, by_number)
    assert sorted(n for group in found for n in group) == sorted({n for nodes in edges for n in nodes})
    for lead, *members in found:
        assert all((min(lead, n), max(lead, n)) in edges for n in members)


@given(graphs, st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_groups_do_not_depend_on_the_order_of_edges(edges: Edges, random: object) -> None:
    items = [(nodes[::-1] if weight % 2 else nodes, weight) for nodes, weight in edges.items()]
    random.shuffle(items)  # type: ignore[attr-defined]
    assert sorted(group_by_leads(dict(items), by_number)) == sorted(group_by_leads(edges, by_number))


def test_a_chain_does_not_become_one_group() -> None:
    edges = {(k, k + 1): 30 for k in range(1, 6)}
    assert max(map(len, group_by_leads(edges, by_number))) <= 3


def test_a_member_moves_to_the_lead_it_shares_most_with() -> None:
    edges = {(1, 2): 50, (1, 3): 50, (3, 4): 60, (4, 5): 20, (4, 6): 20}
    assert partition(group_by_leads(edges, by_number)) == {frozenset({3, 1, 4}), frozenset({2}), frozenset({5}), frozenset({6})}


def test_ties_go_to_the_lead_that_is_earlier_in_the_order() -> None:
    edges = {(1, 2): 30, (1, 3): 30, (1, 9): 10, (4, 5): 20, (4, 6): 20, (4, 9): 10}
    assert partition(group_by_leads(edges, by_number)) == {frozenset({1, 2, 3, 9}), frozenset({4, 5, 6})}


# --------------------------------------------------------------- copy clusters


@pytest.mark.parametrize(
    ("weight", "shorter", "edge"),
    [
        (19, 100, False),
        (20, 100, True),
        (20, 200, True),
        (20, 201, False),
        (21, 210, True),
        (59, 590, True),
        (59, 591, False),
        (60, 100_000, True),
        (0, 0, False),
        (12, 12, False),
    ],
)
def test_a_copy_edge_stands_from_twenty_tokens_and_a_tenth_or_from_sixty(weight: int, shorter: int, edge: bool) -> None:
    assert is_copy_edge(pair(1, 2, weight), shorter, PARAMS) is edge
    articles = {1: article(1, tokens=shorter), 2: article(2, tokens=max(shorter, 5_000))}
    assert copy_edges([pair(1, 2, weight)], articles, PARAMS) == ({(1, 2): weight} if edge else {})


def test_copy_clusters_have_two_articles_and_more_and_their_lead_first() -> None:
    articles = articles_on(3, 2, 1, 0)
    edges = {(1, 2): 30, (1, 3): 30}
    assert members_of(copy_clusters(edges, articles)) == [(1, 3, 2)]
    assert copy_clusters({}, articles) == []


def test_of_equal_sums_the_earliest_article_leads() -> None:
    assert members_of(copy_clusters({(1, 2): 30}, articles_on(3, 2))) == [(2, 1)]
    assert members_of(copy_clusters({(1, 2): 30}, articles_on(None, 2))) == [(2, 1)]
    assert members_of(copy_clusters({(1, 2): 30}, articles_on(None, None))) == [(1, 2)]


@given(graphs)
@settings(max_examples=100)
def test_copy_clusters_are_the_groups_of_two_and_more(edges: Edges) -> None:
    articles = {k: article(k) for k in range(1, 10)}
    expected = {frozenset(members) for members in literal_groups(edges).values() if len(members) > 1}
    assert partition(group.members for group in copy_clusters(edges, articles)) == expected


# ------------------------------------------------------------------------- ids


def groups_of(*members: tuple[int, ...]) -> list[Group]:
    return [Group(item) for item in members]


def ids_of(groups: list[Group], ids: list[int]) -> dict[int, int]:
    return {k: found for group, found in zip(groups, ids, strict=True) for k in group.members}


def test_a_new_group_is_named_after_its_lead() -> None:
    assert carry_ids(groups_of((3, 1, 2), (9,)), {}) == [3, 9]


def test_a_group_keeps_its_id_when_its_lead_changes() -> None:
    assert carry_ids(groups_of((1, 2, 3)), {1: 2, 2: 2, 3: 2}) == [2]


def test_a_split_leaves_the_id_with_the_founder() -> None:
    assert carry_ids(groups_of((1, 3, 4, 5), (2, 6)), dict.fromkeys(range(1, 7), 2)) == [1, 2]


def test_a_split_without_its_founder_leaves_the_id_with_most_members() -> None:
    assert carry_ids(groups_of((3,), (4, 5)), dict.fromkeys((3, 4, 5), 2)) == [3, 2]


def test_a_merge_keeps_the_id_that_brought_most_then_the_older() -> None:
    old = {1: 1, 2: 2, 3: 2}
    assert carry_ids(groups_of((1, 2, 3)), old) == [2]
    assert carry_ids(groups_of((1, 2, 3, 4)), old | {4: 1}) == [1]
    assert carry_ids(groups_of((1, 2, 3, 4)), old | {4: 1}, order=[9, 8, 7, 3, 6].__getitem__) == [2]


def test_a_group_is_not_named_by_an_id_in_use() -> None:
    """2 founded a story that lives on without it; now it leads another."""
    assert carry_ids(groups_of((3, 4), (2, 5)), {3: 2, 4: 2}) == [2, 5]


def test_an_article_alone_is_not_named_by_an_id_in_use() -> None:
    """2 founded a story, was forgotten, and comes back as a story of its own."""
    first, second = carry_ids(groups_of((3, 4), (2,)), {3: 2, 4: 2})
    assert first == 2
    assert second != 2


@st.composite
def regroupings(draw: st.DrawFn) -> tuple[list[Group], dict[int, int]]:
    """Groups after several changes of membership, with the ids of the last state before."""
    ids: dict[int, int] = {}
    groups: list[Group] = []
    for _ in range(draw(st.integers(1, 4))):
        ids = ids_of(groups, carry_ids(groups, ids))
        present = draw(st.lists(st.integers(1, 8), unique=True, max_size=8))
        parts: dict[int, list[int]] = defaultdict(list)
        for k in present:
            parts[draw(st.integers(1, 3))].append(k)
        groups = [Group(tuple(members)) for members in parts.values()]
    return groups, ids


@given(regroupings())
@example((groups_of((3, 4), (2,)), {3: 2, 4: 2}))
@settings(max_examples=400)
def test_ids_are_unique(case: tuple[list[Group], dict[int, int]]) -> None:
    groups, old = case
    found = carry_ids(groups, old)
    assert len(set(found)) == len(groups)


@given(regroupings())
@settings(max_examples=300)
def test_an_old_id_goes_to_its_founder_or_to_most_of_its_members_or_is_given_up(case: tuple[list[Group], dict[int, int]]) -> None:
    groups, old = case
    found = carry_ids(groups, old)
    brought: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for index, group in enumerate(groups):
        for k in group.members:
            if k in old:
                brought[old[k]][index] += 1
    for number, index in ((number, found.index(number)) for number in brought if number in found):
        holds_founder = number in groups[index].members
        most = brought[number][index] == max(brought[number].values())
        assert holds_founder or most


@given(regroupings())
@settings(max_examples=200)
def test_ids_stay_where_nothing_changes(case: tuple[list[Group], dict[int, int]]) -> None:
    groups, old = case
    found = carry_ids(groups, old)
    if len(set(found)) == len(found):
        assert carry_ids(groups, ids_of(groups, found)) == found
        turned = [Group(group.members[::-1]) for group in groups]
        assert carry_ids(turned, ids_of(groups, found)) == found


# ---------------------------------------------------------------------- shares


def shares_of(links: list[Link], others: Mapping[int, MatchedArticle], on: float | None = 5) -> tuple[object, ...]:
    found = article_shares(article(1, on, source="gazette"), links, others)
    assert found.article_id == 1
    return found.shared_ratio, found.copied_ratio, found.original_chars


@pytest.mark.parametrize(
    ("other", "copied"),
    [
        (article(2, 4), 0.1),
        (article(2, 4.5), 0.0),
        (article(2, 5), 0.0),
        (article(2, 6), 0.0),
        (article(2, None), 0.0),
        (article(2, 4, source="gazette"), 0.0),
    ],
    ids=["earlier", "overlapping", "same day", "later", "undated", "same source"],
)
def test_copied_is_what_another_source_had_strictly_earlier(other: MatchedArticle, copied: float) -> None:
    assert shares_of([link(1, 2)], {2: other}) == (0.1, copied, 1_000 - round(1_000 * copied))


def test_recycled_wire_links_are_copied_and_quotations_are_not() -> None:
    others = {2: article(2, -90)}
    assert shares_of([link(1, 2, recycled=True)], others) == (0.1, 0.1, 900)
    assert shares_of([link(1, 2, kind="quote")], others) == (0.1, 0.0, 1_000)


def test_overlapping_spans_count_once() -> None:
    others = {2: article(2, 1), 3: article(3, 2)}
    links = [link(1, 2, left=(0, 100)), link(1, 3, left=(50, 200)), link(1, 3, left=(60, 70)), link(1, 3, left=(400, 410))]
    assert shares_of(links, others) == (0.21, 0.21, 790)


def test_an_undated_article_is_shared_but_not_known_to_be_copied() -> None:
    assert shares_of([link(1, 2)], {2: article(2, 1)}, on=None) == (0.1, None, None)


def test_an_article_without_links_is_its_own() -> None:
    assert shares_of([], {}) == (0.0, 0.0, 1_000)


def test_the_side_of_a_link_is_that_of_the_article() -> None:
    item = link(1, 2, left=(0, 100), right=(0, 300))
    found = article_shares(article(2, 5), [item], {1: article(1, 1)})
    assert (found.shared_ratio, found.copied_ratio, found.original_chars) == (0.3, 0.3, 700)
