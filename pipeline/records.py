"""The records that flow between the stages, in the order in which they arise.

All are immutable. Spans are half-open code-point offsets; `raw` ones count in
`Article.raw_text`, `clean` ones in its clean text.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

Kind = Literal["wire", "quote"]
Role = Literal["first", "carried", "recycled"]
Precision = Literal["day", "minute", "second"]
Ruling = Literal["same", "different", "wire", "quote"]
Subject = Literal["copy", "story", "passage"]


def hash63(*parts: str) -> int:
    """A stable positive 63-bit integer from strings (BLAKE2b, fits a BIGINT)."""
    digest = hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


@dataclass(frozen=True, slots=True)
class Published:
    """A publication time as a half-open interval in UTC.

    Attributes:
        start, end: aware datetimes in UTC, start < end.
        precision: how exact it is.
        found_in: `given` (metadata), `page`, `text` or `url`.
    """

    start: dt.datetime
    end: dt.datetime
    precision: Precision
    found_in: str

    def before(self, other: Published) -> bool:
        """Strictly earlier: this interval has ended when the other begins."""
        return self.end <= other.start

    def gap(self, other: Published) -> dt.timedelta:
        """The time between the two intervals, nothing where they meet."""
        return max(self.start - other.end, other.start - self.end, dt.timedelta(0))

    @property
    def seconds(self) -> tuple[int, int]:
        """The interval in whole seconds since 1970, rounded outwards."""
        return math.floor(self.start.timestamp()), math.ceil(self.end.timestamp())


_UNKNOWN_TIME = dt.datetime.max.replace(tzinfo=dt.UTC)


def time_key(published: Published | None, article_id: int) -> tuple[dt.datetime, dt.datetime, int]:
    """(end, start, article_id), unknown times last: the total order in which articles are sorted."""
    if published is None:
        return (_UNKNOWN_TIME, _UNKNOWN_TIME, article_id)
    return (published.end, published.start, article_id)


@dataclass(frozen=True, slots=True)
class RawDocument:
    """One document as a format module read it.

    Attributes:
        uri: path below the origin, or `path#key` for a record in a container.
        path: the file it came from, below the origin.
        content: decoded text, or the bytes of an HTML page.
        media_type: `text/plain` or `text/html`.
        given: metadata beside the text: any of title, author, url, published, source, language.
    """

    uri: str
    path: str
    content: str | bytes
    media_type: Literal["text/plain", "text/html"]
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def content_hash(self) -> str:
        """Hash of the content and of what is given beside it (BLAKE2b, 32 hex digits)."""
        content = self.content if isinstance(self.content, bytes) else self.content.encode("utf-8", "surrogatepass")
        side = json.dumps([self.media_type, dict(self.given)], sort_keys=True, ensure_ascii=True)
        return hashlib.blake2b(content + b"\0" + side.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class BadDocument:
    """A document or record that could not be read: a line for the quarantine.

    Attributes:
        uri: path below the origin; `path#line` for a broken record.
        stage: `read`, `decode`, `parse` or `extract`.
        error: the class of the error; `message`: what is wrong with it.
    """

    uri: str
    path: str
    stage: str
    error: str
    message: str


@dataclass(frozen=True, slots=True)
class RemovedSpan:
    """A stretch of raw text that is not matched, and the rule that says so.

    `in_body`: masked, it stays in the clean text; otherwise it is cut from it.
    """

    raw_start: int
    raw_end: int
    rule: str
    in_body: bool


@dataclass(frozen=True, slots=True)
class Article:
    """A document's text and what is known about it.

    `extract` fills all but `removed`; `boilerplate` adds `removed` and what it
    learned from the lines it took out (title, author, published, agency).
    """

    origin: str
    source: str
    uri: str
    path: str
    content_hash: str
    raw_text: str
    title: str | None = None
    author: str | None = None
    url: str | None = None
    canonical_url: str | None = None
    language: str | None = None
    agency: str | None = None
    published: Published | None = None
    extractor: str = "text"
    removed: tuple[RemovedSpan, ...] = ()

    @property
    def article_id(self) -> int:
        """63-bit identity of (origin, uri)."""
        return hash63(self.origin, self.uri)

    @property
    def revision_id(self) -> int:
        """63-bit identity of the article with this content."""
        return hash63(str(self.article_id), self.content_hash)


@dataclass(frozen=True)
class Tokens:
    """The tokens of one text, as four arrays of one length n.

    Attributes:
        hashes: uint32, a hash of each folded token.
        starts: uint32, raw offset of its first character.
        lengths: uint8, characters it covers.
        quoted: bool, it stands inside quotation marks.
    """

    hashes: NDArray[np.uint32]
    starts: NDArray[np.uint32]
    lengths: NDArray[np.uint8]
    quoted: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.hashes)

    @property
    def ends(self) -> NDArray[np.uint32]:
        """Raw offset behind each token's last character."""
        return self.starts + self.lengths

    @cached_property
    def unquoted_before(self) -> NDArray[np.int64]:
        """Prefix sums, n + 1 of them: unquoted tokens before each position."""
        return np.concatenate(([0], np.cumsum(~self.quoted)))

    def __reduce__(self) -> tuple[Callable[[bytes], Tokens], tuple[bytes]]:
        return Tokens.from_bytes, (self.to_bytes(),)  # crosses between processes as one piece, not as four arrays

    def to_bytes(self) -> bytes:
        """A compact form: 6 bytes and a bit a token, 8 more where a gap between tokens is 255 characters or more."""
        ends = np.concatenate((np.zeros(1, np.uint32), self.ends[:-1])) if len(self) else self.starts
        gaps = self.starts - ends
        wide = np.flatnonzero(gaps >= _WIDE_GAP)
        exceptions = np.column_stack((wide, gaps[wide])).astype(np.uint32)
        heads = np.array([len(self), len(wide)], np.uint32)
        narrow = np.minimum(gaps, _WIDE_GAP).astype(np.uint8)
        parts = (heads, self.hashes, exceptions, narrow, self.lengths, np.packbits(self.quoted))
        return b"".join(part.tobytes() for part in parts)

    @classmethod
    def from_bytes(cls, blob: bytes) -> Tokens:
        """The arrays that `to_bytes` wrote."""
        n, wide = np.frombuffer(blob, np.uint32, 2).tolist()
        exceptions = np.frombuffer(blob, np.uint32, 2 * wide, 8 + 4 * n).reshape(-1, 2)
        at = 8 + 4 * n + 8 * wide
        lengths = np.frombuffer(blob, np.uint8, n, at + n)
        starts = np.frombuffer(blob, np.uint8, n, at).astype(np.uint32)
        starts[exceptions[:, 0]] = exceptions[:, 1]
        starts[1:] += lengths[:-1]
        np.cumsum(starts, out=starts)
        quoted = np.unpackbits(np.frombuffer(blob, np.uint8, -(-n // 8), at + 2 * n), count=n).astype(bool)
        return cls(np.frombuffer(blob, np.uint32, n, 8), starts, lengths, quoted)


_WIDE_GAP = 255

KEY_BITS = 40
"""Bits of a key that are kept, its high ones: the low 24 make room for a position when keys are sorted. Of 500
million keys one in 2,000 meets another by chance, which costs an article a fourth of a comparison."""

KEY_BYTES = KEY_BITS // 8

PREFIX_BITS = 24
"""High bits of a key that can be had without the rest of it."""


def keys_to_bytes(keys: NDArray[np.uint64]) -> bytes:
    """Keys in 5 bytes each."""
    return keys.astype("<u8").view(np.uint8).reshape(-1, 8)[:, 8 - KEY_BYTES :].tobytes()


def keys_from_bytes(blob: bytes, chosen: NDArray[np.int64] | None = None) -> NDArray[np.uint64]:
    """The keys that `keys_to_bytes` wrote, or those of some indices."""
    narrow = np.frombuffer(blob, np.uint8).reshape(-1, KEY_BYTES)
    if chosen is not None:
        narrow = narrow[chosen]
    wide = np.zeros((len(narrow), 8), np.uint8)
    wide[:, 8 - KEY_BYTES :] = narrow
    return wide.reshape(-1).view("<u8").astype(np.uint64, copy=False)


def key_prefixes(blob: bytes) -> NDArray[np.uint32]:
    """The high `PREFIX_BITS` of the keys that `keys_to_bytes` wrote."""
    low, middle, high = np.frombuffer(blob, np.uint8).reshape(-1, KEY_BYTES).T[-3:].astype(np.uint32)
    prefixes: NDArray[np.uint32] = high << np.uint32(16) | middle << np.uint32(8) | low
    return prefixes


TERM_BITS = 24
"""Bits of a term's hash. Of 100,000 words one in 170 meets another one, which moves a likeness by less than rounding."""


@dataclass(frozen=True)
class Frequencies:
    """In how many documents terms stand.

    Attributes:
        documents: how many were counted.
        terms: uint32, hashes of `TERM_BITS` bits, sorted.
        counts: uint32, the documents of each.
    """

    documents: int
    terms: NDArray[np.uint32]
    counts: NDArray[np.uint32]

    def to_bytes(self) -> bytes:
        """The number of documents, then the terms, then the counts: 4 bytes each, low ones first."""
        return b"".join(part.astype("<u4").tobytes() for part in (np.array([self.documents]), self.terms, self.counts))

    @classmethod
    def from_bytes(cls, blob: bytes) -> Frequencies:
        """What `to_bytes` wrote."""
        documents, *_ = numbers = np.frombuffer(blob, "<u4").astype(np.uint32, copy=False)
        middle = 1 + len(numbers) // 2
        return cls(int(documents), numbers[1:middle], numbers[middle:])


@dataclass(frozen=True, slots=True)
class Sketch:
    """What matching needs of a text.

    Attributes:
        tokens: what is compared.
        keys: sorted, unique uint64, whose low 24 bits are 0.
        terms: uint32, sorted: `TERM_BITS` bits of a term's hash, 8 bits of its weighted count.
    """

    tokens: Tokens
    keys: NDArray[np.uint64]
    terms: NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class SketchedArticle:
    """An article ready to be stored: cleaned and sketched, or ready for the quarantine.

    Attributes:
        article: with its removed spans.
        kept: raw intervals that make up the clean text, in order (the segment map).
        sketch: tokens and keys of what is matched.
        page: the bytes of an HTML page, else None.
        given: the metadata that came beside the text, for making the text anew.
    """

    article: Article
    kept: tuple[tuple[int, int], ...]
    sketch: Sketch
    page: bytes | None = None
    given: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MatchedArticle:
    """What clustering and kinds need of a stored article.

    Attributes:
        token_count: tokens that are matched.
        char_count: characters of the clean text.
        kept: the segment map.
        agency: the one that it credits.
    """

    article_id: int
    source: str
    published: Published | None
    token_count: int
    char_count: int
    kept: tuple[tuple[int, int], ...]
    agency: str | None = None


@dataclass(frozen=True, slots=True)
class Alignment:
    """A shared stretch of one pair, in token indices.

    Attributes:
        left, right: half-open spans; they begin and end on tokens that match.
        blocks: verbatim runs as (left start, right start, length), in order.
        score: matched tokens less the price of the gaps.
    """

    left: tuple[int, int]
    right: tuple[int, int]
    blocks: tuple[tuple[int, int, int], ...]
    score: float

    @property
    def matched(self) -> int:
        """Tokens that are equal on both sides."""
        return sum(length for _, _, length in self.blocks)

    @property
    def longest(self) -> int:
        """Tokens of the longest verbatim run."""
        return max(length for _, _, length in self.blocks)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one article, in raw and in clean offsets."""

    raw_start: int
    raw_end: int
    start: int
    end: int


@dataclass(frozen=True)
class Link:
    """An alignment of a span in each of two articles; left_article_id < right_article_id.

    Attributes:
        tokens: matched tokens; similarity: their share of the longer side, 0 to 1.
        left_quoted, right_quoted: quoted share of each side's tokens, 0 to 1.
        recycled: both dated, and more than `recycled_after_days` apart.
        evidence: the figures that decided the kind, and those beside it.
    """

    left_article_id: int
    right_article_id: int
    left: Span
    right: Span
    tokens: int
    similarity: float
    kind: Kind
    recycled: bool
    left_quoted: float
    right_quoted: float
    evidence: Mapping[str, object] = field(default_factory=dict)

    @cached_property
    def link_id(self) -> int:
        """63-bit identity of the two places."""
        places = (self.left_article_id, self.left.raw_start, self.left.raw_end)
        others = (self.right_article_id, self.right.raw_start, self.right.raw_end)
        return hash63(*map(str, places + others))


@dataclass(frozen=True, slots=True)
class Pair:
    """The links of two articles summed up; left is the earlier by time key.

    Characters are clean ones, the union of the links' spans, the smaller side.

    Attributes:
        wire_tokens: the weight: unquoted matched tokens of wire links that are not recycled.
        left_ratio, right_ratio: share of each article's clean characters in links of any kind.
        lag_seconds: from left to right, 0 if the intervals meet; None if either is undated.
        why: a sentence.
    """

    left_article_id: int
    right_article_id: int
    wire_chars: int
    quote_chars: int
    recycled_chars: int
    wire_tokens: int
    left_ratio: float
    right_ratio: float
    lag_seconds: int | None
    why: str


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A place where a passage stands."""

    article_id: int
    place: Span
    role: Role
    quoted_ratio: float


@dataclass(frozen=True, slots=True)
class Passage:
    """Links that show the same text, for people to look at.

    The first occurrence is the representative. `first_article_id` is None unless
    one article is strictly earlier than all others. `head` is the founding link's
    side in the representative; its occurrence can have grown around it.
    """

    kind: Kind
    occurrences: tuple[Occurrence, ...]
    link_ids: tuple[int, ...]
    first_article_id: int | None
    head: Span

    @property
    def passage_id(self) -> int:
        """63-bit identity of the representative's article and span."""
        return hash63("passage", str(self.occurrences[0].article_id), str(self.head.raw_start), str(self.head.raw_end))


@dataclass(frozen=True, slots=True)
class Group:
    """A copy cluster or a story as a set of articles; the lead stands first."""

    members: tuple[int, ...]

    @property
    def lead(self) -> int:
        """The article that the others share most with."""
        return self.members[0]


@dataclass(frozen=True, slots=True)
class ArticleShares:
    """How much of an article is shared, copied, its own; None: not known or not dated."""

    article_id: int
    shared_ratio: float
    copied_ratio: float | None
    original_chars: int | None


@dataclass(frozen=True, slots=True)
class JudgedPlace:
    """A stretch of one of the two articles of a verdict.

    Attributes:
        article_id: whose text it is.
        raw_start, raw_end: where it stood when the verdict was given.
        words: its tokens as they are written, by which it is found again in another revision.
    """

    article_id: int
    raw_start: int
    raw_end: int
    words: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person has decided about two articles; left_article_id < right_article_id.

    Attributes:
        verdict_id: later ones have larger ids.
        ruling: `same` or `different` copy cluster or story, or the kind of links, `wire` or `quote`.
        about: `copy` or `story`; `passage` for a kind.
        by: who.
        place: which links are meant; None: all of the two articles.
    """

    verdict_id: int
    ruling: Ruling
    about: Subject
    left_article_id: int
    right_article_id: int
    by: str
    place: JudgedPlace | None = None

    @property
    def pair(self) -> tuple[int, int]:
        """Both articles."""
        return self.left_article_id, self.right_article_id


@dataclass(frozen=True, slots=True)
class StoryEvent:
    """What became of a story.

    Attributes:
        story_id: the story that was there before.
        event: `merged`: it lives on in `other_story_id`; `split`: that one came out of it; `ended`: no article is left.
        article_id: because of which article, where one is known.
    """

    story_id: int
    event: Literal["merged", "split", "ended"]
    other_story_id: int | None
    article_id: int | None
