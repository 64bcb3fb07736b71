"""The command line: what it prints, how it ends, what it leaves alone."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
import os
import pty
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from db.engine import begin, open_engine
from db.store import acquire_lease
from flows import cli
from flows.run import utc_now
from flows.terminal import headline, plural, short_ids, shortened, visible, visible_json

ROOT = Path(__file__).parent.parent
LEAVES = (
    ("run",),
    ("refresh",),
    ("stories",),
    ("show",),
    ("match",),
    ("diff",),
    ("export",),
    ("sources", "list"),
    ("sources", "add"),
    ("sources", "check"),
    ("forget",),
    *(("verdict", name) for name in ("same", "different", "wire", "quote", "list", "withdraw")),
    ("db", "upgrade"),
    ("db", "check"),
)
TABLES = (("run", "seeds"), ("refresh",), ("stories",), ("sources", "list"), ("sources", "check"))
BRIDGE_URI, DAM_URI = "001_lantern-bridge-span-drops.txt", "006_ulmskar-dam-gate.txt"

EDITED = """Bridge still stuck

Nobody on the quay expects it to move this week.

The span had been raised at 3.20 p.m. on Saturday so that the ferry Ondre Star could pass when a counterweight cable on
the northern tower parted, the authority said. The brakes held one side of the deck while the other slid down.

We shall report.
"""


class Result:
    """How a command ended."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err


Command = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, with no settings in the environment."""
    for name in list(os.environ):
        if name.startswith(("WIRECOPY_", "PREFECT_")) or name == "COLUMNS":
            monkeypatch.delenv(name)
    monkeypatch.setenv("WIRECOPY_WORKERS", "1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def sample_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample after one run."""
    folder = tmp_path_factory.mktemp("sample")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("WIRECOPY_", "PREFECT_"))}
    done = subprocess.run(
        [sys.executable, "-m", "flows", "run", str(ROOT / "seeds")], cwd=folder, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder / "wirecopy.db"


@pytest.fixture
def sample(home: Path, sample_database: Path) -> Path:
    """A working directory in which the sample has been taken in from another place."""
    shutil.copy(sample_database, home / "wirecopy.db")
    return home


@pytest.fixture
def sown(home: Path) -> Path:
    """A working directory with the sample's files, not yet taken in."""
    shutil.copytree(ROOT / "seeds", home / "seeds")
    return home


def wirecopy(*arguments: str, capsys: pytest.CaptureFixture[str]) -> Result:
    """Runs a command in this process, as the console script does."""
    capsys.readouterr()
    status = 0
    before = sys.argv
    sys.argv = ["wirecopy", *arguments]
    try:
        cli.main()
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    finally:
        sys.argv = before
    captured = capsys.readouterr()
    return Result(status, captured.out, captured.err)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs commands that are to end well, or with `status`."""

    def command(*arguments: str, status: int = 0) -> Result:
        result = wirecopy(*arguments, capsys=capsys)
        assert result.status == status, f"{result.status}: {result.out}{result.err}"
        return result

    return command


def refused(result: Result, *parts: str) -> None:
    """One line that names the cause and the remedy, nothing on standard output."""
    assert result.out == ""
    assert result.err.startswith("wirecopy: ")
    assert result.err.count("\n") == 1
    for part in parts:
        assert part in result.err


def story_of(run: Command, uri: str) -> str:
    for story in json.loads(run("stories", "--alone", "--json").out):
        members = json.loads(run("show", str(story["story_id"]), "--json").out)["members"]
        if uri in {member["uri"] for member in members}:
            return str(story["story_id"])
    raise AssertionError(uri)


# --- help and documents ----------------------------------------------------------------------------


@pytest.mark.parametrize("command", [(), ("sources",), ("verdict",), ("db",), *LEAVES], ids=" ".join)
def test_every_command_has_help(command: tuple[str, ...], run: Command, home: Path) -> None:
    shown = run(*command, "--help").out
    assert shown.startswith(f"Usage: {' '.join(('wirecopy', *command))}")
    assert "..." not in shown.split("Commands:")[-1] or not shown.count("Commands:"), "a summary is too long for the list"
    assert not list(home.iterdir())


def test_the_commands_are_those_that_are_tested_and_documented() -> None:
    import typer.main

    root = typer.main.get_command(cli.app)
    found = set()
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found |= {(name, leaf) for leaf in inner} if inner else {(name,)}
    assert found == set(LEAVES)
    text = "\n".join(path.read_text("utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    for leaf in found:
        assert f"`wirecopy {' '.join(leaf)}" in text


def test_the_module_is_the_command(home: Path) -> None:
    outputs = [
        subprocess.run(command, cwd=home, capture_output=True, text=True, check=True).stdout
        for command in ([sys.executable, "-m", "flows", "--help"], [str(Path(sys.executable).parent / "wirecopy"), "--help"])
    ]
    names = [re.sub(r"^Usage: .*? \[", "Usage: [", output) for output in outputs]
    assert names[0] == names[1]


# --- exit statuses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ("frobnicate",),
        ("show",),
        ("run", "--wait", "-1"),
        ("run", "--wait", "soon"),
        ("stories", "--limit", "0"),
        ("stories", "--nonsense"),
        ("sources", "frobnicate"),
    ],
    ids=" ".join,
)
def test_a_usage_error_is_2(arguments: tuple[str, ...], run: Command, home: Path) -> None:
    result = run(*arguments, status=2)
    assert "Error: " in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "2026-13-01",
        "2026-03",
        "",
        "-3",
        "+3",
        "1e3",
        "2026-03-28T25:00",
        "2026-03-28T10:00+99:00",
        "0001-01-01T00:00+14:00",
        "9999-12-31T23:00-14:00",
    ],
)
def test_since_takes_a_run_or_a_day(text: str, run: Command, sample: Path) -> None:
    assert "--since" in run("stories", f"--since={text}", status=2).err


def test_what_is_not_there_is_1(run: Command, sample: Path) -> None:
    for name in ("0", "nonsense", "99999999999999999999999", "%", ""):
        refused(run("show", name, status=1), "`wirecopy stories` lists them")


def test_an_ambiguous_beginning_is_1(run: Command, sample: Path) -> None:
    ids = [str(story["story_id"]) for story in json.loads(run("stories", "--alone", "--json").out)]
    first = next(k for k in "123456789" if sum(name.startswith(k) for name in ids) > 1)
    refused(run("show", first, status=1), "more than one story", "give more digits")


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ("x = [", ("wirecopy.toml is not valid TOML",)),
        ("wrokers = 3", ("wrokers", "wirecopy.toml")),
        ("workers = 0", ("workers", "WIRECOPY_WORKERS")),
        ('sources = "seeds"', ("sources", "WIRECOPY_SOURCES")),
        ("[match]\ngap_tokens = 999", ("gap_tokens", "0 to 100")),
        ("[match]\ngap = 9", ("gap", "docs/tuning.md")),
        ('database_url = "mysql://x"', ("mysql", "sqlite:///FILE")),
        ('database_url = "nonsense"', ("sqlite:///FILE",)),
        ('database_url = "sqlite:///no/such/folder/x.db"', ("no/such/folder", "create it")),
        ('database_url = "postgresql+psycopg://u:secret@127.0.0.1:1/x"', ("no server answers there", "WIRECOPY_DATABASE_URL")),
    ],
)
def test_bad_settings_and_databases_are_2(
    settings: str,
    parts: tuple[str, ...],
    run: Command,
    sown: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("WIRECOPY_WORKERS")
    (sown / "wirecopy.toml").write_text(settings, "utf-8")
    result = run("run", status=2)
    refused(result, *parts)
    assert "secret" not in result.err


def test_bad_sources_are_2(run: Command, home: Path) -> None:
    refused(run("run", status=2), "no source", "wirecopy sources add FOLDER")
    refused(run("run", "nowhere", status=2), "nowhere", "check the path")
    for name in ("one", "two"):
        (home / name).mkdir()
        (home / name / "source.toml").write_text('name = "Same"', "utf-8")
    refused(run("run", "one", "two", status=2), "'Same'", "one", "two", "source.toml")
    (home / "one" / "source.toml").write_text('nme = "Other"', "utf-8")
    refused(run("run", "one", "two", status=2), "nme", "name, language, timezone")
    (home / "one" / "part").mkdir()
    (home / "one" / "source.toml").unlink()
    (home / "one" / "a.txt").write_text("A text.", "utf-8")
    refused(run("run", "one", "one/part", status=2), "taken in twice")
    assert not (home / "wirecopy.db").exists()
    (home / "empty").mkdir()
    refused(run("run", "empty", status=2), "nothing to read")


def test_a_database_that_is_not_there_or_has_no_tables_is_2(run: Command, home: Path) -> None:
    for command in (("stories",), ("show", "1"), ("db", "check")):
        refused(run(*command, status=2), "no database wirecopy.db yet", "wirecopy run FOLDER")
    assert not (home / "wirecopy.db").exists()
    assert "No source is configured" in run("sources", "list").out
    (home / "wirecopy.db").touch()
    refused(run("stories", status=2), "no tables", "wirecopy db upgrade")


def test_other_parameters_are_2_until_refreshed(run: Command, sample: Path) -> None:
    (sample / "wirecopy.toml").write_text("[match]\nrecycled_after_days = 90\n", "utf-8")
    refused(run("run", str(ROOT / "seeds"), status=2), "wirecopy refresh")
    (sample / "text.txt").write_text(EDITED, "utf-8")
    refused(run("match", "text.txt", status=2), "wirecopy refresh")
    assert "19 articles" in run("refresh").out
    assert run("run", str(ROOT / "seeds")).out.startswith("Nothing new")
    bridge = json.loads(run("show", story_of(run, BRIDGE_URI), "--json").out)
    assert not [p for p in bridge["passages"] if "recycled" in {place["role"] for place in p["occurrences"]}]


def test_a_held_lease_is_1_and_one_left_behind_is_taken_over(run: Command, sample: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    engine = open_engine("sqlite:///wirecopy.db")
    for pid, status in ((os.getppid(), 1), (gone.pid, 0)):
        with begin(engine) as conn:
            acquire_lease(
                conn,
                holder=f"here:{pid}",
                host=socket.gethostname(),
                pid=pid,
                now=utc_now(),
                seconds=60,
                process_gone=lambda _pid: True,
            )
        result = run("run", str(ROOT / "seeds"), status=status)
        if status:
            refused(result, f"here:{pid}", "--wait SECONDS")
            run("refresh", "--wait", "0.1", status=1)
            run("stories")
    engine.dispose()


# --- run, stories, show ----------------------------------------------------------------------------


def test_a_second_run_has_nothing_to_do(run: Command, sown: Path) -> None:
    first = run("run").out.splitlines()
    assert first[0].startswith("Articles: 19 new, 0 changed, 0 unchanged, 0 gone.")
    assert first[1] == "Stored: 19 articles, 12 stories, 2 copy clusters, 6 passages, 28 links."
    second = run("run").out.splitlines()
    assert second[0] == "Nothing new: 19 articles unchanged, nothing stored."
    assert second[1] == first[1]
    assert json.loads(run("run", "--json").out)["unchanged"] == 19


def test_the_run_says_how_much_could_not_be_read(run: Command, sown: Path) -> None:
    (sown / "seeds" / "harbour-gazette" / "empty.txt").write_bytes(b"")
    assert "1 document could not be read: see the view `quarantine`." in run("run").out


@pytest.mark.parametrize("command", TABLES, ids=" ".join)
def test_json_is_json(command: tuple[str, ...], run: Command, sown: Path) -> None:
    run("run")
    assert json.loads(run(*command, "--json").out)


def test_stories_lists_the_largest_first(run: Command, sample: Path) -> None:
    rows = json.loads(run("stories", "--json").out)
    assert [row["article_count"] for row in rows] == [5, 4]
    assert len(json.loads(run("stories", "--json", "--alone").out)) == 12
    assert len(json.loads(run("stories", "--json", "--limit", "1").out)) == 1
    shown = run("stories").out
    for row in rows:
        assert re.search(rf"^{str(row['story_id'])[:8]} +{row['article_count']} ", shown, re.MULTILINE)


def test_stories_since_a_run_or_a_day(run: Command, sown: Path) -> None:
    run("run")
    shutil.copy("seeds/kestrania-broadcast/006_ulmskar-dam-gate.txt", "seeds/harbour-gazette/017_again.txt")
    run("run")
    dam = story_of(run, DAM_URI)
    for since, count in (("1", 2), ("2", 1), ("3", 0), ("2000-01-01", 2), ("9000-01-01T10:00", 0)):
        rows = json.loads(run("stories", "--since", since, "--json").out)
        assert len(rows) == count, since
        assert count != 1 or str(rows[0]["story_id"]) == dam
    assert "changed since then" in run("stories", "--since", "3").out


def test_since_is_a_time_in_utc_unless_it_says_another(run: Command, sample: Path) -> None:
    changed = dt.datetime.fromisoformat(json.loads(run("stories", "--limit", "1", "--json").out)[0]["updated_at"])
    before, after = (changed + dt.timedelta(minutes=minutes) for minutes in (-1, 1))
    for zone in (None, dt.UTC, dt.timezone(dt.timedelta(hours=9)), dt.timezone(-dt.timedelta(hours=3, minutes=30))):
        for moment, count in ((before, 2), (after, 0)):
            since = (moment.replace(tzinfo=None) if zone is None else moment.astimezone(zone)).isoformat()
            assert len(json.loads(run("stories", f"--since={since}", "--json").out)) == count, since
    assert len(json.loads(run("stories", f"--since={changed:%Y-%m-%d}", "--json").out)) == 2
    assert json.loads(run("stories", f"--since={after + dt.timedelta(days=1):%Y%m%d}", "--json").out) == []
    assert len(json.loads(run("stories", "--since=0", "--json").out)) == 2
    assert len(json.loads(run("stories", f"--since={changed.isoformat()}", "--json").out)) == 2


def test_show_takes_the_beginning_of_an_id(run: Command, sample: Path) -> None:
    story = story_of(run, BRIDGE_URI)
    whole = run("show", story).out
    assert run("show", story[:8]).out == whole == run("show", f" {story[:5]} ").out
    for part in ("lead", "copy", "related", BRIDGE_URI, "Gullavar Bulletin", "quote", "wire", "recycled", "side by side"):
        assert part in whole
    assert "2026-06-02" in whole, "a day is shown in the zone of its source"
    shown = json.loads(run("show", story[:8], "--json").out)
    assert str(shown["story_id"]) == story
    assert len(shown["members"]) == 5
    assert [p["article_count"] for p in shown["passages"]] == [4, 3, 3, 3, 3]


def test_show_counts_what_it_leaves_out(run: Command, sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "MEMBERS", 3)
    monkeypatch.setattr(cli, "PASSAGES", 1)
    monkeypatch.setattr(cli, "PLACES", 2)
    story = story_of(run, BRIDGE_URI)
    few, whole = run("show", story).out, run("show", story, "--all").out
    for rest in ("2 articles", "2 places", "4 passages"):
        assert f"… and {rest} more; `--all` shows them." in few
    assert "more; `--all`" not in whole
    assert whole.count("Upland Courier") > few.count("Upland Courier") == 0


@pytest.mark.parametrize("width", [80, 100, 140])
def test_tables_fit_the_terminal(width: int, run: Command, sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for command in (("stories", "--alone"), ("show", story_of(run, BRIDGE_URI)), ("show", story_of(run, DAM_URI))):
        lines = run(*command).out.splitlines()
        assert max(map(len, lines)) <= width
    shown = run("show", story_of(run, BRIDGE_URI)).out
    assert "002_capital-asks-who-checks-the-bridges.txt" in shown, "no uri of the sample is broken in two"


# --- match -----------------------------------------------------------------------------------------


def test_match_finds_an_edited_paragraph_and_stores_nothing(run: Command, sample: Path) -> None:
    (sample / "text.txt").write_text(EDITED, "utf-8")
    before = run("stories", "--alone", "--json").out
    found = json.loads(run("match", "text.txt", "--json").out)
    assert {row["source"] for row in found} >= {"Kestrania Public Broadcast", "Harbour Gazette", "Gullavar Bulletin"}
    assert {row["kind"] for row in found} == {"wire"}
    longest = found[0]
    assert EDITED[longest["start"] : longest["end"]] == longest["text"]
    assert [row["tokens"] for row in found] == sorted((row["tokens"] for row in found), reverse=True)
    assert "000_span-falls-at-harbour-mouth.txt" in run("match", "text.txt").out
    assert run("stories", "--alone", "--json").out == before
    assert run("run", str(ROOT / "seeds")).out.startswith("Nothing new")


def test_match_finds_nothing_in_a_text_of_its_own(run: Command, sample: Path) -> None:
    (sample / "own.txt").write_text("Nothing of the kind has been heard in our part of the country for years.", "utf-8")
    assert run("match", "own.txt").out == "No stored article shares a passage with it.\n"
    assert json.loads(run("match", "own.txt", "--json").out) == []


def test_match_refuses_what_is_no_text(run: Command, sample: Path) -> None:
    (sample / "empty.txt").write_bytes(b"")
    (sample / "junk.txt").write_bytes(b"\0\1\2" * 50)
    (sample / "table.csv").write_text("a,b", "utf-8")
    for name, cause in (("empty.txt", "empty"), ("junk.txt", "binary"), ("table.csv", "ending"), ("nowhere.txt", "no such file")):
        refused(run("match", name, status=2), name, cause)


# --- sources ---------------------------------------------------------------------------------------


def test_sources_add_keeps_what_stands_in_the_file(run: Command, sown: Path) -> None:
    file = sown / "wirecopy.toml"
    file.write_text("# ours\nworkers = 1  # a small machine\n\n[match]  # measured\ngap_tokens = 9\n", "utf-8")
    assert "now lists 1 source." in run("sources", "add", "seeds/harbour-gazette").out
    run("sources", "add", "seeds/upland-courier")
    assert "already" in run("sources", "add", "seeds/upland-courier").out
    text = file.read_text("utf-8")
    for kept in ("# ours\n", "workers = 1  # a small machine\n", "[match]  # measured\ngap_tokens = 9\n"):
        assert kept in text
    listed = json.loads(run("sources", "check", "--json").out)
    assert set(listed) == {"Harbour Gazette", "Upland Courier"}
    assert run("run").out.startswith("Articles: 9 new")
    sources = json.loads(run("sources", "list", "--json").out)
    assert [row["origin"] for row in sources["configured"]] == ["Harbour Gazette", "Upland Courier"]
    assert [row["article_count"] for row in sources["outlets"]] == [5, 4]


def test_sources_add_refuses_what_cannot_be_a_source(run: Command, sown: Path) -> None:
    refused(run("sources", "add", "nowhere", status=2), "nowhere", "check the path")
    shutil.copytree("seeds/upland-courier", "again")
    run("sources", "add", "seeds")
    before = (sown / "wirecopy.toml").read_text("utf-8")
    refused(run("sources", "add", "again", status=2), "Upland Courier", "source.toml")
    assert (sown / "wirecopy.toml").read_text("utf-8") == before


def test_sources_check_stores_nothing(run: Command, sown: Path) -> None:
    shown = run("sources", "check").out
    assert not (sown / "wirecopy.db").exists()
    for part in ("Kestrania Public Broadcast: 3 documents", "cut (timestamp)", "masked (credit)", "from text", "Greta Ostermoor"):
        assert part in shown
    (sown / "seeds" / "upland-courier" / "broken.jsonl").write_text("{", "utf-8")
    assert "RecordError: not JSON" in run("sources", "check", "seeds/upland-courier", status=1).out


# --- people's decisions ------------------------------------------------------------------------------

PUFFINS, BRIDGE = "015_puffin-count.txt", BRIDGE_URI


def test_a_verdict_is_given_listed_and_withdrawn(run: Command, sample: Path) -> None:
    before = run("stories", "--json").out
    assert run("verdict", "list").out.startswith("No verdicts yet")
    said = run("verdict", "same", PUFFINS, BRIDGE, "--note", "a test", "--by", "ann").out
    assert re.match(r"Verdict 1: .* are on one story \(by ann\)\.\nMade or changed: 2 stories\.", said)
    assert story_of(run, PUFFINS) == story_of(run, BRIDGE)
    assert "was given already" in run("verdict", "same", BRIDGE, PUFFINS).out
    (row,) = json.loads(run("verdict", "list", "--json").out)
    assert (row["verdict_id"], row["ruling"], row["about"], row["made_by"], row["note"]) == (1, "same", "story", "ann", "a test")
    assert "a test" in run("verdict", "list").out
    run("verdict", "withdraw", "1")
    assert [(r["story_id"], r["article_count"]) for r in json.loads(run("stories", "--json").out)] == [
        (r["story_id"], r["article_count"]) for r in json.loads(before)
    ]


def test_the_giver_of_a_verdict_is_the_user(run: Command, sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "berta")
    assert json.loads(run("verdict", "different", PUFFINS, BRIDGE, "--json").out)["made_by"] == "berta"


def test_a_verdict_that_cannot_be_is_refused_in_one_line(run: Command, sample: Path) -> None:
    run("verdict", "same", PUFFINS, BRIDGE, "--about", "copy")
    refused(run("verdict", "different", PUFFINS, BRIDGE, status=1), "contradicts verdict 1", "wirecopy verdict withdraw 1")
    refused(run("verdict", "wire", PUFFINS, BRIDGE, status=1), "share no passage")
    refused(run("verdict", "same", PUFFINS, "nothing", status=1), "no article is named 'nothing'")
    refused(run("verdict", "withdraw", "7", status=1), "there is no verdict 7")
    assert len(sqlite_rows(sample, "SELECT * FROM run_log")) == 2, "what is refused is no run"


def test_a_former_story_is_shown_as_what_it_became(run: Command, sample: Path) -> None:
    former = story_of(run, PUFFINS)
    run("verdict", "same", PUFFINS, BRIDGE)
    shown = run("show", former).out
    assert shown.startswith(f"Story {former} lives on in story {story_of(run, BRIDGE)}.")
    assert json.loads(run("show", former[:10], "--json").out)["former_story_id"] == int(former)


def test_forget_deletes_lists_and_lets_come_back(run: Command, sown: Path) -> None:
    run("run")
    said = run("forget", BRIDGE, PUFFINS, "--reason", "a letter").out
    assert said.count("Forgotten: ") == 2
    for arguments in (("forget", PUFFINS), ("verdict", "same", PUFFINS, DAM_URI)):
        refused(run(*arguments, status=1), PUFFINS)
    assert "forgotten already" in run("forget", PUFFINS, status=1).err
    assert "a letter" in run("forget", "--list").out
    assert [row["reason"] for row in json.loads(run("forget", "--list", "--json").out)] == ["a letter"] * 2
    path = sown / "seeds" / "harbour-gazette" / PUFFINS
    path.write_text(path.read_text("utf-8") + "More.\n", "utf-8")
    assert "since they were forgotten: 1 document (" in run("run").out
    assert len(sqlite_rows(sown, "SELECT * FROM article_overview")) == 17
    run("forget", "--withdraw", PUFFINS)
    assert json.loads(run("run", "--json").out)["new"] == 1
    refused(run("forget", "--withdraw", PUFFINS, status=1), "forget --list")
    assert "Error: " in run("forget", status=2).err


def test_forget_asks_on_a_terminal(run: Command, sample: Path) -> None:
    assert "for good? [y/N]" in on_a_terminal("forget", PUFFINS, say="n\n")
    assert len(sqlite_rows(sample, "SELECT * FROM article_overview")) == 19
    assert "Forgotten: " in on_a_terminal("forget", PUFFINS, "--yes")
    assert len(sqlite_rows(sample, "SELECT * FROM article_overview")) == 18


def sqlite_rows(folder: Path, statement: str) -> list[object]:
    with closing(sqlite3.connect(folder / "wirecopy.db")) as conn:
        return conn.execute(statement).fetchall()


# --- refresh, database -----------------------------------------------------------------------------


def test_refresh_with_nothing_to_do_changes_nothing(run: Command, sample: Path) -> None:
    before = run("stories", "--alone", "--json").out
    assert "Stored: 19 articles, 12 stories" in run("refresh").out
    assert run("stories", "--alone", "--json").out == before


def test_the_schema_is_brought_up_to_date_and_checked(run: Command, home: Path) -> None:
    version = re.search(r"at (\w+)\.", run("db", "upgrade").out)[1]  # type: ignore[index]
    assert version in run("db", "check").out
    assert version in run("db", "upgrade").out
    assert "No stories" in run("stories").out


def test_the_environment_wins_over_the_file(run: Command, sown: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (sown / "wirecopy.toml").write_text('database_url = "sqlite:///file.db"\n', "utf-8")
    monkeypatch.setenv("WIRECOPY_DATABASE_URL", "sqlite:///environment.db")
    run("run")
    assert (sown / "environment.db").exists()
    assert not (sown / "file.db").exists()
    monkeypatch.delenv("WIRECOPY_DATABASE_URL")
    run("db", "upgrade")
    assert (sown / "file.db").exists()
    assert not (sown / "wirecopy.db").exists()


# --- what a terminal is given ----------------------------------------------------------------------

HOSTILE = "[bold red]Vote[/] :thumbs_up: \x1b]0;owned\x07\x1b[31mred \x9b31m\u202eesrever\u2066 \\[x]"
QUOTED = "The harbour\x1b[2J master said that the third \x9bcable [b]of[/b] the \u202enorthern bridge had been worn for years."


@pytest.fixture
def hostile(run: Command, home: Path) -> Path:
    """Two outlets whose titles, names and texts speak to a terminal."""
    for number in (1, 2):
        folder = home / "in" / f"out{number}"
        folder.mkdir(parents=True)
        text = f"{QUOTED} {QUOTED.replace('third', 'fourth')}\n\nWritten by hand, number {number}, and by nobody else at all."
        record = {"id": f"a\x1b[1m{number}", "title": HOSTILE, "source": f"[u]Out\x1b[5m{number}", "text": text}
        (folder / "records.jsonl").write_text(json.dumps(record) + '\n{"id": "\\u001b[7mbad"}\n', "utf-8")
        (folder / "text.txt").write_text(text, "utf-8")
    run("run", "in")
    return home


_OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def test_texts_of_articles_give_no_orders_to_the_terminal(run: Command, hostile: Path) -> None:
    stories = json.loads(run("stories", "--json").out)
    story = str(stories[0]["story_id"])
    commands = (
        ("stories",),
        ("stories", "--json"),
        ("show", story),
        ("show", story, "--all"),
        ("show", story, "--json"),
        ("match", "in/out1/text.txt"),
        ("match", "in/out1/text.txt", "--json"),
        ("sources", "list"),
    )
    for command in commands:
        shown = run(*command).out
        assert not _OBEYED.search(shown), command
    checked = run("sources", "check", "in", status=1).out
    assert not _OBEYED.search(checked)
    assert "[bold red]Vote[/] :thumbs_up:" in checked, "markup and emoji codes are text"
    assert "\\[x]" in checked
    refused(run("show", "\x1b[31m", status=1))
    assert not _OBEYED.search(run("run", "no\x1b[31mwhere", status=2).err)


def test_json_holds_the_texts_unchanged(run: Command, hostile: Path) -> None:
    story = json.loads(run("stories", "--json").out)[0]
    members = json.loads(run("show", str(story["story_id"]), "--json").out)["members"]
    assert HOSTILE in {member["title"] for member in members}


def test_a_terminal_gets_colours_and_no_orders_of_others(hostile: Path) -> None:
    story = subprocess.run(
        [sys.executable, "-m", "flows", "stories", "--json"], cwd=hostile, capture_output=True, text=True, check=True
    )
    shown = on_a_terminal("show", str(json.loads(story.stdout)[0]["story_id"]))
    assert "\x1b[1m" in shown
    assert "[bold red]Vote[/]" in shown
    assert not _OBEYED.search(re.sub(r"\x1b\[[\d;]*m|\r\n", "", shown))
    assert not {"\x1b[5m", "\x1b[2J", "\x1b[31m"} & set(re.findall(r"\x1b\[[\d;]*\w", shown))


def on_a_terminal(*arguments: str, say: str = "") -> str:
    """What a command writes to a terminal, on which somebody types."""
    ours, theirs = pty.openpty()
    environment = dict(os.environ, TERM="xterm-256color", COLUMNS="100")
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(
        [sys.executable, "-m", "flows", *arguments], stdout=theirs, stderr=theirs, env=environment, stdin=theirs
    ):
        os.close(theirs)
        os.write(ours, say.encode())
        read = b""
        try:
            while chunk := os.read(ours, 65_536):
                read += chunk
        except OSError:  # how a terminal says that nobody writes any more
            pass
    os.close(ours)
    return read.decode("utf-8", "replace")


def test_small_things_of_the_terminal() -> None:
    assert visible("a\tb\n\x00c\x1b[1m\u202ed") == "a b \ufffdc\ufffd[1md"
    assert json.loads(visible_json(json.dumps("\x9b\u202e\x7f\x1b\n", ensure_ascii=False))) == "\x9b\u202e\x7f\x1b\n"
    assert shortened("one two, three", 10) == "one two …"
    assert shortened("one two", 7) == "one two"
    assert shortened("x" * 50, 10).endswith("…")
    assert headline({"headline": None}) == "(no text)"
    assert headline({"headline": "A title"}) == "A title"
    assert headline({"headline": "wor " * 20}).endswith("wor …")
    assert short_ids([1234567890, 1234567891, 42]) == ["1234567890", "1234567891", "42"]
    assert short_ids([1234567890]) == ["12345678"]
    assert short_ids([]) == []
    assert [plural(n, "story") for n in (0, 1, 2_000)] == ["0 stories", "1 story", "2,000 stories"]


# --- what is loaded --------------------------------------------------------------------------------


def loaded_by(folder: Path, *arguments: str) -> set[str]:
    """The packages that a command loads."""
    code = (
        "import sys\nfrom flows.cli import main\n"
        f"sys.argv = {['wirecopy', *arguments]!r}\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('\\nLOADED', *{name.split('.')[0] for name in sys.modules})\n"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("WIRECOPY_", "PREFECT_"))}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_help_loads_nothing_heavy(home: Path) -> None:
    heavy = {"prefect", "sqlalchemy", "trafilatura", "numpy", "pydantic_settings", "alembic", "scipy", "lxml", "pyarrow"}
    for command in (("--help",), ("run", "--help"), ("sources", "--help")):
        assert not loaded_by(home, *command) & heavy


def test_a_run_does_not_load_prefect(sown: Path) -> None:
    loaded = loaded_by(sown, "run")
    assert "sqlalchemy" in loaded
    assert not loaded & {"prefect", "fastapi"}
    assert not loaded_by(sown, "stories") & {"prefect", "fastapi", "trafilatura", "pyarrow"}


def test_nobody_else_ships_our_packages() -> None:
    shipped = importlib.metadata.packages_distributions()
    for package in ("pipeline", "db", "flows"):
        assert set(shipped.get(package, ["wirecopy"])) == {"wirecopy"}
        __import__(package)
        assert Path(sys.modules[package].__file__ or "").is_relative_to(ROOT)
