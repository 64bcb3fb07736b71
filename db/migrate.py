"""The version of the schema: bringing a database up to date, and saying whether it is.

Alembic's revisions stand in `db/migrations`, inside the package, so that an
installed wheel has them. The version table has a name of its own: alembic's
usual one may belong to another program in the same database.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from db.engine import begin, reading
from db.schema import metadata
from pipeline.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

VERSION_TABLE = "wirecopy_version"

_UPGRADE_LOCK = 0x77697265
"""Number of the advisory lock that keeps two upgrades of one PostgreSQL database apart."""

_PREFECT_TABLE = "flow_run"
"""A table of Prefect's database, in which nothing of ours is to be."""


def upgrade(engine: Engine) -> str:
    """Brings the schema to the version of the code, in one transaction; returns that version.

    Raises:
        StoreError: it is newer than the code, or the database is another program's.
    """
    head = _head()
    with reading(engine) as conn:
        if _version(conn) == head:
            return head
    with begin(engine) as conn:
        if conn.dialect.name == "postgresql":
            conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
        version = _version(conn)
        if version is None:
            _refuse_strangers(conn)
        else:
            _refuse_newer(version)
        config = _config()
        config.attributes["connection"] = conn
        command.upgrade(config, "head")
    return head


def check(engine: Engine) -> str:
    """The version of the schema, which is that of the code.

    Raises:
        StoreError: there is no schema, or it is older or newer than the code.
    """
    with reading(engine) as conn:
        version = _version(conn)
    if version is None:
        raise StoreError("the database has no tables yet; run `wirecopy db upgrade`")
    _refuse_newer(version)
    head = _head()
    if version != head:
        message = f"the database has schema {version}, this wirecopy needs {head}; run `wirecopy db upgrade`"
        raise StoreError(message)
    return version


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _head() -> str:
    head = _scripts().get_current_head()
    if head is None:
        raise StoreError("this installation of wirecopy has no migrations; install it again")
    return head


def _version(conn: Connection) -> str | None:
    return MigrationContext.configure(conn, opts={"version_table": VERSION_TABLE}).get_current_revision()


def _refuse_newer(version: str) -> None:
    if version not in {script.revision for script in _scripts().walk_revisions()}:
        message = f"the database has schema {version}, which this wirecopy does not know; install a newer wirecopy"
        raise StoreError(message)


def _refuse_strangers(conn: Connection) -> None:
    """Tables of ours without our version, or Prefect's: this database is not for us."""
    there = set(sa.inspect(conn).get_table_names())
    strange = there & ({_PREFECT_TABLE} | set(metadata.tables))
    if strange:
        message = (
            f"the database belongs to another program (it has a table {min(strange)!r}); "
            "choose another one in WIRECOPY_DATABASE_URL"
        )
        raise StoreError(message)
