"""Paths become origins, origins files, files documents; what is broken is said, and the rest goes in."""

import gzip
import json
import os

import pytest

from flows.sources import FoundFile, find_origins, list_files, read_documents
from pipeline.errors import SourceError
from pipeline.records import BadDocument, RawDocument


@pytest.fixture
def folder(tmp_path):
    """A function that writes files below a fresh folder, from a mapping of paths to contents."""

    def write(files, name="in"):
        for path, content in files.items():
            target = tmp_path / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path / name

    return write


def keys(*paths):
    return [origin.key for origin in find_origins(paths)]


def listed(path):
    (origin,) = find_origins([path])
    return list(list_files(origin))


def names(path):
    return [found.path for found in listed(path) if isinstance(found, FoundFile)]


def bad(path):
    return [found for found in listed(path) if isinstance(found, BadDocument)]


def documents(path, limit=1000):
    (origin,) = find_origins([path])
    for found in list_files(origin):
        if isinstance(found, BadDocument):
            yield found
        else:
            yield from read_documents(origin, found, max_document_bytes=limit)


def test_folder_with_files_is_one_origin(folder):
    assert keys(folder({"a.txt": "A", "deep/b.txt": "B"})) == ["in"]


def test_folder_with_settings_is_one_origin(folder):
    assert keys(folder({"source.toml": 'name = "Post"\n', "x/a.txt": "A", "y/b.txt": "B"})) == ["Post"]


def test_folder_of_folders_is_one_origin_each(folder):
    root = folder(
        {"README.md": "r", "README.txt": "r", "y/b.txt": "B", "x/deep/a.txt": "A", "x/source.toml": "", ".git/a.txt": ""}
    )
    assert keys(root) == ["x", "y"]


def test_single_file_is_an_origin(folder):
    root = folder({"a.txt": "A"})
    (document,) = documents(root / "a.txt")
    assert (keys(root / "a.txt"), document.uri, document.content) == (["a.txt"], "a.txt", "A")


def test_name_of_the_working_directory(folder, monkeypatch):
    monkeypatch.chdir(folder({"a.txt": "A"}, "Post"))
    from pathlib import Path

    assert keys(Path()) == ["Post"]


def test_same_place_twice_counts_once(folder):
    root = folder({"a.txt": "A"})
    assert keys(root, root, root / ".." / "in") == ["in"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("name = ", "TOML"),
        ("nane = 'x'", "unknown setting 'nane'"),
        ("name = 5", "takes a text"),
        ("name = ' '", "takes a text"),
        ("timezone = 'Mars/Olympus'", "Europe/Berlin"),
        ("timezone = '../../etc'", "Europe/Berlin"),
        (b"\xff\xfe", "TOML"),
    ],
)
def test_bad_settings(folder, settings, words):
    with pytest.raises(SourceError, match=words) as error:
        find_origins([folder({"source.toml": settings})])
    assert error.value.place.endswith("source.toml")


def test_unusable_paths(folder, tmp_path):
    for path in (tmp_path / "nowhere", folder({"b.pdf": "x"}) / "b.pdf"):
        with pytest.raises(SourceError, match=str(path)):
            find_origins([path])


def test_a_folder_without_readable_files_is_an_origin_without_any(folder):
    (origin,) = find_origins([folder({"a.pdf": "x"})])
    assert list(list_files(origin)) == []


def test_a_source_inside_another_is_refused(folder):
    inner = folder({"a.txt": "A"}, "x/Post/inner")
    with pytest.raises(SourceError, match="would be taken in twice"):
        find_origins([folder({"b.txt": "B"}, "x/Post"), inner])


def test_two_origins_with_one_key(folder):
    one, two = folder({"a.txt": "A"}, "x/Post"), folder({"a.txt": "A"}, "y/Post")
    with pytest.raises(SourceError, match=r"two sources are called 'Post'.*source\.toml"):
        find_origins([one, two])
    folder({"source.toml": 'name = "Other Post"'}, "y/Post")
    assert keys(one, two) == ["Post", "Other Post"]


def test_what_is_listed(folder):
    files = [
        "b.txt",
        "a.jsonl.gz",
        "c.md",
        ".hidden.txt",
        "README.txt",
        "d/e.html",
        "d/README",
        "d/source.toml",
        "B/z.txt",
        ".d/x.txt",
    ]
    assert names(folder(dict.fromkeys(files, "x") | {"metadata.jsonl": ""})) == ["a.jsonl.gz", "b.txt", "B/z.txt", "d/e.html"]


def test_side_inputs(folder):
    root = folder({"a.txt": "A", "b.txt": "B", "metadata.jsonl": '{"path": "./a.txt", "title": "T", "more": 1}\n'})
    first = {found.path: found for found in listed(root)}
    assert first["a.txt"].given == {"title": "T"}
    folder({"metadata.jsonl": '{"path": "a.txt", "title": "U", "published": null}\n{"path": "gone.txt", "title": "x"}'})
    second = {found.path: found for found in listed(root)}
    assert first["a.txt"].side_hash != second["a.txt"].side_hash
    assert first["b.txt"] == second["b.txt"]
    folder({"source.toml": 'name = "Post"\ntimezone = "Asia/Tokyo"\nlanguage = "en"\n'})
    third = {found.path: found for found in listed(root)}
    assert third["a.txt"].given == {"title": "U", "timezone": "Asia/Tokyo", "language": "en"}
    assert second["b.txt"].side_hash != third["b.txt"].side_hash
    folder({"source.toml": 'name = "Other"\ntimezone = "Asia/Tokyo"\nlanguage = "en"\n'})
    assert {found.path: found for found in listed(root)} == third


def test_metadata_of_a_container_holds_for_records_that_say_nothing(folder):
    records = '{"id": 1, "text": "A", "source": "Own"}\n{"id": 2, "text": "B"}\n'
    root = folder({"a.jsonl": records, "metadata.jsonl": '{"path": "a.jsonl", "source": "Given", "language": "en"}'})
    assert [document.given["source"] for document in documents(root)] == ["Own", "Given"]


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"title": "x"}', '{"path": 5}', '{"path": "b.txt", "title": 5}', '{"path": "a.txt"}', "[" * 50_000]
)
def test_broken_line_of_metadata(folder, line):
    root = folder(
        {
            "a.txt": "A",
            "b.txt": "B",
            "metadata.jsonl": f'{{"path": "a.txt", "title": "T"}}\n{line}\n{{"path": "b.txt", "title": "U"}}\n',
        }
    )
    (broken,) = bad(root)
    assert (broken.uri, broken.path, broken.stage) == ("metadata.jsonl#2", "metadata.jsonl", "parse")
    assert [found.given for found in listed(root) if isinstance(found, FoundFile)] == [{"title": "T"}, {"title": "U"}]


def test_metadata_that_no_database_takes(folder):
    root = folder({"a.txt": "A", "metadata.jsonl": json.dumps({"path": "a.txt", "title": "a\0b\ud800c😀"})})
    assert listed(root)[0].given == {"title": "a\ufffdb\ufffdc😀"}


def test_links(folder, tmp_path):
    root = folder({"a.txt": "A", "d/b.txt": "B"})
    outside = folder({"c.txt": "C", "e/f.txt": "F"}, "outside")
    (root / "within.txt").symlink_to(root / "d" / "b.txt")
    (root / "leaving.txt").symlink_to(outside / "c.txt")
    (root / "leaving").symlink_to(outside)
    (root / "leaving.png").symlink_to(outside / "c.txt")
    (root / "nowhere.txt").symlink_to(tmp_path / "nothing")
    (root / "self.txt").symlink_to(root / "self.txt")
    (root / "d" / "loop").symlink_to(root)
    assert names(root) == ["a.txt", "within.txt", "d/b.txt"]
    assert {one.uri: "leaves" in one.message for one in bad(root)} == {
        "leaving": True,
        "leaving.txt": True,
        "nowhere.txt": False,
        "self.txt": False,
    }
    assert {one.stage for one in bad(root)} == {"read"}


def test_linked_child_that_leads_back_is_no_origin(folder):
    root = folder({"x/a.txt": "A"})
    (root / "loop").symlink_to(root)
    assert keys(root) == ["x"]


def test_metadata_that_leaves_the_folder(folder):
    root = folder({"a.txt": "A"})
    (root / "metadata.jsonl").symlink_to(folder({"m.jsonl": '{"path": "a.txt", "title": "T"}'}, "outside") / "m.jsonl")
    assert [one.uri for one in bad(root)] == ["metadata.jsonl"]


def test_what_is_no_regular_file(folder):
    root = folder({"a.txt": "A"})
    os.mkfifo(root / "pipe.txt")
    (root / "folder.txt").mkdir()
    assert (names(root), [one.uri for one in bad(root)]) == (["a.txt"], ["pipe.txt"])


def test_name_that_is_not_utf8(folder):
    root = folder({"a.txt": "A"})
    with open(os.fsencode(root) + b"/\xff.txt", "wb") as file:  # noqa: PTH123 - pathlib takes no bytes
        file.write(b"x")
    (broken,) = bad(root)
    broken.uri.encode()
    assert "not UTF-8" in broken.message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_folder_and_file(folder):
    root = folder({"a.txt": "A", "b.txt": "B", "closed/c.txt": "C"})
    (root / "closed").chmod(0)
    (root / "b.txt").chmod(0)
    try:
        found = list(documents(root))
    finally:
        (root / "closed").chmod(0o700)
    assert sorted((one.uri, one.stage) for one in found if isinstance(one, BadDocument)) == [
        ("b.txt", "read"),
        ("closed", "read"),
    ]


def test_folder_that_fails_while_it_is_read(folder, monkeypatch):
    root = folder({"a.txt": "A", "closed/c.txt": "C"})
    scandir = os.scandir

    def failing(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", failing)
    found = list(documents(root))
    assert [one.uri for one in found] == ["a.txt", "closed"]
    assert "Permission denied" in found[1].message


def test_file_that_vanishes_between_listing_and_reading(folder):
    root = folder({"a.txt": "A"})
    (origin,) = find_origins([root])
    (found,) = list_files(origin)
    (root / "a.txt").unlink()
    (document,) = read_documents(origin, found, max_document_bytes=10)
    assert (document.uri, document.stage, document.error) == ("a.txt", "read", "FileNotFoundError")


def test_sizes(folder):
    root = folder(
        {
            "big.txt": "x" * 1001,
            "packed.txt.gz": gzip.compress(b"x" * 100_000),
            "many.jsonl": "".join(f'{{"id": {n}, "text": "A"}}\n' for n in range(100)),
        }
    )
    found = list(documents(root))
    assert sorted({one.uri for one in found if isinstance(one, BadDocument)}) == ["big.txt", "packed.txt.gz"]
    assert len([one for one in found if isinstance(one, RawDocument)]) == 100
