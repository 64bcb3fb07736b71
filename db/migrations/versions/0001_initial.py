"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Frozen copies of the types of `db.schema`, which may change later.
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UtcTime = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")

TABLES = (
    "article",
    "bad_document",
    "copy_cluster",
    "file_state",
    "lease",
    "link",
    "occurrence",
    "origin",
    "page",
    "pair",
    "passage",
    "removed",
    "retired_sketch",
    "revision",
    "run",
    "sketch",
    "state",
    "story",
    "story_history",
    "tombstone",
    "verdict",
)


def upgrade() -> None:
    op.create_table(
        "article",
        sa.Column("article_id", Id, autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("record_key", sa.Text(), nullable=True),
        sa.Column("revision_id", sa.BigInteger(), nullable=False),
        sa.Column("revision_count", sa.Integer(), nullable=False),
        sa.Column("same_as", sa.BigInteger(), nullable=True),
        sa.Column("first_seen_at", UtcTime, nullable=False),
        sa.Column("first_run_id", sa.Integer(), nullable=False),
        sa.Column("last_run_id", sa.Integer(), nullable=False),
        sa.Column("gone_at", UtcTime, nullable=True),
        sa.Column("matched_key", sa.Text(), nullable=True),
        sa.Column("clustered_key", sa.Text(), nullable=True),
        sa.Column("story_id", sa.BigInteger(), nullable=True),
        sa.Column("copy_cluster_id", sa.BigInteger(), nullable=True),
        sa.Column("is_lead", sa.Boolean(), nullable=False),
        sa.Column("shared_ratio", sa.Double(), nullable=True),
        sa.Column("copied_ratio", sa.Double(), nullable=True),
        sa.Column("original_chars", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("article_id", name=op.f("pk_article")),
    )
    op.create_index(
        "ix_article_to_match",
        "article",
        ["article_id"],
        unique=False,
        sqlite_where=sa.text("matched_key IS NULL"),
        postgresql_where=sa.text("matched_key IS NULL"),
    )
    op.create_index("ix_article_copy_cluster_id", "article", ["copy_cluster_id"], unique=False)
    op.create_index("ix_article_origin_path", "article", ["origin", "path"], unique=False)
    op.create_index("ix_article_source", "article", ["source"], unique=False)
    op.create_index("ix_article_story_id", "article", ["story_id"], unique=False)
    op.create_index(
        "ix_article_to_cluster",
        "article",
        ["article_id"],
        unique=False,
        sqlite_where=sa.text("clustered_key IS NULL"),
        postgresql_where=sa.text("clustered_key IS NULL"),
    )
    op.create_table(
        "bad_document",
        sa.Column("origin", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("uri", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("seen_at", UtcTime, nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("resolved_at", UtcTime, nullable=True),
        sa.PrimaryKeyConstraint("origin", "uri", name=op.f("pk_bad_document")),
    )
    op.create_table(
        "copy_cluster",
        sa.Column("copy_cluster_id", Id, autoincrement=False, nullable=False),
        sa.Column("lead_article_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("copy_cluster_id", name=op.f("pk_copy_cluster")),
    )
    op.create_table(
        "file_state",
        sa.Column("origin", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("path", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("side_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("origin", "path", name=op.f("pk_file_state")),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("acquired_at", UtcTime, nullable=False),
        sa.Column("expires_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "link",
        sa.Column("link_id", Id, autoincrement=False, nullable=False),
        sa.Column("left_article_id", sa.BigInteger(), nullable=False),
        sa.Column("left_raw_start", sa.Integer(), nullable=False),
        sa.Column("left_raw_end", sa.Integer(), nullable=False),
        sa.Column("left_start", sa.Integer(), nullable=False),
        sa.Column("left_end", sa.Integer(), nullable=False),
        sa.Column("right_article_id", sa.BigInteger(), nullable=False),
        sa.Column("right_raw_start", sa.Integer(), nullable=False),
        sa.Column("right_raw_end", sa.Integer(), nullable=False),
        sa.Column("right_start", sa.Integer(), nullable=False),
        sa.Column("right_end", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("similarity", sa.Double(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("recycled", sa.Boolean(), nullable=False),
        sa.Column("left_quoted", sa.Double(), nullable=False),
        sa.Column("right_quoted", sa.Double(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("passage_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("link_id", name=op.f("pk_link")),
    )
    op.create_index("ix_link_left_article_id", "link", ["left_article_id"], unique=False)
    op.create_index("ix_link_passage_id", "link", ["passage_id"], unique=False)
    op.create_index("ix_link_right_article_id", "link", ["right_article_id"], unique=False)
    op.create_table(
        "occurrence",
        sa.Column("passage_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("article_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("raw_start", sa.Integer(), nullable=False),
        sa.Column("raw_end", sa.Integer(), nullable=False),
        sa.Column("quoted_ratio", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("passage_id", "position", name=op.f("pk_occurrence")),
    )
    op.create_index("ix_occurrence_article_id", "occurrence", ["article_id"], unique=False)
    op.create_table(
        "origin",
        sa.Column("origin", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("last_seen_at", UtcTime, nullable=False),
        sa.Column("last_run_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("origin", name=op.f("pk_origin")),
    )
    op.create_table(
        "page",
        sa.Column("revision_id", Id, autoincrement=False, nullable=False),
        sa.Column("html", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("revision_id", name=op.f("pk_page")),
    )
    op.create_table(
        "pair",
        sa.Column("left_article_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("right_article_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("wire_chars", sa.Integer(), nullable=False),
        sa.Column("quote_chars", sa.Integer(), nullable=False),
        sa.Column("recycled_chars", sa.Integer(), nullable=False),
        sa.Column("wire_tokens", sa.Integer(), nullable=False),
        sa.Column("left_ratio", sa.Double(), nullable=False),
        sa.Column("right_ratio", sa.Double(), nullable=False),
        sa.Column("lag_seconds", sa.BigInteger(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("left_article_id", "right_article_id", name=op.f("pk_pair")),
    )
    op.create_index("ix_pair_right_article_id", "pair", ["right_article_id"], unique=False)
    op.create_table(
        "passage",
        sa.Column("passage_id", Id, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("first_article_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("passage_id", name=op.f("pk_passage")),
    )
    op.create_table(
        "removed",
        sa.Column("revision_id", Id, autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("raw_start", sa.Integer(), nullable=False),
        sa.Column("raw_end", sa.Integer(), nullable=False),
        sa.Column("in_body", sa.Boolean(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("revision_id", "position", name=op.f("pk_removed")),
    )
    op.create_table(
        "retired_sketch",
        sa.Column("retired_id", Id, autoincrement=True, nullable=False),
        sa.Column("article_id", sa.BigInteger(), nullable=False),
        sa.Column("published_start", UtcTime, nullable=True),
        sa.Column("published_end", UtcTime, nullable=True),
        sa.Column("keys", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("retired_id", name=op.f("pk_retired_sketch")),
    )
    op.create_table(
        "revision",
        sa.Column("revision_id", Id, autoincrement=False, nullable=False),
        sa.Column("article_id", sa.BigInteger(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("seen_at", UtcTime, nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("published_start", UtcTime, nullable=True),
        sa.Column("published_end", UtcTime, nullable=True),
        sa.Column("published_precision", sa.Text(), nullable=True),
        sa.Column("published_from", sa.Text(), nullable=True),
        sa.Column("token_count", sa.Integer(), nullable=False),
        sa.Column("char_count", sa.Integer(), nullable=False),
        sa.Column("text_key", sa.Text(), nullable=False),
        sa.Column("sketch_key", sa.Text(), nullable=False),
        sa.Column("extractor", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("agency", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("canonical_url", sa.Text(), nullable=True),
        sa.Column("given", sa.Text(), nullable=False),
        sa.Column("kept", sa.Text(), nullable=False),
        sa.Column("raw_text", sa.Text(), nullable=False),
        sa.Column("clean_text", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("revision_id", name=op.f("pk_revision")),
    )
    op.create_index("ix_revision_article_id", "revision", ["article_id"], unique=False)
    op.create_table(
        "run",
        sa.Column("run_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("started_at", UtcTime, nullable=False),
        sa.Column("finished_at", UtcTime, nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("articles_new", sa.Integer(), nullable=False),
        sa.Column("articles_changed", sa.Integer(), nullable=False),
        sa.Column("articles_unchanged", sa.Integer(), nullable=False),
        sa.Column("articles_gone", sa.Integer(), nullable=False),
        sa.Column("quarantined", sa.Integer(), nullable=False),
        sa.Column("capped", sa.Integer(), nullable=False),
        sa.Column("params_key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run")),
    )
    op.create_table(
        "sketch",
        sa.Column("article_id", Id, autoincrement=False, nullable=False),
        sa.Column("revision_id", sa.BigInteger(), nullable=False),
        sa.Column("keys", sa.LargeBinary(), nullable=False),
        sa.Column("tokens", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("article_id", name=op.f("pk_sketch")),
    )
    op.create_table(
        "state",
        sa.Column("key", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_state")),
    )
    op.create_table(
        "story",
        sa.Column("story_id", Id, autoincrement=False, nullable=False),
        sa.Column("lead_article_id", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", UtcTime, nullable=False),
        sa.Column("last_run_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("story_id", name=op.f("pk_story")),
    )
    op.create_index("ix_story_last_run_id", "story", ["last_run_id"], unique=False)
    op.create_table(
        "story_history",
        sa.Column("history_id", Id, autoincrement=True, nullable=False),
        sa.Column("story_id", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("other_story_id", sa.BigInteger(), nullable=True),
        sa.Column("article_id", sa.BigInteger(), nullable=True),
        sa.Column("happened_at", UtcTime, nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("history_id", name=op.f("pk_story_history")),
    )
    op.create_index("ix_story_history_story_id", "story_history", ["story_id"], unique=False)
    op.create_table(
        "tombstone",
        sa.Column("origin", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("uri", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("origin", "uri", name=op.f("pk_tombstone")),
    )
    op.create_table(
        "verdict",
        sa.Column("verdict_id", Id, autoincrement=True, nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("left_article_id", sa.BigInteger(), nullable=False),
        sa.Column("left_raw_start", sa.Integer(), nullable=True),
        sa.Column("left_raw_end", sa.Integer(), nullable=True),
        sa.Column("right_article_id", sa.BigInteger(), nullable=False),
        sa.Column("right_raw_start", sa.Integer(), nullable=True),
        sa.Column("right_raw_end", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("made_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("verdict_id", name=op.f("pk_verdict")),
    )


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
