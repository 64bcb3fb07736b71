"""The writer and the reader on both dialects: round trips, idempotence, and the bookkeeping of marks."""

from __future__ import annotations

import dataclasses
import datetime as dt

import factories as make
import numpy as np
import pytest
import sqlalchemy as sa
from factories import LATER, NOW

from db import queries, schema, store
from db.engine import begin, reading
from db.rows import FileState, Grouping, RunCounts, Saved
from pipeline.errors import LeaseHeldError, StaleStoreError, StoreError
from pipeline.params import MatchParams
from pipeline.records import ArticleShares, Group, Tokens, hash63, keys_from_bytes, keys_to_bytes

KEYS = {"text_key": "t1", "sketch_key": "s1"}


@pytest.fixture
def conn(engine):
    with begin(engine) as connection:
        yield connection


@pytest.fixture
def run_id(conn):
    return store.start_run(conn, now=NOW, params_key="p1")


def save(conn, *items, now=NOW, run_id=1, **changes):
    return store.save_articles(conn, run_id=run_id, now=now, sketched=items, **(KEYS | changes))


def ids(*uris):
    return [hash63("gazette", uri) for uri in uris]


def dump(conn):
    """All rows of all tables, for comparing before and after."""
    return {table.name: sorted(map(tuple, conn.execute(sa.select(table))), key=repr) for table in schema.metadata.sorted_tables}


def count(conn, table):
    return conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def settle(conn, *, links=(), pairs=(), passages=()):
    """Everything matched and clustered, as at the end of a run."""
    waiting = queries.articles_to_match(conn)
    store.save_matches(conn, article_ids=waiting, links=links, pairs=pairs, match_key="m1")
    store.replace_passages(conn, link_ids=[link.link_id for link in links], passages=passages)
    store.clear_retired(conn)
    store.mark_clustered(conn, queries.articles_to_cluster(conn), "c1")


# --- articles --------------------------------------------------------------------------------------


def test_an_article_comes_back_as_it_was_stored(conn):
    text = "By A. Reed\n" + make.TEXT
    item = make.sketched(
        "box.jsonl#7",
        text,
        kept=((11, len(text)),),
        title="Harbour “opens”",
        author="A. Reed",
        url="https://a.example/7",
        canonical_url="https://b.example/7",
        language="en",
        agency="NPA",
        published=make.published(),
        removed=(make.removed(0, 11), make.removed(11, 14, rule="dateline", in_body=True)),
        page="<p>Veld…</p>".encode(),
        given={"title": "Harbour"},
    )
    assert save(conn, item) == Saved(1, 0, 0)
    (stored,) = queries.load_articles(conn, [item.article.article_id]).values()
    assert stored == (item.article, item.kept, item.given, item.page, "t1", "s1")
    row = queries.article_row(conn, item.article.article_id)
    assert (row["raw_text"], row["clean_text"]) == (text, make.TEXT)
    assert row["char_count"] == len(make.TEXT)
    assert conn.execute(sa.select(schema.article.c.record_key)).scalar_one() == "7"
    matched = queries.matched_articles(conn, [item.article.article_id])[item.article.article_id]
    assert (matched.published, matched.kept, matched.source) == (item.article.published, item.kept, "gazette")
    assert (matched.token_count, matched.char_count) == (len(item.sketch.tokens), len(make.TEXT))


def test_tokens_and_keys_come_back_bit_for_bit(conn):
    item = make.sketched(published=make.published())
    save(conn, item)
    tokens = Tokens.from_bytes(queries.load_tokens(conn, ids("a.txt"))[ids("a.txt")[0]])
    assert np.array_equal(tokens.hashes, item.sketch.tokens.hashes)
    assert np.array_equal(tokens.starts, item.sketch.tokens.starts)
    (row,) = queries.index_rows(conn)
    assert row[:4] == (item.article.article_id, make.published().start, make.published().end, True)
    assert np.array_equal(keys_from_bytes(row.keys), item.sketch.keys)


def test_saving_twice_changes_nothing(conn):
    items = [make.sketched("a.txt"), make.sketched("b.txt", removed=(make.removed(0, 3),))]
    save(conn, *items)
    before = dump(conn)
    assert save(conn, *items, now=LATER, run_id=2) == Saved(0, 0, 2)
    assert dump(conn) == before


def test_of_an_article_that_comes_twice_in_a_batch_the_last_counts(conn):
    assert save(conn, make.sketched(text="first one"), make.sketched(text="second one")) == Saved(1, 0, 0)
    assert queries.article_row(conn, ids("a.txt")[0])["raw_text"] == "second one"
    assert count(conn, schema.revision) == 1


def test_a_changed_article_has_a_new_current_revision(conn):
    save(conn, make.sketched(title="Old", removed=(make.removed(0, 3),)))
    settle(conn)
    store.save_shares(conn, [ArticleShares(ids("a.txt")[0], 0.5, 0.25, 10)])
    assert save(conn, make.sketched(text="Another text.", title="New"), now=LATER, run_id=2) == Saved(0, 1, 0)
    row = queries.article_row(conn, ids("a.txt")[0])
    assert (row["title"], row["revision_count"], row["first_seen_at"], row["last_run_id"]) == ("New", 2, NOW, 2)
    assert (row["shared_ratio"], row["copied_ratio"], row["original_chars"]) == (None, None, None)
    assert queries.articles_to_match(conn) == queries.articles_to_cluster(conn) == ids("a.txt")
    assert count(conn, schema.revision) == 2
    assert count(conn, schema.removed) == 1
    assert list(queries.rows_of(conn, "removed_text")) == []


def test_the_keys_of_a_revision_that_stops_being_current_are_kept(conn):
    old = make.sketched(published=make.published())
    save(conn, old)
    settle(conn)
    save(conn, make.sketched(text="Another text."))
    (retired,) = queries.retired_rows(conn)
    assert retired == (
        old.article.article_id,
        make.published().start,
        make.published().end,
        False,
        keys_to_bytes(old.sketch.keys),
    )
    (current,) = queries.index_rows(conn)
    assert current.waiting
    assert current.keys != retired.keys
    store.clear_retired(conn)
    assert queries.retired_rows(conn) == []


def test_an_earlier_content_becomes_current_again(conn):
    first = make.sketched(removed=(make.removed(0, 3),))
    save(conn, first)
    settle(conn)
    save(conn, make.sketched(text="Another text."), now=LATER, run_id=2)
    assert save(conn, first, now=LATER, run_id=3) == Saved(0, 1, 0)
    row = queries.article_row(conn, first.article.article_id)
    assert (row["revision_id"], row["revision_count"]) == (first.article.revision_id, 2)
    seen = sa.select(schema.revision.c.seen_at, schema.revision.c.run_id)
    assert conn.execute(seen.where(schema.revision.c.revision_id == first.article.revision_id)).one() == (NOW, 1)
    assert queries.articles_to_match(conn) == [first.article.article_id]
    assert count(conn, schema.removed) == 1


def test_remake_stores_the_same_content_made_with_other_keys(conn):
    save(conn, make.sketched(), make.sketched("b.txt"))
    settle(conn)
    assert queries.outdated_articles(conn, text_key="t1", sketch_key="s1") == []
    assert queries.outdated_articles(conn, text_key="t1", sketch_key="s2") == sorted(ids("a.txt", "b.txt"))
    assert save(conn, make.sketched(), sketch_key="s2") == Saved(0, 0, 1)
    assert save(conn, make.sketched(title="T"), sketch_key="s2", remake=True) == Saved(0, 1, 0)
    assert save(conn, make.sketched(title="T"), sketch_key="s2", remake=True) == Saved(0, 0, 1)
    assert queries.outdated_articles(conn, text_key="t1", sketch_key="s2") == ids("b.txt")
    assert queries.articles_to_match(conn) == ids("a.txt")
    row = queries.article_row(conn, ids("a.txt")[0])
    assert (row["revision_count"], row["title"]) == (1, "T")


def test_what_no_database_takes_is_replaced_one_for_one(conn):
    text = "a\0b\ud800c\ud83d\ude00d"
    save(conn, make.sketched(text=text, content_hash="h", title="x\0y", given={"title": "x\0\ud800"}))
    row = queries.article_row(conn, ids("a.txt")[0])
    assert (row["raw_text"], row["title"]) == ("a�b�c��d", "x�y")
    assert queries.load_articles(conn, ids("a.txt"))[ids("a.txt")[0]].given == {"title": "x\0\ud800"}


# --- links and marks -------------------------------------------------------------------------------


@pytest.fixture
def linked(conn):
    """Three articles in one passage over two links; a fourth one with a link of its own to the third."""
    names = ("a.txt", "b.txt", "c.txt", "d.txt", "e.txt")
    save(conn, *(make.sketched(name) for name in names))
    a, b, c, d, e = ids(*names)
    links = [make.link(a, b), make.link(b, c), make.link(c, d, make.span(71, 90), make.span(71, 90))]
    pairs = [make.pair(a, b), make.pair(c, b), make.pair(c, d)]
    passages = [
        make.passage([a, b, c], links[:2]),
        make.passage([c, d], links[2:], make.span(71, 90), kind="quote", first_article_id=c),
    ]
    settle(conn, links=links, pairs=pairs, passages=passages)
    return names, (a, b, c, d, e), links, pairs, passages


def test_links_pairs_and_passages_come_back(conn, linked):
    _, (a, b, c, d, e), links, pairs, passages = linked
    stored = queries.links_of(conn, [a, b, c, d])
    plain = [dataclasses.replace(link, evidence={}) for link in links]
    assert [item.link for item in stored] == sorted(plain, key=lambda link: link.link_id)
    homes = {link_id: item.passage_id for item in passages for link_id in item.link_ids}
    assert {item.link_id: item.passage_id for item in stored} == homes
    assert [item.link for item in queries.links_of(conn, [a])] == plain[:1]
    assert queries.pairs_of(conn, [c]) == sorted(pairs[1:], key=lambda pair: (pair.left_article_id, pair.right_article_id))
    assert {(p.left_article_id, p.right_article_id) for p in queries.pairs_of(conn, [a, e])} == {(a, b)}
    assert queries.articles_to_match(conn) == queries.articles_to_cluster(conn) == []


def test_saving_matches_twice_changes_nothing(conn, linked):
    _, everyone, links, pairs, passages = linked
    before = dump(conn)
    store.save_matches(conn, article_ids=everyone, links=links, pairs=pairs, match_key="m1")
    assert queries.articles_to_cluster(conn) == sorted(everyone)
    store.mark_clustered(conn, everyone, "c1")
    store.replace_passages(conn, link_ids=[link.link_id for link in links], passages=passages)
    assert dump(conn) == before


def test_matching_marks_both_sides_for_clustering(conn, linked):
    _, (a, _b, _c, d, _e), *_ = linked
    store.save_matches(conn, article_ids=[a], links=[make.link(a, d)], pairs=[make.pair(a, d)], match_key="m1")
    assert queries.articles_to_cluster(conn) == sorted([a, d])


@pytest.mark.parametrize("by", ["change", "mark"])
def test_who_loses_a_link_is_marked_and_its_passage_goes(conn, linked, by):
    _, (a, b, c, _d, _e), links, pairs, passages = linked
    if by == "change":
        save(conn, make.sketched("a.txt", "Another text."))
    else:
        store.mark_for_matching(conn, [a])
    assert queries.articles_to_match(conn) == [a]
    # b had a link with a; c stands in the passage that a's link was in
    assert queries.articles_to_cluster(conn) == sorted([a, b, c])
    assert {item.link_id: item.passage_id for item in queries.links_of(conn, [a, b, c])} == {
        links[1].link_id: None,
        links[2].link_id: passages[1].passage_id,
    }
    assert queries.pairs_of(conn, [a, b]) == pairs[1:2]
    assert set(conn.scalars(sa.select(schema.occurrence.c.passage_id))) == {passages[1].passage_id}
    assert list(conn.scalars(sa.select(schema.passage.c.passage_id))) == [passages[1].passage_id]
    assert len(queries.retired_rows(conn)) == (1 if by == "change" else 0)


def test_a_rematched_article_ends_where_it_was(conn, linked):
    _, (a, *_), links, pairs, passages = linked
    before = dump(conn)
    store.mark_for_matching(conn, [a])
    store.save_matches(conn, article_ids=[a], links=links[:1], pairs=pairs[:1], match_key="m1")
    store.replace_passages(conn, link_ids=[link.link_id for link in links[:2]], passages=passages[:1])
    store.mark_clustered(conn, queries.articles_to_cluster(conn), "c1")
    assert dump(conn) == before


def test_forgetting_matches_marks_everything(conn, linked):
    _, everyone, *_ = linked
    store.forget_matches(conn)
    assert queries.articles_to_match(conn) == queries.articles_to_cluster(conn) == sorted(everyone)
    assert all(count(conn, table) == 0 for table in (schema.link, schema.pair, schema.passage, schema.occurrence))


def test_same_as_takes_no_part_in_matching(conn):
    save(conn, make.sketched("a.txt"), make.sketched("b.txt"))
    a, b = ids("a.txt", "b.txt")
    conn.execute(sa.update(schema.article).where(schema.article.c.article_id == b).values(same_as=a))
    assert [row.article_id for row in queries.index_rows(conn)] == [a]
    assert queries.articles_to_match(conn) == queries.articles_to_cluster(conn) == [a]


def test_many_ids_go_into_one_statement(conn):
    many = list(range(100_000))
    assert queries.load_tokens(conn, many) == {}
    assert queries.links_of(conn, many) == []
    store.mark_for_matching(conn, many)


# --- clusters and stories --------------------------------------------------------------------------


def test_copy_clusters_are_stored_as_they_differ(conn, linked):
    _, (a, b, c, d, _e), *_ = linked
    store.save_copy_clusters(conn, clusters={a: Group((a, b)), c: Group((d, c))})
    found = queries.groupings(conn, [a, b, c, d])
    assert found == {
        a: Grouping(None, a, True),
        b: Grouping(None, a, False),
        c: Grouping(None, c, False),
        d: Grouping(None, c, True),
    }
    assert queries.cluster_articles(conn, [a, c, 1]) == {a: sorted([a, b]), c: sorted([c, d])}
    before = dump(conn)
    store.save_copy_clusters(conn, clusters={a: Group((a, b)), c: Group((d, c))})
    assert dump(conn) == before
    store.save_copy_clusters(conn, clusters={a: Group((b, a, c))}, alone=[d])
    assert queries.groupings(conn, [b, d]) == {b: Grouping(None, a, True), d: Grouping(None, None, True)}
    assert conn.execute(sa.select(schema.copy_cluster)).all() == [(a, b)]


def test_stories_are_stamped_when_they_change(conn, linked):
    _, (a, b, c, d, e), *_ = linked
    first = {a: Group((a, b)), c: Group((c, d)), e: Group((e,))}
    assert store.save_stories(conn, run_id=1, now=NOW, stories=first) == 3
    before = dump(conn)
    assert store.save_stories(conn, run_id=2, now=LATER, stories=first) == 0
    assert dump(conn) == before
    assert store.save_stories(conn, run_id=3, now=LATER, stories={a: Group((a, b, c, d))}) == 1
    assert {row["story_id"]: row["last_run_id"] for row in queries.stories(conn)} == {a: 3, e: 1}
    assert [row["story_id"] for row in queries.stories(conn, since_run=2)] == [a]
    assert [row["story_id"] for row in queries.stories(conn, since=LATER)] == [a]
    assert [row["story_id"] for row in queries.stories(conn, min_articles=2)] == [a]
    assert len(queries.stories(conn, limit=1)) == 1
    assert queries.story_articles(conn, [a, c]) == {a: sorted([a, b, c, d])}


def test_a_story_that_only_lost_an_article_is_stamped_too(conn, linked):
    _, (a, b, c, _d, _e), *_ = linked
    store.save_stories(conn, run_id=1, now=NOW, stories={a: Group((a, b)), c: Group((c,))})
    store.save_stories(conn, run_id=2, now=LATER, stories={c: Group((c, b))})
    assert {row["story_id"]: row["last_run_id"] for row in queries.stories(conn)} == {a: 2, c: 2}


def test_shares_are_stored_as_they_differ(conn, linked):
    _, (a, b, *_), *_ = linked
    shares = [ArticleShares(a, 0.5, None, None), ArticleShares(b, 0.5, 0.25, 70)]
    store.save_shares(conn, shares)
    before = dump(conn)
    store.save_shares(conn, shares)
    assert dump(conn) == before
    row = queries.article_row(conn, b)
    assert (row["shared_ratio"], row["copied_ratio"], row["original_chars"]) == (0.5, 0.25, 70)


# --- files, gone, quarantine -----------------------------------------------------------------------


def test_file_states_come_back(conn):
    states = {"a.txt": FileState(2**40, 1_553_800_000_123_456_789, "x"), "b/c.txt": FileState(1, 2, "y")}
    store.save_file_states(conn, origin="gazette", states=states)
    store.save_file_states(conn, origin="other", states={"z": FileState(1, 1, "")})
    assert queries.file_states(conn, "gazette") == states
    store.save_file_states(conn, origin="gazette", states={"a.txt": FileState(5, 6, "z")})
    assert queries.file_states(conn, "gazette")["a.txt"] == (5, 6, "z")


def present(conn, path):
    """The uris of a file's articles that are not gone."""
    table = schema.article
    return set(conn.scalars(sa.select(table.c.uri).where(table.c.path == path, table.c.gone_at.is_(None))))


def test_a_gone_file_keeps_its_article_until_it_is_back(conn, linked):
    _, (a, *_), *_ = linked
    store.save_file_states(conn, origin="gazette", states={"a.txt": FileState(1, 1, ""), "b.txt": FileState(1, 1, "")})
    assert store.mark_gone(conn, origin="gazette", run_id=2, now=LATER, paths=["a.txt", "no.txt"]) == 1
    assert store.mark_gone(conn, origin="gazette", run_id=3, now=LATER, paths=["a.txt"]) == 0
    assert store.mark_gone(conn, origin="gazette", run_id=3, now=LATER, paths=[]) == 0
    row = queries.article_row(conn, a)
    assert (row["gone_at"], row["last_run_id"]) == (LATER, 2)
    assert set(queries.file_states(conn, "gazette")) == {"b.txt"}
    assert present(conn, "a.txt") == set()
    assert set(queries.article_counts(conn, "gazette")) == {"b.txt", "c.txt", "d.txt", "e.txt"}
    assert len(queries.links_of(conn, [a])) == 1
    assert queries.articles_to_match(conn) == queries.articles_to_cluster(conn) == []
    assert save(conn, make.sketched("a.txt"), run_id=4) == Saved(0, 0, 1)
    assert queries.article_row(conn, a)["gone_at"] is None


def test_a_record_that_its_file_no_longer_holds_is_gone(conn):
    save(conn, *(make.sketched(f"box.jsonl#{key}") for key in "123"))
    seen = ["box.jsonl#1", "box.jsonl#3"]
    assert store.mark_records_gone(conn, origin="gazette", run_id=2, now=LATER, path="box.jsonl", uris_seen=seen) == 1
    assert present(conn, "box.jsonl") == set(seen)
    assert store.mark_records_gone(conn, origin="gazette", run_id=2, now=LATER, path="box.jsonl", uris_seen=[]) == 2


def test_the_quarantine_counts_attempts_and_is_resolved(conn):
    store.quarantine(conn, run_id=1, now=NOW, origin="gazette", bad=[make.bad(), make.bad("x.txt", stage="extract")])
    store.quarantine(conn, run_id=2, now=LATER, origin="gazette", bad=[make.bad(message="still\0bad")])
    rows = queries.quarantined(conn)
    assert [(row["uri"], row["attempts"], row["run_id"]) for row in rows] == [("broken.jsonl#3", 2, 2), ("x.txt", 1, 1)]
    assert (rows[0]["message"], rows[0]["source"], rows[0]["seen_at"]) == ("still�bad", "gazette", LATER)
    assert [row["uri"] for row in queries.quarantined(conn, run_id=2)] == ["broken.jsonl#3"]
    save(conn, make.sketched("x.txt"), now=LATER)
    store.resolve_quarantine(conn, origin="gazette", path="broken.jsonl", now=LATER, still_bad=["broken.jsonl#3"])
    assert [row["uri"] for row in queries.quarantined(conn)] == ["broken.jsonl#3"]
    store.resolve_quarantine(conn, origin="gazette", path="broken.jsonl", now=LATER)
    assert queries.quarantined(conn) == []
    assert [row["resolved_at"] for row in queries.quarantined(conn, resolved=True)] == [LATER, LATER]
    store.quarantine(conn, run_id=3, now=LATER, origin="gazette", bad=[make.bad()])
    assert [(row["attempts"], row["resolved_at"]) for row in queries.quarantined(conn)] == [(3, None)]


# --- runs, state, lease ----------------------------------------------------------------------------


def test_a_run_that_did_not_finish_has_died(conn):
    assert queries.run_row(conn) is None
    first = store.start_run(conn, now=NOW, params_key="p1")
    second = store.start_run(conn, now=LATER, params_key="p1")
    counts = RunCounts(new=5000, changed=2, unchanged=3, gone=4, quarantined=5, capped=6)
    store.finish_run(conn, second, now=LATER, status="done", counts=counts)
    assert (queries.run_row(conn, first)["status"], queries.run_row(conn, first)["finished_at"]) == ("died", None)
    row = queries.run_row(conn)
    assert (row["run_id"], row["status"], row["started_at"]) == (second, "done", LATER)
    assert [row[name] for name in ("articles_new", "articles_changed", "articles_unchanged", "articles_gone")] == [5000, 2, 3, 4]
    assert (row["quarantined"], row["capped"], row["params_key"]) == (5, 6, "p1")


def test_parameters_that_differ_name_the_first_stage(conn):
    params = MatchParams()
    queries.check_keys(conn, params)
    keys = {"sketch_key": params.sketch_key, "match_key": params.match_key, "cluster_key": params.cluster_key}
    store.set_state(conn, keys)
    store.set_state(conn, keys)
    assert queries.state(conn) == keys
    queries.check_keys(conn, params)
    for changed, stage in (({"seed": 2}, "sketch"), ({"gap_tokens": 9}, "match"), ({"copy_min_tokens": 9}, "cluster")):
        with pytest.raises(StaleStoreError, match="wirecopy refresh") as caught:
            queries.check_keys(conn, dataclasses.replace(params, **changed))
        assert caught.value.stage == stage


def take(conn, holder, *, now=NOW, host="here", gone=False):
    pid = int(holder.split(":")[1])
    store.acquire_lease(conn, holder=holder, host=host, pid=pid, now=now, seconds=60, process_gone=lambda _: gone)


def test_one_run_holds_the_lease(conn):
    take(conn, "here:1")
    take(conn, "here:1")
    with pytest.raises(LeaseHeldError, match="here:1, since 2026-03-01 12:00:00 UTC") as caught:
        take(conn, "there:2", host="there")
    assert caught.value.holder == "here:1"
    with pytest.raises(LeaseHeldError):
        take(conn, "here:2")
    with pytest.raises(LeaseHeldError):  # the process of another host cannot be looked at
        take(conn, "there:2", host="there", gone=True)
    store.release_lease(conn, holder="there:2")
    with pytest.raises(LeaseHeldError):
        take(conn, "there:2", host="there")
    store.release_lease(conn, holder="here:1")
    take(conn, "there:2", host="there")


def test_a_lease_is_taken_over_when_its_process_is_gone_or_it_has_ended(conn):
    take(conn, "here:1")
    take(conn, "here:2", gone=True)
    store.renew_lease(conn, holder="here:2", now=NOW + dt.timedelta(seconds=50), seconds=60)
    with pytest.raises(LeaseHeldError):
        take(conn, "there:3", host="there", now=NOW + dt.timedelta(seconds=109))
    take(conn, "there:3", host="there", now=NOW + dt.timedelta(seconds=110))
    with pytest.raises(LeaseHeldError, match="lost the right to write to there:3"):
        store.renew_lease(conn, holder="here:2", now=NOW, seconds=60)


# --- looking things up -----------------------------------------------------------------------------


def test_an_article_is_named_by_its_id_or_any_ending_of_its_uri(conn):
    save(conn, *(make.sketched(uri) for uri in ("2019/a.txt", "2020/a.txt", "aa.txt", "box.jsonl#17", "100%_.txt", "100.txt")))
    a19, a20, aa, record, odd, plain = ids("2019/a.txt", "2020/a.txt", "aa.txt", "box.jsonl#17", "100%_.txt", "100.txt")
    assert queries.find_article(conn, str(a19)) == a19
    assert queries.find_article(conn, "2019/a.txt") == a19
    assert queries.find_article(conn, "0/a.txt") == a20
    assert queries.find_article(conn, "gazette/aa.txt") == queries.find_article(conn, "aa.txt") == aa
    assert queries.find_article(conn, "17") == record
    assert queries.find_article(conn, "%_.txt") == odd
    assert queries.find_article(conn, "100.txt") == plain
    with pytest.raises(StoreError, match=r"more than one.*gazette/2019/a\.txt.*gazette/2020/a\.txt"):
        queries.find_article(conn, "a.txt")
    for nothing in ("b.txt", "", "A.TXT", "9" * 19):
        with pytest.raises(StoreError, match="no article"):
            queries.find_article(conn, nothing)


def test_a_story_is_named_by_the_beginning_of_its_id(conn, linked):
    _, (a, b, c, *_), *_ = linked
    store.save_stories(conn, run_id=1, now=NOW, stories={1234: Group((a,)), 1299: Group((b,)), 12: Group((c,))})
    assert queries.story(conn, "12")["story_id"] == 12
    assert queries.story(conn, "123")["story_id"] == 1234
    assert queries.story(conn, "1299")["story_id"] == 1299
    with pytest.raises(StoreError, match="more than one story: 12"):
        queries.story(conn, "1")
    for nothing in ("5", "", "x"):
        with pytest.raises(StoreError, match="no story"):
            queries.story(conn, nothing)


def test_a_story_is_shown_with_its_members_and_passages(conn, linked):
    _, (a, b, c, d, e), links, _, passages = linked
    store.save_copy_clusters(conn, clusters={a: Group((a, b))}, alone=[c, d, e])
    store.save_stories(conn, run_id=1, now=NOW, stories={a: Group((a, b, c)), d: Group((d, e))})
    members = queries.story_members(conn, a)
    assert [(row["article_id"], row["membership"], row["uri"]) for row in members] == [
        (a, "lead", "a.txt"),
        (b, "copy", "b.txt"),
        (c, "related", "c.txt"),
    ]
    assert [row["passage_id"] for row in queries.story_passages(conn, a)] == [passages[0].passage_id]
    assert queries.story_passages(conn, d) == []
    found = queries.occurrences(conn, passages[0].passage_id)
    assert {row["article_id"] for row in found} == {a, b, c}
    assert all(row["text"] == make.TEXT[:70] for row in found)
    assert [row["link_id"] for row in queries.alignments(conn, b, a)] == [links[0].link_id]
    assert queries.totals(conn) == {
        "articles": 5,
        "stories": 2,
        "copy_clusters": 1,
        "passages": 2,
        "links": 3,
        "quarantined": 0,
    }


def test_what_is_read_in_the_middle_of_an_export_is_a_snapshot(engine):
    with begin(engine) as conn:
        save(conn, *(make.sketched(f"{number}.txt") for number in range(5)))
    with reading(engine) as conn:
        rows = queries.rows_of(conn, "article_overview")
        next(rows)
        with begin(engine) as other:
            save(other, make.sketched("late.txt"))
        assert len(list(rows)) == 4
        with pytest.raises(StoreError, match="no view"):
            queries.rows_of(conn, "nowhere")


# --- what intake and clustering look up --------------------------------------------------------------


def test_intake_sees_what_it_need_not_read_again(conn, linked):
    _, (a, b, *_), *_ = linked
    assert queries.current_revisions(conn, [a, 1]) == {a: make.article("a.txt").revision_id}
    assert queries.article_counts(conn, "gazette") == dict.fromkeys(("a.txt", "b.txt", "c.txt", "d.txt", "e.txt"), 1)
    store.quarantine(conn, run_id=1, now=NOW, origin="gazette", bad=[make.bad(), make.bad("b.txt")])
    store.mark_gone(conn, origin="gazette", run_id=2, now=LATER, paths=["b.txt"])
    before = dump(conn)
    store.confirm_articles(conn, run_id=3, now=LATER, article_ids=[a])
    assert dump(conn) == before
    assert queries.open_quarantine(conn, "gazette") == {"broken.jsonl", "b.txt"}
    store.confirm_articles(conn, run_id=3, now=LATER, article_ids=[a, b])
    assert queries.article_row(conn, b)["gone_at"] is None


def test_groups_and_passages_by_their_ids(conn, linked):
    _, (a, b, c, *_), _, _, passages = linked
    store.save_copy_clusters(conn, clusters={a: Group((b, a))})
    assert queries.cluster_groups(conn, [a, 1]) == {a: Group((b, a))}
    assert queries.passage_articles(conn, [passages[0].passage_id, 1]) == {passages[0].passage_id: {a, b, c}}
    assert not queries.has_retired(conn)
    save(conn, make.sketched("a.txt", "Another text."))
    assert queries.has_retired(conn)
