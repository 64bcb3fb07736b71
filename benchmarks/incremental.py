"""What a run costs that has little to do, as the database grows.

    python benchmarks/incremental.py CORPUS.jsonl.gz [--articles N] [--batch 100] [--sizes 2000,5000,10000]

One database grows through the sizes. At each: a run that brings it there, a run
with nothing new, and a run with a batch of new articles on top, each a process of
its own. Times are those of the stages, start-up aside (`wall s` has it).
Articles come in the order of the corpus, or with `--shuffle` in any order, which
is the harder case: late-comers among the earliest of a large bucket.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measuring import Timed, fresh_database, megabytes, print_table, read_corpus, run_wirecopy, write_corpus
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Step:
    """The three runs at one size.

    Attributes:
        size: articles stored after the batch.
        grown: articles that the first run brought.
        growing, idle, batch: the runs.
    """

    size: int
    grown: int
    growing: Timed
    idle: Timed
    batch: Timed


def measure(records: Sequence[Mapping[str, Any]], sizes: Sequence[int], batch: int, workers: int | None) -> list[Step]:
    """Grows one database through the sizes."""
    steps = []
    with tempfile.TemporaryDirectory(prefix="wirecopy-corpus-") as folder, fresh_database() as url:
        source = Path(folder) / "corpus"
        stored = 0
        for size in sizes:
            write_corpus(source / f"{size:09}-first.jsonl", records[stored : size - batch])
            growing = run_wirecopy(url, source, workers=workers)
            idle = run_wirecopy(url, source, workers=workers)
            write_corpus(source / f"{size:09}-then.jsonl", records[size - batch : size])
            on_top = run_wirecopy(url, source, workers=workers)
            steps.append(Step(size, size - batch - stored, growing, idle, on_top))
            stored = size
    return steps


def runs_table(steps: Sequence[Step], batch: int) -> Table:
    """Milliseconds an article of every run, and how they compare."""
    table = Table()
    table.add_column("stored", justify="right")
    table.add_column("new", justify="right")
    for name in ("ms/article", "to first", "pairs/article", "links", "stages s", "wall s", "cpu s", "memory"):
        table.add_column(name, justify="right")
    first = 1000 * steps[0].growing.work / steps[0].grown
    for step in steps:
        for new, run in ((step.grown, step.growing), (0, step.idle), (batch, step.batch)):
            each = f"{1000 * run.work / new:.2f}" if new else "–"
            ratio = f"{1000 * run.work / new / first:.2f}" if new else "–"
            pairs = f"{run.summary['pairs'] / new:.1f}" if new else "–"
            seconds = (f"{run.work:.3f}", f"{run.wall:.2f}", f"{run.cpu:.2f}")
            stored = step.size if run is step.batch else step.size - batch
            table.add_row(
                f"{stored:,}", f"{new:,}", each, ratio, pairs, f"{run.summary['links']:,}", *seconds, megabytes(run.tree_bytes)
            )
        table.add_section()
    return table


def stages_table(steps: Sequence[Step]) -> Table:
    """Where the time of the runs with a batch goes."""
    table = Table()
    table.add_column("stage")
    for step in steps:
        table.add_column(f"{step.size:,}", justify="right")
    for name in dict.fromkeys(name for step in steps for name in step.batch.stages):
        table.add_row(name, *(f"{1000 * step.batch.stages.get(name, 0.0):,.0f}" for step in steps))
    return table


def profile(records: Sequence[Mapping[str, Any]], size: int, batch: int) -> None:
    """Brings a database to a size, then profiles in this process a run with a batch on top."""
    from flows.settings import load_settings
    from flows.steps import run_sources

    with tempfile.TemporaryDirectory(prefix="wirecopy-corpus-") as folder, fresh_database() as url:
        source = write_corpus(Path(folder) / "corpus" / "first.jsonl", records[: size - batch]).parent
        run_wirecopy(url, source)
        write_corpus(source / "then.jsonl", records[size - batch : size])
        with cProfile.Profile() as profiler:
            run_sources(load_settings(database_url=url), [source])
        pstats.Stats(profiler).sort_stats("cumulative").print_stats(50)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", type=Path, help=".jsonl or .jsonl.gz with the fields id, source, published, title, url, text")
    parser.add_argument("--articles", type=int, help="only the first so many; the last size")
    parser.add_argument("--batch", type=int, default=100, help="new articles on top (100)")
    parser.add_argument("--sizes", default="2000,5000,10000", help="sizes on the way (2000,5000,10000)")
    parser.add_argument("--shuffle", action="store_true", help="articles in any order, the same each time")
    parser.add_argument("--workers", type=int, help="processes of wirecopy; by default one a core")
    parser.add_argument("--profile", action="store_true", help="instead: profile the run with the batch at the last size")
    options = parser.parse_args()

    records = read_corpus(options.corpus, options.articles)
    if options.shuffle:
        random.Random(1).shuffle(records)
    between = {int(size) for size in options.sizes.split(",") if size}
    sizes = sorted({size for size in between if size < len(records)} | {len(records)})
    if min(after - before for before, after in zip([0, *sizes], sizes, strict=False)) <= options.batch:
        parser.error(f"the sizes {sizes} do not leave room for batches of {options.batch}")
    if options.profile:
        profile(records, sizes[-1], options.batch)
        return
    steps = measure(records, sizes, options.batch, options.workers)
    print_table("a run of many, of none and of few new articles", runs_table(steps, options.batch))
    print_table(f"the run with {options.batch:,} new ones, milliseconds by stage", stages_table(steps))


if __name__ == "__main__":
    main()
