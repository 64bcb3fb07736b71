"""Two articles side by side: what is compared, and what `diff` prints of it."""

from __future__ import annotations

import json
import random
import re
import shutil
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from commands import Result, assert_refused, clear_settings, wirecopy
from helpers import run_folder, sentence, sqlite_url, words, write_jsonl
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from db import queries
from db.engine import open_engine, reading
from flows.comparing import difference_lines, find_difference
from pipeline.compare import Comparison, Interval, Shared, compare
from pipeline.text import tokenize

ROOT = Path(__file__).parent.parent
BRIDGE, OTHER_BRIDGE = "001_lantern-bridge-span-drops.txt", "000_span-falls-at-harbour-mouth.txt"
ISLAND, LANTERN = "016_partner-desk.jsonl#gib-0330-1", "003_bridge-jams-harbour.html"
FERRY, PUFFINS = "004_what-the-ferry-saw.txt", "015_puffin-count.txt"

Command = Callable[..., Result]


# --- what is compared ------------------------------------------------------------------------------

_WORD = st.sampled_from(
    ["ship", "Harbour", "tide", "quay", "gull", "réseau", "港口", "\u202emast", "...", "“x”", "\n", "\n\n", "a\u0301b"]
)
_TEXTS = st.lists(_WORD, max_size=30).map(" ".join)


@st.composite
def compared(draw: st.DrawFn) -> tuple[str, str, list[Shared]]:
    """Two texts and spans of tokens in each, which may overlap and cross, as links do."""
    texts = [draw(_TEXTS), draw(_TEXTS)]
    tokens = [tokenize(text) for text in texts]
    shared: list[Shared] = []
    for _ in range(draw(st.integers(0, 5)) if min(map(len, tokens)) else 0):
        spans = []
        for found in tokens:
            first = draw(st.integers(0, len(found) - 1))
            last = draw(st.integers(first, len(found) - 1))
            spans.append((int(found.starts[first]), int(found.ends[last])))
        shared.append(Shared(*spans))
    return texts[0], texts[1], shared


@given(compared())
def test_each_side_of_the_rows_is_the_text_again(case: tuple[str, str, list[Shared]]) -> None:
    *texts, shared = case
    rows = compare(*texts, shared).rows
    for side, text in enumerate(texts, 1):
        pieces = [piece for row in rows for piece in row[side]]
        assert "".join(text[piece.start : piece.end] for piece in pieces) == text
        assert all(piece.start < piece.end for piece in pieces)
        assert all(one.end == other.start for one, other in pairwise(pieces))


@given(compared())
def test_pieces_belong_to_the_passages_that_cover_them(case: tuple[str, str, list[Shared]]) -> None:
    *texts, shared = case
    comparison = compare(*texts, shared)
    for side in (0, 1):
        pieces = [piece for row in comparison.rows for piece in row[side + 1]]
        for number, item in enumerate(shared, 1):
            own = [piece for piece in pieces if number in piece.passages]
            assert (own[0].start, own[-1].end) == item[side]
            assert sum(piece.end - piece.start for piece in own) == item[side][1] - item[side][0]
        assert not any(piece.differs and not piece.passages for piece in pieces)


@given(compared())
def test_words_that_do_not_differ_are_the_same_on_both_sides(case: tuple[str, str, list[Shared]]) -> None:
    *texts, shared = case
    comparison = compare(*texts, shared)
    for number, item in enumerate(shared):
        kept = [kept_words(texts[side], item[side], differing(comparison, side)[number]) for side in (0, 1)]
        assert kept[0] == kept[1]


def differing(comparison: Comparison, side: int) -> tuple[tuple[Interval, ...], ...]:
    return (comparison.left_differing, comparison.right_differing)[side]


def kept_words(text: str, span: Interval, left_out: tuple[Interval, ...]) -> list[int]:
    """The hashes of the words of a span that are in no interval."""
    found = tokenize(text)
    return [
        int(code)
        for code, start in zip(found.hashes, found.starts, strict=True)
        if span[0] <= start < span[1] and not any(a <= start < b for a, b in left_out)
    ]


@given(compared())
def test_rows_of_their_own_are_in_order_on_both_sides(case: tuple[str, str, list[Shared]]) -> None:
    *texts, shared = case
    rows = compare(*texts, shared).rows
    own = [row for row in rows if row.passage]
    assert bool(own) is bool(shared)
    for row in own:
        for side in (1, 2):
            assert row.passage in {number for piece in row[side] for number in piece.passages}


def test_edits_are_found_word_by_word() -> None:
    one = "The span fell almost four metres on Saturday, officials said"
    other = "the span had dropped four METRES on Saturday – officials then said"
    found = compare(one, other, [Shared((0, len(one)), (0, len(other)))])
    assert [one[a:b] for a, b in found.left_differing[0]] == ["fell almost"]
    assert [other[a:b] for a, b in found.right_differing[0]] == ["had dropped", "then"]


def test_a_word_of_two_passages_differs_if_it_does_in_both() -> None:
    one, other = "alpha beta gamma delta", "alpha beta x delta, again: beta gamma"
    whole, part = Shared((0, 22), (0, 18)), Shared((6, 16), (27, 37))
    found = compare(one, other, [whole, part])
    assert [one[a:b] for a, b in found.left_differing[0]] == ["gamma"]
    assert not any(piece.differs for row in found.rows for piece in row.left)


def test_passages_that_cross_stand_where_they_are() -> None:
    one, other = "aa bb cc dd. ee ff", "ee ff; aa bb cc dd"
    found = compare(one, other, [Shared((0, 11), (7, 18)), Shared((13, 18), (0, 5))])
    assert [row.passage for row in found.rows] == [0, 1, 0]
    assert [{n for piece in row.right for n in piece.passages} for row in found.rows] == [{2}, {1}, set()]
    assert one[found.rows[1].left[0].start : found.rows[1].left[-1].end] == "aa bb cc dd."


def test_long_texts_of_few_words_are_compared_soon() -> None:
    chance = random.Random(4)
    one = " ".join(chance.choices(["a", "b"], k=1_500))
    for other in (one, one.replace("a", "c"), one[400:] + one[:400], "a " * 1_500):
        began = time.monotonic()
        compare(one, other, [Shared((0, len(one)), (0, len(other)))])
        assert time.monotonic() - began < 20


# --- the command -----------------------------------------------------------------------------------


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
def sample(run: Command, sample_database: Path) -> None:
    """The sample in the working directory."""
    shutil.copy(sample_database, "wirecopy.db")


@pytest.mark.usefixtures("sample")
def test_two_copies_stand_side_by_side(run: Command) -> None:
    shown = run("diff", ISLAND, LANTERN).out
    for part in (
        "Gullavar Bulletin",
        "Island wakes to a quiet road",
        "2026-03-30 05:30, 150 words, copied 36 %",
        "They share 2 passages of 51 words",
        "{on Saturday}",
        "{seen by Sabelline}",
        "(25 words)",
    ):
        assert part in shown
    (line,) = [line for line in shown.splitlines() if "[1 wire]" in line and "legend" not in line and "…" not in line]
    assert line.count("[1 wire] The span had been raised") == 2
    for number in (1, 2):
        assert shown.count(f"[{number} wire]") == 2 + (number == 1)
        assert shown.count(f"[/{number}]") == 2 + (number == 1)


@pytest.mark.usefixtures("sample")
def test_every_kind_has_its_name(run: Command) -> None:
    assert "quote]" in run("diff", BRIDGE, OTHER_BRIDGE).out
    engine = open_engine("sqlite:///wirecopy.db")
    with reading(engine) as conn:
        background = next(row for row in queries.rows_of(conn, "article_pair") if row["recycled_chars"])
    engine.dispose()
    assert "[1 wire, recycled]" in run("diff", str(background["left_article_id"]), str(background["right_article_id"])).out


@pytest.mark.usefixtures("sample")
def test_full_shows_all_of_both_texts(run: Command) -> None:
    record = json.loads(run("diff", ISLAND, LANTERN, "--json").out)
    left_out = re.compile(r"\(\d+ words\)")
    assert left_out.search(run("diff", ISLAND, LANTERN).out)
    shown = run("diff", ISLAND, LANTERN, "--full").out
    assert not left_out.search(shown)
    for side in ("left", "right"):
        for word in set(record[side]["clean_text"].split()):
            assert word.strip(",.”“") in shown


@pytest.mark.usefixtures("sample")
def test_the_words_that_are_left_out_are_counted(run: Command) -> None:
    record = json.loads(run("diff", ISLAND, LANTERN, "--json").out)
    lines = run("diff", ISLAND, LANTERN).out.split("\n\n")[-1].splitlines()
    for side, part in (("left", slice(0, 50)), ("right", slice(50, None))):
        column = " ".join(line[part] for line in lines)
        left_out = sum(map(int, re.findall(r"\((\d+) +words\)", column)))
        column = re.sub(r"\[\d wire\]|\[/\d\]|\(\d+ +words\)", "", column)
        assert left_out
        assert len(tokenize(column)) + left_out == len(tokenize(record[side]["clean_text"]))


@pytest.mark.usefixtures("sample")
def test_json_has_places_texts_and_edits(run: Command) -> None:
    record = json.loads(run("diff", ISLAND, LANTERN, "--json").out)
    swapped = json.loads(run("diff", LANTERN, ISLAND, "--json").out)
    assert record["left"] == swapped["right"]
    assert record["pair"] == swapped["pair"]
    assert record["pair"]["left_article_id"] == record["right"]["article_id"], "the earlier one is the pair's left"
    assert [passage["number"] for passage in record["passages"]] == [1, 2]
    for passage in record["passages"]:
        for side in ("left", "right"):
            place = passage[side]
            assert record[side]["clean_text"][place["start_char"] : place["end_char"]] == place["text"]
    first = record["passages"][0]["left"]
    assert [record["left"]["clean_text"][a:b] for a, b in first["differing"]] == ["on Saturday"]
    assert [row["rule"] for row in record["right"]["removed"]] == ["dateline"]


@pytest.mark.usefixtures("sample")
def test_what_was_removed_is_shown_when_asked_for(run: Command) -> None:
    assert "cut (timestamp)" not in run("diff", BRIDGE, OTHER_BRIDGE).out
    shown = run("diff", BRIDGE, OTHER_BRIDGE, "--removed").out
    assert "cut (timestamp)" in shown
    assert "masked (dateline)" in shown


@pytest.mark.usefixtures("sample")
def test_articles_that_share_nothing_say_so(run: Command) -> None:
    shown = run("diff", FERRY, PUFFINS).out
    assert "They share no passage. `--full` shows their texts." in shown
    assert "Harbour Gazette" in shown
    assert "[1" not in shown
    record = json.loads(run("diff", FERRY, PUFFINS, "--json").out)
    assert record["pair"] is None
    assert record["passages"] == []
    assert record["left"]["clean_text"].split()[-1] in run("diff", FERRY, PUFFINS, "--full").out


@pytest.mark.usefixtures("sample")
def test_what_is_not_there_ambiguous_or_the_same(run: Command) -> None:
    assert_refused(run("diff", "nowhere.txt", FERRY, status=1), "'nowhere.txt'", "article_overview")
    assert_refused(run("diff", FERRY, ".txt", status=1), "more than one article", "give more of the uri")
    assert "both name the article" in run("diff", FERRY, FERRY, status=2).err
    article_id = json.loads(run("diff", FERRY, PUFFINS, "--json").out)["left"]["article_id"]
    assert "name another one" in run("diff", FERRY, str(article_id), status=2).err
    assert "Missing argument" in run("diff", FERRY, status=2).err


@pytest.mark.parametrize("width", [30, 60, 79, 80, 120])
@pytest.mark.usefixtures("sample")
def test_the_texts_fit_the_terminal(width: int, run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for extra in ((), ("--full",), ("--removed",)):
        lines = run("diff", BRIDGE, OTHER_BRIDGE, *extra).out.splitlines()
        assert max(map(len, lines)) <= width
        below = [line for line in lines if line.startswith("> ")]
        assert bool(below) is (width < 80 or bool(extra == ("--removed",)))


ENGLISH = "The harbour\x1b[2J master said that the third \x9bcable [b]of[/b] the \u202enorthern bridge had been worn :cat: too."
CHINESE = "全国人民代表大会常务委员会周二在北京举行会议，讨论了关于港口安全和渡轮运营的新法律草案，预计将于明年春季表决。"
ARABIC = "قال رئيس الوزراء يوم الثلاثاء إن الحكومة ستعيد فتح الميناء القديم أمام السفن التجارية بعد تسعة أيام من الإغلاق الشديد."
EDITS = {"en": (ENGLISH, "third", "fourth"), "zh": (CHINESE, "讨论", "审议"), "ar": (ARABIC, "القديم", "\u202eالجديد\u202c")}
_OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize("width", [40, 100])
def test_any_script_and_no_orders_to_the_terminal(width: int, run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for side in (0, 1):
        records = [
            {
                "id": key,
                "source": f"\x1b[5m{side}",
                "title": text[:9],
                "text": f"{words((key, side), 5)}\n\n{text.replace(old, new) if side else text}",
            }
            for key, (text, old, new) in EDITS.items()
        ]
        write_jsonl(Path("in") / f"{side}.jsonl", records)
    run("run", "in")
    monkeypatch.setenv("COLUMNS", str(width))
    for key, (_, old, new) in EDITS.items():
        for extra in ((), ("--json",)):
            shown = run("diff", f"0.jsonl#{key}", f"1.jsonl#{key}", *extra).out
            assert not _OBEYED.search(shown)
        shown = run("diff", f"0.jsonl#{key}", f"1.jsonl#{key}").out
        assert max(map(cell_len, shown.splitlines())) <= width
        record = json.loads(run("diff", f"0.jsonl#{key}", f"1.jsonl#{key}", "--json").out)
        for side, edit in (("left", old), ("right", new)):
            text = record[side]["clean_text"]
            (found,) = {_OBEYED.sub("", text[a:b]) for passage in record["passages"] for a, b in passage[side]["differing"]}
            assert found == _OBEYED.sub("", edit)
            if key != "zh":  # a line may end inside of a Chinese word
                assert f"{{{found}}}" in shown
    assert ":cat:" in run("diff", "0.jsonl#en", "1.jsonl#en").out
    assert "[b]of[/b]" in run("diff", "0.jsonl#en", "1.jsonl#en").out


def test_a_terminal_gets_the_edits_underlined(sample_database: Path) -> None:
    from rich.console import Console

    engine = open_engine(sqlite_url(sample_database))
    with reading(engine) as conn:
        found = find_difference(conn, *(queries.find_article(conn, name) for name in (ISLAND, LANTERN)))
    engine.dispose()
    out = Console(width=100, force_terminal=True, color_system="standard", highlight=False, no_color=True)
    with out.capture() as captured:
        out.print(difference_lines(found, width=100))
    assert re.search(r"\x1b\[1;4m(on )?Saturday", captured.get()), "without colours too"
    assert "{" not in captured.get()


def test_two_long_articles_are_compared_in_time(run: Command) -> None:
    one = [sentence(k, 20) for k in range(250)]
    other = [text if k % 3 else text.replace(text.split()[9], "altered") for k, text in enumerate(one)]
    for name, sentences in (("a", one), ("b", other)):
        write_jsonl(Path("in") / f"{name}.jsonl", [{"id": "1", "text": "\n\n".join(sentences)}])
    run("run", "in")
    began = time.monotonic()
    shown = run("diff", "a.jsonl#1", "b.jsonl#1").out
    assert time.monotonic() - began < 10, "some 0.5 s where nothing else runs"
    assert shown.count("{altered}") == 84
