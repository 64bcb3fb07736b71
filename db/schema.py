"""The tables, one for both dialects. What they mean stands in `docs/data-model.md`.

No foreign keys: `db.store` is the only writer, ids come from content, and rows go
in a batch at a time in any order. Wide columns stand last in their tables, since
SQLite walks a row's overflow pages up to the column that is asked for.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, LargeBinary, Table, Text

from db.rows import LINKED

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect


class UtcTime(sa.types.TypeDecorator[dt.datetime]):
    """An aware datetime in UTC: ISO text (`2019-03-28T19:42:00Z`) in SQLite, `timestamptz` in PostgreSQL."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        """Text where there is no type for a time."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else sa.DateTime(timezone=True))

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> Any:
        """Microseconds are kept where there are any; a naive time is refused, it would be a guess."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = f"a time without a zone: {value!r}"
            raise ValueError(message)
        value = value.astimezone(dt.UTC)
        return value.isoformat().replace("+00:00", "Z") if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        """Always an aware datetime in UTC."""
        if value is None:
            return None
        if dialect.name == "sqlite":
            return dt.datetime.fromisoformat(value)
        moment: dt.datetime = value.astimezone(dt.UTC)
        return moment


# In SQLite only INTEGER makes a key the row's own id, which spares an index; it holds 63 bits too.
Id = BigInteger().with_variant(Integer(), "sqlite")

metadata = sa.MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_N_name)s"},
)


def _key(name: str, kind: sa.types.TypeEngine[Any] = Id) -> Column[Any]:
    """A primary key that comes from content, never from a counter."""
    return Column(name, kind, primary_key=True, autoincrement=False)


def _need(name: str, kind: sa.types.TypeEngine[Any] | type[sa.types.TypeEngine[Any]]) -> Column[Any]:
    return Column(name, kind, nullable=False)


# --- runs and what they read -----------------------------------------------------------------------

run = Table(
    "run",
    metadata,
    Column("run_id", Integer, primary_key=True, autoincrement=True),
    _need("started_at", UtcTime()),
    Column("finished_at", UtcTime()),
    _need("status", Text),  # running, done, failed, died
    _need("articles_new", Integer),
    _need("articles_changed", Integer),
    _need("articles_unchanged", Integer),
    _need("articles_gone", Integer),
    _need("quarantined", Integer),
    _need("capped", Integer),
    _need("params_key", Text),
    Column("command", Text, nullable=False, server_default="run"),  # run, refresh, verdict, forget
)

lease = Table(
    "lease",
    metadata,
    _key("name", Text()),
    _need("holder", Text),
    _need("host", Text),
    _need("pid", Integer),
    _need("acquired_at", UtcTime()),
    _need("expires_at", UtcTime()),
)

state = Table("state", metadata, _key("key", Text()), _need("value", Text))

origin = Table(
    "origin",
    metadata,
    _key("origin", Text()),
    _need("root", Text),  # where it lay when it was last looked through
    _need("last_seen_at", UtcTime()),
    _need("last_run_id", Integer),
)

file_state = Table(
    "file_state",
    metadata,
    _key("origin", Text()),
    _key("path", Text()),
    _need("size", BigInteger),
    _need("mtime_ns", BigInteger),
    _need("side_hash", Text),
)

bad_document = Table(
    "bad_document",
    metadata,
    _key("origin", Text()),
    _key("uri", Text()),
    _need("path", Text),
    _need("source", Text),
    _need("stage", Text),
    _need("error", Text),
    _need("message", Text),
    _need("seen_at", UtcTime()),
    _need("run_id", Integer),
    _need("attempts", Integer),
    Column("resolved_at", UtcTime()),
)

# --- articles --------------------------------------------------------------------------------------

article = Table(
    "article",
    metadata,
    _key("article_id"),
    _need("origin", Text),
    _need("source", Text),
    _need("uri", Text),
    _need("path", Text),
    Column("record_key", Text),
    _need("revision_id", BigInteger),
    _need("revision_count", Integer),
    Column("same_as", BigInteger),
    _need("first_seen_at", UtcTime()),
    _need("first_run_id", Integer),
    _need("last_run_id", Integer),
    Column("gone_at", UtcTime()),
    Column("matched_key", Text),  # here and not beside the text: to set a mark must not write the text again
    Column("clustered_key", Text),
    Column("story_id", BigInteger),
    Column("copy_cluster_id", BigInteger),
    _need("is_lead", Boolean),
    Column("shared_ratio", Double),
    Column("copied_ratio", Double),
    Column("original_chars", Integer),
)
Index("ix_article_origin_path", article.c.origin, article.c.path)
Index("ix_article_source", article.c.source)
Index("ix_article_story_id", article.c.story_id)
Index("ix_article_copy_cluster_id", article.c.copy_cluster_id)
_UNMATCHED = article.c.matched_key.is_(None)
Index("ix_article_to_match", article.c.article_id, sqlite_where=_UNMATCHED, postgresql_where=_UNMATCHED)
UNCLUSTERED = sa.or_(article.c.clustered_key.is_(None), article.c.clustered_key == sa.literal_column(f"'{LINKED}'"))
Index(
    "ix_article_to_cluster", article.c.article_id, sqlite_where=UNCLUSTERED, postgresql_where=UNCLUSTERED
)  # the work that is marked, not all of the table

revision = Table(
    "revision",
    metadata,
    _key("revision_id"),
    _need("article_id", BigInteger),
    _need("content_hash", Text),
    _need("seen_at", UtcTime()),
    _need("run_id", Integer),
    _need("source", Text),
    Column("published_start", UtcTime()),
    Column("published_end", UtcTime()),
    Column("published_precision", Text),
    Column("published_from", Text),
    _need("token_count", Integer),
    _need("char_count", Integer),
    _need("text_key", Text),
    _need("sketch_key", Text),
    _need("extractor", Text),
    Column("language", Text),
    Column("agency", Text),
    Column("title", Text),
    Column("author", Text),
    Column("url", Text),
    Column("canonical_url", Text),
    _need("given", Text),
    _need("kept", Text),  # the segment map: [[start, end], ...] of raw offsets
    _need("raw_text", Text),
    Column("clean_text", Text),
)
Index("ix_revision_article_id", revision.c.article_id)

removed = Table(
    "removed",
    metadata,
    _key("revision_id"),
    _key("position", Integer()),
    _need("raw_start", Integer),
    _need("raw_end", Integer),
    _need("in_body", Boolean),
    _need("rule", Text),
)

page = Table("page", metadata, _key("revision_id"), _need("html", LargeBinary))

# Of current revisions only; keys first, since the index of keys reads them without the tokens.
sketch = Table(
    "sketch",
    metadata,
    _key("article_id"),
    _need("revision_id", BigInteger),
    _need("keys", LargeBinary),
    _need("tokens", LargeBinary),
)

# Of current revisions too; narrow, since stories are compared with all that was published at their time.
story_terms = Table(
    "story_terms",
    metadata,
    _key("article_id"),
    Column("published_start", BigInteger),  # seconds since 1970, rounded outwards
    Column("published_end", BigInteger),
    _need("terms", LargeBinary),
)
Index("ix_story_terms_published_end", story_terms.c.published_end)

# What only `wirecopy refresh` replaces: the document frequencies of terms.
frozen = Table("frozen", metadata, _key("name", Text()), _need("data", LargeBinary))

retired_sketch = Table(
    "retired_sketch",
    metadata,
    Column("retired_id", Id, primary_key=True, autoincrement=True),
    _need("article_id", BigInteger),
    Column("published_start", UtcTime()),
    Column("published_end", UtcTime()),
    _need("keys", LargeBinary),
)

# --- what they share -------------------------------------------------------------------------------

link = Table(
    "link",
    metadata,
    _key("link_id"),
    _need("left_article_id", BigInteger),
    _need("left_raw_start", Integer),
    _need("left_raw_end", Integer),
    _need("left_start", Integer),
    _need("left_end", Integer),
    _need("right_article_id", BigInteger),
    _need("right_raw_start", Integer),
    _need("right_raw_end", Integer),
    _need("right_start", Integer),
    _need("right_end", Integer),
    _need("tokens", Integer),
    _need("similarity", Double),
    _need("kind", Text),
    _need("recycled", Boolean),
    _need("left_quoted", Double),
    _need("right_quoted", Double),
    _need("evidence", Text),
    Column("passage_id", BigInteger),
)
Index("ix_link_left_article_id", link.c.left_article_id)
Index("ix_link_right_article_id", link.c.right_article_id)
Index("ix_link_passage_id", link.c.passage_id)

pair = Table(
    "pair",
    metadata,
    _key("left_article_id", BigInteger()),
    _key("right_article_id", BigInteger()),
    _need("wire_chars", Integer),
    _need("quote_chars", Integer),
    _need("recycled_chars", Integer),
    _need("wire_tokens", Integer),
    _need("left_ratio", Double),
    _need("right_ratio", Double),
    Column("lag_seconds", BigInteger),
    _need("why", Text),
)
Index("ix_pair_right_article_id", pair.c.right_article_id)

passage = Table(
    "passage",
    metadata,
    _key("passage_id"),
    _need("kind", Text),
    Column("first_article_id", BigInteger),
)

# The one at position 0 is the representative.
occurrence = Table(
    "occurrence",
    metadata,
    _key("passage_id", BigInteger()),
    _key("position", Integer()),
    _need("article_id", BigInteger),
    _need("role", Text),
    _need("start", Integer),
    _need("end", Integer),
    _need("raw_start", Integer),
    _need("raw_end", Integer),
    _need("quoted_ratio", Double),
)
Index("ix_occurrence_article_id", occurrence.c.article_id)

copy_cluster = Table("copy_cluster", metadata, _key("copy_cluster_id"), _need("lead_article_id", BigInteger))

story = Table(
    "story",
    metadata,
    _key("story_id"),
    _need("lead_article_id", BigInteger),
    _need("updated_at", UtcTime()),
    _need("last_run_id", Integer),
)
Index("ix_story_last_run_id", story.c.last_run_id)

# --- stories over time, and what people decided ------------------------------------------------------

# `current_story_id`: the story in which story_id lives on now, kept up to date; NULL if no article of it is left.
story_event = Table(
    "story_event",
    metadata,
    Column("event_id", Id, primary_key=True, autoincrement=True),
    _need("story_id", BigInteger),
    _need("event", Text),  # merged, split, ended
    Column("other_story_id", BigInteger),
    Column("article_id", BigInteger),
    _need("happened_at", UtcTime()),
    _need("run_id", Integer),
    Column("current_story_id", BigInteger),
)
Index("ix_story_event_story_id", story_event.c.story_id)
Index("ix_story_event_current_story_id", story_event.c.current_story_id)

# Numbers are not given twice: people name verdicts by them. `words` is text of an article.
verdict = Table(
    "verdict",
    metadata,
    Column("verdict_id", Id, primary_key=True, autoincrement=True),
    _need("ruling", Text),  # same, different, wire, quote
    _need("about", Text),  # copy, story, passage
    _need("left_article_id", BigInteger),
    _need("right_article_id", BigInteger),
    Column("place_article_id", BigInteger),
    Column("raw_start", Integer),
    Column("raw_end", Integer),
    Column("words", Text),
    _need("note", Text),
    _need("made_by", Text),
    _need("made_at", UtcTime()),
    sqlite_autoincrement=True,
)
Index("ix_verdict_left_article_id", verdict.c.left_article_id)
Index("ix_verdict_right_article_id", verdict.c.right_article_id)

tombstone = Table(
    "tombstone",
    metadata,
    _key("origin", Text()),
    _key("uri", Text()),
    _need("path", Text),
    _need("reason", Text),
    _need("made_by", Text),
    _need("made_at", UtcTime()),
)
