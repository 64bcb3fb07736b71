"""That the benchmarks run, on a handful of articles; their figures are for the eye."""

from __future__ import annotations

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
