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

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline import boilerplate, clusters, extract
from pipeline.align import align
from pipeline.candidates import KeyIndex, propose, within_window
from pipeline.errors import ExtractionError
from pipeline.kinds import link_pair
from pipeline.params import MatchParams
from pipeline.passages import form_passages
from pipeline.records import BadDocument, MatchedArticle, Sketch, SketchedArticle, Tokens, time_key
from pipeline.sketch import article_keys
from pipeline.text import clean_text, kept_intervals, tokenize
from pipeline.units import unit_bounds
from pipeline.verdicts import by_pair, demands, judge_links, obey_copies, obey_stories

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from pipeline.records import Article, ArticleShares, Group, Link, Pair, Passage, RawDocument, Verdict
    from pipeline.verdicts import Demands

MAX_PAGE_DATE = "2100-01-01"
"""Latest date that is believed of a page. Pinned, so that the same page gives the same date on any day."""

MAX_SOURCE_CHARS = 500
"""A longer name of an outlet is something else, and no index of a database takes it."""

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
    sketches = map(Sketch, tokens, article_keys(tokens, bounds, params))
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
    return MatchedArticle(article.article_id, article.source, article.published, len(item.sketch.tokens), length, item.kept)


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
        stories=_stories(links, passages, copies, matched, params, wanted=wanted),
        shares=_shares(links, matched),
        capped=candidates.capped,
    )


def _stories(
    links: Sequence[Link],
    passages: Sequence[Passage],
    copies: Sequence[Group],
    articles: Mapping[int, MatchedArticle],
    params: MatchParams,
    *,
    wanted: Demands,
) -> list[Group]:
    lead_of = {k: group.lead for group in copies for k in group.members}
    places = {at: [o.article_id for o in passage.occurrences] for at, passage in enumerate(passages)}
    wide = clusters.wide_passages(places, lead_of, params)
    joins_none = {link_id for at in wide for link_id in passages[at].link_ids}
    edges = clusters.story_edges(links, articles, joins_none, params)
    found = clusters.stories(articles, edges, copies, articles)
    return obey_stories(found, edges, copies, wanted, _by_time(articles))


def _by_time(articles: Mapping[int, MatchedArticle]) -> Callable[[int], tuple[dt.datetime, dt.datetime, int]]:
    return lambda k: time_key(articles[k].published, k)


def _shares(links: Iterable[Link], articles: Mapping[int, MatchedArticle]) -> dict[int, ArticleShares]:
    own: dict[int, list[Link]] = defaultdict(list)
    for link in links:
        own[link.left_article_id].append(link)
        own[link.right_article_id].append(link)
    return {k: clusters.article_shares(article, own[k], articles) for k, article in articles.items()}
