r"""Articles a second from a file to stored stories, beside a plain datasketch loop on the same articles.

    python benchmarks/throughput.py CORPUS.jsonl.gz [--articles N] [--repeat R] [--database URL]

Rounds alternate (wirecopy, loop, wirecopy, loop ...), so that a drift of the machine
hits both; only the ratios of one round mean anything.

* wirecopy: `wirecopy run` as a process of its own into a fresh SQLite file, start-up,
  reading, cleaning, storage and clusters included.
* loop: 5-word shingles of lower-cased `\w+` words, `MinHash(num_perm=128).update_batch`,
  `MinHashLSH(threshold=0.5)`, query then insert; texts in memory already, nothing
  stored, one process, start-up left out. It finds near-duplicate documents only.
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from datasketch import MinHash, MinHashLSH
from measuring import Timed, console, fresh_database, megabytes, print_table, read_corpus, run_wirecopy, write_corpus
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SHINGLE_WORDS = 5
PERMUTATIONS = 128
THRESHOLD = 0.5

_WORD = re.compile(r"\w+")


class Loop(NamedTuple):
    """A round of the loop: articles a second, and milliseconds of processor time an article."""

    rate: float
    cpu: float


def datasketch_loop(articles: Iterable[tuple[str, str]]) -> int:
    """Near-duplicates as users of datasketch look for them; returns how many were found."""
    lsh = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS)
    found = 0
    for key, text in articles:
        words = _WORD.findall(text.lower())
        sketch = MinHash(num_perm=PERMUTATIONS)
        sketch.update_batch({" ".join(words[k : k + SHINGLE_WORDS]).encode() for k in range(len(words) - SHINGLE_WORDS + 1)})
        found += bool(lsh.query(sketch))
        lsh.insert(key, sketch)
    return found


def spread(texts: Sequence[str], wanted: int, start: int) -> list[tuple[str, str]]:
    """So many articles, evenly over all; another `start` gives others."""
    step = max(1, len(texts) // wanted)
    return [(str(k), texts[k]) for k in range(start % step, len(texts), step)][:wanted]


def measure(corpus: Path, texts: Sequence[str], repeat: int, loop_articles: int, workers: int | None) -> list[tuple[Timed, Loop]]:
    """Each round's run of wirecopy and its loop."""
    rounds = []
    for number in range(repeat):
        with fresh_database() as url:
            run = run_wirecopy(url, corpus, workers=workers)
        sample = spread(texts, loop_articles, number)
        started, busy = time.perf_counter(), time.process_time()
        datasketch_loop(sample)
        loop = Loop(len(sample) / (time.perf_counter() - started), 1000 * (time.process_time() - busy) / len(sample))
        rounds.append((run, loop))
    return rounds


def rates_table(names_and_rates: Sequence[tuple[str, Sequence[float]]]) -> Table:
    """Smallest, median and largest of each."""
    table = Table()
    table.add_column("")
    for name in ("min", "median", "max"):
        table.add_column(name, justify="right")
    for name, rates in names_and_rates:
        table.add_row(name, *(f"{figure(rates):,.2f}" for figure in (min, statistics.median, max)))
    return table


def stages_table(runs: Sequence[Timed], articles: int) -> Table:
    """Seconds and milliseconds an article by stage, medians of all rounds."""
    table = Table()
    table.add_column("stage")
    table.add_column("seconds", justify="right")
    table.add_column("ms/article", justify="right")
    rows = {name: [run.stages.get(name, 0.0) for run in runs] for name in runs[0].stages}
    rows["start-up and the rest"] = [run.wall - run.work for run in runs]
    rows["all"] = [run.wall for run in runs]
    for name, seconds in rows.items():
        middle = statistics.median(seconds)
        table.add_row(name, f"{middle:.2f}", f"{1000 * middle / articles:.2f}")
    return table


def print_ratios(name: str, ratios: Sequence[float]) -> None:
    """The ratio of each round and their median."""
    console.print(f"{name} by round: {', '.join(f'{x:.2f}' for x in ratios)}; median {statistics.median(ratios):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", type=Path, help=".jsonl or .jsonl.gz with the fields id, source, published, title, url, text")
    parser.add_argument("--articles", type=int, help="only the first so many")
    parser.add_argument("--repeat", type=int, default=3, help="rounds (3)")
    parser.add_argument("--loop-articles", type=int, default=3000, help="articles that the loop is timed on in a round (3000)")
    parser.add_argument("--workers", type=int, help="processes of wirecopy; by default one a core")
    parser.add_argument("--database", help="also time a PostgreSQL: `pgserver` or postgresql://USER@HOST/DATABASE")
    options = parser.parse_args()
    if options.database and not options.database.startswith(("postgresql", "pgserver")):
        parser.error("--database is `pgserver` or a URL postgresql://...; SQLite is measured anyway")

    records = read_corpus(options.corpus, options.articles)
    texts = [record["text"] for record in records]
    with tempfile.TemporaryDirectory(prefix="wirecopy-corpus-") as folder:
        corpus = write_corpus(Path(folder) / "corpus.jsonl", records) if options.articles else options.corpus.resolve()
        del records
        rounds = measure(corpus, texts, options.repeat, options.loop_articles, options.workers)
        postgres = None
        if options.database:
            with fresh_database(options.database) as url:
                postgres = run_wirecopy(url, corpus, workers=options.workers)

    runs = [run for run, _ in rounds]
    rates = [len(texts) / run.wall for run in runs]
    looped = min(len(texts), options.loop_articles)
    console.print(f"{len(texts):,} articles, rounds: {options.repeat}; the loop is timed on {looped:,} of them in each")
    rows = [("wirecopy, end to end", rates), ("datasketch loop", [loop.rate for _, loop in rounds])]
    print_table("articles/s", rates_table(rows))
    print_ratios("ratio to the loop", [rate / loop.rate for rate, (_, loop) in zip(rates, rounds, strict=True)])
    spent = [1000 * run.cpu / len(texts) for run in runs]
    rows = [("wirecopy, all processes", spent), ("datasketch loop", [loop.cpu for _, loop in rounds])]
    print_table("processor time, ms/article (other work on the machine moves it less)", rates_table(rows))
    if all(spent):
        print_ratios("the loop's to wirecopy's", [loop.cpu / own for own, (_, loop) in zip(spent, rounds, strict=True)])
    print_table("wirecopy by stage, median of the rounds", stages_table(runs, len(texts)))
    tree, largest = max(run.tree_bytes for run in runs), max(run.largest_bytes for run in runs)
    console.print(f"peak memory: {megabytes(tree)} in all processes together, {megabytes(largest)} in the largest")
    totals = runs[-1].summary
    console.print(f"candidate pairs {totals['pairs']:,}, links {totals['links']:,}, capped buckets {totals['capped']:,}")
    if postgres:
        rate = len(texts) / postgres.wall
        ratio = rate / rounds[-1][1].rate
        console.print(f"PostgreSQL: {rate:,.0f} articles/s, {ratio:.2f} of the last round's loop, {postgres.wall:.1f} s")


if __name__ == "__main__":
    main()
