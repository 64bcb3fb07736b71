"""The views that people query: the contract. Columns may be added at the end, none renamed.

One SQL text for both dialects; words in braces are filled in, some of them by
dialect. `migrations/env.py` drops the views before it migrates and makes them
anew afterwards. `VIEWS` also types the columns, for `db.queries`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Double, Integer, Text

from db.schema import UtcTime

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection

_DIALECTS = {
    "sqlite": {"char": "char", "find": "instr"},
    "postgresql": {"char": "chr", "find": "strpos"},
}

# Replaced in this order, the words of a dialect last. `line`: the first line of the
# clean text that is not empty, which stands in for a missing title.
_WORDS = {
    "headline": "substr({line}, 1, 80)",
    "line": "rtrim(substr({top}, 1, {find}({top} || {char}(10), {char}(10)) - 1), {blank})",
    "top": "ltrim({clean}, {blank})",
    "blank": "(' ' || {char}(9) || {char}(10) || {char}(13))",
    "clean": "coalesce(r.clean_text, r.raw_text)",
    "current": "article a JOIN revision r ON r.revision_id = a.revision_id",
}

_TYPES: Mapping[str, sa.types.TypeEngine[Any]] = {
    "id": BigInteger(),
    "int": Integer(),
    "real": Double(),
    "text": Text(),
    "time": UtcTime(),
    "bool": Boolean(),
}


@dataclass(frozen=True)
class View:
    """A view: its columns in order, as `name type` (types of `_TYPES`), and the select behind it."""

    name: str
    columns: str
    select: str

    @property
    def table(self) -> sa.TableClause:
        """The view as something to select from, with typed columns."""
        pairs = (item.split() for item in self.columns.split(","))
        return sa.table(self.name, *(sa.column(name, _TYPES[kind]) for name, kind in pairs))

    def create_statement(self, dialect: str) -> str:
        """`CREATE VIEW` in the words of a dialect."""
        names = ", ".join(self.table.c.keys())
        body = self.select
        for word, meaning in (_WORDS | _DIALECTS[dialect]).items():
            body = body.replace("{" + word + "}", meaning)
        return f"CREATE VIEW {self.name} ({names}) AS {body}"


VIEWS = (
    View(
        "article_overview",
        "article_id id, revision_id id, origin text, source text, uri text, title text, author text, published_at time,"
        "published_precision text, published_from text, language text, agency text, story_id id, copy_cluster_id id,"
        "is_lead bool, token_count int, char_count int, shared_ratio real, copied_ratio real, original_chars int,"
        "first_seen_at time, gone_at time, revision_count int, published_end time, url text, canonical_url text,"
        "path text, same_as id, last_run_id int",
        """
        SELECT a.article_id, a.revision_id, a.origin, a.source, a.uri, r.title, r.author, r.published_start,
            r.published_precision, r.published_from, r.language, r.agency, a.story_id, a.copy_cluster_id,
            a.is_lead, r.token_count, r.char_count, a.shared_ratio, a.copied_ratio, a.original_chars,
            a.first_seen_at, a.gone_at, a.revision_count, r.published_end, r.url, r.canonical_url,
            a.path, a.same_as, a.last_run_id
        FROM {current}
        """,
    ),
    View(
        "article_text",
        "article_id id, revision_id id, clean_text text, raw_text text",
        "SELECT a.article_id, a.revision_id, {clean}, r.raw_text FROM {current}",
    ),
    View(
        "story_overview",
        "story_id id, headline text, first_published_at time, last_published_at time, article_count int, source_count int,"
        "passage_count int, updated_at time, last_run_id int, lead_article_id id",
        """
        SELECT s.story_id,
            (SELECT coalesce(r.title,
                    (SELECT t.title FROM article m JOIN revision t ON t.revision_id = m.revision_id
                        WHERE m.story_id = s.story_id AND t.title IS NOT NULL
                        ORDER BY t.published_end IS NULL, t.published_end, m.article_id LIMIT 1),
                    {headline})
                FROM {current} WHERE a.article_id = s.lead_article_id),
            min(r.published_start), max(r.published_start), count(*), count(DISTINCT a.source),
            (SELECT count(*) FROM (
                SELECT o.passage_id FROM article m JOIN occurrence o ON o.article_id = m.article_id
                WHERE m.story_id = s.story_id GROUP BY o.passage_id HAVING count(DISTINCT o.article_id) >= 2
            ) carried),
            s.updated_at, s.last_run_id, s.lead_article_id
        FROM story s JOIN article a ON a.story_id = s.story_id JOIN revision r ON r.revision_id = a.revision_id
        GROUP BY s.story_id, s.lead_article_id, s.updated_at, s.last_run_id
        """,
    ),
    View(
        "story_member",
        "story_id id, copy_cluster_id id, article_id id, source text, title text, published_at time, membership text,"
        "copied_ratio real",
        """
        SELECT a.story_id, a.copy_cluster_id, a.article_id, a.source, r.title, r.published_start,
            CASE WHEN a.article_id = s.lead_article_id THEN 'lead'
                WHEN a.copy_cluster_id IS NOT NULL THEN 'copy' ELSE 'related' END,
            a.copied_ratio
        FROM {current} JOIN story s ON s.story_id = a.story_id
        """,
    ),
    View(
        "copy_cluster_overview",
        "copy_cluster_id id, story_id id, lead_article_id id, agency text, article_count int, source_count int,"
        "first_published_at time, last_published_at time",
        """
        SELECT c.copy_cluster_id, lead.story_id, c.lead_article_id, coalesce(top.agency, min(r.agency)),
            count(*), count(DISTINCT a.source), min(r.published_start), max(r.published_start)
        FROM copy_cluster c JOIN article lead ON lead.article_id = c.lead_article_id
            JOIN revision top ON top.revision_id = lead.revision_id
            JOIN ({current}) ON a.copy_cluster_id = c.copy_cluster_id
        GROUP BY c.copy_cluster_id, lead.story_id, c.lead_article_id, top.agency
        """,
    ),
    View(
        "shared_passage",
        "passage_id id, kind text, text text, article_count int, source_count int, first_article_id id,first_published_at time",
        """
        SELECT p.passage_id, p.kind,
            (SELECT substr({clean}, h.start + 1, h."end" - h.start)
                FROM occurrence h JOIN ({current}) ON a.article_id = h.article_id
                WHERE h.passage_id = p.passage_id AND h.position = 0),
            (SELECT count(DISTINCT o.article_id) FROM occurrence o WHERE o.passage_id = p.passage_id),
            (SELECT count(DISTINCT a.source) FROM occurrence o JOIN article a ON a.article_id = o.article_id
                WHERE o.passage_id = p.passage_id),
            p.first_article_id,
            (SELECT min(r.published_start) FROM occurrence o JOIN ({current}) ON a.article_id = o.article_id
                WHERE o.passage_id = p.passage_id)
        FROM passage p
        """,
    ),
    View(
        "passage_occurrence",
        "passage_id id, article_id id, source text, role text, start_char int, end_char int, raw_start int, raw_end int,"
        "quoted_ratio real, text text",
        """
        SELECT o.passage_id, o.article_id, a.source, o.role, o.start, o."end", o.raw_start, o.raw_end, o.quoted_ratio,
            substr({clean}, o.start + 1, o."end" - o.start)
        FROM occurrence o JOIN ({current}) ON a.article_id = o.article_id
        """,
    ),
    View(
        "passage_alignment",
        "passage_id id, kind text, recycled bool, left_article_id id, left_start int, left_end int, right_article_id id,"
        "right_start int, right_end int, tokens int, similarity real, evidence text, link_id id",
        """
        SELECT passage_id, kind, recycled, left_article_id, left_raw_start, left_raw_end, right_article_id,
            right_raw_start, right_raw_end, tokens, similarity, evidence, link_id
        FROM link
        """,
    ),
    View(
        "article_pair",
        "left_article_id id, right_article_id id, left_source text, right_source text, wire_chars int, quote_chars int,"
        "recycled_chars int, wire_tokens int, left_ratio real, right_ratio real, lag_seconds id, why text",
        """
        SELECT p.left_article_id, p.right_article_id, x.source, y.source, p.wire_chars, p.quote_chars,
            p.recycled_chars, p.wire_tokens, p.left_ratio, p.right_ratio, p.lag_seconds, p.why
        FROM pair p JOIN article x ON x.article_id = p.left_article_id JOIN article y ON y.article_id = p.right_article_id
        """,
    ),
    View(
        "removed_text",
        "article_id id, source text, raw_start int, raw_end int, in_body bool, rule text, text text",
        """
        SELECT a.article_id, a.source, d.raw_start, d.raw_end, d.in_body, d.rule,
            substr(r.raw_text, d.raw_start + 1, d.raw_end - d.raw_start)
        FROM removed d JOIN ({current}) ON a.revision_id = d.revision_id
        """,
    ),
    View(
        "source_overview",
        "source text, article_count int, last_seen_at time, last_run_id int, quarantined int, copied_ratio real",
        """
        WITH stand AS (
            SELECT source, origin FROM article UNION SELECT source, origin FROM bad_document
        ), counted AS (
            SELECT a.source, count(*) AS article_count,
                CAST(sum(a.copied_ratio * r.char_count) AS double precision)
                    / nullif(sum(CASE WHEN a.copied_ratio IS NULL THEN 0 ELSE r.char_count END), 0) AS copied_ratio
            FROM article a JOIN revision r ON r.revision_id = a.revision_id
            WHERE a.same_as IS NULL GROUP BY a.source
        ), waiting AS (
            SELECT source, count(*) AS quarantined FROM bad_document WHERE resolved_at IS NULL GROUP BY source
        )
        SELECT d.source, coalesce(min(c.article_count), 0), max(o.last_seen_at), max(o.last_run_id),
            coalesce(min(w.quarantined), 0), min(c.copied_ratio)
        FROM stand d LEFT JOIN origin o ON o.origin = d.origin LEFT JOIN counted c ON c.source = d.source
            LEFT JOIN waiting w ON w.source = d.source
        GROUP BY d.source
        """,
    ),
    View(
        "run_log",
        "run_id int, started_at time, finished_at time, status text, articles_new int, articles_changed int,"
        "articles_unchanged int, articles_gone int, quarantined int, capped int, params_key text, command text",
        """
        SELECT run_id, started_at, finished_at, status, articles_new, articles_changed,
            articles_unchanged, articles_gone, quarantined, capped, params_key, command
        FROM run
        """,
    ),
    View(
        "quarantine",
        "origin text, source text, uri text, stage text, error text, message text, seen_at time, run_id int, attempts int,"
        "resolved_at time",
        "SELECT origin, source, uri, stage, error, message, seen_at, run_id, attempts, resolved_at FROM bad_document",
    ),
    View(
        "story_history",
        "story_id id, event text, other_story_id id, article_id id, happened_at time, run_id int, current_story_id id",
        "SELECT story_id, event, other_story_id, article_id, happened_at, run_id, current_story_id FROM story_event",
    ),
)

BY_NAME = {view.name: view.table for view in VIEWS}
"""Each view as something to select from."""


def create_views(conn: Connection) -> None:
    """Makes all views; they must not be there."""
    for view in VIEWS:
        conn.exec_driver_sql(view.create_statement(conn.dialect.name))


def drop_views(conn: Connection) -> None:
    """Takes away whichever of the views are there; in an older schema a table can have the name of one."""
    there = set(sa.inspect(conn).get_view_names())
    for view in VIEWS:
        if view.name in there:
            conn.exec_driver_sql(f"DROP VIEW {view.name}")
