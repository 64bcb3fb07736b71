"""The views of the contract: their columns, and what stands in them, on both dialects."""

from __future__ import annotations

import dataclasses
import datetime as dt

import factories as make
import pytest
import sqlalchemy as sa
from factories import LATER, NOW

from db import queries, schema, store
from db.engine import begin
from db.views import BY_NAME
from pipeline.records import ArticleShares, Group, Occurrence, Span, hash63

# As DESIGN.md, section 4, names them: view, colon, columns in order.
CONTRACT = """
article_overview: article_id, revision_id, origin, source, uri, title, author, published_at, published_precision,
    published_from, language, agency, story_id, copy_cluster_id, is_lead, token_count, char_count, shared_ratio,
    copied_ratio, original_chars, first_seen_at, gone_at, revision_count
article_text: article_id, revision_id, clean_text, raw_text
story_overview: story_id, headline, first_published_at, last_published_at, article_count, source_count, passage_count,
    updated_at, last_run_id
story_member: story_id, copy_cluster_id, article_id, source, title, published_at, membership, copied_ratio
copy_cluster_overview: copy_cluster_id, story_id, lead_article_id, agency, article_count, source_count,
    first_published_at, last_published_at
shared_passage: passage_id, kind, text, article_count, source_count, first_article_id, first_published_at
passage_occurrence: passage_id, article_id, source, role, start_char, end_char, raw_start, raw_end, quoted_ratio, text
passage_alignment: passage_id, kind, recycled, left_article_id, left_start, left_end, right_article_id, right_start,
    right_end, tokens, similarity, evidence
article_pair: left_article_id, right_article_id, left_source, right_source, wire_chars, quote_chars, recycled_chars,
    wire_tokens, left_ratio, right_ratio, lag_seconds, why
removed_text: article_id, source, raw_start, raw_end, in_body, rule, text
source_overview: source, article_count, last_seen_at, last_run_id, quarantined, copied_ratio
run_log: run_id, started_at, finished_at, status, articles_new, articles_changed, articles_unchanged, articles_gone,
    quarantined, capped, params_key
story_history: story_id, event, other_story_id, article_id, happened_at, run_id, current_story_id
quarantine: origin, source, uri, stage, error, message, seen_at, run_id, attempts, resolved_at
"""


def contract():
    entries = CONTRACT.strip().replace("\n    ", " ").splitlines()
    return {name: columns.strip().split(", ") for name, columns in (entry.split(":") for entry in entries)}


@pytest.fixture
def conn(engine):
    with begin(engine) as connection:
        yield connection


def rows(conn, view):
    return {next(iter(row.values())): row for row in queries.rows_of(conn, view)}


def raw(conn, sql):
    return conn.exec_driver_sql(sql).all()


A_ID, B_ID, C_ID, D_ID = (hash63("gazette", uri) for uri in ("a.txt", "b.txt", "c.txt", "d.txt"))
HEAD = "VELD, 28 March (NPA) –\n"


@pytest.fixture
def filled(conn):
    """Four articles of three sources, two in a copy cluster, three in a story, one passage in three of them.

    The passage stands in b behind 23 characters that were cut, with an emoji before it.
    """
    run_id = store.start_run(conn, now=NOW, params_key="p")
    store.touch_origin(conn, origin="gazette", root="/g", run_id=run_id, now=NOW)
    text = HEAD + "😀 " + make.TEXT
    items = [
        make.sketched("a.txt", title="Harbour opens", agency="NPA", published=make.published("2019-03-28")),
        make.sketched(
            "b.txt",
            text,
            source="courier",
            kept=((len(HEAD), len(text)),),
            removed=(make.removed(0, len(HEAD), rule="dateline"), make.removed(len(HEAD), len(HEAD) + 1, in_body=True)),
            published=make.published("2019-03-29"),
        ),
        make.sketched("c.txt", "\n \n  A first line\r\nand a second", source="mail"),
        make.sketched("d.txt", "x" * 100),
    ]
    store.save_articles(conn, run_id=run_id, now=NOW, sketched=items, text_key="t", sketch_key="s")
    place = Span(len(HEAD) + 2, len(HEAD) + 72, 2, 72)
    sides = (make.span(), place) if A_ID < B_ID else (place, make.span())
    links = [make.link(A_ID, B_ID, *sides), make.link(A_ID, C_ID, kind="quote", recycled=True)]
    pairs = [make.pair(A_ID, B_ID, lag_seconds=0), make.pair(A_ID, C_ID)]
    store.save_matches(conn, article_ids=[A_ID, B_ID, C_ID, D_ID], links=links, pairs=pairs, match_key="m")
    passage = make.passage([A_ID], links, first_article_id=A_ID)
    found = (
        dataclasses.replace(passage.occurrences[0], role="first"),
        Occurrence(B_ID, place, "carried", 0.5),
        Occurrence(C_ID, make.span(5, 12), "carried", 0.0),
    )
    store.replace_passages(conn, link_ids=[], passages=[dataclasses.replace(passage, occurrences=found)])
    store.save_copy_clusters(conn, clusters={A_ID: Group((A_ID, B_ID))}, alone=[C_ID, D_ID])
    stories = {A_ID: Group((A_ID, B_ID, C_ID)), D_ID: Group((D_ID,))}
    store.save_stories(conn, run_id=run_id, now=LATER, stories=stories)
    store.save_shares(
        conn,
        [ArticleShares(A_ID, 0.7, 0.0, len(make.TEXT)), ArticleShares(B_ID, 0.7, 0.6, 40), ArticleShares(C_ID, 0.2, None, None)],
    )
    return passage, links


def test_all_views_have_the_columns_of_the_contract_in_order(conn):
    there = {name: list(conn.exec_driver_sql(f"SELECT * FROM {name}").keys()) for name in contract()}
    assert {name: columns[: len(contract()[name])] for name, columns in there.items()} == contract()
    assert set(BY_NAME) == set(contract())
    assert there == {name: view.c.keys() for name, view in BY_NAME.items()}
    assert set(sa.inspect(conn).get_view_names()) == set(contract())


def test_times_are_iso_text_in_sqlite_and_timestamptz_in_postgres(conn, filled):
    (found,) = raw(conn, f"SELECT published_at, first_seen_at FROM article_overview WHERE article_id = {A_ID}")
    if conn.dialect.name == "sqlite":
        assert tuple(found) == ("2019-03-28T00:00:00Z", "2026-03-01T12:00:00Z")
    else:
        assert tuple(found) == (dt.datetime(2019, 3, 28, tzinfo=dt.UTC), NOW)
        types = raw(conn, "SELECT pg_typeof(published_at), pg_typeof(first_seen_at) FROM article_overview LIMIT 1")
        assert set(types[0]) == {"timestamp with time zone"}


def test_microseconds_and_other_zones_are_kept_as_utc(conn):
    zone = dt.timezone(dt.timedelta(hours=2))
    run_id = store.start_run(conn, now=dt.datetime(2026, 3, 1, 1, 0, 0, 250, tzinfo=zone), params_key="p")
    assert queries.run_row(conn, run_id)["started_at"] == dt.datetime(2026, 2, 28, 23, 0, 0, 250, tzinfo=dt.UTC)
    if conn.dialect.name == "sqlite":
        assert raw(conn, "SELECT started_at FROM run_log") == [("2026-02-28T23:00:00.000250Z",)]


def test_a_time_without_a_zone_is_refused(conn):
    naive = dt.datetime(2026, 3, 1)  # noqa: DTZ001 - that is the point
    with pytest.raises(sa.exc.StatementError, match="without a zone"):
        store.start_run(conn, now=naive, params_key="p")


def test_article_overview(conn, filled):
    found = rows(conn, "article_overview")
    a, b, d = found[A_ID], found[B_ID], found[D_ID]
    assert (a["title"], a["published_at"], a["published_precision"], a["published_from"]) == (
        "Harbour opens",
        make.published().start,
        "day",
        "given",
    )
    assert (a["story_id"], a["copy_cluster_id"], a["is_lead"]) == (A_ID, A_ID, True)
    assert (b["title"], b["source"], b["is_lead"], b["char_count"]) == (None, "courier", False, len(make.TEXT) + 2)
    assert (d["published_at"], d["copy_cluster_id"], d["is_lead"]) == (None, None, True)
    assert (d["shared_ratio"], d["copied_ratio"], d["original_chars"], d["gone_at"]) == (None, None, None, None)


def test_article_text(conn, filled):
    found = rows(conn, "article_text")
    assert (found[B_ID]["raw_text"], found[B_ID]["clean_text"]) == (HEAD + "😀 " + make.TEXT, "😀 " + make.TEXT)
    assert found[A_ID]["raw_text"] == found[A_ID]["clean_text"] == make.TEXT


def test_story_overview(conn, filled):
    found = rows(conn, "story_overview")
    one, lone = found[A_ID], found[D_ID]
    assert (one["headline"], one["article_count"], one["source_count"], one["passage_count"]) == ("Harbour opens", 3, 3, 1)
    assert (one["first_published_at"], one["last_published_at"]) == (make.published().start, make.published("2019-03-29").start)
    assert (one["updated_at"], one["last_run_id"]) == (LATER, 1)
    assert (lone["headline"], lone["article_count"], lone["passage_count"]) == ("x" * 80, 1, 0)
    assert (lone["first_published_at"], lone["last_published_at"]) == (None, None)


def test_without_a_title_the_headline_is_the_first_line_of_the_clean_text(conn, filled):
    store.save_stories(conn, run_id=1, now=LATER, stories={C_ID: Group((C_ID,)), B_ID: Group((B_ID,))})
    found = rows(conn, "story_overview")
    assert found[C_ID]["headline"] == "A first line"
    assert found[B_ID]["headline"] == ("😀 " + make.TEXT)[:80]
    # the passage now stands in one article of each story
    assert {row["passage_count"] for row in found.values()} == {0}


def test_story_member(conn, filled):
    found = {row["article_id"]: row for row in queries.rows_of(conn, "story_member")}
    assert {key: row["membership"] for key, row in found.items()} == {A_ID: "lead", B_ID: "copy", C_ID: "related", D_ID: "lead"}
    assert (found[B_ID]["copied_ratio"], found[C_ID]["copied_ratio"]) == (0.6, None)


def test_copy_cluster_overview(conn, filled):
    (row,) = queries.rows_of(conn, "copy_cluster_overview")
    assert list(row.values()) == [
        A_ID,
        A_ID,
        A_ID,
        "NPA",
        2,
        2,
        make.published().start,
        make.published("2019-03-29").start,
    ]


def test_passages_and_their_occurrences(conn, filled):
    passage, _ = filled
    (row,) = queries.rows_of(conn, "shared_passage")
    assert list(row.values()) == [passage.passage_id, "wire", make.TEXT[:70], 3, 3, A_ID, make.published().start]
    found = {row["article_id"]: row for row in queries.rows_of(conn, "passage_occurrence")}
    b = found[B_ID]
    assert (b["text"], b["start_char"], b["raw_start"], b["role"], b["quoted_ratio"]) == (make.TEXT[:70], 2, 25, "carried", 0.5)
    texts = rows(conn, "article_text")
    for key, item in found.items():
        assert item["text"] == texts[key]["clean_text"][item["start_char"] : item["end_char"]]
        assert item["text"] == texts[key]["raw_text"][item["raw_start"] : item["raw_end"]]


def test_a_passage_without_a_strictly_first_article(conn, filled):
    conn.execute(sa.update(schema.passage).values(first_article_id=None))
    assert next(queries.rows_of(conn, "shared_passage"))["first_article_id"] is None


def test_passage_alignment_counts_in_raw_offsets(conn, filled):
    passage, links = filled
    found = {row["link_id"]: row for row in queries.rows_of(conn, "passage_alignment")}
    row = found[links[0].link_id]
    side = "left" if B_ID < A_ID else "right"
    assert (row["passage_id"], row[f"{side}_article_id"], row[f"{side}_start"]) == (passage.passage_id, B_ID, 25)
    assert row["left_article_id"] < row["right_article_id"]
    assert row["evidence"] == '{"note": "\\u201cverbatim\\u201d", "tokens": 13}'
    assert (found[links[1].link_id]["recycled"], found[links[1].link_id]["kind"], row["recycled"]) == (True, "quote", False)


def test_article_pair(conn, filled):
    found = {row["right_article_id"]: row for row in queries.rows_of(conn, "article_pair")}
    assert (found[B_ID]["left_source"], found[B_ID]["right_source"], found[B_ID]["lag_seconds"]) == ("gazette", "courier", 0)
    assert (found[C_ID]["lag_seconds"], found[C_ID]["wire_tokens"]) == (None, 13)


def test_removed_text_is_that_of_current_revisions(conn, filled):
    found = [tuple(row.values()) for row in queries.rows_of(conn, "removed_text")]
    assert sorted(found) == [
        (B_ID, "courier", 0, len(HEAD), False, "dateline", HEAD),
        (B_ID, "courier", len(HEAD), len(HEAD) + 1, True, "byline", "😀"),
    ]
    store.save_articles(
        conn, run_id=1, now=NOW, sketched=[make.sketched("b.txt", "new", source="courier")], text_key="t", sketch_key="s"
    )
    assert list(queries.rows_of(conn, "removed_text")) == []


def test_source_overview(conn, filled):
    store.touch_origin(conn, origin="gazette", root="/g", run_id=2, now=LATER)
    store.mark_gone(conn, origin="gazette", run_id=2, now=LATER, paths=["a.txt"])
    store.touch_origin(conn, origin="ruins", root="/r", run_id=3, now=LATER)
    store.quarantine(conn, run_id=3, now=LATER, origin="ruins", bad=[make.bad(), make.bad("x.txt")])
    store.resolve_quarantine(conn, origin="ruins", path="x.txt", now=LATER)
    found = rows(conn, "source_overview")
    assert set(found) == {"gazette", "courier", "mail", "ruins"}
    assert list(found["ruins"].values()) == ["ruins", 0, LATER, 3, 1, None]
    assert list(found["courier"].values()) == ["courier", 1, LATER, 2, 0, 0.6]
    assert list(found["mail"].values()) == ["mail", 1, LATER, 2, 0, None]
    # a, which is gone, counts; d has no date and so no part in the ratio
    assert list(found["gazette"].values()) == ["gazette", 2, LATER, 2, 0, 0.0]
    conn.execute(sa.update(schema.article).where(schema.article.c.article_id == D_ID).values(same_as=A_ID))
    assert rows(conn, "source_overview")["gazette"]["article_count"] == 1


def test_the_copied_ratio_of_a_source_is_weighted_by_characters(conn, filled):
    conn.execute(sa.update(schema.article).values(source="gazette"))
    weights = {A_ID: len(make.TEXT), B_ID: len(make.TEXT) + 2}
    wanted = 0.6 * weights[B_ID] / sum(weights.values())
    assert rows(conn, "source_overview")["gazette"]["copied_ratio"] == pytest.approx(wanted)
    assert isinstance(raw(conn, "SELECT copied_ratio FROM source_overview WHERE source = 'gazette'")[0][0], float)


def test_run_log_and_quarantine(conn, filled):
    store.quarantine(conn, run_id=1, now=NOW, origin="gazette", bad=[make.bad()], source="mail")
    (row,) = queries.rows_of(conn, "quarantine")
    assert list(row.values()) == [
        "gazette",
        "mail",
        "broken.jsonl#3",
        "parse",
        "RecordError",
        "line 3 is no JSON",
        NOW,
        1,
        1,
        None,
    ]
    (run,) = queries.rows_of(conn, "run_log")
    assert list(run.values()) == [1, NOW, None, "running", 0, 0, 0, 0, 0, 0, "p", "run"]
