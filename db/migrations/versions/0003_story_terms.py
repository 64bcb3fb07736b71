"""What stories are compared by: the terms of articles, and their frozen frequencies."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "story_terms",
        sa.Column("article_id", Id, autoincrement=False, nullable=False),
        sa.Column("published_start", sa.BigInteger(), nullable=True),
        sa.Column("published_end", sa.BigInteger(), nullable=True),
        sa.Column("terms", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("article_id", name=op.f("pk_story_terms")),
    )
    op.create_index("ix_story_terms_published_end", "story_terms", ["published_end"])
    op.create_table(
        "frozen",
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_frozen")),
    )
    _index_of_work("clustered_key IS NULL OR clustered_key = 'linked'")


def _index_of_work(where: str) -> None:
    op.drop_index("ix_article_to_cluster", table_name="article")
    text = sa.text(where)
    op.create_index("ix_article_to_cluster", "article", ["article_id"], sqlite_where=text, postgresql_where=text)


def downgrade() -> None:
    _index_of_work("clustered_key IS NULL")
    op.drop_table("frozen")
    op.drop_table("story_terms")
