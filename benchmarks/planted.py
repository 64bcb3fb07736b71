"""Planted truth for edits: how much of a passage that was edited on its way into another article is found?

    python benchmarks/planted.py [--corpora FOLDER] [--plants 100] [--match NAME=VALUE ...] [--false N] [--show]

Passages of one collection are planted in articles of the other (reuters21578 of
1987, abp-2015-2018), which share nothing else. Each passage is edited in a known way,
then a share of its words. All go through the stages together (`pipeline.walk`), a
collection for each share of edited words; the passages are the same in each. Page
furniture is taken out of both articles before anything is planted. The
known pairs are also aligned without a search for candidates, so that what the one
and what the other loses stand apart.

Length classes: `30+` are 30 to 150 words of whole sentences, a paragraph of its own in
the host; `12-30` as few, whole sentences too; `12-30 in` stand inside a longer sentence
on both sides.

What kinds of edit there are stands in `planting.py`.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from accuracy import CORPORA
from measuring import console, markdown_table, print_table
from metrics import ratio, union_length
from planting import LENGTHS, SEED, WORD_KINDS, Bed, Plant, Span, Text, document, kinds_of, load_texts, made_up_texts
from rich.table import Table

from pipeline.candidates import KeyIndex, propose
from pipeline.params import MatchParams
from pipeline.records import SketchedArticle
from pipeline.walk import link_pairs, matched_article, prepare, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pipeline.records import Link

RATES = (0.0, 0.05, 0.10, 0.20, 0.30, 0.40)
TARGETS = (("30+", 0.10, 0.97), ("30+", 0.20, 0.90), ("30+", 0.30, 0.60), ("12-30", 0.05, 0.95), ("12-30 in", 0.05, 0.95))
"""Length, share of the words edited, recall that is asked for; over all kinds of edited words."""

FALSE_TARGET = 1e-4


# -------------------------------------------------------------------- measuring


@dataclass(frozen=True)
class Found:
    """What was found of a plant.

    Attributes:
        size, searched, known: characters on both sides, found by the walk, found when the pair is known.
        off: words between the ends of what the walk found and those of the passage, at up to four ends.
        links: of the walk that touch it.
    """

    plant: Plant
    size: int
    searched: int
    known: int
    off: tuple[int, ...]
    links: int


def measure(plants: Sequence[Plant], params: MatchParams) -> list[Found]:
    """Walks through all donors and hosts as one collection, and aligns the known pairs."""
    documents = {"donors": [x.donor for x in plants], "hosts": [x.host for x in plants]}
    walked = walk({origin: [document(text) for text in texts] for origin, texts in documents.items()}, params)
    ids = {(item.article.origin, item.article.uri): k for k, item in walked.articles.items()}
    pairs = [(ids["donors", x.donor.uri], ids["hosts", x.host.uri]) for x in plants]
    searched = _by_pair(walked.links, set(pairs))
    known = _by_pair(_align_known(walked.articles, pairs, params), set(pairs))
    return [_compare(plant, searched.get(pair, []), known.get(pair, [])) for plant, pair in zip(plants, pairs, strict=True)]


def _align_known(articles: Mapping[int, SketchedArticle], pairs: Sequence[tuple[int, int]], params: MatchParams) -> list[Link]:
    order = sorted(articles)
    place = {k: at for at, k in enumerate(order)}
    left, right = (np.array([place[pair[side]] for pair in pairs], np.int64) for side in (0, 1))
    matched = [matched_article(articles[k]) for k in order]
    return link_pairs(matched, [articles[k].sketch.tokens for k in order], left, right, params)[0]


def _by_pair(links: Iterable[Link], pairs: set[tuple[int, int]]) -> dict[tuple[int, int], list[tuple[Span, Span]]]:
    """The raw spans of links in donor and host."""
    found = defaultdict(list)
    for link in links:
        left, right = ((x.raw_start, x.raw_end) for x in (link.left, link.right))
        for pair, spans in (
            ((link.left_article_id, link.right_article_id), (left, right)),
            ((link.right_article_id, link.left_article_id), (right, left)),
        ):
            if pair in pairs:
                found[pair].append(spans)
    return found


def _compare(plant: Plant, searched: Sequence[tuple[Span, Span]], known: Sequence[tuple[Span, Span]]) -> Found:
    sides = ((plant.donor.text, plant.donor_span), (plant.host.text, plant.host_span))
    covered = [
        sum(_inside_chars(span, [link[side] for link in links]) for side, (_, span) in enumerate(sides))
        for links in (searched, known)
    ]
    off: list[int] = []
    for side, (text, span) in enumerate(sides):
        touching = [x[side] for x in searched if x[side][0] < span[1] and span[0] < x[side][1]]
        if touching:
            start, end = min(s for s, _ in touching), max(e for _, e in touching)
            off += [_words_between(text, start, span[0]), _words_between(text, end, span[1])]
    touched = sum(all(_inside_chars(span, [x[side]]) for side, (_, span) in enumerate(sides)) for x in searched)
    return Found(plant, sum(end - start for _, (start, end) in sides), *covered, tuple(off), touched)


def _inside_chars(span: Span, others: Iterable[Span]) -> int:
    return union_length((max(span[0], s), min(span[1], e)) for s, e in others if s < span[1] and e > span[0])


def _words_between(text: str, one: int, other: int) -> int:
    return len(text[min(one, other) : max(one, other)].split())


class Cell(NamedTuple):
    """Figures of many plants: recall of the walk and of known pairs, boundary errors in words, links each."""

    plants: int
    recall: float
    known: float
    median: float | None
    p90: float | None
    links: float | None


def sum_up(found: Sequence[Found]) -> Cell:
    """Recall over all characters; boundaries over all ends of what was found."""
    size = sum(x.size for x in found)
    off = sorted(k for x in found for k in x.off)
    touched = [x.links for x in found if x.links]
    return Cell(
        len(found),
        ratio(sum(x.searched for x in found), size) or 0.0,
        ratio(sum(x.known for x in found), size) or 0.0,
        statistics.median(off) if off else None,
        off[len(off) * 9 // 10] if off else None,
        statistics.mean(touched) if touched else None,
    )


# ------------------------------------------------------------- false characters


@dataclass(frozen=True)
class FalseLinks:
    """Links between texts that share nothing.

    Attributes:
        characters: of the first collection; aligned: of these, in a link to the second.
        pairs: compared.
        excerpts: both sides of each link, the longest first.
    """

    characters: int
    aligned: int
    pairs: int
    excerpts: Sequence[tuple[str, str]]


def false_links(texts: Sequence[Text], others: Sequence[Text], params: MatchParams) -> FalseLinks:
    """Compares two collections through candidate search and alignment; links inside a collection do not count."""
    kept = [*_prepared(texts, "texts", params), *_prepared(others, "others", params)]
    first = np.array([x.article.origin == "texts" for x in kept])
    found = propose(KeyIndex.build([x.sketch.keys for x in kept]), first, params)
    across = first[found.left] != first[found.right]
    left, right = found.left[across], found.right[across]
    links, _ = link_pairs([matched_article(x) for x in kept], [x.sketch.tokens for x in kept], left, right, params)
    by_id = {x.article.article_id: x.article for x in kept}
    spans = defaultdict(list)
    excerpts = []
    for link in links:
        sides = [(by_id[link.left_article_id], link.left), (by_id[link.right_article_id], link.right)]
        sides.sort(key=lambda side: side[0].origin != "texts")
        spans[sides[0][0].uri].append((sides[0][1].raw_start, sides[0][1].raw_end))
        one, other = (" ".join(article.raw_text[span.raw_start : span.raw_end].split()) for article, span in sides)
        excerpts.append((one, other))
    excerpts.sort(key=lambda pair: (-len(pair[0]), pair))
    aligned = sum(union_length(own) for own in spans.values())
    return FalseLinks(sum(len(x.text) for x in texts), aligned, len(left), excerpts)


def _prepared(texts: Sequence[Text], origin: str, params: MatchParams, batch: int = 500) -> Iterator[SketchedArticle]:
    for at in range(0, len(texts), batch):
        for item in prepare([document(text) for text in texts[at : at + batch]], origin, params):
            if isinstance(item, SketchedArticle):
                yield item


# ----------------------------------------------------------------------- tables


def rates_table(found: Mapping[float, Sequence[Found]], length: str) -> Table:
    """Recall by kind of edit and share of edited words; what candidates lose, what alignment loses."""
    table = Table()
    table.add_column("kind of edit")
    table.add_column("plants", justify="right")
    for rate in found:
        table.add_column(f"{100 * rate:.0f} %", justify="right")
    for name, chosen in _rows_of(length):
        cells = [sum_up([x for x in items if x.plant.length == length and chosen(x.plant.kind)]) for items in found.values()]
        table.add_row(name, str(cells[0].plants), *(f"{cell.recall:.3f}" for cell in cells))
        if name.startswith("all"):
            table.add_row("  lost by candidates", "", *(f"{cell.known - cell.recall:.3f}" for cell in cells))
            table.add_row("  lost by alignment", "", *(f"{1 - cell.known:.3f}" for cell in cells))
            ends = [("–" if c.median is None else f"{c.median:.0f} / {c.p90:.0f}") for c in cells]
            table.add_row("  boundary, words: median / p90", "", *ends)
            table.add_row("  links a plant found", "", *("–" if c.links is None else f"{c.links:.2f}" for c in cells))
            table.add_section()
    return table


def _rows_of(length: str) -> Iterator[tuple[str, Callable[[str], bool]]]:
    yield "all edited words", lambda kind: kind in WORD_KINDS
    for kind in kinds_of(length):
        yield kind, lambda other, kind=kind: other == kind
    yield "all kinds", lambda _: True


def targets(found: Mapping[float, Sequence[Found]]) -> list[tuple[str, float, float]]:
    """What is asked for, the recall, and what it should be."""
    rows = []
    for length, rate, wanted in TARGETS:
        own = [x for x in found.get(rate, ()) if x.plant.length == length and x.plant.kind in WORD_KINDS]
        if own:
            rows.append((f"{length} words, {100 * rate:.0f} % edited", sum_up(own).recall, wanted))
    return rows


def as_json(found: Mapping[float, Sequence[Found]]) -> dict[str, Any]:
    """Cells by length, kind and rate, and the targets."""
    cells: dict[str, dict[str, dict[str, Any]]] = {}
    for length in LENGTHS:
        for name, chosen in _rows_of(length):
            own = {
                f"{rate:g}": sum_up([x for x in items if x.plant.length == length and chosen(x.plant.kind)])._asdict()
                for rate, items in found.items()
            }
            cells.setdefault(length, {})[name] = own
    return {"cells": cells, "targets": targets(found)}


def targets_table(found: Mapping[float, Sequence[Found]], wrong: FalseLinks | None) -> Table:
    """What is asked for, beside what was measured."""
    table = Table()
    table.add_column("asked for")
    for name in ("measured", "target", ""):
        table.add_column(name, justify="right")
    for what, recall, wanted in targets(found):
        table.add_row(f"recall, {what}", f"{recall:.3f}", f"{wanted:.2f}", "met" if recall >= wanted else "MISSED")
    if wrong:
        share = wrong.aligned / wrong.characters
        verdict = "met" if share < FALSE_TARGET else "MISSED"
        table.add_row("false characters in 10,000", f"{1e4 * share:.2f}", f"under {1e4 * FALSE_TARGET:g}", verdict)
    return table


# ---------------------------------------------------------------- command line


def parse_params(changes: Sequence[str]) -> MatchParams:
    """Parameters from `name=value`."""
    pairs = (change.partition("=") for change in changes)
    return MatchParams(**{name: json.loads(value) for name, _, value in pairs})


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpora", type=Path, default=CORPORA, help="folder with reuters21578 and abp-2015-2018")
    parser.add_argument("--made-up", action="store_true", help="instead of corpora: texts of invented words")
    parser.add_argument("--plants", type=int, default=100, help="of each length and kind of edit (100)")
    parser.add_argument("--rates", default=",".join(f"{x:g}" for x in RATES), help="shares of the words edited")
    parser.add_argument("--match", action="append", default=[], metavar="NAME=VALUE", help="another parameter of matching")
    parser.add_argument("--false", type=int, default=2000, help="articles of reuters21578 to count false characters in (2000)")
    parser.add_argument("--show", action="store_true", help="also the false links")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print what docs/accuracy.md shows")
    form.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    params = parse_params(options.match)
    rates = [float(x) for x in options.rates.split(",")]

    if options.made_up:
        most = sum(len(kinds_of(length)) for length in LENGTHS) * options.plants + 20
        collections = [made_up_texts(name, 2 * most) for name in ("north", "south")]
    else:
        collections = [load_texts(options.corpora, name) for name in ("reuters21578", "abp-2015-2018")]
    bed = Bed(collections, options.plants)
    found = {rate: measure(bed.plant(rate), params) for rate in rates}
    sample = random.Random(SEED).sample(collections[0], min(options.false, len(collections[0])))
    wrong = false_links(sample, collections[1], params) if sample else None

    if options.json:
        plain = {"characters": wrong.characters, "aligned": wrong.aligned, "pairs": wrong.pairs} if wrong else None
        print(json.dumps(as_json(found) | {"false": plain}, indent=1))
        return
    tables = {
        f"{length} words: recall by kind of edit and share of edited words": rates_table(found, length) for length in LENGTHS
    }
    tables[f"{len(bed.chosen):,} passages in as many articles"] = targets_table(found, wrong)
    for title, table in tables.items():
        if options.markdown:
            print(f"### {title}\n\n{markdown_table(table)}\n")
        else:
            print_table(title, table)
    if wrong:
        aligned = f"{wrong.aligned:,} of {wrong.characters:,} characters are aligned, in {len(wrong.excerpts):,} links"
        print(f"{len(sample):,} articles against {len(collections[1]):,}: {wrong.pairs:,} pairs compared, {aligned}.")
    if wrong and options.show:
        for one, other in wrong.excerpts:
            console.print(f"- {one}\n  {other}", markup=False)


if __name__ == "__main__":
    main()
