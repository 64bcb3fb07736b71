"""The only writer. Functions take a connection and records and never commit: the caller owns the transaction.

The rule of purity (docs/data-model.md) rests on this module: whoever takes a
link away marks, in the same transaction, everything that was decided with it.
No function asks the clock; `now` is an argument.
"""

from __future__ import annotations

import datetime as dt
import json
import zlib
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from db import schema
from db.rows import FREQUENCIES, LINKED, FileState, RunCounts, Saved
from db.statements import (
    among,
    delete_among,
    insert_missing,
    insert_rows,
    storable,
    storable_or_none,
    update_rows,
    upsert_rows,
)
from pipeline.errors import LeaseHeldError, StoreError
from pipeline.records import StoryEvent, keys_to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from pipeline.records import (
        ArticleShares,
        BadDocument,
        Frequencies,
        Group,
        Link,
        Pair,
        Passage,
        SketchedArticle,
        Span,
        Verdict,
    )

PAGE_LEVEL = 3
"""zlib level of stored pages: a third of the time of level 6, a tenth more bytes."""

ANALYZE_FROM = 1000
"""Articles stored by a run after which statistics are gathered: without any, PostgreSQL lists stories in 30 s, not 0.3."""

_LEASE = "write"

_COUNT_COLUMNS = {
    "articles_new": "new",
    "articles_changed": "changed",
    "articles_unchanged": "unchanged",
    "articles_gone": "gone",
    "quarantined": "quarantined",
    "capped": "capped",
}


# --- runs, the lease, state ------------------------------------------------------------------------


def start_run(conn: Connection, *, now: dt.datetime, params_key: str, command: str = "run") -> int:
    """A new run, `running`; earlier ones that still say so have `died`. Hold the lease before."""
    run = schema.run
    conn.execute(sa.update(run).where(run.c.status == "running").values(status="died"))
    values = dict.fromkeys(_COUNT_COLUMNS, 0) | {"started_at": now, "status": "running", "params_key": params_key}
    values["command"] = command
    result = conn.execute(sa.insert(run).values(values))
    return int(result.inserted_primary_key[0])  # type: ignore[index]  # one row, one key


def finish_run(conn: Connection, run_id: int, *, now: dt.datetime, status: str, counts: RunCounts) -> None:
    """Ends a run as `done` or `failed`, with what it did; after a large one the query planner looks at the tables anew."""
    numbers = {column: getattr(counts, name) for column, name in _COUNT_COLUMNS.items()}
    statement = sa.update(schema.run).where(schema.run.c.run_id == run_id)
    conn.execute(statement.values(numbers | {"finished_at": now, "status": status}))
    if counts.new + counts.changed >= ANALYZE_FROM:
        conn.exec_driver_sql("ANALYZE")


def acquire_lease(
    conn: Connection,
    *,
    holder: str,
    host: str,
    pid: int,
    now: dt.datetime,
    seconds: float,
    process_gone: Callable[[int], bool],
) -> None:
    """Takes the right to write for some seconds.

    A lease that has ended is free, and so is one of this host whose process is
    gone, or one that `holder` itself has.

    `holder` names this taker among all, such as `host:pid`; `process_gone` says
    whether no process of this host has an id any more.

    Raises:
        LeaseHeldError: another one holds it.
    """
    table = schema.lease
    row = {"name": _LEASE, "holder": holder, "host": host, "pid": pid, "acquired_at": now}
    row["expires_at"] = now + dt.timedelta(seconds=seconds)
    # PostgreSQL: of two takers one inserts, the other waits here and then sees the row.
    insert_missing(conn, table, [row | {"expires_at": now}])
    held = conn.execute(sa.select(table).where(table.c.name == _LEASE).with_for_update()).one()
    if held.holder != holder and held.expires_at > now and not (held.host == host and process_gone(held.pid)):
        message = (
            f"another run is writing: {held.holder}, since {held.acquired_at:%Y-%m-%d %H:%M:%S} UTC; "
            "wait for it (--wait SECONDS) or stop it"
        )
        raise LeaseHeldError(message, holder=held.holder)
    conn.execute(sa.update(table).where(table.c.name == _LEASE).values(row))


def renew_lease(conn: Connection, *, holder: str, now: dt.datetime, seconds: float) -> None:
    """Holds the lease for some more seconds. Inside each writing transaction it keeps a run that was overtaken from writing.

    Raises:
        LeaseHeldError: it is not the holder's any more.
    """
    table = schema.lease
    mine = sa.update(table).where(table.c.name == _LEASE, table.c.holder == holder)
    if conn.execute(mine.values(expires_at=now + dt.timedelta(seconds=seconds))).rowcount:
        return
    other = conn.execute(sa.select(table.c.holder).where(table.c.name == _LEASE)).scalar_one_or_none()
    message = f"this run ({holder}) has lost the right to write to {other or 'nobody'}; run again"
    raise LeaseHeldError(message, holder=other or "")


def release_lease(conn: Connection, *, holder: str) -> None:
    """Gives the lease back; nothing happens if it is not the holder's."""
    table = schema.lease
    conn.execute(sa.delete(table).where(table.c.name == _LEASE, table.c.holder == holder))


def set_frequencies(conn: Connection, frequencies: Frequencies) -> None:
    """Replaces the document frequencies of terms. What was grouped by the old ones has to be grouped anew."""
    upsert_rows(conn, schema.frozen, [{"name": FREQUENCIES, "data": frequencies.to_bytes()}])


def set_state(conn: Connection, values: Mapping[str, str]) -> None:
    """Sets entries of the table of state, such as `match_key`."""
    upsert_rows(conn, schema.state, [{"key": key, "value": value} for key, value in values.items()])


# --- what was read ---------------------------------------------------------------------------------


def touch_origin(conn: Connection, *, origin: str, root: str, run_id: int, now: dt.datetime) -> None:
    """Notes that an origin was looked through, and where it lies."""
    row = {"origin": origin, "root": storable(root), "last_seen_at": now, "last_run_id": run_id}
    upsert_rows(conn, schema.origin, [row])


def save_file_states(conn: Connection, *, origin: str, states: Mapping[str, FileState]) -> None:
    """Notes, by path, the files whose articles are all stored (or quarantined)."""
    upsert_rows(conn, schema.file_state, [{"origin": origin, "path": path} | state._asdict() for path, state in states.items()])


def quarantine(
    conn: Connection, *, run_id: int, now: dt.datetime, origin: str, bad: Sequence[BadDocument], source: str = ""
) -> None:
    """Stores what could not be read, one row a uri; coming again raises `attempts` and opens it anew.

    Where the outlet (`source`) is not known, the origin's key stands for it.
    """
    rows = {
        storable(item.uri): {
            "origin": origin,
            "uri": storable(item.uri),
            "path": storable(item.path),
            "source": source or origin,
            "stage": item.stage,
            "error": item.error,
            "message": storable(item.message),
            "seen_at": now,
            "run_id": run_id,
            "attempts": 1,
            "resolved_at": None,
        }
        for item in bad
    }
    table = schema.bad_document
    upsert_rows(conn, table, list(rows.values()), attempts=table.c.attempts + 1)


def resolve_quarantine(conn: Connection, *, origin: str, path: str, now: dt.datetime, still_bad: Collection[str] = ()) -> None:
    """After a file was read anew: all of its rows but those of `still_bad` uris are resolved."""
    table = schema.bad_document
    of_file = (table.c.origin == origin, table.c.path == storable(path), table.c.resolved_at.is_(None))
    others = (~among(conn, table.c.uri, map(storable, still_bad)),) if still_bad else ()
    conn.execute(sa.update(table).where(*of_file, *others).values(resolved_at=now))


def forget_files(conn: Connection, *, origin: str, paths: Collection[str]) -> None:
    """Has files read again when they can be read, even if they are as they were."""
    files = schema.file_state
    conn.execute(sa.delete(files).where(files.c.origin == origin, among(conn, files.c.path, paths)))


def mark_gone(conn: Connection, *, origin: str, run_id: int, now: dt.datetime, paths: Collection[str]) -> int:
    """Notes that files are not there any more; returns how many articles are gone with them.

    Their states go too: a file that comes back as it was is read again, and its
    articles with it.
    """
    if not paths:
        return 0
    forget_files(conn, origin=origin, paths=paths)
    return _mark_gone(conn, run_id, now, schema.article.c.origin == origin, among(conn, schema.article.c.path, paths))


def mark_records_gone(
    conn: Connection, *, origin: str, run_id: int, now: dt.datetime, path: str, uris_seen: Collection[str]
) -> int:
    """Notes that a file, read in full, holds no other records than these; returns how many articles are gone."""
    table = schema.article
    rest = (~among(conn, table.c.uri, uris_seen),) if uris_seen else ()
    return _mark_gone(conn, run_id, now, table.c.origin == origin, table.c.path == path, *rest)


def _mark_gone(conn: Connection, run_id: int, now: dt.datetime, *where: sa.ColumnElement[bool]) -> int:
    table = schema.article
    statement = sa.update(table).where(*where, table.c.gone_at.is_(None)).values(gone_at=now, last_run_id=run_id)
    return conn.execute(statement).rowcount


# --- articles --------------------------------------------------------------------------------------


def save_articles(
    conn: Connection,
    *,
    run_id: int,
    now: dt.datetime,
    sketched: Sequence[SketchedArticle],
    text_key: str,
    sketch_key: str,
    remake: bool = False,
) -> Saved:
    """Stores a batch of articles, and marks what has to be matched and clustered because of them.

    A new content becomes the article's current revision; the same content writes
    nothing, except that a gone article is back. Rows of the quarantine with these
    uris are resolved. Of an article that comes twice, the last one counts.

    With `remake` (`wirecopy refresh`), the same content is stored too where it was
    made with other keys, and counted as changed.
    """
    batch = {item.article_id: item for item in map(_identify, sketched)}
    known = _current_revisions(conn, batch)
    new = [item for item in batch.values() if item.article_id not in known]
    changed = [item for item in batch.values() if _differs(item, known, (text_key, sketch_key) if remake else None)]
    seen_before = _retire(conn, changed)
    keys = {"text_key": text_key, "sketch_key": sketch_key, "seen_at": now, "run_id": run_id}
    _insert_revisions(conn, [*new, *changed], keys, seen_before)
    insert_rows(conn, schema.article, [_article_row(item, run_id, now) for item in new])
    counts = {item.article_id: known[item.article_id].revision_count + (item.revision_id not in seen_before) for item in changed}
    update_rows(conn, schema.article, "article_id", [_changed_row(item, run_id, counts[item.article_id]) for item in changed])
    _bring_back(conn, run_id, [article_id for article_id, row in known.items() if row.gone_at is not None])
    _resolve(conn, now, batch.values())
    return Saved(len(new), len(changed), len(batch) - len(new) - len(changed))


def confirm_articles(conn: Connection, *, run_id: int, now: dt.datetime, article_ids: Collection[int]) -> int:
    """Notes that articles were read again and are as they are stored: gone ones are back, their quarantine is resolved.

    Returns:
        how many are back.
    """
    table, bad = schema.article, schema.bad_document
    gone = sa.select(table.c.article_id).where(among(conn, table.c.article_id, article_ids), table.c.gone_at.is_not(None))
    back = set(conn.scalars(gone))
    _bring_back(conn, run_id, back)
    same = sa.exists().where(
        table.c.origin == bad.c.origin, table.c.uri == bad.c.uri, among(conn, table.c.article_id, article_ids)
    )
    conn.execute(sa.update(bad).where(bad.c.resolved_at.is_(None), bad.c.stage == "extract", same).values(resolved_at=now))
    return len(back)


class _Item(NamedTuple):
    """An article with its ids, which are hashes: computed once."""

    sketched: SketchedArticle
    article_id: int
    revision_id: int


def _identify(sketched: SketchedArticle) -> _Item:
    return _Item(sketched, sketched.article.article_id, sketched.article.revision_id)


def _differs(item: _Item, known: Mapping[int, sa.Row[Any]], keys: tuple[str, str] | None) -> bool:
    """Whether a known article has another content, or its texts were made with other keys, if they count."""
    row = known.get(item.article_id)
    if row is None:
        return False
    return bool(row.revision_id != item.revision_id or (keys and (row.text_key, row.sketch_key) != keys))


def _current_revisions(conn: Connection, article_ids: Iterable[int]) -> dict[int, sa.Row[Any]]:
    article, revision = schema.article, schema.revision
    statement = (
        sa.select(
            article.c.article_id,
            article.c.revision_id,
            article.c.revision_count,
            article.c.gone_at,
            revision.c.text_key,
            revision.c.sketch_key,
        )
        .join(revision, revision.c.revision_id == article.c.revision_id)
        .where(among(conn, article.c.article_id, article_ids))
    )
    return {row.article_id: row for row in conn.execute(statement)}


def _retire(conn: Connection, items: Sequence[_Item]) -> dict[int, sa.Row[Any]]:
    """Takes the current revisions of articles out of matching, to make room for those of `items`.

    Keys of what stops being current are kept until the buckets that held them
    have been looked at. Of the revisions to come, those that are there already
    (an earlier content is back, or is made anew) are deleted; returns when and in
    which run they were first seen.
    """
    if not items:
        return {}
    _retire_sketches(conn, [item.article_id for item in items])
    revision = schema.revision
    again = sa.select(revision.c.revision_id, revision.c.seen_at, revision.c.run_id).where(
        among(conn, revision.c.revision_id, [item.revision_id for item in items])
    )
    seen_before = {row.revision_id: row for row in conn.execute(again)}
    for table in (revision, schema.removed, schema.page):
        delete_among(conn, table.c.revision_id, seen_before)
    return seen_before


def _retire_sketches(conn: Connection, article_ids: Collection[int]) -> None:
    """Takes away the links and sketches of current revisions; their keys stay until their buckets have been looked at."""
    _drop_links(conn, article_ids)
    sketch, revision, retired = schema.sketch, schema.revision, schema.retired_sketch
    old = (
        sa.select(sketch.c.article_id, revision.c.published_start, revision.c.published_end, sketch.c["keys"])
        .join(revision, revision.c.revision_id == sketch.c.revision_id)
        .where(among(conn, sketch.c.article_id, article_ids))
    )
    conn.execute(sa.insert(retired).from_select(["article_id", "published_start", "published_end", "keys"], old))
    delete_among(conn, sketch.c.article_id, article_ids)
    delete_among(conn, schema.story_terms.c.article_id, article_ids)


def _insert_revisions(
    conn: Connection, items: Sequence[_Item], keys: dict[str, Any], seen_before: Mapping[int, sa.Row[Any]]
) -> None:
    revisions, removed, pages, sketches, terms = [], [], [], [], []
    for item in items:
        row = _revision_row(item) | keys
        if item.revision_id in seen_before:
            first = seen_before[item.revision_id]
            row |= {"seen_at": first.seen_at, "run_id": first.run_id}
        revisions.append(row)
        removed += _removed_rows(item)
        if item.sketched.page is not None:
            pages.append({"revision_id": item.revision_id, "html": zlib.compress(item.sketched.page, PAGE_LEVEL)})
        sketches.append(_sketch_row(item))
        terms.append(_terms_row(item))
    insert_rows(conn, schema.revision, revisions)
    insert_rows(conn, schema.removed, removed)
    insert_rows(conn, schema.page, pages)
    insert_rows(conn, schema.sketch, sketches)
    insert_rows(conn, schema.story_terms, terms)


def _sketch_row(item: _Item) -> dict[str, Any]:
    sketch = item.sketched.sketch
    return {
        "article_id": item.article_id,
        "revision_id": item.revision_id,
        "keys": keys_to_bytes(sketch.keys),
        "tokens": sketch.tokens.to_bytes(),
    }


def _terms_row(item: _Item) -> dict[str, Any]:
    published = item.sketched.article.published
    start, end = published.seconds if published else (None, None)
    return {
        "article_id": item.article_id,
        "published_start": start,
        "published_end": end,
        "terms": item.sketched.sketch.terms.astype("<u4").tobytes(),
    }


def _revision_row(item: _Item) -> dict[str, Any]:
    sketched, article = item.sketched, item.sketched.article
    raw = storable(article.raw_text)
    clean = "".join([raw[start:end] for start, end in sketched.kept])
    published = article.published
    return {
        "revision_id": item.revision_id,
        "article_id": item.article_id,
        "content_hash": article.content_hash,
        "source": article.source,
        "published_start": published and published.start,
        "published_end": published and published.end,
        "published_precision": published and published.precision,
        "published_from": published and published.found_in,
        "token_count": len(sketched.sketch.tokens),
        "char_count": len(clean),
        "extractor": article.extractor,
        "language": storable_or_none(article.language),
        "agency": storable_or_none(article.agency),
        "title": storable_or_none(article.title),
        "author": storable_or_none(article.author),
        "url": storable_or_none(article.url),
        "canonical_url": storable_or_none(article.canonical_url),
        "given": json.dumps(dict(sketched.given), sort_keys=True),  # ASCII: escapes what no database takes
        "kept": json.dumps(sketched.kept),
        "raw_text": raw,
        "clean_text": None if clean == raw else clean,
    }


def _removed_rows(item: _Item) -> list[dict[str, Any]]:
    return [
        {
            "revision_id": item.revision_id,
            "position": position,
            "raw_start": span.raw_start,
            "raw_end": span.raw_end,
            "in_body": span.in_body,
            "rule": span.rule,
        }
        for position, span in enumerate(item.sketched.article.removed)
    ]


# What is to be found out again about a revision that has become current.
_UNKNOWN: dict[str, Any] = {
    "matched_key": None,
    "clustered_key": None,
    "shared_ratio": None,
    "copied_ratio": None,
    "original_chars": None,
}


def _article_row(item: _Item, run_id: int, now: dt.datetime) -> dict[str, Any]:
    article = item.sketched.article
    key = article.uri[len(article.path) + 1 :] if article.uri.startswith(f"{article.path}#") else None
    return _UNKNOWN | {
        "article_id": item.article_id,
        "origin": article.origin,
        "source": article.source,
        "uri": article.uri,
        "path": article.path,
        "record_key": key,
        "revision_id": item.revision_id,
        "revision_count": 1,
        "same_as": None,
        "first_seen_at": now,
        "first_run_id": run_id,
        "last_run_id": run_id,
        "gone_at": None,
        "story_id": None,
        "copy_cluster_id": None,
        "is_lead": True,
    }


def _changed_row(item: _Item, run_id: int, revision_count: int) -> dict[str, Any]:
    return _UNKNOWN | {
        "article_id": item.article_id,
        "source": item.sketched.article.source,
        "revision_id": item.revision_id,
        "revision_count": revision_count,
        "last_run_id": run_id,
    }


def _bring_back(conn: Connection, run_id: int, article_ids: Collection[int]) -> None:
    if article_ids:
        table = schema.article
        chosen = sa.update(table).where(among(conn, table.c.article_id, article_ids))
        conn.execute(chosen.values(gone_at=None, last_run_id=run_id))


def _resolve(conn: Connection, now: dt.datetime, items: Iterable[_Item]) -> None:
    uris = defaultdict(list)
    for item in items:
        uris[item.sketched.article.origin].append(item.sketched.article.uri)
    table = schema.bad_document
    for origin, chosen in uris.items():
        # Whole files and broken lines are resolved when the file was read to its end: a line's number can be a record's id.
        of_origin = (table.c.origin == origin, table.c.resolved_at.is_(None), table.c.stage == "extract")
        conn.execute(sa.update(table).where(*of_origin, among(conn, table.c.uri, chosen)).values(resolved_at=now))


# --- matching --------------------------------------------------------------------------------------


def mark_for_matching(conn: Connection, article_ids: Collection[int]) -> None:
    """Has all links of these articles found anew, and clusters formed anew where they were."""
    if not article_ids:
        return
    _drop_links(conn, article_ids)
    table = schema.article
    conn.execute(sa.update(table).where(among(conn, table.c.article_id, article_ids)).values(matched_key=None))


def clear_retired(conn: Connection) -> None:
    """Forgets the keys of revisions that stopped being current: their buckets have been looked at."""
    conn.execute(sa.delete(schema.retired_sketch))


def forget_matches(conn: Connection) -> None:
    """Has everything matched anew: no links, pairs and passages, all marks set, no retired keys."""
    for table in (schema.link, schema.pair, schema.passage, schema.occurrence, schema.retired_sketch):
        conn.execute(sa.delete(table))
    conn.execute(sa.update(schema.article).values(matched_key=None))
    forget_clusters(conn)


def forget_clusters(conn: Connection) -> None:
    """Has everything clustered anew; ids stay where they are, to be carried over."""
    conn.execute(sa.update(schema.article).values(clustered_key=None))


def save_matches(
    conn: Connection, *, article_ids: Collection[int], links: Sequence[Link], pairs: Sequence[Pair], match_key: str
) -> None:
    """Stores what matching found for these articles, takes their marks away and marks both sides for clustering.

    The other sides are marked as `LINKED`, unless they wait for more.

    A link or pair that is there (both articles were marked, in two chunks) stays.
    """
    insert_missing(conn, schema.link, [_link_row(link) for link in links])
    insert_missing(conn, schema.pair, [_pair_row(pair) for pair in pairs])
    if article_ids:
        table = schema.article
        conn.execute(sa.update(table).where(among(conn, table.c.article_id, article_ids)).values(matched_key=match_key))
    _mark_for_clustering(conn, article_ids)
    _mark_as_linked(conn, {k for link in links for k in (link.left_article_id, link.right_article_id)})


def _drop_links(conn: Connection, article_ids: Collection[int]) -> None:
    """Deletes the links and pairs of articles, and marks whatever was decided with them.

    Passages that lose a link are deleted, and all articles they stand in are
    marked: they are formed anew, perhaps as several.
    """
    link, occurrence = schema.link, schema.occurrence
    statement = sa.select(link.c.link_id, link.c.left_article_id, link.c.right_article_id, link.c.passage_id)
    gone: list[sa.Row[Any]] = []
    for side in (link.c.left_article_id, link.c.right_article_id):
        gone += conn.execute(statement.where(among(conn, side, article_ids))).all()
    touched = {*article_ids}
    touched.update(row.left_article_id for row in gone)
    touched.update(row.right_article_id for row in gone)
    passages = {row.passage_id for row in gone if row.passage_id is not None}
    if passages:
        standing = sa.select(occurrence.c.article_id).distinct().where(among(conn, occurrence.c.passage_id, passages))
        touched.update(conn.scalars(standing))
        _drop_passages(conn, passages)
    delete_among(conn, link.c.link_id, {row.link_id for row in gone})
    for side in (schema.pair.c.left_article_id, schema.pair.c.right_article_id):
        delete_among(conn, side, article_ids)
    _mark_for_clustering(conn, touched)


def _drop_passages(conn: Connection, passage_ids: Collection[int]) -> None:
    delete_among(conn, schema.passage.c.passage_id, passage_ids)
    delete_among(conn, schema.occurrence.c.passage_id, passage_ids)
    link = schema.link
    conn.execute(sa.update(link).where(among(conn, link.c.passage_id, passage_ids)).values(passage_id=None))


def _mark_for_clustering(conn: Connection, article_ids: Collection[int]) -> None:
    table = schema.article
    chosen = sa.update(table).where(among(conn, table.c.article_id, article_ids), table.c.clustered_key.is_not(None))
    conn.execute(chosen.values(clustered_key=None))


def _mark_as_linked(conn: Connection, article_ids: Collection[int]) -> None:
    table = schema.article
    chosen = sa.update(table).where(among(conn, table.c.article_id, article_ids), table.c.clustered_key.is_not(None))
    conn.execute(chosen.values(clustered_key=LINKED))


def _link_row(link: Link) -> dict[str, Any]:
    return {
        "link_id": link.link_id,
        "left_article_id": link.left_article_id,
        **_place_columns("left_", link.left),
        "right_article_id": link.right_article_id,
        **_place_columns("right_", link.right),
        "tokens": link.tokens,
        "similarity": link.similarity,
        "kind": link.kind,
        "recycled": link.recycled,
        "left_quoted": link.left_quoted,
        "right_quoted": link.right_quoted,
        "evidence": json.dumps(dict(link.evidence), sort_keys=True),
        "passage_id": None,
    }


def _place_columns(side: str, span: Span) -> dict[str, int]:
    return {
        f"{side}raw_start": span.raw_start,
        f"{side}raw_end": span.raw_end,
        f"{side}start": span.start,
        f"{side}end": span.end,
    }


def _pair_row(pair: Pair) -> dict[str, Any]:
    return {column.name: getattr(pair, column.name) for column in schema.pair.c}


# --- clustering ------------------------------------------------------------------------------------


def replace_passages(conn: Connection, *, link_ids: Collection[int], passages: Sequence[Passage]) -> None:
    """Puts passages in the place of those that these links (whole components of them) stand in."""
    link = schema.link
    of_links = sa.select(link.c.passage_id).distinct().where(among(conn, link.c.link_id, link_ids))
    old = set(conn.scalars(of_links.where(link.c.passage_id.is_not(None))))
    if old:
        _drop_passages(conn, old)
    heads = [{"passage_id": item.passage_id, "kind": item.kind, "first_article_id": item.first_article_id} for item in passages]
    insert_rows(conn, schema.passage, heads)
    insert_rows(conn, schema.occurrence, [row for item in passages for row in _occurrence_rows(item)])
    homes = [{"link_id": link_id, "passage_id": item.passage_id} for item in passages for link_id in item.link_ids]
    update_rows(conn, link, "link_id", homes)


def _occurrence_rows(passage: Passage) -> list[dict[str, Any]]:
    passage_id = passage.passage_id
    return [
        {
            "passage_id": passage_id,
            "position": position,
            "article_id": item.article_id,
            "role": item.role,
            "quoted_ratio": item.quoted_ratio,
            **_place_columns("", item.place),
        }
        for position, item in enumerate(passage.occurrences)
    ]


def save_copy_clusters(conn: Connection, *, clusters: Mapping[int, Group], alone: Collection[int] = ()) -> None:
    """Stores copy clusters by id, each with all its members, and which articles are in none.

    Only rows that differ are written; a cluster that nobody is in any more goes.
    """
    homes: dict[int, tuple[int | None, bool]] = dict.fromkeys(alone, (None, True))
    for cluster_id, group in clusters.items():
        homes |= {article_id: (cluster_id, article_id == group.lead) for article_id in group.members}
    article, table = schema.article, schema.copy_cluster
    before = sa.select(article.c.article_id, article.c.copy_cluster_id, article.c.is_lead).where(
        among(conn, article.c.article_id, homes)
    )
    moved = [row for row in conn.execute(before) if (row.copy_cluster_id, row.is_lead) != homes[row.article_id]]
    update_rows(
        conn,
        article,
        "article_id",
        [
            {"article_id": row.article_id, "copy_cluster_id": homes[row.article_id][0], "is_lead": homes[row.article_id][1]}
            for row in moved
        ],
    )
    leads = dict(conn.execute(sa.select(table).where(among(conn, table.c.copy_cluster_id, clusters))).tuples().all())
    new = [
        {"copy_cluster_id": cluster_id, "lead_article_id": group.lead}
        for cluster_id, group in clusters.items()
        if leads.get(cluster_id) != group.lead
    ]
    upsert_rows(conn, table, new)
    _drop_empty(
        conn, table.c.copy_cluster_id, article.c.copy_cluster_id, {row.copy_cluster_id for row in moved} - {None, *clusters}
    )


def save_stories(conn: Connection, *, run_id: int, now: dt.datetime, stories: Mapping[int, Group]) -> int:
    """Stores stories by id, each with all its members; returns how many were made or changed.

    Only rows that differ are written; a story that nobody is in any more goes.
    `updated_at` and `last_run_id` say when its members or its lead last changed.
    """
    article, table = schema.article, schema.story
    homes = {article_id: story_id for story_id, group in stories.items() for article_id in group.members}
    before = sa.select(article.c.article_id, article.c.story_id).where(among(conn, article.c.article_id, homes))
    moved = [row for row in conn.execute(before) if row.story_id != homes[row.article_id]]
    rows = [{"article_id": row.article_id, "story_id": homes[row.article_id]} for row in moved]
    update_rows(conn, article, "article_id", rows)

    left = {row.story_id for row in moved} - {None, *stories}
    _drop_empty(conn, table.c.story_id, article.c.story_id, left)
    touched = {homes[row.article_id] for row in moved} | {row.story_id for row in moved} - {None}
    before_leads = sa.select(table.c.story_id, table.c.lead_article_id).where(among(conn, table.c.story_id, {*stories, *left}))
    leads = dict(conn.execute(before_leads).tuples().all())
    stamp = {"updated_at": now, "last_run_id": run_id}
    new = [
        {"story_id": story_id, "lead_article_id": group.lead} | stamp
        for story_id, group in stories.items()
        if story_id in touched or leads.get(story_id) != group.lead
    ]
    upsert_rows(conn, table, new)
    update_rows(conn, table, "story_id", [{"story_id": story_id} | stamp for story_id in left if story_id in leads])
    return len(new)


def _drop_empty(conn: Connection, group: sa.Column[int], home: sa.Column[Any], ids: Collection[Any]) -> None:
    """Deletes those of the groups that no article is in."""
    if ids:
        inhabited = sa.exists().where(home == group)
        conn.execute(sa.delete(group.table).where(among(conn, group, ids), ~inhabited))


def save_shares(conn: Connection, shares: Sequence[ArticleShares]) -> None:
    """Stores how much of each article is shared, copied and its own; only rows that differ are written."""
    table = schema.article
    columns = (table.c.article_id, table.c.shared_ratio, table.c.copied_ratio, table.c.original_chars)
    chosen = sa.select(*columns).where(among(conn, table.c.article_id, [item.article_id for item in shares]))
    before = {row.article_id: tuple(row) for row in conn.execute(chosen)}
    rows = [{column.name: getattr(item, column.name) for column in columns} for item in shares]
    update_rows(conn, table, "article_id", [row for row in rows if before.get(row["article_id"]) != tuple(row.values())])


def save_story_events(conn: Connection, *, run_id: int, now: dt.datetime, events: Sequence[StoryEvent]) -> None:
    """Adds to the history of stories, and keeps up to date in which story each id lives on."""
    table = schema.story_event
    for event in events:
        heir = event.other_story_id if event.event == "merged" else None
        row = {name: getattr(event, name) for name in ("story_id", "event", "other_story_id", "article_id")}
        if event.event == "split":
            # An id that is given again means the new story; the one that was split stays what it is.
            given_again = sa.update(table).where(table.c.story_id == event.other_story_id)
            conn.execute(given_again.values(current_story_id=event.other_story_id))
            heir = event.story_id
        else:
            conn.execute(sa.update(table).where(table.c.current_story_id == event.story_id).values(current_story_id=heir))
        row |= {"happened_at": now, "run_id": run_id, "current_story_id": heir}
        conn.execute(sa.insert(table).values(row))


def mark_clustered(conn: Connection, article_ids: Collection[int], cluster_key: str) -> None:
    """Takes the marks for clustering away."""
    table = schema.article
    conn.execute(sa.update(table).where(among(conn, table.c.article_id, article_ids)).values(clustered_key=cluster_key))


# --- people's decisions ----------------------------------------------------------------------------


def save_verdict(conn: Connection, verdict: Verdict, *, note: str, now: dt.datetime, touched: Collection[int]) -> int:
    """Stores a verdict and marks what it changes; returns its number, `verdict.verdict_id` does not count.

    Args:
        conn: in a transaction.
        verdict: both of its articles are stored.
        note: why, in a person's words.
        now: when.
        touched: the articles to cluster anew because of it.
    """
    place = verdict.place
    row = {
        "ruling": verdict.ruling,
        "about": verdict.about,
        "left_article_id": verdict.left_article_id,
        "right_article_id": verdict.right_article_id,
        "place_article_id": place and place.article_id,
        "raw_start": place and place.raw_start,
        "raw_end": place and place.raw_end,
        "words": place and storable(place.words),
        "note": storable(note),
        "made_by": storable(verdict.by),
        "made_at": now,
    }
    result = conn.execute(sa.insert(schema.verdict).values(row))
    _mark_judged(conn, verdict, touched)
    return int(result.inserted_primary_key[0])  # type: ignore[index]  # one row, one key


def withdraw_verdict(conn: Connection, verdict: Verdict, *, touched: Collection[int]) -> None:
    """Deletes a verdict and marks what it has changed."""
    table = schema.verdict
    conn.execute(sa.delete(table).where(table.c.verdict_id == verdict.verdict_id))
    _mark_judged(conn, verdict, touched)


def _mark_judged(conn: Connection, verdict: Verdict, touched: Collection[int]) -> None:
    """A kind is decided when links are made, so they are made anew; the rest when clusters are formed."""
    if verdict.about == "passage":
        mark_for_matching(conn, [verdict.left_article_id])
    _mark_for_clustering(conn, touched)


def overwrite_deleted(conn: Connection) -> None:
    """From here on, whatever this connection deletes is overwritten in SQLite's file."""
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql("PRAGMA secure_delete = ON")


def forget_article(
    conn: Connection,
    *,
    article_id: int,
    reason: str,
    by: str,
    run_id: int,
    now: dt.datetime,
    touched: Collection[int] = (),
) -> None:
    """Deletes an article and all that was made of it; a tombstone without text keeps it from coming back.

    Its neighbours are matched and clustered as when a revision stops being current.
    The history of stories keeps its id.

    Args:
        conn: in a transaction.
        article_id: of a stored article.
        reason: why, in a person's words.
        by: who.
        run_id: the run in which a story may end with it.
        now: when.
        touched: other articles to cluster anew, such as those that a verdict held together with it.

    Raises:
        StoreError: there is no such article.
    """
    article, revision = schema.article, schema.revision
    row = conn.execute(sa.select(article).where(article.c.article_id == article_id)).one_or_none()
    if row is None:
        message = f"there is no article {article_id}"
        raise StoreError(message)
    overwrite_deleted(conn)
    _retire_sketches(conn, [article_id])
    revisions = set(conn.scalars(sa.select(revision.c.revision_id).where(revision.c.article_id == article_id)))
    for table in (revision, schema.removed, schema.page):
        delete_among(conn, table.c.revision_id, revisions)
    for column in (schema.verdict.c.left_article_id, schema.verdict.c.right_article_id, article.c.article_id):
        delete_among(conn, column, [article_id])
    bad = schema.bad_document
    conn.execute(sa.delete(bad).where(bad.c.origin == row.origin, bad.c.uri == row.uri))
    stone = {"origin": row.origin, "uri": row.uri, "path": row.path}
    stone |= {"reason": storable(reason), "made_by": storable(by), "made_at": now}
    upsert_rows(conn, schema.tombstone, [stone])
    homes = ((article.c.story_id, row.story_id), (article.c.copy_cluster_id, row.copy_cluster_id))
    kin = [sa.select(article.c.article_id).where(home == group_id) for home, group_id in homes if group_id is not None]
    _mark_for_clustering(conn, {*touched, *(k for statement in kin for k in conn.scalars(statement))})
    _end_story(conn, row.story_id, run_id, now, article_id)


def _end_story(conn: Connection, story_id: int | None, run_id: int, now: dt.datetime, article_id: int) -> None:
    """Notes that a story has ended if no article is in it any more."""
    article, story = schema.article, schema.story
    if story_id is None or conn.execute(sa.select(article.c.article_id).where(article.c.story_id == story_id).limit(1)).first():
        return
    conn.execute(sa.delete(story).where(story.c.story_id == story_id))
    save_story_events(conn, run_id=run_id, now=now, events=[StoryEvent(story_id, "ended", None, article_id)])


def lift_tombstone(conn: Connection, *, origin: str, uri: str) -> None:
    """Lets a forgotten article come back: the next run reads its file again."""
    table = schema.tombstone
    mine = (table.c.origin == origin, table.c.uri == uri)
    paths = conn.scalars(sa.select(table.c.path).where(*mine)).all()
    conn.execute(sa.delete(table).where(*mine))
    forget_files(conn, origin=origin, paths=paths)
