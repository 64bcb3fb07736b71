"""What documents of a source would become, for a look before they are taken in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows.sources import list_files, read_documents
from pipeline import walk
from pipeline.records import BadDocument, RawDocument, SketchedArticle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.settings import Settings
    from flows.sources import Origin


def check_documents(origin: Origin, settings: Settings, limit: int) -> list[dict[str, Any]]:
    """The first documents of an origin, cleaned: metadata, what was removed and by which rule, what went wrong."""
    return [_describe(item, origin, settings) for item in _first(origin, settings, limit)]


def _first(origin: Origin, settings: Settings, limit: int) -> Iterator[RawDocument | BadDocument]:
    seen = 0
    for found in list_files(origin):
        if isinstance(found, BadDocument):
            yield found
            continue
        for document in read_documents(origin, found, max_document_bytes=settings.max_document_bytes):
            if seen == limit:
                return
            seen += 1
            yield document


def _describe(item: RawDocument | BadDocument, origin: Origin, settings: Settings) -> dict[str, Any]:
    result = item if isinstance(item, BadDocument) else walk.prepare([item], origin.key, settings.match_params)[0]
    if isinstance(result, SketchedArticle):
        return _describe_article(result)
    return {"uri": result.uri, "error": result.error, "message": result.message}


def _describe_article(item: SketchedArticle) -> dict[str, Any]:
    article = item.article
    published = article.published
    return {
        "uri": article.uri,
        "source": article.source,
        "title": article.title,
        "author": article.author,
        "agency": article.agency,
        "published": published.start.isoformat() if published else None,
        "published_precision": published.precision if published else None,
        "published_from": published.found_in if published else None,
        "extractor": article.extractor,
        "tokens": len(item.sketch.tokens),
        "chars": sum(end - start for start, end in item.kept),
        "begins": " ".join(article.raw_text[item.kept[0][0] :][:300].split())[:100] if item.kept else "",
        "removed": [
            {"rule": span.rule, "in_body": span.in_body, "text": article.raw_text[span.raw_start : span.raw_end]}
            for span in article.removed
        ],
    }
