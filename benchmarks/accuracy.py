"""Accuracy on corpora with gold, beside baselines: passages, pairs of articles, stories, copy clusters.

    python benchmarks/accuracy.py [CORPUS ...] [--corpora FOLDER] [--limit N] [--markdown | --json]

Each corpus goes through `wirecopy run` and one `wirecopy refresh`, processes of
their own with a fresh database. CORPUS is a name in the folder of corpora or a path
`NAME.jsonl.gz`; gold is looked for beside it: `NAME.passages.jsonl.gz` with the
fields left, right, passages ([{left: [start, end], right: [start, end]}]), and
`NAME.stories.jsonl.gz` with the fields id, story. Held-out corpora are measured
only where they are named. Pairs of one and the same named source are left out.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import tempfile
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from baselines import components, exact_matches, linked_stories, minhash_pairs
from measuring import (
    ROOT,
    console,
    fresh_database,
    markdown_table,
    print_table,
    read_corpus,
    refresh_wirecopy,
    run_wirecopy,
    write_corpus,
)
from metrics import Score, beyond_gold, cluster_scores, coverage, pair_score, passage_scores
from rich.table import Table

from pipeline.text import tokenize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from metrics import ArticlePair, Passages, Span
    from numpy.typing import NDArray

    from pipeline.records import Tokens

CORPORA = ROOT.parent / "shared" / "corpora"
MEASURED = ("fnc1-train", "basil", "abp-2015-2018")
"""Without a name on the command line. Others are held out: nothing was ever chosen by looking at them."""

ENDING = ".jsonl.gz"


# ---------------------------------------------------------------------- corpora


@dataclass
class Corpus:
    """Articles and their gold.

    Attributes:
        name: the file's, without its ending.
        articles: records by id.
        passages: gold passages by pair of articles; empty: there is no such gold.
        stories: gold story of each article.
    """

    name: str
    articles: dict[str, dict[str, Any]]
    passages: Passages
    stories: dict[str, str]

    def same_source(self, one: str, other: str) -> bool:
        """Both come from one and the same named source."""
        source = self.articles[one].get("source")
        return bool(source) and source == self.articles[other].get("source")


def load_corpus(path: Path, limit: int | None) -> Corpus:
    """The first articles of a corpus and the gold among them."""
    name = path.name.removesuffix(ENDING)
    articles = {record["id"]: record for record in read_corpus(path, limit)}
    passages: Passages = {}
    for item in _gold(path, "passages"):
        left, right = item["left"], item["right"]
        if left in articles and right in articles:
            spans = [(tuple(x["left"]), tuple(x["right"])) for x in item["passages"]]
            passages[min(left, right), max(left, right)] = spans if left < right else [(b, a) for a, b in spans]
    stories = {item["id"]: item["story"] for item in _gold(path, "stories") if item["id"] in articles}
    return Corpus(name, articles, passages, stories)


def _gold(path: Path, kind: str) -> list[dict[str, Any]]:
    gold = path.with_name(f"{path.name.removesuffix(ENDING)}.{kind}{ENDING}")
    return read_corpus(gold) if gold.is_file() else []


# --------------------------------------------------------------------- wirecopy


@dataclass
class Stored:
    """What a database holds of a corpus, through the views, by the corpus's own ids.

    Attributes:
        passages: alignments by pair of articles; one source's are left out.
        removed: spans that were cut or masked, by article.
        stories, clusters: the story and the copy cluster of each article.
    """

    passages: Passages = field(default_factory=lambda: defaultdict(list))
    removed: dict[str, list[Span]] = field(default_factory=lambda: defaultdict(list))
    stories: dict[str, int] = field(default_factory=dict)
    clusters: dict[str, int | None] = field(default_factory=dict)


def read_stored(database: Path, corpus: Corpus) -> Stored:
    """Reads a database that holds the records of one corpus."""
    stored, names = Stored(), {}
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as conn:
        for article, uri, story, cluster in conn.execute(
            "SELECT article_id, uri, story_id, copy_cluster_id FROM article_overview"
        ):
            key = names[article] = uri.rpartition("#")[2]
            stored.stories[key], stored.clusters[key] = story, cluster
        for article, start, end in conn.execute("SELECT article_id, raw_start, raw_end FROM removed_text"):
            stored.removed[names[article]].append((start, end))
        for left, left_start, left_end, right, right_start, right_end in conn.execute(
            "SELECT left_article_id, left_start, left_end, right_article_id, right_start, right_end FROM passage_alignment"
        ):
            sides = sorted(((names[left], (left_start, left_end)), (names[right], (right_start, right_end))))
            (one, span), (other, their_span) = sides
            if not corpus.same_source(one, other):
                stored.passages[one, other].append((span, their_span))
    return stored


def store(corpus: Corpus, url: str, workers: int | None) -> None:
    """One run over the articles and one refresh, as a user would."""
    with tempfile.TemporaryDirectory(prefix="wirecopy-corpus-") as folder:
        file = write_corpus(Path(folder) / f"{corpus.name}.jsonl", list(corpus.articles.values()))
        run_wirecopy(url, file, workers=workers)
    refresh_wirecopy(url, workers=workers)


# ---------------------------------------------------------------------- figures


class Row(NamedTuple):
    """A line of a table: what is measured, of which system."""

    what: str
    system: str
    score: Score


@dataclass(frozen=True)
class Result:
    """The table of one corpus, and what stands beside it.

    Attributes:
        matched_recall: of the gold characters that were neither cut nor masked; excluded: the share that was.
        outside: pairs of articles with an alignment that the gold does not have.
        beyond: shares of the aligned characters, as `metrics.beyond_gold` gives them.
    """

    corpus: str
    articles: int
    gold_pairs: int
    gold_stories: int
    rows: Sequence[Row]
    matched_recall: float | None
    excluded: float | None
    outside: int
    beyond: Mapping[str, float]

    @property
    def notes(self) -> list[str]:
        """What the table does not show."""
        if not self.gold_pairs:
            return []
        gold, around, beside, none = map(_percent, self.beyond.values())
        return [
            f"Of the gold characters {_percent(self.excluded)} were cut or masked as page furniture; of the others "
            f"{_percent(self.matched_recall)} are covered.",
            f"Of the aligned characters {gold} are gold; {around} stand in alignments that run over gold, {beside} in other "
            f"alignments of pairs with gold, {none} in the {self.outside:,} pairs without.",
        ]


def measure(corpus: Corpus, stored: Stored) -> Result:
    """All figures of one corpus, those of the baselines beside them."""
    tokens = {key: tokenize(record["text"]) for key, record in corpus.articles.items()}
    near = minhash_pairs({key: record["text"] for key, record in corpus.articles.items()})
    rows: list[Row] = []
    if corpus.passages:
        runs = exact_matches(list(tokens), list(tokens.values()))
        exact = {pair: spans for pair, spans in runs.items() if not corpus.same_source(*pair)}
        rows += _passage_rows(corpus, {"wirecopy": stored.passages, "exact 12 words": exact}, tokens)
        rows += _pair_rows(corpus, {"wirecopy": stored.passages, "exact 12 words": exact, "document MinHash": near})
    if corpus.stories:
        by_words = linked_stories({k: (x.get("title") or "", x["text"]) for k, x in corpus.articles.items()})
        rows += _cluster_rows(corpus, "stories", {"wirecopy": stored.stories, "TF-IDF linkage": by_words})
        rows += _cluster_rows(corpus, "copy clusters", {"wirecopy": stored.clusters, "document MinHash": components(near)})
    covered = coverage(corpus.passages, stored.passages, stored.removed)
    return Result(
        corpus=corpus.name,
        articles=len(corpus.articles),
        gold_pairs=len(corpus.passages),
        gold_stories=len(set(corpus.stories.values())),
        rows=rows,
        matched_recall=covered.recall,
        excluded=covered.excluded,
        outside=len(stored.passages.keys() - corpus.passages.keys()),
        beyond=beyond_gold(corpus.passages, stored.passages),
    )


def _passage_rows(corpus: Corpus, systems: Mapping[str, Passages], tokens: Mapping[str, Tokens]) -> list[Row]:
    quoted = _quoted_characters(corpus, tokens)
    scores = {system: passage_scores(corpus.passages, found, quoted) for system, found in systems.items()}
    kinds = ("all", "quoted", "unquoted", "macro")
    names = {kind: "passages, all, macro-averaged" if kind == "macro" else f"passages, {kind}" for kind in kinds}
    return [Row(names[kind], system, scores[system][kind]) for kind in kinds for system in systems]


def _quoted_characters(corpus: Corpus, tokens: Mapping[str, Tokens]) -> Callable[[str], NDArray[np.bool_]]:
    """For each character of an article, whether its token is quoted; what follows a token goes with it."""

    @cache
    def quoted(key: str) -> NDArray[np.bool_]:
        own = tokens[key]
        bounds = np.concatenate(([0], own.starts[1:], [len(corpus.articles[key]["text"])])).astype(np.int64)
        return np.repeat(own.quoted, np.diff(bounds))

    return quoted


def _pair_rows(corpus: Corpus, systems: Mapping[str, Iterable[ArticlePair]]) -> list[Row]:
    chosen = {system: {pair for pair in found if not corpus.same_source(*pair)} for system, found in systems.items()}
    return [Row("article pairs", system, pair_score(corpus.passages.keys(), found)) for system, found in chosen.items()]


def _cluster_rows(corpus: Corpus, what: str, systems: Mapping[str, Mapping[str, int | str | None]]) -> list[Row]:
    scores = {system: cluster_scores(corpus.stories, found) for system, found in systems.items()}
    return [Row(f"{what}, {kind}", system, scores[system][kind]) for kind in ("b-cubed", "pairwise") for system in systems]


# ----------------------------------------------------------------------- tables

COLUMNS = ("precision", "recall", "f1", "granularity", "plagdet", "ari")


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2f} %"


def _cells(score: Score) -> list[str]:
    values = [getattr(score, name) for name in COLUMNS]
    return ["" if value is None else f"{value:.4f}" for value in values]


def _title(result: Result) -> str:
    return (
        f"{result.corpus}: {result.articles:,} articles, {result.gold_pairs:,} gold pairs, {result.gold_stories:,} gold stories"
    )


def terminal_table(result: Result) -> Table:
    """The table of one corpus."""
    table = Table()
    for name in ("", "system"):
        table.add_column(name)
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for row, last in zip(result.rows, [*(x.what for x in result.rows[1:]), ""], strict=True):
        table.add_row(row.what, row.system, *_cells(row.score), end_section=row.what != last)
    return table


def markdown(result: Result) -> str:
    """The same for a page of docs/."""
    return "\n\n".join([f"### {_title(result)}", markdown_table(terminal_table(result)), *result.notes, ""])


def as_json(result: Result) -> dict[str, Any]:
    """The same for programs: scores by what is measured and by system."""
    rows: dict[str, dict[str, dict[str, float | None]]] = defaultdict(dict)
    for row in result.rows:
        rows[row.what][row.system] = {name: getattr(row.score, name) for name in COLUMNS}
    plain = ("corpus", "articles", "gold_pairs", "gold_stories", "matched_recall", "excluded", "outside", "beyond")
    return {name: getattr(result, name) for name in plain} | {"scores": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", nargs="*", default=MEASURED, help=f"names or paths of corpora ({', '.join(MEASURED)})")
    parser.add_argument("--corpora", type=Path, default=CORPORA, help="the folder of named corpora (../shared/corpora)")
    parser.add_argument("--limit", type=int, help="only the first so many articles of each, and the gold among them")
    parser.add_argument("--workers", type=int, help="processes of wirecopy; by default one a core")
    parser.add_argument("--database", type=Path, help="a new SQLite file that is kept; for one corpus")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print what docs/accuracy.md shows")
    form.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()

    paths = [options.corpora / f"{x}{ENDING}" if not x.endswith(ENDING) else Path(x) for x in options.corpus]
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        parser.error(f"no corpus at {', '.join(missing)}; --corpora names their folder")
    if options.database and (len(paths) > 1 or options.database.exists()):
        parser.error("--database takes one corpus and a file that is not there yet")

    results = []
    for path in paths:
        corpus = load_corpus(path, options.limit)
        with fresh_database() as temporary:
            url = f"sqlite:///{options.database.resolve()}" if options.database else temporary
            store(corpus, url, options.workers)
            result = measure(corpus, read_stored(Path(url.removeprefix("sqlite:///")), corpus))
        results.append(result)
        if options.markdown:
            print(markdown(result))
        elif not options.json:
            print_table(_title(result), terminal_table(result))
            for note in result.notes:
                console.print(note)
    if options.json:
        print(json.dumps([as_json(result) for result in results], indent=1))


if __name__ == "__main__":
    main()
