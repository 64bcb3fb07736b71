"""RawDocument -> Article: text and metadata, before any rule of ours has cut something out.

HTML goes through trafilatura, plain text is taken as it is. What was given beside
a document wins over what its page says of itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pipeline.dates import parse_published, published_in_url
from pipeline.errors import ExtractionError
from pipeline.records import Article

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.records import Published, RawDocument

EXTRACTOR_VERSION = 1
"""Raised whenever this module makes another text or other metadata of the same document."""

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_UTF16_OR_32_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")
# The exact time, which trafilatura cuts down to a day:
# <meta property="article:published_time" content="2019-03-28T19:42:00Z">, "datePublished": "2019-03-28T19:42:00Z"
_PAGE_TIME = re.compile(
    rb"""(?:article:published_time|datePublished)["'][^<>"']{0,40}["'](\d{4}-\d\d-\d\dT\d\d:\d\d[\d:.,]*(?:Z|[+-]\d\d:?\d\d))["']"""
)


@dataclass(frozen=True, slots=True)
class _Page:
    """What was found in an HTML page; `extractor` says which way gave the text."""

    text: str
    extractor: str
    title: str | None = None
    author: str | None = None
    url: str | None = None
    date: str | None = None
    language: str | None = None


def extract(document: RawDocument, *, origin: str, max_date: str) -> Article:
    """The article in a document.

    Args:
        document: as a format read it.
        origin: the key of the origin, which is the source too where the document names none.
        max_date: `YYYY-MM-DD`, the last day that a date on a page is believed.

    Raises:
        ExtractionError: there is no text in it.
    """
    page = _page_of_text(document) if document.media_type == "text/plain" else _page_of_html(document, max_date)
    given = document.given
    # A page's address of its own is the canonical one; the one it was fetched from is what the giver knows.
    url = given.get("url") or page.url
    return Article(
        origin=origin,
        source=given.get("source") or origin,
        uri=document.uri,
        path=document.path,
        content_hash=document.content_hash,
        raw_text=page.text,
        title=given.get("title") or page.title,
        author=given.get("author") or page.author,
        url=url,
        canonical_url=page.url,
        language=given.get("language") or page.language,
        published=_published(given, page, url),
        extractor=page.extractor,
    )


@cache
def extractor_key() -> str:
    """What decides the extracted text: our version and trafilatura's. An ingredient of `text_key`."""
    from importlib.metadata import version

    return f"extract-{EXTRACTOR_VERSION} trafilatura-{version('trafilatura')}"


def _published(given: Mapping[str, str], page: _Page, url: str | None) -> Published | None:
    """The publication time: as given, else as on the page, else as in the URL."""
    zone = given.get("timezone")
    published = None
    if "published" in given:
        published = parse_published(given["published"], found_in="given", timezone=zone)
    if published is None and page.date:
        published = parse_published(page.date, found_in="page", timezone=zone)
    if published is None and url:
        published = published_in_url(url, timezone=zone)
    return published


def _page_of_text(document: RawDocument) -> _Page:
    """Plain text as it is; offsets count in it."""
    if not isinstance(document.content, str) or not document.content.strip():
        raise ExtractionError(f"{document.uri}: no text in it")
    return _Page(document.content, "text")


def _page_of_html(document: RawDocument, max_date: str) -> _Page:
    """The first way that gives text: trafilatura, the same with more recall, its baseline."""
    # Half a second, and only HTML needs it; here, so that a broken installation is not taken for a broken page.
    import trafilatura  # noqa: F401

    content = _clean_bytes(document.content)
    try:
        for page in _attempts(content, document.given.get("url"), max_date):
            if page.text.strip():
                return page
    except Exception as error:  # whatever lxml, htmldate and trafilatura raise on a hostile page
        raise ExtractionError(f"{document.uri}: the page cannot be parsed ({type(error).__name__}: {error})") from error
    raise ExtractionError(f"{document.uri}: no main text found in the page")


def _attempts(content: bytes, url: str | None, max_date: str) -> Iterator[_Page]:
    """Ways to a text, each worked out only if the one before gave none."""
    import trafilatura
    from trafilatura.settings import Extractor

    for extractor, recall in (("trafilatura", False), ("trafilatura-recall", True)):
        # One set of options a document: trafilatura freezes url and dates in them. No `deduplicate`: it keeps state.
        dates: dict[str, Any] = {"original_date": True, "extensive_search": True, "max_date": max_date}
        options = Extractor(
            output_format="python",
            comments=False,
            recall=recall,
            url=url,
            with_metadata=True,
            date_params=dates,
        )
        found = trafilatura.bare_extraction(content, options=options)
        if found is not None:
            yield _page(found, extractor, content)
    _body, text, _length = trafilatura.baseline(content)
    metadata = trafilatura.extract_metadata(content, default_url=url)
    yield _page(metadata, "trafilatura-baseline", content, text)


def _page(found: Any, extractor: str, content: bytes, text: str | None = None) -> _Page:
    """The fields of a trafilatura `Document` as plain strings; the document itself holds a tree and cannot be pickled."""
    return _Page(
        text=_storable(found.text if text is None else text) or "",
        extractor=extractor,
        title=_storable(found.title),
        author=_storable(found.author),
        url=_storable(found.url),
        date=_exact_time(content, found.date),
        language=_storable(found.language),
    )


def _exact_time(content: bytes, day: str | None) -> str | None:
    """The page's publication time to the minute if it is of the day found; else the day.

    A page carries the times of the articles that it links to as well, and the time of
    another day in UTC may be the right one: only one within a day of `day` is believed.
    """
    if not day:
        return None
    exact = parse_published(match[1].decode(), found_in="page") if (match := _PAGE_TIME.search(content)) else None
    whole = parse_published(day, found_in="page")
    if match is None or exact is None or whole is None:
        return day
    distance = abs((exact.start - whole.start).total_seconds())
    return match[1].decode() if distance < 2 * 86_400 else day


def _clean_bytes(content: str | bytes) -> bytes:
    """Bytes that lxml reads to their end: it stops at NUL, and loses what follows a lone surrogate."""
    if isinstance(content, str):
        content = content.encode("utf-8", "replace")
    if b"\0" in content and not content.startswith(_UTF16_OR_32_MARKS):
        content = content.replace(b"\0", b" ")
    return content


def _storable(text: str | None) -> str | None:
    """Without NUL and lone surrogates; None stays None, an empty text becomes it."""
    return _UNSTORABLE.sub("\ufffd", text) if text else None
