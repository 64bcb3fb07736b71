"""Candidate pairs against a brute-force oracle, and what a change to the index disturbs."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.candidates import KeyIndex, StoredKeys, disturbed, propose
from pipeline.params import MatchParams
from pipeline.records import keys_to_bytes

Pairs = set[tuple[int, int]]

key_sets = st.sets(st.integers(1, 6), max_size=4)
small_params = st.builds(
    lambda articles, leaders: MatchParams(bucket_articles=articles, bucket_leaders=leaders), st.integers(2, 5), st.integers(1, 6)
)


def index_of(articles: list[set[int]]) -> KeyIndex:
    return KeyIndex.build([stored(keys) for keys in articles])


def stored(keys: set[int]) -> np.typing.NDArray[np.uint64]:
    """The index leaves the low 24 bits of a key out."""
    return np.array(sorted(keys), np.uint64) << np.uint64(24)


def buckets_of(articles: dict[int, set[int]]) -> dict[int, list[int]]:
    """The members of each key, earliest first; the number of an article is its place in time."""
    buckets: dict[int, list[int]] = defaultdict(list)
    for article in sorted(articles):
        for key in articles[article]:
            buckets[key].append(article)
    return buckets


def proposed_by(articles: dict[int, set[int]], params: MatchParams) -> Pairs:
    """The definition: all pairs of a small bucket, each with the earliest of a large one."""
    found: Pairs = set()
    for members in buckets_of(articles).values():
        leaders = members if len(members) <= params.bucket_articles else members[: params.bucket_leaders]
        found.update(pair for pair in combinations(members, 2) if pair[0] in leaders)
    return found


def flags(chosen: set[int], size: int) -> np.typing.NDArray[np.bool_]:
    return np.array([k in chosen for k in range(size)], bool)


def pairs_of(articles: list[set[int]], marked: set[int], params: MatchParams) -> Pairs:
    found = propose(index_of(articles), flags(marked, len(articles)), params)
    pairs = list(zip(found.left.tolist(), found.right.tolist(), strict=True))
    assert pairs == sorted(set(pairs))
    assert all(left < right for left, right in pairs)
    return set(pairs)


# ------------------------------------------------------------------ proposals


@given(st.lists(key_sets, max_size=12), small_params)
@example([{1}, {1}, {1}], MatchParams(bucket_articles=2, bucket_leaders=4))
@settings(max_examples=300)
def test_all_pairs_are_those_of_the_buckets(articles: list[set[int]], params: MatchParams) -> None:
    assert pairs_of(articles, set(range(len(articles))), params) == proposed_by(dict(enumerate(articles)), params)


@given(st.lists(key_sets, max_size=12), st.sets(st.integers(0, 11)), small_params)
@settings(max_examples=300)
def test_marked_articles_get_all_their_pairs_and_no_others(
    articles: list[set[int]], marked: set[int], params: MatchParams
) -> None:
    every = proposed_by(dict(enumerate(articles)), params)
    expected = {pair for pair in every if marked & set(pair)}
    assert pairs_of(articles, marked, params) == expected


@given(st.lists(key_sets, max_size=12), small_params)
@settings(max_examples=100)
def test_capped_counts_the_buckets_that_are_too_large(articles: list[set[int]], params: MatchParams) -> None:
    found = propose(index_of(articles), np.ones(len(articles), bool), params)
    members = buckets_of(dict(enumerate(articles))).values()
    assert found.capped == sum(len(m) > params.bucket_articles for m in members)


def test_nothing_proposes_nothing() -> None:
    params = MatchParams()
    assert pairs_of([], set(), params) == set()
    assert pairs_of([set(), set()], {0, 1}, params) == set()
    assert pairs_of([{1}, {2}], {0, 1}, params) == set()
    assert pairs_of([{1}, {1}], set(), params) == set()


@pytest.mark.parametrize(("copies", "pairs"), [(50, 50 * 49 // 2), (51, 50 + 49 + 48 + 47), (2_000, 4 * 2_000 - 10)])
def test_a_bucket_of_fifty_is_the_last_that_proposes_all_its_pairs(copies: int, pairs: int) -> None:
    assert len(pairs_of([{1}] * copies, set(range(copies)), MatchParams())) == pairs


# --------------------------------------------------------------- disturbances

Change = tuple[dict[int, set[int]], set[int], set[int], MatchParams]


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """Articles by their place in time, which of them wait for matching, which are gone, and small caps."""
    keys = st.sets(st.integers(1, 3), max_size=3)
    articles = dict(enumerate(draw(st.lists(keys, min_size=1, max_size=14))))
    how = draw(st.lists(st.sampled_from(["old", "old", "waits", "gone"]), min_size=len(articles), max_size=len(articles)))
    waiting = {k for k, state in enumerate(how) if state == "waits"}
    gone = {k for k, state in enumerate(how) if state == "gone"}
    return articles, waiting, gone, draw(small_params)


def disturbed_by(articles: dict[int, set[int]], waiting: set[int], gone: set[int], params: MatchParams) -> set[int]:
    """What `disturbed` says, in places in time instead of positions."""
    now = sorted(set(articles) - gone)
    keys = [stored(articles[k]) for k in sorted(gone)]
    places = [sum(k < article for k in now) for article in sorted(gone)]
    retired = StoredKeys([keys_to_bytes(item) for item in keys], places).index()
    found = disturbed(index_of([articles[k] for k in now]), np.array([k in waiting for k in now], bool), retired, params)
    return {now[k] for k in np.flatnonzero(found).tolist()}


@given(changes(), st.data())
@settings(max_examples=800)
def test_a_change_leaves_the_pairs_of_undisturbed_articles_alone(case: Change, data: st.DataObject) -> None:
    """Whichever of the waiting and of the gone articles had been matched before."""
    articles, waiting, gone, params = case
    unmatched = data.draw(st.sets(st.sampled_from(sorted(waiting | gone)))) if waiting | gone else set()
    before = proposed_by({k: v for k, v in articles.items() if k not in unmatched}, params)
    now = proposed_by({k: v for k, v in articles.items() if k not in gone}, params)
    untouched = set(articles) - gone - waiting - disturbed_by(articles, waiting, gone, params)

    def among(pairs: Pairs) -> set[tuple[int, int]]:
        return {pair for pair in pairs if set(pair) <= untouched}

    assert among(before) == among(now)


def may_propose_others(members: list[int], waiting: set[int], gone: set[int], params: MatchParams) -> bool:
    """The definition of a disturbed bucket, tried on the ways in which it can have looked before."""

    def some(chosen: set[int]) -> list[set[int]]:
        return [set(), chosen, *({k} for k in chosen)]

    limit, leaders = params.bucket_articles, params.bucket_leaders
    for new in some(waiting & set(members)):
        for lost in some(gone):
            was = sorted((set(members) - new) | lost)
            if (len(was) > limit) != (len(members) > limit):
                return True
            if len(members) > limit and was[:leaders] != members[:leaders]:
                return True
    return False


@given(changes())
@settings(max_examples=300)
def test_buckets_are_disturbed_that_grow_past_the_cap_shrink_to_it_or_change_their_earliest(case: Change) -> None:
    articles, waiting, gone, params = case
    expected: set[int] = set()
    retired = buckets_of({k: articles[k] for k in gone})
    for key, members in buckets_of({k: v for k, v in articles.items() if k not in gone}).items():
        if len(members) > 1 and may_propose_others(members, waiting, set(retired.get(key, ())), params):
            expected |= set(members)
    assert disturbed_by(articles, waiting, gone, params) == expected


def test_late_arrivals_in_a_capped_bucket_disturb_nothing() -> None:
    articles = {key: {1} for key in range(80)}
    assert disturbed_by(articles, set(range(60, 80)), set(), MatchParams()) == set()


def test_an_arrival_among_the_earliest_disturbs_a_capped_bucket() -> None:
    articles = {key: {1} for key in range(80)}
    assert disturbed_by(articles, {3}, set(), MatchParams()) == set(range(80))
    assert disturbed_by(articles, {4}, set(), MatchParams()) == set()


def test_a_bucket_that_grows_past_its_cap_or_shrinks_to_it_is_disturbed() -> None:
    articles = {key: {1} for key in range(51)}
    assert disturbed_by(articles, {50}, set(), MatchParams()) == set(range(51))
    assert disturbed_by(articles, set(), {50}, MatchParams()) == set(range(50))
    assert disturbed_by({key: {1} for key in range(50)}, {49}, set(), MatchParams()) == set()


def test_retired_articles_among_the_earliest_disturb_a_capped_bucket() -> None:
    articles = {key: {1} for key in range(80)}
    assert disturbed_by(articles, set(), {3}, MatchParams()) == set(range(80)) - {3}
    assert disturbed_by(articles, set(), {4}, MatchParams()) == set()
    assert disturbed_by(articles, {2}, {3}, MatchParams()) == set(range(80)) - {3}


@given(st.lists(st.sets(st.integers(0, 40), max_size=8), max_size=12), st.sets(st.integers(0, 40)))
def test_an_index_around_some_keys_holds_these_whole(articles: list[set[int]], wanted: set[int]) -> None:
    blobs = [keys_to_bytes(stored(keys)) for keys in articles]
    around = StoredKeys(blobs).index(stored(wanted))
    whole = StoredKeys(blobs).index()
    assert around.size == whole.size == len(articles)
    for index in (around, whole):
        assert (np.diff(index.keys.astype(np.float64)) >= 0).all()
    chosen = np.isin(whole.keys, stored(wanted))
    kept = np.isin(around.keys, stored(wanted))
    assert around.keys[kept].tolist() == whole.keys[chosen].tolist()
    assert around.members[kept].tolist() == whole.members[chosen].tolist()
