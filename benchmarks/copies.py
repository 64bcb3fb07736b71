"""A report that n outlets carry: do stored rows and time grow linearly with n?

    python benchmarks/copies.py [--sizes 500,1000,2000] [--seed 1] [--profile]

The report is put together from the sample in seeds/. Every copy is trimmed from
the bottom, and a few of its sentences lose, gain or change a word; half of the
copies have a date. Each size gets a fresh database; the copies of a size are the
first ones of the next. The last column is the exponent of growth: 1 is linear.
"""

from __future__ import annotations

import argparse
import cProfile
import datetime as dt
import pstats
import random
import re
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measuring import ROOT, Timed, console, fresh_database, growth, print_table, run_wirecopy, write_corpus
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SAMPLE = ROOT / "seeds" / "kestrania-broadcast"
PARAGRAPH_WORDS = 25
"""A shorter paragraph of the sample is a title, a date or a credit."""

KEPT_AT_LEAST = 0.4
"""Share of its sentences that every copy keeps."""

EDITED = 0.1
"""Share of the sentences that a copy changes."""

FIRST_DAY = dt.datetime(2026, 4, 14, 9, 0, tzinfo=dt.UTC)
HOURS = 96


def report(words: int) -> list[str]:
    """The sentences of a report of about so many words, paragraphs ending in a blank line."""
    sentences: list[str] = []
    count = 0
    for file in sorted(SAMPLE.glob("*.txt"), reverse=True):
        for paragraph in re.split(r"\n\s*\n", file.read_text(encoding="utf-8")):
            if len(paragraph.split()) < PARAGRAPH_WORDS or paragraph.startswith("("):
                continue
            found = re.split(r"(?<=[.!?])\s+", paragraph.strip())
            sentences += [*(f"{sentence} " for sentence in found[:-1]), f"{found[-1]}\n\n"]
            count += len(paragraph.split())
            if count >= words:
                return sentences
    return sentences


def edited(sentence: str, dice: random.Random, vocabulary: Sequence[str]) -> str:
    """The sentence with a word less, a word more or another word."""
    words = sentence.split(" ")
    at = dice.randrange(max(1, len(words) - 1))
    change = dice.choice(("less", "more", "other"))
    words[at : at + (change != "more")] = [] if change == "less" else [dice.choice(vocabulary)]
    return " ".join(words)


def copy_of(sentences: Sequence[str], number: int, seed: int) -> dict[str, Any]:
    """The report as outlet `number` prints it; the same whatever else is made."""
    dice = random.Random(f"{seed}/{number}")
    vocabulary = [word for sentence in sentences for word in sentence.split() if word.isalpha()]
    kept = sentences[: round(len(sentences) * dice.uniform(KEPT_AT_LEAST, 1.0))]
    text = "".join(edited(s, dice, vocabulary) if dice.random() < EDITED else s for s in kept)
    time = FIRST_DAY + dt.timedelta(minutes=dice.randrange(HOURS * 60))
    return {
        "id": f"copy-{number:06}",
        "source": f"outlet-{number:06}.example",
        "published": time.isoformat() if number % 2 else None,
        "title": f"Copy {number}",
        "url": f"https://outlet-{number:06}.example/report",
        "text": text.strip(),
    }


def stored_rows(database: str) -> dict[str, int]:
    """Rows by table, empty ones left out."""
    with closing(sqlite3.connect(database.removeprefix("sqlite:///"))) as conn:
        names = [row[0] for row in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        counted = {name: conn.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}  # noqa: S608
    return {name: count for name, count in counted.items() if count and not name.startswith(("sqlite", "alembic"))}


def figures(run: Timed, rows: Mapping[str, int]) -> dict[str, float]:
    """What the table shows of one size."""
    table = {f"rows: {name}": float(count) for name, count in rows.items()}
    table |= {"rows: all": float(sum(rows.values()))}
    table |= {"candidate pairs": float(run.summary["pairs"]), "capped buckets": float(run.summary["capped"])}
    table |= {f"seconds: {name}": seconds for name, seconds in run.stages.items()}
    return table | {"seconds: all stages": run.work, "seconds: wall": run.wall, "seconds: processor": run.cpu}


def growth_table(sizes: Sequence[int], found: Sequence[Mapping[str, float]]) -> Table:
    """A row a figure, a column a size, and how it grows."""
    table = Table()
    table.add_column("")
    for size in sizes:
        table.add_column(f"n = {size:,}", justify="right")
    table.add_column("exponent", justify="right")
    for name in dict.fromkeys(name for item in found for name in item):
        values = [item.get(name, 0.0) for item in found]
        exponent = growth(sizes, values)
        shown = [f"{value:.2f}" if name.startswith("seconds") else f"{value:,.0f}" for value in values]
        table.add_row(name, *shown, "" if exponent is None else f"{exponent:.2f}")
    return table


def profile(folder: Path) -> None:
    """Runs in this process and prints where it spends its time; what workers do is not in it."""
    from flows.settings import load_settings
    from flows.steps import run_sources

    with fresh_database() as url, cProfile.Profile() as profiler:
        run_sources(load_settings(database_url=url), [folder])
    pstats.Stats(profiler).sort_stats("cumulative").print_stats(40)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="500,1000,2000", help="numbers of copies (500,1000,2000)")
    parser.add_argument("--words", type=int, default=600, help="of the report (600)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, help="processes of wirecopy; by default one a core")
    parser.add_argument("--profile", action="store_true", help="instead: profile a run over the largest size")
    options = parser.parse_args()

    sizes = sorted(int(size) for size in options.sizes.split(","))
    sentences = report(options.words)
    copies = [copy_of(sentences, number, options.seed) for number in range(sizes[-1])]
    console.print(f"a report of {sum(len(s.split()) for s in sentences)} words, {len(sentences)} sentences")
    found = []
    with tempfile.TemporaryDirectory(prefix="wirecopy-copies-") as folder:
        if options.profile:
            profile(write_corpus(Path(folder) / "largest" / "copies.jsonl", copies).parent)
            return
        for size in sizes:
            path = write_corpus(Path(folder) / str(size) / "copies.jsonl", copies[:size])
            with fresh_database() as url:
                run = run_wirecopy(url, path.parent, workers=options.workers)
                found.append(figures(run, stored_rows(url)))
    print_table("one report, carried by n outlets", growth_table(sizes, found))


if __name__ == "__main__":
    main()
