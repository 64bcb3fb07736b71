"""What cannot be read is one line in the quarantine, and the run goes on; what makes a run senseless is one error."""

from __future__ import annotations

import os
import random
import socket
from pathlib import Path
from typing import Any

import pytest
from helpers import make_settings, query, run_folder, run_log, sqlite_url, story_text, words, write_file, write_jsonl

from flows.settings import load_settings
from flows.steps import run_sources
from pipeline.errors import ParamsError, SourceError, StoreError

GOOD = story_text("good")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An origin with one good article."""
    write_file(tmp_path / "gazette" / "good.txt", GOOD)
    return tmp_path / "gazette"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path / "wirecopy.db")


def quarantine(url: str) -> list[dict[str, Any]]:
    return query(url, "SELECT * FROM quarantine ORDER BY uri")


def articles(url: str, *, gone: bool = False) -> set[str]:
    condition = "IS NOT NULL" if gone else "IS NULL"
    return {row["uri"] for row in query(url, f"SELECT uri FROM article WHERE gone_at {condition}")}


def junk() -> bytes:
    return random.Random(1).randbytes(4_000)


def odd_bytes() -> bytes:
    """No control character, no NUL, not UTF-8, and letters in no language's order."""
    chance = random.Random(2)
    return bytes(chance.choice([*range(0x30, 0x7F), *range(0xA1, 0x100)]) for _ in range(3_000))


FILES: dict[str, tuple[str, bytes, str]] = {
    "empty": ("bad.txt", b"", "empty"),
    "spaces": ("bad.txt", b" \n\t\n", "empty"),
    "junk": ("bad.txt", junk(), "binary"),
    "undecodable": ("bad.txt", odd_bytes(), "UTF-8"),
    "too long": ("bad.txt", words("long", 2_000).encode(), "max_document_bytes"),
    "page without text": (
        "bad.html",
        b"<html><head><title></title></head><body><nav><a href='/'></a></nav></body></html>",
        "text",
    ),
    "broken gzip": ("bad.txt.gz", b"\x1f\x8b\x08\x00junk", "decompressed"),
    "no record": ("bad.jsonl", b"\n\n", "no record"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_bad_file_is_one_line_until_it_is_mended(case: str, folder: Path, url: str) -> None:
    name, data, says = FILES[case]
    bad = write_file(folder / name, data)
    summary = run_folder(folder, url, max_document_bytes=10_000)
    assert (summary.new, summary.quarantined) == (1, 1)
    [row] = quarantine(url)
    assert (row["origin"], row["source"], row["uri"], row["attempts"]) == ("gazette", "gazette", name, 1)
    assert says in row["message"]
    assert row["resolved_at"] is None
    assert run_log(url)[-1]["status"] == "done"
    assert run_log(url)[-1]["quarantined"] == 1

    again = run_folder(folder, url, max_document_bytes=10_000)
    assert again.nothing_changed
    assert quarantine(url) == [row]

    os.utime(bad)  # as bad as it was, but looked at again
    run_folder(folder, url, max_document_bytes=10_000)
    [row] = quarantine(url)
    assert row["attempts"] == 2
    assert row["resolved_at"] is None

    write_file(bad, gzipped() if name.endswith(".gz") else record() if name.endswith(".jsonl") else page(name))
    summary = run_folder(folder, url, max_document_bytes=10_000)
    assert (summary.new, summary.quarantined) == (1, 0)
    [row] = quarantine(url)
    assert row["attempts"] == 2
    assert row["resolved_at"] is not None


def gzipped() -> bytes:
    import gzip

    return gzip.compress(story_text("mended").encode())


def record() -> str:
    return '{"id": "1", "text": "The harbour of Veld opened again on Monday."}\n'


def page(name: str) -> str:
    text = story_text("mended", words("more", 40))
    if not name.endswith(".html"):
        return text
    paragraphs = "".join(f"<p>{part}</p>" for part in text.split("\n\n"))
    return f"<html><head><title>Mended</title></head><body><article>{paragraphs}</article></body></html>"


def test_a_bad_file_that_was_good_keeps_its_article(folder: Path, url: str) -> None:
    run_folder(folder, url)
    write_file(folder / "good.txt", junk())
    summary = run_folder(folder, url)
    assert (summary.gone, summary.changed, summary.quarantined) == (0, 0, 1)
    assert articles(url) == {"good.txt"}
    write_file(folder / "good.txt", GOOD)
    run_folder(folder, url)
    assert [row["resolved_at"] is None for row in quarantine(url)] == [False]


@pytest.mark.parametrize("batch", [1, 2, 500])
def test_a_broken_line_leaves_the_others_in_and_marks_none_gone(folder: Path, url: str, batch: int) -> None:
    records: list[Any] = [{"id": f"r{k}", "text": story_text(k)} for k in range(4)]
    write_jsonl(folder / "feed.jsonl", records)
    run_folder(folder, url, batch_articles=batch)
    write_jsonl(folder / "feed.jsonl", [records[0], '{"id": "r1", "text": "bro', *records[2:]])
    summary = run_folder(folder, url, batch_articles=batch)
    assert (summary.gone, summary.quarantined, summary.unchanged) == (0, 1, 4)
    [row] = quarantine(url)
    assert (row["uri"], row["stage"], row["resolved_at"]) == ("feed.jsonl#2", "parse", None)

    # Another line changes; the broken one is as broken as it was.
    write_jsonl(folder / "feed.jsonl", [records[0], '{"id": "r1", "text": "bro', records[2], records[3] | {"title": "New"}])
    assert run_folder(folder, url, batch_articles=batch).changed == 1
    [row] = quarantine(url)
    assert (row["attempts"], row["resolved_at"]) == (2, None)
    assert len(articles(url)) == 5

    write_jsonl(folder / "feed.jsonl", [records[0], *records[2:]])
    summary = run_folder(folder, url, batch_articles=batch)
    assert summary.gone == 1
    assert articles(url, gone=True) == {"feed.jsonl#r1"}
    assert [row["resolved_at"] is None for row in quarantine(url)] == [False]


@pytest.mark.parametrize("batch", [1, 500])
def test_a_page_without_text_stays_open_whatever_the_batch(folder: Path, url: str, batch: int) -> None:
    for _ in range(2):
        write_file(folder / "bad.html", FILES["page without text"][1])
        run_folder(folder, url, batch_articles=batch)
    [row] = quarantine(url)
    assert (row["uri"], row["stage"], row["attempts"], row["resolved_at"]) == ("bad.html", "extract", 2, None)


def test_a_link_that_leaves_the_folder(folder: Path, url: str, tmp_path: Path) -> None:
    outside = write_file(tmp_path / "outside.txt", GOOD)
    (folder / "link.txt").symlink_to(outside)
    summary = run_folder(folder, url)
    assert (summary.new, summary.quarantined) == (1, 1)
    [row] = quarantine(url)
    assert row["uri"] == "link.txt"
    assert "leaves the source folder" in row["message"]
    (folder / "link.txt").unlink()
    write_file(folder / "link.txt", story_text("inside"))
    run_folder(folder, url)
    assert [row["resolved_at"] is None for row in quarantine(url)] == [False]
    assert articles(url) == {"good.txt", "link.txt"}


def test_a_link_that_is_taken_away_is_resolved(folder: Path, url: str, tmp_path: Path) -> None:
    (folder / "link.txt").symlink_to(write_file(tmp_path / "outside.txt", GOOD))
    run_folder(folder, url)
    (folder / "link.txt").unlink()
    run_folder(folder, url)
    assert [row["resolved_at"] is None for row in quarantine(url)] == [False]


def test_a_line_of_metadata_is_resolved_when_it_is_mended(folder: Path, url: str) -> None:
    metadata = write_jsonl(folder / "metadata.jsonl", ["{broken", {"path": "good.txt", "title": "Good"}])
    run_folder(folder, url)
    assert [(row["uri"], row["resolved_at"]) for row in quarantine(url)] == [("metadata.jsonl#1", None)]
    write_jsonl(metadata, [{"path": "good.txt", "title": "Good"}])
    run_folder(folder, url)
    assert [row["resolved_at"] is None for row in quarantine(url)] == [False]


def closed(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    """Folders that may not be listed, whoever asks."""
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if Path(path).resolve() in {folder.resolve() for folder in folders}:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr("flows.sources.os.scandir", refuse)


@pytest.mark.parametrize("inner", [True, False], ids=["inner", "origin"])
def test_a_folder_that_may_not_be_read(folder: Path, url: str, monkeypatch: pytest.MonkeyPatch, *, inner: bool) -> None:
    write_file(folder / "in" / "a.txt", story_text("a"))
    write_file(folder / "in" / "b.txt", b"")
    run_folder(folder, url)
    with monkeypatch.context() as patch:
        closed(patch, folder / "in" if inner else folder)
        for _ in range(2):
            summary = run_folder(folder, url)
            assert (summary.gone, summary.quarantined) == (0, 1)
            assert articles(url) == {"good.txt", "in/a.txt"}
    place = "in" if inner else "."
    rows = {row["uri"]: row for row in quarantine(url)}
    assert rows.keys() == {place, "in/b.txt"}
    assert "cannot be read" in rows[place]["message"]
    assert [row["resolved_at"] for row in rows.values()] == [None, None]
    summary = run_folder(folder, url)
    assert (summary.unchanged, summary.gone) == (2, 0)
    assert {row["uri"]: row["resolved_at"] is None for row in quarantine(url)} == {place: False, "in/b.txt": True}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every directory")
def test_a_folder_without_permission(folder: Path, url: str) -> None:
    write_file(folder / "in" / "a.txt", story_text("a"))
    (folder / "in").chmod(0)
    try:
        assert run_folder(folder, url).quarantined == 1
    finally:
        (folder / "in").chmod(0o755)
    assert [row["uri"] for row in quarantine(url)] == ["in"]


# --- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["name = ", 'nome = "x"', "name = 3", 'timezone = "Mars/Base"', b"\xff\xfe\x00"])
def test_a_bad_source_toml(folder: Path, url: str, tmp_path: Path, content: str | bytes) -> None:
    write_file(folder / "source.toml", content)
    with pytest.raises(SourceError, match=r"source\.toml") as caught:
        run_folder(folder, url)
    assert "\n" not in str(caught.value).strip()
    assert not (tmp_path / "wirecopy.db").exists()


def test_an_unknown_folder(url: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file or folder"):
        run_folder(tmp_path / "nowhere", url)


def test_two_sources_of_one_name(folder: Path, url: str, tmp_path: Path) -> None:
    other = write_file(tmp_path / "other" / "gazette" / "a.txt", GOOD).parent
    with pytest.raises(SourceError, match="two sources are called 'gazette'"):
        run_sources(make_settings(url), [folder, other])


def test_a_database_in_no_directory(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not exist; create it"):
        run_folder(folder, sqlite_url(tmp_path / "nowhere" / "wirecopy.db"))


def test_a_file_that_is_no_database(folder: Path, tmp_path: Path) -> None:
    write_file(tmp_path / "text.db", GOOD * 40)
    with pytest.raises(StoreError, match="not an SQLite database"):
        run_folder(folder, sqlite_url(tmp_path / "text.db"))


def test_no_server_where_the_database_should_be(folder: Path) -> None:
    with socket.socket() as probe:  # bound, not listening: refused, and nobody else gets the port
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        with pytest.raises(StoreError, match="no server answers there"):
            run_folder(folder, f"postgresql+psycopg://someone@127.0.0.1:{port}/wirecopy")


def test_bad_parameters(folder: Path, url: str) -> None:
    with pytest.raises(ParamsError, match=r"unknown parameter in \[match\]: gap_token"):
        run_folder(folder, url, match={"gap_token": 3})
    with pytest.raises(ParamsError, match="gap_tokens is 1000"):
        run_folder(folder, url, match={"gap_tokens": 1000})


def test_a_bad_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WIRECOPY_WORKERS", "none")
    with pytest.raises(ParamsError, match=r"setting `workers`.*WIRECOPY_WORKERS"):
        load_settings()
