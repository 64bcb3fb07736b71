"""Passages that are edited in a known way and planted in other articles: the truth that `planted.py` measures against.

In: two collections of texts. Out: plants, each with its donor, its host, and where the
passage stands in both. All chance comes from a seed.

Words edited: replaced, dropped, inserted, or any of the three (mixed). On top of what
happens to the passage as a whole, words are edited `mixed`: restyled (U.S., US, United
States; 1,000 and 1000; percent, per cent, %), merged, split or reordered sentences, cut
from the bottom, typography (curly quotes, no-break spaces, dashes, capitals).
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

from accuracy import ENDING
from measuring import read_corpus

from pipeline.params import MatchParams
from pipeline.records import RawDocument, SketchedArticle
from pipeline.walk import prepare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Span = tuple[int, int]

LENGTHS: Mapping[str, Span] = {"30+": (30, 150), "12-30": (12, 30), "12-30 in": (12, 30)}
WORD_KINDS = ("replaced", "dropped", "inserted", "mixed")
SEED = 20_260_414


# ------------------------------------------------------------------------ texts


class Text(NamedTuple):
    """An article of a collection."""

    uri: str
    text: str


def document(item: Text) -> RawDocument:
    """As a file of plain text."""
    return RawDocument(item.uri, item.uri, item.text, "text/plain")


_SENTENCE_END = re.compile(r"""[.!?]["”’')]*\s+(?=["“‘(]?[A-Z0-9])""")
_ABBREVIATED = re.compile(
    r"(?:\b[A-Z]|\b(?:Mr|Mrs|Ms|Dr|St|Sen|Rep|Gov|Gen|Inc|Corp|Co|Ltd|No|Feb|Jan|Oct|Dec|Nov|Sept|Aug))\.\s+$"
)


def sentences_of(text: str) -> list[Span]:
    """Where sentences stand, roughly; a paragraph ends one."""
    ends = [m.end() for m in _SENTENCE_END.finditer(text) if not _ABBREVIATED.search(text[max(0, m.start() - 6) : m.end()])]
    spans = []
    for start, end in pairwise([0, *ends, len(text)]):
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


_STYLED = re.compile(
    r"\bU\.S\.(?=\s|$)|\bUSA?\b|\bUnited States\b|\bmln\b|\bdlrs\b| per ?cent\b| pct\b| ?%"
    r"|\b\d{1,3},\d{3}\b(?!,)|\b(?!19|20)\d{4,6}\b"
)
_OTHER_STYLE = {
    "U.S.": "United States",
    "United States": "U.S.",
    "USA": "U.S.",
    "US": "U.S.",
    " percent": " per cent",
    " per cent": " percent",
    " pct": " percent",
    " %": " percent",
    "%": " per cent",
    "mln": "million",
    "dlrs": "dollars",
}


def _restyled(text: str) -> str:
    """Numbers and names as another house writes them."""

    def other(match: re.Match[str]) -> str:
        found = match[0]
        if found in _OTHER_STYLE:
            return _OTHER_STYLE[found]
        return found.replace(",", "") if "," in found else f"{int(found):,}"

    return _STYLED.sub(other, text)


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


@cache
def _body(item: Text) -> Text:
    """The text without page furniture, so that no passage is cut or masked with its surroundings."""
    (made,) = prepare([document(item)], "bodies", MatchParams())
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


# ------------------------------------------------------------------ collections


def load_texts(corpora: Path, name: str, least_words: int = 80) -> list[Text]:
    """Articles of a corpus that are long enough to give or to take a passage."""
    records = read_corpus(corpora / f"{name}{ENDING}")
    return [Text(x["id"], x["text"]) for x in records if len(x["text"].split()) >= least_words]


_SMALL_WORDS = (
    "the",
    "of",
    "and",
    "to",
    "in",
    "a",
    "that",
    "for",
    "on",
    "with",
    "was",
    "said",
    "by",
    "as",
    "at",
    "from",
    "it",
    "has",
)


def made_up_texts(name: str, count: int, seed: int = SEED) -> list[Text]:
    """Articles of invented words between English small ones; another name has other words, so two share nothing."""
    dice = random.Random(f"{seed}/{name}")
    syllables = [a + b for a in "bdfgklmnprstv" for b in ("a", "e", "i", "o", "u", "ar", "en", "ol")]
    stock = ["".join(dice.choices(syllables, k=dice.randint(2, 4))) for _ in range(3000)]
    # Zipf's law, its steep beginning left to the small words.
    summed = list(accumulate(1 / (k + 20) for k in range(len(stock))))

    def sentence() -> str:
        words = []
        for _ in range(dice.randint(8, 34)):
            chance = dice.random()
            figure = dice.choice((f"{dice.randint(1, 9)},{dice.randint(100, 999)}", f"{dice.randint(2, 98)} percent", "U.S."))
            word = dice.choice(_SMALL_WORDS) if chance < 0.4 else dice.choices(stock, cum_weights=summed)[0]
            words.append(figure if chance > 0.97 else word + ("," if chance > 0.93 else ""))
        return f"{words[0].capitalize()} {' '.join(words[1:]).rstrip(',')} {dice.choices(stock, cum_weights=summed)[0]}."

    def article() -> str:
        return "\n\n".join(" ".join(sentence() for _ in range(dice.randint(2, 4))) for _ in range(dice.randint(5, 9)))

    return [Text(f"{name}-{k}", article()) for k in range(count)]
