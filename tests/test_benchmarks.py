"""That the benchmarks run, on a handful of articles; their figures are for the eye."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

SHARED = (
    "Harbour pilots in Vessmark refused to board any tanker on Friday after a tow line parted and tore the rail off "
    "their cutter, leaving nine vessels at anchor in the roads and a refinery with fuel for less than four days."
)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Thirty articles, each with the shared report and a sentence of its own."""
    file = tmp_path / "corpus.jsonl"
    records = [
        {
            "id": f"a{k}",
            "source": f"outlet-{k % 3}",
            "published": f"2026-05-{k + 1:02}",
            "title": f"Pilots {k}",
            "url": f"https://outlet-{k % 3}.example/{k}",
            "text": f"{SHARED}\n\nCorrespondent number {k} counted {k * 7} gulls on mooring post {k * 11} before breakfast.",
        }
        for k in range(30)
    ]
    file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return file


def run_benchmark(name: str, *arguments: object) -> str:
    command = [sys.executable, str(ROOT / "benchmarks" / name), *map(str, arguments)]
    environment = os.environ | {"WIRECOPY_DATABASE_URL": "sqlite:////nowhere/wirecopy.db", "WIRECOPY_WORKERS": "no number"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_throughput_prints_both_rates_their_ratio_and_the_memory(corpus: Path) -> None:
    out = run_benchmark("throughput.py", corpus, "--articles", 20, "--repeat", 1, "--loop-articles", 10, "--workers", 1)
    assert "20 articles, rounds: 1; the loop is timed on 10 of them" in out
    for text in ("wirecopy, end to end", "datasketch loop", "ratio to the loop by round", "median", "read and clean"):
        assert text in out
    assert "links 190" in out  # every two of the twenty share the report
    if Path("/proc/self/status").exists():
        line = next(line for line in out.splitlines() if line.startswith("peak memory"))
        together, largest = (int(word.replace(",", "")) for word in line.split() if word.replace(",", "").isdigit())
        assert 50 <= largest <= 1000
        assert 50 <= together <= 2000


def test_throughput_refuses_another_database_than_postgres(corpus: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "throughput.py"), str(corpus), "--database", "sqlite:///x.db"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "pgserver" in done.stderr


def test_copies_prints_rows_seconds_and_growth() -> None:
    out = run_benchmark("copies.py", "--sizes", "6,12", "--words", 200, "--workers", 1)
    for text in ("n = 6", "n = 12", "exponent", "rows: link", "candidate pairs", "seconds: all stages"):
        assert text in out
    articles = next(line for line in out.splitlines() if "rows: article" in line)
    assert [cell.strip() for cell in articles.strip("│").split("│")] == ["rows: article", "6", "12", "1.00"]


def test_incremental_prints_each_run(corpus: Path) -> None:
    out = run_benchmark("incremental.py", corpus, "--articles", 12, "--batch", 4, "--sizes", "", "--workers", 1)
    assert "ms/article" in out
    assert "pairs/article" in out
    assert "the run with 4 new ones" in out
    assert "save articles" in out


def test_kinds_judges_labelled_passages_and_lists_what_it_has_otherwise(corpus: Path, tmp_path: Path) -> None:
    spans = {"left_span": [0, len(SHARED)], "right_span": [0, len(SHARED)]}
    labels = [
        {"left": "a0", "right": "a1", "marked": "neither", "label": "wire", **spans},
        {"left": "a5", "right": "a3", "marked": "one", "label": "quote", **spans},
        {"left": "a6", "right": "a7", "marked": "one", "label": "unclear", **spans},
    ]
    file = tmp_path / "labels.jsonl"
    file.write_text("".join(json.dumps(label) + "\n" for label in labels), encoding="utf-8")
    found = json.loads(run_benchmark("kinds.py", corpus, "--labels", file, "--json"))
    assert (found["labels"], found["judged"], found["without a link"]) == (3, 2, 0)
    assert (found["recall of wire"], found["recall of quote"]) == (1.0, 0.0)
    assert found["precision of wire"] == round(626 / (626 + 878 / 2), 4)
    out = run_benchmark("kinds.py", corpus, "--labels", file, "--list")
    assert "unclear" in out
    assert '"left": "a5"' in out


@pytest.mark.slow
def test_accuracy_prints_a_table_a_corpus(corpus: Path) -> None:
    records = [json.loads(line) for line in corpus.read_text("utf-8").splitlines()[:6]]
    pairs = [
        (one["id"], other["id"]) for k, one in enumerate(records) for other in records[:k] if one["source"] != other["source"]
    ]
    span = [0, len(SHARED) - 1]
    gold = {
        "": records,
        ".passages": [{"left": a, "right": b, "passages": [{"left": span, "right": span}]} for a, b in pairs],
        ".stories": [{"id": record["id"], "story": "pilots"} for record in records],
    }
    for kind, rows in gold.items():
        with gzip.open(corpus.parent / f"pilots{kind}.jsonl.gz", "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    pilots = corpus.parent / "pilots.jsonl.gz"

    (found,) = json.loads(run_benchmark("accuracy.py", pilots, "--json", "--workers", 1))
    assert (found["corpus"], found["articles"], found["gold_pairs"], found["gold_stories"]) == ("pilots", 6, 12, 1)
    scores = found["scores"]
    assert scores["article pairs"]["wirecopy"] == scores["article pairs"]["exact 12 words"]
    assert scores["article pairs"]["wirecopy"]["f1"] == scores["passages, all"]["wirecopy"]["recall"] == 1.0
    assert scores["passages, all"]["exact 12 words"]["plagdet"] > 0.9
    assert scores["passages, quoted"]["wirecopy"]["recall"] is None
    assert scores["stories, b-cubed"]["wirecopy"]["f1"] == scores["copy clusters, b-cubed"]["wirecopy"]["f1"] == 1.0

    arguments = ("pilots", "--corpora", corpus.parent, "--limit", 3, "--database", corpus.parent / "kept.db")
    page = run_benchmark("accuracy.py", *arguments, "--markdown", "--workers", 1)
    assert page.startswith("### pilots: 3 articles, 3 gold pairs, 1 gold stories\n")
    assert "| article pairs | wirecopy | 1.0000 | 1.0000 | 1.0000 |" in page
    assert (corpus.parent / "kept.db").is_file()


def test_accuracy_says_which_corpus_is_missing(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "accuracy.py"), "nowhere", "--corpora", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert f"no corpus at {tmp_path / 'nowhere.jsonl.gz'}" in done.stderr


def test_planted_prints_recall_beside_its_targets() -> None:
    out = run_benchmark(
        "planted.py", "--made-up", "--plants", 1, "--rates", "0,0.1", "--false", 5, "--match", "gap_tokens=12", "--show"
    )
    for text in (
        "30+ words",
        "12-30 in words",
        "lost by candidates",
        "boundary, words: median / p90",
        "reordered",
        "recall, 30+ words, 10 % edited",
    ):
        assert text in out
    assert "5 articles against" in out
    found = json.loads(run_benchmark("planted.py", "--made-up", "--plants", 1, "--rates", "0", "--false", 0, "--json"))
    assert found["cells"]["30+"]["all edited words"]["0"]["recall"] == 1.0


@pytest.mark.slow
def test_order_compares_ways_to_one_state(corpus: Path) -> None:
    out = run_benchmark("order.py", corpus, "--articles", 30, "--batches", 2, "--workers", 1)
    assert "FAIL" not in out
    ways = ("2 runs", "shuffled", "shuffled, 2 runs", "added, changed, removed, added back")
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in out.splitlines() if line.startswith("│")]
    assert [(row[0], row[5]) for row in rows if row[1] == "links"] == [(way, "PASS") for way in ways]
    assert {row[1] for row in rows} == {"links", "pairs", "shares", "passages", "copy clusters", "stories"}
    assert all(int(row[2]) > 0 for row in rows)


def test_candidates_prints_pairs_an_article(corpus: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "candidates.py"), str(corpus), "--sizes", "10"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, done.stderr  # all thirty share the report: every article meets every other
    assert "pairs/article" in done.stdout
    assert "FAIL (below 1)" in done.stdout
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in done.stdout.splitlines() if line.startswith("│")]
    assert [(row[0], row[2]) for row in rows] == [("10", "45"), ("30", "435")]
