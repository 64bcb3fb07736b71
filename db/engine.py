"""Opening a database: a URL in, an engine out that behaves alike on SQLite and PostgreSQL.

All that a driver can say goes through `begin` and `reading`, which turn it into
one `StoreError` of one line with the cause and the remedy.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from pipeline.errors import BusyStoreError, MissingStoreError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL

__all__ = ["Connection", "Engine", "begin", "open_engine", "reading", "rewrite_file"]

BUSY_SECONDS = 30
"""How long SQLite waits for another writer; the longest transaction, clustering, takes less."""

CONNECT_SECONDS = 10
"""How long to wait for a PostgreSQL server that does not answer."""

_URL_HELP = "use sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"

# What a driver says, what it means, what to do. The first that is found counts.
_LOCKED = "database is locked"
_CAUSES = (
    (_LOCKED, f"another program has been writing to it for {BUSY_SECONDS} s; wait for it or stop it"),
    ("readonly database", "it may not be written; check the permissions of the file and of its directory"),
    ("unable to open database file", "the file cannot be opened; check that its directory exists and may be written"),
    ("file is not a database", "the file is not an SQLite database; choose another file"),
    ("malformed", "the file is damaged; restore it from a backup or delete it and run again"),
    ("disk is full", "the disk is full; make room and run again"),
    ("No space left", "the disk is full; make room and run again"),
    ("no such table", "its tables are missing or of another version; run `wirecopy db upgrade`"),
    ("no such column", "its tables are missing or of another version; run `wirecopy db upgrade`"),
    ("UndefinedTable", "its tables are missing or of another version; run `wirecopy db upgrade`"),
    ("UndefinedColumn", "its tables are missing or of another version; run `wirecopy db upgrade`"),
    ("password authentication failed", "the password is wrong; check WIRECOPY_DATABASE_URL"),
    ("no password supplied", "a password is needed; put it into WIRECOPY_DATABASE_URL or ~/.pgpass"),
    ("does not exist", "it does not exist; create it or check WIRECOPY_DATABASE_URL"),
    ("Connection refused", "no server answers there; start it or check WIRECOPY_DATABASE_URL"),
    ("No such file or directory", "no server answers there; start it or check WIRECOPY_DATABASE_URL"),
    ("resolve host", "the host is not known; check WIRECOPY_DATABASE_URL"),
    ("timeout expired", "the server does not answer; start it or check WIRECOPY_DATABASE_URL"),
)


def open_engine(url: str, *, must_exist: bool = False) -> Engine:
    """An engine on an SQLite file or a PostgreSQL database that was reached once.

    SQLite: write-ahead log, waits for other writers, `BEGIN IMMEDIATE` for what
    `begin` opens. PostgreSQL: psycopg 3, session time zone UTC.

    Args:
        url: SQLAlchemy's.
        must_exist: do not make an SQLite file that is not there.

    Raises:
        StoreError: the URL is wrong, or nothing answers behind it.
        MissingStoreError: the file is not there and must be.
    """
    parsed = _parse(url)
    file = parsed.database if parsed.get_backend_name() == "sqlite" else None
    if must_exist and file and file != ":memory:" and not file.startswith("file:") and not Path(file).exists():
        message = f"there is no database {file} yet; `wirecopy run FOLDER` makes it"
        raise MissingStoreError(message)
    try:
        engine = _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _postgres(parsed)
        with engine.connect() as conn:
            conn.exec_driver_sql("SELECT count(*) FROM sqlite_master" if _is_sqlite(conn) else "SELECT 1")
    except SQLAlchemyError as error:
        raise _wrapped(error, parsed) from error
    return engine


@contextmanager
def begin(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that writes: committed at the end, rolled back on any error.

    Raises:
        StoreError: for whatever the driver raises inside.
    """
    try:
        with engine.execution_options(wirecopy_writes=True).begin() as conn:
            yield conn
    except SQLAlchemyError as error:
        raise _wrapped(error, engine.url) from error


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection on one snapshot of the database, which other writers do not disturb.

    Raises:
        StoreError: for whatever the driver raises inside.
    """
    options: dict[str, Any] = {}
    if engine.dialect.name == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    try:
        with engine.execution_options(**options).begin() as conn:
            yield conn
    except SQLAlchemyError as error:
        raise _wrapped(error, engine.url) from error


def rewrite_file(engine: Engine) -> bool:
    """Writes SQLite's file and its log anew, without the traces of what was deleted.

    `secure_delete` overwrites what is deleted from now on, but not what earlier
    moves of rows have left between the rows of other pages.

    Returns:
        whether that could be done; not while another program reads or writes. On
        PostgreSQL, where the server reuses the space in its own time, always True.
    """
    if engine.dialect.name != "sqlite":
        return True
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA temp_store = FILE")  # it copies the whole database
        cursor.execute("VACUUM")
        return bool(cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
    except engine.dialect.loaded_dbapi.OperationalError:  # locked, or no room
        return False
    finally:
        connection.close()


def _parse(url: str) -> URL:
    """The URL with psycopg for its driver; never quoted in a message, it may hold a password."""
    try:
        parsed = sa.make_url(url.strip())
        backend = parsed.get_backend_name()
    except (ArgumentError, ValueError) as error:
        message = f"the database URL cannot be read: {_URL_HELP}"
        raise StoreError(message) from error
    if backend in {"postgresql", "postgres"} and parsed.drivername in {"postgresql", "postgres", "postgresql+psycopg"}:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername in {"sqlite", "sqlite+pysqlite"}:
        return parsed.set(drivername="sqlite")
    message = f"databases of the kind {parsed.drivername!r} are not supported: {_URL_HELP}"
    raise StoreError(message)


def _sqlite(url: URL) -> Engine:
    if url.database and url.database != ":memory:" and not url.database.startswith("file:"):
        path = Path(url.database)
        if not path.parent.is_dir():
            message = f"cannot open the database {path}: the directory {path.parent} does not exist; create it"
            raise StoreError(message)
        if path.is_dir():
            message = f"cannot open the database {path}: it is a directory; name a file in it"
            raise StoreError(message)
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Sets what SQLite keeps per connection, and takes the transactions out of the driver's hands."""
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {BUSY_SECONDS * 1000}",
        "journal_mode = WAL",  # readers go on while a run writes
        "synchronous = NORMAL",  # a power cut may lose the last transaction, which the next run repeats
        "wal_autocheckpoint = 16384",  # 64 MB: a page that several batches change is copied to the file once
        "cache_size = -65536",  # 64 MB: random ids touch pages all over the tables
        "temp_store = MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(conn: Connection) -> None:
    """A writer takes the lock at once: raising a read lock later fails if another one wrote meanwhile."""
    writes = conn.get_execution_options().get("wirecopy_writes", False)
    conn.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgres(url: URL) -> Engine:
    arguments = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_SECONDS}
    engine = sa.create_engine(url, connect_args=arguments, pool_pre_ping=True)
    sa.event.listen(engine, "connect", _prepare_postgres)
    return engine


def _prepare_postgres(connection: Any, _record: object) -> None:
    connection.execute("SET TIME ZONE 'UTC'")
    connection.commit()  # a rollback would take it back


def _is_sqlite(conn: Connection) -> bool:
    return conn.dialect.name == "sqlite"


def _wrapped(error: SQLAlchemyError, url: URL) -> StoreError:
    """The error in one line, with what to do."""
    place = url.database if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)
    if isinstance(error, NoSuchModuleError):
        return StoreError(f"cannot use the database {place}: its driver is not installed; {_URL_HELP}")
    cause: BaseException = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    said = " ".join(str(cause).split())
    for sign, meaning in _CAUSES:
        if sign in said or sign == type(cause).__name__:
            kind = BusyStoreError if sign == _LOCKED else StoreError
            return kind(f"cannot use the database {place}: {meaning} ({_short(said)})")
    return StoreError(f"cannot use the database {place}: {type(cause).__name__}: {_short(said)}; see docs/operations.md")


def _short(text: str) -> str:
    return text if len(text) <= 200 else text[:199] + "…"
