"""Verdicts and takedowns on stored articles: what they change, what survives, what is left of a text."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from helpers import (
    assert_same,
    assert_settled,
    dump,
    make_settings,
    query,
    run_folder,
    run_log,
    sqlite_url,
    story_text,
    words,
    write_file,
    write_jsonl,
)

from db import queries, schema
from db.engine import open_engine, reading
from flows.forgetting import forget, remember
from flows.judging import Statement, give, list_verdicts, withdraw
from flows.steps import refresh
from pipeline.errors import StoreError, VerdictError

WIRE = f"{words('wire', 30)}."
QUOTE = f"“{words('quote', 30)},” they said."


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of either dialect into which `folder` was taken."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "w.db")
        yield sqlite_url(tmp_path / "w.db")
    else:
        yield request.getfixturevalue("postgres_url")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two that carry a report, two that carry a quotation, one alone."""
    root = tmp_path / "gazette"
    for name in ("w1", "w2"):
        write_file(root / f"{name}.txt", story_text(name, WIRE))
    for name in ("q1", "q2"):
        write_file(root / f"{name}.txt", story_text(name, QUOTE))
    write_file(root / "alone.txt", story_text("alone"))
    return root


def say(url: str, *said: str, **changes: Any) -> int:
    number, summary = give(make_settings(url), Statement(said[0], f"{said[1]}.txt", f"{said[2]}.txt", by="ann", **changes))  # type: ignore[arg-type]
    assert summary.run_id == len(run_log(url))
    return number


def groups(url: str, kind: str) -> set[frozenset[str]]:
    """Stories or copy clusters by the names of their articles."""
    found = dump(url)
    assert_settled(found)
    return {frozenset(name.removeprefix("gazette/").removesuffix(".txt") for name in members) for members in found[kind]}


def article_id(url: str, name: str) -> int:
    (row,) = query(url, f"SELECT article_id FROM article_overview WHERE uri = '{name}.txt'")
    return int(row["article_id"])


def idle(url: str) -> list[str | None]:
    engine = open_engine(url)
    try:
        with reading(engine) as conn:
            return [row["idle"] for row in list_verdicts(conn)]
    finally:
        engine.dispose()


# --- verdicts --------------------------------------------------------------------------------------


def test_same_and_different_change_stories_at_once_and_back(url: str, folder: Path) -> None:
    run_folder(folder, url)
    before = dump(url)
    assert groups(url, "story") == {frozenset(x) for x in (("w1", "w2"), ("q1", "q2"), ("alone",))}
    first = say(url, "same", "alone", "w2")
    assert frozenset({"w1", "w2", "alone"}) in groups(url, "story")
    assert groups(url, "copy_cluster") == {frozenset({"w1", "w2"})}
    second = say(url, "different", "q1", "q2")
    assert {frozenset({"q1"}), frozenset({"q2"})} <= groups(url, "story")
    third = say(url, "different", "w1", "w2")
    assert groups(url, "copy_cluster") == set()
    assert {frozenset({"w1"}), frozenset({"w2", "alone"})} <= groups(url, "story")
    for number in (first, second, third):
        withdraw(make_settings(url), number)
    assert_same(dump(url), before)
    assert {row["command"] for row in run_log(url)[1:]} == {"verdict"}
    assert {row["status"] for row in run_log(url)} == {"done"}


def test_copies_are_what_a_person_says(url: str, folder: Path) -> None:
    run_folder(folder, url)
    say(url, "same", "alone", "q1", about="copy")
    say(url, "different", "w1", "w2", about="copy")
    assert groups(url, "copy_cluster") == {frozenset({"alone", "q1"})}
    assert groups(url, "story") == {frozenset({"w1", "w2"}), frozenset({"alone", "q1", "q2"})}


def test_a_verdict_survives_runs_changes_and_refresh(url: str, folder: Path) -> None:
    run_folder(folder, url)
    say(url, "same", "alone", "w1")
    say(url, "wire", "q1", "q2")
    wanted = {frozenset({"w1", "w2", "alone"}), frozenset({"q1", "q2"})}
    write_file(folder / "alone.txt", story_text("alone, changed"))
    write_file(folder / "q1.txt", story_text("q1, changed", QUOTE))
    run_folder(folder, url)
    assert groups(url, "story") == wanted
    assert frozenset({"q1", "q2"}) in groups(url, "copy_cluster")
    refresh(make_settings(url, match={"copy_min_tokens": 25}))
    assert groups(url, "story") == wanted
    assert frozenset({"q1", "q2"}) in groups(url, "copy_cluster")


def test_a_kind_changes_links_weight_and_cluster(url: str, folder: Path) -> None:
    run_folder(folder, url)
    say(url, "wire", "q1", "q2", note="it is a statement")
    links = query(url, "SELECT kind, evidence FROM passage_alignment WHERE evidence LIKE '%verdict%'")
    assert [row["kind"] for row in links] == ["wire"]
    assert '"verdict": "by ann"' in links[0]["evidence"]
    (pair,) = query(url, "SELECT wire_tokens, quote_chars, why FROM article_pair WHERE why LIKE '%by ann%'")
    assert pair["wire_tokens"] == 32  # with `they said`, which no mark encloses
    assert pair["quote_chars"] == 0
    assert frozenset({"q1", "q2"}) in groups(url, "copy_cluster")
    say(url, "quote", "w1", "w2")
    assert groups(url, "copy_cluster") == {frozenset({"q1", "q2"})}


def test_a_kind_can_be_about_one_place(url: str, folder: Path) -> None:
    other = f"{words('another', 30)}."
    for name in ("w1", "w2"):
        write_file(folder / f"{name}.txt", f"{WIRE}\n\n{words(name, 30)}.\n\n{other}\n")
    run_folder(folder, url)
    piece = " ".join(WIRE.split()[4:9]).upper()
    say(url, "quote", "w2", "w1", at=piece)
    kinds = query(url, "SELECT kind, tokens, evidence FROM passage_alignment ORDER BY kind")
    assert [row["kind"] for row in kinds] == ["quote", "quote", "wire"]
    (row,) = query(url, "SELECT place_article_id, raw_start, raw_end, words FROM verdict")
    assert row["place_article_id"] == article_id(url, "w2")
    text = f"{WIRE}\n\n{words('w2', 30)}.\n\n{other}\n"
    assert text[row["raw_start"] : row["raw_end"]] == row["words"] == piece.lower()
    # The text moves: it is found again. It goes: the verdict lies idle. It comes back: it holds again.
    write_file(folder / "w2.txt", f"{words('new', 9)}.\n\n{text}")
    run_folder(folder, url)
    assert idle(url) == [None]
    assert len(query(url, "SELECT 1 FROM passage_alignment WHERE evidence LIKE '%verdict%'")) == 1
    write_file(folder / "w2.txt", story_text("w2", other))
    run_folder(folder, url)
    assert idle(url) == ["the words are not in the article any more"]
    assert query(url, "SELECT 1 FROM passage_alignment WHERE evidence LIKE '%verdict%'") == []
    write_file(folder / "w2.txt", text)
    run_folder(folder, url)
    assert idle(url) == [None]
    write_file(folder / "w1.txt", story_text("w1", other))
    run_folder(folder, url)
    assert idle(url) == ["the two share no passage there any more"]


def test_what_contradicts_or_judges_nothing_is_refused_without_a_run(url: str, folder: Path) -> None:
    run_folder(folder, url)
    first = say(url, "same", "alone", "w1")
    second = say(url, "same", "w1", "w2")
    said = say(url, "wire", "q1", "q2")
    log = run_log(url)
    start = f"{story_text('q1', QUOTE).index('“') + 1}-"
    for statement, message in [
        (("different", "alone", "w2", None), rf"contradicts verdict {first}, .*; verdict {second}, .*withdraw {second}`"),
        (("quote", "q2", "q1", None), f"contradicts verdict {said}, .*share wire copy"),
        (("wire", "alone", "q1", None), "share no passage, so there is nothing to judge"),
        (("quote", "q1", "q2", "no such words"), "does not stand in q1.txt"),
        (("quote", "q1", "q2", "9999-9999"), "no word of q1.txt"),
        (("quote", "q1", "q2", f"0-{start[:-1]}"), "share no passage there"),
        (("same", "q1", "q1", None), "one article"),
    ]:
        with pytest.raises(VerdictError, match=message) as caught:
            say(url, *statement[:3], at=statement[3])  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
    assert len(query(url, "SELECT 1 FROM verdict")) == 3
    assert [row["status"] for row in run_log(url)[len(log) :]] == ["failed"] * 7  # the command looks before it begins a run


def test_a_text_that_stands_twice_is_to_be_named_by_its_place(url: str, folder: Path) -> None:
    write_file(folder / "q1.txt", story_text("q1", QUOTE, QUOTE))
    run_folder(folder, url)
    with pytest.raises(VerdictError, match=r"stands 2 times in q1.txt; give one of the places: \d+-\d+, \d+-\d+"):
        say(url, "wire", "q1", "q2", at=" ".join(QUOTE.split()[1:6]))
    text = story_text("q1", QUOTE, QUOTE)
    at = text.rindex(QUOTE.split()[1])
    say(url, "wire", "q1", "q2", at=f"{at}-{at + 40}")
    kinds = query(url, "SELECT kind FROM passage_alignment ORDER BY kind")
    assert {row["kind"] for row in kinds} == {"quote", "wire"}


def test_the_same_verdict_twice_is_one(url: str, folder: Path) -> None:
    run_folder(folder, url)
    assert say(url, "same", "alone", "w1") == say(url, "same", "w1", "alone")
    assert len(query(url, "SELECT 1 FROM verdict")) == 1


# --- takedowns -------------------------------------------------------------------------------------


def everywhere(url: str, text: str) -> list[str]:
    """The columns of text, of all tables, that hold a text."""
    engine = open_engine(url)
    found = []
    with reading(engine) as conn:
        for table in schema.metadata.tables.values():
            for column in table.c:
                if isinstance(column.type, sa.Text):
                    held = sa.select(sa.func.count()).select_from(table).where(column.contains(text))
                    if conn.execute(held).scalar_one():
                        found.append(f"{table.name}.{column.name}")
    engine.dispose()
    return found


def test_a_forgotten_article_leaves_what_a_run_without_it_makes(url: str, folder: Path, tmp_path: Path) -> None:
    run_folder(folder, url)
    write_file(folder / "w1.txt", story_text("w1, changed", WIRE))
    run_folder(folder, url)
    say(url, "wire", "q1", "q2", at=" ".join(QUOTE[1:].split()[:6]))
    say(url, "same", "q1", "alone")
    own = [story_text(name).split(".")[0] for name in ("w1", "w1, changed", "q1")]
    assert [bool(everywhere(url, text)) for text in own] == [True] * 3
    forgotten = [article_id(url, name) for name in ("w1", "q1")]
    forget(make_settings(url), forgotten, reason="asked to", by="ann")
    assert [everywhere(url, text) for text in own] == [[], [], []]
    found = dump(url, history=False)
    assert_settled(found)
    assert query(url, "SELECT 1 FROM verdict") == []
    rest = tmp_path / "rest" / "gazette"
    shutil.copytree(folder, rest)
    for name in ("w1", "q1"):
        (rest / f"{name}.txt").unlink()
    other = sqlite_url(tmp_path / "rest.db")
    run_folder(rest, other)
    assert_same(found, dump(other, history=False))
    (history,) = query(url, "SELECT event, article_id FROM story_history WHERE event <> 'merged'")
    assert (history["event"], history["article_id"]) == ("split", forgotten[0])  # what `same` held is two again


def test_no_run_brings_a_forgotten_article_back(url: str, folder: Path) -> None:
    write_jsonl(folder / "c.jsonl", [{"id": "r1", "text": story_text("r1", WIRE)}, {"id": "r2", "text": story_text("r2")}])
    run_folder(folder, url)
    names = {row["uri"]: row["article_id"] for row in query(url, "SELECT uri, article_id FROM article_overview")}
    forget(make_settings(url), [names["w1.txt"], names["c.jsonl#r1"]], reason="", by="ann")
    left = sorted(names.keys() - {"w1.txt", "c.jsonl#r1"})

    def stored() -> list[str]:
        return [row["uri"] for row in query(url, "SELECT uri FROM article_overview ORDER BY uri")]

    assert run_folder(folder, url).nothing_changed
    assert stored() == left
    write_file(folder / "w1.txt", story_text("w1, changed", WIRE))
    write_jsonl(folder / "c.jsonl", [{"id": "r1", "text": "again"}, {"id": "r2", "text": story_text("r2")}])
    summary = run_folder(folder, url)
    assert (summary.new, summary.changed, summary.forgotten, summary.gone) == (0, 0, 2, 0)
    write_file(folder / "w1.txt", "")  # cannot be read: not even the quarantine names it
    summary = run_folder(folder, url)
    assert (summary.new, summary.quarantined, summary.forgotten) == (0, 0, 1)
    (folder / "w1.txt").unlink()
    run_folder(folder, url)
    write_file(folder / "w1.txt", story_text("w1", WIRE))
    run_folder(folder, url)
    assert stored() == left
    assert query(url, "SELECT 1 FROM quarantine") == []
    remember(make_settings(url), origin="gazette", uri="w1.txt")
    assert run_folder(folder, url).new == 1
    assert stored() == sorted([*left, "w1.txt"])
    assert_settled(dump(url))


def test_an_article_that_was_alone_ends_its_story(url: str, folder: Path) -> None:
    run_folder(folder, url)
    (row,) = query(url, "SELECT story_id, article_id FROM article_overview WHERE uri = 'alone.txt'")
    forget(make_settings(url), [row["article_id"]], reason="", by="ann")
    (event,) = query(url, "SELECT story_id, event, other_story_id, article_id, current_story_id FROM story_history")
    assert list(event.values()) == [row["story_id"], "ended", None, row["article_id"], None]
    engine = open_engine(url)
    with reading(engine) as conn, pytest.raises(StoreError, match=r"ended on .*forgotten"):
        queries.story(conn, str(row["story_id"]))
    engine.dispose()


def test_a_takedown_does_not_wait_for_refresh(url: str, folder: Path) -> None:
    run_folder(folder, url)
    others = make_settings(url, match={"copy_min_tokens": 25})
    forget(others, [article_id(url, "w1")], reason="", by="ann")
    assert len(query(url, "SELECT 1 FROM article_overview")) == 4
    refresh(others)
    assert_settled(dump(url))


def test_the_bytes_of_a_forgotten_text_are_gone_from_the_file(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an SQLite that does not overwrite by itself, and articles around it that have been moved in their pages."""
    import db.engine

    prepare = db.engine._prepare_sqlite

    def leave_traces(connection: Any, record: object) -> None:
        prepare(connection, record)
        connection.execute("PRAGMA secure_delete = OFF")

    monkeypatch.setattr(db.engine, "_prepare_sqlite", leave_traces)
    url, texts = sqlite_url(tmp_path / "w.db"), {}
    for version in range(3):
        for k in range(version, 60, version + 1):
            texts.setdefault(k, []).append(text := story_text((k, version), words((k, version), 80)))
            write_file(folder / f"a{k}.txt", text)
        run_folder(folder, url, batch_articles=9)
    chosen = [k for k in texts if k % 7 == 0]
    fragments = [" ".join(text.split()[at : at + 3]).encode() for k in chosen for text in texts[k] for at in range(10, 80, 5)]

    def left() -> int:
        data = b"".join(path.read_bytes() for path in tmp_path.glob("w.db*"))
        return sum(fragment in data for fragment in fragments)

    assert left() == len(fragments)
    reader = sqlite3.connect(tmp_path / "w.db")  # somebody has the database open, so its log stays where it is
    reader.execute("SELECT count(*) FROM article").fetchone()
    clean, _ = forget(make_settings(url), [article_id(url, f"a{k}") for k in chosen], reason="", by="ann")
    assert clean
    assert left() == 0
    reader.close()


# --- stories over time -----------------------------------------------------------------------------


def test_old_ids_resolve_through_chains(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "gazette"
    parts = [f"{words(('part', k), 25)}." for k in range(3)]
    for k in range(3):
        for twin in range((1, 2, 6)[k]):
            write_file(folder / f"s{k}{twin}.txt", story_text((k, twin), parts[k]))
    run_folder(folder, url)
    ids = {row["uri"][:2]: row["story_id"] for row in query(url, "SELECT uri, story_id FROM article_overview")}
    assert len(set(ids.values())) == 3
    write_file(folder / "joins.txt", story_text("joins", parts[0], parts[1]))
    run_folder(folder, url)
    write_file(folder / "joins2.txt", story_text("joins2", parts[1], parts[2]))
    run_folder(folder, url)
    rows = query(url, "SELECT * FROM story_history ORDER BY run_id")
    causes = [article_id(url, "joins"), article_id(url, "joins2")]
    assert [(row["story_id"], row["event"], row["article_id"]) for row in rows] == [
        (ids["s0"], "merged", causes[0]),
        (ids["s1"], "merged", causes[1]),
    ]
    assert {row["current_story_id"] for row in rows} == {ids["s2"]}
    engine = open_engine(url)
    with reading(engine) as conn:
        found = queries.story(conn, str(ids["s0"])[:12])
    engine.dispose()
    assert (found["story_id"], found["former_story_id"], found["article_count"]) == (ids["s2"], ids["s0"], 11)
