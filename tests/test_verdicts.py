"""What people said holds in every partition, and moves nothing that they did not speak of."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import pytest
from factories import link, span
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.records import Group, JudgedPlace, Verdict
from pipeline.stories import Linkage
from pipeline.text import tokenize
from pipeline.verdicts import (
    Demands,
    demands,
    find_contradicted,
    find_place,
    find_words,
    held_together,
    judge_links,
    obey_copies,
)

Weights = dict[tuple[int, int], int]


def say(number: int, ruling: str, one: int, other: int, about: str = "story", *, place: JudgedPlace | None = None) -> Verdict:
    about = "passage" if ruling in {"wire", "quote"} else about
    return Verdict(number, ruling, about, min(one, other), max(one, other), "ann", place)  # type: ignore[arg-type]


def consistent(said: list[tuple[str, int, int, str]]) -> list[Verdict]:
    """The verdicts that the command would take, in turn."""
    given: list[Verdict] = []
    for number, (ruling, one, other, about) in enumerate(said, 1):
        verdict = say(number, ruling, one, other, about)
        if one != other and not find_contradicted(verdict, given):
            given.append(verdict)
    return given


def sets(groups: list[Group]) -> set[frozenset[int]]:
    return {frozenset(group.members) for group in groups}


# --- what contradicts what -------------------------------------------------------------------------


def test_same_and_different_of_one_pair_contradict_each_other() -> None:
    first = say(1, "same", 1, 2)
    assert find_contradicted(say(0, "different", 2, 1), [first]) == [first]
    other = say(1, "different", 1, 2)
    assert find_contradicted(say(0, "same", 1, 2), [other]) == [other]


def test_a_chain_of_same_is_one_set() -> None:
    chain = [say(1, "same", 1, 2), say(2, "same", 2, 3, "copy"), say(3, "same", 7, 8)]
    assert find_contradicted(say(0, "different", 1, 3), chain) == chain[:2]
    assert find_contradicted(say(0, "different", 1, 7), chain) == []
    apart = say(4, "different", 3, 7)
    assert find_contradicted(say(0, "same", 1, 8), [*chain, apart]) == [chain[1], chain[0], chain[2], apart]


def test_different_copies_may_be_on_one_story_but_copies_are_not_on_two() -> None:
    assert find_contradicted(say(0, "same", 1, 2, "story"), [say(1, "different", 1, 2, "copy")]) == []
    assert find_contradicted(say(0, "different", 1, 2, "story"), [say(1, "same", 1, 2, "copy")])
    assert find_contradicted(say(0, "same", 1, 2, "copy"), [say(1, "different", 1, 2, "story")])


def test_who_is_held_together() -> None:
    chain = [say(1, "same", 1, 2), say(2, "same", 2, 3), say(3, "different", 3, 4), say(4, "wire", 3, 5)]
    assert held_together([1], chain) == {1, 2, 3}
    assert held_together([4], chain) == {4}


# --- partitions ------------------------------------------------------------------------------------


def copies(groups: list[tuple[int, ...]], weights: Weights, *verdicts: Verdict) -> set[tuple[int, ...]]:
    named = {k for v in verdicts for k in v.pair}
    articles = {k for members in groups for k in members} | named
    found = obey_copies([Group(m) for m in groups], weights, demands(verdicts), articles, int)
    return {group.members for group in found}


def test_same_copies_make_one_cluster_of_lone_articles_and_of_clusters() -> None:
    assert copies([], {}, say(1, "same", 5, 4, "copy")) == {(4, 5)}
    weights = {(1, 2): 30, (3, 4): 90}
    found = copies([(1, 2), (3, 4)], weights, say(1, "same", 2, 4, "copy"), say(2, "same", 9, 4, "copy"))
    assert found == {(3, 1, 2, 4, 9)}  # the lead that shares most stays one


def test_the_lead_stays_and_the_others_go_where_they_share_most() -> None:
    weights = {(1, 2): 50, (1, 3): 40, (1, 4): 30, (2, 4): 45, (1, 5): 10}
    assert copies([(1, 2, 3, 4, 5)], weights, say(1, "different", 1, 2, "copy")) == {(1, 3, 5), (2, 4)}


def test_an_article_that_is_parted_from_its_cluster_is_alone() -> None:
    assert copies([(1, 2, 3)], {(1, 2): 50, (1, 3): 40}, say(1, "different", 1, 3)) == {(1, 2)}


def test_what_is_held_together_goes_in_one_piece() -> None:
    weights = {(1, 2): 50, (1, 3): 40, (1, 4): 30}
    verdicts = (say(1, "different", 1, 2, "copy"), say(2, "same", 2, 3, "copy"))
    assert copies([(1, 2, 3, 4)], weights, *verdicts) == {(1, 4), (2, 3)}


def test_stories_that_cross_copy_clusters_part_the_clusters() -> None:
    """1 and 3 are to be on one story, 2 and 4 on two: not both clusters can stay whole."""
    verdicts = (say(1, "same", 1, 3), say(2, "different", 2, 4))
    found = copies([(1, 2), (3, 4)], {(1, 2): 50, (3, 4): 40}, *verdicts)
    assert found == {(1, 2)}


def test_a_verdict_about_stories_leaves_copies_alone() -> None:
    weights = {(1, 2): 50, (3, 4): 40}
    assert copies([(1, 2), (3, 4)], weights, say(1, "same", 2, 3)) == {(1, 2), (3, 4)}
    assert copies([(1, 2), (3, 4)], weights, say(1, "different", 2, 3)) == {(1, 2), (3, 4)}


def stories_of(clusters: list[Group], weights: Weights, wanted: Demands, articles: Iterable[int]) -> list[Group]:
    """The stories of some articles: copy clusters and lone articles by average linkage."""
    lead_of = {k: group.lead for group in clusters for k in group.members}
    members = {group.lead: group.members for group in clusters}
    nodes = sorted({lead_of.get(k, k) for k in articles})

    def between(pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        places = [(nodes.index(lead_of.get(a, a)), nodes.index(lead_of.get(b, b))) for a, b in pairs]
        return [(min(pair), max(pair)) for pair in places if pair[0] != pair[1]]

    likeness: Weights = {}
    for pair, weight in weights.items():
        for edge in between([pair]):
            likeness[edge] = max(weight, likeness.get(edge, 0))
    linkage = Linkage(len(nodes), likeness, between(sorted(wanted.story_together)), between(sorted(wanted.story_apart)))
    return [Group(tuple(k for at in group for k in members.get(nodes[at], (nodes[at],)))) for group in linkage.groups(20)]


def test_stories_are_joined_and_parted_by_whole_copy_clusters() -> None:
    clusters = [Group((1, 2)), Group((3, 4))]
    weights = {(2, 3): 90, (5, 6): 42}
    assert sets(stories_of(clusters, weights, demands([]), range(1, 7))) == {frozenset({1, 2, 3, 4}), frozenset({5, 6})}
    wanted = demands([say(1, "different", 2, 4), say(2, "same", 4, 6)])
    assert sets(stories_of(clusters, weights, wanted, range(1, 7))) == {frozenset({1, 2}), frozenset({3, 4, 5, 6})}


def test_what_is_parted_goes_where_it_is_most_alike() -> None:
    weights = {(1, 2): 50, (1, 3): 40, (2, 3): 30}
    wanted = demands([say(1, "different", 1, 2)])
    assert sets(stories_of([], weights, wanted, range(1, 4))) == {frozenset({1, 3}), frozenset({2})}


ARTICLES = st.integers(1, 9)
SAID = st.lists(
    st.tuples(st.sampled_from(["same", "different"]), ARTICLES, ARTICLES, st.sampled_from(["copy", "story"])), max_size=8
)
WEIGHTS = st.dictionaries(st.tuples(ARTICLES, ARTICLES).filter(lambda pair: pair[0] < pair[1]), st.integers(1, 99), max_size=14)


@st.composite
def partitions(draw: st.DrawFn) -> list[Group]:
    parts: dict[int, list[int]] = {}
    for k in draw(st.permutations(range(1, 10))):
        parts.setdefault(draw(st.integers(1, 4)), []).append(k)
    return [Group(tuple(members)) for members in parts.values()]


def obeyed(machine: list[Group], weights: Weights, wanted: Demands) -> tuple[list[Group], list[Group]]:
    """Copy clusters and stories."""
    found = obey_copies([g for g in machine if len(g.members) > 1], weights, wanted, range(1, 10), int)
    return found, stories_of(found, weights, wanted, range(1, 10))


def hold(groups: list[Group], together: frozenset[tuple[int, int]], apart: frozenset[tuple[int, int]]) -> None:
    home = {k: at for at, group in enumerate(groups) for k in group.members}
    alone = itertools.count(100)
    for one, other in together:
        assert home.get(one, -1) == home.get(other, -2)
    for one, other in apart:
        assert home.get(one, next(alone)) != home.get(other, next(alone))


@settings(max_examples=600, deadline=None)
@given(partitions(), WEIGHTS, SAID)
def test_every_verdict_holds(machine: list[Group], weights: Weights, said: list[tuple[str, int, int, str]]) -> None:
    wanted = demands(consistent(said))
    found, stories = obeyed(machine, weights, wanted)
    hold(found, wanted.copy_together, wanted.copy_apart)
    hold(stories, wanted.story_together, wanted.story_apart)
    assert sorted(k for group in stories for k in group.members) == list(range(1, 10))
    home = {k: at for at, group in enumerate(stories) for k in group.members}
    assert all(len({home[k] for k in group.members}) == 1 for group in found), "a copy cluster lies in two stories"


@settings(max_examples=300, deadline=None)
@given(partitions(), WEIGHTS, SAID, st.randoms(use_true_random=False))
def test_the_order_of_groups_pairs_and_verdicts_does_not_matter(
    machine: list[Group], weights: Weights, said: list[tuple[str, int, int, str]], random: object
) -> None:
    given = consistent(said)

    def turned(items: list[object]) -> list[object]:
        random.shuffle(items)  # type: ignore[attr-defined]
        return items

    one = obeyed(machine, weights, demands(given))
    other = obeyed(turned(list(machine)), dict(turned(list(weights.items()))), demands(turned(list(given))))  # type: ignore[arg-type]
    assert [{g.members for g in found} for found in one] == [{g.members for g in found} for found in other]


@settings(max_examples=200, deadline=None)
@given(partitions(), WEIGHTS, SAID)
def test_groups_that_no_verdict_speaks_of_stay_as_they_are(
    machine: list[Group], weights: Weights, said: list[tuple[str, int, int, str]]
) -> None:
    given = consistent(said)
    named = {k for v in given for k in v.pair}
    found, _ = obeyed(machine, weights, demands(given))
    assert {g for g in machine if named.isdisjoint(g.members) and len(g.members) > 1} <= set(found)


# --- kinds -----------------------------------------------------------------------------------------

TEXT = "The bridge fell at noon. Nobody was hurt, the harbour master said. The bridge fell at noon."


def test_words_are_found_whatever_their_case_and_punctuation() -> None:
    tokens = tokenize(TEXT)
    assert [TEXT[a:b] for a, b in find_words("nobody WAS hurt – the harbour", tokens)] == ["Nobody was hurt, the harbour"]
    assert find_words("the bridge fell", tokens) == [(0, 15), (67, 82)]
    assert find_words("was hurt badly", tokens) == []
    assert find_words("…", tokens) == []


@pytest.mark.parametrize(("stood", "found"), [(0, (0, 15)), (60, (67, 82))])
def test_a_place_is_found_again_nearest_to_where_it_stood(stood: int, found: tuple[int, int]) -> None:
    assert find_place(JudgedPlace(1, stood, stood + 15, "The bridge fell"), tokenize(TEXT)) == found
    assert find_place(JudgedPlace(1, stood, stood + 15, "The dam fell"), tokenize(TEXT)) is None


def place_of(words: str) -> JudgedPlace:
    at = TEXT.index(words)
    return JudgedPlace(2, at, at + len(words), words)


def judge(*verdicts: Verdict) -> Callable[[int, int], object]:
    judged = judge_links(list(verdicts), {1: tokenize("other"), 2: tokenize(TEXT)})
    return lambda start, end: judged(link(1, 2, span(0, 9), span(start, end)))


def test_a_place_wins_over_the_whole_pair_and_later_over_earlier() -> None:
    exception = say(1, "quote", 1, 2, place=place_of("Nobody was hurt"))
    found = judge(exception, say(2, "wire", 1, 2))
    assert found(25, 65) == ("quote", "ann")
    assert found(0, 24) == ("wire", "ann")
    assert judge(exception)(0, 24) is None
    assert judge(say(1, "quote", 1, 2), say(2, "wire", 1, 2))(0, 24) == ("wire", "ann")


def test_a_place_that_is_gone_judges_nothing() -> None:
    gone = JudgedPlace(2, 0, 9, "somebody was hurt")
    assert judge(say(1, "quote", 1, 2, place=gone))(0, 90) is None


def test_a_link_that_only_touches_a_place_is_not_meant() -> None:
    found = judge(say(1, "quote", 1, 2, place=place_of("Nobody was hurt, the harbour master said")))
    assert found(0, 40) is None  # 15 of its 40 characters
    assert found(0, 90) == ("quote", "ann")
    assert found(30, 45) == ("quote", "ann")
