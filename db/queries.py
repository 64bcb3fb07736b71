"""The only reader: what the stages need back of what is stored, and what people are shown."""

from __future__ import annotations

import json
import math
import zlib
from collections import defaultdict
from itertools import starmap
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from db import schema
from db.rows import FREQUENCIES, LINKED, FileState, Grouping, IndexRow, NodeRow, StoredArticle, StoredLink
from db.statements import among
from db.views import BY_NAME
from pipeline.errors import StaleStoreError, StoreError
from pipeline.records import (
    Article,
    Frequencies,
    Group,
    JudgedPlace,
    Link,
    MatchedArticle,
    Pair,
    Published,
    RemovedSpan,
    Span,
    Verdict,
)

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterator

    from sqlalchemy.engine import Connection

    from pipeline.params import MatchParams

LISTED = 5
"""Candidates that a message about an ambiguous name lists."""


# --- runs and what was read ------------------------------------------------------------------------


def state(conn: Connection) -> dict[str, str]:
    """The table of state: `sketch_key`, `match_key`, `cluster_key`, as far as they are set."""
    return dict(conn.execute(sa.select(schema.state.c.key, schema.state.c.value)).tuples().all())


def check_keys(conn: Connection, params: MatchParams) -> None:
    """Refuses parameters other than those that made what is stored; an empty database takes any.

    Raises:
        StaleStoreError: a stage differs; it names the first one.
    """
    stored = state(conn)
    for stage in ("sketch", "match", "cluster"):
        if stored.get(f"{stage}_key", getattr(params, f"{stage}_key")) != getattr(params, f"{stage}_key"):
            message = f"the database was made with other parameters (from the stage `{stage}` on); run `wirecopy refresh`"
            raise StaleStoreError(message, stage=stage)


def file_states(conn: Connection, origin: str) -> dict[str, FileState]:
    """The files of an origin that were read, by path."""
    table = schema.file_state
    statement = sa.select(table.c.path, table.c.size, table.c.mtime_ns, table.c.side_hash).where(table.c.origin == origin)
    return {row[0]: FileState(*row[1:]) for row in conn.execute(statement)}


def origin_roots(conn: Connection) -> dict[str, str]:
    """Where each origin lay when it was last looked through."""
    return dict(conn.execute(sa.select(schema.origin.c.origin, schema.origin.c.root)).tuples().all())


def article_counts(conn: Connection, origin: str) -> dict[str, int]:
    """How many articles that are not gone come from each file of an origin."""
    table = schema.article
    here = sa.select(table.c.path, sa.func.count()).where(table.c.origin == origin, table.c.gone_at.is_(None))
    return dict(conn.execute(here.group_by(table.c.path)).tuples().all())


def open_quarantine(conn: Connection, origin: str) -> set[str]:
    """The files of an origin that have something in quarantine."""
    table = schema.bad_document
    return set(conn.scalars(sa.select(table.c.path).distinct().where(table.c.origin == origin, table.c.resolved_at.is_(None))))


def current_revisions(conn: Connection, article_ids: Collection[int]) -> dict[int, int]:
    """The current revision of each of these articles that is stored."""
    table = schema.article
    statement = sa.select(table.c.article_id, table.c.revision_id).where(among(conn, table.c.article_id, article_ids))
    return dict(conn.execute(statement).tuples().all())


# --- for the stages --------------------------------------------------------------------------------

_IS_CURRENT = schema.revision.c.revision_id == schema.article.c.revision_id


def index_rows(conn: Connection) -> list[IndexRow]:
    """The keys of all current revisions that take part in matching, for the index of keys."""
    article, revision, sketch = schema.article, schema.revision, schema.sketch
    statement = (
        sa.select(
            sketch.c.article_id,
            revision.c.published_start,
            revision.c.published_end,
            article.c.matched_key.is_(None),
            sketch.c["keys"],
        )
        .join(article, article.c.article_id == sketch.c.article_id)
        .join(revision, _IS_CURRENT)
        .where(article.c.same_as.is_(None))
    )
    return list(starmap(IndexRow, conn.execute(statement)))


def retired_rows(conn: Connection) -> list[IndexRow]:
    """The keys of revisions that stopped being current since the last matching; an article may come twice."""
    table = schema.retired_sketch
    columns = (table.c.article_id, table.c.published_start, table.c.published_end, sa.false(), table.c["keys"])
    return list(starmap(IndexRow, conn.execute(sa.select(*columns))))


def has_retired(conn: Connection) -> bool:
    """Whether a revision stopped being current since the last matching."""
    return conn.execute(sa.select(schema.retired_sketch.c.article_id).limit(1)).first() is not None


def articles_to_match(conn: Connection) -> list[int]:
    """The articles whose current revision waits for matching, in order of id."""
    article = schema.article
    statement = sa.select(article.c.article_id).where(article.c.matched_key.is_(None), article.c.same_as.is_(None))
    return list(conn.scalars(statement.order_by(article.c.article_id)))


def articles_to_cluster(conn: Connection) -> list[int]:
    """The articles that wait for clustering, in order of id."""
    article = schema.article
    statement = sa.select(article.c.article_id).where(schema.UNCLUSTERED, article.c.same_as.is_(None))
    return list(conn.scalars(statement.order_by(article.c.article_id)))


def linked_articles(conn: Connection) -> set[int]:
    """Those of them that have new links and are what they were otherwise."""
    article = schema.article
    return set(conn.scalars(sa.select(article.c.article_id).where(schema.UNCLUSTERED, article.c.clustered_key == LINKED)))


def outdated_articles(conn: Connection, *, text_key: str, sketch_key: str) -> list[int]:
    """The articles whose current revision was made with other keys, in order of id; for `refresh`."""
    article, revision = schema.article, schema.revision
    statement = sa.select(article.c.article_id).join(revision, _IS_CURRENT)
    outdated = statement.where(sa.or_(revision.c.text_key != text_key, revision.c.sketch_key != sketch_key))
    return list(conn.scalars(outdated.order_by(article.c.article_id)))


def load_tokens(conn: Connection, article_ids: Collection[int]) -> dict[int, bytes]:
    """The tokens of current revisions by article, as `Tokens.to_bytes` wrote them."""
    table = schema.sketch
    statement = sa.select(table.c.article_id, table.c.tokens).where(among(conn, table.c.article_id, article_ids))
    return dict(conn.execute(statement).tuples().all())


def matched_articles(conn: Connection, article_ids: Collection[int]) -> dict[int, MatchedArticle]:
    """What clustering and kinds need of articles."""
    article, revision = schema.article, schema.revision
    columns = (
        article.c.article_id,
        article.c.source,
        revision.c.published_start,
        revision.c.published_end,
        revision.c.published_precision,
        revision.c.published_from,
        revision.c.token_count,
        revision.c.char_count,
        revision.c.kept,
        revision.c.agency,
    )
    statement = sa.select(*columns).join(revision, _IS_CURRENT).where(among(conn, article.c.article_id, article_ids))
    return {
        row.article_id: MatchedArticle(
            row.article_id, row.source, _published(row), row.token_count, row.char_count, _kept(row.kept), row.agency
        )
        for row in conn.execute(statement)
    }


def load_articles(conn: Connection, article_ids: Collection[int]) -> dict[int, StoredArticle]:
    """Articles with their texts, removed spans and pages, by id; some hundreds at a time."""
    article, revision, page = schema.article, schema.revision, schema.page
    statement = (
        sa.select(revision, article.c.origin, article.c.uri, article.c.path, page.c.html)
        .join(article, _IS_CURRENT)
        .outerjoin(page, page.c.revision_id == revision.c.revision_id)
        .where(among(conn, article.c.article_id, article_ids))
    )
    rows = conn.execute(statement).all()
    removed = _removed_spans(conn, [row.revision_id for row in rows])
    return {row.article_id: _stored_article(row, tuple(removed[row.revision_id])) for row in rows}


def links_of(conn: Connection, article_ids: Collection[int]) -> list[StoredLink]:
    """The links with either side in these articles, in order of id; without their evidence, which decides nothing."""
    table = schema.link
    columns = [table.c[name] for name in _LINK_COLUMNS]
    statement = sa.select(*columns).where(_either_side(conn, table, article_ids)).order_by(table.c.link_id)
    return [_stored_link(*row) for row in conn.execute(statement)]


def pairs_of(conn: Connection, article_ids: Collection[int]) -> list[Pair]:
    """The pairs with either side in these articles, in order of both ids."""
    table = schema.pair
    columns = [table.c[name] for name in Pair.__dataclass_fields__]
    statement = sa.select(*columns).where(_either_side(conn, table, article_ids))
    return list(starmap(Pair, conn.execute(statement.order_by(table.c.left_article_id, table.c.right_article_id))))


def _either_side(conn: Connection, table: sa.Table, article_ids: Collection[int]) -> sa.ColumnElement[bool]:
    return sa.or_(*(among(conn, table.c[side], article_ids) for side in ("left_article_id", "right_article_id")))


def groupings(conn: Connection, article_ids: Collection[int]) -> dict[int, Grouping]:
    """Where articles stand now. The id of a story or copy cluster is that of the article that founded it."""
    table = schema.article
    columns = (table.c.article_id, table.c.story_id, table.c.copy_cluster_id, table.c.is_lead)
    statement = sa.select(*columns).where(among(conn, table.c.article_id, article_ids))
    return {row[0]: Grouping(*row[1:]) for row in conn.execute(statement)}


def story_articles(conn: Connection, story_ids: Collection[int]) -> dict[int, list[int]]:
    """The articles of stories, by story, in order of id; ids that are not in use are left out."""
    return _members(conn, schema.article.c.story_id, story_ids)


def cluster_articles(conn: Connection, cluster_ids: Collection[int]) -> dict[int, list[int]]:
    """The articles of copy clusters, by cluster, in order of id; ids that are not in use are left out."""
    return _members(conn, schema.article.c.copy_cluster_id, cluster_ids)


def cluster_groups(conn: Connection, cluster_ids: Collection[int]) -> dict[int, Group]:
    """Copy clusters by id, the lead first; ids that are not in use are left out."""
    table = schema.copy_cluster
    leads = dict(conn.execute(sa.select(table).where(among(conn, table.c.copy_cluster_id, cluster_ids))).tuples().all())
    found = cluster_articles(conn, leads)
    return {k: Group((leads[k], *(m for m in members if m != leads[k]))) for k, members in found.items()}


def story_nodes(conn: Connection, *, start: float, end: float) -> list[NodeRow]:
    """The copy clusters (by their leads) and lone articles published within a time, and all undated ones; by id.

    Args:
        conn: a connection.
        start: seconds since 1970, or the infinities.
        end: the same.
    """
    table = schema.story_terms
    conditions = [
        bound
        for bound in (
            math.isfinite(start) and table.c.published_end >= math.floor(start),
            math.isfinite(end) and table.c.published_start <= math.ceil(end),
        )
        if bound is not False
    ]
    within = sa.or_(table.c.published_start.is_(None), sa.and_(sa.true(), *conditions))
    return _nodes(conn, within)


def story_nodes_of(conn: Connection, article_ids: Collection[int]) -> list[NodeRow]:
    """The same, of these articles as far as they are leads or alone."""
    return _nodes(conn, among(conn, schema.story_terms.c.article_id, article_ids))


def _nodes(conn: Connection, where: sa.ColumnElement[bool]) -> list[NodeRow]:
    table, article = schema.story_terms, schema.article
    statement = (
        sa.select(table)
        .join(article, article.c.article_id == table.c.article_id)
        .where(where, article.c.same_as.is_(None), sa.or_(article.c.copy_cluster_id.is_(None), article.c.is_lead))
        .order_by(table.c.article_id)
    )
    return list(starmap(NodeRow, conn.execute(statement)))


def all_terms(conn: Connection) -> Iterator[bytes]:
    """The terms of all current revisions that take part in matching."""
    table, article = schema.story_terms, schema.article
    statement = sa.select(table.c.terms).join(article, article.c.article_id == table.c.article_id)
    return iter(conn.scalars(statement.where(article.c.same_as.is_(None)), execution_options={"yield_per": 1000}))


def frequencies(conn: Connection) -> Frequencies | None:
    """The document frequencies of terms that the last refresh froze; None before the first."""
    table = schema.frozen
    data = conn.scalars(sa.select(table.c.data).where(table.c.name == FREQUENCIES)).first()
    return None if data is None else Frequencies.from_bytes(data)


def passage_articles(conn: Connection, passage_ids: Collection[int]) -> dict[int, set[int]]:
    """The articles that passages stand in, by passage."""
    table = schema.occurrence
    statement = sa.select(table.c.passage_id, table.c.article_id).where(among(conn, table.c.passage_id, passage_ids))
    found = defaultdict(set)
    for passage_id, article_id in conn.execute(statement):
        found[passage_id].add(article_id)
    return dict(found)


def articles_of_run(conn: Connection, article_ids: Collection[int], run_id: int) -> set[int]:
    """Those of these articles that a run has stored, changed, missed or found again."""
    table = schema.article
    mine = sa.select(table.c.article_id).where(among(conn, table.c.article_id, article_ids), table.c.last_run_id == run_id)
    return set(conn.scalars(mine))


def _members(conn: Connection, home: sa.Column[Any], ids: Collection[int]) -> dict[int, list[int]]:
    statement = sa.select(home, schema.article.c.article_id).where(among(conn, home, ids))
    found = defaultdict(list)
    for group_id, article_id in conn.execute(statement.order_by(schema.article.c.article_id)):
        found[group_id].append(article_id)
    return dict(found)


def _published(row: sa.Row[Any]) -> Published | None:
    if row.published_start is None:
        return None
    return Published(row.published_start, row.published_end, row.published_precision, row.published_from)


def _kept(text: str) -> tuple[tuple[int, int], ...]:
    return tuple((start, end) for start, end in json.loads(text))


_PLACES = [f"{side}_{name}" for side in ("left", "right") for name in ("article_id", "raw_start", "raw_end", "start", "end")]
_DECIDED = ["tokens", "similarity", "kind", "recycled", "left_quoted", "right_quoted"]
_LINK_COLUMNS = ["link_id", "passage_id", *_PLACES, *_DECIDED]


def _stored_link(link_id: int, passage_id: int | None, *rest: Any) -> StoredLink:
    """From the values of `_LINK_COLUMNS`; by position, since a component can have 100,000 links."""
    left, *left_span, right, r0, r1, r2, r3, tokens, similarity, kind, recycled, left_quoted, right_quoted = rest
    sides = (left, right, Span(*left_span), Span(r0, r1, r2, r3))
    made = Link(*sides, tokens, similarity, kind, recycled, left_quoted, right_quoted)
    return StoredLink(link_id, made, passage_id)


def _removed_spans(conn: Connection, revision_ids: Collection[int]) -> defaultdict[int, list[RemovedSpan]]:
    table = schema.removed
    columns = (table.c.revision_id, table.c.raw_start, table.c.raw_end, table.c.rule, table.c.in_body)
    statement = sa.select(*columns).where(among(conn, table.c.revision_id, revision_ids))
    found: defaultdict[int, list[RemovedSpan]] = defaultdict(list)
    for revision_id, *span in conn.execute(statement.order_by(table.c.revision_id, table.c.position)):
        found[revision_id].append(RemovedSpan(*span))
    return found


def _stored_article(row: sa.Row[Any], removed: tuple[RemovedSpan, ...]) -> StoredArticle:
    article = Article(
        origin=row.origin,
        source=row.source,
        uri=row.uri,
        path=row.path,
        content_hash=row.content_hash,
        raw_text=row.raw_text,
        title=row.title,
        author=row.author,
        url=row.url,
        canonical_url=row.canonical_url,
        language=row.language,
        agency=row.agency,
        published=_published(row),
        extractor=row.extractor,
        removed=removed,
    )
    page = None if row.html is None else zlib.decompress(row.html)
    return StoredArticle(article, _kept(row.kept), json.loads(row.given), page, row.text_key, row.sketch_key)


def verdicts(conn: Connection) -> list[Verdict]:
    """All verdicts, in the order in which they were given."""
    table = schema.verdict
    left, right = schema.article.alias(), schema.article.alias()
    statement = (
        sa.select(table)
        .join(left, left.c.article_id == table.c.left_article_id)
        .join(right, right.c.article_id == table.c.right_article_id)
        .where(left.c.same_as.is_(None), right.c.same_as.is_(None))
    )
    return [_verdict(row) for row in conn.execute(statement.order_by(table.c.verdict_id))]


def _verdict(row: sa.Row[Any]) -> Verdict:
    place = None
    if row.place_article_id is not None:
        place = JudgedPlace(row.place_article_id, row.raw_start, row.raw_end, row.words)
    pair = (row.left_article_id, row.right_article_id)
    return Verdict(row.verdict_id, row.ruling, row.about, *pair, row.made_by, place)


def forgotten_uris(conn: Connection, origin: str) -> set[str]:
    """The uris of an origin that must not come back."""
    table = schema.tombstone
    return set(conn.scalars(sa.select(table.c.uri).where(table.c.origin == origin)))


# --- for people ------------------------------------------------------------------------------------


def rows_of(conn: Connection, view: str) -> Iterator[dict[str, Any]]:
    """All rows of a view of the contract, by its first column; for exports.

    Raises:
        StoreError: there is no such view.
    """
    if view not in BY_NAME:
        message = f"there is no view {view!r}; there are {', '.join(sorted(BY_NAME))}"
        raise StoreError(message)
    table = BY_NAME[view]
    statement = sa.select(table).order_by(*list(table.c)[:1])
    result = conn.execute(statement, execution_options={"yield_per": 1000})  # of this statement, not of the connection
    return (dict(row) for row in result.mappings())


def totals(conn: Connection) -> dict[str, int]:
    """How many articles, stories, copy clusters, passages and links there are, and documents in quarantine."""
    counted = {
        "articles": sa.select(sa.func.count()).select_from(schema.article).where(schema.article.c.same_as.is_(None)),
        "stories": sa.select(sa.func.count()).select_from(schema.story),
        "copy_clusters": sa.select(sa.func.count()).select_from(schema.copy_cluster),
        "passages": sa.select(sa.func.count()).select_from(schema.passage),
        "links": sa.select(sa.func.count()).select_from(schema.link),
        "quarantined": sa.select(sa.func.count())
        .select_from(schema.bad_document)
        .where(schema.bad_document.c.resolved_at.is_(None)),
    }
    return {name: conn.execute(statement).scalar_one() for name, statement in counted.items()}


def run_row(conn: Connection, run_id: int | None = None) -> dict[str, Any] | None:
    """The row of `run_log` of a run, or of the last one; None if there is none."""
    view = BY_NAME["run_log"]
    statement = sa.select(view).order_by(view.c.run_id.desc()).limit(1)
    found = _rows(conn, statement if run_id is None else statement.where(view.c.run_id == run_id))
    return found[0] if found else None


def quarantined(conn: Connection, *, run_id: int | None = None, resolved: bool = False) -> list[dict[str, Any]]:
    """Rows of `quarantine`: what is open, or all with `resolved`; of one run if it is given."""
    view = BY_NAME["quarantine"]
    statement = sa.select(view).order_by(view.c.origin, view.c.uri)
    if not resolved:
        statement = statement.where(view.c.resolved_at.is_(None))
    return _rows(conn, statement if run_id is None else statement.where(view.c.run_id == run_id))


def sources(conn: Connection) -> list[dict[str, Any]]:
    """Rows of `source_overview`, by name."""
    view = BY_NAME["source_overview"]
    return _rows(conn, sa.select(view).order_by(view.c.source))


def article_row(conn: Connection, article_id: int) -> dict[str, Any]:
    """The row of `article_overview` of an article, with `clean_text` and `raw_text`.

    Raises:
        StoreError: there is no such article.
    """
    view, text = BY_NAME["article_overview"], BY_NAME["article_text"]
    statement = sa.select(view, text.c.clean_text, text.c.raw_text).join(text, text.c.article_id == view.c.article_id)
    found = _rows(conn, statement.where(view.c.article_id == article_id))
    if not found:
        message = f"there is no article {article_id}"
        raise StoreError(message)
    return found[0]


def stories(
    conn: Connection,
    *,
    limit: int | None = None,
    min_articles: int = 1,
    since_run: int | None = None,
    since: dt.datetime | None = None,
) -> list[dict[str, Any]]:
    """Rows of `story_overview`, the largest stories first, then the latest, then by id.

    With `since_run` or `since`, only those that a run from that one on, or
    anything from that time on, has changed.
    """
    view = BY_NAME["story_overview"]
    statement = sa.select(view).where(view.c.article_count >= min_articles)
    if since_run is not None:
        statement = statement.where(view.c.last_run_id >= since_run)
    if since is not None:
        statement = statement.where(view.c.updated_at >= since)
    order = (view.c.article_count.desc(), view.c.last_published_at.desc().nulls_last(), view.c.story_id)
    return _rows(conn, statement.order_by(*order).limit(limit))


def story(conn: Connection, text: str) -> dict[str, Any]:
    """The row of `story_overview` whose id is, or alone begins with, `text`.

    Of an id that is not in use any more, the story in which it lives on, with
    `former_story_id`.

    Raises:
        StoreError: there is none, or more than one.
    """
    table = schema.story
    name = sa.cast(table.c.story_id, sa.Text)
    wanted = text.strip()
    begins = sa.func.substr(name, 1, len(wanted)) == wanted
    order = (sa.func.length(name), name)  # the id itself first
    found = list(conn.scalars(sa.select(name).where(begins).order_by(*order).limit(LISTED + 1)))
    if wanted and not found:
        former, found = _lives_on(conn, wanted)
        if found:
            return story(conn, found[0]) | {"former_story_id": former}
    if not wanted or not found:
        message = f"there is no story {wanted!r}; `wirecopy stories` lists them"
        raise StoreError(message)
    if len(found) > 1 and wanted not in found:
        message = f"{wanted!r} is the beginning of more than one story: {_listed(found)}; give more digits"
        raise StoreError(message)
    view = BY_NAME["story_overview"]
    story_id = int(wanted if wanted in found else found[0])
    return _rows(conn, sa.select(view).where(view.c.story_id == story_id))[0]


def _lives_on(conn: Connection, wanted: str) -> tuple[int, list[str]]:
    """The id that is, or alone begins with, what is wanted and that a story once had, and the id it has now.

    Raises:
        StoreError: there is more than one, or the story has ended.
    """
    table = schema.story_event
    name = sa.cast(table.c.story_id, sa.Text)
    begins = sa.func.substr(name, 1, len(wanted)) == wanted
    columns = (table.c.story_id, table.c.current_story_id, table.c.happened_at)
    rows = conn.execute(sa.select(*columns).where(begins).order_by(table.c.event_id)).all()
    lasts = {row.story_id: row for row in rows}
    if not lasts:
        return 0, []
    if len(lasts) > 1 and int(wanted) not in lasts:
        names = _listed(sorted(map(str, lasts)))
        message = f"{wanted!r} is the beginning of more than one former story: {names}; give more digits"
        raise StoreError(message)
    last = lasts[int(wanted)] if int(wanted) in lasts else next(iter(lasts.values()))
    if last.current_story_id is None:
        message = f"the story {last.story_id} ended on {last.happened_at:%Y-%m-%d}: its articles were forgotten"
        raise StoreError(message)
    return last.story_id, [str(last.current_story_id)]


def story_members(conn: Connection, story_id: int) -> list[dict[str, Any]]:
    """Rows of `story_member` of a story, with `uri`: the lead, copies, related ones, each by time."""
    view, article = BY_NAME["story_member"], schema.article
    rank = sa.case({"lead": 0, "copy": 1}, value=view.c.membership, else_=2)
    statement = sa.select(view, article.c.uri, article.c.origin).join(article, article.c.article_id == view.c.article_id)
    order = (rank, view.c.published_at.nulls_last(), view.c.article_id)
    return _rows(conn, statement.where(view.c.story_id == story_id).order_by(*order))


def story_passages(conn: Connection, story_id: int) -> list[dict[str, Any]]:
    """Rows of `shared_passage` that at least two articles of a story carry, the most carried and longest first."""
    article, occurrence, view = schema.article, schema.occurrence, BY_NAME["shared_passage"]
    carried = (
        sa.select(occurrence.c.passage_id)
        .join(article, article.c.article_id == occurrence.c.article_id)
        .where(article.c.story_id == story_id)
        .group_by(occurrence.c.passage_id)
        .having(sa.func.count(occurrence.c.article_id.distinct()) >= 2)
    )
    order = (view.c.article_count.desc(), sa.func.length(view.c.text).desc(), view.c.passage_id)
    return _rows(conn, sa.select(view).where(view.c.passage_id.in_(carried)).order_by(*order))


def occurrences(conn: Connection, passage_id: int) -> list[dict[str, Any]]:
    """Rows of `passage_occurrence` of a passage, with `uri`, the first by time, undated ones last."""
    view, overview = BY_NAME["passage_occurrence"], BY_NAME["article_overview"]
    statement = sa.select(view, overview.c.uri, overview.c.title, overview.c.published_at).join(
        overview, overview.c.article_id == view.c.article_id
    )
    order = (overview.c.published_end.nulls_last(), overview.c.published_at, view.c.article_id, view.c.raw_start)
    return _rows(conn, statement.where(view.c.passage_id == passage_id).order_by(*order))


def alignments(conn: Connection, one: int, other: int) -> list[dict[str, Any]]:
    """Rows of `passage_alignment` between two articles, in the order of the left one's text.

    With their places in the clean texts: `left_start_char`, `left_end_char`, `right_start_char`, `right_end_char`.
    """
    view, table = BY_NAME["passage_alignment"], schema.link
    places = [table.c[f"{side}_{end}"].label(f"{side}_{end}_char") for side in ("left", "right") for end in ("start", "end")]
    sides = (view.c.left_article_id == min(one, other), view.c.right_article_id == max(one, other))
    statement = sa.select(view, *places).join(table, table.c.link_id == view.c.link_id).where(*sides)
    return _rows(conn, statement.order_by(view.c.left_start, view.c.right_start))


def article_pair(conn: Connection, one: int, other: int) -> dict[str, Any] | None:
    """The row of `article_pair` of two articles, in either order; None if they share nothing."""
    view = BY_NAME["article_pair"]
    ends = (view.c.left_article_id, view.c.right_article_id)
    either = sa.or_(*(sa.and_(ends[0] == left, ends[1] == right) for left, right in ((one, other), (other, one))))
    return next(iter(_rows(conn, sa.select(view).where(either))), None)


def removed_texts(conn: Connection, article_id: int) -> list[dict[str, Any]]:
    """Rows of `removed_text` of an article, in the order of its text."""
    view = BY_NAME["removed_text"]
    return _rows(conn, sa.select(view).where(view.c.article_id == article_id).order_by(view.c.raw_start, view.c.raw_end))


def verdict_rows(conn: Connection) -> list[dict[str, Any]]:
    """All verdicts with the origins and uris of their articles, the first one first."""
    table = schema.verdict
    left, right = schema.article.alias(), schema.article.alias()
    sides = (("left", left), ("right", right))
    named = [side.c[name].label(f"{label}_{name}") for label, side in sides for name in ("origin", "uri")]
    statement = (
        sa.select(table, *named)
        .join(left, left.c.article_id == table.c.left_article_id)
        .join(right, right.c.article_id == table.c.right_article_id)
    )
    return _rows(conn, statement.order_by(table.c.verdict_id))


def tombstones(conn: Connection) -> list[dict[str, Any]]:
    """What was forgotten, the last one first."""
    table = schema.tombstone
    return _rows(conn, sa.select(table).order_by(table.c.made_at.desc(), table.c.origin, table.c.uri))


def find_tombstone(conn: Connection, text: str) -> dict[str, Any]:
    """The tombstone whose origin/uri is, or alone ends with, `text`.

    Raises:
        StoreError: there is none, or more than one.
    """
    wanted = text.strip()
    named = {f"{row['origin']}/{row['uri']}": row for row in tombstones(conn)}
    whole = [row for name, row in named.items() if wanted in {name, row["uri"]}]
    found = whole or [row for name, row in named.items() if wanted and name.endswith(wanted)]
    if not found:
        message = f"nothing that is named {wanted!r} was forgotten; `wirecopy forget --list` lists what was"
        raise StoreError(message)
    if len(found) > 1:
        names = _listed([f"{row['origin']}/{row['uri']}" for row in found])
        message = f"{wanted!r} names more than one forgotten article: {names}; give more of the uri"
        raise StoreError(message)
    return found[0]


def find_article(conn: Connection, text: str) -> int:
    """The id of the article that `text` names: its id, or the ending of its uri (or origin/uri).

    An exact uri wins over endings, one that begins at a `/` or `#` over others.

    Raises:
        StoreError: there is none, or more than one.
    """
    wanted = text.strip()
    table = schema.article
    if wanted.isascii() and wanted.isdecimal() and len(wanted) <= 19:
        number = min(int(wanted), 2**63 - 1)
        if conn.scalars(sa.select(table.c.article_id).where(table.c.article_id == number)).first() is not None:
            return number
    ranked = _by_ending(conn, wanted) if wanted else {}
    if not ranked:
        message = f"no article is named {wanted!r}; give its id or the ending of its uri (the view article_overview lists them)"
        raise StoreError(message)
    best = ranked[min(ranked)]
    if len(best) > 1:
        names = _listed([f"{place} ({article_id})" for article_id, place in best])
        message = f"{wanted!r} names more than one article: {names}; give more of the uri, or the id"
        raise StoreError(message)
    return best[0][0]


def _by_ending(conn: Connection, wanted: str) -> dict[int, list[tuple[int, str]]]:
    """Articles whose origin/uri ends so, by how well: 0 the whole uri, 1 from a `/` or `#` on, 2 any ending."""
    table = schema.article
    place = table.c.origin + "/" + table.c.uri
    length = sa.func.length(place)
    ending = sa.func.substr(place, length - len(wanted) + 1) == wanted
    statement = sa.select(table.c.article_id, place, table.c.uri).where(length >= len(wanted), ending)
    ranked: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
    for article_id, name, uri in conn.execute(statement.order_by(place)):
        before = name[: len(name) - len(wanted)]
        rank = 0 if wanted in {uri, name} else 1 if before.endswith(("/", "#")) else 2
        ranked[rank].append((article_id, name))
    return ranked


def _listed(names: list[str]) -> str:
    return ", ".join(names[:LISTED]) + (", …" if len(names) > LISTED else "")


def _rows(conn: Connection, statement: sa.Select[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in conn.execute(statement).mappings()]
