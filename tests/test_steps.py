"""What one run does: the work of what is new, and no other."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers import (
    assert_as_walked,
    assert_same,
    assert_settled,
    documents,
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

from flows import steps
from flows.settings import Settings
from flows.steps import run_sources
from pipeline import walk
from pipeline.errors import SourceError
from pipeline.records import RawDocument

SEEDS = Path(__file__).resolve().parent.parent / "seeds"
SHARED = f"{words('shared', 30)}."


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path / "wirecopy.db")


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    """A copy of the sample that may be changed."""
    return shutil.copytree(SEEDS, tmp_path / "seeds")


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The uris of the documents that were cleaned and sketched."""
    done: list[str] = []
    prepare = walk.prepare

    def counted(documents: list[RawDocument], *rest: Any) -> Any:
        done.extend(document.uri for document in documents)
        return prepare(documents, *rest)

    monkeypatch.setattr(walk, "prepare", counted)
    return done


def everything(url: str) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables, but those that say that a run was there."""
    tables = [row["name"] for row in query(url, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: query(url, f"SELECT * FROM {name}") for name in tables if name not in {"run", "origin", "sqlite_sequence"}}


def gone(url: str) -> set[str]:
    return {row["uri"] for row in query(url, "SELECT uri FROM article WHERE gone_at IS NOT NULL")}


def test_the_sample_as_the_walk_in_memory(url: str) -> None:
    summary = run_folder(SEEDS, url)
    assert (summary.new, summary.gone, summary.quarantined) == (19, 0, 0)
    found = dump(url)
    assert_settled(found)
    assert_as_walked(found, walk.walk(documents(SEEDS)))
    assert summary.totals["stories"] == len(found["story"])


@pytest.mark.slow
def test_several_processes_make_the_same(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for k in range(80):  # more than is done in this process
        write_file(tmp_path / "many" / f"{k}.txt", story_text(k, SHARED if k % 3 else words(k, 10)))
    monkeypatch.setattr("flows.linking.CHUNK_ARTICLES", 30)
    run_folder(tmp_path / "many", url, workers=2, batch_articles=20)
    other = sqlite_url(tmp_path / "one.db")
    run_folder(tmp_path / "many", other)
    assert_same(dump(url), dump(other))


def test_a_second_run_writes_nothing(url: str, seeds: Path, prepared: list[str]) -> None:
    write_file(seeds / "harbour-gazette" / "empty.txt", "")
    run_folder(seeds, url)
    before = everything(url)
    prepared.clear()
    summary = run_folder(seeds, url)
    assert summary.nothing_changed
    assert (summary.unchanged, summary.pairs, summary.stories_changed) == (19, 0, 0)
    assert prepared == []
    assert everything(url) == before
    assert [row["status"] for row in run_log(url)] == ["done", "done"]


def test_a_touched_file_is_read_and_nothing_else(url: str, seeds: Path, prepared: list[str]) -> None:
    run_folder(seeds, url)
    before = everything(url)
    prepared.clear()
    path = seeds / "harbour-gazette" / "015_puffin-count.txt"
    write_file(path, path.read_bytes())
    assert run_folder(seeds, url).nothing_changed
    assert prepared == []
    after = everything(url)
    del before["file_state"], after["file_state"]
    assert after == before


def test_one_new_file_is_the_work_of_one_file(url: str, seeds: Path, prepared: list[str]) -> None:
    run_folder(seeds, url)
    before = everything(url)
    prepared.clear()
    source = seeds / "kestrania-broadcast" / "006_ulmskar-dam-gate.txt"
    write_file(seeds / "harbour-gazette" / "020_copy.txt", source.read_bytes())
    summary = run_folder(seeds, url)
    assert (summary.new, summary.changed, summary.unchanged) == (1, 0, 19)
    assert prepared == ["020_copy.txt"]
    assert summary.pairs == 4  # with 006, 007, 008, 009
    assert summary.stories_changed == 1
    after = everything(url)
    for table in ("revision", "removed", "sketch", "pair"):  # what was there is as it was
        assert [row for row in after[table] if row in before[table]] == before[table]
    other = sqlite_url(Path(url.removeprefix("sqlite:///")).with_name("once.db"))
    run_folder(seeds, other)
    assert_same(dump(url, history=False), dump(other, history=False))


def test_a_changed_file_is_a_new_revision(url: str, seeds: Path, prepared: list[str]) -> None:
    run_folder(seeds, url)
    prepared.clear()
    path = seeds / "upland-courier" / "010_honey-fair-prize.txt"
    write_file(path, path.read_text() + "\nOne more sentence was added here in the evening.\n")
    summary = run_folder(seeds, url)
    assert (summary.new, summary.changed, summary.unchanged) == (0, 1, 18)
    assert prepared == [path.name]
    found = dump(url)
    assert [row["uri"] for row in found["article"].values() if row["revision_count"] == 2] == [path.name]
    assert len(found["revision"]) == 20
    other = sqlite_url(Path(url.removeprefix("sqlite:///")).with_name("once.db"))
    run_folder(seeds, other)
    assert_same(dump(url, history=False), dump(other, history=False))


def test_a_file_that_is_gone_keeps_its_article(url: str, seeds: Path) -> None:
    run_folder(seeds, url)
    before = dump(url, history=False)
    path = seeds / "upland-courier" / "007_ulmskar-agency-report-in-full.txt"
    content = path.read_bytes()
    path.unlink()
    summary = run_folder(seeds, url)
    assert summary.gone == 1
    assert gone(url) == {path.name}
    assert_same(dump(url, history=False), before)
    assert run_folder(seeds, url).gone == 0  # counted once
    write_file(path, content)
    assert run_folder(seeds, url).unchanged == 19
    assert gone(url) == set()
    assert_same(dump(url, history=False), before)


def test_records_of_a_container(url: str, tmp_path: Path, prepared: list[str]) -> None:
    records = [{"id": f"r{k}", "text": story_text(k, SHARED)} for k in range(4)]
    feed = write_jsonl(tmp_path / "feed.jsonl", records)
    run_folder(feed, url)
    links = dump(url)["link"]
    assert len(links) == 6
    prepared.clear()

    write_jsonl(feed, [*records[:2], records[3], {"id": "r4", "text": story_text(4)}])
    summary = run_folder(feed, url)
    assert (summary.new, summary.changed, summary.unchanged, summary.gone) == (1, 0, 3, 1)
    assert prepared == ["feed.jsonl#r4"]
    assert gone(url) == {"feed.jsonl#r2"}
    assert dump(url)["link"] == links
    prepared.clear()

    write_jsonl(feed, [{"id": "r0", "text": story_text(0)}, *records[1:]])
    summary = run_folder(feed, url)
    assert (summary.new, summary.changed, summary.unchanged, summary.gone) == (0, 1, 3, 1)
    assert prepared == ["feed.jsonl#r0"]
    assert gone(url) == {"feed.jsonl#r4"}
    assert len(dump(url)["link"]) == 3


def test_steps_are_called_as_asked_and_in_order(url: str) -> None:
    called: list[str] = []

    def call(step: Any, /, *args: Any) -> Any:
        called.append(step.__name__)
        return step(*args)

    run_sources(make_settings(url), [SEEDS], call=call)
    assert list(dict.fromkeys(called)) == ["scan", "take_in_batch", "plan_matching", "match_chunk", "cluster"]


def test_a_failed_run_says_so_and_the_next_one_goes_on(url: str, seeds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(steps, "group", lambda _run: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run_folder(seeds, url)
    assert run_log(url)[-1]["status"] == "failed"
    assert query(url, "SELECT * FROM lease") == []
    summary = run_folder(seeds, url)
    assert (summary.unchanged, summary.links) == (19, 0)
    other = sqlite_url(Path(url.removeprefix("sqlite:///")).with_name("once.db"))
    run_folder(seeds, other)
    assert_same(dump(url), dump(other))


def test_progress_is_told(url: str) -> None:
    told: list[tuple[str, int, int | None]] = []
    settings: Settings = make_settings(url)
    run_sources(settings, [SEEDS], progress=lambda *what: told.append(what))
    assert {stage for stage, _, _ in told} >= {"taking in", "matching"}


def test_a_source_that_takes_the_name_of_another_is_refused_until_that_has_moved(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'w.db'}", workers=1)
    for parent in ("one", "other"):
        (tmp_path / parent / "texts").mkdir(parents=True)
        (tmp_path / parent / "texts" / "a.txt").write_text("The ferry left the harbour at noon and came back at three.", "utf-8")
    run_sources(settings, [tmp_path / "one" / "texts"])
    with pytest.raises(SourceError, match="which is still there"):
        run_sources(settings, [tmp_path / "other" / "texts"])
    (tmp_path / "one" / "texts").rename(tmp_path / "gone")
    assert run_sources(settings, [tmp_path / "other" / "texts"]).unchanged == 1


def test_what_vanishes_with_its_folder_is_gone(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'w.db'}", workers=1)
    for name in ("one", "two"):
        (tmp_path / "feeds" / name).mkdir(parents=True)
        (tmp_path / "feeds" / name / "a.txt").write_text(f"{words(name, 20)}.", "utf-8")
    run_sources(settings, [tmp_path / "feeds"])
    shutil.rmtree(tmp_path / "feeds" / "two")
    assert run_sources(settings, [tmp_path / "feeds"]).gone == 1
    (tmp_path / "feeds" / "one" / "a.txt").unlink()
    assert run_sources(settings, [tmp_path / "feeds" / "one"]).gone == 1
    (tmp_path / "feeds" / "one" / "a.txt").write_text(f"{words('one', 20)}.", "utf-8")
    assert run_sources(settings, [tmp_path / "feeds"]).back == 1
