"""Source folders on disk, runs over them, and everything derived in a database in a form that can be compared."""

from __future__ import annotations

import json
import os
import random
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from db import schema
from db.engine import open_engine
from flows.settings import Settings
from flows.sources import find_origins, list_files, read_documents
from flows.steps import Summary, run_sources
from pipeline.records import BadDocument, RawDocument
from pipeline.walk import Walk

Dump = dict[str, dict[Any, Any]]

_CLOCKS = {"seen_at", "run_id", "first_seen_at", "first_run_id", "last_run_id", "gone_at", "resolved_at", "attempts", "made_at"}
_GROUPS = {"story_id", "copy_cluster_id", "is_lead", "revision_count"}


# --- runs ------------------------------------------------------------------------------------------


def make_settings(database_url: str, **changes: Any) -> Settings:
    """Settings of one process, whatever the environment says."""
    values: dict[str, Any] = {
        "sources": [],
        "max_document_bytes": 1_000_000,
        "workers": 1,
        "batch_articles": 500,
        "match": {},
    }
    return Settings(database_url=database_url, **(values | changes))


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def run_folder(folder: Path, database_url: str, **changes: Any) -> Summary:
    """One run over one folder."""
    return run_sources(make_settings(database_url, **changes), [folder])


# --- files -----------------------------------------------------------------------------------------


def write_file(path: Path, content: str | bytes) -> Path:
    """Writes a file, its folders too, and gives it a time that no earlier content of it had."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    now = time.time_ns()
    os.utime(path, ns=(now, now))  # the kernel's own stamps are milliseconds apart
    return path


def write_jsonl(path: Path, records: Iterable[Mapping[str, Any] | str]) -> Path:
    """Writes a container; a string is a line as it is."""
    lines = [item if isinstance(item, str) else json.dumps(item) for item in records]
    return write_file(path, "".join(f"{line}\n" for line in lines))


def words(seed: object, count: int) -> str:
    """Invented words, others for each seed: 14 letters of chance, so texts share none by accident."""
    chance = random.Random(repr(seed))
    return " ".join("".join(chance.choices("abcdefghiklmnoprstuvw", k=7)) for _ in range(count))


def sentence(seed: object, count: int) -> str:
    text = words(seed, count)
    return f"{text[0].upper()}{text[1:]}."


def story_text(name: object, *passages: str) -> str:
    """Passages between sentences of an article's own."""
    own = [sentence((name, k), 9) for k in range(len(passages) + 1)]
    return "\n\n".join(part for k, text in enumerate(own) for part in (text, *passages[k : k + 1])) + "\n"


def documents(folder: Path) -> dict[str, list[RawDocument]]:
    """All documents of a folder in which nothing is bad, by origin: for the walk in memory."""
    found: dict[str, list[RawDocument]] = {}
    for origin in find_origins([folder]):
        found[origin.key] = []
        for file in list_files(origin):
            assert not isinstance(file, BadDocument)
            for item in read_documents(origin, file, max_document_bytes=1_000_000):
                assert not isinstance(item, BadDocument)
                found[origin.key].append(item)
    return found


# --- what is stored --------------------------------------------------------------------------------


def dump(database_url: str, *, history: bool = True) -> Dump:
    """Everything derived: no clocks, run ids or ids of groups; clusters and stories as sets of uris with their leads.

    Without `history`, only what follows from the current revisions: not what was
    there before, what is gone, or how often something was tried.
    """
    engine = open_engine(database_url)
    try:
        with engine.connect() as conn:
            return _dump(conn, history=history)
    finally:
        engine.dispose()


def _dump(conn: sa.Connection, *, history: bool) -> Dump:
    def rows(table: sa.Table) -> list[dict[str, Any]]:
        return [dict(row) for row in conn.execute(sa.select(table)).mappings()]

    articles = rows(schema.article)
    names = {row["article_id"]: f"{row['origin']}/{row['uri']}" for row in articles}
    current = {row["revision_id"] for row in articles}
    revisions = {row["revision_id"]: row for row in rows(schema.revision)}
    chosen = set(revisions) if history else current
    result: Dump = {
        "article": {names[row["article_id"]]: _without(row, _CLOCKS | _GROUPS) for row in articles},
        "revision": {k: _without(revisions[k], _CLOCKS) for k in chosen},
        "removed": {(row["revision_id"], row["position"]): row for row in rows(schema.removed) if row["revision_id"] in chosen},
        "page": {row["revision_id"]: row["html"] for row in rows(schema.page) if row["revision_id"] in chosen},
        "sketch": {names[row["article_id"]]: row for row in rows(schema.sketch)},
        "retired": {k: row["article_id"] for k, row in enumerate(rows(schema.retired_sketch))},
        "link": {row["link_id"]: row for row in rows(schema.link)},
        "pair": {(names[row["left_article_id"]], names[row["right_article_id"]]): row for row in rows(schema.pair)},
        "passage": {row["passage_id"]: row for row in rows(schema.passage)},
        "occurrence": {(row["passage_id"], row["position"]): row for row in rows(schema.occurrence)},
        "copy_cluster": _groups(articles, rows(schema.copy_cluster), "copy_cluster_id", names),
        "story": _groups(articles, rows(schema.story), "story_id", names),
        "state": {row["key"]: row["value"] for row in rows(schema.state)},
    }
    leads = {row["lead_article_id"] for row in rows(schema.copy_cluster)}
    for row in articles:
        assert row["is_lead"] is (row["copy_cluster_id"] is None or row["article_id"] in leads), names[row["article_id"]]
    if history:
        for row in articles:
            own = {"gone": row["gone_at"] is not None, "revision_count": row["revision_count"]}
            result["article"][names[row["article_id"]]] |= own
        result["quarantine"] = {
            (row["origin"], row["uri"]): _without(row, _CLOCKS) | {"resolved": row["resolved_at"] is not None}
            for row in rows(schema.bad_document)
        }
        for table, key in ((schema.verdict, ("verdict_id",)), (schema.tombstone, ("origin", "uri"))):
            result[table.name] = {tuple(row[name] for name in key): _without(row, _CLOCKS) for row in rows(table)}
        result["file_state"] = {(row["origin"], row["path"]): row for row in rows(schema.file_state)}
    return result


def _without(row: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in names}


def _groups(
    articles: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], home: str, names: Mapping[int, str]
) -> dict[Any, str]:
    """Groups as sets of names with the name of their lead; each has a row of its own, and a row members."""
    members = defaultdict(set)
    for row in articles:
        if row[home] is not None:
            members[row[home]].add(names[row["article_id"]])
    leads = {row[home]: names[row["lead_article_id"]] for row in rows}
    assert set(leads) == set(members), f"{home}: rows {sorted(leads)}, in use {sorted(members)}"
    return {frozenset(members[k]): leads[k] for k in leads}


def assert_same(found: Dump, wanted: Dump) -> None:
    """Both hold the same; says in which tables and rows they differ."""
    wrong = []
    for table in wanted:
        one, other = found[table], wanted[table]
        differing = [key for key in one.keys() | other.keys() if one.get(key) != other.get(key)]
        wrong += [f"{table} {key}:\n    found  {one.get(key)}\n    wanted {other.get(key)}" for key in differing]
    assert found.keys() == wanted.keys()
    assert not wrong, f"{len(wrong)} rows differ:\n" + "\n".join(sorted(wrong)[:12])


def assert_settled(found: Dump) -> None:
    """Nothing is marked: all is matched and clustered, with the keys of the state, and every link has its passage."""
    keys = found["state"]
    assert found["retired"] == {}
    assert {row["matched_key"] for row in found["article"].values()} <= {keys["match_key"]}
    assert {row["clustered_key"] for row in found["article"].values()} <= {keys["cluster_key"]}
    assert set(found["sketch"]) == set(found["article"])
    assert {row["passage_id"] for row in found["link"].values()} == set(found["passage"])
    assert {k for k, _ in found["occurrence"]} == set(found["passage"])
    assert {k for group in found["story"] for k in group} == set(found["article"])


def assert_as_walked(found: Dump, walked: Walk) -> None:
    """What is stored is what the walk in memory finds: links, pairs, passages, groups, shares."""
    names = {k: f"{item.article.origin}/{item.article.uri}" for k, item in walked.articles.items()}
    passage_of = {k: passage.passage_id for passage in walked.passages for k in passage.link_ids}
    assert {k: (row["passage_id"], row["tokens"], row["kind"], row["recycled"]) for k, row in found["link"].items()} == {
        x.link_id: (passage_of[x.link_id], x.tokens, x.kind, x.recycled) for x in walked.links
    }
    assert {k: row["wire_tokens"] for k, row in found["pair"].items()} == {
        (names[x.left_article_id], names[x.right_article_id]): x.wire_tokens for x in walked.pairs
    }
    assert {k: (row["kind"], row["first_article_id"]) for k, row in found["passage"].items()} == {
        x.passage_id: (x.kind, x.first_article_id) for x in walked.passages
    }
    assert {
        k: (row["article_id"], row["role"], row["start"], row["end"], row["raw_start"], row["raw_end"])
        for k, row in found["occurrence"].items()
    } == {
        (x.passage_id, at): (o.article_id, o.role, o.place.start, o.place.end, o.place.raw_start, o.place.raw_end)
        for x in walked.passages
        for at, o in enumerate(x.occurrences)
    }
    for table, groups in (("copy_cluster", walked.copy_clusters), ("story", walked.stories)):
        assert found[table] == {frozenset(names[k] for k in group.members): names[group.lead] for group in groups}
    assert {k: (row["shared_ratio"], row["copied_ratio"], row["original_chars"]) for k, row in found["article"].items()} == {
        names[k]: (x.shared_ratio, x.copied_ratio, x.original_chars) for k, x in walked.shares.items()
    }


def run_log(database_url: str) -> list[dict[str, Any]]:
    """The rows of runs, the first one first."""
    return query(database_url, "SELECT * FROM run_log ORDER BY run_id")


def query(database_url: str, statement: str) -> list[dict[str, Any]]:
    """The rows that a statement of SQL gives."""
    engine = open_engine(database_url)
    try:
        with engine.connect() as conn:
            return [dict(row) for row in conn.execute(sa.text(statement)).mappings()]
    finally:
        engine.dispose()
