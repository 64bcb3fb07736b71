"""Records for tests: everything has a default, and ids follow from the uri."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from typing import Any

import numpy as np

from pipeline.records import (
    Article,
    BadDocument,
    Link,
    Occurrence,
    Pair,
    Passage,
    Published,
    RemovedSpan,
    Sketch,
    SketchedArticle,
    Span,
    Tokens,
)

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(hours=1)
TEXT = "The minister said on Monday that the harbour of Veld would open again. Ships had waited for nine days."


def published(day: str = "2019-03-28") -> Published:
    """A day as an interval."""
    start = dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC)
    return Published(start, start + dt.timedelta(days=1), "day", "given")


def article(uri: str = "a.txt", text: str = TEXT, **changes: Any) -> Article:
    """An article of the origin `gazette`; its content hash follows from the text."""
    values: dict[str, Any] = {
        "origin": "gazette",
        "source": "gazette",
        "uri": uri,
        "path": uri.split("#", maxsplit=1)[0],
        "content_hash": hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest(),
        "raw_text": text,
    }
    return Article(**(values | changes))


def sketch(text: str = TEXT) -> Sketch:
    """Tokens of words and a few keys; not the real ones, but of their shape."""
    words = list(re.finditer(r"\w+", text))
    hashes = np.array([int.from_bytes(hashlib.blake2b(m[0].encode(), digest_size=4).digest()) for m in words], np.uint32)
    tokens = Tokens(
        hashes,
        np.array([m.start() for m in words], np.uint32),
        np.array([min(255, len(m[0])) for m in words], np.uint8),
        np.zeros(len(words), np.bool_),
    )
    terms = np.unique(hashes) & np.uint32(0xFFFFFF00) | np.uint32(1)
    return Sketch(tokens, np.unique(hashes.astype(np.uint64) << np.uint64(32)), np.unique(terms))


def sketched(uri: str = "a.txt", text: str = TEXT, **changes: Any) -> SketchedArticle:
    """An article ready to be stored; `kept`, `page` and `given` may be among the changes."""
    extra = {name: changes.pop(name) for name in ("kept", "page", "given") if name in changes}
    made = article(uri, text, **changes)
    return SketchedArticle(made, extra.pop("kept", ((0, len(text)),)), sketch(text), **extra)


def removed(start: int, end: int, *, rule: str = "byline", in_body: bool = False) -> RemovedSpan:
    """A removed span."""
    return RemovedSpan(start, end, rule, in_body)


def span(start: int = 0, end: int = 70) -> Span:
    """A span with the same raw and clean offsets."""
    return Span(start, end, start, end)


def link(one: int, other: int, left: Span | None = None, right: Span | None = None, **changes: Any) -> Link:
    """A wire link of 13 tokens; the sides are put in order."""
    low, high = sorted((one, other))
    values: dict[str, Any] = {
        "left_article_id": low,
        "right_article_id": high,
        "left": left or span(),
        "right": right or span(),
        "tokens": 13,
        "similarity": 1.0,
        "kind": "wire",
        "recycled": False,
        "left_quoted": 0.0,
        "right_quoted": 0.25,
        "evidence": {"tokens": 13, "note": "“verbatim”"},
    }
    return Link(**(values | changes))


def pair(left: int, right: int, **changes: Any) -> Pair:
    """A pair of weight 13."""
    values: dict[str, Any] = {
        "left_article_id": left,
        "right_article_id": right,
        "wire_chars": 70,
        "quote_chars": 0,
        "recycled_chars": 0,
        "wire_tokens": 13,
        "left_ratio": 0.7,
        "right_ratio": 0.7,
        "lag_seconds": None,
        "why": "13 tokens of wire copy",
    }
    return Pair(**(values | changes))


def passage(article_ids: list[int], links: list[Link], place: Span | None = None, **changes: Any) -> Passage:
    """A passage at one place of each article; the first article is the representative."""
    values: dict[str, Any] = {
        "kind": "wire",
        "occurrences": tuple(Occurrence(article_id, place or span(), "carried", 0.0) for article_id in article_ids),
        "link_ids": tuple(item.link_id for item in links),
        "first_article_id": None,
        "head": place or span(),
    }
    return Passage(**(values | changes))


def bad(uri: str = "broken.jsonl#3", **changes: Any) -> BadDocument:
    """A broken record."""
    values: dict[str, Any] = {
        "uri": uri,
        "path": uri.split("#", maxsplit=1)[0],
        "stage": "parse",
        "error": "RecordError",
        "message": "line 3 is no JSON",
    }
    return BadDocument(**(values | changes))
