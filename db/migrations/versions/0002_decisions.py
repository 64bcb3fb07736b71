"""People's decisions and the history of stories; which command a run was.

The three tables that are made anew stood empty: no version has written to them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Frozen copies of the types of `db.schema`, which may change later.
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UtcTime = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    for table in ("story_history", "verdict", "tombstone"):
        op.drop_table(table)
    op.create_table(
        "story_event",
        sa.Column("event_id", Id, autoincrement=True, nullable=False),
        sa.Column("story_id", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("other_story_id", sa.BigInteger(), nullable=True),
        sa.Column("article_id", sa.BigInteger(), nullable=True),
        sa.Column("happened_at", UtcTime, nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("current_story_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_story_event")),
    )
    op.create_index("ix_story_event_story_id", "story_event", ["story_id"], unique=False)
    op.create_index("ix_story_event_current_story_id", "story_event", ["current_story_id"], unique=False)
    op.create_table(
        "verdict",
        sa.Column("verdict_id", Id, autoincrement=True, nullable=False),
        sa.Column("ruling", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("left_article_id", sa.BigInteger(), nullable=False),
        sa.Column("right_article_id", sa.BigInteger(), nullable=False),
        sa.Column("place_article_id", sa.BigInteger(), nullable=True),
        sa.Column("raw_start", sa.Integer(), nullable=True),
        sa.Column("raw_end", sa.Integer(), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("verdict_id", name=op.f("pk_verdict")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_verdict_left_article_id", "verdict", ["left_article_id"], unique=False)
    op.create_index("ix_verdict_right_article_id", "verdict", ["right_article_id"], unique=False)
    op.create_table(
        "tombstone",
        sa.Column("origin", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("uri", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("origin", "uri", name=op.f("pk_tombstone")),
    )
    op.add_column("run", sa.Column("command", sa.Text(), nullable=False, server_default="run"))


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
