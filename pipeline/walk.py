"""The whole walk in memory: the Python API, and the composition of the stages.

    >>> from pipeline.records import RawDocument
    >>> from pipeline.walk import walk
    >>> page = RawDocument(uri="a.txt", path="a.txt", content="...", media_type="text/plain")
    >>> result = walk({"gazette": [page]})
    >>> result.passages, result.copy_clusters, result.stories
    ([], [], [Group(members=(...,))])

A run over stored articles takes the same steps (`prepare`, `link_pairs`, then
passages and clusters), each over what is new.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline import boilerplate, clusters, extract, stories
from pipeline.align import align
from pipeline.candidates import KeyIndex, propose, within_window
from pipeline.errors import ExtractionError
from pipeline.kinds import link_pair
from pipeline.params import MatchParams
from pipeline.passages import form_passages
from pipeline.records import BadDocument, Frequencies, Group, MatchedArticle, Sketch, SketchedArticle, Tokens, time_key
from pipeline.sketch import article_keys
from pipeline.terms import ONE, Rarities, Vectors, alike, article_terms, rarity, weigh
from pipeline.text import clean_text, kept_intervals, tokenize
from pipeline.units import unit_bounds
from pipeline.verdicts import by_pair, demands, judge_links, obey_copies

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from pipeline.records import Article, ArticleShares, Link, Pair, Passage, RawDocument, Verdict
    from pipeline.verdicts import Demands

MAX_PAGE_DATE = "2100-01-01"
"""Latest date that is believed of a page. Pinned, so that the same page gives the same date on any day."""

MAX_SOURCE_CHARS = 500
"""A longer name of an outlet is something else, and no index of a database takes it."""

NODES_AT_ONCE = 500
"""Nodes that are compared with all of their time in one go: the product with 20,000 others takes some 50 MB."""

LEAST_LIKENESS = round(0.05 * ONE)
"""Nodes that are less alike count as not alike at all: it changes no story of basil and fnc1-train, and spares most pairs."""

NO_FREQUENCIES = Frequencies(0, np.zeros(0, np.uint32), np.zeros(0, np.uint32))

PAIRS_AT_ONCE = 20_000
"""Pairs aligned in one go: some 300,000 blocks, 50 MB of arrays."""


def text_key() -> str:
    """Which extractor and rules make an article's text."""
    return f"{extract.extractor_key()}.{boilerplate.RULES_VERSION}"


# ------------------------------------------------------- documents to articles


def prepare(documents: Sequence[RawDocument], origin: str, params: MatchParams) -> list[SketchedArticle | BadDocument]:
    """Cleans and sketches a batch of documents of one origin, in their order.

    A document that gives no text comes back as what the quarantine shows.
    """
    results: list[Article | BadDocument] = [_to_article(document, origin) for document in documents]
    articles = [item for item in results if not isinstance(item, BadDocument)]
    tokens = [tokenize(article.raw_text, article.removed) for article in articles]
    bounds = [unit_bounds(a.raw_text, t, params.unit_min_tokens) for a, t in zip(articles, tokens, strict=True)]
    terms = [article_terms(t, a.raw_text, a.title) for a, t in zip(articles, tokens, strict=True)]
    sketches = map(Sketch, tokens, article_keys(tokens, bounds, params), terms)
    return [
        item if isinstance(item, BadDocument) else _sketched(item, next(sketches), document)
        for item, document in zip(results, documents, strict=True)
    ]


def _to_article(document: RawDocument, origin: str) -> Article | BadDocument:
    try:
        article = extract.extract(document, origin=origin, max_date=MAX_PAGE_DATE)
        if len(article.source) > MAX_SOURCE_CHARS:
            raise ExtractionError(f"the outlet's name has {len(article.source):,} characters, over {MAX_SOURCE_CHARS}")  # noqa: TRY301
        return boilerplate.clean(article, timezone=document.given.get("timezone"))
    except Exception as error:  # whatever a document does to an extractor or a rule, it must not end the run
        return BadDocument(document.uri, document.path, "extract", type(error).__name__, str(error))


def _sketched(article: Article, sketch: Sketch, document: RawDocument) -> SketchedArticle:
    page = document.content if isinstance(document.content, bytes) else None
    return SketchedArticle(article, kept_intervals(len(article.raw_text), article.removed), sketch, page, document.given)


def matched_article(item: SketchedArticle) -> MatchedArticle:
    """What the later stages need of an article, without its text."""
    article = item.article
    length = sum(end - start for start, end in item.kept)
    count = len(item.sketch.tokens)
    return MatchedArticle(article.article_id, article.source, article.published, count, length, item.kept, article.agency)


# ----------------------------------------------------------- pairs to links


def link_pairs(
    articles: Sequence[MatchedArticle],
    tokens: Sequence[Tokens],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    params: MatchParams,
    *,
    verdicts: Iterable[Verdict] = (),
) -> tuple[list[Link], list[Pair]]:
    """The links of candidate pairs, and the sum of each pair that has some.

    Args:
        articles: the articles of the pairs.
        tokens: theirs, in the same order.
        left: index into `articles` of each pair's one side.
        right: and of its other side.
        params: alignment and kinds.
        verdicts: people's verdicts; those about kinds count.
    """
    rulings = by_pair(verdicts)
    links: list[Link] = []
    pairs: list[Pair] = []
    left, right = _by_busier_side(left, right)
    for at in range(0, len(left), PAIRS_AT_ONCE):
        ours, theirs = left[at : at + PAIRS_AT_ONCE], right[at : at + PAIRS_AT_ONCE]
        found = align(tokens, ours, theirs, params)
        for one, other, alignments in zip(ours.tolist(), theirs.tolist(), found, strict=True):
            if alignments:
                both = (articles[one].article_id, articles[other].article_id)
                judge = None
                if given := rulings.get((min(both), max(both))):
                    judge = judge_links(given, dict(zip(both, (tokens[one], tokens[other]), strict=True)))
                own, pair = link_pair(
                    articles[one], articles[other], (tokens[one], tokens[other]), alignments, params, judge=judge
                )
                links += own
                pairs.append(pair)
    return links, pairs


def _by_busier_side(left: NDArray[np.int64], right: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pairs with the article of more pairs on the left, sorted: an article is laid out once for all its partners."""
    busy = np.bincount(np.concatenate((left, right)))
    swap = busy[right] > busy[left]
    left, right = np.where(swap, right, left), np.where(swap, left, right)
    order = np.lexsort((right, left))
    return left[order], right[order]


def link_chunk(
    articles: Sequence[MatchedArticle],
    blobs: Sequence[bytes],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    params: MatchParams,
    *,
    verdicts: Sequence[Verdict] = (),
) -> tuple[list[Link], list[Pair]]:
    """`link_pairs` for a worker: tokens come as bytes, which cross between processes at little cost."""
    return link_pairs(articles, [Tokens.from_bytes(blob) for blob in blobs], left, right, params, verdicts=verdicts)


# --------------------------------------------------------- nodes to stories


class StoryNodes(NamedTuple):
    """Copy clusters, by their leads, and lone articles.

    Attributes:
        ids: int64, article_ids, ascending.
        starts, ends: float64, publication in seconds since 1970; an unknown time begins and ends at the infinities.
        vectors: what they are about.
    """

    ids: NDArray[np.int64]
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    vectors: Vectors

    @classmethod
    def of(
        cls,
        ids: Sequence[int],
        seconds: Sequence[tuple[int, int] | None],
        terms: Sequence[NDArray[np.uint32]],
        rarities: Rarities,
    ) -> StoryNodes:
        """Nodes in ascending order of id, from `Published.seconds` and `article_terms` of each, and from `terms.rarity`."""
        known = [(-math.inf, math.inf) if item is None else item for item in seconds]
        starts, ends = np.array(known, np.float64).reshape(-1, 2).T
        return cls(np.array(ids, np.int64), starts, ends, weigh(terms, rarities))

    @classmethod
    def joined(cls, one: StoryNodes, other: StoryNodes) -> StoryNodes:
        """Both, in order of id; no node is in both."""
        offsets = np.concatenate((one.vectors.offsets, one.vectors.offsets[-1] + other.vectors.offsets[1:]))
        terms, weights = (np.concatenate(pair) for pair in zip(one.vectors[:2], other.vectors[:2], strict=True))
        ids, starts, ends = (np.concatenate(pair) for pair in zip(one[:3], other[:3], strict=True))
        return cls(ids, starts, ends, Vectors(terms, weights, offsets)).take(np.argsort(ids))

    def take(self, rows: NDArray[np.int64]) -> StoryNodes:
        """Some of them."""
        return StoryNodes(self.ids[rows], self.starts[rows], self.ends[rows], self.vectors.take(rows))


def alike_nodes(
    some: StoryNodes, others: StoryNodes, least: int, params: MatchParams
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """The pairs of one of `some` and one of `others` that lie within the window of a story and are so alike.

    Yields:
        index into `some`, index into `others`, likeness.
    """
    window = params.story_window_days * 86_400.0
    order = np.argsort(some.starts, kind="stable")  # undated ones first: the others can do with a part of `others`
    for at in range(0, len(order), NODES_AT_ONCE):
        ours = order[at : at + NODES_AT_ONCE]
        low, high = some.starts[ours].min() - window, some.ends[ours].max() + window
        theirs = np.flatnonzero((others.ends >= low) & (others.starts <= high))
        one, other, score = alike(some.vectors.take(ours), others.vectors.take(theirs), least)
        one, other = ours[one], theirs[other]
        near = (others.starts[other] - some.ends[one] <= window) & (some.starts[one] - others.ends[other] <= window)
        near &= some.ids[one] != others.ids[other]
        yield one[near], other[near], score[near]


def group_nodes(
    nodes: StoryNodes,
    shared: Iterable[tuple[int, int]],
    params: MatchParams,
    together: Iterable[tuple[int, int]] = (),
    apart: Iterable[tuple[int, int]] = (),
) -> list[tuple[int, ...]]:
    """The stories of some nodes, as their ids, lead first; each node is in one.

    The lead is the node that is most like the others, then the earliest.

    Args:
        nodes: all nodes, or all of some stories.
        shared: pairs of ids of nodes whose articles share passages.
        params: of stories.
        together: pairs of ids that are one story by verdict.
        apart: pairs of ids that are not.
    """
    place = {int(k): at for at, k in enumerate(nodes.ids)}
    floor_of = round(params.story_passage_likeness * ONE)
    least = round(params.story_min_likeness * ONE)
    sharing = _places(shared, place)
    one_story, two_stories = _places(together, place), _places(apart, place)
    strong = [np.array(sorted(sharing | one_story), np.int64).reshape(-1, 2)]
    strong += [np.column_stack((one, other)) for one, other, _ in alike_nodes(nodes, nodes, least, params)]
    ends = np.concatenate(strong)
    labels = stories.components(len(nodes.ids), ends[:, 0], ends[:, 1])
    likeness = dict.fromkeys(sharing, floor_of)
    crowded = np.flatnonzero(np.bincount(labels, minlength=1)[labels] > 1)
    within = nodes.take(crowded)
    for one, other, score in alike_nodes(within, within, LEAST_LIKENESS, params):
        left, right = crowded[one], crowded[other]
        kept = (labels[left] == labels[right]) & (left < right)
        for a, b, value in zip(left[kept].tolist(), right[kept].tolist(), score[kept].tolist(), strict=True):
            likeness[a, b] = max(value, likeness.get((a, b), 0))
    groups = stories.Linkage(len(nodes.ids), likeness, sorted(one_story), sorted(two_stories)).groups(least)
    ranked = stories.by_centrality(groups, likeness, [(nodes.ends[k], nodes.starts[k], k) for k in range(len(nodes.ids))])
    return [tuple(nodes.ids[list(group)].tolist()) for group in ranked]


def _places(pairs: Iterable[tuple[int, int]], place: Mapping[int, int]) -> set[tuple[int, int]]:
    """Pairs of ids as pairs of indices, the smaller first; without those of one node, or of nodes that are not there."""
    found = {(place[a], place[b]) for a, b in pairs if a in place and b in place and a != b}
    return {(min(pair), max(pair)) for pair in found}


# ------------------------------------------------------------------- the walk


@dataclass(frozen=True)
class Walk:
    """What a walk found.

    Attributes:
        articles: by article_id.
        quarantine: documents that gave no article.
        links, pairs: of all articles.
        passages: those of most tokens first.
        copy_clusters: of two articles and more.
        stories: every article is in one.
        shares: by article_id.
        capped: buckets too large to propose all their pairs.
    """

    articles: Mapping[int, SketchedArticle]
    quarantine: list[BadDocument]
    links: list[Link]
    pairs: list[Pair]
    passages: list[Passage]
    copy_clusters: list[Group]
    stories: list[Group]
    shares: Mapping[int, ArticleShares]
    capped: int

    def clean_text(self, article_id: int) -> str:
        """The text of an article without what was cut from it."""
        item = self.articles[article_id]
        return clean_text(item.article.raw_text, item.kept)


def walk(
    origins: Mapping[str, Iterable[RawDocument]], params: MatchParams | None = None, verdicts: Sequence[Verdict] = ()
) -> Walk:
    """Takes documents all the way to stories, in memory.

    Args:
        origins: the documents of each origin, by its key.
        params: thresholds; the measured defaults if none.
        verdicts: people's verdicts; those that name an article which is not there do not count.
    """
    params = params or MatchParams()
    prepared = [item for key, documents in origins.items() for item in prepare(list(documents), key, params)]
    articles = {x.article.article_id: x for x in prepared if isinstance(x, SketchedArticle)}
    matched = {k: matched_article(x) for k, x in articles.items()}
    order = sorted(matched, key=lambda k: time_key(matched[k].published, k))
    verdicts = [item for item in verdicts if articles.keys() >= set(item.pair)]
    wanted = demands(verdicts)
    index = KeyIndex.build([articles[k].sketch.keys for k in order])
    published = [(p.start, p.end) if (p := matched[k].published) else None for k in order]
    candidates = within_window(propose(index, np.ones(len(order), bool), params), published, params.match_window_days)
    links, pairs = link_pairs(
        [matched[k] for k in order],
        [articles[k].sketch.tokens for k in order],
        candidates.left,
        candidates.right,
        params,
        verdicts=verdicts,
    )
    passages = form_passages(links, matched, params)
    edges = clusters.copy_edges(pairs, matched, params)
    copies = obey_copies(clusters.copy_clusters(edges, matched), edges, wanted, matched, _by_time(matched))
    return Walk(
        articles=articles,
        quarantine=[x for x in prepared if isinstance(x, BadDocument)],
        links=links,
        pairs=pairs,
        passages=passages,
        copy_clusters=copies,
        stories=_stories(articles, links, passages, copies, params, wanted=wanted),
        shares=_shares(links, matched),
        capped=candidates.capped,
    )


def _stories(
    articles: Mapping[int, SketchedArticle],
    links: Sequence[Link],
    passages: Sequence[Passage],
    copies: Sequence[Group],
    params: MatchParams,
    *,
    wanted: Demands,
) -> list[Group]:
    matched = {k: matched_article(item) for k, item in articles.items()}
    lead_of = {k: group.lead for group in copies for k in group.members}
    places = {at: [o.article_id for o in passage.occurrences] for at, passage in enumerate(passages)}
    wide = stories.wide_passages(places, lead_of, params)
    joins_none = {link_id for at in wide for link_id in passages[at].link_ids}
    shared = stories.story_pairs(links, matched, joins_none, params)
    leads = sorted({lead_of.get(k, k) for k in articles})
    seconds = [published.seconds if (published := matched[k].published) else None for k in leads]
    nodes = StoryNodes.of(leads, seconds, [articles[k].sketch.terms for k in leads], rarity(NO_FREQUENCIES))
    found = (shared, wanted.story_together, wanted.story_apart)
    sharing, together, apart = ({(lead_of.get(a, a), lead_of.get(b, b)) for a, b in pairs} for pairs in found)
    groups = group_nodes(nodes, sharing, params, together, apart)
    members = {group.lead: group.members for group in copies}
    return [Group(tuple(k for node in group for k in members.get(node, (node,)))) for group in groups]


def _by_time(articles: Mapping[int, MatchedArticle]) -> Callable[[int], tuple[dt.datetime, dt.datetime, int]]:
    return lambda k: time_key(articles[k].published, k)


def _shares(links: Iterable[Link], articles: Mapping[int, MatchedArticle]) -> dict[int, ArticleShares]:
    own: dict[int, list[Link]] = defaultdict(list)
    for link in links:
        own[link.left_article_id].append(link)
        own[link.right_article_id].append(link)
    return {k: clusters.article_shares(article, own[k], articles) for k, article in articles.items()}
