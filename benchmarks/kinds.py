"""Are links told right: reporting (wire) or a third person's words (quote)?

    python benchmarks/kinds.py CORPUS [--labels FILE] [--list] [--json]

CORPUS is `abp-2015-2018.jsonl.gz`; the labels are passages of it that two outlets
share, read and labelled by hand before the program's answer was looked at. They
hold article ids and spans, no text. Each is judged by the link between its two
articles that overlaps it most; one without a link is left out and counted.

Labels: `quote`, on at least one side mostly the words of a third person, presented
as such (speech, statement, tweet, document); `wire`, the outlets' or an agency's own
voice; `excerpt`, one outlet's own text that the other shows as a quotation of that
outlet; `unclear`. The last two are not judged.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from measuring import ROOT, console, print_table, read_corpus
from rich.table import Table

from pipeline.params import MatchParams
from pipeline.records import RawDocument, SketchedArticle
from pipeline.walk import link_pairs, matched_article, prepare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.records import Link

LABELS = ROOT / "tests" / "data" / "kinds_abp.jsonl"

DRAWN_FROM = {"neither": 626, "one": 878, "both": 3117}
"""Passages in the three layers that labels were drawn from: with quotation marks (“ „ « and straight ones) around 30 %
of the characters or more on neither, one or both sides. The gold has 10,748 passages; of those that share 8 words in a
row one was kept. 110 labels were drawn from all, the others from the first two layers: wire copy is rare in the third."""


@dataclass(frozen=True)
class Judged:
    """A label and what the program says; `link` is None where there is none."""

    label: Mapping[str, Any]
    link: Link | None

    @property
    def kind(self) -> str | None:
        """What the link says."""
        return self.link.kind if self.link else None


def judge(corpus: Path, labels: Sequence[Mapping[str, Any]], params: MatchParams) -> list[Judged]:
    """What the program says of each labelled passage."""
    wanted = {label[side] for label in labels for side in ("left", "right")}
    documents = [
        RawDocument(r["id"], r["id"], r["text"], "text/plain", {k: r[k] for k in ("source", "published", "title") if r.get(k)})
        for r in read_corpus(corpus)
        if r["id"] in wanted
    ]
    found = [item for item in prepare(documents, "corpus", params) if isinstance(item, SketchedArticle)]
    place = {item.article.uri: k for k, item in enumerate(found)}
    ids = {name: found[k].article.article_id for name, k in place.items()}
    pairs = sorted({(place[label["left"]], place[label["right"]]) for label in labels})
    left, right = np.array(pairs, np.int64).T
    links, _ = link_pairs([matched_article(x) for x in found], [x.sketch.tokens for x in found], left, right, params)
    return [Judged(label, best_link(label, ids, links)) for label in labels]


def best_link(label: Mapping[str, Any], ids: Mapping[str, int], links: Sequence[Link]) -> Link | None:
    """The link between the two articles that overlaps the passage most, on both sides."""
    one, other = ids[label["left"]], ids[label["right"]]
    sides = [label["left_span"], label["right_span"]]
    if one > other:
        one, other, sides = other, one, sides[::-1]
    best, most = None, 0
    for link in links:
        if (link.left_article_id, link.right_article_id) == (one, other):
            ends = [(min(s.raw_end, e) - max(s.raw_start, b)) for s, (b, e) in zip((link.left, link.right), sides, strict=True)]
            if min(ends) > 0 and sum(ends) > most:
                best, most = link, sum(ends)
    return best


def figures(judged: Sequence[Judged]) -> dict[str, float]:
    """Recall of each kind, and precision of wire, each passage with the weight of its layer."""
    drawn = Counter(item.label["marked"] for item in judged)
    weight = {layer: DRAWN_FROM[layer] / count for layer, count in drawn.items()}
    asked = [item for item in judged if item.label["label"] in {"wire", "quote"}]
    linked = [item for item in asked if item.kind]

    def share(chosen: Sequence[Judged], right: str) -> float:
        total = sum(weight[item.label["marked"]] for item in chosen)
        good = sum(weight[item.label["marked"]] for item in chosen if item.label["label"] == item.kind == right)
        return round(good / total, 4) if total else 0.0

    result: dict[str, float] = {"labels": len(judged), "judged": len(asked), "without a link": len(asked) - len(linked)}
    for kind in ("wire", "quote"):
        result[f"{kind} labels"] = sum(item.label["label"] == kind for item in linked)
        result[f"recall of {kind}"] = share([item for item in linked if item.label["label"] == kind], kind)
        result[f"precision of {kind}"] = share([item for item in linked if item.kind == kind], kind)
    return result


def table_of(judged: Sequence[Judged]) -> Table:
    """Labels against kinds, by layer."""
    table = Table("marks around it on", "label", "wire", "quote", "no link")
    counts = Counter((item.label["marked"], item.label["label"], item.kind) for item in judged)
    for layer in DRAWN_FROM:
        for label in ("wire", "quote", "excerpt", "unclear"):
            row = [counts[layer, label, kind] for kind in ("wire", "quote", None)]
            if sum(row):
                table.add_row(f"{layer} sides" if layer == "both" else layer, label, *(str(n) for n in row))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--labels", type=Path, default=LABELS)
    parser.add_argument("--list", action="store_true", help="also print where label and kind disagree")
    parser.add_argument("--json", action="store_true", help="print the figures alone, as JSON")
    options = parser.parse_args()

    labels = [json.loads(line) for line in options.labels.read_text(encoding="utf-8").splitlines()]
    judged = judge(options.corpus, labels, MatchParams())
    found = figures(judged)
    if options.json:
        print(json.dumps(found))
        return
    print_table("kinds of links against labels", table_of(judged))
    console.print("  ".join(f"{name} {value}" for name, value in found.items()))
    if options.list:
        for item in judged:
            if item.kind and item.label["label"] in {"wire", "quote"} and item.kind != item.label["label"]:
                console.print(
                    json.dumps({**item.label, "kind": item.kind, "quoted": [item.link.left_quoted, item.link.right_quoted]})
                )


if __name__ == "__main__":
    main()
