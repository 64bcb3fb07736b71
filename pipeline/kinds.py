"""Alignments -> links with their kind and evidence, and the sum of each pair.

In: the alignments of one pair of articles, their tokens, times and segment maps.
Out: links (who shares which words with whom, and whether they are reporting, a
third person's words, or old background), and what they weigh together.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pipeline.quotation import SAYING
from pipeline.records import Link, Pair, Span, time_key
from pipeline.text import to_clean, tokenize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pipeline.params import MatchParams
    from pipeline.records import Alignment, Kind, MatchedArticle, Tokens

Interval = tuple[int, int]

_SAYING = np.unique(tokenize(" ".join(sorted(SAYING))).hashes)
_NEAR = 8
"""Tokens before and behind a span in which a saying word is near it."""


def link_pair(
    one: MatchedArticle,
    other: MatchedArticle,
    tokens: tuple[Tokens, Tokens],
    alignments: Sequence[Alignment],
    params: MatchParams,
    *,
    judge: Callable[[Link], tuple[Kind, str] | None] | None = None,
) -> tuple[list[Link], Pair]:
    """The links of two articles and their sum.

    Args:
        one: the article on the left of `alignments`.
        other: the one on their right.
        tokens: of `one` and of `other`.
        alignments: at least one.
        params: `quote_ratio` and `recycled_after_days`.
        judge: the kind that a person has given a link, and who; None where nobody has.
    """
    links = [_link((one, other), tokens, item, params) for item in alignments]
    if judge is not None:
        links = [_judged(link, judge(link)) for link in links]
    return links, _sum_up(one, other, tokens, alignments, links)


def is_recycled(one: MatchedArticle, other: MatchedArticle, params: MatchParams) -> bool:
    """Both articles are dated and lie more than `recycled_after_days` apart."""
    if one.published is None or other.published is None:
        return False
    return one.published.gap(other.published) > dt.timedelta(days=params.recycled_after_days)


def _link(
    articles: tuple[MatchedArticle, MatchedArticle], tokens: tuple[Tokens, Tokens], item: Alignment, params: MatchParams
) -> Link:
    one, other = articles
    sides = (
        (one.article_id, _span(tokens[0], one, item.left), _quoted_ratio(tokens[0], item.left)),
        (other.article_id, _span(tokens[1], other, item.right), _quoted_ratio(tokens[1], item.right)),
    )
    (left_id, left, left_quoted), (right_id, right, right_quoted) = sorted(sides, key=lambda side: side[0])
    longer = max(item.left[1] - item.left[0], item.right[1] - item.right[0])
    said = _said_near(tokens[0], item.left), _said_near(tokens[1], item.right)
    evidence: dict[str, object] = {
        "quoted": [round(left_quoted, 3), round(right_quoted, 3)],
        "said": [count for _, count in sorted(zip((one.article_id, other.article_id), said, strict=True))],
        "longest_run": item.longest,
        "runs": len(item.blocks),
    }
    if one.published and other.published:
        evidence["days_apart"] = round(one.published.gap(other.published) / dt.timedelta(days=1), 2)
    return Link(
        left_article_id=left_id,
        right_article_id=right_id,
        left=left,
        right=right,
        tokens=item.matched,
        similarity=round(item.matched / longer, 4),
        kind="quote" if max(left_quoted, right_quoted) >= params.quote_ratio else "wire",
        recycled=is_recycled(one, other, params),
        left_quoted=round(left_quoted, 4),
        right_quoted=round(right_quoted, 4),
        evidence=evidence,
    )


def _judged(link: Link, ruling: tuple[Kind, str] | None) -> Link:
    if ruling is None:
        return link
    kind, by = ruling
    return replace(link, kind=kind, evidence={**link.evidence, "verdict": f"by {by}"})


def _span(tokens: Tokens, article: MatchedArticle, span: Interval) -> Span:
    start = int(tokens.starts[span[0]])
    end = int(tokens.starts[span[1] - 1]) + int(tokens.lengths[span[1] - 1])
    return Span(start, end, to_clean(article.kept, start), to_clean(article.kept, end))


def _quoted_ratio(tokens: Tokens, span: Interval) -> float:
    unquoted = int(tokens.unquoted_before[span[1]] - tokens.unquoted_before[span[0]])
    return 1 - unquoted / (span[1] - span[0])


def _said_near(tokens: Tokens, span: Interval) -> int:
    """Saying words in a span and just before and behind it."""
    around = tokens.hashes[max(0, span[0] - _NEAR) : span[1] + _NEAR]
    place = np.searchsorted(_SAYING, around)
    return int((_SAYING.take(place, mode="clip") == around).sum())


def merge_intervals(intervals: Iterable[Interval]) -> list[Interval]:
    """The union of intervals, in order and disjoint."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _length(intervals: Iterable[Interval]) -> int:
    return sum(end - start for start, end in merge_intervals(intervals))


def _sum_up(
    one: MatchedArticle,
    other: MatchedArticle,
    tokens: tuple[Tokens, Tokens],
    alignments: Sequence[Alignment],
    links: Sequence[Link],
) -> Pair:
    def chars(*, kind: str | None = None, recycled: bool | None = None) -> tuple[int, int]:
        chosen = [x for x in links if kind in {None, x.kind} and recycled in {None, x.recycled}]
        left = _length((x.left.start, x.left.end) for x in chosen)
        right = _length((x.right.start, x.right.end) for x in chosen)
        return left, right

    first, second = sorted((one, other), key=lambda a: time_key(a.published, a.article_id))
    covered = dict(zip(sorted((one.article_id, other.article_id)), chars(), strict=True))
    recycled = links[0].recycled
    wire = [] if recycled else [item for item, link in zip(alignments, links, strict=True) if link.kind == "wire"]
    quotes = [item for item, link in zip(alignments, links, strict=True) if link.kind == "quote"]

    def _taken_as_wire(side: int) -> int:
        """Quoted tokens of links that a person has called wire: the marks mean nothing there."""
        judged = [x for x, link in zip(alignments, links, strict=True) if link.kind == "wire" and "verdict" in link.evidence]
        return 0 if recycled else _quoted_matched(tokens[side], judged, side)

    lag = None
    if first.published and second.published:
        lag = round(first.published.gap(second.published).total_seconds())
    pair = Pair(
        left_article_id=first.article_id,
        right_article_id=second.article_id,
        wire_chars=min(chars(kind="wire", recycled=False)),
        quote_chars=min(chars(kind="quote", recycled=False)),
        recycled_chars=min(chars(recycled=True)),
        wire_tokens=min(_unquoted_matched(tokens[side], wire, side) + _taken_as_wire(side) for side in (0, 1)),
        left_ratio=_ratio(covered[first.article_id], first),
        right_ratio=_ratio(covered[second.article_id], second),
        lag_seconds=lag,
        why="",
    )
    words = [min(_matched(of_kind, side) for side in (0, 1)) for of_kind in (alignments, quotes)]
    return replace(pair, why=_reason(pair, links, (first, second), *words))


def _ratio(chars: int, article: MatchedArticle) -> float:
    return round(chars / article.char_count, 4) if article.char_count else 0.0


def _runs(alignments: Sequence[Alignment], side: int) -> list[Interval]:
    return merge_intervals((block[side], block[side] + block[2]) for item in alignments for block in item.blocks)


def _matched(alignments: Sequence[Alignment], side: int) -> int:
    return _length(_runs(alignments, side))


def _unquoted_matched(tokens: Tokens, alignments: Sequence[Alignment], side: int) -> int:
    runs = _runs(alignments, side)
    before = tokens.unquoted_before
    return sum(int(before[end] - before[start]) for start, end in runs)


def _quoted_matched(tokens: Tokens, alignments: Sequence[Alignment], side: int) -> int:
    return _matched(alignments, side) - _unquoted_matched(tokens, alignments, side)


# ------------------------------------------------------------------------- why


def _reason(pair: Pair, links: Sequence[Link], articles: tuple[MatchedArticle, MatchedArticle], words: int, quoted: int) -> str:
    """A sentence: what two articles share, what of it is whose, when they came out, whom they credit.

    Args:
        pair: its figures.
        links: at least one.
        articles: left and right of `pair`.
        words: matched words of all links, the union, the smaller side.
        quoted: the same of the quotations among them.
    """
    same = articles[0].source == articles[1].source
    shared = f"{_count(len(links), 'passage')} of {_count(words, 'word')}"
    subject = f"Two articles of {articles[0].source} share" if same else "They share"
    clauses = [f"{subject} {shared}: {_whose(pair, links, min(a.token_count for a in articles), quoted)}", _apart(articles)]
    if articles[0].agency and articles[0].agency == articles[1].agency:
        clauses.append(f"both credit {articles[0].agency}")
    judges = sorted({str(link.evidence["verdict"]) for link in links if "verdict" in link.evidence})
    if judges:
        clauses.append(f"kind decided {' and '.join(judges)}")
    return f"{'; '.join(clauses)}."


def _whose(pair: Pair, links: Sequence[Link], shorter: int, quoted: int) -> str:
    if links[0].recycled:
        return "old text that came back, which joins nothing"
    quotes = [link for link in links if link.kind == "quote"]
    one_sided = all(min(link.left_quoted, link.right_quoted) < max(link.left_quoted, link.right_quoted) / 2 for link in quotes)
    aside = " (marked as such in one of the two)" if one_sided else ""
    if len(quotes) == len(links):
        return f"quotations only{aside}, which make neither a copy of the other"
    share = round(100 * pair.wire_tokens / max(1, shorter))
    part = f"{share} %" if share else "under 1 %"
    reporting = f"reporting ({_count(pair.wire_tokens, 'word')} outside quotations, {part} of the shorter article)"
    return f"{reporting} and quotations of {_count(quoted, 'word')}{aside}" if quotes else reporting


def _apart(articles: tuple[MatchedArticle, MatchedArticle]) -> str:
    """The time between them; where one is only known to the day it is the least that it can be."""
    times = [a.published for a in articles]
    if times[0] is None or times[1] is None:
        return "neither has a date" if times == [None, None] else "one has no date"
    seconds = round(times[0].gap(times[1]).total_seconds())
    if not seconds:
        return "published at about the same time"
    least = "at least " if any(time and time.precision == "day" for time in times) else ""
    size, unit = next((size, unit) for size, unit in _UNITS if seconds >= 2 * size or unit == "second")
    return f"published {least}{_count(round(seconds / size), unit)} apart"


_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
"""From two of a unit on it is named: 47 hours, then 2 days."""


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
