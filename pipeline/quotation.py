"""Which stretches of a text are words of somebody else, presented as such.

In: a text. Out: intervals, in code points: what stands inside quotation marks, embedded
posts, turns of a transcript, and paragraphs that a saying verb and a colon lead in.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

from pipeline.layout import code_points, paragraph_starts, positions_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

Intervals = list[tuple[int, int]]
Marks = list[tuple[int, str]]


def quotations(text: str, codes: NDArray[np.uint32] | None = None) -> Intervals:
    """The quoted intervals, in order and disjoint, quotation marks left out; none goes beyond its paragraph.

    A quotation that is not closed ends with its paragraph: where the next one
    begins with an opening mark, that mark opens the next interval. `codes`: the
    code points of the text, where they are known.
    """
    marks = _marks(text, code_points(text) if codes is None else codes)
    starts = paragraph_starts(text)
    marked = _inside_marks(text, marks, starts) if marks else []
    presented = [*_posts(text, starts), *_turns(text, starts), *_led_in(text, starts), *_dialogue(text, starts)]
    return _union(marked, presented) if presented else marked


def _paragraph(text: str, starts: Sequence[int], at: int) -> tuple[int, int]:
    """The paragraph that holds an offset, white space at its end left out."""
    k = bisect_right(starts, at)
    start, end = starts[k - 1], starts[k] if k < len(starts) else len(text)
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _union(one: Intervals, other: Intervals) -> Intervals:
    """Both, in order; what overlaps is one interval, what only touches stays two."""
    merged: Intervals = []
    for start, end in sorted([*one, *other]):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


# ------------------------------------------------------------- quotation marks

# What may close a quotation, by what opened it. Titles (《 》) are no speech.
_CLOSERS = {
    '"': ('"', "”", "“", "''"),
    "“": ("”", '"', "“", "''"),
    "„": ("“", "”", '"'),
    "«": ("»",),
    "»": ("«", "»"),  # German, Finnish
    "‹": ("›",),
    "›": ("‹", "›"),
    "「": ("」",),
    "『": ("』",),
    "``": ("''", '"'),
    "''": ("''",),
}
# These are apostrophes, commas or closing marks more often: believed only where the closing mark follows.
_DOUBTFUL = {"'": "'’", "‘": "’'", "‚": "‘’", "”": "”"}
_MARK_CHARACTERS = frozenset("\"“”„«»‹›「」『』‘’‚`'")
_PUNCTUATION = frozenset(".,;:!?)]…—–-")
_OPENED_BEHIND = frozenset('([{—–-/"“„«')
_LONGEST_SINGLE_QUOTE = 1_000
"""A quotation in doubtful marks that runs longer is more likely an apostrophe gone wrong."""

_ELISION = re.compile(r"(?:\d\ds?|n|em|til|tis|twas|cause|bout|round)\b", re.IGNORECASE)
"""Behind an opening single mark, these say that it is an apostrophe: ’90s, rock ’n’ roll, ’em."""


def _marks(text: str, codes: NDArray[np.uint32]) -> Marks:
    """Quotation marks by their place: `` and '' are one each, apostrophes inside words and a single ` are none."""
    marks: Marks = []
    for at in positions_of(codes, _MARK_CHARACTERS):
        mark = text[at]
        if mark in "'’‘`":
            around = text[at - 1 : at + 2]
            if mark != "`" and around[:1].isalnum() and around[2:].isalnum():
                continue
            if mark in "`'" and text[at + 1 : at + 2] == mark:
                mark *= 2
            elif mark == "`" or (mark == "'" and marks and marks[-1] == (at - 1, "''")):
                continue
        marks.append((at, mark))
    return marks


def _inside_marks(text: str, marks: Marks, starts: Sequence[int]) -> Intervals:
    ends = [*starts[1:], len(text)]
    spans: Intervals = []
    paragraph, first = 0, 0
    for k, (at, _) in enumerate(marks):
        if at >= ends[paragraph]:
            if first < k:
                spans += _inside_paragraph(text, marks[first:k], starts[paragraph], ends[paragraph])
            first = k
            while at >= ends[paragraph]:
                paragraph += 1
    return spans + _inside_paragraph(text, marks[first:], starts[paragraph], ends[paragraph])


def _inside_paragraph(text: str, marks: Marks, start: int, end: int) -> Intervals:
    spans: Intervals = []
    opened, since, behind = "", start, start
    for k, (at, mark) in enumerate(marks):
        if at < behind:  # inside a quotation in doubtful marks
            continue
        if opened:
            if _closes(text, marks, k, opened):
                spans.append((since, at))
                opened = ""
            elif mark == '"' and opened in '"“':  # it stands like an opening mark: the closing one was lost
                spans.append((since, at))
                opened, since = mark, at + 1
        elif mark in _DOUBTFUL:
            closing = _partner(text, marks, k) or (end if _goes_on(text, at, start, end) else 0)
            if closing:
                spans.append((at + 1, closing))
                behind = closing + 1
        elif _opens(text, at, mark):
            opened, since = mark, at + len(mark)
    if opened:
        spans.append((since, end))
    return spans


def _goes_on(text: str, at: int, start: int, end: int) -> bool:
    """A quotation of many paragraphs: the mark stands at the start of its paragraph or behind a colon, and opens the next."""
    return (
        text[end : end + 1] == text[at] and (at == start or text[at - 2 : at] == ": ") and _opens_doubtfully(text, at, text[at])
    )


def _looks_closing(text: str, at: int, mark: str) -> bool:
    """It stands behind a word or its punctuation, and no word follows."""
    return at > 0 and not text[at - 1].isspace() and not text[at + len(mark) : at + len(mark) + 1].isalnum()


def _closes(text: str, marks: Marks, k: int, opened: str) -> bool:
    at, mark = marks[k]
    if mark not in _CLOSERS[opened]:
        return False
    if mark == '"':
        return not (text[at - 1].isspace() and text[at + 1 : at + 2].isalnum()) and not _is_inches(text, marks, k)
    if mark == opened or (mark in "“''" and opened in '"“'):
        return _looks_closing(text, at, mark) or mark == "''"
    return True


def _is_inches(text: str, marks: Marks, k: int) -> bool:
    """A figure before it, the sentence going on behind it, and another mark that closes."""
    at = marks[k][0]
    if not (text[at - 1].isdigit() and text[at + 1 : at + 2] == " " and text[at + 2 : at + 3].islower()):
        return False
    behind = next(((place, mark) for place, mark in marks[k + 1 :] if mark in '"”'), None)
    return behind is not None and _looks_closing(text, *behind)


def _opens(text: str, at: int, mark: str) -> bool:
    if mark not in _CLOSERS:
        return False
    before, behind = text[at - 1 : at] if at else "", text[at + len(mark) : at + len(mark) + 1]
    if mark == '"':
        return bool(behind) and not behind.isspace() and not (before.strip() and (behind in _PUNCTUATION or before.isdigit()))
    if mark in "»›''":
        return not before.isalnum() and behind.isalnum()
    if mark in "“«":  # “so“ and »so« without what opened them
        stands_behind = before.strip() and before not in _OPENED_BEHIND and before not in "’'"  # qu’« il dit »
        return not (stands_behind and (not behind.strip() or behind in _PUNCTUATION))
    return True


def _partner(text: str, marks: Marks, k: int) -> int:
    """Where a doubtful mark is closed in its paragraph; 0: nowhere.

    A mark behind an s (the ministers’ plan) closes only where no better one comes.
    """
    at, opening = marks[k]
    if not _opens_doubtfully(text, at, opening):
        return 0
    possible = 0
    for place, mark in marks[k + 1 :]:
        if place - at > _LONGEST_SINGLE_QUOTE:
            break
        if mark not in _DOUBTFUL[opening]:
            if mark == opening:  # ‘ inside ‘ ’
                break
            continue
        if _looks_closing(text, place, mark):
            if text[place - 1] not in "sS" or text[place + 1 : place + 2] != " ":
                return place
            possible = possible or place
        elif _opens_doubtfully(text, place, mark):
            break
    return possible


def _opens_doubtfully(text: str, at: int, mark: str) -> bool:
    before, behind = text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    if before and not before.isspace() and before not in _OPENED_BEHIND:
        return False
    if mark == "”" and before.strip():  # a closing mark behind a dash or a bracket
        return False
    return bool(behind) and (behind.isalnum() or behind in '“"„¿¡@#$£€[(…') and not _ELISION.match(text, at + 1)


# ------------------------------------------- words presented without their marks

_HANDLE = re.compile(r"\(@\w{1,30}\)(?: [A-Z][a-z]+ \d{1,2}, \d{4})?")
_LONGEST_NAME = 60
_LONGEST_POST = 400
"""A post had at most 280 characters, with links and what embedding adds some more."""
_SENTENCE = re.compile(r"[.!?…]\s+")


def _posts(text: str, starts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Embedded posts: a paragraph that ends "— Name (@handle) June 5, 2017", or begins "Name (@handle) Text"."""
    at, reached = text.find("@"), 0  # one character is found ten times as fast as two
    while at >= 0:
        match = _HANDLE.match(text, at - 1) if at else None
        at = text.find("@", at + 1)
        if match is None:
            continue
        first, last = _paragraph(text, starts, match.start())
        dash = max(text.rfind(d, max(first, match.start() - _LONGEST_NAME), match.start()) for d in "—–")
        if dash > first:
            start = max(first, reached)
            if dash - start > _LONGEST_POST:
                sentence = _SENTENCE.search(text, dash - _LONGEST_POST, dash)
                start = sentence.end() if sentence else dash - _LONGEST_POST
            yield start, match.end()
            reached = match.end()
        elif match.start() - first <= _LONGEST_NAME:
            body = text[match.end() : last].strip()
            if body and len(body) <= _LONGEST_POST and not body[0].islower() and body[0] not in ",.;:)—–":
                yield match.end(), last


_SPEAKER = re.compile(r"[^\W\d_a-z][^\d_a-z:\n]{2,40}")
_NO_SPEAKER = re.compile(
    r"RELATED|WATCH|MORE|READ|SEE|ALSO|PHOTO|VIDEO|UPDATE|BREAKING|EXCLUSIVE|TRENDING|LISTEN|POLL|(?:THE )?FACT|NOTE"
)
_FEWEST_TURNS = 3


def _turns(text: str, starts: Sequence[int]) -> Intervals:
    """Turns of a transcript: paragraphs that begin "AMY GOODMAN: ", at least three in a text."""
    found: Intervals = []
    at = text.find(":")
    while at >= 0:
        if text[at + 1 : at + 2] == " " and (text[at - 1 : at].isupper() or text[at - 1 : at] in {".", ")"}):
            first, last = _paragraph(text, starts, at)
            name = text[first:at]
            if _SPEAKER.fullmatch(name) and name.isupper() and not _NO_SPEAKER.match(name) and last > at + 1:
                found.append((at + 2, last))
        at = text.find(":", at + 1)
    return found if len(found) >= _FEWEST_TURNS else []


_SAYING_WORDS = """
said says saying told tells asked asks added adds wrote writes writing tweeted tweets tweeting tweet posted replied replies
responded responds responding explained explains stated states statement declared announced argued argues claimed quote quotes
testified reads continued answer answered exchange transcript remarks speech letter
sagte sagt erklärte erklärt schrieb schreibt twitterte mitgeteilt betonte wortlaut erklärung
dit déclaré déclare écrit affirmé affirme ajouté ajoute tweeté expliqué communiqué
dijo dice declaró afirmó escribió señaló añadió explicó tuiteó comunicado
detto dichiarato scrive scritto spiegato disse afirmou escreveu declarou
сказал сказала заявил заявила написал написала говорится сообщил сообщила отметил добавил
powiedział powiedziała napisał napisała oświadczył dodał
"""
SAYING = frozenset(_SAYING_WORDS.split())
"""Words that lead in what somebody said or wrote."""

_SENTENCE_ENDS = re.compile(r"[.!?…] ")
_LEAD_IN = 120
"""Characters before the colon in which the saying word stands."""
_SHORTEST_LED_IN, _LONGEST_LED_IN = 40, 2_000


def _led_in(text: str, starts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Block quotations: the paragraph behind one that ends in a saying word and a colon."""
    at = text.find(":")
    while at >= 0:
        k = bisect_right(starts, at)
        if k < len(starts) and text[at + 1 : starts[k]].isspace():
            tail = _SENTENCE_ENDS.split(text[max(starts[k - 1], at - _LEAD_IN) : at])[-1]
            start, end = _paragraph(text, starts, starts[k])
            if _SHORTEST_LED_IN <= end - start <= _LONGEST_LED_IN and not SAYING.isdisjoint(
                tail.lower().replace(",", " ").split()
            ):
                yield start, end
        at = text.find(":", at + 1)


_TAG = re.compile(r"[,!?…][ \u00a0]?[—–][ \u00a0]?(?=[^\W\d_A-ZÀ-ÞА-ЯĄ-Ż])|(?<=[^\W_])[ ][—–](?=[^\W\d_A-ZÀ-ÞА-ЯĄ-Ż])")
_RESUMED = re.compile(r"[.,!?…]?[ \u00a0]?[—–][.,]?[ \u00a0]?")


def _dialogue(text: str, starts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Dialogue behind dashes (— Мы идём, — сказал он. —Vamos —dijo.): only lines that say who speaks are believed."""
    for start in starts:
        if text[start : start + 1] not in {"—", "–"}:
            continue
        end = _paragraph(text, starts, start)[1]
        tag = _TAG.search(text, start + 2, end)
        if tag is None:
            continue
        yield start + 1, tag.start()
        resumed = _RESUMED.search(text, tag.end(), end)
        if resumed and resumed.end() < end:
            yield resumed.end(), end
