"""Planted truth for edits: how much of a passage that was edited on its way into another article is found?

    python benchmarks/planted.py [--corpora FOLDER] [--plants 40] [--match NAME=VALUE ...] [--false N] [--show]

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

Words edited: replaced, dropped, inserted, or any of the three (mixed). On top of what
happens to the passage as a whole, words are edited `mixed`: restyled (U.S., US, United
States; 1,000 and 1000; percent, per cent, %), merged, split or reordered sentences, cut
from the bottom, typography (curly quotes, no-break spaces, dashes, capitals).
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from accuracy import CORPORA, ENDING
from measuring import console, print_table, read_corpus
from metrics import ratio, union_length
from rich.table import Table

from pipeline.candidates import KeyIndex, propose
from pipeline.params import MatchParams
from pipeline.records import RawDocument, SketchedArticle
from pipeline.walk import link_pairs, matched_article, prepare, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pipeline.records import Link

Span = tuple[int, int]

RATES = (0.0, 0.05, 0.10, 0.20, 0.30, 0.40)
LENGTHS: Mapping[str, Span] = {"30+": (30, 150), "12-30": (12, 30), "12-30 in": (12, 30)}
WORD_KINDS = ("replaced", "dropped", "inserted", "mixed")
TARGETS = (("30+", 0.10, 0.97), ("30+", 0.20, 0.90), ("30+", 0.30, 0.60), ("12-30", 0.05, 0.95), ("12-30 in", 0.05, 0.95))
"""Length, share of the words edited, recall that is asked for; over all kinds of edited words."""

FALSE_TARGET = 1e-4
SEED = 20_260_414


# ------------------------------------------------------------------------ texts


class Text(NamedTuple):
    """An article of a collection."""

    uri: str
    text: str


_SENTENCE_END = re.compile(r"""[.!?]["”’')]*\s+(?=["“‘(]?[A-Z0-9])""")
_ABBREVIATED = re.compile(r"(?:\b[A-Z]|\b(?:Mr|Mrs|Ms|Dr|St|Sen|Rep|Gov|Gen|Inc|Corp|Co|Ltd|No|Feb|Jan|Oct|Dec|Nov|Sept|Aug))\.\s+$")


def sentences_of(text: str) -> list[Span]:
    """Where sentences stand, roughly; a paragraph ends one."""
    bounds = [0]
    for match in _SENTENCE_END.finditer(text):
        if not _ABBREVIATED.search(text[max(0, match.start() - 6) : match.end()]):
            bounds.append(match.end())
    bounds.append(len(text))
    spans = []
    for start, end in zip(bounds, bounds[1:], strict=False):
        piece = text[start:end]
        spans.append((start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())))
    return [(start, end) for start, end in spans if start < end]


@dataclass(frozen=True)
class Passage:
    """What is taken from a donor.

    Attributes:
        spans: its sentences in the donor (of a part of a sentence, this part).
        sentences: their words.
    """

    donor: Text
    spans: tuple[Span, ...]
    sentences: tuple[tuple[str, ...], ...]

    @property
    def words(self) -> int:
        """How many."""
        return sum(map(len, self.sentences))


_PROSE = 0.85


def _is_prose(words: Sequence[str]) -> bool:
    """Not a table, not a list of figures."""
    return sum(word.strip(".,;:\"'“”‘’()").isalpha() for word in words) >= _PROSE * len(words)


def choose_passage(donor: Text, length: str, kind: str, dice: random.Random) -> Passage | None:
    """A passage from the middle of an article, fit for a kind of edit; None: this article has none."""
    spans = sentences_of(donor.text)[1:]
    low, high = LENGTHS[length]
    wanted = dice.randint(low, high)
    starts = list(range(len(spans)))
    dice.shuffle(starts)
    for first in starts:
        passage = _inside(donor, spans[first], wanted, dice) if length == "12-30 in" else _whole(donor, spans[first:], wanted)
        if passage and low <= passage.words <= high and _fits(passage, kind):
            return passage
    return None


def _whole(donor: Text, spans: Sequence[Span], wanted: int) -> Passage:
    """Sentences until there are as many words as wanted, or the article ends."""
    chosen: list[Span] = []
    words: list[tuple[str, ...]] = []
    for span in spans:
        own = tuple(donor.text[slice(*span)].split())
        if chosen and sum(map(len, words)) + len(own) > wanted:
            break
        chosen.append(span)
        words.append(own)
    return Passage(donor, tuple(chosen), tuple(words))


def _inside(donor: Text, span: Span, wanted: int, dice: random.Random) -> Passage | None:
    """Words from inside a sentence that has at least four more on either side."""
    places = [(m.start() + span[0], m.end() + span[0]) for m in re.finditer(r"\S+", donor.text[slice(*span)])]
    if len(places) < wanted + 8:
        return None
    at = dice.randint(4, len(places) - wanted - 4)
    own = (places[at][0], places[at + wanted - 1][1])
    return Passage(donor, (own,), (tuple(donor.text[slice(*own)].split()),))


def _fits(passage: Passage, kind: str) -> bool:
    every = [word for words in passage.sentences for word in words]
    if kind in {"merged", "reordered", "cut"} and len(passage.sentences) < 2:
        return False
    if kind == "split" and not any(len(words) >= 16 for words in passage.sentences):
        return False
    if kind == "restyled" and _restyled(" ".join(every)) == " ".join(every):
        return False
    return all("“" not in word and "\t" not in word for word in every) and _is_prose(every)


# ------------------------------------------------------------------------ edits

Sentences = list[list[str]]


def edit_words(sentences: Sentences, rate: float, how: str, vocabulary: Sequence[str], dice: random.Random) -> Sentences:
    """A share of the words (rounded) replaced, dropped or followed by another word; ends of sentences stay."""
    places = [(s, w) for s, words in enumerate(sentences) for w in range(len(words))]
    chosen = set(dice.sample(places, int(rate * len(places) + 0.5)))
    edited: Sentences = []
    for s, words in enumerate(sentences):
        edited.append([])
        for w, word in enumerate(words):
            change = (dice.choice(WORD_KINDS[:3]) if how == "mixed" else how) if (s, w) in chosen else "none"
            end = word[len(word.rstrip('.,;:!?"')) :]
            if change == "dropped":
                if edited[-1] and end:
                    edited[-1][-1] = edited[-1][-1].rstrip('.,;:!?"') + end
                continue
            edited[-1].append(dice.choice(vocabulary) + end if change == "replaced" else word)
            if change == "inserted":
                if end:
                    edited[-1][-1] = word[: -len(end)] or word
                edited[-1].append(dice.choice(vocabulary) + end)
    return [words for words in edited if words]


_STYLES: tuple[tuple[str, str], ...] = (
    (r"\bU\.S\.(?= )", "United States"),
    (r"\bUnited States\b", "U.S."),
    (r"\bUSA\b", "U.S."),
    (r"\bUS\b", "U.S."),
    (r"\b(\d{1,3}),(\d{3})\b", r"\1\2"),
    (r"\b([1-9]\d?)(\d{3})\b(?!\d)(?<!19\d\d)(?<!20\d\d)", r"\1,\2"),
    (r"\bper ?cent\b| ?%| pct\b", " per cent"),
    (r"\bmln\b", "million"),
    (r"\bdlrs\b", "dollars"),
)


def _restyled(text: str) -> str:
    """Numbers and names as another house writes them; each place once."""
    pattern = "|".join(f"(?P<s{k}>{re.sub(r'[(](?![?])', '(?:', source)})" for k, (source, _) in enumerate(_STYLES))

    def other(match: re.Match[str]) -> str:
        source, target = _STYLES[int((match.lastgroup or "s0")[1:])]
        if match[0] == "per cent":
            return "percent"
        return re.sub(source, target, match[0]) if target != r"\1,\2" else f"{match[0][:-3]},{match[0][-3:]}"

    return re.sub(r" +", " ", re.sub(pattern, other, text))


def _merged(sentences: Sentences) -> Sentences:
    """Two and two in one: "A. B." becomes "A, and b."."""
    merged: Sentences = []
    for k, words in enumerate(sentences):
        if k % 2 == 0:
            merged.append(list(words))
        else:
            merged[-1][-1] = merged[-1][-1].rstrip('.!?"') + ","
            merged[-1] += ["and", words[0].lower(), *words[1:]]
    return merged


def _split(sentences: Sentences) -> Sentences:
    """Sentences of 16 words and more become two, parted at the comma nearest to the middle."""
    parted: Sentences = []
    for words in sentences:
        middle = len(words) // 2
        if len(words) < 16:
            parted.append(words)
            continue
        commas = [k + 1 for k, word in enumerate(words[:-4]) if word.endswith(",") and k >= 4]
        at = min(commas, key=lambda k: abs(k - middle)) if commas else middle
        parted.append([*words[: at - 1], words[at - 1].rstrip(",") + "."])
        parted.append([words[at].capitalize(), *words[at + 1 :]])
    return parted


def _reordered(sentences: Sentences, dice: random.Random) -> Sentences:
    order = list(range(len(sentences)))
    while order == sorted(order):
        dice.shuffle(order)
    return [sentences[k] for k in order]


def _retyped(text: str, dice: random.Random) -> str:
    """Other quotation marks, dashes, spaces and capitals."""
    text = re.sub(r'(^|\s)"', r"\1“", text).replace('"', "”").replace("'", "’").replace("--", "—")
    words = text.split(" ")
    for k in dice.sample(range(len(words)), len(words) // 5):
        words[k] = words[k].upper() if dice.random() < 0.5 else words[k].title()
    return "".join(word + ("\u00a0" if dice.random() < 0.2 else " ") for word in words).strip()


def edited(passage: Passage, kind: str, rate: float, vocabulary: Sequence[str], dice: random.Random) -> tuple[str, Span]:
    """The passage as the host has it, and the span of the donor that is left in it."""
    sentences = [list(words) for words in passage.sentences]
    spans = passage.spans
    if kind == "cut":
        keep = max(1, round(len(sentences) * dice.uniform(0.4, 0.8)))
        while sum(map(len, sentences[:keep])) < LENGTHS["30+"][0] and keep < len(sentences):
            keep += 1
        sentences, spans = sentences[:keep], spans[:keep]
    elif kind == "reordered":
        sentences = _reordered(sentences, dice)
    elif kind in {"merged", "split"}:
        sentences = (_merged if kind == "merged" else _split)(sentences)
    elif kind == "restyled":
        sentences = [_restyled(" ".join(words)).split() for words in sentences]
    sentences = edit_words(sentences, rate, kind if kind in WORD_KINDS else "mixed", vocabulary, dice)
    text = " ".join(word for words in sentences for word in words)
    if kind == "typography":
        text = _retyped(text, dice)
    return text, (spans[0][0], spans[-1][1])


# --------------------------------------------------------------------- planting


@dataclass(frozen=True)
class Plant:
    """A passage that stands, edited, in a host.

    Attributes:
        kind, length: of edit; class of length.
        donor, host: the two articles, the host's with the passage in it.
        donor_span, host_span: where it stands, in characters.
    """

    kind: str
    length: str
    donor: Text
    host: Text
    donor_span: Span
    host_span: Span


def kinds_of(length: str) -> tuple[str, ...]:
    """The kinds of edit that passages of this length get; some take several sentences."""
    few = (*WORD_KINDS, "restyled", "typography")
    return (*few, "merged", "split", "reordered", "cut") if length == "30+" else few


class Bed:
    """Passages with the hosts that they will stand in: the same for every share of edited words."""

    def __init__(self, collections: Sequence[Sequence[Text]], plants: int, seed: int = SEED) -> None:
        """Chooses so many passages of each length and kind, in turn from either collection."""
        self._seed = seed
        dice = random.Random(seed)
        free = [list(texts) for texts in collections]
        for texts in free:
            dice.shuffle(texts)
        self.vocabulary = _vocabulary([*free[0], *free[1]], dice)
        self.chosen: list[tuple[str, str, Passage, Text]] = []
        for length in LENGTHS:
            for kind in kinds_of(length):
                for number in range(plants):
                    passage = _take_passage(free[number % 2], length, kind, dice)
                    self.chosen.append((length, kind, passage, _body(free[1 - number % 2].pop())))

    def plant(self, rate: float) -> list[Plant]:
        """All passages in their hosts, with this share of their words edited."""
        return [self._plant(number, rate) for number in range(len(self.chosen))]

    def _plant(self, number: int, rate: float) -> Plant:
        length, kind, passage, host = self.chosen[number]
        dice = random.Random(f"{self._seed}/{number}")
        text, donor_span = edited(passage, kind, rate, self.vocabulary, dice)
        at, before, behind = _place(host.text, random.Random(f"{self._seed}/{number}/place"), inside=length == "12-30 in")
        start = at + len(before)
        grown = Text(host.uri, f"{host.text[:at]}{before}{text}{behind}{host.text[at:]}")
        spans = _without_marks(passage.donor.text, donor_span), _without_marks(grown.text, (start, start + len(text)))
        return Plant(kind, length, passage.donor, grown, *spans)


def _without_marks(text: str, span: Span) -> Span:
    """From its first to its last letter or digit: what stands outside is no part of a word."""
    letters = [k for k in range(*span) if text[k].isalnum()]
    return letters[0], letters[-1] + 1


def _take_passage(free: list[Text], length: str, kind: str, dice: random.Random) -> Passage:
    """The first article that has one; it is taken off the list, the others stay there."""
    for at in range(len(free) - 1, -1, -1):
        passage = choose_passage(_body(free[at]), length, kind, dice)
        if passage:
            del free[at]
            return passage
    raise ValueError(f"no article is left that has a passage of {length} words to be {kind}; plant fewer")


def _body(item: Text) -> Text:
    """The text without page furniture, so that no passage is cut or masked with its surroundings."""
    (made,) = prepare([_document(item)], "bodies", MatchParams())
    if not isinstance(made, SketchedArticle):
        return item
    ends = [0, *(k for x in sorted(made.article.removed, key=lambda x: x.raw_start) for k in (x.raw_start, x.raw_end))]
    pieces = zip(ends[::2], [*ends[1::2], len(item.text)], strict=True)
    return Text(item.uri, "\n\n".join(item.text[start:end].strip() for start, end in pieces if item.text[start:end].strip()))


def _vocabulary(texts: Sequence[Text], dice: random.Random) -> list[str]:
    """Words as frequent as they are in the texts."""
    some = dice.sample(texts, min(len(texts), 500))
    return [word for item in some for word in item.text.split() if word.isalpha()]


def _place(text: str, dice: random.Random, *, inside: bool) -> tuple[int, str, str]:
    """Where to plant in a host, and what to put before and behind."""
    spans = sentences_of(text)
    if inside:
        longest = max(spans, key=lambda span: len(text[slice(*span)].split()))
        blanks = [m.start() + longest[0] for m in re.finditer(r"\s+", text[slice(*longest)])]
        return (blanks[len(blanks) // 2] if blanks else longest[1]), " ", ""
    ends = [m.start() for m in re.finditer(r"\n\s*", text)] or [spans[len(spans) // 2][1]]
    return dice.choice(ends), "\n\n", "\n"


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
    walked = walk({origin: [_document(text) for text in texts] for origin, texts in documents.items()}, params)
    ids = {(item.article.origin, item.article.uri): k for k, item in walked.articles.items()}
    pairs = [(ids["donors", x.donor.uri], ids["hosts", x.host.uri]) for x in plants]
    searched = _by_pair(walked.links, set(pairs))
    known = _by_pair(_align_known(walked.articles, pairs, params), set(pairs))
    return [_compare(plant, searched.get(pair, []), known.get(pair, [])) for plant, pair in zip(plants, pairs, strict=True)]


def _document(item: Text) -> RawDocument:
    return RawDocument(item.uri, item.uri, item.text, "text/plain")


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
        for item in prepare([_document(text) for text in texts[at : at + batch]], origin, params):
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


# ------------------------------------------------------------------ collections


def load_texts(corpora: Path, name: str, least_words: int = 80) -> list[Text]:
    """Articles of a corpus that are long enough to give or to take a passage."""
    records = read_corpus(corpora / f"{name}{ENDING}")
    return [Text(x["id"], x["text"]) for x in records if len(x["text"].split()) >= least_words]


_SMALL_WORDS = "the of and to in a that for on with was said by as at from it has be is".split()


def made_up_texts(name: str, count: int, seed: int = SEED) -> list[Text]:
    """Articles of invented words between English small ones; another name has other words, so two share nothing."""
    dice = random.Random(f"{seed}/{name}")
    syllables = [a + b for a in "bdfgklmnprstv" for b in ("a", "e", "i", "o", "u", "ar", "en", "ol")]
    stock = ["".join(dice.choices(syllables, k=dice.randint(2, 4))) for _ in range(3000)]
    weights = [1 / (k + 20) for k in range(len(stock))]  # Zipf's law, its steep beginning left to the small words

    def sentence() -> str:
        words = []
        for _ in range(dice.randint(8, 34)):
            chance = dice.random()
            figure = dice.choice((f"{dice.randint(1, 9)},{dice.randint(100, 999)}", f"{dice.randint(2, 98)} percent", "U.S."))
            word = dice.choice(_SMALL_WORDS) if chance < 0.4 else dice.choices(stock, weights)[0]
            words.append(figure if chance > 0.97 else word + ("," if chance > 0.93 else ""))
        return f"{words[0].capitalize()} {' '.join(words[1:]).rstrip(',')} {dice.choices(stock, weights)[0]}."

    def article() -> str:
        return "\n\n".join(" ".join(sentence() for _ in range(dice.randint(2, 4))) for _ in range(dice.randint(5, 9)))

    return [Text(f"{name}-{k}", article()) for k in range(count)]


def parse_params(changes: Sequence[str]) -> MatchParams:
    """Parameters from `name=value`."""
    pairs = (change.partition("=") for change in changes)
    return MatchParams(**{name: json.loads(value) for name, _, value in pairs})


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpora", type=Path, default=CORPORA, help="folder with reuters21578 and abp-2015-2018")
    parser.add_argument("--made-up", action="store_true", help="instead of corpora: texts of invented words")
    parser.add_argument("--plants", type=int, default=40, help="of each length and kind of edit (40)")
    parser.add_argument("--rates", default=",".join(f"{x:g}" for x in RATES), help="shares of the words edited")
    parser.add_argument("--match", action="append", default=[], metavar="NAME=VALUE", help="another parameter of matching")
    parser.add_argument("--false", type=int, default=2000, help="articles of reuters21578 to count false characters in (2000)")
    parser.add_argument("--show", action="store_true", help="also the false links")
    parser.add_argument("--json", action="store_true", help="print JSON")
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
    out = as_json(found)
    if not options.json:
        console.print(f"{len(bed.chosen):,} passages in as many articles; recall in characters of both sides, by share of the words edited")
        for length in LENGTHS:
            print_table(f"{length} words", rates_table(found, length))
        for what, recall, wanted in targets(found):
            console.print(f"{what}: recall {recall:.3f}, target {wanted:.2f}: {'met' if recall >= wanted else 'MISSED'}")
    if options.false:
        sample = random.Random(SEED).sample(collections[0], min(options.false, len(collections[0])))
        wrong = false_links(sample, collections[1], params)
        out["false"] = {"characters": wrong.characters, "aligned": wrong.aligned, "pairs": wrong.pairs, "links": len(wrong.excerpts)}
        if not options.json:
            share = wrong.aligned / wrong.characters
            verdict = "met" if share < FALSE_TARGET else "MISSED"
            console.print(
                f"\nfalse characters: {wrong.aligned:,} of {wrong.characters:,} ({1e4 * share:.2f} in 10,000, target under 1: {verdict}) "
                f"in {len(wrong.excerpts):,} links; {len(sample):,} articles against {len(collections[1]):,}, {wrong.pairs:,} pairs compared"
            )
            if options.show:
                for one, other in wrong.excerpts:
                    console.print(f"- {one}\n  {other}", markup=False)
    if options.json:
        print(json.dumps(out, indent=1))


if __name__ == "__main__":
    main()
