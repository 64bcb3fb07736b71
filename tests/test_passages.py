"""Passages held to docs/data-model.md ("Passages") by a literal re-implementation and by examples."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.params import MatchParams
from pipeline.passages import form_passages, overlap_components
from pipeline.records import Link, MatchedArticle, Passage, Published, Span, time_key

PARAMS = MatchParams()
INSIDE = PARAMS.passage_inside
DAY = dt.datetime(2019, 3, 28, tzinfo=dt.UTC)
Interval = tuple[int, int]


def day(number: float) -> Published:
    start = DAY + dt.timedelta(days=number)
    return Published(start, start + dt.timedelta(days=1), "day", "given")


def article(article_id: int, published: Published | None = None) -> MatchedArticle:
    return MatchedArticle(article_id, f"outlet {article_id}", published, 100, 500, ((0, 500),))


def articles_on(*days: float | None) -> dict[int, MatchedArticle]:
    """Articles 1, 2, 3 ..., each published on a day."""
    return {k: article(k, None if number is None else day(number)) for k, number in enumerate(days, 1)}


def link(one: int, left: Interval, other: int, right: Interval, *, kind: str = "wire", tokens: int = 20) -> Link:
    sides = sorted(((one, left), (other, right)))
    spans = [Span(*span, *span) for _, span in sides]
    return Link(sides[0][0], sides[1][0], *spans, tokens, 1.0, kind, False, 0.0, 0.0)  # type: ignore[arg-type]


def places_of(passage: Passage) -> list[tuple[int, Interval]]:
    return sorted((o.article_id, (o.place.raw_start, o.place.raw_end)) for o in passage.occurrences)


def summary(passages: Iterable[Passage]) -> list[object]:
    return sorted((p.passage_id, p.link_ids, p.kind, p.first_article_id or 0, tuple(map(str, p.occurrences))) for p in passages)


# --------------------------------------------------- the definition, literally


def inside(span: Interval, other: Interval) -> bool:
    return max(0, min(span[1], other[1]) - max(span[0], other[0])) >= INSIDE * (span[1] - span[0])


def merged(spans: Iterable[Interval]) -> list[Interval]:
    found: list[Interval] = []
    for start, end in sorted(spans):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def sides(item: Link) -> list[tuple[int, Interval]]:
    return [
        (item.left_article_id, (item.left.raw_start, item.left.raw_end)),
        (item.right_article_id, (item.right.raw_start, item.right.raw_end)),
    ]


def literal_passages(links: list[Link], articles: dict[int, MatchedArticle]) -> set[tuple[frozenset[int], tuple[int, Interval]]]:
    """(link ids, representative) of each passage, as the definition says, step by step."""

    def earlier(item: Link) -> tuple[int, Interval]:
        return min(sides(item), key=lambda side: time_key(articles[side[0]].published, side[0]))

    def rank(item: Link) -> tuple[object, ...]:
        head = earlier(item)
        return (-item.tokens, time_key(articles[head[0]].published, head[0]), *head[1], item.link_id)

    waiting = sorted(links, key=rank)
    passages = set()
    while waiting:
        head = earlier(waiting[0])
        joined = [x for x in waiting if any(k == head[0] and inside(span, head[1]) for k, span in sides(x))]
        spans: dict[int, list[Interval]] = defaultdict(list, {head[0]: [head[1]]})
        for item in joined:
            for article_id, span in sides(item):
                if article_id != head[0]:
                    spans[article_id].append(span)
        places = {k: merged(v) for k, v in spans.items()}
        rest = [x for x in waiting if x not in joined]
        between = [x for x in rest if all(any(inside(span, place) for place in places.get(k, ())) for k, span in sides(x))]
        passages.add((frozenset(x.link_id for x in joined + between), head))
        waiting = [x for x in rest if x not in between]
    return passages


@st.composite
def linked_articles(draw: st.DrawFn) -> tuple[list[Link], dict[int, MatchedArticle]]:
    count = draw(st.integers(2, 5))
    articles = articles_on(*draw(st.lists(st.none() | st.integers(0, 60), min_size=count, max_size=count)))
    links = {}
    for _ in range(draw(st.integers(0, 8))):
        one, other = draw(st.sampled_from([(i, j) for i in articles for j in articles if i < j]))
        a, b, n, m = (draw(st.integers(*bounds)) for bounds in ((0, 12), (0, 12), (3, 12), (3, 12)))
        kind = draw(st.sampled_from(["wire", "quote"]))
        made = link(one, (a, a + n), other, (b, b + m), kind=kind, tokens=draw(st.integers(8, 12)))
        links[made.link_id] = made
    return list(links.values()), articles


# ------------------------------------------------------------------ properties


@given(linked_articles())
@settings(max_examples=300)
def test_passages_are_those_of_the_definition(case: tuple[list[Link], dict[int, MatchedArticle]]) -> None:
    links, articles = case
    found = form_passages(links, articles, PARAMS)
    heads = [(p.occurrences[0].article_id, (p.head.raw_start, p.head.raw_end)) for p in found]
    assert {(frozenset(p.link_ids), head) for p, head in zip(found, heads, strict=True)} == literal_passages(links, articles)


@given(linked_articles(), st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_passages_do_not_depend_on_the_order_of_links(case: tuple[list[Link], dict[int, MatchedArticle]], random: object) -> None:
    links, articles = case
    shuffled = list(links)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    turned = dict(reversed(articles.items()))
    assert summary(form_passages(shuffled, turned, PARAMS)) == summary(form_passages(links, articles, PARAMS))


@given(linked_articles())
@settings(max_examples=200)
def test_every_link_is_in_one_passage_and_every_place_shown(case: tuple[list[Link], dict[int, MatchedArticle]]) -> None:
    links, articles = case
    passages = form_passages(links, articles, PARAMS)
    assert Counter(k for p in passages for k in p.link_ids) == Counter(item.link_id for item in links)
    by_id = {item.link_id: item for item in links}
    for passage in passages:
        spans: dict[int, list[Interval]] = defaultdict(list)
        for link_id in passage.link_ids:
            for article_id, span in sides(by_id[link_id]):
                spans[article_id].append(span)
        assert places_of(passage) == sorted((k, span) for k, found in spans.items() for span in merged(found))
        head, shown = (passage.head.raw_start, passage.head.raw_end), passage.occurrences[0].place
        assert shown.raw_start <= head[0]
        assert head[1] <= shown.raw_end
        kinds = Counter(by_id[k].kind for k in passage.link_ids)
        assert passage.kind == ("quote" if kinds["quote"] > kinds["wire"] else "wire")
    assert len({p.passage_id for p in passages}) == len(passages)


@given(linked_articles())
@settings(max_examples=200)
def test_passages_can_be_formed_component_by_component(case: tuple[list[Link], dict[int, MatchedArticle]]) -> None:
    links, articles = case
    components: dict[int, list[Link]] = defaultdict(list)
    for item, number in zip(links, overlap_components(links).tolist(), strict=True):
        components[number].append(item)
    apart = [p for own in components.values() for p in form_passages(own, articles, PARAMS)]
    assert summary(apart) == summary(form_passages(links, articles, PARAMS))


@given(linked_articles())
@settings(max_examples=200)
def test_components_hang_together_by_overlap_and_nothing_else(case: tuple[list[Link], dict[int, MatchedArticle]]) -> None:
    links, _ = case
    parts = [{k} for k in range(len(links))]
    for i, one in enumerate(links):
        for j, other in enumerate(links[:i]):
            if any(a == b and s[0] < t[1] and t[0] < s[1] for a, s in sides(one) for b, t in sides(other)):
                joined = next(p for p in parts if i in p) | next(p for p in parts if j in p)
                parts = [p for p in parts if not p & joined] + [joined]
    numbers = overlap_components(links).tolist()
    found: dict[int, set[int]] = defaultdict(set)
    for k, number in enumerate(numbers):
        found[number].add(k)
    assert sorted(map(sorted, found.values())) == sorted(map(sorted, parts))


# -------------------------------------------------------------------- examples


def test_no_links_make_no_passages() -> None:
    assert form_passages([], {}, PARAMS) == []
    assert overlap_components([]).tolist() == []


def test_the_longest_link_founds_and_its_earlier_side_represents() -> None:
    articles = articles_on(5, 3, 4)
    links = [link(1, (0, 100), 2, (50, 150)), link(2, (50, 150), 3, (7, 107), tokens=30)]
    (passage,) = form_passages(links, articles, PARAMS)
    assert places_of(passage) == [(1, (0, 100)), (2, (50, 150)), (3, (7, 107))]
    assert [o.article_id for o in passage.occurrences] == [2, 3, 1]


@pytest.mark.parametrize(("start", "count"), [(20, 1), (21, 2)])
def test_a_link_joins_if_it_lies_inside_for_four_fifths(start: int, count: int) -> None:
    links = [link(1, (0, 100), 2, (0, 100), tokens=30), link(1, (start, 120), 3, (0, 120 - start))]
    links[1] = link(1, (100 - 4 * (120 - 100) + (start - 20), 120), 3, (0, 100))
    assert len(form_passages(links, articles_on(1, 2, 3), PARAMS)) == count


def test_a_link_between_two_occurrences_joins() -> None:
    links = [link(1, (0, 100), 2, (0, 100), tokens=30), link(1, (0, 100), 3, (0, 100), tokens=29), link(2, (0, 100), 3, (0, 100))]
    (passage,) = form_passages(links, articles_on(1, 2, 3), PARAMS)
    assert len(passage.link_ids) == 3


def test_a_link_between_occurrences_that_grew_from_overlapping_places_joins() -> None:
    """Places of one article that overlap are one occurrence, so 2's is 0 to 100, and 30 to 70 lies inside it."""
    links = [
        link(1, (0, 100), 3, (0, 100), tokens=30),
        link(1, (0, 60), 2, (0, 60), tokens=28),
        link(1, (40, 100), 2, (40, 100), tokens=27),
        link(2, (30, 70), 3, (30, 70), tokens=12),
    ]
    (passage,) = form_passages(links, articles_on(1, 2, 3), PARAMS)
    assert places_of(passage) == [(1, (0, 100)), (2, (0, 100)), (3, (0, 100))]


def test_a_passage_that_stands_twice_in_a_later_article_has_two_occurrences_there() -> None:
    links = [link(1, (0, 100), 2, (0, 100)), link(1, (0, 100), 2, (300, 400))]
    (passage,) = form_passages(links, articles_on(1, 2), PARAMS)
    assert places_of(passage) == [(1, (0, 100)), (2, (0, 100)), (2, (300, 400))]


def test_kinds_are_counted_and_ties_are_wire() -> None:
    links = [link(1, (0, 100), k, (0, 100), kind=kind, tokens=30 - k) for k, kind in ((2, "quote"), (3, "wire"))]
    assert form_passages(links, articles_on(1, 2, 3), PARAMS)[0].kind == "wire"
    links.append(link(1, (0, 100), 4, (0, 100), kind="quote"))
    assert form_passages(links, articles_on(1, 2, 3, 4), PARAMS)[0].kind == "quote"


def roles_on(*days: float | None) -> tuple[list[str], int | None]:
    """Roles of articles 1, 2, 3 ... that all carry one passage, and which is first."""
    articles = articles_on(*days)
    links = [link(i, (0, 100), j, (0, 100)) for i in articles for j in articles if i < j]
    (passage,) = form_passages(links, articles, PARAMS)
    role_of = {o.article_id: o.role for o in passage.occurrences}
    return [role_of[k] for k in articles], passage.first_article_id


@pytest.mark.parametrize(
    ("days", "roles", "first"),
    [
        ((0, 1), ["first", "carried"], 1),
        ((1, 0), ["carried", "first"], 2),
        ((0, 0), ["carried", "carried"], None),
        ((0, 0.5, 3), ["carried", "carried", "carried"], None),
        ((0, 15), ["first", "carried"], 1),
        ((0, 15.01), ["first", "recycled"], 1),
        ((0, 10, 20, 30), ["first", "carried", "carried", "carried"], 1),
        ((0, 10, 40, 41, 99), ["first", "carried", "recycled", "recycled", "recycled"], 1),
        ((40, 41, 0, 0), ["recycled", "recycled", "carried", "carried"], None),
        ((None, None), ["carried", "carried"], None),
        ((0, 1, None), ["carried", "carried", "carried"], None),
        ((0, 40, None), ["carried", "recycled", "carried"], None),
    ],
)
def test_roles_follow_from_time_alone(days: tuple[float | None, ...], roles: list[str], first: int | None) -> None:
    assert roles_on(*days) == (roles, first)
