"""Exports: every form holds the same rows, a file is whole or not there, articles can be taken in again."""

from __future__ import annotations

import csv
import datetime as dt
import errno
import gzip
import io
import json
import os
import re
import resource
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import Result, assert_refused, clear_settings, wirecopy
from helpers import make_settings, run_folder, sqlite_url
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from db import exports, queries
from db.engine import open_engine, reading
from flows import exporting
from flows.exporting import ENDINGS, FORMS, OutputError, export_rows
from flows.steps import run_sources

ROOT = Path(__file__).parent.parent
NAMES = list(exports.EXPORTS)
COUNTS = {"articles": (19, 19), "stories": (12, 19), "passages": (6, 22), "pairs": (16, 28)}
"""Of the sample: rows, and rows where each part is one."""

Command = Callable[..., Result]
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def sample_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "wirecopy.db"
    run_folder(ROOT / "seeds", sqlite_url(path))
    return path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs commands in an empty directory."""
    clear_settings(monkeypatch, tmp_path)
    return lambda *arguments, status=0: wirecopy(capsys, *arguments, status=status)


@pytest.fixture
def sample(run: Command, sample_database: Path) -> Path:
    """A working directory with the sample's database."""
    shutil.copy(sample_database, "wirecopy.db")
    return Path.cwd()


# --- reading them again ----------------------------------------------------------------------------


def unpacked(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def flat_rows_of(path: Path, export: exports.Export) -> Rows:
    """The rows of a file as Python values, one for each part."""
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    text = unpacked(path).decode("utf-8")
    if ".csv" in path.suffixes:
        return [{name: from_cell(cell, export.flat_columns[name]) for name, cell in row.items()} for row in csv_rows(text)]
    lines = [json.loads(line) for line in text.split("\n")[:-1]]
    return [
        {name: from_json(value, export.flat_columns[name]) for name, value in flat.items()}
        for row in lines
        for flat in export.flat_rows(row)
    ]


def csv_rows(text: str) -> Rows:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def from_cell(cell: str, kind: type) -> Any:
    if cell == "":
        return None
    if kind is bool:
        return {"true": True, "false": False}[cell]
    if kind is str:
        return re.sub(r"^'(?='*[=+\-@\t\r\n＝＋－＠])", "", cell)
    return from_json(cell, kind) if kind is dt.datetime else kind(cell)


def from_json(value: Any, kind: type) -> Any:
    return dt.datetime.fromisoformat(value) if kind is dt.datetime and value is not None else value


def without_empty(rows: Rows) -> Rows:
    """CSV has no empty text that is not nothing."""
    return [{name: None if value == "" else value for name, value in row.items()} for row in rows]


# --- every form holds the same ---------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_form_holds_the_same_rows(name: str, engine: Engine, tmp_path: Path) -> None:
    run_sources(make_settings(engine.url.render_as_string(hide_password=False)), [ROOT / "seeds"])
    export = exports.EXPORTS[name]
    with reading(engine) as conn:
        stored = list(exports.rows(conn, name))
        assert exports.count(conn, name) == len(stored)
        written = [export_rows(conn, name, str(tmp_path / f"out{ending}")) for ending in ENDINGS]
    assert written == [len(stored)] * len(ENDINGS) == [COUNTS[name][0]] * len(ENDINGS)
    wanted = [flat for row in stored for flat in export.flat_rows(row)]
    assert len(wanted) == COUNTS[name][1]
    for ending in ENDINGS:
        found = flat_rows_of(tmp_path / f"out{ending}", export)
        assert [list(row) for row in found[:1]] == [list(export.flat_columns)]
        assert found == (without_empty(wanted) if ".csv" in ending else wanted), ending
    for kind in (".jsonl", ".csv"):
        assert unpacked(tmp_path / f"out{kind}.gz") == (tmp_path / f"out{kind}").read_bytes()


def test_batches_make_no_difference(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_engine("sqlite:///wirecopy.db")
    with reading(engine) as conn:
        whole = {name: list(exports.rows(conn, name)) for name in NAMES}
        monkeypatch.setattr(exports, "BATCH", 2)
        assert {name: list(exports.rows(conn, name)) for name in NAMES} == whole
    engine.dispose()


_VALUES: dict[type, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    dt.datetime: st.datetimes(dt.datetime(1600, 1, 1), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC)),  # noqa: DTZ001
    str: st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
    | st.text("=+-@'\"\t\r\n,;｜＝\u2028\x85 a", max_size=6),
}
_EXPORT = exports.Export(
    ("n",), {"n": int, "x": float, "b": bool, "t": dt.datetime, "s": str}, "parts", {"m": int, "u": str, "v": dt.datetime}
)


def _values(columns: dict[str, type]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({name: st.none() | _VALUES[kind] for name, kind in columns.items()})


@given(
    st.lists(
        st.tuples(_values(dict(_EXPORT.columns)), st.lists(_values(dict(_EXPORT.part_columns or {})), min_size=1, max_size=3)),
        max_size=4,
    )
)
def test_any_value_comes_back(cases: list[tuple[dict[str, Any], Rows]]) -> None:
    rows = [{**row, "parts": parts} for row, parts in cases]
    wanted = [flat for row in rows for flat in _EXPORT.flat_rows(row)]
    for ending, form in FORMS.items():
        stream = io.BytesIO()
        writer = form(stream, _EXPORT)
        for row in rows:
            writer.write(row)
        writer.close()
        content = stream.getvalue()
        if ending == ".parquet":
            assert pq.read_table(io.BytesIO(content)).to_pylist() == wanted
        elif ending == ".csv":
            found = csv_rows(content.decode())
            assert [{k: from_cell(v, _EXPORT.flat_columns[k]) for k, v in row.items()} for row in found] == without_empty(wanted)
            texts = [row[name] for row in found for name in ("s", "u")]
            assert not any(text[:1] in set("=+-@\t\r\n＝＋－＠") - {""} for text in texts if text)
        else:
            lines = content.decode().splitlines()  # as readers split that know more ends of lines than one
            assert len(lines) == len(rows)
            again = [flat for line in lines for flat in _EXPORT.flat_rows(json.loads(line))]
            assert [{k: from_json(v, _EXPORT.flat_columns[k]) for k, v in row.items()} for row in again] == wanted


def test_the_types_of_parquet_do_not_depend_on_the_rows(tmp_path: Path, sqlite_template: Path) -> None:
    engine = open_engine(sqlite_url(Path(shutil.copy(sqlite_template, tmp_path / "empty.db"))))
    with reading(engine) as conn:
        for name in NAMES:
            assert export_rows(conn, name, str(tmp_path / f"{name}.parquet")) == 0
    engine.dispose()
    schemas = {name: pq.read_schema(tmp_path / f"{name}.parquet") for name in NAMES}
    assert all(schemas[name].names == list(exports.EXPORTS[name].flat_columns) for name in NAMES)
    kinds = {field.name: field.type for field in schemas["articles"]}
    assert kinds["article_id"] == kinds["token_count"] == pa.int64()
    assert kinds["published_at"] == kinds["gone_at"] == pa.timestamp("us", tz="UTC")
    assert (kinds["id"], kinds["text"], kinds["is_lead"], kinds["copied_ratio"]) == (
        pa.string(),
        pa.string(),
        pa.bool_(),
        pa.float64(),
    )
    assert schemas["passages"].field("first_article_id").type == pa.int64()


def test_rows_without_values_before_rows_with_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "ROW_GROUP_ROWS", 2)
    export = exports.Export(("n",), {"n": int, "s": str, "t": dt.datetime})
    rows = [{"n": None, "s": None, "t": None}] * 3 + [{"n": 2**62, "s": "x", "t": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}]
    stream = io.BytesIO()
    writer = exporting.Parquet(stream, export)
    for row in rows:
        writer.write(row)
    writer.close()
    found = pq.ParquetFile(io.BytesIO(stream.getvalue()))
    assert found.num_row_groups == 2
    assert found.read().to_pylist() == rows


# --- what is in them -------------------------------------------------------------------------------


def json_lines(result: Result) -> Rows:
    return [json.loads(line) for line in result.out.splitlines()]


@pytest.mark.usefixtures("sample")
def test_standard_output_is_json_lines(run: Command) -> None:
    for name in NAMES:
        rows = json_lines(run("export", name, "-o", "-"))
        assert len(rows) == COUNTS[name][0]
        key = exports.EXPORTS[name].key
        assert [[row[k] for k in key] for row in rows] == sorted([row[k] for k in key] for row in rows)
    assert files(Path.cwd()) == set()


@pytest.mark.usefixtures("sample")
def test_articles_have_their_text_and_all_that_is_known(run: Command) -> None:
    rows = json_lines(run("export", "articles", "-o", "-"))
    engine = open_engine("sqlite:///wirecopy.db")
    with reading(engine) as conn:
        overview = {row["article_id"]: row for row in queries.rows_of(conn, "article_overview")}
        texts = {row["article_id"]: row["clean_text"] for row in queries.rows_of(conn, "article_text")}
    engine.dispose()
    for row in rows:
        stored = overview[row["article_id"]]
        assert set(row) == set(stored) | {"id", "published", "text"}
        assert row["id"] == str(row["article_id"])
        assert row["text"] == texts[row["article_id"]]
        assert (row["source"], row["story_id"], row["copied_ratio"]) == tuple(
            stored[k] for k in ("source", "story_id", "copied_ratio")
        )
    written = {row["uri"]: row["published"] for row in rows}
    assert written["001_lantern-bridge-span-drops.txt"] == "2026-03-28T17:42Z"
    assert written["005_crane-drivers-walk-out.txt"] == "2026-06-02", "a day is that of the source's zone"


@pytest.mark.usefixtures("sample")
def test_stories_have_their_members_the_lead_first(run: Command) -> None:
    for row in json_lines(run("export", "stories", "-o", "-")):
        assert len(row["members"]) == row["article_count"]
        assert [member["membership"] for member in row["members"]][:1] == ["lead"]
        assert row["members"][0]["article_id"] == row["lead_article_id"]
        shown = json.loads(run("show", str(row["story_id"]), "--json").out)["members"]
        assert [member["article_id"] for member in shown] == [member["article_id"] for member in row["members"]]


@pytest.mark.usefixtures("sample")
def test_passages_have_their_places_in_the_texts(run: Command) -> None:
    texts = {row["article_id"]: row["text"] for row in json_lines(run("export", "articles", "-o", "-"))}
    for row in json_lines(run("export", "passages", "-o", "-")):
        assert row["text"] == row["occurrences"][0]["text"], "the representative comes first"
        assert len({place["article_id"] for place in row["occurrences"]}) == row["article_count"]
        for place in row["occurrences"]:
            assert texts[place["article_id"]][place["start_char"] : place["end_char"]] == place["text"]


@pytest.mark.usefixtures("sample")
def test_the_links_of_a_pair_are_turned_as_the_pair_is(run: Command) -> None:
    texts = {row["article_id"]: row["text"] for row in json_lines(run("export", "articles", "-o", "-"))}
    rows = json_lines(run("export", "pairs", "-o", "-"))
    assert any(row["left_article_id"] > row["right_article_id"] for row in rows), "some link is stored the other way round"
    engine = open_engine("sqlite:///wirecopy.db")
    with reading(engine) as conn:
        stored = {row["link_id"]: row for row in queries.rows_of(conn, "passage_alignment")}
    engine.dispose()
    assert {link["link_id"] for row in rows for link in row["links"]} == set(stored)
    for row in rows:
        assert row["links"] == sorted(row["links"], key=lambda link: link["left_start_char"])
        for link in row["links"]:
            kept = stored[link["link_id"]]
            for side in ("left", "right"):
                article_id = row[f"{side}_article_id"]
                assert texts[article_id][link[f"{side}_start_char"] : link[f"{side}_end_char"]] == link[f"{side}_text"]
                there = "left" if kept["left_article_id"] == article_id else "right"
                assert (link[f"{side}_raw_start"], link[f"{side}_raw_end"]) == (kept[f"{there}_start"], kept[f"{there}_end"])


@pytest.mark.usefixtures("sample")
def test_one_position_has_each_row_once(run: Command) -> None:
    """A list of stories, passages, pairs is what stands at position 1."""
    for name in NAMES[1:]:
        run("export", name, "-o", f"{name}.csv")
        rows = csv_rows(Path(f"{name}.csv").read_bytes().decode())
        assert len([row for row in rows if row["position"] == "1"]) == COUNTS[name][0]


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz"])
def test_exported_articles_taken_in_again_give_the_same_links(
    ending: str, run: Command, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = json_lines(run("export", "pairs", "-o", "-"))
    (sample / "again").mkdir()
    run("export", "articles", "-o", f"again/articles{ending}")
    monkeypatch.setenv("WIRECOPY_DATABASE_URL", "sqlite:///again.db")
    assert run("run", "again").out.startswith("Articles: 19 new")
    after = json_lines(run("export", "pairs", "-o", "-"))
    origin_of = {row["article_id"]: int(row["uri"].split("#")[1]) for row in json_lines(run("export", "articles", "-o", "-"))}
    shared = ("kind", "recycled", "tokens", "similarity")
    sides = [f"{side}_{name}" for side in ("left", "right") for name in ("start_char", "end_char", "text", "quoted_ratio")]

    def links(rows: Rows, names: dict[int, int]) -> list[Any]:
        return sorted(
            (names[row["left_article_id"]], names[row["right_article_id"]], *(link[name] for name in (*shared, *sides)))
            for row in rows
            for link in row["links"]
        )

    assert links(after, origin_of) == links(before, {k: k for k in origin_of.values()})
    summed = ("wire_tokens", "wire_chars", "quote_chars", "recycled_chars", "left_source", "right_source")
    assert sorted([row[k] for k in summed] for row in after) == sorted([row[k] for k in summed] for row in before)


def test_stories_since_a_run_or_a_day(run: Command, sample: Path) -> None:
    assert len(json_lines(run("export", "stories", "--since", "1", "-o", "-"))) == 12
    assert json_lines(run("export", "stories", "--since", "2", "-o", "-")) == []
    assert json_lines(run("export", "stories", "--since", "9000-01-01", "-o", "-")) == []
    assert run("export", "stories", "--since", "2", "-o", "none.parquet").out == "Exported 0 stories to none.parquet.\n"
    assert "--since" in run("export", "stories", "--since", "soon", "-o", "-", status=2).err
    assert "only stories" in run("export", "pairs", "--since", "1", "-o", "-", status=2).err


# --- a file is whole or not there ------------------------------------------------------------------


def files(folder: Path) -> set[str]:
    """The files of a folder, but for those that SQLite keeps beside its own."""
    return {path.name for path in folder.iterdir() if not path.name.startswith("wirecopy.db")}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_is_replaced_when_it_is_complete(ending: str, run: Command, sample: Path) -> None:
    path = sample / f"pairs{ending}"
    path.write_text("old", "utf-8")
    run("export", "pairs", "-o", path.name)
    whole = path.read_bytes()
    assert run("export", "pairs", "-o", path.name).out == f"Exported 16 pairs to pairs{ending}.\n"
    assert path.read_bytes() == whole, "the same rows give the same bytes"
    assert files(sample) == {path.name}


class Stopped(BaseException):
    """What a signal raises."""


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("error", [Stopped(), ValueError(), OSError(errno.ENOSPC, "No space left on device")])
def test_what_was_there_stays_if_something_goes_wrong(ending: str, error: BaseException, sample: Path) -> None:
    path = sample / f"pairs{ending}"
    path.write_text("old", "utf-8")

    def stop(_stage: str, done: int, _total: int | None) -> None:
        if done == 9:
            raise error

    engine = open_engine("sqlite:///wirecopy.db")
    with reading(engine) as conn, pytest.raises(OutputError if isinstance(error, OSError) else type(error)):
        export_rows(conn, "pairs", str(path), progress=stop)
    engine.dispose()
    assert path.read_text("utf-8") == "old"
    assert files(sample) == {path.name}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_full_disk_is_one_line(ending: str, run: Command, sample: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    run("export", "articles", "-o", f"whole{ending}")
    (sample / f"whole{ending}").rename(sample / f"old{ending}")
    size = (sample / f"old{ending}").stat().st_size
    beside = sqlite3.connect("wirecopy.db")  # keeps the files that SQLite writes beside it, which have a size too
    beside.execute("SELECT count(*) FROM article").fetchall()
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1_000, hard))
    try:
        result = run("export", "articles", "-o", f"old{ending}", status=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
        beside.close()
    assert_refused(result, f"old{ending} cannot be written", "what was there is unchanged")
    assert (sample / f"old{ending}").stat().st_size == size
    assert files(sample) == {f"old{ending}"}


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_standard_output_is_one_line(sample: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "flows", "export", "articles", "-o", "-"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT), *sys.path])),
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("wirecopy: standard output cannot be written: No space left")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_signal_ends_it_without_a_word_and_without_a_file(ending: str, sample: Path) -> None:
    code = f"""
import os, signal, sys
from flows import cli, exporting
def stop(*_):
    os.kill(os.getpid(), signal.SIGTERM)
exporting.visible_json = exporting._cell = stop
if {ending!r} == ".parquet":
    exporting.Parquet._flush = stop
sys.argv = ["wirecopy", "export", "pairs", "-o", "pairs{ending}"]
cli.main()
"""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT), *sys.path]))
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "")
    assert files(sample) == set()


def test_nobody_who_reads_on_is_no_error_to_speak_of(sample: Path) -> None:
    command = [sys.executable, "-m", "flows", "export", "articles", "-o", "-"]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT), *sys.path]))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_a_folder_that_may_not_be_written_is_one_line(run: Command, sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # the tests may run as root, whom no folder refuses
    assert_refused(run("export", "pairs", "-o", "pairs.csv", status=2), "Permission denied", "permissions of the directory")
    assert files(sample) == set()


def test_what_cannot_be_a_file_is_refused(run: Command, sample: Path) -> None:
    assert_refused(run("export", "pairs", "-o", "nowhere/pairs.csv", status=2), "the directory nowhere does not exist; create it")
    (sample / "folder.csv").mkdir()
    assert_refused(run("export", "pairs", "-o", "folder.csv", status=2), "it is a directory")
    os.mkfifo(sample / "pipe.csv")
    assert_refused(run("export", "pairs", "-o", "pipe.csv", status=2), "it is no file")
    for name in ("pairs.txt", "pairs", ".csv", "", "pairs.parquet.gz", "pairs.csv.zip", "/dev/null"):
        assert_refused(run("export", "pairs", "-o", name, status=2), repr(name), *ENDINGS)
    assert_refused(run("export", "pairs", "-o", "x" * 300 + ".csv", status=2), "cannot be written")
    assert files(sample) == {"folder.csv", "pipe.csv"}


def test_usage(run: Command, sample: Path) -> None:
    assert "Missing option '--output'" in run("export", "pairs", status=2).err
    assert "'people' is not one of" in run("export", "people", "-o", "-", status=2).err
    assert run("export", "pairs", "-o", "PAIRS.CSV").out == "Exported 16 pairs to PAIRS.CSV.\n"
    (sample / "wirecopy.db").rename(sample / "other.db")
    assert_refused(run("export", "pairs", "-o", "pairs.csv", status=2), "no database wirecopy.db yet")


def test_a_link_stays_one_and_permissions_are_those_of_any_file(run: Command, sample: Path) -> None:
    (sample / "real").mkdir()
    (sample / "latest.csv").symlink_to("real/pairs.csv")
    run("export", "pairs", "-o", "latest.csv")
    assert (sample / "latest.csv").is_symlink()
    assert (sample / "real" / "pairs.csv").is_file()
    (sample / "plain").touch()
    assert stat.S_IMODE((sample / "real" / "pairs.csv").stat().st_mode) == stat.S_IMODE((sample / "plain").stat().st_mode)


def test_rows_come_as_they_are_read(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first row is there before the last batch is read."""
    monkeypatch.setattr(exports, "BATCH", 2)
    asked: list[int] = []
    parts_of = exports._members_of

    def counted(conn: Any, batch: Any) -> Iterator[Any]:
        asked.append(len(batch))
        return parts_of(conn, batch)

    monkeypatch.setattr(exports, "_members_of", counted)
    engine = open_engine("sqlite:///wirecopy.db")
    with reading(engine) as conn:
        rows = exports.rows(conn, "stories")
        next(rows)
        assert asked == [2]
        assert len(list(rows)) == 11
        assert asked == [2] * 6
    engine.dispose()
