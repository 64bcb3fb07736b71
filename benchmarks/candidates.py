"""Candidate pairs an article as the collection grows.

    python benchmarks/candidates.py CORPUS.jsonl.gz [--sizes 2000,5000,10000]

Each size is a part of the next one, chosen by chance and always the same. Only keys and
candidates are computed, in this process; what is compared afterwards costs in proportion.
An exponent of 0 says that an article meets as many others however many there are, 1 that
it meets a fixed share of them, which is what a collection of one and the same topic does.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from measuring import console, growth, print_table, read_corpus
from rich.table import Table

from pipeline.candidates import KeyIndex, propose
from pipeline.params import MatchParams
from pipeline.records import RawDocument, SketchedArticle, time_key
from pipeline.walk import prepare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

SEED = 1
BATCH = 500


class Size(NamedTuple):
    """What candidate search does at one size."""

    articles: int
    keys: int
    pairs: int
    capped: int
    seconds: float


def sketch_all(records: Sequence[Mapping[str, Any]], params: MatchParams) -> list[SketchedArticle]:
    """The articles with their keys; texts that give none are left out."""
    sketched: list[SketchedArticle] = []
    for at in range(0, len(records), BATCH):
        documents = [
            RawDocument(
                f"articles.jsonl#{x['id']}",
                "articles.jsonl",
                x["text"],
                "text/plain",
                {"published": x["published"]} if x.get("published") else {},
            )
            for x in records[at : at + BATCH]
        ]
        sketched += [item for item in prepare(documents, "corpus", params) if isinstance(item, SketchedArticle)]
    return sketched


def measure(articles: Sequence[SketchedArticle], params: MatchParams) -> Size:
    """Candidates among these articles."""
    started = time.perf_counter()
    ordered = sorted(articles, key=lambda x: time_key(x.article.published, x.article.article_id))
    found = propose(KeyIndex.build([x.sketch.keys for x in ordered]), np.ones(len(ordered), bool), params)
    keys = sum(len(x.sketch.keys) for x in ordered)
    return Size(len(ordered), keys, len(found.left), found.capped, time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", type=Path, help=".jsonl or .jsonl.gz with the fields id, published, text")
    parser.add_argument("--sizes", default="2000,5000,10000", help="sizes on the way to all (2000,5000,10000)")
    options = parser.parse_args()

    params = MatchParams()
    articles = sketch_all(read_corpus(options.corpus), params)
    random.Random(SEED).shuffle(articles)
    wanted = {int(size) for size in options.sizes.split(",") if size}
    found = [measure(articles[:size], params) for size in sorted({x for x in wanted if x < len(articles)} | {len(articles)})]
    table = Table()
    for name in ("articles", "keys/article", "candidate pairs", "pairs/article", "capped buckets", "seconds"):
        table.add_column(name, justify="right")
    for x in found:
        figures = (
            f"{x.keys / x.articles:.0f}",
            f"{x.pairs:,}",
            f"{x.pairs / x.articles:.2f}",
            f"{x.capped:,}",
            f"{x.seconds:.2f}",
        )
        table.add_row(f"{x.articles:,}", *figures)
    print_table("candidates as the collection grows", table)
    exponent = growth([x.articles for x in found], [x.pairs / x.articles for x in found])
    if exponent is None:
        console.print("one size, or none has candidates: no growth to speak of")
        return
    slower = exponent < 1
    console.print(
        f"pairs an article grow with the power {exponent:.2f} of the number of articles: {'PASS' if slower else 'FAIL'} (below 1)"
    )
    sys.exit(0 if slower else 1)


if __name__ == "__main__":
    main()
