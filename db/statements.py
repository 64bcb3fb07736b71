"""The statements that the dialects spell differently, and what fits into their columns."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sqlalchemy.engine import Connection


_SURROGATES = re.compile("[\ud800-\udfff]")


def among(conn: Connection, column: sa.ColumnElement[Any], values: Iterable[int] | Iterable[str]) -> sa.ColumnElement[bool]:
    """`column IN values` with one bound parameter, so for any number of integers or strings."""
    chosen = list(values)
    if conn.dialect.name == "sqlite":
        listed = sa.func.json_each(json.dumps(chosen)).table_valued("value")
        return column.in_(sa.select(listed.c.value))
    return column == sa.any_(sa.bindparam(None, chosen, type_=postgresql.ARRAY(column.type)))


def insert_rows(conn: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Inserts rows that are not there yet and that all have the same columns."""
    if not rows:
        return
    if conn.dialect.name == "postgresql":
        _copy_rows(conn, table, rows)
    else:
        _insert_plain(conn, table, rows, "")


def _insert_plain(conn: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]], ending: str) -> None:
    """Inserts past SQLAlchemy's handling of each parameter, which takes longer than SQLite does with the row."""
    names = list(rows[0])
    listed = ", ".join(f'"{name}"' for name in names)
    statement = f'INSERT INTO "{table.name}" ({listed}) VALUES ({", ".join("?" * len(names))}) {ending}'  # noqa: S608
    made = {name: table.c[name].type.dialect_impl(conn.dialect).bind_processor(conn.dialect) for name in names}
    ready = [tuple(row[name] if make is None else make(row[name]) for name, make in made.items()) for row in rows]
    conn.exec_driver_sql(statement, ready)


def _copy_rows(conn: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """PostgreSQL's COPY, which takes a third of the time of inserts; psycopg knows all of our types."""
    names = list(rows[0])
    listed = ", ".join(f'"{name}"' for name in names)
    driver: Any = conn.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({listed}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row([row[name] for name in names])
    except psycopg.Error as error:  # this went past SQLAlchemy, which would have wrapped it
        raise DBAPIError.instance(f"COPY {table.name}", None, error, psycopg.Error) from error


def insert_missing(conn: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Inserts the rows whose key is not there; the others stay as they are."""
    if rows and conn.dialect.name == "sqlite":
        _insert_plain(conn, table, rows, "ON CONFLICT DO NOTHING")
    elif rows:
        conn.execute(postgresql.insert(table).on_conflict_do_nothing(), rows)


def upsert_rows(conn: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]], **special: Any) -> None:
    """Inserts rows; of those that are there, sets all columns given, `special` ones to an expression."""
    if not rows:
        return
    statement = _insert(conn, table)
    keys = [column.name for column in table.primary_key]
    values = {name: statement.excluded[name] for name in rows[0] if name not in keys} | special
    conn.execute(statement.on_conflict_do_update(index_elements=keys, set_=values), rows)


def update_rows(conn: Connection, table: sa.Table, key: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Sets the columns of each row, found by `key`."""
    if not rows:
        return
    values = {name: sa.bindparam(f"new_{name}", type_=table.c[name].type) for name in rows[0] if name != key}
    statement = sa.update(table).where(table.c[key] == sa.bindparam("of_key", type_=table.c[key].type)).values(values)
    named = [{"of_key" if name == key else f"new_{name}": value for name, value in row.items()} for row in rows]
    conn.execute(statement, named)


def delete_among(conn: Connection, column: sa.Column[Any], values: Collection[int]) -> None:
    """Deletes the rows of the column's table that hold one of the values there."""
    if values:
        conn.execute(sa.delete(column.table).where(among(conn, column, values)))


def storable(text: str) -> str:
    """Text that a database takes: NUL and lone surrogates replaced one for one by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = _SURROGATES.sub("\ufffd", text)
    return text.replace("\0", "\ufffd")


def storable_or_none(text: str | None) -> str | None:
    """`storable`, for what may be missing."""
    return None if text is None else storable(text)


def _insert(conn: Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    return sqlite.insert(table) if conn.dialect.name == "sqlite" else postgresql.insert(table)
