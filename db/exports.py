"""What is exported: articles, stories, passages and pairs, each row with what belongs to it.

In: a connection. Out: rows in order of their ids, read a batch at a time; a story
comes with its members, a passage with its occurrences, a pair with its links.
Beside `queries` this is the only reader.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from db import schema
from db.statements import among
from db.views import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection

    Row = dict[str, Any]
    Part = tuple[tuple[int, ...], Row]

BATCH = 200
"""Rows that are read at a time: with their texts some megabytes, and what belongs to them comes in one query."""

_TEXT = sa.func.coalesce(schema.revision.c.clean_text, schema.revision.c.raw_text)
_CURRENT = schema.revision.c.revision_id == schema.article.c.revision_id


@dataclass(frozen=True)
class Export:
    """One kind of export.

    Attributes:
        key: the columns that name a row, in order of which the rows come.
        columns: of a row, with the Python type of each; any value can be None.
        parts: the column that holds what belongs to a row, a list; empty: there is none.
        part_columns: of each in that list.
    """

    key: tuple[str, ...]
    columns: Mapping[str, type]
    parts: str = ""
    part_columns: Mapping[str, type] | None = None

    @property
    def flat_columns(self) -> dict[str, type]:
        """The columns where each part is a row: those of both, `position` (from 1) between; a part's name wins."""
        if not self.part_columns:
            return dict(self.columns)
        own = {name: kind for name, kind in self.columns.items() if name not in self.part_columns}
        return {**own, "position": int, **self.part_columns}

    def flat_rows(self, row: Mapping[str, Any]) -> Iterator[Row]:
        """The row, or a row for each of its parts, with `flat_columns`."""
        if not self.parts:
            yield dict(row)
            return
        left_out = {self.parts, *(self.part_columns or ())}
        own = {name: value for name, value in row.items() if name not in left_out}
        for position, part in enumerate(row[self.parts], 1):
            yield {**own, "position": position, **part}


# ------------------------------------------------------------------- statements


def _articles() -> sa.Select[Any]:
    view, revision = BY_NAME["article_overview"], schema.revision
    text = sa.select(view, _TEXT.label("text")).join(revision, revision.c.revision_id == view.c.revision_id)
    return text.order_by(view.c.article_id)


def _stories(since_run: int | None = None, since: dt.datetime | None = None) -> sa.Select[Any]:
    view = BY_NAME["story_overview"]
    statement = sa.select(view).order_by(view.c.story_id)
    if since_run is not None:
        statement = statement.where(view.c.last_run_id >= since_run)
    return statement if since is None else statement.where(view.c.updated_at >= since)


def _members() -> sa.Select[Any]:
    """The members of stories, as `queries.story_members` orders them."""
    view, article = BY_NAME["story_member"], schema.article
    rank = sa.case({"lead": 0, "copy": 1}, value=view.c.membership, else_=2)
    statement = sa.select(view, article.c.origin, article.c.uri).join(article, article.c.article_id == view.c.article_id)
    return statement.order_by(view.c.story_id, rank, view.c.published_at.nulls_last(), view.c.article_id)


def _passages() -> sa.Select[Any]:
    view = BY_NAME["shared_passage"]
    return sa.select(view).order_by(view.c.passage_id)


def _occurrences() -> sa.Select[Any]:
    """The places of passages, the representative first."""
    article, revision, table = schema.article, schema.revision, schema.occurrence
    columns = (
        table.c.passage_id,
        table.c.article_id,
        article.c.source,
        article.c.origin,
        article.c.uri,
        revision.c.title,
        revision.c.published_start.label("published_at"),
        table.c.role,
        table.c.start.label("start_char"),
        table.c.end.label("end_char"),
        table.c.raw_start,
        table.c.raw_end,
        table.c.quoted_ratio,
        sa.func.substr(_TEXT, table.c.start + 1, table.c.end - table.c.start, type_=sa.Text()).label("text"),
    )
    statement = sa.select(*columns).join(article, article.c.article_id == table.c.article_id).join(revision, _CURRENT)
    return statement.order_by(table.c.passage_id, table.c.position)


def _pairs() -> sa.Select[Any]:
    view = BY_NAME["article_pair"]
    left, right = schema.article.alias("l"), schema.article.alias("r")
    statement = sa.select(view, left.c.uri.label("left_uri"), right.c.uri.label("right_uri"))
    statement = statement.join(left, left.c.article_id == view.c.left_article_id)
    statement = statement.join(right, right.c.article_id == view.c.right_article_id)
    return statement.order_by(view.c.left_article_id, view.c.right_article_id)


_LINK = ("link_id", "passage_id", "kind", "recycled", "tokens", "similarity")
_SIDE = {"start": "start_char", "end": "end_char", "raw_start": "raw_start", "raw_end": "raw_end", "quoted": "quoted_ratio"}


def _links(*, swapped: bool) -> sa.Select[Any]:
    """Links with their sides as they stand, or the other way round; the texts are cut later."""
    table = schema.link
    sides = ("right", "left") if swapped else ("left", "right")
    ends = [table.c[f"{side}_article_id"].label(f"{to}_article_id") for side, to in zip(sides, ("left", "right"), strict=True)]
    places = [
        table.c[f"{side}_{name}"].label(f"{to}_{label}")
        for side, to in zip(sides, ("left", "right"), strict=True)
        for name, label in _SIDE.items()
    ]
    return sa.select(*ends, *(table.c[name] for name in _LINK), *places)


# ---------------------------------------------------------------------- exports


def _typed(statement: sa.Select[Any], *left_out: str) -> dict[str, type]:
    """The columns of a statement with their Python types."""
    columns = (column for column in statement.selected_columns if column.name not in left_out)
    return {c.name: dt.datetime if isinstance(c.type, schema.UtcTime) else c.type.python_type for c in columns}


EXPORTS: Mapping[str, Export] = {
    "articles": Export(("article_id",), {"id": str, "published": str, **_typed(_articles())}),
    "stories": Export(("story_id",), _typed(_stories()), "members", _typed(_members(), "story_id")),
    "passages": Export(("passage_id",), _typed(_passages()), "occurrences", _typed(_occurrences(), "passage_id")),
    "pairs": Export(
        ("left_article_id", "right_article_id"),
        _typed(_pairs()),
        "links",
        {
            **_typed(_links(swapped=False), "left_article_id", "right_article_id"),
            "left_text": str,
            "right_text": str,
        },
    ),
}
"""What can be exported, by name."""

_TABLES = {"articles": schema.article, "stories": schema.story, "passages": schema.passage, "pairs": schema.pair}


def count(conn: Connection, name: str) -> int:
    """How many rows an export has."""
    return conn.execute(sa.select(sa.func.count()).select_from(_TABLES[name])).scalar_one()


def rows(
    conn: Connection, name: str, *, since_run: int | None = None, since: dt.datetime | None = None
) -> Iterator[Mapping[str, Any]]:
    """The rows of an export, each with its parts.

    Args:
        conn: on one snapshot for as long as rows are taken.
        name: one of `EXPORTS`.
        since_run: of stories, only those that this run or a later one has changed.
        since: of stories, only those changed from this time on.
    """
    if name == "articles":
        return map(_with_record_fields, _streamed(conn, _articles()))
    if name == "stories":
        return _with_parts(conn, name, _stories(since_run, since), _members_of)
    if name == "passages":
        return _with_parts(conn, name, _passages(), _occurrences_of)
    return _with_parts(conn, name, _pairs(), _links_of)


def _streamed(conn: Connection, statement: sa.Select[Any]) -> Iterator[Row]:
    return map(dict, conn.execute(statement, execution_options={"yield_per": BATCH}).mappings())


def _with_parts(
    conn: Connection,
    name: str,
    statement: sa.Select[Any],
    parts_of: Callable[[Connection, Sequence[Row]], Iterator[Part]],
) -> Iterator[Row]:
    """Rows with their parts, which one query a batch reads."""
    export = EXPORTS[name]
    for chunk in conn.execute(statement, execution_options={"yield_per": BATCH}).mappings().partitions():
        batch = list(map(dict, chunk))
        found = defaultdict(list)
        for key, part in parts_of(conn, batch):
            found[key].append(part)
        for row in batch:
            yield {**row, export.parts: found[tuple(row[column] for column in export.key)]}


def _with_record_fields(row: Row) -> Row:
    """An article with the fields that a `.jsonl` source is read by; `source`, `title` and the like it has."""
    return {"id": str(row["article_id"]), "published": _written(row), **row}


def _written(row: Row) -> str | None:
    """The time of publication as exactly as it is known; a day is that of the source's zone."""
    start, end, precision = row["published_at"], row["published_end"], row["published_precision"]
    if start is None:
        return None
    if precision == "day":
        middle: dt.datetime = start + (end - start) / 2
        return middle.date().isoformat()
    moment: dt.datetime = start
    return f"{moment:%Y-%m-%dT%H:%M}Z" if precision == "minute" else f"{moment:%Y-%m-%dT%H:%M:%S}Z"


# -------------------------------------------------------------- what belongs to rows


def _members_of(conn: Connection, batch: Sequence[Row]) -> Iterator[Part]:
    home = BY_NAME["story_member"].c.story_id
    return _parts_by(conn, "story_id", _members().where(among(conn, home, [row["story_id"] for row in batch])))


def _occurrences_of(conn: Connection, batch: Sequence[Row]) -> Iterator[Part]:
    home = schema.occurrence.c.passage_id
    return _parts_by(conn, "passage_id", _occurrences().where(among(conn, home, [row["passage_id"] for row in batch])))


def _parts_by(conn: Connection, key: str, statement: sa.Select[Any]) -> Iterator[Part]:
    for found in conn.execute(statement).mappings():
        row = dict(found)
        yield (row.pop(key),), row


def _links_of(conn: Connection, batch: Sequence[Row]) -> Iterator[Part]:
    """The links of pairs, turned as their pair is: left is the earlier article. In the order of its text."""
    wanted = {(row["left_article_id"], row["right_article_id"]) for row in batch}
    texts = _texts(conn, {article_id for ends in wanted for article_id in ends})
    lefts = {left for left, _ in wanted}
    found = []
    for swapped in (False, True):
        side = schema.link.c["right_article_id" if swapped else "left_article_id"]
        for link in conn.execute(_links(swapped=swapped).where(among(conn, side, lefts))).mappings():
            row = dict(link)
            ends = (row.pop("left_article_id"), row.pop("right_article_id"))
            if ends in wanted:
                found.append((ends, row))
    for ends, row in sorted(found, key=lambda item: (item[1]["left_start_char"], item[1]["right_start_char"])):
        cut = {
            f"{side}_text": texts[article_id][row[f"{side}_start_char"] : row[f"{side}_end_char"]]
            for side, article_id in zip(("left", "right"), ends, strict=True)
        }
        yield ends, {**row, **cut}


def _texts(conn: Connection, article_ids: set[int]) -> dict[int, str]:
    """The clean texts of articles."""
    article, revision = schema.article, schema.revision
    statement = sa.select(article.c.article_id, _TEXT).join(revision, _CURRENT)
    return dict(conn.execute(statement.where(among(conn, article.c.article_id, article_ids))).tuples().all())
