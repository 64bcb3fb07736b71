"""The documents say what is so: every query runs and gives what is shown, every table of names is complete."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from db.engine import open_engine
from db.exports import EXPORTS
from db.views import VIEWS
from flows.exporting import ENDINGS
from flows.settings import Settings
from flows.sources import METADATA_FIELDS, OriginSettings
from flows.steps import run_sources
from pipeline.formats import FORMATS, jsonl
from pipeline.params import MatchParams

ROOT = Path(__file__).parent.parent
DOCS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
README, COOKBOOK = ROOT / "README.md", ROOT / "docs" / "sql-cookbook.md"

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_QUERY = re.compile(r"^```sql\n(?P<sql>.*?)^```\n(?:\n(?P<table>(?:\|[^\n]*\n)+))?", re.MULTILINE | re.DOTALL)
_NO_MARGIN = re.compile(r"[ \t]+$", re.MULTILINE)


def blocks(path: Path, language: str) -> list[str]:
    return [found[2] for found in _BLOCK.finditer(path.read_text("utf-8")) if found[1] == language]


def queries() -> list[tuple[str, str, list[list[str]]]]:
    """Name, SQL, and the rows shown below it, each query of the README and the cookbook."""
    found = []
    for path in (README, COOKBOOK):
        for number, match in enumerate(_QUERY.finditer(path.read_text("utf-8")), 1):
            rows = [cells_of(line) for line in (match["table"] or "").splitlines()]
            found.append((f"{path.stem}-{number}", match["sql"], rows))
    return found


def cells_of(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def first_cells(text: str, heading: str) -> set[str]:
    """The names in backticks of the first column of the tables under a heading."""
    section = text.split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [cells_of(line)[0] for line in section.splitlines() if line.startswith("| `")]
    return {name for cell in rows for name in re.findall(r"`([^`]+)`", cell)}


# --- SQL -------------------------------------------------------------------------------------------


def run_sample(url: str, folder: Path) -> None:
    run_sources(Settings(database_url=url, sources=[], workers=1, match={}), [folder])


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The sample in SQLite."""
    url = f"sqlite:///{tmp_path_factory.mktemp('sample') / 'wirecopy.db'}"
    run_sample(url, ROOT / "seeds")
    engine = open_engine(url)
    yield engine
    engine.dispose()


def execute(engine: Engine, sql: str) -> list[list[str]]:
    """Header and rows, as text; blanks as Markdown keeps them."""
    with engine.connect() as conn:
        result = conn.execute(sa.text(sql))
        return [list(result.keys()), *([" ".join(str("" if cell is None else cell).split()) for cell in row] for row in result)]


def as_markdown(rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


@pytest.mark.parametrize(("name", "sql", "shown"), queries(), ids=[name for name, *_ in queries()])
def test_a_query_gives_what_is_shown_below_it(name: str, sql: str, shown: list[list[str]], sample: Engine) -> None:
    obtained = execute(sample, sql)
    wanted = [row for row in shown if not set("".join(row)) <= set("-:")]
    if wanted:
        assert obtained == wanted, f"{name} gives\n{as_markdown(obtained)}"
    else:
        assert len(obtained) == 1, f"{name} shows no result but has one:\n{as_markdown(obtained)}"


def test_all_queries_give_the_same_on_postgresql(postgres_url: str, sample: Engine) -> None:
    run_sample(postgres_url, ROOT / "seeds")
    engine = open_engine(postgres_url)
    try:
        for name, sql, _ in queries():
            there, here = execute(engine, sql), execute(sample, sql)
            assert there[0] == here[0], name
            assert sorted(there[1:]) == sorted(here[1:]), name
    finally:
        engine.dispose()


def test_queries_read_views_only() -> None:
    known = {view.name for view in VIEWS}
    for name, sql, _ in queries():
        read = set(re.findall(r"\b(?:FROM|JOIN)\s+(\w+)", sql))
        assert read <= known, f"{name} reads {read - known}"


def test_the_cookbook_answers_eleven_questions_all_but_the_last_two_with_a_result() -> None:
    text = COOKBOOK.read_text("utf-8")
    questions = re.findall(r"^## (\d+)\. .*\?$", text, re.MULTILINE)
    assert questions == [str(number) for number in range(1, 12)]
    shown = [rows for name, _, rows in queries() if name.startswith(COOKBOOK.stem)]
    assert len(shown) == 11
    assert [number for number, rows in enumerate(shown, 1) if not rows] == [10, 11]


def test_the_tenth_question_finds_what_changed_what_is_gone_and_what_is_broken(empty_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "seeds"
    shutil.copytree(ROOT / "seeds", folder)
    run_sample(empty_url, folder)
    changed, gone = folder / "harbour-gazette" / "015_puffin-count.txt", folder / "upland-courier" / "010_honey-fair-prize.txt"
    changed.write_text(changed.read_text("utf-8") + "\nThe count goes on.\n", "utf-8")
    gone.unlink()
    (folder / "upland-courier" / "020_empty.txt").write_bytes(b"")
    run_sample(empty_url, folder)
    engine = open_engine(empty_url)
    try:
        sql = next(sql for name, sql, _ in queries() if name == f"{COOKBOOK.stem}-10")
        rows = execute(engine, sql)[1:]
    finally:
        engine.dispose()
    assert rows == [
        ["changed", "Harbour Gazette", changed.name, "2"],
        ["gone", "Upland Courier", gone.name, "1"],
        ["not read: the file is empty", "Upland Courier", "020_empty.txt", "1"],
    ]


# --- what the README shows -------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder with the sample in it."""
    shutil.copytree(ROOT / "seeds", tmp_path / "seeds")
    return tmp_path


def run_in(folder: Path, *arguments: str) -> str:
    """What a Python command prints, without the environment's settings."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("WIRECOPY_", "PREFECT_")) and k != "COLUMNS"}
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", check=True, timeout=120
    )
    return done.stdout


def test_the_readme_shows_what_the_commands_print(folder: Path) -> None:
    block = "".join(blocks(README, "console"))
    for part in block.split("$ wirecopy ")[1:]:
        command, _, shown = part.partition("\n")
        printed = _NO_MARGIN.sub("", run_in(folder, "-m", "flows", *command.split()))
        goes_on = shown.endswith("\n…\n")
        shown, printed = (re.sub(r"^Seconds: .*", "", text, flags=re.MULTILINE).rstrip() for text in (shown, printed))
        if goes_on:
            assert printed.startswith(shown.removesuffix("…").rstrip()), f"`wirecopy {command}` prints\n{printed}"
        else:
            assert printed == shown, f"`wirecopy {command}` prints\n{printed}"


def test_the_python_of_the_readme_runs(folder: Path) -> None:
    (code,) = blocks(README, "python")
    assert len([line for line in code.splitlines() if line.strip()]) <= 8
    printed = run_in(folder, "-c", code).splitlines()
    assert "wire ['006', '007', '008', '009', '009']" in printed
    assert "quote ['000', '000', '001', '002']" in printed


def test_the_settings_of_the_readme_are_those_there_are() -> None:
    named = first_cells(README.read_text("utf-8"), "## Commands")
    settings = {name for name in named if not name.startswith("wirecopy")}
    assert settings - {"[match]"} == set(Settings.model_fields) - {"match", "prefect_api_url"}
    assert "PREFECT_API_URL" in README.read_text("utf-8")


# --- tables of names -------------------------------------------------------------------------------


def test_the_parameters_of_the_tuning_page_are_those_there_are() -> None:
    text = (ROOT / "docs" / "tuning.md").read_text("utf-8")
    shown = {}
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        stage = re.search(r"stage `(\w+)`", section)[1]  # type: ignore[index]
        for line in section.splitlines():
            if line.startswith("| `"):
                name, default, limits, meaning = cells_of(line)
                shown[name.strip("`")] = (stage, default, limits, meaning)
    wanted = {
        item.name: (
            item.metadata["stage"],
            "none" if item.default is None else str(item.default),
            " to ".join(str(int(x) if x == int(x) else x) for x in (item.metadata["low"], item.metadata["high"])),
            item.metadata["meaning"],
        )
        for item in fields(MatchParams)
    }
    assert shown == wanted


def test_the_example_of_the_tuning_page_is_taken() -> None:
    import tomllib

    (example,) = blocks(ROOT / "docs" / "tuning.md", "toml")
    MatchParams(**tomllib.loads(example)["match"])


def test_the_keys_of_the_page_on_sources_are_those_there_are() -> None:
    text = (ROOT / "docs" / "add-a-source.md").read_text("utf-8")
    assert first_cells(text, "## `source.toml`") == set(OriginSettings.__dataclass_fields__)
    assert first_cells(text, "## `metadata.jsonl`") == {"path", *METADATA_FIELDS}
    assert first_cells(text, "## `.jsonl`: many articles in a file") == {"text", "id", *jsonl.FIELDS}
    for kind in FORMATS:
        for ending in kind.endings:
            assert f"`{ending}`" in text


@pytest.mark.parametrize("name", list(EXPORTS))
def test_the_columns_of_the_page_on_exports_are_those_there_are(name: str) -> None:
    export = EXPORTS[name]
    named = first_cells((ROOT / "docs" / "exports.md").read_text("utf-8"), f"## `{name}`")
    assert named == set(export.columns) | ({export.parts, *export.flat_columns} if export.parts else set())


def test_the_commands_of_the_page_on_exports_run(folder: Path) -> None:
    page = ROOT / "docs" / "exports.md"
    assert set(re.findall(r"`(\.[a-z.]+)`", page.read_text("utf-8"))) >= set(ENDINGS)
    run_in(folder, "-m", "flows", "run", "seeds")
    (commands,) = blocks(page, "sh")
    for line in commands.splitlines():
        command = re.split(r" +[#|] ", line.removeprefix("wirecopy "))[0].split()
        assert run_in(folder, "-m", "flows", *command)
        assert command[3] == "-" or (folder / command[3]).stat().st_size


def test_the_example_of_the_page_on_sources_is_that_of_the_sample() -> None:
    page = ROOT / "docs" / "add-a-source.md"
    example = ROOT / "seeds" / "upland-courier"
    (listing,) = blocks(page, "text")
    assert sorted(listing.split()[1:]) == sorted(path.name for path in example.iterdir())
    assert blocks(page, "toml") == [(example / "source.toml").read_text("utf-8")]
    (line,) = blocks(page, "json")
    assert line in (example / "metadata.jsonl").read_text("utf-8")


def test_the_times_of_the_page_on_sources_are_understood() -> None:
    from pipeline.dates import parse_published

    text = (ROOT / "docs" / "add-a-source.md").read_text("utf-8").split("## Times", 1)[1].split("## ", 1)[0]
    line = next(line for line in text.splitlines() if "are understood" in line)
    for written in re.findall(r"`([^`]+)`", line.split("are understood")[0]):
        assert parse_published(written, found_in="given") is not None, written
    assert parse_published("03/04/2026", found_in="given") is None


@pytest.mark.parametrize("package", ["pipeline", "db", "flows"])
def test_the_architecture_names_every_room(package: str) -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    heading = next(line for line in text.splitlines() if line.startswith(f"## `{package}`"))
    rooms = {path.stem for path in (ROOT / package).iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert {re.sub(r"\W", "", name) for name in first_cells(text, heading)} >= rooms - {"__init__", "__main__"}


# --- all of them -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = _BLOCK.sub("", path.read_text("utf-8"))
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", text):
        assert (path.parent / target).exists(), f"{path.name} links to {target}"


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_views_and_tables_are_called_by_their_names(path: Path) -> None:
    """What looks like a view in backticks is one."""
    endings = ("_overview", "_log", "_occurrence", "_alignment", "_member", "_pair")
    named = {name for name in re.findall(r"`([a-z_]+)`", path.read_text("utf-8")) if name.endswith(endings)}
    assert named <= {view.name for view in VIEWS}


def test_every_page_is_reached_from_the_readme() -> None:
    text = README.read_text("utf-8")
    for path in (ROOT / "docs").glob("*.md"):
        assert f"(docs/{path.name})" in text
