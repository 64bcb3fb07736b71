"""Run by alembic: migrates on the connection that `db.migrate` hands over, inside its transaction."""

from alembic import context
from sqlalchemy.engine import Connection

from db.migrate import VERSION_TABLE
from db.schema import metadata
from db.views import create_views, drop_views


def migrate() -> None:
    """Views go first and come back last: tables under views cannot be altered freely."""
    conn: Connection = context.config.attributes["connection"]
    context.configure(
        connection=conn,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        render_as_batch=True,  # SQLite alters a table by copying it
    )
    drop_views(conn)
    with context.begin_transaction():
        context.run_migrations()
    create_views(conn)


migrate()
