"""Opening and migrating databases, on both dialects."""

from __future__ import annotations

import dataclasses
import sqlite3

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from db import migrate, queries
from db.engine import begin, open_engine, reading
from db.migrate import VERSION_TABLE, check, upgrade
from db.schema import metadata
from db.views import VIEWS
from pipeline.errors import StoreError

NOON = "'2026-03-01T12:00:00Z'"
OLD_VIEWS = {"run_log": {"columns": "run_id int, status text", "select": "SELECT run_id, status FROM run"}}
OLD_ROWS = (
    f"INSERT INTO run VALUES (1, {NOON}, {NOON}, 'done', 1, 0, 0, 0, 0, 0, 'key')",
    "INSERT INTO article (article_id, origin, source, uri, path, revision_id, revision_count, first_seen_at, first_run_id,"
    f" last_run_id, story_id, is_lead) VALUES (7, 'g', 'g', 'a.txt', 'a.txt', 8, 1, {NOON}, 1, 1, 7, true)",
    "INSERT INTO revision (revision_id, article_id, content_hash, seen_at, run_id, source, token_count, char_count, text_key,"
    f" sketch_key, extractor, given, kept, raw_text) VALUES (8, 7, 'h', {NOON}, 1, 'g', 3, 9, 't', 's', 'text', '{{}}',"
    " '[[0, 9]]', 'one two 3')",
    f"INSERT INTO story VALUES (7, 7, {NOON}, 1)",
)


def test_upgrade_makes_the_schema_of_the_code(empty_url):
    engine = open_engine(empty_url)
    version = upgrade(engine)
    with reading(engine) as conn:
        context = MigrationContext.configure(conn, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert set(sa.inspect(conn).get_view_names()) == {view.name for view in VIEWS}
    assert check(engine) == version
    engine.dispose()


def test_a_database_of_the_first_version_keeps_its_data(empty_url, monkeypatch):
    engine = open_engine(empty_url)
    config = migrate._config()
    old_views = [dataclasses.replace(view, **OLD_VIEWS.get(view.name, {})) for view in VIEWS if view.name != "story_history"]
    with begin(engine) as conn, monkeypatch.context() as then:
        then.setattr("db.views.VIEWS", old_views)
        config.attributes["connection"] = conn
        command.upgrade(config, "0001")
        for statement in OLD_ROWS:
            conn.execute(sa.text(statement))
        assert "story_history" in sa.inspect(conn).get_table_names()
    assert upgrade(engine) == check(engine)
    with reading(engine) as conn:
        (run,) = queries.rows_of(conn, "run_log")
        assert (run["run_id"], run["articles_new"], run["command"]) == (1, 1, "run")
        (article,) = queries.rows_of(conn, "article_overview")
        assert (article["uri"], article["story_id"], article["token_count"]) == ("a.txt", 7, 3)
        assert queries.story(conn, "7")["article_count"] == 1
        assert list(queries.rows_of(conn, "story_history")) == queries.verdicts(conn) == queries.tombstones(conn) == []
    engine.dispose()


def test_the_second_upgrade_writes_nothing(engine):
    with begin(engine) as conn:
        conn.exec_driver_sql("DROP VIEW run_log")
    upgrade(engine)
    with reading(engine) as conn:
        assert "run_log" not in sa.inspect(conn).get_view_names()


def test_check_of_an_empty_database_names_the_remedy(empty_url):
    engine = open_engine(empty_url)
    with pytest.raises(StoreError, match="wirecopy db upgrade"):
        check(engine)
    engine.dispose()


def test_a_newer_schema_is_refused(engine):
    with begin(engine) as conn:
        conn.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    for function in (check, upgrade):
        with pytest.raises(StoreError, match="newer wirecopy"):
            function(engine)


@pytest.mark.parametrize("table", ["flow_run", "article"])
def test_the_database_of_another_program_is_refused(empty_url, table):
    engine = open_engine(empty_url)
    with begin(engine) as conn:
        conn.exec_driver_sql(f"CREATE TABLE {table} (id INTEGER)")
    with pytest.raises(StoreError, match=f"another program.*{table}"):
        upgrade(engine)
    with reading(engine) as conn:
        assert sa.inspect(conn).get_table_names() == [table]
    engine.dispose()


def test_alembic_of_another_program_is_left_alone(empty_url):
    engine = open_engine(empty_url)
    with begin(engine) as conn:
        conn.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        conn.exec_driver_sql("INSERT INTO alembic_version VALUES ('abc')")
    upgrade(engine)
    with reading(engine) as conn:
        assert conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == "abc"
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "sqlite:///FILE"),
        ("", "sqlite:///FILE"),
        ("mysql://me:secret@host/db", "not supported"),
        ("postgresql+asyncpg://me:secret@host/db", "not supported"),
        ("postgresql://me:secret@host:no-port/db", "cannot be read"),
        ("sqlite:////no/such/directory/w.db", "does not exist; create it"),
        ("sqlite:////tmp", "is a directory"),
        ("postgresql://me:secret@127.0.0.1:9/db", "no server answers there"),
        ("postgresql+psycopg://me:secret@/db?host=/no/such/socket", "no server answers there"),
    ],
)
def test_what_cannot_be_opened_is_said_in_one_line(url, says):
    with pytest.raises(StoreError, match=says) as caught:
        open_engine(url)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database(tmp_path):
    path = tmp_path / "w.db"
    path.write_text("this is a letter, not a database; " * 50)
    with pytest.raises(StoreError, match="not an SQLite database"):
        open_engine(f"sqlite:///{path}")


def test_a_missing_postgres_database_is_named(postgres_server):
    url = sa.make_url(postgres_server).set(database="nowhere", password="secret").render_as_string(hide_password=False)  # noqa: S106
    with pytest.raises(StoreError, match=r"nowhere.*create it") as caught:
        open_engine(url)
    assert "secret" not in str(caught.value)


def _write_and(engine, fail):
    with begin(engine) as conn:
        conn.exec_driver_sql("INSERT INTO state (key, value) VALUES ('a', 'b')")
        fail(conn)


def test_driver_errors_are_wrapped_and_roll_back(engine):
    with pytest.raises(StoreError, match="wirecopy db upgrade"):
        _write_and(engine, lambda conn: conn.exec_driver_sql("SELECT * FROM no_such_table"))
    with reading(engine) as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM state").scalar_one() == 0


def test_own_errors_pass_through_and_roll_back(engine):
    with pytest.raises(KeyError):
        _write_and(engine, lambda _: {}["nothing"])
    with reading(engine) as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM state").scalar_one() == 0


def test_a_reader_keeps_its_snapshot(engine):
    with reading(engine) as reader:
        before = reader.exec_driver_sql("SELECT count(*) FROM state").scalar_one()
        with begin(engine) as writer:
            writer.exec_driver_sql("INSERT INTO state (key, value) VALUES ('a', 'b')")
        assert reader.exec_driver_sql("SELECT count(*) FROM state").scalar_one() == before == 0


def test_sqlite_writers_take_the_lock_at_once(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path / 'w.db'}")
    other = sqlite3.connect(tmp_path / "w.db", timeout=0, isolation_level=None)
    with begin(engine), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.close()
    engine.dispose()


def test_sqlite_uses_the_write_ahead_log(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path / 'w.db'}")
    with reading(engine) as conn:
        pragmas = [
            conn.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("journal_mode", "synchronous", "busy_timeout")
        ]
    assert pragmas == ["wal", 1, 30_000]
    engine.dispose()


def test_postgres_speaks_utc(postgres_url):
    engine = open_engine(postgres_url)
    with reading(engine) as conn:
        assert conn.exec_driver_sql("SHOW TIME ZONE").scalar_one() == "UTC"
    engine.dispose()
