"""Does the way to a state leave traces? Order, batches, changes, removals: the same links, passages, groups.

    python benchmarks/order.py CORPUS.jsonl.gz [--articles 5000] [--batches 10] [--seed 1]

One run over all articles is compared with as many runs as batches, and both again
with the articles in another order. Then a database that has seen articles come,
change, go and come back is compared with a fresh one of the final state. Compared are
links, pairs, passages with their places, copy clusters and stories with their leads,
and shares; ids of clusters and stories carry over from run to run and are not.

All articles are lines of one file, so that each keeps its id wherever it stands.
`refresh` is never called: what it learns from all that is stored depends on when it is.
Exit status 1: something differs.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import sys
import tempfile
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measuring import console, fresh_database, print_table, read_corpus, run_wirecopy, write_corpus
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    Record = Mapping[str, Any]
    State = Sequence[Record]
    Rows = dict[str, set[Hashable]]

CHANGED, REMOVED = 0.05, 0.05
"""Share of the articles that each step of the history changes, and that it removes."""

FIRST_PART = 0.8
"""Share of the articles that the history begins with."""

SHOWN = 3

_PLAIN = {
    "links": "SELECT left_article_id, left_start, left_end, right_article_id, right_start, right_end, kind, recycled, tokens,"
    " similarity, evidence FROM passage_alignment",
    "pairs": "SELECT * FROM article_pair",
    "shares": "SELECT uri, token_count, char_count, shared_ratio, copied_ratio, original_chars FROM article_overview",
}
_GROUPED = {
    "passages": (
        "SELECT p.passage_id, p.kind, p.first_article_id, o.article_id, o.role, o.raw_start, o.raw_end, o.start_char, o.end_char"
        " FROM shared_passage p JOIN passage_occurrence o ON o.passage_id = p.passage_id"
    ),
    "copy clusters": (
        "SELECT a.copy_cluster_id, a.article_id, a.is_lead, a.article_id = c.lead_article_id"
        " FROM article_overview a JOIN copy_cluster_overview c ON c.copy_cluster_id = a.copy_cluster_id"
    ),
    "stories": (
        "SELECT a.story_id, a.article_id, a.article_id = s.lead_article_id"
        " FROM article_overview a JOIN story_overview s ON s.story_id = a.story_id"
    ),
}
"""The first column says what belongs together and is then forgotten."""


# ------------------------------------------------------------------- databases


def derived(url: str) -> Rows:
    """All that is derived, in a form that can be compared; article ids follow from the file and are the same everywhere."""
    with closing(sqlite3.connect(f"file:{url.removeprefix('sqlite:///')}?mode=ro", uri=True)) as conn:
        rows: Rows = {name: set(conn.execute(query)) for name, query in _PLAIN.items()}
        for name, query in _GROUPED.items():
            groups: dict[int, set[Hashable]] = defaultdict(set)
            for key, *item in conn.execute(query):
                groups[key].add(tuple(item))
            rows[name] = {frozenset(members) for members in groups.values()}
    return rows


def run_through(states: Iterable[State], workers: int | None) -> Rows:
    """What a fresh database holds after a run over each state."""
    with tempfile.TemporaryDirectory(prefix="wirecopy-order-") as folder, fresh_database() as url:
        for state in states:
            run_wirecopy(url, write_corpus(Path(folder) / "corpus" / "articles.jsonl", state).parent, workers=workers)
        return derived(url)


# ---------------------------------------------------------------------- states


def batches(records: State, count: int) -> list[State]:
    """The states of a collection that grows in so many steps."""
    return [records[: len(records) * (k + 1) // count] for k in range(count)]


def shuffled(records: State, seed: int) -> State:
    """The same in another order."""
    order = list(records)
    random.Random(seed).shuffle(order)
    return order


def history(records: State, seed: int) -> list[State]:
    """States in which articles are added, changed, removed and added back; the last one holds all, some of them changed."""
    dice = random.Random(f"history/{seed}")
    ids = [record["id"] for record in records]
    original = {record["id"]: record for record in records}
    now = {key: original[key] for key in ids[: int(FIRST_PART * len(ids))]}
    states = [list(now.values())]

    def change() -> None:
        for key in dice.sample(sorted(now), max(1, int(CHANGED * len(ids)))):
            now[key] = _changed(now[key], records[dice.randrange(len(records))], dice)

    def remove() -> list[str]:
        gone = dice.sample(sorted(now), max(1, int(REMOVED * len(ids))))
        for key in gone:
            del now[key]
        return gone

    now |= {key: original[key] for key in ids[len(now) :]}
    change()
    away = remove()
    states.append(list(now.values()))

    change()
    back, away = away[::2], away[1::2]
    now |= {key: original[key] for key in back}
    away += remove()
    states.append(list(now.values()))

    for number, key in enumerate(away):
        now[key] = original[key] if number % 2 else _changed(original[key], records[dice.randrange(len(records))], dice)
    for key in [key for key in sorted(now) if now[key] is not original[key]][::2]:
        now[key] = original[key]
    states.append(list(now.values()))
    return states


def _changed(record: Record, other: Record, dice: random.Random) -> Record:
    """Cut from the bottom, without a sentence, or with a paragraph of another article."""
    text: str = record["text"]
    edits: tuple[Callable[[], str], ...] = (
        lambda: text[: len(text) * 2 // 3],
        lambda: ". ".join(part for k, part in enumerate(text.split(". ")) if k != 1),
        lambda: f"{text}\n\n{max(other['text'].splitlines(), key=len)}",
    )
    return {**record, "text": dice.choice(edits)() or text}


# ------------------------------------------------------------------ comparison


def compare(name: str, found: Rows, wanted: Rows, table: Table) -> list[str]:
    """Adds a row for everything that is compared; returns what differs."""
    differing = []
    for what, rows in wanted.items():
        missing, more = rows - found[what], found[what] - rows
        verdict = "FAIL" if missing or more else "PASS"
        table.add_row(name, what, f"{len(rows):,}", f"{len(missing):,}", f"{len(more):,}", verdict)
        for title, some in (("missing", missing), ("more", more)):
            differing += [f"{name}: {what} {title}: {_short(item)}" for item in sorted(some, key=repr)[:SHOWN]]
    table.add_section()
    return differing


def _short(item: Hashable) -> str:
    shown = repr(sorted(item, key=repr) if isinstance(item, frozenset) else item)
    return shown if len(shown) <= 300 else f"{shown[:300]} …"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", type=Path, help=".jsonl or .jsonl.gz with the fields id, source, published, title, url, text")
    parser.add_argument("--articles", type=int, default=5000, help="only the first so many (5000)")
    parser.add_argument("--batches", type=int, default=10, help="runs that bring all articles (10)")
    parser.add_argument("--seed", type=int, default=1, help="of the other order and of what changes")
    parser.add_argument("--workers", type=int, help="processes of wirecopy; by default one a core")
    options = parser.parse_args()

    records = read_corpus(options.corpus, options.articles)
    other_order = shuffled(records, options.seed)
    states = history(records, options.seed)
    table = Table()
    for name in ("way", "compared"):
        table.add_column(name)
    for name in ("in one run", "missing", "more", ""):
        table.add_column(name, justify="right")
    wanted = run_through([records], options.workers)
    ways: dict[str, Sequence[State]] = {
        f"{options.batches} runs": batches(records, options.batches),
        "shuffled": [other_order],
        f"shuffled, {options.batches} runs": batches(other_order, options.batches),
    }
    differing = []
    for name, steps in ways.items():
        differing += compare(name, run_through(steps, options.workers), wanted, table)
    wanted = run_through([states[-1]], options.workers)
    differing += compare("added, changed, removed, added back", run_through(states, options.workers), wanted, table)
    print_table(f"{len(records):,} articles", table)
    for line in differing:
        console.print(line, markup=False)
    if not any(wanted["links"]):
        console.print("there are no links: nothing was compared")
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
